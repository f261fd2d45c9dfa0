use anyhow::Context;
use ctutor_engine::{
    Engine,
    registry::Registry,
    worker::{Handle, WorkerOptions},
};

use super::Services;
use crate::{config::Config, output::Block};

/// A worker before it runs: what it will do, for people.
#[derive(Debug)]
pub(crate) struct WorkerPart {
    options: WorkerOptions,
    registry: Registry,
}

impl WorkerPart {
    /// The worker that the configuration describes.
    ///
    /// # Errors
    /// When what its activities need cannot be made.
    pub(crate) async fn new(config: &Config) -> anyhow::Result<Self> {
        let registry = ctutor_workflows::registry(&config.testing.options(&config.data)).await.context(
            "the workflows need a folder of their own; name one with CTUTOR_TESTING_CACHE_FOLDER or `--data`",
        )?;
        Ok(Self { options: options(config), registry })
    }

    /// What it is called, serves and knows.
    pub(crate) fn describe(&self, namespace: impl ToString) -> Block {
        let queues = names(self.options.task_queues.iter());
        let workflows = self.registry.workflows().map(|workflow| {
            let queue = &workflow.options.task_queue;
            format!("{} (on {queue})", workflow.workflow_type)
        });
        Block::default()
            .line("worker", &self.options.identity)
            .line("namespace", namespace)
            .line("task queues", queues)
            .line("slots", self.options.activity_slots)
            .line("workflows", names(workflows))
            .line("activities", names(self.registry.activity_types()))
    }

    /// Works until the process stops.
    pub(crate) fn start(self, services: &mut Services, engine: &Engine) -> Handle {
        let service = engine.worker(self.registry, self.options);
        let handle = service.handle();
        let shutdown = services.shutdown();
        services.spawn("worker", async { Ok(service.run(shutdown).await?) });
        handle
    }
}

fn options(config: &Config) -> WorkerOptions {
    let Config { worker, limits, .. } = config;
    let mut options = WorkerOptions {
        task_queues: worker.task_queues.clone(),
        activity_slots: worker.concurrency.as_usize(),
        grace_period: worker.grace_period.0,
        history_events_max: limits.history_events_max.get().into(),
        history_size_bytes_max: limits.history_size_bytes_max.as_usize(),
        ..WorkerOptions::default()
    };
    if let Some(identity) = &worker.identity {
        options.identity = identity.to_string();
    }
    options
}

fn names(names: impl Iterator<Item = impl ToString>) -> String {
    let names: Vec<String> = names.map(|name| name.to_string()).collect();
    if names.is_empty() { "none".to_owned() } else { names.join("\n") }
}
