//! The run, pure: history events in, commands out.
//!
//! No clock, randomness, database or asynchronous I/O here. [`Run`] polls the workflow's future, whose only
//! waits are ours, and turns what it asks for into events.
//!
//! **Every event from outside is an activation of its own**: it is delivered, the future is polled until it
//! waits, and the commands that this produced are recorded directly after it. That makes replay independent of
//! how many events a worker happened to take together, and leaves histories free of bookkeeping events.
//!
//! | state | an event from outside | a command's event |
//! | --- | --- | --- |
//! | commands await their record | nondeterminism: the code asked for more than was recorded | must match the oldest command |
//! | nothing awaits its record | is delivered to the state machine that it names | nondeterminism: the code asked for less |
//! | closed | nondeterminism | nondeterminism |
//!
//! One file a state machine; this one only dispatches.

mod activity;
mod cancellation;
mod command;
mod core;
mod error;
mod executor;
mod run;
mod timer;

#[cfg(test)]
mod tests;

pub use command::{Command, CommandKind};
pub use error::{Nondeterminism, WorkflowTaskError};
pub use run::{Close, Run};

pub(crate) use self::core::{Core, SharedCore};
pub(crate) use timer::TimerOutcome;
