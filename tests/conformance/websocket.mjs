import assert from "node:assert/strict";

import { createClient } from "graphql-ws";
import WebSocket from "ws";

import { assertCount, codeOf, collect, run, TOKEN } from "./check.mjs";

const SUITE = "graphql-ws";

/** The client of the protocol's authors. */
export async function checkWebSocket(httpUrl, report) {
  const url = httpUrl.replace(/^http/, "ws");
  const client = (options = {}) =>
    createClient({
      url,
      webSocketImpl: WebSocket,
      retryAttempts: 0,
      connectionParams: { Authorization: `Bearer ${TOKEN}` },
      ...options,
    });
  const check = (name, body) => run(report, SUITE, name, body);
  const with_ = async (options, body) => {
    const opened = client(options);
    try {
      await body(opened);
    } finally {
      await opened.dispose();
    }
  };

  await check("a subscription gives its values in order and completes", () =>
    with_({}, async (c) => {
      assertCount(await collect(c.iterate({ query: "subscription { count(to: 500) }" })), 500);
    }),
  );
  await check("queries and mutations give one value", () =>
    with_({}, async (c) => {
      const query = "query Hello($name: String) { hello(name: $name) }";
      const values = await collect(c.iterate({ query, variables: { name: "bob" } }));
      assert.deepEqual(values, [{ data: { hello: "hello bob" } }]);
      assert.equal((await collect(c.iterate({ query: "mutation { increment }" }))).length, 1);
    }),
  );
  await check("fifty operations share a socket", () =>
    with_({ lazy: false }, async (c) => {
      const counts = Array.from({ length: 50 }, () => collect(c.iterate({ query: "subscription { count(to: 50) }" })));
      for (const values of await Promise.all(counts)) {
        assertCount(values, 50);
      }
    }),
  );
  await check("errors before execution are a list of errors", () =>
    with_({}, async (c) => {
      for (const [query, code] of [
        ["{", "GRAPHQL_PARSE_FAILED"],
        ["{ nope }", "GRAPHQL_VALIDATION_FAILED"],
        ["subscription { nope }", "GRAPHQL_VALIDATION_FAILED"],
        ["subscription { failing }", "TEAPOT"],
      ]) {
        await assert.rejects(collect(c.iterate({ query })), (errors) => codeOf(errors) === code);
      }
    }),
  );
  await check("failures of execution are values", () =>
    with_({}, async (c) => {
      const [value] = await collect(c.iterate({ query: "{ nonNullFailing }" }));
      assert.equal(value.data, null);
      assert.equal(codeOf(value.errors), "TEAPOT");
    }),
  );
  await check("an id is free as soon as its operation has completed", () =>
    with_({ generateID: () => "same", lazyCloseTimeout: 1_000 }, async (c) => {
      for (let round = 0; round < 50; round += 1) {
        assertCount(await collect(c.iterate({ query: "subscription { count(to: 20) }" })), 20);
      }
    }),
  );
  await check("a taken id is fatal", () =>
    with_({ generateID: () => "same" }, async (c) => {
      const first = collect(c.iterate({ query: "subscription { pulses }" }));
      first.catch(() => {});
      const second = collect(c.iterate({ query: "subscription { pulses }" }));
      await assert.rejects(second, (event) => event.code === 4409);
    }),
  );
  await check("a bad token closes with 4403", () =>
    with_({ connectionParams: { Authorization: "Bearer expired" } }, async (c) => {
      await assert.rejects(
        collect(c.iterate({ query: "{ hello }" })),
        (event) => event.code === 4403 && /expired/.test(event.reason),
      );
    }),
  );
  await check("after 4403 a client asks for a new token and goes on", async () => {
    const tokens = ["expired", "forged", TOKEN];
    const options = {
      retryAttempts: 5,
      retryWait: async () => {},
      shouldRetry: () => true,
      connectionParams: () => ({ Authorization: `Bearer ${tokens.shift()}` }),
    };
    await with_(options, async (c) => {
      assert.equal((await collect(c.iterate({ query: "{ hello }" }))).length, 1);
      assert.equal(tokens.length, 0);
    });
  });
  await check("a client that pings gets pongs", async () => {
    let pongs = 0;
    let tell;
    const twice = new Promise((resolve) => (tell = resolve));
    const on = {
      pong: (received) => {
        if (received) pongs += 1;
        if (received && pongs === 2) tell();
      },
    };
    await with_({ lazy: false, keepAlive: 20, on }, () => twice);
  });
  await check("only the modern protocol is spoken", async () => {
    const socket = new WebSocket(url, ["graphql-ws", "graphql-transport-ws"]);
    await new Promise((resolve, reject) => socket.on("open", resolve).on("error", reject));
    assert.equal(socket.protocol, "graphql-transport-ws");
    const closed = new Promise((resolve) => socket.on("close", resolve));
    socket.send('{"type":"start","id":"1","payload":{"query":"{ hello }"}}');
    assert.equal(await closed, 4400);
  });
  await check("a silent socket closes with 4408", async () => {
    const socket = new WebSocket(url, "graphql-transport-ws");
    assert.equal(await new Promise((resolve) => socket.on("close", resolve)), 4408);
  });
}
