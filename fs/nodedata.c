/*
 * nodedata.c - what an inode in memory holds: its way to the disk, its times, which sizes a power
 * cut may bring back, and what users see of it.
 */
#include "fs/node.h"

#include "fs/op.h"
#include "fs/reach.h"
#include "fs/tree.h"

#define NS_PER_DAY (24ll * 3600 * 1000000000)

int sfs_node_hold(struct sfs_op *op, struct sfs_node *node)
{
    struct sfs_buf *buf;
    uint32_t offset;

    return sfs_op_hold(op, sfs_inode_block(op->fs, node->ino, &offset), &buf);
}

int sfs_node_begin(struct sfs *fs, struct sfs_op *op, struct sfs_node *node, uint32_t base,
                   uint32_t freed_meta)
{
    int error = sfs_op_begin(fs, op, base, freed_meta, 0);

    if (error == 0) {
        error = sfs_node_hold(op, node);
        if (error < 0) {
            (void)sfs_op_end(op, error);
        }
    }
    return error;
}

void sfs_node_store(struct sfs_op *op, struct sfs_node *node)
{
    struct sfs_buf *buf;
    uint32_t offset;
    int error = sfs_op_hold(op, sfs_inode_block(op->fs, node->ino, &offset), &buf);

    SFS_ASSERT(error == 0); /* it is held since sfs_node_hold */
    port_mutex_lock(op->fs->upper->lock);
    memcpy(buf->data + offset, &node->disk, sizeof(node->disk));
    node->meta_seq = op->handle.seq;
    node->atime_dirty = false;
    port_mutex_unlock(op->fs->upper->lock);
}

void sfs_node_data_changed(struct sfs_op *op, struct sfs_node *node)
{
    port_mutex_lock(op->fs->upper->lock);
    node->data_seq = op->handle.seq;
    port_mutex_unlock(op->fs->upper->lock);
}

void sfs_node_data_logged(struct sfs_op *op, struct sfs_node *node)
{
    port_mutex_lock(op->fs->upper->lock);
    node->log_seq = op->handle.seq;
    port_mutex_unlock(op->fs->upper->lock);
}

void sfs_node_set_size(struct sfs_op *op, struct sfs_node *node, uint64_t size)
{
    if (node->size_seq != op->handle.seq) {
        node->past[1] = node->past[0];
        node->past[0].seq = node->size_seq;
        node->past[0].size = sfs_node_size(node);
        node->size_seq = op->handle.seq;
    }
    port_mutex_lock(op->fs->upper->lock);
    node->disk.size_lo = (uint32_t)size;
    node->disk.size_hi = (uint16_t)(size >> 32);
    node->data_seq = op->handle.seq;
    port_mutex_unlock(op->fs->upper->lock);
}

static bool durable(struct sfs *fs, uint64_t seq)
{
    return seq == 0 || sfs_is_durable(fs, seq);
}

uint64_t sfs_node_low_size(struct sfs *fs, const struct sfs_node *node, uint64_t seq)
{
    uint64_t low = UINT64_MAX;

    if (!fs->has_journal) {
        return low;
    }
    if (node->size_seq != seq || seq == 0) {
        low = sfs_node_size(node);
        if (durable(fs, node->size_seq)) {
            return low;
        }
    }
    low = node->past[0].size < low && SFS_RULE(OLDER_SIZE) ? node->past[0].size : low;
    if (!durable(fs, node->past[0].seq)) {
        low = node->past[1].size < low ? node->past[1].size : low;
    }
    return low;
}

void sfs_node_touch(struct sfs *fs, struct sfs_node *node, bool modified)
{
    int64_t now = sfs_now(fs);

    port_mutex_lock(fs->upper->lock);
    node->disk.ctime_ns = now;
    if (modified) {
        node->disk.mtime_ns = now;
    }
    port_mutex_unlock(fs->upper->lock);
}

void sfs_node_stamp(struct sfs_op *op, struct sfs_node *node, bool modified)
{
    sfs_node_touch(op->fs, node, modified);
    sfs_node_store(op, node);
}

void sfs_node_accessed(struct sfs *fs, struct sfs_node *node)
{
    int64_t now = sfs_now(fs);

    if (fs->read_only) {
        return;
    }
    port_mutex_lock(fs->upper->lock);
    if (node->disk.atime_ns <= node->disk.mtime_ns || node->disk.atime_ns <= node->disk.ctime_ns ||
        now - node->disk.atime_ns > NS_PER_DAY) {
        node->disk.atime_ns = now;
        node->atime_dirty = true;
    }
    port_mutex_unlock(fs->upper->lock);
}

int sfs_node_write_atime(struct sfs *fs, struct sfs_node *node)
{
    struct sfs_op op;
    bool dirty;
    int error;

    port_mutex_lock(fs->upper->lock);
    dirty = node->atime_dirty;
    port_mutex_unlock(fs->upper->lock);
    if (!dirty || fs->read_only) {
        return 0;
    }
    sfs_node_lock(fs, node);
    error = sfs_node_begin(fs, &op, node, 1, 0);
    if (error == 0) {
        sfs_node_store(&op, node);
        (void)sfs_op_end(&op, 0);
    }
    sfs_node_unlock(fs, node);
    return error;
}

int sfs_nodes_write_atime(struct sfs *fs)
{
    struct sfs_upper *upper = fs->upper;
    int result = 0;

    port_mutex_lock(upper->lock);
    for (uint32_t i = 0; i < upper->hash_size;) { /* growing moves nothing to where we have been */
        struct sfs_node *node = upper->hash[i];
        int error;

        while (node != NULL && (!node->atime_dirty || node->dying)) {
            node = node->hash_next;
        }
        if (node == NULL) {
            i++;
            continue;
        }
        sfs_node_ref(fs, node);
        port_mutex_unlock(upper->lock);
        error = sfs_node_write_atime(fs, node);
        result = result < 0 ? result : error;
        port_mutex_lock(upper->lock);
        node->atime_dirty = false; /* a second try would not be luckier */
        port_mutex_unlock(upper->lock);
        sfs_node_put(fs, node);
        port_mutex_lock(upper->lock);
    }
    port_mutex_unlock(upper->lock);
    return result;
}

void sfs_node_set_nlink(struct sfs *fs, struct sfs_node *node, uint32_t nlink)
{
    port_mutex_lock(fs->upper->lock);
    node->disk.nlink = (uint16_t)nlink;
    port_mutex_unlock(fs->upper->lock);
}

/* Walk the tree, once; who changes the tree keeps the number right, or forgets it. */
static int count_sparse(struct sfs *fs, struct sfs_node *node, uint64_t *blocks)
{
    bool counted;
    int error;

    port_mutex_lock(fs->upper->lock);
    counted = node->tree_counted;
    *blocks = node->tree_blocks;
    port_mutex_unlock(fs->upper->lock);
    if (counted) {
        return 0;
    }
    error = sfs_tree_count(fs, &node->disk, blocks);
    if (error == 0) {
        port_mutex_lock(fs->upper->lock);
        node->tree_counted = true;
        node->tree_blocks = *blocks;
        port_mutex_unlock(fs->upper->lock);
    }
    return error;
}

/* Blocks of a file: arithmetic, unless it has holes. Devices keep their number where pointers are.
 */
static int count_blocks(struct sfs *fs, struct sfs_node *node, uint64_t *blocks)
{
    uint64_t length = (sfs_node_size(node) + fs->bs - 1) >> fs->bs_shift;

    *blocks = 0;
    if ((node->disk.flags & SFS_INODE_FASTLINK) != 0 || length == 0) {
        return 0;
    }
    if ((node->disk.flags & (SFS_INODE_SPARSE | SFS_INODE_TRUNCATING)) == 0 && fs->has_journal) {
        *blocks = length + sfs_reach_indirect(fs->pointers, length);
        return 0;
    }
    return count_sparse(fs, node, blocks);
}

int sfs_node_attr(struct sfs *fs, struct sfs_node *node, struct sfs_attr *attr)
{
    const struct sfs_inode *disk = &node->disk;
    uint32_t type = sfs_node_type(node);
    uint64_t blocks;
    int error = count_blocks(fs, node, &blocks);

    port_mutex_lock(fs->upper->lock);
    *attr = (struct sfs_attr){
        .ino = node->ino,
        .mode = disk->mode,
        .nlink = disk->nlink,
        .uid = disk->uid,
        .gid = disk->gid,
        .size = sfs_node_size(node),
        .blocks = blocks * fs->sectors,
        .rdev = type == SFS_TYPE_CHR || type == SFS_TYPE_BLK ? disk->direct[0] : 0,
        .atime_ns = disk->atime_ns,
        .mtime_ns = disk->mtime_ns,
        .ctime_ns = disk->ctime_ns,
    };
    port_mutex_unlock(fs->upper->lock);
    return error;
}
