"""The 80x25 cells of the text screen, as a person would see them: the loader's and the kernel's.

Hazards: O2 (the same text on the screen as on COM1), O3. Keys and the shell's own use of the screen
are in test_kernel_shell.py.
"""
import re

import pytest

from lib.images import flip_byte, make_image
from lib.headers import constants
from lib.qemu import Qemu

LAYOUT = constants()
LIGHT_GREY, LIGHT_GREEN, WHITE_ON_RED = 0x07, 0x0A, 0x4F
LOADER_LINES = 15  # a scrolled line costs time


def cursor(qemu):
    """(row, column) of the hardware cursor, from the CRTC."""
    position = 0
    for register in (0x0E, 0x0F):
        qemu.monitor(f"o/b 0x3d4 {register:#x}")
        position = position << 8 | int(
            re.search(r"= (0x[0-9a-f]+)", qemu.monitor("i/b 0x3d5")).group(1), 16)
    return divmod(position, 80)


def colours_of(qemu, text):
    """The colours of the first row that has TEXT, for the cells of TEXT."""
    for row in qemu.cells():
        line = "".join(char for char, _ in row)
        if text in line:
            start = line.index(text)
            return {colour for _, colour in row[start:start + len(text)]}
    raise AssertionError(f"{text!r} is not on the screen")


@pytest.mark.check
def test_same_text_as_com1(image):
    """Each line of the loader and the kernel on COM1 stands on the screen, in the same order."""
    with Qemu(image) as qemu:
        qemu.wait_prompt()
        screen = "".join(row.ljust(80) for row in qemu.screen())
        place = 0
        for line in qemu.output.splitlines():
            if line.strip():
                place = screen.find(line.rstrip(), place)
                assert place >= 0, f"{line!r} is not on the screen, or not in its place"


def test_loader_is_brief(image):
    with Qemu(image) as qemu:
        qemu.wait_prompt()
        lines = [row for row in qemu.screen() if row.startswith(("stage1: ", "stage2: "))]
        assert 2 <= len(lines) <= LOADER_LINES


def test_cursor_stands_behind_the_prompt(image):
    with Qemu(image) as qemu:
        qemu.wait_prompt()
        rows = qemu.expect_screen("sector0:/$")
        row = max(number for number, text in enumerate(rows) if text)
        assert cursor(qemu) == (row, len("sector0:/$ "))
        qemu.send("echo")
        qemu.expect("echo")
        qemu.expect_screen("sector0:/$ echo")
        assert cursor(qemu) == (row, len("sector0:/$ echo"))


def test_colours(image):
    with Qemu(image) as qemu:
        qemu.wait_prompt()
        qemu.expect_screen("sector0:/$")
        assert colours_of(qemu, "sector0:/$") == {LIGHT_GREEN}
        assert colours_of(qemu, "stage2: Sector0 boot loader") == {LIGHT_GREY}


def test_panic_is_white_on_red(image):
    with Qemu(image) as qemu:
        qemu.wait_prompt()
        qemu.send("crash ud\r")
        assert qemu.outcome().kind == "panic"
        qemu.expect_screen("System halted")
        assert colours_of(qemu, "PANIC: ") == {WHITE_ON_RED}
        assert colours_of(qemu, "System halted") == {WHITE_ON_RED}


@pytest.mark.check
def test_failure_is_on_the_screen(tmp_path):
    """Stage 1's own two errors, stage 2's, and the refusal of a slot before a good one."""
    image = make_image(tmp_path / "disk.img")
    for lba, offset, text in [
        (LAYOUT["SLOTS_LBA"], 999, "stage2: slot A: E40 Merkle root mismatch"),
        (LAYOUT["MANIFEST0_LBA"], 0, "stage2: manifest 0: E22 is not a boot manifest"),
        (LAYOUT["MANIFEST1_LBA"], 0, "boot failed: E20 no valid boot manifest"),
        (LAYOUT["STAGE2_LBA"], 100, "boot failed: E02 CRC")
    ]:
        flip_byte(image, lba, offset)
        with Qemu(image, disk="virtio") as qemu:
            qemu.outcome()
            qemu.expect_screen(text)


def test_long_lines_wrap(tmp_path):
    word = "0123456789" * 10
    with Qemu(make_image(tmp_path / "disk.img", cmdline=f'run="echo {word}"')) as qemu:
        qemu.wait_prompt()
        rows = qemu.expect_screen("sector0:/$")
        place = rows.index(word[:80])
        assert rows[place + 1] == word[80:]


def test_clear(image):
    with Qemu(image) as qemu:
        qemu.wait_prompt()
        qemu.send("clear\r")
        qemu.expect(r"\x1b\[2J\x1b\[Hsector0:/\$ ")
        rows = qemu.screen()
        assert rows[0] == "sector0:/$" and not any(rows[1:])
        assert cursor(qemu) == (0, len("sector0:/$ "))
