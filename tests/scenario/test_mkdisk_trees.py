"""mkdisk --root, put and get on trees that are hard to copy: deep, wide, huge, odd sizes, and as a user who may not do all"""
import os
import shutil
import stat
import tempfile
from pathlib import Path

import pytest

from lib.mkdiskkit import MKDISK, Kit

pytestmark = pytest.mark.limit(600)  # 70,000 files take their time on a busy host
BLOCK_SIZES = [512, 1024, 2048, 4096]
DEPTH, WIDTH, HUGE = 200, 70000, (4 << 30) + 1
NOBODY = {"user": 65534, "group": 65534, "extra_groups": []}
root_only = pytest.mark.skipif(os.geteuid() != 0, reason="becoming another user needs root")


@pytest.fixture
def kit(tmp_path):
    return Kit(tmp_path)


def make_time(path, number):
    os.utime(path, ns=(10**18 + number, 10**18 + number * 7654321), follow_symlinks=False)


def inodes(top):
    """By path below TOP: all that `find -printf '%y %m %U %G %s %T@ %n'` tells, and which names are one file."""
    told, groups = {}, {}
    for folder, folders, files in os.walk(os.fsencode(top)):
        for name in [*folders, *files, b"."]:
            path = os.path.join(folder, name)
            below, info = os.path.relpath(path, os.fsencode(top)), os.lstat(path)
            told[below] = [info.st_mode, info.st_uid, info.st_gid, info.st_mtime_ns]
            if not stat.S_ISDIR(info.st_mode):
                told[below] += [info.st_size, info.st_nlink]
                groups.setdefault(info.st_ino, []).append(below)
    return told, sorted(sorted(names) for names in groups.values() if len(names) > 1)


def extents(path):
    """The pieces of a file that are no holes: [(where, bytes)], zeros at their ends cut off."""
    found, at = [], 0
    with open(path, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        while at < size:
            try:
                start = os.lseek(file.fileno(), at, os.SEEK_DATA)
            except OSError:
                break
            at = os.lseek(file.fileno(), start, os.SEEK_HOLE)
            file.seek(start)
            data = file.read(at - start)
            found.append((start + len(data) - len(data.lstrip(b"\0")), data.strip(b"\0")))
    return size, found


@pytest.mark.parametrize("block_size", BLOCK_SIZES)
def test_sizes_around_the_blocks(kit, block_size):
    """A byte less, a byte more: of a block, of what needs no pointers, of what a block of pointers leads to."""
    tree = kit.folder / "tree"
    tree.mkdir()
    pointers = block_size // 8
    for blocks in (0, 1, 10, 10 + pointers):
        for more in (-1, 0, 1):
            size = blocks * block_size + more
            if size >= 0:
                (tree / str(size)).write_bytes(bytes(n * 7 & 0xFF for n in range(min(size, 4096))).ljust(size, b"e"))
    kit.create("--root", tree, "--block-size", block_size)
    kit.ok("get", "-r", kit.image, "/", "out")
    for path in tree.iterdir():
        assert (kit.folder / "out" / path.name).read_bytes() == path.read_bytes(), path.name
    assert kit.ok("check", kit.image).endswith("sound\n")


def make_wide(tree):
    """A directory of 70,000 files, some of them with a second name in another."""
    for name in ("wide", "others"):
        (tree / name).mkdir(parents=True)
    for number in range(WIDTH):
        os.close(os.open(tree / "wide" / f"{number:06}", os.O_CREAT | os.O_WRONLY, 0o600 + number % 64))
        if number % 1000 == 0:
            os.link(tree / "wide" / f"{number:06}", tree / "others" / f"{number:06}")
    make_time(tree / "wide", 1)


def make_deep(tree):
    """200 directories in each other, with a file at the bottom that has another name at the top."""
    folder = tree
    for number in range(DEPTH):
        folder = folder / f"level {number}"
        folder.mkdir()
    (folder / "bottom").write_text("here")
    os.link(folder / "bottom", tree / "top")
    for number, folder in enumerate(folder.parents[:DEPTH]):
        make_time(folder, number)


def make_huge(tree):
    """4 GiB and a byte, of which little is there."""
    with open(tree / "huge", "wb") as file:
        for where, data in ((0, b"begin"), ((2 << 30) + 5, b"middle"), (HUGE - 1, b"e")):
            file.seek(where)
            file.write(data)


@pytest.mark.parametrize("make", [make_wide, make_deep, make_huge])
def test_wide_deep_and_huge(kit, make):
    tree, out = kit.folder / "tree", kit.folder / "out"
    tree.mkdir()
    make(tree)
    make_time(tree, 99)
    kit.create("--root", tree, "--block-size", 1024, "--size", "512M")
    kit.ok("get", "-r", kit.image, "/", out)
    assert inodes(out) == inodes(tree)
    assert kit.ok("check", kit.image).endswith("sound\n")
    if make == make_huge:
        assert extents(out / "huge") == extents(tree / "huge")
        assert (out / "huge").stat().st_blocks < 2000, "the holes were filled"
    for name in ("/again", "/more"):  # the indexes of three wide directories are in memory at once
        kit.ok("put", "-r", kit.image, out, name)
    kit.ok("rm", "-r", kit.image, "/again", "/more")
    assert kit.ok("check", kit.image).endswith("sound\n")
    shutil.rmtree(out)


@pytest.fixture(name="shared")
def _shared():
    """A kit whose folder everybody may reach, and write `work` in."""
    folder = Path(tempfile.mkdtemp(prefix="sector0-"))
    folder.chmod(0o755)
    shutil.copy(MKDISK, folder / "mkdisk")
    kit = Kit(folder, folder / "mkdisk")
    (folder / "work").mkdir()
    (folder / "work").chmod(0o777)
    kit.image = folder / "work" / "disk.img"
    yield kit
    shutil.rmtree(folder)


@root_only
@pytest.mark.parametrize("name", ["secret", "locked"])
def test_what_may_not_be_read(shared, name):
    """It is named, and no image is left without it."""
    tree = shared.folder / "tree"
    (tree / "locked").mkdir(parents=True)
    (tree / "secret").write_text("x")
    (tree / name).chmod(0)
    arguments = ["create", shared.image, *shared.inputs(), "--root", tree]
    shared.refused(1, f"{tree}/{name}: Permission denied", *arguments, **NOBODY)
    assert list((shared.folder / "work").iterdir()) == []
    (tree / name).chmod(0o755)
    shared.ok(*arguments, **NOBODY)
    assert shared.image.stat().st_uid == 65534


@root_only
def test_owners_that_one_may_not_give(shared):
    """All is ours then, and what was set-id is no longer."""
    tree, out = shared.folder / "tree", shared.folder / "work" / "out"
    tree.mkdir()
    for name, mode in (("plain", 0o640), ("both", 0o6755)):
        (tree / name).write_text(name)
        os.chown(tree / name, 5, 6)
        (tree / name).chmod(mode)
        make_time(tree / name, mode)
    (tree / "folder").mkdir(mode=0o500)
    (tree / "folder" / "inside").write_text("x")
    make_time(tree / "folder", 3)
    shared.create("--root", tree)
    shared.image.chmod(0o644)
    shared.ok("get", "-r", shared.image, "/", out, **NOBODY)
    assert {info[1] for info in inodes(out)[0].values()} == {65534}
    wanted = {path: [info[0] & ~0o6000, *info[3:]] for path, info in inodes(tree)[0].items()}
    assert {path: [info[0], *info[3:]] for path, info in inodes(out)[0].items()} == wanted
    os.mknod(tree / "null", stat.S_IFCHR | 0o666, os.makedev(1, 3))
    shared.create("--root", tree)
    shutil.rmtree(out)
    shared.refused(1, "out/null: Operation not permitted", "get", "-r", shared.image, "/", out, **NOBODY)
    assert (out / "plain").read_text() == "plain"
