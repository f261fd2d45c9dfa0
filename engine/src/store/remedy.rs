//! What whoever runs ctutor or its database can do about an error.

use std::io;

use sea_orm::sqlx::{self, postgres::PgDatabaseError};

use super::{no_answer::is_no_answer, silence::is_silent};
use crate::open_files;

/// For a standby.
pub(super) const READ_ONLY: &str = "promote it, or name the primary in DATABASE_URL";

/// SQLSTATE of a wait for a lock that was in vain.
pub(super) const LOCKED_CODE: &str = "55P03";
/// For a lock that another session does not let go.
pub(super) const LOCKED: &str = "let that session end its transaction, or end it with \
                                 `SELECT pg_terminate_backend(PID)`; `SELECT * FROM pg_stat_activity` tells what it does";

/// SQLSTATE, or its beginning, with what to do; the longest one that fits holds.
const POSTGRES: &[(&str, &str)] = &[
    ("25006", READ_ONLY),
    (
        "28",
        "allow the role of DATABASE_URL to log in to this database from this host, in `pg_hba.conf` of the server (a line \
         `hostssl` needs `sslmode=require` in DATABASE_URL), or correct DATABASE_URL",
    ),
    ("28P01", "correct the user or the password in DATABASE_URL, and restart"),
    ("3D000", "create the database with `createdb`, or correct its name in DATABASE_URL"),
    (
        "3F000",
        "create the schema that `search_path` of the role names, or let the role use it: `GRANT USAGE, CREATE ON SCHEMA \
         NAME TO ROLE` before `ctutor migrate up`, `GRANT USAGE` afterwards",
    ),
    ("42501", "grant the role of DATABASE_URL all rights on the tables of ctutor"),
    ("42703", "run `ctutor migrate up`"),
    (
        "42P01",
        "run `ctutor migrate up`; if that was done, let the role of DATABASE_URL use the schema of the tables (`GRANT \
         USAGE ON SCHEMA NAME TO ROLE`), and name it in the `search_path` of the role",
    ),
    ("53100", "free space on the disk of the server"),
    ("53300", "raise `max_connections` of the server, or lower `database.read_connections_max`"),
    (
        LOCKED_CODE,
        "another session does not let go what is needed: `SELECT pid, query FROM pg_stat_activity WHERE state LIKE \
         'idle in transaction%'` finds it, `SELECT pg_terminate_backend(PID)` ends it",
    ),
    ("57P04", "create the database again, or correct its name in DATABASE_URL"),
    ("58", "look at the log and the disks of the server"),
    ("XX001", "look at the log and the disks of the server"),
    ("XX002", "look at the log and the disks of the server"),
];

/// Result codes of SQLite without their extension.
const SQLITE: &[(u32, &str)] = &[
    (8, "make the database file and its folder writable"),
    (10, "look at the disk and the log of the system"),
    (11, "restore the database file from a backup"),
    (13, "free space on the disk of the database file"),
    // SQLite does not tell why.
    (
        14,
        "make the database file and its folder readable and writable; if they are, raise the limit of open files (`ulimit \
         -n`, `LimitNOFILE=`)",
    ),
    (26, "name another file: this one is no SQLite database"),
];

/// The remedy, if there is one.
pub(super) fn of(error: &sqlx::Error) -> Option<&'static str> {
    if let Some(remedy) = open_files::remedy(error) {
        return Some(remedy);
    }
    let error = match error {
        sqlx::Error::Database(error) => error,
        sqlx::Error::Tls(_) => {
            return Some(
                "correct `sslmode` and `sslrootcert` in DATABASE_URL, turn on `ssl` of the server where it has no TLS, or \
                 correct its certificate",
            );
        }
        error if is_no_answer(error) => return None,
        sqlx::Error::Io(error) => return Some(of_connection(error)),
        sqlx::Error::Configuration(_) => return Some("correct DATABASE_URL, or the file that it names"),
        sqlx::Error::Protocol(_) => {
            return Some(
                "the server, or a proxy before it, closed the connection or speaks another protocol: start the \
                 server, or look at the proxy and at the port in DATABASE_URL",
            );
        }
        _ => return None,
    };
    let code = error.code()?;
    if error.try_downcast_ref::<PgDatabaseError>().is_some() {
        return of_sqlstate(&code);
    }
    let code: u32 = code.parse().ok()?;
    SQLITE.iter().find(|(primary, _)| *primary == code & 0xff).map(|(_, remedy)| *remedy)
}

/// Of a connection to a server that cannot be made, or broke.
fn of_connection(error: &io::Error) -> &'static str {
    if is_silent(error) {
        return "correct the host and the port in DATABASE_URL if they are not those of PostgreSQL; if they are, look at \
                the server, which hangs";
    }
    match error.kind() {
        io::ErrorKind::PermissionDenied => {
            "let the user of this process reach the socket, or read the file, that DATABASE_URL names"
        }
        _ => "start the server, or correct where it is in DATABASE_URL",
    }
}

fn of_sqlstate(code: &str) -> Option<&'static str> {
    let rows = POSTGRES.iter().filter(|(prefix, _)| code.starts_with(prefix));
    rows.max_by_key(|(prefix, _)| prefix.len()).map(|(_, remedy)| *remedy)
}

#[cfg(test)]
mod tests {
    use rustix::io::Errno;

    use super::*;

    #[test]
    fn the_limit_of_open_files_and_a_right_are_not_taken_for_a_server_that_is_away() {
        for (errno, remedy) in [
            (Errno::MFILE, "`ulimit -n`"),
            (Errno::NFILE, "fs.file-max"),
            (Errno::ACCESS, "let the user of this process reach the socket"),
            (Errno::CONNREFUSED, "start the server"),
        ] {
            let error = sqlx::Error::Io(io::Error::from_raw_os_error(errno.raw_os_error()));
            assert!(of(&error).unwrap().contains(remedy), "{error}: {:?}", of(&error));
        }
    }

    #[test]
    fn the_longest_code_that_fits_has_the_remedy() {
        assert!(of_sqlstate("28P01").unwrap().contains("password"));
        assert!(of_sqlstate("28000").unwrap().contains("pg_hba.conf"));
        assert_eq!(of_sqlstate("57P03"), None, "a server that starts needs nobody");
    }
}
