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
    struct sfs fs;    /* just enough of one for io.c */
    uint8_t *chunk;   /* CHUNK bytes, gathered for one write */
    uint8_t *scratch; /* one block, for checksums */
    uint64_t first;   /* block number of chunk[0] */
    uint32_t filled;  /* blocks */
    bool zeroed;
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

/* Blocks up to the root directory's are in use, and the backup; those behind the last one count as
 * used. */
static void make_data_bitmap(const struct sfs_super *super, uint64_t index, uint8_t *out)
{
    uint64_t bits = 8ull * super->block_size;
    uint64_t last = super->total_blocks - (super->version == SFS_VERSION);

    set_bits(out, index * bits, bits, 0, sfs_first_file_block(super) + 1);
    set_bits(out, index * bits, bits, last, UINT64_MAX);
}

static void make_inode_bitmap(const struct sfs_super *super, uint64_t index, uint8_t *out)
{
    uint64_t bits = 8ull * super->block_size;

    set_bits(out, index * bits, bits, SFS_ROOT, SFS_ROOT + 1);
    set_bits(out, index * bits, bits, super->inode_count, UINT64_MAX);
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
    if (in(block, super->inode_bitmap_start, sfs_ibm_blocks(super))) {
        make_inode_bitmap(super, block - super->inode_bitmap_start, out);
    } else if (in(block, super->data_bitmap_start, sfs_dbm_blocks(super))) {
        make_data_bitmap(super, block - super->data_bitmap_start, out);
    } else if (block == super->inode_table_start) {
        make_root_inode(super, out);
    } else if (block == sfs_first_file_block(super)) {
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

/* Block BLOCK, not one of the superblocks, into OUT, which is zero. Returns false if it stays so.
 */
static bool make_block(struct mkfs *mkfs, uint64_t block, uint8_t *out)
{
    const struct sfs_super *super = &mkfs->fs.super;

    if (make_covered(super, block, out)) {
        return block != super->orphan_block;
    }
    if (in(block, super->csum_start, super->csum_blocks)) {
        make_table(mkfs, block - super->csum_start, out);
        return true;
    }
    if (super->version == SFS_VERSION && block == super->journal_start + 1) {
        sfs_jsb_fill(&mkfs->fs, (struct sfs_jsb *)out, 1, 1, SFS_LOG_FIRST);
        return true;
    }
    return false;
}

/* The first block from BLOCK on that need not be zero: of the inode table, the checksums and the
 * journal, which grow with the volume, only few. */
static uint64_t next_block(const struct sfs_super *super, uint64_t block)
{
    uint64_t each = super->block_size / 4; /* blocks that a block of checksums speaks of */
    const uint64_t some[] = {
        super
            ->csum_start, /* and some behind it, for the bitmaps and the start of the inode table */
        super->csum_start + super->orphan_block / each,
        super->csum_start + sfs_first_file_block(super) / each,
        super->journal_start + 1,
    };

    if (block <= super->inode_table_start || block >= sfs_first_file_block(super)) {
        return block;
    }
    if (super->version == SFS_VERSION) {
        if (in(block, super->csum_start, super->inode_table_start / each + 1)) {
            return block;
        }
        for (size_t i = 0; i < sizeof(some) / sizeof(some[0]); i++) {
            if (block <= some[i]) {
                return some[i];
            }
        }
    }
    return sfs_first_file_block(super);
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

/* Write the metadata, in order; blocks of zeros not if the device is zero anyway. */
static int write_metadata(struct mkfs *mkfs)
{
    const struct sfs *fs = &mkfs->fs;
    uint64_t last = sfs_first_file_block(&fs->super);
    int error = 0;

    for (uint64_t block = 1; block <= last && error == 0; block++) {
        uint64_t next = mkfs->zeroed ? next_block(&fs->super, block) : block;
        uint8_t *out = mkfs->chunk + (size_t)mkfs->filled * fs->bs;

        if (next != block) {
            error = send_chunk(mkfs);
            block = next - 1;
            continue;
        }
        memset(out, 0, fs->bs);
        if (!make_block(mkfs, block, out) && mkfs->zeroed) {
            error = send_chunk(mkfs);
            continue;
        }
        mkfs->first = mkfs->filled == 0 ? block : mkfs->first;
        mkfs->filled++;
        if (mkfs->filled == CHUNK / fs->bs) {
            error = send_chunk(mkfs);
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

    fs->super.state = SFS_STATE_CLEAN;
    fs->super.write_gen = 1;
    fs->super.crc = sfs_csum(0, &fs->super, offsetof(struct sfs_super, crc));
    memset(mkfs->chunk, 0, fs->bs);
    memcpy(mkfs->chunk, &fs->super, sizeof(fs->super));
    if (fs->super.version == SFS_VERSION) {
        error =
            sfs_write_blocks(fs, BLK_CLASS_SUPERBLOCK, fs->super.backup_sb_block, 1, mkfs->chunk);
    }
    error = error < 0 ? error : sfs_write_blocks(fs, BLK_CLASS_SUPERBLOCK, 0, 1, mkfs->chunk);
    return error < 0 ? error : sfs_io_flush(fs);
}

static int write_all(struct mkfs *mkfs)
{
    int error = wipe_ends(mkfs);

    error = error < 0 ? error : write_metadata(mkfs);
    error = error < 0 ? error : sfs_io_flush(&mkfs->fs);
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

static bool get_memory(struct mkfs *mkfs)
{
    mkfs->fs.lock = port_mutex_create("sfs");
    mkfs->fs.flush_lock = port_mutex_create("sfs flush");
    mkfs->chunk = port_alloc(CHUNK);
    mkfs->scratch = port_alloc(SFS_BLOCK_MAX);
    if (mkfs->scratch != NULL) {
        memset(mkfs->scratch, 0, SFS_BLOCK_MAX);
    }
    return mkfs->fs.lock != NULL && mkfs->fs.flush_lock != NULL && mkfs->chunk != NULL &&
           mkfs->scratch != NULL;
}

static void free_memory(struct mkfs *mkfs)
{
    sfs_mutex_free(mkfs->fs.lock);
    sfs_mutex_free(mkfs->fs.flush_lock);
    port_free(mkfs->chunk);
    port_free(mkfs->scratch);
    port_free(mkfs);
}

int sfs_mkfs(struct blk_dev *dev, const struct sfs_mkfs_options *options)
{
    struct mkfs *mkfs = port_alloc(sizeof(*mkfs));

    if (mkfs == NULL) {
        return SFS_ENOMEM;
    }
    sfs_csum_init();
    *mkfs = (struct mkfs){.fs.dev = dev, .zeroed = options->zeroed};
    int error = get_memory(mkfs) ? plan(&mkfs->fs, options) : SFS_ENOMEM;
    error = error < 0 ? error : write_all(mkfs);
    free_memory(mkfs);
    return error;
}
