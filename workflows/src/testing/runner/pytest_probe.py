"""Runs pytest and tells what happens, line by line, to whoever holds the nonce.

It is started with `python3 -I`, so that nothing of the working folder is imported before this file has read its
orders. The nonce comes on standard input, which is closed before any file of the student is looked at, and lives in
a closure. A line without it is output of some program and means nothing.

Each test runs twice under the same name: once as it is, and once as a canary, which fails. The orders say which of
the two comes first. Only the reader judges: a canary that passes, or a result that does not come in its turn, is a
sign that somebody has changed how tests are run or told.
"""

import os
import sys


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


def reason_of(report):
    if report.skipped and isinstance(report.longrepr, tuple):
        return str(report.longrepr[2])
    return report.longreprtext or report.outcome


def remember_libraries():
    """Returns a function that tells whether the libraries of the tests are still as they are now."""
    from types import FunctionType

    def belongs(module):
        return module.partition(".")[0] in ("pytest", "_pytest", "pluggy", "unittest")

    kinds = (FunctionType, classmethod, staticmethod, property, type)
    modules = [module for name, module in list(sys.modules.items()) if belongs(name)]
    owners = modules + list({
        value: None
        for module in modules
        for value in vars(module).values()
        if isinstance(value, type) and belongs(value.__module__)
    })
    parts = [
        (vars(owner), name, value, value.__code__ if isinstance(value, FunctionType) else None)
        for owner in owners
        for name, value in vars(owner).items()
        # What they import from elsewhere, as a clock, may be replaced in good faith.
        # A property does not say whose it is.
        if isinstance(value, kinds) and belongs(getattr(value, "__module__", None) or "pytest")
    ]

    def unchanged():
        return all(
            names.get(name) is value and (code is None or value.__code__ is code)
            for names, name, value, code in parts
        )

    return unchanged


def canary_of(item):
    """A test that fails, and is like `item` in name and place."""
    import pytest

    def fails(*_):
        raise AssertionError

    name = getattr(item, "originalname", None) or item.name
    fails.__code__ = fails.__code__.replace(co_filename=str(item.path), co_name=name)
    fails.__name__ = fails.__qualname__ = name
    if not isinstance(item, pytest.Function):
        canary = type("Item", (pytest.Item,), {"runtest": fails}).from_parent(item.parent, name=item.name)
    elif item.cls is None:
        canary = pytest.Function.from_parent(item.parent, name=item.name, callobj=fails)
    else:
        # Methods are looked up by name, in an instance of their own.
        setattr(item.cls, name + "_", fails)
        canary = type(item).from_parent(item.parent, name=name + "_")
    canary._nodeid = item.nodeid
    return canary


class Probe:
    def __init__(self, orders, tell):
        self._wanted = set(orders["wanted"]) if orders["mode"] == "run" else None
        self._canary_first = set(orders["canary_first"])
        self._absent = orders["absent"]
        self._root = os.getcwd()
        self._tell = tell
        self._phases = {}
        self._reasons = {}

    def pytest_load_initial_conftests(self):
        # Pytest has done with changing itself by now, and no file of the student has been imported.
        self._unchanged = remember_libraries()

    def pytest_collectstart(self, collector):
        if type(collector).__name__ == "Module":
            self._tell("loading", file=collector.nodeid)

    def pytest_exception_interact(self, node, call, report):
        import pytest

        error = call.excinfo.value
        if isinstance(error, pytest.Collector.CollectError):
            error = error.__cause__ or error
        reason = self._absence(error)
        if reason is None and isinstance(node, pytest.Collector) and error.__traceback__:
            reason = self._own_traceback(error)
        if reason is not None:
            self._reasons[report.nodeid] = reason

    def pytest_collectreport(self, report):
        if report.failed:
            message = self._reasons.pop(report.nodeid, None) or report.longreprtext
            self._tell("load_failed", file=report.nodeid, message=self._shown(message))

    def pytest_collection_modifyitems(self, config, items):
        self._tell_changes()
        self._tell("listed", tests=[item.nodeid for item in items])
        if self._wanted is None:
            return
        wanted = [item for item in items if item.nodeid in self._wanted]
        items.clear()
        for item in wanted:
            pair = [item, canary_of(item)]
            items += reversed(pair) if item.nodeid in self._canary_first else pair

    # What the decorator `pytest.hookimpl` sets. The reference's own hooks, which know nothing of canaries, come first.
    pytest_collection_modifyitems.pytest_impl = {"trylast": True}

    def pytest_runtest_logstart(self, nodeid, location):
        self._phases[nodeid] = []
        self._reasons.pop(nodeid, None)
        self._tell("started", test=nodeid)

    def pytest_runtest_logreport(self, report):
        phases = self._phases.setdefault(report.nodeid, [])
        phases.append(report)
        if report.when != "teardown":
            return
        result = "passed"
        message = None
        for phase in phases:
            if phase.failed:
                result, message = "failed", self._reasons.get(phase.nodeid) or reason_of(phase)
                break
            if phase.skipped:
                result, message = "skipped", reason_of(phase)
        if result == "passed" and [phase.when for phase in phases] != ["setup", "call", "teardown"]:
            result, message = "failed", "the test did not run in full"
        self._tell_changes()
        self._tell(
            "done",
            test=report.nodeid,
            result=result,
            message=message and self._shown(message),
            duration=sum(phase.duration for phase in phases),
        )

    def _tell_changes(self):
        if not self._unchanged():
            self._tell("changed")

    def _absence(self, error):
        """Which file of the student would have been the module that was not found."""
        if isinstance(error, ModuleNotFoundError) and error.name:
            for module, file in self._absent.items():
                if f"{module}.".startswith(f"{error.name}.") or f"{error.name}.".startswith(f"{module}."):
                    return f"`{file}` is not in the submission"
        return None

    def _own_traceback(self, error):
        """Without the frames of pytest and of the import system."""
        import traceback

        frames = traceback.extract_tb(error.__traceback__)
        own = [frame for frame in frames if frame.filename.startswith(self._root)]
        return "".join(traceback.format_list(own) + traceback.format_exception_only(error)).rstrip()

    def _shown(self, text, size=4000):
        text = str(text).replace(self._root, ".")
        return text if len(text) <= size else text[:size] + " […]"


class StandIns:
    """Finds the student's modules while the tests are listed without them."""

    def __init__(self, names):
        self._names = names

    def find_spec(self, fullname, path=None, target=None):
        import importlib.machinery

        if self._names is not None and fullname.split(".")[0] not in self._names:
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
    code = pytest.main(arguments + orders["paths"], plugins=[Probe(orders, tell)])
    tell("finished", code=int(code))
    return int(code)


if __name__ == "__main__":
    sys.exit(main())
