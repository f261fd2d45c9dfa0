//! Writing workflows: deterministic code whose every step is recorded.

mod context;
mod error;
mod options;

use std::future::Future;

use schemars::JsonSchema;
use serde::{Serialize, de::DeserializeOwned};

pub use context::{ActivityCall, Context, Timer, WorkflowInfo};
pub use error::{ActivityFailure, ActivityFailureKind, WorkflowError};
pub use options::{DEFAULT_TASK_QUEUE, WorkflowOptions};

/// Code that runs as a workflow; written by the `#[workflow]` attribute.
///
/// The implementing type holds the state of one run, which signals and queries will see.
pub trait Workflow: Default + Send + Sync + 'static {
    /// What it takes.
    type Input: DeserializeOwned + Serialize + JsonSchema + Send + 'static;
    /// What it returns.
    type Output: DeserializeOwned + Serialize + JsonSchema + Send + 'static;

    /// The name under which it is registered.
    const NAME: &'static str;

    /// What the code is for, from its doc comment.
    const DESCRIPTION: &'static str;

    /// Its queue and timeouts, unless the start says otherwise.
    fn options() -> WorkflowOptions;

    /// The workflow itself.
    fn run(
        ctx: Context<Self>,
        input: Self::Input,
    ) -> impl Future<Output = Result<Self::Output, WorkflowError>> + Send;
}
