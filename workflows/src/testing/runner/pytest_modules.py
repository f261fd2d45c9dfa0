"""Where modules of the student are found, and where they are not."""

import importlib.machinery
import os
import sys
import types


# What imports a module for whoever asked it to.
MESSENGERS = {"_pytest", "importlib", "pkgutil", "pluggy", "unittest"}


class StandIns:
    """Finds the student's modules, and the packages that they are in, while the tests are listed without them.

    Only the tests get them: a library that tries whether another one is there would be misled.
    """

    def __init__(self, names, root):
        self._names = names
        self._root = os.path.join(root, "")

    def _is_for_tests(self):
        frame = sys._getframe(2)
        while frame is not None and str(frame.f_globals.get("__name__")).partition(".")[0] in MESSENGERS:
            frame = frame.f_back
        return frame is not None and frame.f_code.co_filename.startswith(self._root)

    def find_spec(self, fullname, path=None, target=None):
        def is_around(inner, outer):
            return f"{inner}.".startswith(f"{outer}.")

        if self._names is not None and not any(
            is_around(fullname, name) or is_around(name, fullname) for name in self._names
        ):
            return None
        if not self._is_for_tests():
            return None
        return importlib.machinery.ModuleSpec(fullname, self, is_package=True)

    def create_module(self, spec):
        import unittest.mock

        class StandIn(types.ModuleType):
            def __getattr__(self, name):
                if name.startswith("__"):
                    raise AttributeError(name)
                return unittest.mock.MagicMock()

        return StandIn(spec.name)

    def exec_module(self, module):
        pass


class LibrariesFirst:
    """Finds a module of Python or of a library where a file of the student would take its place.

    Pytest puts the folder above a package of tests before all others, and files `conftest.py` do so with folders of
    the student: a test that imports `statistics` would then get a file of that name. One that the plan or the solution
    names is meant to be found.
    """

    def __init__(self, is_students, named):
        self._is_students = is_students
        self._named = frozenset(named)
        self._libraries = list(sys.path)
        self._find = importlib.machinery.PathFinder.find_spec

    def find_spec(self, fullname, path=None, target=None):
        if path is not None or fullname in self._named:
            return None
        spec = self._find(fullname)
        if spec is None or not spec.has_location or not self._is_students(os.path.abspath(spec.origin)):
            return None
        return self._find(fullname, self._libraries)


def find_modules(stand_ins, is_students, named):
    """Settles where modules are found, before the first one of the student is imported."""
    finders = [str(finder) for finder in sys.meta_path]
    sys.meta_path.insert(finders.index(str(importlib.machinery.PathFinder)), LibrariesFirst(is_students, named))
    if stand_ins is not False:
        sys.meta_path.append(StandIns(stand_ins, os.getcwd()))
    # Last, so that a file of the student does not take the place of a library's module.
    sys.path.append(os.getcwd())
