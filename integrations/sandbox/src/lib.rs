#![doc = include_str!("../README.md")]

mod cgroup;
mod command;
mod confinement;
mod outcome;
mod output;
mod run;
mod sandbox;
mod spawner;
mod watchdog;

pub use command::{Bind, Command, Limits};
pub use confinement::Confinement;
pub use outcome::{Captured, Error, Exit, Outcome};
pub use output::{Line, Stream};
pub use sandbox::{Options, Policy, Sandbox, Unavailable};
