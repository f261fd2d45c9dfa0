use std::{pin::pin, time::Duration};

use axum::{
    Json,
    extract::{Path, State},
    http::StatusCode,
};
use ctutor_engine::client::{WatchError, WatchItem, WorkflowExecution};
use futures_util::StreamExt;

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
    let execution = task::find(&twin, &principal, &task_id).await?;
    let execution = wait(&twin, &principal, execution, Duration::from_secs(seconds.into())).await?;
    let pending = task::pending(&twin, &execution).await?;
    let status = if execution.status.is_closed() { StatusCode::OK } else { StatusCode::ACCEPTED };
    Ok((status, Json(TaskResult::new(&execution, &pending, twin.app.client.clock().now()))))
}

/// The run at its end, or as it is when the wait is over: by its time, the token's, or that of the server.
async fn wait(
    twin: &Twin,
    principal: &Principal,
    execution: WorkflowExecution,
    timeout: Duration,
) -> Result<WorkflowExecution, Error> {
    if execution.status.is_closed() || timeout.is_zero() {
        return Ok(execution);
    }
    let client = &twin.app.client;
    let until = (client.clock().now() + timeout).min(principal.expires_at);
    let watch = client.watch(&principal.caller(), execution.run_id, None, false);
    let mut items = pin!(watch.take_until(client.clock().sleep_until(until)));
    let mut latest = execution;
    loop {
        let item = tokio::select! {
            item = items.next() => item,
            () = twin.shutdown.cancelled() => None,
        };
        match item {
            Some(Ok(WatchItem::Ended(execution))) => return Ok(*execution),
            Some(Ok(WatchItem::Snapshot(execution) | WatchItem::Events(_, execution))) => latest = *execution,
            Some(Ok(WatchItem::Progress(_) | WatchItem::Reset(_))) => {}
            Some(Err(WatchError::NotFound)) => return Err(Error::NotFound),
            Some(Err(WatchError::Store(error))) => return Err(Error::store(&error)),
            None => return Ok(latest),
        }
    }
}
