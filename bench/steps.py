#!/usr/bin/python3
"""Instructions of each step of the boot, from 7C00 to the prompt, under Bochs; and bytes of each part.

Bochs' time stamp counter counts executed instructions and its clock does not follow the host's, so
the numbers are exact: two runs give the same. They come from the shell's `boot`. Instructions of the BIOS that the loader calls are counted in the step that
calls it.
"""
import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
from lib import workdir  # noqa: E402
from lib.bochs import Bochs  # noqa: E402
from lib.headers import tour_steps  # noqa: E402
from lib.paths import BUILD  # noqa: E402
from lib.symbols import symbols  # noqa: E402


def boot_table():
    """What `boot` prints under Bochs."""
    with Bochs(BUILD / "sector0.img") as machine:
        machine.wait_prompt()
        text = machine.run("boot")
    workdir.drop()
    return text


def rows(text):
    """[(step, instructions)]; the last step is the prompt, and has the sum."""
    assert "instructions" in text, f"no table of instructions:\n{text}"
    names = {number: f"{number:02}_{name}" for number, name, _ in tour_steps()}
    return [(names[int(number)], int(count))
            for number, count in re.findall(r"^ ?(\d+) .{40} +(\d+)(?: |$)", text, re.M)]


def part_bytes():
    return {"stage1": symbols("stage1.elf")["stage1_code_bytes"], "stage2": (BUILD / "stage2.bin").stat().st_size,
            "kernel": (BUILD / "kernel.bin").stat().st_size}


def main():
    for part, size in part_bytes().items():
        print(f"BENCH bytes_{part} {size} bytes")
    for step, count in rows(boot_table()):
        total = step.endswith("_prompt")
        print(f"BENCH instructions_{'total' if total else step} {count} instructions")


if __name__ == "__main__":
    main()
