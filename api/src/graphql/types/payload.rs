use async_graphql::{Enum, ID, SimpleObject};

use super::WorkflowExecution;

/// Why a mutation changed nothing, although the request itself was valid.
#[derive(Debug, Clone, PartialEq, Eq, SimpleObject)]
pub struct UserError {
    /// Stable code, meant for programs.
    pub code: UserErrorCode,
    /// Explanation for people. Its wording may change, so do not parse it.
    pub message: String,
    /// Path to the input field that caused the error, such as `["input", "taskQueue"]`.
    pub path: Option<Vec<String>>,
}

/// Code of a `UserError`. New values may be added, so handle unknown ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
pub enum UserErrorCode {
    /// A value is empty, malformed, unknown or out of range.
    Invalid,
    /// The object does not exist, or the caller may not see it.
    NotFound,
    /// The caller does not have permission for this.
    Forbidden,
    /// The current state does not allow it, such as deleting a run that is still open or reusing a workflow ID.
    Conflict,
    /// The idempotency key was used before with different input.
    IdempotencyMismatch,
    /// An open run has this workflow ID already.
    AlreadyRunning,
}

/// Payload of `startWorkflow`.
#[derive(Debug, Clone, Default, SimpleObject)]
pub struct WorkflowPayload {
    /// The started or existing run; null if there are `userErrors`.
    pub workflow: Option<WorkflowExecution>,
    /// Whether this call started the run. False if it returns the run of an earlier call with the same idempotency key,
    /// or the open run with this workflow ID.
    pub created: bool,
    /// Why nothing was changed. Empty on success.
    pub user_errors: Vec<UserError>,
}

/// Payload of `cancelWorkflow` and `terminateWorkflow`.
#[derive(Debug, Clone, Default, SimpleObject)]
pub struct StopWorkflowPayload {
    /// The run after the call; null if there are `userErrors`.
    pub workflow: Option<WorkflowExecution>,
    /// Whether this call changed the run. False if the run had already ended, or its cancellation was already requested.
    pub changed: bool,
    /// Why nothing was changed. Empty on success.
    pub user_errors: Vec<UserError>,
}

/// Payload of `deleteWorkflow`.
#[derive(Debug, Clone, Default, SimpleObject)]
pub struct DeleteWorkflowPayload {
    /// Global ID of the deleted run; null if there are `userErrors`.
    pub deleted_id: Option<ID>,
    /// Why nothing was changed. Empty on success.
    pub user_errors: Vec<UserError>,
}
