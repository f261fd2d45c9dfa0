//! What the workspace promises about its own shape.
#![expect(clippy::unwrap_used, reason = "clippy takes the helpers of an integration test for other code")]

mod circles;
mod containers;
mod crates;
mod error_pages;
mod imports;
mod log_causes;
mod log_page;
mod migrations;
mod rooms;
mod sources;
mod workspace;

fn assert_none(faults: &[String]) {
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}
