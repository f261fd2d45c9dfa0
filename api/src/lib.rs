#![doc = include_str!("../README.md")]

mod app;
pub mod auth;
mod exact;
mod fault;
pub mod graphql;
mod list_bounds;
mod metrics;
mod origin;
mod playground;
pub mod policy;
pub mod queues;
pub mod rest;
pub mod server;
mod thinned;
pub mod transport;

pub use auth::{Principal, Role, TokenSigner, TokenVerifier};
pub use list_bounds::ListBounds;
pub use origin::{Origin, OriginError};
pub use policy::Policy;
pub use server::{Cors, CorsHeaders, Options, Server, serve};
