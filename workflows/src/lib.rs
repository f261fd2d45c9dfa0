#![doc = include_str!("../README.md")]

pub mod samples;
pub mod testing;

mod options;

use std::sync::Arc;

use ctutor_engine::registry::Registry;

pub use options::{Error, Options};

/// Everything that a worker of ctutor can run.
///
/// Where nothing can be confined, the tests of students are refused with the reason, and the rest works.
///
/// # Errors
/// [`Error`] when the folders cannot be made.
pub async fn registry(options: &Options) -> Result<Registry, Error> {
    let station = Arc::new(options.station().await?);
    Ok(Registry::new()
        .workflow::<samples::ExampleLongRunning>()
        .activity(samples::simulate_processing)
        .workflow::<samples::ExampleDataProcessing>()
        .activity(samples::process_data_chunk)
        .workflow::<samples::ExampleErrorHandling>()
        .workflow::<testing::StudentTesting>()
        .activity(testing::fetch_repository)
        .activity(testing::run_tests)
        .resource(station))
}
