//! What the REST twin refuses, and in which words.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::harness::{Api, answer};

#[tokio::test]
async fn a_wrong_submission_is_refused_and_nothing_is_stored() {
    let api = Api::start().await;
    let root = api.admin();
    for (body, part) in [
        (json!({ "task_name": "nope" }), "`nope`"),
        (json!([]), "JSON object"),
        (
            json!({ "task_name": "echo", "colour": 1, "paramters": {} }),
            "unknown fields: `colour`, `paramters`; did you mean `parameters`? Expected only `task_name`, `parameters`, \
             `queue`, `workflow_id`, `delay`, `priority`",
        ),
        (json!({}), "`task_name` is missing, expected the name of a workflow type"),
        (json!({ "task_name": 5 }), "`task_name` is `5`, expected a string"),
        (
            json!({ "task_name": "echo", "parameters": [] }),
            "`parameters` is an array, expected a JSON object",
        ),
        (
            json!({ "task_name": "echo", "delay": "5 minutes" }),
            "`delay` is a string, expected a number of seconds from 0",
        ),
        (
            json!({ "task_name": "echo", "delay": -1 }),
            "`delay` is `-1`, expected a number of seconds from 0 to 316224000",
        ),
        (
            json!({ "task_name": "echo", "priority": 1.5 }),
            "`priority` is `1.5`, expected an integer from -100 to 100",
        ),
        (json!({ "task_name": "echo", "priority": "high" }), "`priority` is a string, expected an integer"),
        (
            json!({ "task_name": "echo", "priority": 101 }),
            "`priority`: expected an integer from -100 to 100, found 101",
        ),
        (json!({ "task_name": "echo", "workflow_id": "" }), "`workflow_id`"),
        (json!({ "task_name": "echo", "queue": " " }), "`queue`"),
    ] {
        let (status, error) = root.submit(&body).await;
        assert_eq!((status, &error["error"]["code"]), (StatusCode::BAD_REQUEST, &json!("VAL_001")), "{body}");
        let message = error["error"]["message"].as_str().unwrap();
        assert!(message.contains(part), "{body}: {message}");
        assert_eq!(error["detail"], message);
    }
    assert_eq!(root.get("/tasks").await.1["total"], 0);
}

#[tokio::test]
async fn parameters_that_the_type_does_not_take_are_named_and_not_repeated() {
    let api = Api::start().await;
    let root = api.admin();
    for (body, part) in [
        (json!({ "task_name": "echo", "parameters": { "text": 5 } }), "`parameters.text`"),
        (
            json!({ "task_name": "repeating", "parameters": { "text": "a", "times": 1, "tiems": "s3cret" } }),
            "`parameters.tiems`: unknown field; did you mean `times`?",
        ),
        (
            json!({ "task_name": "repeating", "parameters": { "text": "a", "times": "s3cret" } }),
            "`parameters.times`: expected an integer, found a string",
        ),
        (
            json!({ "task_name": "repeating", "parameters": { "text": "s3cret" } }),
            "`parameters`: `times` is missing, expected an integer",
        ),
    ] {
        let (status, error) = root.submit(&body).await;
        assert_eq!((status, &error["error"]["code"]), (StatusCode::BAD_REQUEST, &json!("VAL_001")), "{body}");
        let message = error["error"]["message"].as_str().unwrap();
        assert!(message.contains(part), "{body}: {message}");
        assert!(!message.contains("s3cret"), "{message}");
    }
    assert_eq!(root.get("/tasks").await.1["total"], 0);
}

#[tokio::test]
async fn a_body_that_is_no_json_object_is_refused_at_its_place() {
    let api = Api::start().await;
    let root = api.admin();
    for (text, told) in [
        (" ", "the body is empty, expected a JSON object"),
        ("null", "the body is null, expected a JSON object"),
        ("[{\"task_name\": \"echo\"}]", "the body is an array, expected a JSON object"),
        ("\"echo\"", "the body is a string, expected a JSON object"),
        (
            "{",
            "the body is not JSON: expected a key in double quotes or `}`, found the end of the text (the `{` of line 1,",
        ),
        (
            "{\"a\":{\"b\":1",
            "the body is not JSON: expected `,` or `}`, found the end of the text (the `{` of line 1, column 6",
        ),
        (
            "{\"a\":[1,]}",
            "the body is not JSON: expected a JSON value, found `]` at line 1, column 9; remove the comma in",
        ),
        (
            "\u{feff}{}",
            "the body is not JSON: expected a JSON value, found a byte order mark (U+FEFF) at line 1, column 1",
        ),
        (
            "{\"a\":\n-Infinity}",
            "the body is not JSON: expected a JSON value, found `-` at line 2, column 1; JSON has finite",
        ),
        (
            "{\"task_name\":\"a\",\"task_name\":\"b\"}",
            "`task_name`: the key `task_name` appears twice in one object",
        ),
    ] {
        let (status, error) = answer(root.request(Method::POST, "/tasks/submit").body(text)).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{text:?}");
        let message = error["error"]["message"].as_str().unwrap();
        assert!(message.starts_with(told), "{text:?}: {message}");
    }
    assert_eq!(root.get("/tasks").await.1["total"], 0);
}

#[tokio::test]
async fn a_body_that_is_too_large_is_refused() {
    let api = Api::start().await;
    let text = "x".repeat(api.engine.client().limits().payload_size_bytes_max);
    let body = json!({ "task_name": "echo", "parameters": { "text": text } });
    let (status, error) = api.admin().submit(&body).await;
    assert_eq!((status, &error["error"]["code"]), (StatusCode::PAYLOAD_TOO_LARGE, &json!("VAL_002")));
    let body = json!({ "task_name": "echo", "parameters": { "text": text.repeat(2) } });
    assert_eq!(api.admin().submit(&body).await.0, StatusCode::PAYLOAD_TOO_LARGE);
}

#[tokio::test]
async fn a_second_submission_of_an_id_is_a_conflict_that_names_the_first() {
    let api = Api::start().await;
    let root = api.admin();
    let body = json!({ "task_name": "echo", "workflow_id": "twice" });
    assert_eq!(root.submit(&body).await.0, StatusCode::OK);
    let (_, first) = root.get("/tasks/twice").await;
    let (status, error) = root.submit(&body).await;
    assert_eq!((status, &error["error"]["code"]), (StatusCode::CONFLICT, &json!("TASK_002")));
    assert_eq!(error["error"]["details"], json!({ "task_id": "twice", "run_id": first["run_id"] }));
    assert!(error["detail"].as_str().unwrap().contains(first["run_id"].as_str().unwrap()));
    assert_eq!(root.get("/tasks").await.1["total"], 1);
}

#[tokio::test]
async fn users_submit_only_what_the_policy_names() {
    let api = Api::start().await;
    let ada = api.user("ada");
    let (status, error) = ada.submit(&json!({ "task_name": "echo" })).await;
    assert_eq!((status, &error["error"]["code"]), (StatusCode::FORBIDDEN, &json!("AUTHZ_001")));
    assert_eq!(api.admin().get("/tasks").await.1["total"], 0);
    let keyed = json!({ "reference": { "url": "ssh://git@git.example/a.git", "commit": "main" } });
    let far = json!({ "task_name": "student_testing", "parameters": keyed });
    let (status, error) = ada.submit(&far).await;
    assert_eq!((status, &error["error"]["code"]), (StatusCode::FORBIDDEN, &json!("AUTHZ_001")));
    assert_eq!(ada.submit(&json!({ "task_name": "student_testing" })).await.0, StatusCode::OK);
}

#[tokio::test]
async fn wrong_parameters_are_refused_by_name() {
    let api = Api::start().await;
    let root = api.admin();
    for (query, name) in [
        ("limit=0", "limit"),
        ("limit=1001", "limit"),
        ("limit=ten", "limit"),
        ("offset=-1", "offset"),
        ("status=LOST", "status"),
        ("status=", "status"),
        ("status=RETRY", "status"),
        ("limit=1&limit=2", "limit"),
    ] {
        let (status, error) = root.get(&format!("/tasks?{query}")).await;
        assert_eq!(
            (status, &error["error"]["code"]),
            (StatusCode::BAD_REQUEST, &json!("VAL_001")),
            "{query}"
        );
        assert_eq!(error["error"]["details"]["field"], name, "{query}");
    }
    for (query, told) in [
        ("limit=ten", "`limit` is `ten`, expected an integer from 1 to 1000"),
        ("limit=", "`limit` is empty, expected an integer from 1 to 1000"),
        ("limit=1&limit=2", "`limit` is given twice; send it once"),
        ("status=QUEUDE", "did you mean `queued`?"),
    ] {
        let (_, error) = root.get(&format!("/tasks?{query}")).await;
        let message = error["error"]["message"].as_str().unwrap();
        assert!(message.contains(told), "{query}: {message}");
    }
    let (_, error) = root.get("/tasks/x/result?timeout=1.5").await;
    assert_eq!(error["detail"], "`timeout` is `1.5`, expected a whole number of seconds from 0 to 300");
    let (_, error) = root.get("/tasks?status=LOST").await;
    let allowed = error["error"]["details"]["allowed"].as_array().unwrap();
    assert!(allowed.contains(&json!("queued")) && allowed.contains(&json!("revoked")), "{error:#}");
    root.started(json!({ "type": "echo", "workflowId": "x" })).await;
    assert_eq!(root.get("/tasks/x/result?timeout=301").await.0, StatusCode::BAD_REQUEST);
    assert_eq!(root.get("/tasks?limit=1&offset=0").await.0, StatusCode::OK);
    assert_eq!(root.get("/tasks?limit=1000").await.0, StatusCode::OK);
}

#[tokio::test]
async fn unknown_parameters_are_refused_by_every_call() {
    let api = Api::start().await;
    let root = api.admin();
    root.started(json!({ "type": "waiting", "input": null, "workflowId": "x" })).await;
    for (method, path, known) in [
        (Method::GET, "/tasks", "; did you mean `status`? Expected only `limit`, `offset`, `status`"),
        (Method::GET, "/tasks/x/result", "; expected only `timeout`"),
        (Method::GET, "/tasks/x", "; this call takes none"),
        (Method::GET, "/tasks/x/status", "; this call takes none"),
        (Method::GET, "/tasks/types", "; this call takes none"),
        (Method::GET, "/tasks/workers/status", "; this call takes none"),
        (Method::POST, "/tasks/submit", "; this call takes none"),
        (Method::DELETE, "/tasks/x/cancel", "; this call takes none"),
        (Method::DELETE, "/tasks/x", "; this call takes none"),
    ] {
        let (status, error) = root.rest(method, &format!("{path}?stauts=FAILED&b=1")).await;
        assert_eq!((status, &error["error"]["code"]), (StatusCode::BAD_REQUEST, &json!("VAL_001")), "{path}");
        assert_eq!(error["error"]["details"]["fields"], json!(["stauts", "b"]), "{path}");
        let message = error["error"]["message"].as_str().unwrap();
        assert!(message.ends_with(&format!("unknown parameters: `stauts`, `b`{known}")), "{message}");
    }
    assert_ne!(root.get("/tasks/x").await.1["status"], "cancelled");
}

#[tokio::test]
async fn ids_of_every_other_kind_are_reached() {
    let api = Api::start().await;
    let root = api.admin();
    for (id, path) in [("a/b", "a%2Fb"), ("type", "type"), ("status", "status"), ("ä ?", "%C3%A4%20%3F")] {
        let (status, _) = root.submit(&json!({ "task_name": "echo", "workflow_id": id })).await;
        assert_eq!(status, StatusCode::OK, "{id}");
        assert_eq!(root.get(&format!("/tasks/{path}")).await.1["task_id"], id);
        assert_eq!(root.get(&format!("/tasks/{path}/result")).await.1["task_id"], id);
    }
}

#[tokio::test]
async fn unknown_tasks_paths_and_methods_are_told_apart() {
    let api = Api::start().await;
    let root = api.admin();
    let long = "x".repeat(300);
    for id in ["none", long.as_str(), "%00", "%20"] {
        let (status, error) = root.get(&format!("/tasks/{id}")).await;
        assert_eq!((status, &error["error"]["code"]), (StatusCode::NOT_FOUND, &json!("TASK_001")), "{id}");
    }
    let (status, error) = root.get("/tasks/a/b/c").await;
    assert_eq!((status, &error["error"]["code"]), (StatusCode::NOT_FOUND, &json!("HTTP_404")));
    let (status, error) = root.rest(Method::PUT, "/tasks/none").await;
    assert_eq!((status, &error["error"]["code"]), (StatusCode::METHOD_NOT_ALLOWED, &json!("HTTP_405")));
    assert_eq!(error["error"].get("details"), None::<&Value>);
    for (method, path, allow) in [
        (Method::PUT, "/tasks/none", "DELETE,GET,HEAD"),
        (Method::POST, "/tasks", "GET,HEAD"),
        (Method::GET, "/tasks/submit", "POST"),
    ] {
        let response = root.request(method.clone(), path).send().await.unwrap();
        let mut allowed: Vec<_> =
            response.headers()["allow"].to_str().unwrap().split(',').map(str::to_owned).collect();
        allowed.sort();
        assert_eq!(allowed.join(","), allow, "{path}");
        let error: Value = response.json().await.unwrap();
        let told =
            format!("`{method}` is not supported by `{path}`; the header `Allow` lists the methods that are");
        assert_eq!(error["detail"], told);
    }
    for (path, told) in [
        ("/taks/submit", "the path `/taks/submit` does not exist; did you mean `/tasks/submit`?"),
        ("/graphq", "the path `/graphq` does not exist; did you mean `/graphql`?"),
        ("/nothing", "the path `/nothing` does not exist"),
    ] {
        let (status, error) = root.get(path).await;
        assert_eq!((status, &error["detail"]), (StatusCode::NOT_FOUND, &json!(told)));
    }
}
