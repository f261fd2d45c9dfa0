//! What is said under pytest of a program that is killed or ends itself.

use std::time::Duration;

use ctutor_workflows::testing::report::{Report, Status};

use crate::support::{Place, counts, message};

/// Writes to both outputs, and does this.
fn writing(action: &str) -> String {
    format!(
        "import faulthandler, os, signal, subprocess, sys, threading
def speak():
    print('to', os.getcwd(), 'out')
    os.system('echo of a child')
    print('to err', file=sys.stderr)
def find():
    speak()
    {action}
def text(): return 'x'
"
    )
}

/// Of `test_right` alone, with the ends of both outputs and nothing of the worker.
fn assert_told(place: &Place, report: &Report, words: &[&str]) {
    assert_eq!(counts(report), (1, 1, 0), "{words:?} {report:#?}");
    let told = message(report, "test_right");
    let written = ["to err", "to . out", "of a child"];
    assert!(words.iter().chain(&written).all(|word| told.contains(word)), "{words:?} in {told}");
    let scratch = place.path("scratch").display().to_string();
    for secret in [&*scratch, "probe.py", "ctutor-test-", "-packages", "{\"event\"", "work-"] {
        assert!(!told.contains(secret), "{secret} in {told}");
    }
}

#[tokio::test]
async fn a_program_that_ends_itself_is_told_with_its_output() {
    let exit = "the program ended the tests with exit status 3";
    let segfault: &[&str] = &["signal 11 (SIGSEGV)", "it was here", "File \"./answer.py\", line 8 in find"];
    let abort: &[&str] =
        &["signal 6 (SIGABRT)", "File \"./answer.py\", line 8 in find", "test_answer.py\", line 4"];
    for (action, words) in [
        ("os._exit(3)", &[exit][..]),
        ("sys.stdout.write('x' * 9_000_000); print(); speak(); os._exit(3)", &[exit, "[…]"]),
        ("sys.stdout.buffer.write(b'Fl\\xe4che'); os._exit(3)", &[exit, "Fl\u{fffd}che"]),
        ("os.kill(os.getpid(), signal.SIGKILL)", &["signal 9 (SIGKILL)"]),
        ("os.kill(os.getpid(), signal.SIGSEGV)", segfault),
        ("os.abort()", abort),
        ("raise KeyboardInterrupt", &["the program ended the tests, for instance", "line 8, in find"]),
    ] {
        let mut place = Place::with_answer(&writing(action)).await;
        let report = place.test().await.unwrap();
        assert_told(&place, &report, words);
    }
}

#[tokio::test]
async fn a_program_that_is_stopped_is_told_with_its_output() {
    for (action, words) in [
        (
            "while True: pass",
            &[
                "it did not end within 2 s",
                "File \"./answer.py\", line 8 in find",
                "test_answer.py\", line 4",
            ][..],
        ),
        ("threading.Event().wait()", &["it did not end within 2 s", "File \"./answer.py\", line 8 in find"]),
        ("many = [b'x' * (64 << 20) for _ in range(9)]; os._exit(len(many))", &["memory"]),
    ] {
        let mut place = Place::with_answer(&writing(action)).await;
        place.maxima.test_timeout = Duration::from_secs(2);
        place.maxima.memory_bytes = 128 << 20;
        let report = place.test().await.unwrap();
        assert_told(&place, &report, words);
        for test in report.tests.iter().filter(|test| test.status == Status::TimedOut) {
            assert!((test.duration - 2.0).abs() < f64::EPSILON, "{test:?}");
        }
    }
}

#[tokio::test]
async fn a_file_that_ends_the_program_while_it_is_imported_is_told_with_its_output() {
    for (action, words) in [
        ("os._exit(3)", &["exit status 3"][..]),
        ("sys.exit(3)", &["SystemExit: 3"]),
        ("while True: pass", &["it did not end within 2 s", "line 8 in find"]),
        ("os.kill(os.getpid(), signal.SIGSEGV)", &["signal 11 (SIGSEGV)", "line 8 in find"]),
    ] {
        let mut place = Place::with_answer(&format!("{}find()\n", writing(action))).await;
        place.maxima.test_timeout = Duration::from_secs(2);
        let report = place.test().await.unwrap();
        assert_eq!(counts(&report), (0, 2, 0), "{report:#?}");
        for test in ["test_right", "test_text"] {
            let told = message(&report, test);
            let written = ["to err", "to . out", "of a child"];
            assert!(words.iter().chain(&written).all(|word| told.contains(word)), "{words:?} in {told}");
        }
    }
}

#[tokio::test]
async fn a_test_that_meets_the_end_of_the_time_for_all_is_told_with_its_output() {
    let mut place = Place::with_answer(&writing("while True: pass")).await;
    place.maxima.total_timeout = Duration::from_secs(6);
    let report = place.test().await.unwrap();
    assert_eq!(counts(&report), (0, 2, 0), "{report:#?}");
    let told = message(&report, "test_right");
    assert!(told.starts_with("it ran when the time for all tests was used up\n"), "{told}");
    assert!(told.contains("to err") && told.contains("to . out"), "{told}");
    assert_eq!(report.tests[1].status, Status::Skipped);
}

#[tokio::test]
async fn a_program_that_writes_without_end_is_told_with_what_it_wrote() {
    for action in ["while True: print('again' * 999)", "while True: os.write(2, b'again' * 99_999)"] {
        let mut place = Place::with_answer(&writing(action)).await;
        let report = place.test().await.unwrap();
        assert_eq!(counts(&report), (1, 1, 0), "{report:#?}");
        let told = message(&report, "test_right");
        assert!(told.contains("again") && told.contains("[…") && told.len() <= 4_096, "{told}");
    }
}

#[tokio::test]
async fn a_closed_standard_output_costs_the_test_that_closed_it() {
    let mut place =
        Place::with_answer("import sys\ndef find(): sys.stdout.close()\ndef text(): return 'x'\n").await;
    let report = place.test().await.unwrap();
    assert_eq!(counts(&report), (1, 1, 0), "{report:#?}");
}

#[tokio::test]
async fn nothing_is_read_that_a_program_puts_in_the_place_of_its_outputs() {
    let mut place = Place::with_answer("").await;
    place.write("secret", "for the worker only");
    let source = format!(
        "import os
def find():
    folder = os.getcwd() + '-output'
    for name in os.listdir(folder):
        os.remove(folder + '/' + name)
        os.symlink({:?}, folder + '/' + name)
    os._exit(0)
def text(): return 'x'
",
        place.path("secret").display().to_string()
    );
    place.write("student/answer.py", &source);
    let report = place.test().await.unwrap();
    assert_eq!(counts(&report), (1, 1, 0), "{report:#?}");
    assert!(!message(&report, "test_right").contains("for the worker only"), "{report:#?}");
    assert!(message(&report, "test_right").contains("exit status 0"), "{report:#?}");
}
