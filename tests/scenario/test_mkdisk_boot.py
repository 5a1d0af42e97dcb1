"""What mkdisk changed boots in a machine: the loader agrees with mkdisk and with the model of it."""
import random
import re

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from lib import diskmodel
from lib.hostile import changes, damage
from lib.images import SECTOR, make_image, mkdisk
from lib.kernels import sum_kernel
from lib.machine import PROMPT, TIMEOUT
from lib.mkdiskkit import Kit, Write, read_log, writelog_env
from lib.paths import BUILD
from lib.qemu import Qemu

CYLINDER = 16 * 63 * SECTOR  # SeaBIOS does not boot a disk that is smaller
LINE = r"(test kernel: [^\r\n]*)\r\n"


@pytest.fixture(name="kernels")
def _kernels(tmp_path):
    """Two kernels: [(path, the line that it prints)]."""
    paths = [tmp_path / "old.bin", tmp_path / "new.bin"]
    return [(path, sum_kernel(path, length)) for path, length in zip(paths, (9000, 12345))]


def boots(image, line, **options):
    with Qemu(image, **options) as qemu:
        assert qemu.expect(LINE).group(1) == line
        return qemu.output


def inputs(kernel):
    return ["--stage1", BUILD / "stage1.bin", "--stage2", BUILD / "stage2.bin", "--kernel", kernel]


@pytest.mark.parametrize("floppy", [False, True], ids=["disk", "floppy"])
def test_updated_image_boots_the_new_kernel(tmp_path, kernels, floppy):
    (old, old_line), (new, new_line) = kernels
    image = make_image(tmp_path / "disk.img", kernel=old, floppy=floppy)
    options = {"disk": "floppy"} if floppy else {}
    boots(image, old_line, **options)
    mkdisk("update", image, "--kernel", new)
    boots(image, new_line, **options)
    mkdisk("update", image, "--kernel", old)
    boots(image, old_line, **options)


def test_installed_disk_boots(tmp_path, kernels):
    """A disk with a 1 MiB gap, full of noise, made by no tool of ours."""
    kernel, line = kernels[0]
    image = tmp_path / "disk.img"
    disk = bytearray(random.Random(1).randbytes(4096 * SECTOR))
    disk[440:512] = bytes.fromhex("78563412 0000 80 202100 83 410100 00080000 00080000") + bytes(48) + b"\x55\xAA"
    image.write_bytes(disk)
    mkdisk("install", image, *inputs(kernel))
    boots(image, line)


def test_power_cuts_boot(tmp_path, kernels):
    """A few of the states that test_mkdisk_powercut.py judges by the model, in a machine."""
    (old, old_line), (new, new_line) = kernels
    image, log = make_image(tmp_path / "disk.img", kernel=old), tmp_path / "log"
    before = image.read_bytes()
    Kit(tmp_path).ok("update", image, "--kernel", new, env=writelog_env(log))
    (slot,), (copy,), _ = read_log(log)
    half = Write(slot.offset, slot.data[:len(slot.data) // 2 // SECTOR * SECTOR])
    # Nothing; half a kernel; a manifest whose kernel did not arrive; all.
    for writes, line in (([], old_line), ([half], old_line), ([half, copy], old_line), ([slot, copy], new_line)):
        disk = bytearray(before)
        for write in writes:
            disk[write.offset:write.offset + len(write.data)] = write.data
        image.write_bytes(disk)
        boots(image, line)


def test_pinned_loader_refuses_another_kernel(tmp_path, kernels):
    """Both slots replaced with a sound kernel and a sound manifest: only the pin can tell."""
    (old, old_line), (new, _) = kernels
    image = make_image(tmp_path / "disk.img", kernel=old, pin=True)
    boots(image, old_line)
    other = make_image(tmp_path / "other.img", kernel=new)
    pinned, swapped = image.read_bytes(), bytearray(other.read_bytes())
    swapped[:62 * SECTOR] = pinned[:62 * SECTOR]
    image.write_bytes(swapped)
    assert diskmodel.boot(swapped).slot_codes == [diskmodel.PIN, diskmodel.PIN]
    with Qemu(image) as qemu:
        outcome = qemu.outcome()
    assert outcome.kind == "failed" and "E41" in qemu.output and "E30" in qemu.output
    assert mkdisk("info", image, check=False).returncode == 1


def test_the_kernel_gets_the_command_line_that_was_set(tmp_path):
    """The first change goes to copy 1, the second to copy 0: the loader takes the newest each time."""
    image = make_image(tmp_path / "disk.img")
    for text in ("debug one", "debug two"):
        mkdisk("cmdline", image, text)
        with Qemu(image) as qemu:
            qemu.expect(PROMPT)
            qemu.send("boot facts\r")
            qemu.expect(f"command line  {text}\r\n")


def expected_codes(boot):
    """The error codes that the loader must print, in order, for a disk that it has judged like BOOT."""
    codes = [copy.code for copy in boot.copies if copy.code]
    if boot.winner is None:
        return codes + [20]
    preferred = boot.copies[boot.winner].preferred
    tried = [preferred, 1 - preferred]
    if boot.slot is not None:
        tried = tried[:tried.index(boot.slot)]
    return codes + [boot.slot_codes[n] for n in tried] + ([] if boot.slot is not None else [30])


def loader_agrees(image, original, steps):
    disk = damage(original, steps)
    image.write_bytes(disk.ljust(-(-len(disk) // SECTOR) * SECTOR, b"\0"))
    boot = diskmodel.boot(image.read_bytes())
    if not boot.loader:
        return  # stage 1's own matter
    with Qemu(image, disk="virtio") as qemu:
        found = qemu.stream.expect([LINE, r"boot failed: E\d\d"], timeout=TIMEOUT)
        codes = [int(code) for code in re.findall(r"\bE(\d\d)\b", qemu.output)]
    assert (found == 0) == (boot.slot is not None), qemu.output
    assert codes == expected_codes(boot), qemu.output


def hostile_boots(tmp_path, **options):
    sum_kernel(tmp_path / "kernel.bin", 2000)
    image = make_image(tmp_path / "disk.img", kernel=tmp_path / "kernel.bin", floppy=True)
    original = image.read_bytes()

    @settings(deadline=None, database=None, print_blob=True, suppress_health_check=list(HealthCheck), **options)
    @given(changes(first_flip=64 * SECTOR, first_cut=CYLINDER))
    def examples(steps):
        loader_agrees(image, original, steps)

    examples()


def test_the_loader_agrees_on_hostile_images(tmp_path):
    """The verdict of a real boot, code by code, is that of the model, and so that of `mkdisk info`."""
    hostile_boots(tmp_path, derandomize=True, max_examples=15, phases=[Phase.generate])


@pytest.mark.soak
@pytest.mark.limit(1800)
def test_the_loader_agrees_on_many_hostile_images(tmp_path):
    hostile_boots(tmp_path, max_examples=800)
