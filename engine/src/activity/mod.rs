//! Writing activities: code with side effects, which may run more than once and is retried by the engine.

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

/// An activity; implemented by the `#[activity]` attribute.
pub trait Activity: Send + Sync + 'static {
    /// Input type.
    type Input: DeserializeOwned + Serialize + JsonSchema + Send + 'static;
    /// Result type.
    type Output: DeserializeOwned + Serialize + JsonSchema + Send + 'static;
    /// Checkpoint type.
    type Checkpoint: DeserializeOwned + Serialize + Send + Sync + 'static;

    /// Name of the activity type.
    const NAME: &'static str;

    /// Default timeouts and retry policy, which a call can override.
    fn options() -> ActivityOptions;

    /// Runs one attempt.
    fn execute(
        ctx: ActivityContext<Self::Checkpoint>,
        input: Self::Input,
    ) -> impl Future<Output = Result<Self::Output, ActivityError>> + Send;
}
