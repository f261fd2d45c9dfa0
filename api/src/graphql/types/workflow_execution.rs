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
        page::{Connection, Edge, HISTORY_PAGE_ITEMS, PAGE_ITEMS, PageInfo, page_cost, page_size, slice},
        scalar::{DateTime, Duration, Json},
    },
};

/// One run of a workflow.
#[derive(Debug, Clone, Description)]
pub struct WorkflowExecution(Arc<client::WorkflowExecution>);

#[Object(use_type_description)]
impl WorkflowExecution {
    /// Global id of the run: `wfr_` and its run id.
    pub async fn id(&self) -> ID {
        NodeId::WorkflowExecution(self.0.run_id).into()
    }

    /// The caller's id; unique among open runs.
    async fn workflow_id(&self) -> &str {
        self.0.workflow_id.as_str()
    }

    /// The run's own id, without the prefix of the global one.
    async fn run_id(&self) -> ID {
        ID(self.0.run_id.to_string())
    }

    /// Registered type.
    #[graphql(name = "type")]
    async fn workflow_type(&self) -> &str {
        self.0.workflow_type.as_str()
    }

    /// State.
    async fn status(&self) -> WorkflowStatus {
        self.0.status.into()
    }

    /// Queue its tasks go to.
    async fn task_queue(&self) -> &str {
        self.0.task_queue.as_str()
    }

    /// Higher runs first; -100 to 100.
    async fn priority(&self) -> i32 {
        self.0.priority
    }

    /// Subject of the token that started it.
    async fn owner(&self) -> Option<&str> {
        self.0.owner.as_deref()
    }

    /// What it was started with.
    async fn input(&self, ctx: &Context<'_>) -> Option<Result<Json>> {
        Some(Json::answer(ctx, &self.0.input))
    }

    /// What it returned.
    async fn result(&self, ctx: &Context<'_>) -> Option<Result<Json>> {
        Json::answer_opt(ctx, self.0.result.as_ref())
    }

    /// Why it failed.
    async fn failure(&self) -> Option<Failure> {
        self.0.failure.as_ref().map(Failure::from)
    }

    /// Named values for search.
    async fn search_attributes(&self, ctx: &Context<'_>) -> Result<Json> {
        Json::answer(ctx, &self.0.search_attributes)
    }

    /// Free notes.
    async fn memo(&self, ctx: &Context<'_>) -> Result<Json> {
        Json::answer(ctx, &self.0.memo)
    }

    /// Accepted.
    async fn created_at(&self) -> DateTime {
        self.0.created_at.into()
    }

    /// Not handed to a worker before.
    async fn start_at(&self) -> Option<DateTime> {
        self.0.start_at.map(DateTime)
    }

    /// First task started.
    async fn started_at(&self) -> Option<DateTime> {
        self.0.started_at.map(DateTime)
    }

    /// Closed.
    async fn closed_at(&self) -> Option<DateTime> {
        self.0.closed_at.map(DateTime)
    }

    /// Longest time it may take.
    async fn timeout(&self) -> Option<Duration> {
        self.0.execution_timeout.map(Duration)
    }

    /// Name of the worker that held it last.
    async fn worker_identity(&self) -> Option<&str> {
        self.0.worker_identity.as_deref()
    }

    /// Events recorded so far.
    async fn history_length(&self) -> i64 {
        self.0.history_length
    }

    /// Past events up to `historyLength`, oldest first. `totalCount` is that of all events, whatever `types` says.
    #[graphql(complexity = r#"page_cost(
            __ctx.param_value(__variables_definition, __field, "first", None),
            100, &HISTORY_PAGE_ITEMS, child_complexity
        )"#)]
    async fn history(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Page size, 1 to 500.", default_with = "Some(100)")] first: Option<i32>,
        #[graphql(desc = "Resume after.")] after: Option<String>,
        #[graphql(desc = "Only these types.")] types: Option<Vec<HistoryEventType>>,
    ) -> Result<Connection<HistoryEvent>> {
        let size = page_size("first", first, 100, &HISTORY_PAGE_ITEMS)?;
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

    /// Activities, in order of scheduling.
    #[graphql(complexity = r#"page_cost(
            __ctx.param_value(__variables_definition, __field, "first", None),
            50, &PAGE_ITEMS, child_complexity
        )"#)]
    async fn activities(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Page size, 1 to 100.", default_with = "Some(50)")] first: Option<i32>,
        #[graphql(desc = "Resume after.")] after: Option<String>,
        #[graphql(desc = "Only in these states.")] statuses: Option<Vec<ActivityStatus>>,
    ) -> Result<Connection<Activity>> {
        let size = page_size("first", first, 50, &PAGE_ITEMS)?;
        let mut activities = ctx.data_unchecked::<Loaders>().activities(self.0.run_id).await?;
        if let Some(statuses) = statuses.filter(|statuses| !statuses.is_empty()) {
            activities.retain(|activity| statuses.contains(&activity.get().status.into()));
        }
        slice(activities, |activity| activity.get().scheduled_event_id, size, after.as_deref())
    }

    /// Activities that have not ended, in order of scheduling.
    #[graphql(complexity = "2 + 5 * child_complexity")]
    async fn pending_activities(&self, ctx: &Context<'_>) -> Result<Vec<Activity>> {
        if self.0.status.is_closed() {
            return Ok(Vec::new());
        }
        ctx.data_unchecked::<Loaders>().pending_activities(self.0.run_id).await
    }

    /// Set while a worker cannot go on with the run, and tries again: its code is broken or has changed.
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

/// The step of an open run that a worker could not do.
#[derive(Debug, Clone, SimpleObject)]
pub struct BlockedWorkflowTask {
    /// Failed tries so far.
    pub attempt: u32,
    /// Why the last one failed.
    pub failure: Failure,
    /// When it is tried again.
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
