"""Tests that have to fail, one for each test of the reference, made like it in name, place and kind.

A canary is no part of the session: it is not among its items, has no fixtures, marks or class of the reference, and
only its call phase runs. Plugins of the reference and of libraries do not hear of it, so that nothing that they or the
tests keep from one test to the next depends on when it runs. What has to hear of it is what it is there to catch: the
parts of pytest that run a test and make its report, and every function that comes with the submission.
"""

import os
import sys
import unittest

import _pytest
import pytest
from _pytest import runner
from _pytest.fixtures import FuncFixtureInfo
from _pytest.unittest import TestCaseFunction, UnitTestCase

CORE = {
    os.path.join(os.path.dirname(_pytest.__file__), name)
    for name in ("python.py", "runner.py", "skipping.py", "unittest.py")
}

# What the runner leaves behind of a test that failed.
LAST_FAILURE = ("last_type", "last_value", "last_traceback", "last_exc")


def canaries_of(session, probe, is_students):
    """Returns a function that runs the canary of an item.

    They are made before a test runs, so that code that looks for tests in memory finds them among the others.
    """
    hooks = Hooks(session.config.pluginmanager, probe, is_students)
    limit_before = sys.getrecursionlimit()
    canaries = {id(item): (item, canary_of(item, hooks)) for item in session.items}

    def run(item):
        """Leaves everything as it was."""
        _, canary = canaries[id(item)]
        current = os.environ.get("PYTEST_CURRENT_TEST")
        last = {name: getattr(sys, name) for name in LAST_FAILURE if hasattr(sys, name)}
        limit = sys.getrecursionlimit()
        sys.setrecursionlimit(max(limit, limit_before))
        try:
            runner.call_and_report(canary, "call")
        finally:
            if limit < limit_before:
                sys.setrecursionlimit(limit)
            os.environ.pop("PYTEST_CURRENT_TEST", None)
            if current is not None:
                os.environ["PYTEST_CURRENT_TEST"] = current
            for name in LAST_FAILURE:
                vars(sys).pop(name, None)
            vars(sys).update(last)

    return run


class Hooks:
    """The hooks that a canary goes through."""

    def __init__(self, manager, probe, is_students):
        self._manager = manager
        self._probe = probe
        self._is_students = is_students
        self._callers = {}

    def __getattr__(self, name):
        hookimpls = getattr(self._manager.hook, name).get_hookimpls()
        known, caller = self._callers.get(name, (None, None))
        if known != hookimpls:
            strangers = [hookimpl.plugin for hookimpl in hookimpls if self._is_stranger(hookimpl)]
            caller = self._manager.subset_hook_caller(name, remove_plugins=strangers)
            self._callers[name] = hookimpls, caller
        return caller

    def _is_stranger(self, hookimpl):
        code = getattr(hookimpl.function, "__code__", None)
        return (
            hookimpl.plugin is not self._probe
            and code is not None
            and code.co_filename not in CORE
            and not self._is_students(code.co_filename)
        )


def canary_of(item, hooks):
    def fails(*_):
        raise AssertionError

    name = getattr(item, "originalname", None) or item.name
    fails.__code__ = fails.__code__.replace(co_filename=str(item.path), co_name=name)
    fails.__name__ = fails.__qualname__ = name
    details = {"name": item.name}
    if isinstance(item, pytest.Function):
        details |= {"callobj": fails, "fixtureinfo": FuncFixtureInfo((), (), [], {}), "originalname": name}
    if isinstance(item, TestCaseFunction):
        case = type(item.cls.__name__, (unittest.TestCase,), {name: fails})(name)
        parent = UnitTestCase.from_parent(item.parent.parent, name=item.parent.name)
        parent.obj = type(case)
        canary = kind(TestCaseFunction, hooks).from_parent(parent, **details | {"callobj": getattr(case, name)})
        # Where the instance is looked up by pytest until 8.1, and since.
        vars(canary).update(_testcase=case, _instance=case)
    elif isinstance(item, pytest.Function):
        canary = kind(pytest.Function, hooks).from_parent(item.parent, **details)
    else:
        canary = kind(pytest.Item, hooks, runtest=fails).from_parent(item.parent, **details)
    # Pytest 9.2 keeps the ID of a node as an object.
    if hasattr(item, "_id"):
        canary._id = item._id
    else:
        canary._nodeid = item.nodeid
    return canary


def kind(base, hooks, **names):
    """The class `base` without the marks and the plugins of the reference."""

    def no_marks(self, name=None):
        return iter(())

    return type(base.__name__, (base,), {"ihook": hooks, "iter_markers_with_node": no_marks, **names})
