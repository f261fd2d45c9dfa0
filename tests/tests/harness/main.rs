//! The harness itself: what every other end-to-end test trusts.
#![expect(clippy::unwrap_used, reason = "clippy takes the helpers of an integration test for other code")]

mod client;
mod guard;
mod postgres;
mod process;
mod redis;
