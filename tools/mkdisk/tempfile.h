/*
 * tempfile.h - a new file that appears under its name whole or not at all.
 *
 * It is written under a temporary name in the same directory and takes its name by rename(2) when
 * all of it is on the disk. A refusal, SIGINT, SIGTERM or SIGHUP before that removes it; a file
 * that had the name before stays as it was. There is at most one such file at a time.
 */
#ifndef SECTOR0_MKDISK_TEMPFILE_H
#define SECTOR0_MKDISK_TEMPFILE_H

/* Make an empty file that will be called PATH. Returns it, open to read and write, or refuses. */
int tempfile_create(const char *path);

/* Give the file, whose content the caller has synced, its name; or refuse. */
void tempfile_commit(void);

#endif
