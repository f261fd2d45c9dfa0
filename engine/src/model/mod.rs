//! What callers see of runs, activities, queues and workers, and the requests that they make.
//!
//! The store reads and writes it; callers find it in [`client`](crate::client).

mod activity;
mod caller;
mod execution;
mod list;
mod start;
mod watch;
mod worker;

pub use self::{activity::*, caller::*, execution::*, list::*, start::*, watch::*, worker::*};
