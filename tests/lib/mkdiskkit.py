"""What the tests of mkdisk share: stand-ins for the build's products, the tool, its sanitized twin.

The stand-ins have the shape of stage 1, stage 2 and a kernel and nothing else: mkdisk's tests need no
loader that works, and a broken loader cannot fail them.
"""
import fcntl
import json
import os
import random
import struct
import subprocess
from dataclasses import dataclass
from pathlib import Path

from lib.kernels import pattern
from lib.paths import BUILD, REPO

SECTOR = 512
KERNEL_VIRT = 0xFFFFFFFF80100000
MKDISK = BUILD / "mkdisk"
SIGNATURE = "1234abcd"

# A sanitizer's report must not look like a refusal. Memory that lasts until mkdisk ends is no leak.
SANITIZERS = {"ASAN_OPTIONS": "exitcode=99:detect_leaks=0", "UBSAN_OPTIONS": "exitcode=99"}


def stage1_bytes():
    return b"\x33\xC0\xEB\x23" + bytes(506) + b"\x55\xAA"


def stage2_bytes(size=5000, seed=2):
    data = bytearray(random.Random(seed).randbytes(size))
    data[32:64] = bytes(32)
    return bytes(data)


def kernel_bytes(length, seed=3, mem_size=None, entry=KERNEL_VIRT + 32, magic=b"S0KERNL\0",
                 header_length=None, reserved=0):
    """A kernel of LENGTH bytes that is different for every SEED; the rest are the header's fields."""
    if mem_size is None:
        mem_size = (length + 4095) // 4096 * 4096 + 8192
    header = struct.pack("<8sIIQQ", magic, length if header_length is None else header_length, mem_size,
                         entry, reserved)
    return (header + random.Random(seed).randbytes(max(0, length - 32)))[:length]


@dataclass
class Kit:
    """A folder with stand-ins, and mkdisk run on them."""
    folder: Path
    program: Path = MKDISK

    def __post_init__(self):
        self.image = self.folder / "disk.img"
        self.file("stage1.bin", stage1_bytes())
        self.file("stage2.bin", stage2_bytes())
        self.kernel = self.file("kernel.bin", kernel_bytes(3 * SECTOR))

    def file(self, name, data):
        path = self.folder / name
        path.write_bytes(data)
        return path

    def inputs(self, kernel=None):
        return ["--stage1", self.folder / "stage1.bin", "--stage2", self.folder / "stage2.bin",
                "--kernel", kernel or self.kernel]

    def run(self, *arguments, env=None, **options):
        """Run mkdisk; returns the finished process. Its stderr is one line or empty, whatever happens."""
        command = [str(word) for word in (self.program, *arguments)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=300, cwd=self.folder,
                              env={**os.environ, **SANITIZERS, **(env or {})}, **options)
        assert done.stderr.count("\n") <= 1, f"{command}: more than one line: {done.stderr}"
        assert done.returncode in (0, 1, 2) or done.returncode < 0, f"{command} gave {done.returncode}"
        return done

    def ok(self, *arguments, **options):
        done = self.run(*arguments, **options)
        assert (done.returncode, done.stderr) == (0, ""), f"mkdisk {arguments}: {done.stderr}"
        return done.stdout

    def refused(self, status, text, *arguments, **options):
        """mkdisk must exit with STATUS and one line on stderr that has TEXT in it."""
        done = self.run(*arguments, **options)
        assert done.returncode == status, f"exit {done.returncode}: {done.stderr}{done.stdout}"
        assert done.stderr.startswith("mkdisk: ") and text in done.stderr, done.stderr
        return done.stderr

    def create(self, *options, kernel=None):
        self.ok("create", self.image, "--signature", SIGNATURE, *self.inputs(kernel), *options)
        return self.image

    def create_floppy(self, *options, kernel=None):
        return self.create("--size", "1440K", *options, kernel=kernel)

    def info(self):
        """The JSON of info, and its exit code."""
        done = self.run("info", self.image, "--json")
        return json.loads(done.stdout), done.returncode


# ---- Images that are not as mkdisk makes them ----------------------------------------------------

GAP_1MIB = 2048  # first partition of a disk as most tools make it


def mbr_entry(status, kind, first, sectors):
    return struct.pack("<B3sB3sII", status, bytes(3), kind, bytes(3), first, sectors)


def partitioned_image(kit, entries, sectors=4096, signature=0xCAFEF00D, magic=b"\x55\xAA"):
    """An image full of noise with the given partition table: what install must leave alone shows."""
    disk = bytearray(pattern(sectors * SECTOR))
    disk[440:446] = struct.pack("<IH", signature, 0x5AA5)
    disk[446:510] = b"".join(entries).ljust(64, b"\0")
    disk[510:512] = magic
    kit.image.write_bytes(disk)
    return bytes(disk)


ORDINARY = mbr_entry(0x80, 0x83, GAP_1MIB, 2048)


def damaged_floppy(kit, *flips):
    disk = bytearray(kit.create_floppy().read_bytes())
    for at in flips:
        disk[at] ^= 0xFF
    kit.image.write_bytes(disk)
    return bytes(disk)


# ---- Programs compiled for the tests --------------------------------------------------------------

def compiled(name, sources, *flags):
    """A program or library from C SOURCES, compiled once for the build folder, shared by all workers."""
    target = BUILD / "tests" / "mkdisk" / name
    target.parent.mkdir(parents=True, exist_ok=True)
    headers = [path for folder in ("include", "lib", "fs", "stage2", "tools/mkdisk", "tests/fuse")
               for path in (REPO / folder).glob("*.h")]
    newest = max(path.stat().st_mtime for path in [*sources, *headers])
    with open(target.with_suffix(".lock"), "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not target.exists() or target.stat().st_mtime < newest:
            subprocess.run([os.environ.get("HOSTCC", "cc"), "-std=gnu11", "-g", "-D_GNU_SOURCE",
                            "-D_FILE_OFFSET_BITS=64", f"-I{REPO}", *flags, *map(str, sources), "-o",
                            str(target)], check=True)
    return target


def sanitized_mkdisk():
    """mkdisk with the address and undefined-behaviour sanitizers: any fault of its own ends it."""
    return special_mkdisk("mkdisk-sanitized", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")


def special_mkdisk(name, *flags):
    """mkdisk compiled with FLAGS, under another NAME; it can mount where mkdisk can."""
    sources = [*sorted((REPO / "tools" / "mkdisk").glob("*.c")), *sorted((REPO / "lib").glob("*.c")),
               *sorted((REPO / "fs").glob("*.c")), REPO / "stage2" / "manifest.c"]
    fuse = ["-DMKDISK_FUSE", "-lfuse3"] if os.path.exists("/usr/include/fuse3/fuse_lowlevel.h") else []
    return compiled(name, sources, "-O1", *flags, *fuse)


# ---- The record of what mkdisk writes (tests/lib/writelog.c) ------------------------------------

@dataclass
class Write:
    offset: int
    data: bytes


def writelog_env(log, fail=None, signal=None):
    """Environment in which a program's writes are recorded in the file LOG."""
    library = compiled("writelog.so", [REPO / "tests" / "lib" / "writelog.c"], "-shared", "-fPIC")
    env = {"LD_PRELOAD": str(library), "WRITELOG": str(log)}
    if fail is not None:
        env["WRITELOG_FAIL"] = str(fail)
    if signal is not None:
        env["WRITELOG_SIGNAL"] = str(int(signal))
    return env


def unsteady_env(what):
    """Environment in which files called "...unsteady" do not hold still (tests/lib/unsteady.c)."""
    library = compiled("unsteady.so", [REPO / "tests" / "lib" / "unsteady.c"], "-shared", "-fPIC")
    return {"LD_PRELOAD": str(library), "UNSTEADY": str(what)}


def read_log(log):
    """What was written between the syncs: a list of lists of Write. Truncations are not in it."""
    epochs, data, at = [[]], log.read_bytes(), 0
    while at < len(data):
        kind, offset, length = struct.unpack_from("<cQQ", data, at)
        at += 17
        if kind == b"w":
            epochs[-1].append(Write(offset, data[at:at + length]))
            at += length
        elif kind == b"s":
            epochs.append([])
    return epochs
