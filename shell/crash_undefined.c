/*
 * crash_undefined.c - kinds of crash that only a kernel made with KERNEL=ubsan notices: undefined
 * behaviour. The operands are volatile, so that the compiler cannot know them. See cmd_crash.c.
 */
#ifdef KERNEL_UBSAN

#include <stdbool.h>
#include <limits.h>
#include <stddef.h>
#include <stdint.h>

#include "shell/crash.h"

static volatile int int_max = INT_MAX, int_min = INT_MIN, one = 1, zero, minus_one = -1, forty = 40;
static volatile int result;
static volatile uint8_t two = 2;
static int table[4];
static uint64_t words[2];
static void *volatile null;

static void add(void)
{
    result = int_max + one;
}

static void subtract(void)
{
    result = int_min - one;
}

static void multiply(void)
{
    result = int_max * forty;
}

static void divide(void)
{
    result = int_min / minus_one;
}

static void negate(void)
{
    result = -int_min;
}

static void shift(void)
{
    result = one << forty;
}

static void shift_by_less_than_nothing(void)
{
    result = one << minus_one;
}

static void bounds(void)
{
    result = table[forty];
}

static void null_pointer(void)
{
    result = *(int *)null;
}

static void alignment(void)
{
    result = (int)*(uint64_t *)((char *)words + one);
}

static void pointer(void)
{
    char *moved = (char *)words + (PTRDIFF_MAX - zero);

    null = moved + PTRDIFF_MAX;
}

static void boolean(void)
{
    result = *(volatile bool *)&two;
}

static void unreachable(void)
{
    if (zero == 0) {
        __builtin_unreachable();
    }
}

static void count_zeros(void)
{
    result = __builtin_ctz((unsigned)zero);
}

const struct crash_kind crash_undefined_kinds[] = {
    {"ub-add", "a sum that does not fit", add},
    {"ub-sub", "a difference that does not fit", subtract},
    {"ub-mul", "a product that does not fit", multiply},
    {"ub-div", "a quotient that does not fit", divide},
    {"ub-neg", "the negative of the smallest number", negate},
    {"ub-shift", "shift by more bits than there are", shift},
    {"ub-shift2", "shift by a negative number", shift_by_less_than_nothing},
    {"ub-bounds", "an index beyond the end", bounds},
    {"ub-null", "use a null pointer", null_pointer},
    {"ub-align", "use a pointer that is not aligned", alignment},
    {"ub-pointer", "move a pointer too far", pointer},
    {"ub-bool", "a boolean that is neither", boolean},
    {"ub-end", "reach the unreachable", unreachable},
    {"ub-ctz", "count the zeros of zero", count_zeros},
    {0},
};

#endif
