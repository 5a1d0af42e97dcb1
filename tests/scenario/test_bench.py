"""The measurements run, and print the lines that scripts read: BENCH <name> <value> <unit>."""
import os
import re
import subprocess

from lib.headers import tour_steps
from lib.paths import BUILD, REPO


def bench(*words):
    done = subprocess.run(["/usr/bin/python3", "-B", *words], cwd=REPO, capture_output=True, text=True, check=True,
                          env={**os.environ, "SECTOR0_BUILD": str(BUILD)})
    lines = [re.fullmatch(r"BENCH (\S+) ([0-9.]+) (\S+)", line) for line in done.stdout.splitlines()]
    assert all(lines), done.stdout
    return {line.group(1): (float(line.group(2)), line.group(3)) for line in lines}


def test_steps_add_up():
    """Every step with a stamp has its instructions, and their sum is the total."""
    figures = bench("bench/steps.py")
    label_only = {"02_read", "03_check"}  # see include/tour.h
    steps = {f"{number:02}_{name}" for number, name, _ in tour_steps()} - label_only - {"22_prompt"}
    counts = {name.removeprefix("instructions_"): value for name, (value, unit) in figures.items()
              if unit == "instructions"}
    total = counts.pop("total")
    assert set(counts) == steps
    assert sum(counts.values()) == total
    assert figures["bytes_stage1"][0] <= 440
    assert figures["bytes_stage2"] == ((BUILD / "stage2.bin").stat().st_size, "bytes")


def test_start_is_measured_against_the_floor():
    subprocess.run(["make", f"B={BUILD}", f"{BUILD}/bench/floor.img"], cwd=REPO, check=True, capture_output=True,
                   env={name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MAKELEVEL")})
    figures = bench("bench/start.py", "--runs", "1")
    for disk in ("virtio", "ide"):
        assert figures[f"start_ratio_{disk}"][0] > 0  # one run says nothing more: machines are noisy
        assert figures[f"start_goal_{disk}"][0] >= 1.5
