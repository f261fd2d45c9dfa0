//! Too many open files: whatever was about to be opened, accepted or connected, the remedy is the limit.

use std::{error::Error, io};

use rustix::io::Errno;

const PROCESS: &str = "the process has as many files and connections open as it may: raise its limit (`ulimit -n`, \
                       `LimitNOFILE=` of its systemd unit, `--ulimit nofile=` of its container), and restart";
const MACHINE: &str = "the machine has as many files open as it may: raise its limit (`sysctl fs.file-max`), or stop what opens them";

/// What to do if the error, or one of its causes, is that too many files are open.
///
/// ```
/// # use ctutor_engine::open_files;
/// let error = std::io::Error::from_raw_os_error(24);
/// assert!(open_files::remedy(&error).is_some_and(|remedy| remedy.contains("ulimit -n")));
/// ```
#[must_use]
pub fn remedy(error: &(dyn Error + 'static)) -> Option<&'static str> {
    std::iter::successors(Some(error), |&error| error.source())
        .find_map(|error| of_io(error.downcast_ref::<io::Error>()?))
}

fn of_io(error: &io::Error) -> Option<&'static str> {
    match Errno::from_io_error(error) {
        Some(Errno::MFILE) => Some(PROCESS),
        Some(Errno::NFILE) => Some(MACHINE),
        // An error of one's own hides what it wraps from `source`.
        _ => remedy(error.get_ref()?),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("opening failed")]
    struct Opening(#[source] io::Error);

    #[test]
    fn the_limit_is_found_in_the_causes_of_an_error() {
        let limit = |errno: Errno| io::Error::from_raw_os_error(errno.raw_os_error());
        for (error, expected) in [
            (limit(Errno::MFILE), Some(PROCESS)),
            (io::Error::other(Opening(limit(Errno::MFILE))), Some(PROCESS)),
            (limit(Errno::NFILE), Some(MACHINE)),
            (limit(Errno::NOENT), None),
            (io::Error::other("24"), None),
        ] {
            assert_eq!(remedy(&error), expected, "{error:?}");
            assert_eq!(remedy(&Opening(error)), expected);
        }
    }
}
