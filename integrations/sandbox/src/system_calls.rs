//! What a confined program may not ask of the kernel.
//!
//! Namespaces hide the machine; this filter takes away what reaches past them, what holds memory that no limit counts,
//! and parts of the kernel that no exercise needs and that have had more than their share of faults.
//! All else is allowed: what a program of a student may need cannot be listed.
//! A program of another architecture, 32-bit ones included, is killed at its first call, since its numbers mean others.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, PipeWriter, Write},
    os::fd::OwnedFd,
};

use command_fds::{CommandFdExt, FdMapping};
use libc::c_long;
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
    sock_filter,
};

use crate::descriptors;

pub(crate) const KNOWN: bool = true;

/// Filters are tried one after the other; the one that refuses wins.
const FILTERS: usize = 4;

/// Of a second set of numbers for the same calls, which some kernels for x86-64 understand.
#[cfg(target_arch = "x86_64")]
const X32: Option<c_long> = Some(0x4000_0000);
#[cfg(not(target_arch = "x86_64"))]
const X32: Option<c_long> = None;

/// Privileges that the program has not, and could have inside a user namespace of its own.
const NOT_PERMITTED: [c_long; 5] =
    [libc::SYS_mount, libc::SYS_pivot_root, libc::SYS_setns, libc::SYS_umount2, libc::SYS_unshare];

/// A kernel without these is nothing new to programs, which then do without, or without `clone3` do with `clone`.
const NOT_THERE: [c_long; 22] = [
    libc::SYS_add_key,
    libc::SYS_bpf,
    // Its flags lie in memory, where no filter can look.
    libc::SYS_clone3,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fsopen,
    libc::SYS_fspick,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    libc::SYS_io_uring_setup,
    libc::SYS_keyctl,
    // Memory that belongs to no file system and, unless it is mapped, to no process.
    libc::SYS_memfd_create,
    libc::SYS_memfd_secret,
    libc::SYS_mount_setattr,
    libc::SYS_move_mount,
    libc::SYS_msgget,
    libc::SYS_open_tree,
    libc::SYS_perf_event_open,
    libc::SYS_request_key,
    libc::SYS_semget,
    libc::SYS_shmget,
    libc::SYS_userfaultfd,
];

/// The call has no effect, and no error.
const DONE: i32 = 0;

/// A network namespace cuts off these; a `vsock`, for one, reaches the machine that runs a virtual one.
const DOMAINS: [i32; 4] = [libc::AF_UNIX, libc::AF_INET, libc::AF_INET6, libc::AF_NETLINK];

/// The filters, ready to be handed to any number of commands.
#[derive(Clone, Debug)]
pub(crate) struct Filters([Vec<u8>; FILTERS]);

impl Filters {
    pub(crate) fn compile() -> io::Result<Self> {
        let invalid = |fault: seccompiler::BackendError| io::Error::new(io::ErrorKind::InvalidInput, fault);
        let not_permitted = NOT_PERMITTED.into_iter().map(|call| (call, Vec::new()));
        let namespaces = (libc::SYS_clone, vec![makes_user_namespace().map_err(invalid)?]);
        let domains = vec![is_other_domain().map_err(invalid)?];
        let sockets = [libc::SYS_socket, libc::SYS_socketpair].map(|call| (call, domains.clone()));
        Ok(Self([
            compile(libc::EPERM, not_permitted.chain([namespaces])).map_err(invalid)?,
            compile(libc::ENOSYS, NOT_THERE.into_iter().map(|call| (call, Vec::new()))).map_err(invalid)?,
            compile(libc::EAFNOSUPPORT, sockets.into_iter()).map_err(invalid)?,
            compile(DONE, [(libc::SYS_setsockopt, vec![enlarges_socket().map_err(invalid)?])].into_iter())
                .map_err(invalid)?,
        ]))
    }

    /// What tells bubblewrap of the filters.
    pub(crate) fn arguments() -> impl Iterator<Item = String> {
        numbers().flat_map(|number| ["--add-seccomp-fd".to_owned(), number.to_string()])
    }
}

/// The descriptors that a command inherits.
pub(crate) struct Given<'a> {
    pub(crate) filters: Option<&'a Filters>,
    /// Where it is told whether the program was started.
    pub(crate) status: PipeWriter,
    /// The options of bubblewrap.
    pub(crate) options: File,
}

impl Given<'_> {
    pub(crate) fn hand_to(self, command: &mut tokio::process::Command) -> io::Result<()> {
        let mut mappings = vec![FdMapping { parent_fd: self.status.into(), child_fd: descriptors::STATUS }];
        // Who is not confined has neither, and would keep them.
        if let Some(Filters(filters)) = self.filters {
            mappings.push(FdMapping { parent_fd: self.options.into(), child_fd: descriptors::OPTIONS });
            for (child_fd, filter) in numbers().zip(filters) {
                mappings.push(FdMapping { parent_fd: pipe_with(filter)?, child_fd });
            }
        }
        command.fd_mappings(mappings).map_err(io::Error::other)?;
        Ok(())
    }
}

fn numbers() -> impl Iterator<Item = i32> {
    (descriptors::FIRST_FILTER..).take(FILTERS)
}

/// A filter is far smaller than a pipe, so this does not block.
fn pipe_with(filter: &[u8]) -> io::Result<OwnedFd> {
    let (reader, mut writer) = io::pipe()?;
    writer.write_all(filter)?;
    Ok(reader.into())
}

/// A filter in which the calls that match fail with this error, and all others are allowed.
fn compile(
    errno: i32,
    calls: impl Iterator<Item = (c_long, Vec<SeccompRule>)>,
) -> Result<Vec<u8>, seccompiler::BackendError> {
    let mut rules = BTreeMap::new();
    for (call, conditions) in calls {
        rules.extend(X32.map(|flag| (flag | call, conditions.clone())));
        rules.insert(call, conditions);
    }
    let refuse = SeccompAction::Errno(errno.unsigned_abs());
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, refuse, std::env::consts::ARCH.try_into()?)?;
    let program: BpfProgram = filter.try_into()?;
    Ok(program.iter().flat_map(encode).collect())
}

/// As the kernel's `struct sock_filter` lies in memory.
fn encode(instruction: &sock_filter) -> impl Iterator<Item = u8> {
    let sock_filter { code, jt, jf, k } = instruction;
    code.to_ne_bytes().into_iter().chain([*jt, *jf]).chain(k.to_ne_bytes())
}

fn makes_user_namespace() -> Result<SeccompRule, seccompiler::BackendError> {
    let flag = u64::from(libc::CLONE_NEWUSER.unsigned_abs());
    SeccompRule::new(vec![SeccompCondition::new(
        0,
        SeccompCmpArgLen::Dword,
        SeccompCmpOp::MaskedEq(flag),
        flag,
    )?])
}

/// How much waits in a Unix socket before its sender has to: nothing tells how much does, so it stays what the system
/// gives. A program is told that it was done, as it is by the kernel when that sets less than was asked for.
fn enlarges_socket() -> Result<SeccompRule, seccompiler::BackendError> {
    let is = |argument, number: i32| {
        let number = u64::from(number.unsigned_abs());
        SeccompCondition::new(argument, SeccompCmpArgLen::Dword, SeccompCmpOp::Eq, number)
    };
    SeccompRule::new(vec![is(1, libc::SOL_SOCKET)?, is(2, libc::SO_SNDBUF)?])
}

fn is_other_domain() -> Result<SeccompRule, seccompiler::BackendError> {
    let unlike = |domain: i32| {
        let domain = u64::from(domain.unsigned_abs());
        SeccompCondition::new(0, SeccompCmpArgLen::Dword, SeccompCmpOp::Ne, domain)
    };
    SeccompRule::new(DOMAINS.into_iter().map(unlike).collect::<Result<_, _>>()?)
}
