/*
 * test_keyboard.c - scan codes of set 1: every key of every layout, modifiers, locks, E0 and E1
 * sequences, and random codes.
 */
#include <iconv.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "drivers/keyboard.h"
#include "drivers/keyboard_leds.h"
#include "kernel/input.h"

#define SHIFT       0x2A
#define RIGHT_SHIFT 0x36
#define CONTROL     0x1D
#define ALT         0x38
#define CAPS        0x3A
#define NUM         0x45
#define SCROLL      0x46
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

/*
 * What is printed on the keys, in UTF-8, row by row: with nothing held, with Shift, with AltGr. The
 * dot in the middle is a key that types nothing. The accents ´ and ¨ stand as ' and ".
 */
static const struct {
    const char *name;
    const char *rows[3][4];
} keyboards[] = {
    {"us",
     {{"`1234567890-=", "qwertyuiop[]", "asdfghjkl;'\\", "\\zxcvbnm,./"},
      {"~!@#$%^&*()_+", "QWERTYUIOP{}", "ASDFGHJKL:\"|", "|ZXCVBNM<>?"},
      {"·············", "············", "············", "···········"}}},
    {"uk",
     {{"`1234567890-=", "qwertyuiop[]", "asdfghjkl;'#", "\\zxcvbnm,./"},
      {"¬!\"£$%^&*()_+", "QWERTYUIOP{}", "ASDFGHJKL:@~", "|ZXCVBNM<>?"},
      {"·············", "··é···úíó···", "á···········", "···········"}}},
    {"de",
     {{"^1234567890ß'", "qwertzuiopü+", "asdfghjklöä#", "<yxcvbnm,.-"},
      {"°!\"·$%&/()=?`", "QWERTZUIOPÜ*", "ASDFGHJKLÖÄ'", ">YXCVBNM;:_"},
      {"··²····{[]}\\·", "@··········~", "············", "|······µ···"}}},
    {"fr",
     {{"²&é\"'(-è_çà)=", "azertyuiop^$", "qsdfghjklmù*", "<wxcvbn,;:!"},
      {"·1234567890°+", "AZERTYUIOP\"£", "QSDFGHJKLM%µ", ">WXCVBN?./·"},
      {"··~#{[|`\\^@]}", "············", "············", "···········"}}},
};

static const uint8_t row_codes[4][13] = {
    {0x29, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0x09, 0x0A, 0x0B, 0x0C, 0x0D},
    {0x10, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 0x18, 0x19, 0x1A, 0x1B},
    {0x1E, 0x1F, 0x20, 0x21, 0x22, 0x23, 0x24, 0x25, 0x26, 0x27, 0x28, 0x2B},
    {0x56, 0x2C, 0x2D, 0x2E, 0x2F, 0x30, 0x31, 0x32, 0x33, 0x34, 0x35},
};

/* TEXT in code page 437, the dot as 0. Returns how many characters there are. */
static size_t to_cp437(const char *text, uint8_t *characters)
{
    iconv_t converter = iconv_open("CP437", "UTF-8");
    char buffer[32], *in = (char *)(uintptr_t)text, *out = buffer;
    size_t in_left = strlen(text), out_left = sizeof(buffer), count;

    assert_true(converter != (iconv_t)-1);
    assert_int_equal(iconv(converter, &in, &in_left, &out, &out_left), 0);
    iconv_close(converter);
    count = sizeof(buffer) - out_left;
    for (size_t i = 0; i < count; i++) {
        characters[i] = (uint8_t)buffer[i] == 0xFA ? 0 : (uint8_t)buffer[i];
    }
    return count;
}

static void check_row(size_t row, const char *text, const char *name)
{
    uint8_t wanted[32];
    size_t count = to_cp437(text, wanted);

    assert_int_equal(count, row == 0 ? 13 : row == 3 ? 11 : 12);
    for (size_t i = 0; i < count; i++) {
        int key = press(row_codes[row][i]);

        if (key != (wanted[i] == 0 ? KEY_NONE : wanted[i])) {
            fail_msg("layout %s, key %02x gives %x, not %x", name, row_codes[row][i], key,
                     wanted[i]);
        }
    }
}

static void test_every_layout(void **state)
{
    (void)state;
    assert_int_equal(keyboard_layout_count, sizeof(keyboards) / sizeof(keyboards[0]));
    for (size_t k = 0; k < keyboard_layout_count; k++) {
        const char *name = keyboards[k].name;

        reset(NULL);
        keyboard.layout = keyboard_layout_find(name);
        assert_non_null(keyboard.layout);
        assert_int_equal(strlen(keyboard.layout->plain), LAYOUT_KEYS);
        assert_int_equal(strlen(keyboard.layout->shifted), LAYOUT_KEYS);
        for (size_t row = 0; row < 4; row++) {
            check_row(row, keyboards[k].rows[0][row], name);
            for (int side = 0; side < 2; side++) {
                hold(side ? SHIFT : RIGHT_SHIFT);
                check_row(row, keyboards[k].rows[1][row], name);
                hold(side ? UP(SHIFT) : UP(RIGHT_SHIFT));
            }
            hold(E0), hold(ALT);
            check_row(row, keyboards[k].rows[2][row], name);
            hold(E0), hold(UP(ALT));
        }
    }
    assert_null(keyboard_layout_find("dvorak"));
    assert_null(keyboard_layout_find(""));
}

static void test_keys_that_are_the_same_everywhere(void **state)
{
    (void)state;
    for (size_t k = 0; k < keyboard_layout_count; k++) {
        keyboard.layout = &keyboard_layouts[k];
        assert_int_equal(press(0x01), KEY_ESCAPE);
        assert_int_equal(press(0x0E), KEY_BACKSPACE);
        assert_int_equal(press(0x0F), KEY_TAB);
        assert_int_equal(press(0x1C), KEY_ENTER);
        assert_int_equal(press(0x37), '*');
        assert_int_equal(press(0x39), ' ');
    }
}

/* Caps Lock and Ctrl go by what is printed on the key, not by its place. */
static void test_layouts_and_locks(void **state)
{
    (void)state;
    keyboard.layout = keyboard_layout_find("de");
    hold(CAPS), hold(UP(CAPS));
    assert_int_equal(press(0x2C), 'Y');
    assert_int_equal(press(0x28), 0x8E); /* capital a with diaeresis */
    assert_int_equal(press(0x0C), 0xE1); /* sharp s has no capital */
    assert_int_equal(press(0x02), '1');
    hold(SHIFT);
    assert_int_equal(press(0x28), 0x84);
    hold(UP(SHIFT));
    hold(CONTROL);
    assert_int_equal(press(0x2C), KEY_CTRL('y'));
    assert_int_equal(press(0x15), KEY_CTRL('z'));
    assert_int_equal(press(0x28), KEY_NONE);
    hold(UP(CONTROL));
    hold(CAPS), hold(UP(CAPS));
    keyboard.layout = keyboard_layout_find("fr");
    hold(CONTROL);
    assert_int_equal(press(0x10), KEY_CTRL('a'));
    hold(UP(CONTROL));
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

/* A key that is held sends its code again and again. */
static void test_held_lock_turns_once(void **state)
{
    (void)state;
    for (int i = 0; i < 10; i++) {
        hold(CAPS);
    }
    hold(UP(CAPS));
    assert_int_equal(press(0x1E), 'A');
}

static void test_lights(void **state)
{
    (void)state;
    assert_int_equal(keyboard_lights(&keyboard), LED_NUM_LOCK);
    hold(CAPS), hold(UP(CAPS));
    assert_int_equal(keyboard_lights(&keyboard), LED_NUM_LOCK | LED_CAPS_LOCK);
    hold(NUM), hold(UP(NUM));
    hold(SCROLL), hold(UP(SCROLL));
    assert_int_equal(keyboard_lights(&keyboard), LED_SCROLL_LOCK | LED_CAPS_LOCK);
    hold(E0), hold(SCROLL); /* Ctrl and Pause: no Scroll Lock */
    hold(E0), hold(UP(SCROLL));
    assert_int_equal(keyboard_lights(&keyboard), LED_SCROLL_LOCK | LED_CAPS_LOCK);
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
        keyboard.layout = &keyboard_layouts[i / 1000 % keyboard_layout_count];
        int key = keyboard_decode(&keyboard, (uint8_t)rand());

        assert_true(key == KEY_NONE || (key > 0 && key < 127) || (key >= 0x80 && key <= 0xFF) ||
                    (key >= KEY_UP && key <= KEY_CTRL_ALT_DELETE));
    }
    for (uint8_t code = 0x54; code < 0x80; code++) {
        reset(NULL);
        if (code != 0x56 && code != 0x57 && code != 0x58) {
            assert_int_equal(press(code), KEY_NONE);
        }
    }
}

/* Random typing with real sequences, beside a model that only knows which keys are down. */
static void test_random_typing(void **state)
{
    bool down[6] = {false}, caps = false;

    (void)state;
    srand(2);
    for (unsigned i = 0; i < 200000; i++) {
        static const uint8_t codes[6] = {SHIFT, RIGHT_SHIFT, CONTROL, CONTROL, ALT, ALT};
        int which = rand() % 9;

        if (which < 6) {
            down[which] = !down[which];
            if (which == 3 || which == 5) {
                hold(E0); /* the right one */
            }
            hold(down[which] ? codes[which] : UP(codes[which]));
        } else if (which == 6) {
            hold(CAPS), hold(UP(CAPS));
            caps = !caps;
        } else if (which == 7) {
            hold(E0), hold(SHIFT); /* the false Shift before an arrow */
            assert_int_equal(press_extended(0x48), KEY_UP);
            hold(E0), hold(UP(SHIFT));
        } else {
            bool capital = (down[0] || down[1]) != caps;
            int wanted = capital ? 'A' : 'a';

            if (down[4] || down[5]) {
                wanted = KEY_NONE;
            } else if (down[2] || down[3]) {
                wanted = KEY_CTRL('a');
            }
            assert_int_equal(press(0x1E), wanted);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_every_layout, reset),
        cmocka_unit_test_setup(test_keys_that_are_the_same_everywhere, reset),
        cmocka_unit_test_setup(test_layouts_and_locks, reset),
        cmocka_unit_test_setup(test_two_shifts_are_independent, reset),
        cmocka_unit_test_setup(test_caps_lock, reset),
        cmocka_unit_test_setup(test_held_lock_turns_once, reset),
        cmocka_unit_test_setup(test_lights, reset),
        cmocka_unit_test_setup(test_control, reset),
        cmocka_unit_test_setup(test_alt_gives_no_character, reset),
        cmocka_unit_test_setup(test_navigation, reset),
        cmocka_unit_test_setup(test_false_shift, reset),
        cmocka_unit_test_setup(test_pause_is_swallowed, reset),
        cmocka_unit_test_setup(test_function_keys, reset),
        cmocka_unit_test_setup(test_ctrl_alt_delete, reset),
        cmocka_unit_test_setup(test_any_codes, reset),
        cmocka_unit_test_setup(test_random_typing, reset),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
