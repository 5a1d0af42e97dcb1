"""mkdisk check: where it finds the volume, what it says, what it writes, and e2fsck's exit codes"""
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
