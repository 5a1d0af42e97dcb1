"""The power is cut at every moment of many workloads on SFS: whatever is left mounts, is sound, and
has what fsync promised; and every rule of write order that is broken on purpose is noticed"""
import re
import subprocess

import pytest

from lib import paths

CRASH = paths.BUILD / "tests" / "crash" / "crash"
SENTENCE = re.compile(r"(\d+) distinct crash states over (\d+) workloads, (\d+) unmountable, "
                      r"(\d+) check findings, (\d+) lost fsynced bytes, (\d+) exposed bytes"
                      r"(?:, (\d+)/(\d+) seeded ordering bugs caught)?$")


def crash(*options, limit):
    """Run the crash tests; returns the numbers of the sentence."""
    done = subprocess.run([CRASH, *options], capture_output=True, text=True, timeout=limit)
    print(done.stdout, done.stderr)
    found = SENTENCE.search(done.stdout.strip())
    assert found, done.stdout
    assert done.returncode == 0, found.group(0)
    return [int(number) for number in found.groups() if number is not None]


@pytest.mark.limit(900)
def test_power_cuts_and_seeded_bugs():
    states, workloads, *bad, caught, bugs = crash("--states", "200000", "--mutants", limit=850)
    assert states >= 200000 and workloads >= 100
    assert bad == [0, 0, 0, 0]
    assert caught == bugs and bugs >= 15


def test_a_failure_can_be_repeated():
    done = subprocess.run(
        [CRASH, "--broken", "TWO_PHASE", "--only", "512.", "--workers", "1", "--stop"],
        capture_output=True, text=True, timeout=100)
    assert done.returncode == 1
    name, why = re.search(r"^FAILED (\S+/\S+): (.*)$", done.stdout, re.M).groups()
    again = subprocess.run([CRASH, "--broken", "TWO_PHASE", "--replay", name],
                           capture_output=True, text=True, timeout=100)
    assert again.returncode == 0 and f"{name}: {why}" in again.stdout, again.stdout
    sound = subprocess.run([CRASH, "--replay", name], capture_output=True, text=True, timeout=100)
    assert name not in sound.stdout


@pytest.mark.soak
@pytest.mark.limit(7200)
def test_ten_million_states():
    states, _, *bad, caught, bugs = crash("--states", "10000000", "--limit", "4000000000", "--mutants", limit=7100)
    assert states >= 10000000 and bad == [0, 0, 0, 0]
    assert caught == bugs and bugs >= 15
