//! Clients of the public API, written from its contract and not from our server's code.

mod event_stream;
mod graphql;
mod resume;
mod server;
mod websocket;

pub use self::{
    event_stream::EventStream,
    graphql::{Answer, Client},
    resume::Resuming,
    websocket::{Subscription, SubscriptionError},
};
