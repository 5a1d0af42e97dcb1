/*
 * nodelock.c - the lock of a node: many readers or one writer, made of one mutex and one queue for
 * all nodes. Writers that wait keep new readers out, or a busy file would never be written.
 */
#include "fs/node.h"

void sfs_node_lock(struct sfs *fs, struct sfs_node *node)
{
    port_mutex_lock(fs->upper->lock);
    node->writers_waiting++;
    while (node->writer || node->readers > 0) {
        port_cond_wait(fs->upper->wake, fs->upper->lock);
    }
    node->writers_waiting--;
    node->writer = true;
    port_mutex_unlock(fs->upper->lock);
}

void sfs_node_lock_shared(struct sfs *fs, struct sfs_node *node)
{
    port_mutex_lock(fs->upper->lock);
    while (node->writer || node->writers_waiting > 0) {
        port_cond_wait(fs->upper->wake, fs->upper->lock);
    }
    node->readers++;
    port_mutex_unlock(fs->upper->lock);
}

void sfs_node_unlock(struct sfs *fs, struct sfs_node *node)
{
    port_mutex_lock(fs->upper->lock);
    if (node->writer) {
        node->writer = false;
    } else {
        SFS_ASSERT(node->readers > 0);
        node->readers--;
    }
    port_cond_wake_all(fs->upper->wake);
    port_mutex_unlock(fs->upper->lock);
}

void sfs_node_lock_two(struct sfs *fs, struct sfs_node *a, struct sfs_node *b)
{
    sfs_node_lock(fs, a);
    if (b != a) {
        sfs_node_lock(fs, b);
    }
}

void sfs_node_unlock_two(struct sfs *fs, struct sfs_node *a, struct sfs_node *b)
{
    if (b != a) {
        sfs_node_unlock(fs, b);
    }
    sfs_node_unlock(fs, a);
}
