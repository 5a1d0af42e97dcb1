"""mkdisk as somebody meets it who is new, in a hurry or out of luck: help, bars, interruptions, full disks, lost output"""
import json
import os
import random
import re
import signal
import subprocess

import pexpect
import pytest

from lib.mkdiskkit import Kit, partitioned_image, unsteady_env
from lib.paths import REPO

VERBS = ["create", "format", "install", "update", "cmdline", "ls", "cat", "stat", "mkdir", "rm", "mv", "put", "get", "check",
         "dump", "mount", "info"]
root_only = pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small disk needs root")


# ---- help ----------------------------------------------------------------------------------------

@pytest.mark.parametrize("verb", VERBS)
def test_help_of_a_verb(clean, verb):
    """Four ways to it, one text, every option of the verb explained in it; nothing is touched."""
    text = clean.ok(verb, "--help")
    assert text.startswith(f"mkdisk {verb} IMAGE")
    assert clean.ok("help", verb) == clean.ok(verb, "-h") == clean.ok(verb, "disk.img", "--help") == text
    usage, _, explained = text.partition("\n\n")
    for option in re.findall(r"(?:\[|\|)(-[a-z]|--[a-z0-9-]+)", usage):
        assert re.search(rf"^  {option}\b", explained, re.M), f"{option} is not explained"
    assert not clean.image.exists()
    clean.refused(2, f"see `mkdisk help {verb}`", verb, "--nonsense")


def test_help_of_no_verb(clean):
    clean.refused(2, "unknown verb 'frob'", "help", "frob")
    clean.refused(2, "no verb given; see `mkdisk help`")


# ---- Output that gets lost -----------------------------------------------------------------------

SPEAKING = [["help"], ["help", "ls"], ["info"], ("info", "--json"), ["ls", "-l"], ["stat", "/"], ["dump"], ["cmdline"], ["check"],
            ["cat", "/file"]]


@pytest.mark.parametrize("words", SPEAKING, ids=" ".join)
def test_output_that_gets_lost_is_no_success(kit, words):
    kit.create()
    kit.ok("put", kit.image, kit.kernel, "/file")
    arguments = words if words[0] == "help" else [words[0], kit.image, *words[1:]]
    with open("/dev/full", "w", encoding="ascii") as full:
        done = subprocess.run([kit.program, *map(str, arguments)], stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == (8 if words[0] == "check" else 1)
    assert done.stderr == "mkdisk: standard output: cannot be written\n"


@pytest.mark.parametrize("closed", [0, 1, 2])
def test_messages_never_land_in_an_image(kit, closed):
    """Without a standard output the first file that is opened would become it."""
    size = kit.create().stat().st_size
    kit.kernel.write_bytes(b"no kernel")
    for arguments in (["install", kit.image, *kit.inputs()], ["update", kit.image, "--kernel", kit.kernel],
                      ["rm", kit.image, "nothing"], ["check", kit.image, "-y"]):
        before = kit.image.read_bytes()
        subprocess.run([kit.program, *map(str, arguments)], preexec_fn=lambda: os.close(closed), check=False)
        after = kit.image.read_bytes()
        assert len(after) == size and b"mkdisk" not in after and b"writing LBA" not in after and b"sound" not in after
        assert arguments[0] in ("install", "rm") or after == before
    done = subprocess.run([kit.program, "info", str(kit.image)], preexec_fn=lambda: os.close(closed), capture_output=True,
                          check=False)
    assert done.returncode == (1 if closed == 1 else 0)


# ---- Bars --------------------------------------------------------------------------------------------

def many_slow(folder, count=16):
    folder.mkdir()
    for number in range(count):
        (folder / f"{number}-unsteady").write_bytes(random.Random(number).randbytes(9000))
    return folder


def on_terminal(kit, *arguments, env=None, redirect=""):
    """What mkdisk shows, as a string, and its exit code."""
    command = " ".join(f"'{word}'" for word in (kit.program, *arguments)) + redirect
    child = pexpect.spawn("/bin/sh", ["-c", command], env={**os.environ, **(env or {})}, cwd=str(kit.folder), timeout=100)
    child.expect(pexpect.EOF)
    child.close()
    return child.before.decode(), child.exitstatus


def slow_image(kit):
    """An image whose every read takes a while."""
    kit.image = kit.folder / "image-unsteady"
    kit.create("--root", many_slow(kit.folder / "tree", 40), "--size", "128M")
    return kit.image


def test_create_and_put_show_a_bar(kit):
    tree, env = many_slow(kit.folder / "tree"), unsteady_env("slow")
    for arguments in (["create", kit.image, *kit.inputs(), "--root", tree], ("put", "-r", kit.image, tree, "/")):
        shown, status = on_terminal(kit, *arguments, env=env)
        assert status == 0 and re.search(r"\r\x1b\[Kcopying, bytes: \d+", shown), shown
        assert shown.endswith("\r\x1b[K"), "the bar stays"


def test_get_rm_and_check_show_a_bar(kit):
    image, env = slow_image(kit), unsteady_env("slow")
    kit.ok("mkdir", image, *[f"d{number}" for number in range(40)])
    for number in range(40):  # each in a directory of its own, so that each is a read
        kit.ok("mv", image, f"{number}-unsteady", f"d{number}")
    for arguments, bar in ((["check", image], r"\r\x1b\[Kchecking \[#+\.+\] +\d+ %"),
                           (("get", "-r", image, "/", "out"), r"\r\x1b\[Kcopying, bytes: \d+"),
                           (["rm", "-r", image, *[f"d{number}" for number in range(40)]], r"\r\x1b\[Kremoving, files: \d+")):
        shown, status = on_terminal(kit, *arguments, env=env)
        assert status == 0 and re.search(bar, shown), shown


def test_a_complaint_does_not_run_into_the_bar(kit):
    tree = many_slow(kit.folder / "tree")
    (tree / "zz").symlink_to("nowhere")
    for number in range(12):
        (tree / ("zzz" + "n" * 52 + str(number))).write_bytes(b"")  # names that version 1 cannot have
    shown, status = on_terminal(kit, "create", kit.image, *kit.inputs(), "--profile", "seed", "--root", tree,
                                env=unsteady_env("slow"))
    assert status == 1 and "copying" in shown
    for line in shown.split("\r\n")[:-1]:
        assert re.search(r"(^|\x1b\[K)mkdisk: [^\r\x1b]*$", line), repr(line)


def test_no_bar_where_it_is_not_seen(kit):
    """Not in a file; not for what is quickly done."""
    tree, env = many_slow(kit.folder / "tree"), unsteady_env("slow")
    assert kit.run("create", kit.image, *kit.inputs(), "--root", tree, env=env).stderr == ""
    shown, status = on_terminal(kit, "put", "-r", kit.image, tree, "/", env=env, redirect=" 2>errors")
    assert (shown, status, (kit.folder / "errors").read_bytes()) == ("", 0, b"")
    assert on_terminal(kit, "ls", kit.image, "tree/0-unsteady") == ("tree/0-unsteady\r\n", 0)


# ---- Interruptions and full disks: the whole image, or the one before, or none -----------------------

@pytest.mark.parametrize("old", [None, b"an old image"])
@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupted_create_leaves_no_file(kit, end, old):
    """The signal comes while a file of --root is copied. (SIGKILL cannot be helped: disk.img.XXXXXX stays.)"""
    tree = many_slow(kit.folder / "tree", 3)
    if old:
        kit.image.write_bytes(old)
    before = sorted(kit.folder.iterdir())
    done = kit.run("create", kit.image, *kit.inputs(), "--root", tree, env=unsteady_env(int(end)))
    assert done.returncode == -end
    assert sorted(kit.folder.iterdir()) == before
    assert old is None or kit.image.read_bytes() == old


def test_a_killed_create_leaves_the_old_image(kit):
    tree = many_slow(kit.folder / "tree", 3)
    kit.image.write_bytes(b"an old image")
    assert kit.run("create", kit.image, *kit.inputs(), "--root", tree, env=unsteady_env(int(signal.SIGKILL))).returncode == -9
    left = [path.name for path in kit.folder.iterdir() if path.name.startswith("disk.img")]
    assert kit.image.read_bytes() == b"an old image" and len(left) == 2
    kit.create("--root", tree)  # and what is left does not disturb the next one
    assert kit.ok("ls", kit.image).count("unsteady") == 3


@pytest.fixture(name="small")
def _small(tmp_path):
    """A disk of 6 MiB."""
    folder = tmp_path / "small"
    folder.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=6M", "none", folder], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip("no tmpfs can be mounted here: " + done.stderr.strip())
    yield folder
    subprocess.run(["umount", folder], check=True)


@root_only
def test_the_host_s_disk_is_full(kit, small):
    """What is named is the disk that is full; nothing is left of a create."""
    tree = kit.folder / "tree"
    tree.mkdir()
    (tree / "big").write_bytes(random.Random(1).randbytes(20 << 20))
    kit.image = small / "disk.img"
    kit.refused(1, "/tree/big: the image cannot be read or written: No space left on device", "create", kit.image,
                *kit.inputs(), "--root", tree)
    assert list(small.iterdir()) == []
    kit.create()
    kit.refused(1, "No space left on device", "put", kit.image, tree / "big", "/")
    kit.image.unlink()
    with pytest.raises(OSError):
        (small / "fill").write_bytes(bytes(7 << 20))
    kit.refused(1, "No space left on device", "create", kit.image, *kit.inputs())
    assert [path.name for path in small.iterdir()] == ["fill"]


def test_a_tree_too_big_for_the_volume(kit, clean):
    tree = kit.folder / "tree"
    (tree / "sub").mkdir(parents=True)
    (tree / "sub" / "big").write_bytes(bytes(random.Random(1).randbytes(3 << 20)))
    before = sorted(kit.folder.iterdir())
    clean.refused(1, f"disk.img: {tree}/sub/big: there is no room left in the volume", "create", kit.image, *kit.inputs(),
                  "--size", "6M", "--root", tree)
    for number in range(1000):
        (tree / f"{number}").touch()
    clean.refused(1, "there is no room left in the volume", "create", kit.image, *kit.inputs(), "--size", "5M",
                  "--block-size", "512", "--root", tree)  # there are 816 inodes
    assert sorted(kit.folder.iterdir()) == before


# ---- Things that are not what they should be ----------------------------------------------------------

@pytest.mark.parametrize("target", ["/dev/null", "/dev/stdout", "fifo"])
def test_get_replaces_no_device(kit, clean, target):
    kit.create()
    kit.ok("put", kit.image, kit.kernel, "/")
    os.mkfifo(kit.folder / "fifo")
    before = os.lstat(kit.folder / target)
    clean.refused(1, "is neither a file nor a directory", "get", kit.image, "kernel.bin", target)
    assert os.path.samestat(os.lstat(kit.folder / target), before)


def test_mount_wants_a_directory(kit):
    kit.create()
    kit.refused(1, "kernel.bin: cannot be a mount point: it is no directory", "mount", kit.image, kit.kernel)
    kit.refused(1, "nowhere: cannot be a mount point: No such file or directory", "mount", kit.image, "nowhere")


def test_a_floppy_has_no_volume(clean):
    for option in (["--label", "x"], ["--block-size", "512"], ["--profile", "seed"], ["--root", "."]):
        clean.refused(2, f"{option[0]} needs a volume, and a floppy image has none", "create", clean.image, "--size", "1440K",
                      *clean.inputs(), *option)


def test_the_image_in_its_own_tree(kit, clean):
    tree = kit.folder / "tree"
    tree.mkdir()
    (tree / "file").write_text("contents")
    kit.image = clean.image = tree / "disk.img"
    clean.create("--root", tree)
    assert clean.ok("ls", kit.image) == "file\n"
    done = clean.run("create", kit.image, *kit.inputs(), "--root", tree)
    assert (done.returncode, done.stderr) == (0, f"mkdisk: {kit.image}: is the image itself, left out\n")
    assert clean.ok("ls", kit.image) == "file\n"
    assert clean.run("put", "-r", kit.image, tree, "/").returncode == 0
    assert clean.ok("ls", kit.image, "tree") == "file\n"
    clean.refused(1, f"{kit.image}: is the image itself, left out", "put", kit.image, kit.image, "/")


@pytest.mark.parametrize("what, size, status", [("shrink", 1000, 0), ("grow", 3000, 0), ("vanish", 3000, 0), ("gone", None, 1)])
def test_files_that_do_not_hold_still(kit, clean, what, size, status):
    """What is copied is the beginning of what was there; what has gone is named."""
    kit.create()
    tree = kit.folder / "tree"
    tree.mkdir()
    contents = random.Random(2).randbytes(3000)
    for name in ("before", "is-unsteady", "later"):
        (tree / name).write_bytes(contents)
    done = kit.run("put", "-r", kit.image, tree, "/", env=unsteady_env(what))
    assert done.returncode == status
    assert done.stderr == ("" if status == 0 else "mkdisk: %s/is-unsteady: No such file or directory\n" % tree)
    assert kit.ok("check", kit.image).endswith("sound\n")
    kit.ok("get", "-r", kit.image, "tree", "out")
    assert (kit.folder / "out" / "before").read_bytes() == (kit.folder / "out" / "later").read_bytes() == contents
    if size is not None:
        assert (kit.folder / "out" / "is-unsteady").read_bytes() == contents[:size]


# ---- info -----------------------------------------------------------------------------------------------

def test_info_of_a_volume_without_boot_area(clean):
    with open(clean.image, "wb") as file:
        file.truncate(4 << 20)
    clean.ok("format", clean.image, "--label", "bare")
    text = clean.ok("info", clean.image)
    assert "no boot area: a volume begins at LBA 0" in text and 'Volume "bare", the whole image' in text
    assert "DAMAGED" not in text
    info = json.loads(clean.ok("info", clean.image, "--json"))
    assert info["problems"] == [] and info["volume"]["label"] == "bare" and not info["bootable"]


def test_info_names_every_area(clean):
    """Also those that the picture is too coarse for."""
    clean.create("--block-size", "1024")
    text = clean.ok("info", clean.image)
    for name, (first, count) in clean.info()[0]["volume"]["areas"].items():
        blocks = f"{first} - {first + count - 1}" if count > 1 else f"{first}"
        assert re.search(rf"^ +{blocks}  [SibTcJoB ] {name}$", text, re.M), name


def test_info_of_a_cut_image(clean):
    """Its partition ends outside of it."""
    clean.create()
    os.truncate(clean.image, 20 << 20)
    clean.refused(1, "partition 1 ends behind the end of the image; it still boots", "info", clean.image)


def test_info_of_a_lost_superblock(clean):
    clean.create()
    with open(clean.image, "r+b") as file:
        file.seek(8192 * 512)
        file.write(bytes(512))
    clean.refused(1, "the volume's superblock is damaged; it still boots", "info", clean.image)


def test_info_of_text(clean):
    """No partition table is read where 55 AA is missing."""
    partitioned_image(clean, [b"t" * 16], magic=b"xx")
    assert "partition" not in clean.run("info", clean.image).stdout
    assert clean.info()[0]["partitions"] == []


# ---- A build without libfuse3 ---------------------------------------------------------------------------

@pytest.mark.limit(600)
def test_a_build_without_libfuse3(tmp_path):
    """It compiles, needs no libfuse3, and `mount` says what is missing."""
    build = tmp_path / "build"
    subprocess.run(["make", "-s", "-j2", "-C", REPO, f"B={build}", "FUSE=", f"{build}/mkdisk"], check=True)
    assert b"libfuse" not in subprocess.run(["ldd", build / "mkdisk"], capture_output=True, check=True).stdout
    kit = Kit(tmp_path, build / "mkdisk")
    kit.create()
    kit.refused(1, "built without libfuse3; install the packages fuse3 and libfuse3-dev", "mount", kit.image, tmp_path)
    assert kit.ok("ls", kit.image) == ""
