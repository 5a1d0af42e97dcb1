#!/usr/bin/python3
"""Which instructions of stage 1 and stage 2 have run, over all the runs that cover.c recorded.

    report.py FOLDER       FOLDER has one file per QEMU run

Prints a percentage for each stage and every source line with an instruction that no run executed,
with its reason from reasons.txt. Ends with one line per stage, `ok coverage/stage1 ...` or
`FAILED coverage/stage1 ...`, and status 1 if a stage is below its goal or a line has no reason.

What counts as an instruction: the DWARF line table says where each source line's bytes begin; lines
that only define data are left out; ndisasm takes the rest apart, starting anew at each line, so data
between code cannot confuse it. A run counts for a stage only if every instruction it executed there
has the bytes of our build: test hooks and foreign boot sectors drop out.
"""
import bisect
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
from lib.paths import BUILD, REPO  # noqa: E402

GOALS = {"stage1": 95.0, "stage2": 90.0}  # per cent
PADDING = re.compile(r"nop|xchg ax,ax|(lea (\w+),\[\2(\+eiz\*1)?\+(byte )?0x0\])")  # gcc's, between blocks of C
DATA = re.compile(r"^\s*(?:[\w.$]+:)?\s*(?:times\b.*\s)?(?:d[bwdq]|align|incbin)\b", re.I)


@dataclass(frozen=True)
class Instruction:
    address: int
    code: bytes
    file: str    # as the compiler was given it: stage2/a20.asm
    line: int
    label: str   # the last label before it
    text: str    # the disassembly


def tool(*words, text=None):
    return subprocess.run(words, input=text, capture_output=True, check=True, encoding="latin-1").stdout


# ---- The instructions of a stage ---------------------------------------------------------------

def code_sections(elf):
    """[(address, bytes, width)] of the sections with code."""
    sections = []
    for name, size, address, offset in re.findall(
            r"^\s*\d+ (\.text\w*)\s+(\w+)\s+(\w+)\s+\w+\s+(\w+)", tool("objdump", "-h", str(elf)), re.M):
        data = elf.read_bytes()[int(offset, 16):int(offset, 16) + int(size, 16)]
        width = int(name[5:] or {"stage1": 16, "stage2": 32}[elf.stem])  # .text of stage 2 is C
        sections.append((int(address, 16), data, width))
    return sections


def line_starts(elf):
    """The addresses where the bytes of a source line begin, in order."""
    rows = re.findall(r"^\S+\s+\d+\s+0x([0-9a-f]+)", tool("objdump", "--dwarf=decodedline", str(elf)), re.M)
    return sorted({int(row, 16) for row in rows})


def source_lines(elf, addresses):
    """(file, line) of each address."""
    asked = "\n".join(f"{address:x}" for address in addresses)
    places = []
    for answer in tool("addr2line", "-e", str(elf), text=asked).splitlines():
        name, _, line = answer.split(" ")[0].rpartition(":")
        path = re.sub(r".*?((?:stage1|stage2|lib)/[^/]+)$", r"\1", name)
        places.append((path, int(line) if line.isdigit() else 0))
    return places


def labels_before(elf, addresses):
    """The nearest label at or before each address."""
    symbols = sorted((int(value, 16), name) for value, kind, name in
                     re.findall(r"^(\w+) (\w) (\S+)$", tool("nm", str(elf)), re.M) if kind in "tT")
    starts = [value for value, _ in symbols]
    return [symbols[max(bisect.bisect_right(starts, address) - 1, 0)][1] for address in addresses]


def disassemble(address, data, width, starts):
    """[(address, bytes, text)], beginning anew at each of STARTS."""
    synchronise = [word for start in starts for word in ("-s", hex(start))]
    command = ["ndisasm", f"-b{width}", "-o", hex(address), *synchronise, "-"]
    listing = subprocess.run(command, input=data, capture_output=True, check=True).stdout.decode()
    found = []
    for line in listing.splitlines():
        if line.lstrip().startswith("-"):  # the rest of long code bytes
            last = found.pop()
            found.append((last[0], last[1] + bytes.fromhex(line.strip(" -")), last[2]))
        else:
            where, code, text = line.split(None, 2)
            if re.fullmatch(r"[0-9A-F]+", code):
                found.append((int(where, 16), bytes.fromhex(code), text))
    return found


def source_text(file, line):
    try:
        return (REPO / file).read_text().splitlines()[line - 1]
    except (OSError, IndexError):
        return ""


def everything(elf):
    """All of an ELF file's code taken apart, data and padding between the instructions included."""
    starts, found = line_starts(elf), []
    for address, data, width in code_sections(elf):
        here = [start for start in starts if address <= start < address + len(data)]
        found += disassemble(address, data, width, here)
    addresses = [address for address, _, _ in found]
    return [Instruction(address, code, file, line, label, text)
            for (address, code, text), (file, line), label
            in zip(found, source_lines(elf, addresses), labels_before(elf, addresses))]


def is_instruction(item):
    if item.file.endswith(".asm"):
        return item.line and not DATA.match(source_text(item.file, item.line))
    return item.line and not PADDING.match(item.text)


def instructions(elf):
    """All instructions of an ELF file that somebody wrote or a compiler meant, in order."""
    return [item for item in everything(elf) if is_instruction(item)]


# ---- The runs ----------------------------------------------------------------------------------

def read_run(path):
    """{address: set of byte strings} of one run."""
    run = {}
    for line in path.read_text().splitlines():
        address, code, _ = line.split()
        run.setdefault(int(address, 16), set()).add(bytes.fromhex(code))
    return run


def executed(runs, elf):
    """The addresses that ran, and how many runs there were of the code in ELF."""
    sections = code_sections(elf)
    low = min(address for address, _, _ in sections)
    high = max(address + len(data) for address, data, _ in sections)

    def is_ours(address, codes):
        return all(data[address - start:address - start + len(code)] == code
                   for start, data, _ in sections if start <= address < start + len(data) for code in codes)

    addresses, counted = set(), 0
    for run in runs:
        mine = {address: codes for address, codes in run.items() if low <= address < high}
        if mine and all(is_ours(address, codes) for address, codes in mine.items()):
            addresses |= mine.keys()
            counted += 1
    return addresses, counted


# ---- The report --------------------------------------------------------------------------------

def read_reasons(path):
    """{(file, label): reason}."""
    reasons = {}
    for line in path.read_text().splitlines():
        if line.strip() and not line.startswith("#"):
            place, reason = line.split(None, 1)
            reasons[tuple(place.split(":"))] = reason
    return reasons


def report_stage(name, elf, runs, reasons):
    """Print what ran of one stage; returns whether that is enough."""
    program = instructions(elf)
    ran, counted = executed(runs, elf)
    missed = [instruction for instruction in program if instruction.address not in ran]
    percent = 100.0 * (len(program) - len(missed)) / len(program)
    print(f"\n{name}: {len(program) - len(missed)} of {len(program)} instructions ran in {counted} runs, "
          f"{percent:.1f} % (goal {GOALS[name]:.0f} %)")
    unexplained, lines = 0, {}
    for instruction in missed:
        lines.setdefault((instruction.file, instruction.line), instruction)
    for (file, line), instruction in sorted(lines.items()):
        reason = reasons.get((file, instruction.label))
        unexplained += reason is None
        text = " ".join(source_text(file, line).split(";")[0].split())
        print(f"  {file}:{line:<4} {instruction.label:28} {text[:40]:40}  {reason or 'NO REASON'}")
    enough = percent >= GOALS[name] and not unexplained
    print(f"{'ok' if enough else 'FAILED':8}coverage/{name}  {percent:.1f} %"
          + (f", {unexplained} lines without a reason in tests/coverage/reasons.txt" if unexplained else ""))
    return enough


def main():
    if len(sys.argv) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    runs = [read_run(path) for path in sorted(Path(sys.argv[1]).glob("*"))]
    reasons = read_reasons(HERE / "reasons.txt")
    good = [report_stage(name, BUILD / f"{name}.elf", runs, reasons) for name in GOALS]
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main())
