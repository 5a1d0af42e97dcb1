"""The measurements run, print the lines that scripts read (BENCH <name> <value> <unit>), and count no more instructions
than the kernel promises.
"""
import os
import re
import subprocess
import sys

import pytest

from lib.headers import tour_steps
from lib.images import make_image
from lib.paths import BUILD, REPO
from lib.qemu import Qemu

sys.path.insert(0, str(REPO / "bench"))
import disk  # noqa: E402
import guests  # noqa: E402
import kernel  # noqa: E402


def bench(*words):
    done = subprocess.run(["/usr/bin/python3", "-B", *words], cwd=REPO, capture_output=True, text=True, check=True,
                          env={**os.environ, "SECTOR0_BUILD": str(BUILD)})
    lines = [re.fullmatch(r"BENCH (\S+) ([0-9.]+) (\S+)", line) for line in done.stdout.splitlines()]
    assert all(lines), done.stdout
    return {line.group(1): (float(line.group(2)), line.group(3)) for line in lines}


def test_steps_add_up():
    """Every step with a stamp has its instructions, and their sum is the total."""
    figures = bench("bench/steps.py")
    label_only = {"02_read", "03_check"}  # see include/tour.h
    steps = {f"{number:02}_{name}" for number, name, _ in tour_steps()} - label_only - {"22_prompt"}
    counts = {name.removeprefix("instructions_"): value for name, (value, unit) in figures.items()
              if unit == "instructions"}
    total = counts.pop("total")
    assert set(counts) == steps
    assert sum(counts.values()) == total
    assert figures["bytes_stage1"][0] <= 440
    assert figures["bytes_stage2"] == ((BUILD / "stage2.bin").stat().st_size, "bytes")


def make(target):
    subprocess.run(["make", f"B={BUILD}", f"{BUILD}/{target}"], cwd=REPO, check=True, capture_output=True,
                   env={name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MAKELEVEL")})


def test_operations_of_sfs_cost_one_write_and_one_flush():
    """Each is made durable before the next one; checkpoints come on top, a few in a hundred."""
    make("bench/sfswrites")
    text = subprocess.run([BUILD / "bench/sfswrites"], check=True, capture_output=True, text=True).stdout
    counted = re.findall(r"^SFS (\w+) 100 operations (\d+) writes \d+ sectors (\d+) flushes$", text, re.M)
    assert [name for name, *_ in counted] == ["create", "append", "overwrite", "rename", "unlink"]
    for name, writes, flushes in counted:
        assert 100 <= int(writes) <= 115 and 100 <= int(flushes) <= 105, name


def test_start_is_measured_against_the_floor():
    make("bench/floor.img")
    figures = bench("bench/start.py", "--runs", "1")
    for disk in ("virtio", "ide"):
        assert figures[f"start_ratio_{disk}"][0] > 0  # one run says nothing more: machines are noisy
        assert figures[f"start_goal_{disk}"][0] >= 1.5


def test_heap_needs_little_more_than_is_live():
    """The same traces as `make bench-alloc`; the frames that the heap holds are the same on every machine."""
    subprocess.run(["make", f"B={BUILD}", f"{BUILD}/bench/alloc-kernel"], cwd=REPO, check=True, capture_output=True,
                   env={name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MAKELEVEL")})
    text = subprocess.run([BUILD / "bench" / "alloc-kernel", "1"], check=True, capture_output=True, text=True).stdout
    live, held, resident, start = map(int, re.search(
        r"^ALLOC memory live (\d+) held (\d+) resident (\d+) at start (\d+)$", text, re.M).groups())
    assert live == 8050724  # the traces are what they were
    assert held <= 1.3 * live and 0 < start < resident, text


# ---- Inside the kernel -------------------------------------------------------------------------

def bench_groups():
    """What `bench` lists: {name: whether it is a group of workloads}, from the sources."""
    own = re.findall(r'^    \{"(\w+)", "[^"]+", bench_\w+\}', (REPO / "bench/kernel/bench.c").read_text(), re.M)
    shared = re.findall(r'^    \{"(\w+)", "(\w+)", ', (REPO / "bench/workloads.c").read_text(), re.M)
    assert len(own) >= 3 and len(shared) == 13
    return own, shared


def test_bench_lists_what_there_is(image):
    own, shared = bench_groups()
    with Qemu(image) as machine:
        machine.wait_prompt()
        rows = re.findall(r"^  (\w+) +(.*)$", machine.run("bench"), re.M)
        assert [name for name, _ in rows] == own + [group for _, group in shared] + ["all", "disk"]
        assert [what for _, what in rows][len(own):-2] == [name for name, _ in shared]
        assert machine.run("bench sky") == "bench: sky: there is nothing of that name"
        assert machine.run("echo $?") == "1"


def test_bench_says_when_memory_is_short(image):
    """With 16 MiB there is no room for two areas of 4 MiB beside everything else, or it works: never a panic."""
    with Qemu(image, memory="16M") as machine:
        machine.wait_prompt()
        text = machine.run("bench memcpy_sse_4MiB")
        assert guests.LINE.match(text) or text == "bench: memcpy_sse_4MiB: not enough memory"


@pytest.fixture(scope="module")
def counted(tmp_path_factory):
    """The figures of the primitives and of fib and gemv in guest instructions."""
    what = "heap; bench switch; bench irq; bench tick; bench fib; bench gemv"
    image = make_image(tmp_path_factory.mktemp("bench") / "disk.img", cmdline=guests.command_line(what))
    return guests.kernel(image, counting=True)


@pytest.mark.parametrize("name, most", kernel.MOST.items())
def test_primitives_in_instructions(counted, name, most):
    assert 50 < counted[name].median <= most
    assert counted[name].smallest <= counted[name].median <= counted[name].largest


@pytest.mark.parametrize("trace", ["small", "mixed", "fifo", "page"])
def test_heaps_are_compared(counted, trace):
    """Where sizes and order vary, size classes are faster than a list of holes; nothing beats adding to a pointer."""
    bump, first_fit, slab = (counted[f"heap_{heap}_{trace}"].median for heap in ("bump", "first_fit", "slab"))
    assert bump < min(first_fit, slab)
    assert slab < first_fit or trace in ("fifo", "page")


# What the same code takes in Linux user land on the same emulated machine, measured by make bench-linux with gcc 12.
LINUX = {"fib30": 21795944, "gemv_f32_scalar": 6302240, "gemv_f32_sse2": 1461271, "gemv_i8_scalar": 7350817,
         "gemv_i8_sse2": 1330200}
GCC = subprocess.run(["gcc", "-dumpversion"], capture_output=True, text=True, check=True).stdout


@pytest.mark.skipif(GCC.strip() != "12", reason="the counts are those of gcc 12")
@pytest.mark.parametrize("name", kernel.ALIKE)
def test_work_in_instructions(counted, name):
    """As many instructions as in Linux, within 2 %: no interrupt, no fault and no flag costs more."""
    assert LINUX[name] / kernel.ALIKE_RATIO < counted[name].median < LINUX[name] * kernel.ALIKE_RATIO


# ---- Disks -------------------------------------------------------------------------------------

OUR_LINE = "BENCH disk_{} {} MB/s requests=2048 us=300 accesses=2.50 kicks=1.00 interrupts=0.03\r\n"
LINUX_LINE = "BENCH disk_{} {} MB/s requests=2048 us=400\r\n"


def made_up(line, value):
    return disk.complete("noise\r\n" + "".join(line.format(name, value) for name in disk.GOALS["virtio"]))


def test_disk_lines_are_read():
    assert disk.parse(OUR_LINE.format("seqread_64k", "398.1"))["seqread_64k"] == disk.Figure(
        398.1, "MB/s", (2.5, 1.0, 0.03))
    assert disk.parse(LINUX_LINE.format("seqread_64k", "7"))["seqread_64k"] == disk.Figure(7.0, "MB/s", None)
    with pytest.raises(AssertionError):
        disk.complete(OUR_LINE.format("seqread_64k", "398.1"))  # all the others are missing


def test_disk_ratios(capsys):
    """In each round the better CPU model of each counts, and of all rounds the median."""
    ours = [[made_up(OUR_LINE, value) for value in pair] for pair in ((100, 300), (500, 100), (900, 1))]
    theirs = [[made_up(LINUX_LINE, value) for value in pair] for pair in ((200, 100), (100, 200), (100, 100))]
    disk.show("virtio", ours, theirs)
    lines = capsys.readouterr().out.splitlines()
    assert "BENCH ratio_virtio_seqread_1m 2.5 ratio min=1.5 max=9" in lines
    assert "BENCH goal_virtio_seqread_1m 1 ratio" in lines
    assert "BENCH kernel_virtio_seqread_1m_max 500 MB/s min=100 max=900" in lines
    assert "BENCH linux_virtio_seqread_1m_qemu64 100 MB/s min=100 max=200" in lines
    assert "BENCH kernel_virtio_seqread_1m_interrupts 0.03 interrupts" in lines
    assert all(re.match(r"BENCH \S+ [0-9.]+ \S+", line) for line in lines) and len(lines) == 9 * len(disk.GOALS["ide"])


def test_disk_goals_are_for_what_is_measured():
    works = re.findall(r'^    \{"(\w+)", (?:true|false), ', (REPO / "bench/disk_work.h").read_text(), re.M)
    assert works == list(disk.GOALS["virtio"]) == list(disk.GOALS["ide"])


@pytest.mark.parametrize("kind", disk.DEVICES)
def test_disk_is_measured(kind, tmp_path):
    """A small scratch disk, with each kind of driver. With 32 requests in flight, batches have one kick and one interrupt:
    that makes less than one for eight requests, however many of them the device has finished when it is looked at.
    """
    scratch = disk.scratch_disk(tmp_path / "scratch.img", 16 << 20)
    image = make_image(tmp_path / "disk.img", cmdline=guests.command_line("disk"))
    figures = disk.kernel(kind, scratch, image)
    assert all(figure.value > 0 and figure.costs[1] <= 1 + (name == "write_4k_flush")
               for name, figure in figures.items()), figures
    if kind == "ide":
        assert all(figure.costs[0] <= 14.5 and figure.costs[2] <= figure.costs[1] for figure in figures.values()), figures
    else:
        for name in ("randread_4k_qd32", "randwrite_4k_qd32"):
            assert max(figures[name].costs[1:]) < 1 / 8, figures
    assert scratch.read_bytes()[:len(disk.MARK)] == disk.MARK  # it can be measured again


def test_only_scratch_disks_are_measured(image, tmp_path):
    other = tmp_path / "other.img"
    other.write_bytes(bytes(1 << 20))
    args = ["-drive", f"if=none,id=other,file={other},format=raw", "-device", "virtio-blk-pci,drive=other"]
    with Qemu(image, args=args) as machine:
        machine.wait_prompt()
        assert machine.run("bench disk") == 'bench: disk: no disk begins with "SECTOR0 SCRATCH"'
        assert machine.run("bench disk vblk0").startswith("bench: vblk0: it would be overwritten")
        assert machine.run("bench disk vblk7") == "bench: vblk7: there is no disk of that name"
        assert machine.run("bench fib vblk0").startswith("bench: usage: bench ")
    assert not any(other.read_bytes())
