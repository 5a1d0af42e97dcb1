/* stack_guard.c - see stack_guard.h. */
#include "kernel/stack_guard.h"

#include "kernel/cpu/cpu.h"
#include "kernel/panic.h"
#include "kernel/symbols.h"

#define CPUID_1_ECX_RDRAND (1u << 30)
#define RDRAND_TRIES       10                    /* [SDM1 7.3.17.1] */
#define SPREAD             0x9E3779B97F4A7C15ull /* odd, with bits everywhere */

uint64_t __stack_chk_guard;

static uint64_t hardware_random(void)
{
    uint64_t value = 0;
    uint8_t done = 0;

    if (!(cpu_cpuid(1, 0).ecx & CPUID_1_ECX_RDRAND)) {
        return 0;
    }
    for (unsigned i = 0; i < RDRAND_TRIES && !done; i++) {
        __asm__ volatile("rdrand %0; setc %1" : "=r"(value), "=qm"(done) : : "cc");
    }
    return value;
}

/* The lowest byte, which a text running over would have to write, is the end of every text. */
uint64_t stack_guard_choose(uint64_t entry_tsc)
{
    return (entry_tsc * SPREAD ^ hardware_random()) & ~0xFFull;
}

void __stack_chk_fail(void)
{
    struct symbol symbol = {.function = "?"};

    symbols_find((uintptr_t)__builtin_return_address(0) - 1, &symbol);
    panic_at(symbol.file, (int)symbol.line, symbol.function,
             "stack smashed: %s has written beyond the end of an array", symbol.function);
}
