/* cursor.c - see cursor.h. */
#include "fs/cursor.h"

#include "fs/node.h"
#include "fs/reach.h"
#include "fs/tree.h"

/* Nobody asks for a block of an inode that is not a node's. */
static struct sfs_cursor *cursor_of(const struct sfs_inode *inode)
{
    uintptr_t node = (uintptr_t)inode - offsetof(struct sfs_node, disk);

    return &((struct sfs_node *)node)->cursor;
}

/* Do blocks A and B hang below the same block at LEVEL? */
static bool same_way(const struct sfs *fs, uint64_t a, uint64_t b, unsigned level)
{
    uint64_t span = sfs_reach_span(fs->pointers, level + 1);

    return (a - SFS_DIRECT) / span == (b - SFS_DIRECT) / span;
}

unsigned sfs_cursor_start(struct sfs *fs, const struct sfs_inode *inode, uint64_t n,
                          struct sfs_cursor *way)
{
    const unsigned root = sfs_tree_height(inode) - 1;
    unsigned level = 0;

    port_mutex_lock(fs->upper->lock);
    *way = *cursor_of(inode);
    port_mutex_unlock(fs->upper->lock);
    while (level < root && (way->block[level] == 0 || !same_way(fs, way->n, n, level))) {
        way->block[level++] = 0;
    }
    way->n = n;
    way->block[root] = inode->indirect;
    return level;
}

void sfs_cursor_keep(struct sfs *fs, const struct sfs_inode *inode, const struct sfs_cursor *way)
{
    port_mutex_lock(fs->upper->lock);
    *cursor_of(inode) = *way;
    port_mutex_unlock(fs->upper->lock);
}

void sfs_cursor_forget(struct sfs *fs, const struct sfs_inode *inode)
{
    sfs_cursor_keep(fs, inode, &(struct sfs_cursor){0});
}
