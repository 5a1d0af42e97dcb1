"""The FUSE mount behaves as ext4 does: the same operations on both, results, errors and trees compared."""
import errno
import os
import signal
import stat
import subprocess
import threading
import time

import pytest

from lib import fusekit, posixops
from lib.mkdiskkit import MKDISK, Kit
from lib.posixops import EXPLICIT, MEMBER, OTHER, OWNER, ROOT, World

pytestmark = pytest.mark.skipif(fusekit.missing() is not None, reason=str(fusekit.missing()))


@pytest.fixture(scope="module")
def reference(tmp_path_factory):
    with fusekit.reference(tmp_path_factory.mktemp("reference")) as mount:
        yield mount


class Pair:
    """A world on SFS and one on the reference, anew for each list of operations."""

    def __init__(self, *mounts):
        self.mounts, self.count = mounts, 0

    def run(self, operations):
        self.count += 1
        worlds = []
        for mount in self.mounts:
            top = mount / f"world-{self.count}-{time.monotonic_ns()}" / "top"
            top.mkdir(parents=True)
            top.chmod(0o777)
            worlds.append(World(top))
        try:
            return posixops.compare(*worlds, operations)
        finally:
            for world in worlds:
                for key in list(world.files):
                    os.close(world.files.pop(key))
                subprocess.run(["rm", "-rf", os.path.dirname(world.top)], check=True)

    def same(self, operations):
        difference = self.run(operations)
        assert difference is None, f"SFS, then the reference: {difference}"


def pair_of(folder, reference, block_size):
    image = fusekit.make_image(folder / "sfs.img", "64M", "--block-size", block_size)
    with fusekit.mounted(image, folder / "sfs") as mount:
        yield Pair(mount, reference)
    fusekit.check(image)


@pytest.fixture(scope="module", name="pair")
def _pair(tmp_path_factory, reference):
    yield from pair_of(tmp_path_factory.mktemp("sfs"), reference, 4096)


@pytest.fixture(scope="module", name="small")
def _small(tmp_path_factory, reference):
    yield from pair_of(tmp_path_factory.mktemp("small"), reference, 512)


CREATE = os.O_CREAT | os.O_WRONLY
BY_HAND = {
    "set-id bits and owners": [
        (ROOT, "open", "a", CREATE, 0o6777, 0), (ROOT, "chown", "a", 1001, 1001), (OWNER, "chmod", "a", 0o6777),
        (OTHER, "write", "a", 0, b"clears them"), (OWNER, "chmod", "a", 0o6777), (ROOT, "write", "a", 0, b"keeps them"),
        (OTHER, "truncate", "a", 3), (OWNER, "chmod", "a", 0o6777), (OTHER, "write", "a", os.O_TRUNC, b""),
        (OWNER, "chmod", "a", 0o6777), (ROOT, "chown", "a", -1, -1), (OWNER, "chmod", "a", 0o6777),
        (ROOT, "chown", "a", 1002, -1), (MEMBER, "chown", "a", -1, 1003), (OWNER, "chown", "a", 1002, -1),
        (ROOT, "chown", "a", 1003, 1003), (MEMBER, "chmod", "a", 0o2755), (MEMBER, "chown", "a", -1, 1001),
        (MEMBER, "chmod", "a", 0o2755), (MEMBER, "chown", "a", -1, 1002)],
    "set-gid directories": [
        (ROOT, "mkdir", "d", 0o777, 0), (ROOT, "chown", "d", 0, 1001), (ROOT, "chmod", "d", 0o2777),
        (OTHER, "open", "d/file", CREATE, 0o2755, 0), (MEMBER, "open", "d/mine", CREATE, 0o2755, 0),
        (OTHER, "mkdir", "d/sub", 0o755, 0), (OTHER, "mkdir", "d/sub/sub", 0o700, 0), (OTHER, "symlink", "x", "d/link"),
        (OTHER, "mkfifo", "d/fifo", 0o2666), (ROOT, "mknod", "d/node", stat.S_IFCHR | 0o644, os.makedev(1, 3))],
    "sticky directories": [
        (ROOT, "mkdir", "t", 0o1777, 0), (ROOT, "chmod", "t", 0o1777), (OWNER, "open", "t/a", CREATE, 0o666, 0),
        (OTHER, "unlink", "t/a"), (OTHER, "rename", "t/a", "t/b"), (OTHER, "open", "t/b", CREATE, 0o666, 0),
        (OTHER, "rename", "t/b", "t/a"), (OWNER, "rename", "t/a", "t/b"), (OWNER, "rename", "t/a", "t/c"),
        (OTHER, "rename", "t/b", "t/c", 2), (OWNER, "mkdir", "t/d", 0o755, 0), (OTHER, "rmdir", "t/d"),
        (ROOT, "chown", "t", 1002, 1002), (OTHER, "rmdir", "t/d"), (OTHER, "unlink", "t/c")],
    "rename": [
        (ROOT, "mkdir", "a", 0o755, 0), (ROOT, "mkdir", "a/b", 0o755, 0), (ROOT, "mkdir", "c", 0o755, 0),
        (ROOT, "rename", "a", "a/b/c"), (ROOT, "rename", "a", "a"), (ROOT, "rename", "a", "a/b", 2),
        (ROOT, "rename", "c", "a"), (ROOT, "rename", "a/b", "c"), (ROOT, "open", "f", CREATE, 0o644, 0),
        (ROOT, "rename", "f", "c"), (ROOT, "rename", "c", "f"), (ROOT, "link", "f", "g"), (ROOT, "rename", "f", "g"),
        (ROOT, "rename", "f", "g", 1), (ROOT, "rename", "f", "h", 1), (ROOT, "rename", "g", "c", 2), (ROOT, "rename", "c", "a/x"),
        (ROOT, "rename", "nothing", "x"), (ROOT, "rename", "x", "nothing", 2), (ROOT, "rename", "a/.", "x"),
        (ROOT, "rename", "a/..", "x"), (ROOT, "rename", "h", "h/"), (ROOT, "rename", "a/", "y/"), (ROOT, "rename", "y", "z", 3),
        (ROOT, "rename", "y", "z", 8), (ROOT, "rename", "y", "n" * 256), (ROOT, "rename", "y", "n" * 255)],
    "links": [
        (ROOT, "open", "a", CREATE, 0o644, 0), (ROOT, "link", "a", "b"), (ROOT, "link", "a", "b"), (ROOT, "mkdir", "d", 0o755, 0),
        (ROOT, "link", "d", "e"), (ROOT, "symlink", "a", "s"), (ROOT, "link", "s", "t"), (ROOT, "unlink", "a"), (ROOT, "link", "a", "c"),
        (ROOT, "symlink", "", "x"), (ROOT, "symlink", "x" * 4095, "x"), (ROOT, "readlink", "x"), (ROOT, "symlink", "x" * 4096, "y"),
        (ROOT, "symlink", "loop2", "loop1"), (ROOT, "symlink", "loop1", "loop2"), (ROOT, "open", "loop1", os.O_RDONLY, 0, 0),
        (ROOT, "chmod", "loop1/x", 0o600), (ROOT, "unlink", "loop1"), (ROOT, "lchown", "loop2", 1001, 1001), (ROOT, "readlink", "d"),
        (ROOT, "utimens", "loop2", EXPLICIT[0], EXPLICIT[1], False)],
    "files that lose their names": [
        (ROOT, "write", "a", os.O_CREAT, b"contents"), (ROOT, "keep", "x", "a", os.O_RDWR), (ROOT, "unlink", "a"), (ROOT, "use", "x", "stat"),
        (ROOT, "use", "x", "write", b"more", 5000), (ROOT, "use", "x", "read", 6000, 0), (ROOT, "use", "x", "truncate", 3),
        (ROOT, "use", "x", "read", 100, 0), (ROOT, "use", "x", "chmod", 0o600), (ROOT, "use", "x", "chown", 5, 6), (ROOT, "use", "x", "stat"),
        (ROOT, "write", "a", os.O_CREAT, b"another"), (ROOT, "use", "x", "read", 100, 0), (ROOT, "write", "b", os.O_CREAT, b"bbb"),
        (ROOT, "keep", "y", "b", os.O_RDWR), (ROOT, "rename", "a", "b"), (ROOT, "use", "y", "read", 100, 0), (ROOT, "use", "y", "stat"),
        (ROOT, "mkdir", "d", 0o755, 0), (ROOT, "keep", "z", "d", os.O_RDONLY), (ROOT, "rmdir", "d"), (ROOT, "use", "z", "stat"),
        (ROOT, "use", "x", "close"), (ROOT, "use", "y", "close"), (ROOT, "use", "z", "close")],
    "sizes": [
        (ROOT, "open", "a", CREATE, 0o644, 0), (ROOT, "truncate", "a", 123456), (ROOT, "truncate", "a", 123456), (ROOT, "read", "a", 100, 123400),
        (ROOT, "write", "a", 0, b"x", 1 << 20), (ROOT, "truncate", "a", 1), (ROOT, "truncate", "a", -1), (ROOT, "truncate", "a", 1 << 62),
        (ROOT, "write", "a", 0, b"end", 70000), (ROOT, "truncate", "a", 0), (ROOT, "write", "a", os.O_APPEND, b"appended"),
        (ROOT, "write", "a", os.O_APPEND, b"again"), (ROOT, "truncate", "d", 0), (ROOT, "mkdir", "d", 0o755, 0), (ROOT, "truncate", "d", 0),
        (ROOT, "write", "a", 0, b"z", 40000), (ROOT, "keep", "k", "a", os.O_RDONLY), (ROOT, "use", "k", "seek", 0, os.SEEK_HOLE),
        (ROOT, "use", "k", "seek", 20000, os.SEEK_DATA), (ROOT, "use", "k", "seek", 40001, os.SEEK_DATA), (ROOT, "use", "k", "close")],
    "permissions": [
        (OWNER, "open", "a", CREATE, 0o600, 0), (OTHER, "open", "a", os.O_RDONLY, 0, 0), (OTHER, "chmod", "a", 0o777),
        (OTHER, "utimens", "a", "now", "now"), (OWNER, "chmod", "a", 0o622), (OTHER, "utimens", "a", "now", "now"),
        (OTHER, "utimens", "a", EXPLICIT[0], "omit"), (OTHER, "utimens", "a", "now", "omit"), (OTHER, "utimens", "a", "omit", "omit"),
        (OWNER, "utimens", "a", EXPLICIT[0], EXPLICIT[1]), (OWNER, "utimens", "a", "omit", "now"), (OWNER, "mkdir", "d", 0o700, 0),
        (OTHER, "open", "d/x", CREATE, 0o600, 0), (OTHER, "lstat", "d/x"), (OTHER, "listdir", "d"), (OTHER, "access", "d", 4),
        (OWNER, "chmod", "d", 0o711), (OTHER, "lstat", "d/x"), (OTHER, "listdir", "d"), (OTHER, "rmdir", "d"), (OWNER, "rmdir", "d/."),
        (OWNER, "rmdir", "d/.."), (OWNER, "rmdir", "d/"), (OTHER, "mknod", "n", stat.S_IFCHR | 0o600, 259), (OTHER, "mkfifo", "p", 0o600)],
}


@pytest.mark.parametrize("name", BY_HAND)
def test_by_hand(pair, name):
    pair.same(BY_HAND[name])


@pytest.mark.parametrize("seed", range(6))
def test_random_operations(pair, small, seed):
    """Files, owners, modes, links, sizes and names of four users; after each operation the whole tree."""
    (small if seed % 2 else pair).same(posixops.random_operations(seed, 300))


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(1000, 1400))
def test_random_operations_soak(pair, small, seed):
    (small if seed % 2 else pair).same(posixops.random_operations(seed, 500))


@pytest.mark.soak
def test_many_links(pair):
    """As many as ext4 allows: 65000, and one more is EMLINK."""
    top = pair.mounts[0] / "links"
    top.mkdir()
    (top / "first").touch()
    for number in range(1, 65000):
        os.link(top / "first", top / str(number))
    with pytest.raises(OSError) as caught:
        os.link(top / "first", top / "more")
    assert caught.value.errno == errno.EMLINK and os.stat(top / "7").st_nlink == 65000
    assert len(os.listdir(top)) == 65000
    subprocess.run(["rm", "-r", top], check=True)


def test_appends_of_several_threads(pair):
    """Each O_APPEND write is whole and at the end."""
    path = pair.mounts[0] / "log"

    def append(letter):
        fd = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o644)
        for _ in range(200):
            os.write(fd, letter * 997)
        os.close(fd)

    threads = [threading.Thread(target=append, args=(bytes([65 + number]),)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    data = path.read_bytes()
    assert len(data) == 4 * 200 * 997
    assert all(len(set(data[at:at + 997])) == 1 for at in range(0, len(data), 997))
    path.unlink()


def test_names_while_they_change(pair):
    """readdir is stable: what is there all the time is seen once, whatever comes and goes."""
    top = pair.mounts[0] / "names"
    top.mkdir()
    stays = {f"stays-{number}" for number in range(3000)}
    for name in stays:
        (top / name).touch()
        (top / f"goes-{name}").touch()
    seen = []
    with os.scandir(top) as entries:
        for number, entry in enumerate(entries):
            seen.append(entry.name)
            if number % 3 == 0:
                (top / f"comes-{number}").touch()
                doomed = top / f"goes-stays-{number // 3}"
                if doomed.exists():
                    doomed.unlink()
    assert len(seen) == len(set(seen)) and stays <= set(seen)
    subprocess.run(["rm", "-r", top], check=True)


def fill(path):
    """Write to PATH until there is no space. Returns the size."""
    with open(path, "wb", buffering=0) as file, pytest.raises(OSError) as caught:
        while True:
            file.write(bytes(1 << 20))
    assert caught.value.errno == errno.ENOSPC
    return os.stat(path).st_size


def test_space_comes_back(tmp_path):
    """The kernel tells of a file's end behind rm's back: who writes meanwhile waits for the space, as on ext4."""
    image = fusekit.make_image(tmp_path / "sfs.img", "160M", "--block-size", 512)
    sizes = []
    with fusekit.mounted(image, tmp_path / "mount") as mount:
        for _ in range(3):
            sizes.append(fill(mount / "fill"))
            os.unlink(mount / "fill")
    assert min(sizes) > 100 << 20 and max(sizes) - min(sizes) < 1 << 20, sizes
    fusekit.check(image)


def test_space_is_waited_for(tmp_path):
    """While a file that lost its name is open, whoever finds no space waits for it; but not for long."""
    image = fusekit.make_image(tmp_path / "sfs.img", "16M")
    with fusekit.mounted(image, tmp_path / "mount") as mount:
        size = fill(mount / "held")
        held = open(mount / "held", "rb")
        os.unlink(mount / "held")
        threading.Timer(0.3, held.close).start()
        assert fill(mount / "next") == size
        assert fill(mount / "none") == 0
        with open(mount / "next", "rb"):
            os.unlink(mount / "next")
            begin = time.monotonic()
            assert [fill(mount / "none") for _ in range(40)] == [0] * 40
            assert time.monotonic() - begin < 60, "only the first should have waited for two seconds"
    fusekit.check(image)


def test_sync_reaches_the_image(tmp_path):
    """What fsync has promised is in the image although mkdisk is killed; then the next mount recovers."""
    image = fusekit.make_image(tmp_path / "sfs.img")
    folder = tmp_path / "mount"
    folder.mkdir()
    server = subprocess.Popen([MKDISK, "mount", image, folder, "-f"])
    while not os.path.ismount(folder):
        time.sleep(0.02)
    with open(folder / "kept", "wb") as file:
        file.write(b"precious" * 1000)
        file.flush()
        os.fsync(file.fileno())
    (folder / "lost").write_bytes(b"perhaps")
    server.kill()
    server.wait()
    subprocess.run(["fusermount3", "-uz", folder], check=True)
    done = subprocess.run([MKDISK, "cat", image, "kept"], capture_output=True, check=True)
    assert done.stdout == b"precious" * 1000
    with fusekit.mounted(image, folder):
        assert (folder / "kept").read_bytes() == b"precious" * 1000
    fusekit.check(image)


def test_mounted_read_only(tmp_path):
    """By an option, of a volume that was not unmounted: its journal is read, and not a byte of the image changes."""
    image, folder = fusekit.make_image(tmp_path / "sfs.img"), tmp_path / "mount"
    server = fusekit.serve(image, folder)
    (folder / "file").write_bytes(b"in the journal")
    with open(folder / "file", "rb") as file:
        os.fsync(file.fileno())
    fusekit.killed(server, folder)
    before = image.read_bytes()
    server = fusekit.serve(image, folder, "--read-only")
    try:
        assert (folder / "file").read_bytes() == b"in the journal"
        assert os.statvfs(folder).f_flag & os.ST_RDONLY
        for change in (lambda: (folder / "new").touch(), lambda: os.unlink(folder / "file"), lambda: os.chmod(folder, 0o700),
                       lambda: os.truncate(folder / "file", 1)):
            with pytest.raises(OSError) as caught:
                change()
            assert caught.value.errno == errno.EROFS
    finally:
        subprocess.run(["fusermount3", "-u", folder], check=True)
        remarks = server.communicate(timeout=60)[1]
    assert server.returncode == 0, remarks
    assert image.read_bytes() == before


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("options", [[], ["-s"]])
def test_signals_unmount(tmp_path, end, options):
    """In the foreground and in the background; what was written and not synced is there afterwards."""
    image = fusekit.make_image(tmp_path / "sfs.img")
    folder = tmp_path / "mount"
    folder.mkdir()
    heard = lambda: signal.signal(end, signal.SIG_DFL)  # who starts the tests may have had it ignored
    server = subprocess.Popen([MKDISK, "mount", image, folder, "-f", *options], preexec_fn=heard)
    while not os.path.ismount(folder):
        time.sleep(0.02)
    (folder / "file").write_bytes(b"not synced")
    assert subprocess.run([MKDISK, "rm", image, "file"], capture_output=True, check=False).returncode == 1  # it is locked
    server.send_signal(end)
    assert server.wait(timeout=60) == 0 and not os.path.ismount(folder)
    fusekit.check(image)
    assert subprocess.run([MKDISK, "cat", image, "file"], capture_output=True, check=True).stdout == b"not synced"


def test_in_the_background(tmp_path):
    image = fusekit.make_image(tmp_path / "sfs.img")
    folder = tmp_path / "mount"
    folder.mkdir()
    subprocess.run([MKDISK, "mount", image, folder], check=True)
    assert os.path.ismount(folder)
    (folder / "file").write_bytes(b"x")
    subprocess.run(["fusermount3", "-u", folder], check=True)
    deadline = time.monotonic() + 30
    while subprocess.run([MKDISK, "mkdir", image, "d"], capture_output=True, check=False).returncode != 0:
        assert time.monotonic() < deadline, "the image stays locked"
        time.sleep(0.1)
    fusekit.check(image)


def test_mount_refuses(tmp_path):
    kit = Kit(tmp_path)
    kit.create()
    kit.refused(1, "cannot be a mount point", "mount", kit.image, "missing")
    kit.refused(2, "needs 2 operands", "mount", kit.image)
    kit.create_floppy()
    kit.refused(1, "has no volume", "mount", kit.image, tmp_path)
