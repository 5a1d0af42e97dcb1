"""The fault ROM itself: every fault shows when the probe boots in place of the loader.

A fault that is not injected would be a test that cannot fail. tests/rom/probe.asm prints what each
BIOS call returned; each fault names patterns that must all match with its ROM, and not all without
faults.
"""
import functools
import re

import pytest

from lib.bochs import Bochs
from lib.paths import BUILD
from lib.qemu import Qemu
from rom.build_rom import FIELDS, build
from rom.faults import FAULTS
from rom.report import expected_injections, said

BASE = BUILD / "tests" / "rom" / "faultrom.bin"
PROBE = BUILD / "tests" / "rom" / "probe.bin"
IMAGE_SIZE = 20 * 16 * 63 * 512  # bytes; a whole number of cylinders for Bochs
END = "probe: end"
VIOLATIONS = {"read of 0 sectors", "read over a 64 KiB line", "read to an odd address",
              "write to a disk"}


def probe_rom(folder, switches=None, e820=()):
    return build(BASE, folder / "probe.rom", {**(switches or {}),
                                              "boot_sectors": PROBE.stat().st_size // 512}, e820)


def probe_image(folder):
    path = folder / "probe.img"
    path.write_bytes(PROBE.read_bytes())
    with open(path, "r+b") as image:
        image.truncate(IMAGE_SIZE)
    return path


def probe(folder, switches=None, e820=()):
    """Everything the probe and the ROM print in QEMU, lines ending in \\n."""
    rom = probe_rom(folder, switches, e820)
    with Qemu(probe_image(folder), rom=rom, disk="virtio", serial=False, args=["-serial",
                                                                               "null"]) as machine:
        machine.expect(END)
        return machine.output.replace("\r", "")


@functools.lru_cache
def clean_probe(folder):
    return probe(folder)


@pytest.fixture(scope="session")
def clean(tmp_path_factory):
    return clean_probe(tmp_path_factory.mktemp("clean"))


def matches(pattern, text):
    return re.search(pattern, text, re.M)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: f"{fault.hazard}-{fault.name}")
def test_fault_shows(fault, clean, tmp_path):
    text = probe(tmp_path, fault.switches, fault.e820)
    assert said(text, "ready")
    assert fault.probe, "a fault without a pattern is not proven"
    for pattern in fault.probe:
        assert matches(pattern, text), f"{pattern} does not show:\n{text}"
    without = [pattern for pattern in fault.probe if matches(pattern, clean)]
    assert without != list(fault.probe), "all of it shows without faults as well"
    assert expected_injections(fault) <= set(said(text, "injected"))


def test_no_fault(clean):
    """Without faults nothing is injected, and what the probe does wrong is seen all the same."""
    assert said(clean, "injected") == []
    assert set(said(clean, "violation")) == VIOLATIONS


def test_bochs_probe(tmp_path):
    """The ROM works in Bochs too: one probe with faults of every kind."""
    rom = probe_rom(tmp_path, {"entry_cs": 0x07C0, "entry_ip": 0, "trash_ints": 1, "trash_how": 4,
                               "edd_check": 3, "e820_tail": 44, "a20_off": 1, "low_kib": 128})
    with Bochs(probe_image(tmp_path), rom=rom, com1=False) as machine:
        machine.expect(END)
        text = machine.output.replace("\r", "")
    for pattern in (r"^entry cs=07C0 ip=0000", r"^lba1.1 .*fs=(?!0F0F)", r"^41 .*ecx=....0006",
                    r"A4A4A4A4$", r"^com1 .*\na20 on=0000",
                    r"^12 .*eax=A1A10080"):
        assert matches(pattern, text), f"{pattern} does not show:\n{text}"


def test_every_switch_has_a_fault():
    """fail_chance belongs to the random failures."""
    used = {name for fault in FAULTS for name in fault.switches}
    assert {name for name, field in FIELDS.items() if field.is_switch} - used <= {"fail_chance"}
