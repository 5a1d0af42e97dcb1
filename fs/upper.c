/*
 * upper.c - the layer of inodes, directories and pages as a whole: it comes with the mount,
 * finishes what the last mount left (orphans), and goes with the unmount.
 */
#include "fs/dir.h"
#include "fs/node.h"
#include "fs/op.h"
#include "fs/page.h"
#include "fs/truncate.h"

#define NODES_MIN       64u
#define PAGES_MIN       64u
#define PAGE_KIB        4096u /* unless the mount says otherwise */
#define PAGES_PER_NODE  4u    /* as many inodes are kept as a cache of such files asks for */
#define PAGES_PER_CHAIN 2u

static uint32_t power_of_2(uint32_t least)
{
    uint32_t power = 1;

    while (power < least) {
        power *= 2;
    }
    return power;
}

static void *zeroed(size_t size)
{
    void *memory = port_alloc(size);

    return memory != NULL ? memset(memory, 0, size) : NULL;
}

static void delete_upper(struct sfs *fs)
{
    struct sfs_upper *upper = fs->upper;

    port_free(upper->hash);
    port_free(upper->page_hash);
    sfs_mutex_free(upper->lock);
    sfs_mutex_free(upper->rename_lock);
    sfs_mutex_free(upper->page_lock);
    sfs_mutex_free(upper->write_lock);
    sfs_cond_free(upper->wake);
    sfs_cond_free(upper->page_wake);
    port_free(upper);
    fs->upper = NULL;
}

static int create(struct sfs *fs)
{
    uint32_t kib = fs->options.page_kib != 0 ? fs->options.page_kib : PAGE_KIB;
    uint32_t pages = kib / (SFS_PAGE / 1024);
    struct sfs_upper *upper = zeroed(sizeof(*upper));

    if (upper == NULL) {
        return SFS_ENOMEM;
    }
    fs->upper = upper;
    upper->pages_max = pages > PAGES_MIN ? pages : PAGES_MIN;
    upper->nodes_max = pages / PAGES_PER_NODE > NODES_MIN ? pages / PAGES_PER_NODE : NODES_MIN;
    upper->index_max = fs->options.index_kib != 0 ? (uint64_t)fs->options.index_kib << 10
                                                  : (uint64_t)upper->pages_max * SFS_PAGE / 2;
    upper->hash_size = power_of_2(upper->nodes_max);
    upper->page_hash_size = power_of_2(upper->pages_max / PAGES_PER_CHAIN);
    upper->hash = zeroed(upper->hash_size * sizeof(*upper->hash));
    upper->page_hash = zeroed(upper->page_hash_size * sizeof(*upper->page_hash));
    upper->lock = port_mutex_create("nodes");
    upper->rename_lock = port_mutex_create("rename");
    upper->page_lock = port_mutex_create("pages");
    upper->write_lock = port_mutex_create("write-back");
    upper->wake = port_cond_create();
    upper->page_wake = port_cond_create();
    if (upper->hash == NULL || upper->page_hash == NULL || upper->lock == NULL ||
        upper->rename_lock == NULL || upper->page_lock == NULL || upper->write_lock == NULL ||
        upper->wake == NULL || upper->page_wake == NULL) {
        delete_upper(fs);
        return SFS_ENOMEM;
    }
    return 0;
}

/* ---- Orphans of the last mount ---- */

/* Take inode INO into the list of orphans, if it is one. */
static int adopt(struct sfs *fs, uint64_t ino)
{
    struct sfs_node *node;
    int error = sfs_node_get(fs, ino, &node);

    if (error < 0) {
        return error;
    }
    if (node->disk.nlink == 0 || (node->disk.flags & SFS_INODE_TRUNCATING) != 0) {
        sfs_orphan_add(fs, node);
    }
    port_mutex_lock(fs->upper->lock);
    sfs_node_unref(fs, node); /* as an orphan it stays */
    port_mutex_unlock(fs->upper->lock);
    return 0;
}

/* A slot that leads nowhere is damage, but no reason not to mount. */
static int adopt_slot(struct sfs *fs, uint64_t ino)
{
    int error = adopt(fs, ino);

    if (error == SFS_ESTALE || error == SFS_EINVAL || error == SFS_EUCLEAN) {
        sfs_damaged(fs, fs->super.orphan_block, "an orphan that is none");
        return 0;
    }
    return error;
}

static int finish_orphan(struct sfs *fs, struct sfs_node *node)
{
    int error = 0;

    port_mutex_lock(fs->upper->lock);
    sfs_node_ref(fs, node);
    port_mutex_unlock(fs->upper->lock);
    if (node->disk.nlink > 0) {
        sfs_node_lock(fs, node);
        error = sfs_finish_truncate(fs, node);
        sfs_node_unlock(fs, node);
    }
    sfs_node_put(fs, node);
    return error;
}

/* Finish all orphans in the list. What cannot be finished stays in it. */
static int finish_orphans(struct sfs *fs)
{
    struct sfs_upper *upper = fs->upper;
    uint32_t left = UINT32_MAX;

    while (upper->orphans != NULL && upper->orphan_count < left) {
        int error;

        left = upper->orphan_count;
        error = finish_orphan(fs, upper->orphans);
        if (error < 0) {
            return error;
        }
    }
    return upper->orphans != NULL ? SFS_EUCLEAN : 0;
}

/* There were more orphans than slots: look at every inode, and finish them in portions. */
static int scan_inodes(struct sfs *fs)
{
    int error = 0;

    for (uint64_t ino = 0; ino < fs->super.inode_count && error == 0; ino++) {
        bool allocated;

        error = sfs_inode_allocated(fs, ino, &allocated);
        if (error == 0 && allocated) {
            error = adopt(fs, ino);
            error = error == SFS_ESTALE || error == SFS_EUCLEAN ? 0 : error;
        }
        if (error == 0 && fs->upper->orphan_count >= fs->pointers) {
            error = finish_orphans(fs);
        }
        if (fs->upper->nodes > fs->upper->nodes_max) {
            sfs_nodes_trim(fs, fs->upper->nodes_max / 2);
        }
    }
    return error;
}

static int mounted(struct sfs *fs, const uint64_t *slots)
{
    int error = create(fs);
    uint32_t count = fs->pointers;

    if (error < 0 || slots == NULL) {
        return error;
    }
    fs->upper->orphans_overflow = slots[count - 1] == SFS_ORPHAN_OVERFLOW;
    for (uint32_t i = 0; i < count && error == 0; i++) {
        if (slots[i] != 0 && slots[i] != SFS_ORPHAN_OVERFLOW) {
            error = adopt_slot(fs, slots[i]);
        }
    }
    if (error == 0 && fs->upper->orphans_overflow) {
        error = scan_inodes(fs);
    }
    error = error < 0 ? error : finish_orphans(fs);
    error = error == SFS_EUCLEAN ? 0 : error; /* the next check finds what is left */
    fs->upper->orphans_overflow = false;
    fs->upper->orphans_changed = true;
    return error;
}

static bool write_orphans(struct sfs *fs, uint64_t *slots)
{
    struct sfs_upper *upper = fs->upper;
    struct sfs_node *node;
    bool changed;

    if (upper == NULL) {
        return false;
    }
    port_mutex_lock(upper->lock);
    changed = upper->orphans_changed;
    if (changed) {
        memset(slots, 0, fs->bs);
        node = upper->orphans;
        for (uint32_t i = 0; i < fs->pointers && i < upper->orphan_count; i++) {
            slots[i] = node->ino;
            node = node->ring_next;
        }
        if (upper->orphan_count > fs->pointers || upper->orphans_overflow) {
            slots[fs->pointers - 1] = SFS_ORPHAN_OVERFLOW;
        }
        upper->orphans_changed = false;
    }
    port_mutex_unlock(upper->lock);
    return changed;
}

/* ---- Going ---- */

/* Free what nobody links, though somebody may still have it open. */
static void free_unlinked(struct sfs *fs)
{
    struct sfs_upper *upper = fs->upper;

    for (uint32_t left = upper->orphan_count; left > 0; left--) {
        struct sfs_node *node = upper->orphans;

        upper->orphans = node->ring_next;
        if (node->disk.nlink == 0 && !node->dying) {
            port_mutex_lock(upper->lock);
            sfs_node_ref(fs, node);
            node->refs = 1; /* whoever else counts: nobody is left to give it back */
            port_mutex_unlock(upper->lock);
            sfs_node_put(fs, node);
        }
    }
}

static int unmount(struct sfs *fs)
{
    struct sfs_upper *upper = fs->upper;
    int error = 0;

    if (upper == NULL) {
        return 0;
    }
    if (!fs->read_only) {
        free_unlinked(fs);
        error = sfs_sync(fs);
    }
    for (uint32_t i = 0; i < upper->hash_size; i++) {
        while (upper->hash[i] != NULL) {
            sfs_pages_destroy(fs, upper->hash[i]);
            sfs_node_delete(fs, upper->hash[i]);
        }
    }
    delete_upper(fs);
    return error;
}

const struct sfs_hooks sfs_upper_hooks = {
    .pay = sfs_pages_pay,
    .orphans = write_orphans,
    .mounted = mounted,
    .write_back = sfs_write_back,
    .unmount = unmount,
};
