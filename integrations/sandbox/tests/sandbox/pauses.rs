//! Time in which the worker did not run. How fast the machine is does not matter: only differences are compared, between
//! the time that passed, the time that counted, and the length of the pause.

use std::{
    fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command as Program, Stdio},
    time::{Duration, Instant},
};

use ctutor_sandbox::Stopwatch;
use rustix::process::{Pid, Signal, kill_process};

use crate::support::{Place, processes_with};

/// Far more than what still counts of a pause.
const PAUSE: Duration = Duration::from_secs(2);

/// This very test program, started again with another test's name, and the folder where its command runs.
fn worker(folder: &Path, marker: &str, script: &str) -> (Child, PathBuf, impl Iterator<Item = String>) {
    let mut worker = Program::new(std::env::current_exe().unwrap())
        .args(["--exact", "pauses::worker_that_will_be_paused", "--nocapture"])
        .env("CTUTOR_TEST_MARKER", marker)
        .env("CTUTOR_TEST_SCRIPT", script)
        .env("TMPDIR", folder)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(worker.stdout.take().unwrap()).lines().map_while(Result::ok);
    let up = lines.find(|line| line.contains("up in ")).unwrap();
    let place = up.split("up in ").nth(1).unwrap().into();
    (worker, place, lines)
}

/// Does nothing unless a test below started it.
#[tokio::test(flavor = "multi_thread")]
async fn worker_that_will_be_paused() {
    let Ok(marker) = std::env::var("CTUTOR_TEST_MARKER") else { return };
    let mut place = Place::new().await;
    place.limits.wall = Duration::from_secs(600);
    let script = format!("{}\n# {marker}", std::env::var("CTUTOR_TEST_SCRIPT").unwrap());
    let command = place.python(&script);
    let (started, stopwatch) = (Instant::now(), Stopwatch::start());
    let mut on_line = |_: ctutor_sandbox::Line<'_>| println!("up in {}", place.work().display());
    let outcome = place.sandbox.run_with_lines(&command, &Default::default(), &mut on_line).await.unwrap();
    let unwatched = outcome.wall.saturating_sub(stopwatch.elapsed());
    let left_out = started.elapsed().saturating_sub(outcome.wall);
    println!("ended {:?} {} {}", outcome.exit, left_out.as_millis(), unwatched.as_millis());
}

/// How the command ended, what of its time did not count, and what counted only as work of the command, both in ms.
fn ended(mut worker: Child, mut lines: impl Iterator<Item = String>) -> (String, u128, u128) {
    let line = lines.find(|line| line.contains("ended")).unwrap();
    worker.wait().unwrap();
    let mut words = line.split_whitespace().rev();
    let mut number = || words.next().unwrap().parse().unwrap();
    let (unwatched, left_out) = (number(), number());
    (words.next().unwrap().to_owned(), left_out, unwatched)
}

fn signal(pids: &[u32], signal: Signal) {
    for pid in pids {
        kill_process(Pid::from_raw(i32::try_from(*pid).unwrap()).unwrap(), signal).unwrap();
    }
}

/// Returns when the kernel has stopped them.
fn stop(pids: &[u32]) {
    signal(pids, Signal::STOP);
    for pid in pids {
        while stat(*pid).first().is_some_and(|state| state != "T") {
            std::thread::yield_now();
        }
    }
}

#[test]
fn a_pause_of_everything_does_not_count() {
    let folder = tempfile::TempDir::new().unwrap();
    let marker = format!("paused-{}", std::process::id());
    let script = "
import os, time
print('up', flush=True)
while not os.path.exists('go'): time.sleep(0.01)";
    let (worker, place, lines) = worker(folder.path(), &marker, script);
    // The worker first: it must not see the others stand still.
    let mut all = vec![worker.id()];
    all.extend(processes_with(&marker));
    stop(&all);
    assert!(Program::new("sleep").arg(PAUSE.as_secs().to_string()).status().unwrap().success());
    fs::write(place.join("go"), "").unwrap();
    all.reverse();
    signal(&all, Signal::CONT);
    let (exit, left_out_ms, _) = ended(worker, lines);
    assert_eq!(exit, "Exited(0)");
    assert!(left_out_ms >= PAUSE.as_millis() / 2, "{left_out_ms} ms of {PAUSE:?}");
}

#[test]
fn a_program_that_works_while_only_the_worker_is_stopped_gains_nothing() {
    let folder = tempfile::TempDir::new().unwrap();
    let marker = format!("working-{}", std::process::id());
    let script = "
import os
print('up', flush=True)
while not os.path.exists('go'): pass";
    let (worker, place, lines) = worker(folder.path(), &marker, script);
    stop(&[worker.id()]);
    let cpu = || processes_with(&marker).into_iter().map(cpu_ticks).max().unwrap_or(0);
    let before = cpu();
    while cpu() < before + 150 {
        std::thread::yield_now();
    }
    fs::write(place.join("go"), "").unwrap();
    signal(&[worker.id()], Signal::CONT);
    let (exit, _, unwatched_ms) = ended(worker, lines);
    assert_eq!(exit, "Exited(0)");
    // The kernel counts a hundred ticks a second.
    assert!(unwatched_ms >= 750, "{unwatched_ms} ms of 1500");
}

/// The fields of `/proc/<pid>/stat` after the name, the state first. None when the process is gone.
fn stat(pid: u32) -> Vec<String> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields);
    fields.split_whitespace().map(str::to_owned).collect()
}

fn cpu_ticks(pid: u32) -> u64 {
    stat(pid).iter().skip(11).take(2).map(|field| field.parse::<u64>().unwrap()).sum()
}
