//! The state machines of a run, as pure code: history events in, commands out.
//!
//! There is no clock, randomness, database or asynchronous I/O here. [`Run`] polls the workflow's future, which may
//! await only futures of its context, and records its commands as events.
//!
//! **Each event from outside activates the code once**: it is delivered, the future is polled until it waits, and
//! the commands that it gave are recorded directly after the event. So replay does not depend on how many events a
//! worker processed together, and histories need no workflow task events.
//!
//! | state | an event from outside | a command's event |
//! | --- | --- | --- |
//! | commands are not recorded yet | nondeterminism: the code gave a command that is not recorded | must match the oldest command |
//! | all commands are recorded | is delivered to its state machine | nondeterminism: the code gave no such command |
//! | closed | nondeterminism | nondeterminism |
//!
//! Each state machine has its own file. [`EventRole`](crate::history::EventRole) says how each event type is handled.

#![warn(clippy::wildcard_enum_match_arm, reason = "a new event or command must be decided at each place")]

mod activity;
mod cancellation;
mod command;
mod commands;
mod core;
mod error;
mod executor;
mod run;
mod timer;

#[cfg(test)]
mod tests;

pub use command::{Command, CommandKind};
pub use error::{Nondeterminism, WorkflowTaskError};
pub use run::{ChangedInput, Close, Run};

pub(crate) use self::core::SharedCore;
pub(crate) use timer::TimerOutcome;
