//! Where the database is: the URL of a server, or the path of a file.
//!
//! A path is a path. It is never read as a URL, so `%20`, `?`, `#` and `file:` in it are ordinary characters.

use std::{
    fmt,
    path::{Path, PathBuf},
};

use percent_encoding::percent_decode_str;

use super::Error;

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
    fn of_an_unknown_url_only_the_scheme_is_shown() {
        let error = Location::from("mysql://ada:s3cret@db/x").place().unwrap_err();
        assert!(matches!(&error, Error::UnknownScheme { scheme } if scheme == "mysql"), "{error}");
        assert_eq!(format!("{:?}", Location::from("postgres://ada:s3cret@db/x")), "Url");
    }
}
