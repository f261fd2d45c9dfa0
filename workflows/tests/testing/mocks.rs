//! Mocks in the place of what the tests are made of, for longer than one test.

use crate::support::{Place, counts, message};

/// A module of tests whose helpers a fixture of wider scope replaces.
const HELPERS: &str = "
import sys
import unittest
from unittest.mock import MagicMock, patch
import pytest
import answer
this = sys.modules[__name__]
def expected(): return 1
def other(): return 1
def third(): return 1
class Cases(unittest.TestCase):
    def expected(self): return 1
    @classmethod
    def setUpClass(cls):
        cls.patch = patch.object(cls, 'expected', return_value=42)
        cls.patch.start()
    @classmethod
    def tearDownClass(cls): cls.patch.stop()
    def test_case(self): self.assertEqual(answer.find(), self.expected())
    def test_case_again(self): self.assertEqual(answer.find(), self.expected())
";

const TESTS: &str = "
def test_mocked(): assert answer.find() == expected() == other() == third()
def test_mocked_again(): assert answer.find() == expected() == other() == third()
";

const FIXTURES: [&str; 2] = [
    "
@pytest.fixture(scope='module', autouse=True)
def mocked(module_mocker):
    answer.find()
    module_mocker.patch.object(this, 'expected', return_value=42)
    with patch(__name__ + '.other', lambda: 42):
        monkeypatch = pytest.MonkeyPatch()
        monkeypatch.setattr(this, 'third', MagicMock(return_value=42))
        yield
        monkeypatch.undo()
",
    "
def setup_module():
    for name in ('expected', 'other', 'third'): patch.object(this, name, return_value=42).start()
",
];

#[tokio::test]
async fn a_fixture_of_the_reference_may_mock_functions_of_the_tests_for_longer_than_a_test() {
    for fixture in FIXTURES {
        for (answer, expected) in [("def find(): return 42", (4, 0, 0)), ("def find(): return 41", (0, 4, 0))]
        {
            let mut place = Place::with_answer(answer).await;
            place.write("reference/tests/conftest.py", "pytest_plugins = ['pytest_mock']\n");
            place.write("reference/tests/test_answer.py", &format!("{HELPERS}{fixture}{TESTS}"));
            let report = place.test().await.unwrap();
            assert_eq!(counts(&report), expected, "{fixture} {report:#?}");
            assert!(!message(&report, "test_mocked").contains("tampered"), "{report:#?}");
        }
    }
}

/// Whatever calls it, a mock that the submission has made or set is not the reference's.
#[tokio::test]
async fn a_mock_of_the_submission_voids_the_results() {
    let calls = "
@pytest.fixture(scope='module', autouse=True)
def called(): answer.start()
";
    let mock = "patch('test_answer.expected', side_effect=lambda: find())";
    for start in [
        format!("def start(): {mock}.start()"),
        format!("start = {mock}.start"),
        "def start(): sys.modules['test_answer'].expected = MagicMock(side_effect=lambda: find())".to_owned(),
        "def start(): MonkeyPatch().setattr('test_answer.expected', MagicMock(side_effect=lambda: find()))".to_owned(),
        "start = functools.partial(MonkeyPatch().setattr, 'test_answer.expected', MagicMock(side_effect=lambda: find()))".to_owned(),
        format!("def start():\n    thread = threading.Thread(target={mock}.start)\n    thread.start()\n    thread.join()"),
    ] {
        let source = format!(
            "import functools, sys, threading\nfrom unittest.mock import MagicMock, patch\nfrom pytest import MonkeyPatch\n\
             def find(): return 0\n{start}\n"
        );
        let mut place = Place::with_answer(&source).await;
        let tests = "import pytest\nimport answer\ndef expected(): return 42\n";
        let test = "def test_one(): assert answer.find() == expected()\ndef test_two(): test_one()\n";
        place.write("reference/tests/test_answer.py", &format!("{tests}{calls}{test}"));
        let report = place.test().await.unwrap();
        assert_eq!(counts(&report), (0, 2, 0), "{start} {report:#?}");
        assert!(message(&report, "test_one").contains("tampered"), "{start} {report:#?}");
    }
}
