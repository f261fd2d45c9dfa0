//! Submissions that start processes and threads.

use crate::support::{Place, counts, message};

/// Starts processes that wait until no more can be started.
const EXHAUST: &str = "import os, signal
def exhaust():
    try:
        while True:
            if os.fork() == 0:
                signal.pause()
                os._exit(0)
    except OSError: pass
";

#[tokio::test]
async fn a_test_that_leaves_no_room_for_processes_does_not_cost_the_next_ones() {
    let source = format!(
        "{EXHAUST}import threading
def find():
    exhaust()
    return 42
def text():
    thread = threading.Thread(target=print)
    thread.start()
    thread.join()
    return 'x'
"
    );
    let report = Place::with_answer(&source).await.test().await.unwrap();
    assert_eq!(counts(&report), (2, 0, 0), "{report:#?}");
}

#[tokio::test]
async fn a_file_that_leaves_no_room_for_processes_is_told_so() {
    let source = format!("{EXHAUST}exhaust()\ndef find(): return 42\ndef text(): return 'x'\n");
    let report = Place::with_answer(&source).await.test().await.unwrap();
    assert_eq!(counts(&report), (0, 2, 0), "{report:#?}");
    for test in ["test_right", "test_text"] {
        let told = message(&report, test);
        assert!(told.starts_with("not run: no process or thread is left"), "{told}");
        assert!(told.ends_with("at most 64 processes and threads)"), "{told}");
        assert!(!told.contains("watchdog"), "{told}");
    }
}

#[tokio::test]
async fn a_forked_process_ends_with_its_test() {
    let source = "import os, sys
def find():
    child = os.fork()
    if child == 0: sys.exit(42)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
def text():
    child = os.fork()
    if child == 0: raise ValueError
    return 'x' if os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 1 else 'y'
";
    let report = Place::with_answer(source).await.test().await.unwrap();
    assert_eq!(counts(&report), (2, 0, 0), "{report:#?}");
}
