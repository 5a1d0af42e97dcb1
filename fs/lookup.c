/* lookup.c - reading the name space: lookup, readdir, readlink. */
#include "fs/dir.h"
#include "fs/name.h"
#include "fs/node.h"
#include "fs/tree.h"

/* Is NODE what the name at PLACE says? Others may hold its lock, and be changing it. */
static bool fits(struct sfs *fs, const struct sfs_spot *place, const struct sfs_node *node)
{
    bool linked;

    port_mutex_lock(fs->upper->lock);
    linked = node->disk.nlink > 0;
    port_mutex_unlock(fs->upper->lock);
    return linked && (place->type == sfs_node_type(node) || (place->type == 0 && !fs->has_journal));
}

int sfs_dir_child(struct sfs *fs, struct sfs_node *dir, const char *name, size_t length,
                  struct sfs_spot *place, struct sfs_node **child)
{
    int found = dir->disk.nlink > 0 ? sfs_dir_find(fs, dir, name, length, place) : 0;

    if (found <= 0) {
        return found < 0 ? found : SFS_ENOENT;
    }
    found = sfs_node_get(fs, place->ino, child);
    if (found < 0) {
        *child = NULL;
        if (found == SFS_ESTALE || found == SFS_EINVAL) {
            sfs_damaged(fs, 0, "a name that leads to no inode");
            found = SFS_EUCLEAN;
        }
        return found;
    }
    if (!fits(fs, place, *child)) {
        sfs_damaged(fs, 0, "a name that leads to a wrong inode");
        return SFS_EUCLEAN;
    }
    return 0;
}

int sfs_lookup(struct sfs *fs, uint64_t dir, const char *name, size_t length, struct sfs_attr *attr)
{
    struct sfs_spot place;
    struct sfs_node *node;
    struct sfs_node *child = NULL;
    int error = sfs_name_check(name, length, fs->name_max);

    error = error < 0 ? error : sfs_node_get_dir(fs, dir, &node);
    if (error < 0) {
        return error;
    }
    error = sfs_dir_lock(fs, node);
    if (error == 0) {
        error = sfs_dir_child(fs, node, name, length, &place, &child);
        sfs_node_unlock(fs, node);
    }
    sfs_node_put(fs, node);
    if (error < 0) {
        sfs_node_put(fs, child);
        return error;
    }
    return sfs_node_hand_out(fs, child, attr);
}

/* ---- readdir ---- */

static int read_directory(struct sfs *fs, struct sfs_node *dir, uint64_t *cookie,
                          bool (*emit)(void *ctx, const struct sfs_entry *entry), void *ctx)
{
    struct sfs_dir_walk walk = {.fs = fs, .dir = dir, .n = *cookie >> fs->bs_shift};
    const struct sfs_record *record = &walk.record;
    bool more = dir->disk.nlink > 0; /* a removed directory holds nothing */
    int found = 0;

    while (more && (found = sfs_dir_next(&walk)) > 0) {
        uint64_t position = (walk.n << fs->bs_shift) + record->offset;
        struct sfs_entry entry = {
            .ino = record->inode,
            .next_cookie = position + record->length,
            .name = record->name,
            .length = (uint8_t)record->name_length,
            .type = record->type,
        };

        if (record->name_length > 0 && position >= *cookie) {
            more = emit(ctx, &entry);
            *cookie = more ? entry.next_cookie : *cookie;
        }
    }
    sfs_dir_stop(&walk);
    return found < 0 ? found : 0;
}

int sfs_readdir(struct sfs *fs, uint64_t dir, uint64_t *cookie,
                bool (*emit)(void *ctx, const struct sfs_entry *entry), void *ctx)
{
    struct sfs_node *node;
    int error = sfs_node_get_dir(fs, dir, &node);

    if (error < 0) {
        return error;
    }
    sfs_node_lock_shared(fs, node);
    error = read_directory(fs, node, cookie, emit, ctx);
    sfs_node_accessed(fs, node);
    sfs_node_unlock(fs, node);
    sfs_node_put(fs, node);
    return error;
}

/* ---- readlink ---- */

static int read_long(struct sfs *fs, struct sfs_node *node, char *buffer, size_t size)
{
    for (size_t done = 0; done < size;) {
        size_t count = size - done < fs->bs ? size - done : fs->bs;
        struct sfs_buf *buf;
        int error = sfs_tree_read(fs, &node->disk, done >> fs->bs_shift, &buf);

        if (error < 0) {
            return error;
        }
        memcpy(buffer + done, buf->data, count);
        sfs_buf_put(fs, buf);
        done += count;
    }
    return 0;
}

static int read_target(struct sfs *fs, struct sfs_node *node, char *buffer, size_t size)
{
    size_t length = (size_t)sfs_node_size(node);
    int error = 0;

    size = size < length ? size : length;
    if ((node->disk.flags & SFS_INODE_FASTLINK) != 0) {
        memcpy(buffer, (const char *)&node->disk + offsetof(struct sfs_inode, direct), size);
    } else {
        error = read_long(fs, node, buffer, size);
    }
    return error < 0 ? error : (int)length;
}

int sfs_readlink(struct sfs *fs, uint64_t ino, char *buffer, size_t size)
{
    struct sfs_node *node;
    int result = sfs_node_get(fs, ino, &node);

    if (result < 0) {
        return result;
    }
    sfs_node_lock_shared(fs, node);
    result = sfs_node_type(node) == SFS_TYPE_LNK ? read_target(fs, node, buffer, size) : SFS_EINVAL;
    if (result >= 0) {
        sfs_node_accessed(fs, node);
    }
    sfs_node_unlock(fs, node);
    sfs_node_put(fs, node);
    return result;
}
