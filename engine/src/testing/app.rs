use std::{sync::Arc, time::Duration};

use futures_util::StreamExt;
use serde_json::Value;
use tokio::{runtime::Runtime, sync::oneshot};
use tokio_util::sync::CancellationToken;

use super::{
    TestStore,
    workflows::{Counted, registry},
};
use crate::{
    Engine,
    client::{Caller, Limits, StartWorkflow, Visibility, WatchItem, WorkflowExecution},
    clock::{Clock as _, ManualClock, Timestamp},
    history::HistoryEvent,
    ids::{Namespace, RunId, TaskQueue},
    model::{PageDirection, PageRequest, WorkflowFilter, WorkflowOrder},
    notify::{Bus, InProcessBus},
    registry::Registry,
    worker::WorkerOptions,
};

/// Between two looks at what no clock moves, such as a thread that blocks or another process.
const LOOK_INTERVAL: Duration = Duration::from_millis(10);
/// Most looks in a row without a move of the clock: a minute.
const LOOKS_MAX: usize = 6_000;
/// Most moves of the clock until a condition holds.
const MOVES_MAX: usize = 2_000;

/// When the clock of a test begins.
pub(crate) const BEGIN: Timestamp = Timestamp(1_700_000_000_000);

pub(crate) fn caller() -> Caller {
    Caller { subject: "root".into(), visibility: Visibility::All }
}

/// An engine on SQLite and a clock that stands still.
pub(crate) struct App {
    pub(crate) engine: Engine,
    /// The engine of another process on the same database, without a worker of its own.
    pub(crate) elsewhere: Engine,
    pub(crate) clock: ManualClock,
    pub(crate) counted: Arc<Counted>,
    pub(crate) database: TestStore,
}

/// A worker that can be stopped, and killed.
pub(crate) struct TestWorker {
    stop: CancellationToken,
    /// Told when it has ended, within what the clock counts.
    ended: oneshot::Receiver<()>,
    runtime: Option<Runtime>,
}

impl App {
    pub(crate) async fn new() -> Self {
        Self::with_bus(Arc::new(InProcessBus::new())).await
    }

    pub(crate) async fn with_bus(bus: Arc<dyn Bus>) -> Self {
        Self::of(TestStore::sqlite().await, &bus)
    }

    pub(crate) fn of(database: TestStore, bus: &Arc<dyn Bus>) -> Self {
        Self::with_clock(database, bus, ManualClock::new(BEGIN))
    }

    pub(crate) fn with_clock(database: TestStore, bus: &Arc<dyn Bus>, clock: ManualClock) -> Self {
        let engine = || {
            Engine::assemble(
                database.store.clone(),
                bus.clone(),
                Arc::new(clock.clone()),
                Namespace::trusted("default"),
                Limits::default(),
            )
        };
        let (engine, elsewhere) = (engine(), engine());
        Self { engine, elsewhere, clock, counted: Arc::default(), database }
    }

    /// With other limits in this process.
    pub(crate) fn with_limits(mut self, limits: Limits) -> Self {
        let (store, clock) = (self.database.store.clone(), Arc::new(self.clock.clone()));
        let bus = Arc::new(InProcessBus::new());
        self.engine = Engine::assemble(store, bus, clock, Namespace::trusted("default"), limits);
        self
    }

    /// The engine of another process that no hint reaches.
    pub(crate) fn without_bus(&self) -> Engine {
        let (store, clock) = (self.database.store.clone(), Arc::new(self.clock.clone()));
        let bus = Arc::new(InProcessBus::new());
        Engine::assemble(store, bus, clock, Namespace::trusted("default"), Limits::default())
    }

    /// A worker in a runtime of its own, so that it can die with all its tasks.
    pub(crate) async fn worker(&self) -> TestWorker {
        self.worker_with(registry(&self.counted), WorkerOptions::default()).await
    }

    pub(crate) async fn worker_with(&self, registry: Registry, options: WorkerOptions) -> TestWorker {
        let options = WorkerOptions { task_queues: vec![TaskQueue::trusted("q")], ..options };
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let service = self.engine.worker(registry, options);
        let mut handle = service.handle();
        let stop = CancellationToken::new();
        let shutdown = stop.clone();
        let (tell, ended) = oneshot::channel();
        runtime.spawn(self.clock.busy().track(async move {
            service.run(shutdown).await.unwrap();
            let _ = tell.send(());
        }));
        handle.ready().await;
        TestWorker { stop, ended, runtime: Some(runtime) }
    }

    pub(crate) fn maintenance(&self) -> tokio_util::sync::DropGuard {
        let stop = CancellationToken::new();
        tokio::spawn(self.engine.maintenance().run(stop.clone()));
        stop.drop_guard()
    }

    /// The maintenance of another process, which has no worker.
    pub(crate) fn maintenance_elsewhere(&self) -> tokio_util::sync::DropGuard {
        let stop = CancellationToken::new();
        let mut service = self.engine.maintenance();
        service.store = service.store.of_another_process();
        tokio::spawn(service.run(stop.clone()));
        stop.drop_guard()
    }

    pub(crate) async fn start(&self, workflow_type: &str, input: Value) -> RunId {
        Self::start_through(&self.engine, workflow_type, input).await
    }

    pub(crate) async fn start_through(engine: &Engine, workflow_type: &str, input: Value) -> RunId {
        let start =
            StartWorkflow { task_queue: Some("q".into()), ..StartWorkflow::new(workflow_type, input) };
        engine.client().start_workflow(&caller(), start).await.unwrap().execution.run_id
    }

    /// Follows a run to its end, moving the clock whenever nothing else moves.
    pub(crate) async fn end(&self, run_id: RunId) -> WorkflowExecution {
        let mut watch = Box::pin(self.engine.client().watch(&caller(), run_id, Some(0), true));
        let mut last = 0;
        let follow = async {
            loop {
                match watch.next().await {
                    Some(Ok(WatchItem::Ended(execution))) => return *execution,
                    Some(Ok(WatchItem::Events(events, _))) => {
                        for event in events {
                            assert_eq!(
                                event.event_id,
                                last + 1,
                                "a watcher sees every event once and in order"
                            );
                            last = event.event_id;
                        }
                    }
                    Some(Ok(_)) => {}
                    other => panic!("no end of {run_id}: {other:?}"),
                }
            }
        };
        match self.clock.drive(follow).await {
            Ok(execution) => execution,
            Err(stuck) => panic!("no end of {run_id}: {stuck}; {:#?}", self.history(run_id).await),
        }
    }

    /// Moves the clock, step by step, until the condition holds.
    pub(crate) async fn until<F: Future<Output = bool>>(&self, condition: impl Fn() -> F) {
        let busy = self.clock.busy();
        let (mut moves, mut looks) = (0, 0);
        while moves < MOVES_MAX && looks < LOOKS_MAX {
            if condition().await {
                return;
            }
            // A condition may be about what never ends, such as code that blocks.
            let is_idle = tokio::time::timeout(LOOK_INTERVAL, busy.idle()).await.is_ok();
            if !is_idle || condition().await || busy.in_flight() > 0 {
                looks += 1;
                continue;
            }
            if self.clock.skip_to_next_sleeper().is_some() {
                (moves, looks) = (moves + 1, 0);
            } else {
                looks += 1;
                let _ = tokio::time::timeout(LOOK_INTERVAL, std::future::pending::<()>()).await;
            }
        }
        panic!(
            "the condition never held: {moves} moves of the clock, {looks} looks since the last, {} pieces of work in \
             flight; {:#?}",
            busy.in_flight(),
            self.histories().await
        );
    }

    /// The types of the events of the last runs, for a test that fails.
    async fn histories(&self) -> Vec<(RunId, Vec<&'static str>)> {
        let (filter, order) = (WorkflowFilter::default(), WorkflowOrder::default());
        let page = PageRequest { items: 20, direction: PageDirection::Forward, cursor: None, offset: 0 };
        let runs = self.engine.client().list(&caller(), &filter, order, &page).await;
        let Ok(runs) = runs else { return Vec::new() };
        let mut histories = Vec::new();
        for run in runs.items {
            histories.push((run.run_id, self.types(run.run_id).await));
        }
        histories
    }

    pub(crate) async fn describe(&self, run_id: RunId) -> WorkflowExecution {
        let target = crate::model::WorkflowTarget::Run(run_id);
        self.engine.client().describe(&caller(), &target).await.unwrap().unwrap()
    }

    pub(crate) async fn history(&self, run_id: RunId) -> Vec<HistoryEvent> {
        self.engine.client().history(run_id, 0, 10_000, &[]).await.unwrap()
    }

    pub(crate) async fn types(&self, run_id: RunId) -> Vec<&'static str> {
        self.history(run_id).await.iter().map(|event| event.event_type().as_str()).collect()
    }
}

impl TestWorker {
    /// Asks it to stop; it has ended when this does.
    pub(crate) async fn stop(mut self, clock: &ManualClock) {
        self.stop.cancel();
        clock.drive(&mut self.ended).await.unwrap().unwrap();
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }

    /// It dies at once, with all that it was doing.
    pub(crate) fn kill(mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl Drop for TestWorker {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
