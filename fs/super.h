/*
 * super.h - where everything lies on a volume, and the block that says so.
 */
#ifndef SECTOR0_FS_SUPER_H
#define SECTOR0_FS_SUPER_H

#include <stdbool.h>
#include <stdint.h>

#include "fs/format.h"

struct sfs;

/*
 * Fill in all location fields, inode_count and the feature words of SUPER for a volume of
 * TOTAL blocks of BLOCK_SIZE bytes with a journal of JOURNAL blocks (0: the usual size). Everything
 * follows from these three and the VERSION. Returns 0, EINVAL, or ENOSPC: too small, or a journal
 * that cannot hold the largest operation.
 */
int sfs_geometry(struct sfs_super *super, uint32_t version, uint32_t block_size, uint64_t total,
                 uint64_t journal);

/* Blocks of the inode bitmap, the data bitmap and the inode table. */
uint64_t sfs_ibm_blocks(const struct sfs_super *super);
uint64_t sfs_dbm_blocks(const struct sfs_super *super);
uint64_t sfs_table_blocks(const struct sfs_super *super);

/* The first block that files may use; mkfs gives it to the root directory. */
uint64_t sfs_first_file_block(const struct sfs_super *super);

/*
 * Is SUPER, 512 bytes from a disk of SECTORS sectors, a superblock: magic, checksum, version,
 * features, and the geometry that its own numbers ask for? 0; EUCLEAN; EINVAL: it is one, but with
 * features that we do not know.
 */
int sfs_super_check(const struct sfs_super *super, uint64_t sectors);

/*
 * Read the superblock of fs->dev into fs->super, from the last block if block 0 has none: *BACKUP
 * then says so. Sets the fields of FS that follow from it. EUCLEAN, EINVAL, EIO, ENOMEM.
 */
int sfs_super_read(struct sfs *fs, bool *backup);

/* Set the fields of FS that follow from fs->super. */
void sfs_super_apply(struct sfs *fs);

/* Fill in JSB, the journal's superblock of generation GEN. */
void sfs_jsb_fill(const struct sfs *fs, struct sfs_jsb *jsb, uint64_t gen, uint64_t tail_seq,
                  uint64_t tail_blk);

/* Make BLOCK, block_size bytes, of fs->super with STATE, one generation younger. Lock held. */
void sfs_super_fill(struct sfs *fs, uint32_t state, uint8_t *block);

/* Write fs->super with STATE to block 0, one generation younger, and flush. EIO, ENOMEM. */
int sfs_super_write(struct sfs *fs, uint32_t state);

#endif
