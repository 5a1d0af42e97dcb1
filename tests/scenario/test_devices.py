"""Interrupt lines, clock, date, keyboard layouts and COM1 under load, on whole machines.

The parts have units of their own (test_clock.c, test_serial.c, test_keyboard.c, ...); here they
meet the emulators' devices.
"""
import datetime
import os
import re
import threading
import time

import pytest

from lib.bochs import Bochs
from lib.images import make_image
from lib.qemu import Qemu

TEN_PAGES = "; ".join(["help"] * 10)
LINE = r"^ *{} +(\d+) +(\d+) +(\d+) +(\d+)\.(\d)  {}$"


@pytest.fixture(params=["qemu", "bochs"])
def machine(request, image):
    with (Qemu(image) if request.param == "qemu" else Bochs(image)) as started:
        started.wait_prompt()
        yield started


def uptime(machine):
    return float(re.search(r"^up (\d+\.\d+) s", machine.run("uptime"), re.M)[1])


# ---- Interrupts and the clock


def irq_line(text, number, owner):
    """(handled, unclaimed, spurious, rate) of one line of `irq`."""
    found = re.search(LINE.format(number, owner), text, re.M)
    assert found, f"no line {number} of {owner} in:\n{text}"
    return *map(int, found.groups()[:3]), float(f"{found[4]}.{found[5]}")


def test_irq_counts_and_rates(machine):
    first = machine.run("uptime; irq")
    time.sleep(1)
    second = machine.run("uptime; irq")
    assert all(len(line) < 80 for line in second.splitlines()[:-2])
    times = [float(re.search(r"up (\d+\.\d+)", text)[1]) for text in (first, second)]
    counts = [irq_line(text, 0, "timer") for text in (first, second)]
    passed, ticks = times[1] - times[0], counts[1][0] - counts[0][0]
    assert counts[1][3] == pytest.approx(ticks / passed, rel=0.1), "ticks a second"
    assert 5 < counts[1][3] < 1100
    assert counts[1][1:3] == (0, 0)
    assert irq_line(second, 4, "com1")[0] > irq_line(first, 4, "com1")[0]
    assert irq_line(second, 1, "keyboard")[3] == 0, "nobody types"
    assert "keys dropped: 0" in second


def test_the_clock_keeps_time(image):
    """Beside the host's clock: not faster, not slower, whatever the ticks do."""
    with Qemu(image) as qemu:
        qemu.wait_prompt()
        marks = []
        for _ in range(4):
            before = time.monotonic()
            shown = uptime(qemu)
            marks.append((before, shown, time.monotonic()))
            time.sleep(1.5)
        for (before, shown, after), (later, later_shown, latest) in zip(marks, marks[1:]):
            assert (later - after) * 0.999 < later_shown - shown < (latest - before) * 1.001
        assert re.search(r"TSC at \d+\.\d{3} MHz", qemu.run("uptime"))


def test_bochs_counts_instructions(image):
    """50 million a second is what the machine is configured for; its TSC counts them."""
    with Bochs(image) as bochs:
        bochs.wait_prompt()
        time.sleep(1)
        bochs.run("echo")
        mhz = float(re.search(r"TSC at (\d+\.\d+) MHz", bochs.run("uptime"))[1])
        assert mhz == pytest.approx(50, rel=0.001)


def test_no_tsc_rate_is_waited_for(image):
    """The prompt comes before the TSC's rate is known: measuring it costs no time."""
    with Qemu(image) as qemu:
        text = qemu.wait_prompt()
        stamps = [float(stamp) for stamp in re.findall(r"^\[ *(\d+\.\d+)\]", text, re.M)]
        assert stamps == sorted(stamps)
    with Bochs(image) as bochs:
        bochs.wait_prompt()
        assert "TSC at" not in bochs.run("uptime").splitlines()[0] or uptime(bochs) > 0.01


# ---- The date


def test_date_goes_on(image):
    """Over the end of a leap February, at midnight."""
    with Qemu(image, args=["-rtc", "base=2028-02-29T23:59:56"]) as qemu:
        qemu.wait_prompt()
        assert re.fullmatch(r"2028-02-29T23:59:5\dZ", qemu.run("date"))
        time.sleep(4.5)
        assert re.fullmatch(r"2028-03-01T00:00:\d\dZ", qemu.run("date"))
        assert qemu.run("date now; echo $?") == "date: usage: date \n2"


def test_date_on_bochs(image):
    with Bochs(image) as bochs:  # time0 of its configuration, in whatever the host's time zone is
        bochs.wait_prompt()
        shown = datetime.datetime.fromisoformat(bochs.run("date").replace("Z", "+00:00"))
        assert abs(shown.timestamp() - 1000000000) < 86400


def test_broken_clock_says_so(image):
    """Month 13: no date; as soon as it is right again, there is one."""
    with Qemu(image) as qemu:
        qemu.wait_prompt()

        def set_register(index, value):
            qemu.monitor(f"o/b 0x70 {index:#x}")
            qemu.monitor(f"o/b 0x71 {value:#x}")

        set_register(0x0B, 0x82)  # SET: it stands still
        set_register(0x08, 0x13)
        assert qemu.run("date; echo $?") == "date: the real-time clock shows no date that exists\n1"
        set_register(0x08, 0x12)
        assert re.fullmatch(r"20\d\d-12-\d\dT\d\d:\d\d:\d\dZ", qemu.run("date"))


# ---- The keyboard


# What QEMU's keys, named after the US layout, give on each.
TYPED = {
    "us": (["y", "z", "shift-apostrophe", "minus", "less"], 'yz"-\\'),
    "uk": (["y", "backslash", "shift-backslash", "shift-3", "alt_r-e"], "y#~£é"),
    "de": (["y", "z", "minus", "semicolon", "shift-semicolon", "alt_r-q", "alt_r-less", "alt_r-7", "alt_r-m",
            "grave_accent"], "zyßöÖ@|{µ^"),
    "fr": (["q", "a", "2", "shift-2", "alt_r-0", "semicolon", "m", "minus"], "aqé2@m,)"),
}


def wait_rows(qemu, text, count):
    """Wait until COUNT rows of the screen are TEXT and nothing else."""
    deadline = time.monotonic() + 20
    while (rows := [row.strip() for row in qemu.screen()]).count(text) < count:
        assert time.monotonic() < deadline, f"{text} is not there {count} times:\n" + "\n".join(rows)
        time.sleep(0.1)


@pytest.mark.parametrize("layout", TYPED)
def test_layouts(tmp_path, layout):
    """From the command line of the kernel, and by the command."""
    keys, text = TYPED[layout]
    quote = {"us": "apostrophe", "uk": "apostrophe", "de": "shift-2", "fr": "3"}[layout]
    echo = ["e", "c", "h", "o", "spc", quote, *keys, quote, "ret"]
    with Qemu(make_image(tmp_path / "d.img", cmdline=f"layout={layout}")) as qemu:
        qemu.expect_screen("sector0:/$")
        assert f"[{layout}]" in qemu.run("layout")
        qemu.keys(*echo)
        wait_rows(qemu, text, 1)
        qemu.run("layout us")
        qemu.keys("e", "c", "h", "o", "spc", "q", "w", "y", "ret")
        wait_rows(qemu, "qwy", 1)
        qemu.run(f"layout {layout}")
        qemu.keys(*echo)
        wait_rows(qemu, text, 2)


def test_unknown_layout(tmp_path):
    with Qemu(make_image(tmp_path / "d.img", cmdline="layout=dvorak")) as qemu:
        text = qemu.wait_prompt()
        assert re.search(r"\] kernel: unknown keyboard layout dvorak; ", text)
        assert qemu.run("layout") == "[us] uk de fr"
        assert qemu.run("layout dvorak; echo $?") == "layout: no layout dvorak\n1"


def test_lock_lights(image, tmp_path):
    """What QEMU's keyboard is told: set lights (237), then which; and no key is lost by it."""
    log = tmp_path / "trace.log"

    def wait_lights(wanted):
        deadline = time.monotonic() + 20
        while True:
            told = [int(value) for value in re.findall(r"ps2_write_keyboard \S+ val (\d+)", log.read_text())]
            if told[-2:] == [237, wanted]:
                return
            assert time.monotonic() < deadline, f"lights must be {wanted}, the keyboard was told {told}"
            time.sleep(0.05)

    with Qemu(image, args=["-trace", "ps2_write_keyboard", "-D", str(log)]) as qemu:
        qemu.wait_prompt()
        qemu.keys("e", "c", "h", "o", "spc")
        wait_lights(2)
        for lock, lights, key in [("caps_lock", 6, "a"), ("num_lock", 4, "b"), ("scroll_lock", 5, "c"),
                                  ("caps_lock", 1, "d")]:
            qemu.keys(lock, key)
            wait_lights(lights)
        qemu.keys("ret")
        wait_rows(qemu, "ABCd", 1)


# ---- COM1


def test_a_megabyte_out(tmp_path):
    """All of it arrives in order, with the other end as fast as it likes."""
    with Qemu(make_image(tmp_path / "d.img", cmdline="console=serial"), e9=False) as qemu:
        qemu.wait_prompt()
        page = qemu.run("help")
        total = 0
        while total < 1 << 20:
            text = qemu.run(TEN_PAGES, timeout=120)
            assert text == "\n".join([page] * 10)
            total += len(text)
        counts = re.search(r"com1: \d+ bytes received, (\d+) sent, (\d+) dropped", qemu.run("irq"))
        assert int(counts[1]) > 1 << 20 and int(counts[2]) == 0


def test_a_slow_reader_loses_nothing(image, tmp_path):
    """The other end takes a little now and then: the kernel sleeps until there is room."""
    for name in ("slow.in", "slow.out"):
        os.mkfifo(tmp_path / name)
    reader = os.open(tmp_path / "slow.out", os.O_RDONLY | os.O_NONBLOCK)
    writer = os.open(tmp_path / "slow.in", os.O_RDWR)
    args = ["-chardev", f"pipe,id=slow,path={tmp_path}/slow", "-serial", "chardev:slow"]
    taken, stop = bytearray(), threading.Event()

    def read_slowly():
        while not stop.is_set():
            try:
                taken.extend(os.read(reader, 4096))
            except BlockingIOError:
                pass
            time.sleep(0.01)

    with Qemu(image, serial=False, args=args, disk="virtio") as qemu:
        thread = threading.Thread(target=read_slowly, daemon=True)
        thread.start()
        qemu.wait_prompt(120)
        for _ in range(5):
            os.write(writer, TEN_PAGES.encode() + b"\r")
        os.write(writer, b"echo the-end\r")
        qemu.expect(r"\nthe-end\r\n", 120)
        qemu.wait_prompt()
        sent = qemu.e9_path.read_bytes()
        deadline = time.monotonic() + 60
        while len(taken) < len(sent) and time.monotonic() < deadline:
            time.sleep(0.1)
        stop.set()
        thread.join()
    assert len(sent) > 50000
    assert bytes(taken) == sent
    os.close(reader)
    os.close(writer)


def test_64_kib_in(image):
    """Ten lines at once, as a script sends them, then the next ten when they are answered."""
    with Qemu(image) as qemu:
        qemu.wait_prompt()
        sent = 0
        for first in range(0, 1050, 10):
            lines = [f"{number} " + "x" * 55 for number in range(first, first + 10)]
            text = "".join(f"echo {line}\r" for line in lines)
            qemu.send(text)
            sent += len(text)
            for line in lines:
                qemu.expect(rf"[\r\n]{line}\r\n")
        qemu.wait_prompt()
        text = qemu.run("irq")
        assert sent >= 65536
        assert int(re.search(r"com1: (\d+) bytes received", text)[1]) >= sent
        assert "overruns 0, parity 0, framing 0, breaks 0" in text
        assert "keys dropped: 0" in text


def test_com1_of_bochs(image):
    """A UART that takes its time for each byte: interrupts do the work, and nothing is lost."""
    with Bochs(image) as bochs:
        bochs.wait_prompt()
        page = bochs.run("help")
        for _ in range(3):
            assert bochs.run(TEN_PAGES, timeout=120) == "\n".join([page] * 10)
        for number in range(20):
            assert bochs.run(f"echo {number}") == str(number)
        text = bochs.run("irq")
        sent = int(re.search(r"(\d+) sent, 0 dropped; overruns 0", text)[1])
        assert irq_line(text, 4, "com1")[0] > sent / 20, "mostly by interrupt, a FIFO at a time"
        assert "keys dropped: 0" in text


def test_irq_without_com1(image):
    with Qemu(image, serial=False) as qemu:
        qemu.wait_prompt()
        qemu.keys("i", "r", "q", "ret")
        qemu.expect("com1: 0 bytes received, 0 sent, 0 dropped")
        qemu.expect("keys dropped: 0")
        assert not re.search(r"^ *4 .*com1", qemu.e9_text(), re.M)
