//! JUnit XML: what most test frameworks write and most CI systems show.
//!
//! There is no standard, only dialects. Reading takes what pytest, Jest, GoogleTest, CTest, Maven Surefire and
//! nextest write; writing keeps to what all readers know.
//!
//! What is read was written where a student's program ran, so it is believed to be hostile: no document type and so no
//! entities, no links, and bounds on bytes, files, tests and depth.

mod collect;
mod read;
#[cfg(test)]
mod tests;
mod write;

pub(super) use collect::{Collected, collect};
pub(super) use read::Case;
pub use write::to_xml;
