"""Which test covers which hazard of docs/boot.md, section 6.

A scenario file says so in the paragraph `Hazards: ...` of its first comment, a unit test in the
same way, a single test in a docstring that begins with the id, and each fault of
tests/rom/faults.py in its own field.
"""
import re

from lib.paths import REPO
from rom.faults import FAULTS

TESTS = REPO / "tests"


def known():
    """The ids of all hazards, in the order of docs/boot.md."""
    text = (REPO / "docs" / "boot.md").read_text()
    return re.findall(r"^\| ([EDAMPO]\d+) \|", text[text.index("\n## 6. "):], re.M)


def _expand(text):
    """The ids in a text such as "E1, E4 (Bochs), P1 to P3"."""
    text = re.sub(r"\([^()]*\)", "", text)
    for letter, first, last in re.findall(r"\b([EDAMPO])(\d+)\b(?:\s+to\s+[EDAMPO](\d+)\b)?", text):
        yield from (f"{letter}{number}" for number in range(int(first), int(last or first) + 1))


def _claims(path):
    """The ids that the paragraphs `Hazards: ...` of a test file name, and docstrings `A7: ...`."""
    yield from re.findall(r'"""([EDAMPO]\d+): ', path.read_text())
    for paragraph in re.findall(r"\bHazards?: (.*?)(?:\n\s*\*?\s*\n|\"\"\"|\*/)", path.read_text(),
                                re.S):
        yield from _expand(re.split(r"\.\s", paragraph.replace("\n *", "\n") + " ")[0])


def covered():
    """Hazard -> the sorted names of the test files that cover it."""
    files = {hazard: set() for hazard in known()}
    paths = [*(TESTS / "scenario").glob("test_*.py"), *(TESTS / "unit").glob("test_*.c")]
    for path in paths:
        for hazard in _claims(path):
            files[hazard].add(path.name)
    for fault in FAULTS:
        for hazard in _expand(fault.hazard.replace("-", " to ")):
            files[hazard].add("test_rom_boot.py")
    return {hazard: sorted(names) for hazard, names in files.items()}
