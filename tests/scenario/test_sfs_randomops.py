"""Random operations on the FUSE mount: one file compared with memory after each of them, many processes in one tree.

The testers are tests/fuse/onefile.c and manyproc.c: each prints its seed, the operation that failed and those before
it, and how to repeat it. Here they meet every size of blocks, full volumes, unmounting, a server that is killed, and
servers with sanitizers. `make test` gives each some seconds, `make soak` SECTOR0_SOAK_SECONDS (default 600).
"""
import contextlib
import errno
import mmap
import os
import random
import subprocess
import threading
import time

import pytest

from lib import fusekit
from lib.mkdiskkit import MKDISK, SANITIZERS, compiled, sanitized_mkdisk, special_mkdisk
from lib.paths import REPO

pytestmark = pytest.mark.skipif(fusekit.missing() is not None, reason=str(fusekit.missing()))
SOAK = int(os.environ.get("SECTOR0_SOAK_SECONDS", "600"))
BLOCK_SIZES = [512, 1024, 2048, 4096]
FAILED, CRASHED = 1, 3  # exit codes of the testers


def program_of(name):
    folder = REPO / "tests" / "fuse"
    return compiled(name, [*sorted(folder.glob(f"{name}*.c")), folder / "tester.c"], "-O2", "-Wall", "-Wextra")


def command(name, place, **words):
    return [str(word) for word in (program_of(name), *(part for key, value in words.items()
                                                   for part in (f"--{key.replace('_', '-')}", value)), place)]


def run(name, place, expected=0, **words):
    """The tester NAME with the options WORDS; its output."""
    done = subprocess.run(command(name, place, **words), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          timeout=SOAK + 900, check=False)
    assert done.returncode == expected, f"{' '.join(done.args)} ended with {done.returncode}:\n{done.stdout[-9000:]}"
    return done.stdout


def sound_if_replayed(image):
    """So says the project's own checker, which replays the journal in memory."""
    done = subprocess.run([MKDISK, "check", image, "-n"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def sound(image):
    """Both checkers say so: the project's own, and the one of the tests."""
    sound_if_replayed(image)
    fusekit.check(image)


def fill(mount, leave):
    """Leave so many bytes of the volume free, or nearly."""
    with open(mount / "fill", "wb", buffering=0) as file, pytest.raises(OSError) as caught:
        while True:
            file.write(bytes(1 << 16))
    assert caught.value.errno == errno.ENOSPC
    os.truncate(mount / "fill", max(0, os.stat(mount / "fill").st_size - leave))


# ---- One file --------------------------------------------------------------------------------------------------------


def one_file(tmp_path, block_size, seeds, ops, program=MKDISK):
    """Operations on a file, a new mount, and more of them on the same file, which must hold what it held."""
    image = fusekit.make_image(tmp_path / "sfs.img", "32M", "--block-size", block_size)
    for seed in seeds:
        with fusekit.mounted(image, tmp_path / "mount", program=program) as mount:
            run("onefile", mount / "file", seed=seed, ops=ops, save=tmp_path / "model")
        with fusekit.mounted(image, tmp_path / "mount", program=program) as mount:
            run("onefile", mount / "file", seed=seed + 1000000, ops=ops // 4, load=tmp_path / "model")
    sound(image)


@pytest.mark.parametrize("block_size", BLOCK_SIZES)
def test_one_file(tmp_path, block_size):
    one_file(tmp_path, block_size, range(block_size, block_size + 3), 800)


@pytest.mark.parametrize("block_size", BLOCK_SIZES)
def test_one_file_on_a_full_volume(tmp_path, block_size):
    """ENOSPC comes and goes; a write that was refused has changed nothing, a short one what it says."""
    image = fusekit.make_image(tmp_path / "sfs.img", "8M", "--block-size", block_size)
    with fusekit.mounted(image, tmp_path / "mount") as mount:
        fill(mount, 150 << 10)
        for seed in range(block_size, block_size + 3):
            run("onefile", mount / "file", seed=seed, ops=600, full=1)
    sound(image)


@pytest.mark.soak
@pytest.mark.limit(7200)
@pytest.mark.parametrize("block_size", BLOCK_SIZES)
def test_one_file_soak(tmp_path, block_size):
    end, seed = time.monotonic() + SOAK // 4, random.randrange(1 << 32)
    while time.monotonic() < end:
        print("seed", seed)
        one_file(tmp_path, block_size, [seed], 20000)
        seed += 1


def test_no_room_is_told(tmp_path):
    """Where the kernel has no way to say "a part of it", it says why: for stores into a mapped hole, to msync and fsync
    as well, and for direct writes."""
    image = fusekit.make_image(tmp_path / "sfs.img", "8M", "--block-size", 512)
    with fusekit.mounted(image, tmp_path / "mount") as mount:
        fill(mount, 20 << 10)
        with open(mount / "file", "w+b", buffering=0) as file:
            file.truncate(1 << 20)
            with mmap.mmap(file.fileno(), 1 << 20) as mapped:
                mapped[:] = b"x" * (1 << 20)
                with pytest.raises(OSError) as caught:
                    mapped.flush()
            assert caught.value.errno == errno.ENOSPC
        os.unlink(mount / "file")
        for size in (0, 1 << 20):
            fd = os.open(mount / f"direct-{size}", os.O_CREAT | os.O_RDWR | os.O_DIRECT)
            os.truncate(fd, size)
            with mmap.mmap(-1, 1 << 18) as buffer, pytest.raises(OSError) as caught:
                while True:
                    os.writev(fd, [buffer])
            os.close(fd)
            assert caught.value.errno == errno.ENOSPC
            os.unlink(mount / f"direct-{size}")
    sound(image)


def test_damaged_inodes_are_listed(tmp_path):
    """A name is told although its inode cannot be read, and so are all names behind it. What the server prints of it
    does not fill the pipe of somebody who does not read."""
    image = fusekit.make_image(tmp_path / "sfs.img", "8M", "--block-size", 512)
    names = [f"name-{number:03}" for number in range(300)]
    with fusekit.mounted(image, tmp_path / "mount") as mount:
        for name in names:
            (mount / name).touch()
    with open(image, "r+b") as disk:
        disk.seek(fusekit.PARTITION + 24)
        table = int.from_bytes(disk.read(8), "little")
        for block in (table + 2, table + 3):  # 4 inodes each
            disk.seek(fusekit.PARTITION + block * 512)
            disk.write(b"damaged " * 64)
    with open(tmp_path / "remarks", "wb") as remarks:
        server = fusekit.serve(image, tmp_path / "mount", stderr=remarks)
    try:
        for _ in range(40):
            assert sorted(os.listdir(tmp_path / "mount")) == names
            for name in names[7:15]:
                with pytest.raises(OSError):
                    os.stat(tmp_path / "mount" / name)
    finally:
        subprocess.run(["fusermount3", "-u", tmp_path / "mount"], check=True)
        server.wait(timeout=60)
    lines = (tmp_path / "remarks").read_text().splitlines()
    assert "checksum" in lines[0] and len(lines) == 101, lines[-3:]


# ---- Many processes --------------------------------------------------------------------------------------------------


def many_processes(tmp_path, block_size, seed, ops, program=MKDISK, size="64M", **words):
    """Random operations, and the tree that they leave; after a new mount it is the same."""
    image = fusekit.make_image(tmp_path / "sfs.img", size, "--block-size", block_size)
    with fusekit.mounted(image, tmp_path / "mount", program=program) as mount:
        (mount / "tree").mkdir()
        if "full" in words:
            fill(mount, 300 << 10)
        run("manyproc", mount / "tree", seed=seed, ops=ops, list=tmp_path / "before", **words)
    sound(image)
    with fusekit.mounted(image, tmp_path / "mount") as mount:
        run("manyproc", mount / "tree", only_list=tmp_path / "after")
    assert (tmp_path / "before").read_text() == (tmp_path / "after").read_text()
    image.unlink()


@pytest.mark.parametrize("block_size", BLOCK_SIZES)
def test_many_processes(tmp_path, block_size):
    many_processes(tmp_path, block_size, block_size, 1500, processes=6)


@pytest.mark.parametrize("block_size", BLOCK_SIZES)
def test_many_processes_on_a_full_volume(tmp_path, block_size):
    many_processes(tmp_path, block_size, block_size + 1, 1000, size="6M", processes=4, full=1)


@pytest.mark.parametrize("block_size", [512, 4096])
def test_names_that_stay_are_listed_once(tmp_path, block_size):
    """Whatever comes and goes in a directory meanwhile; readers and changers are threads, and those lists take several
    requests."""
    image = fusekit.make_image(tmp_path / "sfs.img", "32M", "--block-size", block_size)
    stay = {f"stay-{number:04}-{'x' * (number % 50)}" for number in range(400)}
    stop = threading.Event()

    def change(folder, seed):
        pick = random.Random(seed)
        while not stop.is_set():
            name, other = (folder / f"go-{pick.randrange(60)}-{'y' * pick.randrange(60)}" for _ in range(2))
            with contextlib.suppress(FileNotFoundError):
                pick.choice([name.touch, name.unlink, lambda n=name, o=other: os.rename(n, o)])()

    with fusekit.mounted(image, tmp_path / "mount") as mount:
        for name in sorted(stay):
            (mount / name).touch()
            (mount / f"go-{len(name)}-{'y' * (len(name) % 60)}").touch()
        changers = [threading.Thread(target=change, args=(mount, seed)) for seed in range(3)]
        for thread in changers:
            thread.start()
        try:
            for _ in range(40):
                seen = [name for name in os.listdir(mount) if name.startswith("stay")]
                assert len(seen) == len(stay) and set(seen) == stay
        finally:
            stop.set()
            for thread in changers:
                thread.join()
    sound(image)


@pytest.mark.soak
@pytest.mark.limit(7200)
@pytest.mark.parametrize("block_size", BLOCK_SIZES)
def test_many_processes_soak(tmp_path, block_size):
    end, seed = time.monotonic() + SOAK // 4, random.randrange(1 << 32)
    while time.monotonic() < end:
        print("seed", seed)
        many_processes(tmp_path, block_size, seed, 10000, processes=16)
        many_processes(tmp_path, block_size, seed, 5000, size="6M", processes=8, full=1)
        seed += 1


# ---- A server that is killed -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("block_size", BLOCK_SIZES)
def test_one_file_after_a_crash(tmp_path, block_size):
    """Every byte is one that it had since the last fsync, and so is the size."""
    image = fusekit.make_image(tmp_path / "sfs.img", "32M", "--block-size", block_size)
    for seed in range(block_size, block_size + 3):
        server = fusekit.serve(image, tmp_path / "mount")
        with subprocess.Popen(command("onefile", tmp_path / "mount" / "file", seed=seed, ops=10 ** 9, crash=tmp_path / "may"),
                              stdout=subprocess.PIPE, text=True) as process:
            time.sleep(1 + seed % 7 / 5)
            output = fusekit.killed(server, tmp_path / "mount", process)
        assert process.returncode == CRASHED, output
        sound_if_replayed(image)
        with fusekit.mounted(image, tmp_path / "mount") as mount:
            run("onefile", mount / "file", after_crash=tmp_path / "may")
        sound(image)


@pytest.mark.parametrize("block_size", BLOCK_SIZES)
def test_many_processes_after_a_crash(tmp_path, block_size):
    """The files that fsync has returned for are there, and the tree is sound."""
    image = fusekit.make_image(tmp_path / "sfs.img", "64M", "--block-size", block_size)
    server = fusekit.serve(image, tmp_path / "mount")
    with subprocess.Popen(command("manyproc", tmp_path / "mount", seed=block_size, ops=10 ** 9, processes=6,
                                  synced=tmp_path / "synced"), stdout=subprocess.PIPE, text=True) as process:
        time.sleep(2)
        output = fusekit.killed(server, tmp_path / "mount", process)
    assert process.returncode == CRASHED, output
    sound_if_replayed(image)
    with fusekit.mounted(image, tmp_path / "mount") as mount:
        output = run("manyproc", mount, only_synced=tmp_path / "synced")
        assert int(output.split()[0]) > 0, output
        run("manyproc", mount, only_list=tmp_path / "tree")
    sound(image)


def test_fsync_tells_of_a_disk_that_fails(tmp_path):
    """The host has no room for the image any more: fsync fails, and what it has promised before is there afterwards."""
    host = tmp_path / "host"
    host.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24M", "tmpfs", host], check=True)
    try:
        image = fusekit.make_image(host / "sfs.img", "64M")
        server = fusekit.serve(image, tmp_path / "mount")
        for name in ("kept", "lost"):
            with open(tmp_path / "mount" / name, "wb", buffering=0) as file:
                file.write(name.encode() * 500000)
                if name == "kept":
                    os.fsync(file.fileno())
                    with open(host / "filler", "wb", buffering=0) as filler, pytest.raises(OSError):
                        while True:
                            filler.write(bytes(1 << 16))
                else:
                    for _ in range(2):  # an error is not told once and then forgotten
                        with pytest.raises(OSError) as caught:
                            os.fsync(file.fileno())
                        assert caught.value.errno == errno.EIO
        with pytest.raises(OSError) as caught:
            (tmp_path / "mount" / "new").touch()
        assert caught.value.errno == errno.EROFS
        assert (tmp_path / "mount" / "kept").read_bytes() == b"kept" * 500000
        subprocess.run(["fusermount3", "-u", tmp_path / "mount"], check=True)
        assert "cannot be unmounted" in server.communicate(timeout=60)[1] and server.returncode == FAILED
        (host / "filler").unlink()
        assert subprocess.run([MKDISK, "check", image, "-y"], capture_output=True, check=False).returncode in (0, 1)
        with fusekit.mounted(image, tmp_path / "mount") as mount:
            assert (mount / "kept").read_bytes() == b"kept" * 500000
        sound(image)
    finally:
        subprocess.run(["fusermount3", "-uzq", tmp_path / "mount"], check=False)
        subprocess.run(["umount", "-l", host], check=True)


# ---- Sanitizers ------------------------------------------------------------------------------------------------------


def with_sanitizers(tmp_path, program, seconds):
    """Both testers on a server that looks at its own memory; a report is an exit code, which mounted() sees."""
    end, seed = time.monotonic() + seconds, 1
    while seed == 1 or time.monotonic() < end:
        block_size = BLOCK_SIZES[seed % 4]
        many_processes(tmp_path, block_size, seed, 500, program=program, processes=8)
        one_file(tmp_path, block_size, [seed], 300, program=program)
        seed += 1


@pytest.fixture(name="sanitizers")
def _sanitizers(monkeypatch):
    for name, value in SANITIZERS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("TSAN_OPTIONS", "exitcode=99")


@pytest.mark.limit(600)
@pytest.mark.usefixtures("sanitizers")
def test_no_data_race(tmp_path):
    with_sanitizers(tmp_path, special_mkdisk("mkdisk-threads", "-fsanitize=thread"), 0)


@pytest.mark.limit(600)
@pytest.mark.usefixtures("sanitizers")
def test_no_wrong_use_of_memory(tmp_path):
    with_sanitizers(tmp_path, sanitized_mkdisk(), 0)


@pytest.mark.soak
@pytest.mark.limit(7200)
@pytest.mark.usefixtures("sanitizers")
def test_sanitizers_soak(tmp_path):
    with_sanitizers(tmp_path, special_mkdisk("mkdisk-threads", "-fsanitize=thread"), SOAK // 2)
    with_sanitizers(tmp_path, sanitized_mkdisk(), SOAK // 2)
