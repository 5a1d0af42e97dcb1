"""mkdisk create, byte by byte, and every file and command line that mkdisk refuses.

The other verbs: test_mkdisk_change.py and test_mkdisk_info.py. Power cuts: test_mkdisk_powercut.py.
Hostile images: test_mkdisk_hostile.py. What boots: test_mkdisk_boot.py.
"""
import hashlib
import os
import re
import resource
import shutil
import signal
import struct
import subprocess

import pytest

from lib import diskmodel
from lib.kernels import pattern
from lib.mkdiskkit import (KERNEL_VIRT, ORDINARY, SECTOR, Kit, kernel_bytes, partitioned_image,
                           sanitized_mkdisk, stage1_bytes, stage2_bytes, writelog_env)
from lib.paths import REPO


@pytest.fixture(name="kit")
def _kit(tmp_path):
    """The sanitized mkdisk: a fault of its own in any of these tests is seen."""
    return Kit(tmp_path, sanitized_mkdisk())


# ---- create -------------------------------------------------------------------------------------

def test_create_lays_out_a_disk(kit):
    """Each field of LBA 0, by its bytes; the rest through the model of the loader."""
    disk = kit.create("--cmdline", "debug panic=halt").read_bytes()
    assert len(disk) == 64 << 20
    assert disk[:4] == stage1_bytes()[:4] and disk[11:440] == bytes(429)
    stage2 = stage2_bytes().ljust(10 * SECTOR, b"\0")
    assert disk[SECTOR:11 * SECTOR] == stage2
    assert disk[4:11] == struct.pack("<BHI", 10, 0x8000 + 5120, diskmodel.crc32c_register(stage2))
    assert disk[440:446] == bytes.fromhex("cdab34120000")
    # Active, CHS 0/130/3 to 8/40/32 (255 heads, 63 sectors), type 7F, LBA 8192 to the end.
    assert disk[446:462] == bytes.fromhex("80 82 03 00 7f 28 20 08 00 20 00 00 00 e0 01 00")
    assert disk[462:512] == bytes(48) + b"\x55\xAA"

    boot = diskmodel.boot(disk)
    assert (boot.loader, boot.winner, boot.slot, boot.slot_codes) == (True, 0, 0, [0, 0])
    assert boot.kernel == kit.kernel.read_bytes() and boot.cmdline == b"debug panic=halt"
    assert [copy.seq for copy in boot.copies] == [1, 1] and disk[64 * SECTOR:65 * SECTOR] == disk[72 * SECTOR:73 * SECTOR]
    assert [(slot.first_lba, slot.sectors) for slot in boot.copies[0].slots] == [(80, 4056), (4136, 4056)]
    owned = {*range(0, 11), 64, 72, *range(80, 83), *range(4136, 4139)}
    assert not any(any(disk[lba * SECTOR:(lba + 1) * SECTOR]) for lba in range(8192) if lba not in owned)
    assert disk[8192 * SECTOR:8192 * SECTOR + 8] == b"SFS\0LBA0"


def test_create_lays_out_a_floppy(kit):
    disk = kit.create_floppy().read_bytes()
    boot = diskmodel.boot(disk)
    assert len(disk) == 1440 * 1024 and disk[446:510] == bytes(64) and disk[440:444] == bytes.fromhex("cdab3412")
    assert [(slot.first_lba, slot.sectors) for slot in boot.copies[0].slots] == [(80, 1400), (1480, 1400)]
    assert boot.slot == 0 and boot.slot_codes == [0, 0]


def test_create_chooses_a_signature(kit):
    """Without --signature it is random and never 0."""
    found = set()
    for _ in range(3):
        kit.ok("create", kit.image, "--size", "1440K", *kit.inputs())
        found.add(kit.image.read_bytes()[440:444])
    assert len(found) == 3 and bytes(4) not in found


def test_create_with_a_menu(kit):
    kit.create_floppy("--menu-timeout", "5")
    copy = kit.info()[0]["manifests"][0]
    assert (copy["menu"], copy["menu_timeout_s"]) == (1, 5)
    kit.create_floppy("--menu-timeout", "0")
    copy = kit.info()[0]["manifests"][0]
    assert (copy["menu"], copy["menu_timeout_s"]) == (0, 0)


@pytest.mark.parametrize("size", ["5M", "64M", "2G", "9G", "2048G", "5243392"])
def test_create_sizes(kit, size):
    """The table's CHS fields saturate beyond 1024 cylinders; the LBA fields hold up to 2 TiB."""
    kit.create("--size", size)
    info, status = kit.info()
    with open(kit.image, "rb") as disk:
        entry = disk.read(SECTOR)[446:462]
    assert status == 0 and info["partitions"][0]["sectors"] == info["sectors"] - 8192
    last = info["sectors"] - 1
    if last >= 1024 * 255 * 63:
        assert entry[5:8] == b"\xFE\xFF\xFF"
    else:
        chs = (entry[7] | (entry[6] & 0xC0) << 2, entry[5], entry[6] & 0x3F)
        assert (chs[0] * 255 + chs[1]) * 63 + chs[2] - 1 == last


def test_partition_tools_agree(kit):
    """sfdisk and fdisk find nothing to complain about."""
    sfdisk = shutil.which("sfdisk", path="/usr/sbin:/sbin:/usr/bin")
    if sfdisk is None:
        pytest.skip("needs the Debian package fdisk")
    kit.create()
    done = subprocess.run([sfdisk, "--verify", kit.image], capture_output=True, text=True, check=True)
    assert "No errors detected" in done.stdout and not done.stderr, done.stdout + done.stderr
    done = subprocess.run([sfdisk.replace("sfdisk", "fdisk"), "-l", kit.image], capture_output=True, text=True, check=True)
    assert "0x1234abcd" in done.stdout and re.search(r"\* +8192 131071 +122880 +60M 7f", done.stdout)
    assert not done.stderr


@pytest.mark.parametrize("sectors", [1, 127, 128, 129, 3891, 4055, 4056])
def test_kernel_sizes_are_accepted(kit, sectors):
    kernel = kit.file("k", kernel_bytes(sectors * SECTOR, seed=sectors))
    kit.create(kernel=kernel)
    assert diskmodel.boot(kit.image.read_bytes()).kernel == kernel.read_bytes()
    assert kit.info()[1] == 0


@pytest.mark.parametrize("length", [32 + 1, 511, 513, 4095, 4096, 4097])
def test_kernels_need_not_fill_their_last_sector(kit, length):
    kernel = kit.file("k", kernel_bytes(length))
    kit.create_floppy(kernel=kernel)
    disk = kit.image.read_bytes()
    assert diskmodel.boot(disk).kernel == kernel.read_bytes()
    assert not any(disk[80 * SECTOR + length:81 * SECTOR + length // SECTOR * SECTOR])


@pytest.mark.parametrize("size,sectors,capacity", [("64M", 4057, 4056), ("1440K", 1401, 1400)])
def test_one_sector_too_many_is_refused(kit, size, sectors, capacity):
    kernel = kit.file("k", kernel_bytes((sectors - 1) * SECTOR + 1))
    line = kit.refused(1, f"needs {sectors} sectors, a kernel slot of this disk has {capacity}", "create",
                       kit.image, "--size", size, *kit.inputs(kernel))
    assert str(kit.image) in line and not kit.image.exists()


def test_create_takes_the_files_beside_it(kit):
    """stage1.bin, stage2.bin and kernel.bin default to those in the folder of mkdisk itself."""
    shutil.copy(kit.program, kit.folder / "mkdisk")
    kit.program = kit.folder / "mkdisk"
    kit.ok("create", kit.image, "--size", "1440K")
    kit.file("kernel.bin", kernel_bytes(600, seed=9))
    kit.ok("update", kit.image)
    assert diskmodel.boot(kit.image.read_bytes()).kernel == kernel_bytes(600, seed=9)


def test_create_pins(kit):
    said = kit.ok("create", kit.image, *kit.inputs(), "--pin")
    assert "not safe against a power cut" in said
    disk = kit.image.read_bytes()
    boot = diskmodel.boot(disk)
    assert disk[544:576] == boot.pin == diskmodel.merkle_root(kit.kernel.read_bytes())
    assert boot.slot == 0 and boot.loader
    info, status = kit.info()
    assert status == 0 and info["stage2"]["pinned_root"] == boot.pin.hex()
    before = disk
    kit.refused(1, "is pinned", "update", kit.image, "--kernel", kit.kernel)
    assert kit.image.read_bytes() == before
    kit.ok("cmdline", kit.image, "debug")  # the command line is not pinned
    assert diskmodel.boot(kit.image.read_bytes()).cmdline == b"debug"


# ---- create makes a whole file or none ------------------------------------------------------------

def calls_of_create(kit):
    """How many writes, truncations and syncs a create is."""
    log = kit.folder / "log"
    kit.ok("create", kit.folder / "counted.img", "--size", "1440K", *kit.inputs(), env=writelog_env(log))
    (kit.folder / "counted.img").unlink()
    data, at, count = log.read_bytes(), 0, 0
    while at < len(data):
        kind, _, length = struct.unpack_from("<cQQ", data, at)
        at += 17 + (length if kind == b"w" else 0)
        count += 1
    log.unlink()
    return count


@pytest.mark.parametrize("end", [None, signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("old", [None, b"an old image"])
def test_create_that_fails_leaves_no_trace(tmp_path, end, old):
    """Each write, truncation and sync fails once, or a signal comes instead of it."""
    kit = Kit(tmp_path)
    count = calls_of_create(kit)
    assert count >= 8
    if old is not None:
        kit.image.write_bytes(old)
    before = sorted(tmp_path.iterdir())
    for number in range(1, count):  # the last one syncs the folder: by then the image has its name
        done = kit.run("create", kit.image, "--size", "1440K", *kit.inputs(),
                       env=writelog_env("/dev/null", fail=number, signal=end))
        assert done.returncode == (1 if end is None else -end)
        assert end is not None or "No space left on device" in done.stderr
        assert sorted(tmp_path.iterdir()) == before
        assert old is None or kit.image.read_bytes() == old


def test_create_replaces_an_image(kit):
    """The new image has the permissions of the old one, and takes its place behind a link as well."""
    kit.create_floppy()
    kit.image.chmod(0o640)
    inode = kit.image.stat().st_ino
    link = kit.folder / "link.img"
    link.symlink_to("disk.img")
    kit.ok("create", link, "--size", "1440K", *kit.inputs(kit.file("k", kernel_bytes(700))))
    assert link.is_symlink() and kit.image.stat().st_ino != inode
    assert kit.image.stat().st_mode & 0o777 == 0o640
    assert diskmodel.boot(kit.image.read_bytes()).kernel == kernel_bytes(700)


def test_create_on_a_full_disk(kit):
    """A limit on file sizes stands for it: ftruncate fails."""
    line = kit.refused(1, "cannot be made 67108864 bytes long", "create", kit.image, *kit.inputs(),
                       preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20)))
    assert "File too large" in line and not kit.image.exists()


# ---- refusals of inputs and of the command line -----------------------------------------------------

BAD_KERNELS = {
    "empty": (b"", "is empty, so not a kernel"),
    "shorter than its header": (kernel_bytes(100)[:31], "has 31 bytes, its header alone needs 32"),
    "no magic": (kernel_bytes(600, magic=b"ELF\0\0\0\0\0"), "does not begin with the header"),
    "truncated": (kernel_bytes(600)[:599], "its header says 600 bytes, the file has 599"),
    "longer than it says": (kernel_bytes(600) + b"x", "its header says 600 bytes, the file has 601"),
    "memory smaller than file": (kernel_bytes(5000, mem_size=4096), "memory size 4096 must be a multiple of 4096, at least 5000"),
    "odd memory": (kernel_bytes(600, mem_size=5000), "memory size 5000 must be a multiple of 4096"),
    "memory past 15 MiB": (kernel_bytes(600, mem_size=(14 << 20) + 4096), "end at 15 MiB"),
    "entry below": (kernel_bytes(600, entry=KERNEL_VIRT - 1), "its entry point FFFFFFFF800FFFFF lies outside"),
    "entry above": (kernel_bytes(600, entry=KERNEL_VIRT + 600), "its entry point"),
    "entry physical": (kernel_bytes(600, entry=0x100020), "its entry point 0000000000100020 lies outside"),
    "reserved": (kernel_bytes(600, reserved=1), "reserved field"),
}


@pytest.mark.parametrize("name", BAD_KERNELS)
@pytest.mark.parametrize("verb", ["create", "update", "install"])
def test_bad_kernels_are_refused(kit, name, verb):
    data, text = BAD_KERNELS[name]
    before = None
    if verb == "update":
        before = kit.create_floppy().read_bytes()
    if verb == "install":
        before = partitioned_image(kit, [ORDINARY])
    kernel = kit.file("bad.bin", data)
    inputs = ["--kernel", kernel] if verb == "update" else kit.inputs(kernel)
    assert "bad.bin" in kit.refused(1, text, verb, kit.image, *inputs)
    assert (kit.image.read_bytes() if kit.image.exists() else None) == before


def test_huge_and_odd_kernels_are_refused(kit):
    huge = kit.folder / "huge"
    with open(huge, "wb") as file:
        file.truncate(1 << 40)
    kit.refused(1, "has 1099511627776 bytes, a kernel has at most 14680064", "create", kit.image, *kit.inputs(huge))
    kit.refused(1, "is not a file, so not a kernel", "create", kit.image, *kit.inputs(kit.folder))
    kit.refused(1, "is not a file, so not a kernel", "create", kit.image, *kit.inputs("/dev/zero"))
    kit.refused(1, "cannot be opened as a kernel: No such file", "create", kit.image, *kit.inputs("missing"))
    os.mkfifo(kit.folder / "fifo")
    kit.refused(1, "is not a file, so not a kernel", "create", kit.image, *kit.inputs(kit.folder / "fifo"))


def with_byte(data, at, value):
    return data[:at] + bytes([value]) + data[at + 1:]


BAD_STAGES = {
    "stage 1 too short": ("stage1.bin", stage1_bytes()[:511], "has 511 bytes, stage 1 has 512"),
    "stage 1 too long": ("stage1.bin", stage1_bytes() + b"x", "has 513 bytes, stage 1 has at most 512"),
    "stage 1 begins wrongly": ("stage1.bin", with_byte(stage1_bytes(), 0, 0x31), "does not begin with 33 C0 EB"),
    "stage 1 without 55 AA": ("stage1.bin", with_byte(stage1_bytes(), 511, 0), "does not end with 55 AA"),
    "stage 1 in the signature": ("stage1.bin", with_byte(stage1_bytes(), 440, 1), "byte 440 is not zero"),
    "stage 1 in the table": ("stage1.bin", with_byte(stage1_bytes(), 509, 1), "byte 509 is not zero"),
    "stage 2 too long": ("stage2.bin", stage2_bytes(61 * SECTOR + 1), "has 31233 bytes, stage 2 has at most 31232"),
    "stage 2 too short": ("stage2.bin", stage2_bytes(64)[:63], "has 63 bytes, stage 2 has at least 64"),
    "stage 2 pinned": ("stage2.bin", with_byte(stage2_bytes(), 32, 1), "byte 32 is not zero"),
    "stage 2 pinned at the end": ("stage2.bin", with_byte(stage2_bytes(), 63, 1), "byte 63 is not zero"),
    "stage 2 empty": ("stage2.bin", b"", "is empty, so not stage 2"),
}


@pytest.mark.parametrize("name", BAD_STAGES)
def test_bad_stages_are_refused(kit, name):
    file, data, text = BAD_STAGES[name]
    kit.file(file, data)
    assert file in kit.refused(1, text, "create", kit.image, *kit.inputs())
    assert not kit.image.exists()


@pytest.mark.parametrize("sectors", [1, 61])
def test_stage2_sizes(kit, sectors):
    kit.file("stage2.bin", stage2_bytes(sectors * SECTOR))
    kit.create_floppy()
    assert diskmodel.boot(kit.image.read_bytes()).slot == 0
    assert kit.info()[0]["stage1"]["stage2_sectors"] == sectors


WRONG_USAGE = {
    "no verb": ([], "no verb given"),
    "unknown verb": (["moult"], "unknown verb 'moult'"),
    "no image": (["create"], "create needs the path of an image"),
    "two images": (["info", "a", "b"], "info does not know what to do with 'b'"),
    "three operands": (["cmdline", "a", "b", "c"], "cmdline does not know what to do with 'c'"),
    "unknown option": (["create", "a", "--boot", "d"], "unknown or unusable option '--boot'"),
    "unknown letter": (["create", "a", "-v"], "unknown option '-v'"),
    "option of another verb": (["info", "a", "--size", "3M"], "info does not take --size"),
    "update of stages": (["update", "a", "--stage1", "f"], "update does not take --stage1"),
    "no value": (["create", "a", "--size"], "--size needs a value"),
    "value for a flag": (["info", "a", "--json=1"], "unknown or unusable option '--json=1'"),
    "no number": (["create", "a", "--size", "big"], "--size takes a number of bytes"),
    "unknown suffix": (["create", "a", "--size", "64X"], "--size takes a number of bytes"),
    "negative": (["create", "a", "--size", "-1"], "--size takes a number of bytes"),
    "overflow": (["create", "a", "--size", "99999999999999999999G"], "--size takes a number of bytes"),
    "too small": (["create", "a", "--size", "5242368"], "from 5M to 2048G"),
    "another floppy": (["create", "a", "--size", "2880K"], "must be 1440K for a floppy"),
    "no whole sector": (["create", "a", "--size", "67108865"], "a multiple of 512"),
    "too large": (["create", "a", "--size", "3T"], "from 5M to 2048G"),
    "signature 0": (["create", "a", "--signature", "0"], "--signature takes 1 to 8 hexadecimal digits"),
    "signature too long": (["create", "a", "--signature", "123456789"], "--signature takes"),
    "signature no number": (["create", "a", "--signature", "0y"], "--signature takes"),
    "menu negative": (["create", "a", "--menu-timeout", "-1"], "--menu-timeout takes 0 to 65535"),
    "menu too long": (["create", "a", "--menu-timeout", "65536"], "--menu-timeout takes 0 to 65535"),
    "command line too long": (["create", "a", "--cmdline", "x" * 256], "the command line has 256 bytes, 255 is the most"),
    "command line control": (["cmdline", "a", "a\nb"], "byte 1 of the command line is 0A"),
    "command line not ASCII": (["cmdline", "a", "caf\u00e9"], "byte 3 of the command line is C3"),
}


@pytest.mark.parametrize("name", WRONG_USAGE)
def test_wrong_usage(kit, name):
    arguments, text = WRONG_USAGE[name]
    before = sorted(kit.folder.iterdir())
    kit.refused(2, text, *arguments)
    assert sorted(kit.folder.iterdir()) == before


def test_help(kit):
    text = kit.ok("help")
    assert text == kit.ok("--help")
    verbs = re.findall(r"^  mkdisk (\w+) IMAGE", text, re.M)
    assert {"create", "format", "install", "update", "cmdline", "info", "ls", "cat", "stat", "mkdir", "rm", "mv", "put",
            "get", "check", "dump", "mount"} == set(verbs)
    assert sorted(verbs) == sorted(re.findall(r"^\| `(\w+) IMAGE` \|", (REPO / "docs" / "mkdisk.md").read_text(), re.M))
    for verb in verbs:  # each is there, and wants an image
        kit.refused(2, f"{verb} needs the path of an image", verb)


@pytest.mark.parametrize("verb", ["info", "cmdline", "update", "install"])
def test_odd_images_are_refused(kit, verb):
    inputs = {"update": ["--kernel", kit.kernel], "install": kit.inputs()}.get(verb, [])
    kit.refused(1, "cannot be opened: No such file", verb, "missing.img", *inputs)
    kit.refused(1, "is neither a file nor a block device", verb, kit.folder, *inputs)
    kit.refused(1, "is neither a file nor a block device", verb, "/dev/null", *inputs)
    kit.image.write_bytes(b"")
    kit.refused(1, "LBA 0 cannot be read", verb, kit.image, *inputs)
    kit.image.write_bytes(bytes(511))
    kit.refused(1, "LBA 0 cannot be read", verb, kit.image, *inputs)


def test_odd_targets_of_create_are_refused(kit):
    kit.refused(1, "exists and is not a file", "create", kit.folder, *kit.inputs())
    kit.refused(1, "exists and is not a file", "create", "/dev/null", *kit.inputs())
    kit.refused(1, "cannot be made: No such file or directory", "create", "no/such/folder.img", *kit.inputs())
    kit.refused(1, "cannot be made: Not a directory", "create", "kernel.bin/x", *kit.inputs())
    assert os.path.exists("/dev/null")


# ---- the vectors that the unit tests contain --------------------------------------------------------------

def test_merkle_vectors_of_the_unit_test():
    """tests/unit/test_merkle.c has the values that hashlib gives, for all lengths it must have."""
    text = (REPO / "tests" / "unit" / "test_merkle.c").read_text()
    vectors = {int(length): root for length, root in re.findall(r'\{ ?(\d+), "([0-9a-f]{64})" ?\}', text)}
    assert {n * 4096 for n in (1, 2, 3, 5, 6, 7, 507)} | {1, 4097, 6 * 4096 + 1, 506 * 4096 + 1} <= set(vectors)
    for length, root in vectors.items():
        assert diskmodel.merkle_root(pattern(length)).hex() == root


def test_sha256_vector_of_the_unit_test():
    outer = hashlib.sha256()
    for length in range(201):
        outer.update(hashlib.sha256(bytes(n * 167 & 0xFF for n in range(length))).digest())
    assert outer.hexdigest() in (REPO / "tests" / "unit" / "test_sha256.c").read_text()


def test_layout_check_knows_every_region():
    """A region that is new in layout.h must be new in the proof that none overlaps as well."""
    proof = (REPO / "tests" / "unit" / "test_layout.c").read_text()
    names = re.findall(r"^#define (\w+_(?:BASE|LBA)) ", (REPO / "include" / "layout.h").read_text(), re.M)
    names = [name for name in names if name != "KERNEL_VIRT_BASE"]  # a virtual address
    assert len(names) > 15
    assert not [name for name in names if not re.search(rf"\b{name}\b", proof)]
