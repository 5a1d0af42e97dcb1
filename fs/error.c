/* error.c - see error.h. */
#include "fs/error.h"

const char *sfs_error_name(int error)
{
    switch (error) {
    case SFS_EPERM:
        return "EPERM";
    case SFS_ENOENT:
        return "ENOENT";
    case SFS_EIO:
        return "EIO";
    case SFS_ENXIO:
        return "ENXIO";
    case SFS_ENOMEM:
        return "ENOMEM";
    case SFS_EACCES:
        return "EACCES";
    case SFS_EBUSY:
        return "EBUSY";
    case SFS_EEXIST:
        return "EEXIST";
    case SFS_EXDEV:
        return "EXDEV";
    case SFS_ENOTDIR:
        return "ENOTDIR";
    case SFS_EISDIR:
        return "EISDIR";
    case SFS_EINVAL:
        return "EINVAL";
    case SFS_EFBIG:
        return "EFBIG";
    case SFS_ENOSPC:
        return "ENOSPC";
    case SFS_EROFS:
        return "EROFS";
    case SFS_EMLINK:
        return "EMLINK";
    case SFS_ENAMETOOLONG:
        return "ENAMETOOLONG";
    case SFS_ENOSYS:
        return "ENOSYS";
    case SFS_ENOTEMPTY:
        return "ENOTEMPTY";
    case SFS_ELOOP:
        return "ELOOP";
    case SFS_EOVERFLOW:
        return "EOVERFLOW";
    case SFS_EOPNOTSUPP:
        return "EOPNOTSUPP";
    case SFS_ESTALE:
        return "ESTALE";
    case SFS_EUCLEAN:
        return "EUCLEAN";
    default:
        return "error";
    }
}
