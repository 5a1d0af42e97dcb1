#!/usr/bin/python3
"""Proves that each guard has a test: takes one guard after the other out of the loader, in a copy of the
tree, and runs the tests that are to notice. A mutant that survives is a guard without a test; one that
does not build proves nothing and counts as failed.

    run.py [WORD]     only mutants whose line has WORD in it

Ends with `N passed, N failed`: passed are the mutants that were noticed.
"""
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

REPO = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(REPO / "tests"))
from mutation.mutants import MUTANTS  # noqa: E402

LIMIT = 180  # seconds for the tests of one mutant


def mutate(tree, file, old, new):
    """Change FILE; returns its text from before."""
    path = tree / file
    text = path.read_text()
    assert text.count(old) == 1, f"{file} has {old!r} {text.count(old)} times, not once"
    path.write_text(text.replace(old, new))
    return text


def make(tree, *targets):
    done = subprocess.run(["make", "-s", "-C", tree, *targets], capture_output=True, text=True, timeout=LIMIT)
    return None if done.returncode == 0 else f"does not build: {done.stderr.strip().splitlines()[-1]}"


def noticed_by(tree, tests):
    """The first of TESTS that fails, or None."""
    environment = {**os.environ, "SECTOR0_BUILD": str(tree / "build")}
    environment.pop("SECTOR0_COVERAGE_DIR", None)
    for test in tests:
        if test.startswith("unit:"):
            program = f"build/tests/unit/test_{test[5:]}"
            problem = make(tree, program)
            assert problem is None, problem
            command, passed, failed = [tree / program], 0, None
        else:
            command = [sys.executable, "-B", "-m", "pytest", "-q", "-c", "tests/pytest.ini", f"tests/scenario/{test}"]
            passed, failed = 0, 1
        done = subprocess.run(command, cwd=tree, env=environment, capture_output=True, text=True, timeout=LIMIT)
        if done.returncode != passed:
            assert failed in (None, done.returncode), f"{test}: {done.stdout[-2000:]}{done.stderr[-2000:]}"
            return test
    return None


def main():
    word = sys.argv[1] if len(sys.argv) > 1 else ""
    chosen = [mutant for mutant in MUTANTS if word in f"{mutant[0]} {mutant[1]}"]
    survived = 0
    with tempfile.TemporaryDirectory(prefix="sector0-mutants-") as folder:
        tree = Path(folder) / "tree"
        shutil.copytree(REPO, tree, ignore=shutil.ignore_patterns(".git", "build", "__pycache__"))
        problem = make(tree, "all", "test-files")
        assert problem is None, problem
        for number, (what, file, old, new, tests) in enumerate(chosen, 1):
            before = mutate(tree, file, old, new)
            problem = make(tree, "all")
            witness = None if problem else noticed_by(tree, tests)
            survived += witness is None
            verdict = "noticed " if witness else "BROKEN  " if problem else "SURVIVED"
            print(f"{verdict} {number}/{len(chosen)} {file}: {what}  ({witness or problem})", flush=True)
            (tree / file).write_text(before)
    print(f"{len(chosen) - survived} passed, {survived} failed")
    return 1 if survived or not chosen else 0


if __name__ == "__main__":
    sys.exit(main())
