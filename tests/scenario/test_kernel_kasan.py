"""Kernels made with KERNEL=kasan and KERNEL=debug notice wrong uses of memory, and name the object and its users.
"""
import re

import pytest

from lib.images import make_image
from lib.panics import check_places, read_report
from lib.paths import BUILD
from lib.qemu import Qemu

HEX = "0x[0-9a-f]{16}"
AT = r"crash_{}\+0x[0-9a-f]+ \(shell/crash_software\.c:(\d+)\)"


def first_line(text, function):
    """The pattern of a first line: `@` is a place in FUNCTION."""
    return "PANIC: " + text.replace("@", AT.format(function))


# (kernel, kind of crash) -> what is said
KINDS = {
    ("kasan", "uaf"): rf"kasan: write of 1 bytes at {HEX}, by @, 0 bytes from the beginning of object {HEX} "
                      r"of 64 bytes; allocated by @; released by @",
    ("kasan", "overflow"): rf"kasan: write of \d+ bytes at {HEX}, by @, 0 bytes behind the end of object {HEX} "
                           r"of 64 bytes; allocated by @",
    ("kasan", "double-free"): rf"heap: second release of object {HEX} of 64 bytes, by @; allocated by @; released by @",
    ("debug", "uaf"): rf"heap: something wrote after its release to object {HEX} of 64 bytes, by @; allocated by @; "
                      r"released by @",
    ("debug", "overflow"): rf"heap: something wrote behind the end of object {HEX} of 64 bytes, by @; allocated by @",
    ("debug", "double-free"): rf"heap: second release of object {HEX} of 64 bytes, by @; allocated by @; released by @",
}


def image_of(kernel, tmp_path):
    return make_image(tmp_path / "d.img", kernel=BUILD / kernel / "kernel.bin")


@pytest.mark.parametrize("kernel, kind", KINDS, ids=lambda value: value)
def test_misuse(tmp_path, kernel, kind):
    function = kind.replace("-", "_")
    with Qemu(image_of(kernel, tmp_path)) as qemu:
        qemu.wait_prompt()
        qemu.send(f"crash {kind}\r")
        report = read_report(qemu)
    found = re.fullmatch(first_line(KINDS[kernel, kind], function), report.headline)
    assert found, report.headline
    assert f"crash_{function}" in report.functions(), report.text
    check_places(report, f"{kernel}/kernel.elf")


def test_the_very_access(tmp_path):
    """KASAN stops at the line that writes, not at the one that looks afterwards."""
    with Qemu(image_of("kasan", tmp_path)) as qemu:
        qemu.wait_prompt()
        assert "accesses to the heap are checked" in qemu.run("dmesg")
        qemu.send("crash overflow\r")
        report = read_report(qemu)
    assert "memset" in report.functions() and "heap_check" not in report.functions(), report.text


def test_leaks(tmp_path):
    with Qemu(image_of("debug", tmp_path)) as qemu:
        qemu.wait_prompt()
        lines = qemu.run("free leaks")
    assert re.search(r"^objects +bytes +allocated by$", lines, re.M)
