//! Testing a submission: the plan, the runners in their sandbox, and the report. Only `activities`, `places`, `station`
//! and `workflow` use the engine.
//!
//! Two kinds of results are kept apart. If the *student's* program fails, loops, crashes or uses the network, the result
//! is a [`report::Report`] with a low score. If the *environment* is at fault, the result is [`Broken`]: no tests in the
//! reference, no pytest, no sandbox. Only some of the latter are retried.

mod activities;
mod bench;
mod broken;
mod budget;
pub mod compare;
mod doubt;
mod execute;
mod files;
mod guard;
pub mod junit;
mod missing;
mod names;
mod paths;
mod places;
pub mod plan;
mod progress;
pub mod report;
mod repository;
mod runner;
mod scratch;
mod secrets;
mod station;
mod workflow;

pub use activities::{FetchRepository, FetchStage, Fetched, RunTests, fetch_repository, run_tests};
pub use broken::Broken;
pub use execute::{Job, execute};
pub use progress::{Progress, Stage};
pub use repository::{CredentialReference, Repository};
pub(crate) use scratch::prepare_scratch;
pub use secrets::SecretFolder;
pub use station::TestingStation;
pub use workflow::{StudentTested, StudentTesting, StudentTestingInput, StudentTestingMetadata};
