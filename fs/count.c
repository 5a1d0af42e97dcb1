/*
 * count.c - how much is free: counted at mount, so that no counter on the disk can be wrong.
 */
#include "fs/bitmap.h"

static uint64_t locked(struct sfs *fs, const uint64_t *value)
{
    port_mutex_lock(fs->lock);
    uint64_t copy = *value;
    port_mutex_unlock(fs->lock);
    return copy;
}

uint64_t sfs_blocks_free(struct sfs *fs)
{
    return locked(fs, &fs->alloc->data.free);
}

uint64_t sfs_inodes_free(struct sfs *fs)
{
    return locked(fs, &fs->alloc->inodes.free);
}

static int count_block(struct sfs *fs, struct bitmap *map, uint64_t index)
{
    struct sfs_buf *buf;
    uint64_t used = bits_used(fs, map, index);
    uint32_t set = 0;
    int error = sfs_buf_read(fs, map->start + index, &buf);

    if (error < 0) {
        return error;
    }
    for (uint64_t bit = 0; bit < used / 64 * 64; bit += 64) {
        uint64_t word;

        memcpy(&word, buf->data + bit / 8, sizeof(word));
        for (; word != 0; word &= word - 1) {
            set++;
        }
    }
    for (uint64_t bit = used / 64 * 64; bit < used; bit++) {
        set += bit_is_set(buf->data, bit);
    }
    sfs_buf_put(fs, buf);
    map->free_in[index] = (uint16_t)(used - set);
    map->free += used - set;
    return 0;
}

static int count_all(struct sfs *fs, struct bitmap *map)
{
    int error = 0;

    map->free_in = port_alloc(map->blocks * sizeof(*map->free_in));
    if (map->free_in == NULL) {
        return SFS_ENOMEM;
    }
    for (uint64_t i = 0; i < map->blocks && error == 0; i++) {
        error = count_block(fs, map, i);
        if (error == SFS_EUCLEAN && fs->read_only) {
            map->free_in[i] = 0; /* to look at what is left, a damaged bitmap is not needed */
            error = 0;
        }
    }
    return error;
}

int alloc_make(struct sfs *fs)
{
    struct sfs_alloc *a = port_alloc(sizeof(*a));

    if (a == NULL) {
        return SFS_ENOMEM;
    }
    *a = (struct sfs_alloc){
        .lock = port_mutex_create("sfs bitmaps"),
        .data = {fs->super.data_bitmap_start, fs->dbm_blocks, fs->super.total_blocks, 0, NULL},
        .inodes = {fs->super.inode_bitmap_start, fs->ibm_blocks, fs->super.inode_count, 0, NULL},
    };
    fs->alloc = a;
    return a->lock != NULL ? 0 : SFS_ENOMEM;
}

int alloc_mount(struct sfs *fs)
{
    int error = alloc_make(fs);

    error = error < 0 ? error : count_all(fs, &fs->alloc->data);
    return error < 0 ? error : count_all(fs, &fs->alloc->inodes);
}

void alloc_unmount(struct sfs *fs)
{
    struct sfs_alloc *a = fs->alloc;

    if (a != NULL) {
        quarantine_clear(&a->run);
        quarantine_clear(&a->commit);
        port_free(a->data.free_in);
        port_free(a->inodes.free_in);
        if (a->lock != NULL) {
            port_mutex_destroy(a->lock);
        }
        port_free(a);
    }
}
