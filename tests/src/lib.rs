#![doc = include_str!("../README.md")]

pub mod chaos;
pub mod client;
pub mod faketime;
pub mod guard;
pub mod load;
pub mod postgres;
pub mod process;
pub mod redis;
pub mod relay;
pub mod sqlite;
pub mod wait;
