"""Qemu: a QEMU machine for one test.

Always TCG, never a window, never a silent reboot: -no-reboot turns a guest reset into the end of
the process, and the QMP event log says which it was. COM1 is a pair of pipes, QMP a socket pair,
port E9 a file.
"""
import fcntl
import json
import os
import shlex
import socket
import subprocess
import time
import uuid

from lib.machine import TIMEOUT, Machine
from lib.paths import BUILD

PIPE_SIZE = 1 << 20  # what any user may ask for: more than a boot prints

# What attaches the image, by the name of the disk. {image} is the file part of a -drive.
DISKS = {
    "ide": ["-drive", "{image},if=none,id=d0", "-device", "ide-hd,drive=d0,bus=ide.0,unit=0"],
    "ahci": ["-device", "ahci,id=ahci", "-drive", "{image},if=none,id=d0",
             "-device", "ide-hd,drive=d0,bus=ahci.0"],
    "virtio": ["-drive", "{image},if=none,id=d0", "-device", "virtio-blk-pci,drive=d0"],
    "virtio-legacy": ["-drive", "{image},if=none,id=d0",
                      "-device", "virtio-blk-pci,drive=d0,disable-modern=on,disable-legacy=off"],
    "virtio-modern": ["-drive", "{image},if=none,id=d0",
                      "-device", "virtio-blk-pci,drive=d0,disable-modern=off,disable-legacy=on"],
    "usb": ["-device", "qemu-xhci", "-drive", "{image},if=none,id=d0",
            "-device", "usb-storage,drive=d0"],
    "nvme": ["-drive", "{image},if=none,id=d0", "-device", "nvme,drive=d0,serial=s0"],
    "scsi": ["-device", "virtio-scsi-pci", "-drive", "{image},if=none,id=d0",
             "-device", "scsi-hd,drive=d0"],
    "floppy": ["-drive", "{image},if=floppy", "-boot", "a"],
}
# q35 has AHCI as ide.0; its IDE disk is on an extra PIIX3 controller.
Q35_DISKS = {
    "ide": ["-device", "piix3-ide,id=piix", "-drive", "{image},if=none,id=d0",
            "-device", "ide-hd,drive=d0,bus=piix.0"],
    "ahci": ["-drive", "{image},if=none,id=d0", "-device", "ide-hd,drive=d0,bus=ide.0"],
}


def coverage_plugin():
    """The plugin that records which loader instructions run, when tests/run.py has asked for it."""
    folder = os.environ.get("SECTOR0_COVERAGE_DIR")
    if not folder:
        return []
    return ["-plugin", f"{BUILD}/tests/cover.so,out={folder}/{uuid.uuid4().hex}"]


class Qemu(Machine):
    """A QEMU machine that boots IMAGE. See the parameters' use in tests/scenario/.

    machine     -M: pc, q35, isapc, or with options such as "q35,i8042=off"
    disk        a key of DISKS; None gives no disk but what ARGS has
    bios, rom   files for -bios and -option-rom
    args        more arguments
    serial, e9  whether there is a COM1 and a port E9; one of them must be there to read text from
    snapshot    True: IMAGE stays as it is; False: the guest writes to it; "readonly": no writes
    log_int     log interrupts and CPU resets to int.log
    gdb         start stopped, with a gdb stub at the socket self.gdb_path
    """

    def __init__(self, image, machine="pc", disk="ide", memory="64M", cpu="qemu64", bios=None,
                 rom=None, args=(), serial=True, e9=True, snapshot=True, log_int=False, gdb=False):
        super().__init__()
        assert serial or e9, "nothing to read from"
        self.image = image
        self.machine, self.disk, self.memory, self.cpu = machine, disk, memory, cpu
        self.bios, self.rom, self.args = bios, rom, [str(arg) for arg in args]
        self.serial, self.e9, self.snapshot = serial, e9, snapshot
        self.log_int, self.gdb = log_int, gdb
        self.gdb_path = self.workdir / "gdb.sock"
        self.e9_path = self.workdir / "e9.txt"
        self.events = []
        self._qmp_buffer = b""
        self._screen = None

    # -- the command line

    def _arguments(self, image):
        """All arguments but the sockets, with the image at the path IMAGE."""
        arguments = [
            "qemu-system-x86_64", "-accel", "tcg", "-display", "none", "-nodefaults", "-no-reboot",
            "-M", self.machine, "-cpu", self.cpu, "-m", self.memory, "-vga", "std"
        ]
        if self.disk:
            how = {True: ",snapshot=on", False: "", "readonly": ",readonly=on"}[self.snapshot]
            disks = {**DISKS, **(Q35_DISKS if self.machine.startswith("q35") else {})}
            drive = f"file={image},format=raw{how}"
            arguments += [part.replace("{image}", drive) for part in disks[self.disk]]
        for option, value in (("-bios", self.bios), ("-option-rom", self.rom)):
            if value:
                arguments += [option, str(value)]
        return arguments + self.args

    def reproduce(self, kept):
        image = kept / "disk.img" if self.image else None
        arguments = self._arguments(image) + ["-serial", "stdio"] * self.serial
        arguments += ["-debugcon", f"file:{kept}/e9.txt"] * self.e9
        return shlex.join(arguments)

    def start(self):
        self._qmp, qmp_theirs = socket.socketpair()
        arguments = self._arguments(self.image)
        arguments += [
            "-chardev", f"socket,id=qmp,fd={qmp_theirs.fileno()}", "-mon",
            "chardev=qmp,mode=control"
        ]
        if self.serial:
            arguments += [
                "-chardev", f"pipe,id=com1,path={self.workdir}/com1", "-serial", "chardev:com1"
            ]
            com1 = self._make_pipes()
        if self.e9:
            self.e9_path.touch()
            arguments += ["-chardev", f"file,id=e9,path={self.e9_path}",
                          "-device", "isa-debugcon,chardev=e9,iobase=0xe9"]
        if self.log_int:
            arguments += ["-d", "int,cpu_reset", "-D", str(self.workdir / "int.log")]
        arguments += coverage_plugin()
        if self.gdb:
            arguments += ["-S", "-gdb", f"unix:{self.gdb_path},server=on,wait=off"]
        self.command = ["timeout", "--foreground", "-k", "3", "600"] + arguments
        (self.workdir / "command.txt").write_text(shlex.join(self.command) + "\n")
        self.process = subprocess.Popen(
            self.command, stdin=subprocess.DEVNULL, stdout=open(self.workdir / "qemu.out", "wb"),
            stderr=subprocess.STDOUT, pass_fds=(qmp_theirs.fileno(),))
        qmp_theirs.close()
        self._qmp_connect()  # from now on QEMU has its ends of the pipes open
        if self.serial:
            self.open_com1(*com1)
        else:
            self.open_file(self.e9_path)

    def _make_pipes(self):
        """COM1's two named pipes, opened at our ends: (output, input)."""
        for name in ("com1.out", "com1.in"):
            os.mkfifo(self.workdir / name)
        output = os.open(self.workdir / "com1.out", os.O_RDONLY | os.O_NONBLOCK)  # QEMU comes later
        os.set_blocking(output, True)
        fcntl.fcntl(output, fcntl.F_SETPIPE_SZ, PIPE_SIZE)
        return output, os.open(self.workdir / "com1.in", os.O_RDWR)

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(5)
            except subprocess.TimeoutExpired:
                pass  # the timeout command kills QEMU with its -k
        self.process.wait(10)

    def ended_how(self):
        """reset if QMP saw the guest reset, exit otherwise."""
        self.process.wait(10)
        self._qmp_drain()
        shutdowns = [event["data"] for event in self.events if event["event"] == "SHUTDOWN"]
        return "reset" if any(data["reason"] == "guest-reset" for data in shutdowns) else "exit"

    def exit_status(self, timeout=None):
        """Wait for QEMU to end; isa-debug-exit's value v gives (v << 1) | 1."""
        return self.wait_end(timeout)

    def save_evidence(self):
        for pipe in ("com1.in", "com1.out"):
            (self.workdir / pipe).unlink(missing_ok=True)  # they would block whoever looks at them
        if self.image and os.path.exists(self.image):
            subprocess.run(["cp", "--sparse=always", self.image, self.workdir / "disk.img"],
                           check=False)
        if self._screen:
            (self.workdir / "screen.txt").write_text("\n".join(self._screen) + "\n")

    def close(self):
        if self.process and self.process.poll() is None:
            try:
                self._screen = self.screen()
            except (AssertionError, OSError):
                self._screen = None
        super().close()

    # -- QMP

    def _qmp_connect(self):
        self._qmp_read(lambda message: "QMP" in message)
        self.qmp("qmp_capabilities")

    def _qmp_lines(self, wait):
        """Yield the messages that arrive within WAIT seconds; raises EOFError at the end."""
        self._qmp.settimeout(wait)
        while True:
            line, newline, rest = self._qmp_buffer.partition(b"\n")
            if newline:
                self._qmp_buffer = rest
                yield json.loads(line)
                continue
            try:
                data = self._qmp.recv(65536)
            except (TimeoutError, BlockingIOError):
                return
            except ConnectionResetError:
                data = b""
            if not data:
                raise EOFError
            self._qmp_buffer += data

    def _qmp_read(self, wanted):
        try:
            for message in self._qmp_lines(TIMEOUT):
                if "event" in message:
                    self.events.append(message)
                if wanted(message):
                    return message
        except EOFError:
            pass
        log = (self.workdir / "qemu.out").read_text(errors="replace")
        raise AssertionError(f"QEMU does not answer: {log or 'it has ended'}")

    def _qmp_drain(self):
        try:
            for message in self._qmp_lines(0.0):
                if "event" in message:
                    self.events.append(message)
        except (EOFError, OSError):
            pass

    def qmp(self, command, **arguments):
        """Run a QMP command; returns its result, fails on an error."""
        request = {"execute": command, "arguments": arguments}
        try:
            self._qmp.sendall(json.dumps(request).encode())
        except BrokenPipeError:
            raise AssertionError("QEMU has ended") from None
        answer = self._qmp_read(lambda message: "return" in message or "error" in message)
        assert "return" in answer, f"QMP {command}: {answer['error']['desc']}"
        return answer["return"]

    def monitor(self, command):
        """Run a command of the human monitor; returns its text."""
        return self.qmp("human-monitor-command", **{"command-line": command}).replace("\r", "")

    def e9_text(self):
        """What the machine has written to port E9."""
        return self.e9_path.read_text(encoding="latin-1")

    # -- memory, screen and keyboard

    def memory_read(self, address, size):
        """SIZE bytes of physical memory."""
        path = self.workdir / "memory.bin"
        self.qmp("pmemsave", val=address, size=size, filename=str(path))
        return path.read_bytes()

    def cells(self):
        """The text screen: 25 rows of 80 (character, attribute) pairs."""
        raw = self.memory_read(0xB8000, 80 * 25 * 2)
        cell = [(bytes([raw[i]]).decode("cp437"), raw[i + 1]) for i in range(0, len(raw), 2)]
        return [cell[row * 80:row * 80 + 80] for row in range(25)]

    def screen(self):
        """The text screen: 25 strings without trailing blanks."""
        rows = ["".join(char for char, _ in row) for row in self.cells()]
        return [row.replace("\0", " ").rstrip() for row in rows]

    def expect_screen(self, text, timeout=None):
        """Wait until TEXT stands somewhere on the screen; returns the 25 rows."""
        deadline = time.monotonic() + (TIMEOUT if timeout is None else timeout)
        while True:
            rows = self.screen()
            if any(text in row for row in rows):
                return rows
            assert time.monotonic() < deadline, f"no {text!r} on the screen:\n" + "\n".join(rows)
            time.sleep(0.1)

    def keys(self, *names):
        """Press and release keys one after the other: "h", "ret", "shift-a", QEMU's key names."""
        for name in names:
            codes = [{"type": "qcode", "data": part} for part in name.split("-")]
            self.qmp("send-key", keys=codes, **{"hold-time": 20})
            time.sleep(0.05)  # send-key answers at once; the PS/2 queue holds 16 bytes
