//! Real programs, most of them hostile, in the real sandbox.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod detection;
mod endings;
mod hiding;
mod hostile;
mod neighbors;
mod pauses;
mod runtimes;
mod starting;
mod support;
mod system_calls;
