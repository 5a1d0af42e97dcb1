#!/usr/bin/python3
"""What the kernel's `bench disk` measures, and beside it what Linux does with the same disk.

    disk.py --linux FOLDER [--rounds N] [--disk virtio|ide]

The disk is 256 MiB, all of them written, in memory if the host has a tmpfs, and QEMU need not wait for the
host's disk (cache=unsafe): so what is measured is the way to the device and back. In each round both guests
run on the same machine, in turn, with each of two CPU models, since Linux copies four times faster with
the older one. What counts in a round is each guest's better model, and over the rounds the median; the
ratio is the median of the rounds' ratios. FOLDER holds the Linux guest.

`accesses`, `kicks` and `interrupts` are those of our driver for each operation: under an emulator an access
to a port or a register leaves the guest.
"""
import argparse
import re
import statistics
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
import guests  # noqa: E402
from lib.disks import MARK  # noqa: E402
from lib.disks import MARK  # noqa: E402
from lib.images import make_image  # noqa: E402

CPUS = ("max", "qemu64")
DEVICES = {"virtio": "virtio-blk-pci,drive=scratch", "ide": "ide-hd,bus=ide.0,drive=scratch"}
SPAN = 256 << 20
TMPFS = Path("/dev/shm")
LINE = re.compile(r"^BENCH disk_(\w+) ([0-9.]+) (\S+) requests=\d+ us=\d+"
                  r"(?: accesses=([0-9.]+) kicks=([0-9.]+) interrupts=([0-9.]+))?\r?$", re.M)
COSTS = ("accesses", "kicks", "interrupts")

# How much faster than Linux we want to be.
GOALS = {
    "virtio": {"seqwrite_64k": 1.5, "seqread_64k": 1.5, "seqwrite_1m": 1.0, "seqread_1m": 1.0,
               "randread_4k_qd1": 1.5, "randwrite_4k_qd1": 1.5, "randread_4k_qd32": 1.5, "randwrite_4k_qd32": 1.5,
               "write_4k_flush": 1.3},
}
GOALS["ide"] = dict.fromkeys(GOALS["virtio"], 1.2)


@dataclass
class Figure:
    value: float
    unit: str
    costs: tuple  # in the order of COSTS, for each operation; None for Linux


def parse(text):
    """Workload -> Figure, from what a guest has written."""
    figures = {}
    for name, value, unit, *costs in LINE.findall(text):
        figures[name] = Figure(float(value), unit, tuple(map(float, costs)) if costs[0] else None)
    return figures


def scratch_disk(path, size=SPAN):
    """Every page begins with the mark, and has been written: no page of the file is a hole."""
    page = MARK + bytes([0x5A]) * (4096 - len(MARK))
    with open(path, "wb") as file:
        for _ in range(size >> 20):
            file.write(page * 256)
    return path


def machine(disk, scratch, image):
    """Both guests have both disks, though Linux does not need the one that we start from."""
    return ["-drive", f"if=none,id=scratch,file={scratch},format=raw,cache=unsafe", "-device", DEVICES[disk],
            "-drive", f"if=none,id=boot,file={image},format=raw,snapshot=on",
            "-device", "ide-hd,bus=ide.1,drive=boot,bootindex=1"]


def kernel(disk, scratch, image, cpu="max", seconds=300):
    """Boot the kernel of IMAGE, made with COMMAND_LINE."""
    return complete(guests.run(machine(disk, scratch, image), seconds, cpu))


def linux(disk, scratch, image, folder, cpu="max", seconds=300):
    return complete(guests.run([*machine(disk, scratch, image), *guests.linux_arguments(folder, "disk")], seconds, cpu))


def complete(text):
    figures = parse(text)
    assert set(figures) == set(GOALS["virtio"]), text[-2000:]
    return figures


def better(figures):
    """FIGURES: one for each CPU model."""
    return max(figures, key=lambda figure: figure.value)


def spread(values):
    return f"min={min(values):g} max={max(values):g}"


def show(disk, ours, theirs):
    """OURS and THEIRS: for each round, for each CPU model, workload -> Figure."""
    for name, goal in GOALS[disk].items():
        for who, rounds in (("kernel", ours), ("linux", theirs)):
            for number, cpu in enumerate(CPUS):
                values = [models[number][name].value for models in rounds]
                print(f"BENCH {who}_{disk}_{name}_{cpu} {statistics.median(values):g} {ours[0][0][name].unit} "
                      f"{spread(values)}")
        pairs = [(better([model[name] for model in a]), better([model[name] for model in b]))
                 for a, b in zip(ours, theirs)]
        for number, cost in enumerate(COSTS):
            print(f"BENCH kernel_{disk}_{name}_{cost} {statistics.median(a.costs[number] for a, _ in pairs):g} {cost}")
        ratios = [round(a.value / b.value, 3) for a, b in pairs]
        print(f"BENCH ratio_{disk}_{name} {statistics.median(ratios):g} ratio {spread(ratios)}")
        print(f"BENCH goal_{disk}_{name} {goal:g} ratio", flush=True)


def measure(disk, scratch, image, folder, rounds):
    ours, theirs = [], []
    for _ in range(rounds):
        both = [(kernel(disk, scratch, image, cpu), linux(disk, scratch, image, folder, cpu)) for cpu in CPUS]
        ours.append([a for a, _ in both])
        theirs.append([b for _, b in both])
    show(disk, ours, theirs)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--linux", metavar="FOLDER", required=True)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--disk", choices=DEVICES)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="sector0-bench-", dir=TMPFS if TMPFS.is_dir() else None) as folder:
        scratch = scratch_disk(Path(folder) / "scratch.img")
        image = make_image(Path(folder) / "disk.img", cmdline=guests.command_line("disk"))
        for disk in [arguments.disk] if arguments.disk else DEVICES:
            measure(disk, scratch, image, arguments.linux, arguments.rounds)


if __name__ == "__main__":
    main()
