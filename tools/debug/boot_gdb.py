"""The gdb commands of `make debug`: where, code, steps, screen, and the start of the session.

boot.gdb sources this file inside gdb; see there. Whatever gdb cannot know about the machine (segment
bases and attributes, the true CPU mode) comes from QEMU's monitor, `info registers`.
"""
import os
import re
import subprocess

import gdb

BUILD = os.environ.get("SECTOR0_BUILD", "build")
QEMU = os.environ.get("SECTOR0_QEMU", "qemu-system-x86_64 -accel tcg -display none -nodefaults -vga std -m 64 "
                      f"-drive file={BUILD}/sector0.img,format=raw,snapshot=on")
STOPS = ["tour_01_entry", "tour_04_banner", "tour_12_protected_mode", "tour_14_long_mode", "tour_15_handoff", "kernel_main"]

# What to say about each control bit: register -> [(bit, name, words if set, words if clear)].
BITS = {
    "cr0": [(0, "PE", "protection on", "protection off"), (31, "PG", "paging on", "paging off"),
            (16, "WP", "read-only pages bind the kernel too", "read-only pages do not bind the kernel")],
    "cr4": [(5, "PAE", "64-bit page table entries", "32-bit page table entries"),
            (20, "SMEP", "no execution of user pages", None), (21, "SMAP", "no access to user pages", None)],
    "efer": [(8, "LME", "long mode enabled", "long mode not enabled"),
             (10, "LMA", "long mode active", "long mode not active"), (11, "NXE", "no-execute bit works", None)],
}
FLAGS = [(9, "interrupts on", "interrupts off"), (10, "direction down", "direction up"), (0, "carry set", "carry clear")]


class Cpu:
    """The CPU as QEMU's monitor describes it while the machine is stopped."""

    def __init__(self):
        text = gdb.execute("monitor info registers", to_string=True)
        number = lambda name: int(re.search(rf"\b{name} ?= *([0-9a-f]+)", text).group(1), 16)  # noqa: E731
        self.control = {"cr0": number("CR0"), "cr2": number("CR2"), "cr3": number("CR3"), "cr4": number("CR4"),
                        "efer": number("EFER")}
        wide = "RIP=" in text
        self.ip, self.sp = (number("RIP"), number("RSP")) if wide else (number("EIP"), number("ESP"))
        self.flags = number("RFL" if wide else "EFL")
        self.cs, self.cs_base, self.cs_flags = self._segment(text, "CS")
        self.ss, self.ss_base, _ = self._segment(text, "SS")

    @staticmethod
    def _segment(text, name):
        selector, base, flags = re.search(
            rf"^{name} *=([0-9a-f]+) ([0-9a-f]+) [0-9a-f]+ ([0-9a-f]+)", text, re.M).groups()
        return int(selector, 16), int(base, 16), int(flags, 16)

    @property
    def bits(self):
        """The width of the code that runs: 16, 32 or 64."""
        if not self.control["cr0"] & 1:
            return 16
        if self.control["efer"] & 0x400 and self.cs_flags & 1 << 21:
            return 64
        return 32 if self.cs_flags & 1 << 22 else 16

    @property
    def mode(self):
        if not self.control["cr0"] & 1:
            return "16-bit real mode"
        if self.bits == 64:
            return "64-bit long mode"
        compatibility = ", long mode's compatibility mode" if self.control["efer"] & 0x400 else ""
        return f"{self.bits}-bit protected mode{compatibility}"

    @property
    def linear(self):
        """The linear address of the next instruction."""
        return self.ip if self.bits == 64 else (self.cs_base + self.ip) & 0xFFFFFFFF


def place(address):
    """What lies at ADDRESS: label+offset and file:line, as far as the symbols know."""
    symbol = gdb.execute(f"info symbol {address:#x}", to_string=True)
    match = re.match(r"(\S+)(?: \+ (\d+))? in section", symbol)
    if not match:
        return "the BIOS" if 0xC0000 <= address < 0x100000 or address >= 0xFFFE0000 else "no symbol"
    name = match.group(1) + (f"+{match.group(2)}" if match.group(2) else "")
    line = gdb.find_pc_line(address)
    return f"{name}  {line.symtab.filename}:{line.line}" if line.symtab else name


def in_words(cpu, register):
    value = cpu.control[register]
    words = [f"{words} ({name})" for bit, name, yes, no in BITS[register]
             if (words := yes if value >> bit & 1 else no)]
    return f"{value:08x}  " + ", ".join(words)


def physical(address, size):
    """SIZE bytes of physical memory, whatever the page tables say."""
    gdb.execute("maint packet Qqemu.PhyMemMode:1", to_string=True)
    try:
        return bytes(gdb.selected_inferior().read_memory(address, size))
    finally:
        gdb.execute("maint packet Qqemu.PhyMemMode:0", to_string=True)


class Command(gdb.Command):
    """A command that takes no argument; its class's first line of documentation is its help."""

    name = None

    def __init__(self):
        super().__init__(self.name, gdb.COMMAND_USER)


class Where(Command):
    """where: CPU mode, CS:IP, flags, control registers and stack, in words. (bt is gdb's own where.)"""

    name = "where"

    def invoke(self, _argument, _tty):
        cpu = Cpu()
        digits = 4 if cpu.bits == 16 else cpu.bits // 4
        print(f"at     {cpu.cs:04X}:{cpu.ip:0{digits}X}  linear {cpu.linear:X}  {place(cpu.linear)}")
        print(f"mode   {cpu.mode}")
        print(f"flags  {cpu.flags:08x}  " + ", ".join(yes if cpu.flags >> bit & 1 else no for bit, yes, no in FLAGS))
        print(f"stack  {cpu.ss:04X}:{cpu.sp:0{digits}X}  linear {cpu.ss_base + cpu.sp:X}")
        print(f"cr0    {in_words(cpu, 'cr0')}")
        print(f"cr3    {cpu.control['cr3']:08x}  " + ("page tables" if cpu.control["cr0"] >> 31 else "not in use"))
        print(f"cr4    {in_words(cpu, 'cr4')}")
        print(f"efer   {in_words(cpu, 'efer')}")


class Code(Command):
    """code: the next eight instructions, decoded for the mode that the CPU is in."""

    name = "code"

    def invoke(self, _argument, _tty):
        cpu = Cpu()
        if cpu.bits == 64:
            gdb.execute("x/8i $pc")
            return
        data = physical(cpu.linear, 8 * 15)  # an instruction has at most 15 bytes; no paging up to here
        listing = subprocess.run(["ndisasm", f"-b{cpu.bits}", "-o", hex(cpu.linear), "-"], input=data,
                                 capture_output=True, check=True).stdout.decode()
        for line in listing.splitlines()[:8]:
            address, _, instruction = line.split(None, 2)
            label = gdb.execute(f"info symbol 0x{address}", to_string=True).split(" in section")[0]
            label = "" if "No symbol" in label else f"<{label.replace(' + ', '+')}>"
            print(f"  {int(address, 16):6x} {label:32} {instruction}")


class Steps(Command):
    """steps: the steps of the boot, their labels, and where their code is; * has a breakpoint."""

    name = "steps"

    def invoke(self, _argument, _tty):
        stops = gdb.execute("info breakpoints", to_string=True)
        with open("include/tour.h", encoding="utf-8") as header:
            steps = re.findall(r'X\((\d+), (\w+), "([^"]*)"\)', header.read())
        for number, name, text in steps:
            label = f"tour_{int(number):02}_{name}"
            try:
                address = int(gdb.parse_and_eval(f"(unsigned long)&'{label}'"))
                where = f"{address:8x}" if address < 1 << 32 else f"{address:x}"
                mark = "*" if re.search(rf"0x0*{address:x}\b", stops) else " "
            except gdb.error:
                where, mark = "no label in this build", " "
            print(f"{mark} {label:24} {where:18} {text}")


class Screen(Command):
    """screen: the 80 x 25 characters of the text screen."""

    name = "screen"

    def invoke(self, _argument, _tty):
        cells = physical(0xB8000, 80 * 25 * 2)[::2].decode("cp437").replace("\0", " ")
        for row in range(25):
            print("|" + cells[row * 80:row * 80 + 80] + "|")


class BootStart(Command):
    """boot-start: start QEMU stopped, load all symbols, set the breakpoints, go to 7C00."""

    name = "boot-start"

    def invoke(self, _argument, _tty):
        gdb.execute(f"symbol-file {BUILD}/kernel.elf", to_string=True)
        for stage in ("stage1", "stage2"):
            gdb.execute(f"add-symbol-file {BUILD}/{stage}.elf", to_string=True)
        gdb.execute(f"target remote | exec {QEMU} -S -gdb stdio", to_string=True)
        for label in STOPS:
            gdb.execute(f"break *&{label}", to_string=True)
        gdb.execute("continue", to_string=True)
        print("Sector0 is stopped at its first instruction. c goes on to the next of: " + ", ".join(STOPS[1:]))
        print("where  mode, CS:IP, control registers   code   next instructions   steps  all labels of the boot")
        print("screen the text screen                  si     one instruction     tbreak LABEL, then c: go there")
        gdb.execute("where")


# Without this gdb would let the machine run on and wait some seconds for it to end.
gdb.events.gdb_exiting.connect(lambda _event: gdb.execute("kill") if gdb.selected_inferior().pid else None)

for command in (Where, Code, Steps, Screen, BootStart):
    command()
