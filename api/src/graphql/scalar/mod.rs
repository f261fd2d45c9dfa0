//! Scalars.

mod date_time;
mod duration;
mod json;

pub use date_time::DateTime;
pub use duration::{Duration, DurationError};
pub use json::Json;
