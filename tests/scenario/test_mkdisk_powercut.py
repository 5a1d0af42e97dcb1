"""A power cut at any moment of `mkdisk update` and `mkdisk cmdline` leaves a disk that boots.

What mkdisk writes is recorded in order (tests/lib/writelog.c). A disk guarantees only what was written
before the last finished sync; of the writes since then any sectors may be there and any may be missing,
and the 4 KiB physical sector that was being written may hold anything. For each such state the model of
the loader (tests/lib/diskmodel.py) must find the old kernel or the new one, whole, and its command line.
"""
import itertools
import random

import pytest

from lib import diskmodel
from lib.mkdiskkit import SECTOR, Write, kernel_bytes, read_log, writelog_env

pytestmark = pytest.mark.check

PHYSICAL = 8        # sectors of a physical sector
ALL_SUBSETS = 9     # up to this many sectors, every subset is tried; above, prefixes and a sample
SAMPLE = 150


def sectors_of(writes):
    """The single sectors of WRITES in order: [(offset, 512 bytes)]."""
    parts = []
    for write in writes:
        assert write.offset % SECTOR == 0 and len(write.data) % SECTOR == 0
        for at in range(0, len(write.data), SECTOR):
            parts.append((write.offset + at, write.data[at:at + SECTOR]))
    return parts


def subsets(count, rng):
    """Index tuples of what reached the disk: all of them if few, else every prefix and a sample."""
    if count <= ALL_SUBSETS:
        for size in range(count + 1):
            yield from itertools.combinations(range(count), size)
        return
    for size in range(count + 1):
        yield tuple(range(size))
    for missing in range(count):
        yield tuple(n for n in range(count) if n != missing)
    for _ in range(SAMPLE):
        yield tuple(n for n in range(count) if rng.random() < rng.choice((0.1, 0.5, 0.9)))


def crash_states(before, epochs, seed=1):
    """Every disk that a power cut may leave; yields (bytes, number of the epoch it happened in)."""
    rng, durable = random.Random(seed), bytearray(before)
    for number, writes in enumerate(epochs):
        parts = sectors_of(writes)
        for chosen in subsets(len(parts), rng):
            disk = bytearray(durable)
            for n in chosen:
                offset, data = parts[n]
                disk[offset:offset + SECTOR] = data
            yield disk, number
        for block in sorted({offset // SECTOR // PHYSICAL for offset, _ in parts}):
            disk = bytearray(durable)
            size = PHYSICAL * SECTOR
            disk[block * size:(block + 1) * size] = rng.randbytes(size)
            yield disk, number
        for offset, data in parts:
            durable[offset:offset + SECTOR] = data


def recorded(kit, *arguments):
    """Run mkdisk; returns the image before, the image after, and the recorded epochs."""
    log, before = kit.folder / "log", kit.image.read_bytes()
    log.unlink(missing_ok=True)
    kit.ok(*arguments, env=writelog_env(log))
    after, epochs = kit.image.read_bytes(), read_log(log)
    replayed = bytearray(before)
    for offset, data in sectors_of(write for epoch in epochs for write in epoch):
        replayed[offset:offset + SECTOR] = data
    assert bytes(replayed) == after, "mkdisk wrote in a way that the record does not see"
    assert not epochs[-1], "mkdisk ended without a sync after its last write"
    return before, after, epochs


def check_all_states(before, after, epochs):
    """Every state boots what BEFORE or what AFTER boots; returns how many states there were."""
    old, new = diskmodel.boot(before), diskmodel.boot(after)
    allowed = {(old.kernel, old.cmdline), (new.kernel, new.cmdline)}
    count = 0
    for disk, number in crash_states(before, epochs):
        boot = diskmodel.boot(disk)
        assert boot.slot is not None, f"does not boot after a power cut in epoch {number}"
        assert (boot.kernel, boot.cmdline) in allowed, f"boots something else, epoch {number}"
        count += 1
    return count


@pytest.mark.parametrize("length", [600, 6 * SECTOR, 9 * SECTOR, 33 * SECTOR + 5, 700 * SECTOR])
def test_update(kit, length):
    """Four updates in a row, so that each slot and each copy is written as old and as new."""
    kit.create_floppy("--cmdline", "keep")
    for seed in range(4):
        kernel = kit.file("k", kernel_bytes(length, seed=seed))
        before, after, epochs = recorded(kit, "update", kit.image, "--kernel", kernel)
        assert diskmodel.boot(after).kernel == kernel.read_bytes()
        assert check_all_states(before, after, epochs) > length // SECTOR
        if length > 100 * SECTOR:
            return  # once is enough for the long one


def test_cmdline(kit):
    kit.create_floppy("--cmdline", "old")
    for text in ("one", "two", "", "x" * 255):
        before, after, epochs = recorded(kit, "cmdline", kit.image, text)
        assert diskmodel.boot(after).cmdline == text.encode()
        assert check_all_states(before, after, epochs) >= 3


def test_mixed_changes(kit):
    """cmdline moves the newest manifest to the other copy: update must follow it."""
    kit.create_floppy()
    rng = random.Random(7)
    for seed in range(12):
        if rng.random() < 0.5:
            change = ("cmdline", kit.image, f"text {seed}")
        else:
            change = ("update", kit.image, "--kernel", kit.file("k", kernel_bytes(1200, seed=seed)))
        check_all_states(*recorded(kit, *change))


@pytest.mark.parametrize("damage", [80 * SECTOR, 1480 * SECTOR, 64 * SECTOR + 20, 72 * SECTOR + 20])
def test_update_of_a_damaged_disk(kit, damage):
    """One slot or one copy is bad already: the other one must survive."""
    disk = bytearray(kit.create_floppy().read_bytes())
    disk[damage] ^= 1
    kit.image.write_bytes(disk)
    kernel = kit.file("k", kernel_bytes(1500, seed=8))
    before, after, epochs = recorded(kit, "update", kit.image, "--kernel", kernel)
    check_all_states(before, after, epochs)
    assert diskmodel.boot(after).slot_codes == [0, 0]


def test_update_again_after_a_power_cut(kit):
    """Whatever a power cut left, the same update works on it, and is as safe."""
    kit.create_floppy()
    kernel = kit.file("k", kernel_bytes(5 * SECTOR, seed=4))
    before, _, epochs = recorded(kit, "update", kit.image, "--kernel", kernel)
    states = {bytes(disk) for disk, _ in crash_states(before, epochs)}
    for disk in sorted(states)[::3]:
        kit.image.write_bytes(disk)
        again_before, after, again = recorded(kit, "update", kit.image, "--kernel", kernel)
        check_all_states(again_before, after, again)
        assert diskmodel.boot(after).kernel == kernel.read_bytes()


def test_one_lost_copy_after_an_update(kit):
    """Afterwards either manifest copy may go bad, and the disk still boots one of the two kernels."""
    kit.create_floppy()
    kernels = {kit.kernel.read_bytes()}
    for seed in range(4):
        kernel = kit.file("k", kernel_bytes(1500, seed=seed))
        kit.ok("update", kit.image, "--kernel", kernel)
        kernels.add(kernel.read_bytes())
        for lba in (64, 72):
            disk = bytearray(kit.image.read_bytes())
            disk[lba * SECTOR] ^= 1
            assert diskmodel.boot(disk).kernel in kernels


@pytest.mark.parametrize("verb", ["update", "cmdline"])
def test_a_write_that_fails_is_said_and_does_no_harm(kit, verb):
    """Each write and sync fails once with an error from the disk."""
    original = kit.create_floppy().read_bytes()
    change = ["--kernel", kit.file("k", kernel_bytes(1500, seed=8))] if verb == "update" else ["text"]
    for number in range(1, 5 if verb == "update" else 3):
        kit.image.write_bytes(original)
        kit.refused(1, "No space left on device", verb, kit.image, *change,
                    env=writelog_env("/dev/null", fail=number))
        assert diskmodel.boot(kit.image.read_bytes()).slot is not None


def test_the_order_of_update(kit):
    """Slot B and nothing else, sync, copy 1 and nothing else, sync."""
    kit.create_floppy()
    _, _, epochs = recorded(kit, "update", kit.image, "--kernel", kit.file("k", kernel_bytes(1500, seed=8)))
    places = [[offset // SECTOR for offset, _ in sectors_of(epoch)] for epoch in epochs]
    assert places == [[1480, 1481, 1482], [72], []]


def test_the_crash_model_sees_an_unsafe_update(kit):
    """The tester tested: the only good slot overwritten in place must be noticed."""
    disk = bytearray(kit.create_floppy().read_bytes())
    disk[1480 * SECTOR] ^= 1
    unsafe = [[Write(80 * SECTOR, kernel_bytes(3 * SECTOR, seed=8))], []]
    with pytest.raises(AssertionError, match="does not boot after a power cut in epoch 0"):
        check_all_states(disk, disk, unsafe)
    disk[72 * SECTOR] ^= 1  # and so must a manifest written over the only good one
    unsafe = [[Write(64 * SECTOR, bytes(disk[64 * SECTOR:65 * SECTOR]))], []]
    with pytest.raises(AssertionError, match="does not boot after a power cut in epoch 0"):
        check_all_states(disk, disk, unsafe)
