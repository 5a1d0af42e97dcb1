"""docs/sfs.md is the truth: its tables against fs/format.h, its numbers, and volumes read by it alone."""
import re
import subprocess

import pytest

from lib.paths import REPO
from lib.sfsreader import crc, entry

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
