#!/usr/bin/python3
"""Write the inputs that fuzzing begins with: the least that reaches all that was ever reached.

    corpus.py FOLDER              FOLDER/sfs/* and FOLDER/parsers/*, from corpus-sfs.txt and corpus-parsers.txt
    corpus.py --made FOLDER       those made up here, with which to begin anew
    corpus.py --keep NAME FOLDER  make corpus-NAME.txt of the inputs in FOLDER

What an input means is in fuzz_sfs.c and fuzz_parsers.c. The files have an input a line, in hexadecimal. After some
hours of fuzzing into FOUND, `sfs-libfuzzer -merge=1 FOLDER MADE FOUND` chooses what to keep.
"""
import struct
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
FORMATS = 5
TARGETS = ("any", "super", "inodes", "covered", "log", "entries", "orphans", "bitmaps")
WITHOUT_CHECKSUM = 0x80
CHANGES = (b"\0" * 8, b"\xff" * 8, b"\1\0\0\0\0\0\0\0", b"..", b"\x10\0\1\4", b"\x00\x80\x00\x00\x05\x00")
PARSERS = ("manifest", "mbr", "kernel", "memory", "size", "words", "options", "shell", "identify")
KERNEL_PHYS, KERNEL_VIRT = 1 << 20, 0xFFFFFFFF80100000


def record(target, place, change, flags=0):
    return bytes([TARGETS.index(target) | flags]) + place.to_bytes(2, "little") + bytes([len(change) - 1]) + change


def sfs_inputs():
    """Pairs of a name and an input."""
    for form in range(FORMATS):
        for number, target in enumerate(TARGETS):
            for at, change in enumerate(CHANGES):
                place = (number * 97 + at * 40) % 4096
                yield f"{form}-{target}-{at}", bytes([form]) + record(target, place, change)
            yield f"{form}-{target}-torn", bytes([form]) + record(target, 16, CHANGES[1], WITHOUT_CHECKSUM)
        both = record("inodes", 40, CHANGES[1]) + record("covered", 24, CHANGES[4])
        yield f"{form}-both", bytes([form]) + both


def parser_inputs():
    """For each parser something that it accepts, at its limits where it has some."""
    usable = struct.pack("<QQII", KERNEL_PHYS, 64 << 20, 1, 1)
    slots = b"".join(struct.pack("<IIIIQQ32s", first, 10, 5120, 8192, KERNEL_PHYS, KERNEL_VIRT + 32, b"") for first in (80, 8182))
    accepted = {
        "manifest": struct.pack("<BBHI", 0, 1, 5, 0) + slots + b"debug".ljust(256, b"\0") + bytes(92) + usable,
        "mbr": bytes(6) + struct.pack("<B3sB3sII", 0x80, b"", 0x7F, b"", 2048, 6000) + bytes(48) + b"\x55\xAA",
        "kernel": struct.pack("<8sIIQQ", b"", 64, 8192, KERNEL_VIRT + 32, 0) + bytes(32),
        "memory": usable + struct.pack("<QQII", 0, 0x9FC00, 1, 1) + struct.pack("<QQII", 0x9FC00, 1 << 20, 2, 1),
        "size": b"64M",
        "words": b"--size\x0064M\0--label=x\0-lrp\0--menu-timeout\x005\0image\0path\0",
        "options": b'debug console=serial run="ls; help" test=heap_* root=ata0p1',
        "shell": b"echo 'a b' \"$?\" ; wal* walk & ",
        "identify": b"\x40\0" + bytes(96) + b"\0\3" + bytes(6) + b"\7\0" + bytes(12) + b"\0\0\1\0" + bytes(388),
    }
    for number, name in enumerate(PARSERS):
        yield f"{name}", bytes([number]) + accepted[name]


def kept(name):
    """What earlier fuzzing found."""
    for number, line in enumerate((HERE / f"corpus-{name}.txt").read_text().split()):
        yield f"kept-{number:04}", bytes.fromhex(line)


def keep(name, folder):
    inputs = sorted({path.read_bytes() for path in folder.iterdir()}, key=lambda data: (len(data), data))
    (HERE / f"corpus-{name}.txt").write_text("".join(data.hex() + "\n" for data in inputs))


def write(folder, inputs):
    folder.mkdir(parents=True, exist_ok=True)
    for what, data in inputs:
        (folder / what).write_bytes(data)


if __name__ == "__main__":
    if sys.argv[1] == "--keep":
        keep(sys.argv[2], Path(sys.argv[3]))
    elif sys.argv[1] == "--made":
        write(Path(sys.argv[2]) / "sfs", sfs_inputs())
        write(Path(sys.argv[2]) / "parsers", parser_inputs())
    else:
        for corpus in ("sfs", "parsers"):
            write(Path(sys.argv[1]) / corpus, kept(corpus))
