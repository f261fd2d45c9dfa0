//! Runs.

use std::{collections::HashMap, time::Duration};

use ctutor_entity::workflow_execution::{Column, Entity};
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, FromQueryResult, JoinType, QueryFilter, QueryOrder,
    QuerySelect, Select,
    sea_query::{Expr, Query},
};
use uuid::Uuid;

use super::filter;
use crate::{
    clock::Timestamp,
    failure::Failure,
    ids::{Namespace, RunId, TaskQueue, WorkflowId, WorkflowType},
    model::{
        Caller, Page, PageDirection, PageRequest, Visibility, Waiter, WorkflowExecution, WorkflowFilter,
        WorkflowOrder, WorkflowStatus, WorkflowTarget,
    },
    payload::Payload,
    store::{Error, Store},
};

#[derive(Debug, FromQueryResult)]
struct Row {
    run_id: Uuid,
    namespace: String,
    workflow_id: String,
    workflow_type: String,
    task_queue: String,
    priority: i32,
    status: String,
    cancel_requested: bool,
    owner: Option<String>,
    input: String,
    result: Option<String>,
    failure: Option<String>,
    memo: String,
    search_attributes: String,
    created_at_ms: i64,
    start_at_ms: Option<i64>,
    started_at_ms: Option<i64>,
    closed_at_ms: Option<i64>,
    execution_timeout_ms: Option<i64>,
    history_length: i64,
    worker_identity: Option<String>,
    next_event_id: Option<i64>,
}

/// A run with what its tasks tell, for which they must be read as well.
#[derive(Debug, FromQueryResult)]
struct WaiterRow {
    #[sea_orm(nested)]
    run: Row,
    due_at_ms: Option<i64>,
}

impl Store {
    /// A run, if the caller may see it.
    pub(crate) async fn execution(
        &self,
        namespace: &Namespace,
        caller: &Caller,
        target: &WorkflowTarget,
    ) -> Result<Option<WorkflowExecution>, Error> {
        let row = named(namespace, caller, target).into_model::<Row>().one(&self.reader).await?;
        row.filter(|row| row.is_visible(namespace, caller)).map(Row::into_execution).transpose()
    }

    /// A run with what it waits for, if the caller may see it.
    ///
    /// # Errors
    /// The database failed, or the row cannot be read.
    pub(crate) async fn waiter(
        &self,
        namespace: &Namespace,
        caller: &Caller,
        target: &WorkflowTarget,
    ) -> Result<Option<Waiter>, Error> {
        let select = with_due_at(named(namespace, caller, target));
        let row = select.into_model::<WaiterRow>().one(&self.reader).await?;
        row.filter(|row| row.run.is_visible(namespace, caller)).map(WaiterRow::into_waiter).transpose()
    }

    /// The runs of a list that the caller may see.
    pub(crate) async fn executions(
        &self,
        namespace: &Namespace,
        caller: &Caller,
        run_ids: &[RunId],
    ) -> Result<HashMap<RunId, WorkflowExecution>, Error> {
        let select = with_task(self.reader.dialect.among("workflow_execution.run_id", run_ids));
        let rows = select.into_model::<Row>().all(&self.reader).await?;
        rows.into_iter()
            .filter(|row| row.is_visible(namespace, caller))
            .map(|row| row.into_execution().map(|execution| (execution.run_id, execution)))
            .collect()
    }

    /// A page of runs.
    pub(crate) async fn list_executions(
        &self,
        namespace: &Namespace,
        caller: &Caller,
        filter: &WorkflowFilter,
        order: WorkflowOrder,
        page: &PageRequest,
    ) -> Result<Page<WorkflowExecution>, Error> {
        let select = listed(namespace, caller, filter, order, page);
        let rows = select.into_model::<Row>().all(&self.reader).await?;
        cut(rows, page, Row::into_execution)
    }

    /// A page of runs with what they wait for.
    ///
    /// # Errors
    /// The database failed, or a row cannot be read.
    pub(crate) async fn list_waiters(
        &self,
        namespace: &Namespace,
        caller: &Caller,
        filter: &WorkflowFilter,
        order: WorkflowOrder,
        page: &PageRequest,
    ) -> Result<Page<Waiter>, Error> {
        let select = with_due_at(listed(namespace, caller, filter, order, page));
        let rows = select.into_model::<WaiterRow>().all(&self.reader).await?;
        cut(rows, page, WaiterRow::into_waiter)
    }

    /// How many runs there are; counting stops at `at_most`.
    pub(crate) async fn count_executions(
        &self,
        namespace: &Namespace,
        caller: &Caller,
        filter: &WorkflowFilter,
        at_most: u32,
    ) -> Result<u32, Error> {
        let limited = Query::select()
            .expr(Expr::val(1))
            .from(Entity)
            .cond_where(filter::visible(namespace, caller))
            .cond_where(filter::condition(filter))
            .limit(u64::from(at_most))
            .to_owned();
        let count = Query::select().expr(Expr::cust("COUNT(*)")).from_subquery(limited, "limited").to_owned();
        let row = self.reader.query_one(&count).await?;
        let count: i64 = row.map(|row| row.try_get_by_index(0)).transpose()?.unwrap_or(0);
        Ok(u32::try_from(count).unwrap_or(u32::MAX))
    }

    /// Open runs whose time is over.
    pub(crate) async fn overdue_runs(
        &self,
        now: Timestamp,
        at_most: u64,
    ) -> Result<Vec<(RunId, Duration)>, Error> {
        let rows: Vec<(Uuid, Option<i64>)> = Entity::find()
            .select_only()
            .column(Column::RunId)
            .column(Column::ExecutionTimeoutMs)
            .filter(Column::ClosedAtMs.is_null())
            .filter(Column::DeadlineAtMs.lte(now.0))
            .limit(at_most)
            .into_tuple()
            .all(&self.reader)
            .await?;
        Ok(rows
            .into_iter()
            .map(|(run_id, timeout)| (RunId(run_id), duration(timeout.unwrap_or(0))))
            .collect())
    }
}

fn with_task(condition: impl sea_orm::sea_query::IntoCondition) -> Select<Entity> {
    use ctutor_entity::workflow_task;
    Entity::find()
        .join(
            JoinType::LeftJoin,
            Entity::belongs_to(workflow_task::Entity)
                .from(Column::RunId)
                .to(workflow_task::Column::RunId)
                .into(),
        )
        .column(workflow_task::Column::NextEventId)
        .filter(condition)
}

/// The run that a target names; of a workflow ID the latest that the caller may see. A run that is named by its ID is
/// here for whoever asks, see [`Row::is_visible`].
///
/// Its key alone is asked for: with the namespace beside it, a session that has planned the read while the table was
/// small would take an index that begins with the namespace, and walk all of it.
pub(in crate::store) fn named(
    namespace: &Namespace,
    caller: &Caller,
    target: &WorkflowTarget,
) -> Select<Entity> {
    match target {
        WorkflowTarget::Run(run_id) => with_task(Column::RunId.eq(run_id.0)),
        WorkflowTarget::Workflow(workflow_id) => with_task(filter::visible(namespace, caller))
            .filter(Column::WorkflowId.eq(workflow_id.as_str()))
            .order_by_desc(Column::CreatedAtMs)
            .order_by_desc(Column::RunId)
            .limit(1),
    }
}

/// The rows of a page, in the direction in which it is taken, and one more if there are more.
pub(in crate::store) fn listed(
    namespace: &Namespace,
    caller: &Caller,
    filter: &WorkflowFilter,
    order: WorkflowOrder,
    page: &PageRequest,
) -> Select<Entity> {
    let forward = page.direction == PageDirection::Forward;
    let descending = order.descending == forward;
    let key = filter::order_key(order.field);
    let mut select = with_task(filter::visible(namespace, caller)).filter(filter::condition(filter));
    if let Some(cursor) = page.cursor {
        select = select.filter(filter::beyond(&key, cursor, descending));
    }
    let direction = if descending { sea_orm::Order::Desc } else { sea_orm::Order::Asc };
    select
        .order_by(key, direction.clone())
        .order_by(Column::RunId, direction)
        .offset((page.offset > 0).then_some(u64::from(page.offset)))
        .limit(u64::from(page.items) + 1)
}

/// The page that these rows make.
fn cut<R, T>(
    rows: Vec<R>,
    page: &PageRequest,
    read: impl Fn(R) -> Result<T, Error>,
) -> Result<Page<T>, Error> {
    let forward = page.direction == PageDirection::Forward;
    let more = rows.len() > page.items as usize;
    let mut items = rows.into_iter().take(page.items as usize).map(read).collect::<Result<Vec<_>, _>>()?;
    if !forward {
        items.reverse();
    }
    let beyond = page.cursor.is_some() || page.offset > 0;
    let (has_next, has_previous) = if forward { (more, beyond) } else { (beyond, more) };
    Ok(Page { items, has_next, has_previous })
}

fn with_due_at(select: Select<Entity>) -> Select<Entity> {
    select.column_as(filter::due_at(), "due_at_ms")
}

impl WaiterRow {
    fn into_waiter(self) -> Result<Waiter, Error> {
        let due_at = self.due_at_ms.map(Timestamp);
        Ok(Waiter { execution: self.run.into_execution()?, due_at })
    }
}

impl Row {
    /// Whether the caller may see it.
    fn is_visible(&self, namespace: &Namespace, caller: &Caller) -> bool {
        self.namespace == namespace.as_str()
            && match caller.visibility {
                Visibility::All => true,
                Visibility::Own => self.owner.as_deref() == Some(caller.subject.as_str()),
            }
    }

    fn into_execution(self) -> Result<WorkflowExecution, Error> {
        let status = status(&self.status, self.cancel_requested).ok_or_else(|| Error::Unreadable {
            table: "workflow_execution",
            column: "status",
            key: self.run_id.to_string(),
            reason: format!("unknown status `{}`", self.status),
        })?;
        let failure =
            self.failure.map(|text| serde_json::from_str::<Failure>(&text)).transpose().map_err(|error| {
                Error::Unreadable {
                    table: "workflow_execution",
                    column: "failure",
                    key: self.run_id.to_string(),
                    reason: error.to_string(),
                }
            })?;
        Ok(WorkflowExecution {
            run_id: RunId(self.run_id),
            namespace: Namespace::trusted(self.namespace),
            workflow_id: WorkflowId::trusted(self.workflow_id),
            workflow_type: WorkflowType::trusted(self.workflow_type),
            task_queue: TaskQueue::trusted(self.task_queue),
            priority: self.priority,
            status,
            owner: self.owner,
            input: Payload::trusted(self.input),
            result: self.result.map(Payload::trusted),
            failure,
            memo: Payload::trusted(self.memo),
            search_attributes: Payload::trusted(self.search_attributes),
            created_at: Timestamp(self.created_at_ms),
            start_at: self.start_at_ms.map(Timestamp),
            started_at: self.started_at_ms.map(Timestamp),
            closed_at: self.closed_at_ms.map(Timestamp),
            execution_timeout: self.execution_timeout_ms.map(duration),
            history_length: self.next_event_id.map_or(self.history_length, |next| next - 1),
            worker_identity: self.worker_identity,
        })
    }
}

fn status(stored: &str, cancel_requested: bool) -> Option<WorkflowStatus> {
    let status = WorkflowStatus::ALL.into_iter().find(|status| status.as_str() == stored)?;
    Some(if cancel_requested && !status.is_closed() { WorkflowStatus::Canceling } else { status })
}

pub(super) fn duration(ms: i64) -> Duration {
    Duration::from_millis(u64::try_from(ms).unwrap_or(0))
}

impl Caller {
    /// The engine itself, which sees everything.
    pub(crate) fn engine() -> Self {
        Self { subject: "engine".to_owned(), visibility: Visibility::All }
    }
}
