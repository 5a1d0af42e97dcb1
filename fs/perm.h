/*
 * perm.h - what becomes of owners and set-id bits: the rules of Linux's file systems, as pure
 * functions. Who may do what is decided before SFS is asked.
 */
#ifndef SECTOR0_FS_PERM_H
#define SECTOR0_FS_PERM_H

#include <stdint.h>

#define SFS_PERM_ALL 07777u
#define SFS_SETUID   04000u
#define SFS_SETGID   02000u
#define SFS_GROUP_X  00010u

/* The owner, group and mode (type and permissions) of something. */
struct sfs_perm {
    uint32_t uid;
    uint32_t gid;
    uint32_t mode;
};

/*
 * What ASKED becomes in DIRECTORY: a set-gid directory gives its group, and to directories in it
 * its set-gid bit. Whether the maker may set that bit on a program for a group that he is perhaps
 * not of, is for those to say who know his groups.
 */
struct sfs_perm sfs_perm_created(const struct sfs_perm *directory, const struct sfs_perm *asked);

/* The mode after a change of owner or group: the set-id bits of files go, for root as well. */
uint32_t sfs_perm_chowned(uint32_t mode);

#endif
