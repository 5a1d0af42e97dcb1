"""The FUSE mount under load: stress-ng, fio with verification, dbench, git, a build; sound after each

`make test` gives each a few seconds, `make soak` SECTOR0_SOAK_SECONDS (default 600): half of it for each of two sizes of blocks.
"""
import os
import shutil
import subprocess
import time

import pytest

from lib import fusekit
from lib.mkdiskkit import MKDISK
from lib.paths import REPO

pytestmark = pytest.mark.skipif(fusekit.missing() is not None, reason=str(fusekit.missing()))
SOAK = int(os.environ.get("SECTOR0_SOAK_SECONDS", "600"))
UNSUPPORTED = "binderfs,fiemap,procfs,verity,xattr"  # neither FUSE nor SFS has them, or not of this mount
SOME_STRESSORS = ["chmod", "chown", "dentry", "dir", "dirmany", "fallocate", "filename", "flock", "fpunch", "getdent",
                  "hdd", "iomix", "lease", "link", "open", "readahead", "rename", "seek", "symlink", "sync-file",
                  "touch", "utime"]


def need(program, package):
    if shutil.which(program) is None:
        pytest.skip(f"{program} is missing: package {package}")


def run(*command, seconds=0, **options):
    """A tool that must succeed; it may take a while more than it was told to."""
    done = subprocess.run([str(word) for word in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          timeout=seconds + 900, check=False, **options)
    assert done.returncode == 0, f"{command[0]} ended with {done.returncode}:\n{done.stdout[-3000:]}"
    return done.stdout


def sound(image):
    """Both checkers say so: the project's own, and the one of the tests."""
    run(MKDISK, "check", image, "-n")
    fusekit.check(image)


def stress(mount, seconds):
    need("stress-ng", "stress-ng")
    temporary = mount / "stress"
    temporary.mkdir()
    if seconds < 60:
        words = [word for name in SOME_STRESSORS for word in (f"--{name}", "1")]
        run("stress-ng", *words, "--timeout", f"{seconds}s", "--temp-path", temporary, "--hdd-bytes", "4M", "--iomix-bytes",
            "4M", "--dirmany-bytes", "0", seconds=seconds)
    else:
        run("stress-ng", "--class", "filesystem", "--sequential", "1", "--timeout", f"{max(2, seconds // 60)}s",
            "--temp-path", temporary, "--hdd-bytes", "16M", "--exclude", UNSUPPORTED, seconds=3 * seconds)
    shutil.rmtree(temporary)


def fio(mount, seconds):
    """In a folder of its own, since it leaves what it knows of its files where it runs."""
    need("fio", "fio")
    states = mount.with_name("fio-states")
    states.mkdir()
    for block in ("randrw", "randwrite", "rw"):
        run("fio", "--name=verify", f"--rw={block}", "--bsrange=512-128k", "--size=24M", "--verify=crc32c", "--do_verify=1",
            "--verify_fatal=1", "--numjobs=2", "--fsync=64", f"--directory={mount}", "--ioengine=psync", "--group_reporting",
            *([f"--runtime={seconds // 3}", "--time_based"] if seconds >= 60 else []), seconds=seconds, cwd=states)


def dbench(mount, seconds):
    need("dbench", "dbench")
    run("dbench", "-t", seconds, "-D", mount, "4", seconds=seconds)


def git(mount, seconds):
    """Clone, change, commit, pack, compare."""
    need("git", "git")
    source = mount / "source"
    source.mkdir()
    who = ["-c", "user.name=test", "-c", "user.email=test@localhost", "-c", "safe.directory=*"]
    for folder in ("fs", "tools", "kernel", "docs"):
        shutil.copytree(REPO / folder, source / folder)
    run("git", *who, "init", "-q", source)
    run("git", *who, "-C", source, "add", "-A")
    run("git", *who, "-C", source, "commit", "-qm", "all")
    end = time.monotonic() + (seconds if seconds >= 60 else 0)
    number = 0
    while number == 0 or time.monotonic() < end:
        clone = mount / f"clone-{number % 3}"
        shutil.rmtree(clone, ignore_errors=True)
        run("git", *who, "clone", "-q", "--no-hardlinks", source, clone)
        (clone / "fs" / "new").write_text(f"{number}\n")
        run("git", *who, "-C", clone, "add", "-A")
        run("git", *who, "-C", clone, "commit", "-qm", "new")
        run("git", *who, "-C", clone, "gc", "-q")
        run("git", *who, "-C", clone, "fsck", "--full")
        assert run("git", *who, "-C", clone, "status", "--porcelain") == ""
        number += 1
    run("diff", "-r", "--exclude=.git", "--exclude=new", source, clone)


def build(mount, seconds):
    """mkdisk, or the whole project, and the result is what it is elsewhere."""
    tree = mount / "tree"
    shutil.copytree(REPO, tree, ignore=shutil.ignore_patterns(".git", "build", "__pycache__", "*.pyc"))
    end = time.monotonic() + seconds
    again = True
    while again:
        run("make", "-s", "-j2", "all" if seconds >= 60 else "build/mkdisk", cwd=tree, seconds=seconds)
        again = seconds >= 60 and time.monotonic() < end
        assert "mkdisk create" in run(tree / "build" / "mkdisk", "help")
        if again:
            run("make", "-s", "clean", cwd=tree)


WORK = {"stress-ng": stress, "fio": fio, "dbench": dbench, "git": git, "build": build}


def under_load(tmp_path, name, seconds, block_size):
    image = fusekit.make_image(tmp_path / "sfs.img", "1G" if seconds >= 60 else "384M", "--block-size", block_size)
    try:
        with fusekit.mounted(image, tmp_path / "mount") as mount:
            WORK[name](mount, seconds)
        sound(image)
    finally:
        image.unlink()


@pytest.mark.parametrize("name", WORK)
def test_under_load(tmp_path, name):
    under_load(tmp_path, name, 5, 512 if name in ("fio", "git") else 4096)


@pytest.mark.soak
@pytest.mark.limit(3600)
@pytest.mark.parametrize("block_size", [512, 4096])
@pytest.mark.parametrize("name", WORK)
def test_under_load_soak(tmp_path, name, block_size):
    under_load(tmp_path, name, SOAK // 2, block_size)
