#!/usr/bin/python3
"""The kernel's heap beside the C library's and mimalloc, on the host: nanoseconds and memory.

    alloc.py [--runs N] [--rounds N]

Each run is one process of each allocator in turn, so that what else the machine does hits all alike;
bench/allocbench.c says what they do. Of the times the best counts, for each allocator: noise only
ever adds. The ratio of a run is that run's; its median over all runs is printed, too.

Memory: `held` is what the heap has taken from the frame allocator, `resident` what the process has
touched beyond what it had at its start, both as a ratio to the most bytes that were live.

Goals: at most 0.5 of the C library's time, 1.0 of mimalloc's, 1.3 of memory.
"""
import argparse
import re
import statistics
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
from lib.paths import BUILD  # noqa: E402

ALLOCATORS = ("kernel", "glibc", "mimalloc")
TRACES = ("small", "mixed", "fifo", "page")


def run(allocator, rounds):
    """One process: {trace: ns per operation}, {kind of memory: bytes}."""
    text = subprocess.run([BUILD / "bench" / f"alloc-{allocator}", str(rounds)], check=True, capture_output=True,
                          text=True).stdout
    times = {name: float(best) for name, best in re.findall(r"^ALLOC (\w+) best (\S+)", text, re.M)}
    live, held, resident, start = map(int, re.search(
        r"^ALLOC memory live (\d+) held (\d+) resident (\d+) at start (\d+)$", text, re.M).groups())
    return times, {"live": live, "held": held, "resident": resident - start}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    runs = [{allocator: run(allocator, arguments.rounds) for allocator in ALLOCATORS}
            for _ in range(arguments.runs)]

    for trace in TRACES:
        best = {allocator: min(one[allocator][0][trace] for one in runs) for allocator in ALLOCATORS}
        for allocator in ALLOCATORS:
            print(f"BENCH alloc_{trace}_{allocator} {best[allocator]:.2f} ns")
        for peer in ALLOCATORS[1:]:
            each = [one["kernel"][0][trace] / one[peer][0][trace] for one in runs]
            print(f"BENCH alloc_{trace}_to_{peer} {best['kernel'] / best[peer]:.3f} ratio")
            print(f"BENCH alloc_{trace}_to_{peer}_median {statistics.median(each):.3f} ratio")
    for allocator in ALLOCATORS:
        memory = [one[allocator][1] for one in runs]
        if allocator == "kernel":
            print(f"BENCH alloc_held_kernel {max(m['held'] / m['live'] for m in memory):.3f} ratio")
        print(f"BENCH alloc_resident_{allocator} {max(m['resident'] / m['live'] for m in memory):.3f} ratio")


if __name__ == "__main__":
    main()
