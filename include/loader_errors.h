/*
 * loader_errors.h - every way in which the loader can refuse to boot.
 *
 * X(code, NAME, "text", "what to do"): the loader prints `boot failed: E<code> text` and halts, or,
 * for the per-slot and per-copy codes, prints `stage2: slot A: E<code> text` and tries the other
 * one. In a text %u is an unsigned decimal, %x 8 hex digits, %b 2 hex digits, %c a character.
 * docs/boot.md lists all of them; a test compares. E01 and E02 are stage 1's own and are written
 * out there.
 */
#ifndef SECTOR0_LOADER_ERRORS_H
#define SECTOR0_LOADER_ERRORS_H

/* clang-format off */
#define LOADER_ERRORS(X)                                                                          \
    X(1, STAGE1_DISK, "disk AH=%b LBA=%b",                                                        \
      "stage 1 cannot read stage 2; AH is the BIOS's status; check the disk and the BIOS's boot order") \
    X(2, STAGE1_CRC, "CRC", "stage 2 is damaged; write the boot code again with mkdisk install")  \
                                                                                                  \
    X(10, LOW_MEMORY, "needs 192 KiB of low memory, INT 12h says %u KiB",                         \
      "free conventional memory in the BIOS setup")                                               \
    X(11, NO_LONG_MODE, "this CPU has no long mode", "use a 64-bit (x86-64) CPU")                 \
    X(12, SECTOR_SIZE, "sector size %u not supported", "use a disk with 512-byte logical sectors") \
    X(13, MAP_TOO_LONG, "memory map has more than 256 entries", "report the machine: its BIOS may be looping") \
    X(14, MAP_EMPTY, "no usable memory in the memory map", "neither E820 nor E801 nor 88h gave any memory") \
    X(15, A20, "A20 gate stays closed", "look for an A20 or fast-gate setting in the BIOS setup") \
    X(16, DISK, "disk AH=%b LBA=%x%x", "the BIOS cannot read this sector; AH is its status")      \
    X(17, STACK, "loader stack overflow", "report the machine: its BIOS uses more than 11 KiB of stack") \
    X(18, EXCEPTION, "exception %b error %x at %x:%x%x CR2=%x%x",                                  \
      "vector, error code, CS:RIP and fault address of a CPU exception inside the loader")        \
    X(19, KERNEL_RETURNED, "the kernel returned", "a kernel must never return to the loader")     \
                                                                                                  \
    X(20, NO_MANIFEST, "no valid boot manifest", "write the image again; nothing says where the kernel is") \
    X(21, MANIFEST_READ, "cannot be read", "the disk is failing at LBA 64 or 72")                 \
    X(22, MANIFEST_MAGIC, "is not a boot manifest", "the sector was overwritten or never written") \
    X(23, MANIFEST_VERSION, "has a version or size this loader does not know", "update the loader with mkdisk install") \
    X(24, MANIFEST_CRC, "has a wrong CRC", "the sector is damaged; mkdisk cmdline rewrites it")   \
    X(25, MANIFEST_FIELD, "has an invalid field", "preferred slot, reserved bytes or sequence number out of range") \
    X(26, MANIFEST_CMDLINE, "has a command line without an end", "set it again with mkdisk cmdline") \
                                                                                                  \
    X(30, NO_KERNEL, "no valid kernel", "both slots were refused for the reasons above; mkdisk update writes a new kernel") \
    X(31, SLOT_EMPTY, "is empty", "mkdisk update writes a kernel")                                \
    X(32, SLOT_LENGTH, "length is larger than the slot", "the manifest is wrong; mkdisk update")  \
    X(33, SLOT_PLACE, "lies outside the boot area", "it starts before LBA 80, or reaches into a partition or past the end of the disk") \
    X(34, SLOT_OVERLAP, "overlaps the other slot", "the manifest is wrong; write the image again") \
    X(35, SLOT_ADDRESS, "load address is not 1 MiB", "this loader loads kernels at 1 MiB only")   \
    X(36, SLOT_MEM_SIZE, "memory size is wrong", "mem_size must be a multiple of 4 KiB, at least length, and end below 15 MiB") \
    X(37, SLOT_MEMORY, "kernel needs %u KiB at 1 MiB, this machine has %u", "give the machine more memory") \
    X(38, SLOT_ENTRY, "entry point lies outside the kernel", "the kernel was linked wrongly")     \
    X(39, SLOT_HEADER, "kernel header differs from the manifest", "the slot holds another kernel than the manifest says") \
    X(40, SLOT_MERKLE, "Merkle root mismatch", "the kernel is damaged; mkdisk update writes it again") \
    X(41, SLOT_PIN, "Merkle root is not the pinned one", "this image accepts one kernel only")    \
    X(42, SLOT_DISK, "disk AH=%b LBA=%x%x", "a sector of the slot cannot be read; AH is the BIOS's status")
/* clang-format on */

#endif
