/*
 * read.c - read() and seek(). A reader that goes on where he stopped is read ahead for: 32 KiB at
 * first, twice as much each time, up to 256 KiB and a quarter of the page cache.
 */
#include "fs/node.h"
#include "fs/page.h"
#include "fs/tree.h"

#define AHEAD_FIRST 8u /* pages */

/* How many pages to read at INDEX, of WANT that are asked for, up to the file's END (in pages). */
static uint32_t window(struct sfs *fs, struct sfs_node *node, uint64_t index, uint64_t want,
                       uint64_t end)
{
    uint64_t most = sfs_least(fs->upper->pages_max / 4, SFS_READ_PAGES);
    uint64_t count;

    port_mutex_lock(fs->upper->page_lock);
    if (index != 0 && index != node->read_next) {
        node->read_ahead = 1; /* somewhere else: nothing is known of what comes */
    } else {
        count = node->read_ahead < AHEAD_FIRST ? AHEAD_FIRST : 2 * (uint64_t)node->read_ahead;
        node->read_ahead = (uint32_t)sfs_least(count, most);
    }
    count = want > node->read_ahead ? want : node->read_ahead;
    count = sfs_least(sfs_least(count, most), end - index);
    node->read_next = index + count;
    port_mutex_unlock(fs->upper->page_lock);
    return (uint32_t)count;
}

/* Copy COUNT bytes of PAGE from FROM on, if they are valid. */
static bool copy_out(struct sfs *fs, struct sfs_page *page, uint32_t from, uint32_t count,
                     uint8_t *buffer)
{
    uint32_t first = from >> fs->bs_shift;
    uint32_t last = (from + count - 1) >> fs->bs_shift;
    bool valid = true;

    port_mutex_lock(fs->upper->page_lock);
    for (uint32_t i = first; i <= last; i++) {
        valid = valid && (page->valid & 1u << i) != 0;
    }
    if (valid) {
        memcpy(buffer, page->data + from, count);
    }
    port_mutex_unlock(fs->upper->page_lock);
    return valid;
}

/* COUNT bytes from OFFSET on, in one page, of a read that goes on for LEFT bytes. */
static int read_page(struct sfs *fs, struct sfs_node *node, uint64_t offset, uint32_t count,
                     uint64_t left, uint8_t *buffer)
{
    uint64_t index = offset >> SFS_PAGE_SHIFT;
    uint64_t end = (sfs_node_size(node) + SFS_PAGE - 1) >> SFS_PAGE_SHIFT;
    struct sfs_page *page;
    int error = sfs_page_get(fs, node, index, &page);

    while (error == 0 && !copy_out(fs, page, (uint32_t)(offset & (SFS_PAGE - 1)), count, buffer)) {
        uint64_t want = ((offset + left - 1) >> SFS_PAGE_SHIFT) - index + 1;

        error = sfs_pages_fill(fs, node, index, window(fs, node, index, want, end));
    }
    if (page != NULL) {
        sfs_page_put(fs, page);
    }
    return error;
}

static int64_t read_node(struct sfs *fs, struct sfs_node *node, uint64_t offset, uint8_t *buffer,
                         uint64_t size)
{
    uint64_t end = sfs_node_size(node);
    uint64_t done = 0;
    int error = 0;

    if (offset >= end) {
        return 0;
    }
    size = size < end - offset ? size : end - offset;
    while (done < size && error == 0) {
        uint64_t at = offset + done;
        uint32_t count = SFS_PAGE - (uint32_t)(at & (SFS_PAGE - 1));

        count = count < size - done ? count : (uint32_t)(size - done);
        error = read_page(fs, node, at, count, size - done, buffer + done);
        done += error == 0 ? count : 0;
    }
    sfs_node_accessed(fs, node);
    return done > 0 ? (int64_t)done : error;
}

int64_t sfs_read(struct sfs *fs, uint64_t ino, uint64_t offset, void *buffer, size_t size)
{
    struct sfs_node *node;
    int64_t result = sfs_node_get(fs, ino, &node);

    if (result < 0) {
        return result;
    }
    sfs_node_lock_shared(fs, node);
    if (sfs_node_type(node) != SFS_TYPE_REG) {
        result = sfs_node_is_dir(node) ? SFS_EISDIR : SFS_EINVAL;
    } else {
        result = read_node(fs, node, offset, buffer, size);
    }
    sfs_node_unlock(fs, node);
    sfs_node_put(fs, node);
    return result;
}

/* ---- seek -------------------------------------------------------------------------------------
 */

/* The next block from N on, before END, that is a hole or not. More steps than blocks: a lie. */
static int seek_block(struct sfs *fs, struct sfs_node *node, bool hole, uint64_t *n, uint64_t end)
{
    for (uint64_t steps = 0; *n < end; steps++) {
        uint64_t run;
        bool here;
        int error = sfs_tree_extent(fs, &node->disk, *n, &here, &run);

        if (error < 0 || steps > 2 * fs->super.total_blocks) {
            return error < 0 ? error : SFS_EUCLEAN;
        }
        if (here == hole) {
            return 0;
        }
        *n += run < end - *n ? run : end - *n;
    }
    return 0;
}

static int seek_node(struct sfs *fs, struct sfs_node *node, bool hole, uint64_t *offset)
{
    uint64_t size = sfs_node_size(node);
    uint64_t n = *offset >> fs->bs_shift;
    uint64_t end = (size + fs->bs - 1) >> fs->bs_shift;
    int error;

    if (*offset >= size) {
        return SFS_ENXIO;
    }
    error = seek_block(fs, node, hole, &n, end);
    if (error < 0) {
        return error;
    }
    if (n >= end) {
        if (!hole) {
            return SFS_ENXIO;
        }
        *offset = size; /* there is a hole behind every file */
    } else if (n << fs->bs_shift > *offset) {
        *offset = n << fs->bs_shift;
    }
    return 0;
}

int sfs_seek(struct sfs *fs, uint64_t ino, bool hole, uint64_t *offset)
{
    struct sfs_node *node;
    int error = sfs_node_get(fs, ino, &node);

    if (error < 0) {
        return error;
    }
    sfs_node_lock_shared(fs, node);
    error = sfs_node_type(node) == SFS_TYPE_REG ? seek_node(fs, node, hole, offset) : SFS_EINVAL;
    sfs_node_unlock(fs, node);
    sfs_node_put(fs, node);
    return error;
}
