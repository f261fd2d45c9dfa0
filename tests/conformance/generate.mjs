// Documents that are valid, nearly always: selections, arguments, variables, fragments and directives of a schema.

import {
  getNamedType,
  getNullableType,
  isAbstractType,
  isCompositeType,
  isEnumType,
  isInputObjectType,
  isLeafType,
  isListType,
  isNonNullType,
  isRequiredArgument,
  isRequiredInputField,
  isUnionType,
} from "graphql";

const DEPTH_MAX = 4;

export class Generator {
  constructor(schema, random) {
    this.schema = schema;
    this.random = random;
  }

  /** The text of a document and the values of its variables, as JSON text. */
  document() {
    this.fragments = [];
    this.count = 0;
    const { random } = this;
    const count = random.chance(0.15) ? 2 : 1;
    const operations = Array.from({ length: count }, (_, index) => this.operation(index, count > 1));
    const texts = operations.map((operation) => operation.text);
    for (const fragment of this.fragments) {
      texts.splice(random.below(texts.length + 1), 0, fragment.text);
    }
    return {
      document: this.joined(texts),
      variables: this.variables(operations[0]),
      operationName: operations[0].name,
    };
  }

  /** The definitions as one text, in some documents with more of what a lexer passes over: commas, comments, marks. */
  joined(definitions) {
    const { random } = this;
    if (!random.chance(0.1)) {
      return definitions.join("\n");
    }
    const between = random.pick([",", ",,", ' # a comment: { } " $\n', "\r\n", "\t", "\uFEFF"]);
    return `${random.pick(["", "\uFEFF", ",", "#\n"])}${definitions.join(between)}${between}`;
  }

  operation(index, isNamed) {
    const { random, schema } = this;
    const kind = random.pick(["query", "query", "query", "mutation", "subscription"]);
    const scope = { variables: new Map(), isFragment: false };
    const root = {
      query: schema.getQueryType(),
      mutation: schema.getMutationType(),
      subscription: schema.getSubscriptionType(),
    }[kind];
    const isSubscription = kind === "subscription";
    const directives =
      schema.getDirective("once") && random.chance(0.1)
        ? ` @once${random.chance(0.5) ? "" : `(id: ${this.value(scope, schema.getType("ID"), 0)})`}`
        : "";
    const selection = isSubscription ? `{ ${this.subscriptionRoot(root, scope)} }` : this.selection(root, 0, scope);
    const name = isNamed || random.chance(0.5) ? `Op${index}` : undefined;
    const definitions = [...scope.variables.values()].map((variable) => variable.text);
    const variables = definitions.length ? `(${definitions.join(random.pick([", ", " ", "\n"]))})` : "";
    const isShort = kind === "query" && !name && !variables && !directives && random.chance(0.5);
    const text = isShort ? selection : `${kind} ${name ?? ""}${variables}${directives} ${selection}`;
    return { text, name, scope };
  }

  subscriptionRoot(root, scope) {
    const field = () => this.field(this.random.pick(Object.values(root.getFields())), 0, scope, true);
    if (this.random.chance(0.06)) {
      const condition = `@${this.random.pick(["skip", "include"])}(if: ${this.random.pick(["true", "false"])})`;
      return this.random.pick([
        `__typename`,
        `${field()} __typename`,
        `${field()} ${field()}`,
        `a: __typename ${condition}`,
        `...${condition} { ${field()} }`,
        `... { __typename ${condition} } ${field()}`,
        `__schema { queryType { name } }`,
      ]);
    }
    if (this.random.chance(0.3)) {
      return `... on ${root.name} { ${field()} }`;
    }
    return field();
  }

  selection(type, depth, scope) {
    const { random, schema } = this;
    const items = [];
    const fields = isUnionType(type) ? [] : Object.values(type.getFields());
    const simple = fields.filter((field) => isLeafType(getNamedType(field.type)));
    const wanted = 1 + random.below(4);
    if (type === schema.getQueryType() && random.chance(0.05)) {
      items.push(this.introspection());
    }
    for (let n = 0; n < wanted; n += 1) {
      const isDeep = depth < DEPTH_MAX;
      const choice = random.next();
      if (choice < 0.1 || fields.length === 0 || (!isDeep && simple.length === 0)) {
        if (fields.length === 0 && isDeep && choice > 0.3) {
          items.push(this.fragment(type, depth, scope));
        } else {
          items.push(`${random.chance(0.2) ? `t${n}: ` : ""}__typename${this.condition(scope)}`);
        }
      } else if (choice < 0.25 && isDeep) {
        items.push(this.fragment(type, depth, scope));
      } else {
        items.push(this.field(random.pick(isDeep ? fields : simple), depth, scope));
      }
    }
    return `{ ${items.join(random.pick([" ", "\n", ", "]))} }`;
  }

  /** A look at the schema, with fragments on the types of introspection. */
  introspection() {
    const { random, schema } = this;
    const on = (name) => schema.getType(name);
    const scope = { variables: new Map(), isFragment: true };
    const leaves = (name) => {
      const simple = Object.values(on(name).getFields()).filter((field) => isLeafType(getNamedType(field.type)));
      return Array.from({ length: 1 + random.below(3) }, () => random.pick(simple).name).join(" ");
    };
    const below = (depth) => {
      const choice = random.next();
      if (depth > 2 || choice < 0.2) {
        return leaves("__Type");
      }
      if (choice < 0.4) {
        return `... on ${random.pick(["__Type", "__Type", "__Type", "__Field", "Query"])} { ${below(depth + 1)} }`;
      }
      if (choice < 0.6) {
        return `${leaves("__Type")} ofType { ${below(depth + 1)} }`;
      }
      if (choice < 0.8) {
        const deprecated = random.pick([
          "",
          "(includeDeprecated: true)",
          "(includeDeprecated: null)",
          "(includeDeprecated: 1)",
        ]);
        return `fields${deprecated} { ${leaves("__Field")} type { ${leaves("__Type")} } }`;
      }
      const name = `F${this.fragments.length}`;
      const fragment = { name, on: on("__Type"), scope };
      this.fragments.push(fragment);
      fragment.text = `fragment ${name} on __Type { ${below(depth + 1)} }`;
      return `...${name}`;
    };
    return random.chance(0.5)
      ? `__schema { ${random.pick(["types", "queryType", "mutationType"])} { ${below(0)} } directives { ${leaves("__Directive")} } }`
      : `${random.chance(0.3) ? "a: " : ""}__type(name: ${random.pick(['"Cat"', '"Nothing"', "null", "1"])}) { ${below(0)} }`;
  }

  fragment(type, depth, scope) {
    const { random, schema } = this;
    const on = isAbstractType(type) ? random.pick([type, ...schema.getPossibleTypes(type)]) : type;
    if (!scope.isFragment && random.chance(0.4)) {
      const known = this.fragments.find((fragment) => fragment.on === on);
      const fragment = known && random.chance(0.5) ? known : this.defineFragment(on, depth);
      for (const [key, variable] of fragment.scope.variables) {
        scope.variables.set(key, variable);
      }
      return `...${fragment.name}${this.condition(scope)}${this.tags(scope, 0.05)}`;
    }
    const condition = on === type && random.chance(0.5) ? "" : ` on ${on.name}`;
    return `...${condition}${this.condition(scope)} ${this.selection(on, depth + 1, scope)}`;
  }

  defineFragment(on, depth) {
    const scope = { variables: new Map(), isFragment: true };
    const name = `F${this.fragments.length}`;
    const fragment = { name, on, scope };
    this.fragments.push(fragment);
    let selection = this.selection(on, depth + 1, scope);
    // A chain of fragments, whose last spreads the first one in some documents: a cycle of up to four.
    const length = this.random.chance(0.15) ? 1 + this.random.below(3) : 0;
    for (let n = 0, last = fragment; n < length; n += 1) {
      const link = { name: `F${this.fragments.length}`, on, scope };
      this.fragments.push(link);
      const back = n === length - 1 && this.random.chance(0.3) ? ` ...${name}` : "";
      const uses = this.random.chance(0.1) ? " a: __typename @skip(if: $undefined)" : "";
      link.text = `fragment ${link.name} on ${on.name} { __typename${back}${uses} }`;
      if (last === fragment) {
        selection = selection.replace(/\}$/, `...${link.name} }`);
      } else {
        last.text = last.text.replace(/\}$/, `...${link.name} }`);
      }
      last = link;
    }
    fragment.text = `fragment ${name} on ${on.name} ${selection}`;
    return fragment;
  }

  field(field, depth, scope, isOnly = false) {
    const { random } = this;
    // A name of its own for most fields with arguments: others collide, which is a case too.
    const alias = random.chance(field.args.length ? 0.8 : 0.15) ? `${field.name}${random.below(1000)}: ` : "";
    const given = field.args.filter((arg) => isRequiredArgument(arg) || random.chance(0.4));
    const args = given.map((arg) => `${arg.name}: ${this.value(scope, arg.type, 0, arg.defaultValue !== undefined)}`);
    const text = `${alias}${field.name}${args.length ? `(${args.join(", ")})` : ""}${isOnly ? "" : this.condition(scope)}${this.tags(scope, 0.04)}`;
    const named = getNamedType(field.type);
    return isCompositeType(named) ? `${text} ${this.selection(named, depth + 1, scope)}` : text;
  }

  /** Directives that may be repeated, and some that may not. */
  tags(scope, share) {
    const { random, schema } = this;
    if (!schema.getDirective("tag") || !random.chance(share)) {
      return "";
    }
    const name = schema.getDirective("tag").args[0].type;
    const tag = () =>
      ` @tag(name: ${this.value(scope, name, 0)}${random.chance(0.3) ? `, level: ${random.pick(["LOW", "null", "NO"])}` : ""})`;
    const once = random.chance(0.1) ? ` @once${random.chance(0.3) ? " @once" : ""}` : "";
    return `${Array.from({ length: 1 + random.below(3) }, tag).join("")}${once}`;
  }

  condition(scope) {
    const { random, schema } = this;
    if (!random.chance(0.06)) {
      return "";
    }
    return ` @${random.pick(["skip", "include"])}(if: ${this.value(scope, schema.getDirective("skip").args[0].type, 0)})`;
  }

  /** A literal or a variable for a position. */
  value(scope, type, depth, hasDefault = false, isOneOf = false) {
    if (this.random.chance(depth ? 0.15 : 0.3)) {
      return this.variable(scope, type, hasDefault, isOneOf);
    }
    return this.literal(type, depth, (inner, innerHasDefault, inOneOf) =>
      this.value(scope, inner, depth + 1, innerHasDefault, inOneOf),
    );
  }

  variable(scope, type, hasDefault, isOneOf) {
    const { random } = this;
    const name = `v${this.count}`;
    this.count += 1;
    let declared = isOneOf ? `${type}!` : String(type);
    let value = "";
    if (!isNonNullType(type) && !isOneOf && random.chance(0.3)) {
      declared += "!";
    } else if (isNonNullType(type) && random.chance(0.3)) {
      // Its own default, or that of the position, makes up for the looser type.
      declared = declared.slice(0, -1);
      value = hasDefault && random.chance(0.5) ? "" : ` = ${this.constant(type)}`;
    } else if (random.chance(0.2)) {
      value = ` = ${this.constant(isOneOf ? type : type)}`;
      if (value === " = null" && declared.endsWith("!")) {
        value = "";
      }
    }
    scope.variables.set(name, {
      name,
      type,
      declared,
      text: `$${name}: ${declared}${value}`,
      hasDefault: value !== "",
    });
    return `$${name}`;
  }

  constant(type) {
    return this.literal(type, 1, (inner) => this.constant(inner));
  }

  literal(type, depth, inner) {
    const { random } = this;
    if (isNonNullType(type)) {
      return this.literal(type.ofType, depth, inner, false);
    }
    if (depth > 0 && random.chance(0.03)) {
      return "null";
    }
    if (isListType(type)) {
      if (random.chance(0.2) && !isListType(getNullableType(type.ofType))) {
        return this.literal(type.ofType, depth + 1, inner);
      }
      const items = Array.from({ length: random.below(3) }, () =>
        random.chance(0.03) ? random.pick(["null", '"LOW"', "1", "[null]", "{}"]) : inner(type.ofType, false, false),
      );
      return `[${items.join(random.pick([", ", " "]))}]`;
    }
    if (isEnumType(type)) {
      return random.pick(type.getValues()).name;
    }
    if (isInputObjectType(type)) {
      return this.object(type, depth, inner);
    }
    return this.scalar(type.name);
  }

  object(type, depth, inner) {
    const { random } = this;
    const fields = Object.values(type.getFields());
    const given = type.isOneOf
      ? [random.pick(fields)]
      : fields.filter((field) => isRequiredInputField(field) || (depth < 4 && random.chance(0.3)));
    const texts = given.map((field) => {
      const value = inner(field.type, field.defaultValue !== undefined, Boolean(type.isOneOf));
      return `${field.name}: ${value}`;
    });
    return `{ ${texts.join(", ")} }`;
  }

  scalar(name) {
    const { random } = this;
    const strings = [
      '"a"',
      '""',
      '"ä 😀 \\n \\u00e4"',
      '"""block\n  text"""',
      '"""\n\n    a \\""" b\n\t  c\r\n  """',
      '"""\\u{1F600} \\n"""',
      '"# , {"',
      '"\\u{1F600}\\uD83D\\uDE00\\u{0000041}"',
    ];
    switch (name) {
      case "Int":
        return random.pick(["0", "-1", "7", "2147483647", "-2147483648", "-0"]);
      case "Float":
        return random.pick(["1", "0.5", "-2.25", "7", "-0", "1E2", "2.50", "1e-400", "123456789012345678901234567890"]);
      case "Boolean":
        return random.pick(["true", "false"]);
      case "ID":
        return random.pick(["1", '"x"', "9007199254740991", '""', "-0", "123456789012345678901234567890"]);
      case "String":
        return random.pick(strings);
      default:
        return random.pick([
          "1",
          "0.5",
          "true",
          "LOW",
          '"x"',
          '[1, "a", null]',
          "{ a: { b: [X] }, c: null }",
          "[[[[[[{ a: [[[[]]]] }]]]]]]",
          "[1E2, -0, 2.50]",
          ...strings,
        ]);
    }
  }

  /** Values for most of the variables, right ones mostly. */
  variables(operation) {
    const { random } = this;
    const entries = [];
    for (const { name, type, declared, hasDefault } of operation.scope.variables.values()) {
      const isRequired = declared.endsWith("!") && !hasDefault;
      if (isRequired ? random.chance(0.97) : random.chance(0.7)) {
        const value = !declared.endsWith("!") && random.chance(0.15) ? "null" : this.json(type, 0);
        entries.push(`${JSON.stringify(name)}: ${value}`);
      }
    }
    if (random.chance(0.05)) {
      entries.push('"unknown": 1');
    }
    return `{${entries.join(",")}}`;
  }

  json(type, depth) {
    const { random } = this;
    if (random.chance(0.04)) {
      return random.pick([
        "null",
        "1",
        "1.0",
        "1.5",
        "1e3",
        "-0.0",
        '"1"',
        '"x"',
        '"LOW"',
        '"low"',
        "false",
        "true",
        "[]",
        "[null]",
        "[[1]]",
        "{}",
        '{"a":1}',
        "3000000000",
        "1e2",
        "-0",
        '{"id":null}',
        '{"from":1,"to":null}',
      ]);
    }
    if (isNonNullType(type)) {
      return this.json(type.ofType, depth);
    }
    if (isListType(type)) {
      return random.chance(0.2)
        ? this.json(type.ofType, depth + 1)
        : `[${Array.from({ length: random.below(3) }, () => this.json(type.ofType, depth + 1)).join(",")}]`;
    }
    if (isEnumType(type)) {
      return JSON.stringify(random.pick(type.getValues()).name);
    }
    if (isInputObjectType(type)) {
      const fields = Object.values(type.getFields());
      const given = type.isOneOf
        ? [random.pick(fields)]
        : fields.filter((field) => isRequiredInputField(field) || (depth < 3 && random.chance(0.3)));
      return `{${given.map((field) => `${JSON.stringify(field.name)}:${this.json(field.type, depth + 1)}`).join(",")}}`;
    }
    switch (type.name) {
      case "Int":
        return random.pick(["0", "-1", "1.0", "1e2", "1E+2", "-0", "100e-2", "2147483647"]);
      case "Float":
        return random.pick(["1", "0.5", "-2e3", "2.50", "1e-400"]);
      case "Boolean":
        return random.pick(["true", "false"]);
      case "ID":
        return random.pick(['"x"', "1", "1.0", "9007199254740991"]);
      case "String":
        return random.pick(['"x"', '""', '"ä😀"']);
      default:
        return random.pick(["1", '"x"', "true", '[1,{"a":null}]', '{"a":{"b":[]}}']);
    }
  }
}
