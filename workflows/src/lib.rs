#![doc = include_str!("../README.md")]

pub mod samples;
pub mod testing;

use ctutor_engine::registry::Registry;

/// Everything that a worker of ctutor can run.
#[must_use]
pub fn registry() -> Registry {
    Registry::new()
        .workflow::<samples::ExampleLongRunning>()
        .activity(samples::simulate_processing)
        .workflow::<samples::ExampleDataProcessing>()
        .activity(samples::process_data_chunk)
        .workflow::<samples::ExampleErrorHandling>()
}
