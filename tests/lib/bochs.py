"""Bochs: a Bochs machine for one test.

Bochs is stricter than QEMU's TCG about segment limits and starts the boot sector with interrupts
off, so it is a gate of its own. COM1 is a TCP connection that Bochs opens to us; port E9 is Bochs'
standard output, where the debugger's text goes too. The exit status says nothing: judge by the
text.
"""
import os
import shlex
import signal
import socket
import subprocess

from lib.images import copy_image
from lib.machine import TIMEOUT, Machine

BIOS = {
    "latest": "/usr/share/bochs/BIOS-bochs-latest", "legacy": "/usr/share/bochs/BIOS-bochs-legacy"
}

CONFIG = """\
config_interface: textconfig
display_library: term
romimage: file={bios}
vgaromimage: file=/usr/share/vgabios/vgabios.bin
cpu: model={cpu}, count=1, ips=50000000, reset_on_triple_fault=0
memory: guest={memory}, host={memory}
boot: {boot}
log: {log}
panic: action=fatal
error: action=report
info: action=report
debug: action=ignore
port_e9_hack: enabled=1
clock: sync=none, time0=1000000000
magic_break: enabled=0
speaker: enabled=0
"""


class Bochs(Machine):
    """A Bochs machine that boots a copy of IMAGE.

    bios     latest or legacy
    rom      file of an option ROM, placed at D0000
    memory   MiB
    cpu      a model of `bochs --help cpu`
    floppy   boot IMAGE as a 1.44 MB floppy
    rc       lines for the debugger, run in order; it then quits
    com1     False: COM1 goes nowhere, text is read from port E9
    disks    up to three images of more disks, which are written to
    """

    def __init__(self, image, bios="latest", rom=None, memory=64, cpu="corei7_haswell_4770",
                 floppy=False, rc=("c",), com1=True, disks=()):
        super().__init__()
        self.image = copy_image(image, self.workdir / "disk.img")
        self.image.chmod(0o644)
        self.bios, self.rom, self.memory, self.cpu = BIOS[bios], rom, memory, cpu
        self.floppy, self.rc, self.com1, self.disks = floppy, list(rc), com1, list(disks)
        self.stdout_path = self.workdir / "stdout.txt"

    def _config(self, com1):
        lines = CONFIG.format(bios=self.bios, cpu=self.cpu, memory=self.memory,
                              log=self.workdir / "bochs.log",
                              boot="floppy" if self.floppy else "disk")
        lines += f"com1: {com1}\n"
        if self.rom:
            lines += f"optromimage1: file={self.rom}, address=0xd0000\n"
        if self.floppy:
            return lines + f"floppya: 1_44={self.image}, status=inserted\n"
        lines += "ata0: enabled=1, ioaddr1=0x1f0, ioaddr2=0x3f0, irq=14\n"
        lines += "ata1: enabled=1, ioaddr1=0x170, ioaddr2=0x370, irq=15\n"
        places = ("ata0-master", "ata0-slave", "ata1-master", "ata1-slave")
        for place, image in zip(places, [self.image, *self.disks]):
            lines += f"{place}: type=disk, path={image}, mode=flat\n"
        return lines

    def start(self):
        listener = None
        com1 = "enabled=1, mode=null"
        if self.com1:
            listener = socket.create_server(("127.0.0.1", 0))
            com1 = f"enabled=1, mode=socket-client, dev=127.0.0.1:{listener.getsockname()[1]}"
        (self.workdir / "bochsrc").write_text(self._config(com1))
        (self.workdir / "debug.rc").write_text("\n".join(self.rc + ["q"]) + "\n")
        self.stdout_path.touch()
        self.command = [
            "timeout", "--foreground", "-s", "INT", "-k", "3", "300", "bochs", "-q", "-unlock",
            "-f", str(self.workdir / "bochsrc"), "-rc", str(self.workdir / "debug.rc")
        ]
        self.process = subprocess.Popen(
            self.command, env={**os.environ, "TERM": "dumb"}, stdin=subprocess.DEVNULL,
            stdout=open(self.stdout_path, "wb"), stderr=open(self.workdir / "stderr.txt", "wb"))
        if not listener:
            self.open_file(self.stdout_path)
            return
        listener.settimeout(TIMEOUT)
        try:
            connection, _ = listener.accept()
        except TimeoutError:
            raise AssertionError("Bochs did not start: " + self.stderr) from None
        finally:
            listener.close()
        descriptor = connection.detach()
        self.open_com1(os.dup(descriptor), descriptor)

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)  # timeout passes it on, and kills 3 s later
        self.process.wait(15)

    def ended_how(self):
        self.process.wait(15)
        return "reset" if "3rd (" in self.stderr + self.log else "exit"

    @property
    def stdout(self):
        """Bochs' standard output: port E9 and what the debugger printed."""
        return self.stdout_path.read_text(encoding="latin-1")

    @property
    def stderr(self):
        return (self.workdir / "stderr.txt").read_text(encoding="latin-1")

    @property
    def log(self):
        path = self.workdir / "bochs.log"
        return path.read_text(encoding="latin-1") if path.exists() else ""

    def reproduce(self, kept):
        config = kept / "bochsrc"
        text = config.read_text().replace(str(self.workdir), str(kept))
        lines = [line for line in text.splitlines() if not line.startswith("com1:")]
        lines.append(f"com1: enabled=1, mode=file, dev={kept}/com1.txt")
        config.write_text("\n".join(lines) + "\n")
        return shlex.join([
            "env", "TERM=dumb", "timeout", "-s", "INT", "-k", "3", "60", "bochs", "-q", "-unlock",
            "-f", str(config), "-rc", str(kept / "debug.rc")
        ])
