/*
 * glob.c - see glob.h.
 *
 * Only the last * needs to be remembered: whatever an earlier one took, a later one can take as
 * well. So the time is at most the product of both lengths, for any pattern.
 */
#include "kernel/glob.h"

#include <stddef.h>

bool glob_match(const char *pattern, const char *name)
{
    const char *star = NULL;  /* behind the last * seen */
    const char *taken = NULL; /* behind what that * stands for */

    while (*name != '\0') {
        if (*pattern == '*') {
            star = ++pattern;
            taken = name;
        } else if (*pattern == '?' || *pattern == *name) {
            pattern++;
            name++;
        } else if (star != NULL) {
            pattern = star;
            name = ++taken;
        } else {
            return false;
        }
    }
    while (*pattern == '*') {
        pattern++;
    }
    return *pattern == '\0';
}
