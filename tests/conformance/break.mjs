// Changes to documents, most of which make them invalid: to their tree, or to their text.

import { Kind, parse, parseType, parseValue, print, visit } from "graphql";

/** Changes a document in one to three places of its tree. */
export function breakTree(text, schema, random) {
  let tree = parse(text, { noLocation: true });
  for (let n = 1 + random.below(3); n > 0; n -= 1) {
    const kinds = [...CHANGES.keys()];
    for (let tries = 0; tries < 5; tries += 1) {
      const changed = change(tree, random.pick(kinds), schema, random);
      if (changed) {
        tree = changed;
        break;
      }
    }
  }
  return print(tree);
}

function change(tree, kind, schema, random) {
  let count = 0;
  visit(tree, {
    [kind]: {
      enter: () => {
        count += 1;
      },
    },
  });
  if (count === 0) {
    return undefined;
  }
  let left = random.below(count);
  return visit(tree, {
    [kind]: {
      enter(node) {
        left -= 1;
        return left === -1 ? random.pick(CHANGES.get(kind))(node, schema, random) : undefined;
      },
    },
  });
}

const name = (value) => ({ kind: Kind.NAME, value });
const field = (value, more = {}) => ({ kind: Kind.FIELD, name: name(value), ...more });
const directive = (text) =>
  parse(`{ a ${text} }`, { noLocation: true }).definitions[0].selectionSet.selections[0].directives[0];

const VALUES = [
  "1",
  "1.5",
  '"LOW"',
  "LOW",
  "NONE",
  "true",
  "null",
  "[]",
  "[1]",
  "[[LOW]]",
  "{}",
  "{ from: 1 }",
  "{ a: 1 }",
  '{ id: 1, name: "a" }',
  "{ id: null }",
  "{ from: 1, from: 2 }",
  '{ name: "a", not: { level: LOW, level: HIGH } }',
  "2147483648",
  "-2147483649",
  "1e3",
  "[null]",
  "$v0",
  "$v1",
  "$undefined",
  "{ id: $v0 }",
  "[$v0, $v1]",
  "[1, 2]",
  "{ any: { a: $v1 } }",
];
const TYPES = [
  "Int",
  "Int!",
  "ID",
  "ID!",
  "String",
  "String!",
  "[String]",
  "[String!]!",
  "Level",
  "Level!",
  "[Level!]",
  "Boolean",
  "Boolean!",
  "Float",
  "Range",
  "Key",
  "Key!",
  "PetFilter!",
  "Any",
  "[[Int!]]",
  "Cat",
  "Nothing",
  "Pet",
  "[Int!]!",
];
const DIRECTIVES = [
  "@skip(if: true)",
  "@include(if: false)",
  "@skip",
  "@skip(if: 1)",
  "@skip(if: $v0)",
  "@once",
  "@once(id: 1)",
  "@nothing",
  '@tag(name: "a")',
  "@tag",
  '@tag(name: "a", level: "LOW")',
  "@once(no: 1)",
  "@deprecated",
  '@specifiedBy(url: "")',
  "@oneOf",
  "@include(if: true, if: true)",
  "@tag(name: null)",
];
const COMPOSITES = [
  "Being",
  "Cat",
  "Dog",
  "Human",
  "Owner",
  "Pet",
  "Home",
  "Query",
  "Level",
  "Key",
  "Nothing",
  "String",
  "Mutation",
];
const FIELDS = [
  "id",
  "name",
  "friends",
  "best",
  "lives",
  "age",
  "home",
  "barks",
  "pets",
  "any",
  "level",
  "owner",
  "address",
  "rooms",
  "__typename",
  "__schema",
  "__type",
  "nothing",
  "being",
  "count",
  "fed",
];

const anyValue = (random) => parseValue(random.pick(VALUES), { noLocation: true });
const addDirective = (node, _, random) => ({
  ...node,
  directives: [...(node.directives ?? []), directive(random.pick(DIRECTIVES))],
});
const twice = (list, random) => (list?.length ? [...list, random.pick(list)] : list);
const without = (list, random) =>
  list?.length ? list.filter((_, index) => index !== random.below(list.length)) : list;

const CHANGES = new Map([
  [
    Kind.FIELD,
    [
      (node, _, random) => ({ ...node, name: name(random.pick(FIELDS)) }),
      (node, _, random) => ({ ...node, alias: name(random.pick(["id", "name", "age", "lives", "a"])) }),
      (node) => ({ ...node, alias: undefined }),
      (node) => ({ ...node, selectionSet: undefined }),
      (node) => ({ ...node, selectionSet: { kind: Kind.SELECTION_SET, selections: [field("id")] } }),
      (node, _, random) => ({ ...node, arguments: twice(node.arguments, random) }),
      (node, _, random) => ({ ...node, arguments: without(node.arguments, random) }),
      (node, _, random) => ({
        ...node,
        arguments: [
          ...(node.arguments ?? []),
          {
            kind: Kind.ARGUMENT,
            name: name(random.pick(["id", "first", "level", "x", "filter"])),
            value: anyValue(random),
          },
        ],
      }),
      addDirective,
    ],
  ],
  [
    Kind.SELECTION_SET,
    [
      (node, _, random) => ({ ...node, selections: [...node.selections, field(random.pick(FIELDS))] }),
      (node, _, random) => ({ ...node, selections: twice(node.selections, random) }),
      (node, _, random) => ({
        ...node,
        selections: [
          ...node.selections,
          field(random.pick(FIELDS), { alias: name(random.pick(["id", "name", "age", "a"])) }),
        ],
      }),
      (node, _, random) => ({
        ...node,
        selections: [
          ...node.selections,
          {
            kind: Kind.INLINE_FRAGMENT,
            typeCondition: { kind: Kind.NAMED_TYPE, name: name(random.pick(COMPOSITES)) },
            selectionSet: {
              kind: Kind.SELECTION_SET,
              selections: [
                field(random.pick(FIELDS), {
                  alias: random.chance(0.5) ? name(random.pick(["id", "age", "a"])) : undefined,
                }),
              ],
            },
          },
        ],
      }),
      (node, _, random) => ({
        ...node,
        selections: [
          ...node.selections,
          { kind: Kind.FRAGMENT_SPREAD, name: name(random.pick(["F0", "F1", "Nothing"])) },
        ],
      }),
      // Two ways to one value, as in merged selection sets.
      (node, _, random) => {
        const composite = node.selections.filter((selection) => selection.selectionSet);
        if (!composite.length) {
          return undefined;
        }
        const copied = random.pick(composite);
        const more = field(random.pick(FIELDS), { alias: name(random.pick(["id", "name", "age", "lives"])) });
        return {
          ...node,
          selections: [
            ...node.selections,
            {
              ...copied,
              selectionSet: { kind: Kind.SELECTION_SET, selections: [...copied.selectionSet.selections, more] },
            },
          ],
        };
      },
    ],
  ],
  [
    Kind.ARGUMENT,
    [
      (node, _, random) => ({ ...node, value: anyValue(random) }),
      (node, _, random) => ({ ...node, value: anyValue(random) }),
      (node, _, random) => ({ ...node, name: name(random.pick(["id", "first", "level", "x"])) }),
    ],
  ],
  [
    Kind.OBJECT_FIELD,
    [
      (node, _, random) => ({ ...node, value: anyValue(random) }),
      (node, _, random) => ({ ...node, name: name(random.pick(["from", "name", "level", "x", "id"])) }),
    ],
  ],
  [
    Kind.OBJECT,
    [
      (node, _, random) => ({ ...node, fields: twice(node.fields, random) }),
      (node, _, random) => ({ ...node, fields: without(node.fields, random) }),
    ],
  ],
  [Kind.VARIABLE, [(node, _, random) => ({ ...node, name: name(random.pick(["v0", "v1", "v2", "undefined"])) })]],
  [
    Kind.VARIABLE_DEFINITION,
    [
      (node, _, random) => ({ ...node, type: parseType(random.pick(TYPES), { noLocation: true }) }),
      (node) => ({
        ...node,
        type: node.type.kind === Kind.NON_NULL_TYPE ? node.type.type : { kind: Kind.NON_NULL_TYPE, type: node.type },
      }),
      (node) => ({ ...node, type: { kind: Kind.LIST_TYPE, type: node.type } }),
      (node, _, random) => {
        const value = anyValue(random);
        return print(value).includes("$") ? node : { ...node, defaultValue: value };
      },
      (node) => ({ ...node, defaultValue: { kind: Kind.NULL } }),
      (node) => ({ ...node, defaultValue: undefined }),
      () => null,
      addDirective,
    ],
  ],
  [
    Kind.OPERATION_DEFINITION,
    [
      (node, _, random) => ({ ...node, variableDefinitions: twice(node.variableDefinitions, random) }),
      (node, _, random) => ({ ...node, operation: random.pick(["query", "mutation", "subscription"]) }),
      (node) => ({ ...node, name: name("Op1") }),
      (node) => ({ ...node, name: undefined }),
      addDirective,
    ],
  ],
  [
    Kind.FRAGMENT_DEFINITION,
    [
      () => null,
      (node) => ({ ...node, name: name("F0") }),
      (node, _, random) => ({ ...node, typeCondition: { kind: Kind.NAMED_TYPE, name: name(random.pick(COMPOSITES)) } }),
      (node) => ({
        ...node,
        selectionSet: {
          ...node.selectionSet,
          selections: [...node.selectionSet.selections, { kind: Kind.FRAGMENT_SPREAD, name: name("F0") }],
        },
      }),
      addDirective,
    ],
  ],
  [
    Kind.FRAGMENT_SPREAD,
    [() => null, addDirective, (node, _, random) => ({ ...node, name: name(random.pick(["F0", "F1", "Nothing"])) })],
  ],
  [
    Kind.INLINE_FRAGMENT,
    [
      (node, _, random) => ({ ...node, typeCondition: { kind: Kind.NAMED_TYPE, name: name(random.pick(COMPOSITES)) } }),
      (node) => ({ ...node, typeCondition: undefined }),
      addDirective,
    ],
  ],
]);

const TOKEN = /"""(?:\\"""|[\s\S])*?"""|"(?:\\.|[^"\\\n])*"|\.\.\.|[A-Za-z_]\w*|-?\d[\d.eE+-]*|[^\s,]|[\s,]+/gu;
const PIECES = [
  "{",
  "}",
  "(",
  ")",
  "[",
  "]",
  "!",
  "$",
  ":",
  "=",
  "@",
  "|",
  "&",
  "...",
  "..",
  ".",
  "on",
  "fragment",
  "query",
  "a",
  "_",
  "0",
  "00",
  "01",
  "-",
  "-0",
  "1.",
  ".5",
  "1e",
  "1e+",
  "1.0e5",
  "0x1",
  "1a",
  "1_",
  '"',
  '""',
  '"""',
  '"""a\\"""b"""',
  '"\\u{1F600}"',
  '"\\u{D800}"',
  '"\\uD83D\\uDE00"',
  '"\\uD83D"',
  '"\\x"',
  '"\t"',
  '"\u0001"',
  "'a'",
  "#c\n",
  "#c",
  "\ufeff",
  "\u00a0",
  ",",
  "?",
  ";",
  "ä",
  "😀",
  "\u0000",
  "true",
  "null",
  "nullx",
  "truex",
  "query()",
  "queryA",
  "schema",
  "type A { a: Int }",
  '"doc"',
  "{}",
  "()",
  "[]",
  "\r",
  "\r\n",
  "extend",
];

/** Changes the text of a document at one or two tokens. */
export function breakText(text, random) {
  const tokens = text.match(TOKEN);
  for (let n = 1 + random.below(2); n > 0; n -= 1) {
    const at = random.below(tokens.length);
    const change = random.below(6);
    if (change === 0) {
      tokens.splice(at, 1);
    } else if (change === 1) {
      tokens.splice(at, 0, tokens[at]);
    } else if (change === 2) {
      const other = random.below(tokens.length);
      [tokens[at], tokens[other]] = [tokens[other], tokens[at]];
    } else if (change === 3) {
      tokens[at] = random.pick(PIECES);
    } else {
      tokens.splice(at, 0, random.pick(PIECES));
    }
    if (tokens.length === 0) {
      return "";
    }
  }
  return tokens.join("");
}
