"""A machine that boots: what QEMU and Bochs have in common, seen from a test.

The text that a machine writes to COM1 (or, without COM1, to port E9) is read through pexpect; every
wait has a time-out outside the guest. outcome() classifies how a boot ended by the words that
docs/architecture.md fixes: the prompt, `boot failed: E<nn>`, `PANIC: `.
"""
import os
import re
import subprocess
import threading
import time
from dataclasses import dataclass

import pexpect
from pexpect.spawnbase import SpawnBase

from lib.workdir import new_workdir

PROMPT = r"(?:^|[\r\n])sector0:[^\r\n]*\$ "
FAILED = r"boot failed: (E\d\d)"
PANIC = r"PANIC: "

# Generous: the machine that runs the tests may be busy with other things.
TIMEOUT = float(os.environ.get("SECTOR0_TIMEOUT", "40"))


@dataclass
class Outcome:
    """How a boot ended.

    kind is prompt, failed, panic, reset (the guest reset or triple-faulted), exit (the guest
    powered off or the emulator ended) or timeout. code is E<nn> of a failed boot. line is the whole
    line of the failure or panic; text is everything the machine has written so far.
    """

    kind: str
    code: str
    line: str
    text: str

    def __str__(self):
        return f"{self.kind} {self.code or ''} {self.line}".strip()


class Drain(threading.Thread):
    """Copies all that COM1 sends, from a pipe or socket, into a file, at once.

    Not when a test happens to look: unread characters would stop the guest's serial port.
    """

    def __init__(self, descriptor, path):
        super().__init__(daemon=True)
        self.descriptor, self.file = descriptor, open(path, "ab", buffering=0)
        self.start()

    def run(self):
        try:
            while data := os.read(self.descriptor, 65536):
                self.file.write(data)
        except OSError:  # a socket whose other end had unread input says so with an error
            pass
        os.close(self.descriptor)


class Stream(SpawnBase):
    """pexpect over the growing file PATH, for as long as the emulator PROCESS lives."""

    def __init__(self, process, path, drain=None):
        super().__init__(timeout=TIMEOUT, encoding="latin-1", maxread=65536)
        self.process, self.file, self.drain = process, open(path, "rb"), drain

    def _ended(self):
        return self.process.poll() is not None and not (self.drain and self.drain.is_alive())

    def read_nonblocking(self, size=1, timeout=None):
        deadline = time.monotonic() + (self.timeout if timeout is None else max(timeout, 0))
        while True:
            ended = self._ended()
            data = self.file.read(size)
            if data:
                return self._decoder.decode(data, final=False)
            if ended:
                self.flag_eof = True
                raise pexpect.EOF("the emulator has ended")
            if time.monotonic() > deadline:
                raise pexpect.TIMEOUT("time-out")
            time.sleep(0.005)


class Machine:
    """Base of Qemu and Bochs: a context manager around one emulator process."""

    def __init__(self):
        self.workdir = new_workdir(self)
        self.process = None
        self.stream = None
        self.command = []
        self._text_path = self.workdir / "console.txt"  # what the stream reads
        self._com1_input = None  # where send() writes

    # -- to be filled in by Qemu and Bochs

    def start(self):
        raise NotImplementedError

    def stop(self):
        raise NotImplementedError

    def ended_how(self):
        """"reset" or "exit", for an emulator that has ended."""
        raise NotImplementedError

    def save_evidence(self):
        """Put what helps to understand a failure into the work folder."""

    def reproduce(self, kept):
        """A shell command that starts this machine again, its files being in the folder KEPT."""
        raise NotImplementedError

    # -- for tests

    def __enter__(self):
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *exc):
        self.close()

    def close(self):
        if self.process:
            self.stop()
        if self._com1_input is not None:
            os.close(self._com1_input)
            self._com1_input = None

    @property
    def output(self):
        """All text so far, lines ending in \\n; raw_output has the CRs, too."""
        if not self._text_path.exists():
            return ""
        return self._text_path.read_text(encoding="latin-1", errors="replace")

    @property
    def raw_output(self):
        return self._text_path.read_bytes().decode("latin-1")

    def open_com1(self, output, input_):
        """Read text from the descriptor OUTPUT, type into INPUT_; both are ours now."""
        self._com1_input = input_
        self._text_path.touch()
        self.stream = Stream(self.process, self._text_path, Drain(output, self._text_path))

    def open_file(self, path):
        """Read text from a file that the emulator writes."""
        self._text_path = path
        self.stream = Stream(self.process, path)

    def expect(self, pattern, timeout=None):
        """Read until the regular expression PATTERN appears; returns the match, or fails."""
        timeout = TIMEOUT if timeout is None else timeout
        try:
            self.stream.expect(pattern, timeout=timeout)
        except pexpect.TIMEOUT:
            raise AssertionError(
                f"no {pattern!r} within {timeout} s; last output:\n{self._tail()}") from None
        except pexpect.EOF:
            raise AssertionError(f"the machine ended ({self.ended_how()}) before {pattern!r}; "
                                 f"last output:\n{self._tail()}") from None
        return self.stream.match

    def send(self, text):
        """Type TEXT on COM1; a line ends in \\r."""
        data = text.encode("latin-1")
        while data:
            data = data[os.write(self._com1_input, data):]

    def wait_prompt(self, timeout=None):
        """Wait for the prompt; returns the text before it."""
        outcome = self.outcome(timeout)
        assert outcome.kind == "prompt", f"no prompt but {outcome}; last output:\n{self._tail()}"
        return self.stream.before

    def run(self, command, timeout=None):
        """Type COMMAND at the prompt; returns what it printed, lines ending in \\n."""
        self.send(command + "\r")
        self.expect(re.escape(command) + r"[^\r\n]*\r?\n", timeout)
        return self.wait_prompt(timeout).replace("\r", "").strip("\n")

    def outcome(self, timeout=None):
        """Wait until the boot has ended in one of the ways that Outcome describes."""
        patterns = [PROMPT, FAILED, PANIC, pexpect.EOF, pexpect.TIMEOUT]
        timeout = TIMEOUT if timeout is None else timeout
        which = self.stream.expect(patterns, timeout=timeout)
        if which == 0:
            return Outcome("prompt", None, self.stream.after.strip("\r\n"), self.output)
        if which == 3:
            return Outcome(self.ended_how(), None, "", self.output)
        if which == 4:
            return Outcome("timeout", None, "", self.output)
        line = self.stream.after
        code = self.stream.match.group(1) if which == 1 else None
        # Stage 1 has no byte to spare for an end of the line, so its two messages end in
        # themselves.
        end = {"E01": r"LBA=[0-9A-F]{2}", "E02": r"CRC"}.get(code, r"[\r\n]")
        self.stream.expect([end, pexpect.EOF, pexpect.TIMEOUT], timeout=5.0)
        line += self.stream.before if isinstance(self.stream.before, str) else ""
        line += self.stream.after if isinstance(self.stream.after, str) else ""
        return Outcome("failed" if which == 1 else "panic", code, line.rstrip(), self.output)

    def _tail(self):
        return "\n".join("    | " + line for line in self.output.splitlines()[-20:])

    def wait_end(self, timeout=None):
        """Wait until the emulator process ends; returns its exit status."""
        try:
            return self.process.wait(TIMEOUT if timeout is None else timeout)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"the machine still runs; last output:\n{self._tail()}") from None
