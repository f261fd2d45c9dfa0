#![doc = include_str!("../README.md")]

pub mod activity_task;
pub mod history_event;
pub mod message;
pub mod namespace;
pub mod start_request;
pub mod worker;
pub mod workflow_execution;
pub mod workflow_task;
pub mod workflow_type;
