"""What the kernel says when it fails: every kind of `crash`, on COM1, on port E9 and white on red on the
screen, never a reset; each address named as addr2line names it; and a hand-off that is wrong, field by field.
"""
import re
import struct
import time

import pytest

from lib.bochs import Bochs
from lib.gdbstub import GdbStub
from lib.headers import constants, crc32c, offsets
from lib.images import make_image
from lib.machine import TIMEOUT
from lib.panics import check_places, check_screen, parse, read_report
from lib.paths import REPO
from lib.qemu import Qemu
from lib.symbols import label

ADDRESS = r"[0-9a-f]{16}"
NOTHING = r"The walk ended at level 4: entry \d+ of the PML4 is not present\."


class Kind:
    """FIRST: the words of the first line; FUNCTION and LINE: what is in the source line that it must name;
    CAUSE: a line that explains it; CALLER: who called FUNCTION, or who called that."""

    def __init__(self, first, function, line, cause=None, caller="command_crash"):
        self.first, self.function, self.line, self.cause, self.caller = first, function, line, cause, caller


KINDS = {
    "de": Kind(r"division error \(#DE\)", "crash_de", "divl"),
    "ud": Kind(r"invalid opcode \(#UD\)", "crash_ud", "ud2", r"The bytes there: 0f 0b .*"),
    "bp": Kind(r"breakpoint \(#BP\)", "crash_bp", None),
    "gp": Kind(r"general protection \(#GP\)", "crash_gp", r"movb \(%0\)",
               r"Perhaps: R\w\w? ?is not a canonical address\."),
    "pf-read": Kind(rf"page fault \(#PF\): read of {ADDRESS}, no page there", "crash_pf_read", r"movb \(%0\)", NOTHING),
    "pf-write": Kind(rf"page fault \(#PF\): write to {ADDRESS}, its page forbids that", "crash_pf_write",
                     r"movb \$0", r"Its page of \d+ KiB is read-only and executable\."),
    "pf-exec": Kind(rf"page fault \(#PF\): execution of {ADDRESS}, its page forbids that", "crash_pf_exec",
                    r"target\(\);", r"Its page of \d+ KiB is writable and not executable\."),
    "null": Kind(r"page fault \(#PF\): read of 0{14}10, no page there", "crash_null", r"movb \(%0\)",
                 r"A null pointer \+ 0x10\."),
    "stack": Kind(r"double fault \(#DF\)", "crash_stack", r"crash_stack\(\);",
                  rf"{ADDRESS} is below the (boot stack|stack of thread `shell`): stack overflow\."),
    "df": Kind(r"double fault \(#DF\)", "crash_df", "movq %0, %%rsp", NOTHING),
    "nmi": Kind(r"non-maskable interrupt \(NMI\)", "crash_nmi", None, r"The chipset reports no hardware error\."),
    "assert": Kind(r"assertion failed: cr0 == 0: CR0 is [0-9a-f]+", "crash_assert", r"ASSERT\(cr0 == 0"),
    "oom": Kind(r"out of memory: 1048576 bytes asked for, \d+ of \d+ KiB are free", "crash_oom", r"PANIC\("),
    "uaf": Kind(rf"heap: something wrote to free object 0x{ADDRESS} of \d+ bytes, by crash_uaf\S* .*", "heap_panic",
                r"PANIC\(", caller="crash_uaf"),
    "double-free": Kind(rf"heap: second release of object 0x{ADDRESS} of \d+ bytes, by crash_double_free\S* .*",
                        "heap_panic", r"PANIC\(", caller="crash_double_free"),
    "overflow": Kind(rf"heap: something wrote to free object 0x{ADDRESS} of \d+ bytes, by crash_overflow\S* .*",
                     "heap_panic", r"PANIC\(", caller="crash_overflow"),
    "lock": Kind(r"spin lock crash taken twice, in crash_lock \(\S+:\d+\) and now by thread shell in crash_lock \(\S+:\d+\)",
                 "refuse_lock", r"PANIC\(", caller="crash_lock"),
    "hang": Kind(r"hang: thread shell, preemption off for 2 s", "crash_hang", r"for \(;;\)|pause"),
    "hang-irq": Kind(r"hang: thread shell, interrupts off for 2 s", "crash_hang_irq", r"for \(;;\)|pause"),
    "smash": Kind(r"stack smashed: crash_smash has written beyond the end of an array", "crash_smash", "}"),
}
IN_HEAP = ["uaf", "double-free", "overflow"]
# Where PANIC is called, only some registers are known.
WITHOUT_REGISTERS = ["assert", "oom", "lock", "smash"] + IN_HEAP
LISTED = list(KINDS)


def crash(machine, kind):
    machine.wait_prompt()
    machine.send(f"crash {kind}\r")
    return read_report(machine, TIMEOUT * 3)


def source_line(file, number):
    return (REPO / file).read_text().split("\n")[number - 1]


def check_report(name, report):
    kind = KINDS[name]
    assert re.fullmatch("PANIC: " + kind.first, report.headline)
    file, line, function = re.fullmatch(r"(\S+):(\d+) in (\S+)", report.place).groups()
    # BP and NMI stop behind their instruction, which may be the last of a line.
    assert function == kind.function and (file.startswith("shell/") or name in ["lock"] + IN_HEAP)
    assert kind.line is None or re.search(kind.line, source_line(file, int(line))), report.place
    assert kind.cause is None or re.search(f"^{kind.cause}$", report.text, re.M), report.text
    answers = check_places(report)
    # The compiler makes one call of the heap's two calls of PANIC, so the address has the line of either.
    assert (kind.function, file, int(line)) in answers or name in IN_HEAP
    check_backtrace(name, report)
    check_values(name, report)


def check_backtrace(name, report):
    functions, kind = report.functions(), KINDS[name]
    if name == "pf-exec":
        assert functions[0] is None  # where there is no code
    assert kind.function in functions[:2], report.text
    functions = functions[functions.index(kind.function):]
    if name == "smash":
        return  # whose caller was written over
    if name != "df":  # which loses the stack that the return address is on
        assert kind.caller in functions[1:5] and "command_crash" in functions, report.text
    assert "shell_run" in functions, report.text
    assert ("times more" in report.text) == (name == "stack")


def check_values(name, report):
    registers = "RIP RBP RSP" if name in WITHOUT_REGISTERS else (
        "RIP RAX RBX RCX RDX RSI RDI RBP RSP R8 R9 R10 R11 R12 R13 R14 R15")
    for register in (registers + " CR0 CR2 CR3 CR4").split():
        assert re.search(rf"\b{register} +{ADDRESS}", report.text), f"no {register}:\n{report.text}"
    assert re.search(r"^RFLAGS [0-9a-f]+( [A-Z]F)*$|  RFLAGS [0-9a-f]+( [A-Z]F)*$", report.text, re.M), report.text
    on = "off" if name in ["lock", "hang-irq"] + IN_HEAP else "on"
    locks = "crash" if name == "lock" else "heap" if name in IN_HEAP else "none"
    assert f"\nIn thread shell, interrupts {on}, spin locks held: {locks}.\n" in report.text, report.text
    log = report.text.split("The end of the log:\n")[1].split("\n")
    assert 0 < len([line for line in log if re.match(r"\[ +\d+\.\d{6}\] ", line)]) <= 8
    assert re.search(r"^Sector0 kernel .*, slot A, Merkle root [0-9a-f]{64}$", report.text, re.M), report.text


def image_for(kind, tmp_path):
    cmdline = {"hang-irq": "watchdog=nmi"}.get(kind)
    return make_image(tmp_path / "d.img", cmdline=cmdline)


@pytest.mark.parametrize("kind", KINDS)
def test_crash(tmp_path, kind):
    with Qemu(image_for(kind, tmp_path)) as qemu:
        report = crash(qemu, kind)
        check_report(kind, report)
        assert "PANIC: " in qemu.e9_text()
        check_screen(qemu, report)


@pytest.mark.parametrize("kind", KINDS)
def test_crash_in_bochs(tmp_path, kind):
    with Bochs(image_for(kind, tmp_path)) as bochs:
        check_report(kind, crash(bochs, kind))


def test_kinds_are_listed(image):
    with Qemu(image) as qemu:
        qemu.wait_prompt()
        assert re.findall(r"^  (\S+)", qemu.run("crash"), re.M) == LISTED


def test_without_nx(image):
    with Qemu(image, cpu="qemu64,-nx") as qemu:
        qemu.wait_prompt()
        qemu.send("crash pf-exec\r")
        qemu.expect(r"PANIC: page fault \(#PF\): \w+ of [0-9a-f]{16}, no page there")
        qemu.expect(r"System halted\.")


def test_nmi_from_outside(image):
    with Qemu(image) as qemu:
        qemu.wait_prompt()
        qemu.monitor("nmi")
        qemu.expect(r"PANIC: non-maskable interrupt")
        qemu.expect(r"System halted\.")


MACHINE_CHECK = "mce 0 9 0xbc00000000000000 5 0x123000 0"  # an uncorrected error of that address, in bank 9


def test_machine_check(image):
    with Qemu(image, cpu="max") as qemu:
        qemu.wait_prompt()
        qemu.monitor(MACHINE_CHECK)
        report = read_report(qemu)
        assert report.headline == "PANIC: machine check (#MC)"
        assert re.search(r"^Bank 9 says bc00000000000000 of 123000\.$", report.text, re.M), report.text
        check_places(report)
        # The second one, while the first has not been answered, resets a CPU: that is the hardware's rule.


def test_machine_check_after_the_panic(image):
    with Qemu(image, cpu="max") as qemu:
        crash(qemu, "ud")
        before = qemu.output
        qemu.monitor(MACHINE_CHECK)
        time.sleep(0.5)
        assert qemu.output == before and "HLT=1" in qemu.monitor("info registers")


def test_nmi_after_the_panic(image):
    """It wakes the CPU out of its last HLT, and must not start anything."""
    with Qemu(image) as qemu:
        report = crash(qemu, "ud")
        before = qemu.output
        for _ in range(20):
            qemu.monitor("nmi")
        time.sleep(0.5)
        assert qemu.output == before and "HLT=1" in qemu.monitor("info registers")
        check_screen(qemu, report)


def test_nmis_in_the_panic(tmp_path):
    """With watchdog=nmi, NMIs go on while any panic is being printed."""
    with Qemu(make_image(tmp_path / "d.img", cmdline="watchdog=nmi")) as qemu:
        report = crash(qemu, "stack")
        check_report("stack", report)
        assert report.text.count("PANIC") == 1


@pytest.mark.parametrize("machine", ["q35", "isapc"])
def test_nmi_watchdog_elsewhere(tmp_path, machine):
    image = make_image(tmp_path / "d.img", cmdline="watchdog=nmi")
    with Qemu(image, machine=machine, disk="ide") as qemu:
        qemu.wait_prompt()
        if machine == "isapc":
            assert re.search(r"watchdog: no NMIs: no (IO-APIC|local APIC)", qemu.run("dmesg"))
            return
        qemu.send("crash hang-irq\r")
        check_report("hang-irq", read_report(qemu, TIMEOUT * 3))


def test_watchdog_off(tmp_path):
    with Qemu(make_image(tmp_path / "d.img", cmdline="watchdog=off")) as qemu:
        qemu.wait_prompt()
        qemu.send("crash hang\r")
        time.sleep(6)
        assert "PANIC" not in qemu.output


def test_panic_reboot(tmp_path):
    image = make_image(tmp_path / "d.img", cmdline="panic=reboot")
    with Qemu(image) as qemu:
        qemu.wait_prompt()
        qemu.send("crash ud\r")
        qemu.expect(r"PANIC: invalid opcode")
        qemu.expect(r"Restarting\.")
        qemu.wait_end()
        assert qemu.ended_how() == "reset"


# field, how it is stored, what is written, what the kernel then says; the CRC is made right again unless
# it is itself the point.
BAD_FIELDS = [
    ("magic", "<Q", 0x1234, "magic is 0x1234, must be S0INFO"),
    ("version", "<I", 2, "version is 0x2, must be 1"),
    ("crc32c", "<I", 7, "crc32c is 0x7, must fit"),
    ("slot", "<B", 9, "slot is 0x9, must be 0 or 1"),
    ("kernel_length", "<I", 5, "kernel_length is 0x5, must be as in the kernel header"),
    ("cmdline", "<Q", 1 << 40, "cmdline is 0x10000000000, must be the command line's region"),
    ("e820_count", "<I", 257, "e820_count is 0x101, must be 1 to 256"),
    ("timeline_count", "<I", 0, "timeline_count is 0, must be 1 to 64"),
]


@pytest.mark.parametrize("field,kind,value,words", BAD_FIELDS, ids=[case[0] for case in BAD_FIELDS])
def test_bad_hand_off(image, field, kind, value, words):
    base, where = constants()["BOOTINFO_BASE"], offsets("bootinfo")
    with Qemu(image, gdb=True) as qemu:
        with GdbStub(qemu.gdb_path) as gdb:
            gdb.run_to(label("tour_16_kernel_main"))
            gdb.write(base + where[field], struct.pack(kind, value))
            if field != "crc32c":
                crc = crc32c(gdb.read(base, where["crc32c"]))
                gdb.write(base + where["crc32c"], struct.pack("<I", crc))
            gdb.detach()
        outcome = qemu.outcome()
        assert outcome.kind == "panic" and outcome.line.startswith("PANIC: bad bootinfo: " + words), outcome
        qemu.expect(r"System halted\.")
        qemu.expect_screen("PANIC: bad bootinfo: " + field)


def fault_in(qemu, gdb, function):
    """Let FUNCTION fail once, at its first instruction, where it is when it is called next."""
    gdb.run_to(label(function))
    good = gdb.read(label(function), 2)
    gdb.write(label(function), b"\x0f\x0b")  # ud2
    gdb.run_to(label("panic_exception"))
    gdb.write(label(function), good)
    gdb.detach()
    report = read_report(qemu)
    assert report.headline == "PANIC: invalid opcode (#UD)" and f" in {function}" in report.place
    check_places(report)
    return report


def test_in_an_interrupt(image):
    """The backtrace goes on from the handler to what it has interrupted, on another thread's stack."""
    with Qemu(image, gdb=True) as qemu:
        with GdbStub(qemu.gdb_path) as gdb:
            gdb.run_to(label("tour_22_prompt"))
            report = fault_in(qemu, gdb, "clock_tick")
        assert re.search(r"^In an interrupt handler, during thread \w+, interrupts off", report.text, re.M), report.text
        functions = report.functions()
        assert functions[0] == "clock_tick" and "irq_handle" in functions
        assert "  interrupted by vector 0x20:\n" in report.text
        assert functions[-1] in ("thread_first", "tour_16_kernel_main"), report.text


def test_with_the_console_locked(image):
    """Whoever has the console's lock when it comes, the panic prints."""
    with Qemu(image, gdb=True) as qemu:
        with GdbStub(qemu.gdb_path) as gdb:
            gdb.run_to(label("tour_22_prompt"))
            qemu.send("echo hello\r")
            report = fault_in(qemu, gdb, "uart_output_write")
        assert "spin locks held: console." in report.text
        check_screen(qemu, report)


# A function whose first instruction the debugger breaks, and what must be missing then, but nothing after it.
PARTS = {
    "panic_print_cause": "The bytes there", "panic_print_context": "In thread ",
    "panic_print_backtrace": "Backtrace", "panic_print_registers": "RAX ", "log_print_last": "\n[ ",
    "panic_print_boot": "Merkle root",
}
AFTER = ["In thread ", "Backtrace", "RAX ", "Merkle root"]


@pytest.mark.parametrize("function", PARTS, ids=[name.split("_")[-1] for name in PARTS])
def test_nested(image, function):
    """With one part of the report broken, it says so in a line and goes on with the next part."""
    with Qemu(image, gdb=True) as qemu:
        with GdbStub(qemu.gdb_path) as gdb:
            gdb.run_to(label("tour_22_prompt"))
            gdb.write(label(function), b"\x0f\x0b")  # ud2
            gdb.detach()
        report = crash(qemu, "ud")
        assert report.headline == "PANIC: invalid opcode (#UD)"
        assert report.text.count("PANIC: another one while the first was being printed: invalid opcode (#UD)") == 1
        assert re.search(rf"^kernel/\w+\.c:\d+ in {function}$", report.text, re.M), report.text
        assert PARTS[function] not in report.text.split("The end of the log")[0 if function[0] == "p" else -1]
        assert all(words in report.text for words in AFTER if words != PARTS[function])


@pytest.mark.parametrize("function", ["format_text", "kprintf_va", "console_panic", "exception_explain"])
def test_mute(image, function):
    """With what every part needs broken, nothing can be said, but there is no reset and no endless loop."""
    with Qemu(image, gdb=True) as qemu:
        with GdbStub(qemu.gdb_path) as gdb:
            gdb.run_to(label("tour_22_prompt"))
            qemu.send("crash ud\r")
            gdb.run_to(label("command_crash"))
            gdb.write(label(function), b"\x0f\x0b")
            gdb.detach()
        time.sleep(1.5)
        assert qemu.qmp("query-status")["running"] and qemu.output.count("\nPANIC") <= 10, qemu.output
        before = qemu.output
        time.sleep(0.5)
        assert qemu.output == before
        assert "HLT=1" in qemu.monitor("info registers")
