//! Conditions on runs.

use ctutor_entity::workflow_execution::Column;
use sea_orm::{
    ColumnTrait, Condition, ExprTrait,
    sea_query::{Expr, Func, SimpleExpr},
};

use crate::{
    ids::Namespace,
    model::{
        Caller, TimeRange, Visibility, Waiting, WaitingFor, WorkflowCursor, WorkflowFilter,
        WorkflowOrderField, WorkflowStatus,
    },
};

/// When the first thing of an open run is or was due; null when one is in hand, or when only a message can move it.
///
/// What a worker holds counts as due since ever, so that it comes before whatever else the run has. The workflow task
/// of a run that waits for no timer has the largest number for its time, [`crate::clock::Timestamp::NEVER`]: only
/// its activities can be due then.
/// The case keeps the reading of tasks to the runs that have begun; their primary keys begin with the run.
const DUE_AT: &str = "(CASE workflow_execution.status \
     WHEN 'PENDING' THEN COALESCE(workflow_execution.start_at_ms, workflow_execution.created_at_ms) \
     WHEN 'RUNNING' THEN (SELECT NULLIF(NULLIF(MIN(task.due_at_ms), -1), 9223372036854775807) FROM (\
     SELECT CASE WHEN owner IS NULL THEN visible_at_ms ELSE -1 END AS due_at_ms FROM workflow_task \
     WHERE workflow_task.run_id = workflow_execution.run_id UNION ALL \
     SELECT CASE WHEN owner IS NULL THEN visible_at_ms ELSE -1 END FROM activity_task \
     WHERE activity_task.run_id = workflow_execution.run_id) AS task) END)";

/// [`DUE_AT`] as an expression.
pub(super) fn due_at() -> SimpleExpr {
    Expr::cust(DUE_AT)
}

/// What the caller may see.
pub(super) fn visible(namespace: &Namespace, caller: &Caller) -> Condition {
    let condition = Condition::all().add(Column::Namespace.eq(namespace.as_str()));
    match caller.visibility {
        Visibility::All => condition,
        Visibility::Own => condition.add(Column::Owner.eq(caller.subject.as_str())),
    }
}

/// What the filter asks for.
pub(super) fn condition(filter: &WorkflowFilter) -> Condition {
    let mut condition = Condition::all();
    if !can_be(filter) {
        return condition.add(Expr::val(1).eq(0));
    }
    if !filter.statuses.is_empty() {
        let any = filter.statuses.iter().fold(Condition::any(), |any, status| any.add(in_state(*status)));
        condition = condition.add(any);
    }
    condition = condition.add_option(filter.waiting.map(waits));
    if !filter.types.is_empty() {
        condition = condition.add(Column::WorkflowType.is_in(filter.types.iter().map(String::as_str)));
    }
    if let Some(workflow_id) = &filter.workflow_id {
        condition = condition.add(Column::WorkflowId.eq(workflow_id.as_str()));
    }
    if let Some(prefix) = &filter.workflow_id_prefix {
        // Not `LIKE`, for which SQLite does not tell upper from lower case.
        let length = i32::try_from(prefix.chars().count()).unwrap_or(i32::MAX);
        let id = Expr::col((ctutor_entity::workflow_execution::Entity, Column::WorkflowId));
        let start = Func::cust("SUBSTR").arg(id).arg(1).arg(length);
        condition = condition.add(Expr::expr(start).eq(prefix.as_str()));
    }
    if let Some(queue) = &filter.task_queue {
        condition = condition.add(Column::TaskQueue.eq(queue.as_str()));
    }
    condition = within(condition, Column::CreatedAtMs, filter.created);
    condition = within(condition, Column::StartedAtMs, filter.started);
    condition = within(condition, Column::ClosedAtMs, filter.closed);
    for also in &filter.and {
        condition = condition.add(self::condition(also));
    }
    if !filter.or.is_empty() {
        let any = filter.or.iter().fold(Condition::any(), |any, one| any.add(self::condition(one)));
        condition = condition.add(any);
    }
    condition
}

/// Whether such names can exist. PostgreSQL refuses a string with a null character.
fn can_be(filter: &WorkflowFilter) -> bool {
    let texts = filter.types.iter().map(String::as_str);
    let mut texts = texts
        .chain(filter.workflow_id.as_deref())
        .chain(filter.workflow_id_prefix.as_deref())
        .chain(filter.task_queue.as_deref());
    texts.all(|text| !text.contains('\0'))
}

/// `CANCELING` is an open state together with the request to stop.
fn in_state(status: WorkflowStatus) -> Condition {
    match status {
        WorkflowStatus::Canceling => {
            Condition::all().add(Column::ClosedAtMs.is_null()).add(Column::CancelRequested.eq(true))
        }
        WorkflowStatus::Pending | WorkflowStatus::Running => {
            Condition::all().add(Column::Status.eq(status.as_str())).add(Column::CancelRequested.eq(false))
        }
        closed => Condition::all().add(Column::Status.eq(closed.as_str())),
    }
}

/// The same as [`crate::model::Waiter::waiting_for`] says of a run, put so that those that have ended are not read.
fn waits(Waiting { what, now }: Waiting) -> Condition {
    let nothing_due = || Expr::expr(Func::coalesce([due_at(), Expr::val(-1_i64)])).gt(now.0);
    match what {
        WaitingFor::Worker => in_state(WorkflowStatus::Pending).add(nothing_due().not()),
        WaitingFor::Time => open().add(Column::CancelRequested.eq(false)).add(nothing_due()),
        WaitingFor::Nothing => open().add(
            Condition::any()
                .add(Column::CancelRequested.eq(true))
                .add(in_state(WorkflowStatus::Running).add(nothing_due().not())),
        ),
    }
}

/// Every id comes after nothing. Without a bound on it, SQLite would rather walk all runs in the order of the list
/// than those in the index of the open ones.
fn open() -> Condition {
    Condition::all().add(Column::ClosedAtMs.is_null()).add(Column::WorkflowId.gte(""))
}

fn within(condition: Condition, column: Column, range: TimeRange) -> Condition {
    condition
        .add_option(range.from.map(|from| column.gte(from.0)))
        .add_option(range.to.map(|to| column.lt(to.0)))
}

/// What a list is ordered by, before the run id.
pub(super) fn order_key(field: WorkflowOrderField) -> SimpleExpr {
    match field {
        WorkflowOrderField::CreatedAt => {
            Expr::col((ctutor_entity::workflow_execution::Entity, Column::CreatedAtMs))
        }
        WorkflowOrderField::ClosedAt => Expr::expr(Func::coalesce([
            Expr::col((ctutor_entity::workflow_execution::Entity, Column::ClosedAtMs)),
            Expr::val(i64::MAX),
        ])),
        WorkflowOrderField::Priority => {
            Expr::col((ctutor_entity::workflow_execution::Entity, Column::Priority))
        }
    }
}

/// What comes after the cursor in the given direction.
pub(super) fn beyond(key: &SimpleExpr, cursor: WorkflowCursor, descending: bool) -> Condition {
    let later = |column: SimpleExpr, value: sea_orm::Value| {
        if descending { column.lt(value) } else { column.gt(value) }
    };
    let run_id = Expr::col((ctutor_entity::workflow_execution::Entity, Column::RunId));
    Condition::any()
        .add(later(key.clone(), cursor.key.into()))
        .add(Condition::all().add(key.clone().eq(cursor.key)).add(later(run_id, cursor.run_id.0.into())))
}
