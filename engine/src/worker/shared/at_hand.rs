//! What a worker has in memory, as its parts see it of each other: runs, and attempts of activities.

use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use crate::{
    activity::ActivityClose,
    ids::{ActivityType, EventId},
    store::ActivityLease,
};

/// A run in memory.
#[derive(Clone)]
pub(in crate::worker) struct RunEntry {
    pub(in crate::worker) epoch: i64,
    /// Uptime since which the row names this worker; none is earlier while that is not known.
    pub(in crate::worker) since: Duration,
    /// Canceled when another worker has it, or this one gives it up.
    pub(in crate::worker) lost: CancellationToken,
    pub(in crate::worker) inputs: mpsc::UnboundedSender<Input>,
}

/// What the runner of a run is told.
pub(in crate::worker) enum Input {
    /// The inbox may have messages up to this number.
    Inbox(i64),
    /// An activity that this worker ran has ended; the reply says whether that was committed.
    ActivityClosed { close: Box<ActivityClose>, lease: ActivityLease, committed: oneshot::Sender<bool> },
    /// An attempt of the run has ended in this process, in any way.
    AttemptEnded(EventId),
    /// This worker no longer holds the run.
    Lost,
}

/// An attempt that runs, as the rest of the worker sees it.
pub(in crate::worker) struct AttemptHandle {
    /// Tells it from an earlier or later one of the same activity.
    pub(in crate::worker) serial: u64,
    pub(in crate::worker) number: u32,
    pub(in crate::worker) activity_type: ActivityType,
    /// Uptime since which the database knows that this worker has it; `None` during the commit.
    pub(in crate::worker) durable_since: Option<Duration>,
    pub(in crate::worker) canceled: CancellationToken,
    pub(in crate::worker) lost: CancellationToken,
}
