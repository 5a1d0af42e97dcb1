/*
 * pageio.c - pages to and from the disk. Reading gathers all pages of a read-ahead into one batch.
 * Writing collects dirty blocks, sorts them by where they belong, and sends them in one batch, so
 * that neighbours become one request. One write-back runs at a time: it owns the batch, and so
 * needs no memory, which may be what it is to make.
 *
 * J1 and the block at the end of a file: what is owed is written before anybody changes it in a
 * later transaction (sfs_page_settle), and contents behind the end of the file are zeros in memory,
 * so what goes to the disk is what the committing transaction says, without a copy.
 */
#include "fs/page.h"

#include "fs/tree.h"

/* ---- Reading ----------------------------------------------------------------------------------
 */

struct reading {
    struct sfs_batch batch;
    struct sfs_page *page[SFS_READ_PAGES];
    uint32_t count;
    uint64_t block[SFS_READ_PAGES * SFS_PAGE_PARTS]; /* from those of page[0] on */
};

static uint8_t all_parts(const struct sfs *fs)
{
    return (uint8_t)((1u << (SFS_PAGE >> fs->bs_shift)) - 1);
}

/* Get the pages; as many as there is memory for, but the first. */
static int get_pages(struct sfs *fs, struct sfs_node *node, uint64_t first, uint32_t count,
                     struct reading *reading)
{
    for (reading->count = 0; reading->count < count; reading->count++) {
        int error = sfs_page_get(fs, node, first + reading->count, &reading->page[reading->count]);

        if (error < 0) {
            return reading->count == 0 ? error : 0;
        }
    }
    return 0;
}

/*
 * Make those busy that are not wholly valid, and give the others back. The first is waited for,
 * others that are busy are skipped. From here on nothing waits for anything but the disk.
 */
static void claim(struct sfs *fs, struct reading *reading)
{
    uint32_t claimed = 0;

    port_mutex_lock(fs->upper->page_lock);
    for (uint32_t i = 0; i < reading->count; i++) {
        struct sfs_page *page = reading->page[i];

        if (i == 0) {
            sfs_page_wait(fs, page);
        }
        if (page->busy || page->valid == all_parts(fs)) {
            page->refs--;
        } else {
            page->busy = true;
            reading->page[claimed++] = page;
        }
    }
    reading->count = claimed;
    port_mutex_unlock(fs->upper->page_lock);
}

/* Where all of the busy pages lie: one walk down the tree for each leaf, not for each page. */
static int map(struct sfs *fs, struct sfs_node *node, struct reading *reading)
{
    uint32_t parts = SFS_PAGE >> fs->bs_shift;
    uint64_t first, count;

    if (reading->count == 0) {
        return 0;
    }
    first = reading->page[0]->index;
    count = reading->page[reading->count - 1]->index - first + 1;
    return sfs_tree_map(fs, &node->disk, first * parts, (uint32_t)count * parts, reading->block);
}

/* Ask for what is missing of busy page INDEX: zeros, the log's copy, or the disk's. */
static int request(struct sfs *fs, struct reading *reading, uint32_t index)
{
    uint32_t parts = SFS_PAGE >> fs->bs_shift;
    struct sfs_page *page = reading->page[index];
    uint64_t *block = &reading->block[(page->index - reading->page[0]->index) * parts];
    int error = 0;

    for (uint32_t i = 0; i < parts && error == 0; i++) {
        uint8_t *data = page->data + (i << fs->bs_shift);

        if ((page->valid & 1u << i) != 0) {
            continue;
        }
        if (block[i] == 0) {
            memset(data, 0, fs->bs);
        } else if (!sfs_read_logged(fs, block[i], data, &error)) {
            sfs_batch_add(&reading->batch, block[i], 1, data);
        }
    }
    return error;
}

/* The page has been read. What a disk says behind the end of the file counts as zeros. */
static void finish(struct sfs *fs, struct sfs_page *page, int error)
{
    uint64_t size = sfs_node_size(page->node);
    uint64_t begin = page->index << SFS_PAGE_SHIFT;

    if (error == 0) {
        uint64_t end = size > begin ? size - begin : 0;

        if (end < SFS_PAGE) {
            memset(page->data + end, 0, SFS_PAGE - end);
        }
        page->valid = all_parts(fs);
    }
    page->busy = false;
    page->refs--;
}

static int fill(struct sfs *fs, struct sfs_node *node, uint64_t first, uint32_t count,
                struct reading *reading)
{
    int error = get_pages(fs, node, first, count, reading);
    int io;

    if (error < 0) {
        return error;
    }
    claim(fs, reading);
    error = map(fs, node, reading);
    sfs_batch_start(&reading->batch, fs, BLK_READ, BLK_CLASS_DATA);
    for (uint32_t i = 0; i < reading->count && error == 0; i++) {
        error = request(fs, reading, i);
    }
    io = sfs_batch_wait(&reading->batch);
    error = error < 0 ? error : io;
    port_mutex_lock(fs->upper->page_lock);
    for (uint32_t i = 0; i < reading->count; i++) {
        finish(fs, reading->page[i], error);
    }
    port_cond_wake_all(fs->upper->page_wake);
    port_mutex_unlock(fs->upper->page_lock);
    return error;
}

int sfs_pages_fill(struct sfs *fs, struct sfs_node *node, uint64_t first, uint32_t count)
{
    struct reading *reading = port_alloc(sizeof(*reading));
    int error;

    if (reading == NULL) {
        return SFS_ENOMEM;
    }
    count = count < SFS_READ_PAGES ? count : SFS_READ_PAGES;
    error = fill(fs, node, first, count, reading);
    if (error < 0 && count > 1) {
        error = fill(fs, node, first, 1, reading); /* it may have been one that nobody asked for */
    }
    port_free(reading);
    return error;
}

/* ---- Writing ----------------------------------------------------------------------------------
 */

/* Which dirty blocks: those of NODE (or all) in place, or, if OWED, those owed up to SEQ. */
struct choice {
    const struct sfs_node *node;
    bool owed;
    uint64_t seq;
};

static uint8_t chosen(const struct sfs_page *page, const struct choice *choice)
{
    uint8_t mask = 0;

    if (choice->node != NULL && page->node != choice->node) {
        return 0;
    }
    for (unsigned i = 0; i < SFS_PAGE_PARTS; i++) {
        bool owed = page->new_seq[i] != 0;

        if ((page->dirty & 1u << i) != 0 && owed == choice->owed &&
            page->new_seq[i] <= choice->seq) {
            mask |= (uint8_t)(1u << i);
        }
    }
    return mask;
}

static void add_pieces(struct sfs *fs, struct sfs_page *page, uint8_t mask)
{
    struct sfs_upper *upper = fs->upper;

    page->busy = true;
    page->writing = mask;
    page->refs++;
    for (unsigned i = 0; i < SFS_PAGE_PARTS; i++) {
        if ((mask & 1u << i) != 0) {
            upper->piece[upper->piece_count++] = (struct sfs_piece){
                .block = page->block[i], .data = page->data + (i << fs->bs_shift), .owner = page};
        }
    }
}

/*
 * Collect pieces, as many as there is room for. Returns how many pages; *BUSY: some that were meant
 * are busy or held, somebody else may be writing them.
 */
static uint32_t collect(struct sfs *fs, const struct choice *choice, bool *busy)
{
    struct sfs_upper *upper = fs->upper;
    uint32_t count = 0;

    *busy = false;
    upper->piece_count = 0;
    for (struct sfs_page *page = upper->dirty;
         page != NULL && upper->piece_count + SFS_PAGE_PARTS <= SFS_PIECES;
         page = page->dirty_next) {
        uint8_t mask = chosen(page, choice);

        if (mask == 0 || page->round == upper->round) {
            continue;
        }
        if (page->busy || page->held) {
            *busy = true;
        } else {
            page->round = upper->round;
            add_pieces(fs, page, mask);
            count++;
        }
    }
    return count;
}

static void finish_pieces(struct sfs *fs, int error)
{
    struct sfs_upper *upper = fs->upper;

    for (uint32_t i = 0; i < upper->piece_count; i++) {
        struct sfs_page *page = upper->piece[i].owner;

        if (page->writing != 0) {
            sfs_page_written(fs, page, error);
            page->refs--;
        }
    }
}

/* Write all blocks of CHOICE, each once. Waits for those that others are writing. */
static int write_chosen(struct sfs *fs, const struct choice *choice)
{
    struct sfs_upper *upper = fs->upper;
    int result = 0;
    bool busy;

    port_mutex_lock(upper->write_lock);
    port_mutex_lock(upper->page_lock);
    upper->round++;
    for (;;) {
        uint32_t count = collect(fs, choice, &busy);

        if (count == 0 && !busy) {
            break;
        }
        if (count == 0) {
            port_cond_wait(upper->page_wake, upper->page_lock);
            continue;
        }
        port_mutex_unlock(upper->page_lock);
        int error =
            sfs_pieces_write(&upper->batch, fs, BLK_CLASS_DATA, upper->piece, upper->piece_count);
        port_mutex_lock(upper->page_lock);
        finish_pieces(fs, error);
        result = result < 0 ? result : error;
    }
    port_mutex_unlock(upper->page_lock);
    port_mutex_unlock(upper->write_lock);
    return result;
}

static bool has_dirty(struct sfs *fs, const struct sfs_node *node)
{
    bool dirty = false;

    port_mutex_lock(fs->upper->page_lock);
    for (const struct sfs_page *page = node->pages; page != NULL && !dirty;
         page = page->node_next) {
        dirty = page->dirty != 0; /* it is, while it is being written */
    }
    port_mutex_unlock(fs->upper->page_lock);
    return dirty;
}

int sfs_pages_write(struct sfs *fs, struct sfs_node *node)
{
    const struct choice choice = {.node = node, .owed = false};

    return node == NULL || has_dirty(fs, node) ? write_chosen(fs, &choice) : 0;
}

int sfs_pages_pay(struct sfs *fs, uint64_t seq)
{
    const struct choice choice = {.owed = true, .seq = seq};

    return write_chosen(fs, &choice);
}

void sfs_page_settle(struct sfs *fs, struct sfs_page *page, uint64_t seq)
{
    for (;;) {
        uint8_t mask = 0;
        int error = 0;

        sfs_page_wait(fs, page);
        for (unsigned i = 0; i < SFS_PAGE_PARTS; i++) {
            if (page->new_seq[i] != 0 && page->new_seq[i] != seq) {
                mask |= (uint8_t)(1u << i);
            }
        }
        if (mask == 0) {
            return;
        }
        page->busy = true;
        page->writing = mask;
        port_mutex_unlock(fs->upper->page_lock);
        for (unsigned i = 0; i < SFS_PAGE_PARTS && error == 0; i++) {
            if ((mask & 1u << i) != 0) {
                error = sfs_write_blocks(fs, BLK_CLASS_DATA, page->block[i], 1,
                                         page->data + (i << fs->bs_shift));
            }
        }
        port_mutex_lock(fs->upper->page_lock);
        sfs_page_written(fs, page, error);
    }
}
