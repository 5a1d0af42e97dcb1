"""Damaged and hostile images: never a hang, a reset, or a prompt from an unverified kernel.

Hazards: D12 (truncated images), D14 (checksums over stage 2 and kernel), O3 (each text is seen).
Every sector of stage 2, manifest and kernel is damaged in turn; the manifest's fields are made
wrong one by one, with a correct CRC. The image is patched in place and repaired after each boot.
"""
import os
import random
import struct
from contextlib import contextmanager

import pytest

from lib.headers import Manifest, constants
from lib.images import (SECTOR, copy_image, flip_byte, make_image, read_sector, truncate,
                        write_sector)
from lib.kernels import sum_kernel
from lib.paths import BUILD
from lib.qemu import Qemu

LAYOUT = constants()
MANIFESTS = [LAYOUT["MANIFEST0_LBA"], LAYOUT["MANIFEST1_LBA"]]
BATCH = 12  # sectors in one test: a compromise between one line per boot and one line for all


def boot(image, **options):
    """Boot IMAGE from the fastest disk; the outcome is never a hang or a reset."""
    with Qemu(image, **{"disk": "virtio", **options}) as qemu:
        # SeaBIOS and QEMU's IDE now and then lose half a minute in the reset after a failed read.
        outcome = qemu.outcome(150 if options.get("disk") == "ide" else None)
        assert outcome.kind in ("prompt", "failed"), outcome
        return outcome


@contextmanager
def flipped(image, *places):
    """The image with the bytes at PLACES, (lba, offset) each, flipped."""
    for lba, offset in places:
        flip_byte(image, lba, offset, 0x10)
    yield
    for lba, offset in places:
        flip_byte(image, lba, offset, 0x10)


def manifest(image, copy=0):
    return Manifest(read_sector(image, MANIFESTS[copy]))


def write_manifests(image, changed):
    for lba in MANIFESTS:
        write_sector(image, lba, bytes(changed))


def file_sectors(name):
    return -(-(BUILD / name).stat().st_size // SECTOR) if (BUILD / name).exists() else 0


def batches(name):
    """(first, end) sector numbers that cover build/NAME."""
    count = file_sectors(name)
    return [(first, min(first + BATCH, count)) for first in range(0, count, BATCH)]


def offset_in(sector):
    """A byte of this sector to flip: another place in each, the same in each run."""
    return (sector * 193 + 77) % SECTOR


# ---- A flipped byte in every sector ------------------------------------------------------------

@pytest.mark.parametrize("first, end", batches("stage2.bin"))
def test_stage2_byte(tmp_path, first, end):
    image = make_image(tmp_path / "disk.img")
    size = (BUILD / "stage2.bin").stat().st_size
    for sector in range(first, end):
        offset = min(offset_in(sector), size - sector * SECTOR - 1)
        with flipped(image, (LAYOUT["STAGE2_LBA"] + sector, offset)):
            outcome = boot(image)
        assert outcome.code == "E02", f"stage 2 sector {sector} byte {offset}: {outcome}"


@pytest.mark.parametrize("first, end", batches("kernel.bin"))
def test_kernel_byte_in_one_slot(tmp_path, first, end):
    image = make_image(tmp_path / "disk.img")
    size = (BUILD / "kernel.bin").stat().st_size
    lba = manifest(image).slot[0]["first_lba"]
    for sector in range(first, end):
        offset = min(offset_in(sector), size - sector * SECTOR - 1)
        with flipped(image, (lba + sector, offset)):
            outcome = boot(image)
        where = f"slot A sector {sector} byte {offset}"
        assert outcome.kind == "prompt", f"{where}: {outcome}"
        assert "slot A: E40 " in outcome.text, where


@pytest.mark.parametrize("first, end", batches("kernel.bin"))
def test_kernel_byte_in_both_slots(tmp_path, first, end):
    image = make_image(tmp_path / "disk.img")
    size = (BUILD / "kernel.bin").stat().st_size
    slots = [slot["first_lba"] for slot in manifest(image).slot]
    for sector in range(first, end):
        offset = min(offset_in(sector + 1), size - sector * SECTOR - 1)
        with flipped(image, *((lba + sector, offset) for lba in slots)):
            outcome = boot(image)
        assert outcome.code == "E30", f"both slots, sector {sector} byte {offset}: {outcome}"


@pytest.mark.parametrize("copies", [(0,), (1,), (0, 1)], ids=["copy0", "copy1", "both"])
def test_manifest_byte(tmp_path, copies):
    image = make_image(tmp_path / "disk.img")
    for offset in [
            0, 7, 8, 12, 16, 24, 25, 26, 28, 32, 36, 40, 44, 48, 56, 64, 95, 96, 127, 160, 300, 415,
            416, 507, 508, 511
    ]:
        with flipped(image, *((MANIFESTS[copy], offset) for copy in copies)):
            outcome = boot(image)
        code = "E22" if offset < 8 else "E23" if offset < 16 else "E24"
        where = f"manifest copies {copies} byte {offset}: {outcome}"
        if len(copies) == 2:
            assert outcome.code == "E20", where
        else:
            assert outcome.kind == "prompt", where
        assert code in outcome.text, where


def random_flips(image, seed, count):
    """Boot COUNT times with one random bit flipped in the boot area: always a clean end."""
    print(f"seed {seed}")
    chance = random.Random(seed)
    size = (BUILD / "kernel.bin").stat().st_size
    slots = [slot["first_lba"] for slot in manifest(image).slot]
    areas = [(LAYOUT["STAGE2_LBA"], (BUILD / "stage2.bin").stat().st_size), (MANIFESTS[0], SECTOR),
             (MANIFESTS[1], SECTOR), (slots[0], size), (slots[1], size)]
    for _ in range(count):
        lba, length = chance.choice(areas)
        offset, mask = chance.randrange(length), 1 << chance.randrange(8)
        flip_byte(image, lba, offset, mask)
        outcome = boot(image)
        flip_byte(image, lba, offset, mask)
        where = f"seed {seed}: LBA {lba} byte {offset} mask {mask:#x}: {outcome}"
        good = outcome.code == "E02" if lba == LAYOUT["STAGE2_LBA"] else outcome.kind == "prompt"
        assert good, where
        if lba in (MANIFESTS[0], MANIFESTS[1], slots[0]):
            assert "stage2: " in outcome.text and " E" in outcome.text, where


@pytest.mark.parametrize("seed", [1, 2])
def test_random_bits(tmp_path, seed):
    random_flips(make_image(tmp_path / "disk.img"), seed, 20)


@pytest.mark.soak
@pytest.mark.limit(3000)
def test_random_bits_soak(tmp_path):
    seed = int(os.environ.get("SECTOR0_SEED", random.SystemRandom().randrange(1 << 32)))
    random_flips(make_image(tmp_path / "disk.img"), seed, 1000)


def test_padding_after_the_kernel_is_not_read(tmp_path):
    """Bytes of a slot behind the kernel's length are nobody's: a flip there changes nothing."""
    sum_kernel(tmp_path / "kernel.bin", 5 * SECTOR + 100)
    image = make_image(tmp_path / "disk.img", kernel=tmp_path / "kernel.bin")
    slots = [slot["first_lba"] for slot in manifest(image).slot]
    for offset in (5 * SECTOR + 100, 6 * SECTOR - 1, 6 * SECTOR, 8 * SECTOR, 4000 * SECTOR):
        with flipped(image, *((lba, offset) for lba in slots)), Qemu(image, disk="virtio") as qemu:
            qemu.expect(r"test kernel: sum=\w+ bss=ok")
            assert "E40" not in qemu.output


# ---- Images that end too early or hold nothing -------------------------------------------------

# On an IDE disk: SeaBIOS boots other disks only if they are a good deal larger.

@pytest.mark.limit(460)
def test_truncated_inside_stage2(tmp_path):
    image = make_image(tmp_path / "disk.img")
    for sectors in (1, 2, file_sectors("stage2.bin")):
        truncate(image, sectors)
        outcome = boot(image, disk="ide")
        assert outcome.code == "E01", f"{sectors} sectors: {outcome}"
        assert "LBA=" in outcome.line


@pytest.mark.parametrize("last, code", [("MANIFEST0_LBA", "E20"), ("MANIFEST1_LBA", "E30"),
                                        ("SLOTS_LBA", "E30")])
def test_truncated_behind_stage2(tmp_path, last, code):
    """The image ends right before LAST."""
    image = make_image(tmp_path / "disk.img")
    truncate(image, LAYOUT[last])
    outcome = boot(image, disk="ide")
    assert outcome.code == code, outcome
    assert ("E21" in outcome.text) == (last != "SLOTS_LBA"), outcome.text


def test_truncated_inside_slot_b(tmp_path):
    image = make_image(tmp_path / "disk.img")
    truncate(image, manifest(image).slot[1]["first_lba"] + 1)
    outcome = boot(image, disk="ide")
    assert outcome.kind == "prompt", outcome


def test_truncated_inside_slot_a(tmp_path):
    image = make_image(tmp_path / "disk.img")
    truncate(image, manifest(image).slot[0]["first_lba"] + 1)
    outcome = boot(image, disk="ide")
    assert outcome.code == "E30", outcome
    assert "slot A: E" in outcome.text and "slot B: E" in outcome.text


def test_no_manifest(tmp_path):
    image = make_image(tmp_path / "disk.img")
    for lba in MANIFESTS:
        write_sector(image, lba, bytes(SECTOR))
    outcome = boot(image)
    assert outcome.code == "E20" and outcome.text.count("E22") == 2, outcome.text


def test_zeroed_stage2(tmp_path):
    image = make_image(tmp_path / "disk.img")
    write_sector(image, 1, bytes(file_sectors("stage2.bin") * SECTOR))
    assert boot(image).code == "E02"


def test_zeroed_slots(tmp_path):
    image = make_image(tmp_path / "disk.img")
    for slot in manifest(image).slot:
        write_sector(image, slot["first_lba"], bytes(SECTOR * 8))
    outcome = boot(image)
    assert outcome.code == "E30" and outcome.text.count("E40") == 2, outcome.text


def test_without_55aa_the_bios_refuses(tmp_path):
    image = make_image(tmp_path / "disk.img")
    flip_byte(image, 0, 511)
    with Qemu(image) as qemu:
        qemu.expect_screen("No bootable device")
        assert "stage1" not in qemu.output


# ---- Hostile manifests: correct CRC, one field wrong -------------------------------------------

def in_manifest(**fields):
    def change(changed):
        for name, value in fields.items():
            setattr(changed, name, value)
    return change


def in_slot(**fields):
    """Change these fields of one slot; a function gets the slot and returns the value."""
    def change(slot):
        for name, value in fields.items():
            slot[name] = value(slot) if callable(value) else value
    return change


BAD_MANIFESTS = {
    "magic": (in_manifest(magic=b"S0BOOT\0X"), "E22"),
    "version 0": (in_manifest(version=0), "E23"),
    "version 2": (in_manifest(version=2), "E23"),
    "size 511": (in_manifest(size=511), "E23"),
    "size 4 GiB - 1": (in_manifest(size=0xFFFFFFFF), "E23"),
    "preferred 2": (in_manifest(preferred=2), "E25"),
    "preferred 255": (in_manifest(preferred=255), "E25"),
    "seq 0": (in_manifest(seq=0), "E25"),
    "reserved0": (in_manifest(reserved0=1), "E25"),
    "reserved1": (in_manifest(reserved1=bytes(91) + b"\1"), "E25"),
    "command line without NUL": (in_manifest(cmdline=b"x" * 256), "E26"),
}
BAD_SLOTS = {
    "empty": (in_slot(length=0), "E31"),
    "length over the capacity": (in_slot(length=lambda slot: slot["sectors"] * SECTOR + 1), "E32"),
    "length 4 GiB - 1": (in_slot(length=0xFFFFFFFF), "E32"),
    "capacity 0": (in_slot(sectors=0), "E32"),
    "capacity that overflows 32 bits": (in_slot(sectors=0x00800000), "E33"),
    "capacity 4 Gi - 1": (in_slot(sectors=0xFFFFFFFF), "E33"),
    "starts at LBA 79": (in_slot(first_lba=79), "E33"),
    "starts at LBA 0": (in_slot(first_lba=0), "E33"),
    "starts at the last LBA": (in_slot(first_lba=0xFFFFFFFF), "E33"),
    "reaches into the partition": (
        in_slot(first_lba=lambda slot: 8192 - slot["sectors"] + 1), "E33"),
    "load address 2 MiB": (in_slot(load_phys=0x200000), "E35"),
    "load address in the BIOS": (in_slot(load_phys=0xF0000), "E35"),
    "load address above 4 GiB": (in_slot(load_phys=0x100100000), "E35"),
    "mem_size below length": (
        in_slot(mem_size=lambda slot: (slot["length"] - 1) // 4096 * 4096), "E36"),
    "mem_size not whole pages": (in_slot(mem_size=lambda slot: slot["mem_size"] + 1), "E36"),
    "mem_size to 15 MiB and a page": (in_slot(mem_size=0xE01000), "E36"),
    "mem_size 4 GiB - 4 KiB": (in_slot(mem_size=0xFFFFF000), "E36"),
    "entry before the kernel": (in_slot(entry_virt=LAYOUT["KERNEL_VIRT"] - 1), "E38"),
    "entry behind the kernel": (
        in_slot(entry_virt=lambda slot: LAYOUT["KERNEL_VIRT"] + slot["length"]), "E38"),
    "entry 0": (in_slot(entry_virt=0), "E38"),
    "entry in the identity map": (in_slot(entry_virt=0x100020), "E38"),
    "mem_size unlike the header": (in_slot(mem_size=lambda slot: slot["mem_size"] + 4096), "E39"),
    "entry unlike the header": (in_slot(entry_virt=lambda slot: slot["entry_virt"] + 1), "E39"),
    "length unlike the header": (in_slot(length=lambda slot: slot["length"] - 1), "E40"),
    "Merkle root": (in_slot(merkle_root=bytes(32)), "E40"),
}


def overlap(changed):
    one, two = changed.slot
    return (one["first_lba"] < two["first_lba"] + two["sectors"]
            and two["first_lba"] < one["first_lba"] + one["sectors"])


@pytest.mark.parametrize("name", BAD_MANIFESTS)
def test_bad_manifest(tmp_path, name):
    change, code = BAD_MANIFESTS[name]
    image = make_image(tmp_path / "disk.img")
    changed = manifest(image)
    change(changed)
    write_sector(image, MANIFESTS[0], bytes(changed))
    outcome = boot(image)
    assert outcome.kind == "prompt" and code in outcome.text, f"copy 0 bad: {outcome.text}"
    write_manifests(image, changed)
    outcome = boot(image)
    assert outcome.code == "E20" and outcome.text.count(code) == 2, f"both bad: {outcome.text}"


@pytest.mark.parametrize("name", BAD_SLOTS)
def test_bad_slot(tmp_path, name):
    change, code = BAD_SLOTS[name]
    image = make_image(tmp_path / "disk.img")
    for slots in ((0,), (0, 1)):
        changed = manifest(image)
        for slot in slots:
            change(changed.slot[slot])
        saved = [read_sector(image, lba) for lba in MANIFESTS]
        write_manifests(image, changed)
        outcome = boot(image)
        for lba, sector in zip(MANIFESTS, saved):
            write_sector(image, lba, sector)
        assert f"slot A: {code} " in outcome.text, f"slots {slots}: {outcome.text}"
        if len(slots) == 1 and overlap(changed):  # no slot may overlap another, however bad that is
            assert outcome.code == "E30" and "slot B: E34 " in outcome.text, outcome.text
        elif len(slots) == 2:
            assert outcome.code == "E30", outcome.text
        else:
            assert outcome.kind == "prompt", outcome.text


def test_overlapping_slots(tmp_path):
    image = make_image(tmp_path / "disk.img")
    changed = manifest(image)
    changed.slot[1]["first_lba"] = changed.slot[0]["first_lba"] + changed.slot[0]["sectors"] - 1
    write_manifests(image, changed)
    outcome = boot(image)
    assert outcome.code == "E30" and outcome.text.count("E34") == 2, outcome.text


def test_too_little_memory(tmp_path):
    """A kernel that needs more memory than there is: the text has both numbers."""
    sum_kernel(tmp_path / "kernel.bin", 1024, 0xA00000)
    image = make_image(tmp_path / "disk.img", kernel=tmp_path / "kernel.bin")
    outcome = boot(image, memory="8M")
    assert outcome.code == "E30", outcome
    assert "E37 kernel needs 10240 KiB at 1 MiB, this machine has 7" in outcome.text, outcome.text


def test_slot_b_preferred(tmp_path):
    image = make_image(tmp_path / "disk.img")
    changed = manifest(image)
    changed.preferred = 1
    write_manifests(image, changed)
    flip_byte(image, changed.slot[0]["first_lba"], 1000)  # slot A is not even looked at
    outcome = boot(image)
    assert outcome.kind == "prompt" and "slot A: E" not in outcome.text
    flip_byte(image, changed.slot[1]["first_lba"], 1000)
    outcome = boot(image)
    assert outcome.code == "E30", outcome
    assert outcome.text.index("slot B: E40") < outcome.text.index("slot A: E40")


@pytest.mark.parametrize("seqs, wins", [((5, 6), 1), ((6, 5), 0), ((7, 7), 0), ((1 << 63, 3), 0),
                                        ((0xFFFFFFFF, 1 << 32), 1)])
def test_newer_manifest_wins(tmp_path, seqs, wins):
    """The copies say which one is used by their command lines."""
    image = make_image(tmp_path / "disk.img")
    for copy, seq in enumerate(seqs):
        changed = manifest(image, copy)
        changed.seq, changed.cmdline = seq, f'run="echo copy {copy}"'.encode().ljust(256, b"\0")
        write_sector(image, MANIFESTS[copy], bytes(changed))
    with Qemu(image, disk="virtio") as qemu:
        qemu.expect(r"\ncopy (\d)\r\n")
        assert qemu.stream.match.group(1) == str(wins)


# ---- Partition tables and pinned images --------------------------------------------------------

def set_partition(image, index, first, sectors, kind=0x7F):
    mbr = bytearray(read_sector(image, 0))
    entry = struct.pack("<B3xB3xII", 0x80 if index == 0 else 0, kind, first, sectors)
    mbr[446 + 16 * index:462 + 16 * index] = entry
    write_sector(image, 0, mbr)


@pytest.mark.parametrize("index", [0, 3])
def test_partition_inside_the_boot_area(tmp_path, index):
    """Any partition, not only the first entry, bounds the boot area."""
    image = make_image(tmp_path / "disk.img")
    slot_b = manifest(image).slot[1]["first_lba"]
    set_partition(image, index, slot_b + 5, 100)
    outcome = boot(image)
    assert outcome.kind == "prompt" and "E33" not in outcome.text, outcome.text
    flip_byte(image, manifest(image).slot[0]["first_lba"], 1000)
    outcome = boot(image)
    assert outcome.code == "E30" and "slot B: E33 " in outcome.text, outcome.text
    set_partition(image, index, 100, 50)
    outcome = boot(image)
    assert outcome.code == "E30" and outcome.text.count("E33") == 2, outcome.text


def test_unused_partition_entries_do_not_count(tmp_path):
    image = make_image(tmp_path / "disk.img")
    set_partition(image, 2, 100, 50, kind=0)
    assert boot(image).kind == "prompt"


def test_pinned_image_boots(tmp_path):
    assert boot(make_image(tmp_path / "disk.img", pin=True)).kind == "prompt"


def test_pinned_image_refuses_another_kernel(tmp_path):
    """A kernel with a correct manifest and a correct root, but not the pinned one."""
    sum_kernel(tmp_path / "kernel.bin", 3000)
    other = make_image(tmp_path / "other.img", kernel=tmp_path / "kernel.bin")
    image = make_image(tmp_path / "disk.img", pin=True)
    boot_area = LAYOUT["FIRST_PARTITION_LBA"] - MANIFESTS[0]
    write_sector(image, MANIFESTS[0], read_sector(other, MANIFESTS[0], boot_area))
    outcome = boot(image)
    assert outcome.code == "E30" and outcome.text.count("E41") == 2, outcome.text


def test_pinned_image_takes_the_slot_that_matches(tmp_path):
    image = make_image(tmp_path / "disk.img", pin=True)
    flip_byte(copy_image(image, tmp_path / "flipped.img"),
              manifest(image).slot[0]["first_lba"], 2000)
    outcome = boot(tmp_path / "flipped.img")
    assert outcome.kind == "prompt" and "slot A: E40 " in outcome.text
