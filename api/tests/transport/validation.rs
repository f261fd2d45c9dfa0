//! Documents and variables that the specification does not allow, and what is said of them.
//!
//! The comparison with graphql-js in `tests/conformance` has thousands more.

use ctutor_api::transport::{Judge, guard::Limits, validation::Schema};
use serde_json::{Value, json};

use crate::http::{get, json_of, post, query, server};
use crate::ws_client::Socket;

pub(crate) const SCHEMA: &str = include_str!("../../../tests/conformance/validation.graphql");

pub(crate) fn judge(document: &str, variables: &str) -> Result<Value, Value> {
    let schema = Schema::parse(SCHEMA).unwrap();
    match Judge::new(schema, Limits::default()).judge(document, None, variables) {
        Ok(variables) => Ok(serde_json::from_str(&variables).unwrap()),
        Err(errors) => Err(json!(errors)),
    }
}

/// The message of the first error with its places.
fn invalid(document: &str) -> String {
    let errors = judge(document, "{}").expect_err(document);
    let error = &errors[0];
    assert_eq!(error["extensions"]["code"], "GRAPHQL_VALIDATION_FAILED", "{document}");
    let places = error["locations"].as_array().into_iter().flatten();
    let places: Vec<String> = places.map(|place| format!("{}:{}", place["line"], place["column"])).collect();
    format!("{} {}", places.join(" "), error["message"].as_str().unwrap())
}

#[test]
fn selections_must_fit_their_types() {
    for (document, said) in [
        ("{ nothing }", "1:3 type `Query` has no field `nothing`"),
        ("{ human { name(x: 1) } }", "1:16 field `name` has no argument `x`"),
        ("{ human(ok: true, ok: true) { id } }", "1:19 argument `ok` is given twice"),
        ("{ being { id } }", "1:3 field `being` requires the argument `id` of type `ID!`"),
        ("{ human }", "1:3 field `human` must have a selection of fields, such as `human { … }`"),
        ("{ human { id { x } } }", "1:11 field `id` cannot have a selection: its type has no fields"),
        ("{ __typename @nothing }", "1:14 unknown directive `@nothing`"),
        ("{ __typename(x: 1) }", "1:14 field `__typename` has no argument `x`"),
        ("{ owner { ...F } }", "1:11 unknown fragment `F`"),
        ("{ owner { any } } fragment F on Owner { any }", "1:19 fragment `F` is never used"),
        (
            "{ owner { ... on Home { address } } }",
            "1:11 a fragment on `Home` cannot apply here: no `Owner` is ever of type `Home`",
        ),
        (
            "{ owner { ... on Level { any } } }",
            "1:18 a fragment cannot be on `Level`, which has no fields to select",
        ),
        (
            "{ owner @skip(if: true) @skip(if: true) { any } }",
            "1:25 directive `@skip` is used twice at the same place",
        ),
        ("query @skip(if: true) { owner { any } }", "1:7 directive `@skip` cannot stand at a query"),
        ("{ owner @skip { any } }", "1:9 directive `@skip` requires the argument `if` of type `Boolean!`"),
    ] {
        assert_eq!(invalid(document), said, "{document}");
    }
}

#[test]
fn definitions_must_be_told_apart() {
    for (document, said) in [
        ("query A { owner { any } } query A { owner { any } }", "1:33 the operation `A` is defined twice"),
        (
            "query A { owner { any } } { owner { any } }",
            "1:27 an operation without a name must be the only operation of the document",
        ),
        ("fragment F on Owner { any }", " the document has no operation"),
        ("{ any(value: { a: 1, b: { a: 1 }, a: 2 }) }", "1:35 the input field `a` is defined twice"),
        (
            "subscription { fed { __typename } born { id } }",
            "1:35 a subscription must select exactly one field",
        ),
        (
            "subscription { ... { __typename } }",
            "1:22 a subscription cannot select introspection at its root",
        ),
        (
            "subscription { fed { __typename } born @skip(if: true) { id } }",
            "1:40 a subscription cannot skip or include fields at its root",
        ),
        (
            "subscription { born @include(if: true) { id } }",
            "1:21 a subscription cannot skip or include fields at its root",
        ),
    ] {
        assert_eq!(invalid(document), said, "{document}");
    }
}

#[test]
fn variables_must_fit_their_positions() {
    for (document, said) in [
        ("query ($a: Int) { owner { any } }", "1:8 variable `$a` is never used by the operation"),
        ("query Q { any(value: { b: [$a] }) }", "1:22 variable `$a` is not defined by operation `Q`"),
        ("query ($a: Pet) { any(value: $a) }", "1:12 variable `$a` cannot have the output type `Pet`"),
        (
            "query ($a: String) { beings(first: $a) { id } }",
            "1:36 variable `$a` of type `String` cannot stand where `Int!` is expected",
        ),
        (
            "query ($a: ID = null) { being(id: $a) { id } }",
            "1:35 variable `$a` of type `ID` cannot stand where `ID!` is expected",
        ),
        (
            "query ($a: Int) { any(value: [[$a]]) }",
            "1:30 variable `$a` of type `Int` cannot stand where `Any` is expected",
        ),
        (
            "query ($a: [Level]) { ...F } fragment F on Query { beings(levels: $a) { id } }",
            "1:67 variable `$a` of type `[Level]` cannot stand where `[Level!]!` is expected",
        ),
        (
            "query ($a: ID) { pet(key: { id: $a }) { __typename } }",
            "1:27 variable `$a` of type `ID` cannot stand where `ID!` is expected",
        ),
    ] {
        assert_eq!(invalid(document), said, "{document}");
    }
    judge("query ($a: ID = 1) { pet(key: { id: $a }) { __typename } }", "{}").unwrap();
}

#[test]
fn numbers_stand_for_what_their_types_say() {
    let document = "query ($id: ID!, $int: Int, $float: Float, $any: Any) {
        being(id: $id) { id } count(of: $int, by: $float, ok: true) any(value: $any) }";
    let variables =
        r#"{"id":123456789012345678901234567890,"int":1E2,"float":0.1234567890123456789,"any":[1E2]}"#;
    let schema = Schema::parse(SCHEMA).unwrap();
    let judged = Judge::new(schema, Limits::default()).judge(document, None, variables).unwrap();
    let coerced =
        r#"{"any":[1E2],"float":0.12345678901234568,"id":"123456789012345678901234567890","int":100}"#;
    assert_eq!(judged, coerced);
    let errors =
        judge("query ($a: Any) { any(value: $a) }", r#"{"a":{"b":[1E2,18446744073709551616]}}"#).unwrap_err();
    assert_eq!(
        errors[0]["message"],
        "`$a.b.1` is 18446744073709551616, expected a number that fits a 64-bit integer or a double (the nearest is \
         `1.8446744073709552e+19`), or a string to keep all of it"
    );
    assert_eq!(errors[0]["extensions"]["path"], json!(["b", 1]));
    for literal in ["of: -0", "by: 1E2", "by: -0", "by: 18446744073709551616", "by: 1e-400"] {
        judge(&format!("{{ count({literal}, ok: true) }}"), "{}").expect(literal);
    }
    for literal in ["of: 1E2", "of: -0.0", "of: 18446744073709551616", "by: 1e400", "ok: -0"] {
        judge(&format!("query ($ok: Boolean = true) {{ count({literal}, ok: $ok) }}"), "{}")
            .expect_err(literal);
    }
}

#[test]
fn fields_of_one_name_must_be_one_value() {
    for (document, said) in [
        (
            "{ human { best { id } best { id: name } } }",
            "1:18 1:30 `id` is selected twice, as the fields `id` and `name`; give one of them another alias",
        ),
        (
            "{ human { name ...F } } fragment F on Human { name(upper: true) }",
            "1:11 1:47 `name` is selected twice, as `name` with different arguments; give one of them another alias",
        ),
        (
            "{ pets { ... on Cat { age } ... on Dog { age } } }",
            "1:42 1:23 `age` is selected twice, as fields of the types `Float` and `Int`; give one of them another alias",
        ),
        (
            "{ human { friends { ... on Cat { home { rooms(at: [1, 2]) } home { rooms(at: [1]) } } } } }",
            "1:41 1:68 `rooms` is selected twice, as `rooms` with different arguments; give one of them another alias",
        ),
    ] {
        assert_eq!(invalid(document), said, "{document}");
    }
}

#[test]
fn a_value_that_does_not_fit_is_told_with_its_path() {
    for (document, variables, said, path) in [
        (
            "{ beings(levels: \"LOW\") { id } }",
            "{}",
            "`levels` is \"LOW\", expected one of `LOW`, `MIDDLE`, `HIGH`, without quotes; did you mean `LOW`?",
            json!([]),
        ),
        (
            "query ($a: [Int!] = [1, null]) { any(value: $a) }",
            "{}",
            "`$a.1` is null, expected a value of `Int!`, not null",
            json!([1]),
        ),
        (
            "query ($a: Int!) { count(of: $a, ok: true) }",
            r#"{"a":2147483648}"#,
            "`$a` is 2147483648, expected an integer from -2147483648 to 2147483647",
            json!([]),
        ),
        (
            "query ($a: PetFilter) { pets(filter: $a) { __typename } }",
            r#"{"a":{"not":{"levels":["LOW","low"]}}}"#,
            "`$a.not.levels.1` is \"low\", expected one of `LOW`, `MIDDLE`, `HIGH`; did you mean `LOW`?",
            json!(["not", "levels", 1]),
        ),
        (
            "query ($a: [Level!]! = [LOW]) { beings(levels: $a) { id } }",
            r#"{"a":null}"#,
            "`$a` is null, expected a value of `[Level!]!`, not null",
            json!([]),
        ),
        (
            "query ($a: Int) { beings(first: $a) { id } }",
            r#"{"a":null}"#,
            "`$a` is null, expected a value that is not null, or to be left out",
            json!([]),
        ),
        (
            "query ($a: Int = null) { beings(first: $a) { id } }",
            "{}",
            "`$a` is null, expected a value that is not null, or to be left out",
            json!([]),
        ),
    ] {
        let errors = judge(document, variables).expect_err(document);
        let error = &errors[0];
        assert_eq!(error["message"], said, "{document}");
        assert_eq!(error["extensions"]["code"], "BAD_USER_INPUT", "{document}");
        assert_eq!(error["extensions"]["path"], path, "{document}");
        assert!(error["locations"][0]["line"].is_u64(), "{document}");
    }
}

#[test]
fn a_misfit_is_told_as_it_was_given() {
    for (document, variables, said, path) in [
        (
            "{ pet(key: {}) { __typename } }",
            "{}",
            "`key` has none of its fields, expected exactly one of `id`, `name`, `range`, not null",
            json!([]),
        ),
        (
            "{ pet(key: { id: 1, name: \"s3cret\" }) { __typename } }",
            "{}",
            "`key` has 2 fields (`id`, `name`), expected exactly one of `id`, `name`, `range`, not null",
            json!([]),
        ),
        (
            "query ($a: Key!) { pet(key: $a) { __typename } }",
            r#"{"a":{"range":null,"name":"s3cret"}}"#,
            "`$a` has 2 fields (`range` is null, `name`), expected exactly one of `id`, `name`, `range`, not null",
            json!([]),
        ),
        (
            "query ($a: Key!) { pet(key: $a) { __typename } }",
            r#"{"a":{"name":null}}"#,
            "`$a` has 1 field (`name` is null), expected exactly one of `id`, `name`, `range`, not null",
            json!([]),
        ),
        (
            "{ pet(key: { id: null }) { __typename } }",
            "{}",
            "`key` has 1 field (`id` is null), expected exactly one of `id`, `name`, `range`, not null",
            json!([]),
        ),
        (
            "query ($a: Int!) { count(of: $a, ok: true) }",
            r#"{"a":18446744073709551616}"#,
            "`$a` is 18446744073709551616, expected an integer from -2147483648 to 2147483647",
            json!([]),
        ),
        (
            "query ($a: Int!) { count(of: $a, ok: true) }",
            r#"{"a":1.50e3000}"#,
            "`$a` is 1.50e3000, expected an integer from -2147483648 to 2147483647",
            json!([]),
        ),
    ] {
        let errors = judge(document, variables).expect_err(document);
        assert_eq!(errors[0]["message"], said, "{document}");
        assert_eq!(errors[0]["extensions"]["code"], "BAD_USER_INPUT", "{document}");
        assert_eq!(errors[0]["extensions"]["path"], path, "{document}");
    }
}

#[test]
fn variables_take_the_form_of_their_types() {
    let document = "query ($i: Int, $d: ID!, $l: [Level!], $f: PetFilter, $r: Float, $u: Int) {
        being(id: $d) { friends(first: $i, of: $l) { id } } count(of: $u, by: $r, ok: true) pets(filter: $f) { __typename }
    }";
    let given = r#"{"i":1.0,"d":7,"l":"LOW","f":{"age":{"from":1e1},"tags":"x"},"r":2,"more":1}"#;
    let taken = json!({
        "i": 1, "d": "7", "l": ["LOW"], "r": 2,
        "f": { "age": { "from": 10, "to": 100 }, "tags": [["x"]], "level": "LOW" },
    });
    assert_eq!(judge(document, given).unwrap(), taken);
}

#[test]
fn the_grammar_is_kept_to_the_letter() {
    for document in [
        "queryA { owner { any } }",
        "query () { owner { any } }",
        "{ any(value: [00]) }",
        "{ any(value: 1.) }",
        "{ owner { } }",
        "fragment on on Owner { any } { owner { ...on } }",
        "{ any(value: \"\\uD83D\") }",
        "\"a\" { owner { any } }",
        "{ any(value: $) }",
        "query ($a: Int = $b) { any(value: $a) }",
        "type A { a: Int }",
        "{ any(value: [truex y) }",
    ] {
        let errors = judge(document, "{}").expect_err(document);
        assert_eq!(errors[0]["extensions"]["code"], "GRAPHQL_PARSE_FAILED", "{document}");
        assert!(
            errors[0]["message"].as_str().unwrap().starts_with("syntax error at line 1, column "),
            "{errors}"
        );
    }
    for document in [
        "query ($a: [ Level ! ] ! = [LOW]) { beings(levels: $a) { id } }",
        "{ owner { ... on #c\n Human { id } } }",
        "\u{feff}{ owner { any } }",
        "{ any(value: \"\\u{1F600}\\uD83D\\uDE00\") }",
        "{ any(value: [1-2, nullable]) }",
        "\"a\" query (\"b\" $a: Any) { any(value: $a) }",
    ] {
        judge(document, "{}").expect(document);
    }
}

#[tokio::test]
async fn all_transports_tell_the_same_errors() {
    let server = server().await;
    let document = "{ hello(name: 1) nothing }";
    let (_, json) = json_of(post(&server).json(&query(document))).await;
    let errors = json["errors"].clone();
    assert_eq!(errors.as_array().unwrap().len(), 2);
    assert_eq!(errors[1]["locations"], json!([{ "line": 1, "column": 18 }]));

    let stream = post(&server).header("accept", "text/event-stream").json(&query(document));
    let text = stream.send().await.unwrap().text().await.unwrap();
    let data = text.lines().find_map(|line| line.strip_prefix("data: ")).unwrap();
    assert_eq!(serde_json::from_str::<Value>(data).unwrap()["errors"], errors);

    let mut socket = Socket::ready(&server).await;
    socket.subscribe("1", document).await;
    assert_eq!(socket.message().await, json!({ "id": "1", "type": "error", "payload": errors }));
}

#[tokio::test]
async fn an_argument_without_a_value_has_its_default() {
    let server = server().await;
    let document = "query ($name: String, $times: Int) { greet(name: $name, times: $times) }";
    let (_, answer) = json_of(post(&server).json(&query(document))).await;
    assert_eq!(answer, json!({ "data": { "greet": "hi you hi you" } }));
}

#[tokio::test]
async fn the_root_of_a_subscription_may_stand_in_fragments() {
    let server = server().await;
    let document = "subscription { ...F ... { count(to: 2) } } fragment F on Subscriptions { count(to: 2) }";
    let stream = post(&server).header("accept", "text/event-stream").json(&query(document));
    let text = stream.send().await.unwrap().text().await.unwrap();
    let data: Vec<_> = text.lines().filter_map(|line| line.strip_prefix("data: ")).collect();
    assert_eq!(data, [r#"{"data":{"count":1}}"#, r#"{"data":{"count":2}}"#, ""]);
}

#[tokio::test]
async fn an_empty_operation_name_is_none() {
    let server = server().await;
    let (status, answer) =
        json_of(get(&server, &[("query", "query A { hello }"), ("operationName", "")])).await;
    assert_eq!((status.as_u16(), &answer["data"]["hello"]), (200, &json!("hello world")));
    let several = "query A { hello } query B { hello }";
    let (_, answer) = json_of(get(&server, &[("query", several), ("operationName", "")])).await;
    assert_eq!(answer["errors"][0]["extensions"]["code"], "GRAPHQL_VALIDATION_FAILED");
    let body = json!({ "query": "{ hello }", "operationName": "" });
    assert_eq!(json_of(post(&server).json(&body)).await.1["data"]["hello"], "hello world");
    let body = json!({ "query": "{ hello }", "operationName": null });
    assert_eq!(json_of(post(&server).json(&body)).await.1["data"]["hello"], "hello world");
}

#[test]
fn unknown_and_missing_fields_are_told_so() {
    for (document, variables, said, path) in [
        (
            "{ pets(filter: { age: { to: 1 } }) { __typename } }",
            "{}",
            "`filter.age.from` is missing, expected a value of `Int!`",
            json!(["age", "from"]),
        ),
        (
            "{ pets(filter: { x: 1 }) { __typename } }",
            "{}",
            "`filter.x` is an unknown field, expected only the fields `name`, `level`, `levels`, `age`, `not`, `any`, `tags`",
            json!(["x"]),
        ),
        (
            "{ pets(filter: { levles: [LOW] }) { __typename } }",
            "{}",
            "`filter.levles` is an unknown field; did you mean `levels`?",
            json!(["levles"]),
        ),
        (
            "query ($a: PetFilter) { pets(filter: $a) { __typename } }",
            r#"{"a":{"levles":"s3cret"}}"#,
            "`$a.levles` is an unknown field; did you mean `levels`?",
            json!(["levles"]),
        ),
        (
            "query ($a: PetFilter) { pets(filter: $a) { __typename } }",
            r#"{"a":{"age":{"to":1}}}"#,
            "`$a.age.from` is missing, expected a value of `Int!`",
            json!(["age", "from"]),
        ),
        (
            "query ($a: PetFilter) { pets(filter: $a) { __typename } }",
            r#"{"a":{"age":{"from":null,"to":1}}}"#,
            "`$a.age.from` is null, expected a value of `Int!`, not null",
            json!(["age", "from"]),
        ),
    ] {
        let errors = judge(document, variables).expect_err(document);
        assert_eq!(errors[0]["message"], said, "{document}");
        assert_eq!(errors[0]["extensions"]["code"], "BAD_USER_INPUT", "{document}");
        assert_eq!(errors[0]["extensions"]["path"], path, "{document}");
    }
}
