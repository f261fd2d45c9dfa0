//! The folders of a worker, looked at before it starts. Other commands leave them alone: they may be of another
//! machine.

use std::{io::ErrorKind, path::Path};

use super::{Error, Loaded};

impl Loaded {
    /// Checks that the configured folders of a worker are folders.
    ///
    /// # Errors
    /// [`Error`] with every one that is not.
    pub(crate) fn check_worker_folders(&self) -> Result<(), Error> {
        let testing = &self.config.testing;
        let mut faults = Vec::new();
        for (number, folder) in (1..).zip(&testing.read_only_folders) {
            faults
                .extend(unusable(folder, Absence::Wrong).map(|fault| {
                    self.fault("testing.read_only_folders", &format!("item {number}: {fault}"))
                }));
        }
        for (path, folder) in [
            ("data", Some(&self.config.data)),
            ("testing.cache_folder", testing.cache_folder.as_ref()),
            ("testing.secrets_folder", testing.secrets_folder.as_ref()),
        ] {
            let fault = folder.and_then(|folder| unusable(folder, Absence::Right));
            faults.extend(fault.map(|fault| self.fault(path, &fault)));
        }
        if faults.is_empty() { Ok(()) } else { Err(Error::new(faults)) }
    }
}

/// Whether a folder may be missing, because it is made where it is needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Absence {
    Right,
    Wrong,
}

fn unusable(path: &Path, absence: Absence) -> Option<String> {
    let shown = path.display();
    match path.metadata() {
        Ok(found) if found.is_dir() => None,
        Ok(_) => Some(format!("`{shown}` is not a folder")),
        Err(error) if error.kind() == ErrorKind::NotFound && absence == Absence::Right => None,
        Err(error) if error.kind() == ErrorKind::NotFound => Some(format!("`{shown}` does not exist")),
        Err(error) => Some(format!("`{shown}` cannot be read: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Environment, Flags};

    #[test]
    fn what_is_no_folder_is_told_with_its_key() {
        let place = tempfile::tempdir().unwrap();
        let file = place.path().join("file");
        std::fs::write(&file, "").unwrap();
        let (folder, file) = (place.path().to_str().unwrap(), file.to_str().unwrap());
        let check = |variable: &str, value: &str| {
            let environment = Environment::from([("CTUTOR_DATA", folder), (variable, value)]);
            let loaded = Loaded::load(None, environment, Flags::default()).unwrap();
            loaded.check_worker_folders().map_err(|error| error.to_string())
        };
        let absent = format!("{folder}/absent");
        for (variable, value, fault) in [
            (
                "CTUTOR_TESTING_READ_ONLY_FOLDERS",
                format!("{folder},{absent}"),
                "item 2: `{absent}` does not exist",
            ),
            ("CTUTOR_TESTING_READ_ONLY_FOLDERS", file.to_owned(), "item 1: `{file}` is not a folder"),
            ("CTUTOR_TESTING_CACHE_FOLDER", file.to_owned(), "`{file}` is not a folder"),
            ("CTUTOR_TESTING_SECRETS_FOLDER", file.to_owned(), "`{file}` is not a folder"),
            ("CTUTOR_DATA", file.to_owned(), "`{file}` is not a folder"),
            ("CTUTOR_DATA", format!("{file}/below"), "`{file}/below` cannot be read: Not a directory"),
        ] {
            let fault = fault.replace("{absent}", &absent).replace("{file}", file);
            let told = check(variable, &value).unwrap_err();
            let begin = format!("(from environment variable {variable}) is not valid: {fault}");
            assert!(told.contains(&begin), "{told}");
        }
        assert_eq!(check("CTUTOR_TESTING_CACHE_FOLDER", &absent), Ok(()));
        assert_eq!(check("CTUTOR_TESTING_READ_ONLY_FOLDERS", folder), Ok(()));
    }
}
