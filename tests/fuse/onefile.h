/*
 * onefile.h - the parts of the one-file tester: what the file must hold (onefile_model.c), and the
 * operations on it (onefile_ops.c).
 */
#ifndef SECTOR0_TESTS_FUSE_ONEFILE_H
#define SECTOR0_TESTS_FUSE_ONEFILE_H

#include <stdbool.h>
#include <stdint.h>

#define SIZE_MAX_BYTES (1u << 20)

/* Bytes at and behind the size are zero, as they must be when the file grows. */
struct model {
    uint32_t size;
    uint8_t bytes[SIZE_MAX_BYTES];
};
extern struct model model;

/* Before an operation: what it may leave behind should the server die. */
void model_may_write(uint32_t offset, const uint8_t *bytes, uint32_t size);
void model_may_resize(uint32_t size);
/* After it: what it did. */
void model_write(uint32_t offset, const uint8_t *bytes, uint32_t size);
void model_resize(uint32_t size);
/* After fsync: nothing but this may be found any more. */
void model_synced(void);
void model_track_crashes(void); /* else the functions above need not remember */

/* The model in a file, for a later process. */
void model_save(const char *path);
void model_load(const char *path);
void model_save_allowed(const char *path);
/* Do SIZE bytes of the file agree with what was allowed when PATH was saved? Else fail(). */
void model_check_allowed(const char *path, const uint8_t *bytes, uint32_t size);

struct file {
    const char *path;
    int fd, direct;    /* the same file, through the page cache and around it */
    uint32_t limit;    /* bytes that it may grow to */
    bool mapped_dirty; /* stores that the file system may not have heard of */
};
extern struct file file;

void file_open(int flags);
void file_close(void);

/* Do a random operation; it logs itself. Returns its number. */
unsigned operation_random(void);
void operation_print_counts(void);

/* The whole file agrees with the model: as the page cache has it, and as the server has it. */
void file_verify(void);

#endif
