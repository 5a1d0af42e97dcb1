/*
 * keyboard.c - see keyboard.h.
 *
 * A code with bit 7 clear is a key going down, with bit 7 set the same key going up. E0 in front
 * marks the keys that the first PC did not have (arrows, right Ctrl, ...), which share their codes
 * with the keypad; E1 starts the six codes of Pause.
 */
#include "drivers/keyboard.h"

#include "drivers/keyboard_leds.h"
#include "kernel/input.h"

#define RELEASED          0x80
#define PREFIX_EXTENDED   0xE0
#define PREFIX_PAUSE      0xE1
#define PAUSE_CODES       2 /* that follow each E1 */

#define CODE_ESCAPE       0x01
#define CODE_BACKSPACE    0x0E
#define CODE_TAB          0x0F
#define CODE_CONTROL      0x1D
#define CODE_LEFT_SHIFT   0x2A
#define CODE_RIGHT_SHIFT  0x36
#define CODE_KEYPAD_STAR  0x37
#define CODE_ALT          0x38
#define CODE_SPACE        0x39
#define CODE_CAPS_LOCK    0x3A
#define CODE_F1           0x3B
#define CODE_F10          0x44
#define CODE_NUM_LOCK     0x45
#define CODE_SCROLL_LOCK  0x46
#define CODE_KEYPAD_FIRST 0x47
#define CODE_KEYPAD_LAST  0x53
#define CODE_F11          0x57
#define CODE_F12          0x58
#define CODE_ENTER        0x1C
#define CODE_SLASH        0x35

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

static const struct keyboard_layout *layout_of(const struct keyboard *keyboard)
{
    return keyboard->layout != NULL ? keyboard->layout : &keyboard_layouts[0];
}

/* Caps Lock means letters: a to z, and keys with two characters of which ASCII has neither. */
static bool is_letter(uint8_t plain, uint8_t shifted)
{
    return (plain >= 'a' && plain <= 'z') || (plain > 0x7F && shifted > 0x7F);
}

/* The character at INDEX of the layout's tables, LAYOUT_NONE for none. */
static uint8_t layout_character(const struct keyboard *keyboard, int index)
{
    const struct keyboard_layout *layout = layout_of(keyboard);
    uint8_t plain = (uint8_t)layout->plain[index];
    uint8_t shifted = (uint8_t)layout->shifted[index];

    if (layout->alt_graph != NULL && keyboard->right_alt) {
        return (uint8_t)layout->alt_graph[index];
    }
    return shift(keyboard) != (keyboard->caps_lock && is_letter(plain, shifted)) ? shifted : plain;
}

static int character_key(const struct keyboard *keyboard, int index)
{
    bool alt_graph = layout_of(keyboard)->alt_graph != NULL;
    uint8_t c = layout_character(keyboard, index);

    if (keyboard->left_alt || (keyboard->right_alt && !alt_graph)) {
        return KEY_NONE;
    }
    if (control(keyboard)) {
        c |= 'a' ^ 'A';
        return c >= 'a' && c <= 'z' ? KEY_CTRL(c) : KEY_NONE;
    }
    return c == LAYOUT_NONE ? KEY_NONE : c;
}

/* The few keys that are the same everywhere. KEY_NONE: CODE is none of them. */
static int fixed_key(const struct keyboard *keyboard, uint8_t code)
{
    switch (code) {
    case CODE_ESCAPE:
        return KEY_ESCAPE;
    case CODE_BACKSPACE:
        return KEY_BACKSPACE;
    case CODE_TAB:
        return KEY_TAB;
    case CODE_ENTER:
        return KEY_ENTER;
    case CODE_KEYPAD_STAR:
        return '*';
    case CODE_SPACE:
        return control(keyboard) ? KEY_NONE : ' ';
    default:
        return KEY_NONE;
    }
}

static int function_key(uint8_t code)
{
    if (code >= CODE_F1 && code <= CODE_F10) {
        return KEY_F1 + (code - CODE_F1);
    }
    if (code == CODE_F11 || code == CODE_F12) {
        return KEY_F12 - (CODE_F12 - code);
    }
    return KEY_NONE;
}

/* Returns true if CODE is a lock. A key that is held repeats; the lock turns round only once. */
static bool take_lock(struct keyboard *keyboard, uint8_t code, bool down)
{
    if (code != CODE_CAPS_LOCK && code != CODE_NUM_LOCK && code != CODE_SCROLL_LOCK) {
        return false;
    }
    if (down && keyboard->lock_held != code) {
        keyboard->caps_lock ^= code == CODE_CAPS_LOCK;
        keyboard->num_lock_off ^= code == CODE_NUM_LOCK;
        keyboard->scroll_lock ^= code == CODE_SCROLL_LOCK;
    }
    keyboard->lock_held = down ? code : 0;
    return true;
}

uint8_t keyboard_lights(const struct keyboard *keyboard)
{
    return (uint8_t)((keyboard->scroll_lock ? LED_SCROLL_LOCK : 0) |
                     (keyboard->num_lock_off ? 0 : LED_NUM_LOCK) |
                     (keyboard->caps_lock ? LED_CAPS_LOCK : 0));
}

static int pressed_key(const struct keyboard *keyboard, uint8_t code, bool extended)
{
    int index = keyboard_layout_index(code);
    int key;

    if (code >= CODE_KEYPAD_FIRST && code <= CODE_KEYPAD_LAST) {
        return keypad_key(keyboard, code, extended);
    }
    if (extended) {
        return code == CODE_ENTER ? KEY_ENTER : code == CODE_SLASH ? '/' : KEY_NONE;
    }
    if (index >= 0) {
        return character_key(keyboard, index);
    }
    key = function_key(code);
    return key != KEY_NONE ? key : alt(keyboard) ? KEY_NONE : fixed_key(keyboard, code);
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
    if (take_modifier(keyboard, code, extended, down) ||
        (!extended && take_lock(keyboard, code, down)) || !down) {
        return KEY_NONE;
    }
    return pressed_key(keyboard, code, extended);
}
