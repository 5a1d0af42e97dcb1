/*
 * test_keyboard_leds.c - setting a keyboard's lights, against a made-up keyboard that answers at
 * once, asks for bytes again, stays silent, answers late, or sends keys in between.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "drivers/keyboard_leds.h"

#define ACK    0xFA
#define RESEND 0xFE

static struct keyboard_leds leds;
static uint64_t now;

/* The keyboard's side of the conversation. */
static struct {
    bool expects_value;
    uint8_t shows;
    unsigned bytes;
} keyboard;

static int reset(void **state)
{
    (void)state;
    memset(&leds, 0, sizeof(leds));
    memset(&keyboard, 0, sizeof(keyboard));
    now = 1000000;
    return 0;
}

/* What the driver does after each interrupt. Returns the byte it sent, or LEDS_NO_BYTE. */
static int step(uint8_t wanted)
{
    int byte = keyboard_leds_next(&leds, wanted, now);

    if (byte != LEDS_NO_BYTE) {
        keyboard_leds_sent(&leds, now);
        keyboard.bytes++;
    }
    return byte;
}

/* A keyboard that understands BYTE. */
static void obey(int byte)
{
    if (keyboard.expects_value) {
        assert_in_range(byte, 0, 7);
        keyboard.shows = (uint8_t)byte;
        keyboard.expects_value = false;
    } else {
        assert_int_equal(byte, 0xED);
        keyboard.expects_value = true;
    }
    assert_true(keyboard_leds_take(&leds, ACK));
}

static void test_lights_are_set(void **state)
{
    (void)state;
    for (uint8_t wanted = 0; wanted < 8; wanted++) {
        obey(step(wanted));
        obey(step(wanted));
        assert_int_equal(keyboard.shows, wanted);
        assert_int_equal(step(wanted), LEDS_NO_BYTE);
    }
    assert_int_equal(keyboard.bytes, 16);
}

/* Nothing is sent while an answer is due; and keys in between are keys. */
static void test_keys_in_between(void **state)
{
    (void)state;
    assert_false(keyboard_leds_take(&leds, ACK)); /* nobody asked: a scan code */
    assert_int_equal(step(4), 0xED);
    for (unsigned code = 0; code < 256; code++) {
        if (code != ACK && code != RESEND) {
            assert_false(keyboard_leds_take(&leds, (uint8_t)code));
            assert_int_equal(step(4), LEDS_NO_BYTE);
        }
    }
    obey(0xED);
    obey(step(4));
    assert_int_equal(keyboard.shows, 4);
}

/* The locks change while the conversation goes on: it ends with what is wanted last. */
static void test_change_of_mind(void **state)
{
    (void)state;
    obey(step(1));
    obey(step(2));
    assert_int_equal(keyboard.shows, 1);
    obey(step(2));
    obey(step(2));
    assert_int_equal(keyboard.shows, 2);
}

static void test_resend(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(step(4), 0xED);
        assert_true(keyboard_leds_take(&leds, RESEND));
    }
    obey(step(4));
    for (int i = 0; i < 3; i++) {
        assert_int_equal(step(4), 4);
        assert_true(keyboard_leds_take(&leds, RESEND));
    }
    obey(step(4));
    assert_int_equal(keyboard.shows, 4);
}

/* A keyboard without lights asks again for ever: we stop. */
static void test_endless_resend(void **state)
{
    (void)state;
    while (step(4) != LEDS_NO_BYTE) {
        assert_true(keyboard.bytes < 100);
        keyboard_leds_take(&leds, RESEND);
    }
    assert_int_equal(keyboard.bytes, 12);
    now += 10000000;
    assert_int_equal(step(2), LEDS_NO_BYTE);
}

/* Silence: each of three attempts ends when a key comes later than half a second. */
static void test_silence(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(step(4), 0xED);
        now += 400000;
        assert_int_equal(step(4), LEDS_NO_BYTE);
        now += 200000;
    }
    assert_int_equal(step(4), LEDS_NO_BYTE);
    assert_false(keyboard_leds_take(&leds, ACK)); /* far too late: no answer any more */
}

/* It answered late once, but does: the next attempt works, and failures are forgotten. */
static void test_late_answer(void **state)
{
    (void)state;
    for (int i = 0; i < 20; i++) {
        assert_int_equal(step(i % 8), 0xED);
        now += 600000;
        assert_int_equal(step(i % 8), 0xED); /* the second attempt */
        keyboard.expects_value = false;
        obey(0xED);
        obey(step(i % 8));
        assert_int_equal(keyboard.shows, i % 8);
    }
}

/* Whatever comes in whatever order: no byte but the command and lights is ever sent, and a keyboard
 * that behaves from then on is set right, unless it was given up. */
static void test_random_keyboards(void **state)
{
    (void)state;
    for (unsigned seed = 1; seed < 3000; seed++) {
        reset(NULL);
        srand(seed);
        for (int i = 0; i < 30; i++) {
            int byte = step((uint8_t)(rand() % 8));

            assert_true(byte == LEDS_NO_BYTE || byte == 0xED || (byte >= 0 && byte < 8));
            now += (uint64_t)(rand() % 300000);
            if (rand() % 2) {
                keyboard_leds_take(&leds, (uint8_t)(rand() % 3 ? ACK : rand()));
            }
        }
        for (int i = 0; i < 10; i++) {
            now += 600000;
            step(5);
            keyboard_leds_take(&leds, ACK);
        }
        assert_true(leds.failures >= 3 || (leds.shown_known && leds.shown == 5));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_lights_are_set, reset),
        cmocka_unit_test_setup(test_keys_in_between, reset),
        cmocka_unit_test_setup(test_change_of_mind, reset),
        cmocka_unit_test_setup(test_resend, reset),
        cmocka_unit_test_setup(test_endless_resend, reset),
        cmocka_unit_test_setup(test_silence, reset),
        cmocka_unit_test_setup(test_late_answer, reset),
        cmocka_unit_test_setup(test_random_keyboards, reset),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
