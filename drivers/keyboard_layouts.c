/*
 * keyboard_layouts.c - see keyboard_layouts.h.
 *
 * Accents and other dead keys give their own character at once: ^ ` and ~ are wanted in commands,
 * and code page 437 has few of the letters that they could make. It has no acute accent and no
 * diaeresis either, which become ' and ". What it lacks altogether (the euro, the section sign, the
 * raised three, the broken bar) is not typed.
 */
#include "drivers/keyboard_layouts.h"

#include "kernel/string.h"

/* Code page 437. */
#define C_CEDILLA   "\x87"
#define U_DIAERESIS "\x81"
#define E_ACUTE     "\x82"
#define A_DIAERESIS "\x84"
#define A_GRAVE     "\x85"
#define E_GRAVE     "\x8A"
#define CAPITAL_A_D "\x8E" /* with diaeresis */
#define O_DIAERESIS "\x94"
#define U_GRAVE     "\x97"
#define CAPITAL_O_D "\x99"
#define CAPITAL_U_D "\x9A"
#define POUND       "\x9C"
#define A_ACUTE     "\xA0"
#define I_ACUTE     "\xA1"
#define O_ACUTE     "\xA2"
#define U_ACUTE     "\xA3"
#define NOT_SIGN    "\xAA"
#define SHARP_S     "\xE1"
#define MICRO       "\xE6"
#define DEGREE      "\xF8"
#define SQUARED     "\xFD"

const struct keyboard_layout keyboard_layouts[] = {
    {
        .name = "us",
        .plain = "`1234567890-="
                 "qwertyuiop[]"
                 "asdfghjkl;'\\"
                 "\\zxcvbnm,./",
        .shifted = "~!@#$%^&*()_+"
                   "QWERTYUIOP{}"
                   "ASDFGHJKL:\"|"
                   "|ZXCVBNM<>?",
    },
    {
        .name = "uk",
        .plain = "`1234567890-="
                 "qwertyuiop[]"
                 "asdfghjkl;'#"
                 "\\zxcvbnm,./",
        .shifted = NOT_SIGN "!\"" POUND "$%^&*()_+"
                            "QWERTYUIOP{}"
                            "ASDFGHJKL:@~"
                            "|ZXCVBNM<>?",
        .alt_graph = "             "
                     "  " E_ACUTE "   " U_ACUTE I_ACUTE O_ACUTE "   " A_ACUTE "           "
                     "           ",
    },
    {
        .name = "de",
        .plain = "^1234567890" SHARP_S "'"
                 "qwertzuiop" U_DIAERESIS "+"
                 "asdfghjkl" O_DIAERESIS A_DIAERESIS "#"
                 "<yxcvbnm,.-",
        .shifted = DEGREE "!\" $%&/()=?`"
                          "QWERTZUIOP" CAPITAL_U_D "*"
                          "ASDFGHJKL" CAPITAL_O_D CAPITAL_A_D "'"
                          ">YXCVBNM;:_",
        .alt_graph = "  " SQUARED "    {[]}\\ "
                     "@          ~"
                     "            "
                     "|      " MICRO "   ",
    },
    {
        .name = "fr",
        .plain = SQUARED "&" E_ACUTE "\"'(-" E_GRAVE "_" C_CEDILLA A_GRAVE ")="
                         "azertyuiop^$"
                         "qsdfghjklm" U_GRAVE "*"
                         "<wxcvbn,;:!",
        .shifted = " 1234567890" DEGREE "+"
                   "AZERTYUIOP\"" POUND "QSDFGHJKLM%" MICRO ">WXCVBN?./ ",
        .alt_graph = "  ~#{[|`\\^@]}"
                     "            "
                     "            "
                     "           ",
    },
};
const size_t keyboard_layout_count = sizeof(keyboard_layouts) / sizeof(keyboard_layouts[0]);

const struct keyboard_layout *keyboard_layout_find(const char *name)
{
    for (size_t i = 0; i < keyboard_layout_count; i++) {
        if (strcmp(keyboard_layouts[i].name, name) == 0) {
            return &keyboard_layouts[i];
        }
    }
    return NULL;
}

int keyboard_layout_index(uint8_t code)
{
    static const struct {
        uint8_t first, last, index;
    } runs[] = {
        {0x29, 0x29, 0},  {0x02, 0x0D, 1},  {0x10, 0x1B, 13}, {0x1E, 0x28, 25},
        {0x2B, 0x2B, 36}, {0x56, 0x56, 37}, {0x2C, 0x35, 38},
    };

    for (size_t i = 0; i < sizeof(runs) / sizeof(runs[0]); i++) {
        if (code >= runs[i].first && code <= runs[i].last) {
            return runs[i].index + (code - runs[i].first);
        }
    }
    return -1;
}
