#!/usr/bin/python3
"""What the kernel's `bench` measures, in instructions and in cycles, and beside it what Linux does.

    kernel.py [--boots N] [--linux FOLDER]

Instructions come from one boot under QEMU's -icount; they repeat to a thousandth, so one is enough.
Cycles come from N boots; those of the two guests are taken in turn, so that what else the host does
hits both alike. Of a boot the best repetition counts, since everything else that happens makes it
longer. The ratio is the median of the pairs' ratios. FOLDER holds the Linux guest.
"""
import argparse
import statistics
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
import guests  # noqa: E402
from lib.images import make_image  # noqa: E402

# What the goals are: (name, unit, most that our kernel may take), and the ratios to Linux.
MOST = {"switch_wait": 500, "tick": 1000, "irq": 300}
ALIKE = ("fib30", "gemv_f32_scalar", "gemv_f32_sse2", "gemv_i8_scalar", "gemv_i8_sse2")
ALIKE_RATIO = 1.02


def show(name, value, unit, figure=None):
    rest = f" min={figure.smallest:g} max={figure.largest:g}" if figure else ""
    print(f"BENCH {name} {value:.10g} {unit}{rest}", flush=True)


def show_instructions(who, figures):
    for name, figure in figures.items():
        show(f"{who}_{name}_instructions", figure.median, "instructions", figure)
        if who == "kernel" and name in MOST:
            show(f"goal_{name}_instructions", MOST[name], "instructions")


def show_cycles(who, boots):
    """BOOTS: one name -> Figure for each boot."""
    for name in boots[0]:
        best = sorted(figures[name].smallest for figures in boots)
        show(f"{who}_{name}_cycles", statistics.median(best), "cycles", guests.Figure(0, best[0], best[-1]))


def show_ratios(unit, ours, theirs):
    """OURS and THEIRS: one name -> Figure for each boot, in pairs."""
    for name in ours[0]:
        if name in theirs[0]:
            ratios = [a[name].smallest / b[name].smallest for a, b in zip(ours, theirs)]
            show(f"ratio_{name}_{unit}", round(statistics.median(ratios), 4), "ratio",
                 guests.Figure(0, round(min(ratios), 4), round(max(ratios), 4)))
            if name in ALIKE:
                show(f"goal_{name}_{unit}", ALIKE_RATIO, "ratio")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--boots", type=int, default=5)
    parser.add_argument("--linux", metavar="FOLDER")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="sector0-bench-") as folder:
        image = make_image(Path(folder) / "disk.img", cmdline=guests.command_line("all"))
        measure(image, arguments.linux, arguments.boots)


def measure(image, linux, boots):
    ours = guests.kernel(image, counting=True)
    show_instructions("kernel", ours)
    if linux:
        theirs = guests.linux(linux, counting=True)
        show_instructions("linux", theirs)
        show_ratios("instructions", [ours], [theirs])
    our_boots, their_boots = [], []
    for _ in range(boots):
        our_boots.append(guests.kernel(image, counting=False))
        if linux:
            their_boots.append(guests.linux(linux, counting=False))
    show_cycles("kernel", our_boots)
    if linux:
        show_cycles("linux", their_boots)
        show_ratios("cycles", our_boots, their_boots)


if __name__ == "__main__":
    main()
