/*
 * mkfs.c - an empty file system. The contents of every block of metadata follow from the superblock
 * alone, so there is one function that makes block b, and the rest is to write them in order:
 *
 *   1 the first and last sectors become zero: no older superblock survives     flush
 *   2 everything but the superblocks                                           flush
 *   3 the backup, then block 0                                                 flush
 *
 * A power cut in between leaves no file system rather than half of one.
 */
#include "fs/dirblock.h"
#include "fs/super.h"
#include "fs/volume.h"

#define WIPE_SECTORS 8 /* at both ends */
#define CHUNK        (64u << 10)
#define ROOT_MODE    0x41ED /* a directory, rwxr-xr-x */

struct mkfs {
    uint8_t chunk[CHUNK];           /* gathered for one write */
    uint8_t scratch[SFS_BLOCK_MAX]; /* for checksums; zeros in between */
    struct sfs fs;                  /* just enough of one for io.c */
    uint64_t first;                 /* block number of chunk[0] */
    uint32_t filled;                /* blocks */
};

static bool in(uint64_t block, uint64_t start, uint64_t count)
{
    return block >= start && block - start < count;
}

/* Set the bits FIRST to END - 1 that lie in the COUNT bits of OUT, of which BASE is the first. */
static void set_bits(uint8_t *out, uint64_t base, uint64_t count, uint64_t first, uint64_t end)
{
    for (uint64_t bit = first > base ? first - base : 0; bit < count && base + bit < end; bit++) {
        out[bit / 8] |= (uint8_t)(1u << bit % 8);
    }
}

/* Block INDEX of a bitmap in which the first USED bits are set, and those from LAST on. */
static void make_bitmap(uint8_t *out, uint32_t bs, uint64_t index, uint64_t used, uint64_t last)
{
    uint64_t bits = 8ull * bs;

    set_bits(out, index * bits, bits, 0, used);
    set_bits(out, index * bits, bits, last, UINT64_MAX);
}

static void make_root_inode(const struct sfs_super *super, uint8_t *out)
{
    struct sfs_inode root = {
        .mode = ROOT_MODE,
        .nlink = 2,
        .size_lo = super->block_size,
        .mtime_ns = super->mkfs_time_ns,
        .ctime_ns = super->mkfs_time_ns,
        .atime_ns = super->mkfs_time_ns,
        .direct = {sfs_first_file_block(super)},
    };

    memcpy(out, &root, sizeof(root));
}

static void make_root_directory(const struct sfs_super *super, uint8_t *out)
{
    struct sfs_dirblock block = {out, super->block_size, super->version == SFS_VERSION_SEED};

    sfs_dirblock_init_first(&block, SFS_ROOT, SFS_ROOT);
}

/* A block of metadata that has an entry in the checksum table. Returns false: it has none. */
static bool make_covered(const struct sfs_super *super, uint64_t block, uint8_t *out)
{
    uint64_t first = sfs_first_file_block(super);

    if (in(block, super->inode_bitmap_start, sfs_ibm_blocks(super))) {
        make_bitmap(out, super->block_size, block - super->inode_bitmap_start, SFS_ROOT + 1,
                    super->inode_count);
    } else if (in(block, super->data_bitmap_start, sfs_dbm_blocks(super))) {
        /* Up to the root directory; the backup, and what is behind the last block. */
        make_bitmap(out, super->block_size, block - super->data_bitmap_start, first + 1,
                    super->total_blocks - (super->version == SFS_VERSION));
    } else if (block == super->inode_table_start) {
        make_root_inode(super, out);
    } else if (block == first) {
        make_root_directory(super, out);
    } else {
        return block == super->orphan_block && super->version == SFS_VERSION; /* no orphans */
    }
    return true;
}

static void make_table(struct mkfs *mkfs, uint64_t index, uint8_t *out)
{
    const struct sfs *fs = &mkfs->fs;
    uint64_t each = fs->bs / 4;

    for (uint64_t i = 0; i < each; i++) {
        uint64_t block = index * each + i;

        if (block < fs->super.total_blocks && make_covered(&fs->super, block, mkfs->scratch)) {
            uint32_t entry = sfs_csum_entry(fs->u, block, mkfs->scratch, fs->bs);

            memcpy(out + 4 * i, &entry, 4);
            memset(mkfs->scratch, 0, fs->bs); /* as it was */
        }
    }
}

/* Block BLOCK, not one of the superblocks, into OUT, which is zero and may stay so. */
static void make_block(struct mkfs *mkfs, uint64_t block, uint8_t *out)
{
    const struct sfs_super *super = &mkfs->fs.super;

    if (make_covered(super, block, out)) {
        return;
    }
    if (in(block, super->csum_start, super->csum_blocks)) {
        make_table(mkfs, block - super->csum_start, out);
    } else if (super->version == SFS_VERSION && block == super->journal_start + 1) {
        sfs_jsb_fill(&mkfs->fs, (struct sfs_jsb *)out, 1, 1, SFS_LOG_FIRST);
    }
}

static int send_chunk(struct mkfs *mkfs)
{
    int error = 0;

    if (mkfs->filled > 0) {
        error = sfs_write_blocks(&mkfs->fs, BLK_CLASS_HOME, mkfs->first, mkfs->filled, mkfs->chunk);
    }
    mkfs->filled = 0;
    return error;
}

static int add_block(struct mkfs *mkfs, uint64_t block)
{
    uint32_t bs = mkfs->fs.bs;
    uint8_t *out = mkfs->chunk + (size_t)mkfs->filled * bs;

    memset(out, 0, bs);
    make_block(mkfs, block, out);
    mkfs->first = mkfs->filled == 0 ? block : mkfs->first;
    mkfs->filled++;
    return mkfs->filled == CHUNK / bs ? send_chunk(mkfs) : 0;
}

/* Write the metadata, in order. If the device is zero anyway, only what is not: of the inode table,
 * the checksums and the journal, which grow with the volume, that is little. */
static int write_metadata(struct mkfs *mkfs, bool zeroed)
{
    const struct sfs_super *super = &mkfs->fs.super;
    uint64_t each = super->block_size / 4; /* blocks that a block of checksums speaks of */
    uint64_t first = sfs_first_file_block(super);
    const struct {
        uint64_t begin, end;
    } part[] = {
        {1, super->inode_table_start + 1},
        {super->csum_start, super->csum_start + super->inode_table_start / each + 1},
        {super->csum_start + super->orphan_block / each,
         super->csum_start + super->orphan_block / each + 1},
        {super->csum_start + first / each, super->csum_start + first / each + 1},
        {super->journal_start + 1, super->journal_start + 2},
        {first, first + 1},
    };
    uint64_t block = 1; /* version 1 lacks the parts in between: all of them end before this */
    int error = 0;

    for (size_t i = 0; i < sizeof(part) / sizeof(part[0]) && error == 0; i++) {
        if (zeroed && block < part[i].begin) {
            error = send_chunk(mkfs);
            block = part[i].begin;
        }
        for (; block < part[i].end && error == 0; block++) {
            error = add_block(mkfs, block);
        }
    }
    return error < 0 ? error : send_chunk(mkfs);
}

/* Zero both ends of the device, not only of the volume: a backup may have lain behind our end. */
static int wipe_ends(struct mkfs *mkfs)
{
    struct sfs *fs = &mkfs->fs;
    uint32_t unit = WIPE_SECTORS * BLK_SECTOR / fs->bs;
    uint64_t end = fs->dev->nsect / fs->sectors;

    memset(mkfs->chunk, 0, CHUNK);
    int error = sfs_write_blocks(fs, BLK_CLASS_SUPERBLOCK, 0, unit, mkfs->chunk);
    if (error == 0) {
        error = sfs_write_blocks(fs, BLK_CLASS_SUPERBLOCK, end - unit, unit, mkfs->chunk);
    }
    return error < 0 ? error : sfs_io_flush(fs);
}

static int write_supers(struct mkfs *mkfs)
{
    struct sfs *fs = &mkfs->fs;
    int error = 0;

    sfs_super_fill(fs, SFS_STATE_CLEAN, mkfs->chunk);
    if (fs->super.version == SFS_VERSION) {
        error =
            sfs_write_blocks(fs, BLK_CLASS_SUPERBLOCK, fs->super.backup_sb_block, 1, mkfs->chunk);
    }
    error = error < 0 ? error : sfs_write_blocks(fs, BLK_CLASS_SUPERBLOCK, 0, 1, mkfs->chunk);
    return error < 0 ? error : sfs_io_flush(fs);
}

static int write_all(struct mkfs *mkfs, bool zeroed)
{
    int error = wipe_ends(mkfs);

    error = error < 0 ? error : write_metadata(mkfs, zeroed);
    if (error == 0) {
        error = sfs_io_flush(&mkfs->fs);
    }
    return error < 0 ? error : write_supers(mkfs);
}

static int plan(struct sfs *fs, const struct sfs_mkfs_options *options)
{
    static const uint8_t none[16];
    struct sfs_super *super = &fs->super;
    uint32_t version = options->version != 0 ? options->version : SFS_VERSION;
    uint32_t bs = options->block_size;

    if (bs == 0) {
        bs = version == SFS_VERSION_SEED ? SFS_BLOCK_MIN : SFS_BLOCK_MAX;
    }
    if (fs->dev->ro) {
        return SFS_EROFS;
    }
    if (bs < fs->dev->lbs || bs < SFS_BLOCK_MIN || bs > SFS_BLOCK_MAX) {
        return SFS_EINVAL;
    }
    memcpy(super->magic, SFS_MAGIC, sizeof(super->magic));
    memcpy(super->label, options->label, sizeof(super->label));
    memcpy(super->uuid, options->uuid, sizeof(super->uuid));
    if (memcmp(super->uuid, none, sizeof(none)) == 0) {
        port_random(super->uuid, sizeof(super->uuid));
    }
    super->mkfs_time_ns = port_now_ns();
    int error = sfs_geometry(super, version, bs, fs->dev->nsect / (bs / BLK_SECTOR),
                             options->journal_blocks);
    if (error == 0) {
        sfs_super_apply(fs);
    }
    return error;
}

int sfs_mkfs(struct blk_dev *dev, const struct sfs_mkfs_options *options)
{
    struct mkfs *mkfs = port_alloc(sizeof(*mkfs));

    if (mkfs == NULL) {
        return SFS_ENOMEM;
    }
    memset(mkfs, 0, sizeof(*mkfs));
    sfs_csum_init();
    mkfs->fs.dev = dev;
    mkfs->fs.lock = port_mutex_create("sfs");
    mkfs->fs.flush_lock = port_mutex_create("sfs flush");
    bool memory = mkfs->fs.lock != NULL && mkfs->fs.flush_lock != NULL;
    int error = memory ? plan(&mkfs->fs, options) : SFS_ENOMEM;
    error = error < 0 ? error : write_all(mkfs, options->zeroed);
    sfs_mutex_free(mkfs->fs.lock);
    sfs_mutex_free(mkfs->fs.flush_lock);
    port_free(mkfs);
    return error;
}
