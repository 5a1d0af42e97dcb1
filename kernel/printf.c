/* printf.c - see printf.h. [C11 7.21.6.1] */
#include "kernel/printf.h"

#include <stdbool.h>
#include <stdint.h>

#include "kernel/string.h"

/* One conversion: what stood between the % and its letter. */
struct spec {
    bool left;      /* - */
    bool plus;      /* + */
    bool space;     /* ' ' */
    bool alternate; /* # */
    bool zero;      /* 0 */
    int width;      /* 0 if none was given */
    int precision;  /* negative if none was given */
    int size;       /* -2 hh, -1 h, 0 int, 1 l and everything that is as wide */
};

struct output {
    format_put *put;
    void *context;
    size_t count;
};

static void emit(struct output *out, char c)
{
    out->put(out->context, c);
    out->count++;
}

static void emit_many(struct output *out, char c, int times)
{
    while (times-- > 0) {
        emit(out, c);
    }
}

static void emit_text(struct output *out, const char *text, int length)
{
    for (int i = 0; i < length; i++) {
        emit(out, text[i]);
    }
}

/* LENGTH characters at TEXT, padded to the width with spaces. */
static void emit_padded(struct output *out, const struct spec *spec, const char *text, int length)
{
    if (!spec->left) {
        emit_many(out, ' ', spec->width - length);
    }
    emit_text(out, text, length);
    if (spec->left) {
        emit_many(out, ' ', spec->width - length);
    }
}

/* The digits of VALUE, the last one at END[-1]. Returns how many. */
static int write_digits(char *end, uint64_t value, unsigned base, bool upper)
{
    const char *digits = upper ? "0123456789ABCDEF" : "0123456789abcdef";
    int count = 0;

    while (value > 0) {
        *--end = digits[value % base];
        value /= base;
        count++;
    }
    return count;
}

/* A number: padding, PREFIX (sign or 0x), zeros, digits, padding. */
static void emit_number(struct output *out, const struct spec *spec, const char *prefix,
                        uint64_t value, unsigned base, bool upper)
{
    char buffer[24]; /* 22 octal digits are the longest */
    char *end = buffer + sizeof(buffer);
    int digits = write_digits(end, value, base, upper);
    int prefix_length = (int)strlen(prefix);
    int zeros = (spec->precision < 0 ? 1 : spec->precision) - digits;

    if (zeros < 0) {
        zeros = 0;
    }
    if (base == 8 && spec->alternate && zeros == 0) {
        zeros = 1;
    }
    if (spec->zero && !spec->left && spec->precision < 0 &&
        spec->width > prefix_length + zeros + digits) {
        zeros = spec->width - prefix_length - digits;
    }

    int padding = spec->width - prefix_length - zeros - digits;
    if (!spec->left) {
        emit_many(out, ' ', padding);
    }
    emit_text(out, prefix, prefix_length);
    emit_many(out, '0', zeros);
    emit_text(out, end - digits, digits);
    if (spec->left) {
        emit_many(out, ' ', padding);
    }
}

static void emit_signed(struct output *out, const struct spec *spec, int64_t value)
{
    const char *sign = value < 0 ? "-" : spec->plus ? "+" : spec->space ? " " : "";
    uint64_t magnitude = value < 0 ? -(uint64_t)value : (uint64_t)value;

    emit_number(out, spec, sign, magnitude, 10, false);
}

static void emit_unsigned(struct output *out, const struct spec *spec, char letter, uint64_t value)
{
    const char *prefix = "";

    if (spec->alternate && value != 0 && letter != 'u' && letter != 'o') {
        prefix = letter == 'X' ? "0X" : "0x";
    }
    emit_number(out, spec, prefix, value,
                letter == 'u'   ? 10
                : letter == 'o' ? 8
                                : 16,
                letter == 'X');
}

static void emit_string(struct output *out, const struct spec *spec, const char *text)
{
    int length = 0;

    if (text == NULL) {
        text = "(null)";
    }
    /* With a precision the text need not end with a NUL: never look behind it. */
    while ((spec->precision < 0 || length < spec->precision) && text[length] != '\0') {
        length++;
    }
    emit_padded(out, spec, text, length);
}

/* Reads a decimal number at *TEXT and moves *TEXT behind it. Large ones are cut: no width is. */
static int parse_number(const char **text)
{
    int value = 0;

    for (; **text >= '0' && **text <= '9'; (*text)++) {
        if (value < 10000) {
            value = value * 10 + (**text - '0');
        }
    }
    return value;
}

static void parse_flags(struct spec *spec, const char **text)
{
    for (;; (*text)++) {
        switch (**text) {
        case '-':
            spec->left = true;
            break;
        case '+':
            spec->plus = true;
            break;
        case ' ':
            spec->space = true;
            break;
        case '#':
            spec->alternate = true;
            break;
        case '0':
            spec->zero = true;
            break;
        default:
            return;
        }
    }
}

/* A va_list may be an array, which a function cannot take by reference: hence the struct. */
struct arguments {
    va_list list;
};

static void parse_width(struct spec *spec, const char **text, struct arguments *arguments)
{
    if (**text == '*') {
        (*text)++;
        spec->width = va_arg(arguments->list, int);
        if (spec->width < 0) {
            spec->left = true;
            spec->width = -spec->width;
        }
    } else {
        spec->width = parse_number(text);
    }
    spec->precision = -1;
    if (**text == '.') {
        (*text)++;
        if (**text == '*') {
            (*text)++;
            spec->precision = va_arg(arguments->list, int);
        } else {
            spec->precision = parse_number(text);
        }
    }
}

/* long, long long, size_t, intmax_t and ptrdiff_t are all 64 bits wide here. */
static void parse_size(struct spec *spec, const char **text)
{
    for (;; (*text)++) {
        if (**text == 'h') {
            spec->size--;
        } else if (**text == 'l' || **text == 'z' || **text == 'j' || **text == 't') {
            spec->size = 1;
        } else {
            return;
        }
    }
}

static int64_t take_signed(const struct spec *spec, struct arguments *arguments)
{
    if (spec->size > 0) {
        return va_arg(arguments->list, long long);
    }
    int value = va_arg(arguments->list, int);
    return spec->size == 0 ? value : spec->size == -1 ? (short)value : (signed char)value;
}

static uint64_t take_unsigned(const struct spec *spec, struct arguments *arguments)
{
    if (spec->size > 0) {
        return va_arg(arguments->list, unsigned long long);
    }
    unsigned value = va_arg(arguments->list, unsigned);
    return spec->size == 0 ? value : spec->size == -1 ? (uint16_t)value : (uint8_t)value;
}

static void emit_pointer(struct output *out, const struct spec *spec, const void *pointer)
{
    struct spec hex = {.left = spec->left, .width = spec->width, .precision = 16};

    emit_number(out, &hex, "0x", (uintptr_t)pointer, 16, false);
}

/* Print one conversion; *TEXT stands behind its %. Returns false if its letter is unknown. */
static bool convert(struct output *out, const char **text, struct arguments *arguments)
{
    struct spec spec = {0};
    char letter;

    parse_flags(&spec, text);
    parse_width(&spec, text, arguments);
    parse_size(&spec, text);
    letter = **text;
    switch (letter) {
    case 'd':
    case 'i':
        emit_signed(out, &spec, take_signed(&spec, arguments));
        break;
    case 'u':
    case 'x':
    case 'X':
    case 'o':
        emit_unsigned(out, &spec, letter, take_unsigned(&spec, arguments));
        break;
    case 'c': {
        char c = (char)va_arg(arguments->list, int);
        emit_padded(out, &spec, &c, 1);
        break;
    }
    case 's':
        emit_string(out, &spec, va_arg(arguments->list, const char *));
        break;
    case 'p':
        emit_pointer(out, &spec, va_arg(arguments->list, const void *));
        break;
    case '%':
        emit(out, '%');
        break;
    default:
        return false;
    }
    (*text)++;
    return true;
}

size_t format_text(format_put *put, void *context, const char *text, va_list arguments)
{
    struct output out = {.put = put, .context = context};
    struct arguments args;

    va_copy(args.list, arguments);
    while (*text != '\0') {
        const char *start = text;

        if (*text++ != '%') {
            emit(&out, *start);
        } else if (!convert(&out, &text, &args)) {
            emit_text(&out, start, (int)(text - start));
        }
    }
    va_end(args.list);
    return out.count;
}

struct string_buffer {
    char *next;
    size_t room; /* bytes left, the NUL's included */
};

static void put_in_string(void *context, char c)
{
    struct string_buffer *buffer = context;

    if (buffer->room > 1) {
        *buffer->next++ = c;
        buffer->room--;
    }
}

size_t format_string_va(char *buffer, size_t size, const char *text, va_list arguments)
{
    struct string_buffer string = {.next = buffer, .room = size};
    size_t length = format_text(put_in_string, &string, text, arguments);

    if (size > 0) {
        *string.next = '\0';
    }
    return length;
}

size_t format_string(char *buffer, size_t size, const char *text, ...)
{
    va_list arguments;

    va_start(arguments, text);
    size_t length = format_string_va(buffer, size, text, arguments);
    va_end(arguments);
    return length;
}
