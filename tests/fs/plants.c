/* plants.c - see plants.h. */
#include "tests/fs/plants.h"

#include <stdlib.h>
#include <string.h>

#include "fs/csum.h"

#define I (vol_inodes())

static uint32_t bs_of(struct ramdisk *disk)
{
    return vol_super(disk)->block_size;
}

static bool seed(struct ramdisk *disk)
{
    return vol_super(disk)->version == SFS_VERSION_SEED;
}

/* ---- F1, F2: superblock, backup, journal ---- */

static void primary_garbage(struct ramdisk *disk)
{
    memset(vol_super(disk), 0xA5, 512);
}

static void primary_bit(struct ramdisk *disk)
{
    vol_super(disk)->data_start ^= 4;
}

static void marked(struct ramdisk *disk)
{
    vol_super(disk)->state = SFS_STATE_ERROR;
    vol_super(disk)->error_count = 3;
    vol_sign_super(disk, 0);
}

static void backup_garbage(struct ramdisk *disk)
{
    memset(vol_block(disk, vol_super(disk)->backup_sb_block), 0x11, 512);
}

static void backup_other(struct ramdisk *disk)
{
    uint64_t block = vol_super(disk)->backup_sb_block;

    ((struct sfs_super *)vol_block(disk, block))->label[0] ^= 1;
    vol_sign_super(disk, block);
}

static void super_zero(struct ramdisk *disk)
{
    vol_super(disk)->zero[9] = 1;
    vol_sign_super(disk, 0);
}

static void no_log(struct ramdisk *disk)
{
    memset(vol_block(disk, vol_super(disk)->journal_start), 0x77, 2 * bs_of(disk));
}

/* A commit block of a number far behind the tail, on a volume that was not unmounted. */
static void log_damaged(struct ramdisk *disk)
{
    const struct sfs_super *s = vol_super(disk);
    uint64_t at = 40;
    struct sfs_commit *c = (struct sfs_commit *)vol_block(disk, s->journal_start + at);

    memset(c, 0, bs_of(disk));
    c->magic = SFS_RECORD_MAGIC;
    c->type = SFS_RECORD_COMMIT;
    c->seq = 100000;
    c->crc = sfs_csum(sfs_csum(sfs_csum_uuid(s->uuid), &at, sizeof(at)), c,
                      offsetof(struct sfs_commit, crc));
    vol_super(disk)->state = SFS_STATE_IN_USE;
    vol_sign_super(disk, 0);
}

/* ---- F3: checksums ---- */

static void csum_of(struct ramdisk *disk, uint64_t block)
{
    *vol_entry(disk, block) ^= 0x5A;
}

static void csum_data_bitmap(struct ramdisk *disk)
{
    csum_of(disk, vol_super(disk)->data_bitmap_start);
}

static void csum_inode_bitmap(struct ramdisk *disk)
{
    csum_of(disk, 1);
}

static void csum_table(struct ramdisk *disk)
{
    csum_of(disk, vol_super(disk)->inode_table_start);
}

static void csum_table_none(struct ramdisk *disk)
{
    *vol_entry(disk, vol_super(disk)->inode_table_start) = 0;
}

static void csum_indirect(struct ramdisk *disk)
{
    csum_of(disk, vol_inode(disk, I->large)->indirect);
}

static void csum_indirect_none(struct ramdisk *disk)
{
    *vol_entry(disk, vol_inode(disk, I->large)->indirect) = 0;
}

static void csum_directory(struct ramdisk *disk)
{
    csum_of(disk, vol_map(disk, I->dir, 0));
}

static void csum_directory_none(struct ramdisk *disk)
{
    *vol_entry(disk, vol_map(disk, I->dir, 0)) = 0;
}

static void csum_symlink(struct ramdisk *disk)
{
    csum_of(disk, vol_map(disk, I->slow, 0));
}

static void csum_orphans(struct ramdisk *disk)
{
    csum_of(disk, vol_super(disk)->orphan_block);
}

static void csum_stale_data(struct ramdisk *disk)
{
    *vol_entry(disk, vol_map(disk, I->small, 0)) = 7;
}

static void csum_stale_free(struct ramdisk *disk)
{
    *vol_entry(disk, vol_free_block(disk)) = 7;
}

static void csum_stale_journal(struct ramdisk *disk)
{
    *vol_entry(disk, vol_super(disk)->journal_start + 3) = 7;
}

static void indirect_garbage(struct ramdisk *disk)
{
    memset(vol_block(disk, vol_inode(disk, I->large)->indirect), 0x99, bs_of(disk));
}

/* ---- F4: blocks ---- */

static void flip_bit(struct ramdisk *disk, uint64_t block)
{
    uint64_t map = vol_super(disk)->data_bitmap_start + block / (8ull * bs_of(disk));

    vol_block(disk, vol_super(disk)->data_bitmap_start)[block / 8] ^= (uint8_t)(1u << block % 8);
    vol_sign(disk, map);
}

static void block_free(struct ramdisk *disk)
{
    flip_bit(disk, vol_map(disk, I->small, 0));
}

static void block_leak(struct ramdisk *disk)
{
    flip_bit(disk, vol_free_block(disk));
}

static void reserved_free(struct ramdisk *disk)
{
    flip_bit(disk, 1);
}

static void bitmap_end(struct ramdisk *disk)
{
    uint64_t block = vol_super(disk)->data_bitmap_start - 1;

    vol_block(disk, block)[bs_of(disk) - 1] &= 0x7F;
    vol_sign(disk, block);
}

/* Two files, one block: the one with the lower number keeps it. */
static void twice_data(struct ramdisk *disk)
{
    vol_inode(disk, I->large)->direct[3] = vol_map(disk, I->small, 0);
    vol_sign_inode(disk, I->large);
}

/* A file that comes first claims a directory's block: the checksum knows better. */
static void twice_directory(struct ramdisk *disk)
{
    vol_inode(disk, I->small)->direct[0] = vol_map(disk, I->dir, 0);
    vol_sign_inode(disk, I->small);
}

static void twice_self(struct ramdisk *disk)
{
    vol_inode(disk, I->large)->direct[4] = vol_inode(disk, I->large)->direct[3];
    vol_sign_inode(disk, I->large);
}

static void twice_indirect(struct ramdisk *disk)
{
    vol_inode(disk, I->tall)->indirect = vol_inode(disk, I->large)->indirect;
    vol_inode(disk, I->tall)->flags &= (uint16_t)~SFS_INODE_HEIGHT;
    vol_sign_inode(disk, I->tall);
}

static void pointer_beyond(struct ramdisk *disk)
{
    vol_inode(disk, I->large)->direct[2] = 1ull << 40;
    vol_sign_inode(disk, I->large);
}

static void pointer_metadata(struct ramdisk *disk)
{
    vol_inode(disk, I->large)->direct[2] = vol_super(disk)->inode_table_start;
    vol_sign_inode(disk, I->large);
}

static void pointer_indirect(struct ramdisk *disk)
{
    vol_inode(disk, I->large)->indirect = vol_super(disk)->total_blocks;
    vol_sign_inode(disk, I->large);
}

static void pointer_to_data(struct ramdisk *disk)
{
    vol_inode(disk, I->large)->indirect = vol_map(disk, I->small, 0);
    vol_sign_inode(disk, I->large);
}

/* An indirect block that points to itself. */
static void pointer_loop(struct ramdisk *disk)
{
    uint64_t block = vol_inode(disk, I->tall)->indirect;

    ((uint64_t *)vol_block(disk, block))[1] = block;
    vol_sign(disk, block);
}

/* ---- F5, F9: inodes ---- */

static void flip_inode(struct ramdisk *disk, uint64_t ino)
{
    vol_block(disk, 1)[ino / 8] ^= (uint8_t)(1u << ino % 8);
    vol_sign(disk, 1);
}

static void inode_free(struct ramdisk *disk)
{
    flip_inode(disk, I->small);
}

static void inode_leak(struct ramdisk *disk)
{
    flip_inode(disk, vol_super(disk)->inode_count - 1);
}

static void inode_junk(struct ramdisk *disk)
{
    uint64_t ino = I->small;

    while (vol_inode(disk, ino)->mode != 0) {
        ino++;
    }
    vol_inode(disk, ino)->mtime_ns = 5;
    vol_sign_inode(disk, ino);
}

static void flags_unknown(struct ramdisk *disk)
{
    vol_inode(disk, I->small)->flags |= 0x4000;
    vol_sign_inode(disk, I->small);
}

static void special_size(struct ramdisk *disk)
{
    vol_inode(disk, I->fifo)->size_lo = 5;
    vol_sign_inode(disk, I->fifo);
}

static void special_pointer(struct ramdisk *disk)
{
    vol_inode(disk, I->device)->direct[1] = 5;
    vol_sign_inode(disk, I->device);
}

static void fastlink_rest(struct ramdisk *disk)
{
    ((uint8_t *)vol_inode(disk, I->fast))[0x7F] = 5;
    vol_sign_inode(disk, I->fast);
}

/* ---- F6: links, orphans ---- */

static void nlink_high(struct ramdisk *disk)
{
    vol_inode(disk, I->inside)->nlink = 9;
    vol_sign_inode(disk, I->inside);
}

static void nlink_zero(struct ramdisk *disk)
{
    vol_inode(disk, I->small)->nlink = 0;
    vol_sign_inode(disk, I->small);
}

static void nlink_directory(struct ramdisk *disk)
{
    vol_inode(disk, I->dir)->nlink = 2;
    vol_sign_inode(disk, I->dir);
}

static void set_orphan(struct ramdisk *disk, uint32_t slot, uint64_t value)
{
    uint64_t block = vol_super(disk)->orphan_block;

    ((uint64_t *)vol_block(disk, block))[slot] = value;
    vol_sign(disk, block);
}

static void orphan_linked(struct ramdisk *disk)
{
    set_orphan(disk, 3, I->small);
}

static void orphan_free(struct ramdisk *disk)
{
    set_orphan(disk, 0, vol_super(disk)->inode_count - 2);
}

static void orphan_range(struct ramdisk *disk)
{
    set_orphan(disk, 0, 1ull << 50);
}

static void orphan_garbage(struct ramdisk *disk)
{
    memset(vol_block(disk, vol_super(disk)->orphan_block), 0xEE, bs_of(disk));
}

static void remove_name(struct ramdisk *disk, uint64_t dir, const char *name)
{
    struct sfs_dirent *d = vol_record(disk, dir, name);
    uint64_t block = (uint64_t)((uint8_t *)d - ramdisk_bytes(disk)) / bs_of(disk);

    d->inode = 0;
    memset(d->name, 0, d->name_len);
    d->name_len = d->type = 0;
    vol_sign(disk, block);
}

static void orphan_clean(struct ramdisk *disk)
{
    remove_name(disk, 0, "small");
    vol_inode(disk, I->small)->nlink = 0;
    vol_sign_inode(disk, I->small);
    set_orphan(disk, 0, I->small);
}

static void truncating(struct ramdisk *disk)
{
    vol_inode(disk, I->small)->flags |= SFS_INODE_TRUNCATING;
    vol_sign_inode(disk, I->small);
}

static void unnamed_file(struct ramdisk *disk)
{
    remove_name(disk, 0, "small");
}

static void unnamed_zero(struct ramdisk *disk)
{
    remove_name(disk, 0, "small");
    vol_inode(disk, I->small)->nlink = 0;
    vol_sign_inode(disk, I->small);
}

static void unnamed_directory(struct ramdisk *disk)
{
    remove_name(disk, 0, "dir");
}

static void overflow(struct ramdisk *disk)
{
    orphan_clean(disk);
    set_orphan(disk, 0, 0);
    set_orphan(disk, bs_of(disk) / 8 - 1, SFS_ORPHAN_OVERFLOW);
}

/* ---- F7: directories ---- */

static uint8_t *dir_bytes(struct ramdisk *disk, uint64_t dir)
{
    return vol_block(disk, vol_map(disk, dir, 0));
}

static void sign_dir(struct ramdisk *disk, uint64_t dir)
{
    vol_sign(disk, vol_map(disk, dir, 0));
}

static struct sfs_dirent *rename_to(struct ramdisk *disk, uint64_t dir, const char *name)
{
    return vol_record(disk, dir, name);
}

static void root_cleared(struct ramdisk *disk)
{
    memset(vol_inode(disk, 0), 0, 128);
    vol_sign_inode(disk, 0);
}

static void root_file(struct ramdisk *disk)
{
    vol_inode(disk, 0)->mode = 0100644;
    vol_sign_inode(disk, 0);
}

static void root_block(struct ramdisk *disk)
{
    memset(dir_bytes(disk, 0), 0x33, bs_of(disk));
}

static void chain_zero(struct ramdisk *disk)
{
    vol_record(disk, I->dir, "sub")->rec_len = 0;
    sign_dir(disk, I->dir);
}

static void chain_long(struct ramdisk *disk)
{
    vol_record(disk, I->dir, "..")->rec_len = 0xFFF8;
    sign_dir(disk, I->dir);
}

static void dot_other(struct ramdisk *disk)
{
    vol_record(disk, I->sub, ".")->inode = 0;
    sign_dir(disk, I->sub);
}

static void dot_missing(struct ramdisk *disk)
{
    rename_to(disk, I->sub, ".")->name[0] = 'x';
    sign_dir(disk, I->sub);
}

static void dotdot_other(struct ramdisk *disk)
{
    vol_record(disk, I->sub, "..")->inode = I->many;
    sign_dir(disk, I->sub);
}

static void dotdot_root(struct ramdisk *disk)
{
    vol_record(disk, 0, "..")->inode = I->dir;
    sign_dir(disk, 0);
}

static void dotdot_none(struct ramdisk *disk)
{
    vol_record(disk, I->sub, "..")->inode = UINT64_MAX;
    sign_dir(disk, I->sub);
}

static void dots_again(struct ramdisk *disk)
{
    struct sfs_dirent *d = vol_record(disk, I->sub, "inside");

    d->name_len = 1;
    memcpy(d->name, ".\0\0\0\0\0", 6);
    sign_dir(disk, I->sub);
}

static void name_slash(struct ramdisk *disk)
{
    vol_record(disk, I->sub, "inside")->name[2] = '/';
    sign_dir(disk, I->sub);
}

static void name_nul(struct ramdisk *disk)
{
    vol_record(disk, I->sub, "inside")->name[2] = '\0';
    sign_dir(disk, I->sub);
}

static void name_twice(struct ramdisk *disk)
{
    memcpy(vol_record(disk, I->sub, "inside")->name, "deep\0", 6);
    vol_record(disk, I->sub, "deep")->name_len = 4;
    for (uint32_t at = 0; at < bs_of(disk);) {
        struct sfs_dirent *d = (struct sfs_dirent *)(dir_bytes(disk, I->sub) + at);

        if (d->inode == I->inside) {
            d->name_len = 4;
        }
        at += d->rec_len;
    }
    sign_dir(disk, I->sub);
}

static void dangling_free(struct ramdisk *disk)
{
    vol_record(disk, I->sub, "inside")->inode = vol_super(disk)->inode_count - 1;
    sign_dir(disk, I->sub);
}

static void dangling_range(struct ramdisk *disk)
{
    vol_record(disk, I->sub, "inside")->inode = 1ull << 60;
    sign_dir(disk, I->sub);
}

static void record_type(struct ramdisk *disk)
{
    vol_record(disk, I->sub, "inside")->type = SFS_TYPE_FIFO;
    sign_dir(disk, I->sub);
}

/* A second name for a directory. */
static void directory_twice(struct ramdisk *disk)
{
    struct sfs_dirent *d = vol_record(disk, I->sub, "inside");

    d->inode = I->many;
    d->type = SFS_TYPE_DIR;
    sign_dir(disk, I->sub);
}

static void directory_in_itself(struct ramdisk *disk)
{
    struct sfs_dirent *d = vol_record(disk, I->sub, "deep");

    d->inode = I->sub;
    sign_dir(disk, I->sub);
}

static void directory_root(struct ramdisk *disk)
{
    vol_record(disk, I->sub, "deep")->inode = 0;
    sign_dir(disk, I->sub);
}

/* /dir loses its name; deep below, where "inside" was, is one that leads up to it. */
static void directory_cycle(struct ramdisk *disk)
{
    struct sfs_dirent *d = vol_record(disk, I->sub, "inside");

    d->inode = I->dir;
    d->type = SFS_TYPE_DIR;
    sign_dir(disk, I->sub);
    remove_name(disk, 0, "dir");
}

static void record_padding(struct ramdisk *disk)
{
    struct sfs_dirent *d = vol_record(disk, I->sub, "inside");

    d->name[d->name_len] = 'x';
    ((uint8_t *)d)[d->rec_len - 1] = 'y';
    sign_dir(disk, I->sub);
}

static void dir_garbage(struct ramdisk *disk)
{
    memset(dir_bytes(disk, I->sub), 0x42, bs_of(disk));
}

/* ---- F8: sizes and trees ---- */

static void type_unknown(struct ramdisk *disk)
{
    vol_inode(disk, I->small)->mode = 0x3000;
    vol_sign_inode(disk, I->small);
}

static void size_huge(struct ramdisk *disk)
{
    vol_inode(disk, I->small)->size_hi = 0xFFFF;
    vol_inode(disk, I->small)->size_lo = 0xFFFFFFFF;
    vol_sign_inode(disk, I->small);
}

static void size_small(struct ramdisk *disk)
{
    vol_inode(disk, I->large)->size_lo = 1;
    vol_sign_inode(disk, I->large);
}

static void size_directory(struct ramdisk *disk)
{
    vol_inode(disk, I->many)->size_lo += 7;
    vol_sign_inode(disk, I->many);
}

static void size_directory_huge(struct ramdisk *disk)
{
    vol_inode(disk, I->many)->size_hi = 0x70;
    vol_sign_inode(disk, I->many);
}

static void height_none(struct ramdisk *disk)
{
    vol_inode(disk, I->small)->flags |= 2;
    vol_sign_inode(disk, I->small);
}

static void height_more(struct ramdisk *disk)
{
    vol_inode(disk, I->large)->flags |= 2;
    vol_sign_inode(disk, I->large);
}

/* A root above the root: sound, but for the size. */
static void height_tall(struct ramdisk *disk)
{
    uint64_t block = vol_free_block(disk);

    flip_bit(disk, block);
    memset(vol_block(disk, block), 0, bs_of(disk));
    *(uint64_t *)vol_block(disk, block) = vol_inode(disk, I->large)->indirect;
    vol_sign(disk, block);
    vol_inode(disk, I->large)->indirect = block;
    vol_inode(disk, I->large)->flags |= 1;
    vol_sign_inode(disk, I->large);
}

static void sparse(struct ramdisk *disk)
{
    vol_inode(disk, I->holey)->flags &= (uint16_t)~SFS_INODE_SPARSE;
    vol_sign_inode(disk, I->holey);
}

static void dir_hole(struct ramdisk *disk)
{
    flip_bit(disk, vol_inode(disk, I->many)->direct[1]);
    if (!seed(disk)) {
        *vol_entry(disk, vol_inode(disk, I->many)->direct[1]) = 0;
    }
    vol_inode(disk, I->many)->direct[1] = 0;
    vol_sign_inode(disk, I->many);
}

static void dir_hole_first(struct ramdisk *disk)
{
    vol_inode(disk, I->many)->direct[0] = 0;
    vol_sign_inode(disk, I->many);
}

static void dir_empty(struct ramdisk *disk)
{
    vol_inode(disk, I->sub)->direct[0] = 0;
    vol_sign_inode(disk, I->sub);
}

static void dir_size_zero(struct ramdisk *disk)
{
    vol_inode(disk, I->sub)->size_lo = 0;
    vol_sign_inode(disk, I->sub);
}

static void link_size(struct ramdisk *disk)
{
    vol_inode(disk, I->fast)->size_lo = 0;
    vol_sign_inode(disk, I->fast);
}

/* AFL++ found that this was repaired without a word, and the volume left marked as damaged. */
static void link_tree(struct ramdisk *disk)
{
    vol_inode(disk, I->slow)->indirect = 65541;
    vol_sign_inode(disk, I->slow);
}

static void link_hole(struct ramdisk *disk)
{
    vol_inode(disk, I->slow)->direct[0] = 0;
    vol_sign_inode(disk, I->slow);
}

static void tail(struct ramdisk *disk)
{
    vol_block(disk, vol_map(disk, I->large, 25))[bs_of(disk) - 1] = 'x';
}

static void table_garbage(struct ramdisk *disk)
{
    uint64_t block =
        vol_super(disk)->inode_table_start + I->many * sizeof(struct sfs_inode) / bs_of(disk);

    for (uint32_t i = 0; i < bs_of(disk); i++) {
        vol_block(disk, block)[i] = (uint8_t)(i * 37 + 11);
    }
}

#define BOTH PLANT_V1

const struct plant plants[] = {
    {"primary_garbage", primary_garbage, "F1: block 0: the superblock is damaged", "", 0},
    {"primary_bit", primary_bit, "F1: block 0: the superblock is damaged", "", 0},
    {"marked", marked, "F1: block 0: marked as damaged, after 3 errors", "", BOTH},
    {"backup_garbage", backup_garbage, "the backup of the superblock is damaged", "", 0},
    {"backup_other", backup_other, "the backup of the superblock is damaged", "", 0},
    {"super_zero", super_zero, "F9: block 0: reserved bytes of the superblock", "", 0},
    {"no_log", no_log, "the journal has no superblock", "", 0},
    {"log_damaged", log_damaged, "the journal is damaged behind transaction", "", 0},
    {"csum_data_bitmap", csum_data_bitmap, "F3: block ", "", 0},
    {"csum_inode_bitmap", csum_inode_bitmap, "F3: block 1: the checksum does not match", "", 0},
    {"csum_table", csum_table, "the checksum does not match", "", 0},
    {"csum_table_none", csum_table_none, "has no checksum", "", 0},
    {"csum_indirect", csum_indirect, "(/large): the checksum does not match", "", 0},
    {"csum_indirect_none", csum_indirect_none, "(/large): has no checksum", "", 0},
    {"csum_directory", csum_directory, "(/dir): the checksum does not match", "", 0},
    {"csum_directory_none", csum_directory_none, "(/dir): has no checksum", "", 0},
    {"csum_symlink", csum_symlink, "(/slow): the checksum does not match", "", 0},
    {"csum_orphans", csum_orphans, "the checksum does not match", "", 0},
    {"csum_stale_data", csum_stale_data, "a checksum of a block that must have none", "", 0},
    {"csum_stale_free", csum_stale_free, "a checksum of a block that must have none", "", 0},
    {"csum_stale_journal", csum_stale_journal, "a checksum of a block that must have none", "", 0},
    {"indirect_garbage", indirect_garbage,
     "(/large): an indirect block whose checksum does not match, of file block 10", "/large", 0},
    {"block_free", block_free, "1 blocks from here on are in use, but marked as free", "", BOTH},
    {"block_leak", block_leak, "1 blocks from here on are marked as in use, but nobody", "", BOTH},
    {"reserved_free", reserved_free, "F4: block 1: 1 blocks from here on are in use", "", BOTH},
    {"bitmap_end", bitmap_end, "F9: block ", "", 0},
    {"twice_data", twice_data, "(/large): as file block 3, but it belongs to somebody", "/large",
     BOTH},
    {"twice_directory", twice_directory, "(/small): as file block 0, but it belongs", "/small", 0},
    {"twice_self", twice_self, "(/large): as file block 4, but it belongs", "/large", BOTH},
    {"twice_indirect", twice_indirect, "(/tall): as file block 10, but it belongs", "/tall", BOTH},
    {"pointer_beyond", pointer_beyond, "(/large): file block 2 is block 1099511627776", "/large",
     BOTH},
    {"pointer_metadata", pointer_metadata, "(/large): file block 2 is block ", "/large", BOTH},
    {"pointer_indirect", pointer_indirect, "(/large): file block 10 is block ", "/large", BOTH},
    {"pointer_to_data", pointer_to_data, "(/large): ", "/large", BOTH},
    {"pointer_loop", pointer_loop, "(/tall): ", "/tall", BOTH},
    {"inode_free", inode_free, "1 inodes from here on are in use, but marked as free", "", BOTH},
    {"inode_leak", inode_leak, "1 inodes from here on are marked as in use, but free", "", BOTH},
    {"inode_junk", inode_junk, "free, but not all zero", "", BOTH},
    {"flags_unknown", flags_unknown, "(/small): flags 16384, which it cannot have", "", BOTH},
    {"special_size", special_size, "F9: inode %fifo (/fifo): bytes of the inode", "", BOTH},
    {"special_pointer", special_pointer, "(/device): bytes of the inode that must be", "", BOTH},
    {"fastlink_rest", fastlink_rest, "(/fast): bytes of the inode that must be", "", 0},
    {"nlink_high", nlink_high, "says 9 links, but has 2", "", BOTH},
    {"nlink_zero", nlink_zero, "(/small): says 0 links, but has 1", "", BOTH},
    {"nlink_directory", nlink_directory, "(/dir): says 2 links, but has 3", "", BOTH},
    {"orphan_linked", orphan_linked, "orphan slot 3 holds", "", 0},
    {"orphan_free", orphan_free, "orphan slot 0 holds", "", 0},
    {"orphan_range", orphan_range, "orphan slot 0 holds 1125899906842624", "", 0},
    {"orphan_garbage", orphan_garbage, "the checksum does not match", "", 0},
    {"orphan_clean", orphan_clean, "an unfinished removal, on a volume marked as clean", "/small",
     0},
    {"overflow", overflow, "an unfinished removal, on a volume marked as clean", "/small", 0},
    {"truncating", truncating, "an unfinished truncate that the orphan list does not know", "", 0},
    {"unnamed_file", unnamed_file, "no name leads to it", "/small", 0},
    {"unnamed_zero", unnamed_zero, "no name leads to it", "/small", 0},
    {"unnamed_directory", unnamed_directory, "a directory that no name leads to", "/dir", 0},
    {"root_cleared", root_cleared, "F7: inode 0 (/): the root directory is lost", "*", BOTH},
    {"root_file", root_file, "F7: inode 0 (/): the root directory is lost", "*", BOTH},
    {"root_block", root_block, "(/): records are damaged from byte 0", "*", 0},
    {"chain_zero", chain_zero, "(/dir): records are damaged from byte 32", "/dir /twin", 0},
    {"chain_long", chain_long, "(/dir): records are damaged from byte 16", "/dir /twin", 0},
    {"dot_other", dot_other, "(/dir/sub): '.' or '..'", "", 0},
    {"dot_missing", dot_missing, "(/dir/sub): does not begin with '.' and '..'", "/dir/sub", 0},
    {"dotdot_other", dotdot_other, "(/dir/sub): '..' leads to inode %many, but the parent is %dir",
     "", 0},
    {"dotdot_root", dotdot_root, "F7: inode 0 (/): '..' leads to inode %dir, but the parent is 0",
     "", 0},
    {"dotdot_none", dotdot_none, "(/dir/sub): '..' leads to inode 18446744073709551613", "", 0},
    {"dots_again", dots_again, "(/dir/sub): another '.' or '..'", "/dir/sub/inside /twin", 0},
    {"name_slash", name_slash, "(/dir/sub): '/', NUL or no end in a name", "/dir/sub/inside", 0},
    {"name_nul", name_nul, "(/dir/sub): '/', NUL or no end in a name", "/dir/sub/inside", 0},
    {"name_twice", name_twice, "is there twice", "/dir/sub /twin", 0},
    {"dangling_free", dangling_free, "which is free", "/dir/sub/inside /twin", 0},
    {"dangling_range", dangling_range, "leads to inode 1152921504606846976, which is free",
     "/dir/sub/inside /twin", 0},
    {"record_type", record_type, "has not the type of inode %inside", "/dir/sub/inside", 0},
    {"directory_twice", directory_twice, "is directory %many's second one",
     "/dir/sub/inside /twin /many /dir/sub", 0},
    {"directory_in_itself", directory_in_itself, "leads to the directory itself or the root",
     "/dir/sub", 0},
    {"directory_root", directory_root, "leads to the directory itself or the root", "/dir/sub", 0},
    {"directory_cycle", directory_cycle, "among its own children", "/dir /twin", 0},
    {"record_padding", record_padding, "(/dir/sub): unused bytes of records are not zero", "", 0},
    {"dir_garbage", dir_garbage, "(/dir/sub): records are damaged from byte 0", "/dir/sub /twin",
     0},
    {"type_unknown", type_unknown, "mode 12288 is of no type", "/small", BOTH},
    {"size_huge", size_huge, "(/small): ", "/small", BOTH},
    {"size_small", size_small, "(/large): size 1, but there are blocks behind it", "/large", BOTH},
    {"size_directory", size_directory, "(/many): a directory's size is", "", BOTH},
    {"size_directory_huge", size_directory_huge, "(/many): ", "", BOTH},
    {"height_none", height_none, "(/small): says how tall its tree is, but has none", "", 0},
    {"height_more", height_more, "(/large): says that its tree is 3 tall, but it is 1", "", 0},
    {"height_tall", height_tall, "(/large): a tree 2 tall, where 1 would do", "", 0},
    {"sparse", sparse, "(/holey): has holes, but does not say so", "", 0},
    {"dir_hole", dir_hole, "(/many): a directory", "/many", BOTH},
    {"dir_hole_first", dir_hole_first, "(/many): a directory", "/many", BOTH},
    {"dir_empty", dir_empty, "a directory without a block", "/dir /twin", BOTH},
    {"dir_size_zero", dir_size_zero, "(/dir/sub): size 0, but there are blocks", "", BOTH},
    {"link_size", link_size, "a symbolic link without a target", "/fast", BOTH},
    {"link_tree", link_tree, "(/slow): file block 10 is block 65541, where it cannot lie", "",
     BOTH},
    {"link_hole", link_hole, "a symbolic link without a target", "/slow", BOTH},
    {"tail", tail, "(/large): not zero behind byte 10 of the last block", "", BOTH},
    {"table_garbage", table_garbage, "F3: block ", "*", 0},
    {NULL, NULL, NULL, NULL, 0},
};
