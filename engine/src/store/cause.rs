use std::{error, fmt, ops::Deref, sync::Arc};

use sea_orm::{
    DbErr, RuntimeErr,
    sqlx::{self, postgres::PgDatabaseError},
};

/// Classes of SQLSTATE whose details repeat values of the row, which may be payloads.
const WITH_VALUES: [&str; 2] = ["22", "23"];

/// An error of the driver as operators read it.
///
/// The driver adds the line of PostgreSQL's own source code to the message, and leaves out the hint.
#[derive(Debug, Clone)]
pub struct Cause(Arc<DbErr>);

impl Cause {
    fn postgres(&self) -> Option<&PgDatabaseError> {
        driver(&self.0)?.as_database_error()?.try_downcast_ref()
    }
}

impl From<Arc<DbErr>> for Cause {
    fn from(error: Arc<DbErr>) -> Self {
        Self(error)
    }
}

impl Deref for Cause {
    type Target = DbErr;

    fn deref(&self) -> &DbErr {
        &self.0
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(error) = self.postgres() else { return self.0.fmt(f) };
        f.write_str(error.message())?;
        let may_hold_values = WITH_VALUES.iter().any(|class| error.code().starts_with(class));
        for (name, part) in [
            ("detail", error.detail().filter(|_| !may_hold_values)),
            ("hint", error.hint()),
            ("constraint", error.constraint()),
        ] {
            if let Some(part) = part {
                write!(f, "; {name}: {part}")?;
            }
        }
        Ok(())
    }
}

impl error::Error for Cause {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        // The sources of an error of PostgreSQL are its own words once more, with the line.
        if self.postgres().is_some() { None } else { self.0.source() }
    }
}

/// The error of the driver.
pub(super) fn driver(error: &DbErr) -> Option<&sqlx::Error> {
    match error {
        DbErr::Conn(RuntimeErr::SqlxError(source))
        | DbErr::Exec(RuntimeErr::SqlxError(source))
        | DbErr::Query(RuntimeErr::SqlxError(source)) => Some(source),
        _ => None,
    }
}
