//! What students read about tests that did not pass.

use std::{fs, os::unix::fs::symlink};

use ctutor_workflows::testing::report::Report;

use crate::support::{Place, message};

const PLAN: &str = "runner = 'pytest'\nstudent_files = ['answer.py', 'src/deep.py']\n";

async fn report_of(place: &mut Place) -> Report {
    let report = place.test().await.unwrap();
    let scratch = place.path("scratch");
    for test in &report.tests {
        let message = test.result_message.as_deref().unwrap_or_default();
        assert!(!message.contains(&*scratch.to_string_lossy()), "{message}");
        assert!(!message.contains("site-packages") && !message.contains("dist-packages"), "{message}");
    }
    report
}

#[tokio::test]
async fn a_file_that_was_not_handed_in_is_named() {
    let mut place = Place::with_answer("").await;
    place.write("reference/ctutor-test.toml", PLAN);
    let answer = place.path("student/answer.py");
    fs::remove_file(&answer).unwrap();
    assert_names_it(&mut place).await;
    place.write("student/answer.py/read.me", "a folder of that name");
    assert_names_it(&mut place).await;
    fs::remove_dir_all(&answer).unwrap();
    symlink("/etc/passwd", &answer).unwrap();
    assert_names_it(&mut place).await;
}

async fn assert_names_it(place: &mut Place) {
    let report = report_of(place).await;
    for test in ["test_right", "test_text"] {
        assert_eq!(message(&report, test), "`answer.py` is not in the submission");
    }
}

#[tokio::test]
async fn a_file_that_only_some_tests_want_is_named_there() {
    let mut place = Place::with_answer("def find():\n    import src.deep\ndef text(): import nowhere").await;
    place.write("reference/ctutor-test.toml", PLAN);
    let report = report_of(&mut place).await;
    assert_eq!(message(&report, "test_right"), "`src/deep.py` is not in the submission");
    assert!(message(&report, "test_text").contains("No module named 'nowhere'"), "{report:#?}");
}

#[tokio::test]
async fn a_file_that_cannot_be_loaded_is_shown_where_it_is_wrong() {
    let mut place = Place::with_answer("def find(:\n    return 42\n").await;
    let report = report_of(&mut place).await;
    let text = message(&report, "test_right");
    assert!(text.contains("File \"./answer.py\", line 1") && text.contains("def find(:"), "{text}");
    assert!(text.contains("SyntaxError") && !text.contains("importlib"), "{text}");

    place.write("student/answer.py", "number = 1 / 0\n");
    let report = report_of(&mut place).await;
    let text = message(&report, "test_right");
    assert!(text.contains("File \"./answer.py\", line 1") && text.contains("ZeroDivisionError"), "{text}");
}

#[tokio::test]
async fn a_message_that_is_no_text_keeps_its_verdict() {
    let source = "def find(): raise ValueError('\\udcff \\x00 \\x1b[31m')\ndef text(): return 'x'\n";
    let mut place = Place::with_answer(source).await;
    let report = report_of(&mut place).await;
    let text = message(&report, "test_right");
    assert!(text.contains("ValueError: ? \u{fffd} \u{fffd}[31m"), "{text:?}");
}

#[tokio::test]
async fn messages_are_withheld_where_the_plan_says_so() {
    let source =
        "def find(): raise ValueError(open('tests/test_answer.py').read())\ndef text(): return 'x'\n";
    let mut place = Place::with_answer(source).await;
    let report = report_of(&mut place).await;
    assert!(message(&report, "test_right").contains("answer.find() == 42"), "{report:#?}");
    place.write("reference/ctutor-test.toml", &format!("{PLAN}messages = 'withheld'\n"));
    let report = report_of(&mut place).await;
    assert!(report.tests.iter().all(|test| test.result_message.is_none()), "{report:#?}");
}
