use std::time::Duration;

use axum::{
    Json,
    extract::{Path, State},
    http::StatusCode,
};
use ctutor_engine::client::{Waiter, WorkflowExecution, WorkflowTarget};

use super::{
    Twin,
    caller::Caller,
    error::Error,
    query::{self, Parameters},
    task,
    task_result::TaskResult,
};
use crate::Principal;

/// Longest wait that a caller may ask for, in seconds.
const TIMEOUT_SECONDS_MAX: u32 = 300;
const TIMEOUT_SECONDS_DEFAULT: u32 = 30;

/// Waits for the end of a task, but not for ever: a caller whose connection breaks would never know.
pub(super) async fn result(
    State(twin): State<Twin>,
    Caller(principal): Caller,
    Path(task_id): Path<String>,
    parameters: Parameters,
) -> Result<(StatusCode, Json<TaskResult>), Error> {
    let seconds = query::number(&parameters, "timeout", TIMEOUT_SECONDS_DEFAULT, 0..=TIMEOUT_SECONDS_MAX)?;
    let target = task::target(&task_id)?;
    let execution = wait(&twin, &principal, &target, Duration::from_secs(seconds.into())).await?;
    let found = if execution.status.is_closed() {
        Waiter { execution, due_at: None }
    } else {
        task::find(&twin, &principal, &WorkflowTarget::Run(execution.run_id)).await?
    };
    let pending = task::pending(&twin, &found.execution).await?;
    let status = if found.execution.status.is_closed() { StatusCode::OK } else { StatusCode::ACCEPTED };
    Ok((status, Json(TaskResult::new(&found, &pending, twin.app.client.clock().now()))))
}

/// The run at its end, or as it is when the wait is over: by its time, the token's, or that of the server.
async fn wait(
    twin: &Twin,
    principal: &Principal,
    target: &WorkflowTarget,
    timeout: Duration,
) -> Result<WorkflowExecution, Error> {
    let (client, caller) = (&twin.app.client, principal.caller());
    let found = client.describe(&caller, target).await.map_err(|error| Error::store(&error))?;
    let execution = found.ok_or(Error::NotFound)?;
    if execution.status.is_closed() || timeout.is_zero() {
        return Ok(execution);
    }
    let until = (client.clock().now() + timeout).min(principal.expires_at);
    let enough = async {
        tokio::select! {
            () = client.clock().sleep_until(until) => {}
            () = twin.shutdown.cancelled() => {}
        }
    };
    let latest = client.wait_for_end(&caller, execution.run_id, enough).await;
    latest.map_err(|error| Error::store(&error))?.ok_or(Error::NotFound)
}
