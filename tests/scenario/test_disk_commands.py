"""Disks as a person sees them: `disks` and `sector` at the prompt, `root=`, and which disk was booted from.
"""
import contextlib
import re
import struct

import pytest

from lib.bochs import Bochs
from lib.images import copy_image, make_image
from lib.qemu import Qemu

SECTOR = 512
SIGNATURE_OFFSET, TABLE_OFFSET = 440, 446
ROW = re.compile(r"^(?P<name>\S+) +(?P<size>[\d.]+ [KMGT]iB) (?P<what>.{13}) (?P<how>\S*) +(?P<state>[a-z ]*?) +"
                 r"(?P<requests>\d+) +(?P<sectors>\d+) +(?P<merged>\d+) +(?P<retried>\d+) +(?P<errors>\d+)$", re.M)
HEX_ROW = re.compile(r"^  ([0-9a-f]{3})  ?((?: {1,2}[0-9a-f]{2})+)  ", re.M)


def rows(machine):
    """What disks shows, by name."""
    text = machine.run("disks")
    assert all(len(line) < 80 for line in text.splitlines()), text
    found = {match["name"]: match.groupdict() for match in ROW.finditer(text)}
    assert len(found) == len(text.splitlines()) - 1, text
    return found


def states(machine):
    return {name: row["state"] for name, row in rows(machine).items() if row["state"]}


@contextlib.contextmanager
def boot(image, **options):
    with Qemu(image, **options) as machine:
        machine.wait_prompt()
        yield machine


def disk_log(machine):
    return [line.split("] ", 1)[1] for line in machine.run("dmesg").splitlines() if re.match(r"\[ *[\d.]+\] (disks|ata|vblk)", line)]


@pytest.mark.check
@pytest.mark.parametrize("kind, disk, how", [("ide", "ata0", "DMA"), ("virtio", "vblk0", "modern")])
def test_disks(kind, disk, how, image):
    with boot(image, disk=kind) as machine:
        found = rows(machine)
        assert set(found) == {disk, disk + "p1"}
        assert (found[disk]["size"], found[disk]["how"], found[disk]["state"]) == ("64 MiB", how, "boot")
        assert (found[disk + "p1"]["what"].strip(), found[disk + "p1"]["state"]) == ("SFS", "root")
        before = int(found[disk]["requests"])
        machine.run(f"sector {disk}p1 5")
        found = rows(machine)
        assert int(found[disk]["requests"]) == before + 1
        assert (found[disk + "p1"]["requests"], found[disk + "p1"]["sectors"]) == ("1", "1")
        text = machine.run(f"disks {disk}")
        assert f"{disk}: " in text and "131072 of 512 bytes" in text
        assert f"requests        {before + 1} reads, {before + 1} sectors; 0 writes" in text
        assert re.search(r"accesses +\d+, \d+\.\d a request\nkicks +\d+, ", text)
        assert sum(map(int, re.findall(r"(?:below|at least) +\d+ us +(\d+) #*", text))) == before + 1
        assert f"from 8192 of {disk} on" in machine.run(f"disks {disk}p1")
        assert machine.run("disks x; echo $?") == "disks: x: there is no such disk\n1"
        assert machine.run("disks a b; echo $?").startswith("disks: usage: disks ")
        assert machine.run("sector; echo $?") == "sector: usage: sector <device> <lba>\n2"
        for wrong in ("x 1", "x"):
            assert machine.run(f"sector {wrong}").startswith("sector: ")
        assert machine.run(f"sector {disk} 1x") == "sector: usage: sector <device> <lba>"
        assert machine.run(f"sector {disk} 131072; echo $?") == \
            f"sector: {disk}, sector 131072 of 131072: beyond the end of the device, or the device is gone\n1"
        assert machine.run(f"sector {disk} 18446744073709551615").startswith(f"sector: {disk}, sector")


def shown_bytes(text):
    """The bytes in the hex rows of TEXT; a star repeats the row before it."""
    data, row = bytearray(), b""
    for line in text.splitlines():
        if match := HEX_ROW.match(line):
            at, row = int(match[1], 16), bytes.fromhex(match[2])
            while len(data) < at:
                data += data[-16:]
            data += row
        elif line == "  *":
            continue
    while data and len(data) < SECTOR:
        data += row
    return bytes(data)


@pytest.mark.check
def test_sector(tmp_path):
    """Every sector's bytes are those of the disk, and the known ones say what they mean."""
    path = make_image(tmp_path / "disk.img", cmdline='layout=de')
    with open(path, "r+b") as file:
        file.seek(72 * SECTOR + 200)  # the second manifest's command line
        file.write(b"\x07\xFF")
        file.seek(20000 * SECTOR)
        file.write(bytes(range(256)) * 2)
    data = path.read_bytes()
    with boot(path) as machine:
        shown = {lba: machine.run(f"sector ata0 {lba}") for lba in (0, 64, 72, 8192, 20000, 30000)}
    for lba, text in shown.items():
        assert shown_bytes(text) == data[lba * SECTOR:(lba + 1) * SECTOR], f"{lba}\n{text}"
        assert all(len(line) < 80 for line in text.splitlines()), text
    signature, = struct.unpack_from("<I", data, SIGNATURE_OFFSET)
    for part in (f"disk signature {signature:08x}", "partition 1: SFS (7f), 122880 sectors from 8192 on, active",
                 "partition 4: none", "the mark of a boot sector", f"stage 2 has {data[4]} sectors"):
        assert part in shown[0]
    for part in ("a boot manifest", '"S0BOOT"', "4056 sectors from 80 on", "4056 sectors from 4136 on",
                 '"layout=de"', ", right"):
        assert part in shown[64]
    assert re.search(r"CRC-32C +[0-9a-f]{8}, wrong: it should be [0-9a-f]{8}", shown[72])
    for part in ("a superblock of SFS", "block_size        4096", "clean", ", right"):
        assert part in shown[8192]
    assert re.match("  000  00 01 02", shown[20000])
    assert shown[30000].count("\n") == 1 and shown[30000].endswith("*")


def test_ram_disk(image):
    with boot(image) as machine:
        assert machine.run("disks ram 3") == "ram0"
        assert machine.run("disks ram 1") == "ram1"
        found = rows(machine)
        assert [(found[name]["size"], found[name]["what"].strip()) for name in ("ram0", "ram1")] == \
            [("3 MiB", "RAM disk"), ("1 MiB", "RAM disk")]
        assert shown_bytes(machine.run("sector ram0 6143")) == bytes(SECTOR)
        assert machine.run("disks ram 64; echo $?") == "disks: no memory for a disk of 64 MiB\n1"
        for wrong in ("0", "x", "-1", "1048577", "99999999999999999999"):
            assert "usage" in machine.run(f"disks ram {wrong}")


def test_no_driver(image):
    """A disk that no driver has: the shell comes up, and the log says what is missing."""
    with boot(image, disk="usb") as machine:
        assert machine.run("disks") == "no disk that a driver knows"
        signature, = struct.unpack_from("<I", image.read_bytes(), SIGNATURE_OFFSET)
        assert disk_log(machine) == [f"disks: no driver has the boot disk: BIOS drive 80, signature {signature:08x}"]


def test_floppy(tmp_path):
    path = make_image(tmp_path / "floppy.img", floppy=True)
    with boot(path, disk="floppy") as machine:
        assert any(line.startswith("disks: no driver has the boot disk: BIOS drive 00")
                   or line.startswith("disks: the boot disk has no signature") for line in disk_log(machine))


def add_virtio(path):
    return ["-drive", f"file={path},format=raw,if=none,id=other,snapshot=on", "-device", "virtio-blk-pci,drive=other"]


# root= -> the states that disks shows, part of what the log says
ROOTS = {
    "": ({"ata0": "boot", "ata0p1": "root"}, "ata0 and vblk0 could both be the boot disk: it is ata0; root= decides"),
    "root=vblk0": ({"vblk0": "boot", "vblk0p1": "root"}, None),
    "root=vblk0p1": ({"vblk0": "boot", "vblk0p1": "root"}, None),
    "root=sda1": ({"ata0": "boot", "ata0p1": "root"},
                  "root=sda1: there is no such disk; there are: ata0 ata0p1 vblk0 vblk0p1"),
}


@pytest.mark.parametrize("option", ROOTS)
def test_two_equal_disks(option, tmp_path):
    """The lowest name, a warning, and root= decides."""
    wanted, said = ROOTS[option]
    path = make_image(tmp_path / "disk.img", cmdline=option)
    copy = copy_image(path, tmp_path / "copy.img")
    with boot(path, args=add_virtio(copy)) as machine:
        assert states(machine) == wanted
        log = disk_log(machine)
        assert [line for line in log if line.startswith("disks: ")][:1] == ([f"disks: {said}"] if said else [])


def test_changed_copy(tmp_path):
    """A disk with the same signature, but another first sector, is another disk."""
    path = make_image(tmp_path / "disk.img")
    copy = copy_image(path, tmp_path / "copy.img")
    with open(copy, "r+b") as file:
        file.seek(430)
        file.write(b"changed")
    usb = ["-device", "qemu-xhci", "-drive", f"file={path},format=raw,if=none,id=d0,snapshot=on",
           "-device", "usb-storage,drive=d0,bootindex=0"]
    with boot(path, disk=None, args=usb + add_virtio(copy)) as machine:
        assert states(machine) == {}
        log = disk_log(machine)
        assert "disks: vblk0 has the boot disk's signature, but not its first sector" in log
        assert any("no driver has the boot disk" in line for line in log)


def entry(kind, first, count, status=0):
    return struct.pack("<B3xB3xII", status, kind, first, count)


def table(*entries):
    return bytes(TABLE_OFFSET) + b"".join(entries).ljust(64, b"\0") + b"\x55\xAA"


def test_strange_tables(image, tmp_path):
    """Partition tables that make no sense, and one that we do not know: words in the log, no partition."""
    sectors = 8192
    tables = {
        "good": [(0, table(entry(0x83, 64, 1000), entry(0x0F, 2048, 4096))),
                 (2048, table(entry(0x82, 8, 500), entry(5, 1000, 1000))), (3048, table(entry(0x7F, 8, 500)))],
        "bad": [(0, table(entry(0x83, 100, 0), entry(0x83, 0, 50), entry(0x83, 8000, 193), entry(5, 1000, 1000))),
                (1000, table(entry(0, 0, 0), entry(5, 500, 10))), (1500, table(entry(0, 0, 0), entry(5, 500, 10)))],
        "gpt": [(0, table(entry(0xEE, 1, 0xFFFFFFFF)))],
    }
    arguments = []
    for number, (name, parts) in enumerate(tables.items()):
        data = bytearray(sectors * SECTOR)
        for lba, part in parts:
            data[lba * SECTOR:(lba + 1) * SECTOR] = part
        (tmp_path / name).write_bytes(data)
        arguments += ["-drive", f"file={tmp_path / name},format=raw,if=none,id=t{number}",
                      "-device", f"virtio-blk-pci,drive=t{number}"]
    with boot(image, args=arguments) as machine:
        found = rows(machine)
        assert {name: found[name]["what"].strip() for name in found if name.startswith("vblk0p")} == \
            {"vblk0p1": "Linux", "vblk0p5": "swap", "vblk0p6": "SFS"}
        assert not [name for name in found if re.match("vblk[12]p", name)]
        assert "from 2056 of vblk0 on" in machine.run("disks vblk0p5")
        log = disk_log(machine)
    assert not [line for line in log if line.startswith("vblk0:") and "not used" in line]
    for said in ("vblk1: partition 1, 0 sectors from 100 on, is not used: it has no sectors",
                 "vblk1: partition 2, 50 sectors from 0 on, is not used: it begins where the table is",
                 "vblk1: partition 3, 193 sectors from 8000 on, is not used: it reaches beyond the end of the disk",
                 "vblk1: more than 60 logical partitions",
                 "vblk2: it has a GUID partition table (GPT), which is not supported"):
        assert said in log, "\n".join(log)


def test_bochs(image):
    with Bochs(image) as machine:
        machine.wait_prompt()
        assert states(machine) == {"ata0": "boot", "ata0p1": "root"}
        assert "partition 1: SFS" in machine.run("sector ata0 0")
