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

import {
  buildSchema,
  getArgumentValues,
  getDirectiveValues,
  getNullableType,
  getOperationAST,
  getVariableValues,
  parse,
  TypeInfo,
  validate,
  visit,
  visitWithTypeInfo,
} from "graphql";

import { breakText, breakTree } from "./break.mjs";
import { FIXED } from "./fixed.mjs";
import { Generator } from "./generate.mjs";
import { Random } from "./random.mjs";

const SHOWN_MAX = 10;
const [program, seed = "1", count = "10000", given] = process.argv.slice(2);
const schemaPath = given ?? new URL("./validation.graphql", import.meta.url).pathname;
const schema = buildSchema(readFileSync(schemaPath, "utf8"));

// graphql-js looks for the object around a variable without taking `!` off its type, and so overlooks that `Key!` takes
// exactly one field.
const { getParentInputType } = TypeInfo.prototype;
TypeInfo.prototype.getParentInputType = function unwrapped() {
  return getNullableType(getParentInputType.call(this));
};

/** What we refuse and graphql-js does not. */
const STRICTER = [
  // Our bounds on documents.
  (error) => error.extensions.code === "DOCUMENT_TOO_COMPLEX",
  // Numbers that would not come out as they are written.
  (error) => error.message.includes("a number that fits a 64-bit integer or a double"),
  // Fields of introspection that graphql-js has before an edition of the specification has them.
  (error) => /^type `__Directive` has no field `(isDeprecated|deprecationReason)`$/.test(error.message),
  // A rule of the edition of September 2025.
  (error) => error.message === "a subscription cannot skip or include fields at its root",
];

/**
 * Where the verdicts may differ. In two cases graphql-js is stricter than the specification: a default makes up for a type
 * that takes null, and a string is the same value as a block string of the same characters.
 */
function isKnownDifference(request, theirs, own) {
  if (!theirs.errors) {
    return own.errors.every((error) => STRICTER.some((is) => is(error)));
  }
  return (
    !own.errors &&
    theirs.errors.every((message) => {
      if (/ conflict because they have differing arguments\b/.test(message)) {
        return request.document.includes('"""');
      }
      const match = /^Variable "(\$\w+)" is of type .* but must be non-nullable to be used for OneOf/.exec(message);
      return match && new RegExp(`\\${match[1]}: [^$,)]* = (?!null)`).test(request.document);
    })
  );
}

/** What graphql-js says of a request. */
function judge({ document, variables, operationName }) {
  let tree;
  try {
    tree = parse(document);
  } catch (error) {
    return { errors: [error.message] };
  }
  try {
    const errors = validate(schema, tree);
    if (errors.length) {
      return { errors: errors.map((error) => error.message) };
    }
    const operation = getOperationAST(tree, operationName);
    if (!operation) {
      return { errors: ["no such operation"] };
    }
    const given = JSON.parse(variables);
    const result = getVariableValues(schema, operation.variableDefinitions ?? [], given);
    if (result.errors) {
      return { errors: result.errors.map((error) => error.message) };
    }
    checkArguments(tree, operation, result.coerced);
    const coerced = Object.entries(result.coerced).filter(([name]) => Object.hasOwn(given, name));
    return { variables: Object.fromEntries(coerced) };
  } catch (error) {
    return { errors: [error.message] };
  }
}

/** Execution would meet a null at a position that does not take it. We look before. */
function checkArguments(tree, operation, variables) {
  const types = new TypeInfo(schema);
  const reached = new Set([operation]);
  for (const definition of reached) {
    visit(
      definition,
      visitWithTypeInfo(types, {
        Field: (node) => {
          getArgumentValues(types.getFieldDef(), node, variables);
        },
        FragmentSpread: (node) => {
          reached.add(
            tree.definitions.find(
              (other) => other.kind === "FragmentDefinition" && other.name.value === node.name.value,
            ),
          );
        },
        Directive: (node) => {
          getDirectiveValues(types.getDirective(), { directives: [node] }, variables);
        },
      }),
    );
  }
}

/** Without prototypes, and without the sign of zero, which JSON.stringify drops. */
const asJson = (value) => JSON.parse(JSON.stringify(value ?? null));

function* requests(seed, count) {
  for (const request of given ? [] : FIXED) {
    yield { kind: "fixed", variables: "{}", operationName: undefined, ...request };
  }
  const random = new Random(seed);
  const generator = new Generator(schema, random);
  for (let n = 0; n < count; n += 1) {
    const request = generator.document();
    const choice = random.next();
    if (choice < 0.35) {
      yield { kind: "whole", ...request };
    } else if (choice < 0.8) {
      yield { kind: "tree", ...request, document: breakTree(request.document, schema, random) };
    } else {
      yield { kind: "text", ...request, document: breakText(request.document, random) };
    }
  }
}

const all = [...requests(Number(seed), Number(count))];
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
  const theirs = judge(request);
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
