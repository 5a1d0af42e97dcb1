#!/usr/bin/python3
"""Runs the tests and counts them: host units first, then whole machines.

    run.py [--kind check|test|soak|units] [--select EXPR]

EXPR is a pytest id (scenario/test_x.py::test_y[z]), a pytest -k expression, or, for units, a part
of unit/test_x.c::case. Every case gets one result line; the last line is `N passed, N failed` and,
if any were skipped, `, N skipped`. The exit status is 1 when anything failed, when nothing ran, or
when a case that exists has no result: what exists is counted apart from the run, by a separate
collection and by reading the sources (tests/lib/count.py). Results are also written as JUnit XML
into the build folder.
"""
import argparse
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as xml
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
from lib import count, paths  # noqa: E402

UNIT_LIMIT = 120        # seconds for one unit test program
MACHINES_LIMIT = 3600   # seconds for all whole-machine tests; each has its own limit in conftest.py
SOAK_LIMIT = 72 * 3600  # the same of the soak: what its cases may take at most, by two workers
COVERAGE = paths.BUILD / "coverage"
MARKS = {"check": "check and not soak", "test": "not soak", "soak": "soak"}


@dataclass
class Result:
    case: str       # id
    outcome: str    # passed, failed, skipped
    seconds: float
    message: str    # why it failed or was skipped


def show(result):
    word = {"passed": "ok", "failed": "FAILED", "skipped": "skipped"}[result.outcome]
    skipped = result.outcome == "skipped" and result.message
    reason = f"  ({result.message.splitlines()[-1]})" if skipped else ""
    print(f"{word:8}{result.seconds:6.1f} s  {result.case}{reason}", flush=True)
    return result


# ---- Host units --------------------------------------------------------------------------------

def run_unit(program, source, select):
    """Run one cmocka program; returns the results of its cases, those that vanished included."""
    expected = [case for case in count.unit_cases(source) if select in case]
    if not expected:
        return []
    started = time.monotonic()
    try:
        done = subprocess.run([program], capture_output=True, text=True, errors="replace",
                              timeout=UNIT_LIMIT,
                              env={**os.environ, "CMOCKA_MESSAGE_OUTPUT": "TAP"})
        text, status = done.stdout + done.stderr, done.returncode
    except subprocess.TimeoutExpired as hung:
        text, status = (hung.stdout or b"").decode(errors="replace") + "hung", 1
    except FileNotFoundError:
        text, status = f"{program} was not built", 1
    seconds = (time.monotonic() - started) / len(expected)
    verdicts = {
        name: verdict
        for verdict, name in re.findall(r"^(ok|not ok) \d+ - (\w+)", text, re.M)
    }
    skips = set(re.findall(r"^(?:ok|not ok) \d+ # SKIP (\w+)|^ok \d+ - (\w+) # SKIP", text, re.M))
    results = []
    for case in expected:
        name = case.rpartition("::")[2]
        verdict = verdicts.get(name)
        if any(name in skip for skip in skips):
            results.append(Result(case, "skipped", seconds, "skipped by the unit test itself"))
        elif verdict == "ok":
            results.append(Result(case, "passed", seconds, ""))
        else:
            results.append(Result(case, "failed", seconds, "not ok" if verdict else "no result"))
    if status != 0 and all(result.outcome != "failed" for result in results):
        results[-1] = Result(results[-1].case, "failed", seconds, f"{program.name} exits {status}")
    if any(result.outcome == "failed" for result in results):
        print(text, flush=True)
        print(f"the same test again: {program}", flush=True)
    return results


def run_units(tests, select):
    results = []
    for source in sorted((tests / "unit").glob("test_*.c")):
        program = paths.BUILD / "tests" / "unit" / source.stem
        results += [show(result) for result in run_unit(program, source, select)]
    return results


# ---- Whole machines ----------------------------------------------------------------------------

def pytest_command(tests, kind, select):
    """pytest over the cases of KIND, or the SELECTed ones; kind None means all."""
    command = [
        sys.executable, "-B", "-m", "pytest", "-c", str(tests / "pytest.ini"), f"--rootdir={tests}"
    ]
    if "::" in select or ".py" in select:
        command += [str(tests / case) for case in re.split(r" (?=\S+\.py)", select)]
        return command
    command.append(str(tests / "scenario"))
    return command + (["-k", select] if select else []) + (["-m", MARKS[kind]] if kind else [])


def collect(command):
    """The ids that a run of COMMAND must give results for."""
    done = subprocess.run(command + ["--collect-only", "-q"], capture_output=True, text=True)
    ids = [
        line for line in done.stdout.splitlines()
        if "::" in line and not line.startswith(("ERROR", " "))
    ]
    if done.returncode not in (0, 5):
        print(done.stdout + done.stderr)
        return ids, False
    return ids, True


def machines_limit(kind, select):
    """Seconds for the cases of KIND, or the SELECTed ones: an id may be that of a soak's case."""
    return SOAK_LIMIT if kind == "soak" or "::" in select or ".py" in select else MACHINES_LIMIT


def run_pytest(command, log, limit):
    """Run COMMAND; conftest.py prints the result lines and appends them to LOG. False if it hung.

    However it ends, nothing that it started goes on: emulators stay in its process group.
    """
    env = {**os.environ, "SECTOR0_RESULT_LOG": str(log)}
    workers = os.environ.get("SECTOR0_WORKERS", "2")
    signal.signal(signal.SIGTERM, lambda _signal, _frame: sys.exit("terminated"))
    process = subprocess.Popen(command + ["-n", workers, "-q", "--no-header"], env=env,
                               start_new_session=True)
    try:
        process.wait(limit)
    except subprocess.TimeoutExpired:
        return False
    finally:
        end_group(process)
    return True


def end_group(process):
    try:
        os.killpg(process.pid, signal.SIGTERM)
        time.sleep(1)
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass  # all of it has ended
    process.wait(30)


def run_machines(tests, kind, select):
    command = pytest_command(tests, kind, select)
    expected, collected = collect(command)
    results = [] if collected else [Result("scenario", "failed", 0, "the collection failed")]
    if not select and collected:
        everything, _ = collect(pytest_command(tests, None, ""))
        for problem in count.source_problems(tests, everything):
            print(f"MISSING  {problem}", flush=True)
            results.append(Result("scenario", "failed", 0, problem))
    if not expected:
        return results
    with tempfile.TemporaryDirectory(prefix="sector0-results-") as folder:
        log = Path(folder) / "results.jsonl"
        log.touch()
        limit = machines_limit(kind, select)
        if not run_pytest(command, log, limit):
            print(f"the whole-machine tests did not end within {limit} s", flush=True)
        lines = log.read_text().splitlines()
    ran = {}
    for result in (Result(**json.loads(line)) for line in lines):
        if result.case not in ran or result.outcome == "failed":
            ran[result.case] = result
    missing = [Result(case, "failed", 0, "no result: it was collected but did not run")
               for case in expected if case not in ran]
    for result in missing:
        print(f"MISSING  {result.case}", flush=True)
    return results + list(ran.values()) + missing


# ---- Coverage of the loader ----------------------------------------------------------------------

def start_coverage():
    """Make every QEMU of this run record which loader instructions it executes (lib/qemu.py)."""
    shutil.rmtree(COVERAGE, ignore_errors=True)
    COVERAGE.mkdir(parents=True)
    os.environ["SECTOR0_COVERAGE_DIR"] = str(COVERAGE)


def run_coverage():
    """Print the report; each stage is a case, failed when too little of it ran."""
    report = HERE / "coverage" / "report.py"
    done = subprocess.run([sys.executable, "-B", str(report), str(COVERAGE)],
                          capture_output=True, text=True)
    print(done.stdout + done.stderr, flush=True)
    verdicts = re.findall(r"^(ok|FAILED)\s+(coverage/\w+)\s+(.*)$", done.stdout, re.M)
    results = [Result(case, "passed" if verdict == "ok" else "failed", 0, message)
               for verdict, case, message in verdicts]
    return results or [Result("coverage", "failed", 0, "no report")]


# ---- The end -----------------------------------------------------------------------------------

def write_junit(results, path):
    suite = xml.Element("testsuite", name="sector0", tests=str(len(results)),
                        failures=str(sum(result.outcome == "failed" for result in results)))
    for result in results:
        folder, _, name = result.case.partition("::")
        case = xml.SubElement(suite, "testcase", classname=folder, name=name,
                              time=f"{result.seconds:.3f}")
        if result.outcome != "passed":
            verdict = xml.SubElement(case, "failure" if result.outcome == "failed" else "skipped")
            verdict.text = re.sub(r"[^\t\n\x20-\uFFFD]", "?", result.message)
    path.parent.mkdir(parents=True, exist_ok=True)
    xml.ElementTree(suite).write(path, encoding="utf-8", xml_declaration=True)


def summary(results, seconds):
    slow = sorted(results, key=lambda result: -result.seconds)[:10]
    print("\nslowest:")
    for result in slow:
        print(f"  {result.seconds:6.1f} s  {result.case}")
    failed = [result for result in results if result.outcome == "failed"]
    if failed:
        print("\nfailed:")
        for result in failed:
            print(f"  {result.case}: {(result.message or '?').splitlines()[-1]}")
        print(f"evidence is kept under {paths.FAILURES}")
    skipped = [result for result in results if result.outcome == "skipped"]
    if skipped:
        print("\nskipped:")
        for result in skipped:
            print(f"  {result.case}: {(result.message or 'no reason given').splitlines()[-1]}")
    passed = len(results) - len(failed) - len(skipped)
    print(f"\n{len(results)} cases in {seconds:.0f} s")
    rest = f", {len(skipped)} skipped" if skipped else ""
    print(f"{passed} passed, {len(failed)} failed{rest}", flush=True)
    return 0 if passed and not failed else 1


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kind", choices=["check", "test", "soak", "units"], default="test")
    parser.add_argument("--select", default="", metavar="EXPR")
    parser.add_argument("--tests", type=Path, default=HERE, help="folder with unit/ and scenario/")
    arguments = parser.parse_args()
    started = time.monotonic()
    results = []
    if not arguments.select:
        shutil.rmtree(paths.FAILURES, ignore_errors=True)  # of earlier runs
    if arguments.kind != "soak":
        results += run_units(arguments.tests, arguments.select)
    measured = arguments.kind == "test" and not arguments.select and arguments.tests == HERE
    if measured:
        start_coverage()
    if arguments.kind != "units":
        results += run_machines(arguments.tests, arguments.kind, arguments.select)
    if measured:
        results += run_coverage()
    write_junit(results, paths.BUILD / "test-results.xml")
    return summary(results, time.monotonic() - started)


if __name__ == "__main__":
    sys.exit(main())
