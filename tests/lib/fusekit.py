"""Volumes mounted on this host through `mkdisk mount`, and a check that they are sound afterwards."""
import contextlib
import os
import shutil
import subprocess
import time

from lib.mkdiskkit import MKDISK, SECTOR, compiled
from lib.paths import REPO

PARTITION = 8192 * SECTOR


def missing():
    """Why nothing can be mounted here, or None."""
    if os.geteuid() != 0:
        return "mounting for several users needs root"
    if not os.path.exists("/dev/fuse"):
        return "no /dev/fuse here"
    if not os.path.exists("/usr/include/fuse3/fuse_lowlevel.h") or shutil.which("fusermount3") is None:
        return "libfuse3-dev and fuse3 are not installed"
    return None


def make_image(path, size="64M", *options):
    subprocess.run([MKDISK, "create", path, "--size", size, *map(str, options)], check=True)
    return path


def serve(image, folder, *options, program=MKDISK, stderr=subprocess.PIPE):
    """Start mkdisk mount and wait until IMAGE is on FOLDER."""
    folder.mkdir(exist_ok=True)
    server = subprocess.Popen([program, "mount", image, folder, "-f", *options], stderr=stderr, text=True)
    deadline = time.monotonic() + 60
    while not os.path.ismount(folder):
        assert server.poll() is None, f"mkdisk mount: {server.communicate()[1]}"
        if time.monotonic() >= deadline:
            server.kill()
            raise AssertionError(f"mkdisk mount does not mount: {server.communicate()[1]}")
        time.sleep(0.02)
    return server


@contextlib.contextmanager
def mounted(image, folder, *options, program=MKDISK):
    """IMAGE on FOLDER. Afterwards it must come off cleanly, and mkdisk must end by itself."""
    server = serve(image, folder, *options, program=program)
    try:
        yield folder
        subprocess.run(["fusermount3", "-u", folder], check=True)
        errors = server.communicate(timeout=120)[1]
        assert (server.returncode, errors) == (0, ""), f"mkdisk mount ended with {server.returncode}: {errors}"
    finally:
        if server.poll() is None:
            subprocess.run(["fusermount3", "-uz", folder], check=False, capture_output=True)
            server.terminate()
            server.wait(timeout=60)
        server.stderr.close()


def killed(server, folder, user=None):
    """End SERVER as a power cut would: what it had not written is gone. Returns what USER has printed, a process that
    works there and ends when it is told so: it must not see the empty folder below."""
    server.kill()
    server.communicate()
    output = user.communicate(timeout=60)[0] if user else ""
    subprocess.run(["fusermount3", "-uz", folder], check=True)
    return output


def ext4_device(image, options):
    """A loop device with IMAGE as ext4, or None where there can be none."""
    if shutil.which("mkfs.ext4") is None:
        return None
    done = subprocess.run(["losetup", "--find", "--show", image], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        return None
    device = done.stdout.strip()
    subprocess.run(["blockdev", "--setrw", device], check=True)  # its last user may have left it write-protected
    subprocess.run(["mkfs.ext4", "-q", "-b", "4096", *options, device], check=True)
    return device


@contextlib.contextmanager
def reference(folder, size=64 << 20, *options):
    """ext4 on a loop device, mounted in FOLDER with the options that FUSE has; where that cannot be, tmpfs."""
    image, mount = folder / "ext4.img", folder / "mount"
    mount.mkdir()
    with open(image, "wb") as file:
        file.truncate(size)
    device = ext4_device(image, options)
    what = ["-t", "ext4", device] if device else ["-t", "tmpfs", "-o", f"size={size},nr_inodes={size >> 12}", "tmpfs"]
    subprocess.run(["mount", "-o", "nosuid,nodev", *what, mount], check=True)
    try:
        yield mount
    finally:
        subprocess.run(["umount", mount], check=True)
        if device:
            subprocess.run(["losetup", "--detach", device], check=True)


def remount(mount, how):
    """HOW is ro or rw. Without mount's helpers: the one for FUSE would start a program."""
    subprocess.run(["mount", "-i", "-o", f"remount,{how}", mount], check=True)


def check(image, offset=PARTITION):
    """The volume is sound, says the checker of the tests."""
    sources = [REPO / "tests" / "fs" / "check_image.c", REPO / "tests" / "fs" / "checker.c", REPO / "fs" / "csum.c"]
    program = compiled("check_image", sources, "-O2")
    done = subprocess.run([program, image, str(offset)], capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, f"{image} is damaged: {done.stdout}{done.stderr}"
