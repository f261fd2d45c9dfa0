//! Time in which the worker did not run.

use std::{
    fs,
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command as Program, Stdio},
    time::Duration,
};

use ctutor_sandbox::Stopwatch;
use rustix::process::{Pid, Signal, kill_process};

use crate::support::{Place, processes_with};

const LIMIT: Duration = Duration::from_secs(2);

/// This very test program, started again with another test's name.
fn worker(folder: &Path, marker: &str, script: &str) -> (Child, impl Iterator<Item = String>) {
    let mut worker = Program::new(std::env::current_exe().unwrap())
        .args(["--exact", "pauses::worker_that_will_be_paused", "--nocapture"])
        .env("CTUTOR_TEST_MARKER", marker)
        .env("CTUTOR_TEST_SCRIPT", script)
        .env("TMPDIR", folder)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(worker.stdout.take().unwrap()).lines().map_while(Result::ok);
    (worker, lines.skip_while(|line| !line.contains("up in")))
}

/// Does nothing unless a test below started it.
#[tokio::test(flavor = "multi_thread")]
async fn worker_that_will_be_paused() {
    let Ok(marker) = std::env::var("CTUTOR_TEST_MARKER") else { return };
    let mut place = Place::new().await;
    place.limits.wall = LIMIT;
    let script = format!("{}\n# {marker}", std::env::var("CTUTOR_TEST_SCRIPT").unwrap());
    let command = place.python(&script);
    let stopwatch = Stopwatch::start();
    let mut on_line = |_: ctutor_sandbox::Line<'_>| println!("up in {}", place.work().display());
    let outcome = place.sandbox.run_with_lines(&command, &Default::default(), &mut on_line).await.unwrap();
    let unwatched = outcome.wall.saturating_sub(stopwatch.elapsed());
    println!("ended {:?} {} {}", outcome.exit, outcome.wall.as_millis(), unwatched.as_millis());
}

fn signal(pids: &[u32], signal: Signal) {
    for pid in pids {
        kill_process(Pid::from_raw(i32::try_from(*pid).unwrap()).unwrap(), signal).unwrap();
    }
}

/// Lets more than the limit pass.
fn outlast_the_limit() {
    assert!(Program::new("sleep").arg((LIMIT.as_secs() + 1).to_string()).status().unwrap().success());
}

#[test]
fn a_pause_of_everything_does_not_count() {
    let folder = tempfile::TempDir::new().unwrap();
    let marker = format!("paused-{}", std::process::id());
    let script = "
import os, time
print('up', flush=True)
while not os.path.exists('go'): time.sleep(0.01)";
    let (mut worker, mut lines) = worker(folder.path(), &marker, script);
    let up = lines.next().unwrap();
    let place = up.split("up in ").nth(1).unwrap().to_owned();
    // The worker first: it must not see the others stand still.
    let mut all = vec![worker.id()];
    all.extend(processes_with(&marker));
    signal(&all, Signal::STOP);
    outlast_the_limit();
    fs::write(Path::new(&place).join("go"), "").unwrap();
    all.reverse();
    signal(&all, Signal::CONT);
    let ended = lines.find(|line| line.contains("ended")).unwrap();
    worker.wait().unwrap();
    assert!(ended.contains("Exited(0)"), "{ended}");
    let wall_ms: u128 = ended.split_whitespace().nth_back(1).unwrap().parse().unwrap();
    assert!(wall_ms < LIMIT.as_millis(), "{ended}");
}

#[test]
fn a_program_that_works_while_only_the_worker_is_stopped_gains_nothing() {
    let folder = tempfile::TempDir::new().unwrap();
    let marker = format!("working-{}", std::process::id());
    let (mut worker, mut lines) = worker(folder.path(), &marker, "print('up', flush=True)\nwhile True: pass");
    lines.next().unwrap();
    signal(&[worker.id()], Signal::STOP);
    let cpu = || processes_with(&marker).into_iter().map(cpu_ticks).max().unwrap_or(0);
    let before = cpu();
    while cpu() < before + 150 {
        std::thread::yield_now();
    }
    signal(&[worker.id()], Signal::CONT);
    let ended = lines.find(|line| line.contains("ended")).unwrap();
    worker.wait().unwrap();
    assert!(ended.contains("TimedOut"), "{ended}");
    let unwatched_ms: u128 = ended.split_whitespace().next_back().unwrap().parse().unwrap();
    assert!(unwatched_ms >= 1_000, "{ended}");
}

fn cpu_ticks(pid: u32) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields);
    fields.split_whitespace().skip(11).take(2).map(|field| field.parse::<u64>().unwrap()).sum()
}
