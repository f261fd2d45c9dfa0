//! Two commands side by side, one of which takes what the kernel gives each user only once.

use std::{collections::HashSet, fs, os::unix::fs::MetadataExt, path::Path};

use ctutor_sandbox::{Bind, Command, Confinement, Exit, Line, Outcome};
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use crate::support::{Place, processes_with};

/// Where the worker is no root, all commands are processes of its own user.
fn has_users(place: &Place) -> bool {
    place.sandbox.confinement() == Confinement::DroppedRoot
}

/// Runs a command until `other` is done, which begins when the command has written its first line.
async fn beside<T>(place: &Place, command: &Command, other: impl Future<Output = T>) -> (Outcome, T) {
    let cancel = CancellationToken::new();
    let (ready, is_ready) = oneshot::channel();
    let held = async {
        let mut ready = Some(ready);
        let mut on_line = |_: Line<'_>| {
            if let Some(ready) = ready.take() {
                let _ = ready.send(());
            }
        };
        place.sandbox.run_with_lines(command, &cancel, &mut on_line).await.unwrap()
    };
    let other = async {
        is_ready.await.expect("the command writes a line before it ends");
        let done = other.await;
        cancel.cancel();
        done
    };
    tokio::join!(held, other)
}

/// The user of the machine, whatever the process's own namespace calls it.
fn user_of(pid: u32) -> Option<u32> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    status.lines().find_map(|line| line.strip_prefix("Uid:")?.split_whitespace().next()?.parse().ok())
}

fn pids() -> impl Iterator<Item = u32> {
    fs::read_dir("/proc").unwrap().flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

fn owners(root: &Path) -> HashSet<u32> {
    let mut owners = HashSet::new();
    let mut pending = vec![root.to_owned()];
    while let Some(path) = pending.pop() {
        let metadata = path.symlink_metadata().unwrap();
        owners.insert(metadata.uid());
        if metadata.is_dir() {
            pending.extend(fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()));
        }
    }
    owners
}

/// A script that does something, says so, and waits.
fn holding(marker: &str, script: &str) -> String {
    format!("import os, signal, socket, sys\n{script}\nprint('ready', flush=True); signal.pause() # {marker}")
}

#[tokio::test]
async fn what_one_command_takes_of_its_user_is_not_missing_in_another() {
    let (first, second) = (Place::new().await, Place::new().await);
    if !has_users(&first) {
        return;
    }
    // Its pipes, as large as they may be: those of a user who has too many get one or two pages.
    let pipes = "
import fcntl
kept = [os.pipe() for _ in range(100)]
for size in [1 << 20, 1 << 19, 1 << 18, 1 << 17]:
    for one, _ in kept:
        try:
            if fcntl.fcntl(one, 1032) < size: fcntl.fcntl(one, 1031, size)
        except PermissionError: break";
    let pipe = "import fcntl, os; print(fcntl.fcntl(os.pipe()[0], 1032))";
    let watches = "
import ctypes
while ctypes.CDLL(None).inotify_init() >= 0: pass";
    let watch = "import ctypes; print(ctypes.CDLL(None).inotify_init() >= 0)";
    let passed = "
kept = [socket.socketpair() for _ in range(4)]
try:
    for near, _ in kept: socket.send_fds(near, [b'x'], [0] * 200)
except OSError: pass";
    let pass = "
import socket
near, far = socket.socketpair()
socket.send_fds(near, [b'x'], [0]); print(len(socket.recv_fds(far, 1, 1)[1]))";
    let queues = "
import ctypes
libc = ctypes.CDLL(None)
made = 0
while libc.mq_open(b'/%d' % made, os.O_CREAT | os.O_RDWR, 0o600, None) >= 0: made += 1
assert made";
    let queue = "
import ctypes, os
print(ctypes.CDLL(None).mq_open(b'/one', os.O_CREAT | os.O_RDWR, 0o600, None) >= 0)";
    let mut missing = Vec::new();
    for (what, take, need, expected) in [
        ("size of a pipe", pipes, pipe, "65536"),
        ("inotify", watches, watch, "True"),
        ("descriptors on their way", passed, pass, "1"),
        ("message queues", queues, queue, "True"),
    ] {
        let (needing, taking) = (second.python(need), first.python(&holding("taking", take)));
        let (taken, outcome) = beside(&first, &taking, second.run(&needing)).await;
        assert_eq!(taken.exit, Exit::Canceled, "{what}: {taken:?}");
        if outcome.stdout.text().trim() != expected {
            missing.push((what, outcome.stdout.text().into_owned(), outcome.stderr.text().into_owned()));
        }
    }
    assert!(missing.is_empty(), "{missing:#?}");
}

#[tokio::test]
async fn commands_at_once_are_different_users_of_the_machine_and_leave_nothing() {
    let (first, second) = (Place::new().await, Place::new().await);
    if !has_users(&first) {
        return;
    }
    let make = "
os.umask(0o077); os.mkdir('made'); open('made/file', 'w').close(); os.symlink('/etc/passwd', 'made/link')
os.fork()";
    let user = |marker: &str| {
        let users: HashSet<u32> = processes_with(marker).into_iter().filter_map(user_of).collect();
        // What leads to the command has its words too, and is the worker's.
        users.into_iter().filter(|user| *user != 0).collect::<Vec<_>>()
    };
    let markers = ["first-of-neighbors", "second-of-neighbors"];
    let commands = [(&first, markers[0]), (&second, markers[1])]
        .map(|(place, marker)| place.python(&holding(marker, make)));
    let look = async { markers.map(user) };
    let both = beside(&second, &commands[1], look);
    let (one, (other, users)) = beside(&first, &commands[0], both).await;
    assert_eq!([one.exit, other.exit], [Exit::Canceled; 2], "{one:?}\n{other:?}");
    let [[one], [other]] = users.each_ref().map(|users| <[u32; 1]>::try_from(users.as_slice()).unwrap());
    assert!(one != other && ![one, other].contains(&65_534), "{users:?}");

    let left: Vec<u32> =
        pids().filter(|pid| user_of(*pid).is_some_and(|user| [one, other].contains(&user))).collect();
    assert!(left.is_empty(), "{left:?}");
    let keys = fs::read_to_string("/proc/key-users").unwrap_or_default();
    let has_keys = |user: u32| keys.lines().any(|line| line.trim_start().starts_with(&format!("{user}:")));
    assert!(!has_keys(one) && !has_keys(other), "{keys}");
    // Root's again, as what a later command with the same user must not have.
    for place in [&first, &second] {
        assert_eq!(owners(&place.work()), HashSet::from([0]));
    }
    assert_ne!(fs::metadata("/etc/passwd").unwrap().uid(), one, "no link was followed");
}

#[tokio::test]
async fn files_of_one_command_are_closed_to_another() {
    let (first, second) = (Place::new().await, Place::new().await);
    if !has_users(&first) {
        return;
    }
    let own = first.python(&holding("owning", "os.umask(0o077); open('mine', 'w').write('secret')"));
    let mine = first.work().join("mine");
    let mut other = second.command(&["cat", mine.to_str().unwrap()]);
    // Nobody binds the folder of another command; the kernel would refuse even then.
    other.binds.push(Bind::ReadOnly(first.work()));
    let (_, outcome) = beside(&first, &own, second.run(&other)).await;
    assert_eq!(outcome.stdout.text(), "");
    assert!(outcome.stderr.text().contains("Permission denied"), "{outcome:?}");
}

#[tokio::test]
async fn what_the_machine_has_for_all_is_bounded_for_each_command() {
    let place = Place::new().await;
    let script = "
import ctypes, os
libc = ctypes.CDLL(None)
def count(make):
    made = []
    try:
        while not made or made[-1] >= 0: made.append(make())
    except OSError: pass
    made = [one for one in made if one >= 0]
    for one in made: os.close(one)
    return len(made)
print('watchers', count(libc.inotify_init))
print('terminals', count(lambda: os.open('/dev/ptmx', os.O_RDWR)))
for name in os.listdir('/proc/sys/user'):
    try: open('/proc/sys/user/' + name, 'w').write('9'); print('wrote', name)
    except OSError: pass
";
    let outcome = place.run(&place.python(script)).await;
    let text = outcome.stdout.text();
    let told: Vec<&str> = text.lines().collect();
    assert_eq!((outcome.exit, told[0], told.len()), (Exit::Exited(0), "watchers 16", 2), "{outcome:?}");
    // Those of a worker that is not root have only the bound of the machine.
    assert!(!has_users(&place) || told[1] == "terminals 64", "{outcome:?}");
}

/// The kernel starts the program of the machine for core dumps even when their size is limited to 0.
#[tokio::test]
async fn a_crash_calls_nobody() {
    let place = Place::new().await;
    let script = "import resource; print(resource.getrlimit(resource.RLIMIT_CORE))";
    let own = rustix::process::getrlimit(rustix::process::Resource::Core).maximum;
    let outcome = place.run(&place.python(script)).await;
    let most = own.map_or(1, |own| own.min(1));
    assert_eq!(outcome.stdout.text().trim(), format!("({most}, {most})"));
}
