"""The unmodified image on a broken BIOS: every fault of tests/rom/faults.py, in QEMU and in Bochs.

Each fault has one outcome: the prompt, or a named error. In every run the ROM must have booted the
image and done what it was told to, and the loader must have done nothing that the ROM reports as a
violation (a write, a read of 0 sectors or over a 64 KiB line, a call with DF=1 or IF=0 ...).
Whatever happens to the registers and flags, the text on port E9 is what it should be.
"""
import re
import struct

import pytest

from lib.bochs import Bochs
from lib.gdbstub import GdbStub
from lib.headers import constants
from lib.images import make_image
from lib.kernels import padded_kernel
from lib.paths import BUILD
from lib.qemu import Qemu
from lib.symbols import label
from rom.build_rom import build
from rom.faults import A20, FAULTS, MIB, PLAIN, TOP
from rom.random_faults import usable_ranges
from rom.report import (cleaned_map, expected_injections, owned_ranges, raw_map, said, told_entries,
                        without_rom)

BASE = BUILD / "tests" / "rom" / "faultrom.bin"
BIG_KERNEL = 500 * 1024 + 1  # bytes; nine long reads, the last of them short
STAGE2_A20_CLOSED = BUILD / "tests" / "rom" / "hook-a20" / "stage2.bin"
BY_NAME = {fault.name: fault for fault in FAULTS}


def with_faults(faults):
    return pytest.mark.parametrize("fault", faults,
                                   ids=lambda fault: f"{fault.hazard}-{fault.name}")


def named(*names):
    return with_faults([BY_NAME[name] for name in names])


def boot_qemu(image, rom, **options):
    """Boot; returns the outcome, what port E9 showed, and at a prompt the text of `e820`."""
    with Qemu(image, rom=rom, **options) as machine:
        outcome = machine.outcome()
        shown = machine.run("e820") if outcome.kind == "prompt" else ""
    return outcome, machine.e9_path.read_text(encoding="latin-1"), shown


def boot_bochs(image, rom, **options):
    with Bochs(image, rom=rom, **options) as machine:
        outcome = machine.outcome()
    return outcome, machine.stdout


def check(fault, outcome, rom_text):
    """OUTCOME is what FAULT must lead to; ROM_TEXT is all that port E9 showed."""
    assert said(rom_text, "ready"), "the ROM did not boot the image"
    assert said(rom_text, "violation") == []
    got = outcome.code or outcome.kind
    assert got == fault.expect, f"expected {fault.expect}, got {outcome}; {fault.why}"
    for pattern in fault.says:
        assert re.search(pattern, outcome.text), f"the loader does not say {pattern}"
    words = outcome.line.strip() or "PANIC"
    if outcome.kind == "prompt":
        words = "stage1: stage 2 read and checked\nstage2: "
    assert words in without_rom(rom_text), "port E9 does not show the loader's words"
    injected = set(said(rom_text, "injected"))
    assert not injected & fault.never, f"the loader met {injected & fault.never}"
    missing = expected_injections(fault) - fault.never - injected
    assert not missing, f"the loader never met {missing}"


@pytest.fixture
def image(tmp_path):
    return make_image(tmp_path / "disk.img")


@pytest.fixture
def rom(fault, tmp_path):
    return build(BASE, tmp_path / "fault.rom", fault.switches, fault.e820)


@with_faults(FAULTS)
def test_qemu(fault, image, rom):
    # Not IDE: there an INT 13h reset takes 32 s in one of 30 runs, a race of QEMU 7.2 and SeaBIOS.
    outcome, rom_text, shown = boot_qemu(image, rom, disk="virtio")
    check(fault, outcome, rom_text)
    if fault.expect == "prompt" and fault.e820 and "memory map by E820" in outcome.text:
        assert raw_map(shown) == told_entries(fault.e820), "the kernel has another map"
        assert owned_ranges(cleaned_map(shown), MIB, TOP) == usable_ranges(fault.e820, MIB, TOP), \
            "the kernel takes other memory for usable"


@with_faults(FAULTS)
def test_bochs(fault, image, rom):
    check(fault, *boot_bochs(image, rom))


# Other disks and BIOSes take other paths through INT 13h: SeaBIOS serves IDE in 16-bit mode, and
# virtio in 32-bit mode, where it saves and restores port 92h.
@with_faults(A20)
def test_a20_with_ide(fault, image, rom):
    outcome, rom_text, _ = boot_qemu(image, rom, disk="ide")
    check(fault, outcome, rom_text)


@named("everything-at-entry", "all-registers", "no-edd", "a20-off", "rubbish-behind-20-bytes")
def test_bochs_legacy_bios(fault, image, rom):
    check(fault, *boot_bochs(image, rom, bios="legacy"))


@named("everything-at-entry", "all-registers", "all-return-df", "chs-al-0", "chs-al-ff",
       "each-third-read-fails",
       "geometry-cf-ah-0", "reset-needed")
def test_floppy(fault, tmp_path):
    """The floppy image: CHS from the first sector on, and drive 00 is the right one."""
    floppy = {"boot_drive": 0, "entry_dl": 0}
    rom = build(BASE, tmp_path / "fault.rom", {**fault.switches, **floppy})
    outcome, rom_text, _ = boot_qemu(make_image(tmp_path / "fd.img", floppy=True), rom,
                                     disk="floppy")
    assert said(rom_text, "ready") and said(rom_text, "violation") == []
    assert outcome.kind == "prompt", outcome


@named("max-127-sectors", "max-64-sectors", "max-7-sectors", "64k-lines", "each-third-read-fails",
       "no-edd",
       "all-registers", "dap-overwritten-for-kernel", "a20-off-after-disk",
       "slot-a-unreadable-later")
def test_big_kernel(fault, rom, tmp_path):
    """A kernel of many reads: what must be right for each of them."""
    padded_kernel(tmp_path / "kernel.bin", BIG_KERNEL)
    image = make_image(tmp_path / "disk.img", kernel=tmp_path / "kernel.bin")
    outcome, rom_text, _ = boot_qemu(image, rom, disk="virtio")
    check(fault, outcome, rom_text)


@named("edd-fails-for-kernel")
def test_the_way_that_worked_is_asked_first(fault, image, rom):
    """D3: after one long call and three attempts by EDD have failed, CHS reads all that is left."""
    with Qemu(image, rom=rom, disk="virtio") as machine:
        machine.wait_prompt()
        facts = machine.run("boot facts")
    assert re.search(r"read by CHS, (\d+) retries", facts).group(1) == "4", facts


@named("plain", "rubbish-behind-20-bytes", "24-bytes", "attributes-0", "25-bytes", "65535-bytes")
def test_attributes(fault, image, rom):
    """M2: the attributes of raw entries are 1 where the BIOS returned none, or an odd size."""
    layout = constants()
    size = layout["E820_ENTRY_SIZE"] * len(PLAIN)
    with Qemu(image, rom=rom, disk="virtio", gdb=True) as machine, GdbStub(machine.gdb_path) as gdb:
        gdb.run_to(label("tour_16_kernel_main"))  # later the memory is the kernel's to use
        entries = struct.iter_unpack("<QQII", gdb.read(layout["E820_BASE"], size))
    told = 0 if fault.name == "attributes-0" else 1
    assert [attributes for _, _, _, attributes in entries] == [told] * len(PLAIN)


@pytest.mark.parametrize("kib, end", [(192, 192 * 1024), (400, 400 * 1024), (0xFFFF, 0x9E000)])
def test_low_memory_ends_where_the_smallest_answer_says(image, tmp_path, kib, end):
    """M11: INT 12h says KIB, E820 says 632 KiB: usable memory ends at END bytes."""
    rom = build(BASE, tmp_path / "fault.rom", {"e820": 2, "low_kib": kib}, PLAIN)
    _, _, shown = boot_qemu(image, rom, disk="virtio")
    assert owned_ranges(cleaned_map(shown), 0, MIB) == [[0, end]]


@pytest.mark.parametrize("emulator", ["qemu", "bochs"])
def test_a20_stays_closed(tmp_path, emulator):
    """A7: words, and nothing above 1 MiB touched. A build hook stands in for the gate."""
    image = make_image(tmp_path / "disk.img", stage2=STAGE2_A20_CLOSED)
    rom = build(BASE, tmp_path / "fault.rom", {"a20_int15": 2})
    if emulator == "bochs":
        outcome, rom_text = boot_bochs(image, rom)
    else:
        outcome, rom_text, _ = boot_qemu(image, rom)
    assert outcome.code == "E15", outcome
    assert said(rom_text, "injected") == ["a20_int15"] and said(rom_text, "violation") == []


@pytest.mark.check
@pytest.mark.parametrize("emulator", ["qemu", "bochs"])
def test_no_fault(image, emulator, tmp_path):
    """The ROM with every switch at its default is no hindrance."""
    rom = build(BASE, tmp_path / "fault.rom", {})
    outcome, rom_text = boot_bochs(image, rom) if emulator == "bochs" else boot_qemu(image, rom)[:2]
    assert outcome.kind == "prompt", outcome
    assert said(rom_text, "ready") and said(rom_text, "injected") == [] and said(rom_text,
                                                                                 "violation") == []
