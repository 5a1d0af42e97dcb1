"""CPUs that lack something: a refusal in words, or a boot that does without.

Hazards: P6 (CPUID, extended leaves, long mode are asked for), P7 (NX and PAT only where CPUID has
them).
"""
import pytest

from lib.bochs import Bochs
from lib.qemu import Qemu


@pytest.mark.parametrize("cpu", ["486", "pentium3", "qemu32", "qemu64,-lm"])
def test_no_long_mode(image, cpu):
    with Qemu(image, cpu=cpu) as qemu:
        outcome = qemu.outcome()
        assert outcome.code == "E11" and "this CPU has no long mode" in outcome.line, outcome
        qemu.expect_screen("E11 this CPU has no long mode")


def test_no_long_mode_in_bochs(image):
    with Bochs(image, cpu="p4_willamette") as bochs:
        outcome = bochs.outcome()
        assert outcome.code == "E11", outcome


@pytest.mark.parametrize("cpu", [
    "qemu64", "qemu64,-nx", "qemu64,-pat", "qemu64,-nx,-pat,-pge", "max", "EPYC", "Nehalem",
    "Skylake-Client"
])
def test_prompt(image, cpu):
    with Qemu(image, cpu=cpu) as qemu:
        qemu.wait_prompt()
        assert qemu.run("echo hello") == "hello"


@pytest.mark.parametrize("cpu", ["core2_penryn_t9600", "ryzen"])
def test_prompt_in_bochs(image, cpu):
    with Bochs(image, cpu=cpu) as bochs:
        bochs.wait_prompt()
        assert bochs.run("echo hello") == "hello"
