/*
 * test_pci.c - the PCI scan and what drivers ask of it, on made-up configuration spaces: ordinary
 * machines, bridges that lie, capabilities in circles, BARs of all kinds, nothing and everything.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "drivers/pci.h"
#include "kernel/cpu/cpu.h"
#include "kernel/cpu/io.h"
#include "kernel/log.h"
#include "kernel/mm/vmap.h"

#define NODES_MAX 300

/* A function: its 256 bytes, and which bits of its BARs can be set. */
struct node {
    uint8_t bus, place; /* place: device << 3 | function */
    uint8_t space[256];
    uint32_t mask[6];
};

bool fake_interrupts_on;
static struct node nodes[NODES_MAX];
static unsigned node_count;
static bool has_pci, answers_everywhere;
static uint32_t config_address;
static unsigned accesses, command_writes;
static char log_text[4096];
static uint64_t mapped_at;
static size_t mapped_length;

static uint32_t get(const struct node *node, unsigned offset, unsigned size)
{
    uint32_t value = 0;

    memcpy(&value, node->space + offset, size);
    return value;
}

static void put(struct node *node, unsigned offset, unsigned size, uint32_t value)
{
    memcpy(node->space + offset, &value, size);
}

static struct node *selected_node(void)
{
    for (unsigned i = 0; i < node_count; i++) {
        if ((config_address >> 8 & 0xFFFF) == ((unsigned)nodes[i].bus << 8 | nodes[i].place)) {
            return &nodes[i];
        }
    }
    return answers_everywhere ? &nodes[0] : NULL;
}

uint32_t fake_io_read(uint16_t port, unsigned size)
{
    const struct node *node = selected_node();

    accesses++;
    if (!has_pci) {
        return 0xFFFFFFFF;
    }
    if (port == 0xCF8) {
        assert_int_equal(size, 4);
        return config_address;
    }
    assert_in_range(port, 0xCFC, 0xCFF);
    assert_int_equal((port - 0xCFCu) % size, 0);
    assert_false(fake_interrupts_on);
    return node == NULL ? 0xFFFFFFFF : get(node, (config_address & 0xFC) + (port - 0xCFCu), size);
}

/* A BAR takes the bits of its mask, and nobody may set one while the function decodes. */
static void write_bar(struct node *node, unsigned index, uint32_t value)
{
    uint32_t before = get(node, 0x10 + 4 * index, 4);

    assert_int_equal(get(node, 4, 2) & 3, 0);
    put(node, 0x10 + 4 * index, 4, (value & node->mask[index]) | (before & ~node->mask[index]));
}

void fake_io_write(uint16_t port, uint32_t value, unsigned size)
{
    unsigned offset = (config_address & 0xFC) + (port - 0xCFCu);
    struct node *node = selected_node();

    accesses++;
    if (port == 0xCF8) {
        assert_int_equal(size, 4);
        config_address = has_pci ? value & 0x80FFFFFC : 0;
        return;
    }
    assert_in_range(port, 0xCFC, 0xCFF);
    assert_false(fake_interrupts_on);
    if (node == NULL) {
        return;
    }
    if (offset >= 0x10 && offset < 0x28 && (node->space[0x0E] & 0x7F) == 0) {
        assert_int_equal(size, 4);
        write_bar(node, (offset - 0x10) / 4, value);
    } else if (offset <= 6 && offset + size > 6) {
        fail_msg("a write of %u bytes at %u clears bits of the status", size, offset);
    } else {
        command_writes += offset == 4;
        put(node, offset, size, value);
    }
}

uint64_t fake_tsc(void)
{
    return 0;
}

void fake_sleep(void)
{
}

void fake_halt(void)
{
    abort();
}

void log_line(const char *area, const char *text, ...)
{
    size_t used = strlen(log_text);
    va_list arguments;

    assert_string_equal(area, "pci");
    va_start(arguments, text);
    used += (size_t)vsnprintf(log_text + used, sizeof(log_text) - used, text, arguments);
    va_end(arguments);
    assert_true(used + 2 < sizeof(log_text));
    strcat(log_text, "\n");
}

void log_detail(const char *area, const char *text, ...)
{
    (void)area;
    (void)text;
}

void *vmap(uint64_t phys, size_t size, enum vmap_cache cache)
{
    assert_int_equal(cache, VMAP_UNCACHED);
    mapped_at = phys;
    mapped_length = size;
    return &mapped_at;
}

/* ---- Machines ---- */

static int new_machine(void **state)
{
    (void)state;
    node_count = 0;
    memset(nodes, 0, sizeof(nodes));
    has_pci = true;
    answers_everywhere = false;
    config_address = 0;
    log_text[0] = '\0';
    fake_interrupts_on = false;
    return 0;
}

static struct node *add(uint8_t bus, uint8_t device, uint8_t function, uint32_t id, uint32_t class)
{
    struct node *node = &nodes[node_count++];

    assert_true(node_count <= NODES_MAX);
    node->bus = bus;
    node->place = (uint8_t)(device << 3 | function);
    put(node, 0, 4, id);
    put(node, 8, 4, class << 8);
    return node;
}

static struct node *add_bridge(uint8_t bus, uint8_t device, uint32_t numbers)
{
    struct node *node = add(bus, device, 0, 0x00011B36, 0x060400);

    node->space[0x0E] = 1;
    put(node, 0x18, 4, numbers | 0x40000000); /* above: a timer that nobody asked for */
    return node;
}

static void set_bar(struct node *node, unsigned index, uint32_t value, uint32_t mask)
{
    put(node, 0x10 + 4 * index, 4, value);
    node->mask[index] = mask;
}

/* The addresses of all functions that the scan finds, "0:1.2 ". */
static const char *scan(void)
{
    static char text[NODES_MAX * 10];
    const struct pci_function *function = NULL;

    accesses = command_writes = 0;
    text[0] = '\0';
    pci_start();
    while ((function = pci_next(function)) != NULL) {
        snprintf(text + strlen(text), sizeof(text) - strlen(text), "%x:%x.%u ",
                 function->address.bus, function->address.device, function->address.function);
    }
    return text;
}

/* QEMU's default. */
static void add_pc(void)
{
    add(0, 0, 0, 0x12378086, 0x060000);
    add(0, 1, 0, 0x70008086, 0x060100)->space[0x0E] = 0x80;
    set_bar(add(0, 1, 1, 0x70108086, 0x010180), 4, 0xC001, 0xFFFFFFF0);
    add(0, 1, 3, 0x71138086, 0x068000);
    set_bar(add(0, 2, 0, 0x11111234, 0x030000), 0, 0xFD000008, 0xFF000000);
}

static void test_pc(void **state)
{
    const struct pci_function *ide;

    (void)state;
    add_pc();
    put(&nodes[2], 0x2C, 4, 0x11001AF4);
    nodes[2].space[8] = 7;
    assert_string_equal(scan(), "0:0.0 0:1.0 0:1.1 0:1.3 0:2.0 ");
    ide = pci_find(0x8086, 0x7010);
    assert_non_null(ide);
    assert_int_equal(ide->class_code, 1);
    assert_int_equal(ide->subclass, 1);
    assert_int_equal(ide->interface, 0x80);
    assert_int_equal(ide->revision, 7);
    assert_int_equal(ide->header_type, 0);
    assert_int_equal(ide->subsystem_vendor, 0x1AF4);
    assert_int_equal(ide->subsystem, 0x1100);
    assert_true(ide->bar[4].io);
    assert_int_equal(ide->bar[4].base, 0xC000);
    assert_int_equal(pci_find(0x8086, 0x7000)->header_type, 0);
    assert_null(pci_find(0x8086, 0x7011));
    assert_null(pci_find(0x1234, 0x7010));
    assert_string_equal(log_text, "");
}

/* What the start-up costs: two accesses for a place, and for each register of a function. */
static void test_scan_is_cheap(void **state)
{
    (void)state;
    add_pc();
    scan();
    assert_in_range(accesses, 1, 4 + 2 * (32 + 7) + 5 * 2 * 10);
    assert_int_equal(command_writes, 0);
}

static void test_no_pci(void **state)
{
    (void)state;
    has_pci = false;
    assert_false(pci_present());
    assert_string_equal(scan(), "");
    assert_null(pci_find(0x8086, 0x7010));
    has_pci = true; /* but no function */
    assert_true(pci_present());
    assert_string_equal(scan(), "");
    assert_int_equal(pci_read8((struct pci_address){0, 5, 0}, 3), 0xFF);
    assert_int_equal(pci_read16((struct pci_address){0, 5, 0}, 2), 0xFFFF);
    assert_int_equal(pci_read32((struct pci_address){255, 31, 7}, 0xFC), 0xFFFFFFFF);
}

/* Function 0 says whether there are others; without function 0 there is no device. */
static void test_multi_function(void **state)
{
    (void)state;
    add(0, 3, 0, 0x00011234, 0x020000);
    add(0, 3, 1, 0x00021234, 0x020000);
    add(0, 4, 0, 0x00031234, 0x020000)->space[0x0E] = 0x80;
    add(0, 4, 7, 0x00041234, 0x020000);
    add(0, 5, 1, 0x00051234, 0x020000)->space[0x0E] = 0x80;
    add(0, 6, 0, 0x00000000, 0x020000); /* as some boards have it */
    add(0, 31, 0, 0x00061234, 0x020000)->space[0x0E] = 0x80;
    add(0, 31, 7, 0x00071234, 0x020000);
    assert_string_equal(scan(), "0:3.0 0:4.0 0:4.7 0:1f.0 0:1f.7 ");
}

/* Buses come in order of number, whatever the order of the bridges, and only those that are led to.
 */
static void test_bridges(void **state)
{
    (void)state;
    add(0, 0, 0, 0x29C08086, 0x060000);
    add_bridge(0, 1, 0x050500);
    add_bridge(0, 2, 0x040100);
    add_bridge(1, 0, 0x040301);
    add(3, 9, 0, 0x10421AF4, 0x010000);
    add(5, 0, 0, 0x10411AF4, 0x020000);
    add(6, 0, 0, 0x10401AF4, 0x020000); /* nothing leads there */
    assert_string_equal(scan(), "0:0.0 0:1.0 0:2.0 1:0.0 3:9.0 5:0.0 ");
    assert_string_equal(log_text, "");
    assert_int_equal(pci_find(0x1B36, 1)->header_type, 1);
}

/* Bridges that make no sense: each is told, all buses are looked at, and it ends. */
static void test_bad_bridges(void **state)
{
    static const struct {
        uint8_t bus;
        uint32_t numbers; /* subordinate, secondary, primary */
    } bad[] = {
        {0, 0x000000}, /* never set up */
        {3, 0x040400}, /* another primary bus */
        {0, 0x010200}, /* subordinate below secondary */
        {3, 0x030303}, /* leads to its own bus */
        {3, 0x000003}, /* leads back */
        {3, 0x020203}, /* leads to a bus whose turn has been */
        {3, 0x060403}, /* beyond what the bridge to bus 3 passes on */
        {0, 0x030300}, /* the same bus as another bridge */
        {0, 0xFFFFFF},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        new_machine(NULL);
        add_bridge(0, 1, 0x050300);
        add_bridge(bad[i].bus, 2, bad[i].numbers);
        add(3, 3, 0, 0x10411AF4, 0x020000);
        add(200, 4, 0, 0x10421AF4, 0x010000); /* hidden behind what cannot be trusted */
        assert_string_equal(scan(), bad[i].bus == 0 ? "0:1.0 0:2.0 3:3.0 c8:4.0 "
                                                    : "0:1.0 3:2.0 3:3.0 c8:4.0 ");
        assert_non_null(strstr(log_text, "02.0: bad bus numbers"));
        assert_non_null(strstr(log_text, "trying all buses\n"));
        assert_in_range(accesses, 256 * 64, 256 * 64 + 1000);
    }
}

/* The worst that a bus can do: something that says it is many functions, everywhere. */
static void test_everything_answers(void **state)
{
    static const uint8_t headers[] = {0x00, 0x80, 0x81, 0xFF};

    (void)state;
    for (size_t i = 0; i < sizeof(headers); i++) {
        new_machine(NULL);
        add(0, 0, 0, 0x12341234, 0xFFFFFF)->space[0x0E] = headers[i];
        answers_everywhere = true;
        scan();
        if (headers[i] == 0) { /* one in each of the 32 places of bus 0 */
            assert_string_equal(log_text, "");
        } else {
            assert_non_null(strstr(log_text, "too many functions: those from "));
        }
        assert_in_range(accesses, 1, 10000);
    }
}

static void test_interrupt_lines(void **state)
{
    static const struct {
        uint8_t line, pin, irq, pin_seen;
    } cases[] = {
        {11, 1, 11, 1},           {10, 4, 10, 4},         {15, 2, 15, 2},
        {0xFF, 1, PCI_NO_IRQ, 1}, {16, 1, PCI_NO_IRQ, 1}, {0, 1, PCI_NO_IRQ, 1},
        {11, 0, PCI_NO_IRQ, 0},   {11, 5, PCI_NO_IRQ, 0}, {11, 0xFF, PCI_NO_IRQ, 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct node *node;

        new_machine(NULL);
        node = add(0, 1, 0, 0x00011234, 0);
        node->space[0x3C] = cases[i].line;
        node->space[0x3D] = cases[i].pin;
        scan();
        assert_int_equal(pci_next(NULL)->irq, cases[i].irq);
        assert_int_equal(pci_next(NULL)->pin, cases[i].pin_seen);
    }
}

/* ---- BARs ---- */

/* Every kind of BAR: where it is, how large, and that all is as before. */
static void test_bars(void **state)
{
    struct node *node, before;
    const struct pci_function *function;

    (void)state;
    node = add(0, 1, 0, 0x00011234, 0x010000);
    set_bar(node, 0, 0xC041, 0x0000FFC0);     /* ports, 16 bits wide */
    set_bar(node, 1, 0xC101, 0xFFFFFF00);     /* ports, 32 bits wide */
    set_bar(node, 2, 0xFEBC0000, 0xFFFE0000); /* memory */
    set_bar(node, 3, 0x00000008, 0xFF000000); /* prefetchable, without a place */
    set_bar(node, 4, 0x8000000C, 0xE0000000); /* 64 bits: 0.5 GiB at 18 GiB */
    set_bar(node, 5, 0x00000004, 0xFFFFFFFF);
    put(node, 4, 2, 0x0107);
    put(node, 6, 2, 0xF810); /* bits that a write of 1 would clear */
    before = *node;
    scan();
    function = pci_next(NULL);
    assert_memory_equal(node, &before, sizeof(before));
    assert_true(function->bar[0].io);
    assert_int_equal(function->bar[0].base, 0xC040);
    assert_int_equal(pci_bar_size(function, 0), 0x40);
    assert_int_equal(function->bar[1].base, 0xC100);
    assert_int_equal(pci_bar_size(function, 1), 0x100);
    assert_false(function->bar[2].io || function->bar[2].prefetch || function->bar[2].is_64);
    assert_int_equal(function->bar[2].base, 0xFEBC0000);
    assert_int_equal(pci_bar_size(function, 2), 0x20000);
    assert_true(function->bar[3].prefetch);
    assert_int_equal(function->bar[3].base, 0);
    assert_int_equal(pci_bar_size(function, 3), 0x1000000);
    assert_true(function->bar[4].is_64 && function->bar[4].prefetch);
    assert_int_equal(function->bar[4].base, 0x480000000);
    assert_int_equal(pci_bar_size(function, 4), 0x20000000);
    assert_int_equal(function->bar[5].base, 0);
    assert_int_equal(pci_bar_size(function, 5), 0);
    assert_int_equal(pci_bar_size(function, 6), 0);
    assert_memory_equal(node, &before, sizeof(before));
    assert_int_equal(command_writes, 2); /* measured once, whoever asks */
}

static void test_odd_bars(void **state)
{
    struct node *node;
    const struct pci_function *function;

    (void)state;
    node = add(0, 1, 0, 0x00011234, 0x010000);
    set_bar(node, 0, 0x00010001, 0xFFFFFFF0); /* a port that no PC has */
    set_bar(node, 1, 0xFEB00000, 0xFF0F0000); /* a mask with a hole: the lowest bit counts */
    set_bar(node, 2, 0x00000004, 0);          /* 64 bits, larger than 4 GiB, at 64 GiB */
    set_bar(node, 3, 0x00000010, 0xFFFFFFF0);
    set_bar(node, 5, 0xFEBD0004, 0xFFFFF000); /* 64 bits, but no second half */
    scan();
    function = pci_next(NULL);
    assert_int_equal(function->bar[0].base, 0);
    assert_int_equal(function->bar[1].base, 0xFEB00000);
    assert_int_equal(pci_bar_size(function, 1), 0x10000);
    assert_int_equal(function->bar[2].base, 0x1000000000);
    assert_int_equal(pci_bar_size(function, 2), 0x1000000000);
    assert_int_equal(pci_bar_size(function, 3), 0);
    assert_int_equal(pci_bar_size(function, 4), 0);
    assert_int_equal(function->bar[5].base, 0);
    assert_int_equal(pci_bar_size(function, 5), 0);
    assert_int_equal(command_writes, 0); /* it decoded nothing */
}

/* What stands behind a bridge's two BARs is no BAR, and a host bridge must go on decoding. */
static void test_bars_left_alone(void **state)
{
    struct node *bridge, *host, before_bridge, before_host;
    const struct pci_function *function;

    (void)state;
    host = add(0, 0, 0, 0x12378086, 0x060000);
    set_bar(host, 0, 0xE0000008, 0xF0000000);
    put(host, 4, 2, 7);
    bridge = add_bridge(0, 1, 0x020100);
    put(bridge, 0x14, 4, 0xFEB00004); /* its other half would be the bus numbers */
    put(bridge, 0x1C, 4, 0x0000D0C1);
    put(bridge, 4, 2, 7);
    add(0, 2, 0, 0x00021234, 0)->space[0x0E] = 3; /* a header that nobody knows */
    before_host = *host;
    before_bridge = *bridge;
    scan();
    function = pci_next(NULL);
    assert_int_equal(function->bar[0].base, 0xE0000000);
    assert_int_equal(pci_bar_size(function, 0), 0);
    assert_memory_equal(host, &before_host, sizeof(before_host));
    function = pci_next(function);
    assert_int_equal(pci_bar_size(function, 0), 0xFFFFFFF0 & -0xFFFFFFF0u);
    assert_int_equal(function->bar[1].base | function->bar[2].base | function->bar[3].base, 0);
    put(bridge, 0x10, 4, 0); /* which the made-up bridge keeps as it was written */
    put(bridge, 0x14, 4, 0xFEB00004);
    assert_memory_equal(bridge, &before_bridge, sizeof(before_bridge));
    function = pci_next(function);
    assert_int_equal(pci_bar_size(function, 0), 0);
    assert_int_equal(function->header_type, 3);
}

static void test_map(void **state)
{
    struct node *node;
    const struct pci_function *function;

    (void)state;
    node = add(0, 1, 0, 0x00011234, 0x010000);
    set_bar(node, 0, 0xC041, 0xFFFFFFC0);
    set_bar(node, 1, 0xFEBD0000, 0xFFFFF000);
    set_bar(node, 2, 0x0000000C, 0xFFFFC000);
    set_bar(node, 3, 0x00000038, 0xFFFFFFFF);
    set_bar(node, 4, 0x00000000, 0xFFFFF000);
    scan();
    function = pci_next(NULL);
    assert_non_null(pci_map(function, 1, 0, 0x1000));
    assert_int_equal(mapped_at, 0xFEBD0000);
    assert_int_equal(mapped_length, 0x1000);
    assert_non_null(pci_map(function, 1, 0xFFF, 1));
    assert_non_null(pci_map(function, 2, 0x3000, 0x1000));
    assert_int_equal(mapped_at, 0x3800003000);
    assert_null(pci_map(function, 0, 0, 4));      /* ports */
    assert_null(pci_map(function, 1, 0, 0));      /* nothing */
    assert_null(pci_map(function, 1, 0, 0x1001)); /* beyond the end */
    assert_null(pci_map(function, 1, 0x1000, 1));
    assert_null(pci_map(function, 1, 1, 0x1000));
    assert_null(pci_map(function, 1, UINT64_MAX, 2));
    assert_null(pci_map(function, 1, 2, SIZE_MAX));
    assert_null(pci_map(function, 4, 0, 4)); /* without a place */
    assert_null(pci_map(function, 5, 0, 4)); /* not there */
    assert_null(pci_map(function, 6, 0, 4));
    assert_null(pci_map(function, UINT32_MAX, 0, 4));
}

/* ---- Capabilities ---- */

static void add_capability(struct node *node, uint8_t place, uint8_t number, uint8_t next)
{
    node->space[place] = number;
    node->space[place + 1] = next;
}

/* All capabilities NUMBER of the only function, "40 54 ", found one after the other. */
static const char *capabilities(uint8_t number)
{
    static char text[256];
    uint8_t place = 0;
    unsigned found = 0;

    text[0] = '\0';
    scan();
    while ((place = pci_capability(pci_next(NULL), number, place)) != 0) {
        assert_true(++found <= 48);
        snprintf(text + strlen(text), sizeof(text) - strlen(text), "%x ", place);
    }
    return text;
}

static void test_capabilities(void **state)
{
    struct node *node;

    (void)state;
    node = add(0, 1, 0, 0x10421AF4, 0x010000);
    put(node, 6, 2, 0x0010);
    node->space[0x34] = 0x98;
    add_capability(node, 0x98, PCI_CAP_MSIX, 0x84);
    add_capability(node, 0x84, PCI_CAP_VENDOR, 0x40);
    add_capability(node, 0x40, PCI_CAP_VENDOR, 0xFC);
    add_capability(node, 0xFC, PCI_CAP_MSI, 0);
    assert_string_equal(capabilities(PCI_CAP_VENDOR), "84 40 ");
    assert_string_equal(capabilities(PCI_CAP_MSIX), "98 ");
    assert_string_equal(capabilities(PCI_CAP_MSI), "fc ");
    assert_string_equal(capabilities(0x10), "");
    assert_string_equal(capabilities(PCI_CAP_ANY), "98 84 40 fc ");
    assert_int_equal(pci_capability(pci_next(NULL), PCI_CAP_VENDOR, 0x50), 0); /* not in the list */
    node->space[0x34] = 0x9B; /* the lowest two bits mean nothing */
    node->space[0x99] = 0x87;
    assert_string_equal(capabilities(PCI_CAP_VENDOR), "84 40 ");
    put(node, 6, 2, 0); /* no list, whatever the pointer says */
    assert_string_equal(capabilities(PCI_CAP_VENDOR), "");
    put(node, 6, 2, 0x0010);
    node->space[0x0E] = 2; /* CardBus has it at another place */
    node->space[0x14] = 0x40;
    assert_string_equal(capabilities(PCI_CAP_VENDOR), "40 ");
    node->space[0x0E] = 5;
    assert_string_equal(capabilities(PCI_CAP_VENDOR), "");
}

static void test_hostile_capabilities(void **state)
{
    struct node *node;

    (void)state;
    node = add(0, 1, 0, 0x10421AF4, 0x010000);
    put(node, 6, 2, 0x0010);
    node->space[0x34] = 0x40;
    add_capability(node, 0x40, PCI_CAP_VENDOR, 0x40); /* its own successor */
    assert_string_equal(capabilities(PCI_CAP_VENDOR), "40 ");
    assert_string_equal(capabilities(PCI_CAP_MSI), "");
    add_capability(node, 0x40, PCI_CAP_VENDOR, 0x50); /* a ring that does not go to the start */
    add_capability(node, 0x50, PCI_CAP_VENDOR, 0x60);
    add_capability(node, 0x60, PCI_CAP_VENDOR, 0x50);
    assert_string_equal(capabilities(PCI_CAP_VENDOR), "40 50 60 ");
    add_capability(node, 0x50, PCI_CAP_VENDOR, 0x3C); /* into the header */
    add_capability(node, 0x3C, PCI_CAP_VENDOR, 0x60);
    assert_string_equal(capabilities(PCI_CAP_VENDOR), "40 50 ");
    for (unsigned place = 0x40; place < 0x100;
         place += 4) { /* as many as there can be, in a ring */
        add_capability(node, (uint8_t)place, PCI_CAP_VENDOR, (uint8_t)(place + 4));
    }
    node->space[0xFD] = 0x40;
    assert_int_equal(strlen(capabilities(PCI_CAP_VENDOR)), 48 * 3);
    memset(node->space + 0x34, 0xFF, 0x100 - 0x34); /* the device has gone */
    assert_string_equal(capabilities(PCI_CAP_VENDOR), "");
    assert_string_equal(capabilities(0xFF), "fc ");
}

/* ---- Registers ---- */

static void test_access_sizes(void **state)
{
    const struct pci_address address = {0, 3, 0};
    struct node *node;

    (void)state;
    node = add(0, 3, 0, 0x56781234, 0);
    for (unsigned i = 0x40; i < 0x100; i++) {
        node->space[i] = (uint8_t)i;
    }
    fake_interrupts_on = true;
    assert_int_equal(pci_read16(address, 2), 0x5678);
    assert_int_equal(pci_read8(address, 1), 0x12);
    assert_int_equal(pci_read8(address, 0xFF), 0xFF);
    assert_int_equal(pci_read32(address, 0x44), 0x47464544);
    pci_write8(address, 0x45, 1);
    pci_write16(address, 0x46, 0x0302);
    assert_int_equal(pci_read32(address, 0x44), 0x03020144);
    pci_write32(address, 0x44, 0xAABBCCDD);
    assert_int_equal(pci_read32(address, 0x44), 0xAABBCCDD);
    assert_int_equal(pci_read32(address, 0x40), 0x43424140);
    assert_int_equal(pci_read32(address, 0x48), 0x4B4A4948);
    assert_true(fake_interrupts_on);
}

static void test_enable(void **state)
{
    struct node *node;

    (void)state;
    node = add(0, 3, 0, 0x56781234, 0);
    put(node, 4, 2, 0x0541);
    put(node, 6, 2, 0xF810);
    scan();
    pci_enable(pci_next(NULL), PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
    assert_int_equal(get(node, 4, 2), 0x0147);
    assert_int_equal(get(node, 6, 2), 0xF810);
    assert_int_equal(command_writes, 1);
    pci_enable(pci_next(NULL), PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
    assert_int_equal(command_writes, 1); /* nothing to change */
}

static void test_names(void **state)
{
    (void)state;
    assert_string_equal(pci_vendor_name(0x8086), "Intel");
    assert_string_equal(pci_vendor_name(0x1022), "AMD");
    assert_string_equal(pci_device_name(0x8086, 0x7010), "82371SB PIIX3 IDE [Natoma/Triton II]");
    assert_string_equal(pci_device_name(0x1AF4, 0x1042), "Virtio 1.0 block device");
    assert_string_equal(pci_device_name(0x1234, 0x1111), "Standard VGA (Bochs VBE)");
    assert_null(pci_device_name(0x8086, 0x1042)); /* a number of another vendor */
    assert_null(pci_device_name(0x8086, 0xFFFF));
    assert_null(pci_device_name(0xFFFF, 0x7010));
    assert_null(pci_vendor_name(0xFFFF));
    assert_null(pci_vendor_name(0x7010)); /* a device's */
    assert_null(pci_vendor_name(0xC001)); /* not class 01 */
    assert_string_equal(pci_class_name(1, 1), "IDE interface");
    assert_string_equal(pci_class_name(1, 0x80), "Mass storage controller");
    assert_string_equal(pci_class_name(6, 4), "PCI bridge");
    assert_null(pci_class_name(0xFF, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_pc, new_machine),
        cmocka_unit_test_setup(test_scan_is_cheap, new_machine),
        cmocka_unit_test_setup(test_no_pci, new_machine),
        cmocka_unit_test_setup(test_multi_function, new_machine),
        cmocka_unit_test_setup(test_bridges, new_machine),
        cmocka_unit_test_setup(test_bad_bridges, new_machine),
        cmocka_unit_test_setup(test_everything_answers, new_machine),
        cmocka_unit_test_setup(test_interrupt_lines, new_machine),
        cmocka_unit_test_setup(test_bars, new_machine),
        cmocka_unit_test_setup(test_odd_bars, new_machine),
        cmocka_unit_test_setup(test_bars_left_alone, new_machine),
        cmocka_unit_test_setup(test_map, new_machine),
        cmocka_unit_test_setup(test_capabilities, new_machine),
        cmocka_unit_test_setup(test_hostile_capabilities, new_machine),
        cmocka_unit_test_setup(test_access_sizes, new_machine),
        cmocka_unit_test_setup(test_enable, new_machine),
        cmocka_unit_test(test_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
