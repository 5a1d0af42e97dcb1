/* name.h - which names a directory may hold, and which an operation may be asked for. */
#ifndef SECTOR0_FS_NAME_H
#define SECTOR0_FS_NAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* No '/' and no NUL among the LENGTH bytes (1 to 255) of a name. */
bool sfs_name_is_sound(const char *name, size_t length);

/* The NAME is "." or "..". */
bool sfs_name_is_dots(const char *name, size_t length);

/*
 * Is NAME, LENGTH bytes, one that may be looked for, with names of at most MAX bytes? Returns 0,
 * SFS_ENOENT (empty), SFS_ENAMETOOLONG or SFS_EINVAL (a '/' or a NUL in it).
 */
int sfs_name_check(const char *name, size_t length, size_t max);

/* A hash of the NAME: not for enemies, only to spread. */
uint32_t sfs_name_hash(const char *name, size_t length);

#endif
