use std::{
    os::unix::process::CommandExt,
    path::PathBuf,
    process::{Command, Stdio},
};

use ctutor_tests::{
    guard::{Guarded, Signal},
    wait::{self, DEADLINE},
};
use tempfile::TempDir;

#[test]
fn a_child_is_ended_and_its_folder_removed_when_the_guard_is_dropped() {
    let folder = TempDir::new().unwrap();
    let guard =
        Guarded::new("sleep", folder.path(), "sleep").args(["1000"]).removes_folder().start().unwrap();
    assert!(runs(guard.pid()));
    let pid = guard.pid();
    drop(guard);
    assert!(!runs(pid));
    assert!(!folder.path().exists());
}

#[test]
fn a_halted_child_is_ended_too() {
    let folder = TempDir::new().unwrap();
    let guard =
        Guarded::new("sleep", folder.path(), "sleep").args(["1000"]).end_with(Signal::Terminate).start();
    let guard = guard.unwrap();
    guard.signal(Signal::Stop).unwrap();
    let pid = guard.pid();
    drop(guard);
    assert!(!runs(pid));
}

#[test]
fn the_exit_status_and_both_outputs_are_told() {
    let folder = TempDir::new().unwrap();
    let script = "echo to stdout; echo to stderr >&2; exit 7";
    let guard = Guarded::new("sh", folder.path(), "script").args(["-c", script]).start().unwrap();
    assert_eq!(guard.wait(DEADLINE).unwrap(), 7);
    assert_eq!((guard.stdout().as_str(), guard.stderr().as_str()), ("to stdout\n", "to stderr\n"));
    assert_eq!(guard.exited(), Some(7));
    assert!(guard.signal(Signal::Kill).is_err());
}

#[test]
fn a_killed_child_tells_its_signal() {
    let folder = TempDir::new().unwrap();
    let guard = Guarded::new("sleep", folder.path(), "sleep").args(["1000"]).start().unwrap();
    guard.signal(Signal::Kill).unwrap();
    assert_eq!(guard.wait(DEADLINE).unwrap(), 128 + 9);
}

#[test]
fn a_program_that_is_missing_shows_in_the_exit_status() {
    let folder = TempDir::new().unwrap();
    let guard = Guarded::new("no-such-program", folder.path(), "none").start().unwrap();
    assert_eq!(guard.wait(DEADLINE).unwrap(), 127);
}

#[test]
fn servers_end_when_the_process_that_owns_them_is_killed() {
    let folder = TempDir::new().unwrap();
    let found = folder.path().join("found");
    let script = format!(
        "echo $CTUTOR_TEST_REDIS_URL $CTUTOR_TEST_DATABASE_URL >{0}.new; mv {0}.new {0}; sleep 1000",
        found.display()
    );
    let mut owner = Command::new(env!("CARGO_BIN_EXE_with-servers"))
        .args(["sh", "-c", &script])
        .stdout(Stdio::null())
        .process_group(0)
        .spawn()
        .unwrap();
    let urls = wait::until("the servers", || Ok(std::fs::read_to_string(&found).ok())).unwrap();
    let group = format!("-{}", owner.id());
    assert!(Command::new("kill").args(["-s", "KILL", "--", &group]).status().unwrap().success());
    owner.wait().unwrap();

    let (redis, postgres) = urls.trim().split_once(' ').unwrap();
    let socket = PathBuf::from(redis.strip_prefix("redis+unix://").unwrap());
    let folders =
        [socket.parent().unwrap().to_owned(), PathBuf::from(postgres.split_once("?host=").unwrap().1)];
    for folder in folders {
        wait::until("the folder to go", || Ok((!folder.exists()).then_some(()))).unwrap();
    }
}

fn runs(pid: u32) -> bool {
    let mut command = Command::new("kill");
    command.args(["-0", &pid.to_string()]).stderr(Stdio::null());
    command.status().unwrap().success()
}
