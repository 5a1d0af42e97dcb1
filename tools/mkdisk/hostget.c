/* hostget.c - see hostget.h. */
#include "hostget.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "inside.h"
#include "names.h"
#include "progress.h"

#define NS    1000000000ll
#define PIECE (1u << 20)

/* Files with several names: where the first of them is now. */
struct first {
    uint64_t ino;
    char *path; /* below the top */
    struct first *next;
};
#define FIRST_CHAINS 1024

struct get {
    const struct volume *volume;
    struct sfs *fs;
    bool recursive;
    bool root; /* owners and devices can be made */
    int status;
    int top;             /* the directory that holds the target */
    char path[PATH_MAX]; /* of the host, below the top: where we are */
    char *piece;
    struct seen seen;
    struct first *first[FIRST_CHAINS];
};

static void complain_host(struct get *get, const char *name, const char *reason)
{
    complain(get->volume->image.name, "%s%s%s: %s", get->path, get->path[0] != '\0' ? "/" : "",
             name, reason);
    get->status = EXIT_IMAGE;
}

static void complain_errno(struct get *get, const char *name)
{
    complain_host(get, name, strerror(errno));
}

/* ---- Attributes ---- */

static struct timespec time_of(int64_t ns)
{
    int64_t rest = ns % NS < 0 ? ns % NS + NS : ns % NS;

    return (struct timespec){(time_t)((ns - rest) / NS), rest};
}

/* The set-id bits of an owner that the file does not get are worth nothing. */
static mode_t mode_without_owner(mode_t mode)
{
    return S_ISDIR(mode) ? mode : mode & ~(mode_t)(S_ISUID | S_ISGID);
}

/* For all but symbolic links: FD is the open file, or -1 and it is NAME in DIR. */
static bool set_attributes(struct get *get, int fd, int dir, const char *name,
                           const struct sfs_attr *attr)
{
    const struct timespec times[2] = {time_of(attr->atime_ns), time_of(attr->mtime_ns)};
    bool link = S_ISLNK(attr->mode);
    mode_t mode = attr->mode & 07777;
    int owned, moded = 0, timed;

    if (fd >= 0) {
        owned = fchown(fd, attr->uid, attr->gid);
        mode = owned == 0 ? mode : mode_without_owner(attr->mode) & 07777;
        moded = fchmod(fd, mode);
        timed = futimens(fd, times);
    } else {
        owned = fchownat(dir, name, attr->uid, attr->gid, AT_SYMLINK_NOFOLLOW);
        mode = owned == 0 ? mode : mode_without_owner(attr->mode) & 07777;
        moded = link ? 0 : fchmodat(dir, name, mode, 0);
        timed = utimensat(dir, name, times, AT_SYMLINK_NOFOLLOW);
    }
    return (owned == 0 || !get->root) && moded == 0 && timed == 0;
}

/* ---- Contents ---- */

static bool write_all(int fd, const char *bytes, size_t size, off_t offset)
{
    while (size > 0) {
        ssize_t done = pwrite(fd, bytes, size, offset);

        if (done < 0 && errno == EINTR) {
            continue;
        }
        if (done <= 0) {
            return false;
        }
        bytes += done, size -= (size_t)done, offset += done;
    }
    return true;
}

/* Copy bytes FROM to END. Returns 0, enum sfs_error, or 1: the host could not (errno). */
static int copy_range(struct get *get, uint64_t ino, int fd, uint64_t from, uint64_t end)
{
    while (from < end) {
        size_t want = end - from < PIECE ? (size_t)(end - from) : PIECE;
        int64_t got = sfs_read(get->fs, ino, from, get->piece, want);

        if (got <= 0) {
            return (int)got;
        }
        if (!write_all(fd, get->piece, (size_t)got, (off_t)from)) {
            return 1;
        }
        from += (uint64_t)got;
        progress_add((uint64_t)got);
    }
    return 0;
}

static int copy_sparse(struct get *get, const struct sfs_attr *attr, int fd)
{
    uint64_t at = 0;
    int error = 0;

    while (error == 0 && at < attr->size) {
        uint64_t data = at, hole;

        error = sfs_seek(get->fs, attr->ino, false, &data);
        if (error == SFS_ENXIO) {
            error = 0;
            break;
        }
        hole = data;
        error = error == 0 ? sfs_seek(get->fs, attr->ino, true, &hole) : error;
        error = error == 0 ? copy_range(get, attr->ino, fd, data, hole) : error;
        at = hole;
    }
    if (error == 0 && ftruncate(fd, (off_t)attr->size) != 0) {
        return 1;
    }
    return error;
}

/* An open file that is new: what had the name before is gone, whatever it was. */
static int new_file(int dir, const char *name)
{
    const int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
    int fd = openat(dir, name, flags, 0600);

    if (fd < 0 && errno == EEXIST && unlinkat(dir, name, 0) == 0) {
        fd = openat(dir, name, flags, 0600);
    }
    return fd;
}

static void get_file(struct get *get, int dir, const char *name, const struct sfs_attr *attr)
{
    int fd = new_file(dir, name);
    int error;

    if (fd < 0) {
        complain_errno(get, name);
        return;
    }
    if (attr->blocks * BLK_SECTOR < attr->size) {
        error = copy_sparse(get, attr, fd);
    } else {
        error = copy_range(get, attr->ino, fd, 0, attr->size);
    }
    if (error < 0) {
        complain_host(get, name, volume_reason(error));
    } else if (error > 0 || !set_attributes(get, fd, dir, name, attr)) {
        complain_errno(get, name);
    }
    if (close(fd) != 0) {
        complain_errno(get, name);
    }
}

/* ---- Other kinds ---- */

static int make_node(struct get *get, int dir, const char *name, const struct sfs_attr *attr)
{
    char target[SFS_SYMLINK_MAX + 1];
    int length;

    if (!S_ISLNK(attr->mode)) {
        return mknodat(dir, name, (attr->mode & S_IFMT) | 0600,
                       makedev((unsigned)(attr->rdev >> 32), (unsigned)attr->rdev));
    }
    length = sfs_readlink(get->fs, attr->ino, target, sizeof target - 1);
    if (length < 0 || (size_t)length >= sizeof target) {
        errno = length < 0 ? -length : ENAMETOOLONG;
        return -1;
    }
    target[length] = '\0';
    return symlinkat(target, dir, name);
}

/* Symbolic links, FIFOs, sockets, device nodes. */
static void get_node(struct get *get, int dir, const char *name, const struct sfs_attr *attr)
{
    int error = make_node(get, dir, name, attr);

    if (error != 0 && errno == EEXIST && unlinkat(dir, name, 0) == 0) {
        error = make_node(get, dir, name, attr);
    }
    if (error != 0 || !set_attributes(get, -1, dir, name, attr)) {
        complain_errno(get, name);
    }
}

/* ---- Hard links ---- */

/* The path below the top of NAME, where we are; NULL if it is too long for the host. */
static char *path_here(const struct get *get, const char *name)
{
    size_t size = strlen(get->path) + strlen(name) + 2;
    char *path = size <= PATH_MAX ? allocate(size) : NULL;

    if (path != NULL) {
        snprintf(path, size, "%s%s%s", get->path, get->path[0] != '\0' ? "/" : "", name);
    }
    return path;
}

/* Make NAME another name of the file that came first. Returns false: this is the first. */
static bool get_link(struct get *get, int dir, const char *name, const struct sfs_attr *attr)
{
    struct first **chain = &get->first[attr->ino % FIRST_CHAINS];
    struct first *first = *chain;
    int error;

    while (first != NULL && first->ino != attr->ino) {
        first = first->next;
    }
    if (first != NULL) {
        error = linkat(get->top, first->path, dir, name, 0);
        if (error != 0 && errno == EEXIST && unlinkat(dir, name, 0) == 0) {
            error = linkat(get->top, first->path, dir, name, 0);
        }
        if (error != 0) {
            complain_errno(get, name);
        }
        return true;
    }
    first = allocate(sizeof *first);
    *first = (struct first){attr->ino, path_here(get, name), *chain};
    if (first->path != NULL) {
        *chain = first;
    } else {
        free(first); /* so deep down each name gets a file of its own */
    }
    return false;
}

static void forget_first(struct get *get)
{
    for (size_t i = 0; i < FIRST_CHAINS; i++) {
        for (struct first *first = get->first[i], *next; first != NULL; first = next) {
            next = first->next;
            free(first->path);
            free(first);
        }
    }
}

/* ---- Directories ---- */

static void get_entry(struct get *get, int dir, const char *name, const struct sfs_attr *attr,
                      unsigned depth);

/* All that is in the directory INO, into the open directory FD. */
static void get_inside(struct get *get, int fd, const char *name, uint64_t ino, unsigned depth)
{
    size_t length = strlen(get->path);
    struct names names;
    struct sfs_attr attr;

    snprintf(get->path + length, sizeof get->path - length, "%s%s", length > 0 ? "/" : "", name);
    if (!names_read(get->volume, get->path, ino, &names)) {
        get->status = EXIT_IMAGE;
    }
    for (size_t i = 0; i < names.count; i++) {
        const char *entry = names.name[i];
        int error = 0;

        if (!name_is_plain(entry, strlen(entry))) {
            complain_host(get, entry, "is no name for a file; left out");
            continue;
        }
        error = sfs_lookup(get->fs, ino, entry, strlen(entry), &attr);
        if (error < 0) {
            complain_host(get, entry, volume_reason(error));
            continue;
        }
        get_entry(get, fd, entry, &attr, depth);
        sfs_forget(get->fs, attr.ino, 1);
    }
    names_free(&names);
    get->path[length] = '\0';
}

static void get_directory(struct get *get, int dir, const char *name, const struct sfs_attr *attr,
                          unsigned depth)
{
    int fd;

    if (!get->recursive) {
        complain_host(get, name, "is a directory; -r copies what is in it");
        return;
    }
    if (depth > DEPTH_MAX) {
        complain_host(get, name, "directories too deep in each other");
        return;
    }
    if (!seen_add(&get->seen, attr->ino)) {
        complain_host(get, name, "is a directory with two names; see `mkdisk check`");
        return;
    }
    if (mkdirat(dir, name, 0700) != 0 && errno != EEXIST) {
        complain_errno(get, name);
        return;
    }
    fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) {
        complain_errno(get, name);
        return;
    }
    get_inside(get, fd, name, attr->ino, depth);
    if (!set_attributes(get, fd, dir, name, attr)) {
        complain_errno(get, name);
    }
    close(fd);
}

static void get_entry(struct get *get, int dir, const char *name, const struct sfs_attr *attr,
                      unsigned depth)
{
    progress_add(sizeof(struct sfs_inode)); /* a tree of empty files takes time as well */
    if (S_ISDIR(attr->mode)) {
        get_directory(get, dir, name, attr, depth + 1);
    } else if (attr->nlink > 1 && get_link(get, dir, name, attr)) {
        return;
    } else if (S_ISREG(attr->mode)) {
        get_file(get, dir, name, attr);
    } else {
        get_node(get, dir, name, attr);
    }
}

/* ---- The whole ---- */

/* Open the directory that TARGET lies in; *NAME is its last part. The user's own path: links in it
 * are followed. */
static int open_top(char *target, const char **name)
{
    char *slash;
    size_t length = strlen(target);

    while (length > 1 && target[length - 1] == '/') {
        target[--length] = '\0';
    }
    slash = strrchr(target, '/');
    *name = slash != NULL ? slash + 1 : target;
    if (slash == NULL) {
        return open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    }
    if (slash == target) {
        return open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    }
    *slash = '\0';
    return open(target, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

int get_tree(const struct volume *volume, const char *path, const struct sfs_attr *attr,
             bool recursive, const char *target)
{
    static struct get get;
    char *copy = strdup(target);
    const char *name;

    get = (struct get){.volume = volume,
                       .fs = volume->fs,
                       .recursive = recursive,
                       .root = geteuid() == 0,
                       .status = EXIT_DONE};
    get.top = copy != NULL ? open_top(copy, &name) : -1;
    if (get.top < 0) {
        refuse(target, "cannot be made for %s: %s", path, strerror(errno));
    }
    get.piece = allocate(PIECE);
    allow_many_files();
    progress_start("copying, bytes", 0);
    get_entry(&get, get.top, name, attr, 0);
    progress_end();
    close(get.top);
    forget_first(&get);
    seen_free(&get.seen);
    free(get.piece);
    free(copy);
    return get.status;
}
