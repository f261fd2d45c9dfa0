//! How long the lists of the REST twin may be, in tasks and in bytes.

use ctutor_api::Options;
use ctutor_engine::client::Limits;
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::harness::{Api, Person};

async fn submit(person: &Person<'_>, id: &str, text: &str) {
    let body = json!({ "task_name": "echo", "workflow_id": id, "parameters": { "text": text } });
    assert_eq!(person.submit(&body).await.0, StatusCode::OK);
}

fn ids(list: &Value) -> Vec<&str> {
    list["tasks"].as_array().unwrap().iter().map(|task| task["task_id"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_list_leaves_out_large_inputs_and_the_task_itself_has_them() {
    let api = Api::start().await;
    let root = api.admin();
    let large = "x".repeat(1_000_000);
    for id in ["large-1", "large-2", "large-3"] {
        submit(&root, id, &large).await;
    }
    submit(&root, "small", "x").await;
    let (_, list) = root.get("/tasks").await;
    assert!(list.to_string().len() < 20_000, "the list has {} bytes", list.to_string().len());
    assert_eq!(ids(&list), ["small", "large-3", "large-2", "large-1"]);
    let (small, row) = (&list["tasks"][0], &list["tasks"][1]);
    assert_eq!((&small["kwargs"], &small["truncated"]), (&json!({ "text": "x" }), &json!([])));
    assert_eq!((&row["kwargs"], &row["truncated"]), (&Value::Null, &json!(["kwargs"])));
    let (_, task) = root.get("/tasks/large-3").await;
    assert_eq!((&task["kwargs"]["text"], &task["truncated"]), (&json!(large), &json!([])));
}

#[tokio::test]
async fn a_long_list_is_whole_and_in_order() {
    let api = Api::start().await;
    let root = api.admin();
    let newest_first: Vec<String> = (0..60).rev().map(|n| format!("t{n}")).collect();
    for id in newest_first.iter().rev() {
        submit(&root, id, "").await;
    }
    for (query, wanted, has_more) in [
        ("", &newest_first[..], false),
        ("?limit=59", &newest_first[..59], true),
        ("?limit=50&offset=10", &newest_first[10..], false),
        ("?limit=25&offset=30", &newest_first[30..55], true),
    ] {
        let (_, list) = root.get(&format!("/tasks{query}")).await;
        assert_eq!(ids(&list), wanted, "{query}");
        assert_eq!((&list["has_more"], &list["total"]), (&json!(has_more), &json!(60)), "{query}");
    }
}

#[tokio::test]
async fn a_limit_beyond_the_configured_page_is_refused_and_the_default_keeps_to_it() {
    let limits = Limits { page_items_max: 5, ..Limits::default() };
    let api = Api::start_within(Options::default(), limits).await;
    let root = api.admin();
    for n in 0..7 {
        submit(&root, &format!("t{n}"), "").await;
    }
    let (status, error) = root.get("/tasks?limit=6").await;
    assert_eq!((status, &error["error"]["code"]), (StatusCode::BAD_REQUEST, &json!("VAL_001")));
    assert_eq!(error["detail"], "`limit` is `6`, expected an integer from 1 to 5");
    for query in ["", "?limit=5"] {
        let (_, list) = root.get(&format!("/tasks{query}")).await;
        assert_eq!((ids(&list).len(), &list["limit"], &list["has_more"]), (5, &json!(5), &json!(true)));
    }
}
