/*
 * sfs.h - SFS as its users see it: mkdisk, FUSE and the kernel include this header and no other one
 * of fs/. Shaped like FUSE's low-level interface: inode numbers and names in, attributes out.
 *
 * - Errors are negative, see error.h. After EUCLEAN the volume needs a check.
 * - Names are LENGTH bytes without a NUL; one with '/' or NUL in it is refused with EINVAL.
 * - Inode numbers are those of the volume: the root is 0. Show n + 1 to programs that take 0 for
 *   "deleted", FUSE among them.
 * - An operation that answers with a struct sfs_attr of a found or made inode also counts one
 *   reference to it, which sfs_forget gives back. An inode that nobody links lives until then.
 * - Every function may sleep and may be called by several threads at once, but for mount and
 *   unmount. Nothing here checks permissions: it is told who creates, not who asks.
 */
#ifndef SECTOR0_FS_SFS_H
#define SECTOR0_FS_SFS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fs/error.h"
#include "fs/format.h"
#include "include/blk.h"

struct sfs; /* a mounted volume */

/* ---- Volumes ---- */

struct sfs_mkfs_options {
    uint32_t block_size;     /* 512, 1024, 2048, 4096; 0: 4096, and 512 for version 1 */
    uint32_t version;        /* SFS_VERSION, or SFS_VERSION_SEED; 0: SFS_VERSION */
    uint64_t journal_blocks; /* 0: a 32nd of the volume, within the limits of format.h */
    bool zeroed;             /* the device reads as zeros everywhere, so zeros need no writing */
    char label[16];          /* NUL-padded */
    uint8_t uuid[16];        /* all zero: a random one */
};

/*
 * Make an empty file system, durable on return. EINVAL: options that do not fit together, or a
 * block smaller than the device's; ENOSPC: the volume is too small, or the journal too small for
 * the largest operation; EROFS, EIO, ENOMEM.
 */
int sfs_mkfs(struct blk_dev *dev, const struct sfs_mkfs_options *options);

struct sfs_mount_options {
    bool read_only;        /* nothing at all is written; the journal is replayed in memory */
    uint32_t cache_blocks; /* metadata blocks to keep in memory; 0: 1 MiB's worth, at least 64 */
    uint32_t page_kib;     /* file contents to keep in memory; 0: 4 MiB */
    uint32_t index_kib;    /* names of directories, 8 bytes each; 0: half of page_kib */
    uint32_t commit_ms;    /* changes get durable by themselves after this time; 0: 5000 */
};

/*
 * Mount: check the superblock, recover, count what is free. A volume may turn out to be read-only,
 * see sfs_read_only. EUCLEAN: not SFS, or damaged; EINVAL: an option, or a feature, that we do not
 * know; EIO, ENOMEM.
 */
int sfs_mount(struct blk_dev *dev, const struct sfs_mount_options *options, struct sfs **fs);

/*
 * Make everything durable, mark the volume clean, and free FS in any case. The first error that the
 * volume met is returned (EIO after an abort). No other call may be running.
 */
int sfs_unmount(struct sfs *fs);

bool sfs_read_only(struct sfs *fs);

/* Everything that has returned before this call is durable when it returns. */
int sfs_sync(struct sfs *fs);

/* Call it about once a second: it commits what is older than commit_ms. */
int sfs_tick(struct sfs *fs);

struct sfs_statfs {
    uint32_t block_size;
    uint32_t name_max;
    uint64_t blocks; /* that files can have: without the superblock, bitmaps, inode table ... */
    uint64_t blocks_free;
    uint64_t inodes;
    uint64_t inodes_free;
    uint8_t uuid[16];
    char label[16];
};
int sfs_statfs(struct sfs *fs, struct sfs_statfs *out);

/* How many inodes nobody links that are still in use, or being freed just now. */
uint32_t sfs_orphans(struct sfs *fs);

/* ---- Inodes ---- */

struct sfs_attr {
    uint64_t ino;
    uint16_t mode; /* POSIX: type and permissions */
    uint16_t nlink;
    uint32_t uid, gid;
    uint64_t size;   /* bytes */
    uint64_t blocks; /* allocated, of 512 bytes; the tree's included */
    uint64_t rdev;   /* major << 32 | minor */
    int64_t atime_ns, mtime_ns, ctime_ns;
};

/* Who creates. More than 65535: EOVERFLOW. */
struct sfs_owner {
    uint32_t uid, gid;
};

#define SFS_SET_MODE  0x01
#define SFS_SET_UID   0x02
#define SFS_SET_GID   0x04
#define SFS_SET_SIZE  0x08
#define SFS_SET_ATIME 0x10
#define SFS_SET_MTIME 0x20
#define SFS_SET_CTIME 0x40

/* Count one reference. ESTALE: no such inode. */
int sfs_iget(struct sfs *fs, uint64_t ino, struct sfs_attr *attr);
/* Give COUNT references back. The last one of an inode that nobody links frees it. */
int sfs_forget(struct sfs *fs, uint64_t ino, uint64_t count);

int sfs_getattr(struct sfs *fs, uint64_t ino, struct sfs_attr *attr);
/* Set what MASK names from ATTR; ATTR is then all attributes. */
int sfs_setattr(struct sfs *fs, uint64_t ino, unsigned mask, struct sfs_attr *attr);

int sfs_lookup(struct sfs *fs, uint64_t dir, const char *name, size_t length,
               struct sfs_attr *attr);
int sfs_create(struct sfs *fs, uint64_t dir, const char *name, size_t length, uint16_t mode,
               struct sfs_owner owner, struct sfs_attr *attr);
int sfs_mkdir(struct sfs *fs, uint64_t dir, const char *name, size_t length, uint16_t mode,
              struct sfs_owner owner, struct sfs_attr *attr);
/* A FIFO, socket or device node, as MODE says. */
int sfs_mknod(struct sfs *fs, uint64_t dir, const char *name, size_t length, uint16_t mode,
              uint64_t rdev, struct sfs_owner owner, struct sfs_attr *attr);
int sfs_symlink(struct sfs *fs, uint64_t dir, const char *name, size_t length, const char *target,
                size_t target_length, struct sfs_owner owner, struct sfs_attr *attr);
/* At most SIZE bytes of the target to BUFFER, no NUL. Returns the target's length. */
int sfs_readlink(struct sfs *fs, uint64_t ino, char *buffer, size_t size);
int sfs_link(struct sfs *fs, uint64_t ino, uint64_t dir, const char *name, size_t length,
             struct sfs_attr *attr);
int sfs_unlink(struct sfs *fs, uint64_t dir, const char *name, size_t length);
int sfs_rmdir(struct sfs *fs, uint64_t dir, const char *name, size_t length);

#define SFS_RENAME_NOREPLACE 1
#define SFS_RENAME_EXCHANGE  2
int sfs_rename(struct sfs *fs, uint64_t from, const char *name, size_t length, uint64_t to,
               const char *new_name, size_t new_length, unsigned flags);

/*
 * Hand the live entries at and behind *COOKIE to EMIT, one by one, until it returns false; *COOKIE
 * is then where to go on. 0 begins. The entry's next cookie comes with it.
 */
struct sfs_entry {
    uint64_t ino;
    uint64_t next_cookie;
    const char *name; /* no NUL */
    uint8_t length;
    uint8_t type; /* mode >> 12 */
};
int sfs_readdir(struct sfs *fs, uint64_t dir, uint64_t *cookie,
                bool (*emit)(void *ctx, const struct sfs_entry *entry), void *ctx);

/* ---- Contents of files ---- */

/* Returns the bytes read or written, which may be fewer than SIZE, or an error if there were none.
 */
int64_t sfs_read(struct sfs *fs, uint64_t ino, uint64_t offset, void *buffer, size_t size);
int64_t sfs_write(struct sfs *fs, uint64_t ino, uint64_t offset, const void *buffer, size_t size);
/* Write at the end, wherever that is by now; *OFFSET is where it was. */
int64_t sfs_append(struct sfs *fs, uint64_t ino, const void *buffer, size_t size, uint64_t *offset);
int sfs_truncate(struct sfs *fs, uint64_t ino, uint64_t size);
/* The next data, or hole, at or behind *OFFSET. ENXIO: none. */
int sfs_seek(struct sfs *fs, uint64_t ino, bool hole, uint64_t *offset);
/* The file, and the names it has, are durable on return. DATASYNC: times need not be. */
int sfs_fsync(struct sfs *fs, uint64_t ino, bool datasync);

/* ---- Paths ---- */

#define SFS_WALK_NOFOLLOW  1 /* the last component may be a symbolic link */
#define SFS_WALK_DIRECTORY 2 /* it must be a directory */
#define SFS_WALK_PARENT    4 /* stop before the last component, which need not exist */

struct sfs_walk_result {
    struct sfs_attr attr;        /* of the inode found; one reference */
    char last[SFS_NAME_MAX + 1]; /* PARENT: the last component, a string */
    size_t last_length;
};
/* From CWD, or from the root if PATH begins with '/'. At most 40 symbolic links: ELOOP. */
int sfs_walk(struct sfs *fs, uint64_t cwd, const char *path, unsigned flags,
             struct sfs_walk_result *out);

#endif
