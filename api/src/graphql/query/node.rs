use std::{collections::HashMap, sync::Arc};

use async_graphql::{Context, Error, ID, Object, Result};
use ctutor_engine::ids::{EventId, RunId};
use futures_util::{StreamExt, TryStreamExt, stream};

use crate::{
    ListBounds, Principal,
    app::App,
    graphql::{
        error::{store_fault, too_many},
        id::NodeId,
        loader::Loaders,
        types::{HistoryEvent, Node, TaskQueue, WorkflowExecution},
    },
};

/// Most queries at a time for one `nodes`.
const CONCURRENT_QUERIES_MAX: usize = 4;

#[derive(Debug, Default)]
pub(super) struct NodeQuery;

#[Object]
impl NodeQuery {
    /// Fetch an object by its global ID. Null if it does not exist or the caller may not see it.
    async fn node(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Global ID of the object.")] id: ID,
    ) -> Option<Result<Node>> {
        fetch(ctx, &[id]).await.map(|mut nodes| nodes.pop().flatten()).transpose()
    }

    /// Fetch objects by their global IDs, in the given order. Null for each that does not exist or the caller may not see.
    #[graphql(complexity = "ids.len() * (1 + child_complexity)")]
    async fn nodes(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "Global IDs of the objects. The configuration of the server sets the maximum: `graphql.node_ids_max`, by default 100."
        )]
        ids: Vec<ID>,
    ) -> Result<Vec<Option<Node>>> {
        let max = ctx.data_unchecked::<ListBounds>().node_ids_max;
        if ids.len() > max {
            return Err(too_many("ids", ids.len(), max, ("ID", "IDs")));
        }
        fetch(ctx, &ids).await
    }
}

async fn fetch(ctx: &Context<'_>, ids: &[ID]) -> Result<Vec<Option<Node>>, Error> {
    let ids: Vec<_> = ids.iter().map(|id| NodeId::parse(id)).collect();
    let runs = visible_runs(ctx, &ids).await?;
    stream::iter(ids)
        .map(|id| async {
            match id {
                Some(id) => fetch_one(ctx, &runs, id).await,
                None => Ok(None),
            }
        })
        .buffered(CONCURRENT_QUERIES_MAX)
        .try_collect()
        .await
}

/// The runs that the ids name or belong to, as far as the caller may see them.
async fn visible_runs(
    ctx: &Context<'_>,
    ids: &[Option<NodeId>],
) -> Result<HashMap<RunId, WorkflowExecution>, Error> {
    let mut run_ids: Vec<_> = ids.iter().flatten().filter_map(run_of).collect();
    run_ids.sort_unstable();
    run_ids.dedup();
    if run_ids.is_empty() {
        return Ok(HashMap::new());
    }
    let caller = ctx.data_unchecked::<Principal>().caller();
    let found = ctx.data_unchecked::<Arc<App>>().client.describe_many(&caller, &run_ids).await;
    let found = found.map_err(|error| store_fault(&error))?;
    Ok(found.into_iter().map(|(run_id, execution)| (run_id, execution.into())).collect())
}

fn run_of(id: &NodeId) -> Option<RunId> {
    match id {
        NodeId::WorkflowExecution(run_id) | NodeId::HistoryEvent(run_id, _) | NodeId::Activity(run_id, _) => {
            Some(*run_id)
        }
        NodeId::Worker(_) | NodeId::TaskQueue(_) => None,
    }
}

async fn fetch_one(
    ctx: &Context<'_>,
    runs: &HashMap<RunId, WorkflowExecution>,
    id: NodeId,
) -> Result<Option<Node>, Error> {
    if run_of(&id).is_some_and(|run_id| !runs.contains_key(&run_id)) {
        return Ok(None);
    }
    match id {
        NodeId::WorkflowExecution(run_id) => Ok(runs.get(&run_id).cloned().map(Node::from)),
        NodeId::HistoryEvent(run_id, event_id) => event(ctx, run_id, event_id).await,
        NodeId::Activity(run_id, event_id) => {
            let activities = ctx.data_unchecked::<Loaders>().activities(run_id).await?;
            let found = activities.into_iter().find(|activity| activity.get().scheduled_event_id == event_id);
            Ok(found.map(Node::from))
        }
        NodeId::Worker(worker_id) => {
            let workers = ctx.data_unchecked::<Loaders>().workers().await?;
            Ok(workers.into_iter().find(|worker| worker.get().worker_id == worker_id).map(Node::from))
        }
        NodeId::TaskQueue(name) => {
            let client = &ctx.data_unchecked::<Arc<App>>().client;
            let queues = client.task_queues().await.map_err(|error| store_fault(&error))?;
            let found = queues.into_iter().find(|queue| queue.name == name);
            Ok(found.map(|info| TaskQueue::new(info, client.clock().now()).into()))
        }
    }
}

async fn event(ctx: &Context<'_>, run_id: RunId, event_id: EventId) -> Result<Option<Node>, Error> {
    let client = &ctx.data_unchecked::<Arc<App>>().client;
    let events = client.history(run_id, event_id - 1, 1, &[]).await.map_err(|error| store_fault(&error))?;
    let found = events.into_iter().find(|event| event.event_id == event_id);
    Ok(found.map(|event| HistoryEvent::new(run_id, event).into()))
}
