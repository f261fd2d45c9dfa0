//! Workers on a manual clock.

mod skew;
mod stale;
mod unreadable;

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use serde_json::json;

use crate::{
    client::{StartError, StartWorkflow},
    clock::Clock,
    failure::TimeoutType,
    hint::{self, WorkerHint},
    history::{EventAttributes, RetryState},
    model::{Activity, ActivityStatus, WorkflowExecution, WorkflowStatus, WorkflowTarget},
    notify::{Bus, InProcessBus},
    registry::Registry,
    testing::{App, LogLines, caller, workflows::registry},
    worker::WorkerOptions,
};

fn result(execution: &WorkflowExecution) -> serde_json::Value {
    execution.result.as_ref().map_or(serde_json::Value::Null, |result| result.to_value().unwrap())
}

#[tokio::test]
async fn activities_run_one_after_another_and_many_at_once() {
    let app = App::new().await;
    let worker = app.worker().await;
    let run = app.start("twice", json!(10)).await;
    assert_eq!(result(&app.end(run).await), 40);
    let run = app.start("fan", json!(50)).await;
    assert_eq!(result(&app.end(run).await), 2450);
    worker.stop(&app.clock).await;
}

#[tokio::test]
async fn a_run_from_another_process_is_claimed() {
    let app = App::new().await;
    let worker = app.worker().await;
    let run = App::start_through(&app.elsewhere, "twice", json!(10)).await;
    assert_eq!(result(&app.end(run).await), 40);
    worker.stop(&app.clock).await;
}

#[tokio::test]
async fn a_worker_that_has_stopped_or_died_is_given_no_runs() {
    let app = App::new().await;
    app.worker().await.stop(&app.clock).await;
    app.worker().await.kill();
    let run = app.start("twice", json!(10)).await;
    assert_eq!(app.describe(run).await.status, WorkflowStatus::Pending);
    let worker = app.worker().await;
    assert_eq!(result(&app.end(run).await), 40);
    worker.stop(&app.clock).await;
}

#[tokio::test]
async fn a_timer_of_thirty_days_costs_no_time() {
    let app = App::new().await;
    let worker = app.worker().await;
    let run = app.start("days", json!(30)).await;
    let execution = app.end(run).await;
    assert_eq!(result(&execution), 30);
    let took = execution.closed_at.unwrap().since(execution.created_at);
    assert_eq!(took, Duration::from_secs(30 * 86_400));
    worker.stop(&app.clock).await;
}

#[tokio::test]
async fn a_failed_attempt_is_tried_again_after_growing_waits() {
    let app = App::new().await;
    let (worker, lines) = (app.worker().await, LogLines::catch());
    let run = app.start("retried", json!(4)).await;
    let execution = app.end(run).await;
    assert_eq!(result(&execution), 4);
    let waits: Vec<_> = lines.of_run(run).iter().map(|line| line["retry_in_ms"].clone()).collect();
    assert_eq!(waits, [1_000, 2_000, 4_000]);
    let took = execution.closed_at.unwrap().since(execution.created_at);
    assert_eq!(took, Duration::from_secs(1 + 2 + 4));
    worker.stop(&app.clock).await;
}

#[tokio::test]
async fn a_run_whose_activity_was_retried_is_let_go_and_does_not_hold_up_the_end() {
    let app = App::new().await;
    let worker = app.worker().await;
    let run = app.start("retried_then_sleeps", json!(2)).await;
    app.until(|| async { app.types(run).await.contains(&"TimerStarted") }).await;
    worker.stop(&app.clock).await;
    let worker = app.worker().await;
    app.clock.advance(Duration::from_secs(86_400));
    assert_eq!(result(&app.end(run).await), 2);
    worker.stop(&app.clock).await;
}

#[tokio::test]
async fn every_timeout_ends_a_silent_activity() {
    let app = App::new().await;
    let worker = app.worker().await;
    let _maintenance = app.maintenance();
    let kinds = [
        TimeoutType::StartToClose,
        TimeoutType::Heartbeat,
        TimeoutType::ScheduleToClose,
        TimeoutType::ScheduleToStart,
    ];
    for (which, kind) in kinds.into_iter().enumerate() {
        let run = app.start("silence", json!(which)).await;
        let execution = app.end(run).await;
        assert_eq!(execution.status, WorkflowStatus::Failed, "{kind:?}");
        let history = app.history(run).await;
        let timed_out = history.iter().find_map(|event| match &event.attributes {
            EventAttributes::ActivityTaskTimedOut(timed_out) => Some(timed_out),
            _ => None,
        });
        assert_eq!(timed_out.expect("a timeout").timeout_type, kind);
    }
    worker.stop(&app.clock).await;
}

#[tokio::test]
async fn what_is_too_large_fails_for_good() {
    let app = App::new().await;
    let worker = app.worker().await;
    for workflow in ["large", "large_result"] {
        let run = app.start(workflow, json!(null)).await;
        let failure = app.end(run).await.failure.expect("a failure");
        assert_eq!((failure.kind.as_str(), failure.non_retryable), ("PayloadTooLarge", true), "{workflow}");
    }
    worker.stop(&app.clock).await;
}

#[tokio::test]
async fn a_step_that_makes_the_history_too_long_ends_the_run_instead() {
    let app = App::new().await;
    let in_events = WorkerOptions { history_events_max: 40, ..WorkerOptions::default() };
    // About 120 for the start, and 250 for each activity that was scheduled.
    let in_bytes = WorkerOptions { history_size_bytes_max: 10_000, ..WorkerOptions::default() };
    for (options, said) in [(in_events, "51 events, at most 40"), (in_bytes, "bytes, at most 10000")] {
        let worker = app.worker_with(registry(&app.counted), options).await;
        let run = app.start("fan", json!(50)).await;
        let ended = app.end(run).await;
        assert_eq!(ended.status, WorkflowStatus::Terminated);
        let failure = ended.failure.unwrap();
        assert_eq!(failure.kind, "HistoryLimitExceeded");
        assert!(failure.message.contains(said), "{}", failure.message);
        assert_eq!(app.types(run).await, ["WorkflowExecutionStarted", "WorkflowExecutionTerminated"]);
        let run = app.start("fan", json!(3)).await;
        assert_eq!(result(&app.end(run).await), 6, "what stays within the limits goes on");
        worker.stop(&app.clock).await;
    }
}

#[tokio::test]
async fn a_retry_resumes_from_the_last_checkpoint() {
    let app = App::new().await;
    let worker = app.worker().await;
    let run = app.start("counting", json!(101)).await;
    assert_eq!(result(&app.end(run).await), 3);
    worker.stop(&app.clock).await;
}

#[tokio::test]
async fn cancellation_reaches_activities_timers_and_runs_that_never_began() {
    let app = App::new().await;
    let cancel = async |run| {
        app.engine.client().cancel_workflow(&caller(), &WorkflowTarget::Run(run), None).await.unwrap()
    };
    // A worker was here once, so the types are known.
    app.worker().await.stop(&app.clock).await;
    let never_began = app.start("twice", json!(1)).await;
    assert_eq!(cancel(never_began).await.execution.status, WorkflowStatus::Canceled);
    let worker = app.worker().await;
    for (workflow, input, scheduled) in
        [("once", json!(null), "ActivityTaskScheduled"), ("days", json!(3), "TimerStarted")]
    {
        let run = app.start(workflow, input).await;
        app.until(|| async { app.types(run).await.contains(&scheduled) }).await;
        cancel(run).await;
        assert_eq!(app.end(run).await.status, WorkflowStatus::Canceled, "{workflow}");
    }
    let run = app.start("cleaning", json!(null)).await;
    app.until(|| async { app.describe(run).await.status == WorkflowStatus::Running }).await;
    cancel(run).await;
    let execution = app.end(run).await;
    assert_eq!((execution.status, result(&execution)), (WorkflowStatus::Completed, json!(42)));
    worker.stop(&app.clock).await;
}

#[tokio::test]
async fn termination_ends_a_run_at_once_and_stops_its_activity() {
    let app = App::new().await;
    let worker = app.worker().await;
    let run = app.start("once", json!(null)).await;
    app.until(|| async { app.counted.begun.load(Ordering::SeqCst) == 1 }).await;
    let target = WorkflowTarget::Run(run);
    app.engine.client().terminate_workflow(&caller(), &target, None).await.unwrap();
    assert_eq!(app.end(run).await.status, WorkflowStatus::Terminated);
    worker.stop(&app.clock).await;
    assert_eq!(app.counted.ended.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_run_that_takes_too_long_times_out_though_nobody_serves_it() {
    let app = App::new().await;
    app.worker().await.stop(&app.clock).await;
    let run = app.start("days", json!(200)).await;
    let _maintenance = app.maintenance();
    app.clock.advance(Duration::from_secs(101 * 86_400));
    assert_eq!(app.end(run).await.status, WorkflowStatus::TimedOut);
}

#[tokio::test]
async fn another_worker_continues_after_a_crash() {
    let app = App::new().await;
    let first = app.worker().await;
    let _maintenance = app.maintenance();
    let run = app.start("counting", json!(20)).await;
    app.until(|| async {
        let pending = app.engine.client().pending_activities(&[run]).await.unwrap();
        pending.iter().any(|activity| activity.heartbeat.as_ref().is_some_and(|beat| beat.sequence >= 3))
    })
    .await;
    first.kill();
    let second = app.worker().await;
    let execution = app.end(run).await;
    assert!(result(&execution).as_u64().unwrap() >= 1, "it resumed from a checkpoint");
    second.stop(&app.clock).await;
}

#[tokio::test]
async fn lost_workers_do_not_count_against_the_retry_policy() {
    // The activity may be tried five times, and loses six workers.
    const LOSSES: u32 = 6;
    let app = App::new().await;
    let mut worker = app.worker().await;
    let _maintenance = app.maintenance();
    let run = app.start("counting", json!(100)).await;
    for attempt in 1..=LOSSES {
        app.until(|| async {
            let pending = app.engine.client().pending_activities(&[run]).await.unwrap();
            // The next attempt shows the last heartbeat, also while no worker holds it that could be lost.
            let is_held = |activity: &Activity| activity.status == ActivityStatus::Started;
            pending.iter().any(|activity| {
                activity.attempt == attempt && is_held(activity) && activity.heartbeat.is_some()
            })
        })
        .await;
        worker.kill();
        worker = app.worker().await;
    }
    let execution = app.end(run).await;
    assert_eq!(execution.status, WorkflowStatus::Completed);
    worker.stop(&app.clock).await;
}

#[tokio::test]
async fn a_run_that_cannot_be_read_does_not_stop_others_from_being_rescued() {
    let app = App::new().await;
    let first = app.worker().await;
    let (run, unreadable) = (app.start("counting", json!(2)).await, app.start("counting", json!(2)).await);
    for run in [run, unreadable] {
        app.until(|| async { app.types(run).await.contains(&"ActivityTaskScheduled") }).await;
    }
    first.kill();
    // As a newer version may write it.
    let newer = "UPDATE workflow_execution SET status = 'PAUSED' WHERE run_id = ";
    let newer = format!("{newer}x'{}'", unreadable.0.simple());
    app.database.store.execute(&newer).await;
    let _maintenance = app.maintenance();
    let second = app.worker().await;
    assert_eq!(app.end(run).await.status, WorkflowStatus::Completed);
    second.stop(&app.clock).await;
}

#[tokio::test]
async fn a_clock_that_is_set_back_or_ahead_stops_nobody() {
    const HOUR: Duration = Duration::from_secs(3_600);
    let app = App::new().await;
    let worker = app.worker().await;
    let _maintenance = app.maintenance();
    let running = app.start("counting", json!(30)).await;
    app.until(|| async { app.types(running).await.contains(&"ActivityTaskScheduled") }).await;
    for set_to in [app.clock.now() - HOUR, app.clock.now() + HOUR] {
        app.clock.set(set_to);
        let before = app.clock.uptime();
        // Only polls find it.
        let run = App::start_through(&app.without_bus(), "twice", json!(1)).await;
        assert_eq!(result(&app.end(run).await), 4);
        let took = app.clock.uptime().saturating_sub(before);
        assert!(took < Duration::from_secs(10), "{took:?}");
    }
    assert_eq!(app.end(running).await.status, WorkflowStatus::Completed);
    worker.stop(&app.clock).await;
}

#[tokio::test]
async fn what_may_run_once_is_not_run_again_after_a_crash() {
    let app = App::new().await;
    let first = app.worker().await;
    let _maintenance = app.maintenance();
    let run = app.start("once", json!(null)).await;
    app.until(|| async { app.counted.begun.load(Ordering::SeqCst) == 1 }).await;
    first.kill();
    let second = app.worker().await;
    let execution = app.end(run).await;
    assert_eq!(execution.status, WorkflowStatus::Failed);
    assert_eq!(app.counted.begun.load(Ordering::SeqCst), 1);
    let history = app.history(run).await;
    let state = history.iter().find_map(|event| match &event.attributes {
        EventAttributes::ActivityTaskTimedOut(timed_out) => Some(timed_out.retry_state),
        _ => None,
    });
    assert_eq!(state, Some(RetryState::MaximumAttemptsReached));
    second.stop(&app.clock).await;
}

#[tokio::test]
async fn what_may_run_once_is_not_run_again_after_it_was_dropped() {
    let bus: Arc<dyn Bus> = Arc::new(InProcessBus::new());
    let app = App::with_bus(bus.clone()).await;
    let worker = app.worker().await;
    let run = app.start("once", json!(null)).await;
    app.until(|| async { app.counted.begun.load(Ordering::SeqCst) == 1 }).await;
    let worker_id = app.engine.client().workers().await.unwrap()[0].worker_id;
    // A hint is believed, and this one is wrong.
    hint::publish_worker(&*bus, worker_id, &WorkerHint::Closed(run));
    let execution = app.end(run).await;
    assert_eq!(execution.status, WorkflowStatus::Failed);
    let counted = [&app.counted.begun, &app.counted.ended].map(|counter| counter.load(Ordering::SeqCst));
    assert_eq!(counted, [1, 0]);
    let failure = serde_json::to_value(execution.failure.unwrap()).unwrap();
    assert!(failure.to_string().contains("while it ran, and it may run at most once"), "{failure}");
    worker.stop(&app.clock).await;
}

#[tokio::test]
async fn nothing_runs_for_a_start_that_is_refused() {
    let app = App::new().await;
    let worker = app.worker().await;
    let start = |workflow_type: &str, input| StartWorkflow {
        task_queue: Some("q".into()),
        workflow_id: Some("taken".into()),
        ..StartWorkflow::new(workflow_type, input)
    };
    let client = app.engine.client();
    let open = client.start_workflow(&caller(), start("days", json!(1))).await.unwrap();
    for _ in 0..10 {
        let refused = client.start_workflow(&caller(), start("marking", json!(null))).await.unwrap_err();
        assert!(matches!(refused, StartError::AlreadyRunning { .. }), "{refused:?}");
    }
    let target = WorkflowTarget::Run(open.execution.run_id);
    client.terminate_workflow(&caller(), &target, None).await.unwrap();
    worker.stop(&app.clock).await;
    assert_eq!(app.counted.begun.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_run_is_accepted_together_with_its_first_step() {
    let app = App::new().await;
    let worker = app.worker().await;
    let started = |workflow_id: &str| StartWorkflow {
        task_queue: Some("q".into()),
        workflow_id: Some(workflow_id.into()),
        ..StartWorkflow::new("days", json!(1))
    };
    let counters = app.database.store.counters();
    let before = counters.writes.load(Ordering::SeqCst);
    let client = app.engine.client();
    let run = client.start_workflow(&caller(), started("one")).await.unwrap().execution.run_id;
    // In the answer of the start, the timer of the first step is durable already.
    let elsewhere = app.elsewhere.client().history(run, 0, 10, &[]).await.unwrap();
    assert_eq!(elsewhere.len(), 2, "{elsewhere:?}");
    assert!(counters.writes.load(Ordering::SeqCst) >= before + 2);
    worker.stop(&app.clock).await;
}

#[tokio::test]
async fn a_stopping_worker_gives_back_what_it_holds() {
    let app = App::new().await;
    let first = app.worker().await;
    let run = app.start("counting", json!(60)).await;
    app.until(|| async { !app.engine.client().pending_activities(&[run]).await.unwrap().is_empty() }).await;
    first.stop(&app.clock).await;
    let pending = app.engine.client().pending_activities(&[run]).await.unwrap();
    assert_eq!((pending.len(), pending[0].attempt), (1, 1));
    let second = app.worker().await;
    assert_eq!(app.end(run).await.status, WorkflowStatus::Completed);
    second.stop(&app.clock).await;
}

#[tokio::test]
async fn code_that_awaits_what_is_not_ours_or_panics_blocks_its_task_visibly() {
    let app = App::new().await;
    let worker = app.worker().await;
    for (workflow, kind) in [
        ("foreign", "NondeterminismError"),
        ("impure", "NondeterminismError"),
        ("spawning", "NondeterminismError"),
        ("restless", "NondeterminismError"),
        ("panicking", "PanicError"),
    ] {
        let run = app.start(workflow, json!(null)).await;
        app.until(|| async {
            let blocked = app.engine.client().blocked_workflow_task(run).await.unwrap();
            blocked.is_some_and(|blocked| blocked.failure.kind == kind && blocked.attempt >= 2)
        })
        .await;
        assert!(!app.describe(run).await.status.is_closed());
        app.engine.client().terminate_workflow(&caller(), &WorkflowTarget::Run(run), None).await.unwrap();
    }
    worker.stop(&app.clock).await;
}

#[tokio::test]
async fn code_that_is_woken_from_outside_between_two_events_blocks_its_task() {
    let app = App::new().await;
    let worker = app.worker().await;
    let run = app.start("threaded", json!(null)).await;
    app.until(|| async {
        let blocked = app.engine.client().blocked_workflow_task(run).await.unwrap();
        blocked.is_some_and(|blocked| blocked.failure.kind == "NondeterminismError")
    })
    .await;
    worker.stop(&app.clock).await;
}

#[tokio::test]
async fn a_run_whose_code_does_not_match_its_history_waits_for_fixed_code() {
    let app = App::new().await;
    let worker = app.worker().await;
    let run = app.start("days", json!(1)).await;
    app.until(|| async { app.types(run).await.contains(&"TimerStarted") }).await;
    worker.stop(&app.clock).await;
    let changed = Registry::new().workflow::<Changed>();
    let broken = app.worker_with(changed, WorkerOptions::default()).await;
    app.clock.advance(Duration::from_secs(86_400));
    app.until(|| async { app.engine.client().blocked_workflow_task(run).await.unwrap().is_some() }).await;
    let blocked = app.engine.client().blocked_workflow_task(run).await.unwrap().unwrap();
    assert!(blocked.failure.message.contains("but event 2 is TimerStarted (1)"), "{blocked:?}");
    broken.stop(&app.clock).await;
    let fixed = app.worker().await;
    assert_eq!(result(&app.end(run).await), 1);
    assert!(app.engine.client().blocked_workflow_task(run).await.unwrap().is_none());
    fixed.stop(&app.clock).await;
}

/// What `days` became in a broken release.
#[derive(Default)]
struct Changed;

/// Asks for an activity in the place of the timer.
#[crate::workflow(name = "days", queue = "q")]
impl Changed {
    #[run]
    async fn run(
        ctx: &crate::workflow::Context<Self>,
        _input: u64,
    ) -> Result<u64, crate::workflow::WorkflowError> {
        Ok(ctx.activity(crate::testing::workflows::double, 1).await?.into())
    }
}
