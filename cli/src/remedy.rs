//! What to do about the faults of the operating system that somebody meets who starts a process.

use std::{io, path::Path};

use ctutor_engine::open_files;

use crate::config::Listen;

/// Ports below this one are for the superuser.
const PORT_UNPRIVILEGED_MIN: u16 = 1024;

/// What to do when an address cannot be listened on; `another` says how to choose another one.
pub(crate) fn of_address(error: &io::Error, listen: &Listen, another: &str) -> String {
    if let Some(remedy) = open_files::remedy(error) {
        return remedy.to_owned();
    }
    match error.kind() {
        io::ErrorKind::AddrInUse => format!("another program has it; {another}"),
        io::ErrorKind::AddrNotAvailable => format!(
            "this machine has no address `{}`, whatever the port: write one that it has (`ip address` shows them), \
             `--listen 0.0.0.0:{port}` for all of them, or `--listen 127.0.0.1:{port}` for itself alone",
            listen.host,
            port = listen.port
        ),
        io::ErrorKind::PermissionDenied if listen.port < PORT_UNPRIVILEGED_MIN => format!(
            "ports below {PORT_UNPRIVILEGED_MIN} need a right of their own; give the program CAP_NET_BIND_SERVICE, put a \
             proxy before it, or {another}"
        ),
        // The resolver has an error of its own, of no kind.
        _ if listen.host.parse::<std::net::IpAddr>().is_err() => {
            format!("correct the name `{}`, or write an IP address", listen.host)
        }
        _ => another.to_owned(),
    }
}

/// How to choose another folder for the data.
pub(crate) const ANOTHER_DATA_FOLDER: &str = "name another folder with `--data` or CTUTOR_DATA";

/// The last part of a path that is there. A symbolic link is there, wherever it leads.
fn last_found(path: &Path) -> &Path {
    path.ancestors().find(|part| part.symlink_metadata().is_ok()).unwrap_or(path)
}

/// Whether nothing can be made at a path, because a symbolic link in it leads to nothing.
pub(crate) fn is_cut_off(path: &Path) -> bool {
    let found = last_found(path);
    found.is_symlink() && !found.exists()
}

/// What to do when a file or folder cannot be made or used at a path; `another` says how to choose another one.
pub(crate) fn of_path(error: &io::Error, path: &Path, another: &str) -> String {
    if let Some(remedy) = open_files::remedy(error) {
        return remedy.to_owned();
    }
    // There it failed.
    let found = last_found(path);
    let shown = found.display();
    match error.kind() {
        _ if is_cut_off(path) => {
            format!("`{shown}` is a symbolic link that leads to nothing; make what it leads to, or {another}")
        }
        io::ErrorKind::PermissionDenied => {
            format!("let the user of this process enter and write `{shown}`, or {another}")
        }
        io::ErrorKind::ReadOnlyFilesystem => format!("`{shown}` is on a read-only file system; {another}"),
        io::ErrorKind::NotADirectory | io::ErrorKind::AlreadyExists if !found.is_dir() => {
            format!("`{shown}` is a file, and a folder is needed there; move it away, or {another}")
        }
        io::ErrorKind::InvalidFilename => format!("write a shorter path; {another}"),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            format!("free space, or inodes, where `{shown}` is, or {another}")
        }
        _ => another.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Too many open files.
    const EMFILE: i32 = 24;

    #[test]
    fn each_cause_has_its_own_remedy_for_an_address() {
        for (error, listen, remedy) in [
            (io::ErrorKind::AddrInUse.into(), "127.0.0.1:8000", "another program has it; ANOTHER"),
            (io::ErrorKind::AddrNotAvailable.into(), "203.0.113.7:8000", "write one that it has"),
            (io::ErrorKind::PermissionDenied.into(), "127.0.0.1:80", "CAP_NET_BIND_SERVICE"),
            (io::Error::from_raw_os_error(EMFILE), "127.0.0.1:8000", "`ulimit -n`"),
            (io::Error::other("not known"), "absent.invalid:80", "correct the name `absent.invalid`"),
        ] {
            let told = of_address(&error, &listen.parse().unwrap(), "ANOTHER");
            assert!(told.contains(remedy), "{error}: {told}");
            // Another port helps only where the port is at fault.
            let is_port = matches!(error.kind(), io::ErrorKind::AddrInUse | io::ErrorKind::PermissionDenied);
            assert_eq!(told.contains("ANOTHER"), is_port, "{error}: {told}");
        }
    }

    #[test]
    fn the_limit_of_open_files_is_not_taken_for_a_folder_that_is_of_no_use() {
        let error = io::Error::from_raw_os_error(EMFILE);
        assert!(of_path(&error, Path::new("/"), "ANOTHER").contains("`ulimit -n`"));
    }
}
