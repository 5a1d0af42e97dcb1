/*
 * vt100.h - what a terminal sends, as keys. Portable.
 */
#ifndef SECTOR0_DRIVERS_VT100_H
#define SECTOR0_DRIVERS_VT100_H

#include <stdint.h>

/* The state of one line; all zero at first. Owned by whoever reads that line. */
struct vt100 {
    uint8_t state;
    uint8_t last;    /* the byte before, for CR LF */
    uint16_t number; /* the first number of a sequence */
};

/*
 * Take the next BYTE, and give ADD the keys that are complete with it: none, one, or two if an ESC
 * turns out to have been typed alone. Sequences that we do not know give no key. Context: any.
 */
void vt100_decode(struct vt100 *decoder, uint8_t byte, void (*add)(int key));

#endif
