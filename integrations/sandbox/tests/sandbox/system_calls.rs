//! What programs may not ask of the kernel, and what they still may.

use ctutor_sandbox::Exit;

use crate::support::Place;

/// Calls by number where the C library has no function; those above 400 are the same on all architectures.
const REFUSED: &str = "
import ctypes, errno, os, platform, socket, subprocess
libc = ctypes.CDLL(None, use_errno=True)
x86 = platform.machine() == 'x86_64'
def told(name, result):
    print(name, 'done' if result >= 0 else errno.errorcode[ctypes.get_errno()])
def tried(name, call):
    try: call(); print(name, 'done')
    except OSError as fault: print(name, errno.errorcode[fault.errno])
NEWUSER, SIGCHLD = 0x10000000, 17
told('unshare', libc.unshare(NEWUSER))
told('clone', libc.syscall(56 if x86 else 220, NEWUSER | SIGCHLD, 0, 0, 0, 0))
told('setns', libc.setns(os.open('/proc/self/ns/net', os.O_RDONLY), 0))
told('mount', libc.mount(b'none', b'/tmp', b'tmpfs', 0, None))
told('umount', libc.umount2(b'/tmp', 2))
told('shmget', libc.shmget(0, 1 << 20, 0o1600))
told('msgget', libc.msgget(0, 0o1600))
told('semget', libc.semget(0, 1, 0o1600))
told('add_key', libc.syscall(248 if x86 else 217, b'user', b'name', b'text', 4, -4))
told('userfaultfd', libc.syscall(323 if x86 else 282, 1))
for name, number in [('open_tree', 428), ('fsopen', 430), ('clone3', 435), ('io_uring_setup', 425), ('memfd_secret', 447)]:
    told(name, libc.syscall(number, 0, 0, 0))
tried('memfd_create', lambda: os.memfd_create('hidden'))
tried('vsock', lambda: socket.socket(40, socket.SOCK_STREAM))
tried('alg', lambda: socket.socket(38, socket.SOCK_SEQPACKET))
# A kernel that does not know the second set of numbers answers alike that the filter lets through.
if x86: told('unshare of x32', libc.syscall(0x40000000 | 272, NEWUSER))
else: print('unshare of x32 EPERM')
print(subprocess.run(['unshare', '--user', '--map-root-user', '--mount', 'id'], stderr=-3, stdout=-1).stdout)
";

#[tokio::test]
async fn calls_that_reach_past_the_namespaces_are_refused() {
    let place = Place::new().await;
    let outcome = place.run(&place.python(REFUSED)).await;
    let text = outcome.stdout.text().into_owned();
    let expected = "unshare EPERM, clone EPERM, setns EPERM, mount EPERM, umount EPERM, shmget ENOSYS, \
                    msgget ENOSYS, semget ENOSYS, add_key ENOSYS, userfaultfd ENOSYS, open_tree ENOSYS, \
                    fsopen ENOSYS, clone3 ENOSYS, io_uring_setup ENOSYS, memfd_secret ENOSYS, \
                    memfd_create ENOSYS, vsock EAFNOSUPPORT, alg EAFNOSUPPORT, unshare of x32 EPERM, b''";
    assert_eq!(text.lines().collect::<Vec<_>>().join(", "), expected, "{}", outcome.stderr.text());
}

#[tokio::test]
async fn threads_processes_and_their_means_to_talk_are_there() {
    let place = Place::new().await;
    let script = "
import multiprocessing, socket, subprocess, threading
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing.shared_memory import SharedMemory
def double(number): return number * 2
if __name__ == '__main__':
    for pool in [ProcessPoolExecutor, ThreadPoolExecutor]:
        with pool(2) as workers: print(list(workers.map(double, [1, 2])))
    queue = multiprocessing.Queue(1)
    child = multiprocessing.Process(target=queue.put, args=('queued',))
    child.start(); print(queue.get()); child.join()
    memory = SharedMemory(create=True, size=1 << 16); memory.buf[0] = 7; print(memory.buf[0]); memory.unlink()
    server = socket.create_server(('127.0.0.1', 0))
    near = socket.create_connection(server.getsockname()); far = server.accept()[0]
    near.sendall(b'called'); print(far.recv(6).decode())
    here, there = socket.socketpair(); here.send(b'paired'); print(there.recv(6).decode())
    print(subprocess.check_output(['echo', 'spawned'], text=True), end='')
";
    std::fs::write(place.work().join("program.py"), script).unwrap();
    let outcome = place.run(&place.command(&["/usr/bin/python3", "program.py"])).await;
    assert_eq!(
        (outcome.exit, outcome.stdout.text().as_ref()),
        (Exit::Exited(0), "[2, 4]\n[2, 4]\nqueued\n7\ncalled\npaired\nspawned\n"),
        "{}",
        outcome.stderr.text()
    );
}
