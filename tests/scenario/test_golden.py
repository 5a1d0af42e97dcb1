"""Volumes made by earlier builds, tests/golden/: every later build reads them, and may go on writing them"""
import json
import lzma
import sys

import pytest

from lib import fusekit, sfsreader
from lib.mkdiskkit import Kit
from lib.paths import REPO

GOLDEN = REPO / "tests" / "golden"
sys.path.insert(0, str(GOLDEN))
from make import describe, describe_tree, everything  # noqa: E402

NAMES = sorted(path.name.removesuffix(".img.xz") for path in GOLDEN.glob("*.img.xz"))


def expected(name):
    return json.loads((GOLDEN / f"{name[:2]}.json").read_text())


@pytest.fixture(params=NAMES)
def golden(request, tmp_path):
    kit = Kit(tmp_path)
    kit.image.write_bytes(lzma.decompress((GOLDEN / f"{request.param}.img.xz").read_bytes()))
    return kit, request.param


def read_back(kit):
    """The tree as `mkdisk get` brings it out."""
    out = kit.folder / "out"
    kit.ok("get", kit.image, "-r", "/tree", out)
    return out


def test_there_are_volumes_of_every_kind():
    assert NAMES == ["v1-seed", "v2-1024", "v2-2048", "v2-4096", "v2-512", "v2-replay"]


def test_read(golden):
    kit, name = golden
    before = kit.image.read_bytes()
    assert describe_tree(read_back(kit)) == expected(name)
    assert kit.image.read_bytes() == before  # reading writes nothing


def test_sound(golden):
    """And says so without a write; one was left behind with a journal to replay."""
    kit, name = golden
    before = kit.image.read_bytes()
    out = kit.ok("check", kit.image)
    assert out.endswith(": sound\n") and ("replayed in memory" in out) == (name == "v2-replay")
    assert kit.image.read_bytes() == before


@pytest.mark.skipif(fusekit.missing() is not None, reason=str(fusekit.missing()))
def test_read_through_a_mount(golden):
    kit, name = golden
    with fusekit.mounted(kit.image, kit.folder / "mount") as mount:
        assert describe_tree(mount / "tree") == expected(name)
        (mount / "tree" / "new").write_bytes(b"new " * 3000)
    assert kit.ok("check", kit.image).endswith(": sound\n")
    assert kit.ok("cat", kit.image, "/tree/new") == "new " * 3000


def test_read_by_the_document(golden):
    """By the reader of docs/sfs.md: names, modes, sizes and times, and that all metadata verifies."""
    kit, name = golden
    with open(kit.image, "rb") as file:
        found = {path.decode(): [inode.mode, inode.mtime_ns] for path, inode in sfsreader.Reader(file).tree()}
    del found[""], found["/tree"]
    assert found == {f"/tree/{path}": [told[0], told[3]] for path, told in expected(name).items()}


def test_write(golden):
    """A file comes, one goes; the others stay as they are."""
    kit, name = golden
    news = kit.file("news", b"new " * 3000)
    kit.ok("put", kit.image, news, "/tree/news")
    kit.ok("rm", kit.image, "/tree/file-5121")
    assert kit.ok("check", kit.image).endswith(": sound\n")
    out = read_back(kit)
    told = expected(name)
    del told["file-5121"]
    assert (out / "news").read_bytes() == news.read_bytes()
    assert {str(path.relative_to(out)): describe(path) for path in everything(out) if path.name != "news"} == told
