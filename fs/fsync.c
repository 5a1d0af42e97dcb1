/*
 * fsync.c - what makes contents durable.
 *
 *   fsync(f)   1. write what f overwrites in place; wait
 *              2. is the transaction of f's inode durable? else
 *                 - little is owed: put it into the log, so that one write and one flush do (J2)
 *                 - commit it: the journal first has what is owed written (J1)
 *              3. flush, unless nothing was written since the last one (J8)
 *
 * fdatasync asks for less in step 2: the transaction that changed size or pointers last, and that
 * which took contents into the log last. Times may wait.
 */
#include "fs/node.h"
#include "fs/op.h"
#include "fs/page.h"

/* Log what PAGE owes to OP's transaction, as far as the credits go. Under page_lock. */
static int log_page(struct sfs_op *op, struct sfs_page *page, uint32_t *credits)
{
    struct sfs *fs = op->fs;

    for (unsigned i = 0; i<SFS_PAGE_PARTS && * credits> 0; i++) {
        if (page->new_seq[i] == op->handle.seq) {
            int error = sfs_log_data(&op->handle, page->block[i], page->data + (i << fs->bs_shift));

            if (error < 0) {
                return error;
            }
            --*credits;
            sfs_page_set_clean(fs, page, i);
            sfs_node_data_logged(op, page->node);
        }
    }
    return 0;
}

/*
 * If little is owed, put it into the log. What does not get there is written in place by the
 * commit, so nothing here is an error.
 */
static void log_owed(struct sfs *fs)
{
    struct sfs_upper *upper = fs->upper;
    struct sfs_page *next;
    struct sfs_op op;
    uint32_t owed;

    port_mutex_lock(upper->page_lock);
    owed = upper->owed;
    port_mutex_unlock(upper->page_lock);
    if (owed == 0 || (uint64_t)owed * fs->bs > sfs_log_data_max(fs) ||
        sfs_op_begin(fs, &op, owed, 0, 0) < 0) {
        return;
    }
    port_mutex_lock(upper->page_lock);
    for (struct sfs_page *page = upper->dirty; page != NULL && owed > 0; page = next) {
        next = page->dirty_next;
        if (!page->busy && !page->held && log_page(&op, page, &owed) < 0) {
            break;
        }
    }
    port_mutex_unlock(upper->page_lock);
    (void)sfs_op_end(&op, 0);
}

/* The transaction that has to be durable for NODE's contents, or for all of it, to be. */
static uint64_t wanted(struct sfs *fs, struct sfs_node *node, bool datasync)
{
    uint64_t seq;

    sfs_node_lock_shared(fs, node); /* whoever is writing now comes first */
    port_mutex_lock(fs->upper->lock);
    seq = node->data_seq;
    if (node->log_seq > seq && SFS_RULE(FSYNC_LOGGED)) {
        seq = node->log_seq;
    }
    if (!datasync && node->meta_seq > seq && SFS_RULE(FSYNC_COMMITS)) {
        seq = node->meta_seq;
    }
    port_mutex_unlock(fs->upper->lock);
    sfs_node_unlock(fs, node);
    return seq;
}

int sfs_fsync(struct sfs *fs, uint64_t ino, bool datasync)
{
    struct sfs_node *node;
    uint64_t seq;
    int written;
    int error = sfs_node_get(fs, ino, &node);

    if (error < 0) {
        return error;
    }
    written = SFS_RULE(FSYNC_WRITES) ? sfs_pages_write(fs, node) : 0;
    seq = wanted(fs, node, datasync); /* now: a truncate may have taken what we were to write */
    if (seq != 0 && !sfs_is_durable(fs, seq)) {
        log_owed(fs);
        error = sfs_commit(fs, seq);
    }
    if (error == 0 && SFS_RULE(FSYNC_FLUSHES)) {
        error = sfs_flush(fs);
    }
    sfs_node_put(fs, node);
    if (error == 0 && !fs->read_only && sfs_read_only(fs)) {
        error = SFS_EIO; /* aborted: nothing is durable any more that was not before (J13) */
    }
    return error < 0 ? error : written;
}

int sfs_write_back(struct sfs *fs)
{
    int times = sfs_nodes_write_atime(fs);
    int written = sfs_pages_write(fs, NULL);

    log_owed(fs);
    return written < 0 ? written : times;
}
