//! Where the database is: the URL of a server, or the path of a file.
//!
//! A path is a path. It is never read as a URL, so `%20`, `?`, `#` and `file:` in it are ordinary characters.

use std::{
    fmt,
    path::{Path, PathBuf},
};

use percent_encoding::percent_decode_str;

use super::Error;
use crate::near;

/// Where the database is.
#[derive(Clone, PartialEq, Eq)]
pub enum Location {
    /// `postgres://…`, or `sqlite:PATH`.
    Url(String),
    /// An SQLite file.
    File(PathBuf),
}

/// A location that was checked.
#[derive(Clone, PartialEq, Eq)]
#[cfg_attr(test, derive(Debug))]
pub(super) enum Place {
    /// The URL of a PostgreSQL server.
    Postgres(String),
    /// An SQLite file.
    Sqlite(PathBuf),
}

/// Parameters of PostgreSQL URLs that sqlx reads; it ignores others, and logs them with their values.
const POSTGRES_PARAMETERS: [&str; 12] = [
    "application_name",
    "dbname",
    "host",
    "hostaddr",
    "options",
    "password",
    "port",
    "sslcert",
    "sslkey",
    "sslmode",
    "sslrootcert",
    "user",
];
/// Other spellings of them, and one that people need not know.
const POSTGRES_PARAMETERS_TOO: [&str; 6] =
    ["ssl-ca", "ssl-cert", "ssl-key", "ssl-mode", "ssl-root-cert", "statement-cache-capacity"];
/// How much of an unknown name is shown.
const NAME_CHARS_MAX: usize = 40;

/// Refuses a parameter that would be ignored: `sslmod=require` would connect without TLS.
fn check_parameters(url: &str) -> Result<(), Error> {
    let query = url.split_once('?').map_or("", |(_, query)| query);
    // After a `?` that is part of a password everything would look like a parameter. sqlx refuses such a URL.
    if query.contains('@') {
        return Ok(());
    }
    for parameter in query.split('#').next().unwrap_or_default().split('&').filter(|text| !text.is_empty()) {
        let name = parameter.split('=').next().unwrap_or_default();
        let name = percent_decode_str(name).decode_utf8_lossy();
        let mut known = POSTGRES_PARAMETERS.iter().chain(&POSTGRES_PARAMETERS_TOO);
        if known.any(|known| name == *known) || (name.starts_with("options[") && name.ends_with(']')) {
            continue;
        }
        return Err(Error::UnknownParameter {
            name: name.chars().filter(|c| !c.is_control()).take(NAME_CHARS_MAX).collect(),
            meant: near::nearest(&name, POSTGRES_PARAMETERS),
            known: POSTGRES_PARAMETERS.join(", "),
        });
    }
    Ok(())
}

/// Parameters of other programs' `sqlite:` URLs.
const URL_PARAMETERS: [&str; 4] = ["mode=", "cache=", "immutable=", "vfs="];

impl Location {
    /// Reads a URL; touches nothing but the names of files.
    pub(super) fn place(&self) -> Result<Place, Error> {
        let url = match self {
            Self::File(path) => return Ok(Place::Sqlite(path.clone())),
            Self::Url(url) => url,
        };
        if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            check_parameters(url)?;
            return Ok(Place::Postgres(url.clone()));
        }
        if let Some(rest) = url.strip_prefix("sqlite:") {
            return sqlite_path(rest.strip_prefix("//").unwrap_or(rest)).map(Place::Sqlite);
        }
        // No more than the scheme: a URL may hold a password.
        let scheme = url.split(':').next().unwrap_or_default().chars().take(20).collect();
        Err(Error::UnknownScheme { scheme })
    }
}

/// The path after `sqlite:`. What another program would read as more than a path, or was decoded by an earlier
/// version, is refused: taken literally it would make a new, empty database in silence.
fn sqlite_path(text: &str) -> Result<PathBuf, Error> {
    let refuse = |problem: String| Err(Error::Location { found: format!("sqlite:{text}"), problem });
    if text.is_empty() {
        return refuse("the path is missing; write `sqlite:PATH`".to_owned());
    }
    if text == ":memory:" {
        return refuse(
            "a database in memory cannot be shared by the connections and is lost at the end; name a file"
                .to_owned(),
        );
    }
    let path = Path::new(text);
    if path.exists() {
        return Ok(path.to_owned());
    }
    let name = text.rsplit('/').next().unwrap_or(text);
    if let Some((_, query)) = name.split_once('?')
        && URL_PARAMETERS.iter().any(|parameter| query.starts_with(parameter))
    {
        return refuse(format!("`sqlite:` takes a path without parameters; leave out `?{query}`"));
    }
    let decoded = percent_decode_str(text).decode_utf8_lossy();
    if decoded != text && Path::new(&*decoded).exists() {
        return refuse(format!("`sqlite:` takes a path without `%` encoding; write `sqlite:{decoded}`"));
    }
    Ok(path.to_owned())
}

impl From<String> for Location {
    fn from(url: String) -> Self {
        Self::Url(url)
    }
}

impl From<&str> for Location {
    fn from(url: &str) -> Self {
        Self::Url(url.to_owned())
    }
}

impl From<PathBuf> for Location {
    fn from(path: PathBuf) -> Self {
        Self::File(path)
    }
}

impl fmt::Debug for Location {
    /// Without the URL, which may hold a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Url(_) => f.write_str("Url"),
            Self::File(path) => f.debug_tuple("File").field(path).finish(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(url: &str) -> Result<String, String> {
        match Location::from(url).place() {
            Ok(Place::Sqlite(path)) => Ok(path.to_str().unwrap().to_owned()),
            Ok(Place::Postgres(_)) => panic!("{url} is a file"),
            Err(error) => Err(error.to_string()),
        }
    }

    #[test]
    fn a_path_is_taken_as_it_is() {
        for (url, expected) in [
            ("sqlite:/x/a%20b/c.db", "/x/a%20b/c.db"),
            ("sqlite:/x?mode=memory/c.db", "/x?mode=memory/c.db"),
            ("sqlite:what?", "what?"),
            ("sqlite:a#b", "a#b"),
            ("sqlite:file:x", "file:x"),
            ("sqlite: leading", " leading"),
            ("sqlite:///abs", "/abs"),
            ("sqlite://relative/x", "relative/x"),
        ] {
            assert_eq!(path(url).as_deref(), Ok(expected), "{url}");
        }
    }

    #[test]
    fn what_would_make_another_database_in_silence_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let shown = folder.path().display();
        std::fs::write(folder.path().join("a b"), "").unwrap();
        for (url, remedy) in [
            ("sqlite:".to_owned(), "write `sqlite:PATH`".to_owned()),
            ("sqlite://".to_owned(), "write `sqlite:PATH`".to_owned()),
            ("sqlite::memory:".to_owned(), "name a file".to_owned()),
            (format!("sqlite:{shown}/x.db?mode=rwc"), "leave out `?mode=rwc`".to_owned()),
            (format!("sqlite:{shown}/a%20b"), format!("write `sqlite:{shown}/a b`")),
        ] {
            let error = path(&url).unwrap_err();
            assert!(error.contains(&remedy), "{url}: {error}");
        }
        std::fs::write(folder.path().join("a%20b"), "").unwrap();
        assert_eq!(path(&format!("sqlite:{shown}/a%20b")), Ok(format!("{shown}/a%20b")));
    }

    #[test]
    fn a_parameter_that_would_be_ignored_is_refused_without_its_value() {
        let place = |url: &str| Location::from(url).place().map(drop).map_err(|error| error.to_string());
        for url in [
            "postgres://h/d",
            "postgres://h/d?",
            "postgres://ada:a?b@h/d?sslmode=require".replace("a?b", "a%3Fb").as_str(),
            "postgresql://h/d?host=/run&options[search_path]=x&application_name=a%26b#part",
            "postgres://h/d?ssl-mode=disable&statement-cache-capacity=9",
            "postgres://ada:sec?ret@h/d",
        ] {
            assert_eq!(place(url), Ok(()), "{url}");
        }
        for (url, told) in [
            ("postgres://h/d?sslmod=require", "`sslmod`, which is unknown; did you mean `sslmode`?"),
            (
                "postgres://h/d?password=x&passwrd=Leck123",
                "`passwrd`, which is unknown; did you mean `password`?",
            ),
            (
                "postgres://h/d?connect_timeout=Leck123",
                "`connect_timeout`, which is unknown; leave it out; known are application_name,",
            ),
        ] {
            let error = place(url).unwrap_err();
            assert!(error.contains(told) && !error.contains("Leck123"), "{url}: {error}");
        }
    }

    #[test]
    fn of_an_unknown_url_only_the_scheme_is_shown() {
        let error = Location::from("mysql://ada:s3cret@db/x").place().unwrap_err();
        assert!(matches!(&error, Error::UnknownScheme { scheme } if scheme == "mysql"), "{error}");
        assert_eq!(format!("{:?}", Location::from("postgres://ada:s3cret@db/x")), "Url");
    }
}
