/*
 * inside.h - what the verbs that look into a volume share: paths in it, complaints about them.
 *
 * A path in a volume begins at its root, with a '/' or without. Attributes that come from here hold
 * one reference to their inode, which volume_close gives back with all the others.
 */
#ifndef SECTOR0_MKDISK_INSIDE_H
#define SECTOR0_MKDISK_INSIDE_H

#include <stdbool.h>
#include <sys/stat.h>

#include "mkdisk.h"
#include "volume.h"

/* Walk to PATH with FLAGS (SFS_WALK_*); "" is the root. 0 or enum sfs_error. */
int inside_walk(struct sfs *fs, const char *path, unsigned flags, struct sfs_walk_result *out);

/* Complain that PATH of VOLUME met ERROR. Returns EXIT_IMAGE. */
int inside_complain(const struct volume *volume, const char *path, int error);

/* The user who runs mkdisk, as an owner; root if the number does not fit. */
struct sfs_owner inside_owner(void);

/* All names of a directory but "." and "..", sorted. */
struct names {
    char **name;
    size_t count;
};

/* Read them. Complains and returns false if that fails: what could be read is there all the same.
 */
bool names_read(const struct volume *volume, const char *path, uint64_t dir, struct names *names);
void names_free(struct names *names);

/*
 * Set of directories that have been entered. In a sound volume each has one parent, so one that
 * comes twice is damage, and without this a way to walk for ever.
 */
struct seen {
    uint64_t *inode; /* inode + 1; 0: empty */
    size_t size, count;
};

/* Add INODE. Returns false: it is in the set already. */
bool seen_add(struct seen *seen, uint64_t inode);
void seen_free(struct seen *seen);

/* Raise the limit on open files: a walk over a tree of the host has one for each directory. */
void allow_many_files(void);

#define DEPTH_MAX 2000 /* directories in each other: as many as a path of 4096 bytes may have */

static inline bool is_dir(const struct sfs_attr *attr)
{
    return S_ISDIR(attr->mode);
}

#endif
