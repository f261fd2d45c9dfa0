//! Testing a submission: what to run, running it confined, and the report. Nothing here knows the engine.
//!
//! Two kinds of end are kept apart. What a *student's* program does, failing, looping, crashing or reaching for the
//! network, ends in a [`report::Report`] with a low score. What is wrong with the *environment* is
//! [`Broken`]: no tests in the reference, no pytest, no sandbox. Only the latter is worth another attempt.

mod bench;
mod broken;
mod execute;
mod files;
pub mod plan;
pub mod report;
mod runner;

pub use broken::Broken;
pub use execute::{Job, Progress, Stage, execute};
