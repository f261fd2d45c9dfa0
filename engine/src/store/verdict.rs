//! What an error of the database means: for the caller, for the session, and for the next try.
//!
//! One row a code or a class of codes; the longest one that fits holds. Callers are told `UNAVAILABLE` for all but
//! [`Class::Defect`].

use std::io::ErrorKind;

use sea_orm::{
    DbErr, RuntimeErr,
    sqlx::{self, error::DatabaseError, postgres::PgDatabaseError},
};

use super::no_answer::is_no_answer;

use self::{
    Class::{Defect, Operator, Passing},
    Retry::{Again, Never, NewSession, Others, Reads},
    Session::{Discard, Keep},
};

/// Who or what can help.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    /// Time: the same request may well succeed a little later.
    Passing,
    /// Whoever runs the database: a full disk, a refused login, damaged files. Until then nothing works.
    Operator,
    /// A change of our code, or of what was asked for.
    Defect,
}

/// What becomes of the session, and of those that are as old.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Session {
    Keep,
    Discard,
}

/// What may be tried again without asking the caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Retry {
    /// Nothing.
    Never,
    /// Reads; of a transaction it is not known whether it was committed.
    Reads,
    /// Reads and transactions, once, on a new session: nothing was changed.
    NewSession,
    /// Reads and transactions, several times: the database gave this one up for another's sake.
    Again,
    /// The other items of a transaction, without the one that met it: somebody holds what that one needs.
    Others,
}

/// What an error means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Verdict {
    pub(super) class: Class,
    pub(super) session: Session,
    pub(super) retry: Retry,
}

const fn verdict(class: Class, session: Session, retry: Retry) -> Verdict {
    Verdict { class, session, retry }
}

const DEFECT: Verdict = verdict(Defect, Keep, Never);
/// The connection broke, perhaps in the middle of a commit.
const BROKEN: Verdict = verdict(Passing, Discard, Reads);
/// No answer in time, or no free connection.
const NO_ANSWER: Verdict = verdict(Passing, Keep, Never);
/// Somebody else has what one statement needs; others need not wait for that.
const LOCKED: Verdict = verdict(Passing, Keep, Others);
/// The session lost its state, before anything was changed.
const STALE: Verdict = verdict(Passing, Discard, NewSession);

/// SQLSTATE of PostgreSQL: `docs/database-errors.md` has the same table for operators.
const POSTGRES: &[(&str, Verdict)] = &[
    // Not errors, or not of ours.
    ("00", DEFECT),
    ("01", DEFECT),
    ("02", DEFECT),
    ("03", DEFECT),
    // Connection exceptions; also of poolers in between.
    ("08", BROKEN),
    ("09", DEFECT),
    ("0A", DEFECT),
    ("0B", DEFECT),
    ("0F", DEFECT),
    ("0L", DEFECT),
    ("0P", DEFECT),
    ("0Z", DEFECT),
    // Wrong data or statements.
    ("20", DEFECT),
    ("21", DEFECT),
    ("22", DEFECT),
    ("23", DEFECT),
    ("24", DEFECT),
    // The session is not in the state that it should be in.
    ("25", STALE),
    // Read-only: the session leads to a standby, or to the former primary.
    ("25006", STALE),
    // Ended by a timeout of the server; the session is gone.
    ("25P03", BROKEN),
    ("25P04", BROKEN),
    // A prepared statement is missing: a pooler gave the session to another server connection.
    ("26", STALE),
    ("27", DEFECT),
    // The login is refused.
    ("28", verdict(Operator, Discard, Never)),
    ("2B", DEFECT),
    ("2D", DEFECT),
    ("2F", DEFECT),
    ("34", DEFECT),
    ("38", DEFECT),
    ("39", DEFECT),
    ("3B", DEFECT),
    // The database, or the schema, is not there.
    ("3D", verdict(Operator, Discard, Never)),
    ("3F", verdict(Operator, Keep, Never)),
    // Serialization failure and deadlock, also by recovery on a standby.
    ("40", verdict(Passing, Keep, Again)),
    ("40002", DEFECT),
    ("40003", BROKEN),
    ("42", DEFECT),
    // Rights, tables or columns are missing: they were not granted, or `ctutor migrate up` did not run.
    ("42501", verdict(Operator, Keep, Never)),
    ("42703", verdict(Operator, Keep, Never)),
    ("42P01", verdict(Operator, Keep, Never)),
    // A prepared statement of this name exists: as with `26`.
    ("42P05", STALE),
    ("44", DEFECT),
    // Out of resources.
    ("53", verdict(Passing, Keep, Never)),
    ("53100", verdict(Operator, Keep, Never)),
    ("54", DEFECT),
    // Not in the state for it: in recovery, in use, locked.
    ("55", verdict(Passing, Keep, Never)),
    ("55000", verdict(Passing, Discard, Never)),
    ("55P02", DEFECT),
    // The lock of a row, or of a table, is not given up in time.
    ("55P03", LOCKED),
    ("55P04", DEFECT),
    // An operator or a timeout of the server intervened.
    ("57", verdict(Passing, Keep, Never)),
    // A statement took too long, or an operator canceled it.
    ("57014", LOCKED),
    ("57P", BROKEN),
    ("57P04", verdict(Operator, Discard, Reads)),
    // Files and disks of the server.
    ("58", verdict(Operator, Discard, Never)),
    ("72", verdict(Passing, Keep, Again)),
    ("F0", verdict(Operator, Keep, Never)),
    ("HV", DEFECT),
    ("P0", DEFECT),
    ("XX", verdict(Defect, Discard, Never)),
    // Damaged tables and indexes.
    ("XX001", verdict(Operator, Discard, Never)),
    ("XX002", verdict(Operator, Discard, Never)),
];

/// Result codes of SQLite without their extension.
const SQLITE: &[(u32, Verdict)] = &[
    // PERM
    (3, verdict(Operator, Keep, Never)),
    // ABORT
    (4, verdict(Passing, Keep, Never)),
    // BUSY, LOCKED: another program, such as a backup, has the file.
    (5, verdict(Passing, Keep, Never)),
    (6, verdict(Passing, Keep, Never)),
    // NOMEM
    (7, verdict(Passing, Keep, Never)),
    // READONLY
    (8, verdict(Operator, Discard, Never)),
    // INTERRUPT
    (9, verdict(Passing, Keep, Never)),
    // IOERR
    (10, verdict(Operator, Discard, Never)),
    // CORRUPT
    (11, verdict(Operator, Discard, Never)),
    // FULL
    (13, verdict(Operator, Keep, Never)),
    // CANTOPEN
    (14, verdict(Operator, Discard, Never)),
    // PROTOCOL: a race for locks.
    (15, verdict(Passing, Keep, Never)),
    // SCHEMA
    (17, STALE),
    // NOLFS, AUTH
    (22, verdict(Operator, Keep, Never)),
    (23, verdict(Operator, Keep, Never)),
    // NOTADB
    (26, verdict(Operator, Discard, Never)),
];

/// What the error means.
pub(super) fn of(error: &DbErr) -> Verdict {
    match error {
        DbErr::ConnectionAcquire(_) => NO_ANSWER,
        DbErr::Conn(RuntimeErr::SqlxError(source))
        | DbErr::Exec(RuntimeErr::SqlxError(source))
        | DbErr::Query(RuntimeErr::SqlxError(source)) => of_driver(source),
        _ => DEFECT,
    }
}

/// Whether a server that refused a connection may well take one a little later, without anybody's help.
pub(super) fn passes_by_itself(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Database(error) => of_database(&**error).class == Passing,
        // The server is not there yet: refused, reset, timed out, no socket, or its name is not known yet.
        sqlx::Error::Io(error) => {
            !matches!(error.kind(), ErrorKind::PermissionDenied | ErrorKind::InvalidInput)
        }
        // A proxy takes the connection and closes it while the server behind it is away.
        sqlx::Error::Protocol(_) => true,
        _ => false,
    }
}

fn of_driver(error: &sqlx::Error) -> Verdict {
    match error {
        error if is_no_answer(error) => NO_ANSWER,
        sqlx::Error::Database(error) => of_database(&**error),
        sqlx::Error::Io(_) | sqlx::Error::Protocol(_) | sqlx::Error::WorkerCrashed => BROKEN,
        sqlx::Error::BeginFailed => STALE,
        sqlx::Error::Tls(_) => verdict(Operator, Discard, Reads),
        sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed => NO_ANSWER,
        _ => DEFECT,
    }
}

fn of_database(error: &dyn DatabaseError) -> Verdict {
    let code = error.code().unwrap_or_default();
    let Some(error) = error.try_downcast_ref::<PgDatabaseError>() else { return of_sqlite(&code) };
    match (&*code, error.routine()) {
        // Migrations changed a table that a prepared statement reads.
        ("0A000", Some("RevalidateCachedQuery")) => STALE,
        // The server is about to run out of transaction IDs and takes no writes until it is vacuumed.
        ("54000", Some("GetNewTransactionId" | "GetNewMultiXactId")) => verdict(Operator, Keep, Never),
        _ => of_sqlstate(&code),
    }
}

fn of_sqlstate(code: &str) -> Verdict {
    let rows = POSTGRES.iter().filter(|(prefix, _)| code.starts_with(prefix));
    rows.max_by_key(|(prefix, _)| prefix.len()).map_or(DEFECT, |(_, verdict)| *verdict)
}

fn of_sqlite(code: &str) -> Verdict {
    let Ok(code) = code.parse::<u32>() else { return DEFECT };
    SQLITE.iter().find(|(primary, _)| *primary == code & 0xff).map_or(DEFECT, |(_, verdict)| *verdict)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn every_class_of_postgresql_has_a_row() {
        for class in [
            "00", "01", "02", "03", "08", "09", "0A", "0B", "0F", "0L", "0P", "0Z", "20", "21", "22", "23",
            "24", "25", "26", "27", "28", "2B", "2D", "2F", "34", "38", "39", "3B", "3D", "3F", "40", "42",
            "44", "53", "54", "55", "57", "58", "72", "F0", "HV", "P0", "XX",
        ] {
            assert!(POSTGRES.iter().any(|(prefix, _)| *prefix == class), "{class}");
        }
        for (at, (prefix, _)) in POSTGRES.iter().enumerate() {
            assert!(!POSTGRES[..at].iter().any(|(other, _)| other == prefix), "{prefix} stands twice");
        }
    }

    #[test]
    fn codes_of_postgresql_are_told_apart() {
        for (codes, expected) in [
            ("08000 08001 08003 08004 08006 08P01 57P01 57P02 57P03 57P05 25P03 25P04 40003", BROKEN),
            ("25006 25P01 25P02 26000 42P05", STALE),
            ("40000 40001 40P01 72000", verdict(Passing, Keep, Again)),
            ("53000 53200 53300 53400 55006 57000", verdict(Passing, Keep, Never)),
            ("55P03 57014", LOCKED),
            ("55000", verdict(Passing, Discard, Never)),
            ("28000 28P01 3D000 58000 58030 58P01 XX001 XX002", verdict(Operator, Discard, Never)),
            ("53100 42501 42P01 42703 3F000 F0000", verdict(Operator, Keep, Never)),
            ("57P04", verdict(Operator, Discard, Reads)),
            ("XX000", verdict(Defect, Discard, Never)),
            ("22021 23505 42601 54000 0A000 40002 P0001 99999 2", DEFECT),
        ] {
            for code in codes.split(' ') {
                assert_eq!(of_sqlstate(code), expected, "{code}");
            }
        }
    }

    #[test]
    fn codes_of_sqlite_are_told_apart_with_their_extensions() {
        for (codes, class) in [
            // BUSY_SNAPSHOT, LOCKED_SHAREDCACHE, IOERR_FSYNC, READONLY_DBMOVED, CANTOPEN_ISDIR are extended codes.
            ("5 517 6 262 7 15", Passing),
            ("8 1032 10 1034 11 13 14 526 26", Operator),
            ("1 19 2067 20 x", Defect),
        ] {
            for code in codes.split(' ') {
                assert_eq!(of_sqlite(code).class, class, "{code}");
            }
        }
    }

    #[test]
    fn a_broken_connection_may_be_better_later_and_a_wrong_statement_will_not() {
        let runtime = |error| RuntimeErr::SqlxError(Arc::new(error));
        let broken = || runtime(sqlx::Error::Io(ErrorKind::BrokenPipe.into()));
        for error in [DbErr::Conn(broken()), DbErr::Exec(broken()), DbErr::Query(broken())] {
            assert_eq!(of(&error), BROKEN);
        }
        assert_eq!(of(&DbErr::Query(runtime(sqlx::Error::RowNotFound))), DEFECT);
        assert_eq!(of(&DbErr::Custom("no".to_owned())), DEFECT);
    }
}
