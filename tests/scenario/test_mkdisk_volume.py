"""mkdisk's verbs for the SFS volume: a tree goes in and comes out the same, and nothing escapes from an image"""
import json
import os
import random
import re
import socket
import stat
import struct
import subprocess
from pathlib import Path

import pytest

from lib.mkdiskkit import SECTOR, mbr_entry, partitioned_image

BLOCK_SIZES = [512, 1024, 2048, 4096]
VOLUME = 8192 * SECTOR  # where the volume begins in an image of ours
root_only = pytest.mark.skipif(os.geteuid() != 0, reason="owners and device nodes need root")


def make_tree(top, seed=1):
    """Every kind of file there is, with odd names, sizes, modes and times."""
    rng = random.Random(seed)
    top.mkdir()
    for size in (0, 1, 87, 511, 512, 513, 4095, 4096, 4097, 5120, 40000, 300000, 2500000):
        (top / f"file-{size}").write_bytes(rng.randbytes(size))
    (top / "deep").mkdir()
    folder = top / "deep"
    for level in range(12):
        folder = folder / f"level {level}"
        folder.mkdir()
        (folder / "here").write_bytes(rng.randbytes(rng.randrange(9000)))
    many = top / "many"
    many.mkdir()
    for number in range(400):
        (many / f"{number:04}-{'n' * rng.randrange(200)}").write_bytes(rng.randbytes(rng.randrange(600)))
    with open(top / "sparse", "wb") as file:
        file.seek(1 << 20)
        file.write(b"in the middle")
        file.seek(9 << 20)
        file.write(b"x" * 5000)
        file.truncate(30 << 20)
    with open(top / "hole", "wb") as file:
        file.truncate(3 << 20)
    for length in (1, 87, 88, 500, 3000, 4095):
        os.symlink("t" * length, top / f"link-{length}")
    os.symlink("../..", top / "up")
    os.symlink("/etc/passwd", top / "away")
    os.mkfifo(top / "fifo")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(os.path.relpath(top / "socket"))
    os.link(top / "file-513", top / "same")
    os.link(top / "file-513", top / "deep" / "same")
    os.link(top / "up", top / "deep" / "up")
    for name in (b"\xff\xfe", b"new\nline", b"-r", b"\x1b[31m", "z\u00fcrich \u20ac".encode(), b"n" * 255):
        with open(os.fsencode(top) + b"/" + name, "wb") as file:
            file.write(name)
    if os.geteuid() == 0:
        os.mknod(top / "null", stat.S_IFCHR | 0o666, os.makedev(1, 3))
        os.mknod(top / "disk", stat.S_IFBLK | 0o600, os.makedev(259, 70000))
        os.chown(top / "file-512", 1000, 65535)
        os.chown(top / "link-88", 3, 4, follow_symlinks=False)
    (top / "file-512").chmod(0o6751)
    (top / "many").chmod(0o3777)
    (top / "file-1").chmod(0o000 if os.geteuid() == 0 else 0o400)
    for number, (folder, folders, files) in enumerate(sorted(os.walk(os.fsencode(top), topdown=False))):
        for name in [*files, *folders]:
            when = rng.randrange(-2 * 10**18, 4 * 10**18)
            os.utime(os.path.join(folder, name), ns=(when, when + number), follow_symlinks=False)
    os.utime(top, ns=(123456789987654321, 987654321123456789))
    return top


def describe(top):
    """What tar could tell of a tree: by path, type, mode, owner, size, links, times, contents."""
    tree, inodes = {}, {}
    for folder, folders, files in os.walk(os.fsencode(top)):
        for name in [*files, *folders, b"."]:
            path = os.path.join(folder, name)
            status = os.lstat(path)
            what = [status.st_mode, status.st_uid, status.st_gid, status.st_mtime_ns]
            if stat.S_ISREG(status.st_mode):
                with open(path, "rb") as file:
                    what += [status.st_size, file.read()]
                what += [status.st_blocks < status.st_size // 1024]  # sparse
            if stat.S_ISLNK(status.st_mode):
                what.append(os.readlink(path))
            else:
                what.append(status.st_rdev)
            if not stat.S_ISDIR(status.st_mode):
                what += [status.st_nlink, inodes.setdefault(status.st_ino, path)[len(os.fsencode(top)):]]
            tree[path[len(os.fsencode(top)):]] = what
    return tree


def atimes(top):
    """Of all but symbolic links, which the walk itself reads."""
    return {os.path.relpath(os.path.join(folder, name), os.fsencode(top)): os.lstat(os.path.join(folder, name)).st_atime_ns
            for folder, _, files in os.walk(os.fsencode(top)) for name in files
            if not os.path.islink(os.path.join(folder, name))}


@pytest.mark.parametrize("block_size", BLOCK_SIZES)
def test_a_tree_goes_in_and_comes_out(kit, block_size):
    """create --root and get -r: contents, holes, modes, owners, links and times are the same."""
    tree = make_tree(kit.folder / "tree")
    before = atimes(tree)
    kit.create("--root", tree, "--block-size", block_size)
    kit.ok("get", "-r", kit.image, "/", kit.folder / "out")
    assert atimes(kit.folder / "out") == before
    assert describe(kit.folder / "out") == describe(tree)


def test_put_makes_the_same_volume(kit, clean):
    """put -r into an empty volume, under sanitizers; twice, for the second adds to what is there."""
    tree = make_tree(kit.folder / "tree")
    kit.create("--block-size", 1024)
    for target in ("first", "second"):
        clean.ok("put", "-r", kit.image, tree, "/")
        clean.ok("get", "-r", kit.image, "tree", target)
        assert describe(kit.folder / target) == describe(tree)
    clean.ok("put", "-r", kit.image, f"{tree}/.", "/")
    clean.ok("get", "-r", kit.image, "/", kit.folder / "all")
    both = describe(kit.folder / "all")
    assert {path: what for path, what in both.items() if not path.startswith(b"/tree")} == describe(tree)
    clean.ok("rm", "-r", kit.image, *[f"/{os.fsdecode(name)}" for name in os.listdir(os.fsencode(tree))])
    assert clean.ok("ls", kit.image) == "tree\n"


@pytest.mark.skipif(not Path("/usr/include").is_dir(), reason="no /usr/include here")
@pytest.mark.parametrize("block_size", BLOCK_SIZES)
def test_usr_include(kit, block_size):
    kit.create("--root", "/usr/include", "--block-size", block_size, "--size", "1G")
    kit.ok("get", "-r", kit.image, "/", "out")
    subprocess.run(["diff", "-r", "--no-dereference", "/usr/include", kit.folder / "out"], check=True)
    kit.image.unlink()


def test_the_same_tree_gives_the_same_files(kit):
    """Names are taken in order, so what lies where does not depend on the host's directories."""
    tree = make_tree(kit.folder / "tree")
    other = kit.folder / "other"
    subprocess.run(["cp", "-a", tree, other], check=True)
    listings = []
    for source in (tree, other):
        kit.create("--root", source)
        listings.append([line.split() for line in kit.ok("stat", kit.image, "/many", "/deep", "/sparse", "/same").splitlines()
                         if "changed" not in line and "accessed" not in line])
    assert listings[0] == listings[1]


# ---- the small verbs ---------------------------------------------------------------------------

def test_ls_cat_stat(kit, clean):
    tree = make_tree(kit.folder / "tree")
    kit.create("--root", tree)
    names = sorted(os.listdir(os.fsencode(tree)))
    done = subprocess.run([clean.program, "ls", kit.image], capture_output=True, check=True)
    assert done.stdout == b"".join(name + b"\n" for name in names)
    line = clean.ok("ls", "-l", kit.image, "/file-512")
    assert line.split()[:5] == ["-rwsr-s--x", "1", str(os.lstat(tree / "file-512").st_uid),
                                str(os.lstat(tree / "file-512").st_gid), "512"]
    assert clean.ok("ls", "-l", kit.image, "away").rstrip().endswith("away -> /etc/passwd")
    text = clean.ok("ls", kit.image, "/deep", "/file-0")
    assert text == "/deep:\nlevel 0\nsame\nup\n/file-0\n"
    done = subprocess.run([clean.program, "cat", kit.image, "/file-300000", "same"], capture_output=True, check=True)
    assert done.stdout == (tree / "file-300000").read_bytes() + (tree / "same").read_bytes()
    text = clean.ok("stat", kit.image, "sparse", "link-500")
    assert "regular file" in text and f"{30 << 20} bytes" in text and "symbolic link" in text
    clean.refused(1, "nothing: No such file", "cat", kit.image, "nothing")
    clean.refused(1, "/deep: Is a directory", "cat", kit.image, "/deep")


def test_names_do_not_reach_a_terminal(kit):
    tree = make_tree(kit.folder / "tree")
    kit.create("--root", tree)
    done = subprocess.run(["script", "-qec", f"{kit.program} ls {kit.image}", "/dev/null"], capture_output=True,
                          check=True)
    assert b"\x1b" not in done.stdout and b"\\x1B[31m\r\n" in done.stdout
    assert b"\\xFF\\xFE" in done.stdout and b"new\\x0Aline" in done.stdout
    assert "z\u00fcrich \u20ac".encode() in done.stdout


def test_mkdir_mv_rm(kit, clean):
    kit.create()
    clean.ok("mkdir", kit.image, "a", "/a/b")
    clean.ok("mkdir", "-p", kit.image, "a/c/d/e", "/a/c/", "/f//g/")
    clean.refused(1, "a: File exists", "mkdir", kit.image, "a")
    clean.refused(1, "x/y: No such file or directory", "mkdir", kit.image, "x/y")
    clean.ok("put", kit.image, kit.kernel, "/a/kernel")
    clean.refused(1, "a/kernel/z: Not a directory", "mkdir", "-p", kit.image, "a/kernel/z")
    clean.ok("mv", kit.image, "/a/kernel", "f")
    assert clean.ok("ls", kit.image, "f") == "g\nkernel\n"
    clean.ok("mv", kit.image, "f", "a/renamed")
    clean.refused(1, "a: Invalid argument", "mv", kit.image, "a", "a/c/d")
    clean.refused(1, "/: Device or resource busy", "mv", kit.image, "/", "a")
    clean.refused(1, "nowhere: No such file", "mv", kit.image, "nowhere", "a")
    clean.refused(1, "a: Is a directory", "rm", kit.image, "a")
    clean.refused(1, "/: Device or resource busy", "rm", "-r", kit.image, "/")
    clean.ok("rm", "-r", kit.image, "a")
    assert clean.ok("ls", kit.image) == ""


def test_put_and_get_of_one_file(kit, clean):
    kit.create()
    clean.ok("put", kit.image, kit.kernel, "/")
    clean.ok("get", kit.image, "kernel.bin", "out.bin")
    assert (kit.folder / "out.bin").read_bytes() == kit.kernel.read_bytes()
    (kit.folder / "into").mkdir()
    clean.ok("get", kit.image, "/kernel.bin", "into")
    assert (kit.folder / "into" / "kernel.bin").read_bytes() == kit.kernel.read_bytes()
    clean.refused(1, "is a directory; -r copies", "put", kit.image, kit.folder / "into", "/")
    clean.refused(1, "is a directory; -r copies", "get", kit.image, "/", "elsewhere")
    clean.refused(1, "missing: cannot be copied", "put", kit.image, "missing", "/")
    clean.refused(1, "no room left", "put", kit.image, kit.file("big", os.urandom(60 << 20)), "/")


@root_only
def test_owners_that_do_not_fit(kit):
    tree = kit.folder / "tree"
    tree.mkdir()
    for name in "ab":
        (tree / name).write_text(name)
        os.chown(tree / name, 100000, 70000)
    kit.create_output = kit.run("create", kit.image, "--root", tree, *kit.inputs())
    assert kit.create_output.returncode == 0 and kit.create_output.stderr.count("65534") == 1
    assert kit.ok("ls", "-l", kit.image, "a").split()[2:4] == ["65534", "65534"]


# ---- format, and where the volume is -----------------------------------------------------------

def test_format(kit, clean):
    kit.create("--label", "first")
    clean.ok("mkdir", kit.image, "a")
    before = kit.image.read_bytes()[:VOLUME]
    clean.ok("format", kit.image, "--block-size", "512", "--label", "again")
    assert clean.ok("ls", kit.image) == "" and kit.image.read_bytes()[:VOLUME] == before
    assert b"again" in kit.image.read_bytes()[VOLUME:VOLUME + SECTOR]
    plain = kit.folder / "plain"
    with open(plain, "wb") as file:
        file.truncate(8 << 20)
    clean.ok("format", plain, "--profile", "seed")
    clean.ok("put", plain, kit.kernel, "/k")
    assert clean.ok("ls", plain) == "k\n"
    kit.create_floppy()
    clean.refused(1, "no partition of type 7F", "format", kit.image)
    clean.refused(1, "has no volume", "ls", kit.image)
    clean.refused(2, "--block-size takes 512", "format", plain, "--block-size", "600")
    clean.refused(2, "--profile seed has blocks of 512", "format", plain, "--profile", "seed", "--block-size", "1024")
    clean.refused(2, "--label has 17 bytes", "format", plain, "--label", "x" * 17)


def test_partitions_that_lie(kit, clean):
    partitioned_image(kit, [mbr_entry(0, 0x7F, 2048, 1 << 31)])
    clean.refused(1, "partition 1 has 2147483648 sectors from LBA 2048 on", "ls", kit.image)
    partitioned_image(kit, [mbr_entry(0, 0x83, 64, 64), mbr_entry(0, 0x7F, 2048, 2048)])
    clean.refused(1, "partition 2 at LBA 2048 holds no SFS", "ls", kit.image)
    clean.ok("format", kit.image, "--block-size", "512")
    assert clean.ok("ls", kit.image) == ""
    partitioned_image(kit, [mbr_entry(0, 0x83, 64, 64)])
    clean.refused(1, "no partition at LBA 0 has type 7F", "ls", kit.image)


def test_a_lost_superblock(kit, clean):
    """The backup at the end of the volume is enough."""
    kit.create()
    clean.ok("mkdir", kit.image, "a")
    with open(kit.image, "r+b") as file:
        file.seek(VOLUME)
        file.write(bytes(SECTOR))
    assert clean.ok("ls", kit.image) == "a\n"


# ---- dump and info ---------------------------------------------------------------------------------

def areas(kit):
    return kit.info()[0]["volume"]["areas"]


def test_dump_shows_what_a_block_is(kit, clean):
    tree = make_tree(kit.folder / "tree")
    kit.create("--root", tree, "--block-size", 512, "--label", "teach")
    where = {name: first for name, (first, _) in areas(kit).items()}
    text = clean.ok("dump", kit.image)
    assert re.search(r'090  74 65 61 63 68 00.* label +"teach"', text) and re.search(r"\d+ +\d+  journal\n", text)
    for name, words in {"inode bitmap": "checksum right, inodes 0 to 4095; in use: 0-", "data bitmap": "in use: 0-",
                        "inode table": "inode 0: directory", "checksums": "of blocks 0 to 127", "backup": "total_blocks",
                        "orphans": "no orphan"}.items():
        assert words in clean.ok("dump", kit.image, where[name]), name
    log = where["journal"]
    assert "tail_seq" in clean.ok("dump", kit.image, log)
    assert "a descriptor" in clean.ok("dump", kit.image, log + 2) and "home" in clean.ok("dump", kit.image, log + 2)
    assert re.search(r"transaction 1's copy of block \d+: ", clean.ok("dump", kit.image, log + 3))
    text = clean.ok("dump", kit.image, where["files"])
    assert "block 0 of directory 0, /, checksum right" in text and 'name                ".."' in text
    seen = "".join(clean.ok("dump", kit.image, block) for block in range(where["files"], where["files"] + 700, 9))
    assert re.search(r"block \d+ of file \d+, /deep/level 0/", seen) and "indirect block" in seen
    assert ": free\n" in clean.ok("dump", kit.image, where["backup"] - 1)
    clean.refused(2, "not 'x'", "dump", kit.image, "x")
    clean.refused(1, "has no block 99999999", "dump", kit.image, "99999999")


def test_dump_goes_on_where_stat_ends(kit, clean):
    """From a path to its inode, from there to its first block and back to the path."""
    kit.create("--root", make_tree(kit.folder / "tree"), "--block-size", 1024)
    ino, block = re.search(r"inode  (\d+) in block (\d+), ", clean.ok("stat", kit.image, "/deep/level 0/here")).groups()
    inode = re.search(rf"^inode {ino}: file\n(.*?)(?=^inode|\Z)", clean.ok("dump", kit.image, block), re.M | re.S)[1]
    first = re.search(r"direct\[0\] +(\d+)", inode)[1]
    assert f"block 0 of file {ino}, /deep/level 0/here" in clean.ok("dump", kit.image, first)


def test_dump_has_colours_on_a_terminal(kit):
    kit.create()
    command = ["script", "-qec", f"{kit.program} dump {kit.image} 0", "/dev/null"]
    assert b"\x1b[36m" in subprocess.run(command, capture_output=True, check=True).stdout
    plain = subprocess.run(command, capture_output=True, check=True, env={**os.environ, "NO_COLOR": "1"}).stdout
    assert b"\x1b" not in plain and b"total_blocks" in plain


@pytest.mark.parametrize("seed", range(3))
def test_dump_of_any_bytes(kit, clean, seed):
    """Every kind of block, full of noise; trees and records that lead anywhere."""
    rng = random.Random(seed)
    plain = seed_image(kit) if seed % 2 else kit.create("--size", "6M", "--block-size", 512)
    offset = 0 if seed % 2 else VOLUME
    data = bytearray(plain.read_bytes())
    for _ in range(600):
        at = rng.randrange(offset + 512, len(data) - 512)
        data[at:at + 8] = rng.choice([rng.randbytes(8), struct.pack("<Q", rng.randrange(4096)), b"\xff" * 8, b"SFJD\1\0\0\0"])
    plain.write_bytes(data)
    for block in [*range(0, 60, 3), *rng.sample(range((len(data) - offset) // 512), 20)]:
        assert several(clean, "dump", plain, block) == 0
    assert clean.run("info", plain).returncode in (0, 1)


def test_info_draws_the_volume(kit, clean):
    kit.create("--label", "a \"b\"", "--block-size", 1024)
    kit.ok("put", kit.image, kit.file("big", os.urandom(20 << 20)), "/")
    text = clean.ok("info", kit.image)
    assert 'Volume "a "b"" in partition 1: SFS version 2, 61440 blocks of 1024 bytes, clean' in text
    assert re.search(r"^ +0  ST+c?", text, re.M) and re.search(r"#+:?\.+$", text, re.M)
    info = json.loads(clean.ok("info", kit.image, "--json"))["volume"]
    assert (info["partition"], info["first_lba"], info["label"], info["state"]) == (1, 8192, 'a "b"', 1)
    used = sum(info["in_use"])
    assert used + info["blocks_free"] == info["blocks"] == 61440 and info["inodes"] - info["inodes_free"] == 2
    reserved = sum(count for name, (_, count) in info["areas"].items() if name != "files")
    assert used == reserved + 20 * 1024 + indirect(20 * 1024, 128) + 1  # the root directory
    kit.create_floppy()
    assert kit.info()[0]["volume"] is None and "Volume" not in clean.ok("info", kit.image)


def indirect(blocks, pointers):
    """Indirect blocks of a file without holes, by docs/sfs.md: a tree as tall as it must be."""
    left, total = blocks - 10, 0
    while left > 1:
        left = -(-left // pointers)
        total += left
    return total


# ---- hostile images ------------------------------------------------------------------------------

def seed_image(kit):
    """A version 1 volume has no checksums: its directories can be forged."""
    plain = kit.folder / "seed.img"
    with open(plain, "wb") as file:
        file.truncate(1 << 20)
    kit.ok("format", plain, "--profile", "seed")
    kit.ok("mkdir", "-p", plain, "aa/bb")
    kit.ok("put", plain, kit.file("payload", b"escaped"), "aa/cccccccccc")
    return plain


def several(kit, *arguments):
    """The exit code of mkdisk, which may say several lines."""
    return subprocess.run([kit.program, *map(str, arguments)], capture_output=True, timeout=60, cwd=kit.folder,
                          check=False).returncode


def forge(image, old, new):
    data = bytearray(image.read_bytes())
    at = data.find(old.ljust(56, b"\0"))
    assert at > 0
    data[at:at + 56] = new.ljust(56, b"\0")
    image.write_bytes(data)
    return at


@pytest.mark.parametrize("name", [b"../escape", b"/tmp/mkdisk-escape", b"..", b"."])
def test_get_stays_in_its_target(kit, clean, name):
    image = seed_image(kit)
    forge(image, b"cccccccccc", name)
    (kit.folder / "in").mkdir()
    assert several(clean, "get", "-r", image, "/", "in/out") in (0, 1)
    assert not (kit.folder / "in" / "escape").exists() and not os.path.exists("/tmp/mkdisk-escape")
    assert sorted(os.listdir(kit.folder / "in")) == ["out"]


def test_get_follows_no_link_of_the_host(kit, clean):
    kit.create()
    clean.ok("mkdir", kit.image, "sub")
    clean.ok("put", kit.image, kit.kernel, "sub/file")
    clean.ok("put", kit.image, kit.kernel, "file")
    (kit.folder / "outside").mkdir()
    (kit.folder / "precious").write_text("old")
    out = kit.folder / "out"
    out.mkdir()
    (out / "sub").symlink_to(kit.folder / "outside")
    (out / "file").symlink_to(kit.folder / "precious")
    clean.refused(1, "sub: Not a directory", "get", "-r", kit.image, "/", out)
    assert os.listdir(kit.folder / "outside") == [] and (kit.folder / "precious").read_text() == "old"
    assert (out / "file").read_bytes() == kit.kernel.read_bytes() and not (out / "file").is_symlink()


@pytest.mark.parametrize("verb", ["get", "rm"])
def test_a_directory_in_itself(kit, clean, verb):
    """bb leads to aa, in which it lies."""
    image = seed_image(kit)
    at = forge(image, b"bb", b"bb")
    data = bytearray(image.read_bytes())
    parent = data.find(b"aa".ljust(56, b"\0"))
    data[at + 56:at + 64] = data[parent + 56:parent + 64]
    image.write_bytes(data)
    arguments = [image, "/", "out"] if verb == "get" else [image, "aa"]
    done = clean.run(verb, "-r", *arguments)
    assert done.returncode == 1 and ("two names" in done.stderr or "damaged" in done.stderr)


@pytest.mark.parametrize("seed", range(12))
def test_damaged_volumes(kit, clean, seed):
    """Random bytes in the metadata of a volume without checksums: no crash, no hang, no endless tree."""
    rng = random.Random(seed)
    image = seed_image(kit)
    data = bytearray(image.read_bytes())
    total, table = struct.unpack_from("<Q", data, 0x28)[0], struct.unpack_from("<Q", data, 0x18)[0]
    for _ in range(40):
        at = rng.choice([rng.randrange(512, len(data)), table * 512 + rng.randrange(128 * 8),
                         (table + total // 10) * 512 + rng.randrange(4096)])
        data[at] = rng.choice([0, 0xFF, rng.randrange(256)])
    image.write_bytes(data)
    for arguments in (("ls", image, "/", "aa"), ("get", "-r", image, "/", "out"), ("cat", image, "aa/cccccccccc"),
                      ("rm", "-r", image, "aa"), ("put", image, kit.kernel, "/aa/new")):
        assert several(clean, *arguments) in (0, 1)
