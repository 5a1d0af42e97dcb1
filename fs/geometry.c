/*
 * geometry.c - where everything lies on a volume. All of it follows from the number of blocks, the
 * block size, the version and the size of the journal, so a superblock can be judged by computing
 * it again.
 *
 *   0 | inode bitmap | data bitmap | inode table | checksums | journal | orphans | files | T - 1
 *     |              |             | T / 10      | 4 bytes   | T / 32  | 1 block |       | backup
 *     |              |             |             | a block   |         |         |       |
 *
 * Version 1 ends with the inode table; files follow at once and reach to the end.
 */
#include "fs/error.h"
#include "fs/journal.h"
#include "fs/port.h"
#include "fs/super.h"

#define TABLE_SHARE   10 /* a tenth of the blocks hold inodes */
#define JOURNAL_SHARE 32
#define MIN_FREE      8
#define MIN_INODES    16
#define TOTAL_MAX     (1ull << 48) /* keeps every product below 2^64 */

static uint64_t divide_up(uint64_t a, uint64_t b)
{
    return (a + b - 1) / b;
}

uint64_t sfs_table_blocks(const struct sfs_super *super)
{
    return super->total_blocks / TABLE_SHARE;
}

uint64_t sfs_ibm_blocks(const struct sfs_super *super)
{
    return divide_up(super->inode_count, 8ull * super->block_size);
}

uint64_t sfs_dbm_blocks(const struct sfs_super *super)
{
    return divide_up(super->total_blocks, 8ull * super->block_size);
}

uint64_t sfs_first_file_block(const struct sfs_super *super)
{
    return super->version == SFS_VERSION_SEED ? super->data_start : super->orphan_block + 1;
}

static uint64_t usual_journal(uint64_t total, uint32_t bs)
{
    uint64_t blocks = total / JOURNAL_SHARE;
    uint64_t most = SFS_JOURNAL_MAX / bs;

    blocks = blocks > most ? most : blocks;
    return blocks < SFS_JOURNAL_MIN ? SFS_JOURNAL_MIN : blocks;
}

/* Of the operations' credits, the largest: rename into a directory that grows, or one step of
 * truncate. Both may touch as many blocks of the data bitmap as they allocate or free blocks. */
static uint32_t largest_operation(const struct sfs_super *super)
{
    uint64_t pointers = super->block_size / 8;
    uint64_t dbm = sfs_dbm_blocks(super);
    uint64_t grow = 2 * SFS_HEIGHT_MAX - 1 + (dbm < 2 * SFS_HEIGHT_MAX ? dbm : 2 * SFS_HEIGHT_MAX);
    uint64_t rename = 4 + 3 + grow;
    uint64_t freed = pointers + SFS_HEIGHT_MAX;
    uint64_t truncate = 1 + SFS_HEIGHT_MAX + (freed < dbm ? freed : dbm) + 1;
    uint64_t base = rename > truncate ? rename : truncate;
    uint64_t table = base + SFS_HEIGHT_MAX;

    return (uint32_t)(base + (table < super->csum_blocks ? table : super->csum_blocks));
}

static bool journal_fits(const struct sfs_super *super)
{
    uint64_t log = super->journal_blocks - SFS_LOG_FIRST;
    uint64_t payload = largest_operation(super) + 2; /* the orphan block and its entry */
    uint64_t records = divide_up(payload, SFS_TAGS_PER_BLOCK(super->block_size)) + 1;

    return payload + records <= log - 1;
}

static void place_reserved(struct sfs_super *super, uint64_t journal)
{
    super->feat_incompat = SFS_INCOMPAT_ALL;
    super->csum_start = super->data_start;
    super->csum_blocks = divide_up(super->total_blocks * 4, super->block_size);
    super->journal_start = super->csum_start + super->csum_blocks;
    super->journal_blocks = journal;
    super->orphan_block = super->journal_start + journal;
    super->backup_sb_block = super->total_blocks - 1;
}

static bool sizes_valid(uint32_t version, uint32_t bs, uint64_t total)
{
    bool power = bs >= SFS_BLOCK_MIN && bs <= SFS_BLOCK_MAX && (bs & (bs - 1)) == 0;

    return power && total <= TOTAL_MAX &&
           (version == SFS_VERSION || (version == SFS_VERSION_SEED && bs == SFS_BLOCK_MIN));
}

int sfs_geometry(struct sfs_super *super, uint32_t version, uint32_t block_size, uint64_t total,
                 uint64_t journal)
{
    if (!sizes_valid(version, block_size, total)) {
        return SFS_EINVAL;
    }
    super->version = version;
    super->block_size = block_size;
    super->total_blocks = total;
    super->inode_count = sfs_table_blocks(super) * (block_size / sizeof(struct sfs_inode));
    super->inode_bitmap_start = 1;
    super->data_bitmap_start = 1 + sfs_ibm_blocks(super);
    super->inode_table_start = super->data_bitmap_start + sfs_dbm_blocks(super);
    super->data_start = super->inode_table_start + sfs_table_blocks(super);
    if (version == SFS_VERSION) {
        journal = journal == 0 ? usual_journal(total, block_size) : journal;
        if (journal < SFS_JOURNAL_MIN || journal > SFS_JOURNAL_MAX / block_size) {
            return SFS_EINVAL;
        }
        place_reserved(super, journal);
        if (!journal_fits(super)) {
            return SFS_ENOSPC;
        }
    }
    uint64_t last = version == SFS_VERSION ? super->backup_sb_block : total;
    uint64_t first = sfs_first_file_block(super);

    if (super->inode_count < MIN_INODES || first > last || last - first < MIN_FREE + 1) {
        return SFS_ENOSPC; /* the root directory takes one */
    }
    return 0;
}
