"""Runs pytest and writes one line of JSON for each thing that happens, for the reader that knows the nonce.

It is started with `python3 -I`, so that nothing of the working folder is imported before this file has read its
orders. The nonce comes on standard input, which is closed before any file of the student is imported, and is kept in
a closure. The reader ignores every line without it: that is output of some program.

Each test is told twice under the same name: once as it is, and once as a canary (`pytest_canary.py`), which fails. The
orders say which of the two comes first. Only the reader judges: a canary that passes, or a result that arrives out of
order, is a sign that the student's code has changed how tests are run or reported. Whether it has changed functions of
pytest, of the tests or of this runner is looked at besides (`pytest_guard.py`).

The result of a test is concluded from all reports that pytest and its plugins send between the start and the end of
its protocol (`pytest_reports.py`). What it wrote is told with a failure, and outlives the process (`pytest_output.py`).
What tests write decides nothing.
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


def lacking_fixture(item):
    """The first fixture that an item needs and that neither a file nor a plugin has."""
    info = getattr(item, "_fixtureinfo", None)
    if info is None:
        return None
    call = getattr(item, "callspec", None)
    # Until pytest 7, values of parameters are no fixtures.
    given = {"request", *info.name2fixturedefs, *getattr(call, "params", ()), *getattr(call, "funcargs", ())}
    return next((name for name in info.names_closure if name not in given), None)


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


def probe_of(orders, tell, parts, main_module):
    """Returns the plugin. What it decides by lies in this function's variables: an attribute could be set."""
    wanted = set(orders["wanted"]) if orders["mode"] == "run" else None
    canaries_first = frozenset(orders["canary_first"])
    root = os.getcwd()
    guard, judge = parts["guard"], parts["reports"]
    capture, silence, watch_faults, begin_time, stop_time, has_room, written, captures = parts["output"].keep(
        orders["output"], orders["test_time"], orders["all_time"]
    )
    leave, getpid = os._exit, os.getpid
    owner = getpid()
    is_students = guard.origin(root, orders["tests"], orders["placed"])
    reasons = {}
    canary = manager = executors = libraries_unchanged = own_unchanged = None
    later_unchanged = guard.watch((), None)
    run_canary = is_untouched = has_own_instance = is_approved = None
    expected_to_fail = frozenset()
    may_repeat = had_room = False
    reports = unexpected = running = None

    def shown(text, size=4000):
        text = str(text).replace(root, ".")
        # A traceback says at its end what was wrong.
        return text if len(text) <= size else f"{text[:size // 2]}\n[…]\n{text[-size // 2:]}"

    def is_reference(file):
        return file.startswith(os.path.join(root, "")) and not is_students(file)

    def tell_skip(message, parameters, reason):
        if reports is not None:
            reports.append(judge.SkippedSubtest(message, parameters, reason))

    def remember():
        nonlocal libraries_unchanged, is_approved
        if libraries_unchanged is None:
            parts["cases"].support_subtests(tell_skip)
            is_approved = parts["mocks"].watch_mocks(is_students, is_reference)
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
        begin_time()
        tell("started", test=item.nodeid)
        run_canary(item)
        stop_time()
        seen, reports = reports, None
        # By the same way as the result of a test, so that what lets everything pass lets this pass as well.
        result, _, _ = judge.conclude([judge.Around("setup"), *seen, judge.Around("teardown")], False)
        has_failed = result == "failed" and [one.outcome for one in seen] == ["failed"]
        tell("done", test=item.nodeid, result="failed" if has_failed else "passed", message=None, duration=0)

    def tell_interruption(error):
        """Why pytest ends before its tests are done, and what the test that ran has written."""
        sections = getattr(running, "_report_sections", ())
        outputs = [(f"Captured {name} {when}", text) for when, name, text in sections] + written()
        tell("interrupted", message=shown(judge.own_traceback(error, root)), outputs=judge.told(outputs))

    def remember_own():
        own = (main_module, canary, *parts.values())
        functions = remember, remember_own, shown, tell_canary, tell_changes, tell_skip
        owners = [*own, type(plugin), *(value for module in own for value in vars(module).values() if is_own(value))]
        return guard.watch(owners, lambda module: True, functions)

    class Probe:
        def pytest_load_initial_conftests(self):
            nonlocal canary, own_unchanged
            canary = load(orders["files"]["canary"])
            own_unchanged = remember_own()
            capture()
            # Pytest has changed itself by now, and no file of the student has been imported. Plugins that the
            # reference's `conftest.py` loads may still change pytest in good faith, so that it is remembered as late
            # as possible.
            before_students_code(is_students, remember)

        def pytest_sessionstart(self, session):
            nonlocal manager, executors, may_repeat, had_room
            remember()
            silence(session.config.get_terminal_writer())
            watch_faults()
            manager = session.config.pluginmanager
            executors = executors_of(manager)
            had_room = has_room()
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
                begin_time()
                tell("loading", file=collector.nodeid)

        def pytest_exception_interact(self, node, call, report):
            import pytest

            error = call.excinfo.value
            if isinstance(error, pytest.Collector.CollectError):
                error = error.__cause__ or error
            if isinstance(node, pytest.Collector) and error.__traceback__:
                reasons[report.nodeid] = judge.own_traceback(error, root)

        def pytest_keyboard_interrupt(self, excinfo):
            tell_interruption(excinfo.value)

        def pytest_internalerror(self, excinfo):
            tell_interruption(excinfo.value)

        def pytest_collectreport(self, report):
            if report.failed:
                message = reasons.pop(report.nodeid, None) or report.longreprtext
                outputs = judge.told(report.sections)
                tell("load_failed", file=report.nodeid, message=shown(message), outputs=outputs)
            elif report.skipped:
                tell("load_skipped", file=report.nodeid, message=shown(judge.reason_of(report)))

        def pytest_collection_finish(self, session):
            nonlocal run_canary, is_untouched, has_own_instance, expected_to_fail, later_unchanged
            items = session.items
            stop_time()
            tell_changes()
            left = {} if wanted is not None else {item.nodeid: left_out(item) for item in items}
            lacking = {item.nodeid: lacking_fixture(item) for item in items if not left.get(item.nodeid)}
            tell(
                "listed",
                tests=[item.nodeid for item in items],
                left_out={
                    test: {"by": reason[0], "message": shown(reason[1])} for test, reason in left.items() if reason
                },
                lacking={test: fixture for test, fixture in lacking.items() if fixture},
            )
            if wanted is None:
                return
            items[:] = [item for item in items if item.nodeid in wanted]
            is_untouched, has_own_instance = guard.watch_items(items, is_students, is_approved)
            expected_to_fail = guard.expecting_failure(items, is_students)
            run_canary = canary.canaries_of(session, self, is_students)
            later_unchanged = guard.watch((), None, (libraries_unchanged, is_untouched, has_own_instance, run_canary))

        pytest_collection_finish.pytest_impl = {"tryfirst": True}

        def pytest_runtest_protocol(self, item):
            nonlocal reports, running
            tell_changes(item)
            if had_room and not has_room():
                # What earlier tests left behind would fail this one. Another process goes on without it.
                tell("exhausted")
                leave(1)
            canary_first = item.nodeid in canaries_first
            if canary_first:
                tell_canary(item)
            reports, running = [], item
            begin_time()
            tell("started", test=item.nodeid)
            outcome = yield
            if outcome.excinfo is not None:
                return
            stop_time()
            seen, reports, running = reports, None, None
            result, message, skipped_subtests = judge.conclude(seen, may_repeat)
            tell_changes(item)
            tell(
                "done",
                test=item.nodeid,
                result=result,
                message=message and shown(message),
                skipped_subtests=skipped_subtests,
                outputs=judge.outputs_of(seen) if result == "failed" else [],
                duration=sum(report.duration for report in seen if report.subtest is None),
            )
            if not canary_first:
                tell_canary(item)
            if not captures():
                # Every other test would fail by it. Another process goes on with them.
                leave(1)

        # Around whatever plugins do, so that all reports lie within, and what they change for a while is as it was.
        pytest_runtest_protocol.pytest_impl = {"hookwrapper": True, "tryfirst": True}

        def pytest_runtest_makereport(self, item, call):
            nonlocal unexpected
            if getpid() != owner:
                # A test forked, and its child came back. It would go on with the other tests.
                leave(judge.exit_status(call.excinfo))
            if call.when == "call" and not has_own_instance(item):
                tell("changed")
            outcome = yield
            if outcome.excinfo is None:
                report = outcome.get_result()
                is_expected = id(item) in expected_to_fail
                unexpected = report if judge.has_passed_unexpectedly(call, report, is_expected) else None

        pytest_runtest_makereport.pytest_impl = {"hookwrapper": True, "tryfirst": True}

        def pytest_runtest_logreport(self, report):
            if reports is not None:
                reports.append(judge.Seen(report, report is unexpected))

        pytest_runtest_logreport.pytest_impl = {"tryfirst": True}

    plugin = Probe()
    return plugin


def is_own(value):
    return isinstance(value, type) and value.__module__ in ("__main__", "ctutor_runner")


def main():
    orders, tell = open_channel()
    try:
        import pytest
        import unittest.mock
    except ImportError:
        tell("missing", program="pytest")
        return 4
    arguments = [
        "-c", orders["ini"], "--rootdir", os.getcwd(), "-p", "no:cacheprovider", "-p", "no:junitxml",
        "-q", "--tb=short", "--color=no", "--continue-on-collection-errors",
    ]
    if orders["mode"] == "list":
        arguments.append("--collect-only")
    # What canaries need is loaded once pytest has begun.
    parts = {name: load(file) for name, file in orders["files"].items() if name != "canary"}
    is_students = parts["guard"].origin(os.getcwd(), orders["tests"], orders["placed"])
    parts["modules"].find_modules(orders["stand_ins"], is_students, orders["named_modules"])
    probe = probe_of(orders, tell, parts, sys.modules["__main__"])
    # From here on nothing can import this module.
    sys.modules["__main__"] = type(sys)("__main__")
    code = pytest.main(arguments + orders["paths"], plugins=[probe])
    tell("finished", code=int(code))
    return int(code)


if __name__ == "__main__":
    sys.exit(main())
