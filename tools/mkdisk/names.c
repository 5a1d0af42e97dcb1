/* names.c - see names.h. */
#include "names.h"

#include <stdint.h>
#include <string.h>
#include <unistd.h>

/* Bytes of the UTF-8 sequence at TEXT, 0 if there is none: neither overlong nor a surrogate. */
static size_t sequence(const uint8_t *text, size_t left)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t length = text[0] < 0x80 ? 1 : text[0] >> 5 == 6 ? 2 : text[0] >> 4 == 14 ? 3 : 4;
    uint32_t code = text[0] & (length == 1 ? 0x7F : 0x7F >> length);

    if (length > left || (text[0] & 0xC0) == 0x80 || text[0] >= 0xF8) {
        return 0;
    }
    for (size_t i = 1; i < length; i++) {
        if ((text[i] & 0xC0) != 0x80) {
            return 0;
        }
        code = code << 6 | (text[i] & 0x3F);
    }
    if (code < least[length] || code > 0x10FFFF || (code >= 0xD800 && code < 0xE000)) {
        return 0;
    }
    return code < ' ' || (code >= 0x7F && code < 0xA0) || code == '\\' ? 0 : length;
}

void print_name(FILE *file, const char *name, size_t length)
{
    if (!isatty(fileno(file))) {
        fwrite(name, 1, length, file);
        return;
    }
    for (size_t i = 0; i < length;) {
        size_t plain = sequence((const uint8_t *)name + i, length - i);

        if (plain == 0) {
            fprintf(file, "\\x%02X", (uint8_t)name[i]);
            plain = 1;
        } else {
            fwrite(name + i, 1, plain, file);
        }
        i += plain;
    }
}

bool name_is_plain(const char *name, size_t length)
{
    bool dots = length <= 2 && memcmp(name, "..", length) == 0; /* the empty one as well */

    return !dots && memchr(name, '/', length) == NULL && memchr(name, '\0', length) == NULL;
}
