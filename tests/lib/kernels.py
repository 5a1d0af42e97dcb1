"""Test kernels: sources in tests/kernels/, padded and given their header here."""
import struct

from lib.headers import constants
from lib.paths import BUILD

HEADER = struct.Struct("<8sIIQQ")  # struct kernel_header


def page_up(size):
    return (size + 4095) // 4096 * 4096


def pattern(size):
    """SIZE bytes that differ from sector to sector and from chunk to chunk."""
    return bytes((n * 167 + (n >> 8) * 13 + (n >> 12) * 5) & 0xFF for n in range(size))


def with_header(code, mem_size=None):
    """CODE with the header's length and mem_size made right."""
    magic, _, _, entry, reserved = HEADER.unpack_from(code)
    assert magic == b"S0KERNL\0"
    size = page_up(len(code)) if mem_size is None else mem_size
    return HEADER.pack(magic, len(code), size, entry, reserved) + code[HEADER.size:]


def assembled(name):
    """The bytes of tests/kernels/NAME.asm as assembled."""
    return (BUILD / "tests" / "kernels" / f"{name}.bin").read_bytes()


def sum_kernel(path, length, mem_size=None):
    """Write the kernel `sum` of LENGTH bytes to PATH; returns the line it will print."""
    code = assembled("sum")
    assert length >= len(code.rstrip(b"\0"))
    kernel = with_header((code + pattern(max(0, length - len(code))))[:length], mem_size)
    path.write_bytes(kernel)
    total = 0
    for (word,) in struct.iter_unpack("<I", kernel[32:] + bytes(-len(kernel) % 4)):
        total = (total + word) & 0xFFFFFFFF
        total = (total << 1 | total >> 31) & 0xFFFFFFFF
    return f"test kernel: sum={total:08x} bss=ok"


def padded_kernel(path, length):
    """Write the real kernel, padded with zeros to LENGTH bytes, to PATH."""
    kernel = (BUILD / "kernel.bin").read_bytes()
    mem_size = HEADER.unpack_from(kernel)[2]
    assert len(kernel) <= length
    # The zeros stand where .bss will be, which is what the kernel expects to find there.
    path.write_bytes(with_header(kernel.ljust(length, b"\0"), max(mem_size, page_up(length))))


def slot_sectors(first_partition=None):
    """Sectors of a slot on an image whose first partition (or end) is at LBA FIRST_PARTITION."""
    layout = constants()
    end = layout["FIRST_PARTITION_LBA"] if first_partition is None else first_partition
    return (end - layout["SLOTS_LBA"]) // 16 * 8
