//! The GraphQL API as the commands see it.

mod calls;
#[cfg(test)]
mod complete;
mod error;
mod http;
mod model;
mod object;
mod retry_after;
mod sse;
mod target;
mod token;

pub(crate) use self::{
    calls::{StartInput, Stop},
    error::Error,
    http::Client,
    model::{Activity, Connection, HistoryEvent, TaskQueue, UserError, Worker, Workflow, WorkflowType},
    object::Object,
    target::Target,
    token::Credentials,
};
