//! Files that a user names, and what to say when they cannot be read.

use std::io;

use ctutor_engine::open_files;

/// Why a file cannot be read, and what to do.
pub(crate) fn unreadable(error: &io::Error) -> String {
    if let Some(remedy) = open_files::remedy(error) {
        return remedy.to_owned();
    }
    match error.kind() {
        io::ErrorKind::NotFound => {
            "there is no such file; a path that does not begin with `/` begins in the working directory"
                .to_owned()
        }
        io::ErrorKind::NotADirectory => "a part of its path is a file and no directory".to_owned(),
        io::ErrorKind::IsADirectory => "it is a directory; name a file in it".to_owned(),
        io::ErrorKind::PermissionDenied => {
            "the user of this process has no right to read it, or to go into one of the directories before it"
                .to_owned()
        }
        io::ErrorKind::InvalidData => "it is not text in UTF-8".to_owned(),
        _ => without_number(&error.to_string()).to_owned(),
    }
}

/// The words of an error of the operating system, without its number.
pub(crate) fn without_number(text: &str) -> &str {
    text.split(" (os error ").next().unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_of_the_operating_system_has_no_number() {
        let folder = tempfile::tempdir().unwrap();
        let told = |path: &std::path::Path| unreadable(&std::fs::read_to_string(path).unwrap_err());
        assert!(told(&folder.path().join("none")).starts_with("there is no such file; "));
        assert_eq!(told(folder.path()), "it is a directory; name a file in it");
        assert_eq!(told("/dev/null/x".as_ref()), "a part of its path is a file and no directory");
        assert_eq!(
            without_number(&io::Error::from_raw_os_error(104).to_string()),
            "Connection reset by peer"
        );
        assert_eq!(unreadable(&io::Error::from_raw_os_error(5)), "Input/output error");
        assert!(unreadable(&io::Error::from_raw_os_error(24)).contains("ulimit -n"));
    }
}
