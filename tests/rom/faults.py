"""The faults: what the ROM does, what must come of it, and how the probe sees that it is done.

Each fault names the hazard it stands for: E entry and stage 1, D disk, A A20, M memory map, O
output. The machine has 64 MiB. A memory map that must boot says nothing usable that is not: both
emulators have RAM from 1 MiB to a little below 64 MiB, and 632 KiB of low memory.
"""
from dataclasses import dataclass

MIB, GIB = 1 << 20, 1 << 30
SLOT_A, SLOT_B, PARTITION = 80, 4136, 8192  # LBAs on the images of mkdisk create


@dataclass(frozen=True)
class Fault:
    """One ROM.

    name, hazard   as they appear in the test's id; the hazard's letter and number
    why            one sentence: which BIOS does this, or what it would break
    switches       the ROM's switches, name -> value
    expect         "prompt", or the code of `boot failed: `
    says           regular expressions that the loader's text must match besides
    e820           the ROM's memory map (base, length, type, attributes)
    never          switches that only a loader with the fault's error brings to act
    probe          regular expressions for the probe's output: all match with this ROM, not all
                   without faults
    """

    name: str
    hazard: str
    why: str
    switches: dict
    probe: tuple
    expect: str = "prompt"
    says: tuple = ()
    e820: tuple = ()
    never: frozenset = frozenset()


def _entry(name, hazard, why, probe, **switches):
    return Fault(name, hazard, why, switches, (r"^entry .*" + probe,))


# ---- E: entry, registers and flags -------------------------------------------------------------

INT_13, INT_15, INT_10, INT_14, INT_16, INT_12 = 1, 2, 4, 8, 0x10, 0x20
LOW_HALVES, HIGH_HALVES, FS_GS = 1, 2, 4
CF, IF, DF = 0x001, 0x200, 0x400

ENTRY = [
    _entry("cs-07c0", "E1", "Some BIOSes jump to 07C0:0000.", "cs=07C0 ip=0000",
           entry_cs=0x07C0, entry_ip=0),
    _entry("data-segments", "E2", "DS and ES are whatever the BIOS last used.", "ds=1234 es=1234",
           entry_data=0x1234),
    _entry("stack", "E2", "The BIOS's stack may lie anywhere, even at an odd address.",
           "ss=1234 sp=4321",
           entry_ss=0x1234, entry_sp=0x4321),
    _entry("df", "E3", "Nobody promises DF=0 at entry.", "flags=0[4567]", entry_flags=DF | IF | 2),
    _entry("if-0", "E4", "Bochs enters with IF=0, SeaBIOS with IF=1.", "flags=0[01]",
           entry_flags=2),
    _entry("dl-00", "E6", "PhoenixBIOS 4.0 r6 passes DL=00 for the first hard disk.",
           "edx=......00", entry_dl=0x00),
    _entry("dl-01", "E6", "The same, with another number.", "edx=......01", entry_dl=0x01),
    _entry("dl-81", "E6", "DL names a disk that is not there.", "edx=......81", entry_dl=0x81),
    _entry("dl-ff", "E6", "DL is rubbish.", "edx=......FF", entry_dl=0xFF),
    Fault("dl-00-reads-zeros", "E6",
          "DL is wrong, and the drive it names reads well: only the CRC can tell.",
          {"entry_dl": 0, "other_drive": 1}, (r"^drive0 flags=0..[2468ACE] ",)),
    _entry("registers", "E8", "All general registers, FS and GS are rubbish at entry.",
           "fs=(?!0000)",
           entry_trash=1),
    Fault("bpb-zeros", "E9", "BIOSes write a parameter block over offsets 0Bh-24h of the sector.",
          {"bpb_scribble": 1, "bpb_fill": 0}, (r"^bpb=(00){26}",)),
    Fault("bpb-ones", "E9", "The same, with values that make no sense as code or as numbers.",
          {"bpb_scribble": 1, "bpb_fill": 0xFF}, (r"^bpb=(FF){26}",)),
    Fault("everything-at-entry", "E1-E9", "All of it at once.",
          {"entry_cs": 0x07C0, "entry_ip": 0, "entry_data": 0x1234, "entry_ss": 0x1234,
           "entry_sp": 0x4321,
           "entry_dl": 0xFF, "entry_flags": DF | 2, "entry_trash": 1, "bpb_scribble": 1,
           "bpb_fill": 0xF4},
          (r"^entry cs=07C0 ip=0000 ds=1234 es=1234 fs=(?!0000).*ss=1234 sp=4321 flags=0[45]",
           r"^entry .*edx=......FF", r"^bpb=(F4){26}")),
]


def _trash(name, hazard, why, ints, how, *probe):
    return Fault(name, hazard, why, {"trash_ints": ints, "trash_how": how}, probe)


def _flags(name, hazard, why, ints, set_flags, clear_flags, *probe):
    return Fault(name, hazard, why, {"flags_ints": ints, "flags_set": set_flags,
                                     "flags_clear": clear_flags}, probe)


REGISTERS = [
    _trash("int13-low-halves", "E7",
           "AST BIOS 1.04 and others return rubbish in DX, BX, SI, DI, BP.",
           INT_13, LOW_HALVES, r"^lba1.1 .*edx=D1D1(?!0080)", r"^reset .*ebx=B1B1(?!B1B1)"),
    _trash("int13-high-halves", "E8",
           "Bochs clears the high half of EBX; others use 32-bit registers.",
           INT_13, HIGH_HALVES, r"^lba1.1 .*ebx=(?!B1B1)....B1B1",
           r"^reset .*ecx=(?!C1C1)....0000"),
    _trash("int13-fs-gs", "E8", "A BIOS that loads FS and GS and forgets them.",
           INT_13, FS_GS, r"^lba1.1 .*fs=(?!0F0F)"),
    _trash("int15-registers", "E8", "The same for INT 15h: ESI, EDI, EBP, FS and GS after E820.",
           INT_15, 7, r"^map.0000 .*edx=(?!534D4150)", r"^E801 .*fs=(?!0F0F)"),
    _trash("int10-registers", "E8", "Video BIOSes destroy BP, and some more.",
           INT_10, 7, r"^10.0E .*ebp=(?!B9B9B9B9)", r"^10.03 .*ebx=(?!B1B1)"),
    _trash("other-registers", "E8", "The same for INT 12h, 14h and 16h.",
           INT_12 | INT_14 | INT_16, 7, r"^12 .*ebx=(?!B1B1)", r"^14 .*ebx=(?!B1B1)",
           r"^16.01 .*ebx=(?!B1B1)"),
    _trash("all-registers", "E8", "Every call destroys all but its documented outputs.",
           0x3F, 7, r"^lba1.1 .*fs=(?!0F0F)", r"^10.0E .*fs=(?!0F0F)", r"^12 .*fs=(?!0F0F)"),
    _flags("int13-returns-df", "E3",
           "A BIOS that returns with DF=1 reverses the next string operation.",
           INT_13, DF, 0, r"^lba1.1 flags=0[4567]"),
    _flags("all-return-df", "E3", "The same from every call.",
           0x3F, DF, 0, r"^lba1.1 flags=0[4567]", r"^10.0E flags=0[4567]", r"^12 flags=0[4567]"),
    _flags("int13-returns-if-1", "E4",
           "A BIOS that returns with interrupts on, whatever they were.",
           INT_13, IF, 0, r"^ROM: injected flags_ints"),
    _flags("int13-returns-if-0", "E4", "A BIOS that returns with interrupts off.",
           INT_13, 0, IF, r"^lba1.1 flags=00"),
    _flags("all-return-if-0", "E4", "The same from every call.",
           0x3F, 0, IF, r"^10.0E flags=00", r"^12 flags=00"),
]

# ---- D: disk -----------------------------------------------------------------------------------

FOR_EVER = 0xFF
BY_EDD, BY_CHS = 1, 2
SLOT_A_BOOTED = (r"slot A, \d+ KiB \[#+\] verified",)
NO_EDD = {"edd_check": 3, "edd_read": 1}
SUCCESS = r"flags=0..[02468ACE] "  # CF clear
CARRY = r"flags=0..[13579BDF] "    # CF set


def _chs(name, hazard, why, *probe, expect="prompt", says=(), **switches):
    return Fault(name, hazard, why, {**NO_EDD, **switches}, probe, expect, says,
                 never=frozenset(["edd_read"]))


def _fails(name, hazard, why, first, last, times, *probe, expect="prompt", says=(), **switches):
    switches = {"fail_times": times, "fail_first": first, "fail_last": last, **switches}
    return Fault(name, hazard, why, switches, probe, expect, says)


def _flip(name, why, first, last, times, *probe, expect="prompt", says=(), offset=0):
    switches = {"flip_times": times, "flip_first": first, "flip_last": last, "flip_offset": offset}
    return Fault(name, "D14", why, switches, probe, expect, says)


DISK = [
    Fault("edd-check-cf", "D1", "41h is refused: no EDD.", {"edd_check": 1},
          (r"^41 " + CARRY + "eax=A1A101",)),
    Fault("edd-check-bx", "D1", "41h succeeds without turning BX round: no EDD.", {"edd_check": 2},
          (r"^41 .*ebx=B1B155AA",)),
    Fault("edd-check-cx", "D1", "41h says that the packet services are missing.", {"edd_check": 3},
          (r"^41 .*ecx=....0006",)),
    _chs("no-edd", "D2", "An old BIOS: 41h and 42h are refused, only CHS reads.",
         r"^41 .*ecx=....0006", r"^lba1.1 " + CARRY + "eax=A1A101"),
    Fault("edd-read-fails", "D3", "The TS-5500's BIOS claims EDD and refuses every 42h.",
          {"edd_read": 1},
          (r"^lba1.1 " + CARRY + "eax=A1A101",)),
    _chs("chs-al-0", "D17", "AL after a CHS read is 0 or the count, depending on the BIOS.",
         r"^chs.1 .*eax=A1A10000", chs_al=1),
    _chs("chs-al-ff", "D17", "AL after a CHS read means nothing at all.", r"^chs.1 .*eax=A1A100FF",
         chs_al=2),
    _chs("geometry-cf-ah-0", "D15", "Some BIOSes set CF on 08h and mean success: AH is 0.",
         r"^08 " + CARRY + "eax=A1A100", geometry=2),
    _chs("geometry-fails", "D2", "Neither EDD nor a geometry: nothing can be read.",
         r"^08 " + CARRY + "eax=A1A101", geometry=1, expect="E01"),
    _chs("geometry-zero", "D2", "A geometry of 0 sectors a track must not be divided by.",
         r"^08 .*ecx=....12[04]0", geometry=3, expect="E01"),
    Fault("geometry-zero-with-edd", "D2", "With EDD nobody needs the geometry.", {"geometry": 3},
          (r"^08 .*ecx=....12[04]0",)),
    _chs("no-edd-registers", "E7", "CHS reads with all registers destroyed by every call.",
         r"^chs.1 .*edx=(?!D1D1)", trash_ints=INT_13, trash_how=7),
    _chs("no-edd-transient", "D4", "CHS reads of which each third fails.",
         r"^chs.3 " + CARRY + "eax=A1A110", fail_every=3, fail_kinds=BY_CHS),

    _fails("first-read-fails", "D4", "A drive that spins up fails the first read.", 0, 0xFFFFFFFF,
           1,
           r"^lba1.1 " + CARRY + "eax=A1A110", r"^chs.1 " + SUCCESS),
    _fails("two-reads-fail", "D4", "Three attempts are the least a loader should make.", 0,
           0xFFFFFFFF, 2,
           r"^lba1.1 " + CARRY + "eax=A1A110", r"^chs.1 " + CARRY + "eax=A1A110"),
    _fails("edd-fails-for-stage-2", "D3", "42h fails for stage 2's sectors, CHS reads them.", 1, 61,
           FOR_EVER,
           r"^lba1.3 " + CARRY + "eax=A1A110", r"^chs.3 " + SUCCESS, fail_kinds=BY_EDD),
    _fails("edd-fails-for-kernel", "D3", "42h fails for the kernel's sectors, CHS reads them.",
           SLOT_A, PARTITION - 1, FOR_EVER, r"^lba80 " + CARRY + "eax=A1A110", fail_kinds=BY_EDD),
    _fails("manifest-transient", "D4", "The manifest's first two reads fail.", 64, 72, 2,
           r"^lba64 " + CARRY + "eax=A1A110"),
    _fails("kernel-transient", "D4", "The kernel's first two reads fail.",
           SLOT_A, PARTITION - 1, 2, r"^lba80 " + CARRY + "eax=A1A110", says=SLOT_A_BOOTED),
    _fails("six-reads-fail", "D4", "Three attempts by EDD and three by CHS: the last one succeeds.",
           0, 0xFFFFFFFF, 6, r"^lba1.1 " + CARRY + "eax=A1A110", r"^chs.3 " + CARRY + "eax=A1A110",
           r"^lba1.4 " + SUCCESS),
    _fails("six-reads-of-kernel-fail", "D4", "The same for a sector of the kernel.",
           SLOT_A + 9, SLOT_A + 9, 6, r"^120 " + CARRY + "eax=A1A110", says=SLOT_A_BOOTED),
    _fails("kernel-six-fail", "D4", "The long read, three by EDD and two by CHS fail; the last attempt succeeds.",
           SLOT_A, PARTITION - 1, 6, r"^lba80 " + CARRY + "eax=A1A110", says=(r"slot A, .* verified",)),
    _fails("stage-2-unreadable", "D4", "A dead sector in stage 2 is named.", 1, 61, FOR_EVER,
           r"^lba1.4 " + CARRY + "eax=A1A140", r"^chs.3 " + CARRY + "eax=A1A140",
           fail_ah=0x40, expect="E01", says=(r"E01 disk AH=40 LBA=01",)),
    _fails("stage-2-unreadable-later", "D4", "The same, where the first sectors can be read.", 5, 5,
           FOR_EVER,
           r"^64 " + CARRY + "eax=A1A140", fail_ah=0x40, expect="E01",
           says=(r"E01 disk AH=40 LBA=05",)),
    _fails("manifest-0-unreadable", "D4", "One dead manifest copy is a warning.", 64, 64, FOR_EVER,
           r"^lba64 " + CARRY + "eax=A1A110", says=(r"E21",)),
    _fails("manifest-1-unreadable", "D4", "The same for the other copy.", 72, 72, FOR_EVER,
           r"^lba72 " + CARRY + "eax=A1A110", says=(r"E21",)),
    _fails("manifests-unreadable", "D4", "Both copies dead.", 64, 72, FOR_EVER,
           r"^lba64 " + CARRY + "eax=A1A110", r"^lba72 " + CARRY + "eax=A1A110", expect="E20",
           says=(r"E21",)),
    _fails("slot-a-unreadable", "D4", "A dead sector in slot A: the kernel comes from slot B.",
           SLOT_A, SLOT_A, FOR_EVER, r"^lba80 " + CARRY + "eax=A1A110",
           says=(r"slot A: E42 disk AH=10",)),
    _fails("slot-a-unreadable-later", "D4", "The same, some sectors into the kernel.",
           SLOT_A + 40, SLOT_A + 40, FOR_EVER, r"^128 " + CARRY + "eax=A1A110",
           says=(r"slot A: E42 disk AH=10",)),
    _fails("slots-unreadable", "D4", "Both slots dead.", SLOT_A, PARTITION - 1, FOR_EVER,
           r"^lba80 " + CARRY + "eax=A1A110", r"^lba4136 " + CARRY + "eax=A1A110",
           expect="E30", says=(r"slot A: E42", r"slot B: E42")),
    Fault("each-third-read-fails", "D4",
          "A failing drive: each third read fails, the repeat succeeds.",
          {"fail_every": 3}, (r"^lba1.2 " + CARRY + "eax=A1A110",)),
    Fault("each-second-read-fails", "D4", "The same, each second read.",
          {"fail_every": 2}, (r"^chs.1 " + CARRY + "eax=A1A110",)),
    _fails("reset-needed", "D4",
           "After a failure the controller refuses everything until it is reset.",
           0, 0xFFFFFFFF, 1, r"^lba1.3 " + CARRY + "eax=A1A110", r"^lba1.4 " + SUCCESS,
           fail_sticks=1),
    _fails("reset-needed-for-kernel", "D4", "The same in stage 2.", SLOT_A, PARTITION - 1, 1,
           r"^lba4136 " + CARRY + "eax=A1A110", fail_sticks=1),
    _fails("reset-fails", "D4",
           "The reset between two attempts reports an error; the read is repeated all the same.",
           0, 0xFFFFFFFF, 2, r"^reset " + CARRY + "eax=A1A105", reset_fails=1),
    _fails("dap-count", "D5", "A failed 42h leaves another count in the packet.", 0, 0xFFFFFFFF, 2,
           r"^lba1.1 .*packet=10002800", fail_dap=1, fail_kinds=BY_EDD),
    _fails("dap-overwritten", "D5", "A failed 42h leaves rubbish in the packet.", 0, 0xFFFFFFFF, 2,
           r"^lba1.1 .*packet=(FF){16}", fail_dap=2, fail_kinds=BY_EDD),
    _fails("dap-overwritten-for-kernel", "D5", "The same in stage 2.", 64, PARTITION - 1, 2,
           r"^lba64 .*packet=(FF){16}", fail_dap=2, fail_kinds=BY_EDD),
    Fault("max-127-sectors", "D6", "Phoenix EDD reads at most 127 sectors a call.",
          {"max_sectors": 127},
          (r"^128 " + CARRY + "eax=A1A101",), never=frozenset(["max_sectors"])),
    Fault("max-64-sectors", "D6", "A BIOS that reads at most 64 sectors a call.",
          {"max_sectors": 64},
          (r"^120 " + CARRY + "eax=A1A101", r"^64 " + SUCCESS)),
    Fault("max-7-sectors", "D6", "A BIOS that reads at most 7 sectors a call.", {"max_sectors": 7},
          (r"^64 " + CARRY + "eax=A1A101",)),
    Fault("max-1-sector", "D6", "A BIOS that reads one sector a call.", {"max_sectors": 1},
          (r"^64 " + CARRY + "eax=A1A101",)),
    Fault("64k-lines", "D7",
          "DMA cannot cross a 64 KiB line: VirtualBox hangs, others return AH=09.",
          {"line_64k": 1}, (r"^line " + CARRY + "eax=A1A109",), never=frozenset(["line_64k"])),
    Fault("params-4096", "D11", "A disk with 4096-byte sectors.", {"params_size": 4096},
          (r"^48 .*0010[0-9A-F]{8}$",), expect="E12", says=(r"sector size 4096 not supported",)),
    Fault("params-2048", "D11", "A CD-ROM has 2048-byte sectors.", {"params_size": 2048},
          (r"^48 .*0008[0-9A-F]{8}$",), expect="E12", says=(r"sector size 2048 not supported",)),
    Fault("params-0", "D11", "Some BIOSes leave the sector size 0: it is 512.", {"params_size": 0},
          (r"^48 .*result=1E00.{44}0000",)),
    Fault("params-fails", "D11",
          "48h is refused: the disk was read, so its sectors have 512 bytes.", {"params": 1},
          (r"^48 " + CARRY + "eax=A1A101",)),
    Fault("params-cf-ah-0", "D15", "Some BIOSes set CF on 48h and mean success: AH is 0.",
          {"params": 2},
          (r"^48 " + CARRY + "eax=A1A100",)),
    Fault("params-cf-ah-0-4096", "D15", "The same: the record is valid, and says 4096.",
          {"params": 2, "params_size": 4096}, (r"^48 " + CARRY + "eax=A1A100",), expect="E12"),
    Fault("params-short", "D11", "USB sticks return the 1Ah-byte record.", {"params_short": 1},
          (r"^48 .*result=1A00.{44}0002",)),
    Fault("params-no-total", "D11", "A disk whose size is not told.", {"params_no_total": 1},
          (r"^48 .*result=.{32}0{16}",)),

    _flip("stage-2-flipped", "The BIOS says success and a bit is wrong: the CRC tells.", 3, 3,
          FOR_EVER,
          r"^ROM: injected flip_times", expect="E02", offset=100),
    _flip("manifest-0-flipped", "A wrong byte in one manifest copy is a warning.", 64, 64, FOR_EVER,
          r"^lba64 .*data=000000(?!00)", says=(r"E2[24]",)),
    _flip("manifest-1-crc", "The same in the other copy, where only the CRC can tell.", 72, 72,
          FOR_EVER,
          r"^ROM: injected flip_times", says=(r"E24",), offset=170),
    _flip("manifests-flipped", "Both copies wrong.", 64, 72, FOR_EVER,
          r"^ROM: injected flip_times", expect="E20", says=(r"E24",), offset=170),
    _flip("slot-a-header", "A wrong byte in the kernel's header.", SLOT_A, SLOT_A, FOR_EVER,
          r"^ROM: injected flip_times", says=(r"slot A: E(39|40)",)),
    _flip("slot-a-once", "A wrong byte once, in the middle of the kernel.", SLOT_A + 20,
          SLOT_A + 20, 1,
          r"^ROM: injected flip_times", offset=511),
    _flip("slot-a-always", "A wrong byte each time: the kernel comes from slot B.", SLOT_A + 20,
          SLOT_A + 20,
          FOR_EVER, r"^ROM: injected flip_times", offset=511,
          says=(r"slot A: E40 Merkle root mismatch",)),
    _flip("slots-always", "Both slots wrong.", SLOT_A, PARTITION - 1, FOR_EVER,
          r"^ROM: injected flip_times", offset=100, expect="E30", says=(r"slot A: E40",
                                                                        r"slot B: E40")),
]

# ---- A: A20 ------------------------------------------------------------------------------------

A20_OFF = r"^com1 .*\na20 on=0000"

A20 = [
    Fault("a20-off", "A1", "A20 is off at entry and INT 15h 2401h opens it.", {"a20_off": 1},
          (A20_OFF,),
          says=(r"A20 opened by the BIOS",)),
    Fault("a20-off-int15-fails", "A3", "2401h is refused: the next way must be tried.",
          {"a20_off": 1, "a20_int15": 1}, (A20_OFF, r"^2401 " + CARRY + "eax=A1A186"),
          says=(r"A20 opened by the keyboard controller",)),
    Fault("a20-off-int15-lies", "A3",
          "2401h claims success and does nothing: only a test of the memory can tell.",
          {"a20_off": 1, "a20_int15": 2}, (A20_OFF, r"^2401 .*\n(.*\n)*a20 on=0000"),
          says=(r"A20 opened by the keyboard controller",)),
    Fault("a20-off-registers", "A3", "2401h destroys every register.",
          {"a20_off": 1, "trash_ints": INT_15}, (A20_OFF, r"^2401 .*ecx=(?!C1C1)")),
    Fault("a20-off-after-disk", "A1", "The BIOS closes A20 again with every disk read.",
          {"a20_off": 2},
          (A20_OFF, r"^2401 .*eax=A1A100(.*\n)*a20 on=0000")),
]

# ---- M: memory map -----------------------------------------------------------------------------

USABLE, RESERVED, ACPI, NVS, UNUSABLE = 1, 2, 3, 4, 5
TOP = 62 * MIB  # RAM ends a little above this in both emulators
LOW = (0, 0x9E000, USABLE, 1)
ROMS = (0xF0000, 0x10000, RESERVED, 1)
HIGH = (MIB, TOP - MIB, USABLE, 1)
PLAIN = (LOW, ROMS, HIGH)
OURS = r"^map.0000 .*ebx=5A000001 .*result=0{16}00E00900"


def padded(count):
    """A map of COUNT entries: PLAIN, and reserved pages above TOP."""
    return PLAIN + tuple((TOP + 0x2000 * i, 0x1000, RESERVED, 1) for i in range(count - len(PLAIN)))


def _map(name, hazard, why, e820, *probe, expect="prompt", says=(), **switches):
    if expect == "prompt" and not says:
        entries = sum(1 for entry in e820 if entry[1])
        says = (f"memory map by E820, {entries} entries",)
    return Fault(name, hazard, why, {"e820": 2, **switches}, probe, expect, says, tuple(e820))


def _no_e820(name, hazard, why, source, *probe, expect="prompt", says=(), **switches):
    if source:
        says = (f"memory map by {source}, ",)
    return Fault(name, hazard, why, {"e820": 1, **switches}, probe + (r"^map.0000 " + CARRY,),
                 expect, says)


BY_E801 = (r"memory map by E801, ",)


MAP = [
    _map("plain", "M1", "The ROM's own map, with opaque continuation values.", PLAIN, OURS),
    _map("edx-trashed", "M1", "EDX is not SMAP any more after the first call.", PLAIN,
         r"^map.0001 .*edx=(?!534D4150)", trash_ints=INT_15, trash_how=7),
    Fault("rubbish-behind-20-bytes", "M2",
          "20 bytes are returned, and rubbish stands where the attributes would be.",
          {"e820_length": 20, "e820_tail": 4},
          (r"^map.0000 .*ecx=00000014 .*result=.{40}A4A4A4A4",)),
    Fault("rubbish-behind-24-bytes", "M2", "A BIOS that writes more than it was allowed to.",
          {"e820_tail": 44}, (r"^map.0000 .*result=.{40}(A4){12}",)),
    _map("end-by-carry", "M3", "The map ends with CF, and the call that says so brings no entry.",
         PLAIN,
         OURS, r"^map entries=0003$", r"^map.0003 " + CARRY, e820_end_cf=1),
    _map("smap-lost", "M4",
         "The third call answers without SMAP: nothing of this map can be trusted.", PLAIN,
         r"^map.0002 .*eax=0000E820", says=BY_E801, e820_lost=3),
    _map("smap-lost-at-once", "M4", "The first call answers without SMAP.", PLAIN,
         r"^map.0000 .*eax=0000E820", says=BY_E801, e820_lost=1),
    _map("19-bytes", "M5", "An entry of 19 bytes is no entry.", PLAIN, r"^map.0000 .*ecx=00000013",
         says=BY_E801, e820_length=19),
    _map("65535-bytes", "M5",
         "ECX comes back as rubbish: the 20 bytes that every entry has are taken.", PLAIN,
         r"^map.0000 .*ecx=0000FFFF", e820_length=0xFFFF),
    _map("25-bytes", "M5", "An entry longer than the buffer.", PLAIN, r"^map.0000 .*ecx=00000019",
         e820_length=25),
    _map("24-bytes", "M5", "An ACPI 3.0 BIOS.", PLAIN,
         r"^map.0000 .*ecx=00000018 .*result=.{32}0100000001000000",
         e820_length=24),
    _map("attributes-0", "M6", "24-byte entries whose attributes are all 0 are not to be dropped.",
         [entry[:3] + (0,) for entry in PLAIN],
         r"^map.0000 .*ecx=00000018 .*result=.{32}0100000000000000", e820_length=24),
    _map("zero-lengths", "M7", "Entries of length 0, one of them inside usable memory.",
         PLAIN + ((2 * MIB, 0, RESERVED, 1), (0, 0, USABLE, 1)), OURS, r"^map entries=0005"),
    _map("unknown-types", "M7", "Types that nobody has heard of are reserved.",
         PLAIN + ((TOP, 0x1000, 12, 1), (TOP + 0x2000, 0x1000, 0xFFFFFFFF, 1), (TOP + 0x4000,
                                                                                0x1000, 0, 1)),
         OURS, r"^map entries=0006"),
    _map("overflow", "M7", "base + length goes past 2^64.",
         PLAIN + ((0xFFFFFFFFFFFFF000, 0x10000, RESERVED, 1),), OURS, r"^map entries=0004"),
    _map("overflow-usable", "M7", "Usable memory that goes past 2^64: no RAM is there.",
         PLAIN + ((0xFFFFFFFFFFFFF000, 0xFFFFFFFFFFFFFFFF, USABLE, 1),), OURS,
         r"^map entries=0004"),
    _map("200-entries", "M8", "Servers have maps of more than 100 entries.", padded(200), OURS,
         r"^map entries=00C8"),
    _map("256-entries", "M8", "As many as there is room for.", padded(256), OURS,
         r"^map entries=0100"),
    _map("257-entries", "M8", "One more is an error, not an overwrite.", padded(257), OURS,
         r"^map entries=0101",
         expect="E13"),
    _map("endless", "M8", "A BIOS that starts again and again (wimboot #16).", PLAIN, OURS,
         r"^map entries=0190",
         expect="E13", e820_endless=1),
    _map("endless-zero-lengths", "M8", "The same with entries that count for nothing.", ((MIB, 0,
                                                                                          USABLE,
                                                                                          1),),
         r"^map.0000 .*ebx=5A000000 .*result=00001000", r"^map entries=0190", expect="E13",
         e820_endless=1),
    _map("256-entries-deep-stack", "E14",
         "The longest map, while each BIOS call uses 8 KiB of the stack.",
         padded(256), OURS, r"^stack used=2", stack_use=8192),
    Fault("stack-overflow", "E14",
          "A BIOS that uses more stack than there is overwrites what lies below.",
          {"stack_use": 0x3000}, (r"^stack used=30",), expect="E17"),
    _map("usable-not-there", "M13", "256 GiB that nothing answers for: the kernel uses none.",
         PLAIN + ((4 * GIB, 256 * GIB, USABLE, 1),), OURS, r"^map entries=0004",
         says=(r"memory: 268435456 KiB at 100000000 are not used: nothing answers there",)),
    _map("usable-half-there", "M13", "A range that begins with RAM and ends with nothing.",
         (LOW, ROMS, (MIB, 3 * GIB - MIB, USABLE, 1)), OURS, r"^map entries=0003",
         says=(r"memory: 3080192 KiB at 4000000 are not used: nothing answers there",)),
    _map("usable-too-high", "M13", "Addresses that neither the CPU nor the kernel can reach.",
         PLAIN + ((1 << 43, GIB, USABLE, 1), (1 << 51, GIB, USABLE, 1), (1 << 45, GIB, ACPI, 1)),
         OURS, r"^map entries=0006",
         says=(r"1048576 KiB at 80000000000 are not used: too high up",
               r"1048576 KiB at 200000000000 are not used: too high up",
               r"1048576 KiB at 8000000000000 are not used: too high up")),
    _map("usable-and-acpi-without-end", "M13", "Ranges of 4 PiB.",
         PLAIN + ((4 * GIB, 1 << 52, USABLE, 1), (4 * GIB, 1 << 52, ACPI, 1)),
         OURS, r"^map entries=0005", says=(r"KiB at \w+ are not used: too high up",
                                                 r"KiB at 140000000 are not used: too much")),
    _map("islands", "M13", "Usable memory in single pages, with reserved ones between.",
         (LOW, ROMS, (MIB, 29 * MIB, USABLE, 1)) +
         tuple((30 * MIB + 0x2000 * i, 0x1000, USABLE, 1) for i in range(140)),
         OURS, r"^map entries=008F"),
    _map("single-entry", "M9", "A map of one entry is legal.", [HIGH], r"^map.0000 .*ebx=00000000"),
    _map("unsorted", "M10", "Entries in no order.", (HIGH, ROMS, LOW),
         r"^map.0000 .*result=0000100000000000"),
    _map("overlapping", "M10", "A reserved hole in the middle of usable memory, and usable twice.",
         PLAIN + ((20 * MIB, 2 * MIB, RESERVED, 1), (8 * MIB, 16 * MIB, USABLE, 1)), OURS,
         r"^map entries=0005"),
    _map("unaligned", "M10", "Usable memory that neither begins nor ends on a page.",
         (LOW, (MIB - 1, TOP - MIB - 122, USABLE, 1)), OURS, r"^map entries=0002"),
    _map("split", "M10", "Usable memory in two entries that touch.",
         (LOW, ROMS, (MIB, 3 * MIB, USABLE, 1), (4 * MIB, TOP - 4 * MIB, USABLE, 1)), OURS,
         r"^map entries=0004"),
    _map("reserved-at-1-mib", "M10", "Reserved memory where the kernel must be: reserved wins.",
         PLAIN + ((MIB, 0x1000, RESERVED, 1),), OURS, r"^map entries=0004",
         expect="E30", says=(r"E37 kernel needs \d+ KiB at 1 MiB, this machine has 0",)),
    _map("64-kib-at-1-mib", "M10", "Too little memory for the kernel.", (LOW, ROMS, (MIB, 0x10000,
                                                                                     USABLE, 1)),
         OURS, r"^map entries=0003",
         expect="E30", says=(r"E37 kernel needs \d+ KiB at 1 MiB, this machine has 64",)),
    _map("no-usable", "M14", "A map without usable memory.", (ROMS,), r"^map.0000 .*ebx=00000000",
         expect="E14"),
    _map("only-zero-lengths", "M14", "A map whose usable entries are empty.",
         ((MIB, 0, USABLE, 1), ROMS), r"^map.0000 .*ebx=5A000001 .*result=00001000", expect="E14"),
    _map("only-one-zero-length", "M12", "A map of nothing but empty entries is no map.",
         ((MIB, 0, USABLE, 1),), r"^map.0000 .*ebx=00000000", says=BY_E801),
    _no_e820("no-e820", "M12", "A BIOS without E820 has E801.", "E801"),
    Fault("e820-without-smap", "M12", "A BIOS that does not know E820 and returns CF=0.",
          {"e820": 3},
          (r"^map.0000 .*eax=0000E820",), says=BY_E801),
    _no_e820("e801-cx-dx", "M12", "E801 with its result in CX and DX alone.", "E801",
             r"^E801 .*eax=A1A10000 .*ecx=00003C00",
             e801=2, e801_cx=0x3C00, e801_dx=(TOP - 16 * MIB) >> 16),
    _no_e820("e801-ax-bx", "M12", "E801 with its result in AX and BX alone.", "E801",
             r"^E801 .*ebx=000002E0 ecx=00000000",
             e801=2, e801_ax=0x3C00, e801_bx=(TOP - 16 * MIB) >> 16),
    _no_e820("e801-bogus", "M12",
             "AX above 3C00h is a BIOS's error: memory above 16 MiB counted twice.", "88h",
             r"^E801 .*eax=A1A17C00", e801=2, e801_ax=0x7C00, e801_bx=0x100, e801_cx=0x7C00,
             e801_dx=0x100),
    _no_e820("88", "M12", "Neither E820 nor E801: 88h.", "88h", r"^E801 " + CARRY, e801=1),
    _no_e820("88-small", "M12", "88h says 15 MiB.", "88h", r"^88 .*eax=A1A13C00", e801=1, int88=2,
             int88_ax=0x3C00),
    _no_e820("nothing", "M14", "No service tells any memory.", None, r"^88 " + CARRY, expect="E14",
             e801=1, int88=1),
    _no_e820("88-zero", "M14", "88h says that there is none.", None, r"^88 .*eax=A1A10000",
             expect="E14",
             e801=1, int88=2, int88_ax=0),
    Fault("low-memory-128", "M11", "Too little conventional memory.", {"low_kib": 128},
          (r"^12 .*eax=A1A10080",),
          expect="E10", says=(r"INT 12h says 128 KiB",)),
    Fault("low-memory-191", "M11", "One KiB too little.", {"low_kib": 191},
          (r"^12 .*eax=A1A100BF",), expect="E10"),
    Fault("low-memory-192", "M11", "Just enough.", {"low_kib": 192}, (r"^12 .*eax=A1A100C0",)),
    Fault("low-memory-ffff", "M11", "INT 12h says 64 MiB: the smallest of all answers counts.",
          {"low_kib": 0xFFFF}, (r"^12 .*eax=A1A1FFFF",)),
]

# ---- O: output ---------------------------------------------------------------------------------

OUTPUT = [
    Fault("int14-times-out", "O1", "INT 14h reports a time-out: COM1 does not answer the BIOS.",
          {"com1": 1},
          (r"^14 .*eax=A1A180",)),
    Fault("no-com1-in-bda", "O1", "The BIOS knows of no COM1.", {"com1": 2}, (r"^com1 port=0000",)),
]

FAULTS = ENTRY + REGISTERS + DISK + A20 + MAP + OUTPUT
assert len({fault.name for fault in FAULTS}) == len(FAULTS), "two faults have the same name"
