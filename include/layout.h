/*
 * layout.h - where everything lies, on the disk and in memory while booting.
 *
 * This is the only place where these numbers are written down. C includes this file; NASM includes
 * build/gen/layout.inc, which the build makes from it (tools/geninc.c and the preprocessor); the
 * linker scripts are run through the preprocessor. So: object-like macros only, plain integer
 * constants and + - * / ( ), no suffixes, no casts.
 *
 * Units: *_LBA and *_SECTORS count 512-byte sectors, *_SEG are real-mode segments, *_VIRT are
 * virtual addresses, all other addresses are physical byte addresses. *_END is the first byte
 * after a region. docs/boot.md draws the two maps; tests/unit/test_layout.c proves that no two
 * regions overlap.
 */
#ifndef SECTOR0_LAYOUT_H
#define SECTOR0_LAYOUT_H

/* ---- The disk ------------------------------------------------------------------------------- */

#define SECTOR_SIZE          512

#define STAGE1_LBA           0
#define STAGE1_CODE_MAX      440 /* bytes 0-439 are ours, the rest is the disk's */
#define STAGE1_PATCH_OFFSET  4   /* the 7 bytes that mkdisk fills in, struct stage1_patch */
#define STAGE1_PATCH_SIZE    7
#define STAGE1_BPB_OFFSET    11 /* some BIOSes write a BPB here: no code, no constants ... */
#define STAGE1_BPB_END       37 /* ... up to here */

#define MBR_SIGNATURE_OFFSET 440 /* u32 disk signature, u16 zero */
#define MBR_TABLE_OFFSET     446 /* four struct mbr_partition */
#define MBR_TABLE_ENTRIES    4
#define MBR_ENTRY_SIZE       16
#define MBR_MAGIC_OFFSET     510
#define MBR_MAGIC            0xAA55
#define MBR_TYPE_SFS         0x7F /* our partition */
#define MBR_TYPE_GPT         0xEE /* a protective entry: the disk has a GPT */

#define STAGE2_LBA           1
#define STAGE2_MAX_SECTORS   61
#define STAGE2_PIN_OFFSET    32 /* 32 bytes in stage 2: the pinned Merkle root, or all zero */

#define MANIFEST0_LBA        64 /* each copy alone in its 4 KiB physical sector */
#define MANIFEST1_LBA        72
#define MANIFEST_COPIES      2

#define SLOTS_LBA            80 /* slot A starts here, slot B right behind it */
#define SLOT_COUNT           2
#define SLOT_ALIGN_SECTORS   8
#define FIRST_PARTITION_LBA                                                                        \
    8192                    /* of the images that mkdisk create makes; others: read the table */
#define FLOPPY_SECTORS 2880 /* create --size 1440K: no partition, boot area to the end */

/* ---- Memory while booting ------------------------------------------------------------------- */

#define IVT_BASE             0x00000 /* the BIOS's interrupt vectors and data area */
#define IVT_END              0x00500
#define BDA_END_UNUSED       0x00600 /* 0x500-0x5FF is left alone: 0x500 is print-screen status */
#define A20_TEST_BASE        0x00600 /* the word that is tested; its alias is 1 MiB above */
#define A20_TEST_END         0x00800
#define BOOTINFO_BASE        0x00800 /* struct bootinfo, the timeline inside it */
#define BOOTINFO_END         0x01000
#define E820_BASE            0x01000 /* raw entries, E820_MAX x E820_ENTRY_SIZE */
#define E820_MAX             256
#define E820_ENTRY_SIZE      24
#define E820_END             0x02800
#define CMDLINE_BASE         0x02800 /* NUL-terminated command line */
#define CMDLINE_SIZE         256
#define EDD_PARAMS_BASE      0x02900 /* result of INT 13h AH=48h */
#define EDD_PARAMS_SIZE      128
#define E820_BOUNCE_BASE     0x02980 /* where INT 15h E820 puts one entry */
#define E820_BOUNCE_SIZE     128
#define MANIFEST_BUFFER_BASE 0x02A00 /* both copies, one sector each */
#define MANIFEST_BUFFER_SIZE 1024
#define LOW_BUFFERS_END      0x03000
#define STAGE2_DATA_BASE     0x03000 /* .bss of stage 2 (it has no .data) */
#define STAGE2_DATA_END      0x04000
#define STACK_BASE           0x04000 /* stack of stages 1 and 2, grows down from STACK_TOP */
#define STACK_CANARY_BYTES   4       /* a known word at STACK_BASE, checked before the hand-off */
#define STACK_TOP            0x07000
#define STAGE1_RECORD_BASE                                                                         \
    0x06FF4 /* struct stage1_record, the first 12 bytes that stage 1 pushes */
#define STAGE1_BASE       0x07C00
#define STAGE1_END        0x07E00
#define STAGE2_BASE       0x08000 /* code and constants only */
#define STAGE2_END        0x0FA00
#define BOUNCE_BASE       0x10000 /* disk reads land here: 64 KiB, 64 KiB aligned */
#define BOUNCE_END        0x20000
#define BOUNCE_SEG        0x1000
#define BOUNCE_SECTORS    120     /* one read: at most 127 sectors, a multiple of 4 KiB */
#define PAGE_TABLES_BASE  0x20000 /* PML4, PDPT low, PD 0-3, PDPT high */
#define PAGE_TABLES_COUNT 7
#define PAGE_TABLES_END   0x27000
#define VERIFIER_BASE     0x28000 /* 32-bit stack and the Merkle state of the verifier */
#define VERIFIER_END      0x30000
#define LOW_MEMORY_NEEDED 0x30000 /* 192 KiB, by INT 12h */
#define LOW_MEMORY_MAX    0xA0000 /* 640 KiB: the most that INT 12h is believed */

#define KERNEL_PHYS       0x100000 /* load_phys of every slot */
#define KERNEL_PHYS_LIMIT 0xF00000 /* 15 MiB: below the ISA hole */
#define KERNEL_VIRT_BASE  0xFFFFFFFF80000000
#define KERNEL_VIRT       0xFFFFFFFF80100000
#define MERKLE_CHUNK      4096
#define KERNEL_MAX_CHUNKS ((KERNEL_PHYS_LIMIT - KERNEL_PHYS) / MERKLE_CHUNK)

/* ---- Ports that several parts share ---------------------------------------------------------- */

#define COM1_PORT 0x3F8
#define E9_PORT   0xE9 /* reads back E9 where the emulator console exists */

#endif
