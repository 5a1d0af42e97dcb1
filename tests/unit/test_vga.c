/*
 * test_vga.c - the screen driver over a made-up video memory: what is seen, where the cursor is,
 * and that the loader's lines survive.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "drivers/vga.h"
#include "kernel/console.h"
#include "kernel/cpu/io.h"
#include "kernel/image.h"

static uint16_t video[VGA_ROWS * VGA_COLUMNS];
static uint64_t video_phys;
static uint8_t crtc[256], crtc_index;
static uint16_t crtc_port;
static struct console_sink *sink;

void *low_to_virt(uint64_t phys)
{
    video_phys = phys;
    return video;
}

uint32_t fake_io_read(uint16_t port, unsigned size)
{
    fail_msg("read of port %x, size %u", port, size);
    return 0;
}

void fake_io_write(uint16_t port, uint32_t value, unsigned size)
{
    assert_int_equal(size, 1);
    if (port == crtc_port) {
        crtc_index = (uint8_t)value;
    } else if (port == crtc_port + 1) {
        crtc[crtc_index] = (uint8_t)value;
    } else {
        fail_msg("write to port %x", port);
    }
}

void console_register(struct console_sink *new_sink)
{
    sink = new_sink;
}

static void start(uint8_t mode, uint16_t port, uint8_t row, uint8_t column)
{
    for (unsigned i = 0; i < VGA_ROWS * VGA_COLUMNS; i++) {
        video[i] = (uint16_t)(0x0700 | ' ');
    }
    video[0] = 0x0700 | 'L'; /* the loader's first line */
    sink = NULL;
    crtc_port = port;
    assert_true(vga_start(&(struct vga_state){mode, 80, port, row, column}));
    sink->colour(COLOUR_LIGHT_GREY, COLOUR_BLACK);
}

static void print(const char *text)
{
    sink->write(text, strlen(text));
}

static void expect_row(unsigned row, const char *text)
{
    char seen[VGA_COLUMNS + 1] = {0};
    char want[VGA_COLUMNS + 1];

    for (unsigned i = 0; i < VGA_COLUMNS; i++) {
        seen[i] = (char)video[row * VGA_COLUMNS + i];
    }
    snprintf(want, sizeof(want), "%-80s", text);
    assert_string_equal(seen, want);
}

static void expect_cursor(unsigned row, unsigned column)
{
    assert_int_equal(crtc[0x0E] << 8 | crtc[0x0F], row * VGA_COLUMNS + column);
}

static void test_which_modes(void **state)
{
    const struct vga_state bad[] = {
        {0x13, 80, 0x3D4, 0, 0}, {1, 40, 0x3D4, 0, 0}, {3, 132, 0x3D4, 0, 0}, {3, 80, 0, 0, 0}};

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        sink = NULL;
        assert_false(vga_start(&bad[i]));
        assert_null(sink);
    }
    start(7, 0x3B4, 3, 0);
    assert_int_equal(video_phys, 0xB0000);
    print("x");
    expect_cursor(3, 1);
    start(3, 0x3D4, 3, 0);
    assert_int_equal(video_phys, 0xB8000);
}

static void test_continues_below_the_loader(void **state)
{
    (void)state;
    start(3, 0x3D4, 5, 0);
    print("kernel\nnext");
    expect_row(0, "L");
    expect_row(5, "kernel");
    expect_row(6, "next");
    expect_cursor(6, 4);
    start(3, 0x3D4, 5, 12); /* the loader was cut off in a line */
    print("kernel");
    expect_row(6, "kernel");
    start(3, 0x3D4, 200, 0);
    print("kernel");
    expect_row(24, "kernel");
}

static void test_control_characters(void **state)
{
    (void)state;
    start(3, 0x3D4, 1, 0);
    print("abc\b\bX\rY\ti\a");
    expect_row(1, "Y       i");
    expect_cursor(1, 9);
    print("\b\b\b\b\b\b\b\b\b\b\b\b");
    expect_cursor(1, 0);
}

static void test_wrapping_and_scrolling(void **state)
{
    char line[82];

    (void)state;
    start(3, 0x3D4, 1, 0);
    memset(line, 'w', sizeof(line));
    line[80] = '\0';
    print(line);
    expect_cursor(1, 79); /* nothing below yet */
    print("\n1");
    expect_row(2, "1"); /* a full line and its end are one line */
    print("\n");
    line[80] = 'v';
    line[81] = '\0';
    print(line);
    expect_row(4, "v");
    for (int i = 4; i < 25; i++) {
        print("\n");
    }
    expect_row(0,
               "wwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwww");
    expect_row(1, "1"); /* the loader's line has gone up and out */
    expect_row(24, "");
    expect_cursor(24, 0);
}

static void test_loader_lines_scroll_with_ours(void **state)
{
    (void)state;
    start(3, 0x3D4, 24, 0);
    video[3 * VGA_COLUMNS] = 0xFFFF; /* never read again: this change must not be seen */
    print("last\n");
    expect_row(23, "last");
    expect_row(0, "");
    assert_int_equal(video[2 * VGA_COLUMNS] & 0xFF, ' ');
}

static void test_colours(void **state)
{
    (void)state;
    start(3, 0x3D4, 1, 0);
    sink->colour(COLOUR_WHITE, COLOUR_RED);
    print("P\n");
    sink->colour(COLOUR_LIGHT_GREY, COLOUR_BLACK);
    print("n\n");
    for (int i = 0; i < VGA_COLUMNS; i++) {
        assert_int_equal(video[VGA_COLUMNS + i] >> 8, 0x4F); /* to the end of the line */
    }
    assert_int_equal(video[2 * VGA_COLUMNS], 0x0700 | 'n');
    assert_int_equal(video[2 * VGA_COLUMNS + 1] >> 8, 0x07);

    start(3, 0x3D4, 24, 0);
    sink->colour(COLOUR_WHITE, COLOUR_RED);
    print("P\n");
    assert_int_equal(video[24 * VGA_COLUMNS], 0x0700 | ' '); /* the line below is not red */
}

static void test_clear(void **state)
{
    (void)state;
    start(3, 0x3D4, 10, 0);
    print("text");
    sink->clear();
    for (unsigned row = 0; row < VGA_ROWS; row++) {
        expect_row(row, "");
    }
    expect_cursor(0, 0);
    print("new");
    expect_row(0, "new");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_which_modes),
        cmocka_unit_test(test_continues_below_the_loader),
        cmocka_unit_test(test_control_characters),
        cmocka_unit_test(test_wrapping_and_scrolling),
        cmocka_unit_test(test_loader_lines_scroll_with_ours),
        cmocka_unit_test(test_colours),
        cmocka_unit_test(test_clear),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
