/*
 * hostget.h - a tree of files from a volume to the host: `get`.
 *
 * The volume is not trusted. Nothing is written but below the target: every step is made from an
 * open directory and follows no symbolic link, and names that would lead elsewhere are refused.
 */
#ifndef SECTOR0_MKDISK_HOSTGET_H
#define SECTOR0_MKDISK_HOSTGET_H

#include <stdbool.h>

#include "volume.h"

/*
 * Copy what ATTR describes, called PATH in VOLUME, to the host as TARGET; with RECURSIVE what is in
 * it as well. An existing file is replaced, an existing directory is added to. Owners are kept if
 * the host lets us. Complains about each file that cannot be copied. Returns an exit code.
 */
int get_tree(const struct volume *volume, const char *path, const struct sfs_attr *attr,
             bool recursive, const char *target);

#endif
