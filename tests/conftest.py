"""pytest's hooks: a time limit for every test, evidence of failures, one result line per case.

A test that needs longer than LIMIT seconds carries @pytest.mark.limit(seconds).
"""
import json
import os
import signal

import pytest

from lib import workdir
from lib.images import make_image
from lib.mkdiskkit import Kit, sanitized_mkdisk

LIMIT = int(os.environ.get("SECTOR0_TEST_LIMIT", "180"))  # seconds for one test


def pytest_configure(config):
    config.addinivalue_line("markers", "check: one of the few whole-machine tests of `make check`")
    config.addinivalue_line("markers", "soak: takes long; only `make soak` runs it")
    config.addinivalue_line("markers",
                            "limit(seconds): this test may run longer than the usual limit")


@pytest.fixture(scope="session")
def image(tmp_path_factory):
    """The demo image, for tests that only boot it: nobody may change it."""
    path = make_image(tmp_path_factory.mktemp("image") / "sector0.img")
    path.chmod(0o444)
    return path


@pytest.fixture
def kit(tmp_path):
    """mkdisk in a folder of its own."""
    return Kit(tmp_path)


@pytest.fixture
def clean(tmp_path):
    """The same under sanitizers."""
    return Kit(tmp_path, sanitized_mkdisk())


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_call(item):
    """A hanging test fails; the time limit is the host's, whatever the guest does."""
    mark = item.get_closest_marker("limit")
    seconds = mark.args[0] if mark else LIMIT

    def expired(_signal, _frame):
        pytest.fail(f"hung: still running after {seconds} s")

    signal.signal(signal.SIGALRM, expired)
    signal.alarm(seconds)
    yield
    signal.alarm(0)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    report = (yield).get_result()
    if report.when == "call" or (report.when == "setup" and report.failed):
        if report.failed:
            lines = workdir.keep(item.nodeid)
            lines.append(f"the same test again: make test K='{item.nodeid}'")
            report.sections.append(("evidence", "\n".join(lines)))
        else:
            workdir.drop()


def _message(report):
    if isinstance(report.longrepr, tuple):  # a skip: (file, line, reason)
        return report.longrepr[2].removeprefix("Skipped: ")
    crash = getattr(report.longrepr, "reprcrash", None)
    return crash.message.splitlines()[0] if crash and crash.message else str(report.longrepr or "")


def pytest_runtest_logreport(report):
    """One line for each case, the same for run.py in its log. Runs in the controlling process."""
    log = os.environ.get("SECTOR0_RESULT_LOG")
    if not log or "PYTEST_XDIST_WORKER" in os.environ:
        return
    if report.when != "call" and report.passed:
        return
    word = {"passed": "ok", "failed": "FAILED", "skipped": "skipped"}[report.outcome]
    message = _message(report)
    reason = f"  ({message})" if report.skipped else ""
    print(f"{word:8}{report.duration:6.1f} s  {report.nodeid}{reason}", flush=True)
    with open(log, "a", encoding="utf-8") as results:
        results.write(json.dumps({"case": report.nodeid, "outcome": report.outcome,
                                  "seconds": report.duration, "message": message}) + "\n")


@pytest.hookimpl(tryfirst=True)
def pytest_report_teststatus(report):
    """No dots where the lines above are printed."""
    if os.environ.get("SECTOR0_RESULT_LOG"):
        return report.outcome if report.when == "call" or not report.passed else "", "", ""
    return None
