/*
 * fusenames.c - the requests of the kernel that take names. An answer with an entry counts one
 * lookup, which the kernel gives back with forget; when the answer does not reach it (the caller was
 * interrupted), we do.
 */
#ifdef MKDISK_FUSE
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "fs/sfs.h"
#include "fuseops.h"

static struct sfs_owner owner_of(fuse_req_t req)
{
    const struct fuse_ctx *who = fuse_req_ctx(req);

    return (struct sfs_owner){who->uid, who->gid};
}

/* Answer with the entry ATTR, or with ERROR. */
static void reply_entry(fuse_req_t req, int error, const struct sfs_attr *attr)
{
    struct sfs *fs = fs_of(req); /* the request is gone after the reply */
    struct fuse_entry_param entry;

    if (error < 0) {
        fuse_reply_err(req, -error);
        return;
    }
    fuse_fill_entry(attr, &entry);
    if (fuse_reply_entry(req, &entry) == -ENOENT) {
        sfs_forget(fs, attr->ino, 1);
    }
}

/* A name that is not there is worth remembering as well. */
static void op_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
    struct fuse_entry_param none = {.ino = 0, .entry_timeout = FUSE_VALID_SECONDS};
    struct sfs_attr attr;
    int error = sfs_lookup(fs_of(req), parent - 1, name, strlen(name), &attr);

    if (error == SFS_ENOENT) {
        fuse_reply_entry(req, &none);
    } else {
        reply_entry(req, error, &attr);
    }
}

static int make_node(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode, dev_t rdev,
                     struct sfs_attr *attr)
{
    struct sfs *fs = fs_of(req);

    if (S_ISREG(mode)) {
        return sfs_create(fs, parent - 1, name, strlen(name), (uint16_t)mode, owner_of(req), attr);
    }
    return sfs_mknod(fs, parent - 1, name, strlen(name), (uint16_t)mode,
                     (uint64_t)major(rdev) << 32 | minor(rdev), owner_of(req), attr);
}

static void op_mknod(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode, dev_t rdev)
{
    struct fuse_patience patience = {0};
    struct sfs_attr attr;
    int error;

    do {
        error = make_node(req, parent, name, mode, rdev, &attr);
    } while (fuse_try_again(fs_of(req), error, &patience));
    reply_entry(req, error, &attr);
}

static void op_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode)
{
    struct sfs *fs = fs_of(req);
    struct fuse_patience patience = {0};
    struct sfs_attr attr;
    int error;

    do {
        error = sfs_mkdir(fs, parent - 1, name, strlen(name), (uint16_t)mode, owner_of(req), &attr);
    } while (fuse_try_again(fs, error, &patience));
    reply_entry(req, error, &attr);
}

static void op_symlink(fuse_req_t req, const char *target, fuse_ino_t parent, const char *name)
{
    struct sfs *fs = fs_of(req);
    struct fuse_patience patience = {0};
    struct sfs_attr attr;
    int error;

    do {
        error = sfs_symlink(fs, parent - 1, name, strlen(name), target, strlen(target),
                            owner_of(req), &attr);
    } while (fuse_try_again(fs, error, &patience));
    reply_entry(req, error, &attr);
}

static void op_link(fuse_req_t req, fuse_ino_t ino, fuse_ino_t parent, const char *name)
{
    struct sfs *fs = fs_of(req);
    struct fuse_patience patience = {0};
    struct sfs_attr attr;
    int error;

    do {
        error = sfs_link(fs, ino - 1, parent - 1, name, strlen(name), &attr);
    } while (fuse_try_again(fs, error, &patience));
    reply_entry(req, error, &attr);
}

static void op_create(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode,
                      struct fuse_file_info *file)
{
    struct sfs *fs = fs_of(req);
    struct fuse_patience patience = {0};
    struct fuse_entry_param entry;
    struct sfs_attr attr;
    int error;

    do {
        error = make_node(req, parent, name, S_IFREG | mode, 0, &attr);
    } while (fuse_try_again(fs, error, &patience));
    if (error < 0) {
        fuse_reply_err(req, -error);
        return;
    }
    file->keep_cache = 1;
    fuse_fill_entry(&attr, &entry);
    if (fuse_reply_create(req, &entry, file) == -ENOENT) {
        sfs_forget(fs, attr.ino, 1);
    }
}

static void op_unlink(fuse_req_t req, fuse_ino_t parent, const char *name)
{
    int error = sfs_unlink(fs_of(req), parent - 1, name, strlen(name));

    fuse_name_removed();
    fuse_reply_err(req, -error);
}

static void op_rmdir(fuse_req_t req, fuse_ino_t parent, const char *name)
{
    int error = sfs_rmdir(fs_of(req), parent - 1, name, strlen(name));

    fuse_name_removed();
    fuse_reply_err(req, -error);
}

/* The flags are Linux's: RENAME_NOREPLACE 1, RENAME_EXCHANGE 2. */
static void op_rename(fuse_req_t req, fuse_ino_t parent, const char *name, fuse_ino_t new_parent,
                      const char *new_name, unsigned flags)
{
    struct sfs *fs = fs_of(req);
    struct fuse_patience patience = {0};
    int error;

    if ((flags & ~(unsigned)(SFS_RENAME_NOREPLACE | SFS_RENAME_EXCHANGE)) != 0) {
        fuse_reply_err(req, EINVAL);
        return;
    }
    do {
        error = sfs_rename(fs, parent - 1, name, strlen(name), new_parent - 1, new_name,
                           strlen(new_name), flags);
    } while (fuse_try_again(fs, error, &patience));
    fuse_name_removed(); /* the one that was replaced */
    fuse_reply_err(req, -error);
}

static void op_readlink(fuse_req_t req, fuse_ino_t ino)
{
    char target[SFS_SYMLINK_MAX + 1];
    int length = sfs_readlink(fs_of(req), ino - 1, target, sizeof target - 1);

    if (length < 0) {
        fuse_reply_err(req, -length);
        return;
    }
    target[length] = '\0';
    fuse_reply_readlink(req, target);
}

static void op_forget(fuse_req_t req, fuse_ino_t ino, uint64_t count)
{
    fuse_forget(fs_of(req), ino, count);
    fuse_reply_none(req);
}

static void op_forget_multi(fuse_req_t req, size_t count, struct fuse_forget_data *forgets)
{
    for (size_t i = 0; i < count; i++) {
        fuse_forget(fs_of(req), forgets[i].ino, forgets[i].nlookup);
    }
    fuse_reply_none(req);
}

/* ---- Directories: first the names are gathered, for the directory is locked while they are ---- */

struct gathered_entry {
    uint64_t ino;
    uint64_t next_cookie;
    uint8_t type;
    uint8_t length;
    char name[SFS_NAME_MAX + 1];
};

struct gathered {
    struct gathered_entry *entry;
    size_t count, room;
    size_t header;       /* bytes that the answer has for an entry besides its name */
    size_t bytes, limit; /* of the answer */
};

#define PLAIN_HEADER 24  /* struct fuse_dirent of the kernel */
#define PLUS_HEADER  152 /* struct fuse_direntplus */

static bool gather(void *context, const struct sfs_entry *entry)
{
    struct gathered *all = context;
    struct gathered_entry *one = &all->entry[all->count];

    all->bytes += (all->header + entry->length + 7) & ~(size_t)7;
    if (all->bytes > all->limit || all->count == all->room) {
        return false;
    }
    *one = (struct gathered_entry){entry->ino, entry->next_cookie, entry->type, entry->length, ""};
    memcpy(one->name, entry->name, entry->length);
    all->count++;
    return true;
}

/*
 * Look NAME up, but "." and "..", which the kernel does not count. A name whose inode cannot be read
 * is listed like them: left out, it would end the list if no other name came with it.
 */
static void look_up(struct sfs *fs, uint64_t dir, const struct gathered_entry *one,
                    struct fuse_entry_param *entry)
{
    struct sfs_attr attr;

    *entry = (struct fuse_entry_param){.ino = 0};
    entry->attr.st_ino = one->ino + 1;
    entry->attr.st_mode = (mode_t)one->type << 12;
    if ((one->length > 2 || memcmp(one->name, "..", one->length) != 0) &&
        sfs_lookup(fs, dir, one->name, one->length, &attr) == 0) {
        fuse_fill_entry(&attr, entry);
    }
}

/* Put the gathered entries into BUFFER. Returns how many bytes of its SIZE they take. */
static size_t fill(fuse_req_t req, uint64_t dir, const struct gathered *all, bool plus,
                   char *buffer, size_t size)
{
    size_t used = 0;

    for (size_t i = 0; i < all->count; i++) {
        const struct gathered_entry *one = &all->entry[i];
        struct fuse_entry_param entry = {.ino = 0};
        size_t more;

        if (!plus) {
            entry.attr.st_ino = one->ino + 1;
            entry.attr.st_mode = (mode_t)one->type << 12;
            more = fuse_add_direntry(req, buffer + used, size - used, one->name, &entry.attr,
                                     (off_t)one->next_cookie);
        } else {
            look_up(fs_of(req), dir, one, &entry);
            more = fuse_add_direntry_plus(req, buffer + used, size - used, one->name, &entry,
                                          (off_t)one->next_cookie);
        }
        if (more > size - used) {
            if (entry.ino != 0) {
                sfs_forget(fs_of(req), entry.ino - 1, 1);
            }
            break;
        }
        used += more;
    }
    return used;
}

static void read_directory(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset, bool plus)
{
    uint64_t cookie = (uint64_t)offset;
    struct gathered all = {.limit = size, .header = plus ? PLUS_HEADER : PLAIN_HEADER};
    char *buffer = malloc(size);
    int error = SFS_ENOMEM;

    all.room = size / all.header;
    all.entry = malloc(all.room * sizeof *all.entry);
    if (buffer != NULL && all.entry != NULL) {
        error = sfs_readdir(fs_of(req), ino - 1, &cookie, gather, &all);
    }
    if (error < 0) {
        fuse_reply_err(req, -error);
    } else {
        fuse_reply_buf(req, buffer, fill(req, ino - 1, &all, plus, buffer, size));
    }
    free(all.entry);
    free(buffer);
}

static void op_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset,
                       struct fuse_file_info *file)
{
    (void)file;
    read_directory(req, ino, size, offset, false);
}

static void op_readdirplus(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset,
                           struct fuse_file_info *file)
{
    (void)file;
    read_directory(req, ino, size, offset, true);
}

void fuse_set_name_ops(struct fuse_lowlevel_ops *ops)
{
    ops->lookup = op_lookup;
    ops->mknod = op_mknod;
    ops->mkdir = op_mkdir;
    ops->symlink = op_symlink;
    ops->link = op_link;
    ops->create = op_create;
    ops->unlink = op_unlink;
    ops->rmdir = op_rmdir;
    ops->rename = op_rename;
    ops->readlink = op_readlink;
    ops->forget = op_forget;
    ops->forget_multi = op_forget_multi;
    ops->readdir = op_readdir;
    ops->readdirplus = op_readdirplus;
}
#endif
