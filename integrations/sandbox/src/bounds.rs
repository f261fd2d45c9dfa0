//! Bounds that the kernel keeps for all of a user, or of the machine, and that each command gets smaller ones of.
//!
//! A process has no limit for these. Both are set on the way to the program, by a shell that still has one privilege
//! for it, and which loses that as it becomes the next on the way:
//!
//! | what | where it is counted | what it would do |
//! | --- | --- | --- |
//! | instances of inotify and fanotify | in the user namespace of the command | hold 8 MiB of events each, which nothing counts |
//! | pseudoterminals | in the command's own `/dev/pts`, whose bound needs a worker that is root | leave none to the others: the machine has some 3,000 |
//!
//! Where the machine refuses it, as a container with a read-only `/proc/sys` does, the bounds stay those of the kernel.

use std::ffi::OsString;

use crate::programs::program;

/// Where the kernel shows the bounds of the user namespace of whoever looks.
pub(crate) const OF_NAMESPACE: &str = "/proc/sys/user";
/// What setting a bound of a user namespace needs in it.
pub(crate) const NAMESPACE_PRIVILEGE: &str = "CAP_SYS_RESOURCE";
/// What setting a bound of a file system needs.
pub(crate) const TERMINALS_PRIVILEGE: &str = "CAP_SYS_ADMIN";

/// A program that watches files has one for each process, seldom more.
const INSTANCES_MAX: u32 = 16;
/// Files and folders that are watched, each of which the kernel then keeps in memory.
const WATCHES_MAX: u32 = 8_192;
const TERMINALS_MAX: u32 = 64;

/// The first words of a command line that bounds what its user namespace may have. It is to be started in that, with
/// [`NAMESPACE_PRIVILEGE`].
pub(crate) fn of_namespace() -> Vec<OsString> {
    let bounds = [
        ("max_inotify_instances", INSTANCES_MAX),
        ("max_inotify_watches", WATCHES_MAX),
        ("max_fanotify_groups", INSTANCES_MAX),
        ("max_fanotify_marks", WATCHES_MAX),
    ];
    let set = bounds.map(|(name, most)| format!("echo {most} >{OF_NAMESPACE}/{name}")).join("\n");
    let mut words = shell(&format!("{{ {set}\n}} 2>/dev/null"));
    words.push(program("setpriv").into());
    words.extend(["--ambient-caps=-all", "--inh-caps=-all", "--"].map(Into::into));
    words
}

/// The first words of a command line that bounds how many terminals there may be. It is to be started where bubblewrap
/// has mounted them, with [`TERMINALS_PRIVILEGE`].
pub(crate) fn of_terminals() -> Vec<OsString> {
    let mount = program("mount");
    // All options that bubblewrap gives, since those that are left out change to their defaults.
    let options = format!("remount,nosuid,noexec,ptmxmode=0666,mode=620,max={TERMINALS_MAX}");
    shell(&format!("{} -i -o {options} /dev/pts >/dev/null 2>&1", mount.display()))
}

/// A shell that does this and becomes the words after these.
fn shell(script: &str) -> Vec<OsString> {
    vec![program("sh").into(), "-c".into(), format!("{script}\nexec \"$@\"").into(), "sh".into()]
}
