use std::sync::Arc;

use async_graphql::{Context, Description, ID, Object, Result, SimpleObject};
use ctutor_engine::{client, history::EventType};

use super::{Activity, ActivityStatus, Failure, HistoryEvent, HistoryEventType, WorkflowStatus};
use crate::{
    app::App,
    graphql::{
        cursor::{self, EventCursor},
        error::store_fault,
        id::NodeId,
        loader::Loaders,
        page::{Connection, Edge, PageInfo, page_cost, page_size, slice},
        page_sizes::List,
        scalar::{DateTime, Duration, Json},
    },
};

/// A workflow execution, also called a run.
#[derive(Debug, Clone, Description)]
pub struct WorkflowExecution(Arc<client::WorkflowExecution>);

#[Object(use_type_description)]
impl WorkflowExecution {
    /// Global ID of the run: `wfr_` followed by its run ID.
    pub async fn id(&self) -> ID {
        NodeId::WorkflowExecution(self.0.run_id).into()
    }

    /// Workflow ID, chosen by the caller or generated. Unique among open runs.
    async fn workflow_id(&self) -> &str {
        self.0.workflow_id.as_str()
    }

    /// Run ID, unique among all runs. This is the global ID without its prefix.
    async fn run_id(&self) -> ID {
        ID(self.0.run_id.to_string())
    }

    /// Workflow type, as registered by workers.
    #[graphql(name = "type")]
    async fn workflow_type(&self) -> &str {
        self.0.workflow_type.as_str()
    }

    /// Current state of the run.
    async fn status(&self) -> WorkflowStatus {
        self.0.status.into()
    }

    /// Task queue of the run.
    async fn task_queue(&self) -> &str {
        self.0.task_queue.as_str()
    }

    /// Priority from -100 to 100. Higher priorities run first.
    async fn priority(&self) -> i32 {
        self.0.priority
    }

    /// Subject of the access token that started the run.
    async fn owner(&self) -> Option<&str> {
        self.0.owner.as_deref()
    }

    /// Workflow input.
    async fn input(&self, ctx: &Context<'_>) -> Option<Result<Json>> {
        Some(Json::answer(ctx, &self.0.input))
    }

    /// Workflow result; null unless the run has completed.
    async fn result(&self, ctx: &Context<'_>) -> Option<Result<Json>> {
        Json::answer_opt(ctx, self.0.result.as_ref())
    }

    /// Why the run did not complete; null if it has not failed.
    async fn failure(&self) -> Option<Failure> {
        self.0.failure.as_ref().map(Failure::from)
    }

    /// Search attributes: a JSON object of names and values.
    async fn search_attributes(&self, ctx: &Context<'_>) -> Result<Json> {
        Json::answer(ctx, &self.0.search_attributes)
    }

    /// Notes that were given at the start: a JSON object.
    async fn memo(&self, ctx: &Context<'_>) -> Result<Json> {
        Json::answer(ctx, &self.0.memo)
    }

    /// When the server accepted the run (UTC).
    async fn created_at(&self) -> DateTime {
        self.0.created_at.into()
    }

    /// Earliest time at which a worker may start the run (UTC); null means at once.
    async fn start_at(&self) -> Option<DateTime> {
        self.0.start_at.map(DateTime)
    }

    /// When a worker first started the run (UTC); null until then.
    async fn started_at(&self) -> Option<DateTime> {
        self.0.started_at.map(DateTime)
    }

    /// When the run ended (UTC); null while it is open.
    async fn closed_at(&self) -> Option<DateTime> {
        self.0.closed_at.map(DateTime)
    }

    /// Execution timeout; null means no limit.
    async fn timeout(&self) -> Option<Duration> {
        self.0.execution_timeout.map(Duration)
    }

    /// Identity of the worker that last ran workflow code of the run.
    async fn worker_identity(&self) -> Option<&str> {
        self.0.worker_identity.as_deref()
    }

    /// Number of events in the history so far.
    async fn history_length(&self) -> i64 {
        self.0.history_length
    }

    /// History events up to `historyLength`, oldest first. `totalCount` counts all events, even if `types` is given.
    #[graphql(complexity = r#"page_cost(
            __ctx.param_value(__variables_definition, __field, "first", None),
            100, List::History, child_complexity
        )"#)]
    async fn history(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "Page size, at least 1. The configuration of the server sets the maximum: `limits.history_page_items_max`, by default 500. Defaults to 100, or to the maximum if that is smaller."
        )]
        first: Option<i32>,
        #[graphql(desc = "Return items after this cursor.")] after: Option<String>,
        #[graphql(desc = "Return only events of these types.")] types: Option<Vec<HistoryEventType>>,
    ) -> Result<Connection<HistoryEvent>> {
        let size = page_size(ctx, "first", first, 100, List::History)?;
        let after = match after {
            Some(after) => EventCursor::decode_of("after", &after, self.0.run_id)?,
            None => 0,
        };
        let types: Vec<EventType> = types.unwrap_or_default().into_iter().map(EventType::from).collect();
        let client = &ctx.data_unchecked::<Arc<App>>().client;
        // One more than asked for tells whether more follow.
        let events = client.history(self.0.run_id, after, size + 1, &types).await;
        Ok(self.history_page(events.map_err(|error| store_fault(&error))?, size, after))
    }

    /// Activities of the run, in the order in which they were scheduled.
    #[graphql(complexity = r#"page_cost(
            __ctx.param_value(__variables_definition, __field, "first", None),
            50, List::Items, child_complexity
        )"#)]
    async fn activities(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "Page size, at least 1. The configuration of the server sets the maximum: `graphql.page_items_max`, by default 100. Defaults to 50, or to the maximum if that is smaller."
        )]
        first: Option<i32>,
        #[graphql(desc = "Return items after this cursor.")] after: Option<String>,
        #[graphql(desc = "Return only activities in these states.")] statuses: Option<Vec<ActivityStatus>>,
    ) -> Result<Connection<Activity>> {
        let size = page_size(ctx, "first", first, 50, List::Items)?;
        let mut activities = ctx.data_unchecked::<Loaders>().activities(self.0.run_id).await?;
        if let Some(statuses) = statuses.filter(|statuses| !statuses.is_empty()) {
            activities.retain(|activity| statuses.contains(&activity.get().status.into()));
        }
        slice(activities, |activity| activity.get().scheduled_event_id, size, after.as_deref())
    }

    /// Activities that have not ended, in the order in which they were scheduled.
    #[graphql(complexity = "2 + 5 * child_complexity")]
    async fn pending_activities(&self, ctx: &Context<'_>) -> Result<Vec<Activity>> {
        if self.0.status.is_closed() {
            return Ok(Vec::new());
        }
        ctx.data_unchecked::<Loaders>().pending_activities(self.0.run_id).await
    }

    /// Set while the workflow task keeps failing, such as after an incompatible change of the workflow code.
    #[graphql(complexity = "2 + child_complexity")]
    async fn blocked_task(&self, ctx: &Context<'_>) -> Option<Result<BlockedWorkflowTask>> {
        if self.0.status.is_closed() {
            return None;
        }
        ctx.data_unchecked::<Loaders>().blocked_task(self.0.run_id).await.transpose()
    }
}

impl WorkflowExecution {
    fn history_page(
        &self,
        mut events: Vec<ctutor_engine::history::HistoryEvent>,
        size: u32,
        after: i64,
    ) -> Connection<HistoryEvent> {
        // The run may have gone on since it was read. Who follows a snapshot gets the rest from its stream.
        events.retain(|event| event.event_id <= self.0.history_length);
        let size = usize::try_from(size).unwrap_or(usize::MAX);
        let has_next_page = events.len() > size;
        events.truncate(size);
        let run_id = self.0.run_id;
        let edges: Vec<_> = events
            .into_iter()
            .map(|event| Edge {
                cursor: cursor::encode(&EventCursor { run_id, event_id: event.event_id }),
                node: HistoryEvent::new(run_id, event),
            })
            .collect();
        let page_info = PageInfo {
            has_next_page,
            has_previous_page: after > 0,
            start_cursor: edges.first().map(|edge| edge.cursor.clone()),
            end_cursor: edges.last().map(|edge| edge.cursor.clone()),
        };
        Connection { edges, page_info, total_count: self.0.history_length }
    }
}

impl From<client::WorkflowExecution> for WorkflowExecution {
    fn from(execution: client::WorkflowExecution) -> Self {
        Self(Arc::new(execution))
    }
}

/// The workflow task that keeps failing, with its last error.
#[derive(Debug, Clone, SimpleObject)]
pub struct BlockedWorkflowTask {
    /// Number of failed attempts of the workflow task so far.
    pub attempt: u32,
    /// Failure of the last attempt.
    pub failure: Failure,
    /// When the next attempt is due (UTC).
    pub next_attempt_at: DateTime,
}

impl From<client::BlockedWorkflowTask> for BlockedWorkflowTask {
    fn from(task: client::BlockedWorkflowTask) -> Self {
        Self {
            attempt: task.attempt,
            failure: Failure::from(&task.failure),
            next_attempt_at: task.next_attempt_at.into(),
        }
    }
}
