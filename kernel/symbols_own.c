/* symbols_own.c - the lookup in the kernel's own table; see symbols.h. */
#include "kernel/image.h"
#include "kernel/symbols.h"

bool symbols_find(uint64_t address, struct symbol *symbol)
{
    return symbols_find_in((const uint8_t *)kernel_symbols_start,
                           (size_t)(kernel_symbols_end - kernel_symbols_start), address, symbol);
}
