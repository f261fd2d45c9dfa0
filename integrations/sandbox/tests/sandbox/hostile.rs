//! Programs that want more than they may have.

use std::{fs, net::TcpListener, time::Duration};

use ctutor_sandbox::{Bind, Confinement, Exit, Limits, Options, Policy, Sandbox};

use crate::support::Place;

#[tokio::test]
async fn an_endless_loop_meets_its_time_on_the_clock() {
    let mut place = Place::new().await;
    place.limits.wall = Duration::from_millis(400);
    let outcome = place.run(&place.python("while True: pass")).await;
    assert_eq!(outcome.exit, Exit::TimedOut);
    assert!(outcome.wall < Duration::from_secs(5));
}

#[tokio::test]
async fn an_endless_loop_meets_its_processor_time() {
    let mut place = Place::new().await;
    place.limits.cpu = Duration::from_secs(1);
    let outcome = place.run(&place.python("while True: pass")).await;
    assert_eq!(outcome.exit, Exit::TimedOut);
    assert!(outcome.wall < place.limits.wall);
}

#[tokio::test]
async fn a_fork_bomb_stays_small() {
    let mut place = Place::new().await;
    place.limits.processes = 20;
    place.limits.wall = Duration::from_secs(2);
    let bomb = "
import os, sys
made = 0
try:
    while True:
        if os.fork() == 0:
            import signal; signal.pause()
        made += 1
except OSError:
    print(made)
";
    let outcome = place.run(&place.python(bomb)).await;
    assert_eq!(outcome.exit, Exit::Exited(0), "{outcome:?}");
    let made: u64 = outcome.stdout.text().trim().parse().unwrap();
    assert!((10..=22).contains(&made), "{made}");

    let outcome =
        place.run(&place.command(&["bash", "-c", "bomb() { bomb | bomb & }; bomb; wait; sleep 600"])).await;
    assert!(
        matches!(outcome.exit, Exit::TimedOut | Exit::ProcessLimit | Exit::Exited(_)),
        "bash may give up: {:?}",
        outcome.exit
    );
}

#[tokio::test]
async fn too_many_threads_are_noticed_where_the_kernel_sets_no_limit() {
    let mut place = Place::new().await;
    // Each thread reserves address space for its stack.
    place.limits = Limits { processes: 30, memory_bytes: 32 << 30, ..place.limits };
    let options = Options { bwrap: Some("/no/bwrap".into()), ..Policy::AllowUnconfined.into() };
    place.sandbox = Sandbox::detect(options).await.unwrap();
    let script = "
import threading
stop = threading.Event()
for _ in range(200): threading.Thread(target=stop.wait).start()
";
    let outcome = place.run(&place.command(&["sh", "-c", "/usr/bin/python3 -c \"$0\"; true", script])).await;
    assert_eq!(outcome.exit, Exit::ProcessLimit, "{outcome:?}");
}

#[tokio::test]
async fn memory_is_bounded_for_one_and_for_all_together() {
    let mut place = Place::new().await;
    place.limits.memory_bytes = 100 << 20;
    let outcome = place.run(&place.python("block = b'x' * (1 << 30)")).await;
    assert_eq!(outcome.exit, Exit::MemoryLimit, "{outcome:?}");
    let outcome = place.run(&place.python("import mmap; mmap.mmap(-1, 1 << 40, flags=0x4022)")).await;
    assert_eq!(outcome.exit, Exit::Exited(0), "what is only reserved is not used: {outcome:?}");

    let many = "
import os, signal
for _ in range(4):
    if os.fork() == 0:
        block = b'x' * (60 << 20)
        signal.pause()
signal.pause()
";
    let outcome = place.run(&place.python(many)).await;
    assert_eq!(outcome.exit, Exit::MemoryLimit);
}

#[tokio::test]
async fn a_flood_of_output_is_cut_off() {
    let mut place = Place::new().await;
    place.limits = Limits { output_bytes: 1 << 20, captured_bytes: 1000, ..place.limits };
    let outcome =
        place.run(&place.python("import sys\nfor _ in range(100): sys.stdout.write('x' * (1 << 20))")).await;
    assert_eq!(outcome.exit, Exit::OutputLimit);
    assert_eq!(outcome.stdout.bytes.len(), 1000);
    assert!(outcome.stdout.truncated && !outcome.stderr.truncated);
}

#[tokio::test]
async fn the_network_is_not_there() {
    let place = Place::new().await;
    // A server on this machine's loopback: what a program without a network of its own would reach first.
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = server.local_addr().unwrap().port();
    let script = format!(
        "import socket
for place in [('127.0.0.1', {port}), ('192.0.2.1', 80), ('1.1.1.1', 53)]:
    try:
        socket.create_connection(place, timeout=5)
        print('connected', place)
    except OSError as fault:
        print('refused')
try: print('resolved', socket.gethostbyname('example.com'))
except OSError: print('refused')"
    );
    let outcome = place.run(&place.python(&script)).await;
    assert_eq!(outcome.stdout.text().trim(), "refused\nrefused\nrefused\nrefused");
    server.set_nonblocking(true).unwrap();
    assert!(server.accept().is_err(), "nobody called");
}

#[tokio::test]
async fn files_processes_and_environment_of_the_machine_stay_hidden() {
    let place = Place::new().await;
    fs::write(place.folder.path().join("secret"), "of the worker").unwrap();
    let secret = place.folder.path().join("secret");
    let script = format!(
        "import os, glob
for path in ['/etc/shadow', '/root', '/home', '/var', '/sys/kernel', '/run', '{secret}', '/proc/1/environ']:
    try:
        print('read', path, (os.listdir if os.path.isdir(path) else open)(path))
        if path == '/proc/1/environ': print(open(path).read())
    except OSError: pass
print(sorted(set(os.environ) - {{'PWD'}}))
print(os.getuid(), os.getgid(), set(os.getgroups()) <= {{65534}})
print(len(glob.glob('/proc/[0-9]*')) < 10)
print(open('/etc/passwd').read().count(':'))
print(os.path.exists('{work}'), oct(os.stat('/tmp').st_mode))",
        work = place.work().display(),
        secret = secret.display()
    );
    // The environment of this very process, which started the sandbox, must be nowhere in it.
    assert!(std::env::var_os("PATH").is_some());
    let outcome = place.run(&place.python(&script)).await;
    let text = outcome.stdout.text().into_owned();
    let mut lines: Vec<&str> = text.lines().collect();
    if place.sandbox.confinement() == Confinement::UserNamespace {
        // The first process runs as the same user there; what it shows is the sandbox's own environment.
        lines.retain(|line| !line.contains("/proc/1/environ") && !line.contains("HOME=/tmp"));
    }
    assert!(!text.contains("CARGO"), "{text}");
    assert_eq!(
        lines,
        ["['HOME', 'LANG', 'PATH', 'TMPDIR']", "65534 65534 True", "True", "12", "True 0o41777"],
        "{}",
        outcome.stderr.text()
    );
}

/// All but the list of mounts, in which the kernel shows where each lies on its file system.
#[tokio::test]
async fn what_tells_of_processes_has_no_path_of_the_worker() {
    let place = Place::new().await;
    let script = "
import glob
for path in glob.glob('/proc/[0-9]*/*') + glob.glob('/proc/[0-9]*/task/*/*'):
    if path.split('/')[-1] not in ['cmdline', 'environ', 'maps', 'cgroup', 'comm', 'stat', 'status']: continue
    try: text = open(path, 'rb').read()
    except OSError: continue
    if b'ctutor-' + b'sandbox-' in text: print(path)
    if path.endswith('cmdline') and OUTSIDE in text: print(path, text)
    if path == '/proc/1/cmdline': print('looked')";
    let outside = place.folder.path().display().to_string();
    let outcome =
        place
            .run(&place.python(&script.replace("OUTSIDE", "bytes([BYTES])").replace(
                "BYTES",
                &outside.bytes().map(|byte| byte.to_string()).collect::<Vec<_>>().join(","),
            )))
            .await;
    assert_eq!(outcome.stdout.text(), "looked\n", "{}", outcome.stderr.text());
}

#[tokio::test]
async fn nothing_is_written_outside_the_writable_folder() {
    let place = Place::new().await;
    let read_only = place.folder.path().join("given");
    fs::create_dir(&read_only).unwrap();
    fs::write(read_only.join("test.py"), "original").unwrap();
    fs::set_permissions(&read_only, std::os::unix::fs::PermissionsExt::from_mode(0o777)).unwrap();
    let script = format!(
        "import os
for path in ['/x', '/usr/x', '/etc/x', '/dev/x', '/proc/x', '{given}/x', '{given}/test.py']:
    try:
        open(path, 'w').write('x'); print('wrote', path)
    except OSError: pass
# The folders between may be the sandbox's own scratch space; what counts is that the machine sees none of it.
for path in ['{outside}/x', '../x']:
    try: open(path, 'w').write('x')
    except OSError: pass
for call in [lambda: os.remove('{given}/test.py'), lambda: os.rename('{given}', 'mine'),
             lambda: os.chmod('{given}/test.py', 0o777), lambda: os.link('{given}/test.py', 'linked')]:
    try:
        call(); print('did')
    except OSError: pass
open('inside', 'w').write('fine')",
        given = read_only.display(),
        outside = place.folder.path().display()
    );
    let mut command = place.python(&script);
    command.binds.push(Bind::ReadOnly(read_only.clone()));
    let outcome = place.run(&command).await;
    assert_eq!((outcome.exit, outcome.stdout.text().as_ref()), (Exit::Exited(0), ""), "{outcome:?}");
    assert_eq!(fs::read_to_string(read_only.join("test.py")).unwrap(), "original");
    assert_eq!(fs::read_to_string(place.work().join("inside")).unwrap(), "fine");
    assert_eq!(fs::read_dir(place.folder.path()).unwrap().count(), 2);
}

#[tokio::test]
async fn signals_that_wait_are_bounded_for_each_command() {
    let script = "
import ctypes, signal
libc = ctypes.CDLL(None)
signal.pthread_sigmask(signal.SIG_BLOCK, [40])
queued = 0
while queued < 5000 and libc.sigqueue(libc.getpid(), 40, None) == 0:
    queued += 1
print(queued)
";
    let place = Place::new().await;
    let outcome = place.run(&place.python(script)).await;
    let queued: u32 = String::from_utf8_lossy(&outcome.stdout.bytes).trim().parse().unwrap();
    assert!((100..=1024).contains(&queued), "{outcome:?}");
}

#[tokio::test]
async fn links_lead_nowhere() {
    let place = Place::new().await;
    let secret = place.folder.path().join("secret");
    fs::write(&secret, "of the worker").unwrap();
    std::os::unix::fs::symlink(&secret, place.work().join("given")).unwrap();
    std::os::unix::fs::symlink("/etc/shadow", place.work().join("shadow")).unwrap();
    let script = format!("cat given shadow; ln -s {} own; cat own; echo changed > own", secret.display());
    let outcome = place.run(&place.command(&["sh", "-c", &script])).await;
    assert_eq!(outcome.stdout.text(), "");
    assert_eq!(fs::read_to_string(&secret).unwrap(), "of the worker");
    // Handing the folder over must not have followed the links either.
    let owner = |path: &std::path::Path| std::os::unix::fs::MetadataExt::uid(&fs::metadata(path).unwrap());
    assert_eq!(owner(&secret), owner(place.folder.path()));
    assert_eq!(owner("/etc/shadow".as_ref()), 0);
}

#[tokio::test]
async fn memory_file_systems_and_the_disk_are_bounded() {
    let mut place = Place::new().await;
    place.limits =
        Limits { scratch_bytes: 1 << 20, file_size_bytes: 4 << 20, writable_bytes: 20 << 20, ..place.limits };
    let script = "
import os
for folder in ['/tmp', '/dev/shm']:
    try:
        open(folder + '/big', 'wb').write(b'x' * (2 << 20)); print('wrote', folder)
    except OSError: pass
try:
    open('big', 'wb').write(b'x' * (8 << 20)); print('wrote big')
except OSError: pass
print('now the disk', flush=True)
number = 0
while True:
    number += 1
    open(str(number % 200), 'wb').write(b'x' * (1 << 20))
";
    let outcome = place.run(&place.python(script)).await;
    assert_eq!((outcome.exit, outcome.stdout.text().trim()), (Exit::DiskLimit, "now the disk"));

    fs::remove_dir_all(place.work()).unwrap();
    fs::create_dir(place.work()).unwrap();
    place.limits.writable_files = 100;
    let outcome = place.run(&place.command(&["sh", "-c", "i=0; while :; do i=$((i+1)); : > $i; done"])).await;
    assert_eq!(outcome.exit, Exit::DiskLimit);
}

#[tokio::test]
async fn privileges_cannot_be_regained() {
    let place = Place::new().await;
    let script = "
grep -E '^(CapEff|CapPrm|NoNewPrivs)' /proc/self/status | tr -d '\\t'
mount -t tmpfs none /tmp 2>/dev/null && echo mounted
su -c id 2>/dev/null
mount -o remount,rw / 2>/dev/null && echo remounted
kill -9 1 2>/dev/null
echo alive";
    let outcome = place.run(&place.command(&["sh", "-c", script])).await;
    assert_eq!(
        outcome.stdout.text(),
        "CapPrm:0000000000000000\nCapEff:0000000000000000\nNoNewPrivs:1\nalive\n",
        "{}",
        outcome.stderr.text()
    );
}
