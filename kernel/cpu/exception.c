/* exception.c - see exception.h. */
#include "kernel/cpu/exception.h"

#include "kernel/printf.h"

/* Bits of a page fault's error code [SDM3 4.7]. */
#define PF_PRESENT      0x01u
#define PF_WRITE        0x02u
#define PF_USER         0x04u
#define PF_RESERVED_BIT 0x08u
#define PF_FETCH        0x10u

/* An error code that names a selector [SDM3 6.13]. */
#define SELECTOR_EXTERNAL 0x1u
#define SELECTOR_IDT      0x2u
#define SELECTOR_LDT      0x4u

const char *exception_name(unsigned vector)
{
    static const char *const names[EXCEPTION_COUNT] = {
        [0] = "division error (#DE)",
        [1] = "debug exception (#DB)",
        [2] = "non-maskable interrupt (NMI)",
        [3] = "breakpoint (#BP)",
        [4] = "overflow (#OF)",
        [5] = "bound range exceeded (#BR)",
        [6] = "invalid opcode (#UD)",
        [7] = "no coprocessor (#NM)",
        [8] = "double fault (#DF)",
        [9] = "coprocessor segment overrun",
        [10] = "invalid TSS (#TS)",
        [11] = "segment not present (#NP)",
        [12] = "stack segment fault (#SS)",
        [13] = "general protection (#GP)",
        [14] = "page fault (#PF)",
        [16] = "x87 floating-point error (#MF)",
        [17] = "alignment check (#AC)",
        [18] = "machine check (#MC)",
        [19] = "SIMD floating-point exception (#XM)",
        [20] = "virtualization exception (#VE)",
        [21] = "control protection (#CP)",
        [28] = "hypervisor injection (#HV)",
        [29] = "VMM communication (#VC)",
        [30] = "security exception (#SX)",
    };

    if (vector >= EXCEPTION_COUNT || names[vector] == NULL) {
        return "reserved exception";
    }
    return names[vector];
}

static void explain_page_fault(char *buffer, size_t size, uint64_t error, uint64_t cr2)
{
    const char *access = error & PF_FETCH   ? "execution of"
                         : error & PF_WRITE ? "write to"
                                            : "read of";
    const char *reason = "no page there";

    if (error & PF_RESERVED_BIT) {
        reason = "a reserved bit is set in its page tables";
    } else if (error & PF_PRESENT) {
        reason = "its page forbids that";
    }
    format_string(buffer, size, "%s: %s %s%016llx, %s", exception_name(EXCEPTION_PAGE_FAULT),
                  access, error & PF_USER ? "user address " : "", (unsigned long long)cr2, reason);
}

static void explain_selector(char *buffer, size_t size, unsigned vector, uint64_t error)
{
    const char *table = error & SELECTOR_IDT ? "IDT" : error & SELECTOR_LDT ? "LDT" : "GDT";

    format_string(buffer, size, "%s: entry %llu of the %s%s", exception_name(vector),
                  (unsigned long long)(error >> 3), table,
                  error & SELECTOR_EXTERNAL ? ", while delivering an interrupt" : "");
}

void exception_explain(char *buffer, size_t size, unsigned vector, uint64_t error, uint64_t cr2)
{
    if (vector >= EXCEPTION_COUNT) {
        format_string(buffer, size, "unexpected interrupt, vector %u", vector);
    } else if (vector == EXCEPTION_PAGE_FAULT) {
        explain_page_fault(buffer, size, error, cr2);
    } else if (vector >= EXCEPTION_INVALID_TSS && vector <= EXCEPTION_GENERAL_PROTECTION &&
               error != 0) {
        explain_selector(buffer, size, vector, error);
    } else {
        format_string(buffer, size, "%s", exception_name(vector));
    }
}
