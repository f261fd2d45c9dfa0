"""Tells which mocks the reference has put in the place of functions of the tests.

A fixture of a module, a class or the session replaces something for longer than one test. What the guard finds changed
between two tests then looks like what a submission may have changed. Who did it is known while it happens: when
`unittest.mock.patch`, which pytest-mock uses as well, or `monkeypatch` sets an attribute, code of the reference is among
the callers, and none of the submission. The same holds for the making of the patch, which may be used elsewhere later.
"""

import functools
import sys
import threading
import weakref
from types import ModuleType


def watch_mocks(is_students, is_reference):
    """Returns a function that tells whether the reference has put a value in the place of a name of a module or class.
    """
    import unittest.mock

    from _pytest.monkeypatch import MonkeyPatch

    patch = unittest.mock._patch
    get_ident = threading.get_ident
    thread = get_ident()
    made = weakref.WeakSet()
    approved = {}

    def callers():
        frame = sys._getframe(2)
        while frame is not None:
            yield frame.f_code.co_filename
            frame = frame.f_back

    def is_trusted(files, needs_reference):
        return (
            get_ident() == thread
            and not any(is_students(file) for file in files)
            and (not needs_reference or any(is_reference(file) for file in files))
        )

    def approve(owner, name):
        if isinstance(owner, (ModuleType, type)) and name in vars(owner):
            approved[id(owner), name] = owner, vars(owner)[name]

    def watch_making(kind):
        make = kind.__init__

        @functools.wraps(make)
        def __init__(self, *args, **options):
            make(self, *args, **options)
            # Pytest makes one for the fixture `monkeypatch` itself.
            if is_trusted([*callers()], False):
                made.add(self)

        kind.__init__ = __init__

    def watch_setting(kind, name, changed):
        set_ = getattr(kind, name)

        @functools.wraps(set_)
        def wrapper(self, *args, **options):
            __tracebackhide__ = True
            result = set_(self, *args, **options)
            if self in made and is_trusted([*callers()], True):
                approve(*changed(self))
            return result

        setattr(kind, name, wrapper)

    def is_approved(owner, name):
        known, value = approved.get((id(owner), name), (None, None))
        return known is owner and vars(owner).get(name) is value

    watch_making(patch)
    watch_making(MonkeyPatch)
    watch_setting(patch, "__enter__", lambda it: (it.target, it.attribute))
    watch_setting(MonkeyPatch, "setattr", lambda it: it._setattr[-1][:2])
    return is_approved
