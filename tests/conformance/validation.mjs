// Compares our verdicts on requests with those of graphql-js.
//
//   cargo build -p ctutor-api --example judge
//   node validation.mjs target/debug/examples/judge [SEED [COUNT [SCHEMA]]]
//
// Requests are generated from a seed, so a run can be repeated; the first that differ are printed. A request is a
// document with variables; a verdict says whether it is valid, and to what its variables are coerced.

import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { isDeepStrictEqual } from "node:util";

import { buildSchema } from "graphql";

import { requests } from "./requests.mjs";
import { asJson, isKnownDifference, judge } from "./verdict.mjs";

const SHOWN_MAX = 10;
const [program, seed = "1", count = "10000", given] = process.argv.slice(2);
const schemaPath = given ?? new URL("./validation.graphql", import.meta.url).pathname;
const schema = buildSchema(readFileSync(schemaPath, "utf8"));

const all = [...requests(schema, Number(seed), Number(count), given ? [] : undefined)];
const input = all.map(({ document, variables, operationName }) => {
  const name = operationName === undefined ? "" : `,"operationName":${JSON.stringify(operationName)}`;
  return `{"document":${JSON.stringify(document)},"variables":${variables}${name}}\n`;
});
const run = spawnSync(program, [schemaPath], {
  input: input.join(""),
  encoding: "utf8",
  maxBuffer: 1 << 30,
  timeout: 300_000,
});
if (run.status !== 0) {
  console.error(run.stderr || run.error);
  process.exit(2);
}
const ours = run.stdout
  .trimEnd()
  .split("\n")
  .map((line) => JSON.parse(line));

const counts = {};
const different = [];
let known = 0;
for (const [index, request] of all.entries()) {
  const theirs = judge(schema, request);
  const own = ours[index];
  const verdict = theirs.errors ? "invalid" : "valid";
  counts[`${request.kind} ${verdict}`] = (counts[`${request.kind} ${verdict}`] ?? 0) + 1;
  const differs = Boolean(theirs.errors) !== Boolean(own.errors);
  if (differs && isKnownDifference(request, theirs, own)) {
    known += 1;
  } else if (differs || !isDeepStrictEqual(asJson(theirs.variables), asJson(own.variables))) {
    different.push({ index, ...request, theirs, ours: own });
  }
  for (const error of own.errors ?? []) {
    if (!error.extensions?.code) {
      different.push({ index, ...request, theirs, ours: own, note: "an error without a code" });
    }
  }
}
for (const { document, ...rest } of different.slice(0, SHOWN_MAX)) {
  console.log(`FAIL ${JSON.stringify(rest)}\n${document}\n`);
}
console.log(
  Object.entries(counts)
    .map(([kind, n]) => `${kind}: ${n}`)
    .join(", "),
);
console.log(
  `validation: ${all.length - different.length - known} passed, ${known} differed as known, ${different.length} failed (seed ${seed})`,
);
process.exit(different.length ? 1 : 0);
