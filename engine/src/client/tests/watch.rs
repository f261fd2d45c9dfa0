//! Watching, where hints are lost and the database is away for a while.

use std::{pin::Pin, sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::{FutureExt, Stream, StreamExt};
use sea_orm::ConnectionTrait;
use serde_json::json;

use crate::{
    Engine,
    activity::Progress,
    client::{ResetReason, WatchError, WatchItem, WorkflowTarget},
    clock::Clock,
    hint::{self, ProgressHint, RunHint},
    ids::{EventId, RunId},
    notify::{Bus, InProcessBus, LISTENER_BUFFER_MESSAGES, Topic},
    testing::{App, TestStore, caller},
};

type Items = Pin<Box<dyn Stream<Item = Result<WatchItem, WatchError>> + Send>>;

fn watch(engine: &Engine, run_id: RunId) -> Items {
    Box::pin(engine.client().watch(&caller(), run_id, None, true))
}

/// A run that nobody works on.
async fn waiting_run(app: &App) -> RunId {
    app.worker().await.stop(&app.clock).await;
    app.start("days", json!(1)).await
}

/// Such a run with one who has its snapshot and waits for more.
async fn watched() -> (App, Arc<InProcessBus>, RunId, Items) {
    let bus = Arc::new(InProcessBus::new());
    let app = App::with_bus(bus.clone()).await;
    let run_id = waiting_run(&app).await;
    let mut items = watch(&app.engine, run_id);
    assert!(matches!(next(&mut items).await, WatchItem::Snapshot(_)));
    assert!(items.next().now_or_never().is_none());
    (app, bus, run_id, items)
}

/// What comes next, though the clock stands still.
async fn next(items: &mut Items) -> WatchItem {
    let item = tokio::time::timeout(Duration::from_secs(30), items.next()).await;
    item.expect("it comes without the clock").expect("the stream goes on").expect("no error")
}

/// Moves the clock until something comes.
async fn later(app: &App, items: &mut Items) -> WatchItem {
    let item = app.clock.drive(items.next()).await;
    item.expect("an item").expect("the stream goes on").expect("no error")
}

/// What comes before nothing is in flight any more, though the clock stands still.
async fn at_once(app: &App, items: &mut Items) -> Option<WatchItem> {
    let busy = app.clock.busy();
    let next = busy.track(items.next());
    tokio::select! {
        biased;
        item = next => Some(item.expect("the stream goes on").expect("no error")),
        () = busy.idle() => None,
    }
}

#[tokio::test]
async fn progress_is_seen_where_no_hint_comes() {
    let app = App::new().await;
    let worker = app.worker().await;
    let run_id = app.start("counting", json!(20)).await;
    let mut items = watch(&app.without_bus(), run_id);
    let mut sequences = Vec::new();
    loop {
        match later(&app, &mut items).await {
            WatchItem::Progress(activity) => sequences.push(activity.heartbeat.unwrap().sequence),
            WatchItem::Ended(_) => break,
            _ => {}
        }
    }
    assert!(sequences.len() > 3, "{sequences:?}");
    assert!(sequences.is_sorted_by(|before, after| before < after), "{sequences:?}");
    worker.stop(&app.clock).await;
}

#[tokio::test]
async fn what_an_activity_said_is_no_news_once_it_has_ended() {
    let bus = Arc::new(InProcessBus::new());
    let app = App::with_bus(bus.clone()).await;
    let worker = app.worker().await;
    let run_id = app.start("counting_twice", json!(20)).await;
    let mut items = watch(&app.engine, run_id);
    let mut told: Vec<EventId> = Vec::new();
    loop {
        match later(&app, &mut items).await {
            WatchItem::Progress(activity) => told.push(activity.scheduled_event_id),
            WatchItem::Ended(_) => break,
            _ => {}
        }
        if let [first, .., last] = told[..]
            && first < last
        {
            // It comes late, from another worker.
            let progress = Progress { completed: 1.0, total: 1.0, message: String::new(), details: None };
            let at = app.clock.now();
            let hint =
                ProgressHint { scheduled_event_id: first, attempt: 1, sequence: i64::MAX, at, progress };
            bus.publish(&Topic::Run(run_id), hint::encode(&RunHint::Progress(hint)));
        }
    }
    told.dedup();
    assert_eq!(told.len(), 2, "{told:?}");
    worker.stop(&app.clock).await;
}

#[tokio::test]
async fn a_slow_reader_starts_over_with_a_snapshot() {
    let (_app, bus, run_id, mut items) = watched().await;
    for _ in 0..=LISTENER_BUFFER_MESSAGES {
        bus.publish(&Topic::Run(run_id), Bytes::from_static(b"what an older version cannot read"));
    }
    assert!(matches!(next(&mut items).await, WatchItem::Reset(ResetReason::SlowConsumer)));
    assert!(matches!(next(&mut items).await, WatchItem::Snapshot(run) if run.run_id == run_id));
}

#[tokio::test]
async fn hints_of_one_kind_do_not_keep_off_the_look_for_others() {
    let (app, bus, run_id, mut items) = watched().await;
    let target = WorkflowTarget::Run(run_id);
    app.without_bus().client().terminate_workflow(&caller(), &target, None).await.unwrap();
    for _ in 0..10 {
        bus.publish(&Topic::Run(run_id), Bytes::from_static(b"noise"));
        app.clock.advance(Duration::from_millis(500));
        if let Some(item) = at_once(&app, &mut items).await {
            assert!(matches!(item, WatchItem::Events(..)), "{item:?}");
            return;
        }
    }
    panic!("the end of the run was not seen");
}

#[tokio::test]
async fn a_clock_that_is_set_back_keeps_off_no_look() {
    let (app, _bus, run_id, mut items) = watched().await;
    app.clock.set(app.clock.now() - Duration::from_secs(3_600));
    let target = WorkflowTarget::Run(run_id);
    app.without_bus().client().terminate_workflow(&caller(), &target, None).await.unwrap();
    app.clock.advance(Duration::from_secs(2));
    assert!(matches!(at_once(&app, &mut items).await, Some(WatchItem::Events(..))));
}

#[tokio::test]
async fn a_watch_outlives_a_database_that_is_away() {
    let database = TestStore::postgres().await;
    let other = database.impatient().await;
    let app = App::of(database, &(Arc::new(InProcessBus::new()) as Arc<dyn Bus>));
    let run_id = waiting_run(&app).await;
    let mut items = {
        let (bus, clock) = (Arc::new(InProcessBus::new()), Arc::new(app.clock.clone()));
        let namespace = crate::ids::Namespace::trusted("default");
        watch(&Engine::assemble(other, bus, clock, namespace, crate::client::Limits::default()), run_id)
    };
    assert!(matches!(next(&mut items).await, WatchItem::Snapshot(_)));
    let held = app.database.store.begin().await;
    held.execute_unprepared("LOCK TABLE workflow_execution IN ACCESS EXCLUSIVE MODE").await.unwrap();
    for _ in 0..3 {
        app.clock.advance(Duration::from_secs(2));
        let nothing = at_once(&app, &mut items).await;
        assert!(nothing.is_none(), "{nothing:?}");
    }
    held.rollback().await.unwrap();
    app.engine.client().terminate_workflow(&caller(), &WorkflowTarget::Run(run_id), None).await.unwrap();
    assert!(matches!(later(&app, &mut items).await, WatchItem::Events(..)));
    assert!(matches!(later(&app, &mut items).await, WatchItem::Ended(_)));
}
