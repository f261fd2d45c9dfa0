//! How commands end, and that nothing of them is left.

use std::{
    io::{BufRead, BufReader},
    process::{Command as Program, Stdio},
    time::Duration,
};

use ctutor_sandbox::{Bind, Command, Error, Exit, Limits, Line, Policy, Sandbox, Stream};
use tokio_util::sync::CancellationToken;

use crate::support::{Place, processes_with};

#[tokio::test]
async fn a_well_behaved_program_gets_its_input_and_environment() {
    let place = Place::new().await;
    let mut command = place.python(
        "import os, sys; print(sys.stdin.read().upper()); print(os.environ['TASK'], file=sys.stderr); sys.exit(3)",
    );
    command.stdin = b"hello".to_vec();
    command.env.insert("TASK".into(), "triangle".into());
    let outcome = place.run(&command).await;
    assert_eq!(outcome.exit, Exit::Exited(3));
    assert_eq!((outcome.stdout.text().trim(), outcome.stderr.text().trim()), ("HELLO", "triangle"));
    assert!(!outcome.stdout.truncated);
}

#[tokio::test]
async fn lines_are_told_while_the_program_runs() {
    let place = Place::new().await;
    // The program goes on only when the line was heard: the listener cancels, nothing else ends it.
    let command = place.python(
        "import signal; print('ready', flush=True); print('no end', end='', flush=True); signal.pause()",
    );
    let cancel = CancellationToken::new();
    let mut heard = Vec::new();
    let mut on_line = |line: Line<'_>| {
        heard.push((line.stream, String::from_utf8_lossy(line.bytes).into_owned()));
        cancel.cancel();
    };
    let outcome = place.sandbox.run_with_lines(&command, &cancel, &mut on_line).await.unwrap();
    assert_eq!(outcome.exit, Exit::Canceled);
    assert_eq!(heard[0], (Stream::Stdout, "ready".into()));
}

#[tokio::test]
async fn a_program_that_is_killed_or_missing_is_told_apart() {
    let place = Place::new().await;
    let outcome = place.run(&place.command(&["sh", "-c", "kill -SEGV $$"])).await;
    assert_eq!(outcome.exit, Exit::Signaled(11));
    let outcome = place.run(&place.command(&["no-such-program"])).await;
    assert!(matches!(outcome.exit, Exit::Exited(126 | 127)), "{outcome:?}");
}

#[tokio::test]
async fn a_faulty_set_up_is_an_error_and_its_imitation_is_not() {
    let place = Place::new().await;
    let liar = place.command(&["sh", "-c", "echo 'bwrap: no such file' >&2; exit 1"]);
    assert_eq!(place.run(&liar).await.exit, Exit::Exited(1));

    // A folder cannot be bound over a file of the read-only system.
    let mut command = place.command(&["true"]);
    command.binds.push(Bind::ReadOnly("/sys/kernel".into()));
    command.cwd = "/nowhere".into();
    let error = place.sandbox.run(&command, &CancellationToken::new()).await;
    // A missing working directory is found by bubblewrap, but `true` in `/` works: told as status.
    assert_eq!(error.unwrap().exit, Exit::Exited(1));

    let relative = Command::new(["true"], "work");
    let error = place.sandbox.run(&relative, &CancellationToken::new()).await.unwrap_err();
    assert!(matches!(error, Error::InvalidCommand { .. }), "{error:?}");
    let missing = Command { binds: vec![Bind::ReadOnly("/no/such".into())], ..Command::new(["true"], "/") };
    let error = place.sandbox.run(&missing, &CancellationToken::new()).await.unwrap_err();
    assert!(matches!(error, Error::InvalidCommand { .. }), "{error:?}");
}

#[tokio::test]
async fn background_children_end_with_the_command() {
    let place = Place::new().await;
    let marker = format!("left-behind-{}", std::process::id());
    let script = format!("for i in 1 2 3; do setsid sh -c 'sleep 600; : {marker}' & done; echo started");
    let outcome = place.run(&place.command(&["sh", "-c", &script])).await;
    assert_eq!(outcome.exit, Exit::Exited(0));
    assert_eq!(processes_with(&marker), Vec::<u32>::new());
}

#[tokio::test]
async fn a_canceled_command_is_over_when_that_is_told() {
    let place = Place::new().await;
    let marker = format!("canceled-{}", std::process::id());
    let command =
        place.command(&["sh", "-c", &format!("setsid sh -c 'sleep 600; : {marker}' & echo up; wait")]);
    let cancel = CancellationToken::new();
    let mut on_line = |_: Line<'_>| cancel.cancel();
    let outcome = place.sandbox.run_with_lines(&command, &cancel, &mut on_line).await.unwrap();
    assert_eq!(outcome.exit, Exit::Canceled);
    assert_eq!(processes_with(&marker), Vec::<u32>::new());

    let early = CancellationToken::new();
    early.cancel();
    let outcome = place.sandbox.run(&command, &early).await.unwrap();
    assert_eq!(outcome.exit, Exit::Canceled);
    assert_eq!(processes_with(&marker), Vec::<u32>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_run_takes_its_processes_along() {
    let place = Place::new().await;
    let marker = format!("dropped-{}", std::process::id());
    let command = place.command(&["sh", "-c", &format!("echo up; sleep 600; : {marker}")]);
    let (heard, ready) = tokio::sync::oneshot::channel();
    let mut heard = Some(heard);
    let sandbox = place.sandbox.clone();
    let task = tokio::spawn(async move {
        let mut on_line = |_: Line<'_>| {
            let _ = heard.take().map(|heard| heard.send(()));
        };
        sandbox.run_with_lines(&command, &CancellationToken::new(), &mut on_line).await
    });
    ready.await.unwrap();
    let ends = ends_of(&processes_with(&marker));
    assert!(!ends.is_empty());
    task.abort();
    await_ends(&ends);
}

/// The worker stands in as this very test program, started again with another test's name.
#[tokio::test]
async fn a_killed_worker_takes_the_sandbox_along() {
    let marker = format!("orphan-{}", std::process::id());
    // What the worker leaves behind goes with this folder.
    let folder = tempfile::TempDir::new().unwrap();
    let mut worker = Program::new(std::env::current_exe().unwrap())
        .args(["--exact", "endings::worker_that_will_be_killed", "--nocapture"])
        .env("CTUTOR_TEST_MARKER", &marker)
        .env("TMPDIR", folder.path())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(worker.stdout.take().unwrap()).lines();
    assert!(lines.map_while(Result::ok).any(|line| line.contains("sandbox is up")));
    let ends = ends_of(&processes_with(&marker));
    assert!(ends.len() >= 2, "bubblewrap and the program");
    worker.kill().unwrap();
    worker.wait().unwrap();
    await_ends(&ends);
}

/// Does nothing unless the test above started it.
#[tokio::test]
async fn worker_that_will_be_killed() {
    let Ok(marker) = std::env::var("CTUTOR_TEST_MARKER") else { return };
    let place = Place::new().await;
    let command = place.command(&["sh", "-c", &format!("echo up; setsid sleep 600; : {marker}")]);
    let mut on_line = |_: Line<'_>| println!("sandbox is up");
    let _ = place.sandbox.run_with_lines(&command, &CancellationToken::new(), &mut on_line).await;
}

/// As process 1 of a container the worker inherits what bubblewrap leaves behind, as any process that asks for it does.
#[tokio::test]
async fn a_worker_that_inherits_orphans_keeps_no_defunct_ones() {
    let worker = Program::new(std::env::current_exe().unwrap())
        .args(["--exact", "endings::worker_that_inherits_orphans", "--nocapture"])
        .env("CTUTOR_TEST_ORPHANS", "1")
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&worker.stdout).into_owned();
    assert!(worker.status.success() && told.contains("no child is left"), "{told}\n{worker:?}");
}

/// Does nothing unless the test above started it, since it wants to have no children but its own.
#[tokio::test(flavor = "multi_thread")]
async fn worker_that_inherits_orphans() {
    if std::env::var_os("CTUTOR_TEST_ORPHANS").is_none() {
        return;
    }
    rustix::process::set_child_subreaper(Some(rustix::process::getpid())).unwrap();
    let mut place = Place::new().await;
    let quick = place.command(&["true"]);
    let endless = place.command(&["sh", "-c", "echo up; sleep 600"]);
    place.limits.wall = Duration::from_millis(200);
    let slow = place.command(&["sh", "-c", "echo up; sleep 600"]);
    for _ in 0..5 {
        assert_eq!(place.run(&quick).await.exit, Exit::Exited(0));
        assert_eq!(place.run(&slow).await.exit, Exit::TimedOut);
        let cancel = CancellationToken::new();
        let mut on_line = |_: Line<'_>| cancel.cancel();
        let outcome = place.sandbox.run_with_lines(&endless, &cancel, &mut on_line).await.unwrap();
        assert_eq!(outcome.exit, Exit::Canceled);
    }
    assert_eq!(children(), "", "after commands that were awaited");

    let (heard, ready) = tokio::sync::oneshot::channel();
    let mut heard = Some(heard);
    let sandbox = place.sandbox.clone();
    let task = tokio::spawn(async move {
        let mut on_line = |_: Line<'_>| {
            let _ = heard.take().map(|heard| heard.send(()));
        };
        sandbox.run_with_lines(&endless, &CancellationToken::new(), &mut on_line).await
    });
    ready.await.unwrap();
    assert_ne!(children(), "");
    task.abort();
    let patience = tokio::time::timeout(Duration::from_secs(10), async {
        while !children().is_empty() {
            tokio::task::yield_now().await;
        }
    });
    assert!(patience.await.is_ok(), "after one that was dropped: {}", children());
    println!("no child is left");
}

/// The numbers of this process's children, defunct ones included.
fn children() -> String {
    let threads = std::fs::read_dir("/proc/self/task").unwrap().flatten();
    threads.filter_map(|thread| std::fs::read_to_string(thread.path().join("children")).ok()).collect()
}

#[tokio::test]
async fn an_unconfined_command_has_limits_and_no_environment() {
    let options =
        ctutor_sandbox::Options { bwrap: Some("/no/bwrap".into()), ..Policy::AllowUnconfined.into() };
    let sandbox = Sandbox::detect(options).await.unwrap();
    let place = Place { sandbox, ..Place::new().await };
    let outcome = place.run(&place.command(&["/usr/bin/env"])).await;
    let names: Vec<_> =
        outcome.stdout.text().lines().map(|line| line.split('=').next().unwrap().to_owned()).collect();
    let expected = ["HOME", "LANG", "PATH", "PWD", "TMPDIR"];
    assert!(names.iter().all(|name| expected.contains(&name.as_str())), "{names:?}");

    let marker = format!("unconfined-{}", std::process::id());
    let mut command = place.command(&["sh", "-c", &format!("ulimit -n; sleep 600 & sleep 600; : {marker}")]);
    command.limits = Limits { wall: Duration::from_millis(300), open_files: 77, ..Limits::default() };
    let outcome = place.run(&command).await;
    assert_eq!((outcome.exit, outcome.stdout.text().trim()), (Exit::TimedOut, "77"));
    assert_eq!(processes_with(&marker), Vec::<u32>::new());
}

fn ends_of(pids: &[u32]) -> Vec<std::os::fd::OwnedFd> {
    use rustix::process::{Pid, PidfdFlags, pidfd_open};
    pids.iter()
        .filter_map(|pid| {
            pidfd_open(Pid::from_raw(i32::try_from(*pid).unwrap()).unwrap(), PidfdFlags::empty()).ok()
        })
        .collect()
}

fn await_ends(ends: &[std::os::fd::OwnedFd]) {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    for end in ends {
        let timeout = Timespec { tv_sec: 10, tv_nsec: 0 };
        assert_eq!(poll(&mut [PollFd::new(end, PollFlags::IN)], Some(&timeout)), Ok(1), "the process ends");
    }
}
