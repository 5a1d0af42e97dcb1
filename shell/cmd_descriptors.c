/*
 * cmd_descriptors.c - gdt, idt: the descriptor tables that the CPU really uses, in words.
 * [SDM3 3.4.5, 3.5, 6.14, 7.2.3]
 *
 * The tables are read from where GDTR and IDTR say, through probes: if those are wrong, so is this.
 */
#include "kernel/console.h"
#include "kernel/cpu/exception.h"
#include "kernel/cpu/probe.h"
#include "kernel/cpu/trap.h"
#include "kernel/symbols.h"
#include "shell/commands.h"

struct __attribute__((packed)) table_pointer {
    uint16_t limit; /* size - 1 */
    uint64_t base;
};

#define STORE_TABLE(instruction, pointer)     __asm__ volatile(instruction " %0" : "=m"(pointer))
#define STORE_SELECTOR(instruction, selector) __asm__ volatile(instruction " %0" : "=r"(selector))

/* Bits of a descriptor's upper half. */
#define TYPE(high)     ((high) >> 8 & 15)
#define CODE_OR_DATA   (1u << 12)
#define DPL(high)      ((high) >> 13 & 3)
#define PRESENT        (1u << 15)
#define LONG_MODE      (1u << 21)
#define OPERANDS_32    (1u << 22)
#define GRANULARITY_4K (1u << 23)

#define TYPE_CODE      8 /* of code and data segments, with the next two */
#define TYPE_WRITABLE  2 /* data; code: readable */
#define TYPE_LDT       2 /* of system descriptors */
#define TYPE_TSS       9
#define TYPE_TSS_BUSY  11
#define TYPE_INTERRUPT 14
#define TYPE_TRAP      15

static void print_segment(uint32_t high)
{
    bool writable = TYPE(high) & TYPE_WRITABLE;

    if (TYPE(high) & TYPE_CODE) {
        kprintf("code, %s-bit, %s",
                high & LONG_MODE     ? "64"
                : high & OPERANDS_32 ? "32"
                                     : "16",
                writable ? "readable" : "execute only");
    } else {
        kprintf("data, %s", writable ? "writable" : "read-only");
    }
}

static void print_tss(uint64_t base)
{
    uint64_t ist[8];

    /* RSP 0-2, a reserved word, IST 1-7: from byte 4 on. */
    if (!cpu_probe_read(ist, base + 28, sizeof(ist))) {
        kprintf("        cannot be read\n");
        return;
    }
    for (unsigned i = 1; i < 8; i++) {
        if (ist[i] != 0) {
            kprintf("        IST %u %016llx\n", i, (unsigned long long)ist[i]);
        }
    }
}

/* Print the descriptor at OFFSET; returns how many bytes it has. */
static unsigned print_descriptor(uint64_t table, unsigned offset)
{
    uint32_t words[4] = {0};
    bool system;

    if (!cpu_probe_read(words, table + offset, 2 * sizeof(words[0]))) {
        kprintf("  %02x    cannot be read\n", offset);
        return 8;
    }
    uint32_t low = words[0], high = words[1];
    uint64_t base = low >> 16 | (high & 0xFF) << 16 | (high & 0xFF000000);
    uint32_t limit = (low & 0xFFFF) | (high & 0xF0000);

    limit = high & GRANULARITY_4K ? limit << 12 | 0xFFF : limit;
    system = !(high & CODE_OR_DATA) && (high & PRESENT);
    kprintf("  %02x    ", offset);
    if (system && cpu_probe_read(&words[2], table + offset + 8, 8)) {
        base |= (uint64_t)words[2] << 32;
        kprintf("%s", TYPE(high) == TYPE_TSS_BUSY ? "TSS in use"
                      : TYPE(high) == TYPE_TSS    ? "TSS"
                      : TYPE(high) == TYPE_LDT    ? "LDT"
                                                  : "reserved type");
    } else if (!(high & PRESENT)) {
        kprintf(low == 0 && high == 0 ? "empty\n" : "not present\n");
        return 8;
    } else {
        print_segment(high);
    }
    kprintf(", DPL %u, base %llx, limit %x\n", DPL(high), (unsigned long long)base, limit);
    if (system && TYPE(high) != TYPE_LDT) {
        print_tss(base);
    }
    return system ? 16 : 8;
}

int command_gdt(int argc, char **argv)
{
    struct table_pointer gdt;
    uint16_t task, cs, ss, ds;

    if (argc != 1) {
        return command_usage(argv[0]);
    }
    STORE_TABLE("sgdt", gdt);
    STORE_SELECTOR("str", task);
    STORE_SELECTOR("movw %%cs,", cs);
    STORE_SELECTOR("movw %%ss,", ss);
    STORE_SELECTOR("movw %%ds,", ds);
    kprintf("GDT at %016llx, %u bytes; CS %02x, SS %02x, DS %02x, TR %02x\n",
            (unsigned long long)gdt.base, gdt.limit + 1, cs, ss, ds, task);
    for (unsigned offset = 0; offset + 7 <= gdt.limit;) {
        offset += print_descriptor(gdt.base, offset);
    }
    return STATUS_OK;
}

/* What an interrupt gate says, without its handler's address. */
struct gate {
    uint64_t handler;
    uint16_t selector;
    uint8_t ist, type, dpl;
    bool present;
};

static struct gate read_gate(uint64_t table, unsigned vector)
{
    uint32_t words[4];

    if (!cpu_probe_read(words, table + vector * sizeof(words), sizeof(words))) {
        return (struct gate){0};
    }
    return (struct gate){
        .handler = (uint64_t)words[2] << 32 | (words[1] & 0xFFFF0000) | (words[0] & 0xFFFF),
        .selector = (uint16_t)(words[0] >> 16),
        .ist = words[1] & 7,
        .type = (uint8_t)TYPE(words[1]),
        .dpl = (uint8_t)DPL(words[1]),
        .present = (words[1] & PRESENT) != 0,
    };
}

/* Do the two belong into one line? Handlers may go on in equal steps. */
static bool alike(const struct gate *a, const struct gate *b, uint64_t step)
{
    return a->selector == b->selector && a->ist == b->ist && a->type == b->type &&
           a->dpl == b->dpl && a->present == b->present && b->handler - a->handler == step;
}

static void print_gates(const struct gate *gate, unsigned first, unsigned last)
{
    struct symbol symbol;

    kprintf(first == last ? "  %02x   " : "  %02x-%02x", first, last);
    if (!gate->present) {
        kprintf(" not present\n");
        return;
    }
    kprintf(" %-13s %3u  %02x  %3u  ",
            gate->type == TYPE_INTERRUPT ? "interrupt"
            : gate->type == TYPE_TRAP    ? "trap"
                                         : "reserved type",
            gate->dpl, gate->selector, gate->ist);
    if (symbols_find(gate->handler, &symbol)) {
        kprintf("%s+0x%x", symbol.function, symbol.offset);
    } else {
        kprintf("%016llx", (unsigned long long)gate->handler);
    }
    if (first == last && first < EXCEPTION_COUNT) {
        kprintf(" %s", exception_name(first));
    }
    kprintf("\n");
}

int command_idt(int argc, char **argv)
{
    struct table_pointer idt;
    struct gate group, last;
    unsigned first = 0;

    if (argc != 1) {
        return command_usage(argv[0]);
    }
    STORE_TABLE("sidt", idt);
    unsigned count = (idt.limit + 1) / 16;

    kprintf("IDT at %016llx, %u gates\n", (unsigned long long)idt.base, count);
    kprintf("        gate          DPL  CS  IST  handler\n");
    group = last = read_gate(idt.base, 0);
    for (unsigned vector = 1; vector < count; vector++) {
        struct gate gate = read_gate(idt.base, vector);

        if (!alike(&last, &gate, TRAP_STUB_SIZE)) {
            print_gates(&group, first, vector - 1);
            group = gate;
            first = vector;
        }
        last = gate;
    }
    print_gates(&group, first, count - 1);
    return STATUS_OK;
}
