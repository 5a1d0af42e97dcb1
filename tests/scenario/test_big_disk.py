"""Sector numbers are 64-bit to the end: slots that lie across LBA 2^31 and 2^32 of a sparse 3 TiB disk.

Hazard: D9. mkdisk never makes such an image, but the manifest can say it and the disk has the sectors.
"""
import struct

import pytest

from lib.diskmodel import crc32c
from lib.headers import constants
from lib.images import SECTOR, make_image, read_sector, write_sector
from lib.kernels import sum_kernel
from lib.qemu import Qemu

LAYOUT = constants()
SLOT_TABLE = 32        # offset of the slots in struct manifest
TABLE, TABLE_SIZE = LAYOUT["MBR_TABLE_OFFSET"], 64
DISK_SIZE = 3 << 40


@pytest.mark.parametrize("disk", ["virtio", "ide", "ahci"])
@pytest.mark.parametrize("boundary", [1 << 31, 1 << 32], ids=["2^31", "2^32"])
def test_slot_across_a_boundary(tmp_path, disk, boundary):
    length = 300 * SECTOR
    line = sum_kernel(tmp_path / "kernel.bin", length)
    image = make_image(tmp_path / "disk.img", kernel=tmp_path / "kernel.bin")
    kernel = read_sector(image, LAYOUT["SLOTS_LBA"], 300)
    first = boundary - 150  # in the middle of the second read

    with open(image, "r+b") as file:
        file.truncate(DISK_SIZE)
    mbr = bytearray(read_sector(image, 0))
    mbr[TABLE:TABLE + TABLE_SIZE] = bytes(TABLE_SIZE)  # no partition: the boot area is all of the disk
    write_sector(image, 0, mbr)
    manifest = bytearray(read_sector(image, LAYOUT["MANIFEST0_LBA"]))
    struct.pack_into("<II", manifest, SLOT_TABLE, first, 300)
    struct.pack_into("<I", manifest, 508, crc32c(bytes(manifest[:508])))
    for lba in (LAYOUT["MANIFEST0_LBA"], LAYOUT["MANIFEST1_LBA"]):
        write_sector(image, lba, manifest)
    write_sector(image, LAYOUT["SLOTS_LBA"], bytes(300 * SECTOR))
    write_sector(image, first, kernel)

    with Qemu(image, disk=disk) as qemu:
        assert qemu.expect(r"(test kernel: [^\r\n]*)\r\n").group(1) == line
        assert "slot B" not in qemu.output
