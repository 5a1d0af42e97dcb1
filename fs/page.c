/* page.c - see page.h: finding, keeping and dropping pages. Reading and writing is in pageio.c. */
#include "fs/list.h"
#include "fs/page.h"

static struct sfs_page **bucket_of(struct sfs_upper *upper, const struct sfs_node *node,
                                   uint64_t index)
{
    uint64_t hash = (node->ino * 0x9E3779B97F4A7C15u ^ index) * 0x9E3779B97F4A7C15u;

    return &upper->page_hash[hash >> 32 & (upper->page_hash_size - 1)];
}

static struct sfs_page *find(struct sfs_upper *upper, const struct sfs_node *node, uint64_t index)
{
    struct sfs_page *page = *bucket_of(upper, node, index);

    while (page != NULL && (page->node != node || page->index != index)) {
        page = page->hash_next;
    }
    return page;
}

static void insert(struct sfs_upper *upper, struct sfs_page *page)
{
    struct sfs_page **bucket = bucket_of(upper, page->node, page->index);

    page->hash_next = *bucket;
    *bucket = page;
    SFS_LIST_ADD(page->node->pages, page, node);
    SFS_RING_ADD(upper->hand, page, all);
    upper->pages++;
}

static void take_out(struct sfs_upper *upper, struct sfs_page *page)
{
    struct sfs_page **link = bucket_of(upper, page->node, page->index);

    while (*link != page) {
        link = &(*link)->hash_next;
    }
    *link = page->hash_next;
    SFS_LIST_REMOVE(page->node->pages, page, node);
    SFS_RING_REMOVE(upper->hand, page, all);
    upper->pages--;
}

static void free_page(struct sfs_page *page)
{
    if (page != NULL) {
        port_free(page->data);
        port_free(page);
    }
}

static void drop(struct sfs_upper *upper, struct sfs_page *page)
{
    take_out(upper, page);
    free_page(page);
}

/* A page that nobody needs and that was not used for a round of the hand, taken out; or NULL. */
static struct sfs_page *victim(struct sfs_upper *upper)
{
    for (uint32_t i = 0; i < 2 * upper->pages; i++) {
        struct sfs_page *page = upper->hand;

        upper->hand = page->all_next;
        if (page->refs == 0 && !page->busy && page->dirty == 0 && !page->used) {
            take_out(upper, page);
            return page;
        }
        page->used = false;
    }
    return NULL;
}

static struct sfs_page *new_page(void)
{
    struct sfs_page *page = port_alloc(sizeof(*page));

    if (page != NULL) {
        page->data = port_alloc(SFS_PAGE);
        if (page->data == NULL) {
            port_free(page);
            page = NULL;
        }
    }
    return page;
}

/* A page to be filled: one that is dropped, if there are pages_max; else a new one, if there are fewer
 * than MOST. NULL: no memory, or none can be dropped. */
static struct sfs_page *obtain(struct sfs_upper *upper, uint32_t most)
{
    struct sfs_page *page = NULL, *old;

    while (upper->pages >= upper->pages_max && (old = victim(upper)) != NULL) {
        free_page(page);
        page = old;
    }
    if (page == NULL && upper->pages < most) {
        page = new_page();
    }
    return page;
}

/* The page if it is there, or a fresh one, or NULL. */
static struct sfs_page *find_or_make(struct sfs_upper *upper, struct sfs_node *node, uint64_t index,
                                     uint32_t most)
{
    struct sfs_page *page = find(upper, node, index);

    if (page != NULL) {
        page->used = true;
        return page;
    }
    page = obtain(upper, most);
    if (page != NULL) {
        *page = (struct sfs_page){.data = page->data, .node = node, .index = index};
        insert(upper, page);
    }
    return page;
}

/* When all are dirty, some are written, and twice the cache's size is the end. */
int sfs_page_get(struct sfs *fs, struct sfs_node *node, uint64_t index, struct sfs_page **page)
{
    struct sfs_upper *upper = fs->upper;

    port_mutex_lock(upper->page_lock);
    *page = find_or_make(upper, node, index, upper->pages_max);
    if (*page == NULL) {
        port_mutex_unlock(upper->page_lock);
        (void)sfs_pages_pay(fs, UINT64_MAX);
        (void)sfs_pages_write(fs, NULL);
        port_mutex_lock(upper->page_lock);
        *page = find_or_make(upper, node, index, 2 * upper->pages_max);
    }
    if (*page != NULL) {
        (*page)->refs++;
    }
    port_mutex_unlock(upper->page_lock);
    return *page != NULL ? 0 : SFS_ENOMEM;
}

void sfs_page_put(struct sfs *fs, struct sfs_page *page)
{
    port_mutex_lock(fs->upper->page_lock);
    page->refs--;
    port_mutex_unlock(fs->upper->page_lock);
}

void sfs_page_release(struct sfs *fs, struct sfs_page *page)
{
    port_mutex_lock(fs->upper->page_lock);
    page->held = false;
    page->refs--;
    port_cond_wake_all(fs->upper->page_wake);
    port_mutex_unlock(fs->upper->page_lock);
}

void sfs_page_wait(struct sfs *fs, struct sfs_page *page)
{
    while (page->busy && SFS_RULE(BUSY_PAGE_RESTS)) {
        port_cond_wait(fs->upper->page_wake, fs->upper->page_lock);
    }
}

void sfs_page_set_dirty(struct sfs *fs, struct sfs_page *page, unsigned i, uint64_t block,
                        uint64_t seq)
{
    struct sfs_upper *upper = fs->upper;

    if (page->dirty == 0) {
        SFS_LIST_ADD(upper->dirty, page, dirty);
        upper->pages_dirty++;
    }
    page->dirty |= (uint8_t)(1u << i);
    page->valid |= (uint8_t)(1u << i);
    page->block[i] = block;
    if (seq != 0) {
        upper->owed += page->new_seq[i] == 0;
        page->new_seq[i] = seq;
    }
}

/* Part I is not dirty any more. What it owed is settled with the journal by the caller. */
static void clear_dirty(struct sfs_upper *upper, struct sfs_page *page, unsigned i)
{
    if ((page->dirty & 1u << i) == 0) {
        return;
    }
    upper->owed -= page->new_seq[i] != 0;
    page->new_seq[i] = 0;
    page->dirty &= (uint8_t) ~(1u << i);
    if (page->dirty == 0) {
        SFS_LIST_REMOVE(upper->dirty, page, dirty);
        upper->pages_dirty--;
    }
}

static void settle_one(struct sfs *fs, struct sfs_page *page, unsigned i, int error)
{
    uint64_t seq = page->new_seq[i];

    if (error < 0 && seq == 0) {
        return; /* it overwrites what is durable: it stays dirty, and fsync tells */
    }
    clear_dirty(fs->upper, page, i);
    if (seq != 0) {
        sfs_paid_data(fs, seq, 1, error);
    }
}

void sfs_page_set_clean(struct sfs *fs, struct sfs_page *page, unsigned i)
{
    settle_one(fs, page, i, 0);
}

void sfs_page_written(struct sfs *fs, struct sfs_page *page, int error)
{
    for (unsigned i = 0; i < SFS_PAGE_PARTS; i++) {
        if ((page->writing & 1u << i) != 0) {
            settle_one(fs, page, i, error);
        }
    }
    page->writing = 0;
    page->busy = false;
    port_cond_wake_all(fs->upper->page_wake);
}

/* Forget the parts of PAGE from byte KEEP of it on, and make them zeros. */
static void cut_page(struct sfs *fs, struct sfs_page *page, uint32_t keep, uint64_t seq)
{
    uint32_t parts = SFS_PAGE >> fs->bs_shift;

    sfs_page_wait(fs, page);
    sfs_page_settle(fs, page, seq);
    for (unsigned i = (keep + fs->bs - 1) >> fs->bs_shift; i < parts; i++) {
        sfs_page_set_clean(fs, page, i);
        page->valid &= (uint8_t) ~(1u << i);
    }
    memset(page->data + keep, 0, SFS_PAGE - keep);
}

void sfs_pages_cut(struct sfs *fs, struct sfs_node *node, uint64_t from, uint64_t seq)
{
    struct sfs_upper *upper = fs->upper;
    struct sfs_page *next;

    port_mutex_lock(upper->page_lock);
    for (struct sfs_page *page = node->pages; page != NULL; page = next) {
        uint64_t begin = page->index << SFS_PAGE_SHIFT;

        if (begin + SFS_PAGE > from) {
            page->refs++;
            cut_page(fs, page, begin >= from ? 0 : (uint32_t)(from - begin), seq);
            page->refs--;
        }
        next = page->node_next;
        if (begin >= from && page->refs == 0) {
            drop(upper, page);
        }
    }
    port_mutex_unlock(upper->page_lock);
}

bool sfs_pages_forget(struct sfs *fs, struct sfs_node *node)
{
    struct sfs_page *next;
    bool all = true;

    port_mutex_lock(fs->upper->page_lock);
    for (struct sfs_page *page = node->pages; page != NULL; page = next) {
        next = page->node_next;
        if (page->refs == 0 && !page->busy && page->dirty == 0) {
            drop(fs->upper, page);
        } else {
            all = false;
        }
    }
    port_mutex_unlock(fs->upper->page_lock);
    return all;
}

void sfs_pages_destroy(struct sfs *fs, struct sfs_node *node)
{
    while (node->pages != NULL) {
        drop(fs->upper, node->pages);
    }
}
