use ctutor_engine::ids::TaskQueue;
use serde::{Deserialize, Deserializer, de::Error};

use super::{Between, Length, Name, list};

/// `[worker]`: what a worker serves.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Worker {
    /// The queues that it serves, each once.
    #[serde(deserialize_with = "task_queues")]
    pub(crate) task_queues: Vec<TaskQueue>,
    /// Most activities at once.
    pub(crate) concurrency: Between<1, 10_000>,
    /// Name of the worker in lists and logs.
    pub(crate) identity: Option<Name>,
    /// How long running activities may continue after the worker was told to stop.
    pub(crate) grace_period: Length,
}

fn task_queues<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<TaskQueue>, D::Error> {
    let names = list::strings(deserializer)?;
    let mut queues = Vec::with_capacity(names.len());
    for queue in list::parsed(&names, |name| TaskQueue::parse(name))? {
        if !queues.contains(&queue) {
            queues.push(queue);
        }
    }
    if queues.is_empty() {
        return Err(D::Error::custom("it names no task queue"));
    }
    Ok(queues)
}
