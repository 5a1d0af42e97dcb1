"""The table of functions and lines that the kernel carries says what addr2line says, for every byte of its
code; and the build notices a table that does not belong to the code.
"""
import re
import subprocess

from lib.addr2line import addr2line, text_section
from lib.paths import BUILD, REPO


def run(*command, **options):
    return subprocess.run([str(part) for part in command], capture_output=True, text=True, **options)


def own_lookup(addresses):
    """[(function, offset, file, line)] out of the kernel's own table, by the kernel's own code."""
    wanted = "".join(f"{address:x}\n" for address in addresses)
    lines = run(BUILD / "symbols", "find", BUILD / "symbols.bin", input=wanted, check=True).stdout.splitlines()
    found = [re.fullmatch(r"(.*)\+0x([0-9a-f]+) (.*):(\d+)", line).groups() for line in lines]
    return [(function, int(offset, 16), file, int(line)) for function, offset, file, line in found]


def defined_in_header(function, file):
    """FUNCTION is `static inline` in FILE: addr2line names the including file for a copy that was not inlined."""
    path = REPO / file
    return path.suffix == ".h" and re.search(rf"^static inline [^;]*\b{function}\(", path.read_text(), re.M)


def test_every_byte_of_code():
    start, size = text_section()
    addresses = range(start, start + size)
    wrong = []
    for address, own, (function, file, line) in zip(addresses, own_lookup(addresses), addr2line(addresses)):
        # Between two functions addr2line knows the file of one of them, but neither function nor line.
        if line == 0 and own[3] == 0 or line == own[3] and defined_in_header(function, own[2]):
            file = own[2]
        # Local labels of NASM, and parts that the compiler split off, belong to their function.
        if own[0].split(".")[0] != function.split(".")[0] or own[2:] != (file, line):
            wrong.append(f"{address:x}: {own} but addr2line: {function} {file}:{line}")
    assert not wrong, f"{len(wrong)} of {size}:\n" + "\n".join(wrong[:20])


def test_every_function_is_found_at_its_start():
    table = run("nm", BUILD / "kernel.elf", check=True).stdout
    start, size = text_section()
    functions = {}
    for address, kind, name in re.findall(r"^(\w+) ([Tt]) (\S+)$", table, re.M):
        if start <= int(address, 16) < start + size:
            functions.setdefault(int(address, 16), set()).add(name)
    found = own_lookup(sorted(functions))
    missing = [names for (own, offset, _, _), (_, names) in zip(found, sorted(functions.items()))
               if not any("." in name for name in names) and (offset != 0 or own not in names)]
    assert len(functions) > 150 and not missing


def test_table_is_small():
    _, size = text_section()
    assert (BUILD / "symbols.bin").stat().st_size < size * 0.30


def test_wrong_table_is_noticed(tmp_path):
    broken = bytearray((BUILD / "symbols.bin").read_bytes())
    broken[-3] ^= 1
    (tmp_path / "table").write_bytes(broken)
    run("objcopy", "--update-section", f".symbols={tmp_path / 'table'}", BUILD / "kernel.elf", tmp_path / "k.elf",
        check=True)
    done = run(BUILD / "symbols", "check", tmp_path / "k.elf")
    assert done.returncode == 1 and "its table is not that of its code" in done.stderr
    assert run(BUILD / "symbols", "check", BUILD / "kernel.elf").returncode == 0
    assert run(BUILD / "symbols", "check", BUILD / "kernel-bare.elf").returncode == 1
    assert run(BUILD / "symbols", "make", tmp_path / "table", tmp_path / "t").returncode == 1
    assert run(BUILD / "symbols").returncode == 2
