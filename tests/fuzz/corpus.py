#!/usr/bin/python3
"""Write the inputs that fuzzing of SFS begins with: for each format and each kind of block a few changes.

    corpus.py FOLDER

What an input means is in fuzz_sfs.c.
"""
import sys
from pathlib import Path

FORMATS = 5
TARGETS = ("any", "super", "inodes", "covered", "log", "entries", "orphans", "bitmaps")
WITHOUT_CHECKSUM = 0x80
CHANGES = (b"\0" * 8, b"\xff" * 8, b"\1\0\0\0\0\0\0\0", b"..", b"\x10\0\1\4", b"\x00\x80\x00\x00\x05\x00")


def record(target, place, change, flags=0):
    return bytes([TARGETS.index(target) | flags]) + place.to_bytes(2, "little") + bytes([len(change) - 1]) + change


def inputs():
    """Pairs of a name and an input."""
    for form in range(FORMATS):
        for number, target in enumerate(TARGETS):
            for at, change in enumerate(CHANGES):
                place = (number * 97 + at * 40) % 4096
                yield f"{form}-{target}-{at}", bytes([form]) + record(target, place, change)
            yield f"{form}-{target}-torn", bytes([form]) + record(target, 16, CHANGES[1], WITHOUT_CHECKSUM)
        both = record("inodes", 40, CHANGES[1]) + record("covered", 24, CHANGES[4])
        yield f"{form}-both", bytes([form]) + both


def main(folder):
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in inputs():
        (folder / name).write_bytes(data)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
