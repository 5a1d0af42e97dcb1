/*
 * test_sfs_hostile.c - volumes that lie: bytes of the inodes, the trees, the directories and the
 * bitmaps are changed at random, and their checksums made right again, so that nothing but SFS's
 * own checks stands in the way. Operations may fail, but nothing crashes, hangs, or leaks memory.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "fs/csum.h"
#include "fs/sfs.h"
#include "tests/fs/port_host.h"
#include "tests/fs/ramdisk.h"

#define PATIENCE 60 /* seconds until a hang is a hang */

static struct sfs *fs;
static const struct sfs_owner me = {0, 0};
static uint8_t data[100000];
static const struct sfs_mount_options small = {.cache_blocks = 128, .page_kib = 256};

static void populate(void)
{
    struct sfs_attr attr;
    uint64_t dir = 0;

    for (int level = 0; level < 3; level++) {
        for (int i = 0; i < 8; i++) {
            char name[2] = {(char)('a' + i), '\0'};

            assert_int_equal(sfs_create(fs, dir, name, 1, 0644, me, &attr), 0);
            assert_int_equal(sfs_write(fs, attr.ino, 0, data, (size_t)i * 9000), i * 9000);
            assert_int_equal(sfs_forget(fs, attr.ino, 1), 0);
        }
        memset(data, 'a', 300);
        assert_int_equal(sfs_symlink(fs, dir, "link", 4, (char *)data, 300, me, &attr), 0);
        assert_int_equal(sfs_forget(fs, attr.ino, 1), 0);
        assert_int_equal(sfs_mkdir(fs, dir, "dir", 3, 0755, me, &attr), 0);
        assert_int_equal(sfs_forget(fs, attr.ino, 1), 0);
        dir = attr.ino;
    }
}

/* Is block B one whose lies are of interest: a bitmap, the first of the table, or with an entry? */
static bool is_target(const struct sfs_super *s, const uint32_t *entries, uint64_t b)
{
    return b > 0 && b < s->total_blocks - 1 && entries[b] != 0;
}

static void lie(uint8_t *bytes)
{
    const struct sfs_super *s = (const struct sfs_super *)bytes;
    uint32_t bs = s->block_size;
    uint32_t *entries = (uint32_t *)(bytes + s->csum_start * bs);
    uint32_t u = sfs_csum_uuid(s->uuid);

    for (int lies = 1 + (int)rng_below(6); lies > 0;) {
        uint64_t b = rng_below((uint32_t)s->total_blocks);
        uint64_t *word = (uint64_t *)(bytes + b * bs) + rng_below(bs / 8);

        if (!is_target(s, entries, b)) {
            continue;
        }
        switch (rng_below(4)) {
        case 0:
            *word = rng_below((uint32_t)s->total_blocks);
            break;
        case 1:
            ((uint8_t *)word)[rng_below(8)] = (uint8_t)rng();
            break;
        case 2:
            *word ^= 1ull << rng_below(64);
            break;
        default:
            *word = *((uint64_t *)(bytes + b * bs) + rng_below(bs / 8));
        }
        entries[b] = sfs_csum_entry(u, b, bytes + b * bs, bs);
        lies--;
    }
}

struct seen {
    uint64_t ino[64];
    char name[64][256];
    uint8_t length[64];
    int count;
};

static bool remember(void *ctx, const struct sfs_entry *entry)
{
    struct seen *seen = ctx;

    if (seen->count == 64) {
        return false;
    }
    seen->ino[seen->count] = entry->ino;
    memcpy(seen->name[seen->count], entry->name, entry->length);
    seen->length[seen->count++] = entry->length;
    return true;
}

/* Everything that can be done to the inode ATTR. */
static void use(const struct sfs_attr *attr)
{
    uint64_t offset = 0;
    struct sfs_attr copy = *attr;

    (void)sfs_getattr(fs, attr->ino, &copy);
    (void)sfs_read(fs, attr->ino, 0, data, sizeof(data));
    (void)sfs_read(fs, attr->ino, attr->size / 2, data, 5000);
    (void)sfs_seek(fs, attr->ino, true, &offset);
    (void)sfs_seek(fs, attr->ino, false, &offset);
    (void)sfs_readlink(fs, attr->ino, (char *)data, sizeof(data));
    (void)sfs_write(fs, attr->ino, rng_below(60000), data, 3000);
    (void)sfs_append(fs, attr->ino, data, 1000, &offset);
    (void)sfs_truncate(fs, attr->ino, rng_below(40000));
    (void)sfs_fsync(fs, attr->ino, false);
}

static void walk(uint64_t dir, int depth)
{
    struct seen *seen = calloc(1, sizeof(*seen));
    uint64_t cookie = 0;

    (void)sfs_readdir(fs, dir, &cookie, remember, seen);
    for (int i = 0; i < seen->count; i++) {
        struct sfs_attr attr;

        if (sfs_lookup(fs, dir, seen->name[i], seen->length[i], &attr) < 0) {
            continue;
        }
        use(&attr);
        if (depth < 4 && attr.mode >> 12 == SFS_TYPE_DIR && seen->name[i][0] != '.') {
            walk(attr.ino, depth + 1);
        }
        (void)sfs_forget(fs, attr.ino, 1);
        switch (rng_below(4)) {
        case 0:
            (void)sfs_unlink(fs, dir, seen->name[i], seen->length[i]);
            break;
        case 1:
            (void)sfs_rmdir(fs, dir, seen->name[i], seen->length[i]);
            break;
        case 2:
            (void)sfs_rename(fs, dir, seen->name[i], seen->length[i], rng_below(2) ? 0 : dir, "new",
                             3, rng_below(3));
            break;
        default:
            if (sfs_mkdir(fs, dir, "made", 4, 0755, me, &attr) == 0) {
                (void)sfs_forget(fs, attr.ino, 1);
            }
        }
    }
    free(seen);
}

static void run(uint32_t block_size, unsigned volumes)
{
    struct sfs_mkfs_options options = {.block_size = block_size};
    struct ramdisk *disk = ramdisk_create(8192, 512);
    uint8_t *sound = malloc(ramdisk_size(disk));

    assert_int_equal(sfs_mkfs(ramdisk_dev(disk), &options), 0);
    assert_int_equal(sfs_mount(ramdisk_dev(disk), &small, &fs), 0);
    populate();
    assert_int_equal(sfs_unmount(fs), 0);
    ramdisk_settle(disk);
    memcpy(sound, ramdisk_bytes(disk), ramdisk_size(disk));
    for (unsigned i = 0; i < volumes; i++) {
        rng_seed(i);
        memcpy(ramdisk_bytes(disk), sound, ramdisk_size(disk));
        lie(ramdisk_bytes(disk));
        ramdisk_settle(disk);
        alarm(PATIENCE);
        if (sfs_mount(ramdisk_dev(disk), &small, &fs) == 0) {
            walk(0, 0);
            (void)sfs_unmount(fs);
        }
        alarm(0);
        assert_int_equal(port_in_use(), 0);
        ramdisk_settle(disk);
    }
    free(sound);
    ramdisk_free(disk);
}

static void test_lies(void **state)
{
    (void)state;
    sfs_csum_init();
    run(512, 400);
    run(4096, 400);
}

/* Blocks that no file can have: neither read nor, worse, written. */
static void test_pointers_to_where_no_file_lies(void **state)
{
    struct sfs_mkfs_options options = {.block_size = 512};
    struct ramdisk *disk = ramdisk_create(8192, 512);
    const struct sfs_super *s = (const struct sfs_super *)ramdisk_bytes(disk);
    uint64_t target[] = {0, 1, 0, 0, 0, 8192, UINT64_MAX};
    struct sfs_attr attr;

    (void)state;
    assert_int_equal(sfs_mkfs(ramdisk_dev(disk), &options), 0);
    target[2] = s->journal_start;
    target[3] = s->orphan_block;
    target[4] = s->backup_sb_block;
    assert_int_equal(sfs_mount(ramdisk_dev(disk), &small, &fs), 0);
    populate();
    assert_int_equal(sfs_lookup(fs, 0, "c", 1, &attr), 0);
    assert_int_equal(sfs_unmount(fs), 0);
    for (size_t i = 1; i < sizeof(target) / sizeof(target[0]); i++) {
        uint64_t block = s->inode_table_start + attr.ino / 4;
        uint8_t *bytes = ramdisk_bytes(disk);
        struct sfs_inode *inode = (struct sfs_inode *)(bytes + block * 512) + attr.ino % 4;

        inode->direct[3] = target[i];
        ((uint32_t *)(bytes + s->csum_start * 512))[block] =
            sfs_csum_entry(sfs_csum_uuid(s->uuid), block, bytes + block * 512, 512);
        ramdisk_settle(disk);
        assert_int_equal(sfs_mount(ramdisk_dev(disk), &small, &fs), 0);
        assert_int_equal(sfs_read(fs, attr.ino, 3 * 512, data, 512), SFS_EUCLEAN);
        assert_int_equal(sfs_write(fs, attr.ino, 3 * 512, data, 512), SFS_EUCLEAN);
        (void)sfs_unmount(fs);
        ((struct sfs_super *)bytes)->state = SFS_STATE_CLEAN; /* an error was seen */
        ((struct sfs_super *)bytes)->crc = sfs_csum(0, bytes, offsetof(struct sfs_super, crc));
    }
    ramdisk_free(disk);
    assert_int_equal(port_in_use(), 0);
}

/* Inode INO of a volume with blocks of 512 bytes, and a block's checksum made right again. */
static struct sfs_inode *inode_of(uint8_t *bytes, uint64_t ino)
{
    const struct sfs_super *s = (const struct sfs_super *)bytes;

    return (struct sfs_inode *)(bytes + (s->inode_table_start + ino / 4) * 512) + ino % 4;
}

static void set_entry(uint8_t *bytes, uint64_t block)
{
    const struct sfs_super *s = (const struct sfs_super *)bytes;

    ((uint32_t *)(bytes + s->csum_start * 512))[block] =
        sfs_csum_entry(sfs_csum_uuid(s->uuid), block, bytes + block * 512, 512);
}

/*
 * A name that leads to a wrong inode is refused, and that is all: neither is a reference lost that
 * somebody holds to the inode, nor is the inode freed because it counts no links.
 */
static void test_a_wrong_name_costs_no_reference(void **state)
{
    struct sfs_mkfs_options options = {.block_size = 512};
    struct ramdisk *disk = ramdisk_create(8192, 512);
    uint8_t *bytes = ramdisk_bytes(disk);
    struct sfs_attr f, g, other;

    (void)state;
    assert_int_equal(sfs_mkfs(ramdisk_dev(disk), &options), 0);
    assert_int_equal(sfs_mount(ramdisk_dev(disk), &small, &fs), 0);
    assert_int_equal(sfs_create(fs, 0, "f", 1, 0644, me, &f), 0);
    assert_int_equal(sfs_create(fs, 0, "g", 1, 0644, me, &g), 0);
    assert_int_equal(sfs_unmount(fs), 0);
    ramdisk_settle(disk);

    uint64_t root = inode_of(bytes, 0)->direct[0];
    struct sfs_dirent *name = (struct sfs_dirent *)(bytes + root * 512 + 2 * SFS_DIRENT_SIZE(1));

    assert_int_equal(name->inode, f.ino);
    name->type = SFS_TYPE_DIR;
    set_entry(bytes, root);
    inode_of(bytes, g.ino)->nlink = 0;
    set_entry(bytes, ((const struct sfs_super *)bytes)->inode_table_start + g.ino / 4);
    ramdisk_settle(disk);
    assert_int_equal(sfs_mount(ramdisk_dev(disk), &small, &fs), 0);
    assert_int_equal(sfs_iget(fs, f.ino, &f), 0);
    assert_int_equal(sfs_unlink(fs, 0, "f", 1), SFS_EUCLEAN);
    assert_int_equal(sfs_unlink(fs, 0, "g", 1), SFS_EUCLEAN);
    for (int i = 0; i < 200; i++) { /* more inodes than are kept */
        char many[8];
        int length = snprintf(many, sizeof(many), "n%d", i);

        assert_int_equal(sfs_create(fs, 0, many, (size_t)length, 0644, me, &other), 0);
        assert_int_equal(sfs_forget(fs, other.ino, 1), 0);
    }
    assert_int_equal(sfs_forget(fs, f.ino, 1), 0);
    assert_int_equal(sfs_rename(fs, 0, "f", 1, 0, "h", 1, 0), SFS_EUCLEAN);
    assert_int_equal(sfs_iget(fs, g.ino, &g), 0);
    assert_int_equal(g.nlink, 0);
    (void)sfs_unmount(fs);
    ramdisk_free(disk);
    assert_int_equal(port_in_use(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_lies),
                                       cmocka_unit_test(test_pointers_to_where_no_file_lies),
                                       cmocka_unit_test(test_a_wrong_name_costs_no_reference)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
