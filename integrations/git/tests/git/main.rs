//! The crate from outside, against real Git servers and repositories.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod answers;
mod bounds;
mod checkout;
mod damaged;
mod malformed;
mod odd;
mod refs;
mod revisions;
mod slow;
mod spoiled;
#[cfg(unix)]
mod ssh;
#[cfg(unix)]
mod sshd;
mod support;
mod upstream;
mod wire;
