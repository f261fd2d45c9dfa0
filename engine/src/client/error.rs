use crate::{
    ids::{RunId, WorkflowId},
    store,
};

/// Why a start did nothing.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A value is blank, malformed or out of bounds.
    #[error("{message}")]
    Invalid {
        /// The field: `["input", "duration"]`, `["priority"]` ….
        path: Vec<String>,
        /// What is wrong with it.
        message: String,
    },
    /// No worker ever registered the type.
    #[error("workflow type `{name}` is not registered; known are: {known}")]
    UnknownType {
        /// What was asked for.
        name: String,
        /// The registered ones, separated by commas; `none` when there are none.
        known: String,
    },
    /// A payload is larger than allowed.
    #[error("`{field}` has {found} bytes, at most {allowed} are allowed")]
    TooLarge {
        /// Which one.
        field: &'static str,
        /// Its size in bytes.
        found: usize,
        /// The bound in bytes.
        allowed: usize,
    },
    /// An open run has the workflow id.
    #[error("workflow `{workflow_id}` is already running as run `{run_id}`")]
    AlreadyRunning {
        /// The id.
        workflow_id: WorkflowId,
        /// The open run.
        run_id: RunId,
    },
    /// A closed run has the workflow id, and the reuse policy says no.
    #[error("workflow ID `{workflow_id}` was used by run `{run_id}`; choose another, or allow its reuse")]
    Duplicate {
        /// The id.
        workflow_id: WorkflowId,
        /// The latest run of that id.
        run_id: RunId,
    },
    /// The workflow id belongs to a run that the caller may not see.
    #[error("workflow ID `{workflow_id}` is taken")]
    Taken {
        /// The id.
        workflow_id: WorkflowId,
    },
    /// The same idempotency key came with another request.
    #[error("idempotency key `{key}` was used for another request")]
    IdempotencyMismatch {
        /// The key.
        key: String,
    },
    /// The database.
    #[error(transparent)]
    Store(#[from] store::Error),
}

/// Why a cancellation, termination or deletion did nothing.
#[derive(Debug, thiserror::Error)]
pub enum StopError {
    /// There is no such run, or the caller may not see it.
    #[error("no such workflow execution")]
    NotFound,
    /// The run is open, and only closed ones can be deleted.
    #[error("the workflow execution is still running; cancel or terminate it first")]
    StillOpen,
    /// A value is malformed or out of bounds.
    #[error("{message}")]
    Invalid {
        /// The field.
        path: Vec<String>,
        /// What is wrong with it.
        message: String,
    },
    /// The database.
    #[error(transparent)]
    Store(#[from] store::Error),
}
