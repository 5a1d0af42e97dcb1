/*
 * checktree.c - a walk through the tree of one inode, from the first block to the last. No pointer
 * is followed before its block has got an owner, or, in a second walk, has been marked as seen: so
 * each block is entered once a pass, and trees that loop or share cost no more than sound ones.
 *
 *   first walk, in pass 1   every block gets its owner; what cannot be is cut off
 *   others                  the blocks of the tree are entered, those of the file are visited
 *
 * It goes down four levels at most, and each has a buffer.
 */
#include "fs/checkwork.h"
#include "fs/reach.h"

/* SLOT's block has got an owner already. */
static void taken(struct check_walk *w, uint64_t *slot, uint64_t n)
{
    check_note(w->c, KIND_BLOCK_TWICE, *slot, w->ino, n, 0);
    *slot = 0;
}

/* May SLOT lead to where it leads? If not it is cleared. A directory's cut has been noted itself. */
static bool may_lead(struct check_walk *w, uint64_t *slot, uint64_t n)
{
    bool cut = w->cut && n >= w->limit;

    if (!cut && sfs_block_valid(w->c->fs, *slot)) {
        return true;
    }
    if (!cut || w->type == SFS_TYPE_LNK) {
        check_note(w->c, KIND_POINTER, NONE, w->ino, *slot, n);
    }
    *slot = 0;
    return false;
}

/* Is BLOCK metadata, and has this walk not been there? */
static bool is_new(struct check *c, uint64_t block)
{
    return sfs_block_valid(c->fs, block) && check_map_test(&c->meta, block) &&
           !check_map_set(c, &c->seen, block);
}

/* ---- Blocks of metadata ---- */

/* Could it be an indirect block? Every pointer leads to where files lie, and there is one. */
static bool plausible(const struct check *c, const uint64_t *pointer)
{
    bool any = false;

    for (uint32_t i = 0; i < c->fs->pointers; i++) {
        if (pointer[i] != 0 && !sfs_block_valid(c->fs, pointer[i])) {
            return false;
        }
        any = any || pointer[i] != 0;
    }
    return any;
}

/* Does DATA, whose checksum is MISSING or does not match, look like what it should be? */
static bool looks_right(const struct check_walk *w, uint8_t *data, bool indirect, bool missing)
{
    if (indirect) {
        return plausible(w->c, (const uint64_t *)data);
    }
    if (!missing) {
        return true;
    }
    return w->type == SFS_TYPE_DIR ? check_chain_sound(w->c, data) : data[0] != 0;
}

/*
 * The block in SLOT, for file block N or INDIRECT, becomes this file's metadata, or SLOT is cleared.
 * It is read to DATA, but for blocks of directories, which are read in pass 2 if they have an entry.
 * Returns whether it is to be written.
 */
static bool claim_metadata(struct check_walk *w, uint64_t *slot, uint64_t n, uint8_t *data,
                           bool indirect)
{
    struct check *c = w->c;
    bool missing = c->fs->has_journal && check_entry(c, *slot) == 0;
    bool read = missing || indirect || w->type == SFS_TYPE_LNK, wrong = false;

    if (check_map_test(&c->used, *slot)) {
        taken(w, slot, n);
        return false;
    }
    if (read) {
        check_read(c, *slot, 1, data);
        wrong = !check_matches(c, *slot, data);
    }
    if (wrong && !looks_right(w, data, indirect, missing)) {
        check_note(c, missing ? KIND_CSUM_NONE_CUT : KIND_CSUM_CUT, *slot, w->ino, n, 0);
        *slot = 0;
        return false;
    }
    check_map_set(c, &c->used, *slot);
    check_map_set(c, &c->meta, *slot);
    return wrong && !check_verify(c, *slot, w->ino, data);
}

/* ---- Blocks of the file ---- */

static void claim(struct check_walk *w, uint64_t *slot, uint64_t n)
{
    struct check *c = w->c;

    if (!may_lead(w, slot, n)) {
        return;
    }
    if (w->type != SFS_TYPE_REG) {
        if (claim_metadata(w, slot, n, c->scratch, false)) {
            check_put(c, *slot, c->scratch);
        }
    } else if (check_entry(c, *slot) != 0) {
        c->suspects++; /* it may be metadata of somebody who comes later: wait for him */
    } else if (check_map_set(c, &c->used, *slot)) {
        taken(w, slot, n);
    }
    if (*slot != 0) {
        w->total++;
        w->mapped += n < w->limit;
        w->last = n + 1;
        w->tail = n + 1 == w->limit ? *slot : w->tail;
    }
}

/* The slot of file block N. Returns whether it was changed. */
static bool file_block(struct check_walk *w, uint64_t *slot, uint64_t n)
{
    const uint64_t before = *slot;

    if (w->visit == NULL) {
        if (before != 0) {
            claim(w, slot, n);
        }
    } else if (n < w->limit && (before == 0 || w->type == SFS_TYPE_REG || is_new(w->c, before))) {
        w->visit(w, n, slot);
    }
    return *slot != before;
}

/* ---- Indirect blocks ---- */

/* A directory without the blocks from N on ends there. */
static void cut_directory(struct check_walk *w, uint64_t n)
{
    if (w->type == SFS_TYPE_DIR && n < w->limit && !w->cut && !w->loose) {
        check_note(w->c, KIND_DIR_HOLE, NONE, w->ino, n, 0);
        w->limit = n;
        w->cut = true;
    }
}

/* The part of the tree below SLOT, whose indirect block is of LEVEL, and whose first file block is
 * N. Returns whether SLOT was changed. */
static bool walk_below(struct check_walk *w, uint64_t *slot, unsigned level, uint64_t n)
{
    struct check *c = w->c;
    uint64_t *pointer = (uint64_t *)c->indirect[level];
    const uint32_t p = c->fs->pointers;
    const uint64_t before = *slot, span = sfs_reach_span(p, level);
    bool dirty = false;

    if (w->visit == NULL) {
        if (*slot != 0 && may_lead(w, slot, n)) {
            dirty = claim_metadata(w, slot, n, (uint8_t *)pointer, true);
        }
        if (*slot == 0) {
            cut_directory(w, n);
            return before != 0;
        }
    } else if (is_new(c, before)) {
        check_read(c, before, 1, pointer);
    } else {
        return false;
    }
    for (uint32_t i = 0; i < p; i++, n += span) {
        if (level > 0) {
            dirty |= walk_below(w, &pointer[i], level - 1, n);
        } else if (pointer[i] != 0 || w->visit != NULL) { /* most slots of most trees are empty */
            dirty |= file_block(w, &pointer[i], n);
        }
    }
    if (dirty) {
        check_put(c, before, pointer);
    }
    return false;
}

void check_walk(struct check_walk *w)
{
    struct sfs_inode *inode = w->inode;
    unsigned height = sfs_tree_height(inode);

    for (uint32_t i = 0; i < SFS_DIRECT; i++) {
        w->changed |= file_block(w, &inode->direct[i], i);
    }
    w->changed |= walk_below(w, &inode->indirect, height > 0 ? height - 1 : 0, SFS_DIRECT);
    if (inode->indirect == 0 && (inode->flags & SFS_INODE_HEIGHT) != 0) {
        inode->flags &= (uint16_t)~SFS_INODE_HEIGHT;
        w->changed = true;
    }
}

bool check_visit(struct check *c, uint64_t ino, struct sfs_inode *inode, check_visitor *visitor,
                 void *ctx)
{
    struct check_walk w = {.c = c,
                           .ino = ino,
                           .inode = inode,
                           .type = inode->mode >> 12,
                           .visit = visitor,
                           .ctx = ctx};

    w.limit = w.type == SFS_TYPE_REG ? NONE : check_blocks_of(c, check_size(inode));
    check_walk(&w);
    return w.changed;
}

/* ---- File data that looks like metadata ---- */

/* By now all metadata have their owners. */
static void claim_suspect(struct check_walk *w, uint64_t n, uint64_t *slot)
{
    struct check *c = w->c;

    if (sfs_block_valid(c->fs, *slot) && check_entry(c, *slot) != 0 &&
        check_map_set(c, &c->used, *slot)) {
        taken(w, slot, n);
    }
}

static void check_suspect(struct check *c, uint64_t ino, struct check_inode *info, void *ctx)
{
    struct sfs_inode *inode = info->type == SFS_TYPE_REG ? check_get_inode(c, ino) : NULL;

    (void)ctx;
    if (inode != NULL && check_visit(c, ino, inode, claim_suspect, NULL)) {
        check_put_inode(c);
    }
}

void check_suspects(struct check *c)
{
    if (c->suspects > 0) {
        check_each_inode(c, check_suspect, NULL);
        check_map_empty(&c->seen);
    }
}

/* ---- How tall is it? ---- */

unsigned check_probe_height(struct check *c, const struct sfs_inode *inode, uint32_t type)
{
    const uint64_t *pointer = (const uint64_t *)c->scratch;
    uint64_t block = inode->indirect;
    unsigned depth = 0;

    while (depth < SFS_HEIGHT_MAX && sfs_block_valid(c->fs, block) && check_entry(c, block) != 0) {
        check_read(c, block, 1, c->scratch);
        if (!check_matches(c, block, c->scratch) ||
            (type == SFS_TYPE_DIR && check_chain_sound(c, c->scratch))) {
            break;
        }
        depth++;
        block = 0;
        for (uint32_t slot = 0; slot < c->fs->pointers && block == 0; slot++) {
            block = pointer[slot];
        }
    }
    return depth;
}
