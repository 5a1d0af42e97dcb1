/* perm.c - see perm.h. */
#include "fs/perm.h"

#include <stdbool.h>

#include "fs/format.h"

static bool is_directory(uint32_t mode)
{
    return (mode & SFS_MODE_TYPE) >> 12 == SFS_TYPE_DIR;
}

struct sfs_perm sfs_perm_created(const struct sfs_perm *directory, const struct sfs_perm *asked)
{
    struct sfs_perm created = *asked;

    if ((directory->mode & SFS_SETGID) == 0) {
        return created;
    }
    created.gid = directory->gid;
    if (is_directory(asked->mode)) {
        created.mode |= SFS_SETGID;
    }
    return created;
}

/* A set-gid bit without group execution once meant mandatory locking, and stays. */
uint32_t sfs_perm_chowned(uint32_t mode)
{
    if (is_directory(mode)) {
        return mode;
    }
    mode &= ~SFS_SETUID;
    return (mode & SFS_GROUP_X) != 0 ? mode & ~SFS_SETGID : mode;
}
