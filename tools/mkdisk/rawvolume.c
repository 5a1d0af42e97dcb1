/* rawvolume.c - see rawvolume.h. */
#include "rawvolume.h"

#include <string.h>

#include "fs/csum.h"
#include "fs/super.h"
#include "include/layout.h"

static bool super_at(struct raw *raw, uint64_t lba, uint64_t sectors)
{
    return image_read(raw->image, lba, &raw->super, 1) == 0 &&
           sfs_super_check(&raw->super, sectors) == 0;
}

bool raw_open(struct raw *raw, const struct image *image, const struct volume_place *place)
{
    bool found;

    sfs_csum_init();
    *raw = (struct raw){.image = image, .first_lba = place->first_lba};
    found = super_at(raw, place->first_lba, place->sectors);
    for (uint32_t bs = SFS_BLOCK_MIN; !found && bs <= SFS_BLOCK_MAX; bs *= 2) {
        uint64_t blocks = place->sectors / (bs / SECTOR_SIZE);

        found =
            blocks > 0 &&
            super_at(raw, place->first_lba + (blocks - 1) * (bs / SECTOR_SIZE), place->sectors) &&
            raw->super.block_size == bs && raw->super.backup_sb_block == blocks - 1;
        raw->from_backup = found;
    }
    raw->bs = raw->super.block_size;
    raw->u = sfs_csum_uuid(raw->super.uuid);
    return found;
}

bool raw_read(const struct raw *raw, uint64_t block, uint8_t *buffer)
{
    uint32_t sectors = raw->bs / SECTOR_SIZE;

    return block < raw->super.total_blocks &&
           image_read(raw->image, raw->first_lba + block * sectors, buffer, sectors) == 0;
}

void raw_extent(const struct raw *raw, enum area area, uint64_t *first, uint64_t *count)
{
    const struct sfs_super *super = &raw->super;
    bool seed = super->version == SFS_VERSION_SEED;
    uint64_t end = seed ? super->total_blocks : super->backup_sb_block;
    const struct {
        uint64_t first, count;
    } extent[AREA_COUNT] = {
        [AREA_SUPER] = {0, 1},
        [AREA_INODE_BITMAP] = {super->inode_bitmap_start, sfs_ibm_blocks(super)},
        [AREA_DATA_BITMAP] = {super->data_bitmap_start, sfs_dbm_blocks(super)},
        [AREA_INODE_TABLE] = {super->inode_table_start, sfs_table_blocks(super)},
        [AREA_CSUM_TABLE] = {super->csum_start, super->csum_blocks},
        [AREA_JOURNAL] = {super->journal_start, super->journal_blocks},
        [AREA_ORPHANS] = {super->orphan_block, !seed},
        [AREA_FILES] = {sfs_first_file_block(super), end - sfs_first_file_block(super)},
        [AREA_BACKUP] = {super->backup_sb_block, !seed},
    };

    *first = extent[area].first;
    *count = extent[area].count;
}

enum area raw_area(const struct raw *raw, uint64_t block, uint64_t *first)
{
    uint64_t start, count;

    for (int area = 0; area < AREA_COUNT; area++) {
        raw_extent(raw, area, &start, &count);
        if (block >= start && block - start < count) {
            if (first != NULL) {
                *first = start;
            }
            return area;
        }
    }
    return AREA_FILES;
}

const char *area_name(enum area area)
{
    static const char *const names[AREA_COUNT] = {
        [AREA_SUPER] = "superblock",        [AREA_INODE_BITMAP] = "inode bitmap",
        [AREA_DATA_BITMAP] = "data bitmap", [AREA_INODE_TABLE] = "inode table",
        [AREA_CSUM_TABLE] = "checksums",    [AREA_JOURNAL] = "journal",
        [AREA_ORPHANS] = "orphans",         [AREA_FILES] = "files",
        [AREA_BACKUP] = "backup",
    };

    return names[area];
}

bool raw_in_use(const struct raw *raw, uint64_t block)
{
    uint8_t bits[SFS_BLOCK_MAX];
    uint64_t each = 8ull * raw->bs;

    return !raw_read(raw, raw->super.data_bitmap_start + block / each, bits) ||
           (bits[block % each / 8] >> block % 8 & 1) != 0;
}

bool raw_inode(const struct raw *raw, uint64_t ino, struct sfs_inode *inode)
{
    uint8_t block[SFS_BLOCK_MAX];
    uint32_t each = raw->bs / sizeof *inode;

    if (ino >= raw->super.inode_count ||
        !raw_read(raw, raw->super.inode_table_start + ino / each, block)) {
        return false;
    }
    memcpy(inode, block + ino % each * sizeof *inode, sizeof *inode);
    return inode->mode != 0;
}

enum csum_state raw_csum(const struct raw *raw, uint64_t block, const uint8_t *data)
{
    uint8_t table[SFS_BLOCK_MAX];
    uint32_t each = raw->bs / 4, entry;

    if (raw->super.version == SFS_VERSION_SEED ||
        !raw_read(raw, raw->super.csum_start + block / each, table)) {
        return CSUM_NONE;
    }
    memcpy(&entry, table + block % each * 4, 4);
    if (entry == 0) {
        return CSUM_NONE;
    }
    return entry == sfs_csum_entry(raw->u, block, data, raw->bs) ? CSUM_RIGHT : CSUM_WRONG;
}

/* ---- Owners ---- */

struct search {
    const struct raw *raw;
    uint64_t block;
    uint64_t steps; /* left: as many blocks as there are cannot be met more often than once */
    struct owner *owner;
};

static bool is_tree_block(const struct raw *raw, uint64_t block)
{
    return block != 0 && block < raw->super.total_blocks &&
           raw_area(raw, block, NULL) == AREA_FILES;
}

/* Look below the indirect block AT, HEIGHT levels above the contents; N: what it leads to first. */
static bool search_tree(struct search *search, uint64_t at, unsigned height, uint64_t n)
{
    uint8_t data[SFS_BLOCK_MAX];
    uint32_t pointers = search->raw->bs / 8;
    uint64_t reach = 1;

    if (!is_tree_block(search->raw, at) || search->steps == 0) {
        return false;
    }
    search->steps--;
    if (at == search->block) {
        search->owner->height = height;
        search->owner->n = n;
        return true;
    }
    if (height == 0 || !raw_read(search->raw, at, data)) {
        return false;
    }
    for (unsigned level = 1; level < height; level++) {
        reach *= pointers;
    }
    for (uint32_t i = 0; i < pointers; i++) {
        uint64_t next;

        memcpy(&next, data + 8 * i, 8);
        if (next != 0 && search_tree(search, next, height - 1, n + i * reach)) {
            return true;
        }
    }
    return false;
}

static bool has_tree(const struct sfs_inode *inode)
{
    unsigned type = inode->mode >> 12;

    return type == SFS_TYPE_REG || type == SFS_TYPE_DIR ||
           (type == SFS_TYPE_LNK && (inode->flags & SFS_INODE_FASTLINK) == 0);
}

static bool search_inode(struct search *search, const struct sfs_inode *inode)
{
    for (unsigned i = 0; i < SFS_DIRECT; i++) {
        if (inode->direct[i] != 0 && search_tree(search, inode->direct[i], 0, i)) {
            return true;
        }
    }
    return inode->indirect != 0 &&
           search_tree(search, inode->indirect, 1 + (inode->flags & SFS_INODE_HEIGHT), SFS_DIRECT);
}

bool raw_owner(const struct raw *raw, uint64_t block, struct owner *owner)
{
    struct search search = {raw, block, 2 * raw->super.total_blocks, owner};
    uint8_t table[SFS_BLOCK_MAX];
    uint32_t each = raw->bs / sizeof(struct sfs_inode);

    for (uint64_t i = 0; i < sfs_table_blocks(&raw->super); i++) {
        if (!raw_read(raw, raw->super.inode_table_start + i, table)) {
            continue;
        }
        for (uint32_t j = 0; j < each; j++) {
            memcpy(&owner->inode, table + j * sizeof owner->inode, sizeof owner->inode);
            owner->ino = i * each + j;
            if (owner->inode.mode != 0 && has_tree(&owner->inode) &&
                search_inode(&search, &owner->inode)) {
                return true;
            }
        }
    }
    return false;
}
