/*
 * error.h - why an operation of SFS failed: negative numbers, with Linux's values, so that FUSE can
 * hand them on and people know their names. 0 and above is success.
 */
#ifndef SECTOR0_FS_ERROR_H
#define SECTOR0_FS_ERROR_H

#define SFS_ERRORS(ERROR)                                                                          \
    ERROR(SFS_EPERM, 1)                                                                            \
    ERROR(SFS_ENOENT, 2)                                                                           \
    ERROR(SFS_EIO, 5)                                                                              \
    ERROR(SFS_ENXIO, 6) /* seek: no data, or no hole, behind here */                               \
    ERROR(SFS_ENOMEM, 12)                                                                          \
    ERROR(SFS_EACCES, 13)                                                                          \
    ERROR(SFS_EBUSY, 16)                                                                           \
    ERROR(SFS_EEXIST, 17)                                                                          \
    ERROR(SFS_EXDEV, 18)                                                                           \
    ERROR(SFS_ENOTDIR, 20)                                                                         \
    ERROR(SFS_EISDIR, 21)                                                                          \
    ERROR(SFS_EINVAL, 22)                                                                          \
    ERROR(SFS_EFBIG, 27)                                                                           \
    ERROR(SFS_ENOSPC, 28)                                                                          \
    ERROR(SFS_EROFS, 30)                                                                           \
    ERROR(SFS_EMLINK, 31)                                                                          \
    ERROR(SFS_ENAMETOOLONG, 36)                                                                    \
    ERROR(SFS_ENOSYS, 38)                                                                          \
    ERROR(SFS_ENOTEMPTY, 39)                                                                       \
    ERROR(SFS_ELOOP, 40)                                                                           \
    ERROR(SFS_EOVERFLOW, 75)                                                                       \
    ERROR(SFS_EOPNOTSUPP, 95)                                                                      \
    ERROR(SFS_ESTALE, 116)                                                                         \
    ERROR(SFS_EUCLEAN, 117) /* the volume contradicts itself: it needs a check */

enum sfs_error {
#define SFS_ERROR_VALUE(name, number) name = -(number),
    SFS_ERRORS(SFS_ERROR_VALUE)
#undef SFS_ERROR_VALUE
};

#endif
