//! Test doubles: stores on both databases, workflows and activities, and an engine on a manual clock.

mod app;
mod database;
mod log_lines;
mod pair;
pub(crate) mod workflows;

pub(crate) use app::{App, caller};
pub(crate) use database::TestStore;
pub(crate) use log_lines::LogLines;
pub(crate) use pair::Pair;
