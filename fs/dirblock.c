/*
 * dirblock.c - see dirblock.h. A live record of version 2 owns the bytes behind its name up to
 * rec_len; adding splits them off, removing gives them to the record before.
 */
#include "fs/dirblock.h"

#include "fs/error.h"
#include "fs/format.h"
#include "fs/name.h"
#include "fs/port.h"

static struct sfs_dirent *dirent_at(const struct sfs_dirblock *block, uint32_t offset)
{
    return (struct sfs_dirent *)(block->data + offset);
}

static struct sfs_seed_dirent *seed_at(const struct sfs_dirblock *block, uint32_t offset)
{
    return (struct sfs_seed_dirent *)(block->data + offset);
}

uint32_t sfs_dirblock_need(const struct sfs_dirblock *block, uint32_t length)
{
    return block->seed ? sizeof(struct sfs_seed_dirent) : SFS_DIRENT_SIZE(length);
}

void sfs_dirblock_init(const struct sfs_dirblock *block)
{
    memset(block->data, 0, block->bs);
    if (!block->seed) {
        dirent_at(block, 0)->rec_len = (uint16_t)block->bs;
    }
}

static int get_seed(const struct sfs_dirblock *block, uint32_t offset, struct sfs_record *record)
{
    const struct sfs_seed_dirent *dirent = seed_at(block, offset);
    uint32_t length = 0;

    if (offset % sizeof(*dirent) != 0) {
        return SFS_EUCLEAN;
    }
    while (length < sizeof(dirent->name) && dirent->name[length] != '\0') {
        length++;
    }
    if (length > SFS_SEED_NAME_MAX) {
        return SFS_EUCLEAN;
    }
    *record = (struct sfs_record){
        .offset = offset,
        .length = sizeof(*dirent),
        .inode = dirent->inode,
        .name = dirent->name,
        .name_length = length,
    };
    return 1;
}

/* The record at OFFSET, whatever its name is. */
static int get_record(const struct sfs_dirblock *block, uint32_t offset, struct sfs_record *record)
{
    const struct sfs_dirent *dirent = dirent_at(block, offset);

    if (offset == block->bs) {
        return 0;
    }
    if (offset % 8 != 0 || offset > block->bs - 2 * sizeof(uint64_t)) {
        return SFS_EUCLEAN;
    }
    if (block->seed) {
        return get_seed(block, offset, record);
    }
    if (dirent->rec_len % 8 != 0 || dirent->rec_len > block->bs - offset ||
        dirent->rec_len < SFS_DIRENT_SIZE(dirent->name_len)) {
        return SFS_EUCLEAN;
    }
    *record = (struct sfs_record){
        .offset = offset,
        .length = dirent->rec_len,
        .inode = dirent->inode,
        .name = dirent->name,
        .name_length = dirent->name_len,
        .type = dirent->type,
    };
    return 1;
}

/* The one behind RECORD, or the first. */
static int get_next(const struct sfs_dirblock *block, struct sfs_record *record)
{
    return get_record(block, record->length > 0 ? record->offset + record->length : 0, record);
}

static int check_name(int found, const struct sfs_record *record)
{
    bool sound = found <= 0 || sfs_name_is_sound(record->name, record->name_length);

    return sound ? found : SFS_EUCLEAN;
}

int sfs_dirblock_get(const struct sfs_dirblock *block, uint32_t offset, struct sfs_record *record)
{
    return check_name(get_record(block, offset, record), record);
}

int sfs_dirblock_next(const struct sfs_dirblock *block, struct sfs_record *record)
{
    return check_name(get_next(block, record), record);
}

/* Bytes of a record that nobody uses. */
static uint32_t slack(const struct sfs_dirblock *block, const struct sfs_record *record)
{
    if (record->name_length == 0) {
        return record->length;
    }
    return record->length - sfs_dirblock_need(block, record->name_length);
}

int sfs_dirblock_room(const struct sfs_dirblock *block)
{
    struct sfs_record record = {.length = 0};
    uint32_t room = 0;
    int found;

    while ((found = get_next(block, &record)) > 0) {
        uint32_t free = slack(block, &record);

        room = free > room ? free : room;
    }
    return found < 0 ? found : (int)room;
}

static void write_record(const struct sfs_dirblock *block, uint32_t offset, uint32_t rec_len,
                         const struct sfs_record *record)
{
    memset(block->data + offset, 0, sfs_dirblock_need(block, record->name_length));
    if (block->seed) {
        memcpy(seed_at(block, offset)->name, record->name, record->name_length);
        seed_at(block, offset)->inode = record->inode;
        return;
    }
    dirent_at(block, offset)->inode = record->inode;
    dirent_at(block, offset)->rec_len = (uint16_t)rec_len;
    dirent_at(block, offset)->name_len = (uint8_t)record->name_length;
    dirent_at(block, offset)->type = record->type;
    memcpy(dirent_at(block, offset)->name, record->name, record->name_length);
}

int sfs_dirblock_add(const struct sfs_dirblock *block, const char *name, uint32_t length,
                     uint64_t inode, uint8_t type)
{
    struct sfs_record added = {.name = name, .name_length = length, .inode = inode, .type = type};
    uint32_t need = sfs_dirblock_need(block, length);
    struct sfs_record record = {.length = 0};
    int found;

    while ((found = get_next(block, &record)) > 0) {
        uint32_t free = slack(block, &record);

        if (free >= need) {
            if (record.name_length > 0) {
                dirent_at(block, record.offset)->rec_len = (uint16_t)(record.length - free);
            }
            write_record(block, record.offset + record.length - free, free, &added);
            return (int)(record.offset + record.length - free);
        }
    }
    return found < 0 ? found : SFS_ENOSPC;
}

void sfs_dirblock_init_first(const struct sfs_dirblock *block, uint64_t ino, uint64_t parent)
{
    sfs_dirblock_init(block);
    (void)sfs_dirblock_add(block, ".", 1, ino, SFS_TYPE_DIR); /* an empty block has room */
    (void)sfs_dirblock_add(block, "..", 2, parent, SFS_TYPE_DIR);
}

/* The live record at OFFSET and the one BEFORE it (its length 0: it is the first). */
static int locate(const struct sfs_dirblock *block, uint32_t offset, struct sfs_record *record,
                  struct sfs_record *before)
{
    int found;

    *record = (struct sfs_record){.length = 0};
    do {
        *before = *record;
        found = sfs_dirblock_next(block, record);
    } while (found > 0 && record->offset < offset);
    return found > 0 && record->offset == offset && record->name_length > 0 ? 0 : SFS_EUCLEAN;
}

int sfs_dirblock_remove(const struct sfs_dirblock *block, uint32_t offset)
{
    struct sfs_record record;
    struct sfs_record before;
    int error = locate(block, offset, &record, &before);

    if (error < 0) {
        return error;
    }
    memset(block->data + offset, 0, record.length);
    if (!block->seed) {
        if (before.length > 0) {
            dirent_at(block, before.offset)->rec_len = (uint16_t)(before.length + record.length);
        } else {
            dirent_at(block, offset)->rec_len = (uint16_t)record.length;
        }
    }
    return 0;
}

int sfs_dirblock_set(const struct sfs_dirblock *block, uint32_t offset, uint64_t inode,
                     uint8_t type)
{
    struct sfs_record record;
    struct sfs_record before;
    int error = locate(block, offset, &record, &before);

    if (error < 0) {
        return error;
    }
    if (block->seed) {
        seed_at(block, offset)->inode = inode;
    } else {
        dirent_at(block, offset)->inode = inode;
        dirent_at(block, offset)->type = type;
    }
    return 0;
}
