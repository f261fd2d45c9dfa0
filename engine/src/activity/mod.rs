//! Writing activities: code that touches the world, may run more than once, and is retried by the engine.

mod close;
mod context;
mod error;
mod options;

use std::future::Future;

use schemars::JsonSchema;
use serde::{Serialize, de::DeserializeOwned};

pub use context::{ActivityContext, ActivityInfo, Canceled, Progress};
pub use error::{ActivityError, ActivityErrorKind};
pub use options::ActivityOptions;

pub(crate) use close::{ActivityClose, CloseOutcome, StartedAttempt};
pub(crate) use context::{Heartbeat, HeartbeatSink, Resources};

/// Code that runs as an activity; written by the `#[activity]` attribute.
pub trait Activity: Send + Sync + 'static {
    /// What it takes.
    type Input: DeserializeOwned + Serialize + JsonSchema + Send + 'static;
    /// What it returns.
    type Output: DeserializeOwned + Serialize + JsonSchema + Send + 'static;
    /// What it remembers from one attempt to the next.
    type Checkpoint: DeserializeOwned + Serialize + Send + Sync + 'static;

    /// The name under which it is registered.
    const NAME: &'static str;

    /// Its timeouts and retries, unless the call says otherwise.
    fn options() -> ActivityOptions;

    /// Runs one attempt.
    fn execute(
        ctx: ActivityContext<Self::Checkpoint>,
        input: Self::Input,
    ) -> impl Future<Output = Result<Self::Output, ActivityError>> + Send;
}
