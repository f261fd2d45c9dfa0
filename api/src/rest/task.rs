use axum::{Json, extract::State};
use ctutor_engine::{
    client::{Activity, Waiter, WorkflowExecution, WorkflowTarget},
    ids::WorkflowId,
};

use super::{
    Twin,
    attempts::Attempts,
    caller::Caller,
    error::Error,
    query::NoParameters,
    task_id::TaskId,
    task_info::{TaskInfo, View},
};
use crate::Principal;

pub(super) async fn describe(
    State(twin): State<Twin>,
    Caller(principal): Caller,
    TaskId(task_id): TaskId,
    _: NoParameters,
) -> Result<Json<TaskInfo>, Error> {
    let found = find(&twin, &principal, &target(&task_id)?).await?;
    let pending = pending(&twin, &found.execution).await?;
    // Read after the rows, so that an activity that ends in between appears in one of the two.
    let attempts = Attempts::read(&twin, found.execution.run_id).await?;
    Ok(Json(TaskInfo::new(&found, &pending, View::Whole(&attempts), twin.app.client.clock().now())))
}

/// The run of a task ID. Text that cannot be an ID is an unknown ID.
pub(super) fn target(task_id: &str) -> Result<WorkflowTarget, Error> {
    WorkflowId::parse(task_id).map(WorkflowTarget::Workflow).map_err(|_| Error::NotFound)
}

/// Finds a run that the caller may see.
pub(super) async fn find(
    twin: &Twin,
    principal: &Principal,
    target: &WorkflowTarget,
) -> Result<Waiter, Error> {
    let found = twin.app.client.waiter(&principal.caller(), target).await;
    found.map_err(|error| Error::store(&error))?.ok_or(Error::NotFound)
}

/// The open activities of a run.
pub(super) async fn pending(twin: &Twin, execution: &WorkflowExecution) -> Result<Vec<Activity>, Error> {
    if execution.status.is_closed() {
        return Ok(Vec::new());
    }
    let found = twin.app.client.pending_activities(&[execution.run_id]).await;
    found.map_err(|error| Error::store(&error))
}
