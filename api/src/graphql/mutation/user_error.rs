//! What a caller got wrong, as data; faults stay errors.

use async_graphql::Error;
use ctutor_engine::client::{StartError, StopError};

use crate::{
    app::{DeleteRefusal, StartRefusal},
    graphql::{
        error::store_fault,
        id::NodeId,
        input::WorkflowRef,
        types::{UserError, UserErrorCode},
    },
};

/// Why a start did nothing.
pub(super) fn of_start(refusal: StartRefusal) -> Result<UserError, Error> {
    let message = refusal.to_string();
    let error = match refusal {
        StartRefusal::Forbidden { .. } => return Ok(user_error(UserErrorCode::Forbidden, message, ["type"])),
        StartRefusal::TooFar { path } => {
            let path = std::iter::once("input".to_owned()).chain(path);
            return Ok(user_error(UserErrorCode::Forbidden, message, path));
        }
        StartRefusal::Start(error) => error,
    };
    Ok(match error {
        StartError::Store(error) => return Err(store_fault(&error)),
        StartError::Invalid { path, message } => {
            user_error(UserErrorCode::Invalid, message, input_path(path))
        }
        StartError::UnknownType { .. } => user_error(UserErrorCode::Invalid, message, ["type"]),
        StartError::TooLarge { field, .. } => {
            user_error(UserErrorCode::Invalid, message, input_path(vec![field.to_owned()]))
        }
        StartError::AlreadyRunning { workflow_id, run_id } => user_error(
            UserErrorCode::AlreadyRunning,
            format!("workflow `{workflow_id}` is already running as `{}`", NodeId::WorkflowExecution(run_id)),
            ["workflowId"],
        ),
        StartError::Duplicate { workflow_id, run_id } => user_error(
            UserErrorCode::Conflict,
            format!(
                "workflow ID `{workflow_id}` was used by `{}`; choose another, or allow its reuse",
                NodeId::WorkflowExecution(run_id)
            ),
            ["workflowId"],
        ),
        StartError::Taken { .. } => user_error(UserErrorCode::Conflict, message, ["workflowId"]),
        StartError::IdempotencyMismatch { .. } => {
            user_error(UserErrorCode::IdempotencyMismatch, message, ["idempotencyKey"])
        }
    })
}

/// Why a cancellation, termination or deletion did nothing.
pub(super) fn of_stop(error: StopError, workflow: &WorkflowRef) -> Result<UserError, Error> {
    let message = error.to_string();
    Ok(match error {
        StopError::Store(error) => return Err(store_fault(&error)),
        StopError::NotFound => not_found(workflow),
        StopError::StillOpen => user_error(UserErrorCode::Conflict, message, ["workflow"]),
        StopError::Invalid { path, .. } => user_error(UserErrorCode::Invalid, message, path),
    })
}

/// Why a deletion did nothing.
pub(super) fn of_delete(refusal: DeleteRefusal, workflow: &WorkflowRef) -> Result<UserError, Error> {
    let message = refusal.to_string();
    match refusal {
        DeleteRefusal::Forbidden => Ok(user_error(UserErrorCode::Forbidden, message, ["workflow"])),
        DeleteRefusal::Stop(error) => of_stop(error, workflow),
    }
}

/// There is no such run, or the caller may not see it.
pub(super) fn not_found(workflow: &WorkflowRef) -> UserError {
    let message = StopError::NotFound.to_string();
    user_error(UserErrorCode::NotFound, message, ["workflow", workflow.field()])
}

fn user_error<S: Into<String>>(
    code: UserErrorCode,
    message: String,
    path: impl IntoIterator<Item = S>,
) -> UserError {
    let path = std::iter::once("input".to_owned()).chain(path.into_iter().map(Into::into)).collect();
    UserError { code, message, path: Some(path) }
}

/// The path of the engine's request in the words of the input type.
fn input_path(mut path: Vec<String>) -> Vec<String> {
    if let Some(field) = path.first_mut() {
        let name = match field.as_str() {
            "workflow_type" | "workflowType" => "type",
            "workflow_id" => "workflowId",
            "task_queue" => "taskQueue",
            "start_at" => "startAt",
            "execution_timeout" | "executionTimeout" => "timeout",
            "search_attributes" => "searchAttributes",
            "idempotency_key" => "idempotencyKey",
            _ => return path,
        };
        name.clone_into(field);
    }
    path
}

#[cfg(test)]
mod tests {
    use ctutor_engine::ids::{RunId, WorkflowId};

    use super::*;

    fn refused(error: StartError) -> (UserErrorCode, String, Vec<String>) {
        let error = of_start(error.into()).unwrap();
        (error.code, error.message, error.path.unwrap())
    }

    #[test]
    fn each_refusal_has_its_code_and_path() {
        let run_id = RunId::new();
        let workflow_id = WorkflowId::trusted("nightly");
        let invalid = |path: &[&str]| StartError::Invalid {
            path: path.iter().map(|&part| part.to_owned()).collect(),
            message: "no".to_owned(),
        };
        let (code, _, path) = refused(invalid(&["input", "duration"]));
        assert_eq!((code, path.join(".").as_str()), (UserErrorCode::Invalid, "input.input.duration"));
        let (_, _, path) = refused(invalid(&["task_queue"]));
        assert_eq!(path, ["input", "taskQueue"]);
        let (code, message, _) =
            refused(StartError::AlreadyRunning { workflow_id: workflow_id.clone(), run_id });
        assert_eq!(code, UserErrorCode::AlreadyRunning);
        assert_eq!(message, format!("workflow `nightly` is already running as `wfr_{run_id}`"));
        let (code, message, path) = refused(StartError::Duplicate { workflow_id, run_id });
        assert_eq!((code, path.join(".").as_str()), (UserErrorCode::Conflict, "input.workflowId"));
        assert!(message.contains(&format!("`wfr_{run_id}`")), "{message}");
        let (code, message, path) =
            refused(StartError::UnknownType { name: "nope".to_owned(), known: "none".to_owned() });
        assert_eq!((code, path.join(".").as_str()), (UserErrorCode::Invalid, "input.type"));
        assert!(message.contains("`nope`"), "{message}");
    }
}
