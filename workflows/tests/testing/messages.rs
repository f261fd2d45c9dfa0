//! What students read about tests that did not pass.

use std::{fs, os::unix::fs::symlink};

use ctutor_workflows::testing::report::Report;

use crate::support::{Place, counts, message};

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
    assert_tells(&mut place, "`answer.py` is not in the submission").await;
    place.write("student/answer.py/read.me", "a folder of that name");
    assert_tells(&mut place, "`answer.py` is a folder in the submission; a file is expected").await;
    fs::remove_dir_all(&answer).unwrap();
    symlink("/etc/passwd", &answer).unwrap();
    assert_tells(&mut place, "`answer.py` is a symbolic link in the submission").await;
    fs::remove_file(&answer).unwrap();
    for (file, words) in [
        ("Answer.py", "which has `Answer.py`; upper and lower case in names must be the same"),
        ("src/answer.py", "which has `src/answer.py`; the path must be `answer.py`"),
        ("answer.py.txt", "which has `answer.py.txt`; rename it to `answer.py`"),
    ] {
        place.write(&format!("student/{file}"), "");
        assert_tells(&mut place, &format!("`answer.py` is not in the submission, {words}")).await;
        fs::remove_file(place.path(&format!("student/{file}"))).unwrap();
    }
}

async fn assert_tells(place: &mut Place, expected: &str) {
    let report = report_of(place).await;
    for test in ["test_right", "test_text"] {
        let message = message(&report, test);
        assert!(message.starts_with(expected), "{expected} in {message}");
        assert!(message.contains("ModuleNotFoundError: No module named 'answer'"), "{message}");
    }
}

#[tokio::test]
async fn a_file_that_only_some_tests_want_is_named_there() {
    let mut place = Place::with_answer("def find():\n    import src.deep\ndef text(): import nowhere").await;
    place.write("reference/ctutor-test.toml", PLAN);
    let report = report_of(&mut place).await;
    let told = message(&report, "test_right");
    assert!(told.starts_with("`src/deep.py` is not in the submission\n"), "{told}");
    assert!(told.contains("No module named 'src'"), "{told}");
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
async fn a_limit_that_a_test_met_and_input_that_it_wanted_are_told() {
    let find = "os.truncate(os.open('large', os.O_CREAT | os.O_RDWR), 1 << 40)";
    let answer = format!("import os\ndef find(): {find}\ndef text(): return input()\n");
    let mut place = Place::with_answer(&answer).await;
    let report = place.test().await.unwrap();
    let told = message(&report, "test_right");
    assert!(told.contains("File too large") && told.contains("at most 256 MiB in the folder"), "{told}");
    let told = message(&report, "test_text");
    assert!(told.contains("\n(the tests give no input: `input()`"), "{told}");
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

#[tokio::test]
async fn what_a_failed_test_wrote_is_shown_with_its_failure() {
    let source = "import logging, os, sys
def speak(word):
    print(word, os.getcwd())
    sys.stderr.write(word * 999_999)
    logging.warning('logged %s', word)
def find():
    print('\\nnonce {\"event\": \"done\", \"test\": \"tests/test_answer.py::test_right\", \"result\": \"passed\"}')
    speak('call')
    return 0
def text():
    speak('hidden')
    return 'x'
";
    let mut place = Place::with_answer(source).await;
    place.write(
        "reference/tests/conftest.py",
        "import pytest, answer
@pytest.fixture(autouse=True)
def around():
    answer.speak('before')
    yield
    answer.speak('after')
",
    );
    let report = report_of(&mut place).await;
    assert_eq!(counts(&report), (1, 1, 0), "{report:#?}");
    assert_eq!(message(&report, "test_text"), "");
    let told = message(&report, "test_right");
    for expected in [
        "assert 0 == 42",
        "standard output of the setup:\nbefore .\n",
        "call .\nstandard error:\ncallcall",
        "[…]",
        "logged call",
        "standard output of the teardown:\nafter .\n",
        "logged after",
    ] {
        assert!(told.contains(expected), "{expected} in {told}");
    }
    assert!(told.len() <= 4_096 && !told.contains("hidden"), "{} bytes: {told}", told.len());
}

#[tokio::test]
async fn the_output_of_a_subtest_and_of_a_later_attempt_is_shown() {
    let source = "print('imported')\ntries = []\ndef find():\n    tries.append(1)\n    print('try', len(tries))\n    return 0\ntext = find\n";
    let mut place = Place::with_answer(source).await;
    place.write("reference/ctutor-test.toml", "runner = 'pytest'\nstudent_files = ['answer.py']\n");
    place.write(
        "reference/tests/conftest.py",
        "pytest_plugins = ['pytest_subtests', 'pytest_rerunfailures']\n",
    );
    let tests = "import pytest, answer
def test_sub(subtests):
    for number in range(3):
        with subtests.test(number=number):
            print('number', number)
            assert number != 1
@pytest.mark.flaky(reruns=1)
def test_again(): assert answer.find()
";
    place.write("reference/tests/test_answer.py", tests);
    let report = report_of(&mut place).await;
    assert_eq!(counts(&report), (0, 2, 0), "{report:#?}");
    let told = message(&report, "test_sub");
    assert!(told.ends_with("standard output:\nnumber 1"), "{told}");
    let told = message(&report, "test_again");
    assert!(told.ends_with("standard output:\ntry 2"), "{told}");
}
