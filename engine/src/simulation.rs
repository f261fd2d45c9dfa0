//! The engine under a seed: workers die and come, the bus loses, repeats and delays, and people cancel.
//!
//! `CTUTOR_SIMULATION_SEED` runs one seed again: the same actions, clock and fates of messages. IDs, the order of tasks
//! on two threads and the moment in which a worker dies are not from the seed.

use std::{
    sync::{Arc, Mutex, atomic::Ordering},
    time::Duration,
};

use bytes::Bytes;
use futures_util::{StreamExt, future::BoxFuture};
use rand::{RngExt, SeedableRng, rngs::SmallRng};
use serde_json::{Value, json};
use tokio::sync::oneshot;

use crate::{
    client::{WatchItem, WorkflowExecution, WorkflowStatus, WorkflowTarget},
    clock::Clock as _,
    ids::RunId,
    notify::{Bus, Health, InProcessBus, Subscription, Topic},
    testing::{App, caller},
};

const SEEDS: std::ops::Range<u64> = 0..12;
const ACTIONS: usize = 40;
const WORKERS_MAX: usize = 3;
/// Moves of the clock after which a run that has not ended never will.
const MOVES_MAX: usize = 20_000;

/// Loses, repeats and delays.
#[derive(Debug)]
struct LossyBus {
    inner: InProcessBus,
    random: Mutex<SmallRng>,
    delayed: Mutex<Vec<(Topic, Bytes)>>,
}

impl Bus for LossyBus {
    fn publish(&self, topic: &Topic, message: Bytes) {
        let fate = self.random.lock().unwrap().random_range(0..10);
        match fate {
            0..3 => {}
            3 => self.delayed.lock().unwrap().push((topic.clone(), message)),
            4 => (0..2).for_each(|_| self.inner.publish(topic, message.clone())),
            _ => {
                self.inner.publish(topic, message);
                for (topic, message) in self.delayed.lock().unwrap().drain(..) {
                    self.inner.publish(&topic, message);
                }
            }
        }
    }

    fn subscribe<'bus>(&'bus self, topic: &Topic) -> BoxFuture<'bus, Subscription> {
        self.inner.subscribe(topic)
    }

    fn health(&self) -> Health {
        Health::Connected
    }

    fn dropped_messages(&self) -> u64 {
        0
    }
}

struct Started {
    run_id: RunId,
    expected: Value,
    /// A request to stop was accepted.
    canceled: bool,
    /// May fail because its worker died.
    fragile: bool,
    watcher: oneshot::Receiver<WorkflowExecution>,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_accepted_run_ends_whatever_happens() {
    let seeds = match std::env::var("CTUTOR_SIMULATION_SEED") {
        Ok(seed) => seed.parse().map(|seed: u64| seed..seed + 1).unwrap(),
        Err(_) => SEEDS,
    };
    for seed in seeds {
        if let Err(error) = tokio::spawn(simulate(seed)).await {
            panic!(
                "run it again: CTUTOR_SIMULATION_SEED={seed} cargo nextest run -p ctutor-engine simulation; {error}"
            );
        }
    }
}

async fn simulate(seed: u64) {
    let mut random = SmallRng::seed_from_u64(seed);
    let bus = LossyBus {
        inner: InProcessBus::new(),
        random: Mutex::new(SmallRng::seed_from_u64(seed + 1_000_000)),
        delayed: Mutex::default(),
    };
    let app = App::with_bus(Arc::new(bus)).await;
    let _maintenance = app.maintenance();
    let mut workers = vec![app.worker().await];
    let mut started: Vec<Started> = Vec::new();
    for _ in 0..ACTIONS {
        match random.random_range(0..10) {
            0..4 => started.push(start(&app, &mut random).await),
            4 if workers.len() < WORKERS_MAX => workers.push(app.worker().await),
            5 if !workers.is_empty() => workers.swap_remove(random.random_range(0..workers.len())).kill(),
            6 if !started.is_empty() => {
                let index = random.random_range(0..started.len());
                let target = WorkflowTarget::Run(started[index].run_id);
                let answer = app.engine.client().cancel_workflow(&caller(), &target, None).await.unwrap();
                started[index].canceled |= answer.changed;
            }
            _ => move_on(&app).await,
        }
    }
    workers.push(app.worker().await);
    let count = started.len();
    let at_most_once = started.iter().filter(|run| run.fragile).count();
    for run in started {
        check(&app, run).await;
    }
    let [begun, ended] = [&app.counted.begun, &app.counted.ended].map(|count| count.load(Ordering::SeqCst));
    assert!(
        ended <= begun && begun as usize <= at_most_once,
        "{begun} attempts began and {ended} ended, of {at_most_once} activities that may run at most once"
    );
    for worker in workers {
        worker.stop(&app.clock).await;
    }
    assert_eq!(app.database.store.open_rows().await, 0, "seed {seed}: {count} runs left rows behind");
}

/// Waits until nothing is in flight, and then moves the clock.
async fn move_on(app: &App) {
    app.clock.busy().idle().await;
    let _ = app.clock.skip_to_next_sleeper();
}

async fn start(app: &App, random: &mut SmallRng) -> Started {
    let number = random.random_range(1..5_u32);
    let (workflow, input, expected) = match random.random_range(0..6) {
        0 => ("twice", json!(number), json!(number * 4)),
        1 => ("fan", json!(number * 3), json!((0..number * 3).map(|one| one * 2).sum::<u32>())),
        2 => ("retried", json!(number), Value::Null),
        3 => ("counting", json!(number), Value::Null),
        4 => ("retried_then_sleeps", json!(number), Value::Null),
        _ => ("once", json!(null), json!(null)),
    };
    // Where a worker is, a run goes straight to it; what comes from elsewhere is claimed.
    let engine = if random.random_bool(0.5) { &app.engine } else { &app.elsewhere };
    let run_id = App::start_through(engine, workflow, input).await;
    let watch = app.engine.client().watch(&caller(), run_id, Some(0), random.random_bool(0.5));
    let (tell, watcher) = oneshot::channel();
    tokio::spawn(app.clock.busy().track(async move {
        let _ = tell.send(follow(Box::pin(watch)).await);
    }));
    Started { run_id, expected, canceled: false, fragile: workflow == "once", watcher }
}

/// Sees every event once and in order, and then the end.
async fn follow(
    mut watch: impl futures_util::Stream<Item = Result<WatchItem, crate::client::WatchError>> + Unpin,
) -> WorkflowExecution {
    let mut last = 0;
    loop {
        match watch.next().await.expect("an end before the stream ends").unwrap() {
            WatchItem::Events(events, _) => {
                for event in events {
                    assert_eq!(event.event_id, last + 1);
                    last = event.event_id;
                }
            }
            WatchItem::Ended(execution) => {
                assert_eq!(execution.history_length, last);
                return *execution;
            }
            _ => {}
        }
    }
}

async fn check(app: &App, mut run: Started) {
    let mut ended = None;
    for _ in 0..MOVES_MAX {
        ended = run.watcher.try_recv().ok();
        if ended.is_some() {
            break;
        }
        move_on(app).await;
        // Somebody sleeps for a day, and the worker that knew until when may be dead.
        if app.types(run.run_id).await.last() == Some(&"TimerStarted") {
            app.clock.advance(Duration::from_secs(3_600));
        }
    }
    let Some(execution) = ended else { panic!("no end: {:?}", app.types(run.run_id).await) };
    let ids: Vec<_> = app.history(run.run_id).await.iter().map(|event| event.event_id).collect();
    assert_eq!(ids, (1..=execution.history_length).collect::<Vec<_>>());
    let requests = app.types(run.run_id).await.into_iter();
    let requests = requests.filter(|event| *event == "WorkflowExecutionCancelRequested").count();
    assert_eq!(
        requests,
        usize::from(run.canceled),
        "a request that was answered stands in the history, once"
    );
    match execution.status {
        WorkflowStatus::Completed if !run.expected.is_null() => {
            assert_eq!(execution.result.unwrap().to_value().unwrap(), run.expected);
        }
        WorkflowStatus::Completed => {}
        WorkflowStatus::Canceled => assert!(run.canceled),
        WorkflowStatus::Failed => assert!(run.fragile || run.canceled, "{execution:?}"),
        other => panic!("{other:?}"),
    }
}
