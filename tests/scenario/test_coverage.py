"""The coverage report counts what it should, and fails when it should."""
import shutil
import sys

import pytest

from lib.paths import BUILD, REPO
from lib.qemu import Qemu

sys.path.insert(0, str(REPO / "tests" / "coverage"))
import report  # noqa: E402

STAGE1, STAGE2 = BUILD / "stage1.elf", BUILD / "stage2.elf"


@pytest.fixture
def boot(tmp_path, monkeypatch):
    """The file that one boot to the prompt left."""
    folder = tmp_path / "coverage"
    folder.mkdir()
    monkeypatch.setenv("SECTOR0_COVERAGE_DIR", str(folder))
    with Qemu(BUILD / "sector0.img") as machine:
        machine.wait_prompt()
    return next(folder.iterdir())


def test_one_boot(boot):
    """What any boot executes is there, what only a failure executes is not, and nothing but our code is."""
    run = report.read_run(boot)
    for elf, seen, unseen in ((STAGE1, "tour_03_check.bit", "tour_02_read.exhausted"),
                              (STAGE2, "memory_map_read", "fatal.halt")):
        program = report.instructions(elf)
        ran, counted = report.executed([run], elf)
        assert counted == 1 and ran
        labels = {instruction.label for instruction in program if instruction.address in ran}
        assert seen in labels and unseen not in labels
        assert ran <= {item.address for item in report.everything(elf)}, "taken apart at the wrong places"


def test_instruction_list_covers_the_code():
    """Instructions do not overlap, and with what is data they leave only padding between them."""
    for elf in (STAGE1, STAGE2):
        program = report.instructions(elf)
        for before, after in zip(program, program[1:]):
            assert before.address + len(before.code) <= after.address
        sections = report.code_sections(elf)
        for start, data, width in sections:
            inside = [instruction for instruction in program if start <= instruction.address < start + len(data)]
            if width == 32:
                assert sum(len(instruction.code) for instruction in inside) > 0.9 * len(data)
        assert all(instruction.line and instruction.file for instruction in program)


def test_run_of_other_code_does_not_count(boot, tmp_path):
    """One executed instruction with other bytes, and the run is not one of this loader."""
    text = boot.read_text().splitlines()
    changed = tmp_path / "changed"
    index = next(number for number, line in enumerate(text) if line.startswith("7c02 "))
    changed.write_text("\n".join(text[:index] + ["7c02 eb00 1"] + text[index + 1:]))
    ran, counted = report.executed([report.read_run(changed)], STAGE1)
    assert (ran, counted) == (set(), 0)
    assert report.executed([report.read_run(changed)], STAGE2)[1] == 1, "stage 2 was ours all the same"


def test_too_little_fails(boot, capsys):
    run = report.read_run(boot)
    assert not report.report_stage("stage1", STAGE1, [run], {})
    text = capsys.readouterr().out
    assert "NO REASON" in text and "FAILED  coverage/stage1" in text


def test_enough_with_reasons_passes(monkeypatch, capsys):
    run = {instruction.address: {instruction.code} for instruction in report.instructions(STAGE1)}
    last = max(run)
    del run[last]
    instruction = report.instructions(STAGE1)[-1]
    assert not report.report_stage("stage1", STAGE1, [run], {})
    reasons = {(instruction.file, instruction.label): "because"}
    assert report.report_stage("stage1", STAGE1, [run], reasons)
    assert "ok      coverage/stage1" in capsys.readouterr().out


def test_reasons_name_places_that_exist():
    """A reason for a label that is gone is a reason for nothing."""
    places = {(instruction.file, instruction.label) for elf in (STAGE1, STAGE2) for instruction in report.instructions(elf)}
    stale = [place for place in report.read_reasons(REPO / "tests" / "coverage" / "reasons.txt") if place not in places]
    assert not stale


def test_no_run_at_all_fails(tmp_path, capsys, monkeypatch):
    shutil.rmtree(tmp_path / "none", ignore_errors=True)
    (tmp_path / "none").mkdir()
    monkeypatch.setattr(sys, "argv", ["report.py", str(tmp_path / "none")])
    assert report.main() == 1
    assert "in 0 runs, 0.0 %" in capsys.readouterr().out
