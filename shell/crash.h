/*
 * crash.h - the kinds of crash, for the files of that command alone.
 */
#ifndef SECTOR0_SHELL_CRASH_H
#define SECTOR0_SHELL_CRASH_H

struct crash_kind {
    const char *name; /* NULL: the end of the list */
    const char *what;
    void (*crash)(void); /* does not return if the kernel is right */
};

extern const struct crash_kind crash_software_kinds[];
extern const struct crash_kind crash_undefined_kinds[]; /* with KERNEL=ubsan only */

#endif
