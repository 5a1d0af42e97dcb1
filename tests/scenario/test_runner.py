"""Broken tests that test the tester: run.py must fail when a test fails, hangs, or vanishes."""
import os
import re
import subprocess
import sys

import pytest

from lib.paths import REPO

pytestmark = pytest.mark.check
TESTS = REPO / "tests"
sys.path.insert(0, str(TESTS))
import run  # noqa: E402


def run_suite(folder, scenario, limit=60, unit=None, arguments=("--kind", "test")):
    """Run run.py on a suite of one file (text SCENARIO); returns its exit status and text."""
    (folder / "scenario").mkdir()
    (folder / "unit").mkdir()
    for name in ("lib", "conftest.py", "pytest.ini"):
        (folder / name).symlink_to(TESTS / name)
    (folder / "scenario" / "test_planted.py").write_text(scenario)
    if unit:
        (folder / "unit" / "test_planted.c").write_text(unit)
    env = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
    env.update(SECTOR0_BUILD=str(folder / "build"), SECTOR0_TEST_LIMIT=str(limit))
    command = [sys.executable, "-B", str(TESTS / "run.py"), "--tests", str(folder), *arguments]
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=120)
    return done.returncode, done.stdout


def last_line(text):
    return text.rstrip().splitlines()[-1]


def build_unit(folder, source):
    """Compile SOURCE as the unit test program `planted` of the suite in FOLDER."""
    program = folder / "build" / "tests" / "unit" / "test_planted"
    program.parent.mkdir(parents=True)
    subprocess.run(
        ["cc", "-x", "c", "-", "-o", str(program), "-lcmocka"], input=source, text=True, check=True)


def test_passing_suite_passes(tmp_path):
    status, text = run_suite(tmp_path, "def test_one(): pass\ndef test_two(): pass\n")
    assert (status, last_line(text)) == (0, "2 passed, 0 failed")
    assert len(re.findall(r"^ok .*scenario/test_planted.py::test_(?:one|two)$", text, re.M)) == 2


def limits_of_soak():
    """The limits of all cases of the soak, in seconds; one of several parameters counts once for each."""
    code = ("import pytest, sys\n"
            "class Limits:\n"
            "    def pytest_collection_finish(self, session):\n"
            "        marks = [item.get_closest_marker('limit') for item in session.items]\n"
            "        print('LIMITS', *[mark.args[0] if mark else 180 for mark in marks])\n"
            "sys.exit(pytest.main(sys.argv[1:], plugins=[Limits()]))\n")
    done = subprocess.run([sys.executable, "-B", "-c", code, "-c", str(TESTS / "pytest.ini"), f"--rootdir={TESTS}",
                           str(TESTS / "scenario"), "-m", "soak", "--collect-only", "-q"], capture_output=True, text=True)
    return [int(word) for word in re.search(r"LIMITS (.*)", done.stdout)[1].split()]


def test_the_soak_has_the_time_that_its_cases_may_take():
    """By two workers, of which one may end sooner; a case by its id has time as well."""
    limits = limits_of_soak()
    assert len(limits) > 400 and max(limits) > 4 * 3600
    assert (sum(limits) + max(limits)) / 2 < run.machines_limit("soak", "")
    assert run.machines_limit("test", "scenario/test_fuzz.py::test_hours[afl]") > max(limits)
    assert run.machines_limit("test", "") < run.machines_limit("soak", "")


def test_failure_fails(tmp_path):
    status, text = run_suite(tmp_path, "def test_one(): pass\ndef test_two(): assert 1 == 2\n")
    assert (status, last_line(text)) == (1, "1 passed, 1 failed")
    assert "make test K='scenario/test_planted.py::test_two'" in text


def test_error_in_a_fixture_fails(tmp_path):
    status, text = run_suite(tmp_path, "import pytest\n@pytest.fixture\ndef f(): raise OSError\n"
                                       "def test_one(f): pass\ndef test_two(): pass\n")
    assert (status, last_line(text)) == (1, "1 passed, 1 failed")


def test_hang_fails(tmp_path):
    status, text = run_suite(
        tmp_path, "import time\ndef test_one(): time.sleep(100)\ndef test_two(): pass\n", 2)
    assert (status, last_line(text)) == (1, "1 passed, 1 failed")
    assert "hung: still running after 2 s" in text


def test_vanished_test_fails(tmp_path):
    scenario = ("import sys\ndef test_one(): pass\n"
                "if '--collect-only' in sys.argv:\n    def test_two(): pass\n")
    status, text = run_suite(tmp_path, scenario)
    assert (status, last_line(text)) == (1, "1 passed, 1 failed")
    assert "MISSING  scenario/test_planted.py::test_two" in text


def test_shadowed_test_fails(tmp_path):
    status, text = run_suite(tmp_path, "def test_one(): assert False\ndef test_one(): pass\n")
    assert status == 1
    assert "test_one is defined 2 times" in text


def test_broken_file_fails(tmp_path):
    status, text = run_suite(tmp_path, "import no_such_module\ndef test_one(): pass\n")
    assert status == 1
    assert "0 passed" in last_line(text)


def test_crashed_worker_fails(tmp_path):
    status, text = run_suite(tmp_path,
                             "import os\ndef test_one(): os._exit(3)\ndef test_two(): pass\n")
    assert (status, last_line(text)) == (1, "1 passed, 1 failed")


def test_skip_shows_its_reason(tmp_path):
    scenario = "import pytest\ndef test_one(): pytest.skip('no moon')\ndef test_two(): pass\n"
    status, text = run_suite(tmp_path, scenario)
    assert (status, last_line(text)) == (0, "1 passed, 0 failed, 1 skipped")
    assert "scenario/test_planted.py::test_one: no moon" in text


def test_nothing_ran_fails(tmp_path):
    scenario = "def test_one(): pass\n"
    status, text = run_suite(tmp_path, scenario, arguments=("--select", "no_such_test"))
    assert (status, last_line(text)) == (1, "0 passed, 0 failed")


UNIT = """
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
static void test_good(void **state) { (void)state; }
static void test_bad(void **state) { (void)state; assert_int_equal(1, %s); }
int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_good), cmocka_unit_test(test_bad)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
"""


@pytest.mark.parametrize("value, expected", [("1", (0, "2 passed, 0 failed")),
                                             ("2", (1, "1 passed, 1 failed"))])
def test_unit_results_are_counted(tmp_path, value, expected):
    build_unit(tmp_path, UNIT % value)
    status, text = run_suite(tmp_path, "", unit=UNIT % value, arguments=("--kind", "units"))
    assert (status, last_line(text)) == expected


def test_unit_that_vanishes_fails(tmp_path):
    without = (UNIT % "1").replace(", cmocka_unit_test(test_bad)", "")
    build_unit(tmp_path, without.replace("static void test_bad", "void test_bad"))
    status, text = run_suite(tmp_path, "", unit=UNIT % "1", arguments=("--kind", "units"))
    assert (status, last_line(text)) == (1, "1 passed, 1 failed")


def test_unit_that_was_not_built_fails(tmp_path):
    status, text = run_suite(tmp_path, "", unit=UNIT % "1", arguments=("--kind", "units"))
    assert (status, last_line(text)) == (1, "0 passed, 2 failed")


def test_unit_outside_the_list_fails(tmp_path):
    unlisted = (UNIT % "1").replace(", cmocka_unit_test(test_bad)", "")
    build_unit(tmp_path, unlisted)
    status, text = run_suite(tmp_path, "def test_one(): pass\n", unit=unlisted)
    assert status == 1
    assert "unit/test_planted.c::test_bad is not in the list of the program" in text
