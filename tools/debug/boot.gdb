# boot.gdb - gdb for the whole boot path: 16-, 32- and 64-bit code in one session.
#
# `make debug` runs it:  gdb -x tools/debug/boot.gdb   (SECTOR0_BUILD, SECTOR0_QEMU as it sets them)
# It starts QEMU stopped, goes to 0000:7C00, and leaves you at gdb's prompt there.
#
# Do not `set architecture i8086`: QEMU sends all registers of a 64-bit CPU in every mode, and gdb
# must keep on expecting them. gdb's own x/i therefore decodes 16- and 32-bit code wrongly; `code`
# below decodes it for the mode that the CPU is in.

set pagination off
set confirm off
set disassembly-flavor intel
set breakpoint pending off
source tools/debug/boot_gdb.py
boot-start
