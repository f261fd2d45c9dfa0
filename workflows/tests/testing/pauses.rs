//! Time in which the worker did not run, as in a paused container.

use std::{
    fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process};

use crate::support::{Place, counts};

/// The limit of the test. It only has to be more than the test needs to see that it may go on.
const LIMIT_SECONDS: u64 = 8;
const PAUSE_SECONDS: u64 = LIMIT_SECONDS + 1;
/// The test goes on when this file lies beside it, however long that takes.
const GO: &str = "go";
const SOURCE: &str = "import os, time\ndef find():\n    while not os.path.exists('go'): time.sleep(0.01)\n    \
                      return 42\ndef text(): return 'x'\n";

/// Does nothing unless the test below started it.
#[tokio::test(flavor = "multi_thread")]
async fn worker_that_will_be_paused() {
    if std::env::var_os("CTUTOR_TEST_PAUSED").is_none() {
        return;
    }
    let mut place = Place::with_answer(SOURCE).await;
    place.maxima.test_timeout = Duration::from_secs(LIMIT_SECONDS);
    place.announces = true;
    let report = place.test().await.unwrap();
    println!("\nended {:?}", counts(&report));
}

#[test]
fn a_pause_of_the_worker_takes_no_time_from_a_test() {
    let folder = tempfile::TempDir::new().unwrap();
    let mut worker = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "pauses::worker_that_will_be_paused", "--nocapture"])
        .env("CTUTOR_TEST_PAUSED", "1")
        .env("TMPDIR", folder.path())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let pid = Pid::from_child(&worker);
    let mut lines = BufReader::new(worker.stdout.take().unwrap()).lines().map_while(Result::ok);
    assert!(lines.any(|line| line.ends_with("test_right")));
    kill_process(pid, Signal::STOP).unwrap();
    assert!(Command::new("sleep").arg(PAUSE_SECONDS.to_string()).status().unwrap().success());
    let mut places = Vec::new();
    find_answers(folder.path(), &mut places);
    for place in places {
        fs::write(place.join(GO), "").unwrap();
    }
    kill_process(pid, Signal::CONT).unwrap();
    let ended = lines.find(|line| line.starts_with("ended")).unwrap();
    assert_eq!(ended, "ended (2, 0, 0)");
    assert!(worker.wait().unwrap().success());
}

/// The folders that have a submission.
fn find_answers(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.file_name() == "answer.py" {
            found.push(folder.to_owned());
        } else if entry.file_type().unwrap().is_dir() {
            find_answers(&entry.path(), found);
        }
    }
}
