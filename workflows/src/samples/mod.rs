//! Small workflows that show what the engine does. Their names, inputs and results are those of the course
//! system, whose scripts start them.

mod data_processing;
mod envelope;
mod error_handling;
mod lenient;
mod long_running;

pub use data_processing::{ExampleDataProcessing, process_data_chunk};
pub use envelope::Envelope;
pub use error_handling::ExampleErrorHandling;
pub use long_running::{ExampleLongRunning, simulate_processing};
