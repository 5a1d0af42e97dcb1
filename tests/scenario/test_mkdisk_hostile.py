"""mkdisk on images that somebody damaged or made up: it never crashes, never guesses, never strays.

Hypothesis makes the images out of a good one. The program is the sanitized one, so a read past a buffer
or an overflow ends it with exit code 99. What `info` says is compared with the model of the loader
(tests/lib/diskmodel.py), which shares no code with it.
"""
import json
import struct

import pytest
from hypothesis import HealthCheck, given, settings

from lib import diskmodel
from lib.hostile import changes, damage
from lib.mkdiskkit import SECTOR, Kit, kernel_bytes, sanitized_mkdisk

KERNEL = kernel_bytes(1500, seed=9)


@pytest.fixture(scope="module", name="kit")
def _kit(tmp_path_factory):
    kit = Kit(tmp_path_factory.mktemp("hostile"), sanitized_mkdisk())
    kit.create_floppy("--cmdline", "debug")
    kit.ok("update", kit.image, "--kernel", kit.file("b.bin", kernel_bytes(2000, seed=4)))
    kit.original = kit.image.read_bytes()
    kit.file("new.bin", KERNEL)
    return kit


def make(kit, steps):
    disk = damage(kit.original, steps)
    kit.image.write_bytes(disk)
    return disk


def info_agrees(kit, steps):
    disk = make(kit, steps)
    boot = diskmodel.boot(disk)
    done = kit.run("info", kit.image, "--json")
    info = json.loads(done.stdout)
    assert [copy["code"] for copy in info["manifests"]] == [copy.code for copy in boot.copies]
    assert info["winner"] == boot.winner
    assert [slot["code"] for slot in info["slots"]] == boot.slot_codes
    assert (info["stage1"]["ok"] and info["stage2"]["ok"]) == boot.loader
    assert info["boots"] == (None if boot.slot is None else "AB"[boot.slot])
    assert info["bootable"] == (boot.slot is not None)
    assert info["stage2"].get("pinned_root") == (boot.pin and boot.pin.hex())
    sound = boot.slot is not None and not any(copy.code for copy in boot.copies) and set(boot.slot_codes) <= {0, 31} and \
        diskmodel.partitions_fit(disk)
    assert done.returncode == (0 if sound else 1)
    text = kit.run("info", kit.image)
    assert text.returncode == done.returncode and text.stdout.isprintable() is False
    assert all(32 <= ord(c) < 127 or c == "\n" for c in text.stdout), "a control character reached the terminal"


def update_is_safe(kit, steps):
    before = make(kit, steps)
    old = diskmodel.boot(before)
    done = kit.run("update", kit.image, "--kernel", "new.bin")
    after = kit.image.read_bytes()
    if done.returncode != 0:
        assert done.returncode == 1 and after == before
        return
    new = diskmodel.boot(after)
    assert old.loader and old.pin is None and old.winner is not None
    assert new.kernel == KERNEL and new.winner == 1 - old.winner and new.cmdline == old.cmdline
    slot = new.copies[new.winner].slots[new.slot]
    allowed = {diskmodel.MANIFEST_LBAS[new.winner], *range(slot.first_lba, slot.first_lba + 3)}
    assert changed_sectors(before, after) <= allowed
    if old.slot is not None:
        assert new.slot == 1 - old.slot and new.slot_codes[old.slot] == 0, "the kernel that booted was harmed"


def cmdline_is_safe(kit, steps):
    before = make(kit, steps)
    old = diskmodel.boot(before)
    done = kit.run("cmdline", kit.image, "new text")
    after = kit.image.read_bytes()
    if done.returncode != 0:
        assert done.returncode == 1 and after == before
        assert old.winner is None or old.copies[old.winner].seq == 2**64 - 1
        return
    new = diskmodel.boot(after)
    assert new.cmdline == b"new text" and (new.slot, new.kernel) == (old.slot, old.kernel)
    assert changed_sectors(before, after) == {diskmodel.MANIFEST_LBAS[new.winner]} and new.winner != old.winner


def install_is_safe(kit, steps):
    before = make(kit, steps)
    done = kit.run("install", kit.image, "--stage1", "stage1.bin", "--stage2", "stage2.bin", "--kernel", "new.bin")
    after = kit.image.read_bytes()
    used = [before[at:at + 16] for at in range(446, 510, 16) if before[at + 4]]
    if done.returncode != 0:
        assert done.returncode == 1 and after == before
        return
    assert used and all(entry[4] != 0xEE and struct.unpack_from("<I", entry, 8)[0] >= 96 for entry in used)
    assert after[440:512] == before[440:512]
    end = diskmodel.boot_area_end(before)
    assert max(changed_sectors(before, after), default=0) < end
    assert diskmodel.boot(after).kernel == KERNEL


def changed_sectors(before, after):
    assert len(before) == len(after)
    return {at // SECTOR for at in range(0, len(after), SECTOR) if after[at:at + SECTOR] != before[at:at + SECTOR]}


PROPERTIES = [info_agrees, update_is_safe, cmdline_is_safe, install_is_safe]


def run(kit, check, **options):
    @settings(deadline=None, database=None, print_blob=True, suppress_health_check=list(HealthCheck), **options)
    @given(changes())
    def examples(steps):
        check(kit, steps)

    examples()


@pytest.mark.parametrize("check", PROPERTIES)
def test_hostile_images(kit, check):
    run(kit, check, derandomize=True, max_examples=120)


@pytest.mark.soak
@pytest.mark.limit(1200)
@pytest.mark.parametrize("check", PROPERTIES)
def test_many_hostile_images(kit, check):
    run(kit, check, max_examples=4000)


def test_the_property_sees_a_wrong_verdict(kit, monkeypatch):
    """The tester tested: a model that takes any root for good disagrees with mkdisk."""
    monkeypatch.setattr(diskmodel, "merkle_root", lambda data: b"x" * 32)
    with pytest.raises(AssertionError):
        info_agrees(kit, [])


@pytest.mark.parametrize("fill", [b"\0", b"\xFF", b"S0BOOT\0\0"])
@pytest.mark.parametrize("sectors", [1, 2, 63, 65, 73, 81, 2880])
def test_images_of_nothing(kit, fill, sectors):
    """Blank and filled images of every awkward length: refused in words by every verb."""
    kit.image.write_bytes((fill * SECTOR)[:SECTOR] * sectors)
    before = kit.image.read_bytes()
    assert kit.run("info", kit.image, "--json").returncode == 1
    assert kit.run("info", kit.image).returncode == 1
    kit.refused(1, "no valid boot manifest", "cmdline", kit.image)
    kit.refused(1, "stage 1 at LBA 0", "update", kit.image, "--kernel", "new.bin")
    kit.refused(1, "", "install", kit.image, "--stage1", "stage1.bin", "--stage2", "stage2.bin", "--kernel", "new.bin")
    assert kit.image.read_bytes() == before
