//! Time in which the worker did not run, as in a paused container.

use std::{
    io::{BufRead, BufReader},
    process::{Command, Stdio},
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process};

use crate::support::{Place, counts};

/// The limit of the test, and the length of the pause. The test goes on for a while after that.
const SECONDS: u64 = 4;
const SOURCE: &str = "import time\ndef find():\n    time.sleep(6)\n    return 42\ndef text(): return 'x'\n";

/// Does nothing unless the test below started it.
#[tokio::test(flavor = "multi_thread")]
async fn worker_that_will_be_paused() {
    if std::env::var_os("CTUTOR_TEST_PAUSED").is_none() {
        return;
    }
    let mut place = Place::with_answer(SOURCE).await;
    place.maxima.test_timeout = Duration::from_secs(SECONDS);
    place.announces = true;
    let report = place.test().await.unwrap();
    println!("\nended {:?}", counts(&report));
}

#[test]
fn a_pause_of_the_worker_takes_no_time_from_a_test() {
    let mut worker = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "pauses::worker_that_will_be_paused", "--nocapture"])
        .env("CTUTOR_TEST_PAUSED", "1")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let pid = Pid::from_child(&worker);
    let mut lines = BufReader::new(worker.stdout.take().unwrap()).lines().map_while(Result::ok);
    assert!(lines.any(|line| line.ends_with("test_right")));
    kill_process(pid, Signal::STOP).unwrap();
    assert!(Command::new("sleep").arg(SECONDS.to_string()).status().unwrap().success());
    kill_process(pid, Signal::CONT).unwrap();
    let ended = lines.find(|line| line.starts_with("ended")).unwrap();
    assert_eq!(ended, "ended (2, 0, 0)");
    assert!(worker.wait().unwrap().success());
}
