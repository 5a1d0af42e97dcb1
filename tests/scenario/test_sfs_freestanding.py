"""The units of SFS with fs/ compiled as for the kernel: freestanding, general registers only"""
import subprocess

import pytest

from lib import paths

THREADS = "test_sfs_threads"  # compiled for ThreadSanitizer, which instruments fs/ as well
UNITS = sorted({path.stem for path in (paths.REPO / "tests" / "unit").glob("test_sfs_*.c")} - {THREADS})


@pytest.mark.limit(900)
@pytest.mark.parametrize("unit", UNITS)
def test_unit(unit):
    done = subprocess.run([paths.BUILD / "tests" / "freestanding" / unit], capture_output=True, text=True, timeout=850)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
