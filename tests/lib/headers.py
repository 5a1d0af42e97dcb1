"""Python's view of the C headers: constants of layout.h, the loader's errors, the structures.

The numbers are read from the headers, so a test can never disagree with the build about them.
"""
import functools
import re
import struct
import subprocess
from dataclasses import dataclass

from lib.paths import BUILD, REPO


@functools.lru_cache
def constants(header="layout.h"):
    """The object-like macros of a header with an integer value, name -> value."""
    path = REPO / "include" / header
    text = subprocess.run(["cpp", "-dM", "-undef", "-I", str(REPO), "-x", "c", str(path)],
                          capture_output=True, text=True, check=True).stdout
    macros = dict(re.findall(r"^#define (\w+) (.+)$", text, re.M))
    values = {}
    for name, value in macros.items():
        if re.fullmatch(r"0[xX][0-9A-Fa-f]+|\d+", value.strip()):
            values[name] = int(value, 0)
    return values


@dataclass(frozen=True)
class LoaderError:
    code: str  # "E15"
    name: str
    text: str  # with %u and the like
    advice: str


@functools.lru_cache
def loader_errors():
    """All loader errors, in order."""
    text = (REPO / "include" / "loader_errors.h").read_text()
    text = text[text.index("#define LOADER_ERRORS"):].replace("\\\n", " ")
    pattern = r'X\((\d+),\s*(\w+),\s*"([^"]*)",\s*"([^"]*)"\)'
    return [LoaderError(f"E{int(code):02}", name, words, advice)
            for code, name, words, advice in re.findall(pattern, text)]


@functools.lru_cache
def offsets(struct_name):
    """The offsets of a structure's fields as the assembler sees them, field -> bytes."""
    text = (BUILD / "gen" / "layout.inc").read_text()
    return {
        name: int(value)
        for name, value in re.findall(rf"^%define {struct_name}_(\w+) (\d+)$", text, re.M)
    }


@functools.lru_cache
def tour_steps():
    """The steps of the boot: [(number, name, text)]."""
    text = (REPO / "include" / "tour.h").read_text()
    return [(int(number), name, words)
            for number, name, words in re.findall(r'X\((\d+),\s*(\w+),\s*"([^"]*)"\)', text)]


_MANIFEST = "<8sIIQBBHI"  # up to the slots
_SLOT = "<IIIIQQ32s"
MANIFEST_FIELDS = [
    "magic", "version", "size", "seq", "preferred", "menu", "menu_timeout_s", "reserved0"
]
SLOT_FIELDS = [
    "first_lba", "sectors", "length", "mem_size", "load_phys", "entry_virt", "merkle_root"
]


def crc32c(data):
    """CRC-32C in the usual, inverted form; bit by bit, written independently of lib/crc32c.c."""
    register = 0xFFFFFFFF
    for byte in data:
        register ^= byte
        for _ in range(8):
            register = register >> 1 ^ (0x82F63B78 if register & 1 else 0)
    return register ^ 0xFFFFFFFF


class Manifest:
    """A boot manifest that can be changed field by field; bytes() puts a correct CRC under it.

    The fields are attributes; slot is a list of two dictionaries; cmdline and reserved1 are bytes.
    """

    def __init__(self, sector):
        for name, value in zip(MANIFEST_FIELDS, struct.unpack_from(_MANIFEST, sector)):
            setattr(self, name, value)
        self.slot = [
            dict(zip(SLOT_FIELDS, struct.unpack_from(_SLOT, sector, 32 + 64 * n))) for n in (0, 1)
        ]
        self.cmdline, self.reserved1 = sector[160:416], sector[416:508]

    def __bytes__(self):
        raw = struct.pack(_MANIFEST, *(getattr(self, name) for name in MANIFEST_FIELDS))
        raw += b"".join(struct.pack(_SLOT, *slot.values()) for slot in self.slot)
        raw += self.cmdline + self.reserved1
        assert len(raw) == 508
        return raw + struct.pack("<I", crc32c(raw))
