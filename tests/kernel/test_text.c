/*
 * test_text.c - string.c and printf.c as compiled for the kernel: the host's C library stands in
 * front of the former there, and the latter takes its arguments without SSE registers here.
 */
#include <stdint.h>

#include "kernel/string.h"
#include "tests/kernel/guest_test.h"

#define SIZE 64

static unsigned char area[SIZE];

static void fill(void)
{
    for (unsigned i = 0; i < SIZE; i++) {
        area[i] = (unsigned char)(i ^ 0x5A);
    }
}

/* What a copy of COUNT bytes from FROM to TO must leave at INDEX. */
static unsigned char after_move(unsigned index, unsigned to, unsigned from, unsigned count)
{
    unsigned source = index >= to && index < to + count ? index - to + from : index;

    return (unsigned char)(source ^ 0x5A);
}

static void check_move(unsigned to, unsigned from, unsigned count)
{
    fill();
    void *result = memmove(area + to, area + from, count);

    CHECK(result == area + to, "%u bytes from %u to %u", count, from, to);
    for (unsigned i = 0; i < SIZE; i++) {
        CHECK(area[i] == after_move(i, to, from, count), "%u bytes from %u to %u, byte %u is %#x",
              count, from, to, i, area[i]);
    }
}

/* Both ways, overlapping or not, at every alignment, next to nothing to many words. */
GUEST_TEST(string_memmove_overlaps)
{
    for (unsigned to = 0; to < 20; to++) {
        for (unsigned from = 0; from < 20; from++) {
            for (unsigned count = 0; count <= SIZE - 20; count += 3) {
                check_move(to, from, count);
            }
        }
    }
}

GUEST_TEST(string_memset_stays_inside)
{
    for (unsigned start = 0; start < 17; start++) {
        for (unsigned count = 0; count < SIZE - 17; count++) {
            fill();
            memset(area + start, 0x1EE, count);
            for (unsigned i = 0; i < SIZE; i++) {
                bool inside = i >= start && i < start + count;

                CHECK(area[i] == (inside ? 0xEE : (i ^ 0x5A)), "%u bytes at %u, byte %u is %#x",
                      count, start, i, area[i]);
            }
        }
    }
}

GUEST_TEST(string_compare)
{
    CHECK(memcmp("a\0b", "a\0c", 3) < 0, "bytes behind a NUL count");
    CHECK(memcmp("\xFF", "\1", 1) > 0, "bytes have no sign");
    CHECK(memcmp("x", "y", 0) == 0, "nothing is equal to nothing");
    CHECK(strcmp("abc", "abc") == 0 && strcmp("ab", "abc") < 0 && strcmp("abd", "abc") > 0,
          "order of texts");
    CHECK(strcmp("\xFF", "a") > 0, "characters have no sign");
    CHECK(strncmp("abX", "abY", 2) == 0 && strncmp("ab", "abY", 3) < 0, "only the first ones");
    CHECK(strlen("") == 0 && strlen("four") == 4, "length");
}

/* More arguments than registers, of every size, so that some come from the stack. */
GUEST_TEST(printf_takes_all_arguments)
{
    char text[128];
    size_t length =
        format_string(text, sizeof(text), "%d %s %c %llx %hhu %#o %-4d| %05u %p %%", -1, "two", '3',
                      0x123456789ABCDEFull, (unsigned char)255, 8, 7, 42, (void *)0x1000);
    const char *expected = "-1 two 3 123456789abcdef 255 010 7   | 00042 0x0000000000001000 %";

    CHECK(strcmp(text, expected) == 0, "it is: %s", text);
    CHECK(length == strlen(expected), "length %zu", length);
}

GUEST_TEST(printf_cuts_and_counts)
{
    char text[4] = "~~~";
    size_t length = format_string(text, sizeof(text) - 1, "%u", 12345u);

    CHECK(length == 5, "length %zu", length);
    CHECK(strcmp(text, "12") == 0 && text[3] == '\0', "it is: %s", text);
}
