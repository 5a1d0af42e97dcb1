/*
 * checkdir.c - pass 2: every record of every directory, reachable or not, in the order of inodes.
 * Here names meet inodes: who is named how often, and which directory is whose child.
 *
 *   chain of records -> "." and ".." -> each name: sound, unique, of an inode that is there
 *
 * A record that cannot stay is removed; its inode, if it has no other name, is found in pass 3.
 */
#include "fs/checkwork.h"
#include "fs/name.h"

#define ROOT_MODE  0x41ED /* a directory, rwxr-xr-x */
#define AGAIN_MOST 64     /* blocks read in search of one name twice, for each of all directories */
#define AGAIN_FREE 4096   /* and so many in any case */

struct scan {
    struct check *c;
    uint64_t ino;
    struct sfs_inode *inode;
    uint64_t n, block; /* of c->dir_block */
    uint32_t round;    /* 0: every record is judged; then those of a part of the names again */
    uint32_t rounds;   /* of the latter */
    bool changed;      /* that block */
};

static struct check_dir *dir_of(const struct scan *s)
{
    return check_dir_of(s->c, s->ino);
}

static void note(struct scan *s, enum check_kind kind, uint64_t a, uint64_t b)
{
    check_note(s->c, kind, s->block, s->ino, a, b);
    s->changed = true;
}

bool check_find_record(struct check *c, uint64_t block, uint64_t ino, struct sfs_record *record)
{
    const struct sfs_dirblock in = check_dirblock(c, c->dir_block);

    check_read(c, block, 1, c->dir_block);
    int found = sfs_dirblock_get(&in, 0, record);

    while (found > 0 && (record->name_length == 0 || record->inode != ino ||
                         sfs_name_is_dots(record->name, record->name_length))) {
        found = sfs_dirblock_get(&in, record->offset + record->length, record);
    }
    return found > 0 && c->error == 0;
}

/* ---- The chain of records ---- */

static struct sfs_dirent *dirent_at(uint8_t *data, uint32_t offset)
{
    return (struct sfs_dirent *)(data + offset);
}

static bool fits(const struct check *c, uint8_t *data, uint32_t offset)
{
    const struct sfs_dirent *d = dirent_at(data, offset);

    return offset + SFS_DIRENT_SIZE(0) <= c->fs->bs && d->rec_len % 8 == 0 &&
           d->rec_len >= SFS_DIRENT_SIZE(d->name_len) && d->rec_len <= c->fs->bs - offset;
}

bool check_chain_sound(const struct check *c, uint8_t *data)
{
    const struct sfs_dirblock block = check_dirblock(c, data);
    struct sfs_record record;
    int found = sfs_dirblock_get(&block, 0, &record);

    while (found > 0) {
        found = sfs_dirblock_get(&block, record.offset + record.length, &record);
    }
    return found == 0;
}

/* The last record before the break takes the rest of the block. */
static void mend_chain(struct scan *s)
{
    uint8_t *data = s->c->dir_block;
    const uint32_t bs = s->c->fs->bs;
    uint32_t offset = 0, before = bs;

    while (offset < bs && fits(s->c, data, offset)) {
        before = offset;
        offset += dirent_at(data, offset)->rec_len;
    }
    if (offset == bs) {
        return;
    }
    note(s, KIND_CHAIN, offset, 0);
    memset(data + offset, 0, bs - offset);
    if (before == bs) {
        dirent_at(data, 0)->rec_len = (uint16_t)bs;
    } else {
        dirent_at(data, before)->rec_len = (uint16_t)(bs - before);
    }
}

/* ---- Names and what is between them ---- */

static void mend_name(struct scan *s, char *name, uint32_t length)
{
    if (sfs_name_is_sound(name, length)) {
        return;
    }
    note(s, KIND_NAME_BAD, (uint64_t)(name - (char *)s->c->dir_block), 0);
    for (uint32_t i = 0; i < length; i++) {
        name[i] = name[i] == '\0' || name[i] == '/' ? '_' : name[i];
    }
}

/* The bytes from FROM to TO are zero. Returns whether they had to be made so. */
static bool make_zero(uint8_t *data, uint32_t from, uint32_t to)
{
    if (check_all_zero(data + from, to - from)) {
        return false;
    }
    memset(data + from, 0, to - from);
    return true;
}

static void mend_records(struct scan *s)
{
    uint8_t *data = s->c->dir_block;
    bool dirty = false;

    for (uint32_t at = 0; at < s->c->fs->bs; at += dirent_at(data, at)->rec_len) {
        struct sfs_dirent *d = dirent_at(data, at);
        uint32_t used = d->name_len;

        if (used == 0) {
            dirty = dirty || d->inode != 0 || d->type != 0;
            d->inode = 0;
            d->type = 0;
        } else {
            mend_name(s, d->name, used);
        }
        if (make_zero(data, at + SFS_DIRENT_HEADER + used, at + d->rec_len)) {
            dirty = true;
        }
    }
    if (dirty) {
        note(s, KIND_RECORD_ZERO, 0, 0);
    }
}

/* Version 1: names end within their 56 bytes. */
static void mend_seed(struct scan *s)
{
    for (uint32_t at = 0; at < s->c->fs->bs; at += sizeof(struct sfs_seed_dirent)) {
        struct sfs_seed_dirent *d = (struct sfs_seed_dirent *)(s->c->dir_block + at);
        uint32_t length = 0;

        while (length < sizeof(d->name) && d->name[length] != '\0') {
            length++;
        }
        if (length == sizeof(d->name)) {
            note(s, KIND_NAME_BAD, at, 0);
            d->name[--length] = '\0';
        }
        mend_name(s, d->name, length);
    }
}

static void mend_block(struct scan *s)
{
    if (s->c->fs->has_journal) {
        mend_chain(s);
        mend_records(s);
    } else {
        mend_seed(s);
    }
}

/* ---- "." and ".." ---- */

static bool is_name(const struct sfs_record *record, const char *name, uint32_t length)
{
    return record->name_length == length && memcmp(record->name, name, length) == 0;
}

/* The first block of directory INO, with nothing but its two dots. */
static void init_block(const struct sfs_dirblock *block, uint64_t ino)
{
    sfs_dirblock_init(block);
    (void)sfs_dirblock_add(block, ".", 1, ino, SFS_TYPE_DIR);
    (void)sfs_dirblock_add(block, "..", 2, ino, SFS_TYPE_DIR);
}

/* The block again, with both of them in front; records for which no room is left are lost. */
static void add_dots(struct scan *s)
{
    struct check *c = s->c;
    const struct sfs_dirblock old = check_dirblock(c, c->dir_block);
    const struct sfs_dirblock new = check_dirblock(c, c->scratch2);
    struct sfs_record record;
    int found = sfs_dirblock_get(&old, 0, &record);

    note(s, KIND_DOTS_MISSING, 0, 0);
    init_block(&new, s->ino);
    while (found > 0) {
        if (record.name_length > 0 && !sfs_name_is_dots(record.name, record.name_length)) {
            (void)sfs_dirblock_add(&new, record.name, record.name_length, record.inode,
                                   record.type);
        }
        found = sfs_dirblock_get(&old, record.offset + record.length, &record);
    }
    memcpy(c->dir_block, c->scratch2, c->fs->bs);
}

/* A dot of the wrong type, or "." that leads away. */
static void mend_dot(struct scan *s, const struct sfs_record *record, uint64_t ino)
{
    const struct sfs_dirblock block = check_dirblock(s->c, s->c->dir_block);
    bool type = record->type == SFS_TYPE_DIR || !s->c->fs->has_journal;

    if (record->inode != ino || !type) {
        note(s, KIND_DOT, record->offset, record->inode);
        (void)sfs_dirblock_set(&block, record->offset, ino, SFS_TYPE_DIR);
    }
}

/* The first two records of a directory. */
static void mend_dots(struct scan *s)
{
    const struct sfs_dirblock block = check_dirblock(s->c, s->c->dir_block);
    struct check_dir *dir = dir_of(s);
    struct sfs_record dot = {.length = 0}, up = {.length = 0};
    bool both = sfs_dirblock_get(&block, 0, &dot) > 0 && is_name(&dot, ".", 1) &&
                sfs_dirblock_get(&block, dot.length, &up) > 0 && is_name(&up, "..", 2);

    if (!both) {
        add_dots(s);
        dir->up = UP_NEW;
        return;
    }
    mend_dot(s, &dot, s->ino);
    mend_dot(s, &up, up.inode); /* whose parent it is, pass 3 will know */
    dir->up = up.inode < s->c->fs->super.inode_count ? up.inode : UP_WRONG;
}

/* ---- Is it there already? ---- */

/* Names can be made of which all have one hash, and directories so large that the rounds take days:
 * there is an end to the search. */
static bool may_search(const struct check *c)
{
    return c->again < AGAIN_FREE + AGAIN_MOST * c->dir_blocks;
}

/* Has RECORD the same name as the one at PLACE? */
static bool same_name(struct scan *s, const struct sfs_record *record, uint64_t place)
{
    struct check *c = s->c;
    const uint32_t offset = (uint32_t)(place * 8) & (c->fs->bs - 1);
    const uint64_t number = place * 8 >> c->fs->bs_shift;
    const struct sfs_dirblock block =
        check_dirblock(c, number == s->block ? c->dir_block : c->scratch2);
    struct sfs_record other;

    if (number != s->block) {
        c->again++;
        check_read(c, number, 1, c->scratch2);
    }
    return sfs_dirblock_get(&block, offset, &other) > 0 &&
           is_name(&other, record->name, record->name_length);
}

static bool is_again(struct scan *s, const struct sfs_record *record)
{
    struct check *c = s->c;
    uint32_t hash = sfs_name_hash(record->name, record->name_length), step = 0;
    uint64_t place;

    while (may_search(c) && check_names_next(c, hash, &step, &place)) {
        if (same_name(s, record, place)) {
            return true;
        }
    }
    check_names_add(c, hash, (s->block << c->fs->bs_shift) / 8 + record->offset / 8);
    return false;
}

/* ---- One record ---- */

static void remove_record(struct scan *s, const struct sfs_record *record, enum check_kind kind)
{
    const struct sfs_dirblock block = check_dirblock(s->c, s->c->dir_block);

    note(s, kind, record->offset, record->inode);
    (void)sfs_dirblock_remove(&block, record->offset);
}

/* The directory CHILD has a name here: the only one? */
static void count_dir(struct scan *s, const struct sfs_record *record, struct check_dir *child)
{
    if (child->parent != NONE) {
        remove_record(s, record, KIND_DIR_TWICE);
        return;
    }
    child->parent = s->ino;
    child->place = s->block;
    dir_of(s)->subdirs++;
}

static void count_record(struct scan *s, const struct sfs_record *record, struct check_inode *info)
{
    struct check *c = s->c;
    const struct sfs_dirblock block = check_dirblock(c, c->dir_block);
    struct check_dir *child = info->type == SFS_TYPE_DIR ? check_dir_of(c, record->inode) : NULL;

    if (c->fs->has_journal && record->type != info->type) {
        note(s, KIND_RECORD_TYPE, record->offset, record->inode);
        (void)sfs_dirblock_set(&block, record->offset, record->inode, info->type);
    }
    if (child != NULL) {
        count_dir(s, record, child);
    } else {
        info->names += info->names < UINT32_MAX;
    }
}

/* A name but the two dots. */
static void judge_record(struct scan *s, const struct sfs_record *record)
{
    struct check *c = s->c;
    bool inside = record->inode < c->fs->super.inode_count;
    struct check_inode *info = inside ? check_inode_of(c, record->inode) : NULL;

    if (sfs_name_is_dots(record->name, record->name_length)) {
        remove_record(s, record, KIND_DOTS_AGAIN);
    } else if (info == NULL || info->type == 0) {
        remove_record(s, record, KIND_DANGLING);
    } else if (record->inode == SFS_ROOT || record->inode == s->ino) {
        remove_record(s, record, KIND_DIR_LOOP);
    } else if (is_again(s, record)) {
        remove_record(s, record, KIND_NAME_TWICE);
    } else {
        count_record(s, record, info);
    }
}

/* Of a directory with very many names, those that no round has looked at yet. */
static void judge_again(struct scan *s, const struct sfs_record *record)
{
    struct check_inode *info = check_inode_of(s->c, record->inode);
    struct check_dir *child = check_dir_of(s->c, record->inode);

    if (!is_again(s, record)) {
        return;
    }
    remove_record(s, record, KIND_NAME_TWICE);
    if (child != NULL) {
        child->parent = NONE;
        dir_of(s)->subdirs--;
    } else if (info != NULL) {
        info->names--;
    }
}

static void judge_records(struct scan *s)
{
    const struct sfs_dirblock block = check_dirblock(s->c, s->c->dir_block);
    struct sfs_record record;
    uint32_t skip = s->n == 0 ? 2 : 0;
    int found = sfs_dirblock_get(&block, 0, &record);

    while (found > 0 && s->c->error == 0) {
        uint32_t next = record.offset + record.length;

        if (skip > 0) {
            skip--;
        } else if (record.name_length > 0 && s->round == 0) {
            judge_record(s, &record);
        } else if (record.name_length > 0) {
            judge_again(s, &record);
        }
        found = sfs_dirblock_get(&block, next, &record);
    }
}

/* ---- Directories ---- */

/* A hole, to which an empty block may go. */
static void fill_hole(struct scan *s, uint64_t *slot)
{
    struct check *c = s->c;
    const struct sfs_dirblock block = check_dirblock(c, c->dir_block);
    const struct check_inode *info = check_inode_of(c, s->ino);

    if (!c->repair || info == NULL || (info->flags & INODE_FILL) == 0) {
        return;
    }
    *slot = check_alloc(c);
    if (*slot == 0) {
        return;
    }
    if (s->n == 0) {
        init_block(&block, s->ino);
        dir_of(s)->up = UP_NEW;
    } else {
        sfs_dirblock_init(&block);
    }
    check_put(c, *slot, c->dir_block);
}

static void visit(struct check_walk *w, uint64_t n, uint64_t *slot)
{
    struct scan *s = w->ctx;
    struct check *c = s->c;

    s->n = n;
    s->block = *slot;
    s->changed = false;
    if (*slot == 0) {
        fill_hole(s, slot);
        return;
    }
    c->dir_blocks += s->round == 0;
    c->again += s->round > 0;
    check_read(c, *slot, 1, c->dir_block);
    if (s->round == 0) {
        if (!check_matches(c, *slot, c->dir_block)) {
            note(s, KIND_CSUM, 0, 0);
        }
        mend_block(s);
        if (n == 0) {
            mend_dots(s);
        }
    }
    judge_records(s);
    if (s->changed) {
        check_put(c, *slot, c->dir_block);
    }
}

static void walk_directory(struct scan *s)
{
    struct check *c = s->c;

    check_names_begin(c, s->round > 0 ? s->round - 1 : 0, s->round > 0 ? s->rounds : 1);
    if (check_visit(c, s->ino, s->inode, visit, s) && check_get_inode(c, s->ino) != NULL) {
        memcpy(check_get_inode(c, s->ino), s->inode, sizeof(*s->inode));
        check_put_inode(c);
    }
}

/* Rounds but the first go through blocks that have been seen, and so must not be too many. */
static void check_directory(struct check *c, struct check_dir *dir)
{
    struct sfs_inode inode = {.mode = ROOT_MODE, .size_lo = c->fs->bs, .direct = {dir->up}};
    struct scan s = {.c = c, .ino = dir->ino, .inode = &inode};

    if (dir->up == NONE) {
        const struct sfs_inode *found = check_get_inode(c, dir->ino);

        if (found == NULL) {
            return;
        }
        inode = *found;
    }
    dir->up = NONE;
    walk_directory(&s);
    s.rounds = check_names_rounds(c);
    while (s.round < s.rounds && c->error == 0 && may_search(c)) {
        s.round++;
        check_map_empty(&c->seen);
        walk_directory(&s);
    }
}

/* ---- The root ---- */

/* The root is no directory: it is made anew, empty. */
static void make_root(struct check *c)
{
    struct check_inode *info = check_inode_make(c, SFS_ROOT);
    const struct sfs_dirblock block = check_dirblock(c, c->dir_block);
    struct sfs_inode root = {.mode = ROOT_MODE, .nlink = 2, .size_lo = c->fs->bs};

    if (info == NULL) {
        return;
    }
    *info = (struct check_inode){.nlink = 2, .type = SFS_TYPE_DIR};
    check_map_set(c, &c->live, SFS_ROOT);
    c->dir[0].up = SFS_ROOT;
    check_note(c, KIND_ROOT, NONE, SFS_ROOT, 0, 0);
    if (!c->repair) {
        return;
    }
    root.direct[0] = check_alloc(c);
    if (root.direct[0] == 0) {
        c->found[KIND_ROOT][0].fixed = false;
        return;
    }
    root.mtime_ns = root.ctime_ns = root.atime_ns = sfs_now(c->fs);
    init_block(&block, SFS_ROOT);
    check_put(c, root.direct[0], c->dir_block);
    if (check_get_inode(c, SFS_ROOT) != NULL) {
        memcpy(check_get_inode(c, SFS_ROOT), &root, sizeof(root));
        check_put_inode(c);
    }
}

void check_directories(struct check *c)
{
    const struct check_inode *root = check_inode_of(c, SFS_ROOT);

    c->root_lost = root == NULL || root->type != SFS_TYPE_DIR;
    if (c->root_lost) {
        make_root(c);
    }
    for (uint64_t i = 0; i < c->dirs && c->error == 0; i++) {
        if (i > 0 || !c->root_lost) {
            check_directory(c, &c->dir[i]);
        }
        check_progress(c, 60 + (unsigned)(i * 30 / c->dirs));
    }
    check_map_empty(&c->seen);
}
