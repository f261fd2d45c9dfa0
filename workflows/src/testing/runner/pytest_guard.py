"""Tells whether what runs and judges the tests is what it was before the submission was loaded.

All that is remembered lies in closures: nothing that `import` or an attribute reaches decides.
"""

import sys
from functools import partial
from os.path import basename, join, normpath
from types import FunctionType, MethodType, ModuleType

LIBRARIES = ("pytest", "_pytest", "pluggy", "unittest")
KINDS = (FunctionType, classmethod, staticmethod, property, type)
FLAG = "__unittest_expecting_failure__"


def belongs(module):
    return isinstance(module, str) and module.partition(".")[0] in LIBRARIES


def inner(value):
    """The function in a method, a descriptor or a partial object."""
    while True:
        if isinstance(value, (classmethod, staticmethod, MethodType)):
            value = value.__func__
        elif isinstance(value, property):
            value = value.fget
        elif isinstance(value, partial):
            value = value.func
        else:
            return value


def code_of(value):
    function = inner(value)
    return function.__code__ if type(function) is FunctionType else None


def origin(root, tests, placed):
    """Returns a function that tells whether a file came with the submission, which has no `conftest.py`.

    `tests` is the folder of the tests, `placed` what else came from the reference.
    """
    folder = join(root, "")
    folder_of_tests = join(normpath(join(root, tests)), "")
    placed = frozenset(normpath(join(root, file)) for file in placed)

    def is_students(file):
        path = normpath(join(root, file))
        return (
            path.startswith(folder)
            and not path.startswith(folder_of_tests)
            and path not in placed
            and basename(path) != "conftest.py"
        )

    return is_students


def innocence(is_students):
    """Returns a function that tells whether what has taken the place of something is of the reference or a library."""

    def is_innocent(value):
        code = code_of(value)
        return value is None or code is not None and not is_students(code.co_filename)

    return is_innocent


def watch_libraries(is_students):
    """Returns a function that tells whether the libraries of the tests are still as they are now."""
    modules = [module for name, module in list(sys.modules.items()) if belongs(name)]
    classes = list({
        value: None
        for module in modules
        for value in vars(module).values()
        if isinstance(value, type) and belongs(value.__module__)
    })
    unchanged = watch(modules + classes, belongs)
    known = [(vars(owner), frozenset(vars(owner))) for owner in classes]

    def is_suspect(name, value):
        # A test that is said to have to fail passes when it fails.
        code = code_of(value)
        return name == FLAG or code is not None and is_students(code.co_filename)

    def nothing_added():
        return not any(
            is_suspect(name, names[name])
            for names, before in known
            if not names.keys() <= before
            for name in names.keys() - before
        )

    return lambda: unchanged() and nothing_added()


def watch(owners, is_own, functions=()):
    """Returns a function that tells whether the functions of modules and classes, and others with the functions that
    they have in their variables, are as they are now.
    """
    parts = [
        (vars(owner), name, value)
        for owner in owners
        for name, value in vars(owner).items()
        # What they import from elsewhere, as a clock, may be replaced in good faith.
        # A property does not say whose it is.
        if isinstance(value, KINDS) and is_own(getattr(value, "__module__", None) or LIBRARIES[0])
    ]
    found = [inner(value) for _, _, value in parts] + with_inner(functions)
    codes = [(function, function.__code__) for function in found if type(function) is FunctionType]

    def unchanged():
        return all(names.get(name) is value for names, name, value in parts) and all(
            function.__code__ is code for function, code in codes
        )

    return unchanged


def with_inner(functions):
    """Functions, and those that they find in the variables around them."""
    found = []
    pending = list(functions)
    while pending:
        function = pending.pop()
        if type(function) is FunctionType and not any(function is other for other in found):
            found.append(function)
            pending += [value for cell in function.__closure__ or () for value in contents(cell)]
    return found


def contents(cell):
    try:
        return [cell.cell_contents]
    # Nothing has been assigned to the variable.
    except ValueError:
        return []


def watch_items(items, is_students, is_approved):
    """Returns two functions: whether an item and what it runs is what it was, or was replaced by the reference or by a
    library; and whether the same holds for its instance of `unittest.TestCase`, which exists only while it runs.

    `is_approved` tells whether the reference has put a mock in the place of a name of a module or a class.
    """
    import unittest

    from _pytest.unittest import TestCaseFunction

    is_innocent = innocence(is_students)
    methods = frozenset(name for name, value in vars(unittest.TestCase).items() if isinstance(value, KINDS))
    # Each is watched with its own item.
    tests = frozenset(getattr(item, "originalname", None) for item in items)

    def shadows_of(names, shadowed):
        return {name: pair(value) for name, value in list(names.items()) if name in shadowed}

    def parts_of_owner(owner):
        """The functions of a module or a class of the reference."""
        return {
            name: pair(value)
            for name, value in list(vars(owner).items())
            if name not in tests and code_of(value) is not None and not is_students(code_of(value).co_filename)
        }

    def parts_of_item(item):
        """The functions that an item runs, by what it finds them by."""
        owner = item.cls if isinstance(item, TestCaseFunction) else None
        parts = {
            "class": pair(type(item)),
            "runtest": pair(type(item).runtest),
            "obj": pair(vars(item).get("_obj")),
            # Unittest's are looked up in the class, and forgotten at the end.
            "method": pair(getattr(owner, getattr(item, "originalname", None) or "", None)),
        }
        info = getattr(item, "_fixtureinfo", None)
        for name, fixtures in getattr(info, "name2fixturedefs", {}).items():
            for at, fixture in enumerate(fixtures):
                parts[name, at] = pair(fixture.func)
        return parts

    def shadows_of_item(item):
        """What hides methods that judge: those of an item and, in its class, those of `unittest.TestCase`."""
        kinds = type(item).__mro__
        names = list(vars(item))
        shadowed = {name for name in names if any(type(vars(kind).get(name)) is FunctionType for kind in kinds)}
        shadows = {("item", name): value for name, value in shadows_of(vars(item), shadowed).items()}
        failures = vars(item).get("_excinfo")
        # A list of another kind could keep no failures.
        if type(failures) not in (list, type(None)):
            shadows["failures"] = pair(failures)
        if isinstance(item, TestCaseFunction):
            for kind in classes_of(item):
                shadows |= {(id(kind), name): value for name, value in shadows_of(vars(kind), methods).items()}
        return shadows

    def is_same(old, new):
        return old[1] is new[1] if old[0] is new[0] else is_innocent(new[0])

    def are_same(before, after, keys):
        absent = None, None
        return all(is_same(before.get(key, absent), after.get(key, absent)) for key in keys)

    owners = {id(owner): (owner, parts_of_owner(owner)) for item in items for owner in owners_of(item)}
    remembered = {id(item): (item, parts_of_item(item), shadows_of_item(item)) for item in items}

    def is_untouched(item):
        if id(item) not in remembered:
            return False
        _, parts, shadows = remembered[id(item)]
        now = shadows_of_item(item)
        return (
            are_same(parts, parts_of_item(item), parts)
            and are_same(shadows, now, shadows.keys() | now.keys())
            and all(
                is_same(value, pair(vars(owner).get(name))) or is_approved(owner, name)
                for owner in owners_of(item)
                for name, value in owners[id(owner)][1].items()
            )
        )

    def has_own_instance(item):
        if not isinstance(item, TestCaseFunction):
            return True
        # Until pytest 8.1, and since.
        case = vars(item).get("_testcase") or vars(item).get("_instance")
        return case is None or type(case) is item.cls and all(
            is_innocent(value) for value, _ in shadows_of(vars(case), methods).values()
        )

    return is_untouched, has_own_instance


def pair(value):
    return inner(value), code_of(value)


def classes_of(item):
    """The classes of the reference that an item's class is made of."""
    kinds = getattr(getattr(item, "cls", None), "__mro__", ())
    return [kind for kind in kinds if kind is not object and not belongs(kind.__module__)]


def owners_of(item):
    module = getattr(item, "module", None)
    return classes_of(item) + ([module] if isinstance(module, ModuleType) else [])


def expecting_failure(items, is_students):
    """The items that unittest expects to fail: a decorator of the reference says so before any test runs."""

    def is_reference(kind):
        file = getattr(sys.modules.get(kind.__module__), "__file__", None)
        return file is None or not is_students(file)

    def is_marked(item):
        function = inner(getattr(getattr(item, "cls", None), getattr(item, "originalname", None) or "", None))
        kinds = [kind for kind in classes_of(item) if is_reference(kind)]
        return getattr(function, FLAG, False) is True or any(vars(kind).get(FLAG) is True for kind in kinds)

    return frozenset(id(item) for item in items if is_marked(item))
