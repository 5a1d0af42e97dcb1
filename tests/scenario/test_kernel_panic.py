"""What the kernel says when it fails: every kind of `crash`, on COM1, on port E9 and white on red on the
screen, never a reset; and a hand-off that is wrong, field by field, written by the debugger.
"""
import re
import struct
import time

import pytest

from lib.bochs import Bochs
from lib.gdbstub import GdbStub
from lib.headers import constants, crc32c, offsets
from lib.images import make_image
from lib.qemu import Qemu
from lib.symbols import label

ADDRESS = r"[0-9a-f]{16}"
FIRST_LINES = {
    "de": r"division error \(#DE\)",
    "ud": r"invalid opcode \(#UD\)",
    "bp": r"breakpoint \(#BP\)",
    "gp": r"general protection \(#GP\)",
    "pf-read": rf"page fault \(#PF\): read of {ADDRESS}, no page there",
    "pf-write": rf"page fault \(#PF\): write to {ADDRESS}, its page forbids that",
    "pf-exec": rf"page fault \(#PF\): execution of {ADDRESS}, its page forbids that",
    "null": r"page fault \(#PF\): read of 0{16}, no page there",
    "df": r"double fault \(#DF\)",
    "nmi": r"non-maskable interrupt \(NMI\)",
    "stack": r"double fault \(#DF\)",
    "assert": r"assertion failed: cr0 == 0: CR0 is [0-9a-f]+",
}
WHITE_ON_RED = 0x4F


def crash(machine, kind):
    """Crash, and return the report from `PANIC: ` to its last line."""
    machine.wait_prompt()
    machine.send(f"crash {kind}\r")
    machine.expect(r"[\r\n]PANIC: " + FIRST_LINES[kind] + r"\r\n")
    machine.expect(r"System halted\.\r\n")
    return machine.stream.before.replace("\r", "")


def check_report(kind, report):
    if kind == "assert":
        assert re.search(r"^shell/cmd_crash\.c:\d+ in crash_assert$", report, re.M)
    else:
        for name in "RIP RAX RBX RCX RDX RSI RDI RBP RSP R8 R9 R10 R11 R12 R13 R14 R15".split():
            assert re.search(rf"\b{name} +{ADDRESS}", report), f"no {name}:\n{report}"
    for name in "CR0 CR2 CR3 CR4 EFER".split():
        assert re.search(rf"\b{name} {ADDRESS}", report), f"no {name}:\n{report}"
    assert re.search(r"^called from( ffffffff8010[0-9a-f]{4})+", report, re.M), report
    assert ("guard page below the boot stack" in report) == (kind == "stack")


@pytest.mark.parametrize("kind", FIRST_LINES)
def test_crash(image, kind):
    with Qemu(image) as qemu:
        report = crash(qemu, kind)
        check_report(kind, report)
        assert "PANIC: " in qemu.e9_text()
        cells = qemu.cells()
        for row in cells:
            text = "".join(char for char, _ in row)
            if text.startswith(("PANIC: ", "CR0 ", "System halted.")):
                assert {attribute for _, attribute in row} == {WHITE_ON_RED}, text
        assert any("".join(char for char, _ in row).startswith("PANIC: ") for row in cells)


@pytest.mark.parametrize("kind", FIRST_LINES)
def test_crash_in_bochs(image, kind):
    with Bochs(image) as bochs:
        check_report(kind, crash(bochs, kind))


def test_kinds_are_listed(image):
    with Qemu(image) as qemu:
        qemu.wait_prompt()
        assert re.findall(r"^  (\S+)", qemu.run("crash"), re.M) == list(FIRST_LINES)


def test_without_nx(image):
    with Qemu(image, cpu="qemu64,-nx") as qemu:
        qemu.wait_prompt()
        qemu.send("crash pf-exec\r")
        qemu.expect(r"PANIC: page fault \(#PF\): \w+ of [0-9a-f]{16}, no page there")
        qemu.expect(r"System halted\.")


def test_nmi_from_outside(image):
    with Qemu(image) as qemu:
        qemu.wait_prompt()
        qemu.monitor("nmi")
        qemu.expect(r"PANIC: non-maskable interrupt")
        qemu.expect(r"System halted\.")


def test_panic_reboot(tmp_path):
    image = make_image(tmp_path / "d.img", cmdline="panic=reboot")
    with Qemu(image) as qemu:
        qemu.wait_prompt()
        qemu.send("crash ud\r")
        qemu.expect(r"PANIC: invalid opcode")
        qemu.expect(r"Restarting\.")
        qemu.wait_end()
        assert qemu.ended_how() == "reset"


# field, how it is stored, what is written, what the kernel then says; the CRC is made right again unless
# it is itself the point.
BAD_FIELDS = [
    ("magic", "<Q", 0x1234, "magic is 0x1234, must be S0INFO"),
    ("version", "<I", 2, "version is 0x2, must be 1"),
    ("crc32c", "<I", 7, "crc32c is 0x7, must fit"),
    ("slot", "<B", 9, "slot is 0x9, must be 0 or 1"),
    ("kernel_length", "<I", 5, "kernel_length is 0x5, must be as in the kernel header"),
    ("cmdline", "<Q", 1 << 40, "cmdline is 0x10000000000, must be the command line's region"),
    ("e820_count", "<I", 257, "e820_count is 0x101, must be 1 to 256"),
    ("timeline_count", "<I", 0, "timeline_count is 0, must be 1 to 64"),
]


@pytest.mark.parametrize("field,kind,value,words", BAD_FIELDS, ids=[case[0] for case in BAD_FIELDS])
def test_bad_hand_off(image, field, kind, value, words):
    base, where = constants()["BOOTINFO_BASE"], offsets("bootinfo")
    with Qemu(image, gdb=True) as qemu:
        with GdbStub(qemu.gdb_path) as gdb:
            gdb.run_to(label("tour_16_kernel_main"))
            gdb.write(base + where[field], struct.pack(kind, value))
            if field != "crc32c":
                crc = crc32c(gdb.read(base, where["crc32c"]))
                gdb.write(base + where["crc32c"], struct.pack("<I", crc))
            gdb.detach()
        outcome = qemu.outcome()
        assert outcome.kind == "panic" and outcome.line.startswith("PANIC: bad bootinfo: " + words), outcome
        qemu.expect(r"System halted\.")
        qemu.expect_screen("PANIC: bad bootinfo: " + field)


def test_panic_in_a_panic_ends(image):
    """With the function that explains exceptions broken, an exception leads to another, but not for ever."""
    with Qemu(image, gdb=True) as qemu:
        with GdbStub(qemu.gdb_path) as gdb:
            gdb.run_to(label("tour_22_prompt"))
            gdb.write(label("exception_explain"), b"\x0f\x0b")  # ud2
            gdb.detach()
        qemu.wait_prompt()
        qemu.send("crash de\r")
        qemu.expect("PANIC: another one while the first was being printed")
        time.sleep(0.5)
        assert qemu.qmp("query-status")["running"] and qemu.output.count("PANIC") == 1
