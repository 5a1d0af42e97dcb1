"""Threads as a person sees them: `ps`, `kill` and `sleep` at the prompt, in QEMU and in Bochs.
"""
import re
import time

import pytest

from lib.bochs import Bochs
from lib.qemu import Qemu

ROW = re.compile(r"^ *(?P<id>\d+) (?P<name>\S+) +(?P<state>\w+) +(?P<priority>\w+) +(?P<seconds>\d+\.\d{3}) "
                 r"+(?P<switches>\d+) +(?P<peak>\d+)/(?P<size>\d+) *(?P<waits>.*)$", re.M)


@pytest.fixture(params=["qemu", "bochs"])
def machine(request, image):
    with (Qemu(image) if request.param == "qemu" else Bochs(image)) as started:
        started.wait_prompt()
        yield started


def threads(machine):
    """What ps shows, by name."""
    text = machine.run("ps")
    assert all(len(line) < 80 for line in text.splitlines())
    rows = [match.groupdict() for match in ROW.finditer(text)]
    assert len(rows) == len(text.splitlines()) - 1, text
    assert [int(row["id"]) for row in rows] == sorted(int(row["id"]) for row in rows)
    return {row["name"]: row for row in rows}


def uptime(machine):
    return float(re.search(r"up (\d+\.\d+) s", machine.run("uptime"))[1])


@pytest.mark.check
def test_ps(machine):
    first = threads(machine)
    assert {"idle", "work", "shell"} <= set(first)
    states = {name: (row["state"], row["priority"], row["waits"]) for name, row in first.items()}
    assert states["idle"] == ("ready", "idle", "")
    assert states["work"] == ("waiting", "high", "work")
    assert states["shell"] == ("running", "normal", "")
    for row in first.values():
        assert 0 < int(row["peak"]) < int(row["size"]) <= 16384
    machine.run("sleep 0.2")
    second = threads(machine)
    for name in ("idle", "shell"):
        assert int(second[name]["switches"]) > int(first[name]["switches"])
    assert float(second["idle"]["seconds"]) - float(first["idle"]["seconds"]) > 0.1
    assert machine.run("ps more; echo $?") == "ps: usage: ps \n2"


def test_sleep(machine):
    before = uptime(machine)
    assert machine.run("sleep 0.75") == ""
    assert 0.75 <= uptime(machine) - before
    assert machine.run("sleep 0; sleep 0.000000001; sleep .; echo $?") == "sleep: usage: sleep <seconds>\n2"
    for wrong in ("", "x", "-1", "1x", "1.5.5", "99999999999999999999"):
        assert machine.run(f"sleep {wrong}") == "sleep: usage: sleep <seconds>"


def test_sleep_ends_on_ctrl_c(machine):
    machine.send("sleep 1000000\r")
    time.sleep(0.3)
    machine.send("this is lost\x03")
    machine.expect(r"\^C\r\n")
    machine.wait_prompt()
    assert machine.run("echo $?") == "130"


def test_what_is_typed_during_a_sleep_is_kept(machine):
    machine.send("sleep 0.5\recho kept\r")
    machine.expect(r"[\r\n]kept\r\n")
    machine.wait_prompt()


@pytest.mark.check
def test_kill_of_a_sleep_in_the_background(machine):
    threads_before = set(threads(machine))
    number = re.fullmatch(r"thread (\d+)", machine.run("sleep 1000000 &"))[1]
    assert machine.run("echo $?") == "0"
    row = threads(machine)["sleep"]
    assert (row["id"], row["state"], row["waits"]) == (number, "sleeping", "time")
    machine.send("\x03")  # is the shell's alone
    machine.wait_prompt()
    assert "sleep" in threads(machine)
    assert machine.run(f"kill {number}; echo $?") == "0"
    assert set(threads(machine)) == threads_before
    assert machine.run(f"kill {number}; echo $?") == f"kill: there is no thread {number}\n1"


def test_background(machine):
    text = machine.run("sleep 0.1 & sleep 0.2& echo here; sleep 0.5; ps")
    assert re.match(r"thread (\d+)\nthread (\d+)\nhere\n", text) and "sleep  " not in text
    assert machine.run("ps &") == "ps: does not run in the background"
    assert machine.run("echo $?") == "1"
    assert machine.run("nonsense & echo $?") == "nonsense: command not found\n127"
    for _ in range(40):
        machine.run("sleep 0.01 &")
    machine.run("sleep 0.2")
    assert set(threads(machine)) == {"idle", "work", "shell", "disks"}


def test_kill_refuses(machine):
    ids = {name: row["id"] for name, row in threads(machine).items()}
    for name in ("idle", "work", "shell", "disks"):
        assert machine.run(f"kill {ids[name]}; echo $?") == f"kill: thread {ids[name]} ({name}) cannot be stopped\n1"
    assert machine.run("kill 4000000000; echo $?") == "kill: there is no thread 4000000000\n1"
    for wrong in ("", "x", "1 2", "-1", "5000000000"):
        assert machine.run(f"kill {wrong}; echo $?") == "kill: usage: kill <id>\n2"
    assert threads(machine)["shell"]["state"] == "running"
