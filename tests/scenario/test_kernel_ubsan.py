"""A kernel made with KERNEL=ubsan notices undefined behaviour of every kind, and says where, with the values.
"""
import re

import pytest

from lib.images import make_image
from lib.panics import check_places, read_report
from lib.paths import BUILD, REPO
from lib.qemu import Qemu

# kind -> what is said, and the function that does it
KINDS = {
    "add": (r"2147483647 \+ 1 in 'int'", "add"),
    "sub": (r"-2147483648 - 1 in 'int'", "subtract"),
    "mul": (r"2147483647 \* 40 in 'int'", "multiply"),
    "div": (r"-2147483648 / -1 in 'int'", "divide"),
    "neg": (r"-\(-2147483648\) in 'int'", "negate"),
    "shift": (r"1 of type 'int' shifted by 40", "shift"),
    "shift2": (r"1 of type 'int' shifted by -1", "shift_by_less_than_nothing"),
    "bounds": (r"index 40 of 'int \[4\]'", "bounds"),
    "null": (r"null pointer to 'int' used", "null_pointer"),
    "align": (r"0x[0-9a-f]+ used as a pointer to 'uint64_t', which needs multiples of 8", "alignment"),
    "pointer": (r"pointer 0x[0-9a-f]+ moved to 0x[0-9a-f]+", "pointer"),
    "bool": (r"2 is no '_Bool'", "boolean"),
    "end": (r"unreachable code reached", "unreachable"),
    "ctz": (r"zero as the argument of a builtin that counts zeros", "count_zeros"),
}
FILE = "shell/crash_undefined.c"


@pytest.fixture(scope="module")
def ubsan_image(tmp_path_factory):
    return make_image(tmp_path_factory.mktemp("ubsan") / "d.img", kernel=BUILD / "ubsan" / "kernel.bin")


def lines_of(function):
    """The numbers of the lines of FUNCTION's body."""
    source = (REPO / FILE).read_text().split("\n")
    start = source.index(f"static void {function}(void)") + 1
    return range(start + 1, source.index("}", start) + 1)


@pytest.mark.parametrize("kind", KINDS)
def test_undefined(ubsan_image, kind):
    words, function = KINDS[kind]
    with Qemu(ubsan_image) as qemu:
        qemu.wait_prompt()
        qemu.send(f"crash ub-{kind}\r")
        report = read_report(qemu)
    found = re.fullmatch(rf"PANIC: undefined behaviour: {words}, {FILE}:(\d+):(\d+)", report.headline)
    assert found, report.headline
    assert report.place == f"{FILE}:{found.group(1)} in {function}"
    assert int(found.group(1)) in lines_of(function)
    assert function in report.functions() and "command_crash" in report.functions(), report.text
    check_places(report, "ubsan/kernel.elf")


def test_all_kinds_are_tested(ubsan_image):
    with Qemu(ubsan_image) as qemu:
        qemu.wait_prompt()
        assert re.findall(r"^  ub-(\S+)", qemu.run("crash"), re.M) == list(KINDS)


def test_index_instead_of_a_smashed_stack(ubsan_image):
    with Qemu(ubsan_image) as qemu:
        qemu.wait_prompt()
        qemu.send("crash smash\r")
        report = read_report(qemu)
    assert report.headline.startswith("PANIC: undefined behaviour: index 8 of 'char [8]', shell/crash_software.c:")
