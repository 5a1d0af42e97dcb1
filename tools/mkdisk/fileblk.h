/*
 * fileblk.h - a region of an open file, or of a block device, as a block device (include/blk.h).
 *
 * A request is carried out by the thread that submits it and is done when submit returns; done is
 * called before that. Several threads may submit at once.
 */
#ifndef SECTOR0_MKDISK_FILEBLK_H
#define SECTOR0_MKDISK_FILEBLK_H

#include <stdbool.h>
#include <stdint.h>

#include "include/blk.h"

#define FILEBLK_READ_ONLY 1u /* writes fail with BLK_EROFS */
#define FILEBLK_NO_FLUSH  2u /* for a file that counts only once it is whole: its owner syncs it */

struct fileblk {
    struct blk_dev dev; /* what users see */
    int fd;
    uint64_t start;     /* bytes, in the file */
    bool show_progress; /* by bytes written; with one thread alone */
};

/*
 * SECTORS sectors from FIRST_LBA on of FD, which stays the caller's. NAME is for messages, FLAGS of
 * FILEBLK_*.
 */
void fileblk_init(struct fileblk *disk, const char *name, int fd, uint64_t first_lba,
                  uint64_t sectors, unsigned flags);

/* Why the last transfer of any of them failed, an errno; 0: none has. Context: any thread. */
int fileblk_last_error(void);

#endif
