"""The kernel's shell as a person uses it: each command, the line editor, on COM1, on a real keyboard and
on the screen, in QEMU and in Bochs.
"""
import re
import time

import pexpect
import pytest

from lib.bochs import Bochs
from lib.images import make_image
from lib.machine import TIMEOUT
from lib.qemu import Qemu

UP, LEFT, HOME, DELETE = "\033[A", "\033[D", "\033[H", "\033[3~"

# How a character is typed on QEMU's keyboard.
KEY_NAMES = {" ": "spc", "\n": "ret", "-": "minus", ";": "semicolon", "'": "apostrophe", '"': "shift-apostrophe",
             "$": "shift-4", "?": "shift-slash", "/": "slash", ".": "dot"}


def press(qemu, text):
    qemu.keys(*[KEY_NAMES.get(c, f"shift-{c.lower()}" if c.isupper() else c) for c in text])


def wait_screen(qemu, wanted):
    """Wait until WANTED(rows) is true, rows being the screen without the empty ones at its end."""
    deadline = time.monotonic() + TIMEOUT
    while True:
        rows = "\n".join(qemu.screen()).rstrip("\n").split("\n")
        if wanted(rows):
            return rows
        assert time.monotonic() < deadline, "not on the screen; it shows:\n" + "\n".join(rows)
        time.sleep(0.05)


@pytest.fixture(params=["qemu", "bochs"])
def machine(request, image):
    with (Qemu(image) if request.param == "qemu" else Bochs(image)) as started:
        started.wait_prompt()
        yield started


@pytest.mark.check
def test_commands(machine):
    help_text = machine.run("help")
    for name in "help echo clear boot e820 mem cpu irq ps kill sleep dmesg uptime ver crash reboot poweroff".split():
        assert re.search(rf"^  {name} ", help_text, re.M), f"help does not know {name}"
    assert all(len(line) < 80 for line in help_text.splitlines())
    assert machine.run("echo a 'b  c' \"d;e\"; echo f") == "a b  c d;e\nf"
    assert "Sector0 kernel" in machine.run("ver")
    assert re.search(r"up \d+\.\d{6} s", machine.run("uptime"))
    assert re.search(r"^\[ +\d+\.\d{6}\] memory: \d+ KiB usable", machine.run("dmesg"), re.M)


def test_errors_and_status(machine):
    assert machine.run("echo $?") == "0"
    assert machine.run("nonsense") == "nonsense: command not found"
    assert machine.run("echo $?") == "127"
    assert machine.run("echo $?") == "0"
    assert machine.run("echo 'open") == "shell: a quote is not closed"
    assert machine.run("echo $?") == "2"
    assert machine.run("help nonsense; echo $?") == "help: no command nonsense\n1"
    assert machine.run("mem too many; echo $?") == "mem: usage: mem \n2"
    assert machine.run("crash softly; echo $?") == "crash: no kind softly\n1"


def test_boot_chart(machine):
    chart = machine.run("boot")
    rows = re.findall(r"^ ?(\d+) .*? +(\d+) +(\d+\.\d)% ?#*", chart, re.M)
    steps = [int(step) for step, _, _ in rows]
    assert steps == sorted(steps) and set(steps) >= {1, 4, 5, 6, 7, 8, 9, 11, 14, 16, 17, 18, 19, 20, 21}, chart
    total = int(re.search(r"^22 prompt +(\d+) from 7C00", chart, re.M).group(1))
    assert sum(int(cycles) for _, cycles, _ in rows) == total
    assert 99 <= sum(float(share) for _, _, share in rows) <= 101
    parts = [int(cycles) for cycles in re.findall(r"^     - .*? (\d+) +\d+\.\d%", chart, re.M)]
    load = next(int(cycles) for step, cycles, _ in rows if step == "11")
    assert len(parts) == 2 and sum(parts) <= load
    assert ("instructions" if isinstance(machine, Bochs) else "TSC cycles") in chart.splitlines()[0]
    assert len(chart.splitlines()) < 25 and all(len(line) < 80 for line in chart.splitlines())
    assert re.search(r"^kernel +slot A, \d+ bytes", machine.run("boot facts"), re.M)


def test_memory_map(machine):
    text = machine.run("e820")
    assert all(len(line) < 80 for line in text.splitlines())
    clean = [(int(start, 16), int(end, 16), kind)
             for start, end, kind in re.findall(r"\| ([0-9a-f]{13})-([0-9a-f]{13}) (\w+)", text)]
    for (_, end, _), (start, _, _) in zip(clean, clean[1:]):
        assert end < start
    assert all(start % 4096 == 0 and end % 4096 == 4095 for start, end, _ in clean)
    assert clean[0][0] == 0 and clean[0][2] == "loader"
    assert any(start == 0x100000 and kind == "kernel" for start, _, kind in clean)
    usable = sum(end + 1 - start for start, end, kind in clean if kind == "usable")
    assert 62 << 20 < usable < 64 << 20
    assert f"{usable // 1024} KiB" in machine.run("mem").splitlines()[0]


def test_cpu(machine):
    text = machine.run("cpu")
    assert all(len(line) < 80 for line in text.splitlines())
    assert re.search(r"^vendor +\w+, family \d+", text, re.M)
    assert re.search(r"^CR0 +[0-9a-f]{16} PE .*WP PG$", text, re.M)
    assert re.search(r"^CR4 +[0-9a-f]{16} .*PAE", text, re.M)
    assert re.search(r"^EFER +[0-9a-f]{16} .*LME LMA NXE$", text, re.M)


def test_line_editing_on_com1(machine):
    machine.send("eXcho" + LEFT * 4 + DELETE + "\x05 one" + "\x17" + "two" + HOME)
    machine.send("X\b\r")
    machine.expect(r"[\r\n]+two\r\n")
    machine.wait_prompt()
    machine.send(UP + " three\r")
    machine.expect(r"[\r\n]+two three\r\n")
    machine.wait_prompt()
    machine.send("never run this\x03")
    machine.expect(r"\^C\r\n")
    machine.wait_prompt()
    assert machine.run("echo $?") == "130"
    machine.send("ec\tcompleted\r")
    machine.expect(r"[\r\n]+completed\r\n")
    machine.wait_prompt()
    machine.send("c\t")
    machine.expect(r"clear  cpu  crash")
    machine.wait_prompt()
    machine.send("\x15echo all gone\x15\r")
    machine.wait_prompt()


def test_typing_faster_than_the_shell(machine):
    """Lines that are sent at once, as a script pastes them, all arrive."""
    for number in range(20):
        machine.send(f"echo line-{number}\r")
    for number in range(20):
        machine.expect(rf"[\r\n]line-{number}\r\n")


def test_keyboard_and_screen(image):
    with Qemu(image) as qemu:
        rows = qemu.expect_screen("sector0:/$")
        for line in ("stage1: ", "stage2: ", "kernel: Sector0 kernel", "Type help"):
            assert any(line in row for row in rows), f"{line!r} is not on the screen"
        press(qemu, 'echo "Two Words"; echo $?\n')
        rows = wait_screen(qemu, lambda rows: "Two Words" in rows and rows[-1] == "sector0:/$")
        assert rows[rows.index("Two Words") + 1] == "0"
        press(qemu, "ecXho one tow")
        qemu.keys("home", "right", "right", "delete", "end", "backspace", "left", "delete", "ctrl-e")
        press(qemu, "wo")
        qemu.keys("ctrl-w")
        press(qemu, "two")
        qemu.keys("ret")
        rows = wait_screen(qemu, lambda rows: "one two" in rows)
        assert "sector0:/$ echo one two" in rows
        qemu.keys("up", "down", "up", "up", "up", "ret")
        wait_screen(qemu, lambda rows: rows.count("Two Words") == 2)
        qemu.keys("ctrl-l")
        wait_screen(qemu, lambda rows: rows == ["sector0:/$"])


def test_keys_that_change_others(image):
    with Qemu(image) as qemu:
        qemu.expect_screen("sector0:/$")
        press(qemu, "echo ")
        qemu.keys("caps_lock", "a", "shift-b", "1", "caps_lock", "c", "kp_7", "num_lock", "kp_1", "num_lock", "d",
                  "kp_enter")
        qemu.expect_screen("Ab1c7d")


@pytest.mark.parametrize("machine", ["pc", "q35", "isapc"])
def test_ctrl_alt_delete(image, machine):
    with Qemu(image, machine=machine) as qemu:
        qemu.wait_prompt()
        qemu.keys("ctrl-alt-delete")
        qemu.wait_end()
        assert qemu.ended_how() == "reset"


def test_scrolling_keeps_the_order(image):
    with Qemu(image) as qemu:
        qemu.wait_prompt()
        for number in range(30):
            qemu.run(f"echo number {number}")
        rows = qemu.expect_screen("number 29")
        numbers = [int(row.split()[1]) for row in rows if row.startswith("number ")]
        assert numbers == list(range(30 - len(numbers), 30)) and len(numbers) == 12
        assert rows[24] == "sector0:/$"


@pytest.mark.parametrize("machine", ["pc", "q35", "q35,i8042=off", "isapc"])
@pytest.mark.parametrize("command", ["poweroff", "reboot"])
def test_leaving(image, machine, command):
    with Qemu(image, machine=machine) as qemu:
        qemu.wait_prompt()
        qemu.send(command + "\r")
        if (machine, command) == ("isapc", "poweroff"):  # it has nothing that could
            qemu.expect("It is now safe to turn off the computer")
            return
        qemu.wait_end()
        assert qemu.ended_how() == {"poweroff": "exit", "reboot": "reset"}[command]


def test_leaving_bochs(image):
    with Bochs(image) as bochs:
        bochs.wait_prompt()
        bochs.send("reboot\r")
        bochs.expect("stage2: ")
        bochs.wait_prompt()
        bochs.send("poweroff\r")
        bochs.wait_end()
        assert "ACPI control: soft power off" in bochs.stderr + bochs.log


def boot_with(tmp_path, cmdline, **how):
    return Qemu(make_image(tmp_path / "d.img", cmdline=cmdline), **how)


def test_run_option(tmp_path):
    with boot_with(tmp_path, 'run="echo started; nonsense; echo $?; poweroff"') as qemu:
        qemu.expect(r"started\r\nnonsense: command not found\r\n127\r\n")
        qemu.wait_end()
        assert qemu.ended_how() == "exit"


def test_unknown_options_are_named(tmp_path):
    with boot_with(tmp_path, "quiet debug splash=on") as qemu:
        text = qemu.wait_prompt()
        assert re.search(r"\] kernel: unknown words on the command line: quiet splash=on\r", text)
        assert re.search(r"\] cpu: GDT, TSS and 256 interrupt gates", text)  # debug shows details


def test_console_options(tmp_path):
    with boot_with(tmp_path, "console=vga") as qemu:
        qemu.expect_screen("sector0:/$")
        with pytest.raises(pexpect.TIMEOUT):
            qemu.stream.expect("kernel: ", timeout=0.5)
    with boot_with(tmp_path, "console=serial") as qemu:
        qemu.wait_prompt()
        assert not any("sector0" in row for row in qemu.screen())


def test_port_e9_says_the_same_as_com1(image):
    with Qemu(image) as qemu:
        qemu.wait_prompt()
        qemu.run("echo hello")
        com1 = qemu.output
        assert com1[com1.index("stage2: "):] in qemu.e9_text() + com1[-1:]


def test_without_com1_and_without_a_screen(image):
    with Qemu(image, serial=False) as qemu:
        qemu.expect_screen("sector0:/$")
        press(qemu, "echo hello\n")
        assert "hello" in qemu.expect_screen("hello")
    with Qemu(image, args=["-vga", "none"]) as qemu:
        qemu.wait_prompt()
        assert qemu.run("echo hello") == "hello"
