//! Memory of the kernel that a command holds without having it mapped: what waits in its sockets, and the names of files
//! in its file systems in memory.
//!
//! A control group counts it exactly. Without one this does, from what the kernel tells of the command's namespaces.
//! Of Unix sockets it tells only how many there are, so the filter of system calls keeps each at the size that the
//! system gives it, and more of them than programs have count as if they were full. Pipes are bounded by the kernel
//! itself (`fs.pipe-user-pages-soft`).

use std::{
    fs::{read_link, read_to_string},
    path::Path,
};

use crate::usage::Process;

/// Where queues are shown as `tx_queue:rx_queue`, both hexadecimal.
const QUEUES: [&str; 6] = ["tcp", "tcp6", "udp", "udp6", "udplite", "udplite6"];
const QUEUES_FIELD: usize = 4;
/// So many sockets do not count: programs have them, nearly always empty.
const SOCKETS_FREE: u64 = 256;
/// The kernel's default for `net.core.wmem_default`, which not every container shows.
const SOCKET_BYTES: u64 = 212_992;
/// Type of a file system in memory (`TMPFS_MAGIC` of `linux/magic.h`).
#[cfg(target_os = "linux")]
const TMPFS: rustix::fs::FsWord = 0x0102_1994;
/// An inode of a file system in memory, with its name.
const INODE_BYTES: u64 = 1 << 10;

/// What all processes in the namespaces of this one hold, in bytes.
pub(crate) fn bytes(process: &Process) -> u64 {
    let Some(thread) = process.threads.first() else { return 0 };
    let names = ["tmp", "dev/shm"].map(|path| inodes(&thread.join("root"), path));
    let sockets = if has_own_network(thread) { socket_bytes(&thread.join("net")) } else { 0 };
    sockets + names.iter().sum::<u64>() * INODE_BYTES
}

/// Until bubblewrap has made one, that is the machine's. Not known where the worker may not look.
fn has_own_network(thread: &Path) -> bool {
    let network = |thread: &Path| read_link(thread.join("ns/net")).ok();
    network(thread)
        .is_some_and(|network_of_command| network(Path::new("/proc/self")) != Some(network_of_command))
}

fn socket_bytes(net: &Path) -> u64 {
    let read = |name: &str| read_to_string(net.join(name)).unwrap_or_default();
    let used = used(&read("sockstat"));
    // Looking at queues takes the kernel a walk through all sockets of the machine.
    if used == 0 {
        return 0;
    }
    let queues: u64 = QUEUES.iter().map(|name| queued(&read(name))).sum();
    let default = read_to_string("/proc/sys/net/core/wmem_default");
    let default = default.ok().and_then(|text| text.trim().parse().ok()).unwrap_or(SOCKET_BYTES);
    queues + queued_netlink(&read("netlink")) + used.saturating_sub(SOCKETS_FREE).saturating_mul(default)
}

/// The number in `sockets: used 12`.
fn used(sockstat: &str) -> u64 {
    let number = sockstat.lines().find_map(|line| line.strip_prefix("sockets: used ")?.trim().parse().ok());
    number.unwrap_or(0)
}

fn queued(table: &str) -> u64 {
    let queues = table.lines().skip(1).filter_map(|line| {
        let (sent, received) = line.split_whitespace().nth(QUEUES_FIELD)?.split_once(':')?;
        Some(u64::from_str_radix(sent, 16).ok()? + u64::from_str_radix(received, 16).ok()?)
    });
    queues.sum()
}

/// Its columns `Rmem` and `Wmem` are decimal.
fn queued_netlink(table: &str) -> u64 {
    let fields = table.lines().skip(1).flat_map(|line| line.split_whitespace().skip(4).take(2));
    fields.filter_map(|field| field.parse::<u64>().ok()).sum()
}

/// None are seen where the worker may not look, as root of a container without `CAP_SYS_PTRACE` may not.
#[cfg(target_os = "linux")]
fn inodes(root: &Path, path: &str) -> u64 {
    use std::os::unix::fs::MetadataExt;

    use rustix::fs::{self, Mode, OFlags};

    // While bubblewrap changes its root, a path leads to one file system and then to another, such as the machine's
    // disk. So it is followed once.
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let Ok(folder) = fs::open(root.join(path), flags, Mode::empty()) else { return 0 };
    let (Ok(file), Ok(system)) = (fs::fstat(&folder), fs::fstatfs(&folder)) else { return 0 };
    let machines = Path::new("/").join(path).metadata().ok();
    let is_own = machines.is_none_or(|machines| machines.dev() != file.st_dev);
    if is_own && system.f_type == TMPFS { system.f_files.saturating_sub(system.f_ffree) } else { 0 }
}

#[cfg(not(target_os = "linux"))]
fn inodes(_: &Path, _: &str) -> u64 {
    0
}

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;

    use super::*;

    #[test]
    fn what_the_machine_holds_is_not_the_commands() {
        let _held: Vec<UdpSocket> =
            (0..2 * SOCKETS_FREE).map(|_| UdpSocket::bind("127.0.0.1:0").unwrap()).collect();
        let not_confined_yet = Process { threads: vec!["/proc/thread-self".into()] };
        assert_eq!(bytes(&not_confined_yet), 0);
    }

    #[test]
    fn names_on_a_disk_are_no_memory() {
        assert_eq!(inodes(Path::new("/usr"), "share"), 0);
    }

    #[test]
    fn queues_are_summed() {
        assert_eq!(used("sockets: used 12\nTCP: inuse 3 orphan 0 tw 91 alloc 3 mem 140\n"), 12);
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when\n   \
                     0: 0100007F:1F90 00000000:0000 0A 00000010:00000020 00:00000000 00000000\n";
        assert_eq!(queued(table), 0x30);
        let table = "sk               Eth Pid        Groups   Rmem     Wmem     Dump\n\
                     0000000000000000 0   1094       00000000 100      20       0\n";
        assert_eq!(queued_netlink(table), 120);
    }
}
