/*
 * options.h - the words of the kernel command line. Portable.
 *
 *   debug                        log details, too
 *   console=vga|serial|both      where text goes (default: both)
 *   panic=halt|reboot            what a panic ends with (default: halt)
 *   run="cmd; cmd"               run these shell commands first
 *   test[=glob]                  run the kernel's own tests, then leave the emulator
 *   layout=us|uk|de|fr           the keyboard's layout (default: us)
 *   root=<device>                the disk or partition to use as the boot disk (drivers/bootdisk.h)
 *   watchdog=off|tick|nmi        what notices a hang (default: tick)
 *
 * Words that nobody knows are kept, so that the kernel can name them: never an error.
 */
#ifndef SECTOR0_KERNEL_OPTIONS_H
#define SECTOR0_KERNEL_OPTIONS_H

#include <stdbool.h>

#include "include/layout.h"

enum option_watchdog { OPTION_WATCHDOG_TICK, OPTION_WATCHDOG_OFF, OPTION_WATCHDOG_NMI };
enum option_console { OPTION_CONSOLE_BOTH, OPTION_CONSOLE_VGA, OPTION_CONSOLE_SERIAL };

struct options {
    bool debug;
    bool panic_reboot;
    enum option_console console;
    enum option_watchdog watchdog;
    bool test;
    char test_glob[CMDLINE_SIZE]; /* empty: all tests */
    char layout[8];               /* empty: the default; any word, not checked here */
    char root[16];                /* empty: the disk that was booted from; not checked here */
    char run[CMDLINE_SIZE];       /* empty: nothing to run */
    char unknown[CMDLINE_SIZE];   /* the words that were not understood, separated by spaces */
};

/* Parse CMDLINE, shorter than CMDLINE_SIZE. A later word wins over an earlier one. Context: any. */
void options_parse(struct options *options, const char *cmdline);

#endif
