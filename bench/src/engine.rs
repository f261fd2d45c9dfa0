//! The engine, with everything of it in this process.

use anyhow::{Context as _, Result, ensure};
use ctutor_engine::{
    BusOptions, Engine, EngineOptions, activity,
    activity::{ActivityContext, ActivityError},
    client::{Caller, Client, Limits, StartWorkflow, Visibility, WorkflowStatus},
    ids::Namespace,
    payload::Payload,
    registry::Registry,
    store::DatabaseOptions,
    worker::WorkerOptions,
    workflow,
    workflow::{Context, WorkflowError},
};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// Returns at once.
#[activity]
async fn add_one(_ctx: &ActivityContext, input: u32) -> Result<u32, ActivityError> {
    Ok(input + 1)
}

/// So many activities in a row.
#[derive(Default)]
struct Steps;

#[workflow]
impl Steps {
    #[run]
    async fn run(ctx: &Context<Self>, steps: u32) -> Result<u32, WorkflowError> {
        let mut done = 0;
        while done < steps {
            done = ctx.activity(add_one, done).await?;
        }
        Ok(done)
    }
}

/// An engine that runs.
#[derive(Debug)]
pub(crate) struct RunningEngine {
    client: Client,
    caller: Caller,
    shutdown: CancellationToken,
    tasks: JoinSet<Result<()>>,
}

impl RunningEngine {
    pub(crate) async fn open(url: &str) -> Result<Self> {
        let engine = Engine::open(EngineOptions {
            database: DatabaseOptions::new(url.to_owned()),
            bus: BusOptions::InProcess,
            namespace: Namespace::parse("default")?,
            limits: Limits::default(),
        })
        .await?;
        engine.migrate().await?;
        let registry = Registry::new().workflow::<Steps>().activity(add_one);
        let shutdown = CancellationToken::new();
        let worker = engine.worker(registry, WorkerOptions::default());
        let mut handle = worker.handle();
        let mut tasks = JoinSet::new();
        let (of_worker, of_maintenance) = (shutdown.clone(), shutdown.clone());
        tasks.spawn(async move { Ok(worker.run(of_worker).await?) });
        let maintenance = engine.maintenance();
        tasks.spawn(async move {
            maintenance.run(of_maintenance).await;
            Ok(())
        });
        handle.ready().await;
        let caller = Caller { subject: "bench".to_owned(), visibility: Visibility::All };
        Ok(Self { client: engine.client(), caller, shutdown, tasks })
    }

    pub(crate) async fn run_to_end(&self, steps: u32) -> Result<()> {
        let input: Payload = serde_json::to_value(steps)?.into();
        let started = self.client.start_workflow(&self.caller, StartWorkflow::new("steps", input)).await?;
        let run_id = started.execution.run_id;
        let ended = self.client.wait_for_end(&self.caller, run_id, std::future::pending()).await?;
        let ended = ended.context("the run is gone")?;
        ensure!(ended.status == WorkflowStatus::Completed, "the run ended as {:?}", ended.status);
        Ok(())
    }

    pub(crate) async fn close(mut self) -> Result<()> {
        self.shutdown.cancel();
        while let Some(result) = self.tasks.join_next().await {
            result??;
        }
        Ok(())
    }
}
