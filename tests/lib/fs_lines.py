"""How many lines of code the parts of the file system have: the table of docs/architecture.md.

Comments and blank lines aside, rounded to tens. A file of fs/ belongs to the first part that has a pattern for it.
"""
import fnmatch

from lib.count import without_comments
from lib.marked import replaced
from lib.paths import REPO

DOCUMENT = REPO / "docs" / "architecture.md"
PARTS = {
    "what a crash may not break: the journal, its checkpoint, recovery":
        ["commit*", "checkpoint*", "log*", "recovery*", "handle*", "join*", "journal*", "rules*"],
    "checking and repairing": ["check*", "damage*"],
    "contents of files: pages that are read ahead and written late": ["page*", "read*", "write*", "fsync*"],
    "trees of blocks, and cutting them in steps": ["tree*", "truncate*", "reach*", "cursor*"],
    "operations on names":
        ["create*", "unlink*", "rename*", "change*", "lookup*", "walk*", "attr*", "perm*", "op*", "name*"],
    "directories, with an index in memory": ["dir*", "index*"],
    "inodes in memory: locks, orphans, a limit": ["node*", "upper*"],
    "format, geometry, superblocks, mkfs": ["format*", "geometry*", "super*", "mkfs*"],
    "buffers, checksums, requests, lists": ["cache*", "csum*", "io*", "list*"],
    "bitmaps, with the quarantine of freed blocks": ["alloc*"],
    "interfaces and mount": ["sfs*", "port*", "error*", "volume*", "mount*"],
}


def code_lines(path):
    return sum(1 for line in without_comments(path).splitlines() if line.strip())


def part_of(name):
    """The part that file NAME belongs to; KeyError: nobody has said."""
    for part, patterns in PARTS.items():
        if any(fnmatch.fnmatch(name.rpartition(".")[0], pattern) for pattern in patterns):
            return part
    raise KeyError(f"fs/{name} belongs to no part of lib/fs_lines.py")


def table():
    lines = dict.fromkeys(PARTS, 0)
    for path in sorted((REPO / "fs").glob("*.[ch]")):
        lines[part_of(path.name)] += code_lines(path)
    rows = [f"| {part} | {round(count, -1)} |" for part, count in sorted(lines.items(), key=lambda row: -row[1])]
    return "\n".join(["| part of `fs/` | lines |", "|---|---|", *rows, f"| all | {round(sum(lines.values()), -1)} |"])


def rewritten(text):
    """TEXT of the document with the table as it should be."""
    return replaced(text, "fs lines", table())
