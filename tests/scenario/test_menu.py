"""The boot menu: what opens it, that nothing else does, and what each entry leads to.

The machine types through COM1 unless a test is about the keyboard. What the kernel was told is read
back with the shell's `boot facts`.
"""
import re
import time

import pexpect
import pytest

from lib.headers import constants
from lib.images import make_image
from lib.machine import PROMPT, TIMEOUT
from lib.paths import BUILD
from lib.qemu import Qemu

MENU = "choose \\[1\\]: "
IDLE_SECONDS = 30  # MENU_IDLE_S of stage2/menu.asm
CMDLINE_MAX = constants()["CMDLINE_SIZE"] - 1
CTRL_U, BACKSPACE, ENTER = "\x15", "\b", "\r"


@pytest.fixture
def menu():
    """A machine whose menu is open: a character was waiting on COM1."""
    with Qemu(BUILD / "sector0.img") as machine:
        machine.send("x")
        machine.expect(MENU)
        yield machine


def told(machine):
    """What the kernel was told, once the prompt is there: {"slot": "A", "cmdline": "debug"}."""
    machine.wait_prompt()
    facts = machine.run("boot facts")
    return {name: re.search(pattern, facts, re.M).group(1).rstrip()
            for name, pattern in (("slot", r"\bslot +(\w)"), ("cmdline", r"^command line +(.*)$"))}


@pytest.mark.check
def test_it_makes_nobody_wait():
    with Qemu(BUILD / "sector0.img") as machine:
        assert "menu" not in machine.wait_prompt()


# ---- What opens it -----------------------------------------------------------------------------

def test_a_character_on_com1_opens_it_and_is_used_up(menu):
    menu.send(ENTER)
    assert told(menu) == {"slot": "A", "cmdline": ""}


# A disk that answers eight times a second gives a person at the keyboard time to press something.
SLOW_DISK = ["-drive", f"file={BUILD / 'sector0.img'},format=raw,snapshot=on,if=none,id=d0,throttling.iops-total=8",
             "-device", "ide-hd,drive=d0,bus=ide.0,unit=0"]


@pytest.mark.parametrize("key", ["shift", "a"])
def test_a_key_opens_it(key):
    """Shift held, or a key in the BIOS's buffer; pressed again and again, for the BIOS forgets keys while it starts."""
    down = [{"type": "key", "data": {"down": True, "key": {"type": "qcode", "data": key}}}]
    with Qemu(None, disk=None, args=SLOW_DISK) as machine:
        while machine.stream.expect([MENU, PROMPT, pexpect.TIMEOUT], timeout=0.02) == 2:
            machine.qmp("input-send-event", events=down)
        assert machine.stream.after.startswith("choose"), "no menu"


def test_the_manifest_can_make_it_wait(tmp_path):
    """Nobody comes: the time passes, and it boots; somebody comes: it opens."""
    image = make_image(tmp_path / "disk.img", menu_timeout=2)
    with Qemu(image) as machine:
        machine.expect(r"press a key for the menu \(2 s\)")
        started = time.monotonic()
        machine.wait_prompt()
        assert 1.0 < time.monotonic() - started < 2.0 + TIMEOUT
    with Qemu(image) as machine:
        machine.expect(r"press a key for the menu")
        machine.send("x")
        machine.expect(MENU)


@pytest.mark.parametrize("seconds", [3600, 3601, 65535])
def test_the_longest_waits_can_be_ended(tmp_path, seconds):
    """More seconds than a 16-bit number of ticks can say."""
    with Qemu(make_image(tmp_path / "disk.img", menu_timeout=seconds)) as machine:
        machine.expect(rf"press a key for the menu \({seconds} s\)")
        time.sleep(0.3)
        machine.send("x")
        machine.expect(MENU)


@pytest.mark.limit(180)
def test_it_boots_by_itself(menu):
    """A menu that was opened by noise on the serial line must not stop the machine for ever."""
    menu.wait_prompt(IDLE_SECONDS + TIMEOUT)


# ---- What it leads to --------------------------------------------------------------------------

@pytest.mark.parametrize("key", ["1", ENTER, "\n"], ids=["1", "enter", "line feed"])
def test_normal(menu, key):
    menu.send(key)
    assert told(menu) == {"slot": "A", "cmdline": ""}


def test_other_keys_do_nothing(menu):
    menu.send("059az" + "1")
    assert told(menu) == {"slot": "A", "cmdline": ""}


def test_endless_input_does_not_stop_the_boot():
    """More characters than the menu listens to (KEYS_MAX of stage2/menu.asm), none of them a choice."""
    with Qemu(BUILD / "sector0.img") as machine:
        machine.send("x" * 10000)
        machine.wait_prompt()


def test_debug(menu):
    menu.send("2")
    assert told(menu)["cmdline"].split() == ["debug"]


def test_other_slot(menu):
    menu.send("3")
    assert told(menu)["slot"] == "B"
    assert "refused" not in menu.run("boot facts")


def edit(machine, text):
    """Open the editor, type TEXT slowly enough for a UART without a FIFO, and come back to the menu."""
    machine.send("4")
    machine.expect("command line: ")
    for character in text:
        machine.send(character)
    machine.send(ENTER)
    machine.expect(MENU)


def test_edit_command_line(menu):
    edit(menu, "debug" + BACKSPACE * 2 + "\x7f" + "xyz")
    menu.send("1")
    assert told(menu)["cmdline"] == "dexyz"


def test_edit_twice_and_kill(menu):
    edit(menu, "first words")
    edit(menu, BACKSPACE + CTRL_U + BACKSPACE + "panic=halt\x01")
    menu.send("1")
    assert told(menu)["cmdline"] == "panic=halt"


def test_edit_begins_with_the_manifest(tmp_path):
    with Qemu(make_image(tmp_path / "disk.img", cmdline="panic=reboot")) as machine:
        machine.send("x")
        machine.expect(MENU)
        machine.send("4")
        machine.expect("command line: panic=reboot")
        machine.send(" debug" + ENTER)
        machine.expect(MENU)
        machine.send("1")
        assert told(machine)["cmdline"] == "panic=reboot debug"


def test_command_line_has_an_end(menu):
    edit(menu, "".join(chr(ord("a") + n % 26) for n in range(CMDLINE_MAX + 20)))
    menu.send("2")  # " debug" does not fit either
    assert told(menu)["cmdline"] == "".join(chr(ord("a") + n % 26) for n in range(CMDLINE_MAX))
