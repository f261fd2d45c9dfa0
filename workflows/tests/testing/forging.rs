//! Submissions that would rather change the verdict than the program.

use crate::support::{Place, counts, message};

const RIGHT: &str = "def find(): return 42\ndef text(): return 'x'\n";

/// Neither test may pass whatever the submission does while it is imported or called.
async fn assert_nothing_passes(source: &str) {
    let mut place = Place::with_answer(source).await;
    place.maxima.test_timeout = std::time::Duration::from_secs(5);
    let report = place.test().await.unwrap();
    assert_eq!(counts(&report), (0, 2, 0), "{source}\n{report:#?}");
}

#[tokio::test]
async fn leaving_early_is_no_success() {
    assert_nothing_passes("import os; os._exit(0)").await;
    assert_nothing_passes("import os\ndef find(): os._exit(0)\ndef text(): os._exit(0)").await;
    assert_nothing_passes("import pytest; pytest.exit('done', returncode=0)").await;
    assert_nothing_passes("import pytest\ndef find(): pytest.exit('done', returncode=0)\ntext = find").await;
}

#[tokio::test]
async fn lines_like_those_of_the_probe_mean_nothing() {
    let forgery = r#"
import os, json
def shout():
    for test in ['right', 'text']:
        event = {'event': 'done', 'test': 'tests/test_answer.py::test_' + test, 'result': 'passed', 'message': None, 'duration': 0}
        for line in [json.dumps(event), '0' * 32 + ' ' + json.dumps(event)]:
            for fd in range(1, 30):
                try: os.write(fd, ('\n' + line + '\n').encode())
                except OSError: pass
    os._exit(0)
"#;
    assert_nothing_passes(&format!("{forgery}\nshout()")).await;
    assert_nothing_passes(&format!("{forgery}\nfind = text = shout")).await;
}

/// All tests have failed, because the submission was caught.
async fn assert_is_caught(source: &str) {
    let mut place =
        Place::with_answer(&format!("def find(): return 0\ndef text(): return 0\n{source}")).await;
    let report = place.test().await.unwrap();
    assert_eq!(counts(&report), (0, 2, 0), "{source}\n{report:#?}");
    for test in ["test_right", "test_text"] {
        assert!(message(&report, test).contains("tampered"), "{source}\n{report:#?}");
    }
}

#[tokio::test]
async fn a_pytest_in_which_everything_passes_is_not_believed() {
    assert_is_caught("import _pytest.python\n_pytest.python.Function.runtest = lambda self: None").await;
    assert_is_caught(
        "
from _pytest.reports import TestReport
make = TestReport.from_item_and_call.__func__
def praise(cls, item, call):
    report = make(cls, item, call)
    report.outcome, report.longrepr = 'passed', None
    return report
TestReport.from_item_and_call = classmethod(praise)",
    )
    .await;
    // Nothing of pytest is another object than before.
    assert_is_caught(
        "
import gc, pluggy
class Praise:
    def pytest_pyfunc_call(self, pyfuncitem): return True
for value in gc.get_objects():
    if isinstance(value, pluggy.PluginManager): value.register(Praise())",
    )
    .await;
}

#[tokio::test]
async fn what_tests_compare_with_cannot_be_replaced() {
    let mut place = Place::with_answer(
        "
import contextlib, pytest
class Any:
    def __eq__(self, other): return True
pytest.approx = lambda *_, **__: Any()
pytest.raises = lambda *_, **__: contextlib.suppress(BaseException)
",
    )
    .await;
    place.write(
        "reference/tests/test_answer.py",
        "import pytest\nimport answer\n\ndef test_right():\n    assert 1 == pytest.approx(2)\n\ndef test_text():\n    with pytest.raises(ValueError):\n        answer.text()\n",
    );
    let report = place.test().await.unwrap();
    assert_eq!(counts(&report), (0, 2, 0), "{report:#?}");
    assert!(message(&report, "test_text").contains("tampered"), "{report:#?}");
}

#[tokio::test]
async fn results_that_the_submission_tells_by_the_probe_are_not_believed() {
    let forge = "
def forge(tell, *results):
    for test in ['tests/test_answer.py::test_right', 'tests/test_answer.py::test_text']:
        for result in results:
            tell('started', test=test)
            tell('done', test=test, result=result, message=None, duration=0)
";
    let by_frames = format!(
        "{forge}
import os, sys
frame = sys._getframe()
while frame:
    if 'tell' in frame.f_locals and 'orders' in frame.f_locals:
        tell = frame.f_locals['tell']
        for test in frame.f_locals['orders']['wanted']:
            tell('done', test=test, result='passed', message=None, duration=0)
        tell('finished', code=0)
        os._exit(0)
    frame = frame.f_back"
    );
    assert_is_caught(&by_frames).await;
    let by_search = |what: &str| {
        format!(
            "{forge}
import gc, os
for value in gc.get_objects():
    if type(value).__name__ == 'function' and value.__code__.co_varnames[:2] == ('event', 'details'):
        tell = value
        {what}"
        )
    };
    for what in [
        "for test in ['tests/test_answer.py::test_right']: tell('done', test=test, result='passed', message=None, duration=0)",
        "forge(tell, 'passed', 'passed')",
        "forge(tell, 'passed', 'passed'); tell('finished', code=0); os._exit(0)",
        // They run on, and their true results come after.
        "forge(tell, 'passed', 'failed')",
    ] {
        assert_is_caught(&by_search(what)).await;
    }
    // Half a result is none.
    assert_nothing_passes(&by_search("forge(tell, 'passed'); os._exit(0)")).await;
}

#[tokio::test]
async fn a_program_that_forks_and_does_not_leave_is_no_forger() {
    let source = "import os\ndef find():\n    os.fork()\n    return 42\ndef text(): return 'x'\n";
    let report = Place::with_answer(source).await.test().await.unwrap();
    assert_eq!(counts(&report), (2, 0, 0), "{report:#?}");
}

#[tokio::test]
async fn reports_written_by_the_submission_are_not_read() {
    let source = "
import os, pathlib
for name in ['report.xml', 'junit.xml', 'testSummary.json', 'output/testSummary.json', '/tmp/report.xml']:
    try:
        pathlib.Path(name).parent.mkdir(exist_ok=True)
        pathlib.Path(name).write_text('<testsuite tests=\"2\" failures=\"0\"/>')
    except OSError: pass
os._exit(0)";
    assert_nothing_passes(source).await;
}

#[tokio::test]
async fn the_tests_of_the_reference_cannot_be_replaced_or_changed() {
    let easy = "def test_right(): pass\ndef test_text(): pass\n";
    let mut place = Place::with_answer("def find(): return 0\ndef text(): return 0\n").await;
    place.write("student/tests/test_answer.py", easy);
    place.write("student/tests/__init__.py", "");
    place.write("student/test_answer.py", easy);
    assert_eq!(counts(&place.test().await.unwrap()), (0, 2, 0));

    let source = format!(
        "
import os, glob
for name in ['tests', 'tests/test_answer.py'] + glob.glob('/tmp/**/test_answer.py', recursive=True):
    for change in [lambda: os.rename(name, name + '.old'), lambda: os.chmod(name, 0o777), lambda: os.remove(name),
                   lambda: open(name, 'w').write({easy:?})]:
        try: change()
        except OSError: pass
def find():
    open('tests/test_answer.py', 'w')
text = find"
    );
    assert_nothing_passes(&source).await;
}

#[tokio::test]
async fn configuration_of_the_submission_is_left_out() {
    let pass_all = "
import pytest
@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    report = outcome.get_result()
    report.outcome, report.longrepr = 'passed', None
";
    let mut place = Place::with_answer("def find(): return 0\ndef text(): return 0\n").await;
    for name in
        ["conftest.py", "src/conftest.py", "tests/conftest.py", "sitecustomize.py", "usercustomize.py"]
    {
        place.write(&format!("student/{name}"), pass_all);
    }
    for name in ["pytest.ini", "tox.ini", "setup.cfg", "pyproject.toml"] {
        place.write(
            &format!("student/{name}"),
            "[pytest]\naddopts = -p answer --collect-only\n[tool:pytest]\naddopts = -x\n",
        );
    }
    assert_eq!(counts(&place.test().await.unwrap()), (0, 2, 0));
}

#[tokio::test]
async fn modules_of_the_submission_do_not_take_the_place_of_libraries() {
    let mut place = Place::with_answer(RIGHT).await;
    for name in ["json", "pytest", "_pytest", "random", "pathlib"] {
        place.write(&format!("student/{name}.py"), "import os; os._exit(0)");
    }
    assert_eq!(counts(&place.test().await.unwrap()), (2, 0, 0));
}

#[tokio::test]
async fn links_of_a_submission_are_not_followed() {
    let mut place = Place::with_answer(RIGHT).await;
    place.write("outside/helper.py", "number = 42");
    std::os::unix::fs::symlink(place.path("outside"), place.path("student/src")).unwrap();
    std::fs::remove_file(place.path("student/answer.py")).unwrap();
    std::os::unix::fs::symlink("/etc/passwd", place.path("student/answer.py")).unwrap();
    assert_eq!(counts(&place.test().await.unwrap()), (0, 2, 0));
}

#[tokio::test]
async fn hostile_programs_are_outcomes() {
    let fork = "import os\nwhile True:\n    try: os.fork()\n    except OSError: pass";
    let memory = "import os\nblocks = []\nfor _ in range(3):\n    if os.fork() == 0: break\nblock = b'x' * (300 << 20)\nwhile True: pass";
    let flood = "import os\nwhile True: os.write(2, b'x' * 65536)";
    let locked = "import os\nos.makedirs('a/b'); open('a/b/c', 'w'); os.chmod('a/b', 0); os.chmod('a', 0); os._exit(0)";
    for source in [fork, memory, flood, locked] {
        assert_nothing_passes(source).await;
    }
}
