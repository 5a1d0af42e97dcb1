/*
 * hostput.h - a tree of files from the host into a volume: `put`, and `create --root`.
 *
 * Kept are contents, holes, types, modes, owners, times of access and of change to the nanosecond,
 * and hard links between the files of the tree. Symbolic links are copied, not followed.
 */
#ifndef SECTOR0_MKDISK_HOSTPUT_H
#define SECTOR0_MKDISK_HOSTPUT_H

#include <stdbool.h>
#include <stdint.h>

#include "volume.h"

/*
 * Copy HOST, which the host calls so, to NAME in the directory PARENT of VOLUME; with RECURSIVE
 * what is in it as well. An existing file is replaced, an existing directory is added to. Complains
 * about each file that cannot be copied. Returns an exit code.
 */
int put_tree(const struct volume *volume, const char *host, bool recursive, uint64_t parent,
             const char *name);

/* Copy what is in the directory HOST into the root of VOLUME, which becomes like it. */
int put_root(const struct volume *volume, const char *host);

#endif
