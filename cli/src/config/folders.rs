//! The folders of a worker, looked at before it starts. Other commands leave them alone: they may be of another
//! machine.

use std::{io::ErrorKind, path::Path};

use super::{Error, Loaded};
use crate::remedy;

const ANOTHER: &str = "name another folder";

impl Loaded {
    /// Checks that the configured folders of a worker are folders.
    ///
    /// # Errors
    /// [`Error`] with every one that is not.
    pub(crate) fn check_worker_folders(&self) -> Result<(), Error> {
        let testing = &self.config.testing;
        let mut faults = Vec::new();
        for (number, folder) in (1..).zip(&testing.read_only_folders) {
            faults.extend(unusable(folder, Absence::Wrong).map(|fault| {
                self.fault_of_folder("testing.read_only_folders", &format!("item {number}: {fault}"))
            }));
        }
        for (path, folder) in [
            ("data", Some(&self.config.data)),
            ("testing.cache_folder", testing.cache_folder.as_ref()),
            ("testing.secrets_folder", testing.secrets_folder.as_ref()),
        ] {
            let fault = folder.and_then(|folder| unusable(folder, Absence::Right));
            faults.extend(fault.map(|fault| self.fault_of_folder(path, &fault)));
        }
        if faults.is_empty() { Ok(()) } else { Err(Error::new(faults)) }
    }

    /// What is wrong with a folder whose path is as it must be.
    fn fault_of_folder(&self, path: &str, fault: &str) -> String {
        let source = self.source(path).map_or_else(String::new, ToString::to_string);
        format!("`{path}` (from {source}) cannot be used: {fault}")
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
    let error = match path.metadata() {
        Ok(found) if found.is_dir() => return None,
        Ok(_) => return Some(remedy::of_path(&ErrorKind::NotADirectory.into(), path, ANOTHER)),
        Err(error) => error,
    };
    if error.kind() == ErrorKind::NotFound && !remedy::is_cut_off(path) {
        let fault = format!("`{shown}` does not exist; make it, or name one that exists");
        return (absence == Absence::Wrong).then_some(fault);
    }
    Some(format!("`{shown}`: {error}; {}", remedy::of_path(&error, path, ANOTHER)))
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
        std::os::unix::fs::symlink(&absent, place.path().join("link")).unwrap();
        for (variable, value, fault) in [
            (
                "CTUTOR_TESTING_READ_ONLY_FOLDERS",
                format!("{folder},{absent}"),
                "item 2: `{absent}` does not exist",
            ),
            ("CTUTOR_TESTING_READ_ONLY_FOLDERS", file.to_owned(), "item 1: {is_file}"),
            ("CTUTOR_TESTING_CACHE_FOLDER", file.to_owned(), "{is_file}"),
            ("CTUTOR_TESTING_SECRETS_FOLDER", file.to_owned(), "{is_file}"),
            ("CTUTOR_DATA", file.to_owned(), "{is_file}"),
            (
                "CTUTOR_DATA",
                format!("{file}/below"),
                "`{file}/below`: Not a directory (os error 20); {is_file}; move it away, or name another folder",
            ),
            (
                "CTUTOR_DATA",
                format!("{folder}/link/below"),
                "`{folder}/link/below`: No such file or directory (os error 2); `{folder}/link` is a symbolic link that \
                 leads to nothing; make what it leads to, or name another folder",
            ),
        ] {
            let fault = fault.replace("{is_file}", "`{file}` is a file, and a folder is needed there");
            let fault =
                fault.replace("{absent}", &absent).replace("{file}", file).replace("{folder}", folder);
            let told = check(variable, &value).unwrap_err();
            let begin = format!("(from environment variable {variable}) cannot be used: {fault}");
            assert!(told.contains(&begin), "{told}");
        }
        assert_eq!(check("CTUTOR_TESTING_CACHE_FOLDER", &absent), Ok(()));
        assert_eq!(check("CTUTOR_TESTING_READ_ONLY_FOLDERS", folder), Ok(()));
    }
}
