#![doc = include_str!("../README.md")]

mod bounds;
mod cgroup;
mod command;
mod confinement;
mod cores;
mod descriptors;
mod disk;
mod etc;
mod kernel_memory;
mod launcher;
mod machine_view;
mod open_file;
mod outcome;
mod output;
mod programs;
mod run;
mod running_time;
mod sandbox;
mod spawner;
mod start_failure;
mod stopwatch;
#[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]
mod system_calls;
#[cfg(not(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64"))))]
#[path = "system_calls_unknown.rs"]
mod system_calls;
mod told_cgroup;
mod usage;
mod users;
mod watchdog;

pub use command::{Bind, Command, Limits};
pub use confinement::Confinement;
pub use outcome::{Captured, Cause, Error, Exit, Outcome, TAIL_BYTES};
pub use output::{Line, Stream};
pub use sandbox::{Options, Policy, Sandbox, Unavailable};
pub use start_failure::{StartFailure, StartReason};
pub use stopwatch::Stopwatch;
pub use users::{InvalidUserRange, UserRange};
