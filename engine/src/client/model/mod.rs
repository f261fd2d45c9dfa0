//! What callers see: views of the stored rows, and the requests that they make.

mod activity;
mod caller;
mod execution;
mod list;
mod start;
mod watch;
mod worker;

pub use self::{activity::*, caller::*, execution::*, list::*, start::*, watch::*, worker::*};
