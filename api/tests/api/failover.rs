//! A database that became read-only under a server that runs, and then is well again.

use std::sync::Arc;

use ctutor_api::Options;
use ctutor_tests::postgres::{self, Database};
use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::harness::{Api, answer};

const START: &str = "mutation { startWorkflow(input: {type: \"elsewhere\"}) { created } }";
const TERMINATE: &str = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                         WHERE datname = current_database() AND pid <> pg_backend_pid()";

#[tokio::test(flavor = "multi_thread")]
async fn a_standby_is_not_ready_and_answers_unavailable_until_it_is_promoted() {
    let database = Arc::new(postgres::create_database().unwrap());
    let api = Api::start_on(database.url(), Options::default(), tempfile::tempdir().unwrap()).await;
    // Sessions that are opened from now on are as those of a standby, and all of them are.
    alter(&database, "SET default_transaction_read_only = on");
    database.sql(TERMINATE).unwrap();

    let response = api.request(Method::GET, "/readyz").send().await.unwrap();
    assert_eq!(response.headers()["retry-after"], "5");
    let (status, body) = (response.status(), response.json::<serde_json::Value>().await.unwrap());
    assert_eq!((status, &body["database"]), (StatusCode::SERVICE_UNAVAILABLE, &json!("read-only")));

    let root = api.admin();
    let submit = root.request(Method::POST, "/tasks/submit").json(&json!({ "task_name": "elsewhere" }));
    let response = submit.send().await.unwrap();
    assert_eq!(
        (response.status(), &response.headers()["retry-after"]),
        (StatusCode::SERVICE_UNAVAILABLE, &"5".parse().unwrap())
    );
    let body: serde_json::Value = response.json().await.unwrap();
    assert_eq!(body["error"]["code"], "EXT_004", "{body}");

    for body in [json!({ "query": START }), json!([{ "query": START }])] {
        let response = root.request(Method::POST, "/graphql").json(&body).send().await.unwrap();
        assert_eq!(response.headers()["retry-after"], "5");
        let answer: serde_json::Value = response.json().await.unwrap();
        let error = &answer.get(0).unwrap_or(&answer)["errors"][0];
        assert_eq!(error["extensions"]["code"], "UNAVAILABLE", "{answer}");
        assert_eq!(error["extensions"]["retryAfterSeconds"], 5, "{answer}");
        assert_eq!(error["message"], "service unavailable, nothing was changed; retry later", "{answer}");
    }

    alter(&database, "RESET default_transaction_read_only");
    let (status, _) =
        answer(root.request(Method::POST, "/tasks/submit").json(&json!({ "task_name": "elsewhere" }))).await;
    assert!(status.is_success(), "the sessions of the standby are still used: {status}");
    let (status, body) = answer(api.request(Method::GET, "/readyz")).await;
    assert_eq!((status, &body["database"]), (StatusCode::OK, &json!("up")));
}

fn alter(database: &Database, setting: &str) {
    let sql = "SELECT current_database()";
    let name = database.sql(sql).unwrap();
    database.sql(&format!("BEGIN READ WRITE; ALTER DATABASE \"{}\" {setting}; COMMIT", name.trim())).unwrap();
}
