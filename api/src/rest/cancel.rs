use axum::{Json, extract::State};
use serde::Serialize;

use super::{
    Twin, caller::Caller, error::Error, query::NoParameters, status::TaskStatus, task, task_id::TaskId,
};

/// The state of a task after the call.
#[derive(Debug, Serialize)]
pub(super) struct Cancelled {
    task_id: String,
    status: TaskStatus,
    message: &'static str,
}

/// Asks a task to stop. One that has ended stays as it is, and the answer says how it ended.
pub(super) async fn cancel(
    State(twin): State<Twin>,
    Caller(principal): Caller,
    TaskId(task_id): TaskId,
    _: NoParameters,
) -> Result<Json<Cancelled>, Error> {
    let client = &twin.app.client;
    let stopped = client.cancel_workflow(&principal.caller(), &task::target(&task_id)?, None).await?;
    let (status, message) = match (stopped.execution.status.is_closed(), stopped.changed) {
        (true, false) => (TaskStatus::of_begun(stopped.execution.status), "the task had ended before"),
        (_, true) => (TaskStatus::Cancelled, "the task was asked to stop"),
        (false, false) => (TaskStatus::Cancelled, "the task was asked to stop before"),
    };
    Ok(Json(Cancelled { task_id, status, message }))
}
