use std::time::Duration;

use axum::{Json, extract::State, http::StatusCode};
use ctutor_engine::{
    client::{Waiter, WorkflowExecution, WorkflowTarget},
    clock::Timestamp,
};

use super::{
    Twin,
    caller::Caller,
    error::Error,
    query::{self, Parameters},
    task,
    task_id::TaskId,
    task_result::TaskResult,
};
use crate::{Principal, auth::VerifyError};

/// Waits for the end of a task, or, for callers who ask for a timeout, until that is over.
///
/// Only callers who ask for a timeout get an open task: the scripts of the course system take every response for the
/// end of the task. For them a wait that cannot go on is an error.
pub(super) async fn result(
    State(twin): State<Twin>,
    Caller(principal): Caller,
    TaskId(task_id): TaskId,
    parameters: Parameters,
) -> Result<(StatusCode, Json<TaskResult>), Error> {
    let parameters = query::known(parameters, &["timeout"])?;
    let seconds_max = u32::try_from(twin.wait_max.as_secs()).unwrap_or(u32::MAX);
    let seconds = query::number(&parameters, "timeout", "a whole number of seconds", 0..=seconds_max)?;
    let timeout = seconds.map(|seconds| Duration::from_secs(seconds.into()));
    let execution = wait(&twin, &principal, &task::target(&task_id)?, timeout).await?;
    let found = if execution.status.is_closed() {
        Waiter { execution, due_at: None }
    } else {
        task::find(&twin, &principal, &WorkflowTarget::Run(execution.run_id)).await?
    };
    let pending = task::pending(&twin, &found.execution).await?;
    let status = if found.execution.status.is_closed() { StatusCode::OK } else { StatusCode::ACCEPTED };
    Ok((status, Json(TaskResult::new(&found, &pending, twin.app.client.clock().now()))))
}

/// What ends a wait before the task ends.
enum Over {
    Timeout,
    Token,
    Server,
}

/// The run at its end, or as it is when the timeout is over.
async fn wait(
    twin: &Twin,
    principal: &Principal,
    target: &WorkflowTarget,
    timeout: Option<Duration>,
) -> Result<WorkflowExecution, Error> {
    let (client, caller) = (&twin.app.client, principal.caller());
    let found = client.describe(&caller, target).await.map_err(|error| Error::store(&error))?;
    let execution = found.ok_or(Error::NotFound)?;
    if execution.status.is_closed() || timeout.is_some_and(|timeout| timeout.is_zero()) {
        return Ok(execution);
    }
    let run_id = execution.run_id;
    // A wait may be long, and the input large.
    drop(execution);

    let timeout_at = timeout.map_or(Timestamp::NEVER, |timeout| client.clock().now() + timeout);
    let mut over = None;
    let enough = async {
        over = Some(tokio::select! {
            () = client.clock().sleep_until(timeout_at) => Over::Timeout,
            () = client.clock().sleep_until(principal.expires_at) => Over::Token,
            () = twin.shutdown.cancelled() => Over::Server,
        });
    };
    let latest = client.wait_for_end(&caller, run_id, enough).await;
    let latest = latest.map_err(|error| Error::store(&error))?.ok_or(Error::NotFound)?;
    if latest.status.is_closed() {
        return Ok(latest);
    }
    match over {
        None | Some(Over::Timeout) => Ok(latest),
        Some(Over::Token) => Err(VerifyError::Expired { at: principal.expires_at }.into()),
        Some(Over::Server) => Err(Error::Stopping),
    }
}
