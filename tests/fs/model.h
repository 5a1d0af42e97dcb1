/*
 * model.h - what a file system should do, as simply as can be: arrays and malloc, no disk. Every
 * function does what the operation of that name in fs/sfs.h does, and returns the same errors, but
 * for those that only a disk has (ENOSPC, EIO, ENOMEM).
 *
 * Names are numbers into a small pool, so that random operations meet each other often.
 */
#ifndef SECTOR0_TESTS_MODEL_H
#define SECTOR0_TESTS_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MODEL_INODES 96
#define MODEL_NAMES  14

struct model_inode {
    bool live;
    uint32_t type; /* mode >> 12 */
    uint32_t permissions;
    uint32_t nlink;
    uint32_t opens; /* references that are held: it lives on without a name */
    uint64_t ino;   /* on the real volume */
    uint64_t size;
    uint8_t *data;    /* contents, or a link's target */
    uint8_t *durable; /* contents that an fsync has made durable, DURABLE_SIZE bytes */
    uint64_t durable_size;
    int entry[MODEL_NAMES]; /* directories: index of an inode, or -1 */
    int parent;
};

extern struct model_inode model[MODEL_INODES]; /* 0 is the root */
extern const char *model_name[MODEL_NAMES];

/* Only the root; names no longer than MAX. */
void model_reset(unsigned max);
/* An index that is free, or -1. */
int model_slot(void);

int model_make(int dir, int name, uint32_t type, uint64_t ino, const void *target, size_t size,
               int *made);
int model_link(int inode, int dir, int name);
int model_remove(int dir, int name, bool rmdir);
int model_rename(int from, int name, int to, int other, unsigned flags);
void model_write(int inode, uint64_t offset, const void *data, size_t size);
void model_truncate(int inode, uint64_t size);
void model_release(int inode); /* give one of opens back */
void model_fsync(int inode);

/* Everything that a power cut must keep together: names, types, links, sizes, targets. */
uint64_t model_digest(void);

#endif
