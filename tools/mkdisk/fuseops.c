/*
 * fuseops.c - the requests of the kernel about an inode: attributes, contents, the volume. See
 * fuseops.h; names are in fusenames.c.
 *
 * Who may do what, the kernel decides (default_permissions). It also clears set-id bits itself when
 * the contents of a file change, by a request to change the mode.
 */
#ifdef MKDISK_FUSE
#include "fuseops.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

#include "fs/sfs.h"

#define NS       1000000000ll
#define IO_BYTES 4096 /* st_blksize: a page is what a small write costs anyway */

static struct timespec time_of(int64_t ns)
{
    int64_t rest = ns % NS < 0 ? ns % NS + NS : ns % NS;

    return (struct timespec){(time_t)((ns - rest) / NS), rest};
}

/* The volume counts from 1677 to 2262; other times become the nearest one it has. */
static int64_t ns_of(const struct timespec *time)
{
    if (time->tv_sec >= INT64_MAX / NS) {
        return INT64_MAX;
    }
    return time->tv_sec <= INT64_MIN / NS ? INT64_MIN : time->tv_sec * NS + time->tv_nsec;
}

static int64_t now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return ns_of(&now);
}

void fuse_fill_stat(const struct sfs_attr *attr, struct stat *status)
{
    *status = (struct stat){
        .st_ino = attr->ino + 1,
        .st_mode = attr->mode,
        .st_nlink = attr->nlink,
        .st_uid = attr->uid,
        .st_gid = attr->gid,
        .st_rdev = makedev((unsigned)(attr->rdev >> 32), (unsigned)attr->rdev),
        .st_size = (off_t)attr->size,
        .st_blksize = IO_BYTES,
        .st_blocks = (blkcnt_t)attr->blocks,
        .st_atim = time_of(attr->atime_ns),
        .st_mtim = time_of(attr->mtime_ns),
        .st_ctim = time_of(attr->ctime_ns),
    };
}

void fuse_fill_entry(const struct sfs_attr *attr, struct fuse_entry_param *entry)
{
    *entry = (struct fuse_entry_param){
        .ino = attr->ino + 1,
        .attr_timeout = FUSE_VALID_SECONDS,
        .entry_timeout = FUSE_VALID_SECONDS,
    };
    fuse_fill_stat(attr, &entry->attr);
}

/* ---- The session ---- */

/*
 * Without HANDLE_KILLPRIV the kernel sees to set-id bits, which needs to know who writes. With
 * ATOMIC_O_TRUNC it would have a running program emptied before it finds that this is forbidden.
 */
static void op_init(void *context, struct fuse_conn_info *connection)
{
    (void)context;
    connection->want &= ~(unsigned)(FUSE_CAP_HANDLE_KILLPRIV | FUSE_CAP_ATOMIC_O_TRUNC);
    connection->want |= connection->capable & FUSE_CAP_PARALLEL_DIROPS;
    connection->time_gran = 1;
}

/* ---- Attributes ---- */

static void reply_attr(fuse_req_t req, int error, const struct sfs_attr *attr)
{
    struct stat status;

    if (error < 0) {
        fuse_reply_err(req, -error);
        return;
    }
    fuse_fill_stat(attr, &status);
    fuse_reply_attr(req, &status, FUSE_VALID_SECONDS);
}

static void op_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *file)
{
    struct sfs_attr attr;
    int error = sfs_getattr(fs_of(req), ino - 1, &attr);

    (void)file;
    reply_attr(req, error, &attr);
}

/* Times, as the kernel asks for them: a value, or now. Returns which of them. */
static unsigned take_times(int asked, const struct stat *status, struct sfs_attr *attr)
{
    unsigned mask = 0;

    if ((asked & (FUSE_SET_ATTR_ATIME | FUSE_SET_ATTR_ATIME_NOW)) != 0) {
        mask |= SFS_SET_ATIME;
        attr->atime_ns =
            (asked & FUSE_SET_ATTR_ATIME_NOW) != 0 ? now_ns() : ns_of(&status->st_atim);
    }
    if ((asked & (FUSE_SET_ATTR_MTIME | FUSE_SET_ATTR_MTIME_NOW)) != 0) {
        mask |= SFS_SET_MTIME;
        attr->mtime_ns =
            (asked & FUSE_SET_ATTR_MTIME_NOW) != 0 ? now_ns() : ns_of(&status->st_mtim);
    }
    return mask;
}

static void op_setattr(fuse_req_t req, fuse_ino_t ino, struct stat *status, int asked,
                       struct fuse_file_info *file)
{
    struct sfs_attr attr = {.mode = (uint16_t)status->st_mode,
                            .uid = status->st_uid,
                            .gid = status->st_gid,
                            .size = (uint64_t)status->st_size};
    unsigned mask = take_times(asked, status, &attr);
    int error;

    (void)file;
    mask |= (asked & FUSE_SET_ATTR_MODE) != 0 ? SFS_SET_MODE : 0;
    mask |= (asked & FUSE_SET_ATTR_UID) != 0 ? SFS_SET_UID : 0;
    mask |= (asked & FUSE_SET_ATTR_GID) != 0 ? SFS_SET_GID : 0;
    mask |= (asked & FUSE_SET_ATTR_SIZE) != 0 ? SFS_SET_SIZE : 0;
    if (mask == 0) {
        mask = SFS_SET_CTIME; /* chown(-1, -1) */
        attr.ctime_ns = now_ns();
    }
    error = sfs_setattr(fs_of(req), ino - 1, mask, &attr);
    reply_attr(req, error, &attr);
}

/* ---- Contents ---- */

/*
 * Nothing is to be done: the kernel opens and closes by itself once it has heard this, and keeps
 * what it has in its page cache, which stays right, for it sees every change.
 */
static void op_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *file)
{
    (void)ino, (void)file;
    fuse_reply_err(req, ENOSYS);
}

static void op_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset,
                    struct fuse_file_info *file)
{
    char *buffer = malloc(size);
    int64_t got =
        buffer != NULL ? sfs_read(fs_of(req), ino - 1, (uint64_t)offset, buffer, size) : SFS_ENOMEM;

    (void)file;
    if (got < 0) {
        fuse_reply_err(req, (int)-got);
    } else {
        fuse_reply_buf(req, buffer, (size_t)got);
    }
    free(buffer);
}

/*
 * A write that ends early is told as the error that ended it where the kernel makes something else
 * of fewer bytes: of pages that it writes back, success; of a direct write, EIO.
 */
static void op_write(fuse_req_t req, fuse_ino_t ino, const char *buffer, size_t size, off_t offset,
                     struct fuse_file_info *file)
{
    struct sfs *fs = fs_of(req);
    struct fuse_patience patience = {0};
    bool whole = file->writepage || (file->flags & O_DIRECT) != 0;
    size_t done = 0;
    int64_t wrote;

    do {
        wrote = sfs_write(fs, ino - 1, (uint64_t)offset + done, buffer + done, size - done);
        done += wrote > 0 ? (size_t)wrote : 0;
    } while ((whole && wrote > 0 && done < size) || fuse_try_again(fs, wrote, &patience));
    if (wrote < 0) {
        fuse_reply_err(req, (int)-wrote);
    } else {
        fuse_reply_write(req, done);
    }
}

static void op_lseek(fuse_req_t req, fuse_ino_t ino, off_t offset, int whence,
                     struct fuse_file_info *file)
{
    uint64_t at = (uint64_t)offset;
    int error = SFS_EINVAL;

    (void)file;
    if (whence == SEEK_DATA || whence == SEEK_HOLE) {
        error = sfs_seek(fs_of(req), ino - 1, whence == SEEK_HOLE, &at);
    }
    if (error < 0) {
        fuse_reply_err(req, -error);
    } else {
        fuse_reply_lseek(req, (off_t)at);
    }
}

static void op_fsync(fuse_req_t req, fuse_ino_t ino, int datasync, struct fuse_file_info *file)
{
    (void)file;
    fuse_reply_err(req, -sfs_fsync(fs_of(req), ino - 1, datasync != 0));
}

/* Space cannot be promised without writing it. */
static void op_fallocate(fuse_req_t req, fuse_ino_t ino, int mode, off_t offset, off_t length,
                         struct fuse_file_info *file)
{
    (void)ino, (void)mode, (void)offset, (void)length, (void)file;
    fuse_reply_err(req, EOPNOTSUPP);
}

/* ---- The volume ---- */

static void op_statfs(fuse_req_t req, fuse_ino_t ino)
{
    struct sfs_statfs volume;
    int error = sfs_statfs(fs_of(req), &volume);
    struct statvfs status;

    (void)ino;
    if (error < 0) {
        fuse_reply_err(req, -error);
        return;
    }
    status = (struct statvfs){
        .f_bsize = volume.block_size,
        .f_frsize = volume.block_size,
        .f_blocks = volume.blocks,
        .f_bfree = volume.blocks_free,
        .f_bavail = volume.blocks_free,
        .f_files = volume.inodes,
        .f_ffree = volume.inodes_free,
        .f_favail = volume.inodes_free,
        .f_namemax = volume.name_max,
    };
    fuse_reply_statfs(req, &status);
}

void fuse_set_ops(struct fuse_lowlevel_ops *ops)
{
    *ops = (struct fuse_lowlevel_ops){
        .init = op_init,
        .getattr = op_getattr,
        .setattr = op_setattr,
        .open = op_open,
        .read = op_read,
        .write = op_write,
        .lseek = op_lseek,
        .fsync = op_fsync,
        .fsyncdir = op_fsync,
        .fallocate = op_fallocate,
        .statfs = op_statfs,
    };
    fuse_set_name_ops(ops);
}
#endif
