/*
 * e9.h - the emulator's console: a byte written to port E9 appears on the host, in Bochs
 * (port_e9_hack) and in QEMU (-debugcon).
 */
#ifndef SECTOR0_DRIVERS_E9_H
#define SECTOR0_DRIVERS_E9_H

#include <stdbool.h>

/* Register it as a console if the port reads back E9, the sign of life. Context: start-up. */
bool e9_start(void);

#endif
