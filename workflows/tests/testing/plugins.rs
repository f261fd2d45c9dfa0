//! Plugins of the reference that send further reports or run tests again, and submissions that pretend to be one.

use crate::support::{PLAN, Place, counts, message};

const RIGHT: &str = "def find(): return 42\ndef text(): return 'x'\n";
const WRONG: &str = "def find(): return 41\ndef text(): return 'x'\n";

async fn place(answer: &str, conftest: &str, tests: &str) -> Place {
    let place = Place::with_answer(answer).await;
    place.write("reference/ctutor-test.toml", &format!("{PLAN}solution = 'solution'\n"));
    place.write("reference/solution/answer.py", RIGHT);
    place.write("reference/tests/conftest.py", conftest);
    place.write("reference/tests/test_more.py", &format!("import pytest, answer\n{tests}"));
    place
}

/// Two tests of the reference pass with the right answer, and the further ones besides.
async fn assert_judged(conftest: &str, tests: &str, right: (u32, u32, u32), wrong: (u32, u32, u32)) {
    for (answer, expected) in [(RIGHT, right), (WRONG, wrong)] {
        let report = place(answer, conftest, tests).await.test().await.unwrap();
        assert_eq!(counts(&report), expected, "{tests}\n{report:#?}");
        let told = |word: &str| {
            report
                .tests
                .iter()
                .any(|test| test.result_message.as_ref().is_some_and(|text| text.contains(word)))
        };
        assert!(!told("tampered") && !told("not found"), "{report:#?}");
    }
}

const SUBTESTS: &str = "
import unittest

class Cases(unittest.TestCase):
    def test_all(self):
        for number in range(3):
            with self.subTest(number=number): self.assertEqual(answer.find() + number, 42 + number)

def test_fixture(subtests):
    for number in range(3):
        with subtests.test('sum', number=number): assert answer.find() + number == 42 + number
";

/// What pytest 9 sends, recorded: a `call` report for each subtest before the test's own, which fails in its turn if
/// one of them has failed.
const LIKE_PYTEST_9: &str = "
import copy, types
import pytest
from _pytest.runner import CallInfo

class Subtests:
    def __init__(self, request): self.request, self.failures = request, 0
    def test(self, msg=None, **kwargs): return Subtest(self, types.SimpleNamespace(msg=msg, kwargs=kwargs))

class Subtest:
    def __init__(self, subtests, context): self.subtests, self.context = subtests, context
    def __enter__(self): pass
    def __exit__(self, kind, error, traceback):
        def again():
            if error: raise error
        item = self.subtests.request.node
        report = item.ihook.pytest_runtest_makereport(item=item, call=CallInfo.from_call(again, 'call'))
        report.context = self.context
        item.ihook.pytest_runtest_logreport(report=report)
        self.subtests.failures += report.failed
        return True

@pytest.fixture
def subtests(request):
    request.node.subtests = Subtests(request)
    return request.node.subtests

@pytest.hookimpl(hookwrapper=True)
def pytest_pyfunc_call(pyfuncitem):
    outcome = yield
    outcome.get_result()
    failures = getattr(getattr(pyfuncitem, 'subtests', None), 'failures', 0)
    if failures: pytest.fail(f'contains {failures} failed subtest')
";

#[tokio::test]
async fn subtests_are_part_of_their_test() {
    assert_judged("pytest_plugins = ['pytest_subtests']", SUBTESTS, (4, 0, 0), (1, 3, 0)).await;
    let fixture = &SUBTESTS[SUBTESTS.find("def test_fixture").unwrap()..];
    assert_judged(LIKE_PYTEST_9, fixture, (3, 0, 0), (1, 2, 0)).await;
    let report = place(WRONG, LIKE_PYTEST_9, fixture).await.test().await.unwrap();
    assert!(message(&report, "test_fixture").starts_with("subtest [sum] number=0: "), "{report:#?}");
}

#[tokio::test]
async fn a_subtest_counts_as_skipped_only_if_the_solution_skips_it() {
    let tests = "
def test_fixture(subtests):
    for number in range(3):
        with subtests.test(number=number):
            if number == 1: pytest.skip('later')
            assert answer.find() == 42
";
    let skipping = "import pytest\ndef find(): pytest.skip('later')\ndef text(): return 'x'\n";
    for conftest in ["pytest_plugins = ['pytest_subtests']", LIKE_PYTEST_9] {
        assert_judged(conftest, tests, (3, 0, 0), (1, 2, 0)).await;
        let report = place(skipping, conftest, tests).await.test().await.unwrap();
        assert_eq!(counts(&report), (1, 2, 0), "{report:#?}");
        assert!(message(&report, "test_fixture").contains("subtest number=2: Skipped: later"), "{report:#?}");
    }
}

const AT_THE_SECOND_TIME: &str = "
runs = []
class TestAgain:
    MARK
    def test_again(self):
        runs.append(1)
        assert len(runs) % 2 == 0 and answer.find() == 42

MARK
def test_never(): assert answer.find() == 42
";

#[tokio::test]
async fn a_test_that_a_plugin_repeats_is_judged_by_its_last_attempt() {
    for (plugin, mark) in [
        ("pytest_rerunfailures", "@pytest.mark.flaky(reruns=1)"),
        ("flaky.flaky_pytest_plugin", "@pytest.mark.flaky(max_runs=2)"),
    ] {
        let conftest = format!("pytest_plugins = ['{plugin}']");
        assert_judged(&conftest, &AT_THE_SECOND_TIME.replace("MARK", mark), (4, 0, 0), (1, 3, 0)).await;
    }
}

/// What pytest-retry sends, recorded: one report object, as `retried` and then with the result of the last attempt.
const LIKE_PYTEST_RETRY: &str = "
import pytest
from _pytest.reports import TestReport
from _pytest.runner import CallInfo

@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_protocol(item): yield

@pytest.hookimpl(hookwrapper=True, tryfirst=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    report = outcome.get_result()
    if report.when != 'call' or not report.failed or not item.get_closest_marker('flaky'): return
    report.outcome = 'retried'
    item.ihook.pytest_runtest_logreport(report=report)
    again = CallInfo.from_call(lambda: item.ihook.pytest_runtest_call(item=item), 'call')
    last = TestReport.from_item_and_call(item, again)
    report.outcome, report.longrepr = last.outcome, last.longrepr
";

#[tokio::test]
async fn reports_count_as_they_were_when_they_were_sent() {
    let tests = AT_THE_SECOND_TIME.replace("MARK", "@pytest.mark.flaky");
    assert_judged(LIKE_PYTEST_RETRY, &tests, (4, 0, 0), (1, 3, 0)).await;
}

#[tokio::test]
async fn plugins_that_add_tests_or_run_them_elsewhere_are_judged_rightly() {
    let tests = "
@pytest.mark.asyncio
async def test_async(): assert answer.find() == 42

class TestAsync:
    @pytest.mark.asyncio
    async def test_method(self): assert answer.find() == 42

@pytest.mark.repeat(2)
def test_repeated(mocker):
    mocker.patch('answer.text', return_value='y')
    assert answer.find() == 42 and answer.text() == 'y'
";
    let conftest = "
pytest_plugins = ['pytest_asyncio.plugin', 'pytest_repeat', 'pytest_mock', 'pytest_timeout']

# Whoever orders tests last still leaves each with its canary.
import pytest
@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items): items.reverse()
";
    assert_judged(conftest, tests, (6, 0, 0), (1, 5, 0)).await;
}

#[tokio::test]
async fn a_submission_cannot_repeat_tests() {
    // It sends a report that takes back the failure, or runs the test until it passes.
    let take_back = "
import copy
def find():
    import sys
    frame = sys._getframe()
    while 'item' not in frame.f_locals or 'nextitem' not in frame.f_locals: frame = frame.f_back
    item = frame.f_locals['item']
    from _pytest.runner import runtestprotocol
    global find
    find = lambda: 42
    for report in runtestprotocol(item, log=False):
        item.ihook.pytest_runtest_logreport(report=report)
    raise AssertionError
def text(): return 'x'
";
    let mut place = Place::with_answer(take_back).await;
    let report = place.test().await.unwrap();
    assert_eq!(counts(&report), (1, 1, 0), "{report:#?}");
    let praise = "
import gc, pluggy
class Praise:
    def pytest_runtest_makereport(self, item, call):
        from _pytest.reports import TestReport
        report = TestReport.from_item_and_call(item, call)
        if report.failed:
            report.outcome = 'rerun'
            item.ihook.pytest_runtest_logreport(report=report)
            report.outcome, report.longrepr = 'passed', None
        return report
for value in gc.get_objects():
    if isinstance(value, pluggy.PluginManager): value.register(Praise())
def find(): return 0
text = find
";
    let mut place = Place::with_answer(praise).await;
    let report = place.test().await.unwrap();
    assert_eq!(counts(&report), (0, 2, 0), "{report:#?}");
}

#[tokio::test]
async fn files_that_a_conftest_runs_cannot_change_pytest() {
    let change = "
import _pytest.unittest
_pytest.unittest.TestCaseFunction.runtest = lambda self: None
def find(): return 0
text = find
";
    for conftest in
        ["import answer", "import os, runpy\nif os.path.exists('answer.py'): runpy.run_path('answer.py')"]
    {
        let mut place = Place::with_answer(change).await;
        place.write("reference/tests/conftest.py", conftest);
        let report = place.test().await.unwrap();
        assert_eq!(counts(&report), (0, 2, 0), "{report:#?}");
        assert!(message(&report, "test_right").contains("tampered"), "{report:#?}");
    }
}

#[tokio::test]
async fn a_plugin_of_the_reference_may_lie_outside_the_folder_of_the_tests() {
    let plugin = "
import pytest
@pytest.fixture
def right(): return 42
def pytest_runtest_setup(item): pass
";
    let case = "import unittest, answer\nclass Case(unittest.TestCase):\n    def test_case(self): self.assertEqual(answer.find(), 42)\n";
    for (tests, reference_file, folder) in
        [("tests", "course_plugin.py", "."), ("tests/unit", "tests/helpers/", "tests/helpers")]
    {
        for (answer, expected) in [(RIGHT, (2, 0, 0)), (WRONG, (0, 2, 0))] {
            let mut place = Place::with_answer(answer).await;
            std::fs::remove_file(place.path("reference/tests/test_answer.py")).unwrap();
            let plan = format!(
                "runner = 'pytest'\nstudent_files = ['answer.py']\nreference_files = ['{reference_file}']\ntests = '{tests}'\nsolution = 'solution'\n"
            );
            place.write("reference/ctutor-test.toml", &plan);
            place.write("reference/solution/answer.py", RIGHT);
            place.write(&format!("reference/{folder}/course_plugin.py"), plugin);
            place.write(&format!("reference/{folder}/course_case.py"), case);
            place.write(
                &format!("reference/{tests}/conftest.py"),
                &format!("import sys\nsys.path.insert(0, {folder:?})\npytest_plugins = ['course_plugin']\n"),
            );
            let mut test =
                "import answer\ndef test_plugin(right): assert answer.find() == right\n".to_owned();
            // The first plan names a single file.
            test += if reference_file.ends_with('/') {
                "from course_case import Case\n"
            } else {
                "import unittest\nclass Case(unittest.TestCase):\n    def test_case(self): self.assertEqual(answer.find(), 42)\n"
            };
            place.write(&format!("reference/{tests}/test_more.py"), &test);
            let report = place.test().await.unwrap();
            assert_eq!(counts(&report), expected, "{reference_file}\n{report:#?}");
            assert!(!message(&report, "test_plugin").contains("tampered"), "{report:#?}");
        }
    }
}
