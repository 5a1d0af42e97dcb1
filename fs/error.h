/*
 * error.h - why an operation of SFS failed: negative numbers, with Linux's values, so that FUSE can
 * hand them on and people know their names. 0 and above is success.
 */
#ifndef SECTOR0_FS_ERROR_H
#define SECTOR0_FS_ERROR_H

enum sfs_error {
    SFS_EPERM = -1,
    SFS_ENOENT = -2,
    SFS_EIO = -5,
    SFS_ENXIO = -6, /* seek: no data, or no hole, behind here */
    SFS_ENOMEM = -12,
    SFS_EACCES = -13,
    SFS_EBUSY = -16,
    SFS_EEXIST = -17,
    SFS_EXDEV = -18,
    SFS_ENOTDIR = -20,
    SFS_EISDIR = -21,
    SFS_EINVAL = -22,
    SFS_EFBIG = -27,
    SFS_ENOSPC = -28,
    SFS_EROFS = -30,
    SFS_EMLINK = -31,
    SFS_ENAMETOOLONG = -36,
    SFS_ENOSYS = -38,
    SFS_ENOTEMPTY = -39,
    SFS_ELOOP = -40,
    SFS_EOVERFLOW = -75,
    SFS_EOPNOTSUPP = -95,
    SFS_ESTALE = -116,
    SFS_EUCLEAN = -117, /* the volume contradicts itself: it needs a check */
};

/* The error's name, "EIO", or "error" for a number that is none of these. Context: any. */
const char *sfs_error_name(int error);

#endif
