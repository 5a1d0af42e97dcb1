"""Hostile images for property tests: hypothesis draws changes(), damage() carries them out on a disk.

The changes know the layout, so that most images are nearly right: a manifest keeps a correct CRC, a slot
may be moved and made true again (adopt), a pin gets a stage 2 whose CRC fits.
"""
import struct

from hypothesis import strategies as st

from lib import diskmodel, headers

SECTOR = 512
U32 = st.one_of(st.sampled_from([0, 1, 31, 32, 79, 80, 81, 88, 1400, 1479, 1480, 1481, 2879, 2880, 4096, 8192,
                                 0x7FFFFFFF, 0x80000000, 0xFFFFF000, 0xFFFFFFFF]), st.integers(0, 2**32 - 1))
U64 = st.one_of(st.sampled_from([0, 1, 0x100000, 0xFFFFFFFF80100000, 0xFFFFFFFF80100020, 2**63, 2**64 - 1]),
                st.integers(0, 2**64 - 1))
SLOT_FIELDS = {"first_lba": U32, "sectors": U32, "length": U32, "mem_size": U32, "load_phys": U64, "entry_virt": U64}
MANIFEST_FIELDS = {"magic": st.binary(min_size=8, max_size=8), "version": U32, "size": U32, "seq": U64,
                   "preferred": st.integers(0, 3), "menu": st.integers(0, 2), "menu_timeout_s": st.integers(0, 65535),
                   "reserved0": st.integers(0, 1), "cmdline": st.binary(min_size=256, max_size=256),
                   "reserved1": st.sampled_from([bytes(92), b"\1" + bytes(91)])}


def field_change(fields):
    return st.sampled_from(sorted(fields)).flatmap(lambda name: st.tuples(st.just(name), fields[name]))


@st.composite
def changes(draw, first_flip=0, first_cut=SECTOR):
    """A list of (kind, ...) that damage() carries out in order.

    No byte flips before offset FIRST_FLIP, and the disk keeps its first FIRST_CUT bytes.
    """
    copy = st.integers(0, 1)
    slot = st.integers(0, 1)
    return draw(st.lists(st.one_of(
        st.tuples(st.just("slot"), copy, slot, field_change(SLOT_FIELDS)),
        st.tuples(st.just("manifest"), copy, field_change(MANIFEST_FIELDS)),
        st.tuples(st.just("adopt"), copy, slot, st.booleans()),
        st.tuples(st.just("flip"), st.one_of(st.integers(first_flip, 83 * SECTOR), st.integers(1480 * SECTOR, 1484 * SECTOR))),
        st.tuples(st.just("partition"), st.integers(0, 3), st.integers(0, 255), U32, U32),
        st.tuples(st.just("pin"), st.binary(min_size=32, max_size=32)),
        st.tuples(st.just("cut"), st.integers(first_cut, 1440 * 1024))), min_size=1, max_size=6))


def edit_manifest(disk, copy, edit):
    at = diskmodel.MANIFEST_LBAS[copy] * SECTOR
    manifest = headers.Manifest(bytes(disk[at:at + SECTOR]))
    edit(manifest)
    disk[at:at + SECTOR] = bytes(manifest)


def adopt(disk, manifest, number, header):
    """Make the slot true: the root, and if HEADER the header, of what lies where its kernel should be."""
    slot = manifest.slot[number]
    start, size = slot["first_lba"] * SECTOR, slot["length"]
    if 1 <= size <= slot["sectors"] * SECTOR and start + size <= len(disk):
        if header and size >= 32:
            disk[start:start + 24] = struct.pack("<8sIIQ", b"S0KERNL", size, slot["mem_size"], slot["entry_virt"])
        slot["merkle_root"] = diskmodel.merkle_root(bytes(disk[start:start + size]))


def damage(original, steps):
    disk = bytearray(original)
    for step in steps:
        kind, *rest = step
        if kind == "slot":
            edit_manifest(disk, rest[0], lambda m: m.slot[rest[1]].update([rest[2]]))
        elif kind == "manifest":
            edit_manifest(disk, rest[0], lambda m: setattr(m, *rest[1]))
        elif kind == "adopt":
            edit_manifest(disk, rest[0], lambda m: adopt(disk, m, *rest[1:]))
        elif kind == "flip":
            disk[rest[0]] ^= 0x41
        elif kind == "partition":
            number, kind_byte, first, sectors = rest
            struct.pack_into("<B3xB3xII", disk, 446 + 16 * number, 0, kind_byte, first, sectors)
        elif kind == "pin":
            disk[544:576] = rest[0]
            struct.pack_into("<I", disk, 7, diskmodel.crc32c_register(disk[SECTOR:SECTOR * (1 + disk[4])]))
    cuts = [step[1] for step in steps if step[0] == "cut"]
    return bytes(disk[:min(cuts, default=len(disk))])
