/* index.c - see index.h. Open addressing, at most three quarters full, doubled when it is fuller.
 */
#include "fs/index.h"

#include "fs/error.h"
#include "fs/port.h"

#define FIRST_CAPACITY 16
#define DELETED        UINT32_MAX

struct sfs_index *sfs_index_new(void)
{
    struct sfs_index *index = port_alloc(sizeof(*index));

    if (index != NULL) {
        memset(index, 0, sizeof(*index));
    }
    return index;
}

void sfs_index_delete(struct sfs_index *index)
{
    if (index != NULL) {
        port_free(index->entries);
        port_free(index->room);
        port_free(index);
    }
}

uint64_t sfs_index_size(const struct sfs_index *index)
{
    return sizeof(*index) + (uint64_t)index->capacity * sizeof(*index->entries) +
           (uint64_t)index->blocks_capacity * sizeof(*index->room);
}

static void put(struct sfs_index *index, uint32_t hash, uint32_t place)
{
    uint32_t at = hash & (index->capacity - 1);

    while (index->entries[at].place != 0) {
        at = (at + 1) & (index->capacity - 1);
    }
    index->entries[at] = (struct sfs_index_entry){hash, place};
    index->used++;
}

/* Move everything that lives into a table that is at most half full. */
static int make_room(struct sfs_index *index)
{
    struct sfs_index old = *index;
    uint32_t live = 0;

    for (uint32_t i = 0; i < old.capacity; i++) {
        live += old.entries[i].place != 0 && old.entries[i].place != DELETED;
    }
    index->capacity = FIRST_CAPACITY;
    while (index->capacity < 2 * (live + 1)) {
        index->capacity *= 2;
    }
    index->entries = port_alloc(index->capacity * sizeof(*index->entries));
    if (index->entries == NULL) {
        *index = old;
        return SFS_ENOMEM;
    }
    memset(index->entries, 0, index->capacity * sizeof(*index->entries));
    index->used = 0;
    for (uint32_t i = 0; i < old.capacity; i++) {
        if (old.entries[i].place != 0 && old.entries[i].place != DELETED) {
            put(index, old.entries[i].hash, old.entries[i].place);
        }
    }
    port_free(old.entries);
    return 0;
}

int sfs_index_add(struct sfs_index *index, uint32_t hash, uint64_t position)
{
    if ((index->used + 1) * 4ull > index->capacity * 3ull) {
        int error = make_room(index);

        if (error < 0) {
            return error;
        }
    }
    put(index, hash, (uint32_t)(position / 8 + 1));
    return 0;
}

void sfs_index_remove(struct sfs_index *index, uint32_t hash, uint64_t position)
{
    uint32_t place = (uint32_t)(position / 8 + 1);
    uint32_t at = hash & (index->capacity - 1);

    while (index->entries[at].place != place) {
        SFS_ASSERT(index->entries[at].place != 0);
        at = (at + 1) & (index->capacity - 1);
    }
    index->entries[at].place = DELETED;
}

bool sfs_index_next(const struct sfs_index *index, uint32_t hash, uint32_t *step,
                    uint64_t *position)
{
    while (*step < index->capacity) {
        const struct sfs_index_entry *entry =
            &index->entries[(hash + (*step)++) & (index->capacity - 1)];

        if (entry->place == 0) {
            return false;
        }
        if (entry->hash == hash && entry->place != DELETED) {
            *position = (entry->place - 1) * 8ull;
            return true;
        }
    }
    return false;
}

int sfs_index_set_room(struct sfs_index *index, uint32_t n, uint32_t room)
{
    SFS_ASSERT(n <= index->blocks);
    if (n == index->blocks_capacity) {
        uint32_t capacity = n > 0 ? 2 * n : FIRST_CAPACITY;
        uint16_t *more = port_alloc(capacity * sizeof(*more));

        if (more == NULL) {
            return SFS_ENOMEM;
        }
        if (n > 0) {
            memcpy(more, index->room, n * sizeof(*more));
        }
        port_free(index->room);
        index->room = more;
        index->blocks_capacity = capacity;
    }
    index->room[n] = (uint16_t)room;
    index->blocks += n == index->blocks;
    return 0;
}

uint32_t sfs_index_find_room(struct sfs_index *index, uint32_t need)
{
    for (uint32_t i = 0; i < index->blocks; i++) {
        uint32_t n = (index->next_fit + i) % index->blocks;

        if (index->room[n] >= need) {
            index->next_fit = n;
            return n;
        }
    }
    return index->blocks;
}
