/*
 * test_sfs_check_random.c - the checker against the independent one of the tests, on volumes damaged
 * at random, with seeds: one says "sound" when the other one does, and after a repair both do.
 *
 * The damage is bytes anywhere in the metadata, with right checksums or without, and blocks that are
 * overwritten; the log is left alone, for it counts only on a volume that was not unmounted.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "fs/csum.h"
#include "fs/port.h"
#include "tests/fs/checker.h"
#include "tests/fs/checkvol.h"
#include "tests/fs/port_host.h"

#define VOLUMES_USUAL 250 /* of each format */
#define PATIENCE      60  /* seconds until a hang is a hang */

static const struct vol_format *format;

static bool is_target(struct ramdisk *disk, uint64_t block)
{
    const struct sfs_super *s = vol_super(disk);

    if (s->version == SFS_VERSION_SEED) {
        return block < s->data_start + 40;
    }
    return (block < s->journal_start || block >= s->orphan_block) &&
           (block < s->data_start || block >= s->csum_start) && block < s->total_blocks;
}

/* A block that matters: of the files' region, one with a checksum three times out of four. */
static uint64_t pick_block(struct ramdisk *disk)
{
    const struct sfs_super *s = vol_super(disk);

    for (;;) {
        uint64_t block = rng_below((uint32_t)s->total_blocks);
        bool covered = s->version == SFS_VERSION && *vol_entry(disk, block) != 0;

        if (is_target(disk, block) && (covered || rng_below(40) == 0)) {
            return block;
        }
    }
}

static void change_word(struct ramdisk *disk, uint64_t block)
{
    const uint32_t bs = format->bs;
    uint64_t *word = (uint64_t *)vol_block(disk, block) + rng_below(bs / 8);

    switch (rng_below(6)) {
    case 0:
        *word = rng_below((uint32_t)vol_super(disk)->total_blocks);
        break;
    case 1:
        ((uint8_t *)word)[rng_below(8)] = (uint8_t)rng();
        break;
    case 2:
        *word ^= 1ull << rng_below(64);
        break;
    case 3:
        *word = 0;
        break;
    case 4:
        *word = *((uint64_t *)vol_block(disk, block) + rng_below(bs / 8));
        break;
    default:
        *word = *((uint64_t *)vol_block(disk, pick_block(disk)) + rng_below(bs / 8));
    }
}

static void change_block(struct ramdisk *disk, uint64_t block)
{
    switch (rng_below(3)) {
    case 0:
        memset(vol_block(disk, block), 0, format->bs);
        break;
    case 1:
        memcpy(vol_block(disk, block), vol_block(disk, pick_block(disk)), format->bs);
        break;
    default:
        port_random(vol_block(disk, block), format->bs);
    }
}

static void damage(struct ramdisk *disk)
{
    const struct sfs_super sound = *vol_super(disk);

    for (int count = 1 + (int)rng_below(5); count > 0; count--) {
        uint64_t block = pick_block(disk);
        bool sign = rng_below(4) != 0;

        if (rng_below(12) == 0) {
            change_block(disk, block);
        } else {
            change_word(disk, block);
        }
        if (block == 0) { /* a superblock that is right but for its contents is another volume's */
            *vol_super(disk) = sound;
        } else if (sign && sound.version == SFS_VERSION && *vol_entry(disk, block) != 0) {
            vol_sign(disk, block);
        }
    }
}

static void disagree(unsigned seed, const char *what)
{
    fail_msg("%u bytes, version %u, seed %u: %s\n%s", format->bs, format->version, seed, what,
             vol_lines);
}

static void try_one(unsigned seed, struct ramdisk *disk)
{
    rng_seed(seed);
    damage(disk);
    ramdisk_settle(disk);
    bool sound = check_volume(ramdisk_bytes(disk), ramdisk_size(disk)) == 0;
    int64_t found = vol_check(disk, false);

    if (found < 0 || (found == 0) != sound) {
        disagree(seed, sound ? "the independent checker says sound" : "... says damaged");
    }
    int64_t fixed = vol_check(disk, true);

    if (fixed < 0 || vol_result.left != 0) {
        const char *tail = vol_lines + strlen(vol_lines);

        printf("%lld left %llu ... %s\n", (long long)fixed, (unsigned long long)vol_result.left,
               tail - vol_lines > 1500 ? tail - 1500 : vol_lines);
        disagree(seed, "not repaired");
    }
    if (vol_check(disk, false) != 0) {
        disagree(seed, "the second check is not clean");
    }
    ramdisk_settle(disk);
    checker_quiet = false;
    if (check_volume(ramdisk_bytes(disk), ramdisk_size(disk)) != 0) {
        disagree(seed, "repaired, but not to the independent checker");
    }
    checker_quiet = true;
}

/* SEED names one volume of each format alone; VOLUMES how many. */
static void test_agreement(void **state)
{
    const char *only = getenv("SEED"), *many = getenv("VOLUMES");
    unsigned first = only != NULL ? (unsigned)atoi(only) : 0;
    unsigned count = only != NULL ? 1 : many != NULL ? (unsigned)atoi(many) : VOLUMES_USUAL;

    (void)state;
    checker_quiet = true;
    for (format = vol_formats; format->bs != 0; format++) {
        for (unsigned seed = first; seed < first + count; seed++) {
            struct ramdisk *disk = vol_make(format);

            alarm(PATIENCE);
            try_one(seed, disk);
            alarm(0);
            ramdisk_free(disk);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_agreement)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
