use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard},
};

use rand::{Rng, SeedableRng, rngs::SmallRng};

use super::{
    activity::Activities,
    cancellation::Cancellation,
    command::{Command, CommandKind},
    timer::Timers,
};
use crate::clock::Timestamp;

/// State that the workflow's future and the machine share. Only one thread uses it at a time.
#[derive(Clone)]
pub(crate) struct SharedCore(Arc<Mutex<Core>>);

impl SharedCore {
    pub(crate) fn new(now: Timestamp, seed: u64) -> Self {
        Self(Arc::new(Mutex::new(Core {
            now,
            random: SmallRng::seed_from_u64(seed),
            last_sequence: 0,
            commands: VecDeque::new(),
            activities: Activities::default(),
            timers: Timers::default(),
            cancellation: Cancellation::default(),
        })))
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Core> {
        // A panic of workflow code leaves the core as it was between two of its methods, and such a run is dropped.
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// The state of a run between two events.
pub(crate) struct Core {
    /// Time of the event that is being processed; the only time that workflow code sees.
    pub(crate) now: Timestamp,
    random: SmallRng,
    last_sequence: u32,
    /// Commands that are not recorded yet.
    pub(crate) commands: VecDeque<Command>,
    pub(crate) activities: Activities,
    pub(crate) timers: Timers,
    pub(crate) cancellation: Cancellation,
}

impl Core {
    /// The number of the next activity or timer. It depends only on the order of the commands, so replay repeats it.
    pub(crate) fn next_sequence(&mut self) -> u32 {
        self.last_sequence += 1;
        self.last_sequence
    }

    pub(crate) fn command(&mut self, sequence: u32, kind: CommandKind) {
        self.commands.push_back(Command { sequence, kind });
    }

    /// Withdraws a command of the current activation; `false` if it is recorded already.
    pub(crate) fn withdraw(&mut self, sequence: u32) -> bool {
        let before = self.commands.len();
        self.commands.retain(|command| command.sequence != sequence);
        self.commands.len() < before
    }

    /// Whether an activity, timer or cancel request could still wake the code.
    pub(super) fn has_open_waits(&self) -> bool {
        self.activities.has_open() || self.timers.has_open() || self.cancellation.is_awaited()
    }

    pub(crate) fn random_u64(&mut self) -> u64 {
        self.random.next_u64()
    }
}
