/* test_keyboard.c - scan codes of set 1: letters, modifiers, locks, E0 and E1 sequences. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "drivers/keyboard.h"
#include "kernel/input.h"

#define SHIFT       0x2A
#define RIGHT_SHIFT 0x36
#define CONTROL     0x1D
#define ALT         0x38
#define CAPS        0x3A
#define NUM         0x45
#define E0          0xE0
#define UP(code)    ((code) | 0x80)

static struct keyboard keyboard;

static int reset(void **state)
{
    (void)state;
    memset(&keyboard, 0, sizeof(keyboard));
    return 0;
}

static int press(uint8_t code)
{
    int key = keyboard_decode(&keyboard, code);

    assert_int_equal(keyboard_decode(&keyboard, UP(code)), KEY_NONE);
    return key;
}

static int press_extended(uint8_t code)
{
    assert_int_equal(keyboard_decode(&keyboard, E0), KEY_NONE);
    int key = keyboard_decode(&keyboard, code);

    assert_int_equal(keyboard_decode(&keyboard, E0), KEY_NONE);
    assert_int_equal(keyboard_decode(&keyboard, UP(code)), KEY_NONE);
    return key;
}

static void hold(uint8_t code)
{
    assert_int_equal(keyboard_decode(&keyboard, code), KEY_NONE);
}

/* Each row of keys, as it is printed on a US keyboard, from its first scan code on. */
static void test_all_characters(void **state)
{
    static const struct {
        uint8_t first;
        const char *plain, *shifted;
    } rows[] = {
        {0x02, "1234567890-=\b\t", "!@#$%^&*()_+\b\t"},
        {0x10, "qwertyuiop[]\n", "QWERTYUIOP{}\n"},
        {0x1E, "asdfghjkl;'`", "ASDFGHJKL:\"~"},
        {0x2B, "\\zxcvbnm,./", "|ZXCVBNM<>?"},
        {0x37, "*", "*"},
        {0x39, " ", " "},
    };

    (void)state;
    for (size_t row = 0; row < sizeof(rows) / sizeof(rows[0]); row++) {
        for (size_t i = 0; rows[row].plain[i] != '\0'; i++) {
            uint8_t code = (uint8_t)(rows[row].first + i);

            assert_int_equal(press(code), rows[row].plain[i]);
            hold(SHIFT);
            assert_int_equal(press(code), rows[row].shifted[i]);
            hold(UP(SHIFT));
            hold(RIGHT_SHIFT);
            assert_int_equal(press(code), rows[row].shifted[i]);
            hold(UP(RIGHT_SHIFT));
        }
    }
    assert_int_equal(press(0x01), KEY_ESCAPE);
}

static void test_two_shifts_are_independent(void **state)
{
    (void)state;
    hold(SHIFT);
    hold(RIGHT_SHIFT);
    hold(UP(SHIFT));
    assert_int_equal(press(0x1E), 'A');
    hold(UP(RIGHT_SHIFT));
    assert_int_equal(press(0x1E), 'a');
}

static void test_caps_lock(void **state)
{
    (void)state;
    hold(CAPS), hold(UP(CAPS));
    assert_int_equal(press(0x1E), 'A');
    assert_int_equal(press(0x02), '1');
    hold(SHIFT);
    assert_int_equal(press(0x1E), 'a');
    assert_int_equal(press(0x02), '!');
    hold(UP(SHIFT));
    hold(CAPS), hold(UP(CAPS));
    assert_int_equal(press(0x1E), 'a');
}

static void test_control(void **state)
{
    (void)state;
    hold(CONTROL);
    assert_int_equal(press(0x1E), 1); /* Ctrl-A */
    assert_int_equal(press(0x2E), 3); /* Ctrl-C */
    assert_int_equal(press(0x02), KEY_NONE);
    hold(CAPS), hold(UP(CAPS));
    assert_int_equal(press(0x1E), 1);
    hold(UP(CONTROL));
    assert_int_equal(press(0x1E), 'A');
    hold(E0), hold(CONTROL); /* the right one */
    assert_int_equal(press(0x1E), 1);
    hold(E0), hold(UP(CONTROL));
    assert_int_equal(press(0x1E), 'A');
}

static void test_alt_gives_no_character(void **state)
{
    (void)state;
    hold(ALT);
    assert_int_equal(press(0x1E), KEY_NONE);
    hold(UP(ALT));
    assert_int_equal(press(0x1E), 'a');
}

static void test_navigation(void **state)
{
    static const struct {
        uint8_t code;
        int key;
        char digit;
    } keys[] = {
        {0x47, KEY_HOME, '7'},   {0x48, KEY_UP, '8'},        {0x49, KEY_PAGE_UP, '9'},
        {0x4B, KEY_LEFT, '4'},   {0x4D, KEY_RIGHT, '6'},     {0x4F, KEY_END, '1'},
        {0x50, KEY_DOWN, '2'},   {0x51, KEY_PAGE_DOWN, '3'}, {0x52, KEY_INSERT, '0'},
        {0x53, KEY_DELETE, '.'},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        assert_int_equal(press_extended(keys[i].code), keys[i].key);
        assert_int_equal(press(keys[i].code), keys[i].digit); /* keypad, Num Lock on */
        hold(NUM), hold(UP(NUM));
        assert_int_equal(press(keys[i].code), keys[i].key);
        hold(SHIFT);
        assert_int_equal(press(keys[i].code), keys[i].digit);
        hold(UP(SHIFT));
        hold(NUM), hold(UP(NUM));
    }
    assert_int_equal(press(0x4A), '-');
    assert_int_equal(press(0x4E), '+');
    assert_int_equal(press(0x4C), '5');
    assert_int_equal(press_extended(0x1C), KEY_ENTER); /* the keypad's */
    assert_int_equal(press_extended(0x35), '/');
    assert_int_equal(press_extended(0x4C), KEY_NONE);
    assert_int_equal(press_extended(0x5B), KEY_NONE); /* Windows key */
}

/* With Num Lock on, an arrow comes wrapped in a false Shift: E0 2A E0 48 E0 C8 E0 AA. */
static void test_false_shift(void **state)
{
    (void)state;
    hold(E0), hold(0x2A);
    assert_int_equal(press_extended(0x48), KEY_UP);
    assert_int_equal(press(0x1E), 'a');
    hold(E0), hold(0xAA);
    hold(SHIFT);
    hold(E0), hold(0xAA); /* must not let go of the real one */
    assert_int_equal(press(0x1E), 'A');
}

static void test_pause_is_swallowed(void **state)
{
    static const uint8_t pause[] = {0xE1, 0x1D, 0x45, 0xE1, 0x9D, 0xC5};

    (void)state;
    for (size_t i = 0; i < sizeof(pause); i++) {
        assert_int_equal(keyboard_decode(&keyboard, pause[i]), KEY_NONE);
    }
    assert_int_equal(press(0x1E), 'a'); /* neither Ctrl nor Num Lock is stuck */
    assert_int_equal(press(0x47), '7');
}

static void test_function_keys(void **state)
{
    (void)state;
    for (int i = 0; i < 10; i++) {
        assert_int_equal(press((uint8_t)(0x3B + i)), KEY_F1 + i);
    }
    assert_int_equal(press(0x57), KEY_F1 + 10);
    assert_int_equal(press(0x58), KEY_F12);
}

static void test_ctrl_alt_delete(void **state)
{
    (void)state;
    hold(CONTROL), hold(ALT);
    assert_int_equal(press_extended(0x53), KEY_CTRL_ALT_DELETE);
    hold(UP(ALT));
    assert_int_equal(press_extended(0x53), KEY_DELETE);
}

/* Nothing that a keyboard sends may give a key outside the known ones. */
static void test_any_codes(void **state)
{
    (void)state;
    srand(1);
    for (unsigned i = 0; i < 1000000; i++) {
        int key = keyboard_decode(&keyboard, (uint8_t)rand());

        assert_true(key == KEY_NONE || (key > 0 && key < 127) ||
                    (key >= KEY_UP && key <= KEY_CTRL_ALT_DELETE));
    }
    for (uint8_t code = 0x54; code < 0x80; code++) {
        reset(NULL);
        if (code != 0x57 && code != 0x58) {
            assert_int_equal(press(code), KEY_NONE);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_all_characters, reset),
        cmocka_unit_test_setup(test_two_shifts_are_independent, reset),
        cmocka_unit_test_setup(test_caps_lock, reset),
        cmocka_unit_test_setup(test_control, reset),
        cmocka_unit_test_setup(test_alt_gives_no_character, reset),
        cmocka_unit_test_setup(test_navigation, reset),
        cmocka_unit_test_setup(test_false_shift, reset),
        cmocka_unit_test_setup(test_pause_is_swallowed, reset),
        cmocka_unit_test_setup(test_function_keys, reset),
        cmocka_unit_test_setup(test_ctrl_alt_delete, reset),
        cmocka_unit_test_setup(test_any_codes, reset),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
