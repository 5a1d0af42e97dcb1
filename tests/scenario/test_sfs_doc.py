"""docs/sfs.md is the truth: its tables against fs/format.h, its numbers, and volumes read by it alone."""
import os
import re
import stat
import subprocess
from pathlib import Path

import pytest

from lib import sfsreader
from lib.headers import constants
from lib.mkdiskkit import Kit
from lib.paths import REPO
from lib.sfsreader import crc, entry

FIRST_PARTITION = constants()["FIRST_PARTITION_LBA"] * 512

TEXT = (REPO / "docs" / "sfs.md").read_text()
HEADER = (REPO / "fs" / "format.h").read_text()
STRUCTS = ["sfs_super", "sfs_inode", "sfs_dirent", "sfs_jsb", "sfs_descriptor", "sfs_tag", "sfs_commit", "sfs_seed_dirent"]
TYPES = {"u8": "uint8_t", "u16": "uint16_t", "u32": "uint32_t", "u64": "uint64_t", "s64": "int64_t", "char": "char",
         "tag": "struct sfs_tag"}


def table(name):
    """The rows of the first table behind `struct NAME`: [(offset, type, elements or None, field)]."""
    text = TEXT[TEXT.index(f"`struct {name}`"):]
    text = text[text.index("| offset | type |"):]
    rows = re.match(r"(?:\|.*\n)+", text).group()
    return [(int(offset, 0), kind, int(count) if count else None, field)
            for offset, kind, _, count, field in
            re.findall(r"^\| (0x[0-9A-F]+|\d+) \| (\w+)(\[(\d*)\])? \| `(\w+)` \|", rows, re.M)]


def header_fields(name):
    """[(type, field)] of a struct of format.h."""
    body = re.search(rf"^struct {name} \{{(.*?)^\}};", HEADER, re.M | re.S).group(1)
    return re.findall(r"^ {4}((?:struct )?\w+) (\w+)(?:\[[^\]]*\])?;", body, re.M)


@pytest.mark.check
@pytest.mark.parametrize("name", STRUCTS)
def test_fields(name):
    """Every field, in order, with its type."""
    assert [(TYPES[kind], field) for _, kind, _, field in table(name)] == header_fields(name)


def test_offsets(tmp_path):
    """Every offset and number of elements is the compiler's."""
    checks = []
    for name in STRUCTS:
        for offset, kind, count, field in table(name):
            checks.append(f"_Static_assert(offsetof(struct {name}, {field}) == {offset}, \"{name}.{field}\");")
            if count:
                checks.append(f"_Static_assert(sizeof(((struct {name} *)0)->{field}) == {count} * sizeof({TYPES[kind]}), "
                              f"\"elements of {name}.{field}\");")
    source = tmp_path / "check.c"
    source.write_text('#include "fs/format.h"\n' + "\n".join(checks) + "\n")
    done = subprocess.run(["cc", "-std=gnu11", "-I", str(REPO), "-fsyntax-only", str(source)], capture_output=True,
                          text=True, check=False)
    assert done.returncode == 0 and len(checks) > 70, done.stderr


def macros():
    text = subprocess.run(["cc", "-E", "-dM", str(REPO / "fs" / "format.h"), "-I", str(REPO)], capture_output=True,
                          text=True, check=True).stdout
    return dict(re.findall(r"^#define (SFS_\w+) (.*)$", text, re.M))


def test_every_struct_has_a_table():
    assert set(re.findall(r"^struct (\w+) \{", HEADER, re.M)) == set(STRUCTS)


def test_flags():
    """The tables of bits have every constant of the header, with its value."""
    told = {name: int(value, 16) for value, name in re.findall(r"^\| (0x[0-9A-F]+) \| `(SFS_\w+)` \|", TEXT, re.M)}
    expected = {name: int(value, 16) for name, value in macros().items()
                if re.match(r"SFS_(INODE|INCOMPAT)_", name) and name != "SFS_INCOMPAT_ALL"}
    assert told == expected


def test_types_of_inodes():
    names = {"FIFO": "FIFO", "CHR": "character device", "DIR": "directory", "BLK": "block device",
             "REG": "regular file", "LNK": "symbolic link", "SOCK": "socket"}
    told = dict(re.findall(r"^\| ([\w ]+) \| (\d+) \|", section("Inodes"), re.M))
    for short, name in names.items():
        assert int(told[name]) == int(macros()[f"SFS_TYPE_{short}"])


def section(title):
    return re.search(rf"^## \d+\. {title}.*?(?=^## |\Z)", TEXT, re.M | re.S).group()


def test_checksum_vectors():
    told = dict(re.findall(r"^\| (.+?) \| ([0-9a-f]{8}) \|", section("Checksums"), re.M))
    uuid_crc = crc(0, bytes(range(16)))
    assert crc(0, b"123456789") == 0xE3069283 and "E3069283" in section("Checksums")
    expected = {"U for uuid 00 01 .. 0F": uuid_crc, "entry(77) of 512 bytes of 00": entry(uuid_crc, 77, bytes(512)),
                "entry(77) of 512 bytes of A5": entry(uuid_crc, 77, b"\xA5" * 512),
                "entry(77) of 4096 bytes of 00": entry(uuid_crc, 77, bytes(4096))}
    assert {name: int(value, 16) for name, value in told.items()} == expected


def test_heights():
    """The table of what trees of each height reach."""
    rows = re.findall(r"^\| ([0-4]) \| ([^|]+) \| ([^|]+) \| ([^|]+) \|$", section("Inodes"), re.M)
    units = {"KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}

    def size(text):
        return sum(int(number) * units[unit] for number, unit in re.findall(r"(\d+) ([KMG]iB)", text))

    assert len(rows) == 5
    for height, _, small, large in rows:
        for bs, text in ((512, small), (4096, large)):
            blocks = 10 + ((bs // 8)**int(height) if height != "0" else 0)
            if "2^48" in text:
                assert blocks * bs > 2**48 - 1
            else:
                assert blocks * bs == size(text)


# ---- Volumes, read by the document alone -----------------------------------------------------------

def everything_below(root):
    return [Path(folder) / name for folder, folders, files in os.walk(root) for name in [*folders, *files]]


def make_tree(root):
    """Files at every limit that docs/sfs.md names, and of every kind that anybody may make."""
    root.mkdir()
    for size in (0, 1, 511, 512, 5120, 5121, 37888, 37889, 40960, 40961, 70000, 2138113):
        (root / f"file-{size}").write_bytes(bytes(i * 7 % 251 for i in range(min(size, 999))) * (size // 999)
                                            + bytes(i * 7 % 251 for i in range(size % 999 if size >= 999 else size)))
    with open(root / "sparse", "wb") as file:
        for place in (0, 50000, 1 << 20, 3 << 20):
            file.seek(place)
            file.write(b"here")
    (root / "many").mkdir()
    for number in range(300):
        (root / "many" / f"{number}-{'x' * (number * 7 % 200)}").write_bytes(b"%d" % number)
    (root / ("n" * 255)).mkdir()
    (root / "deep").mkdir()
    (root / "deep" / "deeper").mkdir()
    os.link(root / "file-1", root / "deep" / "second name")
    for length in (1, 87, 88, 600, 4000):
        os.symlink("t" * length, root / f"link-{length}")
    os.mkfifo(root / "fifo")
    os.chmod(root / "file-0", 0o6711)
    for number, path in enumerate(everything_below(root)):
        os.utime(path, ns=(0, 10**18 + number * 1000003), follow_symlinks=False)


def host_says(path):
    """What must be in the inode, and the contents."""
    info = os.lstat(path)
    kind = stat.S_IFMT(info.st_mode) >> 12
    contents = {sfsreader.REG: lambda: path.read_bytes(), sfsreader.LNK: lambda: os.readlink(path).encode()}
    size = info.st_size if kind in contents else 0
    return (info.st_mode, None if kind == sfsreader.DIR else info.st_nlink, size, info.st_mtime_ns,
            contents.get(kind, lambda: None)())


def reader_says(reader, inode):
    contents = {sfsreader.REG: lambda: b"".join(reader.contents(inode)),
                sfsreader.LNK: lambda: reader.link_target(inode)}
    is_directory = inode.type == sfsreader.DIR
    return (inode.mode, None if is_directory else inode.nlink, 0 if is_directory else inode.size, inode.mtime_ns,
            contents.get(inode.type, lambda: None)())


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    root = tmp_path_factory.mktemp("sfs") / "tree"
    make_tree(root)
    return root


@pytest.mark.parametrize("block_size", [512, 1024, 2048, 4096])
def test_a_volume_is_read_by_the_document_alone(tree, tmp_path, block_size):
    """mkdisk writes it, the reader of docs/sfs.md reads it: the same names, modes, times and bytes."""
    kit = Kit(tmp_path)
    kit.ok("create", kit.image, "--size", "32M", *kit.inputs(), "--root", tree, "--block-size", block_size)
    with open(kit.image, "rb") as file:
        reader = sfsreader.Reader(file, FIRST_PARTITION)
        assert (reader.bs, reader.version, reader.state) == (block_size, 2, 1)
        found = {path.decode(): inode for path, inode in reader.tree()}
        expected = {"/" + str(path.relative_to(tree)): path for path in everything_below(tree)}
        assert set(found) - {""} == set(expected)
        for name, path in expected.items():
            assert reader_says(reader, found[name]) == host_says(path), name
        assert found["/file-1"].number == found["/deep/second name"].number
        assert reader.holes(found["/sparse"]) > 0 and found["/sparse"].flags & 4


def test_a_seed_volume_is_read_by_the_document_alone(tmp_path):
    tree = tmp_path / "tree"
    (tree / "folder").mkdir(parents=True)
    (tree / "folder" / "file").write_bytes(b"seed" * 9000)
    kit = Kit(tmp_path)
    kit.ok("create", kit.image, "--size", "8M", *kit.inputs(), "--root", tree, "--profile", "seed")
    with open(kit.image, "rb") as file:
        reader = sfsreader.Reader(file, FIRST_PARTITION)
        assert reader.version == 1
        found = {path: inode for path, inode in reader.tree()}
        assert set(found) == {b"", b"/folder", b"/folder/file"}
        assert b"".join(reader.contents(found[b"/folder/file"])) == b"seed" * 9000


def test_the_reader_sees_damage(tree, tmp_path):
    """One byte anywhere in the metadata, and the checksums of the document do not agree."""
    kit = Kit(tmp_path)
    kit.ok("create", kit.image, "--size", "32M", *kit.inputs(), "--root", tree)
    with open(kit.image, "r+b") as file:
        reader = sfsreader.Reader(file, FIRST_PARTITION)
        block = reader.file_block(reader.inode(0), 0)
        place = FIRST_PARTITION + block * reader.bs + reader.bs - 1
        file.seek(place)
        byte = file.read(1)[0]
        file.seek(place)
        file.write(bytes([byte ^ 1]))
        file.flush()
        with pytest.raises(sfsreader.Damaged, match=f"block {block}"):
            list(sfsreader.Reader(file, FIRST_PARTITION).tree())
