//! What commands print: data to stdout, everything else to stderr.

mod block;
mod schema;
mod shell;
mod table;
mod time;
mod visible;

use std::{
    fmt::Display,
    io::{self, IsTerminal, Write},
};

use serde::Serialize;

use crate::file;

pub(crate) use self::{
    block::Block,
    schema::signature,
    shell::quoted,
    table::Table,
    time::{clock_time, date_and_time},
    visible::{compact_json, in_one_line, pretty_json, visible, visible_xml},
};

/// Prints data as it is: strings from outside must be passed through [`visible()`].
///
/// # Errors
/// When stdout cannot be written, for example because its reader has ended.
pub(crate) fn data(text: impl Display) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    // The kind stays: a reader that stopped reading is not a failure.
    writeln!(stdout, "{text}").and_then(|()| stdout.flush()).map_err(|error| {
        let fault = error.to_string();
        let fault = file::without_number(&fault);
        io::Error::new(error.kind(), format!("stdout cannot be written: {fault}"))
    })
}

/// Prints JSON for programs that people may look at.
///
/// # Errors
/// As [`data`].
pub(crate) fn json(value: &impl Serialize) -> io::Result<()> {
    data(pretty_json(&serde_json::to_string(value)?))
}

/// Prints JSON in one line.
///
/// # Errors
/// As [`data`].
pub(crate) fn json_line(value: &impl Serialize) -> io::Result<()> {
    data(compact_json(&serde_json::to_string(value)?))
}

/// Prints a table, its lines cut to the width of a terminal and whole for programs.
///
/// # Errors
/// As [`data`].
pub(crate) fn table(table: &Table) -> io::Result<()> {
    data(table.within(width()))
}

/// The columns of the terminal that stdout is, if it is one.
pub(crate) fn width() -> Option<usize> {
    io::stdout().is_terminal().then(|| usize::from(console::Term::stdout().size().1))
}

/// Prints a message to stderr. An error while writing it is ignored.
pub(crate) fn note(text: impl Display) {
    let _ = writeln!(io::stderr().lock(), "{}", visible(&text.to_string()));
}

/// Prints data and ignores errors: the process works on even if stdout is closed.
pub(crate) fn announce(text: impl Display) {
    let _ = data(text);
}
