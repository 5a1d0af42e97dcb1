/*
 * perm.h - what becomes of owners and set-id bits: the rules of Linux's file systems. Who may do
 * what is decided before SFS is asked.
 */
#ifndef SECTOR0_FS_PERM_H
#define SECTOR0_FS_PERM_H

#include <stdbool.h>
#include <stdint.h>

#include "fs/format.h"

#define SFS_PERM_ALL 07777u
#define SFS_SETUID   04000u
#define SFS_SETGID   02000u
#define SFS_GROUP_X  00010u

static inline bool sfs_mode_is_dir(uint32_t mode)
{
    return (mode & SFS_MODE_TYPE) >> 12 == SFS_TYPE_DIR;
}

/*
 * What MADE gets from the DIRECTORY it is made in: a set-gid directory gives its group, and to
 * directories in it its set-gid bit. Whether the maker may set that bit on a program for a group
 * that he is perhaps not of, is for those to say who know his groups.
 */
static inline void sfs_perm_inherit(struct sfs_inode *made, const struct sfs_inode *directory)
{
    if ((directory->mode & SFS_SETGID) != 0) {
        made->gid = directory->gid;
        made->mode |= sfs_mode_is_dir(made->mode) ? SFS_SETGID : 0;
    }
}

/*
 * The mode after a change of owner or group: the set-id bits of files go, for root as well. A
 * set-gid bit without group execution once meant mandatory locking, and stays.
 */
static inline uint16_t sfs_perm_chowned(uint16_t mode)
{
    unsigned gone = SFS_SETUID | ((mode & SFS_GROUP_X) != 0 ? SFS_SETGID : 0);

    return sfs_mode_is_dir(mode) ? mode : (uint16_t)(mode & ~gone);
}

#endif
