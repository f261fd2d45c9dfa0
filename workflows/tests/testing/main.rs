//! Testing submissions in the real sandbox, without the engine.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod broken;
mod command;
mod course;
mod forging;
mod junit;
mod support;
