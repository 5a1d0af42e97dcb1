"""Fuzzing: SFS on whatever a disk may hold, by libFuzzer and by AFL++, and every small parser of the loader, mkdisk and kernel"""
import os
import re
import subprocess

import pytest

from lib.paths import BUILD, REPO

FUZZ = BUILD / "fuzz"
SHORT, LONG = 60, 4 * 3600  # seconds
SANITIZERS = {"ASAN_OPTIONS": "detect_leaks=0:abort_on_error=1:symbolize=0", "UBSAN_OPTIONS": "halt_on_error=1"}
AFL = {"AFL_NO_UI": "1", "AFL_SKIP_CPUFREQ": "1", "AFL_NO_AFFINITY": "1", "AFL_I_DONT_CARE_ABOUT_MISSING_CRASHES": "1",
       "AFL_BENCH_UNTIL_CRASH": "1"}


def libfuzzer(seconds, folder, seed=0, target="sfs", longest=256):
    """SEED 0: another row of inputs each time."""
    found = folder / "found"
    found.mkdir()
    done = subprocess.run([FUZZ / f"{target}-libfuzzer", f"-max_total_time={seconds}", f"-seed={seed}", f"-max_len={longest}",
                           "-timeout=60", "-verbosity=0", f"-artifact_prefix={folder}/", found, FUZZ / "corpus" / target],
                          capture_output=True, text=True, errors="replace", env={**os.environ, **SANITIZERS}, check=False)
    assert done.returncode == 0, done.stderr[-4000:]


def parsers(seconds, folder, seed=0):
    libfuzzer(seconds, folder, seed, "parsers", 1100)


def afl(seconds, folder, seed=0):
    out = folder / "afl"
    again = ["-s", str(seed)] if seed else []
    done = subprocess.run(["afl-fuzz", *again, "-i", FUZZ / "corpus" / "sfs", "-o", out, "-V", str(seconds), "-t", "60000",
                           "-m", "none", "-G", "256", "--", FUZZ / "sfs-afl"], capture_output=True, text=True,
                          errors="replace", env={**os.environ, **SANITIZERS, **AFL}, check=False)
    crashes = [path.read_bytes().hex() for path in (out / "default" / "crashes").glob("id*")]
    assert not crashes, f"inputs that crash it: {crashes}"
    assert done.returncode == 0, done.stdout[-4000:]


def test_a_minute_of_libfuzzer(tmp_path):
    """60 seconds of libFuzzer: no crash, no hang, and what was repaired is sound"""
    libfuzzer(SHORT, tmp_path, seed=1)


def test_a_minute_of_afl(tmp_path):
    """60 seconds of AFL++, in one process (persistent mode)"""
    afl(SHORT, tmp_path, seed=1)


def test_a_minute_of_parsers(tmp_path):
    """60 seconds of libFuzzer on manifest, MBR, kernel header, memory map, command lines, IDENTIFY"""
    parsers(SHORT, tmp_path, seed=1)


@pytest.mark.limit(600)
@pytest.mark.parametrize("target", ["sfs", "parsers"])
def test_the_corpus_has_what_was_found(target):
    """What earlier hours reached is committed, small, and run at once before anything new: no input of it crashes."""
    kept = (REPO / "tests" / "fuzz" / f"corpus-{target}.txt").read_text().split()
    assert len(kept) > 100 and sum(map(len, kept)) < 200 << 10 and len(set(kept)) == len(kept)
    folder = FUZZ / "corpus" / target
    assert len(list(folder.glob("kept-*"))) == len(kept)
    done = subprocess.run([FUZZ / f"{target}-libfuzzer", "-runs=0", folder], capture_output=True, text=True, errors="replace",
                          env={**os.environ, **SANITIZERS}, check=False)
    assert done.returncode == 0, done.stderr[-4000:]
    assert re.search(r"INITED cov: (\d+)", done.stderr), done.stderr[-4000:]


@pytest.mark.soak
@pytest.mark.limit(LONG + 600)
@pytest.mark.parametrize("fuzzer", [libfuzzer, afl, parsers])
def test_hours(fuzzer, tmp_path):
    """Hours of each"""
    fuzzer(LONG, tmp_path)
