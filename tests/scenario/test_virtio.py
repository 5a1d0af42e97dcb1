"""virtio disks as QEMU can make them: interfaces, queues, threads, many on one interrupt line, resized.

What is on them is read with `sector` and compared with the image; test_disks.py writes to them.
"""
import re

import pytest

from lib.qemu import Qemu

SECTOR = 512
MIB = 1 << 20

# name -> (machine, arguments of each -device, interface as `disks` tells of it)
KINDS = {
    "transitional": ("pc", "virtio-blk-pci", "modern"),
    "legacy": ("pc", "virtio-blk-pci,disable-modern=on,disable-legacy=off", "legacy"),
    "modern": ("pc", "virtio-blk-pci,disable-modern=off,disable-legacy=on", "modern"),
    "pcie": ("q35", "virtio-blk-pci,bus=root1", "modern"),
    "iothread": ("pc", "virtio-blk-pci,iothread=thread", "modern"),
    "no-ioeventfd": ("pc", "virtio-blk-pci,ioeventfd=off", "modern"),
    "queue-of-8": ("pc", "virtio-blk-pci,queue-size=8,seg-max-adjust=on", "modern"),
    "queue-of-1024": ("pc", "virtio-blk-pci,queue-size=1024", "modern"),
    "legacy-of-1024": ("pc", "virtio-blk-pci,queue-size=1024,disable-modern=on", "legacy"),
    "plain-rings": ("pc", "virtio-blk-pci,event_idx=off,indirect_desc=off", "modern"),
    "many-queues": ("pc", "virtio-blk-pci,num-queues=4", "modern"),
    "write-through": ("pc", "virtio-blk-pci,write-cache=off", "modern"),
}
EXTRA = {
    "pcie": ["-device", "pcie-root-port,id=root1,chassis=1"],
    "iothread": ["-object", "iothread,id=thread"],
}


def make_disk(path, size=4 * MIB):
    """An image in which each sector begins with its number, in words."""
    with open(path, "wb") as image:
        image.truncate(size)
        for lba in (0, 1, size // SECTOR - 1):
            image.seek(lba * SECTOR)
            image.write(f"this is {lba}.".encode())
    return path


def attach(number, path, device):
    return ["-drive", f"file={path},format=raw,if=none,id=v{number}", "-device", f"{device},drive=v{number}"]


def reads(qemu, disk, lba):
    return f"this is {lba}." in "".join(re.findall(r"  (.{1,16})$", qemu.run(f"sector {disk} {lba}"), re.M))


@pytest.mark.parametrize("name", KINDS)
def test_kind(name, image, tmp_path):
    """Found, with the interface that it has, read from end to end, and told of by interrupts."""
    machine, device, how = KINDS[name]
    disk = make_disk(tmp_path / "v.img")
    with Qemu(image, machine=machine, args=EXTRA.get(name, []) + attach(0, disk, device)) as qemu:
        qemu.wait_prompt()
        name_of = "vblk0"
        assert re.search(rf"^{name_of} +4 MiB virtio +{how} ", qemu.run("disks"), re.M)
        for lba in (0, 1, 8191):
            assert reads(qemu, name_of, lba)
        details = qemu.run(f"disks {name_of}")
        assert "0 errors, 0 retries, 0 time-outs, 0 resets, 0 lost interrupts" in details
        assert "virtio" not in "".join(line for line in qemu.run("dmesg").splitlines() if "left alone" in line)


def test_many(image, tmp_path):
    """Eight disks, several of them on one interrupt line, one read-only, one with blocks of 4096 bytes."""
    args = []
    for number in range(8):
        device = "virtio-blk-pci"
        if number == 6:
            device += ",logical_block_size=4096,physical_block_size=4096"
        path = make_disk(tmp_path / f"{number}.img", (number + 1) * 4 * MIB)
        args += attach(number, path, device)
    args[args.index(f"file={tmp_path}/5.img,format=raw,if=none,id=v5")] += ",readonly=on"
    with Qemu(image, args=args) as qemu:
        qemu.wait_prompt()
        listed = qemu.run("disks")
        for number in range(8):
            row = re.search(rf"^vblk{number} +{(number + 1) * 4} MiB virtio.*", listed, re.M)
            assert row and (" ro " in row[0]) == (number == 5), listed
            assert reads(qemu, f"vblk{number}", (number + 1) * 8192 - 1)
        assert "blocks of 4096" in qemu.run("disks vblk6")
        lines = re.findall(r"virtio-blk", qemu.run("irq"))
        assert len(lines) >= 4, "each disk has registered for its line"


def test_resize(image, tmp_path):
    """A disk that grows or shrinks while it is there: the size is the new one, and is kept to."""
    disk = make_disk(tmp_path / "v.img")
    with Qemu(image, args=attach(0, disk, "virtio-blk-pci")) as qemu:
        qemu.wait_prompt()
        for size in (8, 2, 16):
            qemu.qmp("block_resize", device="v0", size=size * MIB)
            assert re.search(rf"^vblk0 +{size} MiB", qemu.run("disks"), re.M)
            last = size * 2048 - 1
            assert "000  " in qemu.run(f"sector vblk0 {last}")
            assert "000  " not in qemu.run(f"sector vblk0 {last + 1}")
            assert reads(qemu, "vblk0", 1)
