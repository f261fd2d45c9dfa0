//! What a misspelled name is told, and that a server that does not tell its schema tells none of it here.

use ctutor_api::transport::guard::Limits;
use ctutor_api::transport::validation::Schema;
use ctutor_api::transport::{Introspection, Judge, Options};
use serde_json::{Value, json};

use crate::http::{json_of, post, query};
use crate::toy::Server;
use crate::validation::{SCHEMA, judge};

/// Documents and variables with a name that is almost one of the schema, and what is told of it.
const SLIPS: &[(&str, &str, &str)] = &[
    ("{ onwer { any } }", "{}", "type `Query` has no field `onwer`; did you mean `owner`?"),
    (
        "{ human { best { freinds { id } } } }",
        "{}",
        "type `Being` has no field `freinds`; did you mean `friends`?",
    ),
    (
        "{ being(id: 1) { barks } }",
        "{}",
        "type `Being` has no field `barks`; did you mean to select it in a fragment on `Dog`?",
    ),
    (
        "{ pets { lives } }",
        "{}",
        "type `Pet` has no field `lives`; did you mean to select it in a fragment on `Cat` or `Dog`?",
    ),
    ("{ beings(frist: 1) { id } }", "{}", "field `beings` has no argument `frist`; did you mean `first`?"),
    ("{ owner { any @inculde(if: true) } }", "{}", "unknown directive `@inculde`; did you mean `@include`?"),
    (
        "{ owner { any @tag(name: \"a\", levle: LOW) } }",
        "{}",
        "directive `@tag` has no argument `levle`; did you mean `level`?",
    ),
    (
        "query ($a: PetFitler) { pets(filter: $a) { __typename } }",
        "{}",
        "unknown type `PetFitler`; did you mean `PetFilter`?",
    ),
    ("{ human { ... on Humann { id } } }", "{}", "unknown type `Humann`; did you mean `Human`?"),
    (
        "{ beings(levels: MIDLE) { id } }",
        "{}",
        "`levels` is MIDLE, expected one of `LOW`, `MIDDLE`, `HIGH`; did you mean `MIDDLE`?",
    ),
    (
        "{ pets(filter: { levles: [LOW] }) { __typename } }",
        "{}",
        "`filter.levles` is an unknown field; did you mean `levels`?",
    ),
    (
        "query ($a: PetFilter) { pets(filter: $a) { __typename } }",
        r#"{"a":{"levles":[]}}"#,
        "`$a.levles` is an unknown field; did you mean `levels`?",
    ),
];

/// The same of names that the document or its variables have themselves.
const OWN_SLIPS: &[(&str, &str, &str)] = &[
    (
        "{ human { ...Naems } } fragment Names on Human { name }",
        "{}",
        "unknown fragment `Naems`; did you mean `Names`?",
    ),
    (
        "query Q($filter: PetFilter) { pets(filter: $fitler) { __typename } }",
        "{}",
        "variable `$fitler` is not defined by operation `Q`; did you mean `$filter`?",
    ),
    (
        "query ($name: String!) { human(name: $name) { id } }",
        r#"{"naem":"s3cret"}"#,
        "variable `$name` of type `String!` is required; there is a value for `naem`, did you mean `name`?",
    ),
];

fn told(errors: &Value) -> Vec<&str> {
    errors.as_array().unwrap().iter().map(|error| error["message"].as_str().unwrap()).collect()
}

#[test]
fn a_misspelled_name_is_answered_with_the_one_that_may_be_meant() {
    for (document, variables, said) in SLIPS.iter().chain(OWN_SLIPS) {
        let errors = judge(document, variables).expect_err(document);
        assert!(told(&errors).contains(said), "{document}: {errors:#}");
    }
    let errors = judge("{ nothingLikeIt }", "{}").unwrap_err();
    assert_eq!(told(&errors), ["type `Query` has no field `nothingLikeIt`"]);
}

#[test]
fn an_operation_that_is_not_there_is_told_with_those_that_are() {
    let judge = Judge::new(Schema::parse(SCHEMA).unwrap(), Limits::default());
    let document = "query Owners { owner { any } } query Beings { beings { id } }";
    for (name, said) in [
        (Some("Ownres"), "the document has no operation named `Ownres`; did you mean `Owners`?"),
        (Some("X"), "the document has no operation named `X`, expected one of `Beings`, `Owners`"),
        (
            None,
            "the document has several operations; `operationName` must name one of them: `Beings` or `Owners`",
        ),
    ] {
        let errors = judge.judge(document, name, "{}").unwrap_err();
        assert_eq!(errors[0].message, said);
    }
    let errors = judge.judge("{ owner { any } }", Some("Owners"), "{}").unwrap_err();
    let said = "the document has no operation named `Owners`: its only operation has no name; leave `operationName` out";
    assert_eq!(errors[0].message, said);
}

#[test]
fn names_of_a_schema_that_is_not_told_are_not_suggested() {
    let schema = || Schema::parse(SCHEMA).unwrap().without_introspection();
    let hidden = ["`owner`", "`friends`", "`Dog`", "`Cat`", "`first`", "include", "`level`", "`Human`"];
    let lists = ["`MIDDLE`", "`levels`", "`range`"];
    let one_of = ("{ pet(key: { id: 1, name: \"a\" }) { __typename } }", "{}", "");
    let known = ("{ pets(filter: { x: 1 }) { __typename } }", "{}", "");
    for (document, variables, _) in SLIPS.iter().chain(&[one_of, known]) {
        let errors = Judge::new(schema(), Limits::default()).judge(document, None, variables);
        let errors = json!(errors.expect_err(document));
        let text = errors.to_string();
        assert!(!text.contains("did you mean"), "{text}");
        for name in hidden.iter().chain(&lists) {
            let is_given =
                document.contains(name.trim_matches('`')) || variables.contains(name.trim_matches('`'));
            assert!(is_given || !text.contains(name), "{name}: {text}");
        }
    }
    for (document, variables, said) in OWN_SLIPS {
        let errors = Judge::new(schema(), Limits::default()).judge(document, None, variables).unwrap_err();
        assert!(errors.iter().any(|error| error.message == *said), "{errors:?}");
    }
}

#[tokio::test]
async fn a_server_without_introspection_suggests_nothing() {
    for (introspection, is_told) in [(Introspection::Enabled, true), (Introspection::Disabled, false)] {
        let server = Server::start(Options { introspection, ..Options::default() }).await;
        let (_, answer) = json_of(post(&server).json(&query("{ helo }"))).await;
        let message = answer["errors"][0]["message"].as_str().unwrap();
        assert_eq!(message.contains("did you mean `hello`?"), is_told, "{message}");
    }
}
