//! Log lines: to stderr, because stdout is for data.

use std::{backtrace::Backtrace, io::IsTerminal, panic};

use tracing_subscriber::fmt;

use crate::config::{Config, Environment, Format};

/// Sets up logging for the rest of the process.
pub(crate) fn init(config: &Config, environment: &Environment) {
    let colored = std::io::stderr().is_terminal() && environment.get("NO_COLOR").is_none();
    let lines = fmt()
        .with_env_filter(config.log.filter.to_env_filter())
        .with_writer(std::io::stderr)
        // A line that cannot be written is lost. To report that on the same broken stderr would panic.
        .log_internal_errors(false);
    match config.log.format {
        Format::Text => lines.with_ansi(colored).init(),
        Format::Json => lines.json().flatten_event(true).with_current_span(false).init(),
    }
    log_panics();
}

/// A panic of a task would otherwise stand between log lines in a form that no program reads.
fn log_panics() {
    panic::set_hook(Box::new(|panic| {
        let message = panic.payload_as_str().unwrap_or("a value that is not a string");
        let location = panic.location().map(ToString::to_string).unwrap_or_default();
        let backtrace = Backtrace::capture();
        tracing::error!(location, %backtrace, "panicked: {message}");
    }));
}
