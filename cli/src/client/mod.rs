//! The GraphQL API as the commands see it.

mod calls;
mod error;
pub(crate) mod exact;
mod http;
mod model;
mod retry_after;
mod sse;
mod target;
mod token;

pub(crate) use self::{
    calls::Stop,
    error::Error,
    exact::Exact,
    http::Client,
    model::{Activity, Connection, HistoryEvent, TaskQueue, UserError, Worker, Workflow, WorkflowType},
    target::Target,
    token::Credentials,
};
