/*
 * test_symbols.c - tables that tools/symbols packs are read back as they were, by kernel/symbols.c;
 * and bytes that are no table, or a damaged one, lead nowhere (ASan watches every read).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kernel/symbols.h"
#include "kernel/symbols_table.h"
#include "tools/symbols/codemap.h"

#define START     0xFFFFFFFF80103000ull
#define FUNCTIONS 300
#define ROWS      4000
#define FILES     40

static uint32_t seed = 1;

static uint32_t random_below(uint32_t end)
{
    seed = seed * 1664525 + 1013904223;
    return (uint32_t)((uint64_t)seed * end >> 32);
}

static char names[FUNCTIONS][100], files[FILES][40];
static struct code_function functions[FUNCTIONS];
static struct code_row rows[ROWS];
static const char *file_names[FILES];
static struct code_map map = {
    .start = START, .functions = functions, .rows = rows, .files = file_names};

/* A map as code has it: lines that mostly go on by a few, sometimes far, now and then a file. */
static void make_map(void)
{
    static const char *const words[] = {"read", "write", "vga", "serial", "_", "__", "x2", "panic"};
    uint64_t address = START;

    for (unsigned i = 0; i < FUNCTIONS; i++) {
        snprintf(names[i], sizeof(names[i]), "%s_%s%s%u", words[random_below(8)],
                 words[random_below(8)],
                 random_below(20) == 0 ? " a name that goes on and on and "
                                         "does not end before there is no room left for it"
                                       : "",
                 i);
        functions[i] = (struct code_function){address, names[i]};
        address += 1 + random_below(400);
    }
    map.end = address;
    for (unsigned i = 1; i < FILES; i++) {
        snprintf(files[i], sizeof(files[i]), "drivers/file_%u.c", i);
    }
    for (unsigned i = 0; i < FILES; i++) {
        file_names[i] = files[i];
    }
    address = START + 100;
    for (unsigned i = 0; i < ROWS; i++) {
        bool far = random_below(10) == 0;
        unsigned line = i > 0 ? rows[i - 1].line : 1000;

        line = far ? random_below(100000) : line + 10 - random_below(12);
        rows[i] = (struct code_row){address, i > 0 && !far ? rows[i - 1].file : random_below(FILES),
                                    line, i};
        address += 1 + random_below(far ? 500 : 12);
    }
    map.function_count = FUNCTIONS;
    map.row_count = ROWS;
    map.file_count = FILES;
}

/* What a simple search in the map says about ADDRESS. */
static void check_address(const struct table *table, uint64_t address)
{
    struct symbol symbol;
    const struct code_function *function = functions;
    const struct code_row *row = NULL;

    for (unsigned i = 0; i < FUNCTIONS && functions[i].address <= address; i++) {
        function = &functions[i];
    }
    for (unsigned i = 0; i < ROWS && rows[i].address <= address; i++) {
        row = &rows[i];
    }
    assert_true(symbols_find_in(table->bytes, table->size, address, &symbol));
    assert_int_equal(symbol.offset, address - function->address);
    assert_memory_equal(symbol.function, function->name, strnlen(function->name, 63));
    assert_int_equal(strlen(symbol.function), strnlen(function->name, 63));
    assert_string_equal(symbol.file, row != NULL ? file_names[row->file] : "");
    assert_int_equal(symbol.line, row != NULL ? row->line : 0);
}

static void test_every_address(void **state)
{
    (void)state;
    make_map();
    struct table table = table_pack(&map);
    struct symbol symbol;

    for (uint64_t address = START; address < map.end; address++) {
        check_address(&table, address);
    }
    assert_false(symbols_find_in(table.bytes, table.size, START - 1, &symbol));
    assert_false(symbols_find_in(table.bytes, table.size, map.end, &symbol));
    assert_false(symbols_find_in(table.bytes, table.size, 0, &symbol));
    assert_false(symbols_find_in(table.bytes, table.size, UINT64_MAX, &symbol));
    free(table.bytes);
}

static void test_no_functions(void **state)
{
    static const char *none[] = {""};
    struct code_map empty = {.start = START, .end = START + 10, .files = none, .file_count = 1};
    struct symbol symbol;

    (void)state;
    struct table table = table_pack(&empty);
    assert_false(symbols_find_in(table.bytes, table.size, START, &symbol));
    assert_false(symbols_find_in(table.bytes, 0, START, &symbol));
    free(table.bytes);
}

/* A copy that ends where the table ends, so that ASan sees a read behind it. */
static void look_everywhere(const uint8_t *bytes, size_t size)
{
    uint8_t *copy = malloc(size + 1);

    memcpy(copy + 1, bytes, size);
    for (uint64_t address = START; address < map.end; address += 977) {
        struct symbol symbol;

        memset(&symbol, 0x55, sizeof(symbol));
        if (symbols_find_in(copy + 1, size, address, &symbol)) {
            assert_non_null(memchr(symbol.function, 0, sizeof(symbol.function)));
            assert_non_null(memchr(symbol.file, 0, sizeof(symbol.file)));
        }
    }
    free(copy);
}

static void test_truncated(void **state)
{
    (void)state;
    make_map();
    struct table table = table_pack(&map);

    for (size_t size = 0; size < table.size; size += 1 + size / 64) {
        look_everywhere(table.bytes, size);
        memcpy(table.bytes + offsetof(struct symbols_header, size), &(uint32_t){(uint32_t)size}, 4);
        look_everywhere(table.bytes, size);
        memcpy(table.bytes + offsetof(struct symbols_header, size),
               &(uint32_t){(uint32_t)table.size}, 4);
    }
    free(table.bytes);
}

static void test_damaged(void **state)
{
    (void)state;
    make_map();
    struct table table = table_pack(&map);
    uint8_t *bytes = malloc(table.size);

    for (unsigned round = 0; round < 2000; round++) {
        memcpy(bytes, table.bytes, table.size);
        for (unsigned i = 0; i <= round % 8; i++) {
            /* Half of the damage to the header and the tokens. */
            size_t at = random_below(round % 2 ? 300 : (uint32_t)table.size);

            bytes[at] = (uint8_t)random_below(256);
        }
        look_everywhere(bytes, table.size);
    }
    free(bytes);
    free(table.bytes);
}

static void test_not_a_table(void **state)
{
    struct symbol symbol;

    (void)state;
    make_map();
    struct table table = table_pack(&map);

    table.bytes[offsetof(struct symbols_header, line_count)] = 0;
    assert_false(symbols_find_in(table.bytes, table.size, START, &symbol));
    table.bytes[offsetof(struct symbols_header, line_count)] = 10;
    assert_true(symbols_find_in(table.bytes, table.size, START, &symbol));
    table.bytes[0] ^= 1;
    assert_false(symbols_find_in(table.bytes, table.size, START, &symbol));
    free(table.bytes);
}

/* Tokens that contain themselves, or a long chain of others, have an end. */
static void test_deep_tokens(void **state)
{
    static const int firsts[] = {0xFF, 'a'};

    (void)state;
    make_map();
    for (int kind = 0; kind < 2; kind++) {
        struct table table = table_pack(&map);
        uint8_t *tokens = table.bytes + sizeof(struct symbols_header);

        for (int i = 0; i < table.bytes[offsetof(struct symbols_header, token_count)]; i++) {
            tokens[2 * i] = (uint8_t)(i == 0 || kind == 0 ? firsts[kind] : 0x80 + i - 1);
            tokens[2 * i + 1] = (uint8_t)firsts[kind];
        }
        look_everywhere(table.bytes, table.size);
        free(table.bytes);
    }
}

/* A table of one function; AT is one of its bytes, and a field of its header. */
static void look_at_changed(size_t at, uint32_t value, size_t bytes)
{
    static const char *no_files[] = {""};
    static struct code_function function = {START, "f"};
    struct code_map small = {.start = START,
                             .end = START + 100000,
                             .functions = &function,
                             .function_count = 1,
                             .files = no_files,
                             .file_count = 1};
    struct table table = table_pack(&small);
    uint8_t *name = memchr(table.bytes + sizeof(struct symbols_header), 'f', 100);

    assert_non_null(name);
    *name = 0xFF; /* the highest token */
    memcpy(table.bytes + at, &value, bytes);
    look_everywhere(table.bytes, table.size);
    free(table.bytes);
}
#define LOOK_AT_CHANGED(field, value)                                                              \
    look_at_changed(offsetof(struct symbols_header, field), value,                                 \
                    sizeof(((struct symbols_header *)0)->field))

static void test_fields_out_of_range(void **state)
{
    (void)state;
    LOOK_AT_CHANGED(token_count, 0);
    LOOK_AT_CHANGED(token_count, 128);
    LOOK_AT_CHANGED(token_count, 255);
    LOOK_AT_CHANGED(line_count, 0);
    LOOK_AT_CHANGED(files, UINT32_MAX);
    LOOK_AT_CHANGED(files, 1000);
    LOOK_AT_CHANGED(index, UINT32_MAX);
    LOOK_AT_CHANGED(index, 1000);
    LOOK_AT_CHANGED(blocks, UINT16_MAX);
    LOOK_AT_CHANGED(stream, UINT32_MAX);
    LOOK_AT_CHANGED(stream, 1000);
    LOOK_AT_CHANGED(size, UINT32_MAX);
    LOOK_AT_CHANGED(size, 1000);
    LOOK_AT_CHANGED(size, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_address),       cmocka_unit_test(test_no_functions),
        cmocka_unit_test(test_truncated),           cmocka_unit_test(test_damaged),
        cmocka_unit_test(test_not_a_table),         cmocka_unit_test(test_deep_tokens),
        cmocka_unit_test(test_fields_out_of_range),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
