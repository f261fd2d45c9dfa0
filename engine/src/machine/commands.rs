use std::collections::VecDeque;

use super::command::{Command, CommandKind};

/// The commands that workflow code gave and that are not recorded yet, oldest first.
#[derive(Default)]
pub(crate) struct Commands {
    last_sequence: u32,
    pending: VecDeque<Command>,
}

impl Commands {
    /// The number of the next activity or timer. It depends only on the order of the commands, so replay repeats it.
    pub(super) fn next_sequence(&mut self) -> u32 {
        self.last_sequence += 1;
        self.last_sequence
    }

    pub(super) fn give(&mut self, sequence: u32, kind: CommandKind) {
        self.pending.push_back(Command { sequence, kind });
    }

    /// Withdraws what was asked for an activity or timer and is not recorded.
    pub(super) fn withdraw(&mut self, sequence: u32) {
        self.pending.retain(|command| command.sequence != sequence);
    }

    /// The command that the next command event must record.
    pub(super) fn next(&self) -> Option<&Command> {
        self.pending.front()
    }

    /// Takes the command that is being recorded.
    pub(super) fn take_next(&mut self) -> Option<Command> {
        self.pending.pop_front()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Command> {
        self.pending.iter()
    }
}
