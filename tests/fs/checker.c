/*
 * checker.c - see checker.h. The image is in memory and everything is looked at in the plainest way:
 * a walk with recursion, a byte for each block, an array of all names of a directory. Nothing from
 * the image is believed, so that it can be asked about any bytes.
 */
#include "tests/fs/checker.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fs/csum.h"
#include "fs/format.h"

bool checker_quiet;

struct parent {
    uint64_t ino;
    bool known;
};

struct check {
    const uint8_t *image;
    const struct sfs_super *super;
    uint32_t bs, p, u;
    bool seed;
    uint8_t *used;    /* a count for each block */
    uint8_t *covered; /* has a checksum entry */
    uint32_t *names;  /* that lead to each inode, "." and ".." left out */
    uint32_t *subdirs;
    struct parent *parent; /* of directories */
    struct parent *up;     /* what ".." says */
    int findings;
};

static void finding(struct check *c, const char *what, uint64_t a, uint64_t b)
{
    if (c->findings++ < 10 && !checker_quiet) {
        printf("check: %s (%llu, %llu)\n", what, (unsigned long long)a, (unsigned long long)b);
    }
}

static const uint8_t *at(const struct check *c, uint64_t block)
{
    return c->image + block * c->bs;
}

static bool bit(const uint8_t *map, uint64_t i)
{
    return map[i / 8] >> (i % 8) & 1;
}

static bool is_zero(const void *memory, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (((const uint8_t *)memory)[i] != 0) {
            return false;
        }
    }
    return true;
}

static uint32_t entry_of(const struct check *c, uint64_t block)
{
    return ((const uint32_t *)at(c, c->super->csum_start))[block];
}

/* ---- Superblock ---- */

static uint64_t up(uint64_t a, uint64_t b)
{
    return (a + b - 1) / b;
}

/* Everything follows from the size, the block size and the journal's size. */
static bool geometry_holds(const struct sfs_super *s)
{
    uint64_t bits = 8ull * s->block_size, table = s->total_blocks / 10;
    uint64_t inodes = table * (s->block_size / 128), ibm = up(inodes, bits);
    uint64_t start = 1 + ibm + up(s->total_blocks, bits) + table;

    if (s->inode_count != inodes || s->inode_bitmap_start != 1 || s->data_bitmap_start != 1 + ibm ||
        s->inode_table_start != start - table || s->data_start != start) {
        return false;
    }
    if (s->version == SFS_VERSION_SEED) {
        return s->journal_start == 0 && s->journal_blocks == 0 && s->csum_start == 0 &&
               s->csum_blocks == 0 && s->orphan_block == 0 && s->backup_sb_block == 0;
    }
    return s->csum_start == start && s->csum_blocks == up(s->total_blocks * 4, s->block_size) &&
           s->journal_start == start + s->csum_blocks && s->journal_blocks >= SFS_JOURNAL_MIN &&
           s->journal_blocks <= SFS_JOURNAL_MAX / s->block_size &&
           s->orphan_block == s->journal_start + s->journal_blocks &&
           s->backup_sb_block == s->total_blocks - 1 && s->orphan_block + 8 < s->total_blocks;
}

static bool super_sound(const struct sfs_super *s, uint64_t size)
{
    uint32_t crc = sfs_csum(0, s, offsetof(struct sfs_super, crc));
    bool seed = s->version == SFS_VERSION_SEED;

    return memcmp(s->magic, SFS_MAGIC, 8) == 0 && (s->crc == crc || (seed && s->crc == 0)) &&
           (seed ? s->block_size == 512 : s->version == SFS_VERSION) && s->block_size >= 512 &&
           s->block_size <= 4096 && (s->block_size & (s->block_size - 1)) == 0 &&
           s->feat_incompat == (seed ? 0 : SFS_INCOMPAT_ALL) &&
           s->total_blocks <= size / s->block_size && s->total_blocks >= 16 && s->state <= 2 &&
           geometry_holds(s);
}

/* The fields that mkfs has set for ever. */
static bool same_volume(const struct sfs_super *a, const struct sfs_super *b)
{
    return memcmp(a, b, offsetof(struct sfs_super, state)) == 0 &&
           memcmp(&a->journal_start, &b->journal_start,
                  offsetof(struct sfs_super, last_mount_ns) -
                      offsetof(struct sfs_super, journal_start)) == 0;
}

static void check_super(struct check *c, uint64_t size)
{
    const struct sfs_super *s = c->super;
    const struct sfs_super *backup = (const struct sfs_super *)at(c, s->total_blocks - 1);

    if (s->state == SFS_STATE_ERROR) {
        finding(c, "marked as damaged", s->error_count, 0);
    }
    if (c->seed) {
        return;
    }
    if (!is_zero(s->zero, sizeof(s->zero)) || !is_zero(s + 1, c->bs - sizeof(*s))) {
        finding(c, "superblock not zero where it must be", 0, 0);
    }
    if (!super_sound(backup, size) || !same_volume(s, backup) ||
        !is_zero(backup->zero, sizeof(backup->zero)) ||
        !is_zero(backup + 1, c->bs - sizeof(*backup))) {
        finding(c, "backup of the superblock", s->total_blocks - 1, 0);
    }
}

static bool log_super_sound(const struct check *c, uint64_t slot)
{
    const struct sfs_jsb *j = (const struct sfs_jsb *)at(c, c->super->journal_start + slot);

    return j->magic == SFS_JSB_MAGIC && j->version == 1 && (j->gen & 1) == slot &&
           j->crc == sfs_csum(c->u, j, offsetof(struct sfs_jsb, crc)) && j->log_first == 2 &&
           j->log_blocks == c->super->journal_blocks - 2 && j->tail_seq > 0 && j->tail_blk >= 2 &&
           j->tail_blk < c->super->journal_blocks && memcmp(j->uuid, c->super->uuid, 16) == 0;
}

/* ---- Blocks ---- */

/* BLOCK belongs to inode WHOSE. Returns whether it may: then it can be looked at. */
static bool use(struct check *c, uint64_t block, bool covered, uint64_t whose)
{
    uint64_t first = c->seed ? c->super->data_start : c->super->orphan_block + 1;
    uint64_t end = c->seed ? c->super->total_blocks : c->super->backup_sb_block;

    if (block < first || block >= end) {
        finding(c, "pointer outside the data region", block, whose);
        return false;
    }
    if (c->used[block]++ != 0) {
        finding(c, "block used twice", block, whose);
        return false;
    }
    c->covered[block] = covered;
    return true;
}

static void reserve(struct check *c, uint64_t first, uint64_t count, bool covered)
{
    for (uint64_t i = 0; i < count; i++) {
        c->used[first + i]++;
        c->covered[first + i] = covered;
    }
}

static const struct sfs_inode *inode_at(const struct check *c, uint64_t ino)
{
    static const struct sfs_inode zero;
    uint64_t block = c->super->inode_table_start + ino * sizeof(zero) / c->bs;

    /* A block of the table that was never used counts as zeros, unless the bitmap says otherwise. */
    if (!c->seed && entry_of(c, block) == 0) {
        uint64_t each = c->bs / sizeof(zero), first = ino / each * each;
        bool in_use = false;

        for (uint64_t i = first; i < first + each; i++) {
            in_use = in_use || bit(at(c, 1), i);
        }
        if (!in_use) {
            return &zero;
        }
    }
    return (const struct sfs_inode *)at(c, c->super->inode_table_start) + ino;
}

static uint64_t size_of(const struct sfs_inode *inode)
{
    return (uint64_t)inode->size_hi << 32 | inode->size_lo;
}

/* The data blocks of a file. */
struct file {
    uint64_t ino, count, mapped, beyond, tail;
    bool meta;
    uint64_t *block; /* of a directory: those that can be looked at, in order */
    uint64_t blocks;
    bool begins; /* a directory: block 0 is there */
};

static void data_block(struct check *c, struct file *file, uint64_t n, uint64_t block)
{
    if (block == 0 || !use(c, block, file->meta, file->ino)) {
        return;
    }
    file->mapped += n < file->count;
    file->beyond += n >= file->count;
    file->tail = n + 1 == file->count ? block : file->tail;
    if (file->meta) {
        file->block = realloc(file->block, (file->blocks + 1) * sizeof(uint64_t));
        file->block[file->blocks++] = block;
        file->begins = file->begins || n == 0;
    }
}

static void walk_tree(struct check *c, struct file *file, uint64_t block, int level, uint64_t first)
{
    uint64_t span = 1;

    if (!use(c, block, true, file->ino)) {
        return;
    }
    for (int i = 0; i < level; i++) {
        span *= c->p;
    }
    for (uint32_t slot = 0; slot < c->p; slot++) {
        uint64_t next = ((const uint64_t *)at(c, block))[slot];

        if (next != 0 && level == 0) {
            data_block(c, file, first + slot, next);
        } else if (next != 0) {
            walk_tree(c, file, next, level - 1, first + slot * span);
        }
    }
}

static uint64_t reach(const struct check *c, int height)
{
    uint64_t span = 1;

    for (int i = 0; i < height; i++) {
        span *= c->p;
    }
    return height == 0 ? 10 : 10 + span;
}

static void check_pointers(struct check *c, const struct sfs_inode *inode, struct file *file)
{
    int height = inode->indirect != 0 ? 1 + (inode->flags & 3) : 0;
    uint64_t most = reach(c, c->seed ? 1 : 4) * c->bs;

    for (int n = 0; n < SFS_DIRECT; n++) {
        data_block(c, file, (uint64_t)n, inode->direct[n]);
    }
    if (height > 0) {
        walk_tree(c, file, inode->indirect, height - 1, 10);
        if (reach(c, height - 1) >= file->count) {
            finding(c, "tree taller than the size asks for", file->ino, (uint64_t)height);
        }
    } else if ((inode->flags & 3) != 0) {
        finding(c, "height without a tree", file->ino, inode->flags);
    }
    if (file->beyond > 0) {
        finding(c, "blocks behind the end", file->ino, file->beyond);
    }
    if (size_of(inode) > (most < SFS_SIZE_MAX ? most : SFS_SIZE_MAX)) {
        finding(c, "size that no file can have", file->ino, size_of(inode));
    }
    if (file->mapped < file->count && !c->seed && (inode->flags & SFS_INODE_SPARSE) == 0) {
        finding(c, "holes without SPARSE", file->ino, file->count - file->mapped);
    }
}

static void check_tail(struct check *c, const struct sfs_inode *inode, const struct file *file)
{
    uint64_t used = size_of(inode) % c->bs;

    if (file->tail != 0 && used != 0 && !is_zero(at(c, file->tail) + used, c->bs - used)) {
        finding(c, "bytes behind the end of a file", file->ino, used);
    }
}

/* ---- Directories ---- */

struct name {
    const char *at;
    size_t length;
};

struct directory {
    uint64_t ino, records; /* "." and ".." are the first two */
    struct name *name;
    uint64_t names;
};

static bool is(const struct name *name, const char *text)
{
    return name->length == strlen(text) && memcmp(name->at, text, name->length) == 0;
}

static void dots_found(struct check *c, struct directory *d, uint64_t ino, const struct name *name)
{
    bool dot = is(name, ".");

    if (dot ? d->records != 0 || ino != d->ino : d->records != 1) {
        finding(c, "'.' or '..' where it must not be", d->ino, ino);
    }
    if (!dot && d->records == 1) {
        c->up[d->ino] = (struct parent){ino, true};
    }
}

static void child_found(struct check *c, uint64_t dir, uint64_t ino)
{
    if (ino == SFS_ROOT || ino == dir || c->parent[ino].known) {
        finding(c, "a directory's second name", dir, ino);
        return;
    }
    c->parent[ino] = (struct parent){dir, true};
    c->subdirs[dir]++;
}

static void name_found(struct check *c, struct directory *d, uint64_t ino, const struct name *name,
                       uint8_t type)
{
    bool dots = is(name, ".") || is(name, "..");

    if (memchr(name->at, '/', name->length) != NULL ||
        memchr(name->at, '\0', name->length) != NULL) {
        finding(c, "name with a byte that it cannot have", d->ino, ino);
    }
    if (dots) {
        dots_found(c, d, ino, name);
        if (type != SFS_TYPE_DIR && !c->seed) {
            finding(c, "type of '.' or '..'", d->ino, ino);
        }
    } else if (d->records < 2) {
        finding(c, "directory without '.' and '..'", d->ino, ino);
    } else if (ino >= c->super->inode_count || inode_at(c, ino)->mode == 0) {
        finding(c, "name that leads to no inode", d->ino, ino);
    } else {
        if (!c->seed && type != inode_at(c, ino)->mode >> 12) {
            finding(c, "record of a wrong type", d->ino, ino);
        }
        c->names[ino]++;
        if (inode_at(c, ino)->mode >> 12 == SFS_TYPE_DIR) {
            child_found(c, d->ino, ino);
        }
    }
    d->name = realloc(d->name, (d->names + 1) * sizeof(*d->name));
    d->name[d->names++] = *name;
}

static void check_seed_block(struct check *c, struct directory *d, const uint8_t *block)
{
    for (uint32_t offset = 0; offset < c->bs; offset += sizeof(struct sfs_seed_dirent)) {
        const struct sfs_seed_dirent *s = (const struct sfs_seed_dirent *)(block + offset);
        struct name name = {s->name, strnlen(s->name, sizeof(s->name))};

        if (name.length > SFS_SEED_NAME_MAX) {
            finding(c, "name without an end", d->ino, offset);
        }
        if (name.length > 0) {
            name_found(c, d, s->inode, &name, 0);
        }
        d->records++;
    }
}

static void check_dir_block(struct check *c, struct directory *d, const uint8_t *block)
{
    const struct sfs_dirent *r;

    for (uint32_t offset = 0; offset < c->bs; offset += r->rec_len, d->records++) {
        r = (const struct sfs_dirent *)(block + offset);
        if (c->bs - offset < 16 || r->rec_len < 16 || r->rec_len % 8 != 0 ||
            r->rec_len > c->bs - offset || r->rec_len < SFS_DIRENT_SIZE(r->name_len)) {
            finding(c, "bad record", d->ino, offset);
            return;
        }
        struct name name = {r->name, r->name_len};
        uint32_t used = SFS_DIRENT_HEADER + r->name_len;

        if (!is_zero((const uint8_t *)r + used, r->rec_len - used) ||
            (name.length == 0 && (r->inode != 0 || r->type != 0))) {
            finding(c, "padding of a record is not zero", d->ino, offset);
        }
        if (name.length > 0) {
            name_found(c, d, r->inode, &name, r->type);
        }
    }
}

static int by_name(const void *a, const void *b)
{
    const struct name *x = a, *y = b;
    int order = memcmp(x->at, y->at, x->length < y->length ? x->length : y->length);

    return order != 0 ? order : (x->length > y->length) - (x->length < y->length);
}

static void check_directory(struct check *c, const struct sfs_inode *inode, struct file *file)
{
    struct directory d = {.ino = file->ino};

    if (size_of(inode) == 0 || size_of(inode) % c->bs != 0 || file->mapped != file->count) {
        finding(c, "directory with a hole, or half a block", file->ino, size_of(inode));
    }
    for (uint64_t i = 0; i < file->blocks; i++) {
        if (c->seed) {
            check_seed_block(c, &d, at(c, file->block[i]));
        } else {
            check_dir_block(c, &d, at(c, file->block[i]));
        }
    }
    if (d.names < 2) {
        finding(c, "directory without '.' and '..'", file->ino, d.names);
    }
    if (d.names > 0) {
        qsort(d.name, d.names, sizeof(*d.name), by_name);
    }
    for (uint64_t i = 1; i < d.names; i++) {
        if (by_name(&d.name[i - 1], &d.name[i]) == 0) {
            finding(c, "a name twice", file->ino, i);
        }
    }
    free(d.name);
}

/* ---- Inodes ---- */

static uint16_t flags_of(uint32_t type)
{
    switch (type) {
    case SFS_TYPE_REG:
        return SFS_INODE_HEIGHT | SFS_INODE_SPARSE;
    case SFS_TYPE_DIR:
        return SFS_INODE_HEIGHT;
    case SFS_TYPE_LNK:
        return SFS_INODE_HEIGHT | SFS_INODE_FASTLINK;
    default:
        return 0;
    }
}

static void check_special(struct check *c, uint64_t ino, const struct sfs_inode *inode)
{
    uint32_t type = inode->mode >> 12;
    int first = type == SFS_TYPE_CHR || type == SFS_TYPE_BLK;

    if (size_of(inode) != 0 || !is_zero(&inode->direct[first], (size_t)(11 - first) * 8)) {
        finding(c, "device or pipe with a size or pointers", ino, type);
    }
}

static void check_symlink(struct check *c, uint64_t ino, const struct sfs_inode *inode)
{
    uint64_t size = size_of(inode);
    bool fast = (inode->flags & SFS_INODE_FASTLINK) != 0;

    if (size == 0 || size > (fast ? SFS_FASTLINK_MAX : SFS_SYMLINK_MAX)) {
        finding(c, "symbolic link of an odd size", ino, size);
    } else if (fast && !is_zero((const uint8_t *)inode->direct + size, 88 - size)) {
        finding(c, "not zero behind a symbolic link's target", ino, size);
    }
}

static void check_contents(struct check *c, uint64_t ino, const struct sfs_inode *inode)
{
    uint32_t type = inode->mode >> 12;
    struct file file = {.ino = ino, .meta = type != SFS_TYPE_REG};

    file.count = (size_of(inode) + c->bs - 1) / c->bs;
    check_pointers(c, inode, &file);
    check_tail(c, inode, &file);
    if (type == SFS_TYPE_DIR) {
        check_directory(c, inode, &file);
    } else if (type == SFS_TYPE_LNK && file.mapped != file.count) {
        finding(c, "symbolic link with a hole", ino, file.mapped);
    }
    free(file.block);
}

static void check_inode(struct check *c, uint64_t ino)
{
    const struct sfs_inode *inode = inode_at(c, ino);
    bool allocated = bit(at(c, c->super->inode_bitmap_start), ino);
    uint32_t type = inode->mode >> 12;

    if (allocated != (inode->mode != 0)) {
        finding(c, "inode bitmap", ino, allocated);
    }
    if (inode->mode == 0) {
        if (!is_zero(inode, sizeof(*inode))) {
            finding(c, "free inode is not zero", ino, 0);
        }
        return;
    }
    if ((inode->flags & SFS_INODE_TRUNCATING) != 0) {
        finding(c, "unfinished truncate", ino, 0);
    }
    if ((inode->flags & ~(c->seed ? 0 : flags_of(type)) & ~SFS_INODE_TRUNCATING) != 0) {
        finding(c, "flags", ino, inode->flags);
    }
    if (type == SFS_TYPE_LNK) {
        check_symlink(c, ino, inode);
    }
    if (type == SFS_TYPE_REG || type == SFS_TYPE_DIR ||
        (type == SFS_TYPE_LNK && (inode->flags & SFS_INODE_FASTLINK) == 0)) {
        check_contents(c, ino, inode);
    } else if (type == SFS_TYPE_CHR || type == SFS_TYPE_BLK || type == SFS_TYPE_FIFO ||
               type == SFS_TYPE_SOCK) {
        check_special(c, ino, inode);
    } else if (type != SFS_TYPE_LNK) {
        finding(c, "type", ino, inode->mode);
    }
}

/* The root can be reached from directory INO: in fewer steps than there are inodes. */
static bool reaches_root(const struct check *c, uint64_t ino)
{
    uint64_t steps = 0;

    while (ino != SFS_ROOT && c->parent[ino].known && steps++ < c->super->inode_count) {
        ino = c->parent[ino].ino;
    }
    return ino == SFS_ROOT;
}

static void check_links(struct check *c, uint64_t ino)
{
    const struct sfs_inode *inode = inode_at(c, ino);
    bool dir = inode->mode >> 12 == SFS_TYPE_DIR;
    uint64_t parent = ino == SFS_ROOT ? SFS_ROOT : c->parent[ino].ino;

    if (inode->mode == 0) {
        if (ino == SFS_ROOT) {
            finding(c, "no root", 0, 0);
        }
        return;
    }
    if (ino == SFS_ROOT && !dir) {
        finding(c, "no root", 0, 0);
    }
    if (inode->nlink != (dir ? 2 + c->subdirs[ino] : c->names[ino]) || inode->nlink == 0) {
        finding(c, "number of links", ino, inode->nlink);
    }
    if (dir && !reaches_root(c, ino)) {
        finding(c, "directory that cannot be reached", ino, 0);
    }
    if (dir && (!c->up[ino].known || c->up[ino].ino != parent)) {
        finding(c, "'..' is not the parent", ino, parent);
    }
}

/* ---- Bitmaps and checksums ---- */

static void check_ends(struct check *c)
{
    const struct sfs_super *s = c->super;
    uint64_t inode_bits = (s->data_bitmap_start - 1) * 8 * c->bs;
    uint64_t data_bits = (s->inode_table_start - s->data_bitmap_start) * 8 * c->bs;

    for (uint64_t i = s->inode_count; i < inode_bits; i++) {
        if (!bit(at(c, 1), i)) {
            finding(c, "end of the inode bitmap", i, 0);
        }
    }
    for (uint64_t b = s->total_blocks; b < data_bits; b++) {
        if (!bit(at(c, s->data_bitmap_start), b)) {
            finding(c, "end of the data bitmap", b, 0);
        }
    }
    for (uint64_t b = s->total_blocks; !c->seed && b < s->csum_blocks * c->bs / 4; b++) {
        if (entry_of(c, b) != 0) {
            finding(c, "checksum behind the end", b, 0);
        }
    }
}

static void check_entry(struct check *c, uint64_t b)
{
    uint32_t entry = entry_of(c, b);
    bool table = b >= c->super->inode_table_start && b < c->super->data_start;

    if (!c->covered[b]) {
        if (entry != 0) {
            finding(c, "checksum of a block that has none", b, entry);
        }
    } else if (table && entry == 0) {
        uint64_t each = c->bs / 128, first = (b - c->super->inode_table_start) * each;

        for (uint64_t i = first; i < first + each; i++) {
            if (bit(at(c, 1), i) && !is_zero(at(c, b), c->bs)) {
                finding(c, "checksum of a used block of the inode table", b, 0);
            }
        }
    } else if (entry != sfs_csum_entry(c->u, b, at(c, b), c->bs)) {
        finding(c, "checksum", b, entry);
    }
}

static void check_blocks(struct check *c)
{
    const uint8_t *map = at(c, c->super->data_bitmap_start);

    for (uint64_t b = 0; b < c->super->total_blocks; b++) {
        if (bit(map, b) != (c->used[b] != 0)) {
            finding(c, c->used[b] ? "block in use is free" : "block leaked", b, c->used[b]);
        }
        if (!c->seed) {
            check_entry(c, b);
        }
    }
    check_ends(c);
}

static void check_orphans(struct check *c)
{
    if (!is_zero(at(c, c->super->orphan_block), c->bs)) {
        const uint64_t *slot = (const uint64_t *)at(c, c->super->orphan_block);

        for (uint32_t i = 0; i < c->p; i++) {
            if (slot[i] != 0 && (i + 1 < c->p || slot[i] != SFS_ORPHAN_OVERFLOW)) {
                finding(c, "orphan on a clean volume", i, slot[i]);
            }
        }
    }
}

/* ---- All of it ---- */

static void check_all(struct check *c, uint64_t size)
{
    const struct sfs_super *s = c->super;

    check_super(c, size);
    reserve(c, 0, 1, false);
    reserve(c, 1, s->data_start - 1, true);
    if (!c->seed) {
        reserve(c, s->csum_start, s->csum_blocks + s->journal_blocks, false);
        reserve(c, s->orphan_block, 1, true);
        reserve(c, s->backup_sb_block, 1, false);
        check_orphans(c);
        if (!log_super_sound(c, 0) && !log_super_sound(c, 1)) {
            finding(c, "no superblock of the journal", 0, 0);
        }
    }
    for (uint64_t ino = 0; ino < s->inode_count; ino++) {
        check_inode(c, ino);
    }
    for (uint64_t ino = 0; ino < s->inode_count; ino++) {
        check_links(c, ino);
    }
    check_blocks(c);
}

int check_volume(const uint8_t *image, uint64_t size)
{
    const struct sfs_super *s = (const struct sfs_super *)image;
    struct check c = {.image = image, .super = s, .bs = s->block_size, .p = s->block_size / 8};

    sfs_csum_init();
    if (size < 4096 || !super_sound(s, size)) {
        finding(&c, "superblock", 0, 0);
        return c.findings;
    }
    c.seed = s->version == SFS_VERSION_SEED;
    c.u = sfs_csum_uuid(s->uuid);
    c.used = calloc(s->total_blocks, 1);
    c.covered = calloc(s->total_blocks, 1);
    c.names = calloc(s->inode_count, sizeof(*c.names));
    c.subdirs = calloc(s->inode_count, sizeof(*c.subdirs));
    c.parent = calloc(s->inode_count, sizeof(*c.parent));
    c.up = calloc(s->inode_count, sizeof(*c.up));
    check_all(&c, size);
    free(c.used);
    free(c.covered);
    free(c.names);
    free(c.subdirs);
    free(c.parent);
    free(c.up);
    return c.findings;
}
