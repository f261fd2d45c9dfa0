"""What the reports that pytest and its plugins send for a test say together.

There may be more than the usual three: one for each subtest, and those of attempts that a plugin of the reference
repeats. Extra attempts are accepted only if such a plugin was there before the tests were loaded, and none makes up for
a failure that was reported before it.
"""

# How much of an output is told, from its beginning and from its end. The worker shows less of it.
TOLD_CHARS_MAX = 4096


class Seen:
    """What a report said when it was sent: plugins change their reports afterwards."""

    def __init__(self, report, passed_unexpectedly):
        self.when = report.when
        # Whether a test has to fail is no question of the submission: what the solution passes counts.
        self.outcome = "passed" if passed_unexpectedly and report.failed else report.outcome
        self.duration = report.duration
        context = getattr(report, "context", None)
        self.subtest = None if context is None else subtest_of(context.msg, context.kwargs)
        self.message = None if self.outcome == "passed" else reason_of(report)
        self.sections = tuple(report.sections)

    @property
    def repeats(self):
        """Whether a plugin says with this report that it runs the test once more, as `rerun` and `retried` do."""
        return self.outcome not in ("passed", "failed", "skipped")


class SkippedSubtest:
    """What stands in for the report of a skipped subtest where pytest makes none."""

    when = "call"
    outcome = "skipped"
    repeats = False
    duration = 0
    sections = ()

    def __init__(self, message, parameters, reason):
        self.subtest = subtest_of(message, parameters)
        self.message = f"Skipped: {reason}"


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
        # So `pytest.xfail` marks its reason, also where none was given.
        reason = reason.removeprefix("reason:").strip()
        return f"expected to fail: {reason}" if reason else "expected to fail"
    return report.longreprtext or report.outcome


def subtest_of(message, parameters):
    """A name for a subtest."""
    parts = [] if message is None else [f"[{message}]"]
    parts += [f"{name}={value}" for name, value in sorted(parameters.items())]
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


def exit_status(excinfo):
    """What Python would end with after this exception, if there was one."""
    if excinfo is None:
        return 0
    status = excinfo.value.code if isinstance(excinfo.value, SystemExit) else 1
    if status is None:
        return 0
    return status & 0xFF if isinstance(status, int) else 1


def outputs_of(reports):
    """What a failed test wrote, by the titles that pytest gives it. A later attempt writes under the same titles."""
    own = [one for one in reports if one.subtest is None]
    failed = [one for one in reports if one.outcome == "failed"]
    sections = {}
    # The last report of a test has what it wrote in all phases, except for what belongs to a subtest.
    for one in own[-1:] + failed[:1]:
        sections.update(one.sections)
    return told(sections.items())


def told(sections):
    """Sections in JSON, of which long ones have lost their middle."""
    outputs = []
    for title, text in sections:
        title, text = str(title)[:100], str(text)
        is_long = len(text) > 2 * TOLD_CHARS_MAX
        start, end = (text[:TOLD_CHARS_MAX], text[-TOLD_CHARS_MAX:]) if is_long else (text, None)
        outputs.append({"title": title, "start": start, "end": end})
    return outputs


def own_traceback(error, root):
    """Without the frames of pytest and of the import system."""
    import traceback

    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if frame.filename.startswith(root)]
    return "".join(traceback.format_list(own) + traceback.format_exception_only(type(error), error)).rstrip()
