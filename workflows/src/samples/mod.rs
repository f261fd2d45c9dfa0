//! Small workflows that demonstrate the engine. Scripts of the course system start them, so their names, inputs and
//! results stay as they are there.

mod data_processing;
mod envelope;
mod error_handling;
mod lenient;
mod long_running;

pub use data_processing::{ExampleDataProcessing, process_data_chunk};
pub use envelope::Envelope;
pub use error_handling::ExampleErrorHandling;
pub use long_running::{ExampleLongRunning, simulate_processing};
