/* test_sfs_pure.c - the parts of SFS that know no disk: how far trees reach, records in a block of
 * a directory, names, modes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fs/dirblock.h"
#include "fs/error.h"
#include "fs/format.h"
#include "fs/name.h"
#include "fs/perm.h"
#include "fs/reach.h"

/* ---- How far trees reach ----------------------------------------------------------------------
 */

static void test_reach_is_the_table_of_the_specification(void **state)
{
    (void)state;
    assert_int_equal(sfs_reach(64, 0), 10);
    assert_int_equal(sfs_reach(64, 1), 74);
    assert_int_equal(sfs_reach(64, 2), 4106);
    assert_int_equal(sfs_reach(64, 3), 262154);
    assert_int_equal(sfs_reach(64, 4), 16777226);
    assert_int_equal(sfs_reach(512, 1), 522);
    assert_int_equal(sfs_reach(512, 2), 262154);
    assert_int_equal(sfs_reach(512, 3), 134217738);
    assert_int_equal(sfs_reach(512, 4), (1ull << 36) + 10);
    assert_int_equal(sfs_reach_max_size(512, 4), 16777226ull * 512);
    assert_int_equal(sfs_reach_max_size(1024, 4), ((1ull << 28) + 10) * 1024);
    assert_int_equal(sfs_reach_max_size(2048, 4), ((1ull << 32) + 10) * 2048);
    assert_int_equal(sfs_reach_max_size(4096, 4), (1ull << 48) - 1);
    assert_int_equal(sfs_reach_max_size(512, 1), 74 * 512);
}

static void test_heights_begin_and_end_where_they_reach(void **state)
{
    (void)state;
    for (uint32_t p = 64; p <= 512; p *= 2) {
        assert_int_equal(sfs_reach_height(p, 0), 0);
        for (unsigned height = 0; height <= SFS_HEIGHT_MAX; height++) {
            assert_int_equal(sfs_reach_height(p, sfs_reach(p, height)), height);
            assert_int_equal(sfs_reach_height(p, sfs_reach(p, height) + 1), height + 1);
        }
        assert_int_equal(sfs_reach_height(p, UINT64_MAX), SFS_HEIGHT_MAX + 1);
    }
}

/* The digits of every block lead back to it, and count up like a clock. */
static void test_slots_lead_to_the_block(void **state)
{
    (void)state;
    for (uint32_t p = 64; p <= 512; p *= 8) {
        for (uint64_t n = 10; n < sfs_reach(p, 4); n = n * 7 / 3 + 1) {
            uint64_t back = 0;

            for (unsigned level = 0; level < 4; level++) {
                assert_in_range(sfs_reach_slot(p, n, level), 0, p - 1);
                back += sfs_reach_slot(p, n, level) * sfs_reach_span(p, level);
            }
            assert_int_equal(back + 10, n);
            assert_int_equal((sfs_reach_leaf_end(p, n) - 10) % p, 0);
            assert_in_range(sfs_reach_leaf_end(p, n), n + 1, n + p);
        }
    }
    assert_int_equal(sfs_reach_leaf_end(64, 0), 10);
    assert_int_equal(sfs_reach_leaf_end(64, 9), 10);
    assert_int_equal(sfs_reach_leaf_end(64, 10), 74);
    assert_int_equal(sfs_reach_leaf_end(64, 73), 74);
    assert_int_equal(sfs_reach_leaf_end(64, 74), 138);
}

/* Count them one by one: block n needs a new indirect block at every level whose digits turn over.
 */
static void test_indirect_blocks_are_counted(void **state)
{
    uint64_t counted = 0;

    (void)state;
    for (uint64_t blocks = 1; blocks < 300000; blocks++) {
        uint64_t m = blocks - 11; /* of the block that this length adds */

        if (blocks > 10) {
            unsigned height = sfs_reach_height(64, blocks);

            for (unsigned level = 1; level <= height; level++) {
                counted += m % sfs_reach_span(64, level) == 0;
            }
            if (height > 1 && sfs_reach_height(64, blocks - 1) < height) {
                counted++; /* the root above the old root */
            }
        }
        assert_int_equal(sfs_reach_indirect(64, blocks), counted);
    }
}

/* ---- Records in a block -----------------------------------------------------------------------
 */

static _Alignas(8) uint8_t bytes[4096 + 8];

static struct sfs_dirblock fresh(uint32_t bs, bool seed)
{
    struct sfs_dirblock block = {.data = bytes, .bs = bs, .seed = seed};

    memset(bytes, 0xEE, sizeof(bytes));
    sfs_dirblock_init(&block);
    return block;
}

/* The record called NAME: 1, 0 if there is none, or an error. */
static int find(const struct sfs_dirblock *block, const char *name, uint32_t length,
                struct sfs_record *record)
{
    int found;

    *record = (struct sfs_record){.length = 0};
    do {
        found = sfs_dirblock_next(block, record);
    } while (found > 0 &&
             (record->name_length != length || memcmp(record->name, name, length) != 0));
    return found;
}

/* Everything free is zero, the chain is exact, no two free records of ours hide a name. */
static void assert_sound(const struct sfs_dirblock *block)
{
    struct sfs_record record;
    uint32_t offset = 0;
    int found;

    while ((found = sfs_dirblock_get(block, offset, &record)) > 0) {
        uint32_t used = sfs_dirblock_need(block, record.name_length);
        uint32_t from = record.name_length > 0 ? used : (block->seed ? 0 : SFS_DIRENT_HEADER);

        if (record.name_length == 0 && !block->seed) {
            assert_int_equal(record.inode, 0);
            assert_int_equal(record.type, 0);
        }
        for (uint32_t i = from; i < record.length; i++) {
            assert_int_equal(block->data[offset + i], 0);
        }
        offset += record.length;
    }
    assert_int_equal(found, 0);
    assert_int_equal(offset, block->bs);
    assert_int_equal(bytes[block->bs], 0xEE);
}

struct model_entry {
    char name[256];
    uint32_t length;
    uint32_t offset;
    uint64_t inode;
    uint8_t type;
};

static void random_name(struct model_entry *entry, unsigned max)
{
    entry->length = 1 + ((unsigned)rand() % (rand() % 4 ? 12 : max));
    if (entry->length > max) {
        entry->length = max;
    }
    for (uint32_t i = 0; i < entry->length; i++) {
        entry->name[i] = "abcdefgh"[rand() % 8];
    }
    entry->name[entry->length] = '\0';
}

static int model_find(const struct model_entry *model, int count, const char *name)
{
    for (int i = 0; i < count; i++) {
        if (strcmp(model[i].name, name) == 0) {
            return i;
        }
    }
    return -1;
}

static void assert_same(const struct sfs_dirblock *block, const struct model_entry *model,
                        int count)
{
    struct sfs_record record;
    int live = 0;
    int found = sfs_dirblock_get(block, 0, &record);

    for (; found > 0; found = sfs_dirblock_get(block, record.offset + record.length, &record)) {
        live += record.name_length > 0;
    }
    assert_int_equal(live, count);
    for (int i = 0; i < count; i++) {
        assert_int_equal(find(block, model[i].name, model[i].length, &record), 1);
        assert_int_equal(record.offset, model[i].offset); /* records never move */
        assert_int_equal(record.inode, model[i].inode);
        assert_int_equal(record.type, block->seed ? 0 : model[i].type);
    }
}

static void random_block(uint32_t bs, bool seed, unsigned rounds)
{
    static struct model_entry model[256];
    struct sfs_dirblock block = fresh(bs, seed);
    int count = 0;

    for (unsigned round = 0; round < rounds; round++) {
        struct model_entry entry = {.inode = (uint64_t)rand(), .type = 1 + rand() % 12};
        int victim = count > 0 ? rand() % count : -1;

        random_name(&entry, seed ? SFS_SEED_NAME_MAX : SFS_NAME_MAX);
        if (rand() % 2 && model_find(model, count, entry.name) < 0) {
            int room = sfs_dirblock_room(&block);
            int offset =
                sfs_dirblock_add(&block, entry.name, entry.length, entry.inode, entry.type);

            assert_true((offset >= 0) == (room >= (int)sfs_dirblock_need(&block, entry.length)));
            if (offset >= 0) {
                entry.offset = (uint32_t)offset;
                model[count++] = entry;
            } else {
                assert_int_equal(offset, SFS_ENOSPC);
            }
        } else if (victim >= 0 && rand() % 2) {
            assert_int_equal(sfs_dirblock_remove(&block, model[victim].offset), 0);
            model[victim] = model[--count];
        } else if (victim >= 0) {
            model[victim].inode = entry.inode;
            model[victim].type = entry.type;
            assert_int_equal(
                sfs_dirblock_set(&block, model[victim].offset, entry.inode, entry.type), 0);
        }
        assert_sound(&block);
        assert_same(&block, model, count);
    }
    while (count > 0) {
        assert_int_equal(sfs_dirblock_remove(&block, model[--count].offset), 0);
    }
    assert_sound(&block);
}

static void test_a_block_is_what_a_model_says(void **state)
{
    (void)state;
    srand(5);
    for (uint32_t bs = 512; bs <= 4096; bs *= 2) {
        random_block(bs, false, 1500);
    }
    random_block(512, true, 1500);
}

static void test_an_empty_block_is_one_free_record(void **state)
{
    struct sfs_dirblock block = fresh(512, false);
    struct sfs_record record;

    (void)state;
    assert_int_equal(sfs_dirblock_get(&block, 0, &record), 1);
    assert_int_equal(record.length, 512);
    assert_int_equal(sfs_dirblock_room(&block), 512);
    assert_int_equal(find(&block, "a", 1, &record), 0);
    assert_int_equal(sfs_dirblock_remove(&block, 0), SFS_EUCLEAN); /* it is free */
    assert_int_equal(sfs_dirblock_set(&block, 0, 1, 8), SFS_EUCLEAN);
    block = fresh(512, true);
    assert_int_equal(sfs_dirblock_room(&block), 64);
}

/* Each of these is one lie about a sound block: "." of 16 bytes, then "..". */
static void test_a_hostile_block_is_unclean(void **state)
{
    static const struct {
        uint32_t at;
        uint8_t value;
    } lies[] = {
        {8, 8},                  /* shorter than its header */
        {8, 17},                 /* not a multiple of 8 */
        {8, 0},                  /* an endless loop */
        {9, 3},                  /* beyond the block */
        {10, 5},                 /* the name does not fit into the record */
        {12, '/'},      {12, 0}, /* no name has these */
        {16 + 9, 0},    /* a chain that ends before the block does: the rest is no record */
        {16 + 8, 0xF8}, /* beyond the block by 8 */
    };
    struct sfs_record record;

    (void)state;
    for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
        struct sfs_dirblock block = fresh(512, false);

        assert_int_equal(sfs_dirblock_add(&block, ".", 1, 7, 4), 0);
        assert_int_equal(sfs_dirblock_add(&block, "..", 2, 7, 4), 16);
        block.data[lies[i].at] = lies[i].value;
        assert_int_equal(find(&block, "zz", 2, &record), SFS_EUCLEAN);
        if (lies[i].at != 12) { /* not for its names */
            assert_int_equal(sfs_dirblock_room(&block), SFS_EUCLEAN);
            assert_true(
                sfs_dirblock_add(&block, memset((char[250]){0}, 'n', 250), 250, 1, 8) < 0);
        }
        assert_int_equal(sfs_dirblock_remove(&block, 480), SFS_EUCLEAN);
    }
}

static void test_offsets_from_outside_are_checked(void **state)
{
    struct sfs_dirblock block = fresh(512, false);
    struct sfs_record record;

    (void)state;
    assert_int_equal(sfs_dirblock_get(&block, 512, &record), 0);
    assert_int_equal(sfs_dirblock_get(&block, 504, &record), SFS_EUCLEAN);
    assert_int_equal(sfs_dirblock_get(&block, 520, &record), SFS_EUCLEAN);
    assert_int_equal(sfs_dirblock_get(&block, 4, &record), SFS_EUCLEAN);
    block = fresh(512, true);
    assert_int_equal(sfs_dirblock_get(&block, 8, &record), SFS_EUCLEAN);
    memset(block.data, 'n', 56); /* 56 bytes and no NUL */
    assert_int_equal(sfs_dirblock_get(&block, 0, &record), SFS_EUCLEAN);
    memcpy(block.data, "a/b", 4);
    assert_int_equal(sfs_dirblock_get(&block, 0, &record), SFS_EUCLEAN);
}

/* Random bytes may hold sound records by chance, but nothing reads outside or runs for ever. */
static void test_any_bytes_at_all(void **state)
{
    (void)state;
    srand(6);
    for (int round = 0; round < 20000; round++) {
        struct sfs_dirblock block = fresh(512, rand() % 2);
        struct sfs_record record;

        for (int lies = rand() % 8; lies >= 0; lies--) {
            block.data[rand() % (rand() % 2 ? 16 : 512)] = (uint8_t)rand();
        }
        (void)find(&block, "name", 4, &record);
        (void)sfs_dirblock_room(&block);
        (void)sfs_dirblock_set(&block, rand() % 64 * 8, 1, 8);
        (void)sfs_dirblock_add(&block, "name", 4, 1, 8);
        (void)sfs_dirblock_remove(&block, rand() % 64 * 8);
        assert_int_equal(bytes[512], 0xEE);
    }
}

/* ---- Names and modes --------------------------------------------------------------------------
 */

static void test_names(void **state)
{
    char name[257];

    (void)state;
    memset(name, 'n', sizeof(name));
    assert_int_equal(sfs_name_check(name, 255, SFS_NAME_MAX), 0);
    assert_int_equal(sfs_name_check(name, 256, SFS_NAME_MAX), SFS_ENAMETOOLONG);
    assert_int_equal(sfs_name_check(name, 55, SFS_SEED_NAME_MAX), 0);
    assert_int_equal(sfs_name_check(name, 56, SFS_SEED_NAME_MAX), SFS_ENAMETOOLONG);
    assert_int_equal(sfs_name_check("", 0, SFS_NAME_MAX), SFS_ENOENT);
    assert_int_equal(sfs_name_check("a/b", 3, SFS_NAME_MAX), SFS_EINVAL);
    assert_int_equal(sfs_name_check("a\0b", 3, SFS_NAME_MAX), SFS_EINVAL);
    assert_true(sfs_name_is_dots(".", 1) && sfs_name_is_dots("..", 2));
    assert_false(sfs_name_is_dots("...", 3) || sfs_name_is_dots(".a", 2) ||
                 sfs_name_is_dots("a.", 2) || sfs_name_is_dots("a", 1));
    assert_int_not_equal(sfs_name_hash("ab", 2), sfs_name_hash("ba", 2));
}

#define DIR(permissions) (SFS_TYPE_DIR << 12 | (permissions))
#define REG(permissions) (SFS_TYPE_REG << 12 | (permissions))

static const struct sfs_inode plain = {.uid = 1, .gid = 300, .mode = DIR(0777)};
static const struct sfs_inode group = {.uid = 1, .gid = 300, .mode = DIR(02777)};
static const struct sfs_inode own = {.uid = 1, .gid = 100, .mode = DIR(02777)};

static struct sfs_inode created(const struct sfs_inode *directory, uint16_t uid, uint16_t mode)
{
    struct sfs_inode made = {.uid = uid, .gid = 100, .mode = mode};

    sfs_perm_inherit(&made, directory);
    return made;
}

static void test_set_gid_directories(void **state)
{
    (void)state;
    assert_int_equal(created(&plain, 10, REG(0644)).gid, 100);
    assert_int_equal(created(&plain, 10, REG(02755)).mode, REG(02755));
    assert_int_equal(created(&group, 10, REG(0644)).gid, 300);
    assert_int_equal(created(&group, 10, REG(0644)).uid, 10);
    assert_int_equal(created(&group, 10, REG(0644)).mode, REG(0644));
    assert_int_equal(created(&group, 10, DIR(0755)).mode, DIR(02755));
    assert_int_equal(created(&group, 10, REG(02755)).mode, REG(02755));
    assert_int_equal(created(&group, 10, REG(02745)).mode, REG(02745));
    assert_int_equal(created(&own, 10, REG(02755)).mode, REG(02755));
    assert_int_equal(created(&group, 0, REG(02755)).mode, REG(02755));
}

static void test_chown_takes_set_id_bits(void **state)
{
    (void)state;
    assert_int_equal(sfs_perm_chowned(REG(06775)), REG(0775));
    assert_int_equal(sfs_perm_chowned(REG(06765)), REG(02765));
    assert_int_equal(sfs_perm_chowned(DIR(06777)), DIR(06777));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reach_is_the_table_of_the_specification),
        cmocka_unit_test(test_heights_begin_and_end_where_they_reach),
        cmocka_unit_test(test_slots_lead_to_the_block),
        cmocka_unit_test(test_indirect_blocks_are_counted),
        cmocka_unit_test(test_a_block_is_what_a_model_says),
        cmocka_unit_test(test_an_empty_block_is_one_free_record),
        cmocka_unit_test(test_a_hostile_block_is_unclean),
        cmocka_unit_test(test_offsets_from_outside_are_checked),
        cmocka_unit_test(test_any_bytes_at_all),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_set_gid_directories),
        cmocka_unit_test(test_chown_takes_set_id_bits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
