/* attr.c - attributes: iget, forget, getattr, setattr. */
#include "fs/node.h"
#include "fs/op.h"
#include "fs/perm.h"
#include "fs/truncate.h"

int sfs_iget(struct sfs *fs, uint64_t ino, struct sfs_attr *attr)
{
    struct sfs_node *node;
    int error = sfs_node_get(fs, ino, &node);

    if (error < 0) {
        return error == SFS_EINVAL ? SFS_ESTALE : error;
    }
    return sfs_node_hand_out(fs, node, attr);
}

int sfs_forget(struct sfs *fs, uint64_t ino, uint64_t count)
{
    struct sfs_node *node;
    int error = sfs_node_get(fs, ino, &node);

    if (error < 0) {
        return error;
    }
    port_mutex_lock(fs->upper->lock);
    if (count > node->lookups) {
        count = node->lookups;
        error = SFS_EINVAL;
    }
    node->lookups -= count;
    node->refs -= (uint32_t)count; /* one is ours, so this is not the last */
    port_mutex_unlock(fs->upper->lock);
    sfs_node_put(fs, node);
    return error;
}

int sfs_getattr(struct sfs *fs, uint64_t ino, struct sfs_attr *attr)
{
    struct sfs_node *node;
    int error = sfs_node_get(fs, ino, &node);

    if (error < 0) {
        return error;
    }
    sfs_node_lock_shared(fs, node);
    error = sfs_node_attr(fs, node, attr);
    sfs_node_unlock(fs, node);
    sfs_node_put(fs, node);
    return error;
}

static void set_owner(struct sfs_inode *disk, unsigned mask, const struct sfs_attr *attr)
{
    if ((mask & (SFS_SET_UID | SFS_SET_GID)) != 0) {
        disk->mode = sfs_perm_chowned(disk->mode);
    }
    if ((mask & SFS_SET_UID) != 0) {
        disk->uid = (uint16_t)attr->uid;
    }
    if ((mask & SFS_SET_GID) != 0) {
        disk->gid = (uint16_t)attr->gid;
    }
    if ((mask & SFS_SET_MODE) != 0) {
        disk->mode = (uint16_t)((disk->mode & SFS_MODE_TYPE) | (attr->mode & SFS_PERM_ALL));
    }
}

static void set_times(struct sfs_inode *disk, unsigned mask, const struct sfs_attr *attr,
                      int64_t now)
{
    if ((mask & SFS_SET_ATIME) != 0) {
        disk->atime_ns = attr->atime_ns;
    }
    if ((mask & SFS_SET_MTIME) != 0) {
        disk->mtime_ns = attr->mtime_ns;
    }
    disk->ctime_ns = (mask & SFS_SET_CTIME) != 0 ? attr->ctime_ns : now;
}

static int set_inode(struct sfs *fs, struct sfs_node *node, unsigned mask,
                     const struct sfs_attr *attr)
{
    struct sfs_op op;
    int64_t now = sfs_now(fs);
    int error = sfs_node_begin(fs, &op, node, 1, 0);

    if (error < 0) {
        return error;
    }
    port_mutex_lock(fs->upper->lock);
    set_owner(&node->disk, mask, attr);
    set_times(&node->disk, mask, attr, now);
    port_mutex_unlock(fs->upper->lock);
    sfs_node_store(&op, node);
    return sfs_op_end(&op, 0);
}

static int set_size(struct sfs *fs, struct sfs_node *node, uint64_t size)
{
    if (sfs_node_type(node) != SFS_TYPE_REG) {
        return sfs_node_is_dir(node) ? SFS_EISDIR : SFS_EINVAL;
    }
    return sfs_node_truncate(fs, node, size);
}

int sfs_truncate(struct sfs *fs, uint64_t ino, uint64_t size)
{
    struct sfs_attr attr = {.size = size};

    return sfs_setattr(fs, ino, SFS_SET_SIZE, &attr);
}

int sfs_setattr(struct sfs *fs, uint64_t ino, unsigned mask, struct sfs_attr *attr)
{
    struct sfs_node *node;
    int error;

    if (((mask & SFS_SET_UID) != 0 && attr->uid > UINT16_MAX) ||
        ((mask & SFS_SET_GID) != 0 && attr->gid > UINT16_MAX)) {
        return SFS_EOVERFLOW;
    }
    error = fs->read_only ? SFS_EROFS : sfs_node_get(fs, ino, &node);
    if (error < 0) {
        return error;
    }
    sfs_node_lock(fs, node);
    if ((mask & SFS_SET_SIZE) != 0) {
        error = set_size(fs, node, attr->size);
    }
    if (error == 0 && (mask & ~(unsigned)SFS_SET_SIZE) != 0) {
        error = set_inode(fs, node, mask, attr);
    }
    error = error < 0 ? error : sfs_node_attr(fs, node, attr);
    sfs_node_unlock(fs, node);
    sfs_node_put(fs, node);
    return error;
}
