/*
 * checkreport.c - findings: remembered while a round goes on, a limited number of each kind, and
 * told when it is over, because only then is it known what names lead to an inode.
 *
 *   F8: block 812, inode 12 (/usr/README): not zero behind byte 17 of the last block: made zero
 */
#include "fs/checkwork.h"

#define PATH_SIZE  512
#define PATH_DEPTH 32

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

/* ---- Text ---- */

struct text {
    char *at;
    size_t size, used;
};

static void put_char(struct text *text, char character)
{
    if (text->used + 1 < text->size) {
        text->at[text->used++] = character;
    }
    text->at[text->used] = '\0';
}

static void put_number(struct text *text, uint64_t number)
{
    uint64_t unit = 1;

    while (number / unit >= 10) {
        unit *= 10;
    }
    for (; unit > 0; unit /= 10) {
        put_char(text, (char)('0' + number / unit % 10));
    }
}

/* FORMAT, with numbers for its %a and %b. */
static void put(struct text *text, const char *format, uint64_t a, uint64_t b)
{
    for (; *format != '\0'; format++) {
        if (format[0] == '%') {
            put_number(text, *++format == 'a' ? a : b);
        } else {
            put_char(text, *format);
        }
    }
}

/* Bytes of a name may be anything; a terminal must not obey them. */
static void put_name(struct text *text, const char *name, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        uint8_t byte = (uint8_t)name[i];

        put_char(text, byte < ' ' || byte == 0x7F ? '?' : name[i]);
    }
}

size_t check_text(char *buffer, size_t size, const char *format, uint64_t a, uint64_t b)
{
    struct text text = {buffer, size, 0};

    put(&text, format, a, b);
    return text.used;
}

/* ---- Paths ---- */

static void note_name(struct check *c, uint64_t dir, uint64_t block, uint64_t ino)
{
    struct check_found *found = c->found[0];
    struct check_inode *info = ino < c->fs->super.inode_count ? check_inode_of(c, ino) : NULL;

    if (info == NULL || (info->flags & INODE_WANTED) == 0) {
        return;
    }
    info->flags &= (uint8_t)~INODE_WANTED; /* one name is enough */
    for (uint32_t i = 0; i < KIND_COUNT * CHECK_TOLD; i++) {
        if (found[i].ino == ino) {
            found[i].parent = dir;
            found[i].place = block;
        }
    }
}

static void note_names(struct check_walk *w, uint64_t n, uint64_t *slot)
{
    struct check *c = w->c;
    const struct sfs_dirblock block = check_dirblock(c, c->dir_block);
    struct sfs_record record = {.length = 0};

    (void)n;
    if (*slot == 0) {
        return;
    }
    check_read(c, *slot, 1, c->dir_block);
    while (sfs_dirblock_next(&block, &record) > 0) {
        if (check_is_name(&record)) {
            note_name(c, w->ino, *slot, record.inode);
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

/* From the root down to what was found. False: no chain of names leads there, or one is not in its
 * place, which has been damaged, or is not kept. */
static bool put_path(struct check *c, struct text *text, const struct check_found *found)
{
    struct {
        uint64_t ino, place; /* an inode, and the block where its name is */
    } step[PATH_DEPTH];
    uint32_t depth = 0;
    struct sfs_record record;

    for (uint64_t ino = found->ino, parent; ino != SFS_ROOT; ino = parent) {
        const struct check_dir *dir = check_dir_of(c, ino);

        parent = dir != NULL ? dir->parent : depth == 0 ? found->parent : NONE;
        if (parent == NONE || depth == PATH_DEPTH) {
            return false;
        }
        step[depth].ino = ino;
        step[depth++].place = dir != NULL ? dir->place : found->place;
    }
    put(text, depth == 0 ? " (/" : " (", 0, 0);
    while (depth-- > 0) {
        if (!check_find_record(c, step[depth].place, step[depth].ino, &record)) {
            return false;
        }
        put_char(text, '/');
        put_name(text, record.name, record.name_length);
    }
    return c->error == 0;
}

/* ---- Telling ---- */

static void tell(struct check *c, enum check_kind kind, const struct check_found *found)
{
    struct text text = {c->line, sizeof(c->line), 0};

    put(&text, kinds[kind].rule, 0, 0);
    put(&text, ":", 0, 0);
    if (found->block != NONE) {
        put(&text, found->ino != NONE ? " block %a," : " block %a:", found->block, 0);
    }
    if (found->ino != NONE) {
        put(&text, " inode %a", found->ino, 0);
        struct text path = {c->line, text.used + PATH_SIZE, text.used};

        if (put_path(c, &path, found)) {
            text.used = path.used;
            put_char(&text, ')');
        }
        put(&text, ":", 0, 0);
    }
    put(&text, " ", 0, 0);
    put(&text, kinds[kind].what, found->a, found->b);
    if (c->repair && found->fixed) {
        put(&text, ": ", 0, 0);
        put(&text, kinds[kind].done, found->a, found->b);
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
            struct text text = {c->line, sizeof(c->line), 0};

            put(&text, kinds[kind].rule, 0, 0);
            put(&text, ": and %a more of the kind above", c->count[kind] - CHECK_TOLD, 0);
            c->options->report(c->options->ctx, c->line);
        }
    }
}
