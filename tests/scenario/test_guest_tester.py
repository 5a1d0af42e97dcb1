"""Broken in-guest tests that test the in-guest tester: one that fails, hangs, panics or is missing is known by name."""
import pytest

from lib.bochs import Bochs
from lib.guest import EXIT_DEVICE, parse, run_all
from lib.images import make_image
from lib.paths import BUILD
from lib.qemu import Qemu

KERNEL = BUILD / "planted" / "kernel.bin"


def qemu(image):
    return Qemu(image, args=EXIT_DEVICE)


def run(tmp_path, glob, names, start=qemu, stall=40):
    image = make_image(tmp_path / "disk.img", kernel=KERNEL, cmdline=f"watchdog=off test={glob}")
    return run_all(start, image, tmp_path / "evidence", names, stall)


def tap(*lines):
    return "\n".join(("TAP version 13",) + lines)


# What is typed, what comes back, and the status.
COMMANDS = [
    ("test broken_passes", tap("1..1", "# broken_passes", "ok 1 - broken_passes", "1 passed, 0 failed"), 0),
    ("test broken_f?ils", tap("1..1", "# broken_fails", "not ok 1 - broken_fails",
                              "# tests/kernel/planted/broken.c:18 two == 3: it is 2", "0 passed, 1 failed"), 1),
    ("test *_skips", tap("1..1", "# broken_skips", "ok 1 - broken_skips # SKIP no moon",
                         "0 passed, 0 failed, 1 skipped"), 0),
    ("test no_such*", tap("1..0", "0 passed, 0 failed"), 1),
    ("test -l broken_p*es", "broken_passes", 0),
    ("test -l no_such", "test: no test no_such", 1),
    ("test a b", "test: usage: test [-l] [glob]", 2),
]


def test_command(tmp_path):
    with Qemu(make_image(tmp_path / "disk.img", kernel=KERNEL)) as machine:
        machine.wait_prompt()
        for command, text, status in COMMANDS:
            assert machine.run(command) == text
            assert machine.run("echo $?") == str(status)


@pytest.mark.parametrize("start", [qemu, Bochs])
def test_leaves_with_the_result(tmp_path, start):
    good = run(tmp_path, "broken_passes", ["broken_passes"], start)
    assert good.problems(["broken_passes"]) == []
    assert good.end == ("passed" if start is qemu else "exit")
    bad = run(tmp_path, "broken_fails", ["broken_fails"], start)
    assert bad.verdict("broken_fails") == ("failed", "tests/kernel/planted/broken.c:18 two == 3: it is 2")
    assert bad.end == ("failed" if start is qemu else "exit")
    assert bad.problems(["broken_fails"]) == []
    assert (tmp_path / "evidence" / "command.sh").exists()


@pytest.mark.parametrize("glob, end", [("broken_hangs", "a hang"), ("broken_panics", "PANIC: on purpose")])
def test_one_that_does_not_end(tmp_path, glob, end):
    names = [glob, "zz_comes_later"]
    seen = run(tmp_path, glob, names, stall=8)
    assert seen.verdict(glob) == ("failed", f"did not end: {end}")
    assert seen.verdict("zz_comes_later") == ("failed", f"did not run: {end} in {glob}")
    assert seen.problems(names)


def test_one_that_is_missing(tmp_path):
    names = ["broken_passes", "zz_not_linked"]
    seen = run(tmp_path, "broken_passes", names)
    assert seen.verdict("zz_not_linked") == ("failed", "the kernel does not have it, though it is in the sources")
    assert seen.problems(names) == ["the plan says 1, the sources have 2"]


def test_counts_that_lie():
    """A last line that does not agree with the tests is a problem."""
    text = "1..2\n# a\nok 1 - a\n# b\nok 2 - b\n{}\n"
    assert parse(text.format("2 passed, 0 failed"), "passed").problems(["a", "b"]) == []
    for text, end, names in ((text.format("3 passed, 0 failed"), "passed", ["a", "b"]),
                             (text.format("2 passed, 0 failed"), "failed", ["a", "b"]),
                             (text.format("2 passed, 0 failed"), "a reset", ["a", "b"]),
                             (text.format("2 passed, 0 failed"), "passed", ["a", "c"]),
                             (text.replace("ok 2", "not ok 2").format("2 passed, 0 failed"), "passed", ["a", "b"])):
        assert parse(text, end).problems(names), (text, end)
