/*
 * checkreport.c - findings: remembered while a round goes on, a limited number of each kind, and
 * told when it is over, because only then is it known what names lead to an inode.
 *
 *   F8: block 812, inode 12 (/usr/README): not zero behind byte 17 of the last block: made zero
 */
#include "fs/checkwork.h"
#include "fs/name.h"

#define MOST_USUAL 20
#define LINE_SIZE  1024
#define PATH_SIZE  512
#define PATH_DEPTH 32

static const struct {
    const char *rule, *what, *done;
} kinds[KIND_COUNT] = {
#define KIND_TEXT(name, rule, what, done) [KIND_##name] = {rule, what, done},
    CHECK_KINDS(KIND_TEXT)
#undef KIND_TEXT
};

/* ---- Remembering ---- */

static uint32_t most(const struct check *c)
{
    return c->options->most != 0 ? c->options->most : MOST_USUAL;
}

/* Room for one more; none: it is counted, but not told. */
static bool make_room(struct check *c)
{
    if (c->founds < c->found_room) {
        return true;
    }
    uint32_t room = c->found_room == 0 ? 64 : 2 * c->found_room;
    struct check_found *found = port_alloc(room * sizeof(*found));

    if (found == NULL) {
        return false;
    }
    if (c->founds > 0) {
        memcpy(found, c->found, c->founds * sizeof(*found));
    }
    port_free(c->found);
    c->found = found;
    c->found_room = room;
    return true;
}

void check_note(struct check *c, enum check_kind kind, uint64_t block, uint64_t ino, uint64_t a,
                uint64_t b)
{
    if (c->error != 0) {
        return; /* what was read may be anything */
    }
    c->round_findings++;
    c->result->findings++;
    if (c->count[kind]++ < most(c) && make_room(c)) {
        c->found[c->founds++] = (struct check_found){.block = block,
                                                     .ino = ino,
                                                     .a = a,
                                                     .b = b,
                                                     .parent = NONE,
                                                     .kind = kind,
                                                     .fixed = true};
    }
}

void check_unfixed(struct check *c)
{
    if (c->founds > 0) {
        c->found[c->founds - 1].fixed = false;
    }
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
        text->at[text->used] = '\0';
    }
}

static void put(struct text *text, const char *words)
{
    while (*words != '\0') {
        put_char(text, *words++);
    }
}

static void put_number(struct text *text, uint64_t number)
{
    char digits[24], *at = digits + sizeof(digits) - 1;

    *at = '\0';
    do {
        *--at = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    put(text, at);
}

/* Bytes of a name may be anything; a terminal must not obey them. */
static void put_name(struct text *text, const char *name, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        uint8_t byte = (uint8_t)name[i];

        put_char(text, byte < ' ' || byte == 0x7F ? '?' : name[i]);
    }
}

static const char *fill_in(char *buffer, size_t size, const char *format,
                           const struct check_found *found)
{
    struct text text = {buffer, size, 0};

    for (; *format != '\0'; format++) {
        if (format[0] == '%' && (format[1] == 'a' || format[1] == 'b')) {
            put_number(&text, *++format == 'a' ? found->a : found->b);
        } else {
            put_char(&text, *format);
        }
    }
    return buffer;
}

/* ---- Paths ---- */

/* An inode, and the block where its name is. */
struct check_step {
    uint64_t ino, place;
};

static void note_name(struct check *c, uint64_t dir, uint64_t block, uint64_t ino)
{
    struct check_inode *info = ino < c->fs->super.inode_count ? check_inode_of(c, ino) : NULL;

    if (info == NULL || (info->flags & INODE_WANTED) == 0) {
        return;
    }
    info->flags &= (uint8_t)~INODE_WANTED; /* one name is enough */
    for (uint32_t i = 0; i < c->founds; i++) {
        if (c->found[i].ino == ino) {
            c->found[i].parent = dir;
            c->found[i].place = block;
        }
    }
}

static void note_names(struct check_walk *w, uint64_t n, uint64_t *slot)
{
    struct check *c = w->c;
    const struct sfs_dirblock block = check_dirblock(c, c->dir_block);
    struct sfs_record record;

    (void)n;
    if (*slot == 0) {
        return;
    }
    check_read(c, *slot, 1, c->dir_block);
    for (int more = sfs_dirblock_get(&block, 0, &record); more > 0;
         more = sfs_dirblock_get(&block, record.offset + record.length, &record)) {
        if (record.name_length > 0 && !sfs_name_is_dots(record.name, record.name_length)) {
            note_name(c, w->ino, *slot, record.inode);
        }
    }
}

/* Where the names are of inodes that are no directories: in one walk through all directories. Those
 * of directories are known since pass 2. */
static void find_names(struct check *c)
{
    bool wanted = false;

    for (uint32_t i = 0; i < c->founds; i++) {
        uint64_t ino = c->found[i].ino;
        struct check_inode *info = ino != NONE ? check_inode_of(c, ino) : NULL;

        if (info != NULL && info->type != 0 && info->type != SFS_TYPE_DIR) {
            info->flags |= INODE_WANTED;
            wanted = true;
        }
    }
    check_map_empty(&c->seen);
    for (uint64_t i = 0; wanted && i < c->dirs && c->error == 0; i++) {
        const struct sfs_inode *found = check_get_inode(c, c->dir[i].ino);

        if (found != NULL && found->mode >> 12 == SFS_TYPE_DIR) {
            struct sfs_inode inode = *found;

            (void)check_visit(c, c->dir[i].ino, &inode, note_names, NULL);
        }
    }
    check_map_empty(&c->seen);
}

/* The name of STEP's inode. False: it is not in its place, which has been damaged, or is not kept. */
static bool put_step(struct check *c, struct text *text, const struct check_step *step)
{
    struct sfs_record record;

    if (!check_find_record(c, step->place, step->ino, &record)) {
        return false;
    }
    put_char(text, '/');
    put_name(text, record.name, record.name_length);
    return true;
}

/* From the root down to what was found; NULL: no chain of names leads there. */
static const char *path_of(struct check *c, const struct check_found *found, char *buffer)
{
    struct text text = {buffer, PATH_SIZE, 0};
    struct check_step step[PATH_DEPTH];
    uint32_t depth = 0;

    for (uint64_t ino = found->ino, parent; ino != SFS_ROOT; ino = parent) {
        const struct check_dir *dir = check_dir_of(c, ino);

        parent = dir != NULL ? dir->parent : depth == 0 ? found->parent : NONE;
        if (parent == NONE || depth == PATH_DEPTH) {
            return NULL;
        }
        step[depth++] = (struct check_step){ino, dir != NULL ? dir->place : found->place};
    }
    put(&text, depth == 0 ? "/" : "");
    while (depth > 0) {
        if (!put_step(c, &text, &step[--depth])) {
            return NULL;
        }
    }
    return c->error == 0 ? buffer : NULL;
}

/* ---- Telling ---- */

static void put_line(struct text *text, const struct sfs_finding *finding)
{
    put(text, finding->rule);
    put(text, ":");
    if (finding->block != NONE) {
        put(text, " block ");
        put_number(text, finding->block);
        put(text, finding->ino != NONE ? "," : ":");
    }
    if (finding->ino != NONE) {
        put(text, " inode ");
        put_number(text, finding->ino);
        if (finding->path != NULL) {
            put(text, " (");
            put(text, finding->path);
            put(text, ")");
        }
        put(text, ":");
    }
    put(text, " ");
    put(text, finding->what);
    if (finding->done != NULL) {
        put(text, ": ");
        put(text, finding->done);
    }
}

/* Room for the texts of one finding. */
struct telling {
    char path[PATH_SIZE], what[PATH_SIZE], done[PATH_SIZE], line[LINE_SIZE + PATH_SIZE];
};

static void tell(struct check *c, const struct check_found *found, struct telling *t)
{
    struct text text = {t->line, sizeof(t->line), 0};
    struct sfs_finding finding = {
        .rule = kinds[found->kind].rule,
        .block = found->block,
        .ino = found->ino,
        .path = path_of(c, found, t->path),
        .what = fill_in(t->what, sizeof(t->what), kinds[found->kind].what, found),
    };

    if (c->repair && found->fixed) {
        finding.done = fill_in(t->done, sizeof(t->done), kinds[found->kind].done, found);
    }
    put_line(&text, &finding);
    finding.line = t->line;
    c->options->report(c->options->ctx, &finding);
}

static void tell_more(struct check *c, enum check_kind kind, struct telling *t)
{
    struct text text = {t->line, sizeof(t->line), 0};
    struct check_found none = {.a = 0};
    struct sfs_finding finding = {
        .rule = kinds[kind].rule,
        .block = NONE,
        .ino = NONE,
        .what = fill_in(t->what, sizeof(t->what), kinds[kind].what, &none),
        .more = c->count[kind] - most(c),
        .line = t->line,
    };

    put(&text, finding.rule);
    put(&text, ": and ");
    put_number(&text, finding.more);
    put(&text, " more of the kind above");
    c->options->report(c->options->ctx, &finding);
}

/* Kind by kind, in the order of the rules. */
static void tell_all(struct check *c, struct telling *t)
{
    find_names(c);
    for (unsigned kind = 0; kind < KIND_COUNT; kind++) {
        for (uint32_t i = 0; i < c->founds; i++) {
            if (c->found[i].kind == kind) {
                tell(c, &c->found[i], t);
            }
        }
        if (c->count[kind] > most(c)) {
            tell_more(c, kind, t);
        }
    }
}

void check_report(struct check *c)
{
    struct telling *t = c->founds > 0 && c->options->report != NULL ? port_alloc(sizeof(*t)) : NULL;

    if (t != NULL) {
        tell_all(c, t);
        port_free(t);
    }
    port_free(c->found);
    c->found = NULL;
    c->founds = c->found_room = 0;
    memset(c->count, 0, sizeof(c->count));
}
