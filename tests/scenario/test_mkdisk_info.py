"""mkdisk info in both forms, and the files and devices that mkdisk may or may not open."""
import fcntl
import json
import os
import re
import struct
import subprocess

import pytest

from lib import diskmodel, headers
from lib.mkdiskkit import (KERNEL_VIRT, SECTOR, SIGNATURE, Kit, damaged_floppy, kernel_bytes,
                           sanitized_mkdisk)


@pytest.fixture(name="kit")
def _kit(tmp_path):
    """The sanitized mkdisk: a fault of its own in any of these tests is seen."""
    return Kit(tmp_path, sanitized_mkdisk())


# ---- info ---------------------------------------------------------------------------------------------

def test_info_draws_the_boot_area(kit):
    kit.create("--cmdline", "debug", "--menu-timeout", "4")
    text = kit.ok("info", kit.image)
    root = diskmodel.merkle_root(kit.kernel.read_bytes()).hex()
    for line in (r"131072 sectors \(67108864 bytes\), disk signature 1234ABCD", r"0  stage 1     ok, reads 10 sectors",
                 r"1 - 10  stage 2     ok, CRC register [0-9A-F]{8}\n", r"64  manifest 0  ok, sequence 1, prefers slot A  <- this one counts",
                 r"72  manifest 1  ok, sequence 1, prefers slot A\n", r"80 - 4135  slot A      ok  <- this one boots",
                 r"4136 - 8191  slot B      ok\n", r"1536 of 2076672 bytes, 12 KiB in memory, entry FFFFFFFF80100020",
                 root, r"8192 - 131071  partition 1 type 7F \(Sector0\), active", r'Command line: "debug"',
                 r"Menu: waits 4 seconds", r"This disk boots slot A\."):
        assert re.search(line, text), f"{line!r} is not in:\n{text}"


def test_info_json_is_complete(kit):
    kit.create("--cmdline", "debug")
    info, status = kit.info()
    kernel = kit.kernel.read_bytes()
    assert status == 0 and info["problems"] == [] and info["bootable"] and info["boots"] == "A" and info["winner"] == 0
    assert (info["bytes"], info["sectors"], info["disk_signature"], info["boot_area_end"]) == (64 << 20, 131072, SIGNATURE, 8192)
    assert info["stage1"]["ok"] and info["stage1"]["stage2_sectors"] == 10
    assert info["stage2"]["ok"] and info["stage2"]["actual_crc_register"] == info["stage1"]["stage2_crc_register"]
    assert info["manifests"][1] == {"copy": 1, "lba": 72, "ok": True, "code": 0, "problem": None, "seq": 1, "preferred": 0,
                                    "menu": 0, "menu_timeout_s": 0, "cmdline": "debug"}
    root = diskmodel.merkle_root(kernel).hex()
    assert info["slots"][1] == {"slot": "B", "ok": True, "code": 0, "problem": None, "first_lba": 4136, "sectors": 4056,
                                "length": 1536, "mem_size": 12288, "load_phys": 1 << 20,
                                "entry_virt": f"{KERNEL_VIRT + 32:x}", "merkle_root": root, "actual_root": root}
    assert info["partitions"] == [{"number": 1, "type": 0x7F, "active": True, "first_lba": 8192, "sectors": 122880}]


@pytest.mark.parametrize("flip,problem,boots", [
    (1, "stage 1 does not begin with 33 C0 EB", None),
    (9, "stage 2 has another CRC than stage 1 says", None),
    (64 * SECTOR, "manifest 0 is not a boot manifest", "A"),
    (64 * SECTOR + 8, "manifest 0 has a version or size this loader does not know", "A"),
    (72 * SECTOR + 511, "manifest 1 has a wrong CRC", "A"),
    (80 * SECTOR, "slot A Merkle root mismatch", "B"),
    (1480 * SECTOR + 1535, "slot B Merkle root mismatch", "A"),
    (1480 * SECTOR + 1536, None, "A"),  # behind the kernel's last byte: nobody reads it
])
def test_info_finds_damage(kit, flip, problem, boots):
    damaged_floppy(kit, flip)
    info, status = kit.info()
    assert info["boots"] == boots and info["bootable"] == (boots is not None)
    if problem is None:
        assert status == 0 and info["problems"] == []
        return
    assert status == 1 and any(problem in line for line in info["problems"])
    text = kit.run("info", kit.image)
    assert text.returncode == 1 and "DAMAGED" in text.stdout
    assert ("it still boots" if boots else "it does not boot") in text.stderr


def test_info_of_an_empty_slot(kit):
    """An empty slot is no damage, unless nothing else boots."""
    disk = bytearray(kit.create_floppy().read_bytes())
    manifest = headers.Manifest(disk[64 * SECTOR:65 * SECTOR])
    manifest.slot[1]["length"] = 0
    disk[64 * SECTOR:65 * SECTOR] = bytes(manifest)
    kit.image.write_bytes(disk)
    info, status = kit.info()
    assert (status, info["slots"][1]["code"], info["boots"]) == (0, 31, "A")
    assert re.search(r"slot B +empty", kit.ok("info", kit.image))
    disk[80 * SECTOR] ^= 1
    kit.image.write_bytes(disk)
    info, status = kit.info()
    assert status == 1 and info["boots"] is None


def test_info_of_a_short_image(kit):
    disk = kit.create_floppy().read_bytes()
    for sectors, code in ((60, 21), (64, 21), (70, 21), (100, 0)):
        kit.image.write_bytes(disk[:sectors * SECTOR])
        info, status = kit.info()
        assert status == 1 and info["manifests"][1]["code"] == code and not info["bootable"]


# ---- locks and block devices ----------------------------------------------------------------------------

WRITERS = ["create", "install", "update", "cmdline"]


def writer(kit, verb):
    return {"create": ["--size", "1440K", *kit.inputs()], "install": kit.inputs(),
            "update": ["--kernel", kit.kernel], "cmdline": ["text"]}[verb]


@pytest.mark.parametrize("verb", WRITERS)
def test_a_locked_image_is_refused(kit, verb):
    before = kit.create().read_bytes()
    with open(kit.image, "rb") as image:
        fcntl.flock(image, fcntl.LOCK_SH)
        kit.refused(1, "is in use: another program holds a lock", verb, kit.image, *writer(kit, verb))
    assert kit.image.read_bytes() == before


@pytest.mark.parametrize("verb", WRITERS)
def test_the_image_of_a_running_machine_is_refused(kit, verb):
    """QEMU holds read locks on bytes from 100 on, as open file description locks."""
    before = kit.create().read_bytes()
    with open(kit.image, "rb") as image:
        lock = struct.pack("hhqqi4x", fcntl.F_RDLCK, os.SEEK_SET, 100, 1, 0)
        fcntl.fcntl(image, fcntl.F_OFD_SETLK, lock)
        kit.refused(1, "is in use: a virtual machine holds a lock", verb, kit.image, *writer(kit, verb))
        assert kit.run("info", kit.image).returncode == 0
    assert kit.image.read_bytes() == before


@pytest.fixture(name="loop")
def _loop(kit):
    """A block device that is the image of create()."""
    kit.create("--size", "5M")
    done = subprocess.run(["losetup", "-f", "--show", kit.image], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip("needs root and a loop device: " + done.stderr.strip())
    device = done.stdout.strip()
    writable = ["blockdev", "--setrw", device]  # the opposite outlives its image, and a test that is killed
    subprocess.run(writable, check=True)
    yield device
    subprocess.run(writable, check=True)
    subprocess.run(["losetup", "-d", device], check=True)


def test_block_devices(kit, loop):
    """All verbs but create work on a device in place."""
    kit.ok("update", loop, "--kernel", kit.file("k", kernel_bytes(777)))
    kit.ok("cmdline", loop, "debug")
    assert json.loads(kit.ok("info", loop, "--json"))["boots"] == "B"
    kit.ok("install", loop, *kit.inputs())
    assert json.loads(kit.ok("info", loop, "--json"))["manifests"][0]["cmdline"] == "debug"
    kit.refused(1, "is a block device: create makes files", "create", loop, *kit.inputs())
    assert kit.image.stat().st_size == 5 << 20


def test_a_read_only_device_is_not_written(kit, loop):
    """Root may open one for writing, and would learn of it late."""
    subprocess.run(["blockdev", "--setro", loop], check=True)
    for arguments in (["mkdir", loop, "a"], ["update", loop, "--kernel", kit.kernel], ["format", loop]):
        kit.refused(1, "is a read-only device", *arguments)
    assert kit.ok("ls", loop) == ""


def test_a_block_device_in_use_is_refused(kit, loop):
    """What a mount does: it holds the device exclusively."""
    with os.fdopen(os.open(loop, os.O_RDONLY | os.O_EXCL), "rb"):
        kit.refused(1, "is in use: it is mounted, or another program holds it", "update", loop, "--kernel", kit.kernel)
