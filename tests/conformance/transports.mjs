// Compares the verdicts of the transports on the same requests with each other and with those of graphql-js.
//
//   cargo build -p ctutor-api --example judge
//   target/debug/examples/judge validation.graphql 127.0.0.1:4000
//   node transports.mjs http://127.0.0.1:4000/graphql [SEED [COUNT]]
//
// An answer is either the `data`, which are the coerced variables, or the errors with all that they have; each
// transport must give the same. What only some of them take, such as a mutation by GET, is in `isRefusedAsKnown`.

import { readFileSync } from "node:fs";
import { isDeepStrictEqual } from "node:util";

import { buildSchema } from "graphql";
import WebSocket from "ws";

import { TOKEN } from "./check.mjs";
import { requests } from "./requests.mjs";
import { asJson, isKnownDifference, judge } from "./verdict.mjs";

const SHOWN_MAX = 10;
const [url, seed = "1", count = "300"] = process.argv.slice(2);
const schema = buildSchema(readFileSync(new URL("./validation.graphql", import.meta.url), "utf8"));

const headers = { authorization: `Bearer ${TOKEN}`, "content-type": "application/json" };
const JSON_TYPE = "application/graphql-response+json";
const STREAM_TYPE = "text/event-stream";

/** The parameters as JSON text, in which the variables stay as they are written. */
function body({ document, variables, operationName }) {
  const name = operationName === undefined ? "" : `,"operationName":${JSON.stringify(operationName)}`;
  return `{"query":${JSON.stringify(document)},"variables":${variables}${name}}`;
}

async function post(request, accept) {
  return read(await fetch(url, { method: "POST", headers: { ...headers, accept }, body: body(request) }));
}

async function get({ document, variables, operationName }, accept) {
  const parameters = new URLSearchParams({ query: document, variables });
  if (operationName !== undefined) {
    parameters.set("operationName", operationName);
  }
  return read(await fetch(`${url}?${parameters}`, { headers: { ...headers, accept } }));
}

/** An answer over HTTP. Where it is a stream, it has one value and an end. */
async function read(response) {
  const text = await response.text();
  if (!response.headers.get("content-type").startsWith(STREAM_TYPE)) {
    return { status: response.status, ...JSON.parse(text) };
  }
  const events = text.split("\n\n").filter((event) => event !== "" && !event.startsWith(":"));
  if (events.length !== 2 || events[1] !== "event: complete\ndata: ") {
    throw new Error(`expected a value and its end, found ${text}`);
  }
  const lines = events[0].split("\n").filter((line) => line.startsWith("data: "));
  return { status: response.status, ...JSON.parse(lines.map((line) => line.slice(6)).join("\n")) };
}

/** One socket for all requests, one after the other. */
class Socket {
  static async open() {
    const socket = new Socket();
    socket.inner = new WebSocket(url.replace(/^http/, "ws"), "graphql-transport-ws");
    await new Promise((resolve, reject) => socket.inner.on("open", resolve).on("error", reject));
    socket.inner.on("message", (data) => socket.hear(JSON.parse(data)));
    socket.inner.on("close", (code, reason) => socket.fail(new Error(`the socket closed with ${code} ${reason}`)));
    const acknowledged = socket.wait();
    socket.inner.send(JSON.stringify({ type: "connection_init", payload: { Authorization: `Bearer ${TOKEN}` } }));
    await acknowledged;
    return socket;
  }

  wait() {
    return new Promise((resolve, reject) => {
      [this.done, this.fail] = [resolve, reject];
    });
  }

  hear({ type, payload }) {
    if (type === "next" && this.value === undefined) {
      this.value = payload;
    } else if (type === "error") {
      this.done({ errors: payload });
    } else if (type === "complete" || type === "connection_ack") {
      this.done(this.value);
    } else if (type === "ping") {
      this.inner.send('{"type":"pong"}');
    } else {
      this.fail(new Error(`unexpected: ${type}`));
    }
  }

  async ask(request) {
    this.value = undefined;
    const answer = this.wait();
    this.inner.send(`{"type":"subscribe","id":"1","payload":${body(request)}}`);
    return answer;
  }
}

const socket = await Socket.open();
const TRANSPORTS = {
  post: (request) => post(request, `${JSON_TYPE}, ${STREAM_TYPE}`),
  "post for a stream": (request) => post(request, STREAM_TYPE),
  get: (request) => get(request, `${JSON_TYPE}, ${STREAM_TYPE}`),
  "get for a stream": (request) => get(request, STREAM_TYPE),
  websocket: (request) => socket.ask(request),
};

/** Whether a transport refuses what another one takes, as its protocol wants it. */
function isRefusedAsKnown(transport, answer) {
  const { status, errors } = answer;
  return transport.startsWith("get") && status === 405 && errors[0].extensions.code === "METHOD_NOT_ALLOWED";
}

/** Whether a URL can carry it: half a surrogate pair has no percent-encoding. */
const fitsUrl = ({ document, variables }) => document.isWellFormed() && variables.isWellFormed();

const all = [...requests(schema, Number(seed), Number(count))].map((request, index) => ({
  index,
  request,
  theirs: judge(schema, request),
}));

/** The answers of one transport to all requests that it can carry, one after the other. */
async function answersOf([transport, ask]) {
  const answers = [];
  for (const { index, request } of all) {
    if (!transport.startsWith("get") || fitsUrl(request)) {
      answers[index] = await ask(request);
    }
  }
  return [transport, answers];
}

/** What is wrong with an answer: nothing if it is the first one, and due. */
function faults(transport, { request, theirs }, { status, ...answer }, first) {
  const own = answer.errors ? { errors: answer.errors } : { variables: answer.data };
  const isSame = isDeepStrictEqual(answer, first);
  const isTheirs =
    Boolean(theirs.errors) === Boolean(own.errors)
      ? isDeepStrictEqual(asJson(own.variables), asJson(theirs.variables))
      : isKnownDifference(request, theirs, own);
  const due = own.errors && !transport.endsWith("stream") ? 400 : 200;
  const isTold = !own.errors || own.errors.every(({ message, extensions }) => message && extensions?.code);
  return [
    isSame || "another answer than that of the first transport",
    isTheirs || "another verdict than that of graphql-js",
    status === undefined || status === due || `another status than ${due}`,
    isTold || "an error without a message or a code",
  ].filter((fault) => fault !== true);
}

const different = [];
let [passed, refused] = [0, 0];
const [[, firsts], ...others] = await Promise.all(Object.entries(TRANSPORTS).map(answersOf));
for (const [transport, answers] of [["post", firsts], ...others]) {
  for (const judged of all.filter(({ index }) => answers[index])) {
    const { status: _, ...first } = firsts[judged.index];
    const answer = answers[judged.index];
    const notes = faults(transport, judged, answer, first);
    if (!first.errors && isRefusedAsKnown(transport, answer)) {
      refused += 1;
    } else if (notes.length) {
      different.push({ transport, notes, ...judged.request, theirs: judged.theirs, first, answer });
    } else {
      passed += 1;
    }
  }
}
socket.inner.close();

for (const { document, ...rest } of different.slice(0, SHOWN_MAX)) {
  console.log(`FAIL ${JSON.stringify(rest)}\n${document}\n`);
}
const invalid = all.filter(({ theirs }) => theirs.errors).length;
console.log(
  `transports: ${passed} answers passed, ${refused} refused as known, ${different.length} failed, to ${all.length - invalid} valid and ${invalid} invalid requests (seed ${seed})`,
);
process.exit(different.length ? 1 : 0);
