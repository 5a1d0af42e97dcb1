/*
 * vga.h - the screen: 80 x 25 cells of text in 16 colours.
 */
#ifndef SECTOR0_DRIVERS_VGA_H
#define SECTOR0_DRIVERS_VGA_H

#include <stdbool.h>
#include <stdint.h>

#define VGA_COLUMNS 80
#define VGA_ROWS    25

/* How the BIOS left the screen. */
struct vga_state {
    uint8_t mode; /* BIOS video mode */
    uint8_t columns;
    uint16_t crtc_port; /* 3D4 colour, 3B4 monochrome, 0 no VGA */
    uint8_t cursor_row;
    uint8_t cursor_column;
};

/*
 * Register the screen as a console that continues below what is on it. Returns false, with nothing
 * registered, if the BIOS did not leave an 80 x 25 text mode. Context: start-up.
 */
bool vga_start(const struct vga_state *state);

#endif
