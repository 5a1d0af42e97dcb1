/*
 * checkinode.c - pass 1: the inode table, block by block, and each inode by itself. An inode that
 * makes no sense is cleared; what only contradicts itself is set right.
 *
 * A block of the table whose checksum entry is 0 has never been used and is not read, unless the
 * inode bitmap says that somebody uses it.
 */
#include "fs/checkwork.h"

static bool zero_words(const void *memory, size_t size)
{
    const uint64_t *word = memory;
    uint64_t sum = 0;

    for (size_t i = 0; i < size / sizeof(*word); i++) {
        sum |= word[i];
    }
    return sum == 0;
}

/* ---- One inode ---- */

struct judged {
    struct check *c;
    struct sfs_inode *inode;
    uint64_t ino;
    uint32_t type;
    bool changed;
};

static bool clear(struct judged *j, enum check_kind kind, uint64_t a)
{
    check_note(j->c, kind, NONE, j->ino, a, 0);
    return false;
}

/* Only the flags in ALLOWED may be set. */
static void check_flags(struct judged *j, uint32_t allowed)
{
    allowed = j->c->fs->has_journal ? allowed : 0;
    if ((j->inode->flags & ~allowed) != 0) {
        check_note(j->c, KIND_FLAGS, NONE, j->ino, j->inode->flags, 0);
        j->inode->flags &= (uint16_t)allowed;
        j->changed = true;
    }
}

/* The bytes from FROM to the end of the inode are zero. */
static void check_rest(struct judged *j, size_t from)
{
    uint8_t *bytes = (uint8_t *)j->inode;
    bool zero = true;

    for (size_t i = from; i < sizeof(*j->inode); i++) {
        zero = zero && bytes[i] == 0;
    }
    if (!zero) {
        check_note(j->c, KIND_INODE_ZERO, NONE, j->ino, from, 0);
        memset(bytes + from, 0, sizeof(*j->inode) - from);
        j->changed = true;
    }
}

/* A directory or symbolic link is cut only when it is on its way out. */
static uint32_t truncating_if_orphan(const struct judged *j)
{
    const struct check_inode *info = check_inode_of(j->c, j->ino);
    bool listed = info != NULL && (info->flags & INODE_LISTED) != 0;

    return j->inode->nlink == 0 && listed ? SFS_INODE_TRUNCATING : 0;
}

static bool check_symlink(struct judged *j)
{
    uint64_t size = check_size(j->inode);
    bool fast = (j->inode->flags & SFS_INODE_FASTLINK) != 0;

    check_flags(j, SFS_INODE_FASTLINK | SFS_INODE_HEIGHT | truncating_if_orphan(j));
    fast = fast && (j->inode->flags & SFS_INODE_FASTLINK) != 0;
    if (fast && size > 0 && size <= SFS_FASTLINK_MAX) {
        check_rest(j, offsetof(struct sfs_inode, direct) + size);
        return true;
    }
    bool loose = (j->inode->flags & SFS_INODE_TRUNCATING) != 0; /* its size may be 0 already */

    if (fast || (size == 0 && !loose) || size > SFS_SYMLINK_MAX) {
        return clear(j, KIND_LINK_BAD, 0);
    }
    return check_file(j->c, j->ino, j->inode, &j->changed);
}

static bool check_special(struct judged *j)
{
    bool device = j->type == SFS_TYPE_CHR || j->type == SFS_TYPE_BLK;

    check_flags(j, 0);
    if (check_size(j->inode) != 0) {
        check_note(j->c, KIND_INODE_ZERO, NONE, j->ino, offsetof(struct sfs_inode, size_lo), 0);
        check_set_size(j->inode, 0);
        j->changed = true;
    }
    check_rest(j, offsetof(struct sfs_inode, direct) + (device ? sizeof(uint64_t) : 0));
    return true;
}

/* Is it an inode at all? It is set right, but for what only other inodes can tell. */
static bool judge(struct judged *j)
{
    switch (j->type) {
    case SFS_TYPE_REG:
        check_flags(j, SFS_INODE_HEIGHT | SFS_INODE_SPARSE | SFS_INODE_TRUNCATING);
        return check_file(j->c, j->ino, j->inode, &j->changed);
    case SFS_TYPE_DIR:
        check_flags(j, SFS_INODE_HEIGHT | truncating_if_orphan(j));
        return check_file(j->c, j->ino, j->inode, &j->changed);
    case SFS_TYPE_LNK:
        return check_symlink(j);
    case SFS_TYPE_FIFO:
    case SFS_TYPE_SOCK:
    case SFS_TYPE_CHR:
    case SFS_TYPE_BLK:
        return check_special(j);
    default:
        return clear(j, KIND_INODE_TYPE, j->inode->mode);
    }
}

static bool is_listed(const struct check *c, uint64_t ino)
{
    bool listed = c->overflow;

    for (uint32_t i = 0; i < c->fs->pointers && !listed; i++) {
        listed = ino != SFS_ROOT && c->orphan[i] == ino;
    }
    return listed;
}

static bool may_be_orphan(const struct sfs_inode *inode)
{
    return inode->nlink == 0 || (inode->flags & SFS_INODE_TRUNCATING) != 0;
}

/* Remember what the passes to come need to know. */
static void remember(struct check *c, uint64_t ino, const struct sfs_inode *inode)
{
    struct check_inode *info = check_inode_make(c, ino);

    if (info == NULL) {
        return;
    }
    info->nlink = inode->nlink;
    info->type = (uint8_t)(inode->mode >> 12);
    if ((inode->flags & SFS_INODE_TRUNCATING) != 0 && c->fs->has_journal) {
        info->flags |= INODE_TRUNCATING;
    }
    if (info->type == SFS_TYPE_DIR) {
        struct check_dir *dir = ino == SFS_ROOT ? &c->dir[0] : check_dir_add(c, ino);

        if (dir != NULL && inode->direct[0] != 0 && check_blocks_of(c, check_size(inode)) == 1) {
            dir->up = inode->direct[0];
        }
    }
    c->result->inodes_used++;
}

/* Returns whether INODE, which is in use, was changed. */
static bool check_used(struct check *c, uint64_t ino, struct sfs_inode *inode)
{
    struct judged j = {.c = c, .inode = inode, .ino = ino, .type = inode->mode >> 12};
    struct check_inode *info = may_be_orphan(inode) ? check_inode_make(c, ino) : NULL;

    if (info != NULL && c->fs->has_journal && is_listed(c, ino)) {
        info->flags |= INODE_LISTED;
    }
    if ((ino == SFS_ROOT && j.type != SFS_TYPE_DIR) || !judge(&j)) {
        memset(inode, 0, sizeof(*inode));
        if (info != NULL) {
            info->flags = 0;
        }
        return true;
    }
    remember(c, ino, inode);
    return j.changed;
}

/* Inode INO. Returns whether it was changed. */
static bool check_one(struct check *c, uint64_t ino, struct sfs_inode *inode)
{
    if (inode->mode != 0) {
        return check_used(c, ino, inode);
    }
    if (zero_words(inode, sizeof(*inode))) {
        return false;
    }
    check_note(c, KIND_INODE_JUNK, NONE, ino, 0, 0);
    memset(inode, 0, sizeof(*inode));
    return true;
}

/* ---- The table ---- */

/* Block INDEX of the table, in DATA. */
static void check_table_block(struct check *c, uint64_t index, uint8_t *data)
{
    const uint64_t block = c->fs->super.inode_table_start + index;
    const uint32_t each = sfs_inodes_per_block(c->fs);
    bool changed = false;

    if (!check_matches(c, block, data)) {
        bool none = check_entry(c, block) == 0;

        if (none && zero_words(data, c->fs->bs)) {
            return; /* never used, whatever the bitmap says */
        }
        check_note(c, none ? KIND_CSUM_NONE : KIND_CSUM, block, NONE, 0, 0);
        changed = true;
    }
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
    const uint32_t bs = c->fs->bs, each = sfs_inodes_per_block(c->fs);
    uint64_t bit = index * each, block = c->fs->super.inode_bitmap_start + bit / (8ull * bs);

    if (c->table_is != block) { /* nobody has a block of the table in use yet */
        check_read(c, block, 1, c->table);
        c->table_is = block;
    }
    bit %= 8ull * bs;
    const uint8_t *bits = c->table + bit / 8;

    if (each < 8) {
        return (*bits >> bit % 8 & ((1u << each) - 1)) != 0;
    }
    return !check_all_zero(bits, each / 8);
}

static bool to_read(struct check *c, uint64_t index)
{
    return !c->fs->has_journal || check_entry(c, c->fs->super.inode_table_start + index) != 0 ||
           bits_set(c, index);
}

/* The next blocks from INDEX on that are to be read, in one run. Returns where it ends. */
static uint64_t check_run(struct check *c, uint64_t index)
{
    const uint64_t blocks = c->fs->table_blocks;
    const uint32_t most = CHECK_RUN / c->fs->bs;
    uint32_t count = 0;

    while (index < blocks && c->error == 0 && !to_read(c, index)) {
        index++;
    }
    while (count < most && index + count < blocks && to_read(c, index + count)) {
        count++;
    }
    if (count > 0) {
        check_read(c, c->fs->super.inode_table_start + index, count, c->run);
    }
    for (uint32_t i = 0; i < count && c->error == 0; i++) {
        check_table_block(c, index + i, c->run + (size_t)i * c->fs->bs);
    }
    return index + count;
}

void check_inodes(struct check *c)
{
    check_dir_add(c, SFS_ROOT);
    for (uint64_t index = 0; index < c->fs->table_blocks && c->error == 0;) {
        index = check_run(c, index);
        check_progress(c, (unsigned)(index * 60 / c->fs->table_blocks));
    }
    check_tails(c);
    c->table_is = NONE;
}

/* ---- File data that looks like metadata ---- */

static void check_suspect(struct check *c, uint64_t ino, struct check_inode *info, void *ctx)
{
    struct sfs_inode *inode = info->type == SFS_TYPE_REG ? check_get_inode(c, ino) : NULL;

    (void)ctx;
    if (inode == NULL) {
        return;
    }
    struct check_walk w = {
        .c = c, .mode = TREE_SUSPECTS, .ino = ino, .inode = inode, .type = inode->mode >> 12};

    check_walk(&w);
    if (w.changed) {
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
