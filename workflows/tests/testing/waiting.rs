//! Tests that wait for a place on their worker.

use std::{sync::Arc, time::Duration};

use ctutor_engine::{
    client::{
        ActivityHeartbeat, Caller, StartWorkflow, Visibility, WatchItem, WorkflowExecution, WorkflowStatus,
        WorkflowTarget,
    },
    clock::{Clock, ManualClock, Timestamp},
    history::{EventAttributes, EventType},
    ids::RunId,
};
use futures_util::{Stream, StreamExt};
use serde_json::Value;

use crate::student_places::App;

/// Below the heartbeat timeout, so that nobody is taken for lost.
const STEP: Duration = Duration::from_secs(25);
/// A test of seconds takes no longer to begin, also on a busy machine.
const SILENCES_MAX: u32 = 1_500;
/// Far more than a test may take.
const WAIT: Duration = Duration::from_secs(3 * 3600);

fn caller() -> Caller {
    Caller { subject: "root".into(), visibility: Visibility::All }
}

/// A run and what it tells.
struct Watched {
    run_id: RunId,
    clock: ManualClock,
    items: std::pin::Pin<Box<dyn Stream<Item = WatchItem> + Send>>,
}

impl Watched {
    async fn start(app: &App, clock: &ManualClock, submission: &str) -> Self {
        let client = app.engine.client();
        let mut input = app.input(submission);
        input["plan"] = serde_json::json!({
            "runner": "pytest", "student_files": ["answer.py"], "limits": { "test_timeout_ms": 100_000 },
        });
        let start = StartWorkflow::new("student_testing", input);
        let run_id = client.start_workflow(&caller(), start).await.unwrap().execution.run_id;
        let items = client.watch(&caller(), run_id, None, true).map(Result::unwrap);
        Self { run_id, clock: clock.clone(), items: Box::pin(items) }
    }

    /// The next heartbeat that fits.
    async fn progress(&mut self, fits: impl Fn(&ActivityHeartbeat, &Value) -> bool) {
        let mut silences = 0;
        loop {
            let Ok(item) = tokio::time::timeout(Duration::from_millis(20), self.items.next()).await else {
                silences += 1;
                assert!(silences < SILENCES_MAX, "no such heartbeat comes");
                // Heartbeats that come fast are merged until the clock moves.
                self.clock.advance(Duration::from_millis(100));
                continue;
            };
            let item = item.unwrap();
            if let WatchItem::Progress(activity) = item {
                let heartbeat = activity.heartbeat.as_ref().unwrap();
                let details =
                    heartbeat.details.as_ref().map_or(Value::Null, |details| details.to_value().unwrap());
                if fits(heartbeat, &details) {
                    return;
                }
            }
        }
    }

    async fn waits_behind(&mut self, before: usize) {
        self.progress(|_, details| details["stage"] == "waiting" && details["before"] == before).await;
    }

    async fn end(mut self) -> WorkflowExecution {
        while let Some(item) = self.items.next().await {
            if let WatchItem::Ended(execution) = item {
                return *execution;
            }
        }
        panic!("the run has no end");
    }
}

#[tokio::test]
async fn waiting_for_a_place_takes_no_time_from_the_tests() {
    let clock = ManualClock::new(Timestamp(1_700_000_000_000));
    let app = App::with_clock(Arc::new(clock.clone()), |options| options.tests_at_once_max = 1).await;
    app.commit("slow", &[(b"answer.py", b"import time\ndef find(): time.sleep(90)\n")]);
    app.commit("right", &[(b"answer.py", b"def find(): return 42\n")]);
    let mut slow = Watched::start(&app, &clock, "slow").await;
    slow.progress(|_, details| details["stage"] == "running" && details["current"].is_string()).await;
    let mut next = Watched::start(&app, &clock, "right").await;
    next.waits_behind(0).await;
    let mut last = Watched::start(&app, &clock, "right").await;
    last.waits_behind(1).await;

    let started = clock.now();
    while clock.now().since(started) < WAIT {
        clock.advance(STEP);
        for run in [&mut slow, &mut next, &mut last] {
            let now = clock.now();
            run.progress(|heartbeat, _| heartbeat.at >= now).await;
        }
    }

    let stop = |run: &Watched| {
        let target = WorkflowTarget::Run(run.run_id);
        let client = app.engine.client();
        async move { client.cancel_workflow(&caller(), &target, None).await.unwrap() }
    };
    stop(&last).await;
    assert_eq!(last.end().await.status, WorkflowStatus::Canceled);
    stop(&slow).await;
    assert_eq!(slow.end().await.status, WorkflowStatus::Canceled);

    let run_id = next.run_id;
    let execution = next.end().await;
    assert_eq!(execution.status, WorkflowStatus::Completed, "{:?}", execution.failure);
    assert_eq!(execution.result.unwrap().to_value().unwrap()["result"]["score"], 1.0);
    assert!(execution.execution_timeout.unwrap() > WAIT);
    let history = app.engine.client().history(run_id, 0, 100, &[]).await.unwrap();
    let attempts: Vec<u32> = history
        .iter()
        .filter(|event| event.event_type() == EventType::ActivityTaskStarted)
        .filter_map(|event| match &event.attributes {
            EventAttributes::ActivityTaskStarted(started) => Some(started.attempt),
            _ => None,
        })
        .collect();
    assert_eq!(attempts, [1, 1, 1]);
    app.stop().await;
}
