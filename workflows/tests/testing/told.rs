//! What is said of failures where the words of Python, of pytest and of its plugins do not help.

use ctutor_workflows::testing::report::Report;

use crate::support::{Place, message};

const WRONG: &str = "def find():\n    print('mine')\n    return 41\ndef text(): return 'x'\n";

async fn report_of(answer: &str, conftest: &str, tests: &str) -> Report {
    let mut place = Place::with_answer(answer).await;
    place.write("reference/tests/conftest.py", conftest);
    place.write("reference/tests/test_answer.py", tests);
    place.test().await.unwrap()
}

#[tokio::test]
async fn letters_of_progress_are_no_output_of_the_program() {
    let tests = "
import unittest, answer
class Cases(unittest.TestCase):
    def test_all(self):
        for n in range(3):
            with self.subTest(n=n): self.assertEqual(answer.find(), 42)
";
    let report = report_of(WRONG, "pytest_plugins = ['pytest_subtests']\n", tests).await;
    let told = message(&report, "test_all");
    assert!(told.ends_with("\nstandard output:\nmine\nmine\nmine"), "{told}");
}

#[tokio::test]
async fn a_reason_that_is_not_given_is_not_announced() {
    let tests = "
import pytest, answer
def test_without(): pytest.xfail()
def test_with(): pytest.xfail('later')
";
    let report = report_of(WRONG, "", tests).await;
    assert_eq!(message(&report, "test_without"), "it was skipped with the submission: expected to fail");
    assert_eq!(message(&report, "test_with"), "it was skipped with the submission: expected to fail: later");
}
