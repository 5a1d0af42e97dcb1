/* heap_report.c - what the heap says about itself: statistics, and its panics. */
#include "kernel/mm/heap_internal.h"
#include "kernel/panic.h"
#include "kernel/symbols.h"

/* What to say of code at ADDRESS: "function+0x12 (file.c:34)". */
void heap_caller_text(const void *address, char *text, size_t size)
{
    struct symbol symbol;

    /* A return address may be the first one of the next line, or function. */
    if (symbols_find((uint64_t)(uintptr_t)address - 1, &symbol)) {
        format_string(text, size, "%s+%#x (%s:%u)", symbol.function, symbol.offset + 1, symbol.file,
                      symbol.line);
    } else {
        format_string(text, size, "%p", address);
    }
}

void heap_panic(const char *text, const void *object, size_t size, const void *caller)
{
    char caller_text[HEAP_CALLER_TEXT], size_text[32] = "";

    heap_caller_text(caller, caller_text, sizeof(caller_text));
    if (size != 0) {
        format_string(size_text, sizeof(size_text), " of %zu bytes", size);
    }
    PANIC("heap: %s %p%s, by %s", text, object, size_text, caller_text);
}

size_t heap_class_count(void)
{
    return HEAP_LARGE;
}

void heap_get_stats(size_t class_index, struct heap_class_stats *stats)
{
    spin_lock(&heap_lock);
    const struct heap_class *class = &heap_classes[class_index + 1];

    *stats = (struct heap_class_stats){.size = class->size,
                                       .live = class->taken - heap_ready_count(class),
                                       .peak = class->peak,
                                       .allocated = class->counts >> HEAP_COUNT_BITS,
                                       .frames = class->frames};
    spin_unlock(&heap_lock);
}
