"""Kernels of every awkward size load completely, and their .bss is zero.

Hazards: D6 (127 and 128 sectors), D8 (a length that is exactly N reads: no read of 0 sectors), D13
(the size comes from the manifest). The kernel adds up its own bytes, so a sector loaded twice, not
at all or to the wrong place gives another sum.
"""
import pytest

from lib.bochs import Bochs
from lib.headers import constants
from lib.images import SECTOR, make_image, mkdisk
from lib.kernels import padded_kernel, slot_sectors, sum_kernel
from lib.paths import BUILD
from lib.qemu import Qemu

READ = constants()["BOUNCE_SECTORS"]
SLOT = slot_sectors()
SECTORS = [
    1, 7, 8, 9, READ - 1, READ, READ + 1, 127, 128, 129, 2 * READ, 255, 256, 257, 7 * READ, SLOT
]
BYTES = [1023, 4095, 4097, 8 * SECTOR + 1, READ * SECTOR - 1, READ * SECTOR + 1, 100_001]


def boot_sum_kernel(tmp_path, length, mem_size=None, machine=Qemu, **options):
    line = sum_kernel(tmp_path / "kernel.bin", length, mem_size)
    image = make_image(tmp_path / "disk.img", kernel=tmp_path / "kernel.bin")
    with machine(image, **options) as booted:
        assert booted.expect(r"(test kernel: [^\r\n]*)\r\n").group(1) == line


@pytest.mark.parametrize("sectors", SECTORS)
def test_sectors(tmp_path, sectors):
    boot_sum_kernel(tmp_path, sectors * SECTOR, disk="virtio")


@pytest.mark.parametrize("length", BYTES)
def test_odd_lengths(tmp_path, length):
    boot_sum_kernel(tmp_path, length, disk="virtio")


@pytest.mark.parametrize("mem_size", [4096, 8192, 0x100000, 0xE00000])
def test_bss_is_zeroed(tmp_path, mem_size):
    boot_sum_kernel(tmp_path, 700, mem_size)


@pytest.mark.parametrize("sectors", [1, READ, READ + 1, 2 * READ])
def test_bochs(tmp_path, sectors):
    boot_sum_kernel(tmp_path, sectors * SECTOR, machine=Bochs)


def test_largest_kernel_in_bochs(tmp_path):
    boot_sum_kernel(tmp_path, SLOT * SECTOR, machine=Bochs)


@pytest.mark.parametrize("disk", ["ide", "ahci", "usb", "nvme", "scsi"])
def test_largest_kernel_on_each_disk(tmp_path, disk):
    boot_sum_kernel(tmp_path, SLOT * SECTOR, disk=disk)


def test_real_kernel_of_1900_kib(tmp_path):
    padded_kernel(tmp_path / "kernel.bin", 1900 * 1024)
    with Qemu(make_image(tmp_path / "disk.img", kernel=tmp_path / "kernel.bin")) as qemu:
        qemu.wait_prompt()
        assert qemu.run("echo hello") == "hello"


def test_real_kernel_fills_the_slot(tmp_path):
    padded_kernel(tmp_path / "kernel.bin", SLOT * SECTOR)
    with Qemu(make_image(tmp_path / "disk.img", kernel=tmp_path / "kernel.bin")) as qemu:
        qemu.wait_prompt()


@pytest.mark.parametrize("extra", [1, SECTOR, 100 * SECTOR])
def test_too_large_is_refused(tmp_path, extra):
    sum_kernel(tmp_path / "kernel.bin", SLOT * SECTOR + extra)
    done = mkdisk("create", tmp_path / "disk.img", "--kernel", tmp_path / "kernel.bin",
                  "--stage1", BUILD / "stage1.bin", "--stage2", BUILD / "stage2.bin", check=False)
    assert done.returncode == 1
    assert str(SLOT * SECTOR) in done.stdout + done.stderr or str(SLOT) in done.stdout + done.stderr
    assert not (tmp_path / "disk.img").exists()
