//! What is read. One file a table or a view.

pub(super) mod activity;
pub(super) mod execution;
pub(super) mod filter;
pub(super) mod history;
pub(super) mod queue;
pub(super) mod run;
pub(super) mod task;
pub(super) mod waiting;
pub(super) mod worker;
