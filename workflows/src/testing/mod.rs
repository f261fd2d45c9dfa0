//! Testing a submission: what to run, running it confined, and the report. Only `activities`, `station` and
//! `workflow` know the engine.
//!
//! Two kinds of end are kept apart. What a *student's* program does, failing, looping, crashing or reaching for the
//! network, ends in a [`report::Report`] with a low score. What is wrong with the *environment* is
//! [`Broken`]: no tests in the reference, no pytest, no sandbox. Only the latter is worth another attempt.

mod activities;
mod bench;
mod broken;
pub mod compare;
mod execute;
mod files;
pub mod junit;
mod names;
mod paths;
mod places;
pub mod plan;
pub mod report;
mod repository;
mod runner;
mod scratch;
mod secrets;
mod station;
mod workflow;

pub use activities::{FetchRepository, FetchStage, Fetched, RunTests, fetch_repository, run_tests};
pub use broken::Broken;
pub use execute::{Job, Progress, Stage, execute};
pub use repository::{CredentialReference, Repository};
pub(crate) use scratch::prepare_scratch;
pub use secrets::SecretFolder;
pub use station::TestingStation;
pub use workflow::{StudentTested, StudentTesting, StudentTestingInput, StudentTestingMetadata};
