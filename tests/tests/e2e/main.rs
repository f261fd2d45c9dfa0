//! The real program in both of its shapes: alone on SQLite, and as one API with workers on PostgreSQL and Redis.
#![expect(clippy::unwrap_used, reason = "clippy takes the helpers of an integration test for other code")]

#[macro_use]
mod deployment;
mod course;
mod runs;
mod watch;

mod authentication;
mod cancellation;
#[cfg(target_os = "linux")]
mod clocks;
mod command_line;
mod data_folders;
mod data_processing;
mod error_handling;
mod full_disk;
mod graphql_refusals;
mod leaving;
mod log_lines;
mod long_running;
mod priority;
mod reports;
mod rest_refusals;
mod rest_waiting;
mod restart;
mod secrets;
mod student_testing;
mod upgrade;
mod visibility;
mod worker_check;
mod workers;
