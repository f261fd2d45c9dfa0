//! The API over HTTP against a real engine: an SQLite file of its own, a worker and a server for each test.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod auth;
mod bounds;
mod connections;
mod error_paths;
mod exact;
mod failover;
mod harness;
mod numbers;
mod read;
mod rest;
mod rest_errors;
mod rest_list;
mod rest_waiting;
mod schema;
mod server;
mod start;
mod stop;
mod stream;
mod values;
mod visibility;
mod workflows;
