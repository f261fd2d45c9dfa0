// Requests to judge: those that are always made, and as many from a seed.

import { breakText, breakTree } from "./break.mjs";
import { FIXED } from "./fixed.mjs";
import { Generator } from "./generate.mjs";
import { Random } from "./random.mjs";

/** A request has a document, variables as JSON text, and the name of its operation. */
export function* requests(schema, seed, count, fixed = FIXED) {
  for (const request of fixed) {
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
