/* name.c - see name.h. */
#include "fs/name.h"

#include "fs/error.h"

#define FNV_START 0x811C9DC5u
#define FNV_PRIME 0x01000193u

bool sfs_name_is_sound(const char *name, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if (name[i] == '\0' || name[i] == '/') {
            return false;
        }
    }
    return true;
}

bool sfs_name_is_dots(const char *name, size_t length)
{
    return (length == 1 || length == 2) && name[0] == '.' && name[length - 1] == '.';
}

int sfs_name_check(const char *name, size_t length, size_t max)
{
    if (length == 0) {
        return SFS_ENOENT;
    }
    if (length > max) {
        return SFS_ENAMETOOLONG;
    }
    return sfs_name_is_sound(name, length) ? 0 : SFS_EINVAL;
}

uint32_t sfs_name_hash(const char *name, size_t length)
{
    uint32_t hash = FNV_START;

    for (size_t i = 0; i < length; i++) {
        hash = (hash ^ (uint8_t)name[i]) * FNV_PRIME;
    }
    return hash ^ hash >> 15;
}
