#!/usr/bin/python3
"""Takes the README's picture: boots Sector0 in QEMU, types `e820`, and saves the screen as a PNG.

    screenshot.py FILE.png
"""
import sys
from pathlib import Path

REPO = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(REPO / "tests"))
from lib import workdir  # noqa: E402
from lib.paths import BUILD  # noqa: E402
from lib.qemu import Qemu  # noqa: E402

COMMAND = "e820"


def main():
    target = Path(sys.argv[1]).resolve()
    with Qemu(BUILD / "sector0.img", disk="virtio") as machine:
        machine.wait_prompt()
        machine.run(COMMAND)
        machine.qmp("screendump", filename=str(target), format="png")
    workdir.drop()
    print(f"{target}: {target.stat().st_size} bytes")


if __name__ == "__main__":
    main()
