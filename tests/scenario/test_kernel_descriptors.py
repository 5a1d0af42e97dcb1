"""gdt and idt: what they say about the tables is what QEMU says about the CPU, and nothing is missing.
"""
import re

import pytest

from lib.bochs import Bochs
from lib.gdbstub import cpu_state
from lib.qemu import Qemu
from lib.symbols import label


@pytest.fixture(params=["qemu", "bochs"])
def machine(request, image):
    with (Qemu(image) if request.param == "qemu" else Bochs(image)) as started:
        started.wait_prompt()
        yield started


def test_gdt(machine):
    text = machine.run("gdt")
    assert all(len(line) < 80 for line in text.splitlines())
    base, cs, task = re.search(r"^GDT at (\w+), \d+ bytes; CS (\w+), SS \w+, DS \w+, TR (\w+)$", text, re.M).groups()
    assert re.search(rf"^  {cs}    code, 64-bit, readable, DPL 0", text, re.M)
    tss, limit = re.search(rf"^  {task}    TSS in use, DPL 0, base (\w+), limit (\w+)$", text, re.M).groups()
    stacks = dict(re.findall(r"^        IST (\d) (\w+)$", text, re.M))
    assert {number: int(top, 16) for number, top in stacks.items()} == {
        "1": label("double_fault_stack_top"), "2": label("nmi_stack_top"), "3": label("machine_check_stack_top")}
    if isinstance(machine, Qemu):
        state = cpu_state(machine.monitor("info registers"))
        assert int(base, 16) == state["gdt"][0]
        assert (int(tss, 16), int(limit, 16)) == (state["tr"].base, state["tr"].limit)


def test_idt(machine):
    text = machine.run("idt")
    assert all(len(line) < 80 for line in text.splitlines())
    gates = {}
    for first, last, ist, offset in re.findall(
            r"^  (\w\w)(?:-(\w\w)|   ) *interrupt +0  08 +(\d)  trap_stubs\+0x(\w+)", text, re.M):
        for vector in range(int(first, 16), int(last or first, 16) + 1):
            assert vector not in gates
            gates[vector] = int(ist)
        assert int(offset, 16) == 5 * int(first, 16)
    assert sorted(gates) == list(range(256))
    assert {vector: ist for vector, ist in gates.items() if ist} == {2: 2, 8: 1, 18: 3}
    assert "double fault (#DF)" in text
    if isinstance(machine, Qemu):
        base = cpu_state(machine.monitor("info registers"))["idt"][0]
        assert int(re.search(r"^IDT at (\w+), 256 gates$", text, re.M).group(1), 16) == base
