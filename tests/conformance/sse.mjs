import assert from "node:assert/strict";

import { createClient, NetworkError } from "graphql-sse";

import { assertCount, codeOf, collect, run, TOKEN } from "./check.mjs";

const SUITE = "graphql-sse";

/** The client of the protocol's authors, one connection for each operation. */
export async function checkSse(url, report) {
  const client = (token = TOKEN, options = {}) =>
    createClient({
      url,
      singleConnection: false,
      retryAttempts: 0,
      headers: () => ({ authorization: `Bearer ${token}` }),
      ...options,
    });
  const check = (name, body) => run(report, SUITE, name, body);
  const iterate = (query, variables) => client().iterate({ query, variables });

  await check("a subscription gives its values in order and completes", async () => {
    assertCount(await collect(iterate("subscription { count(to: 500) }")), 500);
  });
  await check("a query gives one value", async () => {
    assert.deepEqual(await collect(iterate("{ hello }")), [{ data: { hello: "hello world" } }]);
  });
  await check("variables arrive", async () => {
    const query = "subscription Count($n: Int!) { count(to: $n) }";
    assertCount(await collect(iterate(query, { n: 3 })), 3);
  });
  await check("a mutation gives one value", async () => {
    const [{ data }] = await collect(iterate("mutation { increment }"));
    assert.equal(typeof data.increment, "number");
  });
  await check("errors before execution are values", async () => {
    const [parse] = await collect(iterate("subscription {"));
    assert.equal(codeOf(parse.errors), "GRAPHQL_PARSE_FAILED");
    const [validation] = await collect(iterate("subscription { nope }"));
    assert.equal(codeOf(validation.errors), "GRAPHQL_VALIDATION_FAILED");
  });
  await check("a failing event leaves the others", async () => {
    const values = await collect(iterate("subscription { failingEvents }"));
    assert.equal(values.length, 3);
    assert.equal(codeOf(values[1].errors), "TEAPOT");
  });
  await check("stopping early ends the request", async () => {
    for await (const value of iterate("subscription { count(to: 100000) }")) {
      assert.equal(value.data.count, 1);
      break;
    }
  });
  await check("a bad token is 401", async () => {
    await assert.rejects(collect(client("expired").iterate({ query: "{ hello }" })), (error) => {
      assert.ok(error instanceof NetworkError);
      return error.response.status === 401;
    });
  });
  await check("a stream that is cut at the end of its token is retried", async () => {
    const tokens = ["expires-in-300", "expired"];
    const cut = client("", {
      retryAttempts: 1,
      retry: async () => {},
      headers: () => ({ authorization: `Bearer ${tokens.shift()}` }),
    });
    await assert.rejects(
      collect(cut.iterate({ query: "subscription { pulses }" })),
      (error) => error.response?.status === 401,
    );
    assert.equal(tokens.length, 0);
  });
}
