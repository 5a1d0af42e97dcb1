#!/usr/bin/python3
"""Builds the fault ROM: patches the configuration table, the memory map, the size and the checksum.

    build_rom.py OUT [FAULT] [SWITCH=VALUE ...]     a ROM with a fault of faults.py, and switches
    build_rom.py --list                             the faults and the switches

The assembled ROM without faults (BUILD/tests/rom/faultrom.bin, made by rom.mk) is the base. Where
the switches stand in it is read from the SWITCH and VALUE lines of faultrom.asm.
"""
import re
import struct
import sys
from collections import namedtuple
from pathlib import Path

HERE = Path(__file__).resolve().parent
TABLE = 16          # offset of the table in the ROM
UNIT = 512          # of the size byte
SIZE_OFFSET = 2
CHECKSUM_OFFSET = 6
CONFIG_FORMATS = {1: "<B", 2: "<H", 4: "<I"}

Field = namedtuple("Field", "offset size default is_switch")


def read_fields(source=HERE / "faultrom.asm"):
    """All fields of the configuration table: name -> Field."""
    fields, offset = {}, TABLE
    for kind, name, size, default in re.findall(
            r"^(SWITCH|VALUE) +(\w+), (\d), (\w+)", Path(source).read_text(encoding="utf-8"), re.M):
        fields[name] = Field(offset, int(size), int(default, 0), kind == "SWITCH")
        offset += int(size)
    return fields


FIELDS = read_fields()
TABLE_SIZE = sum(field.size for field in FIELDS.values())


def patch_table(rom, switches):
    """Write SWITCHES (name -> number) into the table of the bytearray ROM."""
    length, = struct.unpack_from("<H", rom, TABLE + TABLE_SIZE)
    if length != TABLE_SIZE:
        raise ValueError(f"the ROM's table has {length} bytes, faultrom.asm says {TABLE_SIZE}")
    for name, value in switches.items():
        if name not in FIELDS:
            raise ValueError(f"no switch {name}")
        struct.pack_into(CONFIG_FORMATS[FIELDS[name].size], rom, FIELDS[name].offset, value)


def build(base, out, switches, e820=()):
    """Write the ROM made from the file BASE to OUT.

    E820 is the ROM's own memory map, a list of (base, length, type, attributes); it is used when
    SWITCHES has e820=2, and its length is filled in here.
    """
    rom = bytearray(Path(base).read_bytes())
    patch_table(rom, {**switches, "e820_count": len(e820)})
    for entry in e820:
        rom += struct.pack("<QQII", *entry)
    rom += bytes(-len(rom) % UNIT)
    if len(rom) // UNIT > 255:
        raise ValueError("the memory map makes the ROM too long")
    rom[SIZE_OFFSET] = len(rom) // UNIT
    rom[CHECKSUM_OFFSET] = 0
    rom[CHECKSUM_OFFSET] = -sum(rom) & 0xFF
    Path(out).write_bytes(rom)
    return Path(out)


def main(arguments):
    from faults import FAULTS  # only the command line needs them
    by_name = {fault.name: fault for fault in FAULTS}
    if arguments == ["--list"]:
        for fault in FAULTS:
            print(f"{fault.name:28} {fault.hazard:8} {fault.why}")
        for name, field in FIELDS.items():
            print(f"{name}={field.default:#x}", "" if field.is_switch else "(value)")
        return 0
    if not arguments or arguments[0].startswith("-"):
        print(__doc__, file=sys.stderr)
        return 2
    switches, e820 = {}, ()
    for argument in arguments[1:]:
        name, equals, value = argument.partition("=")
        if equals:
            switches[name] = int(value, 0)
        elif name in by_name:
            switches, e820 = {**switches, **by_name[name].switches}, by_name[name].e820
        else:
            print(f"build_rom.py: no fault {name}", file=sys.stderr)
            return 2
    sys.path.insert(0, str(HERE.parent))
    from lib.paths import BUILD
    build(BUILD / "tests/rom/faultrom.bin", arguments[0], switches, e820)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
