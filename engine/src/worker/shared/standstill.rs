//! A process that stood still, as while it was stopped (SIGSTOP, a debugger), the machine was suspended, or it had no
//! processor. It renewed no leases meanwhile, and others may have taken what it held.
//!
//! | state | left when |
//! | --- | --- |
//! | moving | two looks are further apart than they should be → stood still, with a list of what is at hand |
//! | stood still | the leases were renewed twice, which shows what was lost → one line, moving |
//!
//! Each part that may be the first to find out that something was lost looks before it begins, so that the list is made
//! while everything is still at hand.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::ids::{ActivityType, RunId};

/// When the process was seen to move, and what it had when it did not.
#[derive(Debug)]
pub(in crate::worker) struct Standstill {
    last_look: Duration,
    /// Between two looks at most, while the process moves.
    apart: Duration,
    /// A shorter one is no reason for a line: leases live longer.
    shortest: Duration,
    found: Option<Found>,
}

/// A standstill, and what was at hand when it was over.
#[derive(Debug)]
pub(in crate::worker) struct Found {
    was_renewed: bool,
    pub(in crate::worker) lasted: Duration,
    pub(in crate::worker) at_hand: AtHand,
}

/// Runs and attempts, each with the token that is canceled when it is known to be lost.
#[derive(Debug)]
pub(in crate::worker) struct AtHand {
    pub(in crate::worker) runs: Vec<(RunId, CancellationToken)>,
    pub(in crate::worker) attempts: Vec<Attempt>,
}

/// An attempt of an activity.
#[derive(Debug)]
pub(in crate::worker) struct Attempt {
    pub(in crate::worker) run_id: RunId,
    pub(in crate::worker) activity_type: ActivityType,
    pub(in crate::worker) number: u32,
    pub(in crate::worker) lost: CancellationToken,
}

impl Standstill {
    /// Of a process that looks each `apart`, with leases that last for `lease`.
    pub(in crate::worker) fn new(uptime: Duration, apart: Duration, lease: Duration) -> Self {
        Self { last_look: uptime, apart, shortest: lease / 2, found: None }
    }

    /// Finds out whether the process stood still, and remembers what it has at hand then.
    pub(in crate::worker) fn look(&mut self, uptime: Duration, at_hand: impl FnOnce() -> AtHand) {
        let gap = uptime.saturating_sub(self.last_look);
        self.last_look = uptime;
        if gap.saturating_sub(self.apart) < self.shortest {
            return;
        }
        // Of two before the leases were renewed, the first had all that was lost.
        match &mut self.found {
            Some(found) => found.lasted += gap,
            found => *found = Some(Found { was_renewed: false, lasted: gap, at_hand: at_hand() }),
        }
    }

    /// The leases were renewed: what is to be told, the second time. At the first one some of what was lost may be on its
    /// way back, by a claim or as the refusal of a commit that nobody has read yet.
    pub(in crate::worker) fn renewed(&mut self) -> Option<Found> {
        let was_renewed = std::mem::replace(&mut self.found.as_mut()?.was_renewed, true);
        if was_renewed { self.found.take() } else { None }
    }
}
