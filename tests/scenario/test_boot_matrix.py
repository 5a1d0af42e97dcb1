"""To the prompt on every kind of machine: chipsets, disks, memory sizes, firmware, both emulators.

Hazards: D2 (floppy: CHS only), A4 (no keyboard controller), M13 (1 TiB of reserved E820), O1, O2,
E4 (Bochs enters with IF=0), P5 (Bochs enforces segment limits), P13 (EC00h is refused by both
BIOSes), D11 (48h records of all disk kinds).
"""
from itertools import combinations, product

import pytest

from lib.bochs import Bochs
from lib.images import make_image
from lib.pairwise import all_pairs, pairs_of
from lib.qemu import Qemu

FACTORS = {
    "machine": ["pc", "q35", "isapc"],
    "disk": ["ide", "ahci", "virtio-legacy", "virtio-modern", "usb", "nvme", "scsi"],
    "memory": ["16M", "64M", "512M", "4G", "6G"],
}
# Combinations that do not exist, with the reason: (factor, value), the only values of another
# factor.
ONLY = [(("machine", "isapc"), ("disk", ["ide"]),
         "an ISA machine has no PCI bus for the other disks")]


def allowed(row):
    return all(row[factor] != value or row[other] in values
               for (factor, value), (other, values), _reason in ONLY)


MATRIX = all_pairs(FACTORS, allowed)


def check_prompt(machine):
    """The machine reaches the prompt, and the prompt works."""
    machine.wait_prompt()
    assert machine.run("echo hello") == "hello"
    assert machine.run("echo $?") == "0"


def check_e9(machine, text):
    """What COM1 got of the loader's messages, port E9 got as well."""
    com1 = [line for line in machine.output.splitlines() if line.startswith(("stage1:", "stage2:"))]
    assert com1, "no line of the loader on COM1"
    assert [line for line in text.splitlines() if line.startswith(("stage1:", "stage2:"))] == com1


def test_matrix_covers_all_pairs():
    covered = set().union(*(pairs_of(FACTORS, row) for row in MATRIX))
    for one, two in combinations(FACTORS, 2):
        for pair in product(FACTORS[one], FACTORS[two]):
            row = dict(zip((one, two), pair))
            excluded = any(row.get(factor) == value and other in row and row[other] not in values
                           for (factor, value), (other, values), _reason in ONLY)
            assert (((one, pair[0]), (two, pair[1])) in covered) != excluded, row


@pytest.mark.parametrize("machine, disk, memory", MATRIX)
def test_qemu(image, machine, disk, memory):
    with Qemu(image, machine=machine, disk=disk, memory=memory) as qemu:
        check_prompt(qemu)
        check_e9(qemu, qemu.e9_text())


@pytest.mark.check
@pytest.mark.parametrize("disk", ["ide", "virtio"])
def test_default_machine(image, disk):
    with Qemu(image, disk=disk) as qemu:
        check_prompt(qemu)


def test_without_com1(image):
    with Qemu(image, serial=False) as qemu:
        qemu.wait_prompt()
        qemu.keys("e", "c", "h", "o", "spc", "h", "i", "ret")
        qemu.expect(r"\nhi\r?\n")


def test_without_e9(image):
    with Qemu(image, e9=False) as qemu:
        check_prompt(qemu)


def test_no_keyboard_controller(image):
    with Qemu(image, machine="q35,i8042=off", disk="virtio") as qemu:
        check_prompt(qemu)


@pytest.mark.parametrize("bios", ["latest", "legacy"])
def test_second_firmware(image, bios):
    with Qemu(image, cpu="qemu64,apic=off", bios=f"/usr/share/bochs/BIOS-bochs-{bios}") as qemu:
        check_prompt(qemu)


@pytest.mark.check
def test_floppy(tmp_path):
    with Qemu(make_image(tmp_path / "floppy.img", floppy=True), disk="floppy") as qemu:
        check_prompt(qemu)


@pytest.mark.check
@pytest.mark.parametrize("bios", ["latest", "legacy"])
def test_bochs(image, bios):
    with Bochs(image, bios=bios) as bochs:
        check_prompt(bochs)
        check_e9(bochs, bochs.stdout)


@pytest.mark.parametrize("bios", ["latest", "legacy"])
def test_bochs_floppy(tmp_path, bios):
    with Bochs(make_image(tmp_path / "floppy.img", floppy=True), bios=bios, floppy=True) as bochs:
        check_prompt(bochs)


@pytest.mark.parametrize("memory", [16, 512])
def test_bochs_memory(image, memory):
    with Bochs(image, memory=memory) as bochs:
        check_prompt(bochs)
