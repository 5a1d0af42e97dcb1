/*
 * ubsan.c - undefined behaviour, caught as it happens: what the compiler calls in a kernel made
 * with KERNEL=ubsan. Each case is a panic with the place and the values. The structures are the
 * compiler's, of gcc and clang alike.
 */
#ifdef KERNEL_UBSAN

#include <stdint.h>

#include "kernel/panic.h"
#include "kernel/printf.h"
#include "kernel/symbols.h"

struct source {
    const char *file;
    uint32_t line, column;
};

struct type {
    uint16_t kind; /* 0: integer */
    uint16_t info; /* of an integer: bit 0: signed; the rest: log2 of its bits */
    char name[];   /* in quotes */
};
#define KIND_INTEGER 0
#define VALUE_TEXT   24

struct overflow {
    struct source source;
    const struct type *type;
};

struct two_types { /* of a shift's operands; of an array and its index */
    struct source source;
    const struct type *left, *right;
};

struct mismatch {
    struct source source;
    const struct type *type;
    uint8_t log_alignment;
    uint8_t kind; /* of access */
};

struct argument {
    struct source source, attribute;
    int number;
};

/* VALUE as text: integers of up to 64 bits stand in the handle itself, larger ones behind it. */
static const char *in_words(char text[VALUE_TEXT], const struct type *type, uintptr_t value)
{
    unsigned bits = 1u << (type->info >> 1);
    uint64_t number = bits > 64 ? *(const uint64_t *)value : value;

    if (type->kind != KIND_INTEGER) {
        format_string(text, VALUE_TEXT, "%#llx", (unsigned long long)number);
    } else if (type->info & 1) {
        unsigned unused = bits < 64 ? 64 - bits : 0;

        format_string(text, VALUE_TEXT, "%lld", (long long)(number << unused) >> unused);
    } else {
        format_string(text, VALUE_TEXT, "%llu", (unsigned long long)number);
    }
    return text;
}

/* The function that did it is the one that the handler returns to. */
#define REPORT(source, ...)                                                                        \
    do {                                                                                           \
        char reason[160];                                                                          \
                                                                                                   \
        format_string(reason, sizeof(reason), __VA_ARGS__);                                        \
        report(source, reason, (uintptr_t)__builtin_return_address(0));                            \
    } while (0)

static _Noreturn void report(const struct source *source, const char *reason, uintptr_t caller)
{
    struct symbol symbol = {.function = "?"};

    symbols_find(caller - 1, &symbol);
    panic_at(source->file, (int)source->line, symbol.function, "undefined behaviour: %s, %s:%u:%u",
             reason, source->file, source->line, source->column);
}

#define OVERFLOW_HANDLER(case, operator)                                                           \
    void __ubsan_handle_##case (const struct overflow *data, uintptr_t left, uintptr_t right);     \
    void __ubsan_handle_##case (const struct overflow *data, uintptr_t left, uintptr_t right)      \
    {                                                                                              \
        char a[VALUE_TEXT], b[VALUE_TEXT];                                                         \
                                                                                                   \
        REPORT(&data->source, "%s " operator" %s in %s", in_words(a, data->type, left),            \
               in_words(b, data->type, right), data->type->name);                                  \
    }
OVERFLOW_HANDLER(add_overflow, "+")
OVERFLOW_HANDLER(sub_overflow, "-")
OVERFLOW_HANDLER(mul_overflow, "*")
OVERFLOW_HANDLER(divrem_overflow, "/")

void __ubsan_handle_negate_overflow(const struct overflow *data, uintptr_t value);
void __ubsan_handle_negate_overflow(const struct overflow *data, uintptr_t value)
{
    char a[VALUE_TEXT];

    REPORT(&data->source, "-(%s) in %s", in_words(a, data->type, value), data->type->name);
}

void __ubsan_handle_shift_out_of_bounds(const struct two_types *data, uintptr_t left,
                                        uintptr_t right);
void __ubsan_handle_shift_out_of_bounds(const struct two_types *data, uintptr_t left,
                                        uintptr_t right)
{
    char a[VALUE_TEXT], b[VALUE_TEXT];

    REPORT(&data->source, "%s of type %s shifted by %s", in_words(a, data->left, left),
           data->left->name, in_words(b, data->right, right));
}

void __ubsan_handle_out_of_bounds(const struct two_types *data, uintptr_t index);
void __ubsan_handle_out_of_bounds(const struct two_types *data, uintptr_t index)
{
    char a[VALUE_TEXT];

    REPORT(&data->source, "index %s of %s", in_words(a, data->right, index), data->left->name);
}

void __ubsan_handle_type_mismatch_v1(const struct mismatch *data, uintptr_t pointer);
void __ubsan_handle_type_mismatch_v1(const struct mismatch *data, uintptr_t pointer)
{
    uintptr_t alignment = (uintptr_t)1 << data->log_alignment;

    if (pointer == 0) {
        REPORT(&data->source, "null pointer to %s used", data->type->name);
    } else if (pointer % alignment != 0) {
        REPORT(&data->source, "%p used as a pointer to %s, which needs multiples of %lu",
               (void *)pointer, data->type->name, (unsigned long)alignment);
    } else {
        REPORT(&data->source, "%p has no room for %s", (void *)pointer, data->type->name);
    }
}

void __ubsan_handle_pointer_overflow(const struct source *source, uintptr_t from, uintptr_t to);
void __ubsan_handle_pointer_overflow(const struct source *source, uintptr_t from, uintptr_t to)
{
    REPORT(source, "pointer %p moved to %p", (void *)from, (void *)to);
}

void __ubsan_handle_load_invalid_value(const struct overflow *data, uintptr_t value);
void __ubsan_handle_load_invalid_value(const struct overflow *data, uintptr_t value)
{
    char a[VALUE_TEXT];

    REPORT(&data->source, "%s is no %s", in_words(a, data->type, value), data->type->name);
}

void __ubsan_handle_nonnull_arg(const struct argument *data);
void __ubsan_handle_nonnull_arg(const struct argument *data)
{
    REPORT(&data->source, "null pointer as argument %d", data->number);
}

void __ubsan_handle_nonnull_return_v1(const void *data, const struct source *source);
void __ubsan_handle_nonnull_return_v1(const void *data, const struct source *source)
{
    (void)data;
    REPORT(source, "null pointer returned");
}

void __ubsan_handle_invalid_builtin(const struct source *source);
void __ubsan_handle_invalid_builtin(const struct source *source)
{
    REPORT(source, "zero as the argument of a builtin that counts zeros");
}

void __ubsan_handle_builtin_unreachable(const struct source *source);
void __ubsan_handle_builtin_unreachable(const struct source *source)
{
    REPORT(source, "unreachable code reached");
}

void __ubsan_handle_missing_return(const struct source *source);
void __ubsan_handle_missing_return(const struct source *source)
{
    REPORT(source, "the end of a function that returns a value reached");
}

void __ubsan_handle_alignment_assumption(const struct overflow *data, uintptr_t pointer,
                                         uintptr_t alignment);
void __ubsan_handle_alignment_assumption(const struct overflow *data, uintptr_t pointer,
                                         uintptr_t alignment)
{
    REPORT(&data->source, "%p was promised to be a multiple of %lu", (void *)pointer,
           (unsigned long)alignment);
}

void __ubsan_handle_float_cast_overflow(const struct two_types *data);
void __ubsan_handle_float_cast_overflow(const struct two_types *data)
{
    REPORT(&data->source, "a %s that does not fit %s", data->left->name, data->right->name);
}

#endif
