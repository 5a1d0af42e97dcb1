/* dir.c - see dir.h. */
#include "fs/dir.h"

#include "fs/index.h"
#include "fs/name.h"
#include "fs/tree.h"

#define POSITION_MAX ((uint64_t)UINT32_MAX * 8 - 64) /* what an index can tell */

static uint64_t block_count(const struct sfs *fs, const struct sfs_node *dir)
{
    return sfs_node_size(dir) >> fs->bs_shift;
}

int sfs_dir_next(struct sfs_dir_walk *walk)
{
    struct sfs *fs = walk->fs;
    int found = 0;

    while (found == 0 && walk->n < block_count(fs, walk->dir)) {
        struct sfs_dirblock block;

        if (walk->buf == NULL) {
            found = sfs_tree_read(fs, &walk->dir->disk, walk->n, &walk->buf);
            walk->record = (struct sfs_record){.length = 0};
        }
        if (found == 0) {
            block = sfs_dirblock_of(fs, walk->buf);
            found = sfs_dirblock_next(&block, &walk->record);
        }
        if (found <= 0) {
            sfs_dir_stop(walk);
            walk->n++;
        }
    }
    return found;
}

void sfs_dir_stop(struct sfs_dir_walk *walk)
{
    sfs_buf_put(walk->fs, walk->buf);
    walk->buf = NULL;
}

/* ---- The index ---- */

static void refuse_index(struct sfs *fs, struct sfs_node *dir);

/* The index may have grown: all of them together have a limit. */
static void account(struct sfs *fs, struct sfs_node *dir)
{
    uint64_t size = dir->index != NULL ? sfs_index_size(dir->index) : 0;
    bool over;

    if (size == dir->index_bytes) {
        return;
    }
    port_mutex_lock(fs->upper->lock);
    fs->upper->index_bytes += size - dir->index_bytes;
    over = fs->upper->index_bytes > fs->upper->index_max;
    port_mutex_unlock(fs->upper->lock);
    dir->index_bytes = size;
    if (over && size > 0) {
        refuse_index(fs, dir);
    }
}

void sfs_index_free(struct sfs *fs, struct sfs_node *dir)
{
    sfs_index_delete(dir->index);
    dir->index = NULL;
    account(fs, dir);
}

/* Throw the index away, for it is not whole or too large, and do without one. */
static void refuse_index(struct sfs *fs, struct sfs_node *dir)
{
    sfs_index_free(fs, dir);
    dir->index_refused = true;
}

/* The record that WALK is at goes into the index, with the first one the room in its block. */
static int index_record(struct sfs *fs, struct sfs_index *index, const struct sfs_dir_walk *walk)
{
    const struct sfs_record *record = &walk->record;
    int error = 0;

    if (record->offset == 0) {
        struct sfs_dirblock block = sfs_dirblock_of(fs, walk->buf);
        int room = sfs_dirblock_room(&block);

        error = room < 0 ? room : sfs_index_set_room(index, (uint32_t)walk->n, (uint32_t)room);
    }
    if (error == 0 && record->name_length > 0) {
        error = sfs_index_add(index, sfs_name_hash(record->name, record->name_length),
                              (walk->n << fs->bs_shift) + record->offset);
    }
    return error;
}

int sfs_dir_prepare(struct sfs *fs, struct sfs_node *dir)
{
    struct sfs_dir_walk walk = {.fs = fs, .dir = dir};
    int found = 1;

    if (dir->index != NULL || dir->index_refused) {
        return 0;
    }
    dir->index = sfs_index_new();
    if (dir->index == NULL || sfs_node_size(dir) > POSITION_MAX) {
        refuse_index(fs, dir);
    }
    while (dir->index != NULL && found > 0 && (found = sfs_dir_next(&walk)) > 0) {
        int error = index_record(fs, dir->index, &walk);

        found = error < 0 ? error : found;
        account(fs, dir);
    }
    sfs_dir_stop(&walk);
    if (found == SFS_ENOMEM) {
        refuse_index(fs, dir);
    } else if (found < 0) {
        sfs_index_free(fs, dir);
        return found;
    }
    return 0;
}

int sfs_dir_lock(struct sfs *fs, struct sfs_node *dir)
{
    int error;

    sfs_node_lock_shared(fs, dir);
    if (dir->index != NULL || dir->index_refused) {
        return 0;
    }
    sfs_node_unlock(fs, dir);
    sfs_node_lock(fs, dir);
    error = sfs_dir_prepare(fs, dir);
    if (error < 0) {
        sfs_node_unlock(fs, dir);
    }
    return error;
}

/* After a change of block N: how much room it has now. */
static void note_room(struct sfs *fs, struct sfs_node *dir, uint64_t n,
                      const struct sfs_dirblock *block)
{
    int room = sfs_dirblock_room(block);

    if (dir->index != NULL && sfs_index_set_room(dir->index, (uint32_t)n, (uint32_t)room) < 0) {
        refuse_index(fs, dir);
    }
    account(fs, dir);
}

/* ---- Looking ---- */

/* The RECORD, in block N, as a place. False: it is not the one of NAME. */
static bool is_name(const struct sfs *fs, uint64_t n, const struct sfs_record *record,
                    const char *name, size_t length, struct sfs_spot *place)
{
    *place = (struct sfs_spot){
        .position = (n << fs->bs_shift) + record->offset,
        .ino = record->inode,
        .type = record->type,
        .credits = 1,
    };
    return record->name_length == length && memcmp(record->name, name, length) == 0;
}

/* Is the record at POSITION the one of NAME? */
static int compare_at(struct sfs *fs, struct sfs_node *dir, uint64_t position, const char *name,
                      size_t length, struct sfs_spot *place)
{
    struct sfs_dirblock block;
    struct sfs_record record;
    struct sfs_buf *buf;
    int result = sfs_tree_read(fs, &dir->disk, position >> fs->bs_shift, &buf);

    if (result < 0) {
        return result;
    }
    block = sfs_dirblock_of(fs, buf);
    result = sfs_dirblock_get(&block, (uint32_t)(position & (fs->bs - 1)), &record);
    if (result > 0) {
        result = is_name(fs, position >> fs->bs_shift, &record, name, length, place);
    }
    sfs_buf_put(fs, buf);
    return result;
}

static int find_without_index(struct sfs *fs, struct sfs_node *dir, const char *name, size_t length,
                              struct sfs_spot *place)
{
    struct sfs_dir_walk walk = {.fs = fs, .dir = dir};
    int found;

    do {
        found = sfs_dir_next(&walk);
    } while (found > 0 && !is_name(fs, walk.n, &walk.record, name, length, place));
    sfs_dir_stop(&walk);
    return found;
}

int sfs_dir_find(struct sfs *fs, struct sfs_node *dir, const char *name, size_t length,
                 struct sfs_spot *place)
{
    uint32_t hash = sfs_name_hash(name, length);
    uint64_t position;
    uint32_t step = 0;
    int found = 0;

    if (dir->index == NULL) {
        return find_without_index(fs, dir, name, length, place);
    }
    while (found == 0 && sfs_index_next(dir->index, hash, &step, &position)) {
        found = compare_at(fs, dir, position, name, length, place);
    }
    return found;
}

int sfs_dir_is_empty(struct sfs *fs, struct sfs_node *dir)
{
    struct sfs_dir_walk walk = {.fs = fs, .dir = dir};
    const struct sfs_record *record = &walk.record;
    int found;

    do {
        found = sfs_dir_next(&walk);
    } while (found > 0 &&
             (record->name_length == 0 || sfs_name_is_dots(record->name, record->name_length)));
    sfs_dir_stop(&walk);
    return found < 0 ? found : found == 0;
}

/* ---- Changing ---- */

/* A block with room for NEED bytes, or the count of blocks if there is none. */
static int find_room(struct sfs *fs, struct sfs_node *dir, uint32_t need, uint64_t *n)
{
    struct sfs_dir_walk walk = {.fs = fs, .dir = dir};
    int found = 1;

    if (dir->index != NULL) {
        *n = sfs_index_find_room(dir->index, need);
        return 0;
    }
    for (bool fits = false; !fits && (found = sfs_dir_next(&walk)) > 0;) {
        struct sfs_dirblock block = sfs_dirblock_of(fs, walk.buf);

        fits = walk.record.offset == 0 && sfs_dirblock_room(&block) >= (int)need;
    }
    sfs_dir_stop(&walk);
    *n = walk.n;
    return found < 0 ? found : 0;
}

int sfs_dir_room(struct sfs *fs, struct sfs_node *dir, size_t length, struct sfs_spot *room)
{
    struct sfs_dirblock block = {.bs = fs->bs, .seed = !fs->has_journal};
    uint64_t size = sfs_node_size(dir);
    uint32_t blocks, credits;
    uint64_t n = 0;
    int error = sfs_dir_prepare(fs, dir);

    if (error == 0) {
        error = find_room(fs, dir, sfs_dirblock_need(&block, (uint32_t)length), &n);
    }
    *room = (struct sfs_spot){.position = n << fs->bs_shift, .credits = 1};
    if (error < 0 || room->position < size) {
        return error;
    }
    room->grow = true;
    if (size + fs->bs > fs->size_max || size > POSITION_MAX) {
        return SFS_EFBIG;
    }
    error = sfs_tree_plan(fs, &dir->disk, n, &blocks, &credits);
    room->blocks = 1 + blocks;
    room->credits = 1 + credits + sfs_bitmap_blocks(fs, room->blocks);
    return error;
}

static int grow(struct sfs_op *op, struct sfs_node *dir, struct sfs_spot *room)
{
    uint32_t offset;
    uint64_t n = room->position >> op->fs->bs_shift;
    uint64_t goal = dir->disk.direct[0];
    struct sfs_dirblock block;
    struct sfs_leaf leaf;
    int error;

    goal = goal != 0 ? goal : sfs_inode_block(op->fs, dir->ino, &offset);
    error = sfs_op_new_block(op, goal, &room->buf);
    if (error == 0) {
        error = sfs_tree_grow(op, &dir->disk, n, room->buf->block, &leaf);
    }
    if (error < 0) {
        return error;
    }
    leaf.slots[0] = room->buf->block;
    block = sfs_dirblock_of(op->fs, room->buf);
    sfs_dirblock_init(&block);
    sfs_node_set_size(op, dir, room->position + op->fs->bs);
    note_room(op->fs, dir, n, &block);
    return 0;
}

int sfs_dir_hold(struct sfs_op *op, struct sfs_node *dir, struct sfs_spot *place)
{
    uint64_t block;
    int error;

    if (place->grow) {
        return grow(op, dir, place);
    }
    error = sfs_tree_map(op->fs, &dir->disk, place->position >> op->fs->bs_shift, 1, &block);
    return error < 0 ? error : sfs_op_hold(op, block, &place->buf);
}

static int give_up(struct sfs_op *op, int error)
{
    sfs_abort(op->fs, error, 0);
    return error;
}

int sfs_dir_add(struct sfs_op *op, struct sfs_node *dir, const struct sfs_spot *room,
                const char *name, size_t length, uint64_t ino, uint8_t type)
{
    struct sfs *fs = op->fs;
    struct sfs_dirblock block = sfs_dirblock_of(fs, room->buf);
    int offset = sfs_dirblock_add(&block, name, (uint32_t)length, ino, type);

    if (offset < 0) {
        return give_up(op, offset);
    }
    if (dir->index != NULL && sfs_index_add(dir->index, sfs_name_hash(name, length),
                                            room->position + (uint32_t)offset) < 0) {
        refuse_index(fs, dir);
    }
    note_room(fs, dir, room->position >> fs->bs_shift, &block);
    return 0;
}

static uint32_t offset_of(const struct sfs *fs, const struct sfs_spot *place)
{
    return (uint32_t)(place->position & (fs->bs - 1));
}

int sfs_dir_remove(struct sfs_op *op, struct sfs_node *dir, const struct sfs_spot *place,
                   const char *name, size_t length)
{
    struct sfs *fs = op->fs;
    struct sfs_dirblock block = sfs_dirblock_of(fs, place->buf);
    int error = sfs_dirblock_remove(&block, offset_of(fs, place));

    if (error < 0) {
        return give_up(op, error);
    }
    if (dir->index != NULL) {
        sfs_index_remove(dir->index, sfs_name_hash(name, length), place->position);
    }
    note_room(fs, dir, place->position >> fs->bs_shift, &block);
    return 0;
}

int sfs_dir_set(struct sfs_op *op, const struct sfs_spot *place, uint64_t ino, uint8_t type)
{
    struct sfs_dirblock block = sfs_dirblock_of(op->fs, place->buf);
    int error = sfs_dirblock_set(&block, offset_of(op->fs, place), ino, type);

    return error < 0 ? give_up(op, error) : 0;
}
