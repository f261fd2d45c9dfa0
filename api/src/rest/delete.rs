use axum::{Json, extract::State};
use serde::Serialize;

use super::{Twin, caller::Caller, error::Error, query::NoParameters, task, task_id::TaskId};

/// A deleted task.
#[derive(Debug, Serialize)]
pub(super) struct Deleted {
    task_id: String,
    status: &'static str,
    message: &'static str,
}

/// Deletes a task that has ended, with its history.
pub(super) async fn delete(
    State(twin): State<Twin>,
    Caller(principal): Caller,
    TaskId(task_id): TaskId,
    _: NoParameters,
) -> Result<Json<Deleted>, Error> {
    twin.app.delete(&principal, &task::target(&task_id)?).await?;
    Ok(Json(Deleted { task_id, status: "deleted", message: "the task and its history were deleted" }))
}
