/*
 * checkdir.c - pass 2: every record of every directory, reachable or not, in the order of inodes.
 * Here names meet inodes: who is named how often, and which directory is whose child.
 *
 *   chain of records -> "." and ".." -> each name: sound, unique, of an inode that is there
 *
 * A record that cannot stay is removed; its inode, if it has no other name, is found in pass 3.
 */
#include "fs/checkwork.h"

#define ROOT_MODE 0x41ED /* a directory, rwxr-xr-x */

struct scan {
    struct check *c;
    struct check_dir *dir;
    struct sfs_dirblock in; /* c->dir_block, where its blocks are read to */
    uint64_t block;         /* which */
    bool first;             /* of the directory */
    uint32_t round;         /* 0: every record is judged; then those of a part of the names again */
    bool changed;           /* that block */
};

static void note(struct scan *s, enum check_kind kind, uint64_t a, uint64_t b)
{
    check_note(s->c, kind, s->block, s->dir->ino, a, b);
    s->changed = true;
}

bool check_find_record(struct check *c, uint64_t block, uint64_t ino, struct sfs_record *record)
{
    const struct sfs_dirblock in = check_dirblock(c, c->dir_block);

    check_read(c, block, 1, c->dir_block);
    *record = (struct sfs_record){.length = 0};
    while (sfs_dirblock_next(&in, record) > 0 && c->error == 0) {
        if (record->inode == ino && check_is_name(record)) {
            return true;
        }
    }
    return false;
}

bool check_chain_sound(const struct check *c, uint8_t *data)
{
    const struct sfs_dirblock in = check_dirblock(c, data);
    struct sfs_record record = {.length = 0};
    int found;

    while ((found = sfs_dirblock_next(&in, &record)) > 0) {
    }
    return found == 0;
}

/* ---- Records, names and what is between them ---- */

static void mend_name(struct scan *s, char *name, uint32_t length)
{
    if (sfs_name_is_sound(name, length)) {
        return;
    }
    note(s, KIND_NAME_BAD, (uint64_t)(name - (char *)s->in.data), 0);
    for (uint32_t i = 0; i < length; i++) {
        name[i] = name[i] == '\0' || name[i] == '/' ? '_' : name[i];
    }
}

/* From AT on there are no sound records: the one before takes the rest of the block. */
static void cut_chain(struct scan *s, uint32_t at, struct sfs_dirent *before)
{
    struct sfs_dirent *first = (struct sfs_dirent *)s->in.data;

    note(s, KIND_CHAIN, at, 0);
    memset(s->in.data + at, 0, s->in.bs - at);
    if (before != NULL) {
        before->rec_len = (uint16_t)(s->in.bs - (uint32_t)((uint8_t *)before - s->in.data));
    } else {
        first->rec_len = (uint16_t)s->in.bs;
    }
}

static void mend_records(struct scan *s)
{
    uint8_t *data = s->in.data;
    const uint32_t bs = s->in.bs;
    struct sfs_dirent *before = NULL, *d;
    bool dirty = false;

    for (uint32_t at = 0; at < bs; at += d->rec_len, before = d) {
        d = (struct sfs_dirent *)(data + at);
        if (at + SFS_DIRENT_SIZE(0) > bs || d->rec_len % 8 != 0 || d->rec_len > bs - at ||
            d->rec_len < SFS_DIRENT_SIZE(d->name_len)) {
            cut_chain(s, at, before);
            break;
        }
        uint32_t zero = at + SFS_DIRENT_HEADER + d->name_len;

        if (d->name_len == 0) {
            dirty |= check_make_zero(data + at, sizeof(d->inode));
            zero = at + offsetof(struct sfs_dirent, type);
        } else {
            mend_name(s, d->name, d->name_len);
        }
        dirty |= check_make_zero(data + zero, at + d->rec_len - zero);
    }
    if (dirty) {
        note(s, KIND_RECORD_ZERO, 0, 0);
    }
}

/* Version 1: names end within their 56 bytes. */
static void mend_seed(struct scan *s)
{
    for (uint32_t at = 0; at < s->in.bs; at += sizeof(struct sfs_seed_dirent)) {
        struct sfs_seed_dirent *d = (struct sfs_seed_dirent *)(s->in.data + at);
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

/* ---- "." and ".." ---- */

/* The block again, with both of them in front; records for which no room is left are lost. */
static void add_dots(struct scan *s)
{
    const struct sfs_dirblock new = check_dirblock(s->c, s->c->scratch2);
    struct sfs_record record = {.length = 0};

    note(s, KIND_DOTS_MISSING, 0, 0);
    sfs_dirblock_init_first(&new, s->dir->ino, s->dir->ino);
    while (sfs_dirblock_next(&s->in, &record) > 0) {
        if (check_is_name(&record)) {
            (void)sfs_dirblock_add(&new, record.name, record.name_length, record.inode,
                                   record.type);
        }
    }
    memcpy(s->in.data, new.data, new.bs);
}

/* The record behind the one in RECORD is the NAME of LENGTH dots. */
static bool is_dots(const struct scan *s, uint32_t length, struct sfs_record *record)
{
    return sfs_dirblock_next(&s->in, record) > 0 && record->name_length == length &&
           sfs_name_is_dots(record->name, length);
}

/* A dot of the wrong type, or "." that leads away. */
static void mend_dot(struct scan *s, const struct sfs_record *record, uint64_t ino)
{
    if (record->inode != ino || (record->type != SFS_TYPE_DIR && !s->in.seed)) {
        note(s, KIND_DOT, record->offset, record->inode);
        (void)sfs_dirblock_set(&s->in, record->offset, ino, SFS_TYPE_DIR);
    }
}

/* The first two records of a directory. Who the parent is, pass 3 will know. */
static void mend_dots(struct scan *s)
{
    struct sfs_record dot = {.length = 0}, up;
    bool both = is_dots(s, 1, &dot);

    up = dot;
    if (!both || !is_dots(s, 2, &up)) {
        add_dots(s);
        s->dir->up = UP_NEW;
        return;
    }
    mend_dot(s, &dot, s->dir->ino);
    mend_dot(s, &up, up.inode);
    s->dir->up = up.inode < s->c->fs->super.inode_count ? up.inode : UP_WRONG;
}

/* ---- One record ---- */

static void remove_record(struct scan *s, const struct sfs_record *record, enum check_kind kind)
{
    note(s, kind, record->offset, record->inode);
    (void)sfs_dirblock_remove(&s->in, record->offset);
}

/* A directory has one name. */
static void count_record(struct scan *s, const struct sfs_record *record, struct check_inode *info)
{
    struct check_dir *child = check_dir_of(s->c, record->inode);

    if (!s->in.seed && record->type != info->type) {
        note(s, KIND_RECORD_TYPE, record->offset, record->inode);
        (void)sfs_dirblock_set(&s->in, record->offset, record->inode, info->type);
    }
    if (child == NULL) {
        info->names += info->names < UINT32_MAX;
    } else if (child->parent != NONE) {
        remove_record(s, record, KIND_DIR_TWICE);
    } else {
        child->parent = s->dir->ino;
        child->place = s->block;
        s->dir->subdirs++;
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
    } else if (record->inode == SFS_ROOT || record->inode == s->dir->ino) {
        remove_record(s, record, KIND_DIR_LOOP);
    } else if (check_name_again(c, s->block, record)) {
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

    if (!check_name_again(s->c, s->block, record)) {
        return;
    }
    remove_record(s, record, KIND_NAME_TWICE);
    if (child != NULL) {
        child->parent = NONE;
        s->dir->subdirs--;
    } else if (info != NULL) {
        info->names--;
    }
}

static void judge_records(struct scan *s)
{
    struct sfs_record record = {.length = 0};
    uint32_t skip = s->first ? 2 : 0;

    while (sfs_dirblock_next(&s->in, &record) > 0 && s->c->error == 0) {
        if (skip > 0) {
            skip--;
        } else if (record.name_length > 0 && s->round == 0) {
            judge_record(s, &record);
        } else if (record.name_length > 0) {
            judge_again(s, &record);
        }
    }
}

/* ---- Directories ---- */

/* A hole, to which an empty block may go. */
static void fill_hole(struct scan *s, uint64_t *slot)
{
    const struct check_inode *info = check_inode_of(s->c, s->dir->ino);

    if (!s->c->repair || info == NULL || (info->flags & INODE_FILL) == 0) {
        return;
    }
    *slot = check_alloc(s->c);
    if (*slot == 0) {
        return;
    }
    sfs_dirblock_init(&s->in);
    if (s->first) {
        sfs_dirblock_init_first(&s->in, s->dir->ino, s->dir->ino);
        s->dir->up = UP_NEW;
    }
    check_put(s->c, *slot, s->in.data);
}

static void visit(struct check_walk *w, uint64_t n, uint64_t *slot)
{
    struct scan *s = w->ctx;
    struct check *c = s->c;

    s->first = n == 0;
    s->block = *slot;
    s->changed = false;
    if (*slot == 0) {
        fill_hole(s, slot);
        return;
    }
    check_read(c, *slot, 1, s->in.data);
    if (s->round > 0) {
        c->again++;
    } else {
        c->dir_blocks++;
        if (!check_matches(c, *slot, s->in.data)) {
            note(s, KIND_CSUM, 0, 0);
        }
        if (s->in.seed) {
            mend_seed(s);
        } else {
            mend_records(s);
        }
        if (s->first) {
            mend_dots(s);
        }
    }
    judge_records(s);
    if (s->changed) {
        check_put(c, *slot, s->in.data);
    }
}

/* Rounds but the first go through blocks that have been seen, and so must not be too many. */
static void check_directory(struct check *c, struct check_dir *dir, struct sfs_inode *inode)
{
    struct scan s = {.c = c, .dir = dir, .in = check_dirblock(c, c->dir_block)};

    for (; check_names_begin(c, check_size(inode), s.round); s.round++) {
        if (s.round > 0) {
            check_map_empty(&c->seen);
        }
        if (check_visit(c, dir->ino, inode, visit, &s) && check_get_inode(c, dir->ino) != NULL) {
            memcpy(check_get_inode(c, dir->ino), inode, sizeof(*inode));
            check_put_inode(c);
        }
    }
}

/* The root is no directory: it is made anew, empty. */
static void make_root(struct check *c)
{
    struct sfs_inode root = {.mode = ROOT_MODE, .nlink = 2, .size_lo = c->fs->bs};
    struct check_inode *info = check_inode_make(c, SFS_ROOT);

    if (info == NULL) {
        return;
    }
    *info = (struct check_inode){.nlink = 2, .type = SFS_TYPE_DIR, .flags = INODE_FILL};
    check_map_set(c, &c->live, SFS_ROOT);
    check_note(c, KIND_ROOT, NONE, SFS_ROOT, 0, 0);
    root.mtime_ns = root.ctime_ns = root.atime_ns = sfs_now(c->fs);
    check_directory(c, &c->dir[0], &root);
    c->found[KIND_ROOT][0].fixed = root.direct[0] != 0;
}

void check_directories(struct check *c)
{
    const struct check_inode *root = check_inode_of(c, SFS_ROOT);

    for (uint32_t i = 0; i < c->dirs && c->error == 0; i++) {
        struct check_dir *dir = &c->dir[i];
        struct sfs_inode inode = {.mode = ROOT_MODE, .size_lo = c->fs->bs, .direct = {dir->only}};

        check_progress(c, 60 + (unsigned)(i * 30ull / c->dirs));
        if (i == 0 && (root == NULL || root->type != SFS_TYPE_DIR)) {
            make_root(c);
            continue;
        }
        if (dir->only == 0) {
            const struct sfs_inode *found = check_get_inode(c, dir->ino);

            if (found == NULL) {
                return;
            }
            inode = *found;
        }
        check_directory(c, dir, &inode);
    }
    check_map_empty(&c->seen);
}
