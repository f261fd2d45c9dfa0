//! Writing workflows: deterministic code, each step of which is recorded.

mod context;
mod error;
mod options;

use std::future::Future;

use schemars::JsonSchema;
use serde::{Serialize, de::DeserializeOwned};

pub use context::{ActivityCall, Context, Timer, WorkflowInfo};
pub use error::{ActivityFailure, ActivityFailureKind, WorkflowError};
pub use options::{DEFAULT_TASK_QUEUE, WorkflowOptions};

/// A workflow; implemented by the `#[workflow]` attribute.
///
/// The implementing type holds the state of one run, which signals and queries will see.
pub trait Workflow: Default + Send + Sync + 'static {
    /// Input type.
    type Input: DeserializeOwned + Serialize + JsonSchema + Send + 'static;
    /// Result type.
    type Output: DeserializeOwned + Serialize + JsonSchema + Send + 'static;

    /// Name of the workflow type.
    const NAME: &'static str;

    /// Description for users, from the doc comment.
    const DESCRIPTION: &'static str;

    /// Default task queue and timeouts, which a start can override.
    fn options() -> WorkflowOptions;

    /// Runs the workflow code.
    fn run(
        ctx: Context<Self>,
        input: Self::Input,
    ) -> impl Future<Output = Result<Self::Output, WorkflowError>> + Send;
}
