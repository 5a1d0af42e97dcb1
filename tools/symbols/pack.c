/*
 * pack.c - from a code map to the table of kernel/symbols_table.h.
 *
 * First the map becomes a list of steps, the stream's instructions in their long form. Then the
 * short rows are given the meaning that makes this stream the smallest: every line_first and
 * line_count is tried. names.c packs the names.
 */
#include <stdlib.h>
#include <string.h>

#include "kernel/symbols_table.h"
#include "tools/symbols/codemap.h"
#include "tools/symbols/names.h"

#define LINE_FIRST_MIN (-24)
#define LINE_FIRST_MAX 1
#define LINE_COUNT_MAX 64

struct step {
    enum symbols_op op; /* SYMBOLS_SHORT_ROWS is not used */
    uint32_t number;    /* function, file, or bytes of a row */
    int32_t line;       /* change, of a row */
};

struct steps {
    struct step *list;
    size_t count;
};

struct place {
    unsigned file, line;
};

/* The bytes that are being written. */
struct output {
    uint8_t *bytes; /* NULL: only count */
    size_t size;
};

static void put(struct output *output, unsigned byte)
{
    if (output->bytes != NULL) {
        output->bytes[output->size] = (uint8_t)byte;
    }
    output->size++;
}

static void put_number(struct output *output, uint32_t number)
{
    for (; number >= 0x80; number >>= 7) {
        put(output, number | 0x80);
    }
    put(output, number);
}

static void put_signed(struct output *output, int32_t number)
{
    put_number(output, number < 0 ? ~(uint32_t)number << 1 | 1 : (uint32_t)number << 1);
}

static void put_text(struct output *output, const char *text)
{
    for (const char *c = text; *c != '\0'; c++) {
        put(output, (unsigned char)*c);
    }
    put(output, 0);
}

static void add_step(struct steps *steps, enum symbols_op op, uint32_t number, int32_t line)
{
    steps->list = grow(steps->list, (steps->count + 1) * sizeof *steps->list);
    steps->list[steps->count++] = (struct step){op, number, line};
}

/* Go from *HERE to the line of ROW, which has LENGTH bytes. */
static void add_row(struct steps *steps, struct place *here, struct place *other,
                    const struct code_row *row, uint32_t length)
{
    if (row->file != here->file) {
        struct place left = *here;

        if (row->file == other->file) {
            *here = *other;
            add_step(steps, SYMBOLS_SWAP, 0, 0);
        } else {
            *here = (struct place){row->file, 0};
            add_step(steps, SYMBOLS_FILE, row->file, 0);
        }
        *other = left;
    }
    add_step(steps, SYMBOLS_ROW, length, (int32_t)(row->line - here->line));
    here->line = row->line;
}

/* All rows from FROM to TO; *ROW is the last one that begins at FROM or before it. */
static void add_rows(struct steps *steps, const struct code_map *map, size_t *row, uint64_t from,
                     uint64_t to, struct place *here, struct place *other)
{
    static const struct code_row unknown;

    while (from < to) {
        bool before_all = map->row_count == 0 || map->rows[0].address > from;
        size_t next = before_all ? 0 : *row + 1;
        uint64_t end = next < map->row_count ? map->rows[next].address : to;

        end = end < to ? end : to;
        if (end > from) {
            add_row(steps, here, other, before_all ? &unknown : &map->rows[*row],
                    (uint32_t)(end - from));
        }
        from = end;
        if (!before_all && next < map->row_count && map->rows[next].address == from) {
            *row = next;
        }
    }
}

static struct steps make_steps(const struct code_map *map)
{
    struct steps steps = {NULL, 0};
    struct place here = {0, 0}, other = {0, 0};
    size_t row = 0;

    for (size_t i = 0; i < map->function_count; i++) {
        uint64_t from = map->functions[i].address;
        uint64_t to = i + 1 < map->function_count ? map->functions[i + 1].address : map->end;

        if (i % SYMBOLS_BLOCK == 0) {
            here = other = (struct place){0, 0};
        }
        while (row + 1 < map->row_count && map->rows[row + 1].address <= from) {
            row++;
        }
        add_step(&steps, SYMBOLS_FUNCTION, (uint32_t)i, 0);
        add_rows(&steps, map, &row, from, to, &here, &other);
    }
    return steps;
}

/* The one-byte form of STEP, a row, under HEADER; 0 if it has none. */
static unsigned short_row(const struct symbols_header *header, uint32_t bytes, int32_t line)
{
    int32_t column = line - header->line_first;
    uint64_t op =
        SYMBOLS_SHORT_ROWS + (uint64_t)(bytes - 1) * header->line_count + (uint32_t)column;

    return column >= 0 && column < header->line_count && op <= 0xFF ? (unsigned)op : 0;
}

/* A row in the shortest form that it fits into. */
static void put_row(struct output *output, const struct symbols_header *header, struct step row)
{
    if (short_row(header, row.number, row.line) != 0) {
        put(output, short_row(header, row.number, row.line));
    } else if (row.number <= SYMBOLS_MIDDLE_BYTES &&
               row.line >= SYMBOLS_MIDDLE_ROWS - SYMBOLS_MIDDLE_ZERO &&
               row.line < SYMBOLS_SHORT_ROWS - SYMBOLS_MIDDLE_ZERO) {
        put(output, (unsigned)(row.line + SYMBOLS_MIDDLE_ZERO));
        put(output, row.number - 1);
    } else {
        put(output, SYMBOLS_ROW);
        put_signed(output, row.line);
        put_number(output, row.number);
    }
}

static void put_stream(struct output *output, const struct symbols_header *header,
                       const struct steps *steps, char **names)
{
    for (size_t i = 0; i < steps->count; i++) {
        const struct step *step = &steps->list[i];

        if (step->op == SYMBOLS_ROW) {
            put_row(output, header, *step);
            continue;
        }
        put(output, step->op);
        if (step->op == SYMBOLS_FUNCTION) {
            put_text(output, names[step->number]);
        } else if (step->op == SYMBOLS_FILE) {
            put_number(output, step->number);
        }
    }
}

static size_t stream_size(const struct symbols_header *header, const struct steps *steps,
                          char **names)
{
    struct output output = {NULL, 0};

    put_stream(&output, header, steps, names);
    return output.size;
}

static void choose_short_rows(struct symbols_header *header, const struct steps *steps,
                              char **names)
{
    struct symbols_header best = *header;
    size_t best_size = SIZE_MAX;

    for (int first = LINE_FIRST_MIN; first <= LINE_FIRST_MAX; first++) {
        for (int count = 1; count <= LINE_COUNT_MAX; count++) {
            header->line_first = (int8_t)first;
            header->line_count = (uint8_t)count;
            size_t size = stream_size(header, steps, names);

            if (size < best_size) {
                best_size = size;
                best = *header;
            }
        }
    }
    *header = best;
}

/* Each block of the index: the stream up to it is made again, for its length. */
static void put_index(struct output *output, const struct symbols_header *header,
                      const struct code_map *map, const struct steps *steps, char **names)
{
    struct steps before = {steps->list, 0};

    for (size_t i = 0; i < steps->count; i++) {
        const struct step *step = &steps->list[i];

        if (step->op != SYMBOLS_FUNCTION || step->number % SYMBOLS_BLOCK != 0) {
            continue;
        }
        before.count = i;
        struct symbols_block block = {
            (uint32_t)(map->functions[step->number].address - map->start),
            (uint32_t)stream_size(header, &before, names),
        };

        for (size_t byte = 0; byte < sizeof block; byte++) {
            put(output, ((const uint8_t *)&block)[byte]);
        }
    }
}

struct table table_pack(const struct code_map *map)
{
    struct packed_names packed = names_pack(map);
    struct steps steps = make_steps(map);
    struct symbols_header header = {
        .magic = SYMBOLS_MAGIC,
        .base = map->start,
        .code_size = (uint32_t)(map->end - map->start),
        .blocks = (uint16_t)((map->function_count + SYMBOLS_BLOCK - 1) / SYMBOLS_BLOCK),
        .token_count = (uint8_t)packed.token_count,
    };
    struct output output = {NULL, 0};

    choose_short_rows(&header, &steps, packed.functions);
    /* Twice: the first time to find out how much, and where. */
    for (int round = 0; round < 2; round++) {
        if (round == 1) {
            output.bytes = grow(NULL, output.size);
            header.size = (uint32_t)output.size;
            memcpy(output.bytes, &header, sizeof header);
        }
        output.size = sizeof header;
        for (unsigned i = 0; i < 2 * packed.token_count; i++) {
            put(&output, packed.tokens[i]);
        }
        header.files = (uint32_t)output.size;
        for (size_t i = 0; i < map->file_count; i++) {
            put_text(&output, packed.files[i]);
        }
        header.index = (uint32_t)output.size;
        put_index(&output, &header, map, &steps, packed.functions);
        header.stream = (uint32_t)output.size;
        put_stream(&output, &header, &steps, packed.functions);
    }
    names_release(&packed, map);
    free(steps.list);
    return (struct table){output.bytes, output.size};
}
