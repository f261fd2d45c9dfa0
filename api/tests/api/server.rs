use std::{sync::Arc, thread, time::Duration};

use ctutor_api::{Cors, CorsHeaders, Options};
use ctutor_tests::postgres;
use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::harness::{Api, answer};

#[tokio::test]
async fn health_and_readiness_need_no_token() {
    let api = Api::start().await;
    let (status, body) = answer(api.request(Method::GET, "/healthz")).await;
    assert_eq!((status, body), (StatusCode::OK, json!({ "status": "alive" })));
    let (status, body) = answer(api.request(Method::GET, "/readyz")).await;
    assert_eq!(
        (status, body),
        (
            StatusCode::OK,
            json!({
                "status": "ready", "database": "up", "bus": "connected", "clock": "synchronized",
                "clock_offset_seconds": 0.0
            })
        )
    );
}

/// A session that keeps everybody from reading.
const FREEZE: &str =
    "begin; lock table history_event, activity_task, workflow_task, worker; select pg_sleep(600)";
const IS_FROZEN: &str = "select count(*) from pg_locks where granted and mode = 'AccessExclusiveLock' \
                         and relation = 'history_event'::regclass";
const THAW: &str = "select pg_terminate_backend(pid) from pg_stat_activity where query like 'begin; lock%'";

#[tokio::test(flavor = "multi_thread")]
async fn a_frozen_database_is_told_instead_of_waited_for() {
    let database = Arc::new(postgres::create_database().unwrap());
    let api = Api::start_on(database.url(), Options::default(), tempfile::tempdir().unwrap()).await;
    let session = database.clone();
    let session = thread::spawn(move || session.sql(FREEZE));
    while database.sql(IS_FROZEN).unwrap().trim() == "0" {}
    for path in ["/readyz", "/metrics"] {
        let asked = tokio::time::timeout(Duration::from_secs(20), answer(api.request(Method::GET, path)));
        let (status, body) = asked.await.unwrap_or_else(|_| panic!("{path} hangs"));
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{path}: {body}");
    }
    let (status, _) = answer(api.request(Method::GET, "/healthz")).await;
    assert_eq!(status, StatusCode::OK);
    database.sql(THAW).unwrap();
    assert!(session.join().unwrap().is_err(), "the session ended by itself");
}

#[tokio::test]
async fn metrics_count_requests_starts_and_backlog() {
    let api = Api::start().await;
    let root = api.admin();
    root.started(json!({ "type": "elsewhere" })).await;
    root.get("/tasks/none").await;
    let response = api.request(Method::GET, "/metrics").send().await.unwrap();
    assert!(response.headers()["content-type"].to_str().unwrap().starts_with("application/openmetrics-text"));
    let text = response.text().await.unwrap();
    for line in [
        r#"ctutor_http_requests_total{method="POST",route="/graphql",status="200"} 1"#,
        r#"ctutor_http_requests_total{method="GET",route="/tasks/{task_id}",status="404"} 1"#,
        r#"ctutor_workflow_starts_total{workflow_type="elsewhere"} 1"#,
        r#"ctutor_task_queue_backlog{task_queue="elsewhere"} 1"#,
        r#"ctutor_task_queue_workers{task_queue="computor-tasks"} 1"#,
        "ctutor_websockets 0",
        "ctutor_bus_connected 1",
        "# EOF",
    ] {
        assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
    }
}

#[tokio::test]
async fn the_first_page_is_served_with_its_policy() {
    let api = Api::start().await;
    let response = api.request(Method::GET, "/").send().await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    let policy = response.headers()["content-security-policy"].to_str().unwrap().to_owned();
    assert!(
        policy.starts_with("default-src 'self';") && policy.contains("frame-ancestors 'none'"),
        "{policy}"
    );
    assert_eq!(response.headers()["cache-control"], "no-cache");
    let page = response.text().await.unwrap();
    match page.split_once("src=\"./assets/").and_then(|(_, rest)| rest.split_once('"')) {
        Some((asset, _)) => check_asset(&api, asset).await,
        None => assert!(page.contains("npm run build"), "{page}"),
    }
    let (status, _) = answer(api.request(Method::GET, "/assets/none.js")).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
}

/// Assets are compressed beforehand and have their hash in their name.
async fn check_asset(api: &Api, name: &str) {
    let response = api.request(Method::GET, &format!("/assets/{name}")).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    let headers = response.headers().clone();
    assert_eq!(headers["content-encoding"], "gzip");
    assert_eq!(headers["content-type"], "text/javascript; charset=utf-8");
    assert_eq!(headers["cache-control"], "public, max-age=31536000, immutable");
    let again =
        api.request(Method::GET, &format!("/assets/{name}")).header("if-none-match", &headers["etag"]);
    assert_eq!(again.send().await.unwrap().status(), StatusCode::NOT_MODIFIED);
}

fn with_origins(origins: &[&str]) -> Options {
    let origins = origins.iter().map(|origin| origin.parse().unwrap()).collect();
    Options { cors: Cors { origins, ..Cors::default() }, ..Options::default() }
}

#[tokio::test]
async fn every_page_may_call_where_all_are_named_and_send_the_headers_of_its_client() {
    let api = Api::start_with(with_origins(&["*"])).await;
    for name in
        ["apollo-require-preflight", "graphql-client-name", "traceparent", "x-request-id", "idempotency-key"]
    {
        let request = api.request(Method::OPTIONS, "/graphql").header("origin", "null");
        let request = request.header("access-control-request-method", "POST");
        let response = request.header("access-control-request-headers", name).send().await.unwrap();
        let headers = response.headers();
        assert_eq!(headers["access-control-allow-origin"], "*");
        let allowed = headers["access-control-allow-headers"].to_str().unwrap();
        assert!(allowed.split(',').any(|allowed| allowed == name), "{name} in {allowed}");
    }
    let own = CorsHeaders::Listed(vec!["x-course".parse().unwrap()]);
    for (cors_headers, expected) in [(own, true), (CorsHeaders::Any, true), (Cors::default().headers, false)]
    {
        let mut options = with_origins(&["HTTPS://*.Example.com"]);
        options.cors.headers = cors_headers;
        let api = Api::start_with(options).await;
        let request =
            api.request(Method::OPTIONS, "/graphql").header("origin", "https://console.example.com");
        let request = request.header("access-control-request-method", "POST");
        let response = request.header("access-control-request-headers", "x-course").send().await.unwrap();
        let headers = response.headers();
        assert_eq!(headers["access-control-allow-origin"], "https://console.example.com");
        assert_eq!(headers["access-control-allow-headers"].to_str().unwrap().contains("x-course"), expected);
        assert!(headers.get_all("vary").iter().any(|vary| vary.to_str().unwrap().contains("origin")));
    }
}

#[tokio::test]
async fn other_origins_are_kept_out_unless_they_are_named() {
    let preflight = |api: &Api| {
        let request =
            api.request(Method::OPTIONS, "/graphql").header("origin", "https://console.example.com");
        request.header("access-control-request-method", "POST").send()
    };
    let closed = Api::start().await;
    let response = preflight(&closed).await.unwrap();
    assert!(!response.headers().contains_key("access-control-allow-origin"));
    let open = Api::start_with(with_origins(&["https://console.example.com/"])).await;
    let response = preflight(&open).await.unwrap();
    assert_eq!(response.headers()["access-control-allow-origin"], "https://console.example.com");
    let other =
        open.request(Method::GET, "/healthz").header("origin", "https://evil.example").send().await.unwrap();
    assert!(!other.headers().contains_key("access-control-allow-origin"));
}
