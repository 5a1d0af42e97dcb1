/*
 * image.h - addresses that the linker script and start.asm give: the parts of the kernel in memory,
 * and its stacks. Only the addresses of these names mean something.
 */
#ifndef SECTOR0_KERNEL_IMAGE_H
#define SECTOR0_KERNEL_IMAGE_H

#include <stddef.h>
#include <stdint.h>

#include "kernel/mm/address.h" /* PAGE_SIZE, and virt_to_phys, which works in the image, too */

extern char kernel_start[]; /* also the struct kernel_header */
extern char kernel_text_start[];
extern char kernel_text_end[];      /* .data starts here */
extern char kernel_symbols_start[]; /* the end of .data */
extern char kernel_symbols_end[];
extern char kernel_file_end[];
extern char kernel_bss_start[]; /* the end of .symbols, padded to a page */
extern char kernel_end[];       /* all page aligned but kernel_symbols_end and kernel_file_end */

/* One unmapped page below each stack; the stack reaches from its end to the top. */
extern char boot_stack_guard[], boot_stack_top[];
extern char double_fault_stack_guard[], double_fault_stack_top[];
extern char nmi_stack_guard[], nmi_stack_top[];
extern char machine_check_stack_guard[], machine_check_stack_top[];

/*
 * The kernel's view of physical address PHYS, which must lie in the low 1 GiB until paging has
 * started, and in the low window, 4 KiB to 1 MiB, from then on. Context: any.
 */
static inline void *low_to_virt(uint64_t phys)
{
    return (void *)(uintptr_t)(KERNEL_VIRT_BASE + phys);
}

#endif
