"""What can be seen in the built files and the sources without booting them.

Hazards: E5 (PIC untouched), E9, E10, E11, E13 (stage 1's bytes), E12 (partition table), D6, D7, D10
(read sizes and buffers), D16 (no writes), A5, A6 (what is written to the A20 ports), P2 (GDT), P12
(no `jmp $`), O3 (each error code has a test). And the rule that no page holds both executed code
and data that is written: under an emulator such stores are 20 times slower.
"""
import re
import struct
import subprocess

import pytest

from lib.headers import constants, crc32c, loader_errors, tour_steps
from lib.images import make_image, mkdisk, read_sector
from lib.paths import BUILD, REPO
from lib.symbols import label, symbols

pytestmark = pytest.mark.check
LAYOUT = constants()


def built(name):
    return (BUILD / name).read_bytes()


def objdump(*arguments):
    return subprocess.run(["objdump", *arguments], capture_output=True, text=True,
                          check=True).stdout


def sections(elf):
    """The sections of an ELF file that take memory: name -> (address, size)."""
    rows = re.findall(r"^ +\d+ (\S+) +([0-9a-f]{8}) +([0-9a-f]+) .*\n +(.*)$",
                      objdump("-h", str(BUILD / elf)), re.M)
    return {
        name: (int(address, 16), int(size, 16))
        for name, size, address, flags in rows if "ALLOC" in flags
    }


def assembly(*folders):
    """(file, line number, code) of each line of the NASM sources, comments removed."""
    for folder in folders:
        for path in sorted((REPO / folder).glob("*.asm")):
            for number, line in enumerate(path.read_text().splitlines(), 1):
                code = line.split(";")[0].strip()
                if code:
                    yield path.name, number, code


# ---- Stage 1 -----------------------------------------------------------------------------------

def test_stage1_is_one_sector():
    sector = built("stage1.bin")
    assert len(sector) == 512 and sector[510:] == b"\x55\xAA"
    code = symbols("stage1.elf")["stage1_code_bytes"]
    assert code <= LAYOUT["STAGE1_CODE_MAX"]
    assert any(sector[code - 8:code]), "stage1_code_bytes lies behind the code"
    assert not any(sector[code:510]), "something stands behind the code"


def test_stage1_begins_as_bioses_expect():
    """33 C0 EB xx, and the jump goes over everything that is patched or scribbled on."""
    sector = built("stage1.bin")
    assert sector[:3] == b"\x33\xC0\xEB", sector[:4].hex(" ")
    assert 4 + sector[3] >= LAYOUT["STAGE1_BPB_END"]
    assert not any(sector[4:11]), "bytes 4-10 are mkdisk's"


def test_stage1_bpb_hole():
    """512 bytes a sector, 18 sectors a track, 2 heads; all else 0; nothing in it has a name."""
    sector = built("stage1.bin")
    hole = bytearray(LAYOUT["STAGE1_BPB_END"])
    struct.pack_into("<H", hole, 0x0B, 512)
    struct.pack_into("<HH", hole, 0x18, 18, 2)
    assert sector[11:37] == bytes(hole[11:37])
    inside = {
        name: value
        for name, value in symbols("stage1.elf").items() if 0x7C0B <= value < 0x7C25
    }
    assert not inside, f"labels in the hole: {inside}"


def test_stage1_leaves_signature_and_table_alone():
    assert not any(built("stage1.bin")[440:510])


def test_stage1_too_long_is_an_error(tmp_path):
    """A boot sector one byte over the limit does not assemble, and the error says by how much."""
    source = (REPO / "stage1" / "stage1.asm").read_text()
    code = symbols("stage1.elf")["stage1_code_bytes"]
    spare = LAYOUT["STAGE1_CODE_MAX"] - code
    padded = source.replace("stage1_code_bytes equ",
                            f"    times {spare + 3} nop\nstage1_code_bytes equ", 1)
    (tmp_path / "stage1.asm").write_text(padded)
    done = subprocess.run([
        "nasm", "-I", f"{REPO}/", "-I", f"{BUILD}/gen/", "-f", "elf32", "-o",
        str(tmp_path / "stage1.o"),
        str(tmp_path / "stage1.asm")
    ],
                          capture_output=True,
                          text=True)
    assert done.returncode != 0
    assert re.search(r"error: .*\b3\b", done.stderr), done.stderr


def test_patch_matches_stage2(tmp_path):
    """What mkdisk writes into bytes 4-10: sectors, end and CRC register of the padded stage 2."""
    sector = read_sector(make_image(tmp_path / "disk.img"), 0)
    count, end, crc = struct.unpack_from("<BHI", sector, 4)
    stage2 = built("stage2.bin")
    assert count == -(-len(stage2) // 512)
    assert end == LAYOUT["STAGE2_BASE"] + count * 512
    assert crc == crc32c(stage2.ljust(count * 512, b"\0")) ^ 0xFFFFFFFF
    assert sector[:4] + sector[11:440] == built("stage1.bin")[:4] + built("stage1.bin")[11:440]


# ---- Stage 2 -----------------------------------------------------------------------------------

def test_stage2_fits_its_sectors():
    assert 0 < len(built("stage2.bin")) <= LAYOUT["STAGE2_MAX_SECTORS"] * 512
    assert LAYOUT["STAGE2_LBA"] + LAYOUT["STAGE2_MAX_SECTORS"] <= LAYOUT["MANIFEST0_LBA"]


def test_code_and_data_are_apart():
    """Code and constants from 8000 to F9FF, .bss from 3000 to 3FFF, no .data, no shared page."""
    for name, (address, size) in sections("stage2.elf").items():
        if not size:
            continue
        low, high = ("STAGE2_DATA_BASE", "STAGE2_DATA_END") if name == ".bss" else ("STAGE2_BASE",
                                                                                    "STAGE2_END")
        assert LAYOUT[low] <= address and address + size <= LAYOUT[
            high], f"{name} at {address:#x}, {size} bytes"
        assert name.startswith((".text", ".rodata", ".bss")), name


def test_writable_regions_share_no_page_with_code():
    code = set(range(LAYOUT["STAGE1_BASE"] >> 12, (LAYOUT["STAGE1_END"] - 1 >> 12) + 1))
    code |= set(range(LAYOUT["STAGE2_BASE"] >> 12, (LAYOUT["STAGE2_END"] - 1 >> 12) + 1))
    for base, end in [("BOOTINFO_BASE", "BOOTINFO_END"), ("E820_BASE", "E820_END"),
                      ("CMDLINE_BASE", "LOW_BUFFERS_END"), ("STAGE2_DATA_BASE", "STAGE2_DATA_END"),
                      ("STACK_BASE", "STACK_TOP"), ("BOUNCE_BASE", "BOUNCE_END"),
                      ("PAGE_TABLES_BASE", "PAGE_TABLES_END"), ("VERIFIER_BASE", "VERIFIER_END")]:
        pages = set(range(LAYOUT[base] >> 12, (LAYOUT[end] - 1 >> 12) + 1))
        assert not pages & code, f"{base} shares a page with code"


def test_reads_stay_inside_bios_limits():
    """At most 127 sectors a call, no buffer across a 64 KiB line, all buffers even."""
    assert 0 < LAYOUT["BOUNCE_SECTORS"] <= 127 and LAYOUT["STAGE2_MAX_SECTORS"] <= 127
    for base, sectors in [("STAGE2_BASE", LAYOUT["STAGE2_MAX_SECTORS"]),
                          ("BOUNCE_BASE", LAYOUT["BOUNCE_SECTORS"]), ("MANIFEST_BUFFER_BASE", 2)]:
        first = LAYOUT[base]
        assert first >> 16 == first + sectors * 512 - 1 >> 16, base
        assert first % 2 == 0, base
    assert LAYOUT["BOUNCE_SEG"] * 16 == LAYOUT["BOUNCE_BASE"]
    assert LAYOUT["BOUNCE_SECTORS"] * 512 % LAYOUT["MERKLE_CHUNK"] == 0


def decode_gdt():
    """The descriptors of stage 2's GDT but the null one: (index, base, limit, access, flags)."""
    table = symbols("stage2.elf")
    names = [name for name in table if re.fullmatch(r"gdt(_?table|_?base|_?start)?", name)]
    assert names, "no symbol gdt in stage2.elf"
    start = table[names[0]]
    limit, base = gdt_register()
    assert base == start
    raw = built("stage2.bin")[start - 0x8000:start - 0x8000 + limit + 1]
    for index in range(1, len(raw) // 8):
        low, high = struct.unpack_from("<II", raw, index * 8)
        segment_base = low >> 16 | (high & 0xFF) << 16 | high & 0xFF000000
        yield index, segment_base, low & 0xFFFF | high & 0xF0000, high >> 8 & 0xFF, high >> 20 & 15


def gdt_register():
    """(limit, base) as `lgdt` will load them: the pseudo-descriptor lies in the image."""
    table = symbols("stage2.elf")
    names = [
        name for name in table if re.fullmatch(r"gdt_?(r|ptr|pointer|register|descriptor)", name)
    ]
    assert names, "no symbol gdtr in stage2.elf"
    return struct.unpack_from("<HI", built("stage2.bin"), table[names[0]] - 0x8000)


def test_gdt():
    """Limit = size - 1, 8-byte aligned, every descriptor present and with its accessed bit set."""
    limit, base = gdt_register()
    assert (limit + 1) % 8 == 0 and base % 8 == 0
    kinds = set()
    for index, segment_base, segment_limit, access, flags in decode_gdt():
        assert access & 0x91 == 0x91, f"descriptor {index}: not present, system, or not accessed"
        assert segment_base == 0, f"descriptor {index}: base {segment_base:#x}"
        long_mode, default_32, code = flags & 2, flags & 4, access & 8
        assert not (long_mode and default_32), f"descriptor {index}: L and D are both set"
        assert code or access & 2, f"descriptor {index}: data that cannot be written"
        if default_32:
            assert segment_limit == 0xFFFFF and flags & 8, f"descriptor {index}: not 4 GiB"
        elif not long_mode:  # where base and limit mean nothing
            assert segment_limit == 0xFFFF and not flags & 8, f"descriptor {index}: not 64 KiB"
        kinds.add(("code" if code else "data") +
                  ("64" if long_mode else "32" if default_32 else "16"))
    assert {"code64", "code32", "data32", "code16", "data16"} <= kinds, kinds


# ---- What the loader must not do ---------------------------------------------------------------

def test_pic_is_left_alone():
    """No instruction of the loader writes to ports 20h, 21h, A0h or A1h: the kernel programs the
    PIC.
    """
    for elf, modes in (("stage1.elf", ["i8086"]), ("stage2.elf", ["i8086", "i386", "x86-64"])):
        for mode in modes:
            for line in objdump("-d", "-M", mode, str(BUILD / elf)).splitlines():
                assert not re.search(r"\bout\b.*\$0x(20|21|a0|a1)\b", line) or not plausible(
                    elf, mode, line), line
    for name, number, code in assembly("stage1", "stage2"):
        assert not re.match(r"out\s+(0x20|0x21|0xA0|0xA1|20h|21h|\w*PIC\w*)\b", code,
                            re.I), f"{name}:{number}: {code}"
        assert not re.match(r"mov\s+dx,\s*(0x20|0x21|0xA0|0xA1|\w*PIC\w*)$", code,
                            re.I), f"{name}:{number}: {code}"


def plausible(elf, mode, line):
    """Whether LINE of the disassembly in MODE lies in a section of that mode."""
    address = int(line.split(":")[0], 16)
    section = {"i8086": ".text16", "i386": ".text32", "x86-64": ".text64"}[mode]
    start, size = sections(elf).get(".text" if elf == "stage1.elf" else section, (0, 0))
    return start <= address < start + size


def int13_functions():
    """The INT 13h functions that the sources ask for: the AH that is set before the call."""
    lines = list(assembly("stage1", "stage2"))
    for place, (name, _number, code) in enumerate(lines):
        if not re.match(r"(call|jmp)\s+int13(_query)?$|int\s+0x13$",
                        code) and not code.startswith("int13:"):
            continue
        for _, number, before in reversed(lines[max(0, place - 6):place]):
            value = re.match(r"mov\s+(ah|ax),\s*(0x[0-9A-Fa-f]+|\d+)$", before)
            if value:
                yield name, number, int(value[2], 0) >> (8 if value[1] == "ax" else 0)
                break


def test_loader_never_writes_to_disks():
    asked = list(int13_functions())
    allowed = {
        0x00: "reset", 0x02: "read", 0x08: "geometry", 0x41: "EDD?", 0x42: "EDD read", 0x48:
        "EDD parameters"
    }
    assert {function for _, _, function in asked} == set(allowed), asked


def routine(file, name):
    """The code of one routine: from its label to the next one that is not local."""
    code = [line for path, _, line in assembly("stage2") if path == file]
    start = code.index(f"{name}:")
    end = next(
        (place for place in range(start + 1, len(code)) if re.match(r"[a-z_0-9]+:", code[place])),
        len(code))
    return code[start + 1:end]


def test_a20_by_port92_never_resets():
    """Bit 1 is set, bit 0 (reset) is cleared, all in AL, and a port that reads FF is left alone."""
    code = routine("a20.asm", "a20_by_port92")
    assert code[:2] == ["in al, PORT92", "cmp al, 0xFF"] and code[2].startswith("je ")
    assert code[3:6] == ["or al, PORT92_A20", "and al, ~PORT92_RESET & 0xFF", "out PORT92, al"]


def test_a20_by_keyboard_controller():
    """D1, DF, then the null command that some controllers wait for; 64h reading FF is no
    controller.
    """
    code = routine("a20.asm", "a20_by_kbc")
    assert code[:2] == ["in al, KBC_COMMAND", "cmp al, 0xFF"] and code[2].startswith("je ")
    written = [(code[place - 1], line) for place, line in enumerate(code)
               if line.startswith("out KBC_")]
    assert written == [("mov al, KBC_WRITE_OUTPUT_PORT", "out KBC_COMMAND, al"),
                       ("mov al, KBC_A20_ON", "out KBC_DATA, al"),
                       ("mov al, KBC_NULL", "out KBC_COMMAND, al")]


def test_no_jmp_dollar():
    for name, number, code in assembly("stage1", "stage2", "kernel", "kernel/cpu"):
        assert not re.match(r"jmp\s+(short\s+)?\$$",
                            code), f"{name}:{number}: spins instead of halting"


# ---- What lies about ---------------------------------------------------------------------------

TOP_LEVEL = {".ci", ".clang-format", ".editorconfig", ".git", ".gitignore", "LICENSE", "Makefile", "README.md", "bench", "bochsrc",
             "build", "docs", "drivers", "fs", "include", "kernel", "lib", "sector0", "shell", "stage1", "stage2", "tests", "tools"}


def strays(top):
    """What lies in the folder TOP, does not belong there, and is not ignored by name."""
    ignored = [line.strip("/") for line in (REPO / ".gitignore").read_text().split()]
    return sorted(path.name for path in top.iterdir()
                  if path.name not in TOP_LEVEL and not any(path.match(pattern) for pattern in ignored))


def test_nothing_lies_about(tmp_path):
    """A tool that a test runs may leave its files where it is run: that must not be here."""
    assert strays(REPO) == []
    (tmp_path / "local-verify-0-verify.state").touch()
    assert strays(tmp_path) == ["local-verify-0-verify.state"]


# ---- Lists that must agree ---------------------------------------------------------------------

@pytest.mark.parametrize("number, name", [(number, name) for number, name, _ in tour_steps()])
def test_tour_labels_exist(number, name):
    assert label(f"tour_{number:02}_{name}")


def test_error_codes_are_unique():
    codes = [error.code for error in loader_errors()]
    assert len(codes) == len(set(codes)) and codes == sorted(codes)


@pytest.mark.parametrize("error", loader_errors(), ids=lambda error: error.code)
def test_every_error_has_a_test(error):
    """Some test or some fault of the fault ROM names the code, as "E15" or in a text that it
    expects.
    """
    tests = [*(REPO / "tests" / "scenario").glob("test_*.py"), REPO / "tests" / "rom" / "faults.py"]
    tests = [path for path in tests if path.name not in ("test_static.py", "test_docs.py")]
    named = re.compile(rf"[\"' ]{error.code}\b")
    assert any(named.search(path.read_text()) for path in tests), f"no test looks for {error.name}"


def test_image_is_whole_cylinders_or_sectors(tmp_path):
    """Bochs and both BIOSes fail a read that runs past the end: images are whole sectors."""
    image = make_image(tmp_path / "disk.img")
    assert image.stat().st_size == 64 << 20


def test_partition_table_is_valid(tmp_path):
    """Exactly one active partition, of our type, inside the image (USB BIOSes guess from this)."""
    sector = read_sector(make_image(tmp_path / "disk.img"), 0)
    entries = [struct.unpack_from("<B3xB3xII", sector, 446 + 16 * n) for n in range(4)]
    used = [entry for entry in entries if entry[1]]
    assert used == [(0x80, LAYOUT["MBR_TYPE_SFS"], 8192, (64 << 20) // 512 - 8192)]
    done = subprocess.run(
        ["/sbin/sfdisk", "--verify", str(tmp_path / "disk.img")], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_mkdisk_reads_its_own_image(tmp_path):
    text = mkdisk("info", make_image(tmp_path / "disk.img")).stdout
    assert text
