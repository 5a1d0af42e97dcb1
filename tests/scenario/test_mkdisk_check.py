"""mkdisk check: where it finds the volume, what it says, what it writes, and e2fsck's exit codes"""
import random
import resource
import struct
import subprocess

import pytest

from lib.mkdiskkit import MKDISK, SECTOR, Kit

VOLUME = 8192 * SECTOR  # in an image of ours
BLOCK = 4096
INODE_BITMAP = VOLUME + BLOCK


@pytest.fixture
def kit(tmp_path):
    kit = Kit(tmp_path)
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / "file").write_bytes(b"contents" * 1000)
    kit.create("--root", tmp_path / "tree")
    return kit


def check(kit, *arguments):
    done = subprocess.run([MKDISK, "check", kit.image, *arguments], capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, done.stdout, done.stderr


def damage(kit, at=INODE_BITMAP + 100):
    disk = bytearray(kit.image.read_bytes())
    disk[at] ^= 0xFF
    kit.image.write_bytes(disk)
    return bytes(disk)


def test_sound(kit):
    """A sound volume: 0, and nothing is written, not even with -y"""
    before = kit.image.read_bytes()
    for option in ([], ["-n"], ["-y"]):
        status, out, err = check(kit, *option)
        assert (status, err) == (0, "")
        assert out.endswith("disk.img: sound\n") and "blocks of 4096 bytes" in out
        assert kit.image.read_bytes() == before


def test_damaged(kit):
    """Damage: 4 and a line a finding, nothing written; with -y 1; then 0"""
    before = damage(kit)
    status, out, err = check(kit)
    assert (status, err) == (4, "")
    assert "F3: block 1: the checksum does not match\n" in out and "F5: inode 800: " in out
    assert "2 findings, nothing was written" in out
    assert kit.image.read_bytes() == before
    status, out, err = check(kit, "-y")
    assert (status, err) == (1, "")
    assert "the checksum does not match: written anew\n" in out and "2 findings, 2 repaired, 0 left" in out
    assert check(kit)[0] == 0
    assert kit.ok("cat", kit.image, "/file") == "contents" * 1000


def test_superblock_from_the_backup(kit):
    """Block 0 gone: the backup at the end of the partition brings it back"""
    disk = bytearray(kit.image.read_bytes())
    disk[VOLUME:VOLUME + SECTOR] = bytes(SECTOR)
    kit.image.write_bytes(disk)
    status, out, _ = check(kit)
    assert status == 4 and "F1: block 0: the superblock is damaged\n" in out
    assert check(kit, "-y")[0] == 1 and check(kit)[0] == 0


def test_not_done(kit):
    """What cannot be checked: 8 and a line; both options: wrong usage"""
    kit.image.write_bytes(bytes(1 << 20))
    status, out, err = check(kit)
    assert (status, out, err.count("\n")) == (8, "", 1)
    kit.image.unlink()
    assert check(kit)[0] == 8
    assert check(kit, "-n", "-y")[0] == 2


def test_many_findings_are_counted(kit):
    """Of each kind 20 lines, then how many more"""
    disk = bytearray(kit.image.read_bytes())
    for index in range(400, 460):
        disk[INODE_BITMAP + index] ^= 0x10
    kit.image.write_bytes(disk)
    status, out, _ = check(kit)
    assert status == 4
    assert sum(line.startswith("F5: inode") for line in out.splitlines()) == 20
    assert "F5: and 40 more of the kind above\n" in out


# ---- Large volumes, made to be slow ----------------------------------------------------------------

def inode(mode, size=0, block=0):
    return struct.pack("<HHHHIHHqqq11Q", mode, 1, 0, 0, size, 0, 0, 0, 0, 0, block, *[0] * 10)


def large_volume(kit, size, kind, blocks):
    """A sparse image whose inode table has BLOCKS blocks of garbage, of a KIND"""
    kit.image.unlink()
    kit.ok("create", kit.image, "--size", size)
    with open(kit.image, "r+b") as disk:
        disk.seek(VOLUME)
        table, first = struct.unpack_from("<2Q", disk.read(SECTOR), 0x18)
        chance, used, at = random.Random(1), first + 50000, VOLUME + table * BLOCK
        for index in range(blocks):
            disk.seek(at + (100 + index) * BLOCK)
            if kind == "random":
                disk.write(chance.randbytes(BLOCK))
            else:
                disk.write(b"".join(inode(0o40755, BLOCK, used + index * 32 + i) if kind == "directories" else inode(0o100644)
                                    for i in range(32)))
        for entry, count in ((table + 100, blocks), (used, 32 * blocks)):  # so that they are looked at
            disk.seek(VOLUME + first * BLOCK + 4 * entry)
            disk.write(b"\x07\0\0\0" * count)


def bounded(kit, option, mib, seconds):
    """Check with a limit of memory and of time"""
    done = subprocess.run([MKDISK, "check", kit.image, option], capture_output=True, text=True, timeout=seconds, check=False,
                          preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (mib << 20, mib << 20)))
    assert done.stderr == ""
    return done.returncode


@pytest.mark.parametrize("kind, mib", [("random", 40), ("directories", 60)])
def test_large_and_damaged(kit, kind, mib):
    """64 GiB with a damaged inode table: bounded memory, bounded time"""
    large_volume(kit, "64G", kind, 16384 if kind == "random" else 8192)
    assert bounded(kit, "-n", mib, 60) == 4


def test_many_are_lost(kit):
    """131,072 files without a name get one in lost+found, in the time that it takes to write them"""
    large_volume(kit, "4G", "files", 4096)
    assert bounded(kit, "-y", 40, 60) == 1
    assert check(kit)[0] == 0
    for number in (3200, 3200 + 131071):
        assert kit.ok("cat", kit.image, f"/lost+found/#{number}") == ""
