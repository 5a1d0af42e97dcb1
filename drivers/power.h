/*
 * power.h - turning the machine off, and starting it again.
 */
#ifndef SECTOR0_DRIVERS_POWER_H
#define SECTOR0_DRIVERS_POWER_H

/*
 * Turn the machine off, by every way that it may know, one after the other. If none works, says so
 * on the console and halts. Context: any; interrupts are turned off.
 */
_Noreturn void power_off(void);

/*
 * End the emulator: QEMU with exit status 2 * STATUS + 1 if it has an isa-debug-exit at port F4h,
 * Bochs by its shutdown port. Other machines are turned off. Context: as above.
 */
_Noreturn void power_leave_emulator(unsigned char status);

/* Reset the machine, by every way that it may know. Context: any; interrupts are turned off. */
_Noreturn void power_reboot(void);

#endif
