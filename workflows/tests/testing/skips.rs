//! Tests that the reference skips or expects to fail do not count, and a submission cannot have them skipped.

use ctutor_workflows::testing::{
    Broken,
    report::{Report, Status, Verdict},
};

use crate::support::{Place, counts, message};

/// Where a pattern could name any module, one that is missing may be the student's.
const PLAN: &str = "runner = 'pytest'\nstudent_files = ['answer.py']\n";

const RIGHT: &str = "def find(): return 42\ndef text(): return 'x'\n";
const WRONG: &str = "def find(): return 41\ndef text(): return 'x'\n";

/// In every way in which pytest can be told so.
const SKIPPED: &str = "
import unittest
import pytest
import answer

@pytest.mark.skip(reason='later')
def test_mark(): assert answer.find() == 0

@pytest.mark.skipif(1 + 1 == 2, reason='never here')
def test_condition(): pass

@pytest.mark.skip
class TestClass:
    def test_method(self): pass

class Cases(unittest.TestCase):
    @unittest.skip('broken')
    def test_skip(self): pass
    @unittest.expectedFailure
    def test_expected(self): self.fail()

@unittest.skip('all')
class Skipped(unittest.TestCase):
    def test_in_class(self): pass

@pytest.mark.xfail(reason='known')
def test_xfail(): assert answer.find() == 0

@pytest.mark.xfail(strict=True)
def test_strict(): assert answer.find() == 0

@pytest.mark.xfail(run=False)
def test_unrun(): pass
";
const SKIPPED_COUNT: u32 = 9;

/// Only when they run.
const SKIPPED_WHEN_RUN: &str = "
import unittest
import pytest

def test_call(): pytest.skip('no display')

def test_import(): pytest.importorskip('no_such_library')

@pytest.fixture
def display(): pytest.skip('no display')

def test_fixture(display): pass

def test_imperative(): pytest.xfail('known')

class Running(unittest.TestCase):
    def test_skip(self): self.skipTest('no display')
";
const SKIPPED_WHEN_RUN_COUNT: u32 = 5;

async fn place(answer: &str, solution: bool) -> Place {
    let place = Place::with_answer(answer).await;
    place.write("reference/ctutor-test.toml", PLAN);
    if solution {
        place.write("reference/ctutor-test.toml", &format!("{PLAN}solution = 'solution'\n"));
        place.write("reference/solution/answer.py", RIGHT);
    }
    place
}

fn assert_says_so(report: &Report) {
    for test in report.tests.iter().filter(|test| test.result == Verdict::Skipped) {
        let message = test.result_message.as_deref().unwrap();
        assert!(message.starts_with("left out of the count: "), "{message}");
        assert_eq!(test.status, Status::Skipped);
    }
}

#[tokio::test]
async fn what_a_decorator_skips_or_expects_to_fail_is_left_out() {
    for solution in [true, false] {
        for (answer, passed, failed) in [(RIGHT, 2, 0), (WRONG, 1, 1)] {
            let mut place = place(answer, solution).await;
            place.write("reference/tests/test_skipped.py", SKIPPED);
            place.write(
                "reference/tests/test_gui.py",
                "import pytest\npytest.importorskip('no_such_library')\ndef test_gui(): pass\n",
            );
            let report = place.test().await.unwrap();
            assert_eq!(counts(&report), (passed, failed, SKIPPED_COUNT + 1), "{solution} {report:#?}");
            assert_says_so(&report);
            assert!(message(&report, "test_mark").ends_with("the reference skips it: later"), "{report:#?}");
            assert!(message(&report, "test_gui.py").contains("the reference skips this file"), "{report:#?}");
            let score = f64::from(passed) / 2.0;
            assert!((report.score() - score).abs() < f64::EPSILON);
        }
    }
}

#[tokio::test]
async fn what_the_solution_skips_when_it_runs_is_left_out() {
    for (answer, passed, failed) in [(RIGHT, 2, 0), (WRONG, 1, 1)] {
        let mut place = place(answer, true).await;
        place.write("reference/tests/test_skipped.py", SKIPPED_WHEN_RUN);
        let report = place.test().await.unwrap();
        assert_eq!(counts(&report), (passed, failed, SKIPPED_WHEN_RUN_COUNT), "{report:#?}");
        assert_says_so(&report);
    }
    // Without a solution, the submission may be what skips.
    let mut place = place(RIGHT, false).await;
    place.write("reference/tests/test_skipped.py", SKIPPED_WHEN_RUN);
    let report = place.test().await.unwrap();
    assert_eq!(counts(&report), (2, SKIPPED_WHEN_RUN_COUNT, 0), "{report:#?}");
}

#[tokio::test]
async fn an_expected_failure_that_the_solution_passes_counts() {
    let marked = |mark: &str| format!("{mark}\ndef test_unsure(): assert answer.find() == 42\n");
    let case = |mark: &str| {
        format!(
            "import unittest\n{mark}\nclass Cases(unittest.TestCase):\n    {mark}\n    \
             def test_unsure(self): self.assertEqual(answer.find(), 42)\n"
        )
    };
    let strict_for_all = "def pytest_configure(config): config.option.override_ini = ['xfail_strict=true']\n";
    for (tests, conftest) in [
        (marked("@pytest.mark.xfail"), ""),
        (marked("@pytest.mark.xfail"), strict_for_all),
        (marked("@pytest.mark.xfail(strict=True, raises=AssertionError)"), ""),
        (case("@pytest.mark.xfail(strict=True)"), ""),
        (case("@unittest.expectedFailure"), ""),
    ] {
        for (answer, expected) in [(RIGHT, (3, 0, 0)), (WRONG, (1, 2, 0))] {
            let mut place = place(answer, true).await;
            place.write("reference/tests/conftest.py", conftest);
            place.write("reference/tests/test_unsure.py", &format!("import pytest, answer\n{tests}"));
            let report = place.test().await.unwrap();
            assert_eq!(counts(&report), expected, "{tests}\n{report:#?}");
        }
    }
}

#[tokio::test]
async fn a_failure_for_another_reason_than_the_expected_one_is_one() {
    let tests =
        "import pytest, answer\n@pytest.mark.xfail(raises=ValueError)\ndef test_unsure(): answer.find()\n";
    let mut place = place(RIGHT, true).await;
    place.write("reference/tests/test_unsure.py", tests);
    place.write("reference/solution/answer.py", "def find(): raise TypeError\ndef text(): return 'x'\n");
    place.write("reference/tests/test_answer.py", "def test_text(): pass\n");
    place.write("student/answer.py", "def find(): raise TypeError\n");
    let error = place.test().await.unwrap_err();
    assert!(matches!(&error, Broken::Solution { test, .. } if test.ends_with("test_unsure")), "{error}");
}

/// What pytest says of a test that passes although it must fail, a submission can say as well.
#[tokio::test]
async fn a_submission_cannot_say_that_a_failure_was_a_success() {
    let tests = "
import unittest
import answer
class Cases(unittest.TestCase):
    def tearDown(self): answer.find()
    @unittest.expectedFailure
    def test_unsure(self): pass
def test_find(): answer.find()
";
    for message in ["[XPASS(strict)] ", "Unexpected success"] {
        let find = format!("import pytest\ndef find(): pytest.fail({message:?}, pytrace=False)\n");
        let mut place = place(&format!("{find}def text(): return 'x'\n"), true).await;
        place.write("reference/tests/test_unsure.py", tests);
        let report = place.test().await.unwrap();
        assert_eq!(counts(&report), (1, 3, 0), "{message} {report:#?}");
    }
}

#[tokio::test]
async fn a_submission_cannot_have_tests_skipped() {
    for raise in [
        "import pytest\ndef find(): pytest.skip('later')\n",
        "import pytest\ndef find(): pytest.xfail('later')\n",
        "import pytest\ndef find(): pytest.importorskip('no_such_library')\n",
        "import unittest\ndef find(): raise unittest.SkipTest('later')\n",
    ] {
        for solution in [true, false] {
            let mut place = place(&format!("{raise}def text(): return 'x'\n"), solution).await;
            let report = place.test().await.unwrap();
            assert_eq!(counts(&report), (1, 1, 0), "{raise}: {report:#?}");
            assert!(message(&report, "test_right").starts_with("it was skipped with the submission: "));
        }
    }
    for raise in [
        "import pytest\npytest.skip('later', allow_module_level=True)\n",
        "import unittest\nraise unittest.SkipTest('later')\n",
    ] {
        let mut place = place(raise, true).await;
        let report = place.test().await.unwrap();
        assert_eq!(counts(&report), (0, 2, 0), "{raise}: {report:#?}");
        assert!(
            message(&report, "test_right").contains("the file was skipped while it was imported: "),
            "{report:#?}"
        );
    }
    // What decides about a decorator is the reference alone.
    let mut place = place("hard = True\ndef find(): return 41\ndef text(): return 'x'\n", true).await;
    place.write("reference/solution/answer.py", &format!("hard = False\n{RIGHT}"));
    place.write(
        "reference/tests/test_hard.py",
        "import pytest, answer\n@pytest.mark.skipif(answer.hard, reason='hard')\ndef test_hard(): pass\n",
    );
    let report = place.test().await.unwrap();
    assert_eq!(counts(&report), (1, 2, 0), "{report:#?}");
    std::fs::remove_dir_all(place.path("reference/solution")).unwrap();
    place.write("reference/ctutor-test.toml", PLAN);
    let report = place.test().await.unwrap();
    assert_eq!(counts(&report), (1, 2, 0), "{report:#?}");
}

#[tokio::test]
async fn a_reference_that_skips_every_test_has_none() {
    for solution in [true, false] {
        let mut place = place(RIGHT, solution).await;
        place.write(
            "reference/tests/test_answer.py",
            "import pytest\npytestmark = pytest.mark.skip\ndef test_a(): pass\n",
        );
        let error = place.test().await.unwrap_err();
        assert!(matches!(error, Broken::NoTests), "{error:?}");
    }
    let mut place = place(WRONG, true).await;
    place.write("reference/tests/test_answer.py", "import pytest\ndef test_a(): pytest.skip('no display')\n");
    let error = place.test().await.unwrap_err();
    assert!(matches!(error, Broken::NoTests), "{error:?}");
}

#[tokio::test]
async fn that_a_test_is_left_out_is_said_even_if_messages_are_withheld() {
    let mut place = place(WRONG, false).await;
    place.write("reference/ctutor-test.toml", &format!("{PLAN}messages = 'withheld'\n"));
    place.write("reference/tests/test_skipped.py", SKIPPED);
    let report = place.test().await.unwrap();
    assert_eq!(message(&report, "test_mark"), "left out of the count");
    assert_eq!(message(&report, "test_right"), "");
}

#[tokio::test]
async fn what_the_solution_skips_in_a_report_is_left_out() {
    let plan = "
runner = 'junit'
student_files = ['answer.py']
reference_files = ['tests']
solution = 'solution'
[junit]
argv = ['python3', '-m', 'pytest', '--quiet', '--junitxml=report.xml', 'tests']
report = 'report.xml'
";
    for (answer, passed, failed) in [
        (RIGHT, 2, 0),
        (WRONG, 1, 1),
        ("import pytest\ndef find(): pytest.skip('later')\ndef text(): return 'x'\n", 1, 1),
    ] {
        let mut place = place(answer, true).await;
        place.write("reference/ctutor-test.toml", plan);
        place.write("reference/tests/test_skipped.py", SKIPPED);
        let report = place.test().await.unwrap();
        assert_eq!(counts(&report), (passed, failed, SKIPPED_COUNT), "{report:#?}");
        assert_says_so(&report);
    }
}

/// The first and the last are left out, all others count.
const SUBTESTS: &str = "
import unittest
import answer
class Cases(unittest.TestCase):
    def test_a_whole(self): self.skipTest('as a whole')
    def test_one_of_them(self):
        for number in range(3):
            with self.subTest(number=number):
                if number == 1: self.skipTest('not this one')
                self.assertEqual(answer.find(), 42)
    def test_the_last_fails(self):
        for number in range(3):
            with self.subTest(number=number):
                if number == 0: self.skipTest('not this one')
                if number == 2: self.assertEqual(answer.find(), 42)
    def test_what_follows_fails(self):
        with self.subTest('first'): self.skipTest('not this one')
        self.assertEqual(answer.find(), 42)
    def test_whole_after_a_subtest(self):
        with self.subTest('first'): pass
        self.skipTest('as a whole')
";

#[tokio::test]
async fn a_test_with_a_skipped_subtest_is_judged_by_the_rest() {
    for conftest in ["", "pytest_plugins = ['pytest_subtests']\n"] {
        for (answer, passed, failed) in [(RIGHT, 5, 0), (WRONG, 1, 4)] {
            let mut place = place(answer, true).await;
            place.write("reference/tests/conftest.py", conftest);
            place.write("reference/tests/test_sub.py", SUBTESTS);
            let report = place.test().await.unwrap();
            assert_eq!(counts(&report), (passed, failed, 2), "{conftest} {report:#?}");
            assert_says_so(&report);
            if answer == WRONG {
                assert!(message(&report, "test_the_last_fails").contains("41 != 42"), "{report:#?}");
            }
        }
        // A submission that has a subtest skipped does not pass it.
        let skipping =
            "import unittest\ndef find(): raise unittest.SkipTest('later')\ndef text(): return 'x'\n";
        let mut place = place(skipping, true).await;
        place.write("reference/tests/conftest.py", conftest);
        place.write("reference/tests/test_sub.py", SUBTESTS);
        let report = place.test().await.unwrap();
        assert_eq!(counts(&report), (1, 4, 2), "{conftest} {report:#?}");
        assert!(message(&report, "test_one_of_them").starts_with("it was skipped with the submission: "));
    }
}
