"""Runs pytest and writes one line of JSON for each thing that happens, for the reader that knows the nonce.

It is started with `python3 -I`, so that nothing of the working folder is imported before this file has read its
orders. The nonce comes on standard input, which is closed before any file of the student is imported, and is kept in
a closure. The reader ignores every line without it: that is output of some program.

Each test is told twice under the same name: once as it is, and once as a canary (`pytest_canary.py`), which fails. The
orders say which of the two comes first. Only the reader judges: a canary that passes, or a result that arrives out of
order, is a sign that the student's code has changed how tests are run or reported. Whether it has changed functions of
pytest, of the tests or of this runner is looked at besides (`pytest_guard.py`).

The result of a test is concluded from all reports that pytest and its plugins send between the start and the end of
its protocol. There may be more than the usual three: one for each subtest, and those of attempts that a plugin of the
reference repeats. Extra attempts are accepted only if such a plugin was there before the tests were loaded, and none
makes up for a failure that was reported before it.
"""

import os
import sys

# Packages of plugins that repeat tests.
REPEATING = ("flaky", "pytest_rerunfailures", "pytest_retry")


def open_channel():
    import json

    orders = json.loads(sys.stdin.readline())
    nonce = orders.pop("nonce")
    channel = os.dup(1)
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    os.dup2(nothing, 1)
    dumps = json.dumps
    write = os.write
    getpid = os.getpid
    owner = getpid()

    def tell(event, **details):
        # A program that forks and forgets to leave would go on with the tests in both processes.
        if getpid() != owner:
            return
        text = dumps({"event": event, **details}, ensure_ascii=False)
        # Half a surrogate pair is text to Python and to nobody else.
        data = ("\n" + nonce + " " + text + "\n").encode("utf-8", "replace")
        while data:
            data = data[write(channel, data):]

    return orders, tell


class Seen:
    """What a report said when it was sent: plugins change their reports afterwards."""

    def __init__(self, report, passed_unexpectedly):
        self.when = report.when
        # Whether a test has to fail is no question of the submission: what the solution passes counts.
        self.outcome = "passed" if passed_unexpectedly and report.failed else report.outcome
        self.duration = report.duration
        context = getattr(report, "context", None)
        self.subtest = None if context is None else subtest_of(context)
        self.message = None if self.outcome == "passed" else reason_of(report)

    @property
    def repeats(self):
        """Whether a plugin says with this report that it runs the test once more, as `rerun` and `retried` do."""
        return self.outcome not in ("passed", "failed", "skipped")


class Around:
    """What stands in for the setup or the teardown of a canary, which has neither."""

    outcome = "passed"
    subtest = None
    message = None
    repeats = False

    def __init__(self, when):
        self.when = when


def has_passed_unexpectedly(call, report, is_expected):
    """Whether a test has failed only because it was expected to fail, by `xfail(strict=True)` or by unittest.

    The message alone does not tell: `pytest.fail` makes the same. Nor does unittest's method, which the submission can
    call as well: `is_expected` says whether a decorator of the reference told unittest so.
    """
    from _pytest.unittest import TestCaseFunction

    if call.when != "call" or not report.failed:
        return False
    if call.excinfo is None:
        return isinstance(report.longrepr, str) and report.longrepr.startswith("[XPASS(strict)]")
    if not is_expected:
        return False
    frame = getattr(call.excinfo.tb, "tb_frame", None)
    return frame is not None and frame.f_code is TestCaseFunction.addUnexpectedSuccess.__code__


def reason_of(report):
    if report.skipped and isinstance(report.longrepr, tuple):
        return str(report.longrepr[2])
    reason = getattr(report, "wasxfail", None)
    if reason is not None and report.skipped:
        return f"expected to fail: {reason}" if reason else "expected to fail"
    return report.longreprtext or report.outcome


def subtest_of(context):
    """A name for a subtest of pytest 9 or of the plugin pytest-subtests."""
    parts = [] if context.msg is None else [f"[{context.msg}]"]
    parts += [f"{name}={value}" for name, value in sorted(context.kwargs.items())]
    return " ".join(parts)[:200] or "unnamed"


def conclude(reports, may_repeat):
    """Returns the result of a test, its message, and the names of its skipped subtests."""
    last_repeat = max((at for at, one in enumerate(reports) if one.repeats), default=-1)
    counted = reports[last_repeat + 1:]
    own = [one for one in counted if one.subtest is None]
    phases = [one.when for one in reports if one.subtest is None]
    if not may_repeat and (last_repeat >= 0 or len(phases) != len(set(phases))):
        return "failed", "the test was reported more than once, although no plugin of the reference repeats tests", []
    # A plugin that repeats a test reports the attempt as repeated and not as failed. Subtests fail before it knows.
    failed_before = [one for one in reports[:last_repeat + 1] if one.outcome == "failed" and one.subtest is None]
    for one in failed_before + counted:
        if one.outcome == "failed":
            return "failed", one.message if one.subtest is None else f"subtest {one.subtest}: {one.message}", []
    for one in own:
        if one.outcome == "skipped":
            return "skipped", one.message, []
    calls = [one for one in own if one.when == "call"]
    if not calls or "setup" not in phases or phases[-1] != "teardown":
        return "failed", "the test did not run completely", []
    skipped = [one for one in counted if one.outcome == "skipped"]
    message = "; ".join(f"subtest {one.subtest}: {one.message}" for one in skipped)
    return "passed", message or None, [one.subtest for one in skipped]


def left_out(item):
    """Returns which decorator says that a test does not count, and its reason."""
    import unittest.mock

    from _pytest import skipping

    def is_real(mark):
        # A condition that asks a stand-in for the student's module decides nothing.
        return not any(
            isinstance(value, unittest.mock.NonCallableMock) for value in (*mark.args, *mark.kwargs.values())
        )

    owners = [getattr(item, name, None) for name in ("obj", "cls")]
    for owner in owners:
        if getattr(owner, "__unittest_skip__", False) is True:
            return "skip", getattr(owner, "__unittest_skip_why__", "")
    try:
        if all(is_real(mark) for name in ("skip", "skipif") for mark in item.iter_markers(name)):
            skip = skipping.evaluate_skip_marks(item)
            if skip:
                return "skip", skip.reason
        if all(is_real(mark) for mark in item.iter_markers("xfail")):
            xfail = skipping.evaluate_xfail_marks(item)
            if xfail:
                return "xfail", xfail.reason
    # A condition that cannot be evaluated fails its test when it runs, with a better message.
    except BaseException:
        return None
    if any(getattr(owner, "__unittest_expecting_failure__", False) is True for owner in owners):
        return "xfail", ""
    return None


def before_students_code(is_students, then):
    """Calls `then` once, before the first file of the student is executed or loaded."""
    pending = [then]

    def hook(event, args):
        if not pending or event not in ("exec", "import"):
            return
        file = getattr(args[0], "co_filename", None) if event == "exec" else args[1]
        if isinstance(file, str) and not file.startswith("<") and is_students(file):
            pending.pop()()

    sys.addaudithook(hook)


def load(file):
    """Returns the module of another file of the runner, which nothing else can import."""
    import importlib.util

    spec = importlib.util.spec_from_file_location("ctutor_runner", file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def files_of(hook, plugin=None):
    """The modules and the files of the functions that plugins, or this one, have for a hook."""
    for hookimpl in hook.get_hookimpls():
        if plugin is not None and hookimpl.plugin is not plugin:
            continue
        code = getattr(hookimpl.function, "__code__", None)
        if code is not None:
            yield getattr(hookimpl.function, "__module__", None) or "", code.co_filename


def executors_of(manager):
    """What calls the functions of plugins: the hooks by name, and what they all go through."""
    hooks = {name: (hook, getattr(hook, "_hookexec", None)) for name, hook in list(vars(manager.hook).items())}
    return {**hooks, None: getattr(manager, "_inner_hookexec", None)}


def repeats_tests(config, root, is_students):
    """Whether a plugin repeats tests: one that is known to, or one of the reference that runs tests in its own way.

    Many plugins and files `conftest.py` attach something to reports or limit the time of a test. They are no reason to
    believe that a test ran twice.
    """
    folder = os.path.join(root, "")
    return any(
        module.partition(".")[0] in REPEATING
        or file.startswith(folder) and not is_students(file)
        for module, file in files_of(config.hook.pytest_runtest_protocol)
    ) or any(
        module.partition(".")[0] in REPEATING for module, _ in files_of(config.hook.pytest_runtest_makereport)
    )


def absence(error, absent):
    """Which file of the student would have been the module that was not found."""
    if isinstance(error, ModuleNotFoundError) and error.name:
        for module, file in absent.items():
            if f"{module}.".startswith(f"{error.name}.") or f"{error.name}.".startswith(f"{module}."):
                return f"`{file}` is not in the submission"
    return None


def own_traceback(error, root):
    """Without the frames of pytest and of the import system."""
    import traceback

    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if frame.filename.startswith(root)]
    return "".join(traceback.format_list(own) + traceback.format_exception_only(error)).rstrip()


def probe_of(orders, tell, guard, main_module):
    """Returns the plugin. What it decides by lies in this function's variables: an attribute could be set."""
    wanted = set(orders["wanted"]) if orders["mode"] == "run" else None
    canaries_first = frozenset(orders["canary_first"])
    absent = orders["absent"]
    root = os.getcwd()
    is_students = guard.origin(root, orders["tests"], orders["placed"])
    reasons = {}
    canary = manager = executors = libraries_unchanged = own_unchanged = None
    later_unchanged = guard.watch((), None)
    run_canary = is_untouched = has_own_instance = None
    expected_to_fail = frozenset()
    may_repeat = False
    reports = unexpected = None

    def shown(text, size=4000):
        text = str(text).replace(root, ".")
        return text if len(text) <= size else text[:size] + " […]"

    def remember():
        nonlocal libraries_unchanged
        if libraries_unchanged is None:
            libraries_unchanged = guard.watch_libraries(is_students)

    def has_students_plugin():
        """Whether a function of the submission has a say in how tests are run or reported."""
        now = executors_of(manager)
        return any(now.get(name) != executor for name, executor in executors.items()) or any(
            is_students(file)
            for hook in list(vars(manager.hook).values())
            if hasattr(hook, "get_hookimpls")
            for _, file in files_of(hook)
        )

    def tell_changes(item=None):
        is_touched = item is not None and not is_untouched(item)
        is_changed = not (own_unchanged() and later_unchanged() and libraries_unchanged())
        if is_touched or is_changed or has_students_plugin():
            tell("changed")

    def tell_canary(item):
        nonlocal reports
        reports = []
        tell("started", test=item.nodeid)
        run_canary(item)
        seen, reports = reports, None
        # By the same way as the result of a test, so that what lets everything pass lets this pass as well.
        result, _, _ = conclude([Around("setup"), *seen, Around("teardown")], False)
        has_failed = result == "failed" and [one.outcome for one in seen] == ["failed"]
        tell("done", test=item.nodeid, result="failed" if has_failed else "passed", message=None, duration=0)

    def remember_own():
        own = (main_module, guard, canary)
        owners = [*own, type(plugin), *(value for module in own for value in vars(module).values() if is_own(value))]
        return guard.watch(owners, lambda module: True, (remember, remember_own, shown, tell_canary, tell_changes))

    class Probe:
        def pytest_load_initial_conftests(self):
            nonlocal canary, own_unchanged
            canary = load(orders["canary"])
            own_unchanged = remember_own()
            # Pytest has changed itself by now, and no file of the student has been imported. Plugins that the
            # reference's `conftest.py` loads may still change pytest in good faith, so that it is remembered as late
            # as possible.
            before_students_code(is_students, remember)

        def pytest_sessionstart(self, session):
            nonlocal manager, executors, may_repeat
            remember()
            manager = session.config.pluginmanager
            executors = executors_of(manager)
            may_repeat = repeats_tests(session.config, root, is_students)

        # What the decorator `pytest.hookimpl` sets.
        pytest_sessionstart.pytest_impl = {"trylast": True}

        def pytest_plugin_registered(self, plugin, manager):
            # It may be gone again before the test ends.
            hooks = manager.get_hookcallers(plugin) or []
            if any(is_students(file) for hook in hooks for _, file in files_of(hook, plugin)):
                tell("changed")

        def pytest_collectstart(self, collector):
            if type(collector).__name__ == "Module":
                tell("loading", file=collector.nodeid)

        def pytest_exception_interact(self, node, call, report):
            import pytest

            error = call.excinfo.value
            if isinstance(error, pytest.Collector.CollectError):
                error = error.__cause__ or error
            reason = absence(error, absent)
            if reason is None and isinstance(node, pytest.Collector) and error.__traceback__:
                reason = own_traceback(error, root)
            if reason is not None:
                reasons[report.nodeid] = reason

        def pytest_collectreport(self, report):
            if report.failed:
                message = reasons.pop(report.nodeid, None) or report.longreprtext
                tell("load_failed", file=report.nodeid, message=shown(message))
            elif report.skipped:
                tell("load_skipped", file=report.nodeid, message=shown(reason_of(report)))

        def pytest_collection_finish(self, session):
            nonlocal run_canary, is_untouched, has_own_instance, expected_to_fail, later_unchanged
            items = session.items
            tell_changes()
            left = {} if wanted is not None else {item.nodeid: left_out(item) for item in items}
            tell(
                "listed",
                tests=[item.nodeid for item in items],
                left_out={
                    test: {"by": reason[0], "message": shown(reason[1])} for test, reason in left.items() if reason
                },
            )
            if wanted is None:
                return
            items[:] = [item for item in items if item.nodeid in wanted]
            is_untouched, has_own_instance = guard.watch_items(items, is_students)
            expected_to_fail = guard.expecting_failure(items, is_students)
            run_canary = canary.canaries_of(session, self, is_students)
            later_unchanged = guard.watch((), None, (libraries_unchanged, is_untouched, has_own_instance, run_canary))

        pytest_collection_finish.pytest_impl = {"tryfirst": True}

        def pytest_runtest_protocol(self, item):
            nonlocal reports
            tell_changes(item)
            canary_first = item.nodeid in canaries_first
            if canary_first:
                tell_canary(item)
            reports = []
            reasons.pop(item.nodeid, None)
            tell("started", test=item.nodeid)
            outcome = yield
            if outcome.excinfo is not None:
                return
            seen, reports = reports, None
            result, message, skipped_subtests = conclude(seen, may_repeat)
            if result == "failed":
                message = reasons.get(item.nodeid) or message
            tell_changes(item)
            tell(
                "done",
                test=item.nodeid,
                result=result,
                message=message and shown(message),
                skipped_subtests=skipped_subtests,
                duration=sum(report.duration for report in seen if report.subtest is None),
            )
            if not canary_first:
                tell_canary(item)

        # Around whatever plugins do, so that all reports lie within, and what they change for a while is as it was.
        pytest_runtest_protocol.pytest_impl = {"hookwrapper": True, "tryfirst": True}

        def pytest_runtest_makereport(self, item, call):
            nonlocal unexpected
            if call.when == "call" and not has_own_instance(item):
                tell("changed")
            outcome = yield
            if outcome.excinfo is None:
                report = outcome.get_result()
                unexpected = report if has_passed_unexpectedly(call, report, id(item) in expected_to_fail) else None

        pytest_runtest_makereport.pytest_impl = {"hookwrapper": True, "tryfirst": True}

        def pytest_runtest_logreport(self, report):
            if reports is not None:
                reports.append(Seen(report, report is unexpected))

        pytest_runtest_logreport.pytest_impl = {"tryfirst": True}

    plugin = Probe()
    return plugin


def is_own(value):
    return isinstance(value, type) and value.__module__ in ("__main__", "ctutor_runner")


class StandIns:
    """Finds the student's modules, and the packages that they are in, while the tests are listed without them."""

    def __init__(self, names):
        self._names = names

    def find_spec(self, fullname, path=None, target=None):
        import importlib.machinery

        def is_around(inner, outer):
            return f"{inner}.".startswith(f"{outer}.")

        if self._names is not None and not any(
            is_around(fullname, name) or is_around(name, fullname) for name in self._names
        ):
            return None
        return importlib.machinery.ModuleSpec(fullname, self, is_package=True)

    def create_module(self, spec):
        import types
        import unittest.mock

        class StandIn(types.ModuleType):
            def __getattr__(self, name):
                if name.startswith("__"):
                    raise AttributeError(name)
                return unittest.mock.MagicMock()

        return StandIn(spec.name)

    def exec_module(self, module):
        pass


def main():
    orders, tell = open_channel()
    try:
        import pytest
        import unittest.mock
    except ImportError:
        tell("missing", program="pytest")
        return 4
    if orders["stand_ins"] is not False:
        sys.meta_path.append(StandIns(orders["stand_ins"]))
    # Last, so that a file of the student does not take the place of a library's module.
    sys.path.append(os.getcwd())
    arguments = [
        "-c", orders["ini"], "--rootdir", os.getcwd(), "-p", "no:cacheprovider", "-p", "no:junitxml",
        "-q", "--tb=short", "--color=no", "--continue-on-collection-errors",
    ]
    if orders["mode"] == "list":
        arguments.append("--collect-only")
    probe = probe_of(orders, tell, load(orders["guard"]), sys.modules["__main__"])
    # From here on nothing can import this module.
    sys.modules["__main__"] = type(sys)("__main__")
    code = pytest.main(arguments + orders["paths"], plugins=[probe])
    tell("finished", code=int(code))
    return int(code)


if __name__ == "__main__":
    sys.exit(main())
