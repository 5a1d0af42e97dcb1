/*
 * mount.c - a volume comes and goes.
 *
 *   superblock, or its backup -> recovery -> counting -> orphans      unmount: commit, checkpoint,
 *                                                                     superblock "clean"
 *
 * Mounting writes nothing, unless there is something to recover; the superblock says "in use" from
 * the first change on (handle.c).
 */
#include "fs/log.h"
#include "fs/super.h"

#define CACHE_BYTES     (1u << 20)
#define CACHE_MIN       64
#define COMMIT_MS       5000
#define UNLOGGED        (1u << 20) /* the log's length of a volume without one */
#define TRIGGER_DIVISOR 4

/* ---- Memory ---- */

int volume_locks(struct sfs *fs)
{
    fs->lock = port_mutex_create("sfs");
    fs->super_lock = port_mutex_create("sfs super");
    fs->flush_lock = port_mutex_create("sfs flush");
    fs->wake = port_cond_create();
    return fs->lock != NULL && fs->super_lock != NULL && fs->flush_lock != NULL && fs->wake != NULL
               ? 0
               : SFS_ENOMEM;
}

static int make_cache(struct sfs *fs)
{
    uint32_t blocks = fs->options.cache_blocks;

    blocks = blocks != 0 ? blocks : CACHE_BYTES / fs->bs;
    fs->cache_blocks = blocks > CACHE_MIN ? blocks : CACHE_MIN;
    fs->hash_size = CACHE_MIN;
    while (fs->hash_size < fs->cache_blocks) {
        fs->hash_size *= 2;
    }
    fs->hash = port_alloc(fs->hash_size * sizeof(*fs->hash));
    if (fs->hash == NULL) {
        return SFS_ENOMEM;
    }
    memset(fs->hash, 0, fs->hash_size * sizeof(*fs->hash));
    return 0;
}

/* How big a transaction, and how much of the log, may get. */
static void set_limits(struct sfs *fs)
{
    struct sfs_journal *j = fs->journal;
    uint32_t most;

    j->log = fs->has_journal ? (uint32_t)fs->super.journal_blocks - SFS_LOG_FIRST : UNLOGGED;
    j->trigger = (uint32_t)sfs_least(j->log, fs->cache_blocks) / TRIGGER_DIVISOR;
    j->limit = fs->cache_blocks / 2;
    for (most = j->log - 1; txn_blocks(fs, most) > j->log - 1; most--) {
    }
    j->credits_max = most - LOG_ORPHANS;
}

static int make_journal(struct sfs *fs)
{
    struct sfs_journal *j = port_alloc(sizeof(*j));

    if (j == NULL) {
        return SFS_ENOMEM;
    }
    *j = (struct sfs_journal){.descriptors = port_alloc((size_t)LOG_DESCRIPTORS * fs->bs),
                              .commit_block = port_alloc(fs->bs),
                              .scratch = port_alloc(fs->bs),
                              .chunk = port_alloc(LOG_CHUNK),
                              .home = port_alloc(LOG_HOME * sizeof(struct sfs_piece))};
    fs->journal = j;
    set_limits(fs);
    return j->descriptors != NULL && j->commit_block != NULL && j->scratch != NULL &&
                   j->chunk != NULL && j->home != NULL
               ? 0
               : SFS_ENOMEM;
}

int volume_memory(struct sfs *fs)
{
    int error = make_cache(fs);

    return error < 0 ? error : make_journal(fs);
}

static void free_journal(struct sfs *fs)
{
    struct sfs_journal *j = fs->journal;

    if (j == NULL) {
        return;
    }
    while (j->frames != NULL) {
        port_free(frame_take(fs));
    }
    port_free(j->descriptors);
    port_free(j->commit_block);
    port_free(j->scratch);
    port_free(j->chunk);
    port_free(j->home);
    port_free(j->overlay);
    port_free(j);
}

void volume_free(struct sfs *fs)
{
    alloc_unmount(fs);
    if (fs->hash != NULL) {
        cache_free(fs);
    }
    free_journal(fs);
    sfs_mutex_free(fs->lock);
    sfs_mutex_free(fs->super_lock);
    sfs_mutex_free(fs->flush_lock);
    sfs_cond_free(fs->wake);
    port_free(fs);
}

/* ---- Mount ---- */

/* A backup tells nothing of what has happened since mkfs: the log has to be read. */
static int use_backup(struct sfs *fs)
{
    port_log("superblock: block 0 is damaged, using the backup");
    fs->super.state = SFS_STATE_IN_USE;
    return fs->read_only ? 0 : sfs_super_write(fs, SFS_STATE_IN_USE);
}

static int read_super(struct sfs *fs)
{
    bool backup = false;
    int error = sfs_super_read(fs, &backup);

    if (error < 0) {
        return error;
    }
    fs->read_only = fs->options.read_only || fs->dev->ro || fs->super.feat_ro_compat != 0 ||
                    (fs->super.state == SFS_STATE_ERROR && !fs->repairing);
    return backup ? use_backup(fs) : 0;
}

static int start_journal(struct sfs *fs)
{
    int error = fs->has_journal ? recovery_run(fs) : 0;

    txn_start(fs, fs->journal->durable_seq + 1);
    return error;
}

/* The orphan block and its checksum entry stay in memory: a freeze cannot wait for a disk. */
static int hold_orphans(struct sfs *fs)
{
    struct sfs_journal *j = fs->journal;

    if (!fs->has_journal || fs->read_only) {
        return 0;
    }
    int error = sfs_buf_read(fs, fs->super.orphan_block, &j->orphans);
    if (error == 0) {
        error = sfs_buf_read(fs, cache_table_block(fs, fs->super.orphan_block), &j->orphans_table);
    }
    return error;
}

/* Everything below the layers above. */
static int start(struct sfs *fs)
{
    int error = volume_locks(fs);

    error = error < 0 ? error : read_super(fs);
    error = error < 0 ? error : volume_memory(fs);
    error = error < 0 ? error : start_journal(fs);
    error = error < 0 ? error : hold_orphans(fs);
    return error < 0 ? error : alloc_mount(fs);
}

static int start_upper(struct sfs *fs)
{
    struct sfs_journal *j = fs->journal;

    if (fs->hooks->mounted == NULL) {
        return 0;
    }
    return fs->hooks->mounted(fs, j->orphans != NULL ? (uint64_t *)j->orphans->data : NULL);
}

static int mount(struct blk_dev *dev, const struct sfs_mount_options *options, bool repairing,
                 struct sfs **out)
{
    struct sfs *fs = port_alloc(sizeof(*fs));

    *out = NULL;
    if (fs == NULL) {
        return SFS_ENOMEM;
    }
    sfs_csum_init();
    *fs = (struct sfs){
        .dev = dev, .options = *options, .repairing = repairing, .hooks = &sfs_upper_hooks};
    fs->options.commit_ms = options->commit_ms != 0 ? options->commit_ms : COMMIT_MS;
    int error = start(fs);
    if (error < 0) {
        volume_free(fs);
        return error;
    }
    fs->super.mount_count++;
    fs->super.last_mount_ns = sfs_now(fs);
    *out = fs;
    error = start_upper(fs);
    if (error < 0) {
        sfs_unmount(fs);
        *out = NULL;
    }
    return error;
}

int sfs_mount(struct blk_dev *dev, const struct sfs_mount_options *options, struct sfs **fs)
{
    return mount(dev, options, false, fs);
}

int sfs_mount_repair(struct blk_dev *dev, const struct sfs_mount_options *options, struct sfs **fs)
{
    return mount(dev, options, true, fs);
}

/* ---- Unmount ---- */

/* J12: everything home, the log empty, and then "clean": also if all that this mount did was to
 * recover, or nothing was left to recover. */
static int finish(struct sfs *fs)
{
    int error = SFS_RULE(EMPTY_BEFORE_CLEAN) ? sfs_checkpoint(fs) : 0;

    if (error == 0 && fs->super.state == SFS_STATE_IN_USE) {
        error = sfs_super_write(fs, SFS_STATE_CLEAN);
    }
    return error;
}

int sfs_unmount(struct sfs *fs)
{
    int error = fs->hooks->unmount != NULL ? fs->hooks->unmount(fs) : 0;

    if (fs->journal->aborted != 0) {
        error = SFS_EIO;
    } else if (!fs->read_only) {
        int second = finish(fs);

        error = error < 0 ? error : second;
    }
    volume_free(fs);
    return error;
}

/* ---- While mounted ---- */

bool sfs_read_only(struct sfs *fs)
{
    return fs->read_only || journal_aborted(fs);
}

int64_t sfs_now(struct sfs *fs)
{
    int64_t now = port_now_ns();

    return now != 0 ? now : fs->super.last_mount_ns + 1;
}

int sfs_sync(struct sfs *fs)
{
    int error = 0;

    if (fs->read_only) {
        return 0;
    }
    if (fs->hooks->write_back != NULL && SFS_RULE(SYNC_WRITES)) {
        error = fs->hooks->write_back(fs);
    }
    int second = SFS_RULE(SYNC_COMMITS) ? sfs_commit_running(fs) : 0;
    int third = SFS_RULE(SYNC_FLUSHES) ? sfs_flush(fs) : 0;

    return error < 0 ? error : second < 0 ? second : third;
}

int sfs_tick(struct sfs *fs)
{
    port_mutex_lock(fs->lock);
    const struct sfs_txn *run = &fs->journal->run;
    int64_t age = port_now_ns() - run->started_ns;
    bool due = run->joined > 0 && (age < 0 || age >= fs->options.commit_ms * 1000000ll);

    port_mutex_unlock(fs->lock);
    return due ? sfs_sync(fs) : 0;
}

int sfs_statfs(struct sfs *fs, struct sfs_statfs *out)
{
    const struct sfs_super *super = &fs->super;
    uint64_t first = sfs_first_file_block(super);
    uint64_t end = fs->has_journal ? super->backup_sb_block : super->total_blocks;

    *out = (struct sfs_statfs){.block_size = fs->bs,
                               .name_max = fs->name_max,
                               .blocks = end - first,
                               .blocks_free = sfs_blocks_free(fs),
                               .inodes = super->inode_count,
                               .inodes_free = sfs_inodes_free(fs)};
    memcpy(out->uuid, super->uuid, sizeof(out->uuid));
    memcpy(out->label, super->label, sizeof(out->label));
    return 0;
}
