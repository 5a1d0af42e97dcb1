"""How many tests exist, found by reading the sources: the other half of the guard in run.py.

A case that pytest or cmocka silently leaves out (a function that shadows another one, a unit that
is not in its program's list) is found here, because nothing here runs a test.
"""
import ast
import re


def without_comments(source):
    """The text of a C file, comments aside."""
    return re.sub(r"/\*.*?\*/|//[^\n]*", "", source.read_text(), flags=re.S)


def unit_cases(source):
    """The ids of the cases of one cmocka source file: every cmocka_unit_test(name) in it."""
    names = re.findall(r"cmocka_unit_test\w*\(\s*(\w+)", without_comments(source))
    return [f"unit/{source.name}::{name}" for name in names]


def guest_cases(folder):
    """The names of the in-guest tests in FOLDER, tests/kernel: every GUEST_TEST(name) in it."""
    names = []
    for path in sorted(folder.glob("*.c")):
        names += re.findall(r"\bGUEST_TEST\(\s*(\w+)", without_comments(path))
    return names


def _guest_problems(folder, collected):
    names = guest_cases(folder)
    seen = {match[1] for case in collected
            if (match := re.search(r"test_in_guest.py::test_in_guest\[.*?(\w+)\]$", case))}
    return [f"kernel test {name} is defined {names.count(name)} times"
            for name in sorted(set(names)) if names.count(name) > 1] + [
                f"kernel test {name} exists but is not collected"
                for name in sorted(set(names) - seen)
            ]


def _functions(path):
    tree = ast.parse(path.read_text())
    return [node.name for node in tree.body
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test")]


def source_problems(tests, collected):
    """Sentences about tests that the sources have and the list of COLLECTED ids has not."""
    seen = {re.sub(r"\[.*", "", case) for case in collected}
    problems = _guest_problems(tests / "kernel", collected)
    for path in sorted((tests / "scenario").glob("test_*.py")):
        names = _functions(path)
        for name in sorted(set(names)):
            case = f"scenario/{path.name}::{name}"
            if names.count(name) > 1:
                problems.append(f"{case} is defined {names.count(name)} times")
            if case not in seen:
                problems.append(f"{case} exists but is not collected")
    for path in sorted((tests / "unit").glob("test_*.c")):
        text = path.read_text()
        defined = set(re.findall(r"^static void (test_\w+)\(void \*\*", text, re.M))
        listed = {case.rpartition("::")[2] for case in unit_cases(path)}
        problems += [f"unit/{path.name}::{name} is not in the list of the program"
                     for name in sorted(defined - listed)]
    return problems
