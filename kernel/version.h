/* version.h - what the kernel calls itself. */
#ifndef SECTOR0_KERNEL_VERSION_H
#define SECTOR0_KERNEL_VERSION_H

#define KERNEL_VERSION_TEXT "Sector0 kernel 0.1, x86-64"

#endif
