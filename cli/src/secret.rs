//! The secret that signs and verifies tokens: configured, or stored in the data directory.

use std::{
    fs::{self, DirBuilder, OpenOptions},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::Path,
};

use rand::{TryRng, rngs::SysRng};

use crate::{
    config::{Error, JwtSecret, Loaded},
    file,
    remedy::{self, ANOTHER_DATA_FOLDER},
};

/// The file in the data directory.
pub(crate) const FILE_NAME: &str = "jwt-secret";

/// A secret, and where it was.
#[derive(Debug, Clone)]
pub(crate) struct Found {
    pub(crate) secret: JwtSecret,
    /// For messages.
    pub(crate) source: String,
}

/// The configured secret, else that of the data directory, if there is one.
pub(crate) fn find(loaded: &Loaded) -> anyhow::Result<Option<Found>> {
    if let Some(found) = configured(loaded)? {
        return Ok(Some(found));
    }
    let path = loaded.config.data.join(FILE_NAME);
    if path.exists() { read(&path).map(Some) } else { Ok(None) }
}

/// The secret, which must exist.
pub(crate) fn require(loaded: &Loaded) -> anyhow::Result<Found> {
    let found = find(loaded)?;
    Ok(found.ok_or_else(|| {
        Error::missing(
            "auth.jwt_secret",
            "set CTUTOR_JWT_SECRET to at least 32 random bytes, or name a file that holds them with \
             CTUTOR_JWT_SECRET_FILE or `--jwt-secret-file`",
        )
    })?)
}

/// The secret; one is created in the data directory if there is none.
pub(crate) fn find_or_create(loaded: &Loaded) -> anyhow::Result<Found> {
    if let Some(found) = configured(loaded)? {
        return Ok(found);
    }
    let data = &loaded.config.data;
    let path = data.join(FILE_NAME);
    if !path.exists() {
        create_data_directory(data)?;
        create(&path).map_err(|error| {
            let (shown, remedy) = (path.display(), remedy::of_path(&error, &path, ANOTHER_DATA_FOLDER));
            anyhow::anyhow!("the token secret `{shown}` cannot be created: {error}; {remedy}")
        })?;
    }
    read(&path)
}

/// Creates the data directory, readable by its owner only.
pub(crate) fn create_data_directory(data: &Path) -> anyhow::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(data).map_err(|error| {
        let (shown, remedy) = (data.display(), remedy::of_path(&error, data, ANOTHER_DATA_FOLDER));
        anyhow::anyhow!("the data directory `{shown}` cannot be created: {error}; {remedy}")
    })
}

fn configured(loaded: &Loaded) -> anyhow::Result<Option<Found>> {
    let auth = &loaded.config.auth;
    if loaded.prefers("auth.jwt_secret", "auth.jwt_secret_file")? {
        let source = loaded.source("auth.jwt_secret").map_or_else(String::new, ToString::to_string);
        return Ok(auth.jwt_secret.clone().map(|secret| Found { secret, source }));
    }
    auth.jwt_secret_file.as_deref().map(read).transpose()
}

fn read(path: &Path) -> anyhow::Result<Found> {
    let shown = path.display();
    let text = fs::read_to_string(path).map_err(|error| match error.kind() {
        io::ErrorKind::InvalidData => Error::one(format!(
            "the token secret `{shown}` is not text in UTF-8; write random bytes as digits, as \
             `openssl rand -hex 32` does"
        )),
        _ => Error::one(format!("the token secret `{shown}` cannot be read: {}", file::unreadable(&error))),
    })?;
    let secret = JwtSecret::try_from(text).map_err(|fault| {
        Error::one(format!(
            "the token secret `{shown}` is not valid: {fault}; it must be a string of at least 32 bytes"
        ))
    })?;
    Ok(Found { secret, source: format!("`{shown}`") })
}

/// Written under another name first: a reader finds the whole secret or none, and the first of two writers wins.
fn create(path: &Path) -> io::Result<()> {
    let mut bytes = [0_u8; 32];
    SysRng.try_fill_bytes(&mut bytes).map_err(io::Error::other)?;
    let secret: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();

    let draft = path.with_extension(format!("{}.draft", std::process::id()));
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&draft)?;
    writeln!(file, "{secret}")?;
    file.sync_all()?;
    let linked = fs::hard_link(&draft, path);
    fs::remove_file(&draft)?;
    match linked {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;
    use crate::config::{Environment, Flags};

    fn loaded(data: &Path, environment: Environment) -> Loaded {
        let mut flags = Flags::default();
        flags.set("data", "--data", data.to_str());
        Loaded::load(None, environment, flags).unwrap()
    }

    #[test]
    fn a_secret_is_made_once_and_for_its_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let loaded = loaded(&folder.path().join("a/b"), Environment::default());
        assert!(find(&loaded).unwrap().is_none());

        find_or_create(&loaded).unwrap();
        let path = loaded.config.data.join(FILE_NAME);
        let made = fs::read_to_string(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(loaded.config.data.read_dir().unwrap().count(), 1);

        find_or_create(&loaded).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), made);
        assert_eq!(find(&loaded).unwrap().unwrap().source, format!("`{}`", path.display()));
    }

    #[test]
    fn of_two_makers_the_first_wins() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE_NAME);
        create(&path).unwrap();
        let made = fs::read_to_string(&path).unwrap();
        create(&path).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), made);
    }

    #[test]
    fn a_data_directory_that_cannot_be_made_says_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, "").unwrap();
        let occupied = format!("`{}` is a file, and a folder is needed there; move it away", file.display());
        let link = folder.path().join("link");
        symlink(folder.path().join("absent"), &link).unwrap();
        let cut_off = format!("`{}` is a symbolic link that leads to nothing", link.display());
        for (data, remedy) in [
            (file.clone(), &occupied),
            (file.join("below"), &occupied),
            (link.clone(), &cut_off),
            (link.join("below"), &cut_off),
        ] {
            let error = create_data_directory(&data).unwrap_err().to_string();
            assert!(error.contains(remedy), "{error}");
        }
        // The kernel's own file system takes no files, whoever asks.
        let error = create_data_directory(Path::new("/proc/ctutor")).unwrap_err().to_string();
        assert!(error.contains("name another folder with `--data`"), "{error}");
    }

    #[test]
    fn a_short_or_missing_file_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("short");
        fs::write(&path, "short\n").unwrap();
        let variable = [("CTUTOR_JWT_SECRET_FILE", path.to_str().unwrap())];
        let error = find(&loaded(folder.path(), Environment::from(variable))).unwrap_err().to_string();
        assert!(error.contains("/short` is not valid: it has 5 bytes"), "{error}");
        fs::write(&path, [0xff; 32]).unwrap();
        let error = find(&loaded(folder.path(), Environment::from(variable))).unwrap_err().to_string();
        assert!(error.contains("/short` is not text in UTF-8; write random bytes as digits"), "{error}");
        fs::remove_file(&path).unwrap();
        let error = require(&loaded(folder.path(), Environment::from(variable))).unwrap_err().to_string();
        assert!(error.contains("/short` cannot be read"), "{error}");
    }
}
