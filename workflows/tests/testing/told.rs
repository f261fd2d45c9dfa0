//! What is said of failures where the words of Python, of pytest and of its plugins do not help.

use ctutor_workflows::testing::report::Report;

use crate::support::{PLAN, Place, counts, message};

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

#[tokio::test]
async fn a_source_that_is_no_utf_8_is_told_by_its_name() {
    let right = "def find(): return 42\ndef text(): return 'ä'\n";
    let utf_16 = right.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
    let with_mark = [b"\xff\xfe", &utf_16[..]].concat();
    let latin_1 = right.chars().map(|letter| u8::try_from(u32::from(letter)).unwrap()).collect();
    for source in [utf_16, with_mark, latin_1, [right.as_bytes(), b"\0"].concat()] {
        let mut place = Place::with_answer("").await;
        std::fs::write(place.path("student/answer.py"), &source).unwrap();
        let report = place.test().await.unwrap();
        assert_eq!(counts(&report), (0, 2, 0), "{report:#?}");
        let told = message(&report, "test_right");
        assert!(
            told.ends_with("\n(`answer.py` is not saved as UTF-8: save it with the encoding UTF-8)"),
            "{told}"
        );
    }
}

#[tokio::test]
async fn a_fixture_that_the_worker_lacks_is_no_fault_of_the_submission() {
    for (name, plugin) in
        [("mocker", "pytest-mock"), ("benchmark", "pytest-benchmark"), ("httpx_mock", "pytest-httpx")]
    {
        for plan in [PLAN.to_owned(), format!("{PLAN}solution = 'solution'\n")] {
            let mut place = Place::with_answer(WRONG).await;
            place.write("reference/ctutor-test.toml", &plan);
            place.write("reference/solution/answer.py", WRONG);
            let tests = format!(
                "import pytest\n@pytest.fixture\ndef own({name}): pass\n@pytest.mark.parametrize('n', [1])\ndef test_n(n, tmp_path, request): pass\ndef test_own(own): pass\n"
            );
            place.write("reference/tests/test_answer.py", &tests);
            let fault = place.test().await.unwrap_err().to_string();
            assert!(fault.contains("`tests/test_answer.py::test_own`"), "{fault}");
            assert!(fault.contains(&format!("`{name}`")) && fault.contains(plugin), "{fault}");
        }
    }
    let skipped = "import pytest\n@pytest.mark.skip\ndef test_a(mocker): pass\ndef test_b(): pass\n";
    let report = report_of(WRONG, "", skipped).await;
    assert_eq!(counts(&report), (1, 0, 1), "{report:#?}");
}

#[tokio::test]
async fn frames_and_folders_of_the_worker_are_not_shown() {
    let source = "import threading
def find():
    while True: pass
def text(): return input('n?')
def parse(): threading.Thread(target=None).start(1)
";
    let tests = "import pytest, answer, json
@pytest.mark.timeout(1, method='thread')
def test_thread(): assert answer.find() == 42
@pytest.mark.timeout(1)
def test_signal(): assert answer.find() == 42
def test_input(): assert answer.text() == 'x'
def test_library(): json.loads(answer)
";
    let report = report_of(source, "pytest_plugins = ['pytest_timeout']\n", tests).await;
    assert_eq!(counts(&report), (0, 4, 0), "{report:#?}");
    for (test, words) in [
        ("test_thread", "File \"./answer.py\", line 3, in find\n"),
        ("test_signal", "answer.py:3: in find\n"),
        ("test_input", "answer.py:4: in text\n    def text(): return input('n?')\nE   OSError: "),
        ("test_library", "\n…/json/__init__.py:"),
    ] {
        let told = message(&report, test);
        assert!(told.contains(words), "{words} in {told}");
        for hidden in ["probe.py", "-packages", "pluggy", "_pytest", "/usr/lib", "capture.py"] {
            assert!(!told.contains(hidden), "{hidden} in {told}");
        }
    }
}
