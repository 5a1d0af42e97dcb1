"""Disk images for tests: made by mkdisk, changed byte by byte.

make_image() keeps one image per set of parameters for the whole session and copies it, because most
tests start from the same few. An image that a test only boots need not be copied at all: Qemu's
snapshot leaves it alone.
"""
import os
import subprocess
import tempfile
from pathlib import Path

from lib.paths import BUILD

SECTOR = 512
_cache = {}  # parameters of make_image -> finished image
_cache_folder = None


def mkdisk(*arguments, check=True):
    """Run mkdisk; returns the finished process, fails unless it exits 0 or CHECK is False."""
    command = [str(BUILD / "mkdisk")] + [str(argument) for argument in arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    if check:
        assert done.returncode == 0, f"{command} gave {done.returncode}: {done.stdout}{done.stderr}"
    return done


def copy_image(source, path):
    """A sparse copy of SOURCE at PATH."""
    subprocess.run(["cp", "--sparse=always", str(source), str(path)], check=True)
    return Path(path)


def _create(path, size, cmdline, kernel, stage1, stage2, menu_timeout, pin):
    arguments = [
        "create", path, "--size", size, "--stage1", stage1, "--stage2", stage2, "--kernel", kernel
    ]
    if cmdline is not None:
        arguments += ["--cmdline", cmdline]
    if menu_timeout is not None:
        arguments += ["--menu-timeout", menu_timeout]
    mkdisk(*arguments, *(["--pin"] if pin else []))


def make_image(path, size="64M", cmdline=None, kernel=None, stage1=None, stage2=None,
               menu_timeout=None, pin=False, floppy=False):
    """Make an image at PATH with mkdisk create; what is not given is the build's. Returns PATH."""
    global _cache_folder
    files = [str(given or BUILD / name) for given, name in
             ((kernel, "kernel.bin"), (stage1, "stage1.bin"), (stage2, "stage2.bin"))]
    key = ("1440K" if floppy else size, cmdline, *files, menu_timeout, pin)
    if kernel or stage1 or stage2:  # a file of a test: another one may come at the same path
        _create(path, *key)
        return Path(path)
    if key not in _cache:
        _cache_folder = _cache_folder or tempfile.TemporaryDirectory(prefix="sector0-images-")
        image = Path(_cache_folder.name) / f"{len(_cache)}.img"
        _create(image, *key)
        _cache[key] = image
    return copy_image(_cache[key], path)


def read_sector(path, lba, count=1):
    with open(path, "rb") as image:
        image.seek(lba * SECTOR)
        return image.read(count * SECTOR)


def write_sector(path, lba, data):
    with open(path, "r+b") as image:
        image.seek(lba * SECTOR)
        image.write(data)


def flip_byte(path, lba, offset, mask=0xFF):
    """Flip the bits MASK of one byte; a second call undoes it. OFFSET may exceed a sector."""
    position = lba * SECTOR + offset
    with open(path, "r+b") as image:
        image.seek(position)
        value = image.read(1)
        assert value, f"{path} has no byte {position}"
        image.seek(position)
        image.write(bytes([value[0] ^ mask]))


def truncate(path, sectors):
    os.truncate(path, sectors * SECTOR)
