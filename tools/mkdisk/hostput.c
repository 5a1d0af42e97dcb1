/*
 * hostput.c - see hostput.h. Directories are entered in the order of their names' bytes, so the
 * same tree gives the same volume. The host is not trusted to hold still: what a file is, is asked
 * once, and what is opened must still be that.
 */
#include "hostput.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "inside.h"
#include "progress.h"

#define NS        1000000000ll
#define PIECE     (64u << 10) /* stays in the processor's cache until it is written */
#define OWNER_MAX 65534u      /* "nobody", for numbers that do not fit into 16 bits */
#define SET_ALL   (SFS_SET_MODE | SFS_SET_UID | SFS_SET_GID | SFS_SET_ATIME | SFS_SET_MTIME)

/* Files with several names: which inode of the host became which of the volume. */
struct known {
    dev_t device;
    ino_t inode;
    uint64_t ino;
    struct known *next;
};
#define KNOWN_CHAINS 1024

struct put {
    const struct volume *volume;
    struct sfs *fs;
    bool recursive;
    bool owner_warned;
    int status;
    struct stat image[2]; /* what must not be copied into itself: the file that is written, and the
                             one that has its name, or will lose it to `create` */
    char path[PATH_MAX];  /* of the host, where we are: for complaints */
    char *piece;          /* PIECE bytes */
    struct known *known[KNOWN_CHAINS];
};

/* The path of NAME, where we are. Static. */
static const char *path_of(const struct put *put, const char *name)
{
    static char path[PATH_MAX + SFS_NAME_MAX + 2];

    snprintf(path, sizeof path, "%s%s%s", put->path, put->path[0] != '\0' ? "/" : "", name);
    return path;
}

static void complain_host(struct put *put, const char *name, const char *reason)
{
    complain(path_of(put, name), "%s", reason);
    put->status = EXIT_IMAGE;
}

/* Name: what could not be stored. After EIO, ENOSPC and the like there is no use in going on. */
static void complain_volume(struct put *put, const char *name, int error)
{
    if (error == SFS_ENOSPC) {
        refuse(put->volume->image.name, "%s: there is no room left in the volume",
               path_of(put, name));
    }
    if (error == SFS_EIO || error == SFS_EUCLEAN || error == SFS_EROFS) {
        refuse(put->volume->image.name, "%s: %s", path_of(put, name), volume_reason(error));
    }
    complain_host(put, name, volume_reason(error));
}

/* ---- Attributes ---- */

static uint32_t owner_number(struct put *put, uint32_t number, const char *name)
{
    if (number <= UINT16_MAX) {
        return number;
    }
    if (!put->owner_warned) {
        put->owner_warned = true;
        complain(path_of(put, name), "belongs to %u; owners and groups above 65535 become %u",
                 number, OWNER_MAX);
    }
    return OWNER_MAX;
}

static int64_t ns_of(const struct timespec *time)
{
    return time->tv_sec * NS + time->tv_nsec;
}

static struct sfs_attr attr_of(struct put *put, const char *name, const struct stat *status)
{
    return (struct sfs_attr){
        .mode = (uint16_t)status->st_mode,
        .uid = owner_number(put, status->st_uid, name),
        .gid = owner_number(put, status->st_gid, name),
        .atime_ns = ns_of(&status->st_atim),
        .mtime_ns = ns_of(&status->st_mtim),
    };
}

/* ---- Hard links ---- */

static struct known **chain_of(struct put *put, const struct stat *status)
{
    return &put->known[(status->st_ino ^ status->st_dev) % KNOWN_CHAINS];
}

static struct known *find_known(struct put *put, const struct stat *status)
{
    struct known *known = *chain_of(put, status);

    while (known != NULL && (known->inode != status->st_ino || known->device != status->st_dev)) {
        known = known->next;
    }
    return known;
}

static void remember(struct put *put, const struct stat *status, uint64_t ino)
{
    struct known **chain = chain_of(put, status);
    struct known *known = allocate(sizeof *known);

    *known = (struct known){status->st_dev, status->st_ino, ino, *chain};
    *chain = known;
}

static void forget_known(struct put *put)
{
    for (size_t i = 0; i < KNOWN_CHAINS; i++) {
        for (struct known *known = put->known[i], *next; known != NULL; known = next) {
            next = known->next;
            free(known);
        }
    }
}

/* ---- Contents ---- */

/* Copy the bytes from FROM to END of file FD. Returns 0, enum sfs_error, or 1: complained. */
static int copy_range(struct put *put, int fd, const char *name, uint64_t ino, off_t from,
                      off_t end)
{
    while (from < end) {
        size_t want = end - from < (off_t)PIECE ? (size_t)(end - from) : PIECE;
        ssize_t got = pread(fd, put->piece, want, from);

        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            complain_host(put, name, strerror(errno));
            return 1;
        }
        if (got == 0) {
            return 0; /* it has become shorter */
        }
        for (ssize_t done = 0; done < got;) {
            int64_t wrote = sfs_write(put->fs, ino, (uint64_t)(from + done), put->piece + done,
                                      (size_t)(got - done));

            if (wrote < 0) {
                return (int)wrote;
            }
            done += wrote;
        }
        from += got;
        progress_add((uint64_t)got);
    }
    return 0;
}

/* The pieces of the file that are no holes, and the size, which may end in a hole. */
static int copy_sparse(struct put *put, int fd, const char *name, uint64_t ino, off_t size)
{
    off_t at = 0;
    int error = 0;

    while (error == 0 && at < size) {
        off_t data = lseek(fd, at, SEEK_DATA);
        off_t hole = data >= 0 ? lseek(fd, data, SEEK_HOLE) : -1;

        if (data < 0 || hole < 0) {
            break; /* ENXIO: nothing but a hole is left */
        }
        error = copy_range(put, fd, name, ino, data, hole < size ? hole : size);
        at = hole;
    }
    return error == 0 ? sfs_truncate(put->fs, ino, (uint64_t)size) : error;
}

static int copy_contents(struct put *put, int dir, const char *name, const struct stat *status,
                         uint64_t ino)
{
    int fd, error;

    if (status->st_size == 0) {
        return 0;
    }
    fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOATIME);
    if (fd < 0 && errno == EPERM) {
        fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    }
    if (fd < 0) {
        complain_host(put, name, strerror(errno));
        return 1;
    }
    if ((uint64_t)status->st_blocks * 512 < (uint64_t)status->st_size) {
        error = copy_sparse(put, fd, name, ino, status->st_size);
    } else {
        error = copy_range(put, fd, name, ino, 0, status->st_size);
    }
    close(fd);
    return error;
}

/* ---- One entry ---- */

static int make_symlink(struct put *put, int dir, const char *name, uint64_t parent,
                        const char *new_name, struct sfs_owner owner, struct sfs_attr *made)
{
    char target[PATH_MAX];
    ssize_t length = readlinkat(dir, name, target, sizeof target);

    if (length < 0) {
        complain_host(put, name, strerror(errno));
        return 1;
    }
    return sfs_symlink(put->fs, parent, new_name, strlen(new_name), target, (size_t)length, owner,
                       made);
}

/* Make what STATUS describes, without its contents. 0, enum sfs_error, or 1: complained. */
static int make(struct put *put, int dir, const char *name, const struct stat *status,
                uint64_t parent, const char *new_name, const struct sfs_attr *attr,
                struct sfs_attr *made)
{
    const struct sfs_owner owner = {attr->uid, attr->gid};
    size_t length = strlen(new_name);

    switch (status->st_mode & S_IFMT) {
    case S_IFREG:
        return sfs_create(put->fs, parent, new_name, length, attr->mode, owner, made);
    case S_IFDIR:
        return sfs_mkdir(put->fs, parent, new_name, length, attr->mode, owner, made);
    case S_IFLNK:
        return make_symlink(put, dir, name, parent, new_name, owner, made);
    default:
        return sfs_mknod(put->fs, parent, new_name, length, attr->mode,
                         (uint64_t)major(status->st_rdev) << 32 | minor(status->st_rdev), owner,
                         made);
    }
}

/* NEW_NAME is taken: a directory stays if one is to come, anything else makes room. */
static int make_room(struct put *put, const struct stat *status, uint64_t parent,
                     const char *new_name, struct sfs_attr *made)
{
    size_t length = strlen(new_name);
    int error = sfs_lookup(put->fs, parent, new_name, length, made);

    if (error < 0) {
        return error;
    }
    if (is_dir(made) && S_ISDIR(status->st_mode)) {
        return 1; /* and its reference stays */
    }
    sfs_forget(put->fs, made->ino, 1);
    if (is_dir(made)) {
        return SFS_EISDIR;
    }
    return S_ISDIR(status->st_mode) ? SFS_ENOTDIR : sfs_unlink(put->fs, parent, new_name, length);
}

static void put_inside(struct put *put, int dir, const char *name, uint64_t ino, unsigned depth);

/* Another name of a file that has been copied. Returns whether it was one. */
static bool put_link(struct put *put, const struct stat *status, uint64_t parent,
                     const char *new_name)
{
    struct known *known = find_known(put, status);
    struct sfs_attr made;
    int error;

    if (known == NULL) {
        return false;
    }
    error = sfs_link(put->fs, known->ino, parent, new_name, strlen(new_name), &made);
    if (error == SFS_EEXIST && make_room(put, status, parent, new_name, &made) == 0) {
        error = sfs_link(put->fs, known->ino, parent, new_name, strlen(new_name), &made);
    }
    if (error < 0) {
        complain_volume(put, new_name, error);
    } else {
        sfs_forget(put->fs, made.ino, 1);
    }
    return true;
}

static bool same_file(const struct stat *a, const struct stat *b)
{
    return a->st_ino == b->st_ino && a->st_dev == b->st_dev;
}

/* The image lies in the tree that goes into it. Returns whether it is this file, left out. */
static bool is_image(struct put *put, const char *name, const struct stat *status)
{
    if (same_file(status, &put->image[1])) {
        complain(path_of(put, name), "is the image itself, left out");
        put->status = put->recursive ? put->status : EXIT_IMAGE;
        return true;
    }
    return same_file(status, &put->image[0]); /* a name that nobody knows yet */
}

static void put_entry(struct put *put, int dir, const char *name, uint64_t parent,
                      const char *new_name, unsigned depth)
{
    struct sfs_attr attr, made;
    struct stat status;
    bool linked;
    int error;

    if (fstatat(dir, name, &status, AT_SYMLINK_NOFOLLOW) != 0) {
        complain_host(put, name, strerror(errno));
        return;
    }
    if (is_image(put, name, &status)) {
        return;
    }
    progress_add(sizeof(struct sfs_inode)); /* a tree of empty files takes time as well */
    linked = status.st_nlink > 1 && !S_ISDIR(status.st_mode);
    if (linked && put_link(put, &status, parent, new_name)) {
        return;
    }
    attr = attr_of(put, name, &status);
    error = make(put, dir, name, &status, parent, new_name, &attr, &made);
    if (error == SFS_EEXIST) {
        error = make_room(put, &status, parent, new_name, &made);
        error = error == 0  ? make(put, dir, name, &status, parent, new_name, &attr, &made)
                : error > 0 ? 0
                            : error;
    }
    if (error != 0) {
        if (error < 0) {
            complain_volume(put, new_name, error);
        }
        return;
    }
    if (linked) {
        remember(put, &status, made.ino);
    }
    if (S_ISREG(status.st_mode)) {
        error = copy_contents(put, dir, name, &status, made.ino);
    } else if (S_ISDIR(status.st_mode)) {
        put_inside(put, dir, name, made.ino, depth + 1);
    }
    if (error == 0) {
        error = sfs_setattr(put->fs, made.ino, SET_ALL, &attr);
    }
    if (error < 0) {
        complain_volume(put, new_name, error);
    }
    sfs_forget(put->fs, made.ino, 1);
}

/* ---- Directories ---- */

static int not_dots(const struct dirent *entry)
{
    return strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
}

static int by_bytes(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

/* All of the directory FD, called NAME, into the directory INO. */
static void put_open(struct put *put, int fd, const char *name, uint64_t ino, unsigned depth)
{
    struct dirent **entry = NULL;
    size_t length = strlen(put->path);
    int count = scandirat(fd, ".", &entry, not_dots, by_bytes);

    if (count < 0) {
        complain_host(put, name, strerror(errno));
        return;
    }
    if (name[0] != '\0') {
        snprintf(put->path + length, sizeof put->path - length, "%s%s", length > 0 ? "/" : "",
                 name);
    }
    for (int i = 0; i < count; i++) {
        put_entry(put, fd, entry[i]->d_name, ino, entry[i]->d_name, depth);
        free(entry[i]);
    }
    free(entry);
    put->path[length] = '\0';
}

static void put_inside(struct put *put, int dir, const char *name, uint64_t ino, unsigned depth)
{
    int fd;

    if (!put->recursive) {
        complain_host(put, name, "is a directory; -r copies what is in it");
        return;
    }
    fd = depth <= DEPTH_MAX ? openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
                            : -1;
    if (fd < 0) {
        complain_host(put, name,
                      depth <= DEPTH_MAX ? strerror(errno) : "directories too deep in each other");
        return;
    }
    put_open(put, fd, name, ino, depth);
    close(fd);
}

/* ---- The whole ---- */

static void start(struct put *put, const struct volume *volume, bool recursive)
{
    *put = (struct put){
        .volume = volume, .fs = volume->fs, .recursive = recursive, .status = EXIT_DONE};
    if (fstat(volume->image.fd, &put->image[0]) != 0) {
        refuse(volume->image.name, "cannot be looked at: %s", strerror(errno));
    }
    (void)stat(volume->image.name, &put->image[1]); /* all zero: it has no name yet */
    put->piece = allocate(PIECE);
    allow_many_files();
    progress_start("copying, bytes", 0);
}

static int finish(struct put *put)
{
    progress_end();
    forget_known(put);
    free(put->piece);
    return put->status;
}

int put_tree(const struct volume *volume, const char *host, bool recursive, uint64_t parent,
             const char *name)
{
    static struct put put;

    start(&put, volume, recursive);
    put_entry(&put, AT_FDCWD, host, parent, name, 0);
    return finish(&put);
}

int put_root(const struct volume *volume, const char *host)
{
    static struct put put;
    struct sfs_attr attr;
    struct stat status;
    int fd = open(host, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int error;

    if (fd < 0 || fstat(fd, &status) != 0) {
        refuse(host, "cannot be opened as a directory: %s", strerror(errno));
    }
    start(&put, volume, true);
    snprintf(put.path, sizeof put.path, "%s", host);
    put_open(&put, fd, "", SFS_ROOT, 0);
    close(fd);
    attr = attr_of(&put, ".", &status);
    error = sfs_setattr(volume->fs, SFS_ROOT, SET_ALL, &attr);
    if (error < 0) {
        complain_volume(&put, ".", error);
    }
    return finish(&put);
}
