"""A small client of the gdb remote protocol, for QEMU's stub.

It stops the machine at linear addresses and reads registers and memory; what the stub does not know
(descriptor tables, segment attributes) comes from the monitor's `info registers` while the machine
is stopped. QEMU always answers `g` in its 64-bit layout, whatever mode the CPU is in, and compares
breakpoints with the linear address. [GDB Remote Protocol]
"""
import re
import select
import socket
import struct
import time
from dataclasses import dataclass

from lib.machine import TIMEOUT

_GENERAL = ["rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rbp", "rsp", "r8", "r9", "r10", "r11", "r12",
            "r13", "r14", "r15", "rip"]
_SEGMENTS = ["cs", "ss", "ds", "es", "fs", "gs"]
_CONTROL = ["fs_base", "gs_base", "k_gs_base", "cr0", "cr2", "cr3", "cr4", "cr8", "efer"]
_LAYOUT = "<17QI6I9Q"  # then come the x87 and SSE registers


class GdbStub:
    """Connects to the socket PATH of a Qemu started with gdb=True; the machine is stopped then."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        deadline = time.monotonic() + TIMEOUT
        while True:
            try:
                self.socket.connect(str(path))
                break
            except OSError:
                assert time.monotonic() < deadline, f"no gdb stub at {path}"
                time.sleep(0.05)
        self._buffer = b""
        self.command("qSupported")

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.socket.close()

    def _receive(self, timeout):
        """The next packet's payload; fails at a time-out or when QEMU has ended."""
        while True:
            packet = re.match(rb"[^$]*\$([^#]*)#..", self._buffer, re.DOTALL)
            if packet:
                self._buffer = self._buffer[packet.end():]
                self.socket.sendall(b"+")
                return packet.group(1).decode()
            ready = select.select([self.socket], [], [], timeout)[0]
            assert ready, f"the machine did not stop within {timeout} s"
            data = self.socket.recv(65536)
            assert data, "the machine ended instead of stopping"
            self._buffer += data

    def _send(self, text):
        data = text.encode()
        self.socket.sendall(b"$" + data + b"#%02x" % (sum(data) & 0xFF))

    def command(self, text, timeout=None):
        self._send(text)
        return self._receive(TIMEOUT if timeout is None else timeout)

    def breakpoint(self, address):
        assert self.command(f"Z1,{address:x},1") == "OK"

    def remove_breakpoint(self, address):
        assert self.command(f"z1,{address:x},1") == "OK"

    def detach(self):
        """Let the machine run on; nothing else can be asked after that."""
        assert self.command("D") == "OK"

    def run_to(self, address, timeout=None):
        """Continue until the instruction at linear ADDRESS comes next; returns the registers."""
        self.breakpoint(address)
        answer = self.command("c", timeout)
        assert answer[0] in "TS", f"the machine did not stop at {address:#x}: {answer}"
        self.remove_breakpoint(address)
        registers = self.registers()
        base = registers["cs"] << 4 if not registers["cr0"] & 1 else 0
        stopped = base + registers["rip"]
        assert stopped == address, f"stopped at {stopped:#x}, not {address:#x}"
        return registers

    def step(self):
        assert self.command("s")[0] in "TS"
        return self.registers()

    def registers(self):
        raw = bytes.fromhex(self.command("g"))
        values = struct.unpack_from(_LAYOUT, raw)
        return dict(zip(_GENERAL + ["eflags"] + _SEGMENTS + _CONTROL, values))

    def read(self, address, size):
        """SIZE bytes at a virtual ADDRESS (physical while paging is off)."""
        data = b""
        while len(data) < size:
            part = min(size - len(data), 1024)
            answer = self.command(f"m{address + len(data):x},{part:x}")
            assert not answer.startswith("E"), f"cannot read at {address + len(data):#x}"
            data += bytes.fromhex(answer)
        return data

    def write(self, address, data):
        """DATA to a virtual ADDRESS (physical while paging is off)."""
        for place in range(0, len(data), 1024):
            part = data[place:place + 1024]
            assert self.command(f"M{address + place:x},{len(part):x}:{part.hex()}") == "OK"


@dataclass
class Segment:
    selector: int
    base: int
    limit: int
    flags: int  # the high dword of the descriptor

    @property
    def dpl(self):
        return self.flags >> 13 & 3

    @property
    def type(self):
        return self.flags >> 8 & 15

    @property
    def long_mode(self):
        return bool(self.flags >> 21 & 1)

    @property
    def default_32(self):
        return bool(self.flags >> 22 & 1)


def cpu_state(monitor_text):
    """What `info registers` says: segments by name, gdt/idt as (base, limit), a20 as bool."""
    state = {}
    for name, selector, base, limit, flags in re.findall(
            r"^(ES|CS|SS|DS|FS|GS|LDT|TR)\s*=([0-9a-f]+) ([0-9a-f]+) ([0-9a-f]+) ([0-9a-f]+)",
            monitor_text, re.M):
        state[name.lower()] = Segment(*(int(value, 16) for value in (selector, base, limit, flags)))
    for name, base, limit in re.findall(r"^(GDT|IDT)=\s+([0-9a-f]+) ([0-9a-f]+)", monitor_text,
                                        re.M):
        state[name.lower()] = (int(base, 16), int(limit, 16))
    state["a20"] = re.search(r"A20=(\d)", monitor_text).group(1) == "1"
    return state
