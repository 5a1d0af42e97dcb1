/*
 * walk.c - from a path to an inode: one component after the other, no recursion. A symbolic link on
 * the way puts its target in front of what is left of the path.
 *
 *   path "a/link/b"         rest "link/b" --link -> "../x"--> rest "../x/b"
 *
 * A trailing slash says: a directory, through a link as well.
 */
#include "fs/name.h"
#include "fs/node.h"
#include "fs/volume.h"

#define LINKS_MAX 40

struct walk {
    const char *rest; /* what is left, in the path or in memory */
    char *memory;     /* that of the rest, or NULL */
    unsigned links;
    struct sfs_attr here; /* one reference */
};

static const char *skip_slashes(const char *path)
{
    while (*path == '/') {
        path++;
    }
    return path;
}

static size_t component_length(const char *path)
{
    size_t length = 0;

    while (path[length] != '\0' && path[length] != '/') {
        length++;
    }
    return length;
}

static bool is_type(const struct sfs_attr *attr, uint32_t type)
{
    return (uint32_t)attr->mode >> 12 == type;
}

/* Go on from ATTR, which has a reference. */
static void step_to(struct sfs *fs, struct walk *walk, const struct sfs_attr *attr)
{
    (void)sfs_forget(fs, walk->here.ino, 1);
    walk->here = *attr;
}

static int to_root(struct sfs *fs, struct walk *walk)
{
    struct sfs_attr root;
    int error = sfs_iget(fs, SFS_ROOT, &root);

    if (error == 0) {
        step_to(fs, walk, &root);
    }
    return error;
}

/* Put the target of LINK in front of the rest, which begins behind its name. LINKS_MAX bounds how long
 * that can get. */
static int follow(struct sfs *fs, struct walk *walk, const struct sfs_attr *link)
{
    size_t rest = strlen(walk->rest);
    char *memory;
    int length;

    if (++walk->links > LINKS_MAX) {
        return SFS_ELOOP;
    }
    memory = port_alloc((size_t)link->size + rest + 2);
    if (memory == NULL) {
        return SFS_ENOMEM;
    }
    length = sfs_readlink(fs, link->ino, memory, (size_t)link->size);
    if (length < 0 || (uint64_t)length != link->size) {
        port_free(memory);
        return length < 0 ? length : SFS_EUCLEAN;
    }
    memcpy(memory + length, walk->rest, rest + 1);
    port_free(walk->memory);
    walk->memory = memory;
    walk->rest = memory;
    return memory[0] == '/' ? to_root(fs, walk) : 0;
}

/* One component, LENGTH bytes at walk->rest; LAST: nothing but slashes comes behind it. */
static int step(struct sfs *fs, struct walk *walk, size_t length, bool last, unsigned flags)
{
    bool slash = walk->rest[length] == '/';
    struct sfs_attr next;
    int error = sfs_lookup(fs, walk->here.ino, walk->rest, length, &next);

    if (error < 0) {
        return error;
    }
    walk->rest += length;
    if (is_type(&next, SFS_TYPE_LNK) && (!last || slash || (flags & SFS_WALK_NOFOLLOW) == 0)) {
        error = follow(fs, walk, &next);
        (void)sfs_forget(fs, next.ino, 1);
        return error;
    }
    step_to(fs, walk, &next);
    return last && slash && !is_type(&next, SFS_TYPE_DIR) ? SFS_ENOTDIR : 0;
}

/* Take steps until the rest is empty, or, with PARENT, one component. */
static int take_steps(struct sfs *fs, struct walk *walk, unsigned flags,
                      struct sfs_walk_result *out)
{
    for (;;) {
        size_t length;
        bool last;
        int error;

        walk->rest = skip_slashes(walk->rest);
        length = component_length(walk->rest);
        last = *skip_slashes(walk->rest + length) == '\0';
        if (length == 0) {
            return (flags & SFS_WALK_PARENT) != 0 ? SFS_EEXIST : 0; /* "/" has no last one */
        }
        if (last && (flags & SFS_WALK_PARENT) != 0) {
            if (length > SFS_NAME_MAX) {
                return SFS_ENAMETOOLONG;
            }
            memcpy(out->last, walk->rest, length);
            out->last[length] = '\0';
            out->last_length = length;
            return is_type(&walk->here, SFS_TYPE_DIR) ? 0 : SFS_ENOTDIR;
        }
        error = step(fs, walk, length, last, flags);
        if (error < 0) {
            return error;
        }
    }
}

int sfs_walk(struct sfs *fs, uint64_t cwd, const char *path, unsigned flags,
             struct sfs_walk_result *out)
{
    struct walk walk = {.rest = path};
    int error =
        path[0] == '\0' ? SFS_ENOENT : sfs_iget(fs, path[0] == '/' ? SFS_ROOT : cwd, &walk.here);

    if (error < 0) {
        return error;
    }
    out->last_length = 0;
    error = take_steps(fs, &walk, flags, out);
    if (error == 0 && (flags & SFS_WALK_DIRECTORY) != 0 && !is_type(&walk.here, SFS_TYPE_DIR)) {
        error = SFS_ENOTDIR;
    }
    if (error < 0) {
        (void)sfs_forget(fs, walk.here.ino, 1);
    }
    out->attr = walk.here;
    port_free(walk.memory);
    return error;
}
