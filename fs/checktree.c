/*
 * checktree.c - a walk through the tree of one inode, from the first block to the last. No pointer
 * is followed before its block has got an owner, or, in a second walk, has been marked as seen: so
 * each block is entered once a pass, and trees that loop or share cost no more than sound ones.
 *
 * There is no recursion: a tree has four levels, each with a buffer.
 */
#include "fs/checkwork.h"
#include "fs/reach.h"

unsigned check_height(const struct sfs_inode *inode)
{
    return inode->indirect != 0 ? 1u + (inode->flags & SFS_INODE_HEIGHT) : 0;
}

static bool is_metadata(const struct check_walk *w)
{
    return w->type != SFS_TYPE_REG;
}

/* BLOCK has got an owner already. */
static void taken(struct check_walk *w, uint64_t *slot, uint64_t n)
{
    check_note(w->c, KIND_BLOCK_TWICE, *slot, w->ino, n, 0);
    *slot = 0;
}

/* ---- Blocks of data ---- */

/* A block without an entry may be one of a directory or symlink, if it looks like one. */
static bool looks_right(struct check_walk *w, uint8_t *data)
{
    return w->type == SFS_TYPE_DIR ? check_chain_sound(w->c, data) : data[0] != 0;
}

/* Blocks of directories are read in pass 2, but for those whose entry is missing. */
static void claim_metadata(struct check_walk *w, uint64_t *slot, uint64_t n)
{
    struct check *c = w->c;
    const uint64_t block = *slot;
    bool missing = c->fs->has_journal && check_entry(c, block) == 0;

    if (check_map_test(&c->used, block)) {
        taken(w, slot, n);
        return;
    }
    if (missing || w->type == SFS_TYPE_LNK) {
        check_read(c, block, 1, c->scratch);
        if (missing && !looks_right(w, c->scratch)) {
            check_note(c, KIND_CSUM_NONE_CUT, block, w->ino, n, 0);
            *slot = 0;
            return;
        }
    }
    check_map_set(c, &c->used, block);
    check_map_set(c, &c->meta, block);
    if ((missing || w->type == SFS_TYPE_LNK) && !check_verify(c, block, w->ino, c->scratch)) {
        check_put(c, block, c->scratch);
    }
}

/* What has an entry may be metadata of somebody who comes later: wait for it. */
static void claim_data(struct check_walk *w, uint64_t *slot, uint64_t n)
{
    struct check *c = w->c;

    if (c->fs->has_journal && check_entry(c, *slot) != 0) {
        c->suspects++;
    } else if (check_map_set(c, &c->used, *slot)) {
        taken(w, slot, n);
    }
}

static void count(struct check_walk *w, uint64_t block, uint64_t n)
{
    w->total++;
    w->mapped += n < w->limit;
    w->last = n + 1;
    w->tail = n + 1 == w->limit ? block : w->tail;
}

/* Does SLOT, which is not 0, lie where all is dropped? A directory's cut has been noted itself. */
static bool cut_off(struct check_walk *w, uint64_t *slot, uint64_t n)
{
    if (!w->cut || n < w->limit) {
        return false;
    }
    if (w->type == SFS_TYPE_LNK) {
        check_note(w->c, KIND_POINTER, NONE, w->ino, *slot, n);
    }
    *slot = 0;
    return true;
}

static void claim(struct check_walk *w, uint64_t *slot, uint64_t n)
{
    if (cut_off(w, slot, n)) {
        return;
    }
    if (!sfs_block_valid(w->c->fs, *slot)) {
        check_note(w->c, KIND_POINTER, NONE, w->ino, *slot, n);
        *slot = 0;
        return;
    }
    if (is_metadata(w)) {
        claim_metadata(w, slot, n);
    } else {
        claim_data(w, slot, n);
    }
    if (*slot != 0) {
        count(w, *slot, n);
    }
}

static void visit(struct check_walk *w, uint64_t *slot, uint64_t n)
{
    struct check *c = w->c;

    if (n >= w->limit) {
        return;
    }
    if (*slot == 0 || (sfs_block_valid(c->fs, *slot) && check_map_test(&c->meta, *slot) &&
                       !check_map_set(c, &c->seen, *slot))) {
        w->visit(w, n, slot);
    }
}

/* The slot of file block N. Returns whether it was changed. */
static bool data_pointer(struct check_walk *w, uint64_t *slot, uint64_t n)
{
    struct check *c = w->c;
    const uint64_t before = *slot;

    if (w->mode == TREE_VISIT) {
        visit(w, slot, n);
    } else if (*slot == 0) {
        return false;
    } else if (w->mode == TREE_CLAIM) {
        claim(w, slot, n);
    } else if (sfs_block_valid(c->fs, *slot) && check_entry(c, *slot) != 0 &&
               check_map_set(c, &c->used, *slot)) {
        taken(w, slot, n);
    }
    return *slot != before;
}

/* ---- Indirect blocks ---- */

/* Could it be one? Every pointer leads to where files lie, and there is one. */
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

/* The indirect block in LEVEL has been read: is it to be believed? */
static bool believe(struct check_walk *w, struct check_level *level, uint64_t n)
{
    struct check *c = w->c;
    bool none = c->fs->has_journal && check_entry(c, level->block) == 0;

    if (check_matches(c, level->block, level->data)) {
        return true;
    }
    if (!plausible(c, (const uint64_t *)level->data)) {
        check_note(c, none ? KIND_CSUM_NONE_CUT : KIND_CSUM_CUT, level->block, w->ino, n, 0);
        return false;
    }
    level->dirty = !check_verify(c, level->block, w->ino, level->data);
    return true;
}

/* A directory without the blocks from N on ends there. */
static void cut_directory(struct check_walk *w, uint64_t n)
{
    if (w->mode == TREE_CLAIM && w->type == SFS_TYPE_DIR && n < w->limit && !w->cut && !w->loose) {
        check_note(w->c, KIND_DIR_HOLE, NONE, w->ino, n, 0);
        w->limit = n;
        w->cut = true;
    }
}

/* May the block in SLOT be entered? If pass 1 says no, the slot is cleared. */
static bool may_enter(struct check_walk *w, uint64_t *slot, uint64_t n)
{
    struct check *c = w->c;

    if (w->mode != TREE_CLAIM) {
        return *slot != 0 && sfs_block_valid(c->fs, *slot) && check_map_test(&c->meta, *slot) &&
               !check_map_set(c, &c->seen, *slot);
    }
    if (*slot == 0 || cut_off(w, slot, n)) {
        return false;
    }
    if (!sfs_block_valid(c->fs, *slot)) {
        check_note(c, KIND_POINTER, NONE, w->ino, *slot, n);
        *slot = 0;
    } else if (check_map_test(&c->used, *slot)) {
        taken(w, slot, n);
    }
    return *slot != 0;
}

/* Enter the indirect block in SLOT, of level LEVEL, whose first file block is N. */
static bool enter(struct check_walk *w, uint64_t *slot, unsigned level, uint64_t n)
{
    struct check *c = w->c;
    struct check_level *into = &c->level[level];
    bool entered = may_enter(w, slot, n);

    if (entered) {
        into->data = c->indirect[level];
        into->block = *slot;
        into->first = n;
        into->slot = 0;
        into->dirty = false;
        check_read(c, *slot, 1, into->data);
        if (w->mode == TREE_CLAIM && !believe(w, into, n)) {
            *slot = 0;
            entered = false;
        }
    }
    if (entered && w->mode == TREE_CLAIM) {
        check_map_set(c, &c->used, into->block);
        check_map_set(c, &c->meta, into->block);
    }
    if (*slot == 0) {
        cut_directory(w, n);
    }
    return entered && c->error == 0;
}

static void walk_leaf(struct check_walk *w, struct check_level *leaf)
{
    uint64_t *pointer = (uint64_t *)leaf->data;

    for (uint32_t i = 0; i < w->c->fs->pointers; i++) {
        if (pointer[i] == 0 && w->mode != TREE_VISIT) {
            continue; /* most slots of most trees are empty */
        }
        if (data_pointer(w, &pointer[i], leaf->first + i)) {
            leaf->dirty = true;
        }
    }
    leaf->slot = w->c->fs->pointers;
}

/* The next slot of an indirect block above the leaves. Returns whether its block was entered. */
static bool step_down(struct check_walk *w, unsigned level)
{
    struct check_level *at = &w->c->level[level];
    const uint32_t p = w->c->fs->pointers;
    uint64_t *slot = (uint64_t *)at->data + at->slot, before = *slot;
    bool entered = enter(w, slot, level - 1, at->first + at->slot * sfs_reach_span(p, level));

    at->slot++;
    at->dirty = at->dirty || *slot != before;
    return entered;
}

/* The tree below the root, which has been entered. */
static void walk_tree(struct check_walk *w, unsigned top)
{
    struct check *c = w->c;
    unsigned level = top;

    while (c->error == 0) {
        struct check_level *at = &c->level[level];

        if (level == 0 && at->slot == 0) {
            walk_leaf(w, at);
        }
        if (at->slot < c->fs->pointers) {
            level -= step_down(w, level);
            continue;
        }
        if (at->dirty) {
            check_put(c, at->block, at->data);
        }
        if (level++ == top) {
            return;
        }
    }
}

void check_walk(struct check_walk *w)
{
    struct sfs_inode *inode = w->inode;
    const uint64_t before = inode->indirect;
    unsigned height = check_height(inode);

    for (uint32_t i = 0; i < SFS_DIRECT; i++) {
        if (data_pointer(w, &inode->direct[i], i)) {
            w->changed = true;
        }
    }
    if (height == 0) {
        cut_directory(w, SFS_DIRECT);
    } else if (enter(w, &inode->indirect, height - 1, SFS_DIRECT)) {
        walk_tree(w, height - 1);
    }
    if (inode->indirect != before) {
        w->changed = true;
    }
    if (inode->indirect == 0 && (inode->flags & SFS_INODE_HEIGHT) != 0) {
        inode->flags &= (uint16_t)~SFS_INODE_HEIGHT;
        w->changed = true;
    }
}

bool check_visit(struct check *c, uint64_t ino, struct sfs_inode *inode, check_visitor *visitor,
                 void *ctx)
{
    struct check_walk w = {.c = c,
                           .mode = TREE_VISIT,
                           .ino = ino,
                           .inode = inode,
                           .type = SFS_TYPE_DIR,
                           .limit = check_blocks_of(c, check_size(inode)),
                           .visit = visitor,
                           .ctx = ctx};

    check_walk(&w);
    return w.changed;
}

/* ---- How tall is it? ---- */

unsigned check_probe_height(struct check *c, const struct sfs_inode *inode, uint32_t type)
{
    uint64_t block = inode->indirect;
    unsigned depth = 0;

    while (depth < SFS_HEIGHT_MAX && sfs_block_valid(c->fs, block) && check_entry(c, block) != 0) {
        const uint64_t *pointer = (const uint64_t *)c->scratch;
        uint32_t slot = 0;

        check_read(c, block, 1, c->scratch);
        if (!check_matches(c, block, c->scratch) ||
            (type == SFS_TYPE_DIR && check_chain_sound(c, c->scratch))) {
            break;
        }
        depth++;
        while (slot < c->fs->pointers && pointer[slot] == 0) {
            slot++;
        }
        block = slot < c->fs->pointers ? pointer[slot] : 0;
    }
    return depth;
}
