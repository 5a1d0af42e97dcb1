/*
 * checkinode.c - pass 1: the inode table, block by block, and each inode by itself. An inode that
 * makes no sense is cleared; what only contradicts itself is set right.
 *
 * A block of the table whose checksum entry is 0 has never been used and is not read, unless the
 * inode bitmap says that somebody uses it.
 */
#include "fs/checkwork.h"

/* ---- One inode ---- */

/* The bytes from FROM to TO are zero. */
static void check_zero(struct check_walk *w, size_t from, size_t to)
{
    if (check_make_zero((uint8_t *)w->inode + from, to - from)) {
        check_note(w->c, KIND_INODE_ZERO, NONE, w->ino, from, 0);
        w->changed = true;
    }
}

static bool check_symlink(struct check_walk *w)
{
    uint64_t size = check_size(w->inode);
    bool fast = (w->inode->flags & SFS_INODE_FASTLINK) != 0;
    bool loose = (w->inode->flags & SFS_INODE_TRUNCATING) != 0; /* its size may be 0 already */

    if (fast && size > 0 && size <= SFS_FASTLINK_MAX) {
        check_zero(w, offsetof(struct sfs_inode, direct) + size, sizeof(*w->inode));
        return true;
    }
    if (fast || (size == 0 && !loose) || size > SFS_SYMLINK_MAX) {
        check_note(w->c, KIND_LINK_BAD, NONE, w->ino, 0, 0);
        return false;
    }
    return check_file(w);
}

static bool check_special(struct check_walk *w)
{
    bool device = w->type == SFS_TYPE_CHR || w->type == SFS_TYPE_BLK;

    check_zero(w, offsetof(struct sfs_inode, size_lo), offsetof(struct sfs_inode, flags));
    check_zero(w, offsetof(struct sfs_inode, direct) + (device ? sizeof(uint64_t) : 0),
               sizeof(*w->inode));
    return true;
}

/* The types: flags that may be set, and how an inode is judged. False: it cannot be kept. */
static const struct {
    uint16_t flags;
    bool (*judge)(struct check_walk *w);
} types[] = {
    [SFS_TYPE_REG] = {SFS_INODE_HEIGHT | SFS_INODE_SPARSE | SFS_INODE_TRUNCATING, check_file},
    [SFS_TYPE_DIR] = {SFS_INODE_HEIGHT, check_file},
    [SFS_TYPE_LNK] = {SFS_INODE_HEIGHT | SFS_INODE_FASTLINK, check_symlink},
    [SFS_TYPE_FIFO] = {0, check_special},
    [SFS_TYPE_SOCK] = {0, check_special},
    [SFS_TYPE_CHR] = {0, check_special},
    [SFS_TYPE_BLK] = {0, check_special},
    [0xF] = {0, NULL},
};

/* Is it an inode at all? It is set right, but for what only other inodes can tell. A directory or
 * symbolic link is cut only when it is on its way out. */
static bool judge(struct check_walk *w)
{
    uint32_t allowed = w->c->fs->has_journal ? types[w->type].flags : 0;

    if (types[w->type].judge == NULL) {
        check_note(w->c, KIND_INODE_TYPE, NONE, w->ino, w->inode->mode, 0);
        return false;
    }
    allowed |= allowed != 0 && check_is_orphan(w) ? SFS_INODE_TRUNCATING : 0;
    if ((w->inode->flags & ~allowed) != 0) {
        check_note(w->c, KIND_FLAGS, NONE, w->ino, w->inode->flags, 0);
        w->inode->flags &= (uint16_t)allowed;
        w->changed = true;
    }
    return types[w->type].judge(w);
}

static bool is_listed(const struct check *c, uint64_t ino)
{
    bool listed = c->overflow;

    for (uint32_t i = 0; i < c->fs->pointers && !listed; i++) {
        listed = ino != SFS_ROOT && c->orphan[i] == ino;
    }
    return listed && c->fs->has_journal;
}

/* Remember what the passes to come need to know. */
static void remember(const struct check_walk *w)
{
    const struct sfs_inode *inode = w->inode;
    struct check *c = w->c;
    struct check_inode *info = check_inode_make(c, w->ino);

    if (info == NULL) {
        return;
    }
    check_map_set(c, &c->live, w->ino);
    c->result->inodes_used++;
    info->nlink = inode->nlink;
    info->type = (uint8_t)w->type;
    info->flags = w->flags;
    info->flags |= (inode->flags & SFS_INODE_TRUNCATING) != 0 ? INODE_TRUNCATING : 0;
    if (info->type == SFS_TYPE_DIR) {
        struct check_dir *dir = w->ino == SFS_ROOT ? &c->dir[0] : check_dir_add(c, w->ino);

        info->dir = dir != NULL ? (uint32_t)(dir - c->dir) : 0;
        if (dir != NULL && check_blocks_of(c, check_size(inode)) == 1) {
            dir->only = inode->direct[0];
        }
    }
}

/* Inode INO. Returns whether it was changed. */
static bool check_one(struct check *c, uint64_t ino, struct sfs_inode *inode)
{
    struct check_walk w = {.c = c, .ino = ino, .inode = inode, .type = inode->mode >> 12};
    bool going = inode->nlink == 0 || (inode->flags & SFS_INODE_TRUNCATING) != 0;

    if (inode->mode == 0) {
        if (check_all_zero((const uint8_t *)inode, sizeof(*inode))) {
            return false;
        }
        check_note(c, KIND_INODE_JUNK, NONE, ino, 0, 0);
    } else {
        w.flags = going && is_listed(c, ino) ? INODE_LISTED : 0;
        if ((ino != SFS_ROOT || w.type == SFS_TYPE_DIR) && judge(&w)) {
            remember(&w);
            return w.changed;
        }
    }
    memset(inode, 0, sizeof(*inode));
    return true;
}

/* ---- The table ---- */

/* Block INDEX of the table, in DATA. */
static void check_table_block(struct check *c, uint64_t index, uint8_t *data)
{
    const uint64_t block = c->fs->super.inode_table_start + index;
    const uint32_t each = sfs_inodes_per_block(c->fs);
    bool changed;

    if (check_entry(c, block) == 0 && check_all_zero(data, c->fs->bs)) {
        return; /* never used, whatever the bitmap says */
    }
    changed = !check_verify(c, block, NONE, data);
    for (uint32_t i = 0; i < each && c->error == 0; i++) {
        if (check_one(c, index * each + i, (struct sfs_inode *)data + i)) {
            changed = true;
        }
    }
    if (changed) {
        check_put(c, block, data);
    }
}

/* Does the inode bitmap say that somebody uses block INDEX of the table? */
static bool bits_set(struct check *c, uint64_t index)
{
    const uint32_t each = sfs_inodes_per_block(c->fs), bits = 8 * c->fs->bs;
    uint64_t bit = index * each, block = c->fs->super.inode_bitmap_start + bit / bits;
    uint32_t word;

    if (c->table_is != block) { /* nobody has a block of the table in use yet */
        check_read(c, block, 1, c->table);
        c->table_is = block;
    }
    memcpy(&word, c->table + bit % bits / 32 * sizeof(word), sizeof(word));
    return (word >> bit % 32 & ((1ull << each) - 1)) != 0;
}

static bool is_read(struct check *c, uint64_t index)
{
    return index < c->fs->table_blocks &&
           (!c->fs->has_journal || check_entry(c, c->fs->super.inode_table_start + index) != 0 ||
            bits_set(c, index));
}

/* In runs of neighbours. */
void check_inodes(struct check *c)
{
    const uint64_t blocks = c->fs->table_blocks;
    const uint32_t bs = c->fs->bs, most = CHECK_RUN / bs;

    check_dir_add(c, SFS_ROOT);
    for (uint64_t index = 0; index < blocks && c->error == 0; index++) {
        uint32_t count = 0;

        while (count < most && is_read(c, index + count)) {
            count++;
        }
        if (count == 0) {
            continue;
        }
        check_read(c, c->fs->super.inode_table_start + index, count, c->run);
        for (uint32_t i = 0; i < count && c->error == 0; i++) {
            check_table_block(c, index + i, c->run + (size_t)i * bs);
        }
        index += count - 1;
        check_progress(c, (unsigned)(index * 60 / blocks));
    }
    check_tails(c);
}
