/*
 * port.h - what becomes of the file system's remarks ("block 77: checksum differs").
 */
#ifndef SECTOR0_MKDISK_PORT_H
#define SECTOR0_MKDISK_PORT_H

#include <stddef.h>

/* From now on print remarks as lines about SUBJECT, a string that stays; NULL: no longer. */
void port_print_remarks(const char *subject);

/* The last remark, at most SIZE bytes with its NUL; empty if there was none. Context: any thread.
 */
void port_last_remark(char *text, size_t size);

#endif
