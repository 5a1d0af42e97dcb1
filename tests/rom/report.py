"""What the ROM said on port E9, what it should have said, and the memory map that came through."""
import re

from rom.build_rom import FIELDS

TYPES = {1: "usable", 2: "reserved", 3: "ACPI", 4: "NVS", 5: "unusable"}
U64_MAX = (1 << 64) - 1


def said(text, word):
    """What follows `ROM: WORD ` in TEXT, once for each line."""
    return re.findall(rf"ROM: {word} ?([^\r\n]*)", text)


def without_rom(text):
    """TEXT without the ROM's lines, which stand in the middle of the loader's; lines end in \\n."""
    return re.sub(r"\nROM: [^\n]*\n", "", text.replace("\r", ""))


def expected_injections(fault):
    """The switches of FAULT that the ROM must report, whoever boots."""
    return {name for name, value in fault.switches.items()
            if FIELDS[name].is_switch and value != FIELDS[name].default}


def _ranges(lines):
    """A list of (first byte, last byte, type in words), from half lines of the shell's `e820`."""
    found = (re.match(r" *([0-9a-f]{13,16})-([0-9a-f]{13,16}) +(.*\S)", line) for line in lines)
    return [(int(match[1], 16), int(match[2], 16), match[3]) for match in found if match]


def raw_map(text):
    """The left column of the shell's `e820`: what the BIOS said."""
    return _ranges(line.partition("|")[0] for line in text.splitlines())


def cleaned_map(text):
    """The right column of the shell's `e820`: what the kernel makes of it."""
    return _ranges(line.partition("|")[2] for line in text.splitlines())


def owned_ranges(cleaned, first, end):
    """What CLEANED gives to the kernel from FIRST to END, touching ranges merged: [start, stop]."""
    owned = []
    for start, last, kind in cleaned:
        start, stop = max(start, first), min(last + 1, end)
        if kind in ("usable", "kernel", "loader") and start < stop:
            if owned and owned[-1][1] == start:
                owned[-1][1] = stop
            else:
                owned.append([start, stop])
    return owned


def told_entries(e820):
    """What raw_map() must be for the entries E820: as told, but for those of length 0."""
    return [(base, (base + length - 1) & U64_MAX, TYPES.get(kind, "unknown"))
            for base, length, kind, _ in e820 if length]
