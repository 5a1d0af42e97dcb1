"""Random memory maps and random disk failures through the fault ROM, a seed each.

`make test` runs a few seeds, `make soak` SECTOR0_SOAK_SEEDS of them (default 1000). A map has one
right outcome, told by a model; a failing disk may lead to the prompt or to an error in words, but
never to a hang, a reset, a panic or a violation. A failure names its seed:

    make test K='scenario/test_rom_random.py::test_map[17]'
"""
import os
import struct

import pytest

from lib.bochs import Bochs
from lib.images import make_image
from lib.paths import BUILD
from lib.qemu import Qemu
from rom.build_rom import build
from rom.faults import MIB, TOP
from rom.random_faults import DISK_ERRORS, random_disk, random_map, usable_ranges
from rom.report import cleaned_map, owned_ranges, raw_map, said, told_entries

BASE = BUILD / "tests" / "rom" / "faultrom.bin"
FEW = range(12)
FEW_BOCHS = range(100, 106)
SOAK_SEEDS = int(os.environ.get("SECTOR0_SOAK_SEEDS", "1000"))
SOAK_STEP = 20  # seeds a test


@pytest.fixture
def image(tmp_path):
    return make_image(tmp_path / "disk.img")


def kernel_bytes():
    """mem_size of the kernel that is booted."""
    return struct.unpack_from("<I", (BUILD / "kernel.bin").read_bytes(), 12)[0]


def ran_well(rom_text):
    assert said(rom_text, "ready"), "the ROM did not boot the image"
    assert said(rom_text, "violation") == []


def check_map(image, folder, seed):
    case = random_map(seed, kernel_bytes())
    rom = build(BASE, folder / "random.rom", case.switches, case.e820)
    with Qemu(image, rom=rom, disk="virtio") as machine:
        outcome = machine.outcome()
        shown = machine.run("e820") if outcome.kind == "prompt" else None
    ran_well(machine.e9_path.read_text(encoding="latin-1"))
    got = outcome.code or outcome.kind
    assert got == case.expect, f"seed {seed}: expected {case.expect}, got {outcome}"
    if shown and "memory map by E820" in outcome.text:
        assert raw_map(shown) == told_entries(case.e820), f"seed {seed}: the kernel has another map"
        assert owned_ranges(cleaned_map(shown), MIB, TOP) == usable_ranges(case.e820, MIB, TOP), \
            f"seed {seed}: the kernel takes other memory for usable"


def check_disk(emulator, image, folder, seed, **options):
    rom = build(BASE, folder / "random.rom", random_disk(seed))
    with emulator(image, rom=rom, **options) as machine:
        outcome = machine.outcome(60)
    ran_well(machine.stdout if emulator is Bochs else machine.e9_path.read_text(encoding="latin-1"))
    assert outcome.kind == "prompt" or outcome.code in DISK_ERRORS, f"seed {seed}: {outcome}"


@pytest.mark.parametrize("seed", FEW)
def test_map(image, tmp_path, seed):
    check_map(image, tmp_path, seed)


@pytest.mark.parametrize("seed", FEW)
def test_disk(image, tmp_path, seed):
    check_disk(Qemu, image, tmp_path, seed, disk="virtio")


@pytest.mark.parametrize("seed", FEW_BOCHS)
def test_disk_bochs(image, tmp_path, seed):
    check_disk(Bochs, image, tmp_path, seed)


@pytest.mark.soak
@pytest.mark.limit(1800)
@pytest.mark.parametrize("first", range(1000, 1000 + SOAK_SEEDS, SOAK_STEP))
def test_soak(image, tmp_path, first):
    """Seeds FIRST to FIRST + SOAK_STEP - 1."""
    for seed in range(first, first + SOAK_STEP):
        check_map(image, tmp_path, seed)
        check_disk(Qemu, image, tmp_path, seed, disk="virtio")
