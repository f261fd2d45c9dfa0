//! Conditions on runs.

use ctutor_entity::workflow_execution::Column;
use sea_orm::{
    ColumnTrait, Condition, ExprTrait,
    sea_query::{Expr, Func, SimpleExpr},
};

use crate::{
    client::{
        Caller, TimeRange, Visibility, WorkflowCursor, WorkflowFilter, WorkflowOrderField, WorkflowStatus,
    },
    ids::Namespace,
};

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
    if !filter.statuses.is_empty() {
        let any = filter.statuses.iter().fold(Condition::any(), |any, status| any.add(in_state(*status)));
        condition = condition.add(any);
    }
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
