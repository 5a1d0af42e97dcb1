/*
 * vga.c - see vga.h.
 *
 * Every access to video memory is slow: an emulator traps it, a PC sends it over a bus. So text
 * goes to `cells`, an ordinary array; at the end of a write those cells that differ from `shown`,
 * which remembers what video memory holds, are copied there. Scrolling moves the array, and a
 * screen of mostly blanks costs little. Video memory is read once: the loader's lines must be
 * known, to scroll with ours.
 *
 * A cell is the character in the low byte, the colours in the high one: background << 4 | text.
 */
#include "drivers/vga.h"

#include <stddef.h>

#include "kernel/console.h"
#include "kernel/cpu/io.h"
#include "kernel/image.h"
#include "kernel/string.h"

#define MODE_TEXT_80_GREY   2
#define MODE_TEXT_80_COLOUR 3
#define MODE_TEXT_80_MONO   7
#define CRTC_MONO           0x3B4
#define MEMORY_COLOUR       0xB8000
#define MEMORY_MONO         0xB0000

/* Registers behind the CRTC's index port. */
#define CRTC_CURSOR_HIGH 0x0E
#define CRTC_CURSOR_LOW  0x0F

#define TAB_WIDTH        8
#define DEFAULT_COLOURS  (COLOUR_BLACK << 4 | COLOUR_LIGHT_GREY)

static volatile uint16_t *video;
static uint16_t crtc;
static uint16_t cells[VGA_ROWS * VGA_COLUMNS];
static uint16_t shown[VGA_ROWS * VGA_COLUMNS];
static unsigned row, column; /* of the cursor; column may be VGA_COLUMNS, behind the last cell */
static uint8_t colours = DEFAULT_COLOURS;
static unsigned dirty_first, dirty_end; /* rows that may differ from `shown` */

static void mark_dirty(unsigned first, unsigned end)
{
    if (first < dirty_first) {
        dirty_first = first;
    }
    if (end > dirty_end) {
        dirty_end = end;
    }
}

static void fill(uint16_t *from, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        from[i] = (uint16_t)(colours << 8 | ' ');
    }
}

static void show(void)
{
    for (unsigned i = dirty_first * VGA_COLUMNS; i < dirty_end * VGA_COLUMNS; i++) {
        if (cells[i] != shown[i]) {
            video[i] = cells[i];
            shown[i] = cells[i];
        }
    }
    dirty_first = VGA_ROWS;
    dirty_end = 0;
}

static void show_cursor(void)
{
    unsigned at = row * VGA_COLUMNS + (column < VGA_COLUMNS ? column : VGA_COLUMNS - 1);

    io_write8(crtc, CRTC_CURSOR_HIGH);
    io_write8(crtc + 1, (uint8_t)(at >> 8));
    io_write8(crtc, CRTC_CURSOR_LOW);
    io_write8(crtc + 1, (uint8_t)at);
}

static void scroll(void)
{
    memmove(cells, cells + VGA_COLUMNS, (VGA_ROWS - 1) * VGA_COLUMNS * sizeof(cells[0]));
    /* The new line is plain, whatever colours the text has now. */
    for (size_t i = 0; i < VGA_COLUMNS; i++) {
        cells[(VGA_ROWS - 1) * VGA_COLUMNS + i] = DEFAULT_COLOURS << 8 | ' ';
    }
    mark_dirty(0, VGA_ROWS);
}

static void new_line(void)
{
    /* A coloured background goes on to the end of the line: a panic is a block. */
    if (colours >> 4 != COLOUR_BLACK && column < VGA_COLUMNS) {
        fill(&cells[row * VGA_COLUMNS + column], VGA_COLUMNS - column);
        mark_dirty(row, row + 1);
    }
    column = 0;
    if (row == VGA_ROWS - 1) {
        scroll();
    } else {
        row++;
    }
}

static void put_cell(char c)
{
    if (column == VGA_COLUMNS) {
        new_line();
    }
    cells[row * VGA_COLUMNS + column++] = (uint16_t)(colours << 8 | (uint8_t)c);
    mark_dirty(row, row + 1);
}

static void put(char c)
{
    switch (c) {
    case '\n':
        new_line();
        break;
    case '\r':
        column = 0;
        break;
    case '\b':
        column -= column > 0;
        break;
    case '\t':
        do {
            put_cell(' ');
        } while (column % TAB_WIDTH != 0);
        break;
    case '\a':
        break;
    default:
        put_cell(c);
        break;
    }
}

static void vga_write(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        put(text[i]);
    }
    show();
    show_cursor();
}

static void vga_colour(enum colour text, enum colour back)
{
    colours = (uint8_t)(back << 4 | text);
}

static void vga_clear(void)
{
    fill(cells, VGA_ROWS * VGA_COLUMNS);
    row = 0;
    column = 0;
    mark_dirty(0, VGA_ROWS);
    show();
    show_cursor();
}

static struct console_sink sink = {
    .name = "vga",
    .kind = CONSOLE_SCREEN,
    .write = vga_write,
    .colour = vga_colour,
    .clear = vga_clear,
};

bool vga_start(const struct vga_state *state)
{
    bool text_mode = state->mode == MODE_TEXT_80_GREY || state->mode == MODE_TEXT_80_COLOUR ||
                     state->mode == MODE_TEXT_80_MONO;

    if (!text_mode || state->columns != VGA_COLUMNS || state->crtc_port == 0) {
        return false;
    }
    crtc = state->crtc_port;
    video = low_to_virt(crtc == CRTC_MONO ? MEMORY_MONO : MEMORY_COLOUR);
    row = state->cursor_row < VGA_ROWS ? state->cursor_row : VGA_ROWS - 1;
    column = state->cursor_column;
    for (size_t i = 0; i < VGA_ROWS * VGA_COLUMNS; i++) {
        shown[i] = cells[i] = video[i];
    }
    dirty_first = VGA_ROWS;
    /* The loader ends its lines; if it was cut off in one, ours starts below. */
    if (column > 0) {
        new_line();
    }
    console_register(&sink);
    return true;
}
