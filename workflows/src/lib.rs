#![doc = include_str!("../README.md")]

pub mod samples;
pub mod testing;

mod options;

use std::sync::Arc;

use ctutor_engine::registry::Registry;

pub use options::{Error, Options};

/// All workflows and activities of ctutor.
///
/// On a machine that cannot isolate programs, tests of submissions fail with the reason; the other workflows run.
///
/// # Errors
/// [`Error`] if the folders cannot be created.
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
