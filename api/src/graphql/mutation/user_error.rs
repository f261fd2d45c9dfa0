//! What a caller got wrong, as data; faults stay errors.

use async_graphql::Error;
use ctutor_engine::client::{StartError, StartField, StopError};

use crate::{
    app::{DeleteRefusal, StartRefusal},
    graphql::{
        error::{Mutation, mutation_fault},
        id::NodeId,
        input::WorkflowRef,
        types::{UserError, UserErrorCode},
    },
};

/// The user error of a start that was refused.
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
    let field = error.field().map(argument);
    let (code, message, path) = match error {
        StartError::Store(error) => return Err(mutation_fault(Mutation::Start, &error)),
        StartError::Invalid { path, message, .. } => (UserErrorCode::Invalid, message, path),
        StartError::TooLarge { .. } | StartError::UnknownType { .. } => {
            (UserErrorCode::Invalid, message, Vec::new())
        }
        StartError::AlreadyRunning { workflow_id, run_id } => {
            let run = NodeId::WorkflowExecution(run_id);
            let message = format!("workflow `{workflow_id}` is already running as `{run}`");
            (UserErrorCode::AlreadyRunning, message, Vec::new())
        }
        StartError::Duplicate { workflow_id, run_id } => {
            let run = NodeId::WorkflowExecution(run_id);
            let message = format!(
                "workflow ID `{workflow_id}` was used by `{run}`; choose another, or allow its reuse"
            );
            (UserErrorCode::Conflict, message, Vec::new())
        }
        StartError::Taken { .. } => (UserErrorCode::Conflict, message, Vec::new()),
        StartError::IdempotencyMismatch { .. } => (UserErrorCode::IdempotencyMismatch, message, Vec::new()),
    };
    Ok(user_error(code, message, field.into_iter().map(str::to_owned).chain(path)))
}

/// The field of `StartWorkflowInput` that sets a field of the engine's request.
fn argument(field: StartField) -> &'static str {
    match field {
        StartField::WorkflowType => "type",
        StartField::Input => "input",
        StartField::WorkflowId => "workflowId",
        StartField::TaskQueue => "taskQueue",
        StartField::Priority => "priority",
        StartField::StartAt => "startAt",
        StartField::Delay => "delay",
        StartField::ExecutionTimeout => "timeout",
        StartField::Memo => "memo",
        StartField::SearchAttributes => "searchAttributes",
        StartField::IdempotencyKey => "idempotencyKey",
    }
}

/// The user error of a cancellation, termination or deletion that was refused.
pub(super) fn of_stop(error: StopError, workflow: &WorkflowRef) -> Result<UserError, Error> {
    let message = error.to_string();
    Ok(match error {
        StopError::Store(error) => return Err(mutation_fault(Mutation::Stop, &error)),
        StopError::NotFound => not_found(workflow),
        StopError::StillOpen => user_error(UserErrorCode::Conflict, message, ["workflow"]),
        StopError::InvalidReason { .. } => user_error(UserErrorCode::Invalid, message, ["reason"]),
    })
}

/// The user error of a deletion that was refused.
pub(super) fn of_delete(refusal: DeleteRefusal, workflow: &WorkflowRef) -> Result<UserError, Error> {
    let message = refusal.to_string();
    match refusal {
        DeleteRefusal::Forbidden => Ok(user_error(UserErrorCode::Forbidden, message, ["workflow"])),
        DeleteRefusal::Stop(error) => of_stop(error, workflow),
    }
}

/// The run does not exist, or the caller may not see it.
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

#[cfg(test)]
mod tests {
    use ctutor_engine::ids::{RunId, WorkflowId};

    use super::*;

    fn refused(error: StartError) -> (UserErrorCode, String, Vec<String>) {
        let error = of_start(error.into()).unwrap();
        (error.code, error.message, error.path.unwrap())
    }

    #[test]
    fn every_field_is_named_as_the_input_type_names_it() {
        let schema = crate::graphql::sdl();
        let input = schema.split("input StartWorkflowInput {").nth(1).unwrap().split("\n}").next().unwrap();
        for field in StartField::ALL {
            let name = argument(*field);
            assert!(input.contains(&format!("\n  {name}: ")), "{field}: `{name}` is not a field of {input}");
        }
    }

    #[test]
    fn each_refusal_has_its_code_and_path() {
        let run_id = RunId::new();
        let workflow_id = WorkflowId::trusted("nightly");
        let (code, _, path) = refused(StartError::Invalid {
            field: StartField::Input,
            path: vec!["duration".to_owned()],
            message: "no".to_owned(),
        });
        assert_eq!((code, path.join(".").as_str()), (UserErrorCode::Invalid, "input.input.duration"));
        let (code, message, _) =
            refused(StartError::AlreadyRunning { workflow_id: workflow_id.clone(), run_id });
        assert_eq!(code, UserErrorCode::AlreadyRunning);
        assert_eq!(message, format!("workflow `nightly` is already running as `wfr_{run_id}`"));
        let (code, message, path) = refused(StartError::Duplicate { workflow_id, run_id });
        assert_eq!((code, path.join(".").as_str()), (UserErrorCode::Conflict, "input.workflowId"));
        assert!(message.contains(&format!("`wfr_{run_id}`")), "{message}");
        let (code, message, path) = refused(StartError::UnknownType {
            name: "nope".to_owned(),
            meant: None,
            known: "none".to_owned(),
        });
        assert_eq!((code, path.join(".").as_str()), (UserErrorCode::Invalid, "input.type"));
        assert!(message.contains("`nope`"), "{message}");
    }
}
