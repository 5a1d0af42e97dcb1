/*
 * descriptors.h - the kernel's GDT, TSS and IDT.
 */
#ifndef SECTOR0_KERNEL_CPU_DESCRIPTORS_H
#define SECTOR0_KERNEL_CPU_DESCRIPTORS_H

#define KERNEL_CODE_SELECTOR 0x08
#define KERNEL_DATA_SELECTOR 0x10
#define TSS_SELECTOR         0x18 /* two entries */

/*
 * Load GDT, segment registers, TSS and an IDT with all 256 entries; let NMIs through again, which
 * the loader had turned off, and machine checks. From here on every exception is reported. Context:
 * start-up, interrupts off; on the loader's tables or on our own.
 */
void descriptors_load(void);

#endif
