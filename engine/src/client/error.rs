use std::fmt;

use crate::{
    ids::{RunId, WorkflowId},
    store,
};

macro_rules! start_fields {
    ($($name:ident = $words:literal),* $(,)?) => {
        /// A field of [`StartWorkflow`](super::StartWorkflow), so that each interface can name it in its own words.
        ///
        /// The two variants of its field `start` count as two fields, since interfaces name them differently.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[expect(missing_docs, reason = "each variant is named after the field")]
        pub enum StartField {
            $($name,)*
        }

        impl StartField {
            /// Every field, in the order of their declaration.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];
        }

        impl fmt::Display for StartField {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self {
                    $(Self::$name => $words,)*
                })
            }
        }
    };
}

start_fields! {
    WorkflowType = "workflow type",
    Input = "input",
    WorkflowId = "workflow ID",
    TaskQueue = "task queue",
    Priority = "priority",
    StartAt = "start time",
    Delay = "delay",
    ExecutionTimeout = "execution timeout",
    Memo = "memo",
    SearchAttributes = "search attributes",
    IdempotencyKey = "idempotency key",
}

/// Why a start was refused. Nothing was stored.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A value is blank, malformed or out of bounds.
    #[error("{message}")]
    Invalid {
        /// The field that is wrong.
        field: StartField,
        /// Where in the value of the field, such as `["files", "1"]`; empty for the value itself.
        path: Vec<String>,
        /// What was expected and what was found.
        message: String,
    },
    /// No worker has registered the workflow type.
    #[error("workflow type `{name}` is not registered;{} registered types: {known}", Meant(.meant.as_deref()))]
    UnknownType {
        /// The type that was asked for.
        name: String,
        /// A registered type whose name is almost the same.
        meant: Option<String>,
        /// The registered types, separated by commas; `none` if there are none.
        known: String,
    },
    /// A payload is larger than allowed.
    #[error("the {field} has {found} bytes, at most {allowed} are allowed")]
    TooLarge {
        /// The field that is too large.
        field: StartField,
        /// Its size in bytes.
        found: usize,
        /// The largest allowed size in bytes.
        allowed: usize,
    },
    /// An open run has the workflow ID.
    #[error("workflow `{workflow_id}` is already running as run `{run_id}`")]
    AlreadyRunning {
        /// The workflow ID.
        workflow_id: WorkflowId,
        /// The open run.
        run_id: RunId,
    },
    /// A closed run has the workflow ID, and the reuse policy forbids using it again.
    #[error("workflow ID `{workflow_id}` was used by run `{run_id}`; choose another, or allow its reuse")]
    Duplicate {
        /// The workflow ID.
        workflow_id: WorkflowId,
        /// The latest run with that workflow ID.
        run_id: RunId,
    },
    /// The workflow ID belongs to a run that the caller may not see.
    #[error("workflow ID `{workflow_id}` is taken; choose another")]
    Taken {
        /// The workflow ID.
        workflow_id: WorkflowId,
    },
    /// The idempotency key was used before with another request.
    #[error("idempotency key `{key}` was used for another request; use a new key for each request")]
    IdempotencyMismatch {
        /// The key.
        key: String,
    },
    /// The database failed.
    #[error(transparent)]
    Store(#[from] store::Error),
}

/// The question whether another name was meant.
struct Meant<'a>(Option<&'a str>);

impl fmt::Display for Meant<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.map_or(Ok(()), |meant| write!(f, " did you mean `{meant}`?"))
    }
}

impl StartError {
    /// The field of the request that caused the refusal; `None` if the database failed.
    #[must_use]
    pub fn field(&self) -> Option<StartField> {
        match self {
            Self::Invalid { field, .. } | Self::TooLarge { field, .. } => Some(*field),
            Self::UnknownType { .. } => Some(StartField::WorkflowType),
            Self::AlreadyRunning { .. } | Self::Duplicate { .. } | Self::Taken { .. } => {
                Some(StartField::WorkflowId)
            }
            Self::IdempotencyMismatch { .. } => Some(StartField::IdempotencyKey),
            Self::Store(_) => None,
        }
    }
}

/// Why a cancellation, termination or deletion was refused.
#[derive(Debug, thiserror::Error)]
pub enum StopError {
    /// There is no such run, or the caller may not see it.
    #[error("the workflow execution does not exist, or you may not see it")]
    NotFound,
    /// The run is open; only closed runs can be deleted.
    #[error("the workflow execution is still running; cancel or terminate it first")]
    StillOpen,
    /// The reason is too long or has characters that cannot be stored.
    #[error("{message}")]
    InvalidReason {
        /// What was expected and what was found.
        message: String,
    },
    /// The database failed.
    #[error(transparent)]
    Store(#[from] store::Error),
}
