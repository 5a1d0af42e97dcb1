"""A reader of SFS volumes, written from docs/sfs.md alone: its section 13, step by step.

It shares nothing with fs/, so what it reads is what the document says. Everything is verified; what does
not verify is a Damaged with words. It keeps nothing in memory but what the journal has.
"""
import struct
from dataclasses import dataclass

FIFO, CHR, DIR, BLK, REG, LNK, SOCK = 1, 2, 4, 6, 8, 10, 12
INCOMPAT = 0x1F
JOURNAL_DESCRIPTOR, JOURNAL_COMMIT = 1, 2


class Damaged(Exception):
    pass


def check(condition, text):
    if not condition:
        raise Damaged(text)


def _crc_table():
    table = []
    for value in range(256):
        for _ in range(8):
            value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)
        table.append(value)
    return table


CRC_TABLE = _crc_table()


def crc(start, data):
    """C(start, data): section 7."""
    register = ~start & 0xFFFFFFFF
    for byte in data:
        register = register >> 8 ^ CRC_TABLE[(register ^ byte) & 0xFF]
    return ~register & 0xFFFFFFFF


def u64(value):
    return struct.pack("<Q", value)


def entry(uuid_crc, block, data):
    """What the checksum table has for BLOCK with the contents DATA."""
    return crc(crc(uuid_crc, u64(block)), data) or 1


@dataclass
class Inode:
    number: int
    mode: int
    nlink: int
    uid: int
    gid: int
    size: int
    flags: int
    mtime_ns: int
    ctime_ns: int
    atime_ns: int
    direct: tuple
    indirect: int
    raw: bytes

    @property
    def type(self):
        return self.mode >> 12


class Reader:
    """The volume that begins at byte START of the open FILE and is SIZE bytes long at most."""

    def __init__(self, file, start=0, size=None):
        self.file, self.start = file, start
        file.seek(0, 2)
        self.size = file.tell() - start if size is None else size
        self.newest = {}
        self._verified = set()
        self._superblock(self._find_superblock())
        self.uuid_crc = crc(0, self.uuid)
        if self.version == 2 and self.state != 1:
            self._replay()

    # -- step 1

    def _find_superblock(self):
        raw = self._bytes(0, 512)
        if self._superblock_verifies(raw):
            return raw
        for size in (512, 1024, 2048, 4096):
            last = self.size // size - 1
            raw = self._bytes(last * size, 512)
            if self._superblock_verifies(raw):
                block_size, = struct.unpack_from("<I", raw, 0x38)
                total, = struct.unpack_from("<Q", raw, 0x28)
                backup, = struct.unpack_from("<Q", raw, 0x78)
                if block_size == size and backup == total - 1 == last:
                    return raw
        raise Damaged("neither the superblock nor a backup verifies")

    @staticmethod
    def _superblock_verifies(raw):
        stored, = struct.unpack_from("<I", raw, 0x1FC)
        version, = struct.unpack_from("<I", raw, 0x3C)
        return raw[:8] == b"SFS\0LBA0" and (stored == crc(0, raw[:0x1FC]) or version == 1 and stored == 0)

    def _superblock(self, raw):
        (self.inode_bitmap, self.data_bitmap, self.table, self.data_start, self.total, self.inodes, self.bs,
         self.version, _, _, incompat, self.state, self.journal, self.journal_blocks, self.csum, self.csum_blocks,
         self.orphans, self.backup, self.uuid, self.label) = struct.unpack_from("<6Q6I6Q16s16s", raw, 8)
        check(self.version in (1, 2), f"version {self.version}")
        check(incompat == (INCOMPAT if self.version == 2 else 0), f"features {incompat:#x}")
        check(self.bs in (512, 1024, 2048, 4096), f"block size {self.bs}")
        self.pointers = self.bs // 8
        self.height_max = 4 if self.version == 2 else 1
        self._geometry()

    # -- step 2

    def _geometry(self):
        def up(amount, per):
            return (amount + per - 1) // per

        bits = 8 * self.bs
        table = self.total // 10
        inodes = table * (self.bs // 128)
        places = [1, 1 + up(inodes, bits), 1 + up(inodes, bits) + up(self.total, bits)]
        places.append(places[2] + table)
        found = [self.inode_bitmap, self.data_bitmap, self.table, self.data_start]
        check(self.inodes == inodes and places == found, f"geometry: {places} computed, {found} found")
        if self.version == 2:
            csum = up(self.total * 4, self.bs)
            expected = [self.data_start, csum, self.data_start + csum,
                        self.data_start + csum + self.journal_blocks, self.total - 1]
            found = [self.csum, self.csum_blocks, self.journal, self.orphans, self.backup]
            check(expected == found, f"geometry: {expected} computed, {found} found")
        self.first_file_block = self.orphans + 1 if self.version == 2 else self.data_start

    # -- step 4

    def _replay(self):
        seq, at = self._tail()
        log = self.journal_blocks - 2
        while True:
            found = self._transaction(seq, at)
            if found is None:
                return
            homes, length = found
            self.newest.update(homes)
            at = 2 + (at - 2 + length) % log
            seq += 1

    def _tail(self):
        best = None
        for slot in (0, 1):
            raw = self._raw_block(self.journal + slot)[:512]
            magic, _, gen, seq, at = struct.unpack_from("<4sIQQQ", raw)
            stored, = struct.unpack_from("<I", raw, 0x1FC)
            if magic == b"SFSJ" and stored == crc(self.uuid_crc, raw[:0x1FC]) and gen % 2 == slot:
                best = max(best, (gen, seq, at)) if best else (gen, seq, at)
        check(best, "no superblock of the journal verifies")
        return best[1:]

    def _transaction(self, seq, at):
        """The transaction SEQ at AT: ({home: block of its copy}, its length), or None if it is not valid."""
        homes, chain, length, index, last = {}, b"", 0, 0, False
        log = self.journal_blocks - 2

        def place():
            return 2 + (at - 2 + length) % log

        while not last:
            p = place()
            raw = self._raw_block(self.journal + p)
            magic, kind, number, tags, i, flags, stored = struct.unpack_from("<4sIQIIII", raw)
            zeroed = raw[:0x1C] + bytes(4) + raw[0x20:]
            if (magic != b"SFJD" or kind != JOURNAL_DESCRIPTOR or number != seq or i != index
                    or stored != crc(crc(self.uuid_crc, u64(p)), zeroed)
                    or tags > (self.bs - 32) // 16 or length + tags + 2 > log):
                return None
            chain += struct.pack("<I", stored)
            length, index, last = length + 1, index + 1, bool(flags & 1)
            for tag in range(tags):
                home, tag_crc, _ = struct.unpack_from("<QII", raw, 32 + 16 * tag)
                copy = self.journal + place()
                if home >= self.total or home in homes or tag_crc != entry(self.uuid_crc, home, self._raw_block(copy)):
                    return None
                homes[home] = copy
                length += 1
        p = place()
        raw = self._raw_block(self.journal + p)[:512]
        magic, kind, number, _, total, _, chained = struct.unpack_from("<4sIQqIII", raw)
        stored, = struct.unpack_from("<I", raw, 0x1FC)
        length += 1
        if (magic != b"SFJD" or kind != JOURNAL_COMMIT or number != seq or total != length
                or chained != crc(self.uuid_crc, chain) or stored != crc(crc(self.uuid_crc, u64(p)), raw[:0x1FC])):
            return None
        return homes, length

    # -- step 5

    def _bytes(self, offset, size):
        check(0 <= offset and offset + size <= self.size, f"byte {offset} is beyond the volume")
        self.file.seek(self.start + offset)
        return self.file.read(size)

    def _raw_block(self, block):
        return self._bytes(block * self.bs, self.bs)

    def block(self, block):
        """Contents of BLOCK, whatever it is."""
        return self._raw_block(self.newest.get(block, block))

    def metadata(self, block):
        """Contents of BLOCK, verified."""
        data = self.block(block)
        if self.version == 2 and block not in self._verified:
            table = self.block(self.csum + block * 4 // self.bs)
            stored, = struct.unpack_from("<I", table, block * 4 % self.bs)
            check(stored == entry(self.uuid_crc, block, data), f"block {block}: entry {stored:08x} does not verify")
            self._verified.add(block)
        return data

    # -- step 6

    def inode(self, number):
        check(number < self.inodes, f"inode {number} of {self.inodes}")
        per_block = self.bs // 128
        block = self.metadata(self.table + number // per_block)
        raw = block[number % per_block * 128:][:128]
        mode, nlink, uid, gid, low, high, flags, mtime, ctime, atime, *pointers = struct.unpack("<4HIHH3q11Q", raw)
        check(mode != 0, f"inode {number} is free")
        return Inode(number, mode, nlink, uid, gid, high << 32 | low, flags, mtime, ctime, atime,
                     tuple(pointers[:10]), pointers[10], raw)

    # -- step 7

    def _pointer(self, value):
        check(value == 0 or self.first_file_block <= value < (self.backup if self.version == 2 else self.total),
              f"pointer to block {value}")
        return value

    def file_block(self, inode, n):
        """The block that holds block N of INODE; 0: a hole."""
        if n < 10:
            return self._pointer(inode.direct[n])
        if inode.indirect == 0:
            return 0
        height = 1 + (inode.flags & 3)
        check(height <= self.height_max, f"inode {inode.number}: height {height}")
        m, at = n - 10, self._pointer(inode.indirect)
        if m >= self.pointers**height:
            return 0
        for level in range(height - 1, -1, -1):
            if at == 0:
                return 0
            digit = m // self.pointers**level % self.pointers
            at = self._pointer(struct.unpack_from("<Q", self.metadata(at), 8 * digit)[0])
        return at

    # -- steps 8 to 10

    def contents(self, inode, metadata=False):
        """The bytes of a file, block by block."""
        read = self.metadata if metadata else self.block
        for n in range((inode.size + self.bs - 1) // self.bs):
            at = self.file_block(inode, n)
            data = read(at) if at else bytes(self.bs)
            rest = inode.size - n * self.bs
            check(not any(data[rest:]), f"inode {inode.number}: bytes behind its end")
            yield data[:rest]

    def holes(self, inode):
        return sum(self.file_block(inode, n) == 0 for n in range((inode.size + self.bs - 1) // self.bs))

    def directory(self, inode):
        """The records of a directory: [(name as bytes, inode number, type or None)]."""
        check(inode.type == DIR, f"inode {inode.number} is no directory")
        names = []
        for data in self.contents(inode, metadata=True):
            names += self._records(data) if self.version == 2 else self._seed_records(data)
        check([name for name, _, _ in names[:2]] == [b".", b".."], f"directory {inode.number}: {names[:2]}")
        return names

    def _records(self, data):
        at = 0
        while at < len(data):
            number, length, name_length, kind = struct.unpack_from("<QHBB", data, at)
            check(length % 8 == 0 and 16 <= length <= len(data) - at and 12 + name_length <= length,
                  f"record of {length} bytes at {at}")
            if name_length:
                yield data[at + 12:at + 12 + name_length], number, kind
            at += length

    @staticmethod
    def _seed_records(data):
        for at in range(0, len(data), 64):
            name, number = struct.unpack_from("<56sQ", data, at)
            if name[0]:
                yield name.rstrip(b"\0"), number, None

    def link_target(self, inode):
        if inode.flags & 8 or inode.size <= 87 and self.version == 2:
            return inode.raw[0x28:0x28 + inode.size]
        return b"".join(self.contents(inode, metadata=True))

    def tree(self, number=0, path=b""):
        """Yield (path, Inode) for everything, the root first as b""."""
        inode = self.inode(number)
        yield path, inode
        if inode.type == DIR:
            for name, child, kind in self.directory(inode):
                if name not in (b".", b".."):
                    found = self.inode(child)
                    check(kind in (None, found.type), f"{path!r}/{name!r}: type {kind}")
                    yield from self.tree(child, path + b"/" + name)
