/*
 * keyboard.c - see keyboard.h.
 *
 * A code with bit 7 clear is a key going down, with bit 7 set the same key going up. E0 in front
 * marks the keys that the first PC did not have (arrows, right Ctrl, ...), which share their codes
 * with the keypad; E1 starts the six codes of Pause.
 */
#include "drivers/keyboard.h"

#include "kernel/input.h"

#define RELEASED          0x80
#define PREFIX_EXTENDED   0xE0
#define PREFIX_PAUSE      0xE1
#define PAUSE_CODES       2 /* that follow each E1 */

#define CODE_CONTROL      0x1D
#define CODE_LEFT_SHIFT   0x2A
#define CODE_RIGHT_SHIFT  0x36
#define CODE_ALT          0x38
#define CODE_CAPS_LOCK    0x3A
#define CODE_F1           0x3B
#define CODE_F10          0x44
#define CODE_NUM_LOCK     0x45
#define CODE_KEYPAD_FIRST 0x47
#define CODE_KEYPAD_LAST  0x53
#define CODE_F11          0x57
#define CODE_F12          0x58
#define CODE_ENTER        0x1C
#define CODE_SLASH        0x35

/* Index: scan code. 0: no character. */
static const char plain[] = "\0\033"
                            "1234567890-=\b\t"
                            "qwertyuiop[]\n\0"
                            "asdfghjkl;'`\0\\"
                            "zxcvbnm,./\0*\0 ";
static const char shifted[] = "\0\033"
                              "!@#$%^&*()_+\b\t"
                              "QWERTYUIOP{}\n\0"
                              "ASDFGHJKL:\"~\0|"
                              "ZXCVBNM<>?\0*\0 ";
_Static_assert(sizeof(plain) == 0x3A + 1 && sizeof(shifted) == sizeof(plain), "codes 0 to 39");

/* Keypad and extended keys, from CODE_KEYPAD_FIRST on. */
static const int16_t navigation[] = {KEY_HOME,      KEY_UP,     KEY_PAGE_UP, '-',     KEY_LEFT,
                                     '5',           KEY_RIGHT,  '+',         KEY_END, KEY_DOWN,
                                     KEY_PAGE_DOWN, KEY_INSERT, KEY_DELETE};
static const char keypad[] = "789-456+1230.";
_Static_assert(sizeof(keypad) - 1 == CODE_KEYPAD_LAST - CODE_KEYPAD_FIRST + 1, "keypad");
_Static_assert(sizeof(navigation) / sizeof(navigation[0]) == sizeof(keypad) - 1, "keypad");

static bool control(const struct keyboard *keyboard)
{
    return keyboard->left_control || keyboard->right_control;
}

static bool alt(const struct keyboard *keyboard)
{
    return keyboard->left_alt || keyboard->right_alt;
}

static bool shift(const struct keyboard *keyboard)
{
    return keyboard->left_shift || keyboard->right_shift;
}

/* Returns true if CODE is Shift, Ctrl or Alt, and remembers whether it is down. */
static bool take_modifier(struct keyboard *keyboard, uint8_t code, bool extended, bool down)
{
    switch (code) {
    case CODE_LEFT_SHIFT:
    case CODE_RIGHT_SHIFT:
        /* E0 2A and E0 36 surround some extended keys; nobody pressed Shift. */
        if (!extended) {
            *(code == CODE_LEFT_SHIFT ? &keyboard->left_shift : &keyboard->right_shift) = down;
        }
        return true;
    case CODE_CONTROL:
        *(extended ? &keyboard->right_control : &keyboard->left_control) = down;
        return true;
    case CODE_ALT:
        *(extended ? &keyboard->right_alt : &keyboard->left_alt) = down;
        return true;
    default:
        return false;
    }
}

static int keypad_key(const struct keyboard *keyboard, uint8_t code, bool extended)
{
    unsigned index = code - CODE_KEYPAD_FIRST;
    int key = navigation[index];

    if (!extended && keyboard->num_lock_off == shift(keyboard)) {
        key = keypad[index]; /* Shift turns Num Lock round */
    }
    if (key == KEY_DELETE && control(keyboard) && alt(keyboard)) {
        key = KEY_CTRL_ALT_DELETE;
    }
    /* The extended set has neither - + nor 5. */
    return extended && key < KEY_UP ? KEY_NONE : key;
}

static int character_key(const struct keyboard *keyboard, uint8_t code)
{
    char c = shift(keyboard) ? shifted[code] : plain[code];
    bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');

    if (c == '\0' || alt(keyboard)) {
        return KEY_NONE;
    }
    if (control(keyboard)) {
        return letter ? KEY_CTRL(c) : KEY_NONE;
    }
    return letter && keyboard->caps_lock ? c ^ ('a' ^ 'A') : c;
}

static int pressed_key(struct keyboard *keyboard, uint8_t code, bool extended)
{
    if (code >= CODE_KEYPAD_FIRST && code <= CODE_KEYPAD_LAST) {
        return keypad_key(keyboard, code, extended);
    }
    if (extended) {
        return code == CODE_ENTER ? KEY_ENTER : code == CODE_SLASH ? '/' : KEY_NONE;
    }
    if (code == CODE_CAPS_LOCK) {
        keyboard->caps_lock = !keyboard->caps_lock;
    } else if (code == CODE_NUM_LOCK) {
        keyboard->num_lock_off = !keyboard->num_lock_off;
    } else if (code >= CODE_F1 && code <= CODE_F10) {
        return KEY_F1 + (code - CODE_F1);
    } else if (code == CODE_F11 || code == CODE_F12) {
        return KEY_F12 - (CODE_F12 - code);
    } else if (code < sizeof(plain) - 1) {
        return character_key(keyboard, code);
    }
    return KEY_NONE;
}

int keyboard_decode(struct keyboard *keyboard, uint8_t code)
{
    bool extended = keyboard->extended;
    bool down = (code & RELEASED) == 0;

    if (keyboard->skip > 0) {
        keyboard->skip--;
        return KEY_NONE;
    }
    if (code == PREFIX_PAUSE) {
        keyboard->skip = PAUSE_CODES;
        return KEY_NONE;
    }
    keyboard->extended = code == PREFIX_EXTENDED;
    if (code == PREFIX_EXTENDED || code == 0 || code == 0xFF) { /* 0, FF: its buffer overflowed */
        return KEY_NONE;
    }
    code &= (uint8_t)~RELEASED;
    if (take_modifier(keyboard, code, extended, down) || !down) {
        return KEY_NONE;
    }
    return pressed_key(keyboard, code, extended);
}
