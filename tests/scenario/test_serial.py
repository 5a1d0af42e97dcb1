"""COM1 and port E9: line settings, line ends, and machines where they are missing or stuck.

Hazards: O1 (COM1 is programmed by us, found by its scratch register, every wait ends), O2, O4 (CR
LF).
"""
import os
import re

import pytest

from lib.bochs import Bochs
from lib.qemu import Qemu


@pytest.mark.parametrize("emulator", [Qemu, Bochs])
def test_lines_end_in_cr_lf(image, emulator):
    with emulator(image) as machine:
        machine.wait_prompt()
        machine.run("help")
        raw = machine.raw_output
    assert "\r\n" in raw
    assert not re.search(r"(?<!\r)\n", raw), "a line feed without a carriage return"
    assert not re.search(r"\r(?!\n)", raw), "a carriage return without a line feed"


def test_115200_8n1(image):
    """The UART's registers at the prompt: divisor 1, 8 bits, no parity, 1 stop bit."""
    with Qemu(image) as qemu:
        qemu.wait_prompt()

        def port(address):
            return int(
                re.search(r"= (0x[0-9a-f]+)", qemu.monitor(f"i/b {address:#x}")).group(1), 16)

        assert port(0x3FB) == 0x03
        qemu.monitor("o/b 0x3fb 0x83")
        assert (port(0x3F8), port(0x3F9)) == (1, 0)


def test_no_com1_takes_no_time(image):
    """Without a UART the boot is not slowed by waits that can never end well."""
    with Qemu(image, serial=False) as qemu:
        qemu.wait_prompt()
        assert "boot failed" not in qemu.output


def test_com1_that_nobody_reads(image, tmp_path):
    """The other end of COM1 is stuck from the first byte on: the machine boots all the same."""
    for name in ("stuck.in", "stuck.out"):
        os.mkfifo(tmp_path / name)
    reader = os.open(tmp_path / "stuck.out", os.O_RDWR | os.O_NONBLOCK)
    try:
        while True:
            os.write(reader, b"x" * 4096)
    except BlockingIOError:
        pass  # the pipe is full
    args = ["-chardev", f"pipe,id=stuck,path={tmp_path}/stuck", "-serial", "chardev:stuck"]
    with Qemu(image, serial=False, args=args, disk="virtio") as qemu:
        qemu.wait_prompt(120)
        qemu.keys("e", "c", "h", "o", "spc", "o", "k", "ret")
        qemu.expect(r"\nok\r?\n", 60)
    os.close(reader)


def test_both_consoles_say_the_same(image):
    with Qemu(image) as qemu:
        qemu.wait_prompt()
        qemu.run("echo hello")
        assert qemu.e9_text() == qemu.output
