"""The kernel's own tests, tests/kernel/: which there are, and what a machine that ran them all said.

run_all() boots one machine with `test` on the command line, reads its TAP (docs/testing.md) until
the emulator has left, and sorts what it read. A machine that stands still names the test in which
it does: each is announced before it begins.
"""
import re
from dataclasses import dataclass, field

import pexpect

from lib.count import guest_cases
from lib.machine import PANIC
from lib.paths import REPO
from lib.qemu import Qemu
from lib.workdir import keep_machine

# Seconds in which a machine may say nothing; one test can be at work all that time.
STALL = 100
EXIT_DEVICE = ["-device", "isa-debug-exit,iobase=0xf4,iosize=4"]
PASSED_STATUS, FAILED_STATUS = 0 << 1 | 1, 1 << 1 | 1  # of QEMU


def source_names():
    """The names of all in-guest tests, from the sources."""
    return guest_cases(REPO / "tests" / "kernel")


@dataclass
class Run:
    """What a machine said. outcomes: name -> [passed|failed|skipped, why]."""

    outcomes: dict = field(default_factory=dict)
    planned: int = -1      # 1..N
    running: str = ""      # the test that was announced last and has not ended
    summary: str = ""      # the last line
    end: str = ""          # how the machine ended, in words

    def verdict(self, name):
        """(outcome, why) of the test NAME; one without a result has failed."""
        if name in self.outcomes:
            return tuple(self.outcomes[name])
        if name == self.running:
            return "failed", f"did not end: {self.end}"
        if self.running:
            return "failed", f"did not run: {self.end} in {self.running}"
        return "failed", "the kernel does not have it, though it is in the sources"

    def problems(self, names):
        """Sentences on what is wrong with this run as a whole, NAMES being what should have run."""
        counts = [sum(outcome == kind for outcome, _ in self.outcomes.values())
                  for kind in ("passed", "failed", "skipped")]
        summary = "{} passed, {} failed".format(*counts)
        summary += f", {counts[2]} skipped" if counts[2] else ""
        checks = {
            f"the plan says {self.planned}, the sources have {len(names)}":
                self.planned == len(names),
            f"not in the sources: {sorted(set(self.outcomes) - set(names))}":
                set(self.outcomes) <= set(names),
            f"the last line is {self.summary!r}, it should be {summary!r}":
                self.summary == summary,
            f"it ended by {self.end}":
                self.end in ("exit", "passed" if counts[1] == 0 else "failed"),
        }
        return [problem for problem, fine in checks.items() if not fine]


def parse(text, end=""):
    """The Run that the console TEXT tells of."""
    run = Run(end=end)
    failed = None
    for line in text.replace("\r", "").splitlines():
        if match := re.fullmatch(r"(not )?ok \d+ - (\w+)(?: # SKIP (.*))?", line):
            bad, name, skipped = match.groups()
            outcome = "failed" if bad else "skipped" if skipped is not None else "passed"
            run.outcomes[name] = [outcome, skipped or ""]
            run.running, failed = "", name if bad else None
        elif match := re.fullmatch(r"1\.\.(\d+)", line):
            run.planned = int(match[1])
        elif failed and line.startswith("# "):
            run.outcomes[failed][1], failed = line[2:], None
        elif match := re.fullmatch(r"# (\w+)", line):
            run.running = match[1]
        elif re.fullmatch(r"\d+ passed, \d+ failed(, \d+ skipped)?", line):
            run.summary = line
    return run


def _read_to_end(machine, stall):
    """Read what MACHINE says until it ends, panics or says nothing more; returns which, in words."""
    while True:
        which = machine.stream.expect([PANIC + r"([^\r\n]*)", r"\n", pexpect.EOF, pexpect.TIMEOUT],
                                      timeout=stall)
        if which == 0:
            panic = machine.stream.match.group(1)
            machine.stream.expect(["System halted", pexpect.EOF, pexpect.TIMEOUT], timeout=10)
            return f"PANIC: {panic}"
        if which == 2:
            return "exit"
        if which == 3:
            return "a hang"


def _end(machine, stall):
    """Read what MACHINE says until it is over; returns how it ended, in words."""
    end = _read_to_end(machine, stall)
    if end != "exit":
        return end
    if machine.ended_how() == "reset":
        return "a reset"
    if not isinstance(machine, Qemu):
        return "exit"  # Bochs' exit status says nothing
    return {PASSED_STATUS: "passed", FAILED_STATUS: "failed"}.get(machine.exit_status(), "exit")


def run_all(start, image, evidence, names, stall=STALL):
    """Boot IMAGE, which runs NAMES, on the machine START(image). Returns the Run.

    Unless all of it went well, what the machine wrote is kept in the folder EVIDENCE.
    """
    with start(image) as machine:
        end = _end(machine, stall)
    run = parse(machine.output, end)
    if run.problems(names) or any(run.verdict(name)[0] == "failed" for name in names):
        keep_machine(machine, evidence)
    return run
