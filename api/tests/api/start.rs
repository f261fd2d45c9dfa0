use ctutor_api::{Options, Policy};
use serde_json::{Value, json};

use crate::harness::{Api, Person};

async fn count(person: &Person<'_>) -> Value {
    person.data("{ workflows { totalCount } }", json!({})).await["workflows"]["totalCount"].take()
}

/// Code and path of the only user error.
async fn refused(person: &Person<'_>, input: Value) -> (String, String, String) {
    let payload = person.start(input).await;
    assert_eq!((&payload["workflow"], &payload["created"]), (&Value::Null, &json!(false)), "{payload:#}");
    let error = &payload["userErrors"][0];
    let path: Vec<_> = error["path"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    (text(&error["code"]), path.join("."), text(&error["message"]))
}

#[tokio::test]
async fn a_started_workflow_runs_to_its_result() {
    let api = Api::start().await;
    let root = api.admin();
    let payload = root.start(json!({ "type": "echo", "input": { "text": "hello", "z": 1, "a": 2.0 } })).await;
    assert_eq!((&payload["created"], &payload["userErrors"]), (&json!(true), &json!([])));
    let run = &payload["workflow"];
    let workflow_id = run["workflowId"].as_str().unwrap();
    assert!(workflow_id.starts_with("echo-") && workflow_id.len() == "echo-".len() + 36, "{workflow_id}");
    assert_eq!((&run["owner"], &run["status"]), (&json!("root"), &json!("PENDING")));
    root.finished(run).await;
    let query = "query ($id: String!) { workflow(workflowId: $id) {
        status input result failure { message } closedAt startedAt historyLength workerIdentity pendingActivities { id }
    } }";
    let mut found = root.data(query, json!({ "id": workflow_id })).await["workflow"].take();
    assert!(found["closedAt"].is_string() && found["startedAt"].is_string(), "{found:#}");
    // Keys keep their order and numbers their form.
    assert_eq!(found["input"].to_string(), r#"{"text":"hello","z":1,"a":2.0}"#);
    assert_eq!(found["result"].take(), json!({ "text": "hello" }));
    assert_eq!((&found["status"], &found["failure"]), (&json!("COMPLETED"), &Value::Null));
    assert_eq!(found["workerIdentity"], "test-worker");
}

#[tokio::test]
async fn what_is_wrong_is_told_with_its_path_and_nothing_is_stored() {
    let api = Api::start().await;
    let root = api.admin();
    let echo = |fields: Value| {
        let mut input = json!({ "type": "echo" });
        input.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        input
    };
    let (code, path, message) = refused(&root, json!({ "type": "nope" })).await;
    assert_eq!((code.as_str(), path.as_str()), ("INVALID", "input.type"));
    assert!(message.contains("`nope`") && message.contains("counting"), "{message}");
    let (_, _, message) = refused(&root, json!({ "type": "conuting" })).await;
    let expected = "workflow type `conuting` is not registered; did you mean `counting`? registered types: ";
    assert!(message.starts_with(expected), "{message}");
    let counting = json!({ "type": "counting", "input": { "steps": "many" } });
    let (code, path, _) = refused(&root, counting).await;
    assert_eq!((code.as_str(), path.as_str()), ("INVALID", "input.input.steps"));
    for (fields, expected) in [
        (json!({ "priority": 101 }), "input.priority"),
        (json!({ "priority": -101 }), "input.priority"),
        (json!({ "workflowId": " " }), "input.workflowId"),
        (json!({ "taskQueue": "" }), "input.taskQueue"),
        (json!({ "memo": [] }), "input.memo"),
        (json!({ "searchAttributes": "x" }), "input.searchAttributes"),
        (json!({ "timeout": "PT0S" }), "input.timeout"),
        (json!({ "startAt": "2030-01-01T00:00:00Z", "delay": "PT1S" }), "input.delay"),
        (json!({ "delay": "P99999D" }), "input.delay"),
        (json!({ "idempotencyKey": "" }), "input.idempotencyKey"),
    ] {
        let (code, path, message) = refused(&root, echo(fields)).await;
        assert_eq!((code.as_str(), path.as_str()), ("INVALID", expected), "{message}");
    }
    assert_eq!(count(&root).await, 0);
}

#[tokio::test]
async fn an_input_that_is_too_large_is_refused_with_its_bound() {
    let api = Api::start().await;
    let text = "x".repeat(api.engine.client().limits().payload_size_bytes_max);
    let (code, path, message) =
        refused(&api.admin(), json!({ "type": "echo", "input": { "text": text } })).await;
    assert_eq!((code.as_str(), path.as_str()), ("INVALID", "input.input"));
    assert!(message.contains("at most"), "{message}");
}

#[tokio::test]
async fn a_workflow_id_is_used_once_and_the_refusal_names_the_first_run() {
    let api = Api::start().await;
    let root = api.admin();
    let first = root.started(json!({ "type": "waiting", "input": null, "workflowId": "nightly" })).await;
    let again = json!({ "type": "waiting", "input": null, "workflowId": "nightly" });
    let (code, path, message) = refused(&root, again.clone()).await;
    assert_eq!((code.as_str(), path.as_str()), ("ALREADY_RUNNING", "input.workflowId"));
    assert!(message.contains(first["id"].as_str().unwrap()), "{message}");

    let mut existing = again.clone();
    existing["onConflict"] = json!("USE_EXISTING");
    let payload = root.start(existing).await;
    assert_eq!((&payload["workflow"]["id"], &payload["created"]), (&first["id"], &json!(false)));

    let terminate = "mutation ($input: StopWorkflowInput!) { terminateWorkflow(input: $input) { changed } }";
    root.data(terminate, json!({ "input": { "workflow": { "workflowId": "nightly" } } })).await;
    let (code, _, message) = refused(&root, again.clone()).await;
    assert_eq!(code, "CONFLICT");
    assert!(message.contains(first["id"].as_str().unwrap()), "{message}");
    assert_eq!(count(&root).await, 1);

    let mut allowed = again;
    allowed["reusePolicy"] = json!("ALLOW_DUPLICATE_FAILED_ONLY");
    assert_ne!(root.started(allowed).await["id"], first["id"]);
}

#[tokio::test]
async fn an_idempotency_key_gives_the_same_run_for_the_same_input_only() {
    let api = Api::start().await;
    let root = api.admin();
    let input = json!({ "type": "echo", "input": { "text": "a" }, "idempotencyKey": "k1" });
    let first = root.start(input.clone()).await;
    let second = root.start(input.clone()).await;
    assert_eq!(first["workflow"]["id"], second["workflow"]["id"]);
    assert_eq!((&first["created"], &second["created"]), (&json!(true), &json!(false)));
    let mut other = input;
    other["input"] = json!({ "text": "b" });
    let (code, path, _) = refused(&root, other).await;
    assert_eq!((code.as_str(), path.as_str()), ("IDEMPOTENCY_MISMATCH", "input.idempotencyKey"));
    assert_eq!(count(&root).await, 1);
}

#[tokio::test]
async fn the_queue_is_chosen_as_the_course_system_does() {
    let api = Api::start().await;
    let root = api.admin();
    for (input, queue) in [
        (json!({ "type": "echo", "priority": 10 }), "computor-high-priority"),
        (json!({ "type": "echo", "priority": 6 }), "computor-high-priority"),
        (json!({ "type": "echo", "priority": 5 }), "computor-tasks"),
        (json!({ "type": "echo" }), "computor-tasks"),
        (json!({ "type": "echo", "priority": -1 }), "computor-low-priority"),
        (json!({ "type": "echo", "priority": 10, "taskQueue": "testing" }), "testing"),
        (json!({ "type": "echo", "priority": 10, "taskQueue": "computor-tasks" }), "computor-tasks"),
        (json!({ "type": "elsewhere" }), "elsewhere"),
        (json!({ "type": "elsewhere", "priority": 10 }), "elsewhere"),
    ] {
        assert_eq!(root.started(input.clone()).await["taskQueue"], queue, "{input}");
    }
}

#[tokio::test]
async fn users_start_what_the_policy_names_and_nothing_else() {
    let api = Api::start().await;
    let ada = api.user("ada");
    let (code, path, message) = refused(&ada, json!({ "type": "echo" })).await;
    assert_eq!((code.as_str(), path.as_str()), ("FORBIDDEN", "input.type"));
    assert_eq!(message, "only administrators may start `echo`");
    for kind in ["nope", "student_tesitng"] {
        let told = refused(&ada, json!({ "type": kind })).await;
        assert_eq!(told, refused(&api.admin(), json!({ "type": kind })).await);
        assert_eq!((told.0.as_str(), told.1.as_str()), ("INVALID", "input.type"));
        assert_eq!(told.2.contains("did you mean `student_testing`?"), kind != "nope", "{}", told.2);
    }
    let malformed = json!({ "type": "student_testing", "input": { "reference": { "url": 1 } } });
    let (code, path, message) = refused(&ada, malformed).await;
    assert_eq!((code.as_str(), path.as_str()), ("INVALID", "input.input.reference.url"));
    assert_eq!(message, "the URL of a repository must be a string, found a number");
    assert_eq!(count(&api.admin()).await, 0);
    let run = ada.started(json!({ "type": "student_testing" })).await;
    assert_eq!(run["owner"], "ada");
    let secret =
        json!({ "url": "https://git.example/a.git", "commit": "main", "credential": { "secret": "s" } });
    let far = json!({ "type": "student_testing", "input": { "reference": secret } });
    let (code, path, _) = refused(&ada, far).await;
    assert_eq!((code.as_str(), path.as_str()), ("FORBIDDEN", "input.input.reference.credential"));
    assert_eq!(count(&api.admin()).await, 1);

    let policy = Policy { user_may_start: vec!["*".to_owned()] };
    let open = Api::start_with(Options { policy, ..Options::default() }).await;
    open.user("ada").started(json!({ "type": "echo" })).await;
}

#[tokio::test]
async fn a_delay_puts_the_start_off() {
    let api = Api::start().await;
    let root = api.admin();
    let run = root.started(json!({ "type": "echo", "delay": "PT1H" })).await;
    assert_eq!(run["status"], "PENDING");
    assert!(run["startAt"].is_string());
    let (_, task) = root.get(&format!("/tasks/{}", run["workflowId"].as_str().unwrap())).await;
    assert_eq!((&task["status"], &task["status_display"]), (&json!("deferred"), &json!("DEFERRED")));
    assert_eq!(task["execution_time"], run["startAt"]);
}

#[tokio::test]
async fn malformed_scalars_are_errors_of_the_request() {
    let api = Api::start().await;
    let root = api.admin();
    let start = "mutation ($input: StartWorkflowInput!) { startWorkflow(input: $input) { created } }";
    for field in [json!({ "delay": "P1M" }), json!({ "delay": 5 }), json!({ "startAt": "tomorrow" })] {
        let mut input = json!({ "type": "echo" });
        input.as_object_mut().unwrap().extend(field.as_object().unwrap().clone());
        let error = root.error(start, json!({ "input": input })).await;
        assert_eq!(error["extensions"]["code"], "BAD_USER_INPUT", "{error:#}");
    }
}
