//! What whoever runs ctutor or its database can do about an error.

use sea_orm::sqlx::{self, postgres::PgDatabaseError};

use super::no_answer::is_no_answer;

/// For a standby.
pub(super) const READ_ONLY: &str = "promote it, or name the primary in DATABASE_URL";

/// SQLSTATE, or its beginning, with what to do; the longest one that fits holds.
const POSTGRES: &[(&str, &str)] = &[
    ("25006", READ_ONLY),
    (
        "28",
        "allow the role of DATABASE_URL to log in, in `pg_hba.conf` of the server, or correct DATABASE_URL",
    ),
    ("28P01", "correct the user or the password in DATABASE_URL, and restart"),
    ("3D000", "create the database with `createdb`, or correct its name in DATABASE_URL"),
    ("3F000", "run `ctutor migrate up`"),
    ("42501", "grant the role of DATABASE_URL all rights on the tables of ctutor"),
    ("42703", "run `ctutor migrate up`"),
    ("42P01", "run `ctutor migrate up`"),
    ("53100", "free space on the disk of the server"),
    ("53300", "raise `max_connections` of the server, or lower `database.read_connections_max`"),
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
    (14, "make the database file and its folder readable and writable"),
    (26, "name another file: this one is no SQLite database"),
];

/// The remedy, if there is one.
pub(super) fn of(error: &sqlx::Error) -> Option<&'static str> {
    let error = match error {
        sqlx::Error::Database(error) => error,
        sqlx::Error::Tls(_) => {
            return Some(
                "correct `sslmode` and `sslrootcert` in DATABASE_URL, or the certificate of the server",
            );
        }
        error @ sqlx::Error::Io(_) if !is_no_answer(error) => {
            return Some("start the server, or correct where it is in DATABASE_URL");
        }
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

fn of_sqlstate(code: &str) -> Option<&'static str> {
    let rows = POSTGRES.iter().filter(|(prefix, _)| code.starts_with(prefix));
    rows.max_by_key(|(prefix, _)| prefix.len()).map(|(_, remedy)| *remedy)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_code_that_fits_has_the_remedy() {
        assert!(of_sqlstate("28P01").unwrap().contains("password"));
        assert!(of_sqlstate("28000").unwrap().contains("pg_hba.conf"));
        assert_eq!(of_sqlstate("57P03"), None, "a server that starts needs nobody");
    }
}
