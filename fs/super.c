/*
 * super.c - the superblock: judged, found, written.
 *
 *   block 0 good  -------------------------------------------------> mount
 *   block 0 bad   ---> last block, for every block size in turn ---> mount; a read-write one first
 *                                                                    writes block 0 anew
 *
 * The backup is written by mkfs and by a repairing check alone; it tells where things are, not what
 * has happened since.
 */
#include "fs/super.h"

#include "fs/reach.h"
#include "fs/volume.h"

static bool crc_valid(const struct sfs_super *super)
{
    uint32_t crc = sfs_csum(0, super, offsetof(struct sfs_super, crc));

    return super->crc == crc || (super->version == SFS_VERSION_SEED && super->crc == 0);
}

static bool same_places(const struct sfs_super *a, const struct sfs_super *b)
{
    const size_t classic = offsetof(struct sfs_super, inode_bitmap_start);
    const size_t journal = offsetof(struct sfs_super, journal_start);

    return memcmp((const uint8_t *)a + classic, (const uint8_t *)b + classic,
                  offsetof(struct sfs_super, feat_compat) - classic) == 0 &&
           memcmp((const uint8_t *)a + journal, (const uint8_t *)b + journal,
                  offsetof(struct sfs_super, uuid) - journal) == 0;
}

static bool features_known(const struct sfs_super *super)
{
    uint32_t all = super->version == SFS_VERSION ? SFS_INCOMPAT_ALL : 0;

    return super->feat_incompat == all &&
           (super->version == SFS_VERSION || super->feat_compat == 0);
}

int sfs_super_check(const struct sfs_super *super, uint64_t sectors)
{
    struct sfs_super again = {0};

    if (memcmp(super->magic, SFS_MAGIC, sizeof(super->magic)) != 0 || !crc_valid(super)) {
        return SFS_EUCLEAN;
    }
    if ((super->version != SFS_VERSION_SEED && super->version != SFS_VERSION) ||
        !features_known(super)) {
        return SFS_EINVAL;
    }
    if (super->version == SFS_VERSION && super->journal_blocks == 0) {
        return SFS_EUCLEAN;
    }
    if (sfs_geometry(&again, super->version, super->block_size, super->total_blocks,
                     super->journal_blocks) < 0 ||
        !same_places(super, &again) || super->state > SFS_STATE_ERROR) {
        return SFS_EUCLEAN;
    }
    return super->total_blocks <= sectors / (super->block_size / BLK_SECTOR) ? 0 : SFS_EUCLEAN;
}

/* Read the 512 bytes at byte OFFSET of the device, by way of SCRATCH (4096 bytes). */
static int read_head(struct sfs *fs, uint64_t offset, struct sfs_super *out, uint8_t *scratch)
{
    uint32_t unit = fs->dev->lbs > BLK_SECTOR ? fs->dev->lbs : BLK_SECTOR;

    fs->bs = unit;
    fs->sectors = unit / BLK_SECTOR;
    int error = sfs_read_blocks(fs, offset / unit, 1, scratch);
    memcpy(out, scratch, sizeof(*out)); /* blocks are never smaller than the device's */
    return error;
}

static int read_backup(struct sfs *fs, uint8_t *scratch)
{
    const struct sfs_super *super = &fs->super;

    for (uint32_t bs = SFS_BLOCK_MIN; bs <= SFS_BLOCK_MAX; bs *= 2) {
        uint64_t total = fs->dev->nsect / (bs / BLK_SECTOR);

        if (bs >= fs->dev->lbs && total > 0 &&
            read_head(fs, (total - 1) * bs, &fs->super, scratch) == 0 &&
            sfs_super_check(super, fs->dev->nsect) == 0 && super->version == SFS_VERSION &&
            super->block_size == bs && super->backup_sb_block == total - 1) {
            return 0;
        }
    }
    return SFS_EUCLEAN;
}

int sfs_super_read(struct sfs *fs, bool *backup)
{
    uint8_t *scratch = port_alloc(SFS_BLOCK_MAX);

    if (scratch == NULL) {
        return SFS_ENOMEM;
    }
    *backup = false;
    int error = read_head(fs, 0, &fs->super, scratch);
    error = error < 0 ? error : sfs_super_check(&fs->super, fs->dev->nsect);
    if (error == SFS_EUCLEAN || error == SFS_EIO) {
        int second = read_backup(fs, scratch);

        *backup = second == 0;
        error = second == 0 ? 0 : error;
    }
    port_free(scratch);
    if (error == 0 && fs->super.block_size < fs->dev->lbs) {
        error = SFS_EINVAL;
    }
    if (error == 0) {
        sfs_super_apply(fs);
    }
    return error;
}

void sfs_super_apply(struct sfs *fs)
{
    const struct sfs_super *super = &fs->super;
    bool seed = super->version == SFS_VERSION_SEED;

    fs->bs = super->block_size;
    fs->sectors = fs->bs / BLK_SECTOR;
    fs->pointers = fs->bs / 8;
    fs->bs_shift = (uint32_t)__builtin_ctz(fs->bs);
    fs->height_max = seed ? 1 : SFS_HEIGHT_MAX;
    fs->name_max = seed ? SFS_SEED_NAME_MAX : SFS_NAME_MAX;
    fs->size_max = sfs_reach_max_size(fs->bs, fs->height_max);
    fs->has_journal = !seed;
    fs->u = sfs_csum_uuid(super->uuid);
    fs->ibm_blocks = sfs_ibm_blocks(super);
    fs->dbm_blocks = sfs_dbm_blocks(super);
    fs->table_blocks = sfs_table_blocks(super);
}

uint64_t sfs_inode_block(const struct sfs *fs, uint64_t ino, uint32_t *offset)
{
    uint32_t each = sfs_inodes_per_block(fs);

    *offset = (uint32_t)(ino % each) * (uint32_t)sizeof(struct sfs_inode);
    return fs->super.inode_table_start + ino / each;
}

void sfs_super_fill(struct sfs *fs, uint32_t state, uint8_t *block)
{
    fs->super.state = state;
    fs->super.write_gen++;
    fs->super.crc = sfs_csum(0, &fs->super, offsetof(struct sfs_super, crc));
    memset(block, 0, fs->bs);
    memcpy(block, &fs->super, sizeof(fs->super));
}

int sfs_super_write(struct sfs *fs, uint32_t state)
{
    uint8_t *block = port_alloc(fs->bs);

    if (block == NULL) {
        return SFS_ENOMEM;
    }
    port_mutex_lock(fs->super_lock);
    port_mutex_lock(fs->lock);
    sfs_super_fill(fs, state, block);
    port_mutex_unlock(fs->lock);
    int error = sfs_write_blocks(fs, BLK_CLASS_SUPERBLOCK, 0, 1, block);
    port_mutex_unlock(fs->super_lock);
    port_free(block);
    return error == 0 && SFS_RULE(SUPER_IS_FLUSHED) ? sfs_io_flush(fs) : error;
}

void sfs_jsb_fill(const struct sfs *fs, struct sfs_jsb *jsb, uint64_t gen, uint64_t tail_seq,
                  uint64_t tail_blk)
{
    *jsb = (struct sfs_jsb){.magic = SFS_JSB_MAGIC,
                            .version = SFS_JOURNAL_VERSION,
                            .gen = gen,
                            .tail_seq = tail_seq,
                            .tail_blk = tail_blk,
                            .log_first = SFS_LOG_FIRST,
                            .log_blocks = fs->super.journal_blocks - SFS_LOG_FIRST};
    memcpy(jsb->uuid, fs->super.uuid, sizeof(jsb->uuid));
    jsb->crc = sfs_csum(fs->u, jsb, offsetof(struct sfs_jsb, crc));
}
