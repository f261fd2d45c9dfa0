//! The lines as an operator gets them, caught at the default level.

use std::{
    cell::Cell,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::*;
use crate::{
    client::{Limits, StartWorkflow, WorkflowStatus},
    clock::{Clock as _, ManualClock},
    registry::Registry,
    testing::{
        App, LogLines, caller,
        workflows::{Days, registry, unblock},
    },
    worker::WorkerOptions,
};

/// The only line about a run that a test expects.
fn only(lines: &[Value]) -> &Value {
    assert_eq!(lines.len(), 1, "{lines:#?}");
    &lines[0]
}

fn fields<'a>(line: &'a Value, names: &[&str]) -> Vec<&'a Value> {
    names.iter().map(|name| &line[*name]).collect()
}

const WHICH_RUN: [&str; 4] = ["namespace", "workflow.id", "workflow.type", "task_queue"];
const WHICH_ACTIVITY: [&str; 3] = ["activity.id", "activity.type", "attempt"];

#[test]
fn a_text_from_outside_is_one_bounded_line() {
    assert_eq!(one_line("a\nWARN forged\r\n\u{1b}[31mred"), "a WARN forged [31mred");
    let long = one_line(&"ä".repeat(TEXT_BYTES_MAX));
    assert!(long.len() <= TEXT_BYTES_MAX + '…'.len_utf8() && long.ends_with('…'), "{long}");
}

#[test]
fn every_field_is_documented() {
    let page = include_str!("../../../docs/LOGGING.md");
    let is_name = |text: &&str| text.chars().all(|c| c.is_ascii_lowercase() || "_.#".contains(c));
    let lines = include_str!("mod.rs").lines().map(str::trim).filter(|line| line.ends_with(','));
    let fields: Vec<String> = lines
        .filter_map(|line| line.split_once(" = "))
        .map(|(name, _)| name)
        .filter(is_name)
        .map(|name| name.replace("r#", ""))
        .collect();
    assert!(fields.len() > 20, "{fields:?}");
    for field in fields {
        assert!(page.contains(&format!("`{field}`")), "docs/LOGGING.md does not explain the field `{field}`");
    }
}

#[test]
fn a_delay_is_told_in_tenths_of_a_second() {
    for (ms, words) in
        [(-5, "0.0 s"), (0, "0.0 s"), (999, "1.0 s"), (1_949, "1.9 s"), (1_950, "2.0 s"), (60_000, "60.0 s")]
    {
        assert_eq!(Retry { at: Timestamp(ms), now: Timestamp(0) }.words(), words);
    }
}

#[tokio::test]
async fn a_run_that_succeeds_writes_no_line() {
    let (app, lines) = (App::new().await, LogLines::catch());
    let worker = app.worker().await;
    let run = app.start("twice", json!(10)).await;
    app.end(run).await;
    worker.stop(&app.clock).await;
    assert_eq!(lines.of_run(run), [Value::Null; 0]);
}

#[tokio::test]
async fn a_failed_attempt_is_logged_with_the_time_of_the_next_one() {
    let (app, lines) = (App::new().await, LogLines::catch());
    let worker = app.worker().await;
    let run = app.start("retried", json!(2)).await;
    let execution = app.end(run).await;
    worker.stop(&app.clock).await;
    let lines = lines.of_run(run);
    let line = only(&lines);
    assert_eq!(
        (&line["level"], &line["message"]),
        (
            &json!("WARN"),
            &json!(
                "activity `succeed_at` failed (attempt 1): Early: attempt 1; retried as attempt 2 in 1.0 s"
            )
        )
    );
    let id = execution.workflow_id.as_str();
    assert_eq!(fields(line, &WHICH_RUN), [&json!("default"), &json!(id), &json!("retried"), &json!("q")]);
    assert_eq!(fields(line, &WHICH_ACTIVITY), [&json!("1"), &json!("succeed_at"), &json!(1)]);
    assert_eq!(fields(line, &["failure.type", "retry_in_ms"]), [&json!("Early"), &json!(1_000)]);
    assert!(line["retry_at"].is_string(), "{line:#}");
}

#[tokio::test]
async fn a_failed_activity_and_the_run_that_fails_with_it_are_logged() {
    let (app, lines) = (App::new().await, LogLines::catch());
    let worker = app.worker().await;
    let run = app.start("large", Value::Null).await;
    let execution = app.end(run).await;
    worker.stop(&app.clock).await;
    let lines = lines.of_run(run);
    // The run and the attempt are tasks of their own: either may write first.
    let is_activity = |line: &&Value| line["activity.id"].is_string();
    let (activities, runs): (Vec<&Value>, Vec<&Value>) = lines.iter().partition(is_activity);
    let ([activity], [failed]) = (&activities[..], &runs[..]) else { panic!("{lines:#?}") };
    let message = activity["message"].as_str().unwrap();
    assert!(message.starts_with("activity `large` failed (attempt 1): "), "{message}");
    assert!(message.ends_with("; not retried: the failure is not retryable"), "{message}");
    assert_eq!(activity["retry_state"], "NON_RETRYABLE_FAILURE");
    let id = execution.workflow_id.as_str();
    let message = failed["message"].as_str().unwrap();
    assert!(message.starts_with(&format!("run of workflow `{id}` failed: ")), "{message}");
    assert_eq!(fields(failed, &WHICH_RUN), [&json!("default"), &json!(id), &json!("large"), &json!("q")]);
    assert_eq!((&failed["level"], failed["failure.type"].is_string()), (&json!("WARN"), true));
}

#[tokio::test]
async fn a_blocked_run_is_logged_at_each_attempt() {
    let (app, lines) = (App::new().await, LogLines::catch());
    let worker = app.worker().await;
    let run = app.start("panicking", Value::Null).await;
    app.until(|| async { lines.of_run(run).len() >= 2 }).await;
    worker.stop(&app.clock).await;
    let lines = lines.of_run(run);
    for (line, attempt) in lines.iter().zip(1..) {
        let message = line["message"].as_str().unwrap();
        assert!(message.contains(&format!("` is blocked (attempt {attempt}): PanicError: ")), "{message}");
        assert!(message.contains("on purpose; retried in "), "{message}");
        assert_eq!(fields(line, &["level", "attempt"]), [&json!("ERROR"), &json!(attempt)]);
    }
}

#[tokio::test]
async fn a_run_that_exceeds_its_execution_timeout_is_logged() {
    let (app, lines) = (App::new().await, LogLines::catch());
    let worker = app.worker().await;
    let _maintenance = app.maintenance();
    let start = StartWorkflow {
        workflow_id: Some("slow".to_owned()),
        execution_timeout: Some(Duration::from_secs(5)),
        ..StartWorkflow::new("days", json!(1))
    };
    let run = app.engine.client().start_workflow(&caller(), start).await.unwrap().execution.run_id;
    app.end(run).await;
    worker.stop(&app.clock).await;
    let lines = lines.of_run(run);
    let line = only(&lines);
    assert_eq!(line["message"], "run of workflow `slow` exceeded its execution timeout of 5 s");
    assert_eq!(fields(line, &WHICH_RUN), [&json!("default"), &json!("slow"), &json!("days"), &json!("q")]);
    assert_eq!(fields(line, &["level", "timeout_ms"]), [&json!("WARN"), &json!(5_000)]);
}

#[tokio::test]
async fn a_lost_worker_is_logged_with_what_it_held() {
    let (app, lines) = (App::new().await, LogLines::catch());
    let options = WorkerOptions { identity: "doomed".to_owned(), ..WorkerOptions::default() };
    let worker = app.worker_with(registry(&app.counted), options).await;
    let run = app.start("counting", json!(20)).await;
    app.until(|| async { app.types(run).await.contains(&"ActivityTaskScheduled") }).await;
    worker.kill();
    let _maintenance = app.maintenance();
    app.until(|| async { lines.containing("worker `doomed` was lost").len() == 1 }).await;
    let lost = lines.containing("worker `doomed` was lost");
    let line = only(&lost);
    assert_eq!(
        line["message"],
        "worker `doomed` was lost; it held 1 run and 1 activity, which other workers take over"
    );
    assert_eq!(fields(line, &["level", "runs", "activities"]), [&json!("WARN"), &json!(1), &json!(1)]);
    let lines = lines.of_run(run);
    let line = only(&lines);
    assert_eq!(
        line["message"],
        "worker `doomed` lost activity `count_seconds` (attempt 1); retried as attempt 2 at once"
    );
    assert_eq!(fields(line, &WHICH_ACTIVITY), [&json!("1"), &json!("count_seconds"), &json!(1)]);
}

#[tokio::test]
async fn a_worker_that_stood_still_tells_what_it_lost() {
    let (app, lines) = (App::new().await, LogLines::catch());
    let options = WorkerOptions { identity: "still".to_owned(), ..WorkerOptions::default() };
    let worker = app.worker_with(registry(&app.counted), options).await;
    let run = app.start("once", Value::Null).await;
    // Seen twice, so that nothing of the worker is under way: it would notice before it stands still.
    let seen = Cell::new(0);
    app.until(|| async {
        seen.update(|seen| seen + app.counted.begun.load(Ordering::SeqCst));
        seen.get() > 1
    })
    .await;
    // Others take all that it holds; no hint brings it back.
    let mut elsewhere = app.without_bus().maintenance();
    elsewhere.store = elsewhere.store.of_another_process();
    // To it the lease is over.
    elsewhere.clock = Arc::new(ManualClock::new(app.clock.now() + Duration::from_secs(20)));
    let stop = CancellationToken::new();
    let _stop = stop.clone().drop_guard();
    tokio::spawn(elsewhere.run(stop));
    while lines.containing("worker `still` was lost").is_empty() {
        tokio::task::yield_now().await;
    }
    app.clock.advance(Duration::from_secs(20));
    let told = || lines.containing("worker `still` stood still");
    app.until(|| async { !told().is_empty() }).await;
    let told = told();
    let line = only(&told);
    let message = line["message"].as_str().unwrap();
    let workflow = app.describe(run).await.workflow_id;
    let lost = format!("1 attempt: `once` of `{workflow}` (attempt 1); whoever claims");
    assert!(
        message.starts_with("worker `still` stood still for about 20 s, as when its process is stopped"),
        "{message}"
    );
    assert!(message.contains(&lost), "{message}");
    assert_eq!(fields(line, &["level", "runs", "activities"]), [&json!("WARN"), &json!(1), &json!(1)]);
    worker.stop(&app.clock).await;
}

#[tokio::test]
async fn a_worker_that_lost_nothing_while_it_stood_still_says_so() {
    let (app, lines) = (App::new().await, LogLines::catch());
    let options = WorkerOptions { identity: "frozen".to_owned(), ..WorkerOptions::default() };
    let worker = app.worker_with(registry(&app.counted), options).await;
    let run = app.start("counting", json!(2)).await;
    app.end(run).await;
    assert!(lines.containing("stood still").is_empty(), "time that passes is no standstill");
    app.clock.advance(Duration::from_secs(3_600));
    let told = || lines.containing("worker `frozen` stood still");
    app.until(|| async { !told().is_empty() }).await;
    let told = told();
    let message = only(&told)["message"].as_str().unwrap();
    assert!(message.ends_with("its machine suspended: it lost nothing"), "{message}");
    worker.stop(&app.clock).await;
}

#[tokio::test]
async fn a_lost_worker_that_held_nothing_is_logged_once() {
    let (app, lines) = (App::new().await, LogLines::catch());
    let options = WorkerOptions { identity: "idle".to_owned(), ..WorkerOptions::default() };
    app.worker_with(registry(&app.counted), options).await.kill();
    app.worker().await.stop(&app.clock).await;
    let _maintenance = app.maintenance_elsewhere();
    let begun = app.clock.now();
    app.until(|| async { app.clock.now().since(begun).as_secs() > 60 }).await;
    let lines = lines.containing("worker `idle` was lost; it was last seen ");
    let line = only(&lines);
    assert_eq!(fields(line, &["level", "worker.identity"]), [&json!("WARN"), &json!("idle")]);
    assert!(line["unseen_ms"].as_i64().unwrap() >= 10_000, "{line:#}");
}

#[tokio::test]
async fn workers_are_not_called_lost_before_they_could_be_seen_after_a_pause() {
    let (app, lines) = (App::new().await, LogLines::catch());
    let options = WorkerOptions { identity: "paused".to_owned(), ..WorkerOptions::default() };
    app.worker_with(registry(&app.counted), options).await.kill();
    let _maintenance = app.maintenance_elsewhere();
    let begun = app.clock.now();
    app.until(|| async { app.clock.now().since(begun).as_secs() > 3 }).await;
    // As when the machine was suspended: a live worker would renew its leases as late as others look for it.
    app.clock.advance(Duration::from_secs(3_600));
    let lost = || lines.containing("worker `paused` was lost");
    app.until(|| async { !lost().is_empty() }).await;
    let lost = lost();
    assert!(only(&lost)["unseen_ms"].as_i64().unwrap() >= 3_610_000, "{lost:#?}");
}

#[tokio::test]
async fn a_worker_counts_as_lost_when_callers_do_not_see_it_any_more() {
    let limits = Limits { worker_seen_within: Duration::from_secs(40), ..Limits::default() };
    let (app, lines) = (App::new().await.with_limits(limits), LogLines::catch());
    app.worker().await.kill();
    app.worker().await.stop(&app.clock).await;
    let _maintenance = app.maintenance_elsewhere();
    let lost = || lines.containing("was lost; it was last seen ");
    app.until(|| async { !lost().is_empty() }).await;
    assert!(only(&lost())["unseen_ms"].as_i64().unwrap() >= 40_000, "{:?}", lost());
}

#[tokio::test]
async fn tasks_without_a_worker_are_logged_after_growing_intervals_and_when_they_are_served_again() {
    let (app, lines) = (App::new().await, LogLines::catch());
    app.worker().await.stop(&app.clock).await;
    let run = app.start("days", json!(0)).await;
    let _maintenance = app.maintenance();
    let unserved = || lines.containing("no worker serves the queue");
    let begun = app.clock.now();
    app.until(|| async { unserved().len() == 3 }).await;
    let took = app.clock.now().since(begun).as_secs();
    assert!(took >= 10 + 60 + 120, "three warnings within {took} s");
    let first = &unserved()[0];
    let message = first["message"].as_str().unwrap();
    assert!(
        message.starts_with("1 run of type `days` on task queue `q` cannot be taken, the oldest for "),
        "{message}"
    );
    assert!(message.ends_with("s: no worker serves the queue; start one with `--queues q`"), "{message}");
    assert_eq!(
        fields(first, &["level", "task_queue", "kind", "type", "waiting", "workers"]),
        [&json!("WARN"), &json!("q"), &json!("workflow"), &json!("days"), &json!(1), &json!(0)]
    );
    // A worker that serves the queue and does not know the type is not enough.
    let worker = app.worker_with(Registry::new(), WorkerOptions::default()).await;
    app.until(|| async { !lines.containing("the queue has 1 worker, but none knows the type").is_empty() })
        .await;
    worker.stop(&app.clock).await;
    let worker = app.worker_with(Registry::new().workflow::<Days>(), WorkerOptions::default()).await;
    app.end(run).await;
    let served = || lines.containing("task queue `q` is served again for runs of type `days`");
    app.until(|| async { served().len() == 1 }).await;
    assert_eq!(served()[0]["level"], "INFO");
    worker.stop(&app.clock).await;
}

#[tokio::test]
async fn code_that_blocks_is_reported_while_it_does() {
    let (app, lines) = (App::new().await, LogLines::catch());
    let options = WorkerOptions { deadlock_timeout: Duration::from_millis(20), ..WorkerOptions::default() };
    let worker = app.worker_with(registry(&app.counted), options).await;
    let run = app.start("blocking", json!(null)).await;
    let of_run = |text: &str| {
        let in_span = |line: &&Value| line["span"]["run.id"] == run.to_string();
        lines.containing(text).iter().filter(in_span).count()
    };
    app.until(|| async { of_run("ms and still runs; move long work") > 0 }).await;
    assert_eq!(of_run("blocked its worker for"), 0);
    unblock();
    assert_eq!(app.end(run).await.status, WorkflowStatus::Completed);
    app.until(|| async { of_run("blocked its worker for") == 1 }).await;
    worker.stop(&app.clock).await;
}
