//! A database that does not answer in time.

use std::{fmt, io, sync::Arc, time::Duration};

use sea_orm::{DbErr, RuntimeErr, sqlx};

/// How long an answer was waited for.
#[derive(Debug)]
struct NoAnswer(Duration);

impl fmt::Display for NoAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no answer within {:?}", self.0)
    }
}

impl std::error::Error for NoAnswer {}

/// The database did not answer in time.
pub(super) fn no_answer(within: Duration) -> DbErr {
    let error = sqlx::Error::Io(io::Error::new(io::ErrorKind::TimedOut, NoAnswer(within)));
    DbErr::Conn(RuntimeErr::SqlxError(Arc::new(error)))
}

/// Whether it was made by [`no_answer`].
pub(super) fn is_no_answer(error: &sqlx::Error) -> bool {
    let sqlx::Error::Io(error) = error else { return false };
    error.get_ref().and_then(|error| error.downcast_ref::<NoAnswer>()).is_some()
}
