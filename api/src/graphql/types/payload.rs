use async_graphql::{Enum, ID, SimpleObject};

use super::WorkflowExecution;

/// Why a mutation did nothing; the request itself was well formed.
#[derive(Debug, Clone, PartialEq, Eq, SimpleObject)]
pub struct UserError {
    /// Stable code to branch on.
    pub code: UserErrorCode,
    /// For people; never parse it.
    pub message: String,
    /// The input field at fault, such as `["input", "taskQueue"]`.
    pub path: Option<Vec<String>>,
}

/// Stable reasons. Clients must expect new ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
pub enum UserErrorCode {
    /// A value is blank, malformed, unknown or out of bounds.
    Invalid,
    /// No such object, or not visible to the caller.
    NotFound,
    /// The caller may not do this.
    Forbidden,
    /// The state forbids it, such as the deletion of an open run or the reuse of a workflow id.
    Conflict,
    /// The same idempotency key came with other input.
    IdempotencyMismatch,
    /// A workflow with this id is running.
    AlreadyRunning,
}

/// About a run that was to be started.
#[derive(Debug, Clone, Default, SimpleObject)]
pub struct WorkflowPayload {
    /// The run; null when nothing was done.
    pub workflow: Option<WorkflowExecution>,
    /// False: an earlier call with this idempotency key, or an open run with this id, is the answer.
    pub created: bool,
    /// Empty on success.
    pub user_errors: Vec<UserError>,
}

/// About a run that was to be stopped.
#[derive(Debug, Clone, Default, SimpleObject)]
pub struct StopWorkflowPayload {
    /// The run as it is now; null when nothing was done.
    pub workflow: Option<WorkflowExecution>,
    /// False: the run had ended or was asked to stop before, and nothing was done.
    pub changed: bool,
    /// Empty on success.
    pub user_errors: Vec<UserError>,
}

/// About a run that was to be deleted.
#[derive(Debug, Clone, Default, SimpleObject)]
pub struct DeleteWorkflowPayload {
    /// Global id of the run that is gone; null when nothing was done.
    pub deleted_id: Option<ID>,
    /// Empty on success.
    pub user_errors: Vec<UserError>,
}
