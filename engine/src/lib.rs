#![doc = include_str!("../README.md")]

extern crate self as ctutor_engine;

pub mod activity;
mod chain;
pub mod client;
pub mod clock;
mod engine;
pub mod failure;
mod hint;
pub mod history;
mod host;
pub mod ids;
mod input_schema;
mod log;
pub mod machine;
pub mod maintenance;
mod model;
pub mod near;
pub mod notify;
pub mod open_files;
pub mod payload;
pub mod registry;
pub mod retry;
#[cfg(test)]
mod simulation;
pub mod store;
#[cfg(test)]
mod testing;
pub mod worker;
pub mod workflow;

pub use crate::chain::{Chain, chain};
pub use crate::engine::{BusOptions, Engine, EngineOptions, OpenError};
pub use ctutor_macros::{activity, workflow};

/// The examples of the macros, which cannot depend on what they write code for.
#[cfg(doctest)]
#[doc = include_str!("../../macros/README.md")]
struct MacrosReadme;
