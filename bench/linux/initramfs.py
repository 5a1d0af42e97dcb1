#!/usr/bin/python3
"""An initramfs of /init and /modules/*: the cpio archive that Linux unpacks at its start.

    initramfs.py PROGRAM MODULES ARCHIVE

MODULES is a folder. Linux brings /dev and /dev/console itself. The form is `newc`: a header of 8-digit hexadecimal
numbers, the name, the contents, each padded to 4 bytes
(Documentation/driver-api/early-userspace/buffer-format.rst).
"""
import sys
from pathlib import Path

EXECUTABLE_FILE = 0o100755
FOLDER = 0o040755


def padded(data):
    return data + bytes(-len(data) % 4)


def entry(name, mode, data=b""):
    """One file; of the 13 numbers only these matter: inode, mode, links, size, length of the name."""
    numbers = [1, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name) + 1, 0]
    header = "070701" + "".join(f"{number:08X}" for number in numbers)
    return padded(header.encode() + name.encode() + b"\0") + padded(data)


def main():
    program, modules, archive = map(Path, sys.argv[1:])
    files = [entry("init", EXECUTABLE_FILE, program.read_bytes()), entry("modules", FOLDER)]
    files += [entry(f"modules/{path.name}", EXECUTABLE_FILE, path.read_bytes()) for path in sorted(modules.iterdir())]
    archive.write_bytes(b"".join(files) + entry("TRAILER!!!", 0))


if __name__ == "__main__":
    main()
