//! What time it is for the database server.

use std::time::Duration;

use sea_orm::{ConnectionTrait, Statement};

use super::{Error, Store, sql::within};
use crate::clock::{Clock, ServerClock};

/// In microseconds since 1970; `now()` would be the beginning of the transaction.
const SERVER_TIME: &str =
    "SELECT CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000000 AS bigint) AS server_us";

impl Store {
    /// Asks the server for its time, and compares `clock` with it. Not to be called for a file.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub(crate) async fn measure(&self, clock: &ServerClock) -> Result<(), Error> {
        let statement = || Statement::from_string(self.reader.dialect.backend(), SERVER_TIME);
        let asked = clock.uptime();
        // Not on the connections of the writer, and without asking for the right to write: before the first migration there
        // is no table to ask it for.
        let ask = || within(self.reader.patience, self.reader.inner.query_one_raw(statement()));
        let row = self.asked(ask).await?;
        let answered = clock.uptime();
        let server_us = row.map(|row| row.try_get::<i64>("", "server_us")).transpose()?;
        // Before 1970 is no answer.
        if let Some(server_us) = server_us.and_then(|server_us| u64::try_from(server_us).ok()) {
            clock.measured(Duration::from_micros(server_us), asked, answered);
        }
        Ok(())
    }
}
