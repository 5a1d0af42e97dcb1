"""Random broken BIOSes, each made from a seed, and what must come of them.

A map says nothing usable that is not: random usable entries lie in the RAM that both emulators have
with 64 MiB. Reserved entries lie anywhere, over usable memory too, with wild lengths.
"""
import random
from dataclasses import dataclass

from rom.faults import MIB, TOP, USABLE

PAGE = 4096
E820_MAX = 256            # entries that the loader has room for
KERNEL_PHYS = MIB
LOW_TOP = 0x9E000
RAM = ((0, LOW_TOP), (MIB, TOP))
DISK_ERRORS = {"E01", "E02", "E12", "E16", "E20", "E30"}


@dataclass
class RandomMap:
    """A map and the switches it is told with; expect is "prompt" or a code."""

    e820: list
    switches: dict
    expect: str


def _usable(rng):
    low, high = rng.choice(RAM)
    base = rng.randrange(low, high)
    length = rng.choice([0, 1, rng.randrange(0, 3 * PAGE), rng.randrange(0, high - low)])
    return base, min(length, high - base), USABLE, 1


def _other(rng):
    base = rng.choice([rng.randrange(0, 2 * TOP), rng.randrange(0, 1 << 40),
                       rng.randrange(0, 1 << 64)])
    length = rng.choice([0, 1, rng.randrange(0, 16 * PAGE), rng.randrange(0, 8 * MIB),
                         rng.randrange(0, 1 << 64)])
    return base, length, rng.choice([0, 2, 2, 3, 4, 5, 6, 7, 12, 0xFFFFFFFF]), 1


def usable_at_kernel(e820):
    """Bytes that a loader may count on at 1 MiB: the longest usable entry, up to what is not."""
    end = max([base + length for base, length, kind, _ in e820
               if kind == USABLE and base <= KERNEL_PHYS] + [KERNEL_PHYS])
    for base, length, kind, _ in e820:
        if kind != USABLE and length and KERNEL_PHYS < base + length and base < end:
            end = max(base, KERNEL_PHYS)
    return end - KERNEL_PHYS


def usable_ranges(e820, first, end):
    """Whole pages from FIRST to END that are usable and nothing else: a list of [start, stop]."""
    edges = sorted({first, end} | {edge for base, length, _, _ in e820
                                   for edge in (base, base + length) if first < edge < end})
    ranges = []
    for start, stop in zip(edges, edges[1:]):
        kinds = {kind for base, length, kind, _ in e820 if base <= start < base + length}
        if kinds == {USABLE}:
            if ranges and ranges[-1][1] == start:
                ranges[-1][1] = stop
            else:
                ranges.append([start, stop])
    pages = [[-(-start // PAGE) * PAGE, stop // PAGE * PAGE] for start, stop in ranges]
    return [page for page in pages if page[0] < page[1]]


def expected(e820, kernel_bytes):
    entries = [entry for entry in e820 if entry[1]]
    if not entries:
        return "prompt"  # no map: E801 is asked
    if len(entries) > E820_MAX:
        return "E13"
    if not any(kind == USABLE for _, _, kind, _ in entries):
        return "E14"
    return "prompt" if usable_at_kernel(entries) >= kernel_bytes else "E30"


def random_map(seed, kernel_bytes):
    """The map of SEED, for a kernel that needs KERNEL_BYTES at 1 MiB."""
    rng = random.Random(seed)
    e820 = [_other(rng) if rng.random() < 0.6 else _usable(rng)
            for _ in range(rng.choice([1, 3, 10, 40, 250, 400]))]
    if rng.random() < 0.9:  # a machine that can boot, unless something reserved lies over it
        e820 += [(0, LOW_TOP, USABLE, 1), (MIB, TOP - MIB, USABLE, 1)]
    if rng.random() < 0.8:
        e820 = [entry for entry in e820 if entry[2] == USABLE or not overlaps(entry, MIB, 2 * MIB)]
    rng.shuffle(e820)
    switches = {"e820": 2, "e820_end_cf": rng.randrange(2), "e820_length": rng.choice([0, 20, 24]),
                "e820_tail": rng.choice([0, 4, 44]), "seed": rng.randrange(1, 1 << 32),
                "trash_ints": rng.choice([0, 2, 0x3F]), "flags_ints": rng.choice([0, 2]),
                "flags_set": 0x400}
    return RandomMap(e820, switches, expected(e820, kernel_bytes))


def overlaps(entry, first, end):
    base, length = entry[0], entry[1]
    return base < end and base + length > first


def random_disk(seed):
    """The switches of a disk that fails at random, and lies now and then."""
    rng = random.Random(seed)
    switches = {"seed": rng.randrange(1, 1 << 32), "fail_chance": rng.choice([3, 20, 60, 120, 200]),
                "fail_kinds": rng.choice([1, 2, 3]), "fail_ah": rng.choice([1, 4, 9, 0x10, 0x20,
                                                                            0x40, 0x80, 0xBB]),
                "fail_dap": rng.randrange(3), "fail_sticks": rng.randrange(2),
                "reset_fails": rng.randrange(2),
                "edd_check": rng.choice([0, 0, 0, 1, 2, 3]), "params": rng.choice([0, 0, 1, 2]),
                "params_short": rng.randrange(2), "geometry": rng.choice([0, 0, 0, 2]),
                "max_sectors": rng.choice([0, 0, 1, 7, 64, 127]), "chs_al": rng.randrange(3),
                "line_64k": 1,
                "trash_ints": rng.choice([0, 1, 0x3F]), "trash_how": rng.randrange(8),
                "flags_ints": rng.choice([0, 1, 0x3F]), "flags_set": rng.choice([0, 0x200, 0x400,
                                                                                 0x600]),
                "flags_clear": rng.choice([0, 0, 0x200]), "stack_use": rng.choice([0, 1000, 8000])}
    if rng.random() < 0.5:
        first = rng.choice([1, 64, 80, 4136, rng.randrange(1, 8192)])
        switches |= {"flip_times": rng.choice([1, 2, 255]), "flip_first": first,
                     "flip_last": first + rng.choice([0, 8, 4056]),
                     "flip_offset": rng.randrange(512)}
    return switches
