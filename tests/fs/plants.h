/*
 * plants.h - ways to damage the volume of checkvol.h, one for each kind of finding: what is done,
 * what the checker must say, and what the repair may change.
 */
#ifndef SECTOR0_TESTS_PLANTS_H
#define SECTOR0_TESTS_PLANTS_H

#include "tests/fs/checkvol.h"

#define PLANT_V1 1 /* version 1 can be damaged like this, too */

struct plant {
    const char *name;
    void (*damage)(struct ramdisk *disk);
    const char *line;    /* part of a line that must be said, with "%N" for inode N of vol_inodes */
    const char *touched; /* paths whose files may differ afterwards, with spaces between them; "*":
                            all of them */
    unsigned flags;
};
/* The last has no name. */
extern const struct plant plants[];

#endif
