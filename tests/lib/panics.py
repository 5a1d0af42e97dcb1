"""A panic's report, taken apart."""
import re
from dataclasses import dataclass

from lib.addr2line import addr2line

PLACE = r"^  ([0-9a-f]{16})(?: (\S+)\+0x([0-9a-f]+) (\S*):(\d+))?$"
WHITE_ON_RED = 0x4F


@dataclass
class Place:
    """A line of the backtrace. EXACT: the address is where the CPU was, not behind a call."""
    address: int
    function: str
    file: str
    line: int
    exact: bool


@dataclass
class Report:
    text: str  # from `PANIC: ` to the last line
    headline: str
    place: str
    backtrace: list

    def functions(self):
        return [place.function for place in self.backtrace]


def parse(text):
    lines = text.strip("\n").split("\n")
    exact, backtrace = "error code" in text, []
    for line in text.split("\n"):
        if line.startswith("  interrupted by "):
            exact = True
        if match := re.match(PLACE, line):
            address, function, _, file, number = match.groups()
            backtrace.append(Place(int(address, 16), function, file, int(number or 0), exact))
            exact = False
    return Report(text, lines[0], lines[1], backtrace)


def read_report(machine, timeout=None):
    """Wait for a panic; returns its report."""
    machine.expect(r"[\r\n](?=PANIC: )", timeout)
    machine.expect(r"System halted\.\r\n", timeout)
    return parse(machine.stream.before.replace("\r", ""))


def check_places(report, elf="kernel.elf"):
    """Every address in the backtrace and in the line for gdb is what addr2line says."""
    known = [place for place in report.backtrace if place.function]
    answers = addr2line([place.address - (not place.exact) for place in known], elf)
    for place, (function, file, line) in zip(known, answers):
        assert (place.function.split(".")[0], place.file, place.line) == (function.split(".")[0], file, line), place
    for_gdb = [int(address, 16) for address in re.findall(r"\*0x([0-9a-f]+)'", report.text)]
    seen = list(dict.fromkeys(place.address - (not place.exact) for place in report.backtrace))
    assert for_gdb == seen[:len(for_gdb)] and len(for_gdb) == min(len(seen), 6), report.text
    return answers


def check_screen(qemu, report):
    """The short form is on the screen, from its first line on, white on red."""
    rows = [("".join(char for char, _ in row).rstrip(), {attribute for _, attribute in row})
            for row in qemu.cells()]
    text = "\n".join(text for text, _ in rows)
    start = next(number for number, (line, _) in enumerate(rows) if line == report.headline[:80].rstrip())
    end = next(number for number, (line, _) in enumerate(rows) if line == "System halted.")
    assert all(colours == {WHITE_ON_RED} for _, colours in rows[start:end + 1]), text
    assert rows[start + (len(report.headline) + 79) // 80][0] == report.place, text
    assert any(re.match(r"  [0-9a-f]{16} ", line) for line, _ in rows[start:end]), text
    return text
