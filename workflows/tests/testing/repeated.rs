//! Reports that a submission sends for a test, and plugins that it registers.

use crate::support::{PLAN, Place, counts, message};

const RIGHT: &str = "def find(): return 42\ndef text(): return 'x'\n";

/// At the end of a test it reports that the test was repeated and has passed.
const FORGE: &str = "
import sys
def find():
    from _pytest.reports import TestReport
    frame = sys._getframe()
    while 'pyfuncitem' not in frame.f_locals: frame = frame.f_back
    item = frame.f_locals['pyfuncitem']
    def forge():
        for when, outcome in (('call', 'rerun'), ('setup', 'passed'), ('call', 'passed')):
            report = TestReport(item.nodeid, item.location, {}, outcome, None, when, duration=0.0)
            item.ihook.pytest_runtest_logreport(report=report)
    item.addfinalizer(forge)
    return 0
text = find
";

const WRAPPER: &str = "
import pytest
@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    outcome.get_result().extra = 'told'
";

const OWN_PROTOCOL: &str = "
import pytest
@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_protocol(item): yield
";

async fn place(answer: &str, conftest: &str) -> Place {
    let place = Place::with_answer(answer).await;
    place.write("reference/ctutor-test.toml", &format!("{PLAN}solution = 'solution'\n"));
    place.write("reference/solution/answer.py", RIGHT);
    place.write("reference/tests/conftest.py", conftest);
    place
}

#[tokio::test]
async fn a_later_attempt_takes_back_no_failure() {
    let rerun = "pytest_plugins = ['pytest_rerunfailures']";
    for conftest in [WRAPPER, "pytest_plugins = ['pytest_timeout']", OWN_PROTOCOL, rerun] {
        let report = place(FORGE, conftest).await.test().await.unwrap();
        assert_eq!(counts(&report), (0, 2, 0), "{conftest}\n{report:#?}");
        let report = place(RIGHT, conftest).await.test().await.unwrap();
        assert_eq!(counts(&report), (2, 0, 0), "{conftest}\n{report:#?}");
    }
}

#[tokio::test]
async fn a_plugin_of_the_submission_voids_the_results() {
    let register = "
import sys
class Plugin:
    def pytest_runtest_teardown(self, item): pass
def find():
    frame = sys._getframe()
    while 'pyfuncitem' not in frame.f_locals: frame = frame.f_back
    manager = frame.f_locals['pyfuncitem'].config.pluginmanager
    plugin = Plugin()
    manager.register(plugin)
    return 42
def text(): return 'x'
";
    let leave_again = register.replace("return 42", "manager.unregister(plugin)\n    return 42");
    for source in [register, &leave_again] {
        let report = place(source, "").await.test().await.unwrap();
        assert!(message(&report, "test_right").contains("tampered"), "{source}\n{report:#?}");
    }
}

#[tokio::test]
async fn a_plugin_that_the_reference_registers_late_is_its_own_business() {
    let conftest = "
import pytest
class Plugin:
    def pytest_runtest_teardown(self, item): pass
@pytest.fixture(autouse=True, scope='session')
def plugin(request): request.config.pluginmanager.register(Plugin())
";
    let report = place(RIGHT, conftest).await.test().await.unwrap();
    assert_eq!(counts(&report), (2, 0, 0), "{report:#?}");
}
