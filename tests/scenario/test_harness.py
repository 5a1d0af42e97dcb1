"""The harness itself: boot sectors of a few lines, each of which ends in one way, and what it says.

A harness that takes a reset for a success, or loses text, would let every other test pass.
"""
import subprocess

import pytest

from lib.bochs import Bochs
from lib.gdbstub import GdbStub, cpu_state
from lib.qemu import DISKS, Qemu

pytestmark = pytest.mark.check

# Says TEXT on COM1 and port E9, then does what END says. `!` typed on COM1 means END, too.
SOURCE = """
    org 0x7C00
    bits 16
    jmp 0:start
start:
    xor ax, ax
    mov ds, ax
    mov ss, ax
    mov sp, 0x7C00
    mov dx, 0x3FB
    mov al, 0x83
    out dx, al
    mov dx, 0x3F8
    mov ax, 1
    out dx, ax
    mov dx, 0x3FB
    mov al, 3
    out dx, al
    mov si, text
.next:
    lodsb
    test al, al
    jz end
    call put
    jmp .next
put:
    push ax
    mov dx, 0x3FD
.wait:
    in al, dx
    test al, 0x20
    jz .wait
    pop ax
    mov dx, 0x3F8
    out dx, al
    out 0xE9, al
    mov ah, 0x0E
    mov bx, 7
    int 0x10
    ret
end:
%(end)s
halt:
    hlt
    jmp halt
zero: dd 0, 0
text: db 13, 10, %(text)s, 0
    times 510 - ($ - $$) db 0
    dw 0xAA55
"""
TRIPLE_FAULT = "    lidt [zero]\n    int3"
POWER_OFF = "    mov dx, 0x604\n    mov ax, 0x2000\n    out dx, ax"
LEAVE = "    mov al, 0x21\n    out 0xF4, al"
ECHO = """
.again:
    mov dx, 0x3FD
    in al, dx
    test al, 1
    jz .again
    mov dx, 0x3F8
    in al, dx
    cmp al, '!'
    je .over
    call put
    jmp .again
.over:
    lidt [zero]
    int3
"""


def sector(tmp_path, text, end=""):
    """An image of 16 MiB whose boot sector is SOURCE with TEXT and END."""
    (tmp_path / "boot.asm").write_text(SOURCE % {"text": text, "end": end})
    image = tmp_path / "boot.img"
    subprocess.run(["nasm", "-f", "bin", "-o", image, tmp_path / "boot.asm"], check=True)
    with open(image, "r+b") as file:
        file.truncate(16 << 20)
    return image


EMULATORS = pytest.mark.parametrize("emulator", [Qemu, Bochs])


@EMULATORS
@pytest.mark.parametrize("text, end, kind, code", [
    ("'sector0:/$ '", "", "prompt", None),
    ("'boot failed: E15 A20 gate stays closed', 13, 10", "", "failed", "E15"),
    ("'boot failed: E02 CRC'", "", "failed", "E02"),
    ("'PANIC: no more', 13, 10", "", "panic", None),
    ("'hello', 13, 10", TRIPLE_FAULT, "reset", None),
    ("'this is not sector0:/$ ', 13, 10", "", "timeout", None),
], ids=["prompt", "failed", "failed-without-newline", "panic", "reset", "silence"])
def test_outcome(tmp_path, emulator, text, end, kind, code):
    with emulator(sector(tmp_path, text, end)) as machine:
        outcome = machine.outcome(3 if kind == "timeout" else None)
    assert (outcome.kind, outcome.code) == (kind, code)


def test_reset_after_the_prompt(tmp_path):
    with Qemu(sector(tmp_path, "'sector0:/$ '", TRIPLE_FAULT)) as qemu:
        assert qemu.outcome().kind == "prompt"
        assert qemu.outcome().kind == "reset"


def test_power_off_is_no_reset(tmp_path):
    with Qemu(sector(tmp_path, "'bye', 13, 10", POWER_OFF)) as qemu:
        assert qemu.outcome().kind == "exit"


def test_exit_status(tmp_path):
    args = ["-device", "isa-debug-exit,iobase=0xf4,iosize=0x04"]
    with Qemu(sector(tmp_path, "'bye', 13, 10", LEAVE), args=args) as qemu:
        assert qemu.outcome().kind == "exit"
        assert qemu.exit_status() == 0x21 << 1 | 1


@EMULATORS
def test_typing(tmp_path, emulator):
    """What is typed arrives, and a reset that it causes is seen."""
    with emulator(sector(tmp_path, "'ready', 13, 10", ECHO)) as machine:
        machine.expect("ready")
        machine.send("abcdefgh")
        machine.expect("abcdefgh")
        machine.send("!")
        assert machine.outcome().kind == "reset"


@EMULATORS
def test_expectation_that_fails(tmp_path, emulator):
    with emulator(sector(tmp_path, "'hello', 13, 10")) as machine:
        with pytest.raises(AssertionError, match="no 'good bye' within 1 s"):
            machine.expect("good bye", 1)
    assert machine.process.poll() is not None, "nothing goes on when the test is over"


def test_text_by_port_e9_alone(tmp_path):
    with Qemu(sector(tmp_path, "'sector0:/$ '"), serial=False) as qemu:
        assert qemu.outcome().kind == "prompt"


@pytest.mark.parametrize("disk", [disk for disk in DISKS if disk != "floppy"])
def test_every_disk_boots(tmp_path, disk):
    with Qemu(sector(tmp_path, "'sector0:/$ '"), disk=disk) as qemu:
        assert qemu.outcome().kind == "prompt"


def test_bad_arguments_say_so(tmp_path):
    with pytest.raises(AssertionError, match="no-such-device"):
        with Qemu(sector(tmp_path, "'x'"), args=["-device", "no-such-device"]):
            pass


def test_screen_and_keys(tmp_path):
    with Qemu(sector(tmp_path, "'on the screen', 13, 10")) as qemu:
        rows = qemu.expect_screen("on the screen")
        assert len(rows) == 25 and all(len(row) <= 80 for row in rows)
        assert len(qemu.cells()) == 25 and all(len(row) == 80 for row in qemu.cells())
        qemu.keys("a", "shift-b", "ret")
        # The BIOS's keyboard buffer, three words of character and scan code.
        assert qemu.memory_read(0x41E, 6)[::2] == b"aB\r"


def test_debugger(tmp_path):
    with Qemu(sector(tmp_path, "'sector0:/$ '"), gdb=True) as qemu, GdbStub(qemu.gdb_path) as gdb:
        registers = gdb.run_to(0x7C00)
        assert gdb.read(0x7C00, 1) == b"\xEA"
        assert (registers["rip"], registers["cs"]) == (0x7C00, 0)
        assert cpu_state(qemu.monitor("info registers"))["cs"].limit == 0xFFFF
        gdb.write(0x500, b"\x12\x34")
        assert gdb.read(0x500, 2) == b"\x12\x34"
        gdb.detach()
        assert qemu.outcome().kind == "prompt"
