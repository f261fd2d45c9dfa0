// What graphql-js says of a request, and where we may say something else.

import {
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
export function isKnownDifference(request, theirs, own) {
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
export function judge(schema, { document, variables, operationName }) {
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
    checkArguments(schema, tree, operation, result.coerced);
    const coerced = Object.entries(result.coerced).filter(([name]) => Object.hasOwn(given, name));
    return { variables: Object.fromEntries(coerced) };
  } catch (error) {
    return { errors: [error.message] };
  }
}

/** Execution would meet a null at a position that does not take it. We look before. */
function checkArguments(schema, tree, operation, variables) {
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
export const asJson = (value) => JSON.parse(JSON.stringify(value ?? null));
