//! The sample course, and programs that fail in the usual ways.

use std::{path::PathBuf, time::Duration};

use ctutor_workflows::testing::{
    Stage,
    report::{Report, Status, Verdict},
};
use tokio_util::sync::CancellationToken;

use crate::support::{PLAN, Place, counts, message};

fn samples() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../samples/course")
}

async fn test_sample(name: &str) -> (Place, Report) {
    let mut place = Place::new().await;
    place.maxima.test_timeout = Duration::from_secs(4);
    let student = samples().join("submissions").join(name);
    let report =
        place.test_folders(&samples().join("reference"), &student, &CancellationToken::new()).await.unwrap();
    (place, report)
}

#[tokio::test]
async fn the_right_submission_passes_and_tells_its_progress() {
    let (place, report) = test_sample("right").await;
    assert_eq!(counts(&report), (8, 0, 0), "{report:#?}");
    assert!((report.score() - 1.0).abs() < f64::EPSILON);
    assert_eq!((report.kind.as_str(), report.name.as_str()), ("pytest", "triangle"));

    assert_eq!(place.progress[0].stage, Stage::Preparing);
    let running = &place.progress[1..];
    assert!(running.iter().all(|step| step.stage == Stage::Running && step.total == 8));
    assert!(running.windows(2).all(|two| two[0].done <= two[1].done));
    let current: Vec<_> = running.iter().filter_map(|step| step.current.as_deref()).collect();
    assert_eq!(current.len(), 8);
    assert_eq!(current[0], "tests/test_triangle.py::test_base");
    assert_eq!((running.last().unwrap().done, running.last().unwrap().current.as_ref()), (8, None));
}

#[tokio::test]
async fn a_partly_wrong_submission_gets_a_part() {
    let (_, report) = test_sample("partly_wrong").await;
    assert_eq!(counts(&report), (6, 2, 0), "{report:#?}");
    assert!((report.score() - 0.75).abs() < f64::EPSILON);
    assert!(message(&report, "test_prints_the_area").contains("Area is 13.5"));
    assert!(message(&report, "test_a_side_below_zero_is_refused").contains("DID NOT RAISE"));
}

#[tokio::test]
async fn an_endless_loop_costs_its_test_only() {
    let (_, report) = test_sample("endless_loop").await;
    assert_eq!(counts(&report), (7, 1, 0), "{report:#?}");
    let looping = report.tests.iter().find(|test| test.name.ends_with("test_halvings")).unwrap();
    assert_eq!((looping.status, looping.result), (Status::TimedOut, Verdict::Failed));
    let told = looping.result_message.as_deref().unwrap();
    assert!(told.starts_with("it did not end within 4 s\nit was here, "), "{told}");
    // The head of the loop or its body.
    let at = |line: u32| told.contains(&format!("File \"./triangle.py\", line {line} in halvings"));
    assert!(at(13) || at(14), "{told}");
}

#[tokio::test]
async fn the_network_answers_nobody() {
    let (_, report) = test_sample("network").await;
    assert_eq!(counts(&report), (7, 1, 0), "{report:#?}");
    assert!(message(&report, "test_halvings").contains("URLError"));
}

#[tokio::test]
async fn a_submission_that_cannot_be_loaded_fails_every_test() {
    let cases = [
        ("def find(:", "SyntaxError"),
        ("import sys; sys.exit(0)", "SystemExit"),
        ("raise RuntimeError('no')", "RuntimeError"),
        ("while True: pass", "did not end within"),
        ("import os; os.kill(os.getpid(), 11)", "signal 11"),
        ("block = bytearray(4 << 30)", "it used too much memory"),
    ];
    for (source, expected) in cases {
        let mut place = Place::with_answer(source).await;
        if expected == "did not end within" {
            place.maxima.test_timeout = Duration::from_secs(2);
        }
        let report = place.test().await.unwrap();
        assert_eq!(counts(&report), (0, 2, 0), "{source}: {report:#?}");
        let message = message(&report, "test_right");
        assert!(message.contains(expected) && !message.contains("\"event\""), "{source}: {report:#?}");
    }
}

#[tokio::test]
async fn a_missing_file_or_function_fails_the_tests_that_want_it() {
    let mut place = Place::with_answer("def text(): return 'x'").await;
    let report = place.test().await.unwrap();
    assert_eq!(counts(&report), (1, 1, 0), "{report:#?}");

    std::fs::remove_file(place.path("student/answer.py")).unwrap();
    let report = place.test().await.unwrap();
    assert_eq!(counts(&report), (0, 2, 0));
    assert!(message(&report, "test_text").contains("No module named 'answer'"));
}

#[tokio::test]
async fn tests_after_a_crash_run_in_another_process() {
    let source = "import os\ndef find(): os.kill(os.getpid(), 9)\ndef text(): return 'x'";
    let report = Place::with_answer(source).await.test().await.unwrap();
    assert_eq!(counts(&report), (1, 1, 0), "{report:#?}");
    let crashed = report.tests.iter().find(|test| test.name.ends_with("test_right")).unwrap();
    assert_eq!(crashed.status, Status::Crashed);
    assert!(crashed.result_message.as_ref().unwrap().contains("signal 9"));
}

#[tokio::test]
async fn whoever_ends_pytest_costs_the_test_that_ran() {
    for leave in ["sys.exit(0)", "raise KeyboardInterrupt", "pytest.exit('enough', returncode=0)"] {
        let source = format!("import sys, pytest\ndef find(): {leave}\ndef text(): return 'x'");
        let report = Place::with_answer(&source).await.test().await.unwrap();
        assert_eq!(counts(&report), (1, 1, 0), "{leave}: {report:#?}");
        assert!(message(&report, "test_right").contains("exit"), "{leave}: {report:#?}");
    }
}

#[tokio::test]
async fn tests_of_every_kind_run_once_as_canaries() {
    let mut place = Place::with_answer("def find(): return 42\ndef text(): return 'x'").await;
    place.write(
        "reference/tests/test_kinds.py",
        "
import unittest
import pytest
import answer

class TestMethods:
    def setup_method(self): self.right = 42
    @pytest.mark.parametrize('number', [1, 2])
    def test_method(self, number): assert answer.find() == self.right

class Cases(unittest.TestCase):
    def setUp(self): self.right = 42
    def test_case(self): self.assertEqual(answer.find(), self.right)

@pytest.mark.xfail
def test_expected(): assert answer.find() == 42
",
    );
    place.write(
        "reference/tests/test_numbers.py",
        "import pytest\n@pytest.fixture(autouse=True, params=[1, 2])\ndef number(request): return request.param\ndef test_numbers(number): assert number\n",
    );
    place.write(
        "reference/tests/conftest.py",
        "
import pytest

def pytest_collect_file(file_path, parent):
    if file_path.suffix == '.check': return Checks.from_parent(parent, path=file_path)

class Checks(pytest.File):
    def collect(self): yield Check.from_parent(self, name='check')

class Check(pytest.Item):
    def runtest(self):
        import answer
        assert answer.text() == self.path.read_text()
",
    );
    place.write("reference/tests/text.check", "x");
    let report = place.test().await.unwrap();
    assert_eq!(counts(&report), (8, 0, 1), "{report:#?}");

    place.write("student/answer.py", "def find(): return 41\ndef text(): return 'y'");
    let report = place.test().await.unwrap();
    assert_eq!(counts(&report), (2, 6, 1), "{report:#?}");
    assert!(report.tests.iter().all(|test| test.status != Status::Failed), "{report:#?}");
}

#[tokio::test]
async fn a_file_of_tests_that_hangs_while_loading_spares_the_others() {
    let mut place = Place::with_answer("def find(): return 42\ndef text(): return 'x'").await;
    place.write("student/slow.py", "while True: pass");
    place.write("reference/tests/test_a_slow.py", "import slow\n\ndef test_slow(): pass\n");
    place.maxima.test_timeout = Duration::from_secs(2);
    let report = place.test().await.unwrap();
    assert_eq!(counts(&report), (2, 1, 0), "{report:#?}");
}

#[tokio::test]
async fn when_the_time_is_up_the_rest_has_not_passed() {
    let mut place =
        Place::with_answer("while_loading = 1\ndef find():\n    while True: pass\ndef text(): return 'x'")
            .await;
    place.maxima.total_timeout = Duration::from_secs(3);
    let report = place.test().await.unwrap();
    assert_eq!(counts(&report), (0, 2, 0), "{report:#?}");
    assert!(message(&report, "test_text").contains("used up"));
}

#[tokio::test]
async fn skipped_tests_and_many_kinds_of_names_are_reported() {
    let mut place =
        Place::with_answer("import pytest\ndef find(): pytest.skip('later')\ndef text(): return 'x'").await;
    place.write(
        "reference/tests/deeper/test_more.py",
        "import pytest\nclass TestAll:\n    @pytest.mark.parametrize('x', ['a::b', 'ü', '\\n'])\n    def test_x(self, x): pass\n",
    );
    place.write("reference/tests/conftest.py", "import pytest\n@pytest.fixture\ndef number(): return 7\n");
    place.write("reference/tests/test_fixture.py", "def test_it(number): assert number == 7\n");
    let report = place.test().await.unwrap();
    assert_eq!(counts(&report), (5, 1, 0), "{report:#?}");
    assert_eq!(message(&report, "test_right"), "it was skipped with the submission: Skipped: later");
}

#[tokio::test]
async fn files_of_the_reference_lie_beside_the_tests_and_over_the_students() {
    let source = "def find(): return int(open('data/number.txt').read())\ndef text():\n    open('own.txt', 'w').write('x'); return open('own.txt').read()";
    let mut place = Place::with_answer(source).await;
    place.write("reference/ctutor-test.toml", &format!("{PLAN}reference_files = ['data']\n"));
    place.write("reference/data/number.txt", "42");
    place.write("student/data/number.txt", "41");
    let report = place.test().await.unwrap();
    assert_eq!(counts(&report), (2, 0, 0), "{report:#?}");
}

#[tokio::test]
async fn too_large_a_submission_fails_every_test() {
    let mut place = Place::with_answer("def find(): return 42\ndef text(): return 'x'").await;
    place.maxima.files = 3;
    for number in 0..4 {
        place.write(&format!("student/src/{number}.py"), "");
    }
    let report = place.test().await.unwrap();
    assert_eq!(counts(&report), (0, 2, 0), "{report:#?}");
    assert!(message(&report, "test_right").contains("`files`"));
}
