//! Data loaders: what many rows of a list ask for comes with few queries.

use std::{collections::HashMap, time::Duration};

use async_graphql::{
    Error,
    dataloader::{DataLoader, Loader},
    runtime::{TokioSpawner, TokioTimer},
};
use ctutor_engine::{
    client::{self, Client},
    ids::RunId,
};
use futures_util::{StreamExt, TryStreamExt, stream};

use super::{
    error::fault,
    types::{Activity, BlockedWorkflowTask, Worker},
};
use crate::fault::Fault;

/// How long a loader waits for more keys. Fields of one list ask in the same poll, so a moment is enough.
const DELAY: Duration = Duration::from_micros(100);
/// Most keys of one query.
const BATCH_KEYS_MAX: usize = 500;
/// Most queries at a time where the engine answers for one run only.
const CONCURRENT_QUERIES_MAX: usize = 4;

/// The loaders of the schema. They keep nothing between batches, since a stream asks again and again.
///
/// They take run ids that the caller has got from a list or a description, where visibility was checked.
pub(super) struct Loaders {
    pending_activities: DataLoader<PendingActivities>,
    activities: DataLoader<AllActivities>,
    blocked_tasks: DataLoader<BlockedTasks>,
    workers: DataLoader<Workers>,
}

impl Loaders {
    /// Must be called within a Tokio runtime.
    pub(super) fn new(client: &Client) -> Self {
        Self {
            pending_activities: loader(PendingActivities(client.clone())),
            activities: loader(AllActivities(client.clone())),
            blocked_tasks: loader(BlockedTasks(client.clone())),
            workers: loader(Workers(client.clone())),
        }
    }

    /// The open activities of a run, in order of scheduling.
    pub(super) async fn pending_activities(&self, run_id: RunId) -> Result<Vec<Activity>, Error> {
        Ok(self.pending_activities.load_one(run_id).await.map_err(fault)?.unwrap_or_default())
    }

    /// The activities of a run, in order of scheduling.
    pub(super) async fn activities(&self, run_id: RunId) -> Result<Vec<Activity>, Error> {
        Ok(self.activities.load_one(run_id).await.map_err(fault)?.unwrap_or_default())
    }

    /// What blocks a run.
    pub(super) async fn blocked_task(&self, run_id: RunId) -> Result<Option<BlockedWorkflowTask>, Error> {
        self.blocked_tasks.load_one(run_id).await.map_err(fault)
    }

    /// Live workers, oldest first.
    pub(super) async fn workers(&self) -> Result<Vec<Worker>, Error> {
        Ok(self.workers.load_one(()).await.map_err(fault)?.unwrap_or_default())
    }
}

fn loader<L>(loader: L) -> DataLoader<L> {
    DataLoader::new(loader, TokioSpawner::current(), TokioTimer::default())
        .delay(DELAY)
        .max_batch_size(BATCH_KEYS_MAX)
}

struct PendingActivities(Client);

impl Loader<RunId> for PendingActivities {
    type Value = Vec<Activity>;
    type Error = Fault;

    async fn load(&self, run_ids: &[RunId]) -> Result<HashMap<RunId, Vec<Activity>>, Fault> {
        let found = self.0.pending_activities(run_ids).await.map_err(|error| Fault::of_store(&error))?;
        let mut by_run: HashMap<RunId, Vec<Activity>> = HashMap::new();
        for activity in found {
            by_run.entry(activity.run_id).or_default().push(activity.into());
        }
        Ok(by_run)
    }
}

struct AllActivities(Client);

impl Loader<RunId> for AllActivities {
    type Value = Vec<Activity>;
    type Error = Fault;

    async fn load(&self, run_ids: &[RunId]) -> Result<HashMap<RunId, Vec<Activity>>, Fault> {
        stream::iter(run_ids.to_vec())
            .map(|run_id| async move {
                let activities = self.0.activities(run_id).await.map_err(|error| Fault::of_store(&error))?;
                Ok((run_id, activities.into_iter().map(Activity::from).collect()))
            })
            .buffer_unordered(CONCURRENT_QUERIES_MAX)
            .try_collect()
            .await
    }
}

struct BlockedTasks(Client);

impl Loader<RunId> for BlockedTasks {
    type Value = BlockedWorkflowTask;
    type Error = Fault;

    async fn load(&self, run_ids: &[RunId]) -> Result<HashMap<RunId, BlockedWorkflowTask>, Fault> {
        stream::iter(run_ids.to_vec())
            .map(|run_id| async move {
                let blocked = self.0.blocked_workflow_task(run_id).await;
                let blocked: Option<client::BlockedWorkflowTask> =
                    blocked.map_err(|error| Fault::of_store(&error))?;
                Ok(blocked.map(|blocked| (run_id, blocked.into())))
            })
            .buffer_unordered(CONCURRENT_QUERIES_MAX)
            .try_filter_map(|found| async move { Ok(found) })
            .try_collect()
            .await
    }
}

struct Workers(Client);

impl Loader<()> for Workers {
    type Value = Vec<Worker>;
    type Error = Fault;

    async fn load(&self, _: &[()]) -> Result<HashMap<(), Vec<Worker>>, Fault> {
        let workers = self.0.workers().await.map_err(|error| Fault::of_store(&error))?;
        Ok(HashMap::from([((), workers.into_iter().map(Worker::from).collect())]))
    }
}
