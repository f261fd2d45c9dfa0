// Runs other people's suites and clients against a server of the toy schema.
//
//   cargo run -p ctutor-api --example toy_server -- 127.0.0.1:4000
//   npm ci && node run.mjs http://127.0.0.1:4000/graphql
//
// Data goes to stdout, one line a check; the exit status tells whether all have passed.

import { checkAudits } from "./audits.mjs";
import { checkSse } from "./sse.mjs";
import { checkWebSocket } from "./websocket.mjs";

const url = process.argv[2];
if (!url) {
  console.error("usage: node run.mjs URL");
  process.exit(2);
}

/** @type {{ suite: string, name: string, status: 'pass' | 'warn' | 'fail', detail?: string }[]} */
const results = [];

for (const check of [checkAudits, checkWebSocket, checkSse]) {
  await check(url, (suite, name, status, detail) => {
    results.push({ suite, name, status, detail });
    console.log(`${status.toUpperCase()} ${suite}: ${name}${detail ? ` (${detail})` : ""}`);
  });
}

const count = (suite, status) => results.filter((result) => result.suite === suite && result.status === status).length;
console.log("");
for (const suite of new Set(results.map((result) => result.suite))) {
  console.log(
    `${suite}: ${count(suite, "pass")} passed, ${count(suite, "warn")} warned, ${count(suite, "fail")} failed`,
  );
}
process.exit(results.every((result) => result.status === "pass") ? 0 : 1);
