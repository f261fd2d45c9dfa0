//! That tests which keep a state do not notice the canaries that run between them.

use crate::support::{Place, counts, message};

const RIGHT: &str = "def find(): return 42\ndef text(): return 'x'\n";

/// Each test has even odds of its canary before it, so that a suite of so many does not pass by luck.
async fn assert_judged(conftest: &str, tests: &str, expected: (u32, u32, u32)) {
    let mut place = Place::with_answer(RIGHT).await;
    place.write("reference/tests/conftest.py", conftest);
    place.write("reference/tests/test_answer.py", tests);
    let report = place.test().await.unwrap();
    assert_eq!(counts(&report), expected, "{tests}\n{report:#?}");
}

#[tokio::test]
async fn fixtures_and_classes_meet_each_test_once() {
    let tests = "
import os, unittest
import pytest

@pytest.fixture(autouse=True)
def folder():
    os.mkdir('out')

@pytest.fixture(autouse=True, scope='module')
def all_names(request):
    names = []
    yield names
    assert names == [item.name for item in request.session.items if item.cls is None]

class Cases(unittest.TestCase):
    log = []
    @classmethod
    def setUpClass(cls): cls.log.append('class')
    @classmethod
    def tearDownClass(cls): assert cls.log == ['class', 'setUp', 'setUp']
    def setUp(self):
        self.log.append('setUp')
        os.rmdir('out')
    def test_first(self): self.assertEqual(self.log, ['class', 'setUp'])
    def test_second(self): self.assertEqual([name for name in dir(self) if name.startswith('test')],
                                            ['test_first', 'test_second'])

class TestClass:
    log = []
    def setup_method(self): self.log.append('setup')
    def teardown_method(self): os.rmdir('out')
    def test_first(self): assert self.log == ['setup']
    def test_second(self): assert [name for name in dir(self) if name.startswith('test')] == ['test_first', 'test_second']

@pytest.mark.parametrize('number', range(8))
def test_number(number, all_names, request):
    os.rmdir('out')
    assert request.session.testsfailed == 0
    assert len(request.session.items) == 12
    all_names.append(request.node.name)
    assert len(all_names) == number + 1
";
    assert_judged("", tests, (12, 0, 0)).await;
}

/// The recipe for tests that need those before them in pytest's manual, and what plugins for it do.
#[tokio::test]
async fn hooks_of_the_reference_meet_each_test_once() {
    let conftest = "
import pytest
def pytest_runtest_makereport(item, call):
    if item.cls and call.excinfo is not None: item.parent.failed = item
    item.config.told = getattr(item.config, 'told', 0) + 1
def pytest_runtest_setup(item):
    failed = getattr(item.parent, 'failed', None)
    if failed: pytest.xfail('previous test failed')
";
    let tests = "
import pytest
class TestUser:
    def test_login(self): pass
    def test_modification(self): pass
    def test_deletion(self): pass
class TestGuest:
    @pytest.mark.parametrize('number', range(8))
    def test_visit(self, number, pytestconfig): assert pytestconfig.told == 3 * (3 + number) + 1
def test_end(pytestconfig): assert pytestconfig.told == 34
";
    assert_judged(conftest, tests, (12, 0, 0)).await;
}

#[tokio::test]
async fn nothing_is_left_of_a_failure_that_no_test_had() {
    let tests = "
import os, sys
import pytest
@pytest.fixture(autouse=True)
def last(): return getattr(sys, 'last_value', None)
@pytest.mark.parametrize('number', range(12))
def test_last(number, last): assert last is None
";
    assert_judged("", tests, (12, 0, 0)).await;
}

/// Both tests have failed, because the submission was caught.
async fn assert_is_caught(source: &str) {
    let source = format!("import gc, pluggy, pytest\ndef find(): return 0\ndef text(): return 0\n{source}");
    let report = Place::with_answer(&source).await.test().await.unwrap();
    assert_eq!(counts(&report), (0, 2, 0), "{source}\n{report:#?}");
    for test in ["test_right", "test_text"] {
        assert!(message(&report, test).contains("tampered"), "{source}\n{report:#?}");
    }
}

#[tokio::test]
async fn tests_that_are_replaced_are_noticed() {
    let at_the_call = |code: &str| {
        format!(
            "
def find():
    items = [value for value in gc.get_objects() if isinstance(value, pytest.Function)]
    {code}
    return 42"
        )
    };
    for code in [
        "for item in items: item.obj = lambda: None",
        "for item in items[0].session.items: item.obj = lambda: None",
        "for item in items[0].session.items: item.obj = dict",
        "for item in items[0].session.items: item.runtest = lambda: None",
        "for item in items[0].session.items: item.obj.__code__ = (lambda: None).__code__",
    ] {
        assert_is_caught(&at_the_call(code)).await;
    }
}

#[tokio::test]
async fn what_calls_the_hooks_cannot_be_replaced() {
    for code in [
        "manager._inner_hookexec = lambda *details: execute(*details)",
        "manager.hook.pytest_runtest_call = lambda item: None",
    ] {
        let source = format!(
            "
for manager in gc.get_objects():
    if isinstance(manager, pluggy.PluginManager):
        execute = manager._inner_hookexec
        {code}"
        );
        assert_is_caught(&source).await;
    }
}
