"""The kernel's own tests (tests/kernel/), each of them on every kind of machine and of kernel.

All of them run in one boot of each machine; the first case that asks for a machine boots it, the
others read what it said. Which tests there are is read from the sources, so one that is not in the
kernel fails. Most machines have scratch disks, so that the tests of disks run there, too.
"""
import fcntl
import json
from dataclasses import asdict

import pytest

from lib import disks
from lib.bochs import Bochs
from lib.guest import EXIT_DEVICE, Run, run_all, source_names
from lib.images import make_image
from lib.paths import BUILD, FAILURES
from lib.qemu import Qemu


def qemu(*places, **options):
    return lambda image: Qemu(image, args=EXIT_DEVICE + disks.attach(image.parent, *places, name=image.stem), **options)


def bochs(image):
    scratch = disks.scratch_disk(image.parent / f"{image.stem}-scratch0.img", size=160 * disks.GIB)
    return Bochs(image, disks=[scratch])


# name -> (kind of kernel, how to start the machine)
MACHINES = {
    "qemu64": ("", qemu("ide", "virtio")),
    "no-nx": ("", qemu(cpu="qemu64,-nx")),
    "16-MiB": ("", qemu("ide", "virtio", cpu="max", memory="16M")),
    "5-GiB": ("", qemu("piix", "virtio", cpu="max", memory="5G", machine="q35")),
    "bochs": ("", bochs),
    "debug": ("debug", qemu("ide", "virtio")),
    "ubsan": ("ubsan", qemu("ide", "virtio", cpu="max")),
    "kasan": ("kasan", qemu("ide", "virtio", cpu="max")),
}
CASES = [pytest.param(machine, name, id=f"{machine}-{name}",
                      marks=[pytest.mark.check] if machine == "qemu64" else [])
         for machine in MACHINES for name in source_names()]


class Runs:
    """The Runs of all machines, shared by pytest's workers through files in FOLDER."""

    def __init__(self, folder, wanted):
        self.folder, self.wanted = folder, wanted

    def _told(self, name):
        return self.folder / f"in-guest-{name}.json"

    def _have(self, name, wait):
        """Boot the machine NAME unless that is done. False: another worker is at it, and WAIT is false."""
        with open(self.folder / f"in-guest-{name}.lock", "w", encoding="utf-8") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
            except BlockingIOError:
                return False
            if not self._told(name).exists():
                self._told(name).write_text(json.dumps(asdict(boot(name, self.folder))))
            return True

    def get(self, name):
        if not self._have(name, wait=False):
            # While the other worker boots this machine, boot one that will be asked for later.
            later = (other for other in self.wanted if not self._told(other).exists())
            any(self._have(other, wait=False) for other in later)
            self._have(name, wait=True)
        return Run(**json.loads(self._told(name).read_text()))


@pytest.fixture(scope="session")
def runs(tmp_path_factory, request):
    folder = tmp_path_factory.getbasetemp()
    if hasattr(request.config, "workerinput"):
        folder = folder.parent  # of this run, not of this worker alone
    cases = [item for item in request.session.items if item.path.name == "test_in_guest.py"]
    return Runs(folder, list(dict.fromkeys(item.callspec.params["machine"] for item in cases)))


def boot(name, folder):
    kind, start = MACHINES[name]
    image = make_image(folder / f"in-guest-{name}.img", cmdline="test",
                       kernel=BUILD / kind / "kernel.bin")
    run = run_all(start, image, FAILURES / f"in-guest-{name}", source_names())
    for used in [image, *folder.glob(f"{image.stem}-scratch*.img")]:
        used.unlink()
    return run


@pytest.mark.limit(900)  # the whole run of a machine, if this case is the first to ask
@pytest.mark.parametrize("machine, name", CASES)
def test_in_guest(runs, machine, name):
    outcome, why = runs.get(machine).verdict(name)
    if outcome == "skipped":
        pytest.skip(why)
    assert outcome == "passed", f"{why}; evidence: {FAILURES}/in-guest-{machine}"


@pytest.mark.limit(900)
@pytest.mark.parametrize("machine", MACHINES)
def test_run_is_complete(runs, machine):
    """The plan, the counts of the last line and the exit status agree with what was seen."""
    assert runs.get(machine).problems(source_names()) == []
