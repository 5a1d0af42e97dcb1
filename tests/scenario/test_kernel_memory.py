"""Memory on machines of every size: all of it is found, little of it is used, what the CPU lacks is
not needed; and `mem` and `walk` say what is true.
"""
import re

import pytest

from lib.bochs import Bochs
from lib.headers import constants
from lib.paths import BUILD
from lib.qemu import Qemu
from lib.symbols import label
from rom.build_rom import build

KERNEL = constants()["KERNEL_VIRT_BASE"]
DIRECT, VMAP = 0xFFFF800000000000, 0xFFFFD00000000000


def amounts(machine):
    """What `mem` says: name -> KiB."""
    return {name.strip(): int(kib)
            for name, kib in re.findall(r"^ *(\S.*?)  +(\d+) KiB", machine.run("mem"), re.M)}


def walk(machine, address):
    return machine.run(f"walk {address:x}")


@pytest.mark.parametrize("memory, least", [("16M", 14), ("32M", 30), ("64M", 62)])
def test_sizes(image, memory, least):
    """To the prompt with 16 MiB; and the whole kernel uses less than 4 MiB."""
    with Qemu(image, memory=memory) as qemu:
        qemu.wait_prompt()
        kib = amounts(qemu)
        assert kib["used"] < 4096, kib
        assert kib["free"] > least * 1024, kib


def test_bochs(image):
    with Bochs(image) as bochs:
        bochs.wait_prompt()
        kib = amounts(bochs)
        assert kib["used"] < 4096, kib
        assert kib["free"] > 60 * 1024, kib


def test_heap_serves_half_of_32_mib(image):
    """The in-guest test fills the heap, and wants 16 MiB where there are 24 MiB free or more."""
    with Qemu(image, memory="32M") as qemu:
        qemu.wait_prompt()
        assert amounts(qemu)["free"] > 24 * 1024
        assert "1 passed, 0 failed" in qemu.run("test heap_serves_*")


def test_free(image):
    with Qemu(image) as qemu:
        qemu.wait_prompt()
        total, used, free = map(int, re.search(
            r"^ +(\d+) KiB +(\d+) KiB +(\d+) KiB", qemu.run("free"), re.M).groups())
        assert total == used + free and free > 60 * 1024
        assert re.search(r"^ +size +live +peak +allocated +KiB$", qemu.run("free heap"), re.M)
        assert "free: " in qemu.run("free leaks")
        assert "free: usage: free [heap|leaks]" in qemu.run("free all")


def test_mem_adds_up(image):
    with Qemu(image) as qemu:
        qemu.wait_prompt()
        kib = amounts(qemu)
        parts = sum(kib[name] for name in ("constants", "code", "data", "zeroed data, stacks"))
        assert abs(parts - kib["kernel image"]) <= 4  # each is rounded down
        users = sum(kib[name] for name in ("kernel image", "page tables", "struct frames",
                                           "thread stacks, vmalloc", "heap, devices, page 0"))
        assert abs(users - kib["used"]) <= 5
        loader = 192
        assert kib["used"] + kib["free"] == kib["usable"] + kib["kernel image"] + loader


@pytest.mark.parametrize("cpu, size", [("qemu64", "2 MiB"), ("max", "1 GiB")])
def test_more_than_4_gib(image, cpu, size):
    """All RAM is in the direct map, above 4 GiB, too, in the largest pages that the CPU has."""
    with Qemu(image, memory="6G", cpu=cpu) as qemu:
        qemu.wait_prompt()
        assert amounts(qemu)["free"] > 6000 * 1024
        text = walk(qemu, DIRECT + (5 << 30))
        assert f"is physical 140000000, in a page of {size}, rw-" in text
        top = 0xC0000000 if "is physical" in walk(qemu, DIRECT + 0xBF000000) else 0xE0000000
        end = (4 << 30) + (6 << 30) - top
        assert f"is physical {end - 1:x}," in walk(qemu, DIRECT + end - 1)
        assert "is not mapped" in walk(qemu, DIRECT + end)


LOW = (0, 0x9E000, 1, 1)


def boot_with_map(image, tmp_path, e820, **options):
    rom = build(BUILD / "tests" / "rom" / "faultrom.bin", tmp_path / "fault.rom", {"e820": 2}, e820)
    return Qemu(image, rom=rom, disk="virtio", **options)


def test_no_room_for_struct_frames(image, tmp_path):
    """1 GiB from 1 GiB on needs 4 MiB of struct frames; below there are 3: most of it is used."""
    with boot_with_map(image, tmp_path, (LOW, (1 << 20, 3 << 20, 1, 1), (1 << 30, 1 << 30, 1, 1)),
                       memory="3G") as qemu:
        text = qemu.wait_prompt()
        lost = re.search(r"memory: (\d+) KiB at (\w+) are not used: no room for their struct frames",
                         text)
        assert lost, text
        assert int(lost.group(2), 16) + int(lost.group(1)) * 1024 == 2 << 30
        assert (400 << 10) < amounts(qemu)["free"] < (1000 << 10)
        assert "is not mapped" in walk(qemu, DIRECT + (2 << 30) - 1)
        assert walk(qemu, DIRECT + (1 << 30)).endswith("rw-")


def test_no_room_for_page_tables(image, tmp_path):
    """ACPI tables scattered over 140 GiB, each of which needs two page tables; memory for half."""
    acpi = tuple(((i + 1) << 30, 0x1000, 3, 1) for i in range(140))
    with boot_with_map(image, tmp_path, (LOW, (1 << 20, 1 << 20, 1, 1)) + acpi) as qemu:
        text = qemu.wait_prompt()
        assert re.search(r"memory: 4 KiB at \w+ are not used: no room for their page tables", text)
        assert walk(qemu, DIRECT + (1 << 30)).endswith("rw-")
        assert "is not mapped" in walk(qemu, DIRECT + (140 << 30))


def test_walk(image):
    with Qemu(image) as qemu:
        qemu.wait_prompt()
        text = walk(qemu, label("kernel_main") + 1)
        physical = label("kernel_main") + 1 - KERNEL
        assert re.findall(r"^(\w+) +\w+\[(\d+)\] = \w{16} ", text, re.M) == [
            ("PML4E", "511"), ("PDPTE", "510"), ("PDE", "0"), ("PTE", str(physical >> 12))]
        assert f"is physical {physical:x}, in a page of 4 KiB, r-x" in text
        assert walk(qemu, 0xB8000 + KERNEL).endswith("b8000, in a page of 4 KiB, rw-")
        assert " PCD " in walk(qemu, 0xB8000 + KERNEL)
        assert walk(qemu, label("boot_stack_guard")).endswith("its PTE is not present")
        # The shell's stack is an area of vmalloc: the second page there is, behind its guard page.
        assert walk(qemu, VMAP + 0x2000).endswith("in a page of 4 KiB, rw-")
        assert walk(qemu, VMAP + 0x1FFF).endswith(f"guard page below the area at {VMAP + 0x2000:#x}")
        assert walk(qemu, 0).endswith("its PML4E is not present")
        assert walk(qemu, DIRECT + (256 << 30)).endswith("its PDPTE is not present")
        assert walk(qemu, DIRECT + (1 << 29)).endswith("its PDE is not present")
        assert "is not canonical" in walk(qemu, 1 << 47)
        assert "\n" not in walk(qemu, 1 << 47)
        for text in ("x", "0x", "1" * 17, "-1", "12 34"):
            assert re.match(r"walk: ", qemu.run(f"walk {text}"))
        assert qemu.run("walk 0XFFFFFFFF800B8000; echo $?").endswith("rw-\n0")
        assert qemu.run("walk 0; echo $?").endswith("\n1")
        assert all(len(line) < 80 for line in walk(qemu, KERNEL + 0xB8000).splitlines())


def test_without_nx_and_pat(image):
    with Qemu(image, cpu="qemu64,-nx,-pat,-pge") as qemu:
        qemu.wait_prompt()
        assert walk(qemu, DIRECT + 0x200000).endswith("2 MiB, rwx")
        assert walk(qemu, label("kernel_main")).endswith("r-x")
        assert not re.search(r"PGE|NXE", qemu.run("cpu"))


def test_protection_is_on(image):
    with Qemu(image, cpu="max") as qemu:
        qemu.wait_prompt()
        text = qemu.run("cpu")
        assert re.search(r"^CR4 .* PGE .*UMIP.* SMEP.* SMAP", text, re.M), text
        assert re.search(r"^CR0 .* WP PG$", text, re.M), text
        assert re.search(r"^EFER .* NXE$", text, re.M), text
