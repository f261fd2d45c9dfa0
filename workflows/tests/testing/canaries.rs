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

const CASES: &str = "
import unittest
import pytest
import answer

def check(found): assert found == 42

class Cases(unittest.TestCase):
    def tearDown(self): self.addCleanup(int)
    def test_a(self): self.assertEqual(answer.find(), 42)
    def test_b(self): self.assertEqual(answer.find(), 42)

@pytest.fixture
def expected(): return 42
def test_fixture(expected): assert answer.find() == expected
def test_helper(): check(answer.find())
";

/// No test passes. With `is_caught`, because it was noticed; else because it was without effect.
async fn assert_cases_fail(source: &str, is_caught: bool) {
    let mut place = Place::with_answer(source).await;
    place.write("reference/tests/test_answer.py", CASES);
    let report = place.test().await.unwrap();
    assert_eq!(counts(&report), (0, 4, 0), "{source}\n{report:#?}");
    assert_eq!(message(&report, "test_b").contains("tampered"), is_caught, "{source}\n{report:#?}");
}

#[tokio::test]
async fn what_judges_the_reports_cannot_be_replaced() {
    let by_name =
        "import __main__\n__main__.conclude = lambda *_: ('passed', None, [])\ndef find(): return 0\n";
    assert_cases_fail(by_name, false).await;
    for (name, code) in [
        ("conclude", "lambda *_: ('passed', None, [])"),
        ("has_passed_unexpectedly", "lambda *_: True"),
        ("is_innocent", "lambda *_: is_students or True"),
    ] {
        let by_search = format!(
            "
import gc
def find():
    for value in gc.get_objects():
        if type(value).__name__ == 'function' and value.__name__ == '{name}':
            def around(is_students):
                return {code}
            code = {code}
            for new in (code, around(None)):
                try: value.__code__ = new.__code__
                except ValueError: pass
    return 0
"
        );
        assert_cases_fail(&by_search, true).await;
    }
    let by_attribute = "
import gc, unittest
for value in gc.get_objects():
    if type(value).__name__ == 'Probe':
        value._unchanged = lambda *_: True
unittest.TestCase.assertEqual = unittest.TestCase.assertTrue = lambda *_: None
def find(): return 0
";
    assert_cases_fail(by_attribute, true).await;
}

/// Runs `code` with each local variable of the functions that called the submission.
fn with_callers(code: &str) -> String {
    format!(
        "
import sys, unittest
class Forgetful(list):
    def append(self, item): pass
def find():
    frame = sys._getframe()
    while frame:
        for value in list(frame.f_locals.values()):
            {code}
        frame = frame.f_back
    return 0
"
    )
}

#[tokio::test]
async fn unittest_cannot_be_told_by_the_submission_how_a_test_ended() {
    for code in [
        "if hasattr(value, 'addUnexpectedSuccess'): value._excinfo = Forgetful()",
        "if hasattr(value, 'addUnexpectedSuccess'): value.addUnexpectedSuccess(None); value._excinfo = Forgetful(value._excinfo)",
        "if hasattr(value, 'addUnexpectedSuccess'): value.addFailure = lambda *_: None",
        "if isinstance(value, unittest.TestCase): value.assertEqual = lambda *_: None",
        "if isinstance(value, unittest.TestCase): type(value).assertEqual = lambda *_: None",
        "if isinstance(value, unittest.TestCase): value.__class__ = type('Cases', (type(value),), {'assertEqual': print})",
    ] {
        let mut place = Place::with_answer(&with_callers(code)).await;
        place.write("reference/tests/test_answer.py", CASES);
        let report = place.test().await.unwrap();
        assert_eq!(counts(&report), (0, 4, 0), "{code}\n{report:#?}");
        assert!(message(&report, "test_b").contains("tampered"), "{code}\n{report:#?}");
    }
    let announced =
        with_callers("if hasattr(value, 'addUnexpectedSuccess'): value.addUnexpectedSuccess(None); break");
    assert_cases_fail(&announced, false).await;
    let expected =
        "import unittest\nunittest.TestCase.__unittest_expecting_failure__ = True\ndef find(): return 0\n";
    assert_cases_fail(expected, true).await;
}

#[tokio::test]
async fn what_the_reference_tests_with_cannot_be_replaced() {
    for code in [
        "import unittest\n    for kind in unittest.TestCase.__subclasses__():\n        if kind.__name__ == 'Cases': kind.assertEqual = lambda *_: None",
        "import sys\n    sys.modules['test_answer'].check = lambda *_: None",
        "import sys\n    sys.modules['test_answer'].check.__code__ = (lambda *_: None).__code__",
        "import gc\n    for value in gc.get_objects():\n        if type(value).__name__ == 'FixtureDef' and value.argname == 'expected': value.func = lambda: 0",
    ] {
        assert_cases_fail(&format!("def find():\n    {code}\n    return 0\n"), true).await;
    }
}

#[tokio::test]
async fn a_reference_may_replace_what_it_tests_with() {
    let tests = "
import unittest
from unittest import mock
import pytest
import answer

def check(found): assert found == 42
def strict(found): assert found == 42 and type(found) is int
def test_patched():
    with mock.patch(__name__ + '.check'): check(0)

@pytest.fixture(autouse=True)
def patched(monkeypatch): monkeypatch.setattr('test_answer.check', answer.text)

@pytest.fixture(scope='module', autouse=True)
def stricter():
    global check
    check = strict

class Base(unittest.TestCase):
    def make(self): raise NotImplementedError
    def same(self): raise NotImplementedError

class Cases(Base):
    @classmethod
    def setUpClass(cls):
        cls.make = staticmethod(answer.find)
        cls.same = lambda self: self.assertEqual(self.make(), 42)
    def setUp(self): self.assertEqual = super().assertEqual
    def test_a(self): self.same()
    @mock.patch.object(unittest.TestCase, 'assertTrue')
    def test_b(self, assert_true): self.assertTrue(False)
";
    assert_judged("", tests, (3, 0, 0)).await;
}
