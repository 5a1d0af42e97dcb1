#!/usr/bin/python3
"""Make the golden volumes anew: only when the format itself changes, since they stand for all volumes that
people have. Every later build must read those that are here.

    make.py MKDISK FOLDER

Each volume is FOLDER/<name>.img.xz; what they hold is FOLDER/v1.json and v2.json. `v2-replay` was left behind by a
mount that was killed after an fsync: it is read right only by who replays its journal.
"""
import hashlib
import json
import lzma
import os
import signal
import stat
import subprocess
import sys
import tempfile
import time
from pathlib import Path

MIB = 1 << 20
VOLUMES = {  # name -> (bytes, options of mkdisk format)
    "v1-seed": (2 * MIB, ["--profile", "seed"]),
    "v2-512": (2 * MIB, ["--block-size", "512", "--label", "golden 512"]),
    "v2-1024": (4 * MIB, ["--block-size", "1024", "--label", "golden 1024"]),
    "v2-2048": (8 * MIB, ["--block-size", "2048", "--label", "golden 2048"]),
    "v2-4096": (16 * MIB, ["--block-size", "4096", "--label", "golden 4096"]),
}


def pattern(size, seed):
    """SIZE bytes: every 64 of them say which file they are of, and where in it."""
    return b"".join(b"%-63s\n" % b"file %d, byte %d" % (seed, place) for place in range(0, size, 64))[:size]


def make_tree(top, seed):
    """Files at the limits of the trees of pointers, links, holes, names; fewer in version 1."""
    sizes = (0, 1, 511, 512, 5120, 5121, 9000, 30000) if seed else (0, 1, 512, 5120, 5121, 37888, 37889, 90000)
    for size in sizes:
        (top / f"file-{size}").write_bytes(pattern(size, size))
    (top / "folder" / "below").mkdir(parents=True)
    for number in range(60):
        (top / "folder" / f"{number:02}{'x' * (number * 3 % 40)}").write_bytes(pattern(number, number))
    if not seed:
        with open(top / "sparse", "wb") as file:
            for place in (0, 100000, 700000):
                file.seek(place)
                file.write(pattern(600, place))
            file.truncate(1 << 30)
        (top / ("n" * 255)).write_bytes(b"a long name")
        for length in (1, 87, 88, 500):
            os.symlink("t/" * (length // 2) + "t" * (length % 2), top / f"link-{length}")
        os.mkfifo(top / "fifo")
        os.chmod(top / "file-1", 0o4711)
    os.link(top / "file-512", top / "folder" / "second")
    for folder, folders, files in os.walk(top, topdown=False):
        for name in [*files, *folders]:
            path = Path(folder) / name
            os.utime(path, ns=(10**18, 10**18 + len(name) * 1234567), follow_symlinks=False)


def describe(path):
    """What is told of a file of the host: [mode, links, size, mtime in ns, what is in it]."""
    info = os.lstat(path)
    if stat.S_ISREG(info.st_mode):
        inside = hashlib.sha256(path.read_bytes()).hexdigest() if info.st_size < 8 * MIB else "big"
    else:
        inside = os.readlink(path) if stat.S_ISLNK(info.st_mode) else ""
    links, size = (0, 0) if stat.S_ISDIR(info.st_mode) else (info.st_nlink, info.st_size)
    return [info.st_mode, links, size, info.st_mtime_ns, inside]


def everything(top):
    return [Path(folder) / name for folder, folders, files in os.walk(top) for name in [*folders, *files]]


def describe_tree(top):
    return {str(path.relative_to(top)): describe(path) for path in everything(top)}


def leave_behind(mkdisk, image, tree, mounted):
    """Write TREE through a mount of IMAGE, and kill the mount when the last fsync has returned."""
    process = subprocess.Popen([mkdisk, "mount", str(image), str(mounted), "-f"])
    try:
        deadline = time.monotonic() + 20
        while not os.path.ismount(mounted):
            assert process.poll() is None and time.monotonic() < deadline, "the mount does not come"
            time.sleep(0.05)
        subprocess.run(["cp", "-a", tree, mounted / "tree"], check=True)
        for path in everything(tree):
            if stat.S_ISREG(os.lstat(path).st_mode):
                descriptor = os.open(mounted / "tree" / path.relative_to(tree), os.O_RDONLY)
                os.fsync(descriptor)
                os.close(descriptor)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
        subprocess.run(["fusermount3", "-u", "-z", str(mounted)], check=False)


def make(mkdisk, folder, name, work):
    size, options = VOLUMES.get(name, VOLUMES["v2-4096"])
    image, tree = work / f"{name}.img", work / name
    tree.mkdir()
    make_tree(tree, "--profile" in options)
    os.truncate(os.open(image, os.O_CREAT | os.O_WRONLY, 0o644), size)
    subprocess.run([mkdisk, "format", image, *options], check=True, stdout=subprocess.DEVNULL)
    if name == "v2-replay":
        (work / "mnt").mkdir()
        leave_behind(mkdisk, image, tree, work / "mnt")
    else:
        subprocess.run([mkdisk, "put", image, "-r", tree, "/tree"], check=True, stdout=subprocess.DEVNULL)
    (folder / f"{name}.img.xz").write_bytes(lzma.compress(image.read_bytes(), preset=9))
    told = json.dumps(describe_tree(tree), indent=0, sort_keys=True) + "\n"
    (folder / f"{name[:2]}.json").write_text(told)


def main():
    mkdisk, folder = str(Path(sys.argv[1]).resolve()), Path(sys.argv[2])
    with tempfile.TemporaryDirectory(prefix="sector0-golden-") as work:
        for name in sys.argv[3:] or [*VOLUMES, "v2-replay"]:
            make(mkdisk, folder, name, Path(work))


if __name__ == "__main__":
    main()
