"""Scratch disks: images that the kernel's tests may write to, and how they are attached to a machine.

A disk is one if its first sector begins with the mark of tests/kernel/scratch.h. The images are
sparse, so that one of 160 GiB costs nothing.
"""
import json
import re
import struct
from pathlib import Path

from lib.paths import REPO

SECTOR = 512
MIB, GIB = 1 << 20, 1 << 30
HEADER = dict(re.findall(r'^#define (\w+) +"?([^"\n]+?)"?(?: */\*.*)?$',
                         (REPO / "tests/kernel/scratch.h").read_text(), re.M))
MARK = HEADER["SCRATCH_MARK"].encode()
OPERATIONS = ("read", "write", "flush")  # enum blk_op

# Where a disk that is not the first one sits: the rest of a -device.
PLACES = {
    "ide": "ide-hd,bus=ide.0,unit=1",
    "ide-second": "ide-hd,bus=ide.1,unit=0",
    "ide-second-slave": "ide-hd,bus=ide.1,unit=1",
    "piix": "ide-hd,bus=piix.1,unit=0",  # on q35, which boots from the first channel of that controller
    "virtio": "virtio-blk-pci",
    "virtio-legacy": "virtio-blk-pci,disable-modern=on,disable-legacy=off",
    "virtio-modern": "virtio-blk-pci,disable-modern=off,disable-legacy=on",
    "virtio-4096": "virtio-blk-pci,logical_block_size=4096,physical_block_size=4096",
    "virtio-readonly": "virtio-blk-pci",
}


def scratch_disk(path, size=32 * MIB, plan=None):
    """Make the image PATH of SIZE bytes. PLAN: (operation, lba, once), see scratch.h."""
    with open(path, "wb") as image:
        image.truncate(size)
        image.write(MARK)
        if plan:
            operation, lba, once = plan
            image.seek(int(HEADER["SCRATCH_PLAN_LBA"]) * SECTOR)
            image.write(HEADER["SCRATCH_PLAN_MAGIC"].encode())
            image.write(struct.pack("<IIQ", OPERATIONS.index(operation), once, lba))
    return Path(path)


def attach(folder, *places, size=32 * MIB, name="disk"):
    """QEMU's arguments for a new scratch disk at each of PLACES: FOLDER/NAME-scratch0.img and so on."""
    arguments = []
    for number, place in enumerate(places):
        image = scratch_disk(folder / f"{name}-scratch{number}.img", size)
        how = ",readonly=on" if "readonly" in place else ",cache=unsafe"
        arguments += ["-drive", f"file={image},format=raw,if=none,id=scratch{number}{how}",
                      "-device", f"{PLACES[place]},drive=scratch{number}"]
    return arguments


def attach_node(number, place, node):
    """The same for a disk made of the block driver NODE, a dictionary as -blockdev takes it."""
    return ["-blockdev", json.dumps({"node-name": f"scratch{number}", **node}),
            "-device", f"{PLACES[place]},drive=scratch{number},rerror=report,werror=report"]


def failing(image, plan):
    """A node in which PLAN, (operation, lba, once), comes true."""
    operation, lba, once = plan
    rule = {"event": "none", "iotype": operation, "errno": 5, "once": once}
    if operation != "flush":
        rule["sector"] = lba
    return {"driver": "raw", "file": {"driver": "blkdebug", "inject-error": [rule],
                                      "image": {"driver": "file", "filename": str(image)}}}


def logged(image, log):
    """A node that appends all writes and flushes to LOG, a file that is made here."""
    with open(log, "wb") as file:
        file.truncate(64 * MIB)
    return {"driver": "blklogwrites", "log-super-update-interval": 1,
            "file": {"driver": "file", "filename": str(image)}, "log": {"driver": "file", "filename": str(log)}}


def read_log(path):
    """What `logged` has recorded, in order: (lba, data) for a write, None for a flush.

    The format is that of Linux' dm-log-writes: a superblock, then entries of a header sector each
    and the data.
    """
    with open(path, "rb") as log:
        magic, version, count, sector = struct.unpack("<QQQI", log.read(28))
        assert (magic, version) == (0x6A736677736872, 1), f"{path} is no log"
        position = sector
        entries = []
        for _ in range(count):
            log.seek(position)
            lba, sectors, flags, _ = struct.unpack("<QQQQ", log.read(32))
            position += sector
            if flags & 1:
                entries.append(None)
            elif sectors:
                log.seek(position)
                entries.append((lba * sector // SECTOR, log.read(sectors * sector)))
                position += sectors * sector
        return entries
