"""The state at every hand-over, read by the debugger and compared with docs/boot.md, section 4.

Hazards: E1, E2, E4, E14 (stack canary), A2 (A20 was open: nothing is touched), M10 (bootinfo's
map), P1 to P4, P8 to P11. Memory is filled with junk before the first instruction of ours, so that
nothing can pass because it was zero by chance.
"""
import re
import struct

import pytest

from lib.bochs import Bochs
from lib.gdbstub import GdbStub, cpu_state
from lib.headers import constants, crc32c, offsets, tour_steps
from lib.images import make_image, read_sector
from lib.kernels import HEADER, assembled, sum_kernel, with_header
from lib.paths import BUILD
from lib.qemu import Qemu
from lib.symbols import label, symbols

LAYOUT = constants()
PE, WP, PG = 1, 1 << 16, 1 << 31
PAE = 1 << 5
LME, LMA = 1 << 8, 1 << 10
IF, DF = 1 << 9, 1 << 10
JUNK = bytes(range(1, 256)) * 4 + b"\xA5\x5A\xA5\x5A"  # 1024 bytes, none of them 0


@pytest.fixture
def machine(image):
    """A machine stopped before its first instruction, and the debugger's connection to it."""
    with Qemu(image, gdb=True, disk="virtio") as qemu, GdbStub(qemu.gdb_path) as gdb:
        qemu.gdb = gdb
        yield qemu


def state(machine):
    return cpu_state(machine.monitor("info registers"))


def run_to_step(machine, number):
    name = next(name for step, name, _ in tour_steps() if step == number)
    return machine.gdb.run_to(label(f"tour_{number:02}_{name}"))


def fill_with_junk(gdb):
    """All memory that the loader uses, but for what the BIOS needs and the sector that runs."""
    for start, end in ((0x600, 0x7C00), (0x7E00, 0x9F000), (0x100000, 0x140000)):
        gdb.write(start, (JUNK * ((end - start) // len(JUNK) + 1))[:end - start])


def field(raw, name, kind):
    return struct.unpack_from(kind, raw, offsets("bootinfo")[name])[0]


def read_bootinfo(gdb):
    return gdb.read(LAYOUT["BOOTINFO_BASE"], offsets("bootinfo")["sizeof"])


# ---- 4.1 BIOS to stage 1 -----------------------------------------------------------------------

@pytest.mark.check
def test_bios_to_stage1(machine, image):
    registers = machine.gdb.run_to(0x7C00)
    assert registers["cs"] == 0 and not registers["cr0"] & PE
    assert registers["rdx"] & 0xFF == 0x80
    assert machine.gdb.read(0x7C00, 512) == read_sector(image, 0)
    assert label("tour_01_entry") == 0x7C00


# ---- 4.2 Stage 1 to stage 2 --------------------------------------------------------------------

@pytest.mark.check
def test_stage1_to_stage2(machine):
    gdb = machine.gdb
    gdb.run_to(0x7C00)
    fill_with_junk(gdb)
    registers = run_to_step(machine, 4)
    assert (registers["cs"], registers["ds"], registers["ss"]) == (0, 0, 0)
    assert registers["rip"] == LAYOUT["STAGE2_BASE"] and not registers["cr0"] & PE
    assert registers["rsp"] & 0xFFFF == LAYOUT["STAGE1_RECORD_BASE"]
    stage2 = (BUILD / "stage2.bin").read_bytes()
    assert gdb.read(LAYOUT["STAGE2_BASE"], len(stage2)) == stage2
    sectors = -(-len(stage2) // 512) * 512
    assert not any(gdb.read(LAYOUT["STAGE2_BASE"] + len(stage2), sectors - len(stage2)))
    record = gdb.read(LAYOUT["STAGE1_RECORD_BASE"], 12)
    tsc, drive, given, _scratch, status = struct.unpack("<QBBBB", record)
    assert tsc and (drive, given, status) == (0x80, 0x80, 0)


# ---- 4.3 To protected mode ---------------------------------------------------------------------

def test_to_protected_mode(machine):
    machine.gdb.run_to(0x7C00)
    fill_with_junk(machine.gdb)
    ivt = machine.gdb.read(0, 0x400)
    registers = run_to_step(machine, 12)
    assert registers["cs"] == 0x08
    assert registers["cr0"] & PE and not registers["cr0"] & PG
    assert not registers["eflags"] & IF
    cpu = state(machine)
    assert cpu["cs"].default_32 and not cpu["cs"].long_mode and cpu["cs"].dpl == 0
    assert (cpu["cs"].base, cpu["cs"].limit) == (0, 0xFFFFFFFF)
    assert cpu["gdt"][0] == symbols("stage2.elf")["gdt"] and cpu["gdt"][1] % 8 == 7
    assert cpu["idt"][1] == 32 * 8 - 1
    assert cpu["a20"]
    assert machine.gdb.read(0, 0x400) == ivt, "the interrupt vectors are the BIOS's until the end"
    kernel = (BUILD / "kernel.bin").read_bytes()
    mem_size = HEADER.unpack_from(kernel)[2]
    assert machine.gdb.read(LAYOUT["KERNEL_PHYS"], len(kernel)) == kernel
    assert not any(machine.gdb.read(LAYOUT["KERNEL_PHYS"] + len(kernel), mem_size - len(kernel)))
    assert machine.gdb.read(LAYOUT["STACK_BASE"], 4) == struct.pack("<I", 0x0FF1C1A1)


def test_data_segments_in_protected_mode(machine):
    run_to_step(machine, 13)
    cpu = state(machine)
    for name in ("ds", "es", "fs", "gs", "ss"):
        assert (cpu[name].selector, cpu[name].base, cpu[name].limit) == (0x10, 0, 0xFFFFFFFF), name


def interrupt_gates(machine, size):
    """The gates of the loaded IDT: (present interrupt gate, selector, offset)."""
    base, limit = state(machine)["idt"]
    raw = machine.gdb.read(base, limit + 1)
    for gate in range(0, len(raw), size):
        low, selector, kind, high = struct.unpack_from("<HHHH", raw, gate)
        yield kind == 0x8E00, selector, low | high << 16


@pytest.mark.parametrize("step, size, code", [(12, 8, 0x08), (15, 16, 0x28)])
def test_every_exception_has_a_gate(machine, step, size, code):
    run_to_step(machine, step)
    gates = list(interrupt_gates(machine, size))
    assert len(gates) == 32
    for present, selector, offset in gates:
        assert present and selector == code
        assert LAYOUT["STAGE2_BASE"] <= offset < LAYOUT["STAGE2_END"]


# ---- 4.4 To long mode --------------------------------------------------------------------------

def test_to_long_mode(machine):
    machine.gdb.run_to(0x7C00)
    fill_with_junk(machine.gdb)
    registers = run_to_step(machine, 15)
    assert registers["cs"] == 0x28
    assert registers["cr0"] & (PE | PG | WP) == PE | PG | WP
    assert registers["cr3"] == LAYOUT["PAGE_TABLES_BASE"]
    assert registers["cr4"] & PAE
    assert registers["efer"] & (LME | LMA) == LME | LMA
    assert not registers["eflags"] & IF
    cpu = state(machine)
    assert cpu["cs"].long_mode and not cpu["cs"].default_32
    assert cpu["idt"][1] == 32 * 16 - 1
    for name in ("ds", "es", "fs", "gs", "ss"):
        assert cpu[name].selector == 0x10, name


def test_page_tables(machine):
    """4 GiB one to one and 1 GiB at the kernel's base, in 2 MiB pages; everything else is zero."""
    machine.gdb.run_to(0x7C00)
    fill_with_junk(machine.gdb)
    run_to_step(machine, 15)
    raw = machine.gdb.read(LAYOUT["PAGE_TABLES_BASE"], LAYOUT["PAGE_TABLES_COUNT"] * 4096)
    table = [
        struct.unpack_from("<512Q", raw, page * 4096) for page in range(LAYOUT["PAGE_TABLES_COUNT"])
    ]
    base, accessed = LAYOUT["PAGE_TABLES_BASE"], 0x60  # the CPU sets accessed and dirty
    pml4, low, high = table[0], table[1], table[6]

    def entries(page):
        return {index: value & ~accessed for index, value in enumerate(page) if value}

    assert entries(pml4) == {0: base + 0x1000 | 3, 511: base + 0x6000 | 3}
    assert entries(low) == {index: base + 0x2000 + index * 0x1000 | 3 for index in range(4)}
    assert entries(high) == {510: base + 0x2000 | 3}
    for directory in range(4):
        expected = {index: (directory << 30) + (index << 21) | 0x83 for index in range(512)}
        assert entries(table[2 + directory]) == expected


# ---- 4.5 Stage 2 to the kernel -----------------------------------------------------------------

@pytest.mark.check
def test_to_the_kernel(machine):
    machine.gdb.run_to(0x7C00)
    fill_with_junk(machine.gdb)
    registers = run_to_step(machine, 16)
    kernel = (BUILD / "kernel.bin").read_bytes()
    assert registers["rip"] == HEADER.unpack_from(kernel)[3] >= LAYOUT["KERNEL_VIRT"]
    assert registers["rdi"] == LAYOUT["BOOTINFO_BASE"]
    assert registers["rsp"] % 16 == 8
    assert LAYOUT["STACK_BASE"] < registers["rsp"] < LAYOUT["STACK_TOP"]
    assert registers["rbp"] == 0
    assert not registers["eflags"] & (IF | DF)
    physical = registers["rip"] - LAYOUT["KERNEL_VIRT_BASE"]
    assert machine.gdb.read(registers["rip"], 64) == machine.gdb.read(physical, 64)
    returns_to = struct.unpack("<Q", machine.gdb.read(registers["rsp"], 8))[0]
    assert returns_to == symbols("stage2.elf")["kernel_returned"]


def test_bootinfo(machine):
    gdb = machine.gdb
    gdb.run_to(0x7C00)
    fill_with_junk(gdb)
    run_to_step(machine, 16)
    raw = read_bootinfo(gdb)
    kernel = (BUILD / "kernel.bin").read_bytes()
    _, length, mem_size, _, _ = HEADER.unpack_from(kernel)
    assert raw[:8] == b"S0INFO\0\0"
    assert field(raw, "size", "<I") == len(raw) and field(raw, "version", "<I") == 1
    assert struct.unpack("<I", raw[-4:])[0] == crc32c(raw[:-4])
    assert field(raw, "flags", "<I") == 1 | 2, "COM1 and port E9, and nothing else happened"
    assert (field(raw, "drive", "B"), field(raw, "drive_given", "B")) == (0x80, 0x80)
    assert (field(raw, "slot", "B"), field(raw, "manifest_copy", "<I")) == (0, 0)
    assert field(raw, "sector_size", "<H") == 512 and field(raw, "disk_sectors", "<Q") == 131072
    assert field(raw, "kernel_length", "<I") == length
    assert field(raw, "kernel_mem_size", "<I") == mem_size
    assert field(raw, "partition_count", "B") == 1
    assert field(raw, "retries", "<I") == 0
    assert field(raw, "a20_method", "B") == 0, "A20 was open already"
    assert field(raw, "low_memory_kib", "<I") == 639
    assert field(raw, "cmdline", "<Q") == LAYOUT["CMDLINE_BASE"]
    sector = read_sector(machine.image, 0)
    assert field(raw, "mbr_crc32c", "<I") == crc32c(sector)
    assert field(raw, "disk_signature", "<I") == struct.unpack_from("<I", sector, 440)[0]
    manifest = read_sector(machine.image, LAYOUT["MANIFEST0_LBA"])
    assert raw[offsets("bootinfo")["merkle_root"]:][:32] == manifest[64:96]


def test_memory_map_in_bootinfo(machine):
    """The raw map, as SeaBIOS gives it on this machine of 64 MiB with a virtio disk."""
    run_to_step(machine, 16)
    raw = read_bootinfo(machine.gdb)
    count = field(raw, "e820_count", "<I")
    told = machine.gdb.read(field(raw, "e820", "<Q"), 24 * count)
    entries = list(struct.iter_unpack("<QQII", told))
    assert [(base, length, kind) for base, length, kind, _ in entries] == [
        (0, 0x9FC00, 1), (0x9FC00, 0x400, 2), (0xF0000, 0x10000, 2), (0x100000, 0x3EDD000, 1),
        (0x3FDD000, 0x23000, 2), (0xFFFC0000, 0x40000, 2), (0xFD00000000, 0x300000000, 2)]
    assert {attributes for *_, attributes in entries} == {1}


def test_timeline(machine):
    """Every step that stamps is there, in order, and time never runs backwards."""
    run_to_step(machine, 16)
    raw = read_bootinfo(machine.gdb)
    start = offsets("bootinfo")["timeline"]
    end = start + 16 * field(raw, "timeline_count", "<I")
    entries = list(struct.iter_unpack("<IIQ", raw[start:end]))
    assert [step for step, _, _ in entries] == [1, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15]
    stamps = [tsc for _, _, tsc in entries]
    assert stamps == sorted(stamps) and stamps[0] > 0


def test_pics_are_the_bioss(machine):
    """The loader has not moved the interrupts: both PICs still have the BIOS's vectors."""
    run_to_step(machine, 16)
    text = machine.monitor("info pic")
    assert "irq_base=08" in text and "irq_base=70" in text


@pytest.mark.parametrize("mem_size", [0x2000, 0x40000])
def test_bss_is_zeroed_over_junk(tmp_path, mem_size):
    line = sum_kernel(tmp_path / "kernel.bin", 1111, mem_size)
    image = make_image(tmp_path / "disk.img", kernel=tmp_path / "kernel.bin")
    with Qemu(image, gdb=True, disk="virtio") as qemu, GdbStub(qemu.gdb_path) as gdb:
        gdb.run_to(0x7C00)
        fill_with_junk(gdb)
        gdb.detach()
        assert qemu.expect(r"(test kernel: [^\r\n]*)\r\n").group(1) == line


def test_boots_from_junk_to_the_prompt(machine):
    machine.gdb.run_to(0x7C00)
    fill_with_junk(machine.gdb)
    machine.gdb.detach()
    machine.wait_prompt()
    assert machine.run("echo hello") == "hello"


# ---- In Bochs, by its own debugger -------------------------------------------------------------

def test_kernel_entry_in_bochs(image):
    """The same contract on the stricter CPU model; Bochs' `info tab` shows the mapping."""
    entry = label("tour_16_kernel_main")
    script = [f"lb {entry:#x}", "c", "r", "creg", "sreg", "info tab"]
    with Bochs(image, rc=script) as bochs:
        bochs.wait_end(60)
        text = bochs.stdout
    assert f"{entry >> 32:08x}_{entry & 0xFFFFFFFF:08x}" in text
    assert "rdi: 00000000_00000800" in text and "rbp: 00000000_00000000" in text
    assert "lma" in text.lower()
    assert " if " in text and " df " in text, "IF and DF are clear: small letters"
    assert "0x0000000000000000-0x00000000ffffffff -> 0x000000000000-0x0000ffffffff" in text
    assert "0xffffffff80000000-0xffffffffbfffffff -> 0x000000000000-0x00003fffffff" in text


# ---- P4: an NMI between any two steps ----------------------------------------------------------

@pytest.mark.parametrize("number, name", [(number, name) for number, name, _ in tour_steps()])
def test_nmi_at_every_step(machine, number, name):
    """Ignored, or a named error; never a reset, never a hang."""
    if name == "prompt":
        machine.gdb.detach()
        machine.wait_prompt()
    else:
        machine.gdb.run_to(label(f"tour_{number:02}_{name}"))
    machine.monitor("nmi")
    if name == "prompt":
        outcome = machine.outcome()
    else:
        machine.gdb.detach()
        outcome = machine.outcome()
    if outcome.kind == "failed":
        assert outcome.code == "E18" and "exception 02" in outcome.line, outcome
    elif outcome.kind == "panic":
        assert "NMI" in outcome.line or "non-maskable" in outcome.line, outcome
    else:
        assert outcome.kind == "prompt", outcome


# ---- P11: kernels that go wrong ----------------------------------------------------------------

FAULTS = {"ud": r"exception 06 error 00000000 at 00000028:FFFFFFFF801000\w\w CR2=\w{16}$",
          "pf": r"exception 0E error 00000000 at 00000028:FFFFFFFF801000\w\w CR2=0000123456789000$",
          "de": r"exception 00 error 00000000 at 00000028:FFFFFFFF801000\w\w CR2=\w{16}$",
          "gp": r"exception 0D error 00000000 at 00000028:"}


def fault_image(tmp_path, fault):
    (tmp_path / "kernel.bin").write_bytes(with_header(assembled(f"fault-{fault}")))
    return make_image(tmp_path / "disk.img", kernel=tmp_path / "kernel.bin")


@pytest.mark.parametrize("emulator", [Qemu, Bochs])
@pytest.mark.parametrize("fault", FAULTS)
def test_kernel_that_faults(tmp_path, fault, emulator):
    with emulator(fault_image(tmp_path, fault)) as machine:
        outcome = machine.outcome()
    assert outcome.code == "E18", outcome
    assert re.search(FAULTS[fault], outcome.line), outcome.line


@pytest.mark.parametrize("emulator", [Qemu, Bochs])
def test_kernel_that_returns(tmp_path, emulator):
    with emulator(fault_image(tmp_path, "return")) as machine:
        outcome = machine.outcome()
    assert outcome.code == "E19" and "the kernel returned" in outcome.line, outcome


def test_report_is_on_the_screen(tmp_path):
    with Qemu(fault_image(tmp_path, "ud")) as qemu:
        qemu.outcome()
        qemu.expect_screen("boot failed: E18 exception 06")
