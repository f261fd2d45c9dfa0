//! The GraphQL API as the commands see it.

mod calls;
mod error;
mod http;
mod model;
mod sse;
mod target;
mod token;

pub(crate) use self::{
    calls::Stop,
    error::Error,
    http::Client,
    model::{Activity, Connection, HistoryEvent, TaskQueue, UserError, Worker, Workflow, WorkflowType},
    target::Target,
    token::Credentials,
};
