"""mkdisk update, cmdline and install: what they change, what they must leave alone, what they refuse."""
import struct

import pytest

from lib import diskmodel, headers
from lib.mkdiskkit import (GAP_1MIB, KERNEL_VIRT, ORDINARY, SECTOR, Kit, damaged_floppy, kernel_bytes,
                           mbr_entry, partitioned_image, sanitized_mkdisk)

pytestmark = pytest.mark.check


@pytest.fixture(name="kit")
def _kit(tmp_path):
    """The sanitized mkdisk: a fault of its own in any of these tests is seen."""
    return Kit(tmp_path, sanitized_mkdisk())


# ---- update and cmdline ---------------------------------------------------------------------------

def test_updates_alternate_between_the_slots(kit):
    kit.create_floppy("--cmdline", "keep me")
    for seq in range(2, 8):
        kernel = kit.file("k", kernel_bytes(1000 + seq, seed=seq))
        kit.ok("update", kit.image, "--kernel", kernel)
        boot = diskmodel.boot(kit.image.read_bytes())
        assert boot.kernel == kernel.read_bytes() and boot.slot == (seq + 1) % 2
        assert boot.copies[boot.winner].seq == seq and boot.copies[1 - boot.winner].seq == seq - 1
        assert boot.slot_codes == [0, 0] and boot.cmdline == b"keep me"
        assert kit.info()[1] == 0


def test_update_writes_the_damaged_slot(kit):
    """The preferred slot is damaged, so the other one boots and must not be touched."""
    disk = bytearray(kit.create_floppy().read_bytes())
    disk[80 * SECTOR + 100] ^= 1
    kit.image.write_bytes(disk)
    assert diskmodel.boot(disk).slot == 1
    kit.ok("update", kit.image, "--kernel", kit.file("k", kernel_bytes(999, seed=5)))
    boot = diskmodel.boot(kit.image.read_bytes())
    assert (boot.slot, boot.slot_codes, boot.kernel) == (0, [0, 0], kernel_bytes(999, seed=5))


def test_update_heals_a_disk_without_a_kernel(kit):
    disk = bytearray(kit.create_floppy().read_bytes())
    disk[80 * SECTOR + 100] ^= 1
    disk[1480 * SECTOR + 100] ^= 1
    kit.image.write_bytes(disk)
    kit.ok("update", kit.image, "--kernel", kit.kernel)
    assert diskmodel.boot(kit.image.read_bytes()).slot == 0


@pytest.mark.parametrize("places,slot", [
    (((5, 1400), (1480, 1400)), 0),             # slot A over stage 2: back to its place
    (((80, 1400), (1480, 2000)), 1),            # slot B past the end
    (((80, 0), (1480, 1400)), 0),               # slot A without a sector
    (((80, 2800), (1480, 1400)), 0),            # the slots overlap: neither boots, both move
    (((0xFFFFFFFF, 0xFFFFFFFF),) * 2, 0),
    (((5, 1400), (80, 1400)), 0),               # slot B does not boot, and lies where slot A belongs
])
def test_update_moves_a_slot_from_a_wrong_place(kit, places, slot):
    kit.create_floppy()
    disk = bytearray(kit.image.read_bytes())
    for lba in (64, 72):
        manifest = headers.Manifest(disk[lba * SECTOR:(lba + 1) * SECTOR])
        for number, (first, sectors) in enumerate(places):
            manifest.slot[number].update(first_lba=first, sectors=sectors)
        disk[lba * SECTOR:(lba + 1) * SECTOR] = bytes(manifest)
    kit.image.write_bytes(disk)
    kit.ok("update", kit.image, "--kernel", kit.file("k", kernel_bytes(999, seed=5)))
    boot = diskmodel.boot(kit.image.read_bytes())
    assert (boot.slot, boot.kernel) == (slot, kernel_bytes(999, seed=5))


def test_update_refuses_when_there_is_no_place(kit):
    """Slot B boots and lies where slot A should be."""
    disk = bytearray(kit.create_floppy().read_bytes())
    manifest = headers.Manifest(disk[64 * SECTOR:65 * SECTOR])
    manifest.slot[0].update(first_lba=5, sectors=70)
    manifest.slot[1].update(first_lba=80)
    disk[64 * SECTOR:65 * SECTOR] = disk[72 * SECTOR:73 * SECTOR] = bytes(manifest)
    kit.image.write_bytes(disk)
    kit.refused(1, "slot A has no place: LBA 80 to 1479 belong to slot B", "update", kit.image, "--kernel", kit.kernel)
    assert kit.image.read_bytes() == disk


def test_update_refuses_a_kernel_that_does_not_fit(kit):
    """What the manifest says counts, not what a new disk would have."""
    kit.create_floppy()
    kernel = kit.file("k", kernel_bytes(1400 * SECTOR + 1))
    kit.refused(1, "needs 1401 sectors, a kernel slot of this disk has 1400", "update", kit.image, "--kernel", kernel)
    kit.ok("update", kit.image, "--kernel", kit.file("k", kernel_bytes(1400 * SECTOR)))
    partitioned_image(kit, [ORDINARY])
    kit.ok("install", kit.image, *kit.inputs())
    before = kit.image.read_bytes()
    kit.refused(1, "needs 985 sectors, a kernel slot of this disk has 984", "update", kit.image, "--kernel",
                kit.file("k", kernel_bytes(985 * SECTOR)))
    assert kit.image.read_bytes() == before


@pytest.mark.parametrize("field,value", [("mem_size", 16384), ("entry_virt", KERNEL_VIRT + 40), ("length", 1535),
                                         ("length", 31)])
def test_a_kernel_that_is_not_the_manifests(kit, field, value):
    """The root is right, but the kernel's own header says something else: E39."""
    disk = bytearray(kit.create_floppy().read_bytes())
    manifest = headers.Manifest(disk[64 * SECTOR:65 * SECTOR])
    manifest.slot[0][field] = value
    if field == "length":
        if value < 32:  # too short for the header that stands there
            struct.pack_into("<I", disk, 80 * SECTOR + 8, value)
            struct.pack_into("<Q", disk, 80 * SECTOR + 16, KERNEL_VIRT)
        manifest.slot[0]["entry_virt"] = KERNEL_VIRT
        manifest.slot[0]["merkle_root"] = diskmodel.merkle_root(bytes(disk[80 * SECTOR:80 * SECTOR + value]))
    disk[64 * SECTOR:65 * SECTOR] = bytes(manifest)
    kit.image.write_bytes(disk)
    info, status = kit.info()
    assert status == 1 and info["slots"][0]["code"] == 39 and info["boots"] == "B"
    assert diskmodel.boot(disk).slot_codes == [39, 0]


@pytest.mark.parametrize("flips,text", [
    ((0,), "stage 1 at LBA 0 does not begin with 33 C0 EB"),
    ((510,), "stage 1 at LBA 0 does not end with 55 AA"),
    ((4,), "stage 1 at LBA 0 says a length of stage 2 that is not 1 to 61 sectors"),
    ((5,), "stage 1 at LBA 0 says an end of stage 2"),
    ((7,), "stage 2 at LBA 1 has another CRC than stage 1 says"),
    ((5000,), "stage 2 at LBA 1 has another CRC than stage 1 says"),
    ((64 * SECTOR, 72 * SECTOR + 200), "no valid boot manifest: LBA 64 is not a boot manifest, LBA 72 has a wrong CRC"),
])
def test_update_refuses_a_disk_that_cannot_boot(kit, flips, text):
    disk = damaged_floppy(kit, *flips)
    kit.refused(1, text, "update", kit.image, "--kernel", kit.kernel)
    assert kit.image.read_bytes() == disk


@pytest.mark.parametrize("verb", ["update", "cmdline"])
def test_the_last_sequence_number(kit, verb):
    disk = bytearray(kit.create_floppy().read_bytes())
    manifest = headers.Manifest(disk[64 * SECTOR:65 * SECTOR])
    manifest.seq = 2**64 - 1
    disk[64 * SECTOR:65 * SECTOR] = bytes(manifest)
    kit.image.write_bytes(disk)
    last = ["--kernel", kit.file("k", kernel_bytes(999, seed=5))] if verb == "update" else ["text"]
    kit.refused(1, "the manifest at LBA 64 has the last sequence number there is", verb, kit.image, *last)
    assert kit.image.read_bytes() == disk


def test_cmdline(kit):
    kit.create_floppy()
    assert kit.ok("cmdline", kit.image) == "\n"
    before = kit.image.read_bytes()
    for text in ("debug", "x" * 255, "", 'run="e820; poweroff"', "-- --size"):
        kit.ok("cmdline", kit.image, "--", text)
        assert kit.ok("cmdline", kit.image) == text + "\n"
        assert diskmodel.boot(kit.image.read_bytes()).cmdline == text.encode()
    after = kit.image.read_bytes()
    changed = {at // SECTOR for at in range(0, len(before)) if before[at] != after[at]} if before != after else set()
    assert changed == {64, 72}


def test_cmdline_writes_the_copy_that_does_not_count(kit):
    kit.create_floppy()
    before = kit.image.read_bytes()
    kit.ok("cmdline", kit.image, "one")
    after = kit.image.read_bytes()
    assert before[:72 * SECTOR] == after[:72 * SECTOR] and before[73 * SECTOR:] == after[73 * SECTOR:]
    assert diskmodel.boot(after).winner == 1


def test_cmdline_shows_no_control_characters(kit):
    disk = bytearray(kit.create_floppy().read_bytes())
    manifest = headers.Manifest(disk[64 * SECTOR:65 * SECTOR])
    manifest.cmdline = b"a\x1b[2J\xff".ljust(256, b"\0")
    disk[64 * SECTOR:65 * SECTOR] = bytes(manifest)
    kit.image.write_bytes(disk)
    assert kit.ok("cmdline", kit.image) == "a\\x1B[2J\\xFF\n"
    assert kit.info()[0]["manifests"][0]["cmdline"] == "a\x1b[2J\u00ff"
    assert "\x1b" not in kit.ok("info", kit.image)


def test_cmdline_heals_a_damaged_copy(kit):
    damaged_floppy(kit, 64 * SECTOR + 30)
    assert kit.info()[1] == 1
    kit.ok("cmdline", kit.image, "debug")
    assert kit.info()[1] == 0


# ---- install ----------------------------------------------------------------------------------------

def owned_by_install(capacity, kernel_sectors, stage2_sectors=10):
    """The bytes that install may change, of a disk that has a signature."""
    lbas = {*range(1, 1 + stage2_sectors), 64, 72}
    for first in (80, 80 + capacity):
        lbas |= set(range(first, first + kernel_sectors))
    return lbas


TABLES = {
    "a 1 MiB gap": [ORDINARY],
    "four partitions": [mbr_entry(0, 0x83, 3000, 10), ORDINARY, mbr_entry(0, 0x82, 3500, 7), mbr_entry(0, 0x0C, 4000, 96)],
    "an extended one first": [mbr_entry(0, 0x0F, GAP_1MIB, 2048)],
    "an entry in the middle": [bytes(16), bytes(16), ORDINARY],
    "the smallest gap": [mbr_entry(0x80, 0x83, 96, 4000)],
    "beyond the image": [mbr_entry(0x80, 0x83, GAP_1MIB, 0xFFFFFFFF)],
}


@pytest.mark.parametrize("name", TABLES)
def test_install_changes_only_what_it_owns(kit, name):
    before = partitioned_image(kit, TABLES[name])
    said = kit.ok("install", kit.image, *kit.inputs())
    after = kit.image.read_bytes()
    first = diskmodel.boot_area_end(before)
    capacity = (first - 80) // 16 * 8
    assert f"writing LBA 0 to {first - 1}; not safe against a power cut" in said
    assert len(after) == len(before) and after[440:512] == before[440:512]
    changed = {at // SECTOR for at in range(SECTOR, len(after), SECTOR)
               if after[at:at + SECTOR] != before[at:at + SECTOR]}
    assert changed == owned_by_install(capacity, 3)
    boot = diskmodel.boot(after)
    assert (boot.slot, boot.slot_codes, boot.kernel) == (0, [0, 0], kit.kernel.read_bytes())
    assert [(slot.first_lba, slot.sectors) for slot in boot.copies[0].slots] == [(80, capacity), (80 + capacity, capacity)]


def test_install_gives_a_signature_only_where_there_is_none(kit):
    before = partitioned_image(kit, [ORDINARY], signature=0)
    kit.ok("install", kit.image, *kit.inputs())
    after = kit.image.read_bytes()
    assert after[440:444] != bytes(4) and after[444:512] == before[444:512]


def test_install_again_keeps_the_settings(kit):
    partitioned_image(kit, [ORDINARY])
    kit.ok("install", kit.image, *kit.inputs(), "--cmdline", "debug", "--menu-timeout", "3")
    kit.ok("install", kit.image, *kit.inputs(kit.file("k", kernel_bytes(900))))
    copy = kit.info()[0]["manifests"][0]
    assert (copy["cmdline"], copy["menu"], copy["menu_timeout_s"]) == ("debug", 1, 3)
    kit.ok("install", kit.image, *kit.inputs(), "--cmdline", "", "--menu-timeout", "0")
    copy = kit.info()[0]["manifests"][0]
    assert (copy["cmdline"], copy["menu"]) == ("", 0)


def test_install_on_an_image_of_create(kit):
    before = kit.create().read_bytes()
    kit.ok("install", kit.image, *kit.inputs())
    assert kit.image.read_bytes() == before


def test_install_pins(kit):
    partitioned_image(kit, [ORDINARY])
    kit.ok("install", kit.image, *kit.inputs(), "--pin")
    assert diskmodel.boot(kit.image.read_bytes()).pin == diskmodel.merkle_root(kit.kernel.read_bytes())
    kit.refused(1, "is pinned", "update", kit.image, "--kernel", kit.kernel)


GPT_ENTRY = mbr_entry(0, 0xEE, 1, 0xFFFFFFFF)
INSTALL_REFUSALS = {
    "protective entry": ({"entries": [GPT_ENTRY]}, "has a GPT (entry 1 of LBA 0 has type EE)"),
    "hybrid": ({"entries": [ORDINARY, GPT_ENTRY]}, "has a GPT (entry 2 of LBA 0 has type EE)"),
    "no table": ({"entries": [ORDINARY], "magic": b"\0\0"}, "LBA 0 holds no partition table: 55 AA is missing"),
    "empty table": ({"entries": []}, "LBA 0 holds no partition table: all entries are empty"),
    "a FAT boot sector": ({"entries": [b"Non-System disk "]}, "LBA 0 holds no partition table: entry 1 has status 4E"),
    "partition over the slots": ({"entries": [mbr_entry(0, 0x83, 95, 9)]}, "partition 1 begins at LBA 95"),
    "partition at 63": ({"entries": [bytes(16), mbr_entry(0, 0x83, 63, 9)]}, "partition 2 begins at LBA 63, the boot area needs LBA 0 to 95"),
    "extended at 63": ({"entries": [mbr_entry(0, 0x05, 63, 4000)]}, "partition 1 begins at LBA 63"),
    "whole disk": ({"entries": [mbr_entry(0x80, 0x17, 0, 4096)]}, "partition 1 begins at LBA 0"),
    "type 0 with sectors": ({"entries": [ORDINARY, mbr_entry(0, 0, 64, 9)]}, "entry 2 of the partition table has type 0 but 9 sectors"),
}


@pytest.mark.parametrize("name", INSTALL_REFUSALS)
def test_install_refuses(kit, name):
    image, text = INSTALL_REFUSALS[name]
    before = partitioned_image(kit, **image)
    kit.refused(1, text, "install", kit.image, *kit.inputs())
    assert kit.image.read_bytes() == before


def test_install_refuses_a_gpt_header_without_an_entry(kit):
    before = bytearray(partitioned_image(kit, [ORDINARY]))
    before[SECTOR:SECTOR + 8] = b"EFI PART"
    kit.image.write_bytes(before)
    kit.refused(1, 'has a GPT ("EFI PART" at LBA 1)', "install", kit.image, *kit.inputs())
    assert kit.image.read_bytes() == before


@pytest.mark.parametrize("first,capacity", [(GAP_1MIB, 984), (97, 8), (100, 8), (112, 16)])
def test_install_refuses_a_gap_too_small(kit, first, capacity):
    before = partitioned_image(kit, [mbr_entry(0, 0x83, first, 100)])
    kernel = kit.file("k", kernel_bytes(capacity * SECTOR + 1))
    kit.refused(1, f"needs {capacity + 1} sectors, a kernel slot of this disk has {capacity}", "install",
                kit.image, *kit.inputs(kernel))
    assert kit.image.read_bytes() == before
    kit.ok("install", kit.image, *kit.inputs(kit.file("k", kernel_bytes(capacity * SECTOR))))


def test_install_refuses_an_image_cut_short(kit):
    """The partition begins where the image ends no more: there is no room for the slots."""
    before = partitioned_image(kit, [ORDINARY], sectors=90)
    kit.refused(1, "needs 3 sectors, a kernel slot of this disk has 0", "install", kit.image, *kit.inputs())
    assert kit.image.read_bytes() == before
