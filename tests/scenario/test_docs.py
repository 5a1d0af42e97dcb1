"""The documents agree with the headers: maps, error table, steps, hazard ids, reference tags."""
import re
import subprocess

import pytest

from lib import fs_lines, testing_doc
from lib.hazards import covered
from lib.headers import constants, loader_errors, tour_steps
from lib.paths import REPO

DOCS = sorted((REPO / "docs").glob("*.md"))
BOOT = (REPO / "docs" / "boot.md").read_text()

# The regions of layout.h as docs/boot.md tells them: (first byte, byte after the last).
REGIONS = [("IVT_BASE", "IVT_END"), ("IVT_END", "BDA_END_UNUSED"), ("A20_TEST_BASE", "A20_TEST_END"),
           ("BOOTINFO_BASE", "BOOTINFO_END"), ("E820_BASE", "E820_END"), ("CMDLINE_BASE", "CMDLINE_SIZE"),
           ("EDD_PARAMS_BASE", "EDD_PARAMS_SIZE"), ("E820_BOUNCE_BASE", "E820_BOUNCE_SIZE"),
           ("MANIFEST_BUFFER_BASE", "MANIFEST_BUFFER_SIZE"), ("STAGE2_DATA_BASE", "STAGE2_DATA_END"),
           ("STACK_BASE", "STACK_TOP"), ("STAGE1_BASE", "STAGE1_END"), ("STAGE2_BASE", "STAGE2_END"),
           ("BOUNCE_BASE", "BOUNCE_END"), ("PAGE_TABLES_BASE", "PAGE_TABLES_END"),
           ("VERIFIER_BASE", "VERIFIER_END"), ("KERNEL_PHYS", "KERNEL_PHYS_LIMIT")]


def section(title):
    return re.search(rf"^## \d+\. {title}.*?(?=^## |\Z)", BOOT, re.M | re.S).group()


@pytest.mark.check
def test_memory_map():
    layout = constants()
    expected = set()
    for first, last in REGIONS:
        end = layout[last] + (layout[first] if last.endswith("_SIZE") else 0)
        expected.add((layout[first], end))
    rows = re.findall(r"^\| ([0-9A-F]{5,6})-([0-9A-F]{5,6}) \|", section("Memory while booting"), re.M)
    assert {(int(first, 16), int(last, 16) + 1) for first, last in rows} == expected


def test_every_region_of_the_layout_is_told():
    """A new *_BASE in layout.h needs a row."""
    named = {name for pair in REGIONS for name in pair}
    bases = {name for name in constants() if name.endswith("_BASE")} - {"KERNEL_VIRT_BASE", "STAGE1_RECORD_BASE"}
    assert bases <= named


def test_disk_map():
    layout = constants()
    told = {int(number) for number in re.findall(r"^ +(?:LBA +)?(\d+)  [+|]", section("The disk"), re.M)}
    slot = (layout["FIRST_PARTITION_LBA"] - layout["SLOTS_LBA"]) // 16 * 8
    expected = {layout[name] for name in ("STAGE1_LBA", "STAGE2_LBA", "MANIFEST0_LBA", "MANIFEST1_LBA", "SLOTS_LBA",
                                          "FIRST_PARTITION_LBA")}
    expected |= {layout["STAGE2_LBA"] + layout["STAGE2_MAX_SECTORS"], layout["SLOTS_LBA"] + slot}
    assert told == expected
    assert f"{slot * 512 // 1024} KiB each" in section("The disk")


@pytest.mark.check
def test_error_table():
    rows = re.findall(r"^\| (E\d\d) \| `(.*)` \| (.*) \|$", section("When it refuses"), re.M)
    expected = [(error.code, error.text, error.advice) for error in loader_errors()]
    assert rows == expected, "make error-table writes it anew"


def test_steps():
    rows = re.findall(r"^\| (\d+) \| `(\w+)` \|", section("The steps"), re.M)
    assert rows == [(str(number), f"tour_{number:02}_{name}") for number, name, _ in tour_steps()]


def test_stack_record_address():
    assert f"SP | {constants()['STAGE1_RECORD_BASE']:X}:" in BOOT


def test_hazard_ids_exist():
    """Every hazard that a test or the fault ROM names is in the list, and each id stands there once."""
    listed = re.findall(r"^\| ([EDAMPO]\d+) \|", section("What a BIOS can do to you"), re.M)
    assert len(listed) == len(set(listed))
    named = set()
    for path in [*(REPO / "tests").rglob("*.py"), *(REPO / "tests").rglob("*.asm"), *(REPO / "tests").rglob("*.inc")]:
        named |= {(found, path.name) for found in re.findall(r"hazards? ([EDAMPO]\d{1,2})\b", path.read_text())}
    assert not [(hazard, name) for hazard, name in named if hazard not in listed]


def reference_tags():
    text = (REPO / "docs" / "references.md").read_text()
    rows = re.findall(r"^\| ([^|]+) \|", text, re.M)[1:]
    return {tag.strip() for row in rows for tag in row.split(",")}


def test_reference_tags_resolve():
    """Every [TAG 1.2] in a source file is in docs/references.md."""
    tags, unknown = reference_tags(), set()
    assert "SDM3" in tags and "tag" not in tags and "---" not in tags
    for folder in ("include", "lib", "stage1", "stage2", "kernel", "drivers", "shell", "tools", "tests/coverage"):
        for path in (REPO / folder).rglob("*"):
            if path.suffix not in (".c", ".h", ".asm", ".inc", ".in", ".py"):
                continue
            comments = re.findall(r"(?:/\*|^ ?\*|^#|;|\"\"\"|//).*", path.read_text(), re.M)
            for tag in re.findall(r"\[([A-Z][A-Za-z0-9/-]+(?: [A-Z][a-z]+)*)(?: [0-9A-Z][0-9A-Za-z.]*)?\]", "\n".join(comments)):
                if tag not in tags and not tag.isdigit():
                    unknown.add(f"{path.relative_to(REPO)}: [{tag}]")
    assert not unknown


def test_links_between_documents():
    for path in [REPO / "README.md", *DOCS]:
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", path.read_text()):
            assert (path.parent / target).exists(), f"{path.name} links to {target}"


def test_targets_in_documents_exist():
    """Every `make TARGET` and `./sector0 TARGET` in a document is a target of the Makefile."""
    listing = subprocess.run(["make", "help"], cwd=REPO, capture_output=True, text=True, check=True).stdout
    targets = set(re.findall(r"^  (\S+)", listing, re.M)) | {"TARGET"}
    for path in [REPO / "README.md", *DOCS]:
        for target in re.findall(r"`(?:make|\./sector0) ([a-z][a-z.-]*)", path.read_text()):
            assert target in targets, f"{path.name} names {target}"


def test_screenshot_is_a_picture():
    assert (REPO / "docs" / "screen.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"


# ---- docs/testing.md ---------------------------------------------------------------------------

@pytest.mark.check
@pytest.mark.parametrize("hazard", covered())
def test_every_hazard_has_a_test(hazard):
    assert covered()[hazard], f"no test names hazard {hazard}"


@pytest.mark.parametrize("made", [testing_doc, fs_lines], ids=lambda made: made.DOCUMENT.name)
def test_lists(made):
    text = made.DOCUMENT.read_text()
    assert made.rewritten(text) == text, "make test-lists writes them anew"
