"""A folder for every machine of a test, kept when the test fails.

A machine writes its output, screen and images below new_workdir(). conftest.py calls keep() or
drop() when the outcome of the test is known, so an assertion that fails long after the machine is
gone still finds its evidence under build/test-failures/<test id>/.
"""
import os
import re
import shutil

from lib.paths import FAILURES, WORK

_machines = []  # the machines of the running test, in the order they were started


def test_id():
    """The pytest id of the running test, "" outside of one."""
    return os.environ.get("PYTEST_CURRENT_TEST", "").rsplit(" (", 1)[0]


def folder_name(node_id):
    """NODE_ID as one folder name: short enough for a path, still recognisable."""
    name = re.sub(r"[^A-Za-z0-9_.=-]+", "_", node_id.replace("scenario/", "").replace(".py::", "."))
    return name[:120] or "no-test"


def new_workdir(machine):
    """An empty folder for MACHINE, which is remembered until keep() or drop()."""
    folder = WORK / str(os.getpid()) / folder_name(test_id()) / str(len(_machines))
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    _machines.append(machine)
    return folder


def _close_all():
    machines = _machines[:]
    _machines.clear()
    for machine in machines:
        machine.close()
    return machines


def drop():
    """The test passed: stop what still runs, remove its folders."""
    for machine in _close_all():
        shutil.rmtree(machine.workdir, ignore_errors=True)


def keep_machine(machine, kept):
    """Move the folder of MACHINE, which has been closed, to KEPT; returns lines for the report."""
    machine.save_evidence()
    tail = machine.output[-1500:].replace("\r\n", "\n")
    shutil.rmtree(kept, ignore_errors=True)
    kept.parent.mkdir(parents=True, exist_ok=True)
    shutil.move(machine.workdir, kept)
    command = machine.reproduce(kept)
    (kept / "command.sh").write_text("#!/bin/sh\n" + command + "\n")
    lines = [f"  run it again: {command}", "  last output:"]
    return lines + ["    | " + line for line in tail.splitlines()[-25:]]


def keep(node_id):
    """The test failed: stop what still runs, move its folders; returns lines for the report."""
    target = FAILURES / folder_name(node_id)
    shutil.rmtree(target, ignore_errors=True)
    lines = []
    for number, machine in enumerate(_close_all()):
        if machine.workdir.exists():
            lines += [f"machine {number}: {target / str(number)}"]
            lines += keep_machine(machine, target / str(number))
    return lines
