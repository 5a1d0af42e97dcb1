/*
 * index.h - the names of a directory in memory: a hash table of (hash, position), eight bytes a
 * name, and for each block how much room it has. It holds no names: who finds a position compares
 * the name there.
 */
#ifndef SECTOR0_FS_INDEX_H
#define SECTOR0_FS_INDEX_H

#include <stdbool.h>
#include <stdint.h>

struct sfs_index_entry {
    uint32_t hash;
    uint32_t place; /* position / 8 + 1; 0: empty, ~0: was deleted */
};

struct sfs_index {
    struct sfs_index_entry *entries;
    uint32_t capacity; /* a power of 2 */
    uint32_t used;     /* the deleted ones too */
    uint16_t *room;    /* of each block, bytes */
    uint32_t blocks, blocks_capacity;
    uint32_t next_fit; /* block where room was found last */
};

/* An empty index; NULL: no memory. */
struct sfs_index *sfs_index_new(void);
void sfs_index_delete(struct sfs_index *index);
/* Bytes of memory that it takes. */
uint64_t sfs_index_size(const struct sfs_index *index);

/* Add a name at POSITION (a multiple of 8). ENOMEM: the index is not whole any more. */
int sfs_index_add(struct sfs_index *index, uint32_t hash, uint64_t position);
void sfs_index_remove(struct sfs_index *index, uint32_t hash, uint64_t position);
/*
 * The next position with HASH: *STEP is 0 at first and goes on from call to call. False: no more.
 */
bool sfs_index_next(const struct sfs_index *index, uint32_t hash, uint32_t *step,
                    uint64_t *position);

/* Block N, at most one behind the last, has ROOM bytes. ENOMEM as above. */
int sfs_index_set_room(struct sfs_index *index, uint32_t n, uint32_t room);
/* A block that has room for NEED bytes; blocks: there is none. */
uint32_t sfs_index_find_room(struct sfs_index *index, uint32_t need);

#endif
