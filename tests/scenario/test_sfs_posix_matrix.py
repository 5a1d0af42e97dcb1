"""The FUSE mount behaves as ext4 does: every kind of file, caller, mode and path in tables; and full, read-only and foreign volumes"""
import contextlib
import ctypes
import errno
import fcntl
import itertools
import mmap
import os
import resource
import shutil
import signal
import socket
import stat
import subprocess
import time

import pytest

from lib import fusekit
from lib.posixmatrix import APART, CALLERS, CREATE, KINDS, TABLES, TREE, Comparison, calls_on
from lib.posixops import LIBC, NOBODY, ROOT, check

pytestmark = pytest.mark.skipif(fusekit.missing() is not None, reason=str(fusekit.missing()))
O_TMPFILE, RENAME_WHITEOUT = 0o20200000, 4


@pytest.fixture(scope="module", name="mounts", params=[4096, pytest.param(512, marks=pytest.mark.soak)])
def _mounts(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("matrix")
    image = fusekit.make_image(folder / "sfs.img", "96M", "--block-size", request.param)
    with fusekit.reference(folder) as ext4, fusekit.mounted(image, folder / "sfs") as sfs:
        yield sfs, ext4
    fusekit.check(image)


@contextlib.contextmanager
def folders(mounts, name):
    """A new folder on each."""
    tops = [mount / name for mount in mounts]
    for top in tops:
        top.mkdir()
        top.chmod(0o777)
    try:
        yield tops
    finally:
        for top in tops:
            shutil.rmtree(top)


def agree(comparison, at_least):
    assert not comparison.differences, (f"{len(comparison.differences)} of {comparison.count} differ; SFS, then the reference:\n" +
                                        "\n".join(comparison.differences[:20]))
    assert comparison.count >= at_least, comparison.count


@pytest.mark.parametrize("table", TABLES)
def test_table(mounts, table):
    with folders(mounts, table) as tops:
        comparison = Comparison(*tops)
        comparison.run(TABLES[table](), table in APART)
    agree(comparison, 100)


def test_read_only(mounts):
    """Nothing is changed by anybody once the file system is read-only, and the error is the same."""
    kinds = [(ROOT, "make", kind, f"a-{kind}", 0o666, 65534, 65534) for kind in KINDS]
    with folders(mounts, "readonly") as tops:
        comparison = Comparison(*tops)
        comparison.begin("read-only", TREE + kinds)
        for mount in mounts:
            fusekit.remount(mount, "ro")
        try:
            for path, user in itertools.product(["file", "new", "dir", "link", "missing/x", *(f"a-{kind}" for kind in KINDS)], (ROOT, NOBODY)):
                for call in calls_on(path):
                    comparison.probe("read-only", (user, *call))
            comparison.look("read-only", "all of it")
        finally:
            for mount in mounts:
                fusekit.remount(mount, "rw")
    agree(comparison, 600)


@contextlib.contextmanager
def small_pair(folder, block_size, size, *options):
    """Two small empty file systems."""
    image = fusekit.make_image(folder / "sfs.img", size, "--block-size", block_size)
    with fusekit.mounted(image, folder / "sfs") as sfs, fusekit.reference(folder, 4 << 20, *options) as ext4:
        yield sfs, ext4
    fusekit.check(image)


def result_of(call):
    try:
        return call()
    except OSError as error:
        return errno.errorcode[error.errno]


@pytest.mark.parametrize("block_size", [512, 4096])
def test_full_volume(tmp_path, block_size):
    """What needs space fails with ENOSPC, what gives some back works, and then there is room again."""
    with small_pair(tmp_path, block_size, "8M") as mounts:
        answers = []
        for top in mounts:
            (top / "dir").mkdir()
            for name in ("first", "second", "third"):
                (top / name).write_bytes(b"contents" * 1000)
            with open(top / "fill", "wb", buffering=0) as file:
                for size in (1 << 16, 1 << 12, 1 << 9, 1):
                    with pytest.raises(OSError) as caught:
                        while True:
                            file.write(bytes(size))
                    assert caught.value.errno == errno.ENOSPC
            calls = [lambda: (top / "more").write_bytes(bytes(1 << 17)), lambda: os.symlink("t" * 2000, top / "link"),
                     lambda: [os.mkdir(top / f"dir{number}") for number in range(64)] and None, lambda: os.truncate(top / "first", 1 << 20),
                     lambda: os.rename(top / "first", top / "dir/first"), lambda: os.unlink(top / "third"),
                     lambda: os.link(top / "second", top / "dir/second"), lambda: os.truncate(top / "fill", 1 << 19),
                     lambda: (top / "dir/more").write_bytes(bytes(1 << 17)), lambda: os.mkdir(top / "again")]
            answers.append([result_of(call) for call in calls])
            shutil.rmtree(top / "dir")
        assert answers[0] == answers[1]
        assert answers[0][:3] == ["ENOSPC"] * 3 and answers[0][-1] is None, answers


@pytest.mark.parametrize("block_size", [512, 4096])
def test_no_inodes(tmp_path, block_size):
    """As many files as statvfs tells of, for root and others; a link needs no inode, and one removed makes room for one."""
    with small_pair(tmp_path, block_size, "5M", "-N", "64") as mounts:
        for top in mounts:
            free = os.statvfs(top).f_favail
            for number in range(free):
                os.mknod(top / str(number))
            assert os.statvfs(top).f_ffree == 0
            os.chmod(top, 0o777)
            calls = [lambda: os.mknod(top / "x"), lambda: os.mkdir(top / "x"), lambda: os.mkfifo(top / "x"), lambda: os.symlink("t", top / "x"),
                     lambda: os.mknod(top / "x", stat.S_IFCHR), lambda: os.open(top / "x", CREATE), lambda: socket.socket(socket.AF_UNIX).bind(str(top / "x"))]
            assert [result_of(call) for call in calls] == ["ENOSPC"] * len(calls)
            os.link(top / "0", top / "x")
            os.rename(top / "x", top / "y")
            os.rename(top / "1", top / "y")  # "0" has another name
            os.unlink(top / "2")
            os.mkdir(top / "x")
            assert result_of(lambda: os.mknod(top / "2")) == "ENOSPC"


def test_other_file_system_and_mount_points(mounts):
    """Links and renames do not cross file systems, and a directory that is a mount point stays."""
    with folders(mounts, "foreign") as tops:
        for top, other in (tops, tops[::-1]):
            for kind in ("file", "dir"):
                (os.mkdir if kind == "dir" else os.mknod)(top / kind)
                assert result_of(lambda: os.rename(top / kind, other / "new")) == "EXDEV"
                assert result_of(lambda: os.link(top / kind, other / "new")) == "EXDEV"
            (top / "point").mkdir()
            (top / "full").mkdir()
            os.mknod(top / "full/x")
            subprocess.run(["mount", "--bind", top / "full", top / "point"], check=True)
            try:
                calls = [lambda: os.rmdir(top / "point"), lambda: os.rename(top / "point", top / "away"), lambda: os.rename(top / "dir", top / "point"),
                         lambda: os.unlink(top / "point"), lambda: os.rename(top / "point/x", top / "x"), lambda: os.link(top / "point/x", top / "x")]
                assert [result_of(call) for call in calls] == ["EBUSY", "EBUSY", "EBUSY", "EISDIR", "EXDEV", "EXDEV"]
            finally:
                subprocess.run(["umount", top / "point"], check=True)


@contextlib.contextmanager
def running(command):
    process = subprocess.Popen(command)
    try:
        yield
    finally:
        process.kill()
        process.wait()


def test_running_program(mounts):
    """A program that runs cannot be written to, may lose its name, and is not run while it is written to."""
    with folders(mounts, "program") as tops:
        for top in tops:
            path = top / "sleep"
            shutil.copy("/bin/sleep", path)
            with running([path, "60"]):
                calls = [lambda: os.open(path, os.O_WRONLY), lambda: os.open(path, os.O_RDWR), lambda: os.open(path, os.O_RDONLY | os.O_TRUNC),
                         lambda: os.truncate(path, 1), lambda: os.chmod(path, 0o700), lambda: os.rename(path, top / "other"), lambda: os.unlink(top / "other")]
                answers = [result_of(call) for call in calls[:4]]
                assert path.stat().st_size == os.stat("/bin/sleep").st_size, answers  # what is refused must not have begun
                assert answers + [result_of(call) for call in calls[4:]] == ["ETXTBSY"] * 4 + [None] * 3
            shutil.copy("/bin/sleep", path)
            with open(path, "ab"), pytest.raises(OSError) as caught:
                subprocess.run([path, "0"], check=False)
            assert caught.value.errno == errno.ETXTBSY


@pytest.mark.parametrize("block_size,last", [(512, (10 + 64**4) * 512), (1024, (10 + 128**4) * 1024), (2048, (10 + 256**4) * 2048), (4096, 2**48 - 1)])
def test_largest_file(tmp_path, block_size, last):
    """To the last byte that a file can have, and EFBIG behind it; a process's own limit comes with SIGXFSZ."""
    image = fusekit.make_image(tmp_path / "sfs.img", "16M", "--block-size", block_size)
    with fusekit.mounted(image, tmp_path / "mount") as mount:
        fd = os.open(mount / "file", os.O_RDWR | os.O_CREAT)
        assert os.pwrite(fd, b"ab", last - 2) == 2
        assert result_of(lambda: os.pwrite(fd, b"c", last)) == "EFBIG"
        assert result_of(lambda: os.ftruncate(fd, last + 1)) == "EFBIG"
        assert os.fstat(fd).st_size == last and os.pread(fd, 10, last - 5) == b"\0\0\0ab"
        assert os.fstat(fd).st_blocks * 512 < 1 << 20
        assert os.lseek(fd, 0, os.SEEK_DATA) // block_size == (last - 1) // block_size
        os.ftruncate(fd, last)
        os.ftruncate(fd, 2**31 + 1)
        os.pwrite(fd, b"x", 2**32 + 1)
        assert os.fstat(fd).st_size == 2**32 + 2
        os.ftruncate(fd, 0)
        assert os.fstat(fd).st_blocks == 0
        old, ignored = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        try:
            resource.setrlimit(resource.RLIMIT_FSIZE, (5000, old[1]))
            assert [result_of(lambda: os.pwrite(fd, bytes(6000), 0)), result_of(lambda: os.pwrite(fd, b"x", 5000)),
                    result_of(lambda: os.ftruncate(fd, 5001))] == [5000, "EFBIG", "EFBIG"]
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, old)
            signal.signal(signal.SIGXFSZ, ignored)
        os.close(fd)
    fusekit.check(image)


def test_mapped_files(mounts):
    """Shared maps: what is stored is read by everybody, reaches the file with msync, and makes it newer."""
    with folders(mounts, "maps") as tops:
        for top in tops:
            fd = os.open(top / "file", os.O_RDWR | os.O_CREAT)
            os.ftruncate(fd, 10000)
            with mmap.mmap(fd, 10000) as one, mmap.mmap(fd, 10000, access=mmap.ACCESS_READ) as two:
                before = os.fstat(fd)
                time.sleep(0.02)
                one[5000:5004] = b"maps"
                assert two[5000:5004] == b"maps" == os.pread(fd, 4, 5000)
                one.flush()
                after = os.fstat(fd)
                assert after.st_mtime_ns > before.st_mtime_ns and after.st_ctime_ns > before.st_ctime_ns
                os.pwrite(fd, b"written", 5000)
                assert two[5000:5007] == b"written"
                os.ftruncate(fd, 5003)
                os.ftruncate(fd, 10000)
                assert one[4999:5010] == b"\0wri" + bytes(7)
                os.unlink(top / "file")
                one[9999] = 1
                one.flush()
            os.close(fd)


def test_locks(mounts):
    """flock and fcntl locks keep others out, and end with their owner."""
    with folders(mounts, "locks") as tops:
        for top in tops:
            (top / "file").write_bytes(b"x" * 100)
            with open(top / "file", "r+b") as one, open(top / "file", "r+b") as two:
                fcntl.flock(one, fcntl.LOCK_SH)
                fcntl.flock(two, fcntl.LOCK_SH | fcntl.LOCK_NB)
                assert result_of(lambda: fcntl.flock(two, fcntl.LOCK_EX | fcntl.LOCK_NB)) == "EAGAIN"
                fcntl.flock(one, fcntl.LOCK_UN)
                fcntl.flock(two, fcntl.LOCK_EX | fcntl.LOCK_NB)
                fcntl.lockf(one, fcntl.LOCK_EX, 10, 5)
                child = os.fork()
                if child == 0:
                    with open(top / "file", "r+b") as mine:
                        busy = result_of(lambda: fcntl.lockf(mine, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, 14))
                        free = result_of(lambda: fcntl.lockf(mine, fcntl.LOCK_EX | fcntl.LOCK_NB, 5, 0))
                    os._exit(0 if (busy, free) == ("EAGAIN", None) else 1)
                assert os.waitpid(child, 0)[1] == 0


def test_smaller_promises(mounts):
    """Types in directories, link counts of directories, space by posix_fallocate, copies between files, limits."""
    with folders(mounts, "smaller") as tops:
        answers = []
        for top in tops:
            with os.scandir(make_all(top)) as entries:
                found = sorted((entry.name, entry.is_dir(follow_symlinks=False), entry.is_file(follow_symlinks=False), entry.is_symlink(),
                                entry.inode() == os.lstat(entry.path).st_ino) for entry in entries)
            with open(top / "from", "w+b") as one, open(top / "to", "w+b") as two:
                one.write(b"0123456789" * 1000)
                one.flush()
                copied = os.copy_file_range(one.fileno(), two.fileno(), 5000, 3, 7)
                os.posix_fallocate(two.fileno(), 4000, 10000)
                sizes = [copied, os.fstat(two.fileno()).st_size, result_of(lambda: os.posix_fallocate(two.fileno(), 0, 0))]
                data = os.pread(two.fileno(), 20, 0)
            names = [os.pathconf(top, what) for what in ("PC_NAME_MAX", "PC_PATH_MAX", "PC_CHOWN_RESTRICTED", "PC_NO_TRUNC")]
            answers.append((found, sizes, data, names, os.stat(top / "all").st_nlink, os.statvfs(top).f_namemax))
        assert answers[0] == answers[1]
        assert [entry[-1] for entry in answers[0][0]] == [True] * len(KINDS)


def make_all(top):
    """A folder with a file of each kind."""
    comparison = Comparison(top)
    (top / "all").mkdir()
    comparison.folders = [top / "all"]
    comparison.begin("all", [(ROOT, "make", kind, kind) for kind in KINDS])
    return comparison.worlds[0].top


def test_what_is_not_there(mounts):
    """What docs/mkdisk.md says SFS cannot: each is refused with the error that makes programs do without."""
    with folders(mounts, "missing") as tops:
        path = os.fsencode(tops[0] / "file")
        with open(path, "w+b") as file:
            assert result_of(lambda: check(LIBC.fallocate(file.fileno(), 0, ctypes.c_long(0), ctypes.c_long(10)))) == "ENOTSUP"
        assert result_of(lambda: os.chown(path, 65536, -1)) == result_of(lambda: os.chown(path, -1, 70000)) == "EOVERFLOW"
        assert result_of(lambda: os.setxattr(path, "user.x", b"y")) == result_of(lambda: os.getxattr(path, "user.x")) == "ENOTSUP"
        assert result_of(lambda: os.open(tops[0], O_TMPFILE | os.O_RDWR)) == "ENOTSUP"
        assert result_of(lambda: check(LIBC.renameat2(-100, path, -100, path + b"2", RENAME_WHITEOUT))) == "EINVAL"
