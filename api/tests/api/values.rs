//! Values that do not fit are refused before anything is done.

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Api, answer};

const BOTH: &str = "mutation ($i: StartWorkflowInput!, $j: StartWorkflowInput!) {
    a: startWorkflow(input: $i) { created }
    b: startWorkflow(input: $j) { created }
}";

fn input(field: &str, value: impl Into<Value>) -> Value {
    json!({ "type": "echo", field: value.into() })
}

#[tokio::test]
async fn a_variable_that_does_not_fit_starts_nothing() {
    let api = Api::start().await;
    let root = api.admin();
    for (value, path, found) in [
        (input("delay", json!("1s")), json!(["delay"]), json!("1s")),
        (input("timeout", json!(5)), json!(["timeout"]), json!(5)),
        (input("startAt", json!("tomorrow")), json!(["startAt"]), json!("tomorrow")),
        (input("priority", json!(99_999_999_999_i64)), json!(["priority"]), json!(99_999_999_999_i64)),
        (input("priority", json!(1.5)), json!(["priority"]), json!(1.5)),
        (input("workflowId", json!(["a"])), json!(["workflowId"]), json!("a list")),
        (input("onConflict", json!("WAIT")), json!(["onConflict"]), json!("WAIT")),
        (input("nope", json!(1)), json!(["nope"]), json!(1)),
        (json!({ "memo": {} }), json!(["type"]), Value::Null),
        (json!({ "type": null }), json!(["type"]), Value::Null),
        (json!("echo"), json!([]), json!("echo")),
    ] {
        let error = root.error(BOTH, json!({ "i": { "type": "echo" }, "j": value })).await;
        let extensions = &error["extensions"];
        assert_eq!(extensions["code"], "BAD_USER_INPUT", "{error:#}");
        assert_eq!(extensions["variable"], "j", "{error:#}");
        assert_eq!((&extensions["path"], &extensions["found"]), (&path, &found), "{error:#}");
        assert!(extensions["allowed"].is_string(), "{error:#}");
        assert_eq!(error.get("path"), None, "{error:#}");
    }
    let runs = root.data("{ workflows { totalCount } }", json!({})).await;
    assert_eq!(runs["workflows"]["totalCount"], 0);
}

#[tokio::test]
async fn a_literal_that_does_not_fit_starts_nothing_though_a_variable_in_it_is_left_out() {
    let api = Api::start().await;
    let root = api.admin();
    for (literal, path) in [
        ("{ type: \"echo\", delay: \"1s\", memo: $memo }", "delay"),
        ("{ type: \"echo\", priority: 99999999999 }", "priority"),
        ("{ type: \"echo\", onConflict: WAIT }", "onConflict"),
        ("{ workflowId: $none, type: null }", "type"),
    ] {
        let query = format!(
            "mutation ($memo: JSON, $none: String = null) {{ ...A ...B }}
            fragment A on Mutation {{ a: startWorkflow(input: {{ type: \"echo\" }}) {{ created }} }}
            fragment B on Mutation {{ b: startWorkflow(input: {literal}) {{ created }} }}"
        );
        let error = root.error(&query, json!({})).await;
        assert_eq!(error["extensions"]["code"], "BAD_USER_INPUT", "{error:#}");
        assert_eq!(error["extensions"]["argument"], "input", "{error:#}");
        assert_eq!(error["extensions"]["path"], json!([path]), "{error:#}");
    }
    let runs = root.data("{ workflows { totalCount } }", json!({})).await;
    assert_eq!(runs["workflows"]["totalCount"], 0);
}

#[tokio::test]
async fn a_value_that_does_not_fit_is_an_error_of_the_request() {
    let api = Api::start().await;
    let body = json!({ "query": "{ workflows(first: 99999999999) { totalCount } }" });
    let request = api.admin().request(Method::POST, "/graphql").json(&body);
    let (status, answer) = answer(request.header("accept", "application/graphql-response+json")).await;
    assert_eq!((status.as_u16(), answer.get("data")), (400, None));
    let error = &answer["errors"][0];
    assert_eq!(
        error["message"],
        "`first` is 99999999999, expected an integer from -2147483648 to 2147483647"
    );
    assert_eq!(error["locations"], json!([{ "line": 1, "column": 20 }]));
}

#[tokio::test]
async fn variables_that_are_left_out_or_have_defaults_are_fine() {
    let api = Api::start().await;
    let root = api.admin();
    let query = "query ($first: Int = 5, $after: String, $one: WorkflowStatus = PENDING, $from: DateTime) {
        workflows(first: $first, after: $after, filter: { statuses: [$one], created: { from: $from } }) { totalCount }
        workflow(workflowId: \"none\") { id }
    }";
    root.data(query, json!({})).await;
    root.data(query, json!({ "from": "2026-01-01T00:00:00Z", "one": "FAILED" })).await;
    // One item stands for a list of one.
    let query = "query ($filter: WorkflowFilter) { workflows(filter: $filter) { totalCount } }";
    root.data(query, json!({ "filter": { "statuses": "FAILED", "or": { "types": ["echo"] } } })).await;
}
