"""The two guests that `make bench` compares: our kernel and Linux, on the same machine.

Both print `BENCH <name> <median> cycles min=<m> max=<m> runs=<n>`. With counting=True QEMU moves the time
stamp counter by one for each instruction (-icount shift=0), whatever the host does meanwhile; without,
it follows the host's, and the figures are as noisy as the host is.
"""
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

COUNTING = ["-icount", "shift=0,sleep=off"]
MACHINE = ["qemu-system-x86_64", "-accel", "tcg", "-m", "512", "-smp", "1", "-nodefaults", "-vga", "std",
           "-display", "none", "-no-reboot", "-serial", "stdio"]
LINE = re.compile(r"^BENCH (\w+) ([0-9.]+) cycles min=([0-9.]+) max=([0-9.]+) runs=(\d+)\r?$", re.M)


@dataclass
class Figure:
    median: float
    smallest: float
    largest: float


def run(arguments, seconds, cpu="max"):
    """Run QEMU until it ends; returns what the guest has written."""
    done = subprocess.run(["timeout", str(seconds), *MACHINE, "-cpu", cpu, *arguments], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
    text = done.stdout.decode("latin-1")
    assert done.returncode == 0, f"status {done.returncode}: {text[-2000:]}{done.stderr.decode()}"
    return text


def boot(arguments, seconds):
    """The same; returns name -> Figure of all BENCH lines."""
    text = run(arguments, seconds)
    figures = {name: Figure(*map(float, values[:3])) for name, *values in LINE.findall(text)}
    assert figures, text[-2000:]
    return figures


def kernel(image, counting, seconds=300):
    """Boot the kernel of IMAGE, made with COMMAND_LINE."""
    return boot(["-drive", f"file={image},format=raw,if=ide,snapshot=on", *(COUNTING if counting else [])], seconds)


def command_line(what):
    return f'run="bench {what}; poweroff"'


def linux_arguments(folder, program=""):
    """QEMU's, for the Linux guest in FOLDER, which `make bench-linux` has built; PROGRAM are its words to init."""
    folder = Path(folder)
    return ["-kernel", str(folder / "vmlinuz"), "-initrd", str(folder / "initramfs"),
            "-append", f"console=ttyS0 quiet panic=-1 -- {program}".rstrip(" -")]


def linux(folder, counting, seconds=300):
    return boot([*linux_arguments(folder), *(COUNTING if counting else [])], seconds)
