"""Disks that fail: once, for ever, or that refuse writes.

Hazards: D4 (retries with a reset between), D5 (the packet is rebuilt), D16 (the loader never
writes). QEMU's blkdebug lets reads of chosen sectors fail with an I/O error.
"""
import hashlib
import json
import re

import pytest

from lib.gdbstub import GdbStub
from lib.headers import Manifest, constants, offsets
from lib.images import make_image, read_sector
from lib.kernels import padded_kernel
from lib.qemu import Qemu
from lib.symbols import label

LAYOUT = constants()
SLOT_A = LAYOUT["SLOTS_LBA"]
READ = LAYOUT["BOUNCE_SECTORS"]
DEVICES = {
    "ide": "ide-hd,drive=b0,bus=ide.0,unit=0,rerror=report",
    "virtio": "virtio-blk-pci,drive=b0,rerror=report",
}


def failing(image, lbas, once, device="virtio", after=0, **options):
    """A machine whose disk fails at LBAS, from the read number AFTER on."""
    rules = [{"event": "read_aio", "errno": 5, "sector": lba, "once": once, "state": after + 1}
             for lba in lbas]
    states = [{"event": "read_aio", "state": state, "new_state": state + 1}
              for state in range(1, after + 1)]
    node = {"driver": "raw", "node-name": "b0", "read-only": False,
            "file": {"driver": "blkdebug", "inject-error": rules,
                     "image": {"driver": "file", "filename": str(image)}}}
    if states:
        node["file"]["set-state"] = states
    args = ["-blockdev", json.dumps(node), "-device", DEVICES[device]]
    return Qemu(image, disk=None, args=args, **options)


def slot_b(image):
    return Manifest(read_sector(image, LAYOUT["MANIFEST0_LBA"])).slot[1]["first_lba"]


KERNEL_SECTORS = 600


@pytest.fixture
def disk(tmp_path):
    """An image whose kernel needs more than one read, whatever ours needs."""
    padded_kernel(tmp_path / "kernel.bin", KERNEL_SECTORS * 512)
    return make_image(tmp_path / "disk.img", kernel=tmp_path / "kernel.bin")


@pytest.mark.parametrize("lba", [
    1, 2, 20, LAYOUT["MANIFEST0_LBA"], LAYOUT["MANIFEST1_LBA"], SLOT_A, SLOT_A + 1,
    SLOT_A + READ - 1, SLOT_A + READ, SLOT_A + KERNEL_SECTORS - 1
])
def test_one_failure_is_retried(disk, lba):
    """The boot goes on as if nothing had happened; that it did happen is in bootinfo."""
    with failing(disk, [lba], True, gdb=True) as qemu, GdbStub(qemu.gdb_path) as gdb:
        gdb.run_to(label("tour_16_kernel_main"))
        raw = gdb.read(LAYOUT["BOOTINFO_BASE"], offsets("bootinfo")["sizeof"])
        gdb.detach()
        outcome = qemu.outcome()
    assert outcome.kind == "prompt", outcome
    assert not re.search(r"(manifest \d|slot \w): E\d\d", outcome.text), outcome.text
    retries = int.from_bytes(raw[offsets("bootinfo")["retries"]:][:4], "little")
    status = raw[offsets("bootinfo")["stage1_status"]]
    assert (retries, status != 0) == ((0, True) if lba < LAYOUT["MANIFEST0_LBA"] else (1, False))


@pytest.mark.parametrize("lba", [2, SLOT_A + 1])
def test_one_failure_on_ide(disk, lba):
    # QEMU's IDE and SeaBIOS now and then lose half a minute in a reset of the drive: be patient.
    with failing(disk, [lba], True, "ide") as qemu:
        assert qemu.outcome(120).kind == "prompt"


@pytest.mark.parametrize("lba", [1, 2, 20])
def test_stage2_unreadable(tmp_path, lba):
    with failing(make_image(tmp_path / "disk.img"), [lba], False) as qemu:
        outcome = qemu.outcome()
    assert outcome.code == "E01", outcome
    fields = re.search(r"disk AH=([0-9A-Fa-f]{2}) LBA=([0-9A-Fa-f]+)", outcome.line)
    assert fields, outcome.line
    assert int(fields.group(1), 16) != 0 and int(fields.group(2), 16) == lba, outcome.line


def test_mbr_unreadable(tmp_path):
    """The BIOS cannot read our first sector: nothing of ours runs, and the BIOS says so."""
    with failing(make_image(tmp_path / "disk.img"), [0], False) as qemu:
        qemu.expect_screen("Boot failed")


def test_mbr_unreadable_later(tmp_path):
    """The BIOS has read it, stage 2 cannot read it again for the partition table."""
    with failing(make_image(tmp_path / "disk.img"), [0], False, after=2) as qemu:
        outcome = qemu.outcome()
    assert outcome.code == "E16" and outcome.line.rstrip().endswith("LBA=0000000000000000"), outcome


@pytest.mark.parametrize("copy", [0, 1])
def test_one_manifest_unreadable(tmp_path, copy):
    with failing(make_image(tmp_path / "disk.img"), [LAYOUT[f"MANIFEST{copy}_LBA"]], False) as qemu:
        outcome = qemu.outcome()
    assert outcome.kind == "prompt", outcome
    assert outcome.text.count("E21") == 1, outcome.text


def test_both_manifests_unreadable(tmp_path):
    lbas = [LAYOUT["MANIFEST0_LBA"], LAYOUT["MANIFEST1_LBA"]]
    with failing(make_image(tmp_path / "disk.img"), lbas, False) as qemu:
        outcome = qemu.outcome()
    assert outcome.code == "E20" and outcome.text.count("E21") == 2, outcome.text


@pytest.mark.parametrize("offset", [0, 1, READ - 1, READ, KERNEL_SECTORS - 1])
def test_slot_a_unreadable(disk, offset):
    """One bad sector in slot A: the other slot boots, and the message names the sector."""
    with failing(disk, [SLOT_A + offset], False) as qemu:
        outcome = qemu.outcome()
    assert outcome.kind == "prompt", outcome
    line = re.search(r"slot A: E42 disk AH=(..) LBA=([0-9A-Fa-f]+)", outcome.text)
    assert line and int(line.group(2), 16) == SLOT_A + offset, outcome.text


def test_both_slots_unreadable(disk):
    with failing(disk, [SLOT_A + 3, slot_b(disk) + READ], False) as qemu:
        outcome = qemu.outcome()
    assert outcome.code == "E30" and outcome.text.count("E42") == 2, outcome.text


def test_bad_sector_in_the_partition_does_not_matter(tmp_path):
    with failing(make_image(tmp_path / "disk.img"), [LAYOUT["FIRST_PARTITION_LBA"]], False) as qemu:
        assert qemu.outcome().kind == "prompt"


def test_read_only_disk(image):
    with Qemu(image, disk="virtio", snapshot="readonly") as qemu:
        qemu.wait_prompt()
        assert qemu.run("echo hello") == "hello"


@pytest.mark.parametrize("damage", [None, LAYOUT["MANIFEST0_LBA"], SLOT_A])
def test_the_loader_never_writes(tmp_path, damage):
    """The image is writable, and the same after a boot, also after one that found damage."""
    image = make_image(tmp_path / "disk.img")
    if damage is not None:
        with open(image, "r+b") as file:
            file.seek(damage * 512 + 100)
            file.write(b"damaged")
    before = hashlib.sha256(image.read_bytes()).digest()
    with Qemu(image, snapshot=False) as qemu:
        assert qemu.outcome().kind == "prompt"
    assert hashlib.sha256(image.read_bytes()).digest() == before
