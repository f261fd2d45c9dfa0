//! Where there are no numbers of system calls to filter by, nothing is confined.

use std::{
    convert::Infallible,
    io::{self, PipeWriter},
};

pub(crate) const KNOWN: bool = false;

#[derive(Clone, Debug)]
pub(crate) struct Filters(Infallible);

impl Filters {
    pub(crate) fn compile() -> io::Result<Self> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub(crate) fn arguments() -> impl Iterator<Item = String> {
        std::iter::empty()
    }
}

/// Nobody tells on the pipe there.
pub(crate) fn hand_over(
    _: &mut tokio::process::Command,
    _: Option<&Filters>,
    _: PipeWriter,
) -> io::Result<()> {
    Ok(())
}
