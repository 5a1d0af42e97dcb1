"""Where things are: the repository, the build folder, and the folders of the test run.

SECTOR0_BUILD names the build folder that is tested (make sets it); the default is build/.
"""
import os
from pathlib import Path

REPO = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("SECTOR0_BUILD", REPO / "build")).resolve()

WORK = BUILD / "test-work"          # one folder per running test, removed when it passes
FAILURES = BUILD / "test-failures"  # what a failing test leaves behind
