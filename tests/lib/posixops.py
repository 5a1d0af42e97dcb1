"""Operations of POSIX as data, carried out in a folder: the same ones on two file systems must end the same.

An operation is a tuple: the user, the name of a method of World, its arguments. Paths are relative to the
folder. A result is what the call returned, or the name of its errno.
"""
import ctypes
import errno
import hashlib
import os
import random
import socket
import stat

ROOT, OWNER, OTHER, MEMBER = 0, 1, 2, 3
NOBODY, FELLOW, JOINER, STRANGER, LAST = 4, 5, 6, 7, 8
USERS = {ROOT: (0, 0, [0]), OWNER: (1001, 1001, [1001]), OTHER: (1002, 1002, [1002]),
         MEMBER: (1003, 1003, [1003, 1001]),
         # The highest numbers that SFS knows. FELLOW's own group is NOBODY's, JOINER has it among others.
         NOBODY: (65534, 65534, [65534]), FELLOW: (65533, 65534, [65534]), JOINER: (65532, 65532, [65532, 65531, 65534]),
         STRANGER: (65531, 65530, [65530]), LAST: (65535, 65535, [65535])}
LIBC = ctypes.CDLL(None, use_errno=True)
# Times that nobody else sets: with nanoseconds, before 1970, and behind 2^31 and 2^32 seconds.
EXPLICIT = (1234567890123456789, -86400 * 10**9 + 1, 2**31 * 10**9 + 5, 2**32 * 10**9 + 999999999)
UTIME_NOW, UTIME_OMIT = (1 << 30) - 1, (1 << 30) - 2


class Timespec(ctypes.Structure):
    _fields_ = [("sec", ctypes.c_long), ("nsec", ctypes.c_long)]


def check(result):
    if result < 0:
        raise OSError(ctypes.get_errno(), "")
    return result


class World:
    """A folder on some file system, and open files in it."""

    def __init__(self, top):
        self.top = os.fsencode(top)
        self.files = {}

    def path(self, name):
        return os.path.join(self.top, os.fsencode(name))

    def run(self, user, operation, *arguments):
        uid, gid, groups = USERS[user]
        os.chdir(self.top)
        try:
            if user != ROOT:
                os.setgroups(groups)
                os.setegid(gid)
                os.seteuid(uid)
            try:
                return getattr(self, operation)(*arguments)
            except OSError as error:
                return errno.errorcode[error.errno]
        finally:
            if user != ROOT:
                os.seteuid(0)
                os.setegid(0)
                os.setgroups([0])
            os.chdir("/")

    # ---- operations, in the folder, as the user ----

    def make(self, kind, name, mode=0o644, uid=0, gid=0):
        """A file of any kind, owned and permitted as told."""
        if kind == "symlink":
            os.symlink("target", name)
        elif kind == "dir":
            os.mkdir(name)
        elif kind == "socket":
            self.bind(name)
        else:
            form = {"regular": stat.S_IFREG, "fifo": stat.S_IFIFO, "block": stat.S_IFBLK, "char": stat.S_IFCHR}[kind]
            os.mknod(name, form | 0o600, os.makedev(1, 2) if kind in ("block", "char") else 0)
        os.chown(name, uid, gid, follow_symlinks=False)
        if kind != "symlink":
            os.chmod(name, mode)

    def bind(self, name):
        with socket.socket(socket.AF_UNIX) as bound:
            bound.bind(name)

    def masked(self, umask, operation, *arguments):
        os.umask(umask)
        try:
            return getattr(self, operation)(*arguments)
        finally:
            os.umask(0o022)

    def open(self, name, flags, mode, umask=0o022):
        os.umask(umask)
        try:
            os.close(os.open(name, flags | os.O_NONBLOCK, mode))
        finally:
            os.umask(0o022)

    def write(self, name, flags, data, offset=None):
        fd = os.open(name, os.O_WRONLY | os.O_NONBLOCK | flags)
        try:
            if not stat.S_ISREG(os.fstat(fd).st_mode):
                return "no file"  # writing to a pipe changes its times, but FUSE is not told of it
            return os.write(fd, data) if offset is None else os.pwrite(fd, data, offset)
        finally:
            os.close(fd)

    def keep(self, key, name, flags):
        if key in self.files:
            os.close(self.files.pop(key))
        self.files[key] = os.open(name, flags | os.O_NONBLOCK)

    def use(self, key, what, *arguments):
        """Something with a file that was kept open, which may have lost its name by now."""
        if key not in self.files:
            return None
        fd = self.files[key]
        if what == "stat":
            status = os.fstat(fd)
            return (stat.filemode(status.st_mode), status.st_nlink, status.st_size if stat.S_ISREG(status.st_mode) else 0)
        if what == "read":
            return os.pread(fd, *arguments)
        if what == "write":
            return os.pwrite(fd, *arguments)
        if what == "truncate":
            return os.ftruncate(fd, *arguments)
        if what == "chmod":
            return os.fchmod(fd, *arguments)
        if what == "chown":
            return os.fchown(fd, *arguments)
        if what == "seek":
            return os.lseek(fd, *arguments)
        return os.close(self.files.pop(key))

    def read(self, name, size, offset):
        fd = os.open(name, os.O_RDONLY | os.O_NONBLOCK)
        try:
            return os.pread(fd, size, offset)
        finally:
            os.close(fd)

    def chmod(self, name, mode):
        os.chmod(name, mode)

    def chown(self, name, uid, gid):
        os.chown(name, uid, gid)

    def lchown(self, name, uid, gid):
        os.chown(name, uid, gid, follow_symlinks=False)

    def link(self, old, new):
        os.link(old, new, follow_symlinks=False)

    def mkdir(self, name, mode, umask=0o022):
        os.umask(umask)
        try:
            os.mkdir(name, mode)
        finally:
            os.umask(0o022)

    def mkfifo(self, name, mode):
        os.mkfifo(name, mode)

    def mknod(self, name, mode, device):
        os.mknod(name, mode, device)

    def rename(self, old, new, flags=0):
        check(LIBC.renameat2(-100, os.fsencode(old), -100, os.fsencode(new), flags))

    def rmdir(self, name):
        os.rmdir(name)

    def symlink(self, target, name):
        os.symlink(target, name)

    def readlink(self, name):
        return os.readlink(name)

    def truncate(self, name, size):
        check(LIBC.truncate(os.fsencode(name), ctypes.c_long(size)))

    def unlink(self, name):
        os.unlink(name)

    def utimens(self, name, atime, mtime, follow=True):
        """Times are nanoseconds, or "now", or "omit"."""
        def spec(time):
            return {"now": (0, UTIME_NOW), "omit": (0, UTIME_OMIT)}.get(time) or divmod(time, 10**9)
        times = (Timespec * 2)(Timespec(*spec(atime)), Timespec(*spec(mtime)))
        check(LIBC.utimensat(-100, os.fsencode(name), times, 0 if follow else 0x100))
        time = os.stat(name, follow_symlinks=follow).st_atime_ns  # reading changes it, so it is compared here alone
        return time if time in EXPLICIT and atime != "omit" else None

    def access(self, name, mode):
        return os.access(name, mode, effective_ids=True)

    def listdir(self, name):
        return sorted(os.listdir(name))

    def lstat(self, name):
        return stat.filemode(os.lstat(name).st_mode)

    # ---- what is there ----

    @staticmethod
    def digest(path):
        fd = os.open(path, os.O_RDONLY | os.O_NOATIME)
        try:
            return hashlib.md5(os.read(fd, 1 << 17)).hexdigest()
        finally:
            os.close(fd)

    def snapshot(self):
        """Of every file what it is, and its times."""
        tree, inodes = {}, {}
        stack = [b""]
        while stack:
            path = stack.pop()
            full = os.path.join(self.top, path) if path else self.top
            status = os.lstat(full)
            what = [stat.filemode(status.st_mode), status.st_nlink, status.st_uid, status.st_gid]
            if stat.S_ISDIR(status.st_mode):
                stack += [os.path.join(path, name) for name in sorted(os.listdir(full))]
            elif stat.S_ISLNK(status.st_mode):
                what.append(os.readlink(full))
            elif stat.S_ISREG(status.st_mode):
                what += [status.st_size, self.digest(full) if status.st_size > 0 else ""]
            else:
                what.append(status.st_rdev)
            if not stat.S_ISDIR(status.st_mode):
                what.append(inodes.setdefault(status.st_ino, path))
            what.append(status.st_mtime_ns if status.st_mtime_ns in EXPLICIT else "some time")
            tree[path] = (what, (status.st_ino, status.st_mtime_ns, status.st_ctime_ns))
        return tree


def changes(before, after):
    """The files whose mtime, or ctime, has changed; and what is there now."""
    touched = []
    for path, (_, new) in sorted(after.items()):
        old = before.get(path)
        if old is not None and old[1][0] == new[0]:
            touched.append((path, old[1][1] != new[1], old[1][2] != new[2]))
    return touched, {path: what for path, (what, _) in after.items()}


# ---- Random operations ----------------------------------------------------------------------------

NAMES = ["a", "b", "c", "d", "e"]
LONG = ["n" * 255, "n" * 256, "a/" * 2046 + "b", "a/" * 2050 + "b"]
# Set-gid without group execution is missing: FUSE's part of the kernel has older rules for it.
MODES = [0, 0o400, 0o600, 0o644, 0o666, 0o700, 0o755, 0o777, 0o1777, 0o2775, 0o4755, 0o6711, 0o7777]
SIZES = [0, 1, 100, 511, 512, 513, 4095, 4096, 4097, 5000, 20000, 70000]


def some_path(rng):
    parts = [rng.choice(NAMES) for _ in range(rng.choice([1, 1, 1, 2, 2, 3]))]
    path = "/".join(parts)
    odd = rng.randrange(60)
    if odd == 0:
        path += "/"
    elif odd == 1:
        path += "/."
    elif odd == 2:
        path += "/.."
    elif odd == 3:
        path = rng.choice(LONG)
    elif odd == 4:
        path = rng.choice([".", "..", ""])
    return path


def random_operation(rng):
    user = rng.choice([ROOT, ROOT, ROOT, OWNER, OWNER, OTHER, MEMBER])
    path, other, mode = some_path(rng), some_path(rng), rng.choice(MODES)
    time = lambda: rng.choice([*EXPLICIT, "now", "omit"])
    uid, gid = rng.choice([-1, 0, 1001, 1002, 1003]), rng.choice([-1, 0, 1001, 1002, 1003])
    key = rng.choice("xyz")
    size = rng.choice(SIZES)
    kinds = [
        lambda: ("open", path, rng.choice([os.O_RDONLY, os.O_WRONLY, os.O_RDWR]) |
                 rng.choice([0, os.O_CREAT, os.O_CREAT, os.O_CREAT | os.O_EXCL, os.O_TRUNC, os.O_CREAT | os.O_TRUNC,
                             os.O_DIRECTORY, os.O_NOFOLLOW, os.O_APPEND]), mode, rng.choice([0, 0o022])),
        lambda: ("open", path, os.O_CREAT | os.O_WRONLY, mode, 0),
        lambda: ("mkdir", path, mode, rng.choice([0, 0o022])),
        lambda: ("mkdir", path, 0o777, 0),
        lambda: ("write", path, rng.choice([0, os.O_APPEND, os.O_TRUNC, os.O_CREAT]), rng.randbytes(size)),
        lambda: ("write", path, 0, rng.randbytes(100), size),
        lambda: ("read", path, 300, size),
        lambda: ("chmod", path, mode),
        lambda: ("chown", path, uid, gid),
        lambda: ("lchown", path, uid, gid),
        lambda: ("link", path, other),
        lambda: ("mkfifo", path, mode),
        lambda: ("mknod", path, rng.choice([stat.S_IFCHR, stat.S_IFBLK, stat.S_IFREG, stat.S_IFIFO, stat.S_IFSOCK]) | mode,
                 os.makedev(rng.randrange(300), rng.randrange(70000))),
        lambda: ("rename", path, other, rng.choice([0, 0, 0, 0, 1, 2, 3, 8])),
        lambda: ("rename", path, other, 0),
        lambda: ("rmdir", path),
        lambda: ("symlink", rng.choice([other, "../" + other, "self", "t" * 4095, "t" * 4096, "", "a/b"]), path),
        lambda: ("readlink", path),
        lambda: ("truncate", path, rng.choice([*SIZES, -1, 1 << 62])),
        lambda: ("unlink", path),
        lambda: ("utimens", path, time(), time(), rng.random() < 0.7),
        lambda: ("access", path, rng.randrange(8)),
        lambda: ("listdir", path),
        lambda: ("lstat", path),
        lambda: ("keep", key, path, rng.choice([os.O_RDONLY, os.O_RDWR])),
        lambda: ("use", key, "stat"),
        lambda: ("use", key, "read", 200, size),
        lambda: ("use", key, "write", b"kept", size),
        lambda: ("use", key, "truncate", size),
        lambda: ("use", key, "chmod", mode),
        lambda: ("use", key, "chown", uid, gid),
        lambda: ("use", key, "close"),
    ]
    return (user, *rng.choice(kinds)())


def random_operations(seed, count):
    rng = random.Random(seed)
    return [random_operation(rng) for _ in range(count)]


def shown(operation):
    return repr(tuple(part if not isinstance(part, (bytes, str)) or len(part) < 60 else f"{part[:20]!r}...({len(part)})"
                      for part in operation))


def compare(one, two, operations):
    """Carry OPERATIONS out in both worlds. The first difference is the answer, None if there is none."""
    states = [one.snapshot(), two.snapshot()]
    for number, operation in enumerate(operations):
        results = [world.run(*operation) for world in (one, two)]
        if results[0] != results[1]:
            return f"operation {number} {shown(operation)}: {results[0]!r} or {results[1]!r}; before it {states[0]}"
        new = [one.snapshot(), two.snapshot()]
        touched, trees = zip(*(changes(old, now) for old, now in zip(states, new)))
        if trees[0] != trees[1]:
            paths = [(path, trees[0].get(path), trees[1].get(path)) for path in {*trees[0], *trees[1]}
                     if trees[0].get(path) != trees[1].get(path)]
            return f"operation {number} {shown(operation)} = {results[0]!r} leaves (path, first, second) {paths}"
        if touched[0] != touched[1]:
            return (f"operation {number} {shown(operation)} = {results[0]!r} touches (path, mtime, ctime) "
                    f"{sorted({*touched[0]} ^ {*touched[1]})}: first {[t for t in touched[0] if t not in touched[1]]}")
        states = new
    return None
