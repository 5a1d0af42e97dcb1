/*
 * damage.c - when something is wrong. Damage that is found makes its reader fail, and is remembered
 * in the superblock; a write that the journal cannot do without makes the volume read-only (J13).
 */
#include "fs/log.h"
#include "fs/super.h"

/* The error's name, "EIO", or "error" for a number that is none of these. */
static const char *error_name(int error)
{
    switch (error) {
#define SFS_ERROR_NAME(name, number)                                                               \
    case name:                                                                                     \
        return &#name[sizeof("SFS_") - 1];
        SFS_ERRORS(SFS_ERROR_NAME)
#undef SFS_ERROR_NAME
    default:
        return "error";
    }
}

/* Count it in the superblock, if this volume may be written at all. */
static void note_error(struct sfs *fs, int error, uint64_t block)
{
    port_mutex_lock(fs->lock);
    bool first = fs->super.state != SFS_STATE_ERROR;

    if (fs->super.error_count++ == 0) {
        fs->super.first_err_block = block;
        fs->super.first_err_code = (uint32_t)-error;
    }
    fs->super.state = SFS_STATE_ERROR;
    port_mutex_unlock(fs->lock);
    if (first && !fs->read_only) {
        sfs_super_write(fs, SFS_STATE_ERROR); /* it is lost if this fails, too */
    }
}

void sfs_abort(struct sfs *fs, int error, uint64_t block)
{
    port_mutex_lock(fs->lock);
    bool first = fs->journal->aborted == 0;

    fs->journal->aborted = first ? error : fs->journal->aborted;
    port_cond_wake_all(fs->wake);
    port_mutex_unlock(fs->lock);
    if (first) {
        port_log("volume is read-only from now on: %s at block %llu", error_name(error),
                 (unsigned long long)block);
        note_error(fs, error, block);
    }
}

void sfs_damaged(struct sfs *fs, uint64_t block, const char *what)
{
    port_log("block %llu: %s", (unsigned long long)block, what);
    note_error(fs, SFS_EUCLEAN, block);
}
