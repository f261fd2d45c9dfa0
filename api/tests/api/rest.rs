//! The calls of the REST twin, as scripts of the course system make them.

use std::collections::BTreeMap;

use ctutor_engine::{
    activity,
    activity::{ActivityContext, ActivityError},
    ids::TaskQueue,
    registry::Registry,
    worker::WorkerOptions,
    workflow,
    workflow::{Context, WorkflowError},
};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::harness::{Api, Person};

async fn submitted(person: &Person<'_>, body: Value) -> String {
    let (status, answer) = person.submit(&body).await;
    assert_eq!((status, &answer["status"]), (StatusCode::OK, &json!("submitted")), "{answer:#}");
    answer["task_id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_submitted_task_is_shown_with_all_its_fields() {
    let api = Api::start().await;
    let root = api.admin();
    let id = submitted(&root, json!({ "task_name": "echo", "parameters": { "text": "hello" } })).await;
    let (status, result) = root.get(&format!("/tasks/{id}/result")).await;
    assert_eq!((status, &result["status"]), (StatusCode::OK, &json!("finished")));
    assert_eq!(result["result"]["result"]["text"], "hello");
    assert_eq!(result["result"]["status"], "completed");

    let (status, task) = root.get(&format!("/tasks/{id}")).await;
    assert_eq!(status, StatusCode::OK);
    for (field, expected) in [
        ("task_id", json!(id)),
        ("workflow_id", json!(id)),
        ("task_name", json!("echo")),
        ("status", json!("finished")),
        ("status_display", json!("FINISHED")),
        ("queue", json!("computor-tasks")),
        ("worker", json!("test-worker")),
        ("retries", json!(0)),
        ("args", json!([])),
        ("kwargs", json!({ "text": "hello" })),
        ("has_result", json!(true)),
        ("result_available", json!("Yes")),
        ("error", Value::Null),
        ("progress", json!({ "percent": 100 })),
        ("short_task_id", json!(id.rsplit('-').next().unwrap())),
    ] {
        assert_eq!(task[field], expected, "{field}");
    }
    assert_eq!(task["finished_at"], task["completed_at"]);
    assert!(task["duration"].as_str().unwrap().ends_with('s'));
    assert!(task["history_length"].as_i64().unwrap() >= 2);
    assert_eq!(root.get(&format!("/tasks/{id}/status")).await.1, task);
}

#[tokio::test]
async fn a_running_task_shows_progress_and_its_result_can_be_waited_for() {
    let api = Api::start().await;
    let root = api.admin();
    let id = submitted(&root, json!({ "task_name": "counting", "parameters": { "steps": 8 } })).await;
    let (status, result) = root.get(&format!("/tasks/{id}/result?timeout=1")).await;
    assert_eq!((status, &result["status"]), (StatusCode::ACCEPTED, &json!("started")), "{result:#}");
    assert_eq!(result["result"], Value::Null);
    let progress = &result["progress"];
    assert!(progress["percent"].as_f64().unwrap() > 0.0, "{result:#}");
    assert_eq!((&progress["total"], &progress["message"]), (&json!(8), &json!("counting")));
    let (status, result) = root.get(&format!("/tasks/{id}/result")).await;
    assert_eq!((status, &result["result"]["result"]), (StatusCode::OK, &json!(8)));
}

#[tokio::test]
async fn a_failed_task_is_failed_everywhere() {
    let api = Api::start().await;
    let root = api.admin();
    let id = submitted(&root, json!({ "task_name": "failing" })).await;
    let (status, result) = root.get(&format!("/tasks/{id}/result")).await;
    assert_eq!((status, &result["status"]), (StatusCode::OK, &json!("failed")));
    let message = "Simulated failure at step 2";
    assert_eq!(
        result["result"],
        json!({ "status": "failed", "result": null, "error": message, "metadata": { "attempts": 2 } })
    );
    let (_, task) = root.get(&format!("/tasks/{id}")).await;
    assert_eq!(
        (&task["status"], &task["error"], &task["has_result"]),
        (&json!("failed"), &json!(message), &json!(true))
    );
    for (word, count) in [("FAILED", 1), ("failed", 1), ("FAILURE", 1), ("FINISHED", 0), ("CANCELLED", 0)] {
        let (_, list) = root.get(&format!("/tasks?status={word}")).await;
        assert_eq!(list["total"], count, "{word}");
        assert_eq!(list["tasks"].as_array().unwrap().len(), count, "{word}");
    }
}

#[tokio::test]
async fn the_list_is_cut_by_limit_and_offset_with_an_exact_total() {
    let api = Api::start().await;
    let root = api.admin();
    for n in 0..5 {
        submitted(&root, json!({ "task_name": "echo", "workflow_id": format!("t{n}") })).await;
    }
    let names = |list: &Value| -> Vec<String> {
        let tasks = list["tasks"].as_array().unwrap().iter();
        tasks.map(|task| task["task_id"].as_str().unwrap().to_owned()).collect()
    };
    let (_, list) = root.get("/tasks?limit=2&offset=1").await;
    assert_eq!(names(&list), ["t3", "t2"]);
    assert_eq!(
        (&list["total"], &list["limit"], &list["offset"], &list["has_more"]),
        (&json!(5), &json!(2), &json!(1), &json!(true))
    );
    let (_, list) = root.get("/tasks?limit=2&offset=4").await;
    assert_eq!((names(&list), &list["has_more"]), (vec!["t0".to_owned()], &json!(false)));
    let (_, list) = root.get("/tasks").await;
    assert_eq!((names(&list).len(), &list["limit"]), (5, &json!(100)));
}

#[tokio::test]
async fn priority_and_queue_choose_as_documented_and_an_unserved_task_stays_queued() {
    let api = Api::start().await;
    let root = api.admin();
    for (fields, queue) in [
        (json!({ "priority": 10 }), "computor-high-priority"),
        (json!({ "priority": 6 }), "computor-high-priority"),
        (json!({ "priority": 5 }), "computor-tasks"),
        (json!({ "priority": 0 }), "computor-tasks"),
        (json!({ "priority": -1 }), "computor-low-priority"),
        (json!({ "priority": 10, "queue": "testing" }), "testing"),
    ] {
        let mut body = json!({ "task_name": "waiting", "parameters": {} });
        body.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        body["task_name"] = json!("echo");
        let id = submitted(&root, body).await;
        let (_, task) = root.get(&format!("/tasks/{id}")).await;
        assert_eq!(task["queue"], queue);
        if queue != crate::harness::QUEUE {
            assert_eq!((&task["status"], &task["started_at"]), (&json!("queued"), &Value::Null));
        }
    }
    let (_, list) = root.get("/tasks?status=queued").await;
    assert_eq!(list["total"], 4);
}

#[tokio::test]
async fn a_delayed_task_is_deferred() {
    let api = Api::start().await;
    let root = api.admin();
    let id = submitted(&root, json!({ "task_name": "echo", "delay": 3600 })).await;
    let (_, task) = root.get(&format!("/tasks/{id}")).await;
    assert_eq!((&task["status"], &task["duration"]), (&json!("deferred"), &Value::Null));
    let (status, result) = root.get(&format!("/tasks/{id}/result?timeout=0")).await;
    assert_eq!((status, &result["status"]), (StatusCode::ACCEPTED, &json!("deferred")));
}

/// Waits until the status of a task is this.
async fn becomes(person: &Person<'_>, id: &str, wanted: &str) {
    let mut seen = Value::Null;
    for _ in 0..60 {
        // The answer comes when the second is over or the task has ended.
        seen = person.get(&format!("/tasks/{id}/result?timeout=1")).await.1["status"].take();
        if seen == wanted {
            return;
        }
    }
    panic!("`{id}` is still {seen}, not {wanted}");
}

/// The tasks of a list with their states.
async fn listed(person: &Person<'_>, query: &str) -> (BTreeMap<String, String>, Value) {
    let (status, list) = person.get(&format!("/tasks{query}")).await;
    assert_eq!(status, StatusCode::OK, "{list:#}");
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let tasks = list["tasks"].as_array().unwrap().iter();
    let tasks = tasks.inspect(|task| {
        assert_eq!(task["status_display"], text(&task["status"]).to_uppercase());
    });
    (tasks.map(|task| (text(&task["task_id"]), text(&task["status"]))).collect(), list)
}

#[tokio::test]
async fn open_tasks_are_queued_or_deferred_or_started_and_the_filters_share_them_out() {
    let api = Api::start().await;
    let _worker = worker_of(&api, "retrying").await;
    let root = api.admin();
    for run in [
        json!({ "workflowId": "unserved", "type": "echo", "input": {}, "taskQueue": "nobody" }),
        json!({ "workflowId": "delayed", "type": "echo", "input": {}, "delay": "PT1H" }),
        json!({ "workflowId": "sleeping", "type": "waiting", "input": null }),
        json!({ "workflowId": "retrying", "type": "retrying", "input": null, "taskQueue": "retrying" }),
        json!({ "workflowId": "counting", "type": "counting", "input": { "steps": 10_000 } }),
        json!({ "workflowId": "ended", "type": "echo", "input": {} }),
        json!({ "workflowId": "stopped", "type": "echo", "input": {}, "delay": "PT1H" }),
    ] {
        root.started(run).await;
    }
    root.rest(Method::DELETE, "/tasks/stopped/cancel").await;
    let expected = [
        ("counting", "started"),
        ("delayed", "deferred"),
        ("ended", "finished"),
        ("retrying", "deferred"),
        ("sleeping", "deferred"),
        ("stopped", "cancelled"),
        ("unserved", "queued"),
    ]
    .map(|(id, status)| (id.to_owned(), status.to_owned()));
    for (id, status) in &expected {
        becomes(&root, id, status).await;
    }

    let (all, list) = listed(&root, "").await;
    assert_eq!((&all, &list["total"]), (&BTreeMap::from(expected), &json!(7)));
    for word in ["queued", "deferred", "started", "finished", "cancelled", "failed"] {
        let (found, list) = listed(&root, &format!("?status={word}")).await;
        let of_word = all.iter().filter(|(_, status)| *status == word);
        let wanted: BTreeMap<_, _> = of_word.map(|(id, status)| (id.clone(), status.clone())).collect();
        assert_eq!((&found, &list["total"]), (&wanted, &json!(wanted.len())), "{word}");
    }
    let mut deferred = BTreeMap::new();
    for offset in 0..3 {
        let (found, list) = listed(&root, &format!("?status=DEFERRED&limit=1&offset={offset}")).await;
        assert_eq!((&list["total"], &list["has_more"]), (&json!(3), &json!(offset < 2)));
        deferred.extend(found);
    }
    assert_eq!(deferred.keys().collect::<Vec<_>>(), ["delayed", "retrying", "sleeping"]);
    let (_, task) = root.get("/tasks/retrying").await;
    assert_eq!((&task["status_display"], &task["retries"]), (&json!("DEFERRED"), &json!(1)));
}

#[tokio::test]
async fn a_task_that_has_ended_still_tells_its_retries_and_who_ran_it_last() {
    let api = Api::start().await;
    let _workers = (worker_of(&api, "recovering").await, worker_of(&api, "settling").await);
    let root = api.admin();
    let run = json!({ "workflowId": "x", "type": "recovering", "input": null, "taskQueue": "recovering" });
    assert_eq!(root.finished(&root.started(run).await).await["status"], "finished");
    let (_, task) = root.get("/tasks/x").await;
    assert_eq!((&task["retries"], &task["worker"]), (&json!(2), &json!("worker-of-settling")));
    let (_, list) = root.get("/tasks").await;
    assert_eq!(list["tasks"][0]["retries"], Value::Null);
}

/// A worker of a queue of its own.
async fn worker_of(api: &Api, queue: &str) -> DropGuard {
    let registry = Registry::new()
        .workflow::<Retrying>()
        .workflow::<Recovering>()
        .activity(fail)
        .activity(recover)
        .activity(settle);
    let options = WorkerOptions {
        identity: format!("worker-of-{queue}"),
        task_queues: vec![TaskQueue::trusted(queue)],
        ..WorkerOptions::default()
    };
    let worker = api.engine.worker(registry, options);
    let shutdown = CancellationToken::new();
    let mut handle = worker.handle();
    tokio::spawn(worker.run(shutdown.clone()));
    handle.ready().await;
    shutdown.drop_guard()
}

/// Waits an hour for the second attempt of its activity.
#[derive(Debug, Default)]
struct Retrying;

#[workflow(name = "retrying")]
impl Retrying {
    #[run]
    async fn run(ctx: &Context<Self>) -> Result<(), WorkflowError> {
        Ok(ctx.activity(fail, ()).await?)
    }
}

#[activity(start_to_close = "1m", retry(initial = "1h", max_attempts = 2))]
async fn fail(_: &ActivityContext, (): ()) -> Result<(), ActivityError> {
    Err(ActivityError::retryable("Simulated", "the first attempt fails"))
}

#[derive(Debug, Default)]
struct Recovering;

#[workflow(name = "recovering")]
impl Recovering {
    #[run]
    async fn run(ctx: &Context<Self>) -> Result<(), WorkflowError> {
        ctx.activity(recover, ()).await?;
        Ok(ctx.activity(settle, ()).await?)
    }
}

#[activity(start_to_close = "1m", retry(initial = "1ms", max_attempts = 3))]
async fn recover(ctx: &ActivityContext, (): ()) -> Result<(), ActivityError> {
    match ctx.info().attempt {
        3 => Ok(()),
        _ => Err(ActivityError::retryable("Simulated", "the first attempts fail")),
    }
}

#[activity(queue = "settling", start_to_close = "1m")]
async fn settle(_: &ActivityContext, (): ()) -> Result<(), ActivityError> {
    Ok(())
}

#[tokio::test]
async fn a_task_is_cancelled_once_and_then_deleted() {
    let api = Api::start().await;
    let root = api.admin();
    let id = root.started(json!({ "type": "waiting", "input": null })).await["workflowId"].take();
    let path = format!("/tasks/{}", id.as_str().unwrap());
    let (status, error) = root.rest(Method::DELETE, &path).await;
    assert_eq!((status, &error["error"]["code"]), (StatusCode::CONFLICT, &json!("TASK_002")));
    let (status, answer) = root.rest(Method::DELETE, &format!("{path}/cancel")).await;
    assert_eq!((status, &answer["status"], &answer["task_id"]), (StatusCode::OK, &json!("cancelled"), &id));
    let (_, result) = root.get(&format!("{path}/result")).await;
    assert_eq!((&result["status"], &result["result"]), (&json!("cancelled"), &Value::Null));
    let (status, answer) = root.rest(Method::DELETE, &format!("{path}/cancel")).await;
    assert_eq!((status, &answer["message"]), (StatusCode::OK, &json!("the task had ended before")));
    let (status, answer) = root.rest(Method::DELETE, &path).await;
    assert_eq!((status, &answer["status"]), (StatusCode::OK, &json!("deleted")));
    assert_eq!(root.get(&path).await.0, StatusCode::NOT_FOUND);
    assert_eq!(root.get("/tasks").await.1["total"], 0);
}

#[tokio::test]
async fn cancelling_a_finished_task_tells_how_it_ended() {
    let api = Api::start().await;
    let root = api.admin();
    let run = root.started(json!({ "type": "echo", "workflowId": "done" })).await;
    root.finished(&run).await;
    let (status, answer) = root.rest(Method::DELETE, "/tasks/done/cancel").await;
    assert_eq!((status, &answer["status"]), (StatusCode::OK, &json!("finished")));
}

#[tokio::test]
async fn types_and_workers_are_reached_past_the_routes_with_an_id() {
    let api = Api::start().await;
    let root = api.admin();
    let (status, types) = root.get("/tasks/types").await;
    let expected = json!([
        "counting",
        "echo",
        "elsewhere",
        "failing",
        "mirror",
        "repeating",
        "repeating_then_waiting",
        "student_testing",
        "waiting"
    ]);
    assert_eq!((status, types), (StatusCode::OK, expected));
    let (status, answer) = root.get("/tasks/workers/status").await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(
        (&answer["backend"], &answer["status"], &answer["broker_status"]),
        (&json!("ctutor"), &json!("healthy"), &json!("connected"))
    );
    let worker = &answer["workers"][0];
    assert_eq!((&worker["identity"], &worker["queues"]), (&json!("test-worker"), &json!(["computor-tasks"])));
    assert!(worker["task_types"].as_array().unwrap().contains(&json!("echo")));
    assert!(worker["last_seen_at"].is_string() && worker["slots"].as_i64().unwrap() > 0);
}

#[tokio::test]
async fn every_workflow_id_can_be_reached_and_every_unknown_one_is_unknown() {
    let api = Api::start().await;
    let root = api.admin();
    let uuid = "0190c0de-0000-7000-8000-000000000001";
    let run_shaped = format!("wfr_{uuid}");
    let ids = [
        "types",
        "submit",
        "workers",
        ".",
        "..",
        "a/b",
        "a?b#c",
        "%2F",
        "%",
        "+",
        "a b",
        "ü",
        "-x",
        "id",
        uuid,
        &run_shaped,
    ];
    let query = |path: &str, id: &str| {
        let id: String = url::form_urlencoded::byte_serialize(id.as_bytes()).collect();
        format!("{path}?id={id}")
    };
    for id in ids {
        let (status, answer) = root.get(&query("/task", id)).await;
        assert_eq!(
            (status, &answer["error"]["code"]),
            (StatusCode::NOT_FOUND, &json!("TASK_001")),
            "{id}: {answer}"
        );
        assert_eq!(submitted(&root, json!({ "task_name": "echo", "workflow_id": id })).await, id);
        let (status, result) = root.get(&format!("{}&timeout=60", query("/task/result", id))).await;
        assert_eq!((status, &result["task_id"]), (StatusCode::OK, &json!(id)));
        for path in ["/task", "/task/status"] {
            let (status, task) = root.get(&query(path, id)).await;
            assert_eq!((status, &task["task_id"]), (StatusCode::OK, &json!(id)));
        }
        assert_eq!(root.rest(Method::DELETE, &query("/task/cancel", id)).await.0, StatusCode::OK, "{id}");
        assert_eq!(root.rest(Method::DELETE, &query("/task", id)).await.0, StatusCode::OK, "{id}");
    }
    let long = "x".repeat(1_000);
    for path in [
        query("/task", ""),
        query("/task", &long),
        query("/task", "\u{0}"),
        "/tasks/%FF".into(),
        "/tasks/%00".into(),
    ] {
        let (status, answer) = root.get(&path).await;
        assert_eq!(
            (status, &answer["error"]["code"]),
            (StatusCode::NOT_FOUND, &json!("TASK_001")),
            "{path}: {answer}"
        );
    }
    for path in ["/task", "/task?id=a&id=b", "/task?id=a&x=1", "/tasks/a?id=b"] {
        assert_eq!(root.get(path).await.0, StatusCode::BAD_REQUEST, "{path}");
    }
}

#[tokio::test]
async fn bytes_that_are_not_utf8_name_no_other_task() {
    let api = Api::start().await;
    let root = api.admin();
    let replaced = json!({ "task_name": "echo", "workflow_id": "\u{fffd}" });
    assert_eq!(submitted(&root, replaced).await, "\u{fffd}");
    for (method, path, name) in [
        (Method::GET, "/task?id=%ff", "id"),
        (Method::DELETE, "/task?id=%ff", "id"),
        (Method::DELETE, "/task/cancel?id=%ff", "id"),
        (Method::GET, "/tasks?status=%c3", "status"),
        (Method::GET, "/tasks/x/result?timeout=1%ff", "timeout"),
    ] {
        let (status, answer) = root.rest(method, path).await;
        assert_eq!(
            (status, &answer["error"]["code"], &answer["error"]["details"]["field"]),
            (StatusCode::BAD_REQUEST, &json!("VAL_001"), &json!(name)),
            "{path}: {answer}"
        );
    }
    assert_eq!(root.get("/task?id=%EF%BF%BD").await.0, StatusCode::OK);
}
