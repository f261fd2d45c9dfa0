"""Skipped subtests of `unittest.TestCase`.

Until version 9, pytest knows no subtests: `self.skipTest` within one ends the test, which then counts as skipped as a
whole. The plugin pytest-subtests goes on with the test, but keeps such a skip as that of the test, or takes it for the
outcome of a later subtest that failed. Here a skip of a subtest is told as one, and the rest of its test decides.
"""


def support_subtests(tell_skip):
    """Lets `tell_skip` know of each skipped subtest, with its message, its parameters and the reason."""
    from unittest.case import _SubTest

    import pytest
    from _pytest.unittest import TestCaseFunction

    if int(pytest.__version__.partition(".")[0]) >= 9:
        return
    skip_test = TestCaseFunction.addSkip

    def tell(subtest, reason):
        message = subtest._message if isinstance(subtest._message, str) else None
        tell_skip(message, dict(subtest.params), reason)

    def addSkip(self, testcase, reason):
        if isinstance(testcase, _SubTest):
            tell(testcase, reason)
        else:
            skip_test(self, testcase, reason)

    def addSubTest(self, testcase, subtest, error):
        if error is None:
            return
        if isinstance(error[1], pytest.skip.Exception):
            tell(subtest, str(error[1]))
        else:
            self.addError(subtest, error)

    added = {"addSkip": addSkip}
    # Unittest goes on after a subtest that failed or was skipped if it can report it.
    if not hasattr(TestCaseFunction, "addSubTest"):
        added["addSubTest"] = addSubTest
        TestCaseFunction.failfast = False
    for name, function in added.items():
        # So that it is watched with the functions of pytest.
        function.__module__ = TestCaseFunction.__module__
        setattr(TestCaseFunction, name, function)
