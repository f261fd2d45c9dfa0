//! Machines whose clocks are wrong, on one PostgreSQL.
//!
//! Times are judged by the clock of the database. The bounds are half of what the clocks are off, not how quick a
//! machine should be.

use ctutor_tests::{client::Client, faketime::Faketime, wait};
use serde_json::{Value, json};

use crate::{
    deployment::Deployment,
    runs::{Run, ended, events_of, start},
};

const QUEUE: &str = "computor-tasks";
const SKEW_SECONDS: i64 = 30;
const HOUR_SECONDS: i64 = 3_600;

/// Two timers, of 2 s and of 4 s.
async fn timers(root: &Client) -> Run {
    let input = json!({ "should_fail": true, "retry_count": 3, "fail_at_step": 2 });
    start(root, json!({ "type": "example_error_handling", "input": input })).await.unwrap()
}

/// Milliseconds since 1970 of a time as the API writes it.
fn at_ms(event: &Value) -> i64 {
    let text = event["at"].as_str().unwrap();
    chrono::DateTime::parse_from_rfc3339(text).unwrap().timestamp_millis()
}

/// Each timer of an ended run fired when it was due, and no event comes before the one that it follows.
async fn are_in_time(deployment: &Deployment, root: &Client, run: &Run, began_ms: i64) {
    let found = ended(root, run).await.unwrap();
    assert_eq!(found["status"], "COMPLETED", "{found:#}");
    let now_ms = deployment.database_ms().unwrap();
    let history = root
        .data(
            "query ($id: ID!) { node(id: $id) { ... on WorkflowExecution {
                history(first: 500) { nodes { sequence type at attributes } } } } }",
            json!({ "id": run.id }),
        )
        .await
        .unwrap();
    let found = &history["node"];
    let times: Vec<i64> = found["history"]["nodes"].as_array().unwrap().iter().map(at_ms).collect();
    let off = 500 * SKEW_SECONDS;
    assert!(
        times.iter().all(|time| (began_ms - off..now_ms + off).contains(time)),
        "{began_ms} {now_ms} {found:#}"
    );
    let (started, fired) = (events_of(found, "TIMER_STARTED"), events_of(found, "TIMER_FIRED"));
    assert_eq!((started.len(), fired.len()), (2, 2), "{found:#}");
    for (started, fired) in started.iter().zip(&fired) {
        let due_ms = at_ms(started) + started["attributes"]["startToFireTimeoutMs"].as_i64().unwrap();
        assert!((due_ms..due_ms + off).contains(&at_ms(fired)), "due {due_ms}: {found:#}");
    }
}

/// The offsets that the list of workers shows, once all are known and `are_right`.
async fn offsets(root: &Client, are_right: impl Fn(&[(String, f64)]) -> bool) -> Vec<(String, f64)> {
    wait::until_async("the offsets of the workers", async || {
        let data = root.data("{ workers { nodes { identity clockOffsetSeconds } } }", json!({})).await?;
        let nodes = data["workers"]["nodes"].as_array().unwrap();
        let offset = |node: &Value| {
            Some((node["identity"].as_str()?.to_owned(), node["clockOffsetSeconds"].as_f64()?))
        };
        let offsets: Option<Vec<_>> = nodes.iter().map(offset).collect();
        Ok(offsets.filter(|offsets| are_right(offsets)))
    })
    .await
    .unwrap()
}

fn is_off_by(offset: f64, seconds: i64) -> bool {
    #[expect(clippy::cast_precision_loss, reason = "an hour")]
    let seconds = seconds as f64;
    (offset - seconds).abs() < 5.0
}

#[tokio::test]
async fn clocks_that_are_a_minute_apart_neither_rob_nor_delay_anybody() {
    let (ahead, behind) = (Faketime::new(SKEW_SECONDS).unwrap(), Faketime::new(-SKEW_SECONDS).unwrap());
    let mut deployment = Deployment::cluster_with_api(&ahead.env()).await.unwrap();
    deployment.start_worker_with("ahead", QUEUE, &ahead.env()).unwrap();
    deployment.start_worker_with("behind", QUEUE, &behind.env()).unwrap();
    let root = deployment.root();
    let began_ms = deployment.database_ms().unwrap();
    let long = json!({ "type": "example_long_running", "input": { "duration": 6 } });
    let long = start(&root, long).await.unwrap();
    let mut runs = Vec::new();
    for _ in 0..4 {
        runs.push(timers(&root).await);
    }
    for run in &runs {
        are_in_time(&deployment, &root, run, began_ms).await;
    }
    let found = ended(&root, &long).await.unwrap();
    let activities = found["activities"]["nodes"].as_array().unwrap();
    assert!(activities.iter().all(|activity| activity["attempt"] == 1), "{found:#}");

    let shown = offsets(&root, |offsets| offsets.len() == 2).await;
    for (identity, offset) in shown {
        let expected = if identity == "ahead" { SKEW_SECONDS } else { -SKEW_SECONDS };
        assert!(is_off_by(offset, expected), "{identity}: {offset}");
    }
    let ready = deployment.stranger().get("/readyz").await.unwrap().body;
    assert_eq!((&ready["status"], &ready["clock"]), (&json!("ready"), &json!("ahead")), "{ready:#}");
    let log = deployment.outputs();
    for direction in ["s ahead of the clock of the database", "s behind the clock of the database"] {
        assert!(log.contains(direction), "{direction}: {log}");
    }
    assert!(!log.contains("was lost"), "{log}");
    deployment.finish().unwrap();
}

#[tokio::test]
async fn a_clock_that_is_set_by_an_hour_both_ways_stops_nobody() {
    let clock = Faketime::new(0).unwrap();
    let mut deployment = Deployment::cluster_of(&[]).await.unwrap();
    deployment.start_worker_with("stepped", QUEUE, &clock.env()).unwrap();
    let root = deployment.root();
    let began_ms = deployment.database_ms().unwrap();
    offsets(&root, |offsets| matches!(offsets, [(_, offset)] if is_off_by(*offset, 0))).await;
    for step in [HOUR_SECONDS, -HOUR_SECONDS] {
        let long = json!({ "type": "example_long_running", "input": { "duration": 6 } });
        let long = start(&root, long).await.unwrap();
        let run = timers(&root).await;
        clock.set(step).unwrap();
        are_in_time(&deployment, &root, &run, began_ms).await;
        offsets(&root, |offsets| matches!(offsets, [(_, offset)] if is_off_by(*offset, step))).await;
        let found = ended(&root, &long).await.unwrap();
        let activities = found["activities"]["nodes"].as_array().unwrap();
        assert!(activities.iter().all(|activity| activity["attempt"] == 1), "{found:#}");
        clock.set(0).unwrap();
        offsets(&root, |offsets| matches!(offsets, [(_, offset)] if is_off_by(*offset, 0))).await;
    }
    let log = wait::until("the end of the warnings", || {
        let log = deployment.outputs();
        Ok((log.matches("agrees with the clock of the database again").count() == 2).then_some(log))
    });
    let log = log.unwrap();
    for direction in ["s ahead of the clock of the database", "s behind the clock of the database"] {
        assert_eq!(log.matches(direction).count(), 1, "{direction}: {log}");
    }
    assert!(!log.contains("was lost"), "{log}");
    deployment.finish().unwrap();
}
