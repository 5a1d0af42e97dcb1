/*
 * checkreport.c - findings: remembered while a round goes on, a limited number of each kind, and
 * told when it is over, because only then is it known what names lead to an inode.
 *
 *   F8: block 812, inode 12 (/usr/README): not zero behind byte 17 of the last block: made zero
 */
#include "fs/checkwork.h"
#include "fs/name.h"

#define MOST_USUAL   20
#define LINE_SIZE    1024
#define PATH_SIZE    512
#define PATH_DEPTH   32
#define PATHS_BUDGET 100000 /* blocks of directories read for the paths of a round */

/* %a and %b stand for the finding's two numbers. */
static const struct {
    const char *rule, *what, *done;
} kinds[KIND_COUNT] = {
    [KIND_STATE] = {"F1", "marked as damaged, after %a errors, the first one in block %b",
                    "marked as clean"},
    [KIND_PRIMARY] = {"F1", "the superblock is damaged", "written anew from block %a"},
    [KIND_BACKUP] = {"F1", "the backup of the superblock is damaged", "written anew"},
    [KIND_SUPER_ZERO] = {"F9", "reserved bytes of the superblock are not zero", "made zero"},
    [KIND_NO_LOG] = {"F2", "the journal has no superblock", "the journal is emptied"},
    [KIND_LOG_DAMAGED] = {"F2", "the journal is damaged behind transaction %a",
                          "what follows is dropped"},
    [KIND_CSUM] = {"F3", "the checksum does not match", "written anew"},
    [KIND_CSUM_CUT] = {"F3", "an indirect block whose checksum does not match, of file block %a",
                       "cut off"},
    [KIND_CSUM_NONE] = {"F3", "has no checksum", "written anew"},
    [KIND_CSUM_NONE_CUT] = {"F3", "no checksum, and no sense: it is not of file block %a",
                            "cut off"},
    [KIND_CSUM_STALE] = {"F3", "a checksum of a block that must have none", "cleared"},
    [KIND_BLOCK_FREE] = {"F4", "%a blocks from here on are in use, but marked as free",
                         "marked as in use"},
    [KIND_BLOCK_LEAK] = {"F4", "%a blocks from here on are marked as in use, but nobody has them",
                         "marked as free"},
    [KIND_BLOCK_TWICE] = {"F4", "as file block %a, but it belongs to somebody else",
                          "a hole in its place"},
    [KIND_POINTER] = {"F8", "file block %b is block %a, where it cannot lie",
                      "a hole in its place"},
    [KIND_INODE_FREE] = {"F5", "%a inodes from here on are in use, but marked as free",
                         "marked as in use"},
    [KIND_INODE_LEAK] = {"F5", "%a inodes from here on are marked as in use, but free",
                         "marked as free"},
    [KIND_INODE_JUNK] = {"F5", "free, but not all zero", "made zero"},
    [KIND_BITMAP_END] = {"F9", "%a bits behind the end of the bitmap are 0", "set"},
    [KIND_NLINK] = {"F6", "says %a links, but has %b", "set to %b"},
    [KIND_UNNAMED] = {"F6", "no name leads to it", "goes to lost+found"},
    [KIND_ORPHAN_SLOT] = {"F6", "orphan slot %a holds %b, which is no orphan", "list made anew"},
    [KIND_ORPHAN_CLEAN] = {"F6", "an unfinished removal, on a volume marked as clean", "finished"},
    [KIND_ORPHAN_UNLISTED] = {"F6", "an unfinished truncate that the orphan list does not know",
                              "finished"},
    [KIND_ROOT] = {"F7", "the root directory is lost", "made anew"},
    [KIND_CHAIN] = {"F7", "records are damaged from byte %a of the block on", "dropped"},
    [KIND_DOT] = {"F7", "'.' or '..' is of a wrong type, or '.' leads to inode %b", "set right"},
    [KIND_DOTS_MISSING] = {"F7", "does not begin with '.' and '..'", "put in"},
    [KIND_DOTDOT] = {"F7", "'..' leads to inode %a, but the parent is %b", "set right"},
    [KIND_DOTS_AGAIN] = {"F7", "another '.' or '..' at byte %a of the block", "removed"},
    [KIND_NAME_BAD] = {"F7", "'/', NUL or no end in a name at byte %a of the block",
                       "bad bytes replaced"},
    [KIND_NAME_TWICE] = {"F7", "the name at byte %a of the block, of inode %b, is there twice",
                         "removed"},
    [KIND_DANGLING] = {"F7", "the name at byte %a of the block leads to inode %b, which is free",
                       "removed"},
    [KIND_RECORD_TYPE] = {"F7", "the record at byte %a of the block has not the type of inode %b",
                          "set right"},
    [KIND_DIR_TWICE] = {"F7", "the name at byte %a of the block is directory %b's second one",
                        "removed"},
    [KIND_DIR_LOOP] = {"F7",
                       "the name at byte %a of the block leads to the directory itself or the root",
                       "removed"},
    [KIND_DIR_CYCLE] = {"F7", "among its own children, by its name in directory %a",
                        "name removed"},
    [KIND_DIR_UNNAMED] = {"F7", "a directory that no name leads to", "goes to lost+found"},
    [KIND_INODE_TYPE] = {"F8", "mode %a is of no type", "inode cleared"},
    [KIND_SIZE_LARGE] = {"F8", "size %a, which no file can have", "set to %b"},
    [KIND_SIZE_SMALL] = {"F8", "size %a, but there are blocks behind it", "set to %b"},
    [KIND_SIZE_DIR] = {"F8", "a directory's size is %a", "set to %b"},
    [KIND_HEIGHT_NONE] = {"F8", "says how tall its tree is, but has none", "cleared"},
    [KIND_HEIGHT_WRONG] = {"F8", "says that its tree is %a tall, but it is %b", "set right"},
    [KIND_HEIGHT_TALL] = {"F8", "a tree %a tall, where %b would do", "made lower"},
    [KIND_SPARSE] = {"F8", "has holes, but does not say so", "says so"},
    [KIND_DIR_HOLE] = {"F8", "a directory with a hole; %a blocks before it or in all",
                       "filled, or ends there"},
    [KIND_DIR_EMPTY] = {"F8", "a directory without a block", "inode cleared"},
    [KIND_LINK_BAD] = {"F8", "a symbolic link without a target", "inode cleared"},
    [KIND_TAIL] = {"F8", "not zero behind byte %a of the last block", "made zero"},
    [KIND_FLAGS] = {"F9", "flags %a, which it cannot have", "cleared"},
    [KIND_INODE_ZERO] = {"F9", "bytes of the inode that must be zero are not, from %a on",
                         "made zero"},
    [KIND_RECORD_ZERO] = {"F9", "unused bytes of records are not zero", "made zero"},
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
        c->found[c->founds++] = (struct check_found){block, ino, a, b, NONE, (uint16_t)kind, true};
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

struct search {
    struct check *c;
    uint64_t child;    /* whose name is looked for; NONE: look who is wanted */
    struct text *text; /* where it goes */
    bool found;
    uint64_t *budget;
};

static void note_parent(struct search *s, uint64_t parent, const struct sfs_record *record)
{
    struct check *c = s->c;
    const struct check_inode *info =
        record->inode < c->fs->super.inode_count ? check_inode_of(c, record->inode) : NULL;

    if (info == NULL || (info->flags & INODE_WANTED) == 0) {
        return;
    }
    for (uint32_t i = 0; i < c->founds; i++) {
        if (c->found[i].ino == record->inode && c->found[i].parent == NONE) {
            c->found[i].parent = parent;
        }
    }
}

static void search_block(struct check_walk *w, uint64_t n, uint64_t *slot)
{
    struct search *s = w->ctx;
    struct check *c = s->c;
    const struct sfs_dirblock block = check_dirblock(c, c->dir_block);
    struct sfs_record record;

    (void)n;
    if (*slot == 0 || s->found || *s->budget == 0) {
        return;
    }
    --*s->budget;
    check_read(c, *slot, 1, c->dir_block);
    for (int more = sfs_dirblock_get(&block, 0, &record); more > 0 && !s->found;
         more = sfs_dirblock_get(&block, record.offset + record.length, &record)) {
        if (record.name_length == 0 || sfs_name_is_dots(record.name, record.name_length)) {
            continue;
        }
        if (s->child == NONE) {
            note_parent(s, w->ino, &record);
        } else if (record.inode == s->child) {
            put_name(s->text, record.name, record.name_length);
            s->found = true;
        }
    }
}

static void search_directory(struct search *s, uint64_t ino)
{
    struct check *c = s->c;
    const struct sfs_inode *found = check_get_inode(c, ino);

    if (found == NULL || found->mode >> 12 != SFS_TYPE_DIR) {
        return;
    }
    struct sfs_inode inode = *found;
    struct check_walk w = {.c = c,
                           .mode = TREE_VISIT,
                           .ino = ino,
                           .inode = &inode,
                           .type = SFS_TYPE_DIR,
                           .limit = check_blocks_of(c, check_size(&inode)),
                           .visit = search_block,
                           .ctx = s};

    check_walk(&w);
}

/* The parents of inodes that are no directories, from all directories. */
static void find_parents(struct check *c, uint64_t *budget)
{
    struct search s = {.c = c, .child = NONE, .budget = budget};
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
        search_directory(&s, c->dir[i].ino);
    }
}

/* From the root down to INO. False: no chain of names leads there. */
static bool chain_of(const struct check *c, const struct check_found *found, uint64_t chain[],
                     uint32_t *depth)
{
    uint64_t ino = found->ino;
    const struct check_dir *dir = check_dir_of(c, ino);

    for (*depth = 0; ino != SFS_ROOT; dir = check_dir_of(c, ino)) {
        if (*depth == PATH_DEPTH) {
            return false;
        }
        chain[(*depth)++] = ino;
        ino = dir != NULL ? dir->parent : *depth == 1 ? found->parent : NONE;
        if (ino == NONE) {
            return false;
        }
    }
    return true;
}

static const char *path_of(struct check *c, const struct check_found *found, char *buffer,
                           uint64_t *budget)
{
    struct text text = {buffer, PATH_SIZE, 0};
    struct search s = {.c = c, .text = &text, .budget = budget};
    uint64_t chain[PATH_DEPTH], ino = SFS_ROOT;
    uint32_t depth;

    if (c->error != 0 || found->ino == NONE || !chain_of(c, found, chain, &depth)) {
        return NULL;
    }
    put(&text, depth == 0 ? "/" : "");
    for (; depth > 0; ino = chain[--depth]) {
        s.child = chain[depth - 1];
        s.found = false;
        put_char(&text, '/');
        check_map_empty(&c->seen);
        search_directory(&s, ino);
        if (!s.found) {
            return NULL;
        }
    }
    return buffer;
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

static void tell(struct check *c, const struct check_found *found, struct telling *t,
                 uint64_t *budget)
{
    struct text text = {t->line, sizeof(t->line), 0};
    struct sfs_finding finding = {
        .rule = kinds[found->kind].rule,
        .block = found->block,
        .ino = found->ino,
        .path = path_of(c, found, t->path, budget),
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
    uint64_t budget = PATHS_BUDGET;

    find_parents(c, &budget);
    for (unsigned kind = 0; kind < KIND_COUNT; kind++) {
        for (uint32_t i = 0; i < c->founds; i++) {
            if (c->found[i].kind == kind) {
                tell(c, &c->found[i], t, &budget);
            }
        }
        if (c->count[kind] > most(c)) {
            tell_more(c, kind, t);
        }
    }
    check_map_empty(&c->seen);
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
