"""Disks: the kernel's own tests of disks (tests/kernel/test_disk*.c) on every kind of disk that it drives.

Each machine has scratch disks besides the one that it boots from, and runs those tests on all of
them. Machines that run all tests of the kernel (test_in_guest.py) have scratch disks, too: there are
the other kinds of kernel, and Bochs.
"""
import re
import struct

import pytest

from lib import disks
from lib.guest import EXIT_DEVICE, run_all, source_names
from lib.images import make_image
from lib.paths import FAILURES
from lib.qemu import Qemu

NAMES = [name for name in source_names() if name.startswith("disk_")]
PLANS, LIMIT_28, READ_ONLY = "disk_planned_faults", "disk_where_28_bits_end", "disk_read_only"

# name -> (where the scratch disks are, options of the machine, what else than PLANS is to be skipped)
MACHINES = {
    "ide-slave": (["ide"], {}, [LIMIT_28, READ_ONLY]),
    "ide-second-channel": (["ide-second", "ide-second-slave"], {"cpu": "max"}, [LIMIT_28, READ_ONLY]),
    "piix-on-q35": (["piix", "virtio"], {"machine": "q35"}, [LIMIT_28, READ_ONLY]),
    "no-pci": (["ide"], {"machine": "isapc"}, [LIMIT_28, READ_ONLY]),
    "virtio": (["virtio", "virtio-readonly"], {"cpu": "max"}, [LIMIT_28]),
    "virtio-legacy": (["virtio-legacy"], {}, [LIMIT_28, READ_ONLY]),
    "virtio-modern": (["virtio-modern"], {}, [LIMIT_28, READ_ONLY]),
    "blocks-of-4096": (["virtio-4096"], {}, [LIMIT_28, READ_ONLY]),
    "160-GiB": (["ide", "virtio"], {"size": 160 * disks.GIB}, [READ_ONLY]),
}


def run(folder, names, arguments, evidence, **options):
    """Run the tests NAMES, which is all that match one glob, on a machine with ARGUMENTS: (Run, its text)."""
    glob = names[0] if len(names) == 1 else "disk_*"
    image = make_image(folder / "boot.img", cmdline=f"test={glob}")
    machines = []

    def start(path):
        machines.append(Qemu(path, args=EXIT_DEVICE + arguments, **options))
        return machines[0]

    result = run_all(start, image, FAILURES / evidence, names)
    assert result.problems(names) == []
    return result, machines[0].output.replace("\r", "")


@pytest.mark.parametrize("name", MACHINES)
def test_machine(name, tmp_path):
    """All sizes, alignments, memory, depths, threads; with interrupts, without, and lost ones."""
    places, options, skipped = MACHINES[name]
    options = dict(options)
    arguments = disks.attach(tmp_path, *places, size=options.pop("size", 32 * disks.MIB))
    result, text = run(tmp_path, NAMES, arguments, f"disks-{name}", **options)
    outcomes = {test: result.verdict(test) for test in NAMES}
    assert {test: why for test, (outcome, why) in outcomes.items() if outcome == "failed"} == {}
    assert {test for test, (outcome, _) in outcomes.items() if outcome == "skipped"} == {PLANS, *skipped}
    # The disks that were tested are those that we have attached.
    kind = "vblk" if "virtio" in places[0] else "ata"
    tested = set(re.findall(r"^# on (\w+), ", text, re.M))
    writable = [place for place in places if "readonly" not in place]
    assert len(tested) == len(writable) and any(disk.startswith(kind) for disk in tested)
    assert "a request had ended, but no interrupt came" in text
    assert "PANIC" not in text


BAD = 5000  # the sector that fails; a multiple of 8
FAULT_PLACES = ["ide", "ide-second", "ide-second-slave", "virtio", "virtio-modern", "virtio-legacy"]


@pytest.mark.parametrize("how", ["once", "always"])
def test_faults(how, tmp_path):
    """blkdebug lets a read, a write and a flush fail, on IDE and on virtio: the right error, at the right
    sector in the log, and a disk that works on."""
    arguments = []
    for number, place in enumerate(FAULT_PLACES):
        plan = (disks.OPERATIONS[number % 3], BAD, how == "once")
        image = disks.scratch_disk(tmp_path / f"{number}.img", plan=plan)
        arguments += disks.attach_node(number, place, disks.failing(image, plan))
    result, text = run(tmp_path, [PLANS], arguments, f"disks-faults-{how}")
    assert result.verdict(PLANS) == ("passed", "")
    plans = re.findall(rf"^# (\w+): operation (\d), sector {BAD}, {how}$", text, re.M)
    assert len(plans) == len(FAULT_PLACES) and {disk[:3] for disk, _ in plans} == {"ata", "vbl"}
    for disk, operation in plans:
        told = re.findall(rf"\] {disk}: (.*)", text)
        wanted = rf"{disks.OPERATIONS[int(operation)]} of 8 sectors at {BAD}: EIO after \d tries"
        if operation == "2":
            wanted = r"flush: EIO after 1 tries"
        elif how == "once" and disk.startswith("ata"):  # tried again, and well
            assert not any("EIO" in line for line in told), "\n".join(told)
            wanted = rf"{disks.OPERATIONS[int(operation)]} of 8 sectors from {BAD}: "
        assert any(re.match(wanted, line) for line in told), "\n".join(told)


FLUSHES = "disk_flushes_what_has_completed"
ROUNDS, WRITES, FIRST, DISTANCE = 8, 8, 4096, 16  # as in test_disk_queue.c


def check_flushes(entries):
    """In each round all writes that were waited for came before the flush, and a flush came."""
    covered = [FIRST + write * DISTANCE for write in range(WRITES)]
    written = {lba: 0 for lba in covered}  # the generation that stands on the disk
    complete = []                          # for each flush: the generation that all writes had reached
    for entry in entries:
        if entry is None:
            complete.append(min(written.values()))
            assert complete[-1] == max(written.values()), f"flush {len(complete)} came among the writes"
            continue
        lba, data = entry
        for sector in range(len(data) // disks.SECTOR):
            stamp, generation = struct.unpack_from("<QQ", data, sector * disks.SECTOR)
            if lba + sector in written:
                assert stamp == lba + sector
                assert generation == written[stamp] + 1, f"{stamp}: {generation} after {written[stamp]}"
                # What the last round wrote must have been made durable before this one begins.
                assert complete.count(generation - 1) >= (generation > 1), f"no flush in round {generation - 1}"
                written[stamp] = generation
    assert sorted(set(complete) - {0}) == list(range(1, ROUNDS + 1)), "a flush is missing"


def test_flushes_come_after_the_writes(tmp_path):
    """blklogwrites: no flush is missing, and none comes before the end of a write that it covers."""
    places = ["ide", "virtio", "virtio-legacy"]
    arguments = []
    for number, place in enumerate(places):
        image = disks.scratch_disk(tmp_path / f"{number}.img")
        arguments += disks.attach_node(number, place, disks.logged(image, tmp_path / f"{number}.log"))
    result, _ = run(tmp_path, [FLUSHES], arguments, "disks-flushes")
    assert result.verdict(FLUSHES) == ("passed", "")
    for number in range(len(places)):
        check_flushes(disks.read_log(tmp_path / f"{number}.log"))


def test_flush_check_notices():
    """The check of the log fails when a flush is missing, early, or late."""
    good = []
    for generation in range(1, ROUNDS + 1):
        good += [(FIRST + write * DISTANCE, struct.pack("<QQ496x", FIRST + write * DISTANCE, generation))
                 for write in range(WRITES)] + [None]
    check_flushes(good)
    early = good[:7] + [None, good[7]] + good[9:]
    late = good[:8] + [good[9], None] + good[10:]
    for bad in (early, late, good[:-1], [entry for entry in good if entry]):
        with pytest.raises(AssertionError):
            check_flushes(bad)
