/*
 * checkreport.c - findings: remembered while a round goes on, a limited number of each kind, and
 * told when it is over, because only then is it known what names lead to an inode.
 *
 *   F8: block 812, inode 12 (/usr/README): not zero behind byte 17 of the last block: made zero
 */
#include "fs/checkwork.h"

static const struct {
    const char *rule, *what, *done;
} kinds[KIND_COUNT] = {
#define KIND_TEXT(name, rule, what, done) [KIND_##name] = {rule, what, done},
    CHECK_KINDS(KIND_TEXT)
#undef KIND_TEXT
};

void check_note(struct check *c, enum check_kind kind, uint64_t block, uint64_t ino, uint64_t a,
                uint64_t b)
{
    if (c->error != 0) {
        return; /* what was read may be anything */
    }
    c->round_findings++;
    c->result->findings++;
    if (c->count[kind] < CHECK_TOLD) {
        c->found[kind][c->count[kind]] = (struct check_found){block, ino, a, b, NONE, NONE, true};
    }
    c->count[kind]++;
}

/* ---- Text, in c->line ---- */

static void put_char(struct check *c, char character)
{
    if (c->length + 1 < sizeof(c->line)) {
        c->line[c->length++] = character;
    }
    c->line[c->length] = '\0';
}

static void put_number(struct check *c, uint64_t number)
{
    uint64_t unit = 1;

    while (number / unit >= 10) {
        unit *= 10;
    }
    for (; unit > 0; unit /= 10) {
        put_char(c, (char)('0' + number / unit % 10));
    }
}

static void put(struct check *c, const char *format, uint64_t a, uint64_t b)
{
    for (; *format != '\0'; format++) {
        if (format[0] == '%') {
            put_number(c, *++format == 'a' ? a : b);
        } else {
            put_char(c, *format);
        }
    }
}

size_t check_text(struct check *c, const char *format, uint64_t a, uint64_t b)
{
    c->length = 0;
    put(c, format, a, b);
    return c->length;
}

/* ---- Paths ---- */

static void note_names(struct check_walk *w, uint64_t n, uint64_t *slot)
{
    struct check *c = w->c;
    const struct sfs_dirblock in = check_dirblock(c, c->dir_block);
    struct check_found *found = c->found[0];
    struct sfs_record record = {.length = 0};

    (void)n;
    if (*slot == 0) {
        return;
    }
    check_read(c, *slot, 1, c->dir_block);
    while (sfs_dirblock_next(&in, &record) > 0) {
        bool inside = check_is_name(&record) && record.inode < c->fs->super.inode_count;
        struct check_inode *info = inside ? check_inode_of(c, record.inode) : NULL;

        if (info == NULL || (info->flags & INODE_WANTED) == 0) {
            continue;
        }
        info->flags &= (uint8_t)~INODE_WANTED; /* one name is enough */
        for (uint32_t i = 0; i < KIND_COUNT * CHECK_TOLD; i++) {
            if (found[i].ino == record.inode) {
                found[i].parent = w->ino;
                found[i].place = *slot;
            }
        }
    }
}

/* Where the names are of inodes that are no directories: in one walk through all directories. Those
 * of directories are known since pass 2. What is not found has inode 0, a directory. */
static void find_names(struct check *c)
{
    const struct check_found *found = c->found[0];
    bool wanted = false;

    for (uint32_t i = 0; i < KIND_COUNT * CHECK_TOLD; i++) {
        struct check_inode *info = found[i].ino != NONE ? check_inode_of(c, found[i].ino) : NULL;

        if (info != NULL && info->type != 0 && info->type != SFS_TYPE_DIR) {
            info->flags |= INODE_WANTED;
            wanted = true;
        }
    }
    check_map_empty(&c->seen);
    for (uint64_t i = 0; wanted && i < c->dirs && c->error == 0; i++) {
        const struct sfs_inode *dir = check_get_inode(c, c->dir[i].ino);

        if (dir != NULL && dir->mode >> 12 == SFS_TYPE_DIR) {
            struct sfs_inode inode = *dir;

            (void)check_visit(c, c->dir[i].ino, &inode, note_names, NULL);
        }
    }
    check_map_empty(&c->seen);
}

/* Up from what was found to the root. Without a chain of names that leads there, or if one is not in
 * its place, which has been damaged, or is not kept: nothing. Bytes of a name may be anything; a
 * terminal must not obey them. */
static void put_path(struct check *c, const struct check_found *found)
{
    char *const end = c->path + sizeof(c->path) - 1, *at = end;
    struct sfs_record record;

    for (uint64_t ino = found->ino, parent; ino != SFS_ROOT; ino = parent) {
        const struct check_dir *dir = check_dir_of(c, ino);

        parent = dir != NULL ? dir->parent : at == end ? found->parent : NONE;
        if (parent == NONE ||
            !check_find_record(c, dir != NULL ? dir->place : found->place, ino, &record) ||
            record.name_length >= at - c->path) {
            return;
        }
        for (uint32_t i = record.name_length; i-- > 0;) {
            uint8_t byte = (uint8_t)record.name[i];

            *--at = byte < ' ' || byte == 0x7F ? '?' : (char)byte;
        }
        *--at = '/';
    }
    put(c, at == end ? " (/" : " (", 0, 0);
    while (at < end) {
        put_char(c, *at++);
    }
    put_char(c, ')');
}

/* ---- Telling ---- */

static void tell(struct check *c, enum check_kind kind, const struct check_found *found)
{
    check_text(c, kinds[kind].rule, 0, 0);
    put(c, ":", 0, 0);
    if (found->block != NONE) {
        put(c, found->ino != NONE ? " block %a," : " block %a:", found->block, 0);
    }
    if (found->ino != NONE) {
        put(c, " inode %a", found->ino, 0);
        put_path(c, found);
        put(c, ":", 0, 0);
    }
    put(c, " ", 0, 0);
    put(c, kinds[kind].what, found->a, found->b);
    if (c->repair && found->fixed) {
        put(c, ": ", 0, 0);
        put(c, kinds[kind].done, found->a, found->b);
    }
    c->options->report(c->options->ctx, c->line);
}

/* Kind by kind, in the order of the rules. */
void check_report(struct check *c)
{
    if (c->round_findings == 0 || c->options->report == NULL) {
        return;
    }
    find_names(c);
    for (enum check_kind kind = 0; kind < KIND_COUNT; kind++) {
        for (uint32_t i = 0; i < c->count[kind] && i < CHECK_TOLD; i++) {
            tell(c, kind, &c->found[kind][i]);
        }
        if (c->count[kind] > CHECK_TOLD) {
            check_text(c, kinds[kind].rule, 0, 0);
            put(c, ": and %a more of the kind above", c->count[kind] - CHECK_TOLD, 0);
            c->options->report(c->options->ctx, c->line);
        }
    }
}
