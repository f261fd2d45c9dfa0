//! What commands print: data to stdout, everything else to stderr.

mod block;
mod schema;
mod table;
mod time;

use std::{
    fmt::Display,
    io::{self, Write},
};

use serde_json::Value;

pub(crate) use self::{
    block::Block,
    schema::signature,
    table::Table,
    time::{clock_time, date_and_time},
};

/// Prints data.
///
/// # Errors
/// When stdout cannot be written; nobody reading any more is one of the reasons.
pub(crate) fn data(text: impl Display) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "{text}")?;
    stdout.flush()
}

/// Prints JSON for programs that people may look at.
///
/// # Errors
/// As [`data`].
pub(crate) fn json(value: &Value) -> io::Result<()> {
    data(format_args!("{value:#}"))
}

/// Tells the user something that is no data. If nobody can read it, so be it.
pub(crate) fn note(text: impl Display) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// Prints data of a process that works on whether anybody reads it or not.
pub(crate) fn announce(text: impl Display) {
    let _ = data(text);
}
