#!/usr/bin/python3
"""Write drivers/pci_names.c: the names of PCI vendors, devices and classes that lspci knows.

They come from the pci.ids file of the package pci.ids; WANTED and CLASSES say which. Names of
companies lose their legal forms. Usage: pci_names.py [pci.ids] > drivers/pci_names.c
"""
import re
import sys

PCI_IDS = "/usr/share/misc/pci.ids"
LIMIT = 4096  # bytes that the table may take in the kernel

# vendor -> devices. First what QEMU, Bochs, VirtualBox and VMware have, then makers of PCs' parts.
WANTED = {
    "8086": """100e 100f 10d3 1237 2415 244e 2668 2829 2918 2922 2930 2934 293a 29c0 5845 7000 7010
               7020 7110 7111 7112 7113 7190 7191 27b8 1c02 a102""",
    "1af4": """1000 1001 1002 1003 1004 1005 1009 1041 1042 1043 1044 1045 1048 1049 1050 1052
               1053""",
    "1b36": "0001 0005 0008 000c 000d 0010 0100",
    "1013": "00b8",
    "121a": "0001",
    "80ee": "beef cafe",
    "15ad": "0405 0740 0770 0790 07a0 07b0 07c0 07e0",
    "1000": "0012 0030",
    "1022": "2000 7901 790b 790e",
    "10ec": "8139 8168",
    "106b": "003f",
    "1002": "", "1033": "", "1039": "", "10b7": "", "10de": "", "1106": "", "144d": "", "14e4": "",
    "15b7": "", "1912": "", "197b": "", "1b21": "", "1b4b": "", "5333": "",
}

# Nobody has registered this number; it is the video card of QEMU and Bochs all the same.
UNREGISTERED = ["1234 QEMU", " 1111 Standard VGA (Bochs VBE)"]

# class -> subclasses; a class alone names those that are not here.
CLASSES = {
    "00": "", "01": "00 01 04 05 06 07 08", "02": "00 80", "03": "00 02", "04": "00 01 03",
    "05": "", "06": "00 01 04 80", "07": "00", "08": "00 03 05 80", "09": "",
    "0b": "", "0c": "00 03 05", "0d": "11 80", "10": "", "11": "",
}

HEAD = '''\
/*
 * pci_names.c - names of PCI vendors, devices and classes. Made by tools/pci_names.py (make
 * pci-names) out of pci.ids, version {version}: not to be edited.
 *
 * A vendor's line begins with its number and is followed by those of its devices, a class's line
 * begins with C and is followed by those of its subclasses. An empty line is the end.
 *
 * From the list of PCI IDs by Albert Pool, Martin Mares and other volunteers of the PCI ID Project,
 * https://pci-ids.ucw.cz/, which may be distributed under the GNU General Public License (version 2
 * or higher) or the 3-clause BSD License; copyright (its aggregation and formatting) Martin Mares
 * and Albert Pool.
 */
#include "drivers/pci_internal.h"

/* clang-format off */
const char pci_names[] =
'''

LEGAL = re.compile(r",? (Inc\.?|Corporation|Corp\.?|Co\.?,? Ltd\.?|Ltd\.|GmbH)( and subsidiaries)?$")


def company(name):
    """What people call it: what stands in brackets, or the name without the legal form."""
    short = re.search(r"\[(.*)\]$", name)
    return short[1] if short else LEGAL.sub("", name)


def lines(path):
    """The lines of the table, as they stand between quotes."""
    wanted = {key: set(rest.split()) for key, rest in WANTED.items()}
    wanted.update({"C " + key: set(rest.split()) for key, rest in CLASSES.items()})
    missing = {(key, sub) for key, subs in wanted.items() for sub in subs | {None}}
    inside = None
    for line in open(path, encoding="utf-8", errors="replace"):
        found = re.match(r"(\t?)((?:C )?[0-9a-f]{2,4})  (.*)", line)
        if not found:
            continue
        tab, number, name = found.groups()
        if not tab:
            inside = number
        if (key := (inside, number if tab else None)) in missing:
            missing.remove(key)
            yield f" {number} {name}" if tab else f"{number.replace(' ', '')} {company(name)}"
    yield from UNREGISTERED
    assert not missing, f"{path} does not have {sorted(missing, key=str)}"


def table(path):
    version = next(line.split()[-1] for line in open(path, encoding="utf-8") if "Version:" in line)
    rows = list(lines(path))
    assert all(set(row) <= set(map(chr, range(32, 127))) - set('"\\') for row in rows), rows
    size = sum(len(row) + 1 for row in rows) + 1
    assert size <= LIMIT, f"{size} bytes are more than {LIMIT}"
    return HEAD.format(version=version) + "\n".join(f'    "{row}\\0"' for row in rows) + ";\n"


if __name__ == "__main__":
    sys.stdout.write(table(sys.argv[1] if len(sys.argv) > 1 else PCI_IDS))
