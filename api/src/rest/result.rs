use std::time::Duration;

use axum::{
    Json,
    extract::{Path, State},
    http::StatusCode,
};
use ctutor_engine::client::{Waiter, WorkflowTarget};

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
    let found = task::find(&twin, &principal, &task::target(&task_id)?).await?;
    let found = wait(&twin, &principal, found, Duration::from_secs(seconds.into())).await?;
    let pending = task::pending(&twin, &found.execution).await?;
    let status = if found.execution.status.is_closed() { StatusCode::OK } else { StatusCode::ACCEPTED };
    Ok((status, Json(TaskResult::new(&found, &pending, twin.app.client.clock().now()))))
}

/// The run at its end, or as it is when the wait is over: by its time, the token's, or that of the server.
async fn wait(twin: &Twin, principal: &Principal, found: Waiter, timeout: Duration) -> Result<Waiter, Error> {
    let run_id = found.execution.run_id;
    if found.execution.status.is_closed() || timeout.is_zero() {
        return Ok(found);
    }
    let client = &twin.app.client;
    let until = (client.clock().now() + timeout).min(principal.expires_at);
    let enough = async {
        tokio::select! {
            () = client.clock().sleep_until(until) => {}
            () = twin.shutdown.cancelled() => {}
        }
    };
    let latest = client.wait_for_end(&principal.caller(), run_id, enough).await;
    match latest.map_err(|error| Error::store(&error))? {
        Some(execution) if execution.status.is_closed() => Ok(Waiter { execution, due_at: None }),
        // What it waits for is not part of the run.
        Some(_) => task::find(twin, principal, &WorkflowTarget::Run(run_id)).await,
        None => Err(Error::NotFound),
    }
}
