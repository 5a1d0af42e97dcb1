/*
 * symbols.c - see symbols.h; the format is in symbols_table.h.
 *
 * This runs when something has gone wrong, perhaps with this very table. Each byte is read through
 * next(), which does not go beyond the table, and each round of a loop eats at least one byte of it
 * or one entry of something bounded: every lookup ends.
 */
#include "kernel/symbols.h"

#include "kernel/string.h"
#include "kernel/symbols_table.h"

struct reader {
    const uint8_t *table;
    size_t at;
    size_t end;
    bool broken; /* something led out of the table */
};

/* The place that the stream has reached. */
struct place {
    uint32_t file;
    uint32_t line;
};

struct machine {
    struct reader reader;
    const struct symbols_header *header;
    uint64_t code; /* bytes from base: where the next row begins */
    struct place here, other;
    uint64_t function_code; /* where the function begins */
    size_t function_name;   /* offset of its name; 0: none yet */
};

static uint8_t next(struct reader *reader)
{
    if (reader->at >= reader->end) {
        reader->broken = true;
        return 0;
    }
    return reader->table[reader->at++];
}

static uint32_t next_number(struct reader *reader)
{
    uint32_t value = 0;
    uint8_t byte = 0x80;

    for (unsigned shift = 0; shift < 32 && (byte & 0x80); shift += 7) {
        byte = next(reader);
        value |= (uint32_t)(byte & 0x7F) << shift;
    }
    return value;
}

static uint32_t next_signed(struct reader *reader)
{
    uint32_t value = next_number(reader);

    return value & 1 ? ~(value >> 1) : value >> 1;
}

static void skip_name(struct reader *reader)
{
    while (next(reader) != 0) {
    }
}

/*
 * Write the name at offset AT to TEXT, tokens expanded. The right halves of the tokens that are
 * being expanded wait on a stack. If it is full, there is a token inside of itself: it becomes '?'.
 */
static void read_name(const struct machine *machine, size_t at, char text[SYMBOL_TEXT_MAX])
{
    struct reader reader = {machine->reader.table, at, machine->reader.end, false};
    const uint8_t *tokens = machine->reader.table + sizeof(struct symbols_header);
    uint8_t waiting[SYMBOLS_DEPTH_MAX];
    unsigned depth = 0;
    size_t length = 0;

    for (;;) {
        unsigned byte = depth > 0 ? waiting[--depth] : next(&reader);

        while (byte >= SYMBOLS_FIRST_TOKEN) {
            unsigned token = byte - SYMBOLS_FIRST_TOKEN;

            if (token >= machine->header->token_count || depth == SYMBOLS_DEPTH_MAX) {
                byte = '?';
                break;
            }
            waiting[depth++] = tokens[2 * token + 1];
            byte = tokens[2 * token];
        }
        if (byte == 0 || length == SYMBOL_TEXT_MAX - 1) {
            break;
        }
        text[length++] = byte < ' ' ? '?' : (char)byte;
    }
    text[length] = '\0';
}

static void read_file_name(const struct machine *machine, char text[SYMBOL_TEXT_MAX])
{
    struct reader reader = {machine->reader.table, machine->header->files, machine->reader.end,
                            false};

    for (uint32_t i = 0; i < machine->here.file && !reader.broken; i++) {
        skip_name(&reader);
    }
    read_name(machine, reader.at, text);
}

/* Is this a table, with what is read without next() inside it? */
static bool check_header(const struct symbols_header *header, size_t size)
{
    uint64_t tokens_end = sizeof(*header) + 2ull * header->token_count;
    uint64_t index_end = header->index + (uint64_t)header->blocks * sizeof(struct symbols_block);

    return header->magic == SYMBOLS_MAGIC && header->size <= size && header->line_count != 0 &&
           tokens_end <= header->size && index_end <= header->size;
}

/* Go to the last block that begins at or below CODE. */
static bool find_block(struct machine *machine, uint64_t code)
{
    const struct symbols_header *header = machine->header;
    bool found = false;

    for (unsigned i = 0; i < header->blocks; i++) {
        struct symbols_block block;

        memcpy(&block, machine->reader.table + header->index + i * sizeof(block), sizeof(block));
        if (block.code > code) {
            break;
        }
        machine->code = block.code;
        machine->reader.at = (size_t)header->stream + block.at;
        found = true;
    }
    return found;
}

/* Run one instruction of the stream. Returns how many bytes of code it covers, 0 for none. */
static uint32_t step(struct machine *machine)
{
    struct reader *reader = &machine->reader;
    struct place place = machine->here;
    uint8_t op = next(reader);

    switch (op) {
    case SYMBOLS_FUNCTION:
        machine->function_code = machine->code;
        machine->function_name = reader->at;
        skip_name(reader);
        return 0;
    case SYMBOLS_FILE:
        machine->other = place;
        machine->here = (struct place){next_number(reader), 0};
        return 0;
    case SYMBOLS_SWAP:
        machine->here = machine->other;
        machine->other = place;
        return 0;
    case SYMBOLS_ROW:
        machine->here.line += next_signed(reader);
        return next_number(reader);
    default:
        if (op < SYMBOLS_SHORT_ROWS) {
            machine->here.line += (uint32_t)(op - SYMBOLS_MIDDLE_ZERO);
            return 1u + next(reader);
        }
        op -= SYMBOLS_SHORT_ROWS;
        machine->here.line +=
            (uint32_t)(machine->header->line_first + op % machine->header->line_count);
        return 1u + op / machine->header->line_count;
    }
}

bool symbols_find_in(const uint8_t *table, size_t size, uint64_t address, struct symbol *symbol)
{
    struct symbols_header header;
    struct machine machine = {.reader = {.table = table}, .header = &header};

    if (size < sizeof(header)) {
        return false;
    }
    memcpy(&header, table, sizeof(header));
    if (!check_header(&header, size) || address - header.base >= header.code_size ||
        !find_block(&machine, address - header.base)) {
        return false;
    }
    machine.reader.end = header.size;
    while (!machine.reader.broken) {
        machine.code += step(&machine);
        if (!machine.reader.broken && machine.code > address - header.base) {
            break;
        }
    }
    if (machine.reader.broken || machine.function_name == 0) {
        return false;
    }
    read_name(&machine, machine.function_name, symbol->function);
    read_file_name(&machine, symbol->file);
    symbol->offset = (uint32_t)(address - header.base - machine.function_code);
    symbol->line = machine.here.line;
    return true;
}
