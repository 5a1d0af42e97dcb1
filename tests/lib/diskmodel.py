"""An independent model of what the loader makes of a disk: which copy counts, which slot boots.

Written from the rules of docs/boot.md with hashlib and struct; it shares no code with stage 2 or
mkdisk. boot(disk) judges a bytes-like disk and returns a Boot. The memory map is taken to be large
enough, as mkdisk takes it to be.
"""
import functools
import hashlib
import struct
from dataclasses import dataclass, field

SECTOR = 512
MANIFEST_LBAS = (64, 72)
SLOTS_LBA = 80
KERNEL_VIRT = 0xFFFFFFFF80100000
MIB = 1 << 20

# The loader's error codes that a disk alone can cause.
READ, MAGIC, VERSION, CRC, FIELD, CMDLINE = 21, 22, 23, 24, 25, 26
EMPTY, LENGTH, PLACE, OVERLAP, ADDRESS, MEM_SIZE, ENTRY, HEADER, MERKLE, PIN, DISK = (
    31, 32, 33, 34, 35, 36, 38, 39, 40, 41, 42)

_TABLE = []
for _byte in range(256):
    for _ in range(8):
        _byte = _byte >> 1 ^ (0x82F63B78 if _byte & 1 else 0)
    _TABLE.append(_byte)


def crc32c_register(data):
    """The CRC-32C register after DATA, before the final inversion."""
    register = 0xFFFFFFFF
    for byte in bytes(data):
        register = register >> 8 ^ _TABLE[(register ^ byte) & 0xFF]
    return register


@functools.lru_cache(4096)
def _crc_cached(data):
    return crc32c_register(data)


def crc32c(data):
    """CRC-32C in the usual, inverted form."""
    return _crc_cached(bytes(data)) ^ 0xFFFFFFFF


def tree_hash(chunks):
    """MTH of RFC 6962 over a list of chunks, by its recursive definition."""
    if len(chunks) == 1:
        return hashlib.sha256(b"\0" + chunks[0]).digest()
    k = 1
    while k * 2 < len(chunks):
        k *= 2
    return hashlib.sha256(b"\1" + tree_hash(chunks[:k]) + tree_hash(chunks[k:])).digest()


@functools.lru_cache(256)
def merkle_root(data):
    """The Merkle root over DATA (bytes, at least one) in chunks of 4 KiB."""
    return tree_hash([data[at:at + 4096] for at in range(0, len(data), 4096)])


@dataclass
class Slot:
    first_lba: int
    sectors: int
    length: int
    mem_size: int
    load_phys: int
    entry_virt: int
    merkle_root: bytes


class Copy:
    """One copy of the manifest; code is 0 if it is valid."""

    def __init__(self, sector):
        self.slots, self.cmdline, self.seq = [], b"", 0
        self.code = READ if sector is None else self._judge(sector)

    def _judge(self, sector):
        (magic, version, size, self.seq, self.preferred, menu, _,
         reserved0) = struct.unpack_from("<8sIIQBBHI", sector)
        self.slots = [Slot(*struct.unpack_from("<IIIIQQ32s", sector, 32 + 64 * n)) for n in range(2)]
        self.cmdline = bytes(sector[160:416]).partition(b"\0")[0]
        if magic != b"S0BOOT\0\0":
            return MAGIC
        if (version, size) != (1, 512):
            return VERSION
        if struct.unpack_from("<I", sector, 508)[0] != crc32c(sector[:508]):
            return CRC
        if not self.seq or self.preferred > 1 or menu > 1 or reserved0 or any(sector[416:508]):
            return FIELD
        return CMDLINE if len(self.cmdline) == 256 else 0


@dataclass
class Boot:
    loader: bool = False        # stages 1 and 2 are sound
    pin: bytes = None           # the pinned root
    copies: list = field(default_factory=list)
    winner: int = None          # the copy that counts
    slot_codes: list = field(default_factory=list)
    slot: int = None            # the slot that boots; None: the disk does not boot
    kernel: bytes = None        # what boots

    @property
    def cmdline(self):
        return None if self.winner is None else self.copies[self.winner].cmdline


def _sectors(disk, lba, count=1):
    """COUNT sectors from LBA, or None if the disk has not all of them."""
    data = disk[lba * SECTOR:(lba + count) * SECTOR]
    return bytes(data) if len(data) == count * SECTOR else None


def _judge_loader(disk, boot):
    sector0 = _sectors(disk, 0)
    if sector0[:3] != b"\x33\xC0\xEB" or sector0[510:] != b"\x55\xAA":
        return
    count, end, crc = struct.unpack_from("<BHI", sector0, 4)
    if not 1 <= count <= 61 or end != 0x8000 + count * SECTOR:
        return
    stage2 = _sectors(disk, 1, count)
    boot.loader = stage2 is not None and _crc_cached(stage2) == crc
    if boot.loader and any(stage2[32:64]):
        boot.pin = stage2[32:64]


def boot_area_end(disk):
    """The first LBA that belongs to a partition, or the end of the disk."""
    end = len(disk) // SECTOR
    for entry in range(446, 510, 16):
        kind, first = disk[entry + 4], struct.unpack_from("<I", disk, entry + 8)[0]
        if kind:
            end = min(end, first)
    return end


def partitions_fit(disk):
    """No partition ends behind the end of the disk."""
    entries = (struct.unpack_from("<xxxxBxxxII", disk, entry) for entry in range(446, 510, 16))
    return all(kind == 0 or first + sectors <= len(disk) // SECTOR for kind, first, sectors in entries)


def _judge_fields(slot, other, end):
    last = slot.first_lba + slot.sectors
    if slot.length == 0:
        return EMPTY
    if slot.length > slot.sectors * SECTOR:
        return LENGTH
    if slot.first_lba < SLOTS_LBA or last > end:
        return PLACE
    if slot.first_lba < other.first_lba + other.sectors and other.first_lba < last:
        return OVERLAP
    if slot.load_phys != MIB:
        return ADDRESS
    if slot.mem_size % 4096 or slot.mem_size < slot.length or MIB + slot.mem_size > 15 * MIB:
        return MEM_SIZE
    if not KERNEL_VIRT <= slot.entry_virt < KERNEL_VIRT + slot.length:
        return ENTRY
    return 0


def _judge_bytes(disk, slot, pin):
    """Returns (code, kernel)."""
    data = _sectors(disk, slot.first_lba, -(-slot.length // SECTOR))
    if data is None:
        return DISK, None
    kernel = data[:slot.length]
    root = merkle_root(kernel)
    if root != slot.merkle_root:
        return MERKLE, None
    if pin is not None and root != pin:
        return PIN, None
    expected = struct.pack("<8sIIQ", b"S0KERNL", slot.length, slot.mem_size, slot.entry_virt)
    return (0, kernel) if kernel[:24] == expected and len(kernel) >= 32 else (HEADER, None)


def boot(disk):
    """What the loader does with DISK, at least one sector."""
    result = Boot()
    _judge_loader(disk, result)
    result.copies = [Copy(_sectors(disk, lba)) for lba in MANIFEST_LBAS]
    valid = [n for n in (0, 1) if result.copies[n].code == 0]
    if not valid:
        return result
    result.winner = max(valid, key=lambda n: (result.copies[n].seq, -n))
    copy, kernels = result.copies[result.winner], {}
    for n in (0, 1):
        code = _judge_fields(copy.slots[n], copy.slots[1 - n], boot_area_end(disk))
        if code == 0:
            code, kernels[n] = _judge_bytes(disk, copy.slots[n], result.pin)
        result.slot_codes.append(code)
    for n in (copy.preferred, 1 - copy.preferred):
        if result.slot is None and result.slot_codes[n] == 0 and result.loader:
            result.slot, result.kernel = n, kernels[n]
    return result
