/*
 * quarantine.c - freed blocks that may not be taken yet (J6), and blocks that are promised.
 *
 * Each of the two transactions has a set of shadows, one for each bitmap block in which it has
 * freed something. Freeing sets a bit in the running one's; a freeze hands the set on to the
 * committing one; when that is durable the set is gone.
 *
 * Of the free blocks, those in quarantine, those that are stuck and those already promised to other
 * handles cannot be promised: so an allocation that was promised finds its block.
 */
#include "fs/bitmap.h"

struct shadow *shadow_find(struct quarantine *q, uint64_t index)
{
    struct shadow *shadow = q->shadows;

    while (shadow != NULL && shadow->index != index) {
        shadow = shadow->next;
    }
    return shadow;
}

struct shadow *shadow_make(struct sfs *fs, uint64_t index)
{
    struct quarantine *run = &fs->alloc->run;
    struct shadow *shadow = shadow_find(run, index);

    if (shadow == NULL) {
        shadow = port_alloc(sizeof(*shadow) + fs->bs);
        if (shadow != NULL) {
            memset(shadow->bits, 0, fs->bs);
            shadow->index = index;
            shadow->next = run->shadows;
            run->shadows = shadow;
        }
    }
    return shadow;
}

void quarantine_clear(struct quarantine *q)
{
    while (q->shadows != NULL) {
        struct shadow *next = q->shadows->next;

        port_free(q->shadows);
        q->shadows = next;
    }
    q->count = 0;
}

void alloc_frozen(struct sfs *fs)
{
    SFS_ASSERT(fs->alloc->commit.shadows == NULL);
    fs->alloc->commit = fs->alloc->run;
    fs->alloc->run = (struct quarantine){NULL, 0};
}

void alloc_durable(struct sfs *fs)
{
    quarantine_clear(&fs->alloc->commit);
}

void alloc_unstuck(struct sfs *fs, struct sfs_buf *buf)
{
    if ((buf->flags & SFS_BUF_STUCK) != 0) {
        buf->flags &= ~(uint32_t)SFS_BUF_STUCK;
        fs->alloc->stuck--;
    }
}

static uint64_t waiting(const struct sfs_alloc *a)
{
    return a->run.count + a->commit.count + a->stuck;
}

bool alloc_promise(struct sfs *fs, uint32_t blocks)
{
    struct sfs_alloc *a = fs->alloc;

    if (blocks > 0 && waiting(a) + a->promised + blocks > a->data.free) {
        return false;
    }
    a->promised += blocks;
    return true;
}

void alloc_unpromise(struct sfs *fs, uint32_t blocks)
{
    fs->alloc->promised -= blocks;
}

bool alloc_can_wait(struct sfs *fs)
{
    return waiting(fs->alloc) > 0;
}
