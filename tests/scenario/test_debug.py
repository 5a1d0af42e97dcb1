"""The debuggers stop where they say, with the names, lines and modes that they promise.

Each test takes the command line from `make --dry-run TARGET`, so it runs what people run: the same
scripts, the same bochsrc. Only the image is a copy, and there is never a window.
"""
import json
import os
import re
import subprocess
from pathlib import Path

import pexpect
import pytest

from lib.headers import tour_steps
from lib.images import copy_image
from lib.machine import PROMPT, TIMEOUT
from lib.paths import BUILD, REPO
from lib.symbols import label

# Where both debuggers stop: label, width of the code, CS, source file.
STOPS = [("tour_01_entry", 16, 0x00, "stage1/stage1.asm"), ("tour_04_banner", 16, 0x00, "stage2/stage2.asm"),
         ("tour_12_protected_mode", 32, 0x08, "stage2/modes.asm"), ("tour_14_long_mode", 32, 0x08, "stage2/modes.asm"),
         ("tour_15_handoff", 64, 0x28, "stage2/modes.asm"), ("kernel_main", 64, 0x28, "kernel/main.c")]
MODES = {16: "16-bit real mode", 32: "32-bit protected mode", 64: "64-bit long mode"}
# Without what make passes on to its children, and without a display.
ENV = {name: value for name, value in os.environ.items()
       if name not in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS", "DISPLAY", "WAYLAND_DISPLAY")}


def dry_run(*arguments):
    done = subprocess.run(["make", "--no-print-directory", "--dry-run", f"B={BUILD}", *arguments], cwd=REPO, env=ENV,
                          capture_output=True, text=True, check=True)
    return done.stdout.replace("\\\n", " ")


@pytest.fixture
def command_of(tmp_path):
    """The command line of a target that starts an emulator, on a copy of the image."""
    def command(target, word):
        line = [line for line in dry_run(target).splitlines() if word in line][-1]
        image = copy_image(BUILD / "sector0.img", tmp_path / "sector0.img")
        return line.split(" ||")[0].replace(str(BUILD / "sector0.img"), str(image)).replace(
            f"file:{BUILD}", f"file:{tmp_path}").replace(f"log: {BUILD}", f"log: {tmp_path}").replace(
            f"{BUILD}/com1", f"{tmp_path}/com1").replace(f"{BUILD}/bochs.out", f"{tmp_path}/bochs.out")
    return command


# ---- gdb ---------------------------------------------------------------------------------------

def gdb(command, *lines):
    """Run `make debug`'s command with LINES; returns what gdb printed."""
    words = " ".join(f"-ex '{line}'" for line in lines)
    done = subprocess.run(f"timeout -k 3 60 env {command.strip()} -nx -batch {words}", shell=True, cwd=REPO, env=ENV,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert done.returncode == 0, done.stdout
    return done.stdout


def states(text):
    """What each `where` said: [(CS, IP, linear, label, file, line, mode)]."""
    pattern = r"^at +(\w+):(\w+)  linear (\w+)  (\S+)  (\S+):(\d+)\nmode +(.*)$"
    return [(int(cs, 16), int(ip, 16), int(linear, 16), name, file, int(line), mode)
            for cs, ip, linear, name, file, line, mode in re.findall(pattern, text, re.M)]


@pytest.mark.check
def test_gdb_stops_by_name_in_every_mode(command_of):
    text = gdb(command_of("debug", "gdb -q"), *["c", "where"] * (len(STOPS) - 1))
    seen = states(text)
    assert [state[3] for state in seen] == [name for name, *_ in STOPS], text
    for (cs, ip, linear, name, file, _, mode), (_, width, selector, source) in zip(seen, STOPS):
        address = label("tour_16_kernel_main" if name == "kernel_main" else name)
        assert cs == selector and mode == MODES[width] and file.endswith(source)
        assert ip == linear and (name == "kernel_main" or linear == address)


def test_gdb_shows_the_source_line(command_of):
    """The line that gdb prints at each stop is the line of the file, in 16-, 32- and 64-bit code and in C."""
    text = gdb(command_of("debug", "gdb -q"), *["c", "where"] * (len(STOPS) - 1))
    for _, _, _, name, file, line, _ in states(text)[1:]:
        source = (REPO / file).read_text().splitlines()[line - 1]
        assert f"\n{line}\t{source}".rstrip() in text.replace("\t\t", "\t"), f"{name}: {file}:{line}"


def test_gdb_says_control_registers_in_words(command_of):
    first, *_, last = gdb(command_of("debug", "gdb -q"), *["c"] * 4, "where").split("\nat ")[1:]
    for words in ("protection off (PE)", "paging off (PG)", "long mode not enabled (LME)"):
        assert words in first
    for words in ("protection on (PE)", "paging on (PG)", "long mode active (LMA)", "64-bit page table entries (PAE)",
                  "interrupts off", "cr3    00020000  page tables"):
        assert words in last


def test_gdb_decodes_for_the_mode(command_of):
    text = gdb(command_of("debug", "gdb -q"), "code", "c", "c", "echo HERE\\n", "code", "c", "c", "code")
    assert re.search(r"^ +7c00 <tour_01_entry> +xor ax,ax$", text, re.M)
    assert re.search(r"HERE\n +\w+ <tour_12_protected_mode> +mov eax,0x10\n", text)
    assert re.search(r"<tour_15_handoff>:\s+rdtsc", text)


def test_gdb_stops_at_any_step(command_of):
    """Each label of the boot can be reached with tbreak, in order."""
    names = [f"tour_{number:02}_{name}" for number, name, _ in tour_steps()][1:]
    lines = ["delete"] + [word for name in names for word in (f"tbreak *&{name}", "c", "where")]
    assert [state[2] for state in states(gdb(command_of("debug", "gdb -q"), *lines))[1:]] == [label(name) for name in names]


def test_gdb_lists_the_steps_and_shows_the_screen(command_of):
    text = gdb(command_of("debug", "gdb -q"), "steps", "c", "c", "screen", "c", "c", "c", "screen")
    rows = dict(re.findall(r"^[* ] (tour_\w+) +([0-9a-f]+) ", text, re.M))
    assert {name: int(address, 16) for name, address in rows.items()} == {
        f"tour_{number:02}_{name}": label(f"tour_{number:02}_{name}") for number, name, _ in tour_steps()}
    assert {name for name in re.findall(r"^\* (\w+)", text, re.M)} == {name for name, *_ in STOPS[:5]}
    assert len(re.findall(r"^\|stage2: slot A,.*verified *\|$", text, re.M)) == 2


def holds(path, word):
    """Does the command line in /proc at PATH have WORD? A process may end while we look."""
    try:
        return word in path.read_bytes().decode("latin-1")
    except OSError:
        return False


def test_gdb_interrupts_a_running_machine(command_of, tmp_path):
    """Ctrl-C at gdb stops the guest and does not kill QEMU; quit leaves nothing behind."""
    child = pexpect.spawn("/bin/sh", ["-c", f"exec env {command_of('debug', 'gdb -q').strip()} -nx"], cwd=REPO, env=ENV,
                          encoding="latin-1", timeout=TIMEOUT, dimensions=(50, 200))
    child.expect_exact("(gdb) ")
    child.sendline("delete")
    child.expect_exact("(gdb) ")
    child.sendline("tbreak *&tour_22_prompt")
    child.expect_exact("(gdb) ")
    child.sendline("c")
    child.expect("tour_22_prompt.*\\(gdb\\) ")
    child.sendline("c")
    child.expect("Continuing")
    child.sendintr()
    child.expect("SIGINT.*\\(gdb\\) ")
    child.sendline("where")
    child.expect("64-bit long mode")
    child.sendline("quit")
    child.expect(pexpect.EOF)
    child.close()
    assert not [path for path in Path("/proc").glob("[0-9]*/cmdline") if holds(path, str(tmp_path))], "QEMU still runs"


# ---- Bochs -------------------------------------------------------------------------------------

def bochs_debugger(command, tmp_path, *lines):
    """Run `make bochs-debug`'s command, LINES typed after its own script; returns what Bochs printed."""
    script = tmp_path / "debug.rc"
    ours = (REPO / "tools" / "debug" / "bochs-debug.rc").read_text().replace("build/", f"{BUILD}/")
    script.write_text(ours + "\n".join(lines) + "\nq\n")
    command = re.sub(r"-rc \S+", f"-rc {script}", command)
    done = subprocess.run(f"timeout -s INT -k 3 100 {command}", shell=True, cwd=REPO, env=ENV, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors="replace")
    return done.stdout


@pytest.fixture
def symbol_files():
    """build/*.sym, as the target's prerequisites make them."""
    names = [f"{BUILD}/{part}.sym" for part in ("stage1", "stage2", "kernel")]
    subprocess.run(["make", f"B={BUILD}", *names], cwd=REPO, env=ENV, check=True, capture_output=True)


def test_bochs_stops_by_name_in_every_mode(command_of, tmp_path, symbol_files):
    text = bochs_debugger(command_of("bochs-debug", "bochs -q"), tmp_path, *["creg", "c"] * (len(STOPS) - 1), "creg")
    stops = re.findall(r"^\(0\) \[0x\w+\] (\w+):(\w+) \((\w+)\+0\): .*\n(CR0=.*)\n(?:.*\n)*?(EFER=.*)$", text, re.M)
    assert [name for _, _, name, _, _ in stops] == [name for name, *_ in STOPS], text
    for (cs, ip, name, cr0, efer), (_, width, selector, _) in zip(stops, STOPS):
        address = int(ip, 16) & (1 << 64) - 1
        assert int(cs, 16) == selector
        assert name == "kernel_main" or address == label(name)
        assert (" PE" in cr0, " PG " in cr0, " LMA" in efer) == (width != 16, width == 64, width == 64), name


def test_bochs_debug_prints_five_commands():
    script = (REPO / "tools" / "debug" / "bochs-debug.rc").read_text()
    lines = re.findall(r"^#:   (\w+).{2,}", script, re.M)
    assert lines == ["c", "s", "r", "u", "xp"]
    assert "sed -n" in dry_run("bochs-debug") and "tools/debug/bochs-debug.rc" in dry_run("bochs-debug")


@pytest.mark.parametrize("leave", ["poweroff\r", "\x01x"], ids=["poweroff", "ctrl-a-x"])
def test_bochs_console(command_of, tmp_path, leave):
    """Without a display `make bochs` is a prompt in this terminal, and there is a way out."""
    (tmp_path / "bochs.rc").write_text("c\n")
    command = re.sub(r"-rc \S+", f"-rc {tmp_path}/bochs.rc", command_of("bochs", "bochs -q"))
    child = pexpect.spawn("/bin/sh", ["-c", command], cwd=REPO, env=ENV, encoding="latin-1",
                          timeout=TIMEOUT)
    child.expect(PROMPT)
    child.send("echo o\bone two\r")
    child.expect("one two\r\n")
    child.expect(PROMPT)
    child.send(leave)
    child.expect(pexpect.EOF)


# ---- The other targets -------------------------------------------------------------------------

@pytest.mark.parametrize("leave", ["poweroff\r", "\x01x"], ids=["poweroff", "ctrl-a-x"])
@pytest.mark.check
def test_run(command_of, leave):
    """`make run` without a display: the prompt in this terminal, and the way out that it announces."""
    child = pexpect.spawn("/bin/sh", ["-c", command_of("run", "mon:stdio")], cwd=REPO, env=ENV, encoding="latin-1",
                          timeout=TIMEOUT)
    child.expect(PROMPT)
    child.send(leave)
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 0
    assert "Ctrl-A x" in dry_run("run")


def test_run_opens_a_window_where_there_is_one():
    kinds = subprocess.run(["qemu-system-x86_64", "-display", "help"], capture_output=True, text=True).stdout.split()
    wanted = next((kind for kind in ("gtk", "sdl") if kind in kinds), "none")
    assert f"-display {wanted} " in dry_run("run", "DISPLAY=:9")
    assert "-display none " in dry_run("run")


def test_compile_commands(tmp_path):
    """clangd gets the build's own flags for every C file of every part."""
    text = dry_run("--always-make", "all", "unit-binaries")
    made = subprocess.run(["/usr/bin/python3", "-B", "tools/debug/compile_commands.py"], cwd=REPO, input=text,
                          capture_output=True, text=True, check=True)
    entries = json.loads(made.stdout)
    files = {entry["file"] for entry in entries}
    for folder in ("kernel", "drivers", "shell", "stage2", "lib", "tools/mkdisk"):
        sources = {str(path.relative_to(REPO)) for path in (REPO / folder).rglob("*.c")}
        assert sources and sources <= files, f"{folder}: {sources - files} missing"
    flags = {(entry["file"], "-m32" in entry["arguments"], "-mcmodel=kernel" in entry["arguments"]) for entry in entries}
    assert ("stage2/verify.c", True, False) in flags and ("kernel/main.c", False, True) in flags
    entry = next(entry for entry in entries if entry["file"] == "stage2/verify.c")
    subprocess.run([*entry["arguments"][:-2], "-MF", str(tmp_path / "d"), "-fsyntax-only"], cwd=entry["directory"], check=True)
