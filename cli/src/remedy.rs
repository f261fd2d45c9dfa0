//! What to do about the faults of the operating system that somebody meets who starts a process.

use std::{io, path::Path};

use crate::config::Listen;

/// Ports below this one are for the superuser.
const PORT_UNPRIVILEGED_MIN: u16 = 1024;

/// What to do when an address cannot be listened on; `another` says how to choose another one.
pub(crate) fn of_address(error: &io::Error, listen: &Listen, another: &str) -> String {
    match error.kind() {
        io::ErrorKind::AddrInUse => format!("another program has it; {another}"),
        io::ErrorKind::AddrNotAvailable => format!(
            "this machine has no such address; `0.0.0.0:{port}` means all that it has, `127.0.0.1:{port}` itself alone; \
             {another}",
            port = listen.port
        ),
        io::ErrorKind::PermissionDenied if listen.port < PORT_UNPRIVILEGED_MIN => format!(
            "ports below {PORT_UNPRIVILEGED_MIN} need a right of their own; give the program CAP_NET_BIND_SERVICE, put a \
             proxy before it, or {another}"
        ),
        // The resolver has an error of its own, of no kind.
        _ if listen.host.parse::<std::net::IpAddr>().is_err() => {
            format!("correct the name `{}`, or write an IP address; {another}", listen.host)
        }
        _ => another.to_owned(),
    }
}

/// What to do when a file or folder cannot be made at a path.
pub(crate) fn of_path(error: &io::Error, path: &Path) -> String {
    const ANOTHER: &str = "name another folder with `--data` or CTUTOR_DATA";

    // The last part that is there is where it failed.
    let found = path.ancestors().find(|part| part.exists()).unwrap_or(path);
    let shown = found.display();
    match error.kind() {
        io::ErrorKind::PermissionDenied => {
            format!("make `{shown}` writable for the user of this process, or {ANOTHER}")
        }
        io::ErrorKind::ReadOnlyFilesystem => format!("`{shown}` is on a read-only file system; {ANOTHER}"),
        io::ErrorKind::NotADirectory | io::ErrorKind::AlreadyExists if !found.is_dir() => {
            format!("`{shown}` is a file, and a folder is needed there; move it away, or {ANOTHER}")
        }
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            format!("free space, or inodes, where `{shown}` is, or {ANOTHER}")
        }
        _ => ANOTHER.to_owned(),
    }
}
