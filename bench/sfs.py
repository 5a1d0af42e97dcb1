#!/usr/bin/python3
"""SFS on the host beside ext4: processor time, memory, and what operations cost the disk.

    sfs.py [--runs N] [--tree DIR]

Processor time (user and system) of `mkdisk create --root` beside `mke2fs -d`, and of `mkdisk check -n`
beside `e2fsck -fn`, on images of 1 GiB from the same tree, in turn, so that what else the machine does
hits both. Of the times the best counts, for each: noise only ever adds. The median ratio of the runs is
printed as well. Memory: the most that `create --root` and `check` hold resident, on sparse images from
64 MiB to 64 GiB with the same small tree in them.

Writes and flushes are counted, not timed, for operations that are each made durable before the next: for
SFS by its block device (bench/sfswrites.c), for ext4 by the statistics of a loop device, which needs root.
Goals: 0.6 of mke2fs, 1.5 of e2fsck; append + fsync: one write, one flush.
"""
import argparse
import os
import re
import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
from lib.paths import BUILD  # noqa: E402

MKDISK = BUILD / "mkdisk"
GIB = 1 << 30
COUNT = 100  # as in sfswrites.c


def cpu(*command):
    """Seconds of processor time of COMMAND, in the program and in the kernel."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([str(word) for word in command], check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


def beside(name, peer, times, peer_times):
    print(f"BENCH sfs_{name} {min(times):.3f} s min={min(times):.3f} max={max(times):.3f}")
    print(f"BENCH sfs_{name}_{peer} {min(peer_times):.3f} s min={min(peer_times):.3f} max={max(peer_times):.3f}")
    print(f"BENCH sfs_{name}_to_{peer} {min(times) / min(peer_times):.3f} ratio")
    ratios = [one / other for one, other in zip(times, peer_times)]
    print(f"BENCH sfs_{name}_to_{peer}_median {statistics.median(ratios):.3f} ratio")


def processor_time(folder, tree, runs):
    ours, ext4 = folder / "sfs.img", folder / "ext4.img"
    times = {name: [] for name in ("create", "mke2fs", "check", "e2fsck")}
    for _ in range(runs):
        for image in (ours, ext4):
            image.unlink(missing_ok=True)
        with open(ext4, "wb") as file:
            file.truncate(GIB)
        times["create"].append(cpu(MKDISK, "create", ours, "--size", "1G", "--root", tree))
        times["mke2fs"].append(cpu("mke2fs", "-q", "-F", "-t", "ext4", "-d", tree, ext4))
        times["check"].append(cpu(MKDISK, "check", "-n", ours))
        times["e2fsck"].append(cpu("e2fsck", "-fn", ext4))
    beside("create_root", "mke2fs", times["create"], times["mke2fs"])
    beside("check", "e2fsck", times["check"], times["e2fsck"])
    for image in (ours, ext4):
        image.unlink()


def most_resident(*command):
    """KiB that COMMAND has resident at most."""
    done = subprocess.run([sys.executable, "-c", "import resource, subprocess, sys; "
                           "subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL); "
                           "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)", *map(str, command)],
                          check=True, capture_output=True, text=True)
    return int(done.stdout)


def memory(folder, tree):
    image = folder / "sparse.img"
    for size in ("64M", "1G", "16G", "64G"):
        print(f"BENCH sfs_create_root_memory_{size} {most_resident(MKDISK, 'create', image, '--size', size, '--root', tree)} KiB")
        print(f"BENCH sfs_check_memory_{size} {most_resident(MKDISK, 'check', '-n', image)} KiB")
    image.unlink()


# ---- Writes and flushes ----------------------------------------------------------------------------

def sync_folder(folder):
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    os.fsync(fd)
    os.close(fd)


class Ext4:
    """The operations of sfswrites.c on a mounted ext4."""

    def __init__(self, top):
        self.top, self.files = top, {}

    def open(self, name):
        if name not in self.files:
            self.files[name] = os.open(self.top / name, os.O_CREAT | os.O_WRONLY, 0o644)
        return self.files[name]

    def close(self):
        for fd in self.files.values():
            os.close(fd)

    def create(self, number):
        fd = os.open(self.top / f"file{number}", os.O_CREAT | os.O_WRONLY, 0o644)
        os.fsync(fd)
        os.close(fd)

    def append(self, _):
        fd = self.open("log")
        os.lseek(fd, 0, os.SEEK_END)
        os.write(fd, bytes(100))
        os.fsync(fd)

    def overwrite(self, _):
        os.pwrite(self.open("data"), bytes(4096), 0)
        os.fdatasync(self.open("data"))

    def rename(self, number):
        os.rename(self.top / f"file{number}", self.top / f"renamed{number}")
        sync_folder(self.top)

    def unlink(self, number):
        os.unlink(self.top / f"renamed{number}")
        sync_folder(self.top)


def loop_counts(device):
    """Writes, sectors written and flushes so far."""
    words = Path(f"/sys/block/{Path(device).name}/stat").read_text().split()
    return int(words[4]), int(words[6]), int(words[15])


def ext4_writes(folder):
    """{operation: (writes, sectors, flushes) of COUNT operations}, or why they cannot be counted."""
    image, mount = folder / "loop.img", folder / "mount"
    mount.mkdir()
    with open(image, "wb") as file:
        file.truncate(256 << 20)
    subprocess.run(["mke2fs", "-q", "-F", "-t", "ext4", "-E", "lazy_itable_init=0,lazy_journal_init=0", image], check=True)
    found = subprocess.run(["losetup", "--find", "--show", image], capture_output=True, text=True, check=False)
    if found.returncode != 0:
        return found.stderr.strip()
    device, result = found.stdout.strip(), {}
    try:
        subprocess.run(["mount", "-t", "ext4", device, mount], check=True)
        work = Ext4(mount)
        for name in ("create", "append", "overwrite", "rename", "unlink"):
            getattr(work, name)(0)
            os.sync()
            before = loop_counts(device)
            for number in range(1, COUNT + 1):
                getattr(work, name)(number)
            result[name] = tuple(after - old for after, old in zip(loop_counts(device), before))
        work.close()
        subprocess.run(["umount", mount], check=True)
    finally:
        subprocess.run(["losetup", "--detach", device], check=True)
    return result


def writes(folder):
    text = subprocess.run([BUILD / "bench" / "sfswrites"], check=True, capture_output=True, text=True).stdout
    ext4 = ext4_writes(folder) if os.geteuid() == 0 else "counting on a loop device needs root"
    for name, *counts in re.findall(r"^SFS (\w+) \d+ operations (\d+) writes (\d+) sectors (\d+) flushes$", text, re.M):
        for number, unit in enumerate(("writes", "sectors", "flushes")):
            print(f"BENCH sfs_{name}_{unit} {int(counts[number]) / COUNT:.2f} each")
            if isinstance(ext4, dict):
                print(f"BENCH sfs_{name}_{unit}_ext4 {ext4[name][number] / COUNT:.2f} each")
    if not isinstance(ext4, dict):
        print(f"ext4's writes were not counted: {ext4}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--tree", default="/usr/include")
    parser.add_argument("--small-tree", default="/usr/include/linux")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="sfs-bench-") as folder:
        writes(Path(folder))
        memory(Path(folder), arguments.small_tree)
        processor_time(Path(folder), arguments.tree, arguments.runs)


if __name__ == "__main__":
    main()
