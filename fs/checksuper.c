/*
 * checksuper.c - the superblock, its backup and the journal: where a check begins and, if it has
 * repaired, ends.
 *
 *   begin   block 0, or the backup -> the other one, if it is bad -> the journal's replay
 *   end     the backup, flush -> block 0 "clean", flush
 *
 * In between the superblock in memory says "damaged", so the first handle writes that (handle.c).
 */
#include "fs/checkwork.h"
#include "fs/super.h"

static const struct sfs_hooks no_hooks;

/* From now on the disk says that the volume is damaged. */
static int mark_damaged(struct check *c)
{
    return c->repair ? sfs_super_write(c->fs, SFS_STATE_ERROR) : 0;
}

/* ---- The superblock ---- */

/* Find it; the memory that it asks for. */
static int open_super(struct check *c)
{
    struct sfs *fs = c->fs;
    bool backup = false;
    int error = volume_locks(fs);

    error = error < 0 ? error : sfs_super_read(fs, &backup);
    if (error == 0 && c->repair && (fs->dev->ro || fs->super.feat_ro_compat != 0)) {
        error = SFS_EROFS;
    }
    error = error < 0 ? error : volume_memory(fs);
    if (error == 0 && !check_maps_make(c)) {
        error = SFS_ENOMEM;
    }
    if (error < 0) {
        return error;
    }
    c->was = fs->super.state;
    if (backup) {
        c->was = fs->super.state = SFS_STATE_IN_USE; /* the backup does not know */
        check_note(c, KIND_PRIMARY, 0, NONE, fs->super.backup_sb_block, 0);
        return mark_damaged(c);
    }
    if (c->was == SFS_STATE_ERROR && c->round == 0) {
        check_note(c, KIND_STATE, 0, NONE, fs->super.error_count, fs->super.first_err_block);
    }
    return 0;
}

static int write_backup(struct check *c)
{
    struct sfs *fs = c->fs;
    struct sfs_super *copy = (struct sfs_super *)c->scratch;

    memset(c->scratch, 0, fs->bs);
    *copy = fs->super;
    copy->state = SFS_STATE_CLEAN;
    memset(copy->zero, 0, sizeof(copy->zero));
    copy->crc = sfs_csum(0, copy, offsetof(struct sfs_super, crc));
    int error =
        sfs_write_blocks(fs, BLK_CLASS_SUPERBLOCK, fs->super.backup_sb_block, 1, c->scratch);
    return error < 0 ? error : sfs_io_flush(fs);
}

/* Of the block in c->scratch, all that the superblock does not need. */
static bool is_rest_zero(const struct check *c)
{
    const struct sfs_super *s = (const struct sfs_super *)c->scratch;

    return check_all_zero(s->zero, sizeof(s->zero)) &&
           check_all_zero(c->scratch + sizeof(*s), c->fs->bs - sizeof(*s));
}

/* What lies in front of last_mount_ns is as mkfs has made it, but for the state. */
static bool is_backup_good(struct check *c)
{
    struct sfs *fs = c->fs;
    struct sfs_super *backup = (struct sfs_super *)c->scratch;

    if (sfs_read_blocks(fs, fs->super.backup_sb_block, 1, c->scratch) < 0 ||
        sfs_super_check(backup, fs->dev->nsect) < 0) {
        return false;
    }
    backup->state = fs->super.state;
    return memcmp(backup, &fs->super, offsetof(struct sfs_super, last_mount_ns)) == 0 &&
           is_rest_zero(c);
}

/* The backup, and what must be zero in block 0. Version 1 has neither. */
static void check_super(struct check *c)
{
    struct sfs *fs = c->fs;

    if (!fs->has_journal) {
        return;
    }
    if (!is_backup_good(c)) {
        check_note(c, KIND_BACKUP, fs->super.backup_sb_block, NONE, 0, 0);
        if (c->repair) {
            check_fail(c, write_backup(c)); /* before block 0 is touched: one of the two is good */
        }
    }
    check_read(c, 0, 1, c->scratch);
    if (c->error == 0 && !is_rest_zero(c)) {
        check_note(c, KIND_SUPER_ZERO, 0, NONE, 0, 0);
        memset(fs->super.zero, 0, sizeof(fs->super.zero));
        check_fail(c, mark_damaged(c)); /* which writes all of block 0 */
    }
}

/* ---- The rest of the beginning ---- */

/* If recovery cannot do it, the log is emptied, and what it held is lost. */
static int open_log(struct check *c)
{
    struct sfs *fs = c->fs;
    struct sfs_journal *j = fs->journal;
    int error = fs->has_journal ? recovery_run(fs) : 0;

    c->result->replayed += j->replayed;
    if (j->trouble != LOG_SOUND) {
        check_note(c, j->trouble == LOG_DAMAGED ? KIND_LOG_DAMAGED : KIND_NO_LOG,
                   fs->super.journal_start, NONE, j->durable_seq, 0);
        error = mark_damaged(c);
        error = error < 0 || !c->repair ? error : recovery_reset(fs);
    }
    if (fs->super.state != SFS_STATE_CLEAN) {
        c->was = fs->super.state; /* what was replayed has made a clean one unclean */
    }
    txn_start(fs, j->durable_seq + 1);
    return error < 0 ? error : alloc_make(fs);
}

/* Blocks that no file can have, and bits behind the ends of the bitmaps, which are set. */
static void claim_reserved(struct check *c)
{
    const struct sfs *fs = c->fs;
    const struct sfs_super *s = &fs->super;

    check_map_set_range(c, &c->used, 0, sfs_first_file_block(s));
    if (fs->has_journal) {
        check_map_set(c, &c->used, s->backup_sb_block);
    }
    check_map_set_range(c, &c->used, s->total_blocks, fs->dbm_blocks * 8 * fs->bs);
    check_map_set_range(c, &c->live, s->inode_count, fs->ibm_blocks * 8 * fs->bs);
    c->hint = sfs_first_file_block(s);
    c->result->version = s->version;
    c->result->block_size = s->block_size;
    c->result->inodes = s->inode_count;
    c->result->inodes_used = 0;
    c->result->blocks = s->total_blocks;
}

static void read_orphans(struct check *c)
{
    const uint64_t block = c->fs->super.orphan_block;

    memset(c->orphan, 0, c->fs->bs);
    if (!c->fs->has_journal) {
        return;
    }
    check_read(c, block, 1, c->orphan);
    if (!check_verify(c, block, NONE, c->orphan)) {
        memset(c->orphan, 0, c->fs->bs);
        c->orphans_changed = true;
    }
    c->overflow = c->orphan[c->fs->pointers - 1] == SFS_ORPHAN_OVERFLOW;
}

void check_open(struct check *c, struct blk_dev *dev)
{
    c->fs = port_alloc(sizeof(*c->fs));
    if (c->fs == NULL) {
        check_fail(c, SFS_ENOMEM);
        return;
    }
    sfs_csum_init();
    *c->fs = (struct sfs){.dev = dev, .read_only = !c->repair, .hooks = &no_hooks};
    c->sectors = (struct sfs){.dev = dev, .bs = dev->lbs, .sectors = dev->lbs / BLK_SECTOR};
    check_fail(c, open_super(c));
    if (c->error == 0) {
        check_super(c);
    }
    if (c->error == 0) {
        check_fail(c, open_log(c));
    }
    if (c->error == 0) {
        c->fs->super.state = SFS_STATE_ERROR;
        claim_reserved(c);
        read_orphans(c);
    }
}

/* ---- End ---- */

/* Without findings the backup is as it should be; and so is all of it, if it was clean. Version 1
 * need not say. */
int check_finish(struct check *c)
{
    struct sfs *fs = c->fs;
    int error = 0;

    if (c->result->findings == 0 && (c->was == SFS_STATE_CLEAN || !fs->has_journal)) {
        return 0;
    }
    if (c->result->findings > 0) {
        fs->super.error_count = fs->super.first_err_code = 0;
        fs->super.first_err_block = 0;
        error = fs->has_journal ? write_backup(c) : 0;
    }
    return error < 0 ? error : sfs_super_write(fs, SFS_STATE_CLEAN);
}
