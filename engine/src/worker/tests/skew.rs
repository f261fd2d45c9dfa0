//! Machines whose clocks differ, on one server.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::{
    Engine,
    client::Limits,
    clock::{Clock, ManualClock, Timestamp},
    ids::Namespace,
    model::WorkflowStatus,
    notify::InProcessBus,
    store::{DatabaseOptions, Store},
    testing::{App, TestStore},
};

const HOUR: Duration = Duration::from_secs(3_600);

/// A process without a worker that looks for lost ones, by a clock of its own.
async fn maintenance(url: String, clock: &ManualClock) -> tokio_util::sync::DropGuard {
    let store = Store::connect(&DatabaseOptions::new(url)).await.unwrap();
    let (bus, clock) = (Arc::new(InProcessBus::new()), Arc::new(clock.clone()));
    let engine = Engine::assemble(store, bus, clock, Namespace::trusted("default"), Limits::default());
    let stop = CancellationToken::new();
    tokio::spawn(engine.maintenance().run(stop.clone()));
    stop.drop_guard()
}

/// What the others do to a worker that is well while it runs what may run once; `step` is what happens to their clocks.
async fn nothing_is_taken(others: &[ManualClock], step: impl Fn(&ManualClock)) {
    let app = App::of(TestStore::postgres().await, &(Arc::new(InProcessBus::new()) as _));
    let worker = app.worker().await;
    let mut looking = Vec::new();
    for clock in others {
        looking.push(maintenance(app.database.url(), clock).await);
    }
    let run = app.start("once", json!(null)).await;
    app.until(async || app.counted.begun.load(Ordering::SeqCst) == 1).await;
    for second in 0..15 {
        if second == 3 {
            others.iter().for_each(&step);
        }
        app.clock.advance(Duration::from_secs(1));
        app.clock.busy().idle().await;
        for clock in others {
            clock.busy().idle().await;
            clock.skip_to_next_sleeper().expect("it sleeps when its look is over");
        }
        let looks = others.iter().map(Clock::now);
        assert_eq!(
            app.describe(run).await.status,
            WorkflowStatus::Running,
            "{:?}",
            looks.collect::<Vec<_>>()
        );
    }
    let open = app.engine.client().pending_activities(&[run]).await.unwrap();
    assert_eq!((open.len(), app.counted.begun.load(Ordering::SeqCst)), (1, 1), "{open:?}");
    assert!(open.iter().all(|activity| activity.attempt == 1), "{open:?}");
    worker.stop(&app.clock).await;
}

fn shows(ahead: i64) -> ManualClock {
    ManualClock::new(Timestamp(1_700_000_000_000 + ahead))
}

#[tokio::test]
async fn clocks_that_are_thirty_seconds_apart_rob_nobody() {
    nothing_is_taken(&[shows(30_000), shows(-30_000)], |_| ()).await;
}

#[tokio::test]
async fn a_clock_that_is_set_by_an_hour_robs_nobody() {
    nothing_is_taken(&[shows(0)], |clock| clock.set(clock.now() + HOUR)).await;
    nothing_is_taken(&[shows(0)], |clock| clock.set(clock.now() - HOUR)).await;
}
