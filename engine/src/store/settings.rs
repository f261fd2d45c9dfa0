//! What each session says to PostgreSQL when it begins; `docs/ARCHITECTURE.md` has the same values with their reasons.
//!
//! They are options of the session, so they go before those of the role, the database and the server.

use std::time::Duration;

/// Longest wait of the writer for the end of a transaction: well below the lease of a worker, which is 8 s, so that a
/// server that hangs costs a write and not the work.
pub(super) const WRITER_PATIENCE: Duration = Duration::from_secs(4);

/// What a session is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// Writes, and renews leases.
    Writer,
    Reader,
    /// Changes the schema.
    Migrator,
}

/// For all sessions. A peer that loses power or its network says nothing; by the defaults of Linux, the server would
/// keep its session, and the rows that it locked, for 2 h 11 min.
const COMMON: &[(&str, &str)] = &[
    ("jit", "off"),
    ("synchronous_commit", "on"),
    ("tcp_user_timeout", "5000"),
    ("tcp_keepalives_idle", "5"),
    ("tcp_keepalives_interval", "2"),
    ("tcp_keepalives_count", "3"),
];

/// The statements of the writer go by keys, and are prepared once. One that is planned while a table is small would
/// read the whole table until the table is analyzed, though it may grow to millions of rows meanwhile.
const WRITER: &[(&str, &str)] = &[
    ("enable_seqscan", "off"),
    ("enable_hashjoin", "off"),
    ("enable_mergejoin", "off"),
    ("idle_in_transaction_session_timeout", "5000"),
    // Longer than `deadlock_timeout`, which is 1 s: of what waits for itself PostgreSQL gives one up, and says so.
    ("lock_timeout", "1500"),
];

/// Reads go by keys, or by the index of a list, and are prepared once as well. A read waits for a lock only while the
/// schema is changed.
const READER: &[(&str, &str)] =
    &[("enable_seqscan", "off"), ("idle_in_transaction_session_timeout", "5000"), ("lock_timeout", "5000")];

/// An index of a large table takes as long as it takes. What waits for a lock makes all wait that come after it, and
/// no transaction of ours lasts for so long.
const MIGRATOR: &[(&str, &str)] = &[
    ("idle_in_transaction_session_timeout", "60000"),
    ("lock_timeout", "10000"),
    ("statement_timeout", "0"),
];

impl Role {
    /// The settings of such a session. `patience` is how long its user waits for an answer; the server gives up a little
    /// before, so that it says so and the session stays of use.
    pub(super) fn settings(self, patience: Duration) -> Vec<(&'static str, String)> {
        let own = match self {
            Self::Writer => WRITER,
            Self::Reader => READER,
            Self::Migrator => MIGRATOR,
        };
        let mut settings: Vec<_> =
            COMMON.iter().chain(own).map(|(name, value)| (*name, (*value).to_owned())).collect();
        if self != Self::Migrator {
            // Zero would mean without end.
            let statement_timeout = (patience * 9 / 10).as_millis().max(1);
            settings.push(("statement_timeout", statement_timeout.to_string()));
        }
        settings
    }
}
