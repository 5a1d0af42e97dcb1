/*
 * manyproc.h - the parts of the many-process tester.
 *
 *     ROOT/common/   names that all processes make, move and remove        (manyproc_common.c)
 *     ROOT/own-N/    names of process N alone, which it knows exactly      (manyproc_own.c)
 *
 * Files are made of cells that say where they belong (manyproc_cells.c). When the processes have
 * ended, the whole tree is walked (manyproc_tree.c).
 */
#ifndef SECTOR0_TESTS_FUSE_MANYPROC_H
#define SECTOR0_TESTS_FUSE_MANYPROC_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define PATH_BYTES 512
#define CELL       64u
#define FILE_CELLS 4096u

/* ---- Cells ---- */

/* Write or read cells of the open file FD, of which FILE is what its cells are marked with. */
void cells_write(int fd, uint64_t file);
void cells_read(int fd, uint64_t file);
void cells_truncate(int fd, const char *path);
/* Any of them, or another operation on an open file. Takes a lock of the file. */
void cells_random(int fd, const char *path);
/* Is every cell empty or in its place? Returns a sum of all bytes; else fail(). */
uint64_t cells_check(int fd, const char *path);

/* ---- The processes ---- */

void common_prepare(void);
void common_random(void); /* one operation */
void own_prepare(unsigned process);
void own_random(void);
/* A name of the common tree, which may or may not exist. */
void common_path(char *path);

/* errno is one that an operation on a name may meet while others change the names. */
bool may_happen(void);

/* ---- Afterwards ---- */

/* Walk the tree below the current directory; print it to OUT, or compare with it, sorted. */
void tree_check(FILE *out);

/* What was made durable: a line is added to the record after each fsync that has returned. */
void synced_add(const char *path, uint64_t seed, uint32_t size);
void synced_check(const char *record);
void synced_contents(uint64_t seed, uint8_t *bytes, uint32_t size);

#endif
