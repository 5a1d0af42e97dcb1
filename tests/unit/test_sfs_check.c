/*
 * test_sfs_check.c - the checker, finding by finding: each kind of damage is planted in a volume of
 * each format. It must be found, in words; nothing may be written without -y; the repair must leave
 * a volume that is sound to the checker and to the independent one of the tests; and every file
 * that was not damaged must be as it was.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fs/sfs.h"
#include "tests/fs/checker.h"
#include "tests/fs/plants.h"
#include "tests/fs/port_host.h"

static const struct plant *plant;
static const struct vol_format *format;

static void complain(const char *what)
{
    fail_msg("%s at %u bytes, version %u: %s; lines:\n%s", plant->name, format->bs, format->version,
             what, vol_lines);
}

/* The LINE with "%many" replaced by the number of that inode. */
static const char *fill_in(const char *line)
{
    static char filled[256];
    const struct {
        const char *name;
        uint64_t ino;
    } all[] = {{"%fifo", vol_inodes()->fifo},
               {"%many", vol_inodes()->many},
               {"%dir", vol_inodes()->dir},
               {"%inside", vol_inodes()->inside}};
    size_t used = 0;

    while (*line != '\0') {
        size_t i = 0;

        while (i < 4 && strncmp(line, all[i].name, strlen(all[i].name)) != 0) {
            i++;
        }
        if (i < 4) {
            used += (size_t)sprintf(filled + used, "%llu", (unsigned long long)all[i].ino);
            line += strlen(all[i].name);
        } else {
            filled[used++] = *line++;
        }
    }
    filled[used] = '\0';
    return filled;
}

/* May the file of this LINE of a tree have changed? */
static bool may_differ(const char *line)
{
    for (const char *at = plant->touched; *at != '\0';) {
        size_t length = strcspn(at, " ");

        if (*at == '*' || (strncmp(line, at, length) == 0 && strchr(" /", line[length]) != NULL)) {
            return true;
        }
        at += length + (at[length] == ' ');
    }
    return false;
}

static void compare(const char *before, const char *after)
{
    for (const char *at = before; *at != '\0'; at = strchr(at, '\n') + 1) {
        char path[4096];
        const char *now;

        snprintf(path, sizeof(path), "%.*s", (int)strcspn(at, " "), at);
        now = vol_line(after, path);
        if (!may_differ(at) && (now == NULL || strncmp(at, now, strlen(now)) != 0)) {
            printf("before: %.*s\nafter: %s\n", (int)strcspn(at, "\n"), at, now ? now : "gone");
            complain("a file has changed");
        }
    }
}

static void found_and_repaired(struct ramdisk *disk, const char *before)
{
    uint8_t *damaged = malloc(ramdisk_size(disk));

    memcpy(damaged, ramdisk_bytes(disk), ramdisk_size(disk));
    if (vol_check(disk, false) <= 0 || strstr(vol_lines, fill_in(plant->line)) == NULL) {
        complain("not found");
    }
    if (memcmp(damaged, ramdisk_bytes(disk), ramdisk_size(disk)) != 0) {
        complain("-n has written");
    }
    free(damaged);
    if (vol_check(disk, true) <= 0 || strstr(vol_lines, fill_in(plant->line)) == NULL) {
        complain("not found by -y");
    }
    if (vol_result.left != 0) {
        complain("not repaired");
    }
    if (vol_check(disk, false) != 0) {
        complain("the second check is not clean");
    }
    ramdisk_settle(disk);
    if (check_volume(ramdisk_bytes(disk), ramdisk_size(disk)) != 0) {
        complain("the independent checker has findings");
    }
    char *after = vol_tree(disk);

    compare(before, after);
    free(after);
}

static void test_plants(void **state)
{
    (void)state;
    for (format = vol_formats; format->bs != 0; format++) {
        struct ramdisk *disk = vol_make(format);
        char *before = vol_tree(disk);

        ramdisk_free(disk);
        for (plant = plants; plant->name != NULL; plant++) {
            if (format->version == SFS_VERSION_SEED && (plant->flags & PLANT_V1) == 0) {
                continue;
            }
            disk = vol_make(format);
            plant->damage(disk);
            ramdisk_settle(disk);
            found_and_repaired(disk, before);
            ramdisk_free(disk);
        }
        free(before);
    }
}

static void test_sound(void **state)
{
    (void)state;
    for (format = vol_formats; format->bs != 0; format++) {
        struct ramdisk *disk = vol_make(format);
        uint64_t writes = ramdisk_dev(disk)->writes;

        assert_int_equal(vol_check(disk, false), 0);
        assert_int_equal(vol_check(disk, true), 0);
        assert_int_equal(ramdisk_dev(disk)->writes, writes);
        assert_int_equal(vol_result.left, 0);
        ramdisk_free(disk);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_sound), cmocka_unit_test(test_plants)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
