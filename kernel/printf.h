/*
 * printf.h - text formatting. Portable: the host's unit tests compare it with the C library.
 *
 * Conversions: d i u x X o c s p %, with the flags - + space # 0, width and precision (numbers or
 * *), and the sizes hh h l ll z j t. Meaning as in C, but %p is always 0x and 16 digits, a null
 * string prints (null), and an unknown conversion is printed as it stands. Context: any.
 */
#ifndef SECTOR0_KERNEL_PRINTF_H
#define SECTOR0_KERNEL_PRINTF_H

#include <stdarg.h>
#include <stddef.h>

#define PRINTF_LIKE(text, first) __attribute__((format(printf, text, first)))

/* Takes one character of the result; CONTEXT is whatever the caller of format_text gave. */
typedef void format_put(void *context, char c);

/* Format TEXT and give each character of the result to PUT. Returns how many there were. */
size_t format_text(format_put *put, void *context, const char *text, va_list arguments);

/*
 * Format into BUFFER of SIZE bytes, always NUL-terminated unless SIZE is 0. Returns the length that
 * the whole text has: the buffer was too small if that is SIZE or more.
 */
size_t format_string(char *buffer, size_t size, const char *text, ...) PRINTF_LIKE(3, 4);
size_t format_string_va(char *buffer, size_t size, const char *text, va_list arguments)
    PRINTF_LIKE(3, 0);

#endif
