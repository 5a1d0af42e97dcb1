#!/usr/bin/python3
"""QEMU start to prompt, as a ratio to an empty boot sector that leaves QEMU at once.

    start.py [--runs N]

Both are measured from the start of the process to its end: floor.asm ends by isa-debug-exit, Sector0
is sent SIGTERM the moment its prompt arrives on COM1, so both pay for QEMU's own start and end. The
two run in turn, N pairs for each kind of disk, and the figure is the median of the pairs' ratios: what
else the machine does hits both alike. Nothing here polls: the reader sleeps in recv().

The goal is 1.5; IDE has 0.17 more for each 100 KiB of kernel beyond 120 KiB, because SeaBIOS reads
IDE at about 60 microseconds a sector, whatever the loader does. A kernel that is smaller is also measured
padded to 120 KiB.
"""
import argparse
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
from lib.images import make_image  # noqa: E402
from lib.kernels import padded_kernel  # noqa: E402
from lib.paths import BUILD  # noqa: E402
from lib.qemu import DISKS  # noqa: E402

PROMPT = b"sector0:/$ "
GOAL = 1.5             # times the floor
FREE_KIB = 120         # kernel size up to which the goal holds for IDE
KIB_COST = 0.17 / 100  # what each further KiB may add


def command(image, disk):
    drive = f"file={image},format=raw,snapshot=on"
    return ["timeout", "30", "qemu-system-x86_64", "-accel", "tcg", "-display", "none", "-nodefaults", "-vga", "std",
            "-no-reboot", "-m", "64", *(part.replace("{image}", drive) for part in DISKS[disk]),
            "-device", "isa-debug-exit,iobase=0xf4,iosize=4"]


def floor_seconds(disk):
    started = time.perf_counter()
    status = subprocess.call(command(BUILD / "bench" / "floor.img", disk), stdin=subprocess.DEVNULL)
    assert status == 1, f"the empty boot sector ended with {status}"
    return time.perf_counter() - started


def prompt_seconds(disk, image):
    ours, theirs = socket.socketpair()
    serial = ["-chardev", f"socket,id=com1,fd={theirs.fileno()}", "-serial", "chardev:com1"]
    started = time.perf_counter()
    with subprocess.Popen(command(image, disk) + serial, stdin=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL, pass_fds=[theirs.fileno()]) as process:
        theirs.close()
        text = b""
        while PROMPT not in text:
            data = ours.recv(65536)
            assert data, f"no prompt: {text.decode('latin-1')}"
            text += data
        process.terminate()
    return time.perf_counter() - started


def measure(name, disk, image, kernel_kib, runs):
    floor_seconds(disk), prompt_seconds(disk, image)  # warm the page cache
    pairs = [(floor_seconds(disk), prompt_seconds(disk, image)) for _ in range(runs)]
    floor = statistics.median(floor for floor, _ in pairs)
    prompt = statistics.median(prompt for _, prompt in pairs)
    ratio = statistics.median(prompt / floor for floor, prompt in pairs)
    goal = GOAL + (KIB_COST * max(kernel_kib - FREE_KIB, 0) if disk == "ide" else 0)
    print(f"BENCH start_floor_{name} {floor * 1000:.1f} ms")
    print(f"BENCH start_prompt_{name} {prompt * 1000:.1f} ms")
    print(f"BENCH start_ratio_{name} {ratio:.3f} ratio")
    print(f"BENCH start_goal_{name} {goal:.3f} ratio", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=21)
    runs = parser.parse_args().runs
    image = BUILD / "sector0.img"
    kernel_kib = (BUILD / "kernel.bin").stat().st_size / 1024
    for disk in ("virtio", "ide"):
        measure(disk, disk, image, kernel_kib, runs)
    if kernel_kib > FREE_KIB:
        return
    with tempfile.TemporaryDirectory(prefix="sector0-bench-") as folder:
        kernel = Path(folder) / "kernel.bin"
        padded_kernel(kernel, FREE_KIB * 1024)
        image = make_image(Path(folder) / "disk.img", kernel=kernel)
        measure(f"ide_{FREE_KIB}_kib", "ide", image, FREE_KIB, runs)


if __name__ == "__main__":
    main()
