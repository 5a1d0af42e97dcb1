/*
 * bootinfo.h - the kernel's own, checked copy of what the loader hands over (include/bootinfo.h).
 * Portable: the unit tests break every field in turn.
 */
#ifndef SECTOR0_KERNEL_BOOTINFO_H
#define SECTOR0_KERNEL_BOOTINFO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "include/bootinfo.h"
#include "include/manifest.h"

/* Everything that the loader handed over, out of the low memory that it came in. */
struct boot_facts {
    struct bootinfo info; /* its cmdline and e820 fields still hold physical addresses */
    char cmdline[CMDLINE_SIZE];
    struct e820_entry e820[E820_MAX]; /* info.e820_count of them are used */
};

/* Why a hand-off was refused. */
struct bootinfo_fault {
    const char *field;
    uint64_t value;   /* the field's, or that of the thing that it points at */
    const char *rule; /* what it must be: "must be ..." */
};

/*
 * Check the struct bootinfo at physical address PHYS and copy it, with what it points at, to FACTS.
 * LOW_MEMORY is where the caller sees physical address 0; only addresses below LOW_MEMORY_NEEDED
 * are read. HEADER is the kernel's own header. Returns true if all is well; otherwise FAULT says
 * what is wrong and FACTS is not to be used. Context: any.
 */
bool bootinfo_take(uint64_t phys, const void *low_memory, const struct kernel_header *header,
                   struct boot_facts *facts, struct bootinfo_fault *fault);

#endif
