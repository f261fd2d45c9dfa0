//! JUnit XML: what most test frameworks write and most CI systems show.
//!
//! There is no standard, only dialects. `words` has the words of all dialects that we know; writing keeps to what all
//! readers know.
//!
//! What is read was written where a student's program ran, so it may be hostile: entities of a document type are not
//! expanded, links are not followed, and bytes, files, tests and depth are bounded. It may also be clumsy: whatever a
//! message holds, the verdicts are read. A test with a state that is not known has failed.

mod attributes;
mod case;
mod collect;
mod decode;
#[cfg(test)]
mod dialects;
mod document;
mod draft;
mod fault;
mod meaning;
mod outcome;
mod read;
mod seconds;
mod suite;
#[cfg(test)]
mod tests;
mod text;
#[cfg(test)]
mod texts;
mod unescape;
#[cfg(test)]
mod unknown;
mod words;
mod write;

pub(super) use case::Case;
pub(super) use collect::{Collected, collect};
pub use write::to_xml;
