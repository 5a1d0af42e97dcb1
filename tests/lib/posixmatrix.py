"""Who may do what to which file, and what it changes: tables of cases for two file systems to be compared by.

A case is a title, operations that prepare a folder, and operations (see posixops) that are compared: what each of them
returns, and everything it changes or leaves. A table goes through all combinations of what it is about. In the tables of
APART each operation begins anew in a prepared folder, unless the ones before it have changed nothing.
"""
import itertools
import os
import stat

from lib.posixops import EXPLICIT, FELLOW, JOINER, LAST, NOBODY, ROOT, STRANGER, USERS, World, changes, shown

KINDS = ["regular", "dir", "fifo", "block", "char", "socket", "symlink"]
CALLERS = [ROOT, NOBODY, FELLOW, JOINER, STRANGER]
UID, GID, _ = USERS[NOBODY]  # who owns what the cases are about
# Each of the eight permissions of one class, and the opposite for the two others, so that the wrong class shows.
CLASS_MODES = [0o777 & ~(7 << shift) | bits << shift for shift in (6, 3, 0) for bits in range(8)]
CREATE = os.O_CREAT | os.O_WRONLY


def owned(kind, name, mode=0o644, uid=UID, gid=GID):
    return (ROOT, "make", kind, name, mode, uid, gid)


def removal(kind):
    return "rmdir" if kind == "dir" else "unlink"


def permissions_of_a_file():
    """The mode of a file, and who opens it, asks for access, truncates it, or sets its times."""
    flags = [os.O_RDONLY, os.O_WRONLY, os.O_RDWR, os.O_RDONLY | os.O_TRUNC, os.O_WRONLY | os.O_APPEND]
    for kind in KINDS[:-1]:
        for mode in CLASS_MODES if kind in ("regular", "dir", "fifo") else [0o000, 0o666]:
            probes = []
            for user in CALLERS:
                probes += [(user, "open", "x", flag, 0, 0) for flag in flags]
                probes += [(user, "access", "x", what) for what in (1, 2, 4)]
                probes += [(user, "truncate", "x", 3), (user, "utimens", "x", "now", "now"), (user, "listdir", "x")]
            yield f"{kind} {mode:o}", [owned(kind, "x", mode)], probes


def permissions_of_a_directory():
    """The mode of a directory, and who reads it, finds, makes, moves and removes names in it."""
    for mode, user in itertools.product(CLASS_MODES, CALLERS):
        prepare = [owned("dir", "d", 0o777), owned("dir", "e", 0o777), owned("regular", "e/x", 0o666)]
        prepare += [owned(kind, f"d/{kind}", 0o666) for kind in ("regular", "dir", "symlink", "socket")]
        prepare.append((ROOT, "chmod", "d", mode))
        calls = [("lstat", "d/regular"), ("listdir", "d"), ("readlink", "d/symlink"), ("open", "d/regular", os.O_RDWR, 0, 0),
                 ("open", "d/missing", os.O_RDONLY, 0, 0), ("chmod", "d/regular", 0o606), ("truncate", "d/regular", 1),
                 ("open", "d/new", CREATE, 0o640, 0), ("open", "d/regular", CREATE, 0o640, 0), ("mkdir", "d/newdir", 0o755, 0),
                 ("mkfifo", "d/newfifo", 0o644), ("symlink", "x", "d/newlink"), ("bind", "d/newsocket"), ("link", "e/x", "d/newname"),
                 ("link", "d/regular", "e/name"), ("rename", "d/socket", "d/moved"), ("rename", "d/symlink", "e/symlink"),
                 ("rename", "e/x", "d/regular"), ("rename", "d/regular", "e/x", 2), ("unlink", "d/regular"), ("rmdir", "d/dir"), ("rmdir", "d")]
        yield f"{mode:o} for {user}", prepare, [(user, *call) for call in calls]


def sticky_directories():
    """Of a sticky directory's names only those may be taken away, or replaced, that are one's own, or in one's own directory."""
    owners = [(UID, UID), (UID, 0), (UID, 65533), (0, UID), (65533, UID), (0, 0), (65533, 65533)]
    for kind, other, (directory, file) in itertools.product(KINDS, ["none", *KINDS], owners):
        prepare = [owned("dir", "s", 0o1777, directory, directory), owned("dir", "o", 0o777), owned(kind, "s/x", 0o644, file, file)]
        prepare += [owned(other, "o/y")] if other != "none" else []
        probes = [(NOBODY, "rename", "s/x", "o/y"), (NOBODY, "rename", "o/y", "s/x"), (NOBODY, "rename", "s/x", "s/z"),
                  (NOBODY, "rename", "s/x", "o/y", 2), (NOBODY, removal(kind), "s/x"), (ROOT, removal(kind), "s/x")]
        yield f"{kind} over {other}, directory of {directory}, file of {file}", prepare, probes


def owners():
    """chown: who may give what to whom, and what becomes of the set-id bits."""
    # Set-gid without group execution is missing: FUSE's part of the kernel has older rules for it.
    modes = {"regular": [0o6755, 0o4644, 0o4711, 0o1777, 0o6777], "dir": [0o6755, 0o2644, 0o7777]}
    for kind, user in itertools.product(KINDS, CALLERS):
        for mode in modes.get(kind, [0o6755]):
            prepare = [owned(kind, "x", mode), (ROOT, "symlink", "x", "way")]
            probes = []
            for uid, gid in itertools.product((-1, 0, UID, 65532), (-1, 0, GID, 65531)):
                call = "lchown" if kind == "symlink" else "chown"
                path = "way" if kind == "regular" and mode == 0o6777 else "x"
                probes += [(user, call, path, uid, gid), (ROOT, "lchown", "x", UID, GID)]
                probes += [(ROOT, "chmod", "x", mode)] if kind != "symlink" else []
            yield f"{kind} {mode:o} by {user}", prepare, probes


def modes():
    """chmod: by whom, of whose file, and which bits do not stay."""
    for kind, user, gid in itertools.product(KINDS[:-1], CALLERS, (GID, 65531, 0)):
        new = [0, 0o644, 0o1777, 0o2755, 0o4755, 0o6711, 0o7777, 0o2644]
        probes = [(user, "chmod", path, mode) for path in ("x", "way") for mode in new]
        yield f"{kind} of group {gid} by {user}", [owned(kind, "x", 0o644, UID, gid), (ROOT, "symlink", "x", "way")], probes


def creation():
    """Mode, owner and group of what is made: umask, set-gid directories, and who makes it."""
    makers = [("open", CREATE), ("mkdir",), ("mkfifo",), ("mknod", stat.S_IFCHR), ("mknod", stat.S_IFSOCK), ("mknod", stat.S_IFREG)]
    parents = [(0o777, 0), (0o2777, 65531), (0o2777, GID), (0o1777, GID)]
    for user, (mode, gid), umask in itertools.product([*CALLERS, LAST], parents, (0, 0o527)):
        probes = []
        for maker, new in itertools.product(makers, (0, 0o151, 0o345, 0o777, 0o2755, 0o6777)):
            name = f"d/{maker[0]}"
            if maker[0] == "mknod":
                probes.append((user, "masked", umask, "mknod", name, maker[1] | new, os.makedev(1, 3) if maker[1] == stat.S_IFCHR else 0))
            elif maker[0] == "open":
                probes.append((user, "open", name, CREATE, new, umask))
            else:
                probes.append((user, "mkdir", name, new, umask) if maker[0] == "mkdir" else (user, "masked", umask, "mkfifo", name, new))
            probes.append((ROOT, removal("dir" if maker[0] == "mkdir" else ""), name))
        probes += [(user, "symlink", "t", "d/link"), (user, "bind", "d/socket")]
        yield f"in {mode:o} of group {gid} by {user}, umask {umask:o}", [owned("dir", "d", mode, 0, gid)], probes


PATHS = ["", ".", "..", "dir", "dir/", "dir/.", "dir/..", "dir//sub", "dir/sub/", "file", "file/", "file/.", "file/..", "file/x", "missing",
         "missing/", "missing/.", "missing/x", "missing/..", "link", "link/", "link/x", "dlink", "dlink/", "dlink/.", "dlink/..", "dlink/new",
         "dangling", "dangling/", "dangling/x", "loop1", "loop1/", "loop1/x", "fifo", "fifo/", "new", "dir/new", "full", "full/",
         "n" * 255, "n" * 256, "dir/" + "n" * 255, "dir/" + "n" * 256, "./" * 2045 + "file", "./" * 2046 + "file", "dir/sub/../../file",
         "\udcff\udcfe\udc80", "\u00e9" * 127, "\u00e9" * 128, "a b\n", "-x", "n" * 256 + "/..", "missing/" + "n" * 256]
TREE = [(ROOT, "make", "dir", "dir", 0o755), (ROOT, "make", "dir", "dir/sub", 0o755), (ROOT, "make", "dir", "full", 0o755),
        (ROOT, "make", "regular", "full/x"), (ROOT, "make", "regular", "file"), (ROOT, "make", "fifo", "fifo"), (ROOT, "symlink", "file", "link"),
        (ROOT, "symlink", "dir", "dlink"), (ROOT, "symlink", "nothing", "dangling"), (ROOT, "symlink", "loop2", "loop1"),
        (ROOT, "symlink", "loop1", "loop2"), (ROOT, "make", "regular", "mine"), (ROOT, "make", "dir", "minedir", 0o755)]


def calls_on(path):
    """All that can be done with PATH."""
    device = os.makedev(1, 3)
    return [("lstat", path), ("access", path, 0), ("open", path, os.O_RDONLY, 0, 0), ("open", path, CREATE, 0o640, 0),
            ("open", path, CREATE | os.O_EXCL, 0o640, 0), ("open", path, os.O_DIRECTORY, 0, 0), ("open", path, os.O_NOFOLLOW, 0, 0),
            ("open", path, CREATE | os.O_NOFOLLOW, 0o640, 0), ("open", path, os.O_RDWR | os.O_TRUNC, 0, 0), ("mkdir", path, 0o755, 0), ("rmdir", path),
            ("unlink", path), ("mkfifo", path, 0o644), ("mknod", path, stat.S_IFBLK | 0o600, device), ("symlink", "to", path), ("readlink", path),
            ("truncate", path, 9), ("truncate", path, -1), ("truncate", path, 999999999999999), ("chmod", path, 0o700), ("chown", path, 5, 6),
            ("lchown", path, 5, 6), ("utimens", path, EXPLICIT[0], EXPLICIT[1]), ("utimens", path, "now", "omit", False), ("listdir", path),
            ("link", path, "z"), ("link", "mine", path), ("rename", path, "z"), ("rename", "mine", path), ("rename", "minedir", path),
            ("rename", path, path), ("rename", "mine", path, 1), ("rename", path, "minedir", 2)]


def paths():
    """Odd paths, in each place that takes a path."""
    for path in PATHS:
        yield f"path {path[:30]!r}", TREE, [(ROOT, *call) for call in calls_on(path)]


def chains():
    """Forty symbolic links may be followed, and no more."""
    prepare = [(ROOT, "make", "regular", "0"), (ROOT, "make", "dir", "d0", 0o755)]
    for number in range(1, 42):
        prepare += [(ROOT, "symlink", f"{number - 1}", f"{number}"), (ROOT, "symlink", f"d{number - 1}", f"d{number}")]
    probes = []
    for path in ("40", "41", "d40", "d41", "d40/", "d41/", "d40/x", "d41/x"):
        probes += [("access", path, 0), ("open", path, os.O_RDONLY, 0, 0), ("open", path, os.O_NOFOLLOW, 0, 0), ("truncate", path, 5), ("chmod", path, 0o700),
                   ("chown", path, 5, 6), ("utimens", path, "now", "now"), ("listdir", path), ("mkdir", path, 0o755, 0), ("open", path, CREATE, 0o600, 0),
                   ("rename", path, path), ("link", path, f"{len(probes)}-link"), ("rename", path, f"{len(probes)}-moved"), ("unlink", path), ("rmdir", path)]
    yield "chains", prepare, [(ROOT, *probe) for probe in probes]


def renames():
    """What may replace what, be exchanged with what, and where its links then lead."""
    for kind, other, flags, place in itertools.product(KINDS, ["none", "same", "full", *KINDS], (0, 1, 2), ("a", "b")):
        prepare = [owned("dir", "a", 0o755), owned("dir", "b", 0o755), owned(kind, "a/x")]
        new = f"{place}/y"
        if other == "same":
            prepare += [(ROOT, "link", "a/x", new)] if kind != "dir" else []
        elif other == "full":
            prepare += [owned("dir", new, 0o755), owned("regular", f"{new}/in")]
        elif other != "none":
            prepare += [owned(other, new)] + ([(ROOT, "link", new, "z")] if other != "dir" else [])
        probes = [(ROOT, "rename", "a/x", new, flags), (ROOT, "lstat", f"{new}/.."), (ROOT, "rename", new, "a/x", 0)]
        yield f"{kind} over {other} in {place}, flags {flags}", prepare, probes


def links():
    """Hard links to files of every kind: by whom, and what they share."""
    for kind, user in itertools.product(KINDS, CALLERS):
        for mode in (0o644, 0o666, 0o6777, 0o000):
            prepare = [owned("dir", "d", 0o777), owned(kind, "d/x", mode)]
            probes = [(user, "link", "d/x", "d/y"), (user, "link", "d/y", "d/z"), (user, "link", "d/x", "d/y"), (user, "lchown", "d/y", 0, 65531),
                      (user, removal(kind), "d/x"), (ROOT, "unlink", "d/z"), (ROOT, "unlink", "d/y")]
            probes += [(user, "chmod", "d/y", 0o201)] if kind != "symlink" else []
            yield f"{kind} {mode:o} by {user}", prepare, probes


def times():
    """utimensat: values, now and omit, by whom, of which kind of file."""
    pairs = [("now", "now"), ("omit", "omit"), ("now", "omit"), ("omit", "now"), (EXPLICIT[0], "omit"), ("omit", EXPLICIT[1]),
             (EXPLICIT[0], EXPLICIT[1]), (EXPLICIT[2], EXPLICIT[3]), (EXPLICIT[3], EXPLICIT[2]), ("now", EXPLICIT[0])]
    for kind, user, mode in itertools.product(KINDS, CALLERS, (0o644, 0o666, 0o444)):
        prepare = [owned(kind, "x", mode), (ROOT, "symlink", "x", "way")]
        probes = [(user, "utimens", "x", *pair, False) for pair in pairs]
        probes += [(user, "utimens", "way", *pair, follow) for pair in pairs[:7] for follow in (True, False) if kind != "symlink"]
        yield f"{kind} {mode:o} by {user}", prepare, probes


def contents():
    """Whose change of the contents clears set-id bits, and which times it changes."""
    # As in owners().
    for mode, user in itertools.product((0o4777, 0o2777, 0o6777, 0o4666, 0o1777, 0o777), CALLERS):
        changes = [("write", "x", 0, b"abc"), ("write", "x", 0, b""), ("write", "x", os.O_APPEND, b"abc"), ("write", "x", 0, b"abc", 9000),
                   ("truncate", "x", 5), ("truncate", "x", 5), ("truncate", "x", 70000), ("open", "x", os.O_WRONLY | os.O_TRUNC, 0, 0),
                   ("open", "x", os.O_RDONLY | os.O_TRUNC, 0, 0), ("write", "x", os.O_TRUNC, b"new"), ("keep", "k", "x", os.O_RDWR),
                   ("use", "k", "truncate", 2), ("use", "k", "write", b"y", 1), ("use", "k", "close")]
        probes = []
        for change in changes:
            probes += [(ROOT, "chmod", "x", mode), (user, *change)]
        yield f"{mode:o} by {user}", [owned("regular", "x", mode)], probes


def descriptors():
    """A file that is open while it loses its name, or its name leads to another one."""
    opened = [(kind, flags) for kind in ("regular", "dir", "fifo") for flags in (os.O_RDONLY, os.O_RDWR, os.O_WRONLY, os.O_PATH)
              if kind == "regular" or flags in (os.O_RDONLY, os.O_PATH) or (kind, flags) == ("fifo", os.O_RDWR)]
    for (kind, flags), end in itertools.product(opened, ("kept", "removed", "replaced", "moved")):
        prepare = [owned(kind, "x", 0o6777), owned(kind, "y"), (ROOT, "keep", "k", "x", flags)]
        prepare += {"removed": [(ROOT, removal(kind), "x")], "replaced": [(ROOT, "rename", "y", "x")], "moved": [(ROOT, "rename", "x", "z")]}.get(end, [])
        uses = [("stat",), ("chmod", 0o600), ("chown", 5, 6), ("stat",), ("chmod", 0o6711), ("chown", -1, -1), ("stat",)]
        if kind == "regular":
            uses += [("truncate", 10), ("truncate", -1), ("truncate", 999999999999999), ("write", b"data", 3), ("write", b"d", 2**31 + 1), ("stat",),
                     ("read", 20, 0), ("read", 3, 2**31), ("seek", 0, os.SEEK_DATA), ("seek", 2**31 + 2, os.SEEK_DATA), ("truncate", 0), ("stat",)]
        else:
            uses += [("truncate", 10)] + ([("seek", 5, os.SEEK_SET)] if kind == "fifo" else [])
        probes = [(ROOT, "use", "k", *use) for use in uses] + [(NOBODY, "use", "k", "chmod", 0o777), (ROOT, "use", "k", "close")]
        yield f"{kind} opened with {flags:o}, {end}", prepare, probes


TABLES = {table.__name__: table for table in (
    permissions_of_a_file, permissions_of_a_directory, sticky_directories, owners, modes, creation, paths, chains, renames, links, times, contents,
    descriptors)}


APART = {"paths"}
READING = {"lstat", "access", "listdir", "readlink", "read"}  # change no more than a time of access


class Comparison:
    """Carries cases out below two folders, and gathers how they differ."""

    def __init__(self, *folders):
        self.folders, self.count, self.differences = folders, 0, []
        self.made, self.worlds, self.states = 0, [], []

    def run(self, cases, apart=False):
        for title, prepare, probes in cases:
            self.begin(title, prepare)
            for probe in probes:
                changed = self.probe(title, probe)
                if apart and changed and probe is not probes[-1]:
                    self.begin(title, prepare)
            self.look(title, "the end")
        self.leave()

    def leave(self):
        for world in self.worlds:
            for key in list(world.files):
                os.close(world.files.pop(key))

    def begin(self, title, prepare):
        """New folders, in which PREPARE is done."""
        self.leave()
        self.made += 1
        tops = [os.path.join(folder, str(self.made)) for folder in self.folders]
        for top in tops:
            os.mkdir(top)
            os.chmod(top, 0o777)
        self.worlds = [World(top) for top in tops]
        for operation in prepare:
            for result in [world.run(*operation) for world in self.worlds]:
                assert not isinstance(result, str), f"{title}: preparing, {shown(operation)} is {result}"
        self.states = [world.snapshot() for world in self.worlds]

    def probe(self, title, operation):
        """Compare what OPERATION returns; and what it leaves, if it can have changed anything. Returns whether it can."""
        self.count += 1
        results = [world.run(*operation) for world in self.worlds]
        if results[0] != results[1]:
            self.differences.append(f"{title}: {shown(operation)} = {results[0]!r} or {results[1]!r}")
        if operation[1] in READING or results[0] == results[1] and isinstance(results[0], str):
            return False  # that it left all as it was shows the next time that somebody looks
        self.look(title, f"{shown(operation)} = {results[0]!r}")
        return True

    def look(self, title, after):
        new = [world.snapshot() for world in self.worlds]
        touched, trees = zip(*(changes(old, now) for old, now in zip(self.states, new)))
        self.states = new
        if trees[0] != trees[1]:
            found = {path: (trees[0].get(path), trees[1].get(path)) for path in {*trees[0], *trees[1]}}
            self.differences.append(f"{title}: {after} leaves { {path: pair for path, pair in found.items() if pair[0] != pair[1]} }")
        if touched[0] != touched[1]:
            self.differences.append(f"{title}: {after} touches (path, mtime, ctime) {set(touched[0]) - set(touched[1])} "
                                    f"or {set(touched[1]) - set(touched[0])}")
