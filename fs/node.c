/*
 * node.c - see node.h: finding, reading, checking, keeping and dropping inodes in memory. What they
 * hold is in nodedata.c, their locks are in nodelock.c.
 */
#include "fs/node.h"

#include "fs/dir.h"
#include "fs/list.h"
#include "fs/op.h"
#include "fs/page.h"
#include "fs/truncate.h"

#define CHAIN 2u /* nodes in a chain of the hash, on the average */

static struct sfs_node **bucket_of(struct sfs_upper *upper, uint64_t ino)
{
    return &upper->hash[(ino ^ ino >> 10) & (upper->hash_size - 1)];
}

static struct sfs_node *find(struct sfs_upper *upper, uint64_t ino)
{
    struct sfs_node *node = *bucket_of(upper, ino);

    while (node != NULL && node->ino != ino) {
        node = node->hash_next;
    }
    return node;
}

/* Twice as many chains, if there is memory for them: users may hold any number of nodes. */
static void grow_hash(struct sfs_upper *upper)
{
    uint32_t size = upper->hash_size * 2;
    struct sfs_node **hash = port_alloc(size * sizeof(*hash));
    struct sfs_node **old = upper->hash;

    if (hash == NULL) {
        return;
    }
    memset(hash, 0, size * sizeof(*hash));
    upper->hash = hash;
    upper->hash_size = size;
    for (uint32_t i = 0; i < size / 2; i++) {
        while (old[i] != NULL) {
            struct sfs_node *node = old[i];
            struct sfs_node **bucket = bucket_of(upper, node->ino);

            old[i] = node->hash_next;
            node->hash_next = *bucket;
            *bucket = node;
        }
    }
    port_free(old);
}

/* ---- The two rings: who is idle, who is an orphan ---- */

static void leave_ring(struct sfs_node *node)
{
    if (node->ring != NULL) {
        SFS_RING_REMOVE(*node->ring, node, ring);
        node->ring = NULL;
    }
}

/* At its end. */
static void enter_ring(struct sfs_node **ring, struct sfs_node *node)
{
    leave_ring(node);
    SFS_RING_ADD(*ring, node, ring);
    node->ring = ring;
}

void sfs_orphan_add(struct sfs *fs, struct sfs_node *node)
{
    struct sfs_upper *upper = fs->upper;

    port_mutex_lock(upper->lock);
    if (!sfs_node_is_orphan(fs, node)) {
        enter_ring(&upper->orphans, node);
        upper->orphan_count++;
        upper->orphans_changed = true;
    }
    port_mutex_unlock(upper->lock);
}

void sfs_orphan_remove(struct sfs *fs, struct sfs_node *node)
{
    struct sfs_upper *upper = fs->upper;

    port_mutex_lock(upper->lock);
    if (sfs_node_is_orphan(fs, node)) {
        leave_ring(node);
        sfs_node_ref(fs, node);
        sfs_node_unref(fs, node); /* if nobody uses it, it is idle now */
        upper->orphan_count--;
        upper->orphans_changed = true;
    }
    port_mutex_unlock(upper->lock);
}

uint32_t sfs_orphans(struct sfs *fs)
{
    port_mutex_lock(fs->upper->lock);
    uint32_t count = fs->upper->orphan_count;
    port_mutex_unlock(fs->upper->lock);
    return count;
}

/* ---- References ---- */

void sfs_node_ref(struct sfs *fs, struct sfs_node *node)
{
    if (!sfs_node_is_orphan(fs, node)) {
        leave_ring(node);
    }
    node->refs++;
}

int sfs_node_hand_out(struct sfs *fs, struct sfs_node *node, struct sfs_attr *attr)
{
    int error;

    sfs_node_lock_shared(fs, node);
    error = sfs_node_attr(fs, node, attr);
    sfs_node_unlock(fs, node);
    if (error < 0) {
        sfs_node_put(fs, node);
        return error;
    }
    port_mutex_lock(fs->upper->lock);
    node->lookups++;
    port_mutex_unlock(fs->upper->lock);
    return 0;
}

void sfs_node_unref(struct sfs *fs, struct sfs_node *node)
{
    if (--node->refs == 0 && !sfs_node_is_orphan(fs, node) && !node->dying) {
        enter_ring(&fs->upper->idle, node);
    }
}

static void insert(struct sfs_upper *upper, struct sfs_node *node)
{
    struct sfs_node **bucket;

    if (upper->nodes >= upper->hash_size * CHAIN) {
        grow_hash(upper);
    }
    bucket = bucket_of(upper, node->ino);

    node->hash_next = *bucket;
    *bucket = node;
    upper->nodes++;
}

static void take_out(struct sfs_upper *upper, struct sfs_node *node)
{
    struct sfs_node **link = bucket_of(upper, node->ino);

    while (*link != node) {
        link = &(*link)->hash_next;
    }
    *link = node->hash_next;
    leave_ring(node);
    upper->nodes--;
}

static void node_free(struct sfs *fs, struct sfs_node *node)
{
    sfs_index_free(fs, node);
    port_free(node);
}

/* Does the inode make sense by itself? What it points to is checked when it is followed. */
static bool inode_is_sound(const struct sfs *fs, const struct sfs_inode *inode)
{
    uint64_t size = (uint64_t)inode->size_hi << 32 | inode->size_lo;
    uint32_t known = fs->has_journal ? SFS_INODE_HEIGHT | SFS_INODE_SPARSE | SFS_INODE_FASTLINK |
                                           SFS_INODE_TRUNCATING
                                     : 0;

    if ((inode->flags & ~known) != 0 || size > fs->size_max || inode->nlink > SFS_LINK_MAX) {
        return false;
    }
    switch ((inode->mode & SFS_MODE_TYPE) >> 12) {
    case SFS_TYPE_REG:
        return (inode->flags & SFS_INODE_FASTLINK) == 0;
    case SFS_TYPE_DIR:
        return (inode->flags & (SFS_INODE_FASTLINK | SFS_INODE_SPARSE)) == 0 && size % fs->bs == 0;
    case SFS_TYPE_LNK:
        return size > 0 && size <= SFS_SYMLINK_MAX &&
               ((inode->flags & SFS_INODE_FASTLINK) == 0 || size <= SFS_FASTLINK_MAX);
    case SFS_TYPE_FIFO:
    case SFS_TYPE_SOCK:
    case SFS_TYPE_CHR:
    case SFS_TYPE_BLK:
        return size == 0 && inode->flags == 0 && inode->indirect == 0;
    default:
        return false;
    }
}

struct sfs_node *sfs_node_make(uint64_t ino)
{
    struct sfs_node *node = port_alloc(sizeof(*node));

    if (node != NULL) {
        *node = (struct sfs_node){.ino = ino, .refs = 1};
    }
    return node;
}

void sfs_node_insert(struct sfs *fs, struct sfs_node *node)
{
    port_mutex_lock(fs->upper->lock);
    insert(fs->upper, node);
    port_mutex_unlock(fs->upper->lock);
}

void sfs_node_delete(struct sfs *fs, struct sfs_node *node)
{
    port_mutex_lock(fs->upper->lock);
    take_out(fs->upper, node);
    port_mutex_unlock(fs->upper->lock);
    node_free(fs, node);
}

/* A reference to NODE, which is in memory. ESTALE: it is being freed. Lock held. */
static int take(struct sfs *fs, struct sfs_node *node)
{
    if (node->dying) {
        return SFS_ESTALE;
    }
    sfs_node_ref(fs, node);
    return 0;
}

/*
 * Fill FRESH from its inode, in BUF, and let everybody find it: in one step, or it could have been
 * changed and dropped from memory in between. Lock held.
 */
static int read_node(struct sfs *fs, struct sfs_node *fresh, const struct sfs_buf *buf,
                     uint32_t offset)
{
    memcpy(&fresh->disk, buf->data + offset, sizeof(fresh->disk));
    fresh->type = (fresh->disk.mode & SFS_MODE_TYPE) >> 12;
    if (fresh->disk.mode == 0) {
        return SFS_ESTALE;
    }
    if (!inode_is_sound(fs, &fresh->disk)) {
        return SFS_EUCLEAN;
    }
    insert(fs->upper, fresh);
    return 0;
}

/* Inode INO is not in memory, or was not just now. */
static int load(struct sfs *fs, uint64_t ino, struct sfs_node **node)
{
    struct sfs_node *fresh = sfs_node_make(ino);
    struct sfs_buf *buf = NULL;
    uint32_t offset;
    uint64_t block = sfs_inode_block(fs, ino, &offset);
    int error = fresh != NULL ? sfs_buf_read(fs, block, &buf) : SFS_ENOMEM;

    if (error == 0) {
        port_mutex_lock(fs->upper->lock);
        *node = find(fs->upper, ino);
        if (*node != NULL) { /* somebody was quicker */
            error = take(fs, *node);
        } else {
            error = read_node(fs, fresh, buf, offset);
            *node = error == 0 ? fresh : NULL;
        }
        port_mutex_unlock(fs->upper->lock);
        sfs_buf_put(fs, buf);
        if (error == SFS_EUCLEAN) {
            sfs_damaged(fs, block, "an inode that makes no sense");
        }
    }
    if (*node != fresh) {
        port_free(fresh);
    }
    return error;
}

int sfs_node_get(struct sfs *fs, uint64_t ino, struct sfs_node **node)
{
    int error = 0;

    if (ino >= fs->super.inode_count) {
        return SFS_EINVAL;
    }
    port_mutex_lock(fs->upper->lock);
    *node = find(fs->upper, ino);
    if (*node != NULL) {
        error = take(fs, *node);
    }
    port_mutex_unlock(fs->upper->lock);
    return *node != NULL ? error : load(fs, ino, node);
}

int sfs_node_get_dir(struct sfs *fs, uint64_t ino, struct sfs_node **node)
{
    int error = sfs_node_get(fs, ino, node);

    if (error == 0 && !sfs_node_is_dir(*node)) {
        sfs_node_put(fs, *node);
        error = SFS_ENOTDIR;
    }
    return error;
}

/* Nobody uses NODE, nobody links it: free it on the disk, then here. What fails stays an orphan. */
static void destroy(struct sfs *fs, struct sfs_node *node)
{
    if (sfs_free_file(fs, node) == 0) {
        sfs_node_delete(fs, node);
    }
}

/* One reference less. The last one of an inode that nobody links frees it. True: too many nodes are
 * kept. */
static bool give_back(struct sfs *fs, struct sfs_node *node)
{
    bool last;
    bool many;

    port_mutex_lock(fs->upper->lock);
    sfs_node_unref(fs, node);
    /* Without a link but no orphan: a name says otherwise, which is for a check to settle. */
    last =
        node->refs == 0 && node->disk.nlink == 0 && sfs_node_is_orphan(fs, node) && !fs->read_only;
    node->dying = node->dying || last;
    many = fs->upper->nodes > fs->upper->nodes_max && fs->upper->idle != NULL;
    port_mutex_unlock(fs->upper->lock);
    if (last) {
        destroy(fs, node);
    }
    return many && !last;
}

void sfs_node_put(struct sfs *fs, struct sfs_node *node)
{
    if (node != NULL && give_back(fs, node)) {
        sfs_nodes_trim(fs, fs->upper->nodes_max);
    }
}

/* The one that nobody has used for the longest time, with a reference. NULL: no more than KEEP are
 * left, or all are in use. */
static struct sfs_node *victim(struct sfs *fs, uint32_t keep)
{
    struct sfs_node *node;

    port_mutex_lock(fs->upper->lock);
    node = fs->upper->nodes > keep ? fs->upper->idle : NULL;
    if (node != NULL) {
        sfs_node_ref(fs, node);
    }
    port_mutex_unlock(fs->upper->lock);
    return node;
}

/* The last transaction that NODE has a part in. */
static uint64_t last_seq(const struct sfs_node *node)
{
    uint64_t seq = node->meta_seq > node->data_seq ? node->meta_seq : node->data_seq;

    return seq > node->log_seq ? seq : node->log_seq;
}

/* Have everything of NODE on the disk, and nothing but the inode in memory. */
static bool write_all(struct sfs *fs, struct sfs_node *node)
{
    uint64_t seq;

    if (sfs_pages_write(fs, node) < 0 || sfs_node_write_atime(fs, node) < 0) {
        return false;
    }
    port_mutex_lock(fs->upper->lock);
    seq = last_seq(node);
    port_mutex_unlock(fs->upper->lock);
    return (sfs_is_durable(fs, seq) || sfs_commit(fs, seq) == 0) && sfs_pages_forget(fs, node);
}

/* Take NODE out if it still is as write_all has left it. */
static bool take_out_unchanged(struct sfs *fs, struct sfs_node *node)
{
    struct sfs_upper *upper = fs->upper;

    port_mutex_lock(upper->page_lock);
    port_mutex_lock(upper->lock);
    bool gone = node->refs == 1 && node->pages == NULL && !sfs_node_is_orphan(fs, node) &&
                !node->atime_dirty && sfs_is_durable(fs, last_seq(node));
    if (gone) {
        take_out(upper, node);
    }
    port_mutex_unlock(upper->lock);
    port_mutex_unlock(upper->page_lock);
    return gone;
}

void sfs_nodes_trim(struct sfs *fs, uint32_t keep)
{
    struct sfs_node *node;
    uint32_t tries;

    port_mutex_lock(fs->upper->lock);
    tries = fs->upper->nodes;
    port_mutex_unlock(fs->upper->lock);
    while (tries-- > 0 && (node = victim(fs, keep)) != NULL) {
        if (write_all(fs, node) && take_out_unchanged(fs, node)) {
            node_free(fs, node);
        } else {
            give_back(fs, node); /* somebody uses it now, has changed it, or has removed it */
        }
    }
}
