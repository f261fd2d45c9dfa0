//! Programs that hide what they take from who counts it, and one that only looks as if it took much.

use std::{fs, os::unix::fs::PermissionsExt};

use ctutor_sandbox::{Exit, Limits, Outcome};

use crate::support::Place;

async fn run_with(limits: impl FnOnce(&mut Limits), script: &str) -> (Place, Outcome) {
    let mut place = Place::new().await;
    limits(&mut place.limits);
    let outcome = place.run(&place.python(script)).await;
    (place, outcome)
}

#[tokio::test]
async fn memory_that_is_mapped_as_shared_counts() {
    let script = "
import mmap, os, signal
for _ in range(4):
    if os.fork() == 0:
        block = mmap.mmap(-1, 60 << 20)
        for page in range(0, len(block), 4096): block[page] = 1
        signal.pause()
signal.pause()
";
    let (_, outcome) = run_with(|limits| limits.memory_bytes = 100 << 20, script).await;
    assert_eq!(outcome.exit, Exit::MemoryLimit, "{outcome:?}");
}

/// Each of them can fill hundreds of such places. What waits in them counts while the program does.
#[tokio::test]
async fn memory_that_the_kernel_holds_for_a_program_counts() {
    let many = "
import os, signal, socket, sys
SIZE = 1 << 26
def fill(socket):
    socket.setblocking(False)
    try:
        while True: socket.send(b'x' * 60000)
    except BlockingIOError: pass
kept = []
";
    let unix = "
for _ in range(8):
    if os.fork() == 0: break
while len(kept) < 200:
    kept += socket.socketpair()
    for one in kept[-2:]:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SIZE); fill(one)
signal.pause()
";
    let udp = "
while len(kept) < 200:
    one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); kept.append(one)
    one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SIZE)
    one.bind(('127.0.0.1', 0)); one.connect(one.getsockname())
    for _ in range(300): one.send(b'x' * 60000)
signal.pause()
";
    let names = "
for number in range(400_000): open(f'/tmp/{number}', 'w').close()
signal.pause()
";
    for script in [unix, udp, names] {
        let script = format!("{many}{script}");
        let (_, outcome) = run_with(|limits| limits.memory_bytes = 200 << 20, &script).await;
        assert_eq!(outcome.exit, Exit::MemoryLimit, "{script}\n{outcome:?}");
    }
    let few = "
while len(kept) < 200: kept += socket.socketpair()
for one in kept: fill(one)
print(len(kept))
";
    let (_, outcome) = run_with(|limits| limits.memory_bytes = 200 << 20, &format!("{many}{few}")).await;
    assert_eq!((outcome.exit, outcome.stdout.text().trim()), (Exit::Exited(0), "200"), "{outcome:?}");
}

#[tokio::test]
async fn memory_that_a_fork_shares_counts_once() {
    let script = "
import hashlib, os
block = b'x' * (60 << 20)
children = []
for _ in range(3):
    child = os.fork()
    if child == 0:
        # Long enough for some samples.
        for _ in range(5): hashlib.sha256(block)
        os._exit(0)
    children.append(child)
for child in children: assert os.waitpid(child, 0)[1] == 0
";
    let (_, outcome) = run_with(|limits| limits.memory_bytes = 100 << 20, script).await;
    assert_eq!(outcome.exit, Exit::Exited(0), "{outcome:?}");
}

#[tokio::test]
async fn memory_of_a_process_without_its_first_thread_counts() {
    let script = "
import ctypes, threading
def hoard():
    first.wait()
    block = b'x' * (220 << 20)
    threading.Event().wait()
first = threading.Event()
threading.Thread(target=hoard).start()
first.set()
ctypes.CDLL(None).pthread_exit(None)
";
    let (_, outcome) = run_with(|limits| limits.memory_bytes = 200 << 20, script).await;
    assert_eq!(outcome.exit, Exit::MemoryLimit, "{outcome:?}");
}

#[tokio::test]
async fn a_fork_bomb_is_called_one_even_when_it_eats_memory() {
    let script = "
import os, signal
waiting, release = os.pipe()
try:
    while True:
        if os.fork() == 0:
            os.close(release)
            os.read(waiting, 1)
            block = b'x' * (20 << 20)
            signal.pause()
except OSError: pass
os.close(release)
signal.pause()
";
    let limit = |limits: &mut Limits| {
        limits.memory_bytes = 100 << 20;
        limits.processes = 20;
    };
    let (_, outcome) = run_with(limit, script).await;
    assert_eq!(outcome.exit, Exit::ProcessLimit, "{outcome:?}");
}

#[tokio::test]
async fn files_without_a_name_count() {
    let script = "
import os, signal
held = []
for _ in range(100):
    held.append(open('file', 'wb', buffering=0))
    os.unlink('file')
    held[-1].write(b'x' * (1 << 20))
signal.pause()
";
    let (place, outcome) = run_with(|limits| limits.writable_bytes = 20 << 20, script).await;
    assert_eq!(outcome.exit, Exit::DiskLimit, "{outcome:?}");
    assert!(fs::read_dir(place.work()).unwrap().count() <= 1, "but for one that was just made");
}

#[tokio::test]
async fn deleted_files_count_while_they_are_mapped() {
    // Of the larger files only a page is mapped.
    for (mebibytes, mapped) in [(1, 1 << 20), (20, 4096)] {
        let script = format!(
            "
import ctypes, os, signal
libc = ctypes.CDLL(None)
libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t] + [ctypes.c_int] * 3 + [ctypes.c_long]
for _ in range(100 // {mebibytes}):
    file = os.open('file', os.O_RDWR | os.O_CREAT)
    os.write(file, b'x' * ({mebibytes} << 20))
    libc.mmap(None, {mapped}, 1, 1, file, 0)
    os.unlink('file')
    os.close(file)
signal.pause()
"
        );
        let (_, outcome) = run_with(|limits| limits.writable_bytes = 20 << 20, &script).await;
        assert_eq!(outcome.exit, Exit::DiskLimit, "{outcome:?}");
    }
}

#[tokio::test]
async fn page_tables_count_as_memory() {
    let script = "
import mmap, signal
block = mmap.mmap(-1, 200 << 30, flags=mmap.MAP_PRIVATE | 0x4000, prot=mmap.PROT_READ)
for at in range(0, len(block), 2 << 20): block[at]
signal.pause()
";
    let (_, outcome) = run_with(|limits| limits.memory_bytes = 100 << 20, script).await;
    assert_eq!(outcome.exit, Exit::MemoryLimit, "{outcome:?}");
}

#[tokio::test]
async fn folders_that_are_nested_too_deep_to_be_counted_are_too_much() {
    let script = "
import os
for _ in range(20):
    os.mkdir('a' * 250); os.chdir('a' * 250)
open('big', 'wb').write(b'x')
";
    let (_, outcome) = run_with(|_| {}, script).await;
    assert_eq!(outcome.exit, Exit::DiskLimit, "{outcome:?}");
    assert_eq!(outcome.detail.as_deref(), Some("it nested folders too deep to be counted"));
}

#[tokio::test]
async fn a_folder_that_is_locked_is_too_much_or_counted_all_the_same() {
    let script = "
import os
os.mkdir('locked')
open('locked/big', 'wb').write(b'x' * (30 << 20))
os.chmod('locked', 0)
";
    let (place, outcome) = run_with(|limits| limits.writable_bytes = 20 << 20, script).await;
    assert_eq!(outcome.exit, Exit::DiskLimit, "{outcome:?}");
    // Root can read what is locked.
    let locked = fs::read_dir(place.work().join("locked")).is_err();
    let detail = locked.then_some("it made a folder that cannot be counted: permission denied");
    assert_eq!(outcome.detail.as_deref(), detail);
    fs::set_permissions(place.work().join("locked"), fs::Permissions::from_mode(0o700)).unwrap();
}
