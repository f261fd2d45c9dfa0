//! The descriptors that commands inherit, and those that they do not.

/// On which bubblewrap reads the filters of system calls, this and the next.
pub(crate) const FIRST_FILTER: i32 = 3;
/// On which the launcher tells of the start; its script has the number too.
pub(crate) const STATUS: i32 = 7;
/// On which bubblewrap reads its options.
pub(crate) const OPTIONS: i32 = 8;

/// Keeps what this process has inherited from whoever started it from the commands. All that this process opens itself is closed in them anyway, but a socket or a log file
/// that a supervisor or a shell has left open would reach the programs of students.
#[cfg(target_os = "linux")]
#[expect(unsafe_code, reason = "descriptors that nothing owns are known by number only")]
pub(crate) fn keep_inherited() {
    use std::{fs, os::fd::BorrowedFd};

    let entries = fs::read_dir("/proc/self/fd").into_iter().flatten().flatten();
    let numbers = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    for number in numbers.filter(|number| *number > 2) {
        // SAFETY: it is borrowed for this one call. If it is closed meanwhile the call fails, and whatever is opened
        // meanwhile under its number has the flag that is set.
        let descriptor = unsafe { BorrowedFd::borrow_raw(number) };
        let _ = rustix::io::fcntl_setfd(descriptor, rustix::io::FdFlags::CLOEXEC);
    }
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn keep_inherited() {}
