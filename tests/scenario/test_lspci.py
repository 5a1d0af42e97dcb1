"""PCI: what lspci shows on machines with few and with many buses, and the table of names that it has."""
import re
import shlex
import subprocess

import pytest

from lib.bochs import Bochs
from lib.paths import REPO
from lib.qemu import Qemu

PCI_IDS = "/usr/share/misc/pci.ids"
LINE = r"^([0-9a-f]{2}:[01][0-9a-f]\.[0-7]) ([0-9a-f]{4}:[0-9a-f]{4}) +(-|\d+) (.*)"

# Two root ports; behind the second one a bridge to PCI, behind it another bridge, behind it a card.
DEEP = shlex.split("""
    -device pcie-root-port,id=r1,chassis=1,slot=1,addr=3
    -device pcie-root-port,id=r2,chassis=2,slot=2,addr=4 -device virtio-net-pci,bus=r1
    -device pcie-pci-bridge,id=p1,bus=r2 -device pci-bridge,id=p2,bus=p1,chassis_nr=4,addr=3
    -device e1000,bus=p2,addr=5""")


def lspci(machine):
    """{address: (numbers, irq, what)}"""
    machine.wait_prompt()
    text = machine.run("lspci")
    assert all(len(line) < 80 for line in text.splitlines())
    return {address: rest for address, *rest in re.findall(LINE, text, re.M)}


def test_qemu_pc(image):
    with Qemu(image) as machine:
        found = lspci(machine)
        assert list(found) == ["00:00.0", "00:01.0", "00:01.1", "00:01.3", "00:02.0"]
        assert found["00:00.0"] == ["8086:1237", "-", "Host bridge: Intel 440FX - 82441FX PMC [Natoma]"]
        assert found["00:01.1"] == ["8086:7010", "-",
                                    "IDE interface: Intel 82371SB PIIX3 IDE [Natoma/Triton II]"]
        assert found["00:01.3"][1] == "9"
        ide = machine.run("lspci -v 00:01.1")
        assert re.search(r"^BAR 4 +ports c0[0-9a-f]0-c0[0-9a-f]f, 16 bytes$", ide, re.M), ide
        video = machine.run("lspci -v 00:02.0")
        assert re.search(r"^BAR 0 +memory fd000000-fdffffff, 16 MiB, prefetchable$", video, re.M), video
        assert machine.run("echo $?") == "0"


def test_qemu_many_buses(image):
    """Root ports and bridges behind bridges: a device four buses deep is found, and nothing twice."""
    with Qemu(image, machine="q35", disk="virtio", args=DEEP) as machine:
        found = lspci(machine)
        assert "bad bus numbers" not in machine.output
        assert {address: numbers for address, (numbers, _, _) in found.items() if address[:2] != "00"} == {
            "01:00.0": "1af4:1041", "02:00.0": "1b36:000e", "03:03.0": "1b36:0001", "04:05.0": "8086:100e"}
        assert {"00:00.0", "00:03.0", "00:04.0", "00:1f.2", "00:1f.3"} <= set(found)
        port = machine.run("lspci -v 00:04.0")
        assert "leads       from bus 00 to bus 02, and on to 04" in port
        assert re.search(r"^capability  10 at [0-9a-f]{2}: PCI Express$", port, re.M)
        card = machine.run("lspci -v 01:00.0")
        assert len(re.findall(r"^capability  09 at [0-9a-f]{2}: vendor's own$", card, re.M)) == 5
        assert re.search(r"^BAR 4 .*, 16 KiB, 64-bit, prefetchable$", card, re.M)
        assert re.search(r"^interrupt   INTA, line \d+$", card, re.M)


def test_bochs(image):
    with Bochs(image) as machine:
        found = lspci(machine)
        assert {"00:00.0", "00:01.0", "00:01.1", "00:01.2", "00:01.3"} == set(found)
        assert found["00:01.1"][0] == "8086:7010"
        assert re.search(r"^BAR 4 +ports [0-9a-f]+-[0-9a-f]+, 16 bytes$", machine.run("lspci -v 00:01.1"), re.M)


def test_errors(image):
    with Qemu(image) as machine:
        machine.wait_prompt()
        for wrong in ("-v", "00:01.1", "-x 00:01.1", "-v 00:01.1 00:01.2"):
            assert machine.run(f"lspci {wrong}; echo $?") == "lspci: usage: lspci [-v <address>]\n2"
        for nobody in ("00:01.2", "ff:1f.7", "nonsense", "''"):
            assert machine.run(f"lspci -v {nobody}; echo $?").endswith("lspci lists them\n1")


def test_no_pci(image):
    """isapc has no PCI: nothing is found, and said."""
    with Qemu(image, machine="isapc") as machine:
        machine.wait_prompt()
        assert machine.run("lspci; echo $?") == "lspci: this machine has no PCI\n1"


def test_names_are_those_of_pci_ids():
    """drivers/pci_names.c is what `make pci-names` makes of the same edition of pci.ids."""
    committed = (REPO / "drivers/pci_names.c").read_text()
    version = re.search(r"pci\.ids, version (\S+):", committed)[1]
    try:
        with open(PCI_IDS, encoding="utf-8") as ids:
            installed = next(line.split()[-1] for line in ids if "Version:" in line)
    except FileNotFoundError:
        pytest.skip("the package pci.ids is not installed")
    if installed != version:
        pytest.skip(f"pci.ids is of {installed}, the table was made from that of {version}")
    made = subprocess.run([REPO / "tools/pci_names.py"], capture_output=True, text=True, check=True)
    assert made.stdout == committed
