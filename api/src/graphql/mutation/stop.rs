//! What cancellation and termination share.

use async_graphql::Result;
use ctutor_engine::client::{StopError, Stopped};

use super::user_error;
use crate::graphql::{
    input::WorkflowRef,
    types::{StopWorkflowPayload, UserError},
};

/// The payload of a cancellation or termination.
pub(super) fn payload(
    outcome: Result<Stopped, StopError>,
    workflow: &WorkflowRef,
) -> Result<StopWorkflowPayload> {
    match outcome {
        Ok(stopped) => Ok(StopWorkflowPayload {
            workflow: Some(stopped.execution.into()),
            changed: stopped.changed,
            user_errors: Vec::new(),
        }),
        Err(error) => Ok(refused(user_error::of_stop(error, workflow)?)),
    }
}

/// The payload when nothing was changed.
pub(super) fn refused(error: UserError) -> StopWorkflowPayload {
    StopWorkflowPayload { user_errors: vec![error], ..StopWorkflowPayload::default() }
}
