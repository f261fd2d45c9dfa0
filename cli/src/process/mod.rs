//! The parts that a process of ctutor is made of, and how they run and stop together.

mod api;
mod engine;
mod services;
mod worker;

pub(crate) use self::{
    api::{Listener, serve},
    engine::{database_url, migrate, open, refuse_old_schema},
    services::Services,
    worker::WorkerPart,
};
