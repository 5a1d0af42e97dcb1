/* checker.c - see checker.h. */
#include "tests/fs/checker.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fs/csum.h"
#include "fs/format.h"

struct check {
    const uint8_t *image;
    const struct sfs_super *super;
    uint32_t bs, p;
    bool seed;
    uint8_t *used;    /* a count for each block */
    uint8_t *covered; /* has a checksum entry */
    uint32_t *links;  /* names that lead to each inode */
    uint32_t *subdirs;
    int findings;
};

static void finding(struct check *c, const char *what, uint64_t a, uint64_t b)
{
    if (c->findings++ < 10) {
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

static void use(struct check *c, uint64_t block, bool covered, uint64_t whose)
{
    if (block < c->super->data_start || block >= c->super->total_blocks) {
        finding(c, "pointer outside the data region", block, whose);
        return;
    }
    if (c->used[block]++ != 0) {
        finding(c, "block used twice", block, whose);
    }
    c->covered[block] = covered;
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
    return (const struct sfs_inode *)(at(c, c->super->inode_table_start) +
                                      ino * sizeof(struct sfs_inode));
}

static uint64_t size_of(const struct sfs_inode *inode)
{
    return (uint64_t)inode->size_hi << 32 | inode->size_lo;
}

/* The data blocks of a file, in order: BLOCKS[n], 0 for a hole. */
struct file {
    uint64_t ino, count, holes, beyond;
    uint64_t *block;
    bool meta;
};

static void data_block(struct check *c, struct file *file, uint64_t n, uint64_t block)
{
    if (block == 0) {
        return;
    }
    use(c, block, file->meta, file->ino);
    if (n < file->count) {
        file->block[n] = block;
    } else {
        file->beyond++;
    }
}

static void walk_tree(struct check *c, struct file *file, uint64_t block, int level, uint64_t first)
{
    uint64_t span = 1;

    use(c, block, true, file->ino);
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
    for (uint64_t n = 0; n < file->count; n++) {
        file->holes += file->block[n] == 0;
    }
    if (file->beyond > 0) {
        finding(c, "blocks behind the end", file->ino, file->beyond);
    }
    if (file->holes > 0 && !c->seed && (inode->flags & SFS_INODE_SPARSE) == 0) {
        finding(c, "holes without SPARSE", file->ino, file->holes);
    }
}

static void check_tail(struct check *c, const struct sfs_inode *inode, const struct file *file)
{
    uint64_t size = size_of(inode);
    uint64_t last = file->count > 0 ? file->block[file->count - 1] : 0;

    for (uint64_t i = size % c->bs; last != 0 && size % c->bs != 0 && i < c->bs; i++) {
        if (at(c, last)[i] != 0) {
            finding(c, "bytes behind the end of a file", file->ino, i);
            return;
        }
    }
}

static void name_found(struct check *c, uint64_t dir, uint64_t ino, const char *name, size_t length,
                       uint8_t type, uint64_t position)
{
    const struct sfs_inode *inode;

    if (ino >= c->super->inode_count || inode_at(c, ino)->mode == 0) {
        finding(c, "name that leads to no inode", dir, ino);
        return;
    }
    inode = inode_at(c, ino);
    if (!c->seed && type != inode->mode >> 12) {
        finding(c, "record of a wrong type", dir, ino);
    }
    c->links[ino]++;
    if (length == 1 && name[0] == '.') {
        if (ino != dir || position != 0) {
            finding(c, "'.' is not the directory", dir, ino);
        }
    } else if (length == 2 && memcmp(name, "..", 2) == 0) {
        c->subdirs[ino] += dir != SFS_ROOT;
    } else if (inode->mode >> 12 == SFS_TYPE_DIR) {
        c->subdirs[dir] += 1u << 16;
    }
}

static void check_dir_block(struct check *c, uint64_t dir, const uint8_t *block, uint64_t position)
{
    for (uint32_t offset = 0; offset < c->bs;) {
        const struct sfs_dirent *d = (const struct sfs_dirent *)(block + offset);

        if (c->seed) {
            const struct sfs_seed_dirent *s = (const struct sfs_seed_dirent *)(block + offset);

            if (s->name[0] != 0) {
                name_found(c, dir, s->inode, s->name, strlen(s->name), 0, position + offset);
            }
            offset += sizeof(*s);
            continue;
        }
        if (d->rec_len < 16 || d->rec_len % 8 != 0 || d->rec_len > c->bs - offset ||
            d->rec_len < SFS_DIRENT_SIZE(d->name_len)) {
            finding(c, "bad record", dir, position + offset);
            return;
        }
        for (uint32_t i = d->name_len ? SFS_DIRENT_HEADER + d->name_len : SFS_DIRENT_HEADER;
             i < d->rec_len; i++) {
            if (block[offset + i] != 0) {
                finding(c, "padding of a record is not zero", dir, position + offset);
                break;
            }
        }
        if (d->name_len > 0) {
            name_found(c, dir, d->inode, d->name, d->name_len, d->type, position + offset);
        }
        offset += d->rec_len;
    }
}

static void check_inode(struct check *c, uint64_t ino)
{
    static const struct sfs_inode zero;
    const struct sfs_inode *inode = inode_at(c, ino);
    bool allocated = bit(at(c, c->super->inode_bitmap_start), ino);
    uint32_t type = inode->mode >> 12;
    struct file file = {.ino = ino, .meta = type == SFS_TYPE_DIR || type == SFS_TYPE_LNK};

    if (allocated != (inode->mode != 0)) {
        finding(c, "inode bitmap", ino, allocated);
    }
    if (inode->mode == 0) {
        if (memcmp(inode, &zero, sizeof(zero)) != 0) {
            finding(c, "free inode is not zero", ino, 0);
        }
        return;
    }
    if ((inode->flags & SFS_INODE_TRUNCATING) != 0) {
        finding(c, "unfinished truncate", ino, 0);
    }
    if (type == SFS_TYPE_CHR || type == SFS_TYPE_BLK || (inode->flags & SFS_INODE_FASTLINK) != 0) {
        return;
    }
    file.count = (size_of(inode) + c->bs - 1) / c->bs;
    if (file.count > 4u << 20) {
        finding(c, "file too large for this checker", ino, file.count);
        return;
    }
    file.block = calloc(file.count + 1, sizeof(uint64_t));
    check_pointers(c, inode, &file);
    check_tail(c, inode, &file);
    for (uint64_t n = 0; type == SFS_TYPE_DIR && n < file.count; n++) {
        if (file.block[n] == 0) {
            finding(c, "directory with a hole", ino, n);
        } else {
            check_dir_block(c, ino, at(c, file.block[n]), n * c->bs);
        }
    }
    free(file.block);
}

static void check_links(struct check *c, uint64_t ino)
{
    const struct sfs_inode *inode = inode_at(c, ino);

    if (inode->mode == 0) {
        return;
    }
    if (inode->nlink != c->links[ino] - (ino == SFS_ROOT)) {
        /* The root's ".." counts as one name, and no other directory names it. */
        if (!(ino == SFS_ROOT && inode->nlink == c->links[ino])) {
            finding(c, "number of links", ino, inode->nlink);
        }
    }
    if (inode->mode >> 12 == SFS_TYPE_DIR &&
        (c->subdirs[ino] >> 16) != (c->subdirs[ino] & 0xFFFF)) {
        finding(c, "subdirectories and their '..' disagree", ino, c->subdirs[ino]);
    }
}

static void check_blocks(struct check *c)
{
    const uint8_t *map = at(c, c->super->data_bitmap_start);
    const uint32_t *entries = (const uint32_t *)at(c, c->super->csum_start);
    uint32_t u = sfs_csum_uuid(c->super->uuid);

    for (uint64_t b = 0; b < c->super->total_blocks; b++) {
        if (bit(map, b) != (c->used[b] != 0)) {
            finding(c, c->used[b] ? "block in use is free" : "block leaked", b, c->used[b]);
        }
        if (c->seed) {
            continue;
        }
        bool table = b >= c->super->inode_table_start && b < c->super->data_start;

        if (c->covered[b] && !(table && entries[b] == 0) &&
            entries[b] != sfs_csum_entry(u, b, at(c, b), c->bs)) {
            finding(c, "checksum", b, entries[b]);
        }
        if (!c->covered[b] && entries[b] != 0) {
            finding(c, "checksum of a block that has none", b, entries[b]);
        }
    }
}

int check_volume(const uint8_t *image, uint64_t size)
{
    const struct sfs_super *s = (const struct sfs_super *)image;
    struct check c = {.image = image, .super = s, .bs = s->block_size, .p = s->block_size / 8};

    sfs_csum_init();
    if (s->total_blocks * s->block_size > size || s->state == SFS_STATE_ERROR) {
        finding(&c, "superblock", s->total_blocks, s->state);
        return c.findings;
    }
    c.seed = s->version == SFS_VERSION_SEED;
    c.used = calloc(s->total_blocks, 1);
    c.covered = calloc(s->total_blocks, 1);
    c.links = calloc(s->inode_count, sizeof(uint32_t));
    c.subdirs = calloc(s->inode_count, sizeof(uint32_t));
    reserve(&c, 0, 1, false);
    reserve(&c, 1, s->data_start - 1, true);
    if (!c.seed) {
        reserve(&c, s->csum_start, s->csum_blocks + s->journal_blocks, false);
        reserve(&c, s->orphan_block, 1, true);
        reserve(&c, s->backup_sb_block, 1, false);
        for (uint32_t i = 0; i < c.p; i++) {
            if (((const uint64_t *)at(&c, s->orphan_block))[i] != 0) {
                finding(&c, "orphan on a clean volume", i, 0);
            }
        }
    }
    for (uint64_t ino = 0; ino < s->inode_count; ino++) {
        check_inode(&c, ino);
    }
    for (uint64_t ino = 0; ino < s->inode_count; ino++) {
        check_links(&c, ino);
    }
    check_blocks(&c);
    free(c.used);
    free(c.covered);
    free(c.links);
    free(c.subdirs);
    return c.findings;
}
