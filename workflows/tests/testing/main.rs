//! Testing submissions in the real sandbox, without the engine.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod broken;
mod canaries;
mod command;
mod course;
mod endings;
mod forging;
mod guarded;
mod junit;
mod killed;
mod lasting;
mod libraries;
mod messages;
mod mocks;
mod names;
mod packages;
mod pauses;
mod plugins;
mod processes;
mod repeated;
mod skips;
mod student_places;
mod support;
mod told;
mod waiting;
