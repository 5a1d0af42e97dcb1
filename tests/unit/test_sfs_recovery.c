/*
 * test_sfs_recovery.c - the log as bytes: what a commit writes is read by hand, and logs made by
 * hand, right and wrong in every field, are recovered. Shares only fs/format.h with the journal.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fs/log.h"
#include "fs/csum.h"
#include "fs/volume.h"
#include "tests/fs/port_host.h"
#include "tests/fs/ramdisk.h"

static uint64_t orphan_value;

static bool orphans(struct sfs *fs, uint64_t *slots)
{
    (void)fs;
    slots[0] = orphan_value;
    return orphan_value != 0;
}

const struct sfs_hooks sfs_upper_hooks = {.orphans = orphans};

static const struct sfs_mount_options plain = {.cache_blocks = 64};
static const struct sfs_mount_options only_read = {.read_only = true, .cache_blocks = 64};

#define BLOCKS 400

struct volume {
    struct ramdisk *disk;
    uint32_t bs, u;
    struct sfs_super *super;
    uint64_t file; /* the first block after the root directory */
};

static struct volume make(uint32_t bs)
{
    struct sfs_mkfs_options options = {.block_size = bs, .journal_blocks = 64};
    struct volume v = {ramdisk_create(BLOCKS * bs / 512, 512), bs, 0, NULL, 0};

    assert_int_equal(sfs_mkfs(ramdisk_dev(v.disk), &options), 0);
    v.super = (void *)ramdisk_bytes(v.disk);
    v.u = sfs_csum_uuid(v.super->uuid);
    v.file = v.super->orphan_block + 2;
    ramdisk_settle(v.disk);
    return v;
}

static uint8_t *block_of(const struct volume *v, uint64_t block)
{
    return ramdisk_bytes(v->disk) + block * v->bs;
}

static uint8_t *log_at(const struct volume *v, uint32_t at)
{
    return block_of(v, v->super->journal_start + at);
}

static uint32_t next_at(uint32_t at)
{
    return at == 63 ? 2 : at + 1;
}

static void set_state(const struct volume *v, uint32_t state)
{
    v->super->state = state;
    v->super->crc = sfs_csum(0, v->super, 508);
    ramdisk_settle(v->disk);
}

/* ---- Logs made by hand ---- */

enum wrong {
    NOTHING,
    MAGIC,
    TYPE,
    SEQ,
    INDEX,
    NO_TAGS,
    TOO_MANY_TAGS,
    DESCRIPTOR_CRC,
    POSITION,
    UNUSED_TAG,
    PAYLOAD,
    TAG_CRC,
    TWICE,
    HOME_SUPER,
    HOME_BACKUP,
    HOME_JOURNAL,
    HOME_BEYOND,
    NOT_FULL,
    NO_LAST,
    COMMIT_MAGIC,
    COMMIT_TYPE,
    COMMIT_SEQ,
    COMMIT_CRC,
    COMMIT_POSITION,
    TOTAL,
    CHAIN,
    WRONGS
};

static void seal_descriptor(const struct volume *v, struct sfs_descriptor *d, uint64_t at)
{
    d->crc = 0;
    d->crc = sfs_csum(sfs_csum(v->u, &at, 8), d, v->bs);
}

static void seal_commit(const struct volume *v, struct sfs_commit *c, uint64_t at)
{
    c->crc = sfs_csum(sfs_csum(v->u, &at, 8), c, 508);
}

/* The home of payload I, and what it holds. */
static uint64_t home_of(const struct volume *v, unsigned i)
{
    return v->file + i;
}

static void spoil_tags(const struct volume *v, struct sfs_descriptor *d, enum wrong wrong)
{
    uint64_t homes[] = {0, v->super->total_blocks - 1, v->super->journal_start + 5,
                        v->super->total_blocks};

    if (wrong >= HOME_SUPER && wrong <= HOME_BEYOND) {
        d->tag[0].home = homes[wrong - HOME_SUPER];
    } else if (wrong == TWICE) {
        d->tag[1].home = d->tag[0].home;
    } else if (wrong == UNUSED_TAG) {
        d->tag[d->ntags].flags = 1;
    }
}

static void spoil_descriptor(struct sfs_descriptor *d, enum wrong wrong, uint32_t tags)
{
    d->magic ^= wrong == MAGIC;
    d->type = wrong == TYPE ? 3 : d->type;
    d->seq += wrong == SEQ;
    d->index += wrong == INDEX;
    d->ntags = wrong == TOO_MANY_TAGS ? tags + 1 : wrong == NO_TAGS ? 0 : d->ntags;
    d->flags = wrong == NO_LAST ? 0 : d->flags;
}

/*
 * Transaction SEQ at *AT with COUNT payload blocks full of VALUE, with one thing wrong, everything
 * else sealed so that nothing but that is wrong. *AT moves behind it.
 */
static void make_transaction(const struct volume *v, uint64_t seq, uint32_t *at, unsigned count,
                             uint8_t value, enum wrong wrong)
{
    const uint32_t tags = (uint32_t)SFS_TAGS_PER_BLOCK(v->bs);
    uint32_t chain = v->u, total = 0, index = 0;

    for (unsigned done = 0; done < count;) {
        uint32_t here = *at;
        struct sfs_descriptor *d = (void *)log_at(v, here);
        unsigned most = wrong == NOT_FULL ? 1 : tags, left = count - done;

        memset(d, 0, v->bs);
        *d = (struct sfs_descriptor){SFS_RECORD_MAGIC, 1, seq, left < most ? left : most, index++,
                                     left <= most,     0};
        *at = next_at(here);
        for (unsigned i = 0; i < d->ntags; i++, *at = next_at(*at)) {
            uint64_t home = home_of(v, done + i);

            memset(log_at(v, *at), value, v->bs);
            d->tag[i].home = home;
        }
        spoil_tags(v, d, wrong);
        uint32_t p = next_at(here);

        for (unsigned i = 0; i < d->ntags; i++, p = next_at(p)) {
            d->tag[i].crc = sfs_csum_entry(v->u, d->tag[i].home, log_at(v, p), v->bs);
        }
        done += d->ntags;
        total += 1 + d->ntags;
        d->tag[0].crc ^= wrong == TAG_CRC;
        log_at(v, next_at(here))[9] ^= wrong == PAYLOAD;
        spoil_descriptor(d, wrong, tags);
        seal_descriptor(v, d, wrong == POSITION ? here + 1 : here);
        d->crc ^= wrong == DESCRIPTOR_CRC;
        chain = sfs_csum(chain, &d->crc, 4);
    }
    struct sfs_commit *c = (void *)log_at(v, *at);

    memset(c, 0, v->bs);
    *c = (struct sfs_commit){.magic = SFS_RECORD_MAGIC ^ (wrong == COMMIT_MAGIC),
                             .type = wrong == COMMIT_TYPE ? 1 : 2,
                             .seq = seq + (wrong == COMMIT_SEQ),
                             .total_blocks = total + 1 + (wrong == TOTAL),
                             .chain_crc = chain ^ (wrong == CHAIN)};
    seal_commit(v, c, wrong == COMMIT_POSITION ? *at + 1 : *at);
    c->crc ^= wrong == COMMIT_CRC;
    memset((uint8_t *)c + 512, 0x99, v->bs - 512); /* ignored */
    *at = next_at(*at);
}

static void put_jsb(const struct volume *v, uint64_t gen, uint64_t seq, uint64_t at)
{
    struct sfs_jsb jsb = {.magic = SFS_JSB_MAGIC,
                          .version = 1,
                          .gen = gen,
                          .tail_seq = seq,
                          .tail_blk = at,
                          .log_first = 2,
                          .log_blocks = 62};

    memcpy(jsb.uuid, v->super->uuid, 16);
    jsb.crc = sfs_csum(v->u, &jsb, 508);
    memcpy(log_at(v, gen & 1), &jsb, 512);
}

/* Are the COUNT homes full of VALUE? All or none must be. */
static bool homes_are(const struct volume *v, unsigned count, uint8_t value)
{
    unsigned same = 0;

    for (unsigned i = 0; i < count; i++) {
        const uint8_t *home = block_of(v, home_of(v, i));

        same += home[0] == value && memcmp(home, home + 1, v->bs - 1) == 0;
    }
    assert_true(same == 0 || same == count);
    return same == count;
}

static int mount_once(const struct volume *v, const struct sfs_mount_options *options)
{
    struct sfs *fs;

    ramdisk_settle(v->disk);
    int error = sfs_mount(ramdisk_dev(v->disk), options, &fs);
    return error < 0 ? error : sfs_unmount(fs);
}

/* One transaction, good or with one thing wrong, in the middle of the log and over its end. */
static void try_one(uint32_t bs, uint32_t at, unsigned count, enum wrong wrong)
{
    struct volume v = make(bs);
    uint32_t end = at;

    make_transaction(&v, 7, &end, count, 0x5A, wrong);
    put_jsb(&v, 2, 7, at);
    set_state(&v, SFS_STATE_IN_USE);
    /* Numbers that are too high look like damage behind the end: that is the next test. */
    bool newer = wrong == SEQ || wrong == COMMIT_SEQ;

    assert_int_equal(mount_once(&v, &plain), newer ? SFS_EUCLEAN : 0);
    assert_int_equal(homes_are(&v, count, 0x5A), wrong == NOTHING);
    const struct sfs_jsb *jsb = (void *)log_at(&v, 1);

    if (!newer) {
        assert_int_equal(jsb->gen, 3);
        assert_int_equal(jsb->tail_seq, wrong == NOTHING ? 9 : 8);
        assert_int_equal(jsb->tail_blk, wrong == NOTHING ? end : at);
    }
    ramdisk_free(v.disk);
}

static void test_every_field(void **state)
{
    (void)state;
    for (int wrong = NOTHING; wrong < WRONGS; wrong++) {
        for (uint32_t bs = 512; bs <= 4096; bs *= 2) {
            try_one(bs, 10, 5, (enum wrong)wrong);
            try_one(bs, 61, 5, (enum wrong)wrong);
        }
    }
    try_one(512, 30, 45, NOTHING); /* two descriptors, over the end */
    try_one(512, 2, 58, NOTHING);  /* the longest that fits: 58 + 2 + 1 = 61 */
    try_one(512, 2, 59, TOTAL);    /* all 62 blocks: the head has caught the tail */
}

static void test_log_cannot_be_full(void **state)
{
    struct volume v = make(512);
    uint32_t at = 2;

    (void)state;
    make_transaction(&v, 7, &at, 59, 0x5A, NOTHING);
    put_jsb(&v, 2, 7, 2);
    set_state(&v, SFS_STATE_IN_USE);
    assert_int_equal(mount_once(&v, &plain), 0);
    assert_false(homes_are(&v, 59, 0x5A));
    ramdisk_free(v.disk);
}

/* Whoever forges checksums may have blocks of the log counted again and again, as payload of several
 * transactions: there is memory for as many copies as the log has blocks. */
static void test_copies_are_not_more_than_blocks(void **state)
{
    struct volume v = make(512);
    struct walk walk = {.seq = 7, .start = 2};
    struct sfs *fs;
    uint32_t at = 2;

    (void)state;
    make_transaction(&v, 7, &at, 10, 0x5A, NOTHING);
    put_jsb(&v, 2, 7, 2);
    set_state(&v, SFS_STATE_IN_USE);
    ramdisk_settle(v.disk);
    assert_int_equal(sfs_mount(ramdisk_dev(v.disk), &only_read, &fs), 0);
    fs->journal->overlay_count = 62 - 10;
    assert_true(log_check_transaction(fs, &walk));
    fs->journal->overlay_count = 62 - 9;
    assert_false(log_check_transaction(fs, &walk));
    fs->journal->overlay_count = 10;
    assert_int_equal(sfs_unmount(fs), 0);
    ramdisk_free(v.disk);
}

/* Home, flush, journal superblock, flush: each line of the order is a rule of recovery. And the
 * unmount says "clean". */
static void note_event(void *ctx, const struct ramdisk_event *event)
{
    const char *letters = "?SLCJHD";
    char *trace = ctx;

    trace[strlen(trace)] = event->op == BLK_FLUSH ? 'F' : letters[event->cls];
}

static void test_order_of_writes(void **state)
{
    struct volume v = make(512);
    char trace[100] = "";
    uint32_t at = 40;

    (void)state;
    make_transaction(&v, 7, &at, 5, 1, NOTHING);
    put_jsb(&v, 2, 7, 40);
    set_state(&v, SFS_STATE_IN_USE);
    ramdisk_watch(v.disk, note_event, trace);
    assert_int_equal(mount_once(&v, &plain), 0);
    assert_string_equal(trace, "HFJFSF");
    ramdisk_free(v.disk);
}

/* A later transaction's block counts, also when the log is only looked at. */
static void test_order(void **state)
{
    (void)state;
    for (uint32_t bs = 512; bs <= 4096; bs *= 2) {
        struct volume v = make(bs);
        uint8_t *copy = malloc(bs);
        struct sfs *fs;
        uint32_t at = 40;
        int error;

        make_transaction(&v, 7, &at, 8, 1, NOTHING);
        make_transaction(&v, 8, &at, 3, 2, NOTHING);
        make_transaction(&v, 9, &at, 5, 3, NOTHING);
        put_jsb(&v, 2, 7, 40);
        set_state(&v, SFS_STATE_IN_USE);
        long events = ramdisk_events(v.disk);

        assert_int_equal(sfs_mount(ramdisk_dev(v.disk), &only_read, &fs), 0);
        for (unsigned i = 0; i < 8; i++) {
            assert_true(sfs_read_logged(fs, home_of(&v, i), copy, &error));
            assert_int_equal(error, 0);
            assert_int_equal(copy[5], i < 5 ? 3 : 1);
        }
        assert_false(sfs_read_logged(fs, home_of(&v, 8), copy, &error));
        assert_int_equal(sfs_unmount(fs), 0);
        assert_int_equal(ramdisk_events(v.disk), events);
        assert_int_equal(mount_once(&v, &plain), 0);
        assert_true(homes_are(&v, 5, 3));
        assert_int_equal(block_of(&v, home_of(&v, 7))[0], 1);
        free(copy);
        ramdisk_free(v.disk);
    }
}

/* A whole record behind a broken one, with a higher number: damage, not a torn transaction. Nothing
 * is written, not even the transactions before it. */
static void test_newer_behind(void **state)
{
    (void)state;
    for (unsigned what = 0; what < 2; what++) {
        struct volume v = make(512);
        uint32_t at = 10;

        make_transaction(&v, 7, &at, 2, 1, NOTHING);
        make_transaction(&v, 8, &at, 2, 2, PAYLOAD);
        uint32_t third = at;

        make_transaction(&v, 9, &at, 2, 3, NOTHING);
        memset(log_at(&v, what == 0 ? third : third + 3), 0,
               512); /* one of its records is enough */
        put_jsb(&v, 2, 7, 10);
        set_state(&v, SFS_STATE_IN_USE);
        long events = ramdisk_events(v.disk);

        assert_int_equal(mount_once(&v, &plain), SFS_EUCLEAN);
        assert_int_equal(mount_once(&v, &only_read), 0);
        assert_int_equal(ramdisk_events(v.disk), events);
        set_state(&v, SFS_STATE_CLEAN); /* then what lies behind is from earlier */
        assert_int_equal(mount_once(&v, &plain), 0);
        ramdisk_free(v.disk);
    }
}

/* Clean says the superblock, but the log holds something: it is replayed, "in use" comes first, and
 * "clean" last. */
static void test_clean_with_a_log(void **state)
{
    struct volume v = make(512);
    char trace[100] = "";
    uint32_t at = 10;

    (void)state;
    make_transaction(&v, 7, &at, 2, 1, NOTHING);
    put_jsb(&v, 2, 7, 10);
    ramdisk_watch(v.disk, note_event, trace);
    assert_int_equal(mount_once(&v, &plain), 0);
    assert_true(homes_are(&v, 2, 1));
    assert_string_equal(trace, "SFHFJFSF");
    assert_int_equal(v.super->state, SFS_STATE_CLEAN);
    ramdisk_free(v.disk);
}

/* Of the two slots, the valid one with the higher number counts. */
static void test_journal_superblock(void **state)
{
    (void)state;
    for (unsigned what = 0; what < 9; what++) {
        struct volume v = make(512);
        uint32_t low = 10, high = 30;

        make_transaction(&v, 7, &low, 2, 1, NOTHING);
        make_transaction(&v, 9, &high, 2, 2, NOTHING);
        memset(log_at(&v, 30), what == 8 ? 0xFF : log_at(&v, 30)[0], 1);
        put_jsb(&v, 5, 7, 10);
        put_jsb(&v, 6, 9, 30);
        struct sfs_jsb *jsb = (void *)log_at(&v, 0);

        jsb->magic ^= what == 1;
        jsb->version += what == 2;
        jsb->gen += what == 3; /* 7 is not slot 0's */
        jsb->uuid[3] ^= what == 4;
        jsb->log_blocks += what == 5;
        jsb->tail_blk = what == 6 ? 64 : what == 7 ? 1 : jsb->tail_blk;
        jsb->crc = sfs_csum(v.u, jsb, 508);
        jsb->crc ^= what == 8;
        set_state(&v, SFS_STATE_CLEAN);
        assert_int_equal(mount_once(&v, &plain), 0);
        assert_true(homes_are(&v, 2, what == 0 ? 2 : 1));
        memset(log_at(&v, 0), 0, 1024);
        assert_int_equal(mount_once(&v, &plain), SFS_EUCLEAN);
        assert_int_equal(mount_once(&v, &only_read), 0);
        ramdisk_free(v.disk);
    }
}

/* A sector of the log that cannot be read is an invalid block; its neighbours still count. */
static void test_read_errors(void **state)
{
    bool failed = true;

    (void)state;
    for (long n = 0; failed; n++) {
        struct volume v = make(512);
        struct sfs *fs;
        uint32_t at = 10;

        make_transaction(&v, 7, &at, 20, 1, NOTHING);
        put_jsb(&v, 2, 7, 10);
        set_state(&v, SFS_STATE_IN_USE);
        ramdisk_fail(v.disk, BLK_READ, n, 1);
        int error = sfs_mount(ramdisk_dev(v.disk), &plain, &fs);

        failed = ramdisk_failed(v.disk);
        assert_true(error == 0 || error == SFS_EIO || error == SFS_EUCLEAN);
        if (error == 0) {
            assert_int_equal(sfs_unmount(fs), 0);
            assert_true(homes_are(&v, 20, 1));
        }
        ramdisk_free(v.disk);
    }
}

/* Logs of random bytes with the right checksums here and there: nothing crashes or hangs. */
static void test_random_logs(void **state)
{
    (void)state;
    for (unsigned seed = 0; seed < 400; seed++) {
        struct volume v = make(512);
        uint32_t at = 2 + seed % 60;
        struct sfs *fs;

        rng_seed(seed);
        put_jsb(&v, 2, 7, at);
        for (unsigned t = 0; t < 4; t++) {
            make_transaction(&v, 7 + t, &at, 1 + rng_below(12), (uint8_t)t, NOTHING);
        }
        for (unsigned hits = 1 + rng_below(6); hits > 0; hits--) {
            uint32_t where = 2 + rng_below(62);
            struct sfs_descriptor *d = (void *)log_at(&v, where);

            ((uint8_t *)d)[rng_below(rng_below(2) ? 64 : 512)] = (uint8_t)rng();
            seal_descriptor(&v, d, where);
            if (rng_below(2)) {
                seal_commit(&v, (void *)d, where);
            }
        }
        set_state(&v, SFS_STATE_IN_USE);
        for (unsigned way = 0; way < 2; way++) {
            if (sfs_mount(ramdisk_dev(v.disk), way ? &plain : &only_read, &fs) == 0) {
                sfs_unmount(fs);
            }
        }
        ramdisk_free(v.disk);
    }
}

/* ---- What a commit writes ---- */

/* Find HOME among D's tags; the payload's block, or 0. */
static uint32_t payload_of(const struct sfs_descriptor *d, uint32_t at, uint64_t home,
                           uint32_t *flags)
{
    for (unsigned i = 0; i < d->ntags; i++) {
        if (d->tag[i].home == home) {
            *flags = d->tag[i].flags;
            return at + 1 + i;
        }
    }
    return 0;
}

static void test_log_by_hand(void **state)
{
    (void)state;
    for (uint32_t bs = 512; bs <= 4096; bs *= 2) {
        struct volume v = make(bs);
        uint8_t *data = malloc(bs);
        struct sfs *fs;
        struct sfs_handle h;
        struct sfs_buf *buf;
        uint64_t meta, file;
        uint32_t got, flags;

        memset(data, 0x33, bs);
        orphan_value = 1234;
        assert_int_equal(sfs_mount(ramdisk_dev(v.disk), &plain, &fs), 0);
        assert_int_equal(sfs_begin(fs, &h, sfs_credits(fs, 4, 0), 2), 0);
        assert_int_equal(sfs_alloc_meta(&h, 0, &meta), 0);
        assert_int_equal(sfs_new_block(&h, meta, &buf), 0);
        memset(buf->data, 0x44, bs);
        sfs_buf_put(fs, buf);
        assert_int_equal(sfs_alloc_data(&h, 0, 1, &file, &got), 0);
        assert_int_equal(sfs_log_data(&h, file, data), 0);
        sfs_end(&h);
        assert_int_equal(sfs_commit(fs, h.seq), 0);
        orphan_value = 0;

        const struct sfs_descriptor *d = (void *)log_at(&v, 2);
        struct sfs_descriptor *again = malloc(bs);
        uint64_t at = 2;

        memcpy(again, d, bs);
        seal_descriptor(&v, again, at);
        assert_memory_equal(log_at(&v, 2), "SFJD", 4);
        assert_int_equal(again->crc, d->crc);
        assert_true(d->type == 1 && d->seq == 1 && d->index == 0 && d->flags == 1);
        for (unsigned i = 0; i < d->ntags; i++) {
            assert_int_equal(d->tag[i].crc,
                             sfs_csum_entry(v.u, d->tag[i].home, log_at(&v, 3 + i), bs));
        }
        uint32_t p = payload_of(d, 2, meta, &flags);

        assert_true(p != 0 && flags == 0 && log_at(&v, p)[7] == 0x44);
        p = payload_of(d, 2, file, &flags);
        assert_true(p != 0 && flags == SFS_TAG_DATA && log_at(&v, p)[7] == 0x33);
        p = payload_of(d, 2, v.super->orphan_block, &flags);
        assert_true(p != 0 && *(uint64_t *)(void *)log_at(&v, p) == 1234);
        p = payload_of(d, 2, v.super->data_bitmap_start, &flags);
        assert_true(p != 0 && log_at(&v, p)[meta / 8] >> meta % 8 & 1);
        /* The checksum table rides along, and has the entries of all the others. */
        p = payload_of(d, 2, v.super->csum_start + meta / (bs / 4), &flags);
        uint32_t entry;

        memcpy(&entry, log_at(&v, p) + meta % (bs / 4) * 4, 4);
        memset(data, 0x44, bs);
        assert_int_equal(entry, sfs_csum_entry(v.u, meta, data, bs));

        struct sfs_commit *c = (void *)log_at(&v, 3 + d->ntags);
        uint32_t crc = c->crc;

        seal_commit(&v, c, 3 + d->ntags);
        assert_int_equal(crc, c->crc);
        assert_true(c->type == 2 && c->seq == 1 && c->total_blocks == d->ntags + 2 &&
                    c->flags == 0);
        assert_int_equal(c->chain_crc, sfs_csum(v.u, &d->crc, 4));
        assert_int_equal(block_of(&v, meta)[7], 0); /* J0: nothing is home yet */
        free(again);
        free(data);
        assert_int_equal(sfs_unmount(fs), 0);
        assert_int_equal(block_of(&v, meta)[7], 0x44);
        assert_int_equal(block_of(&v, file)[7], 0x33);
        ramdisk_free(v.disk);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_log_by_hand),
        cmocka_unit_test(test_every_field),
        cmocka_unit_test(test_log_cannot_be_full),
        cmocka_unit_test(test_copies_are_not_more_than_blocks),
        cmocka_unit_test(test_order_of_writes),
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_newer_behind),
        cmocka_unit_test(test_clean_with_a_log),
        cmocka_unit_test(test_journal_superblock),
        cmocka_unit_test(test_read_errors),
        cmocka_unit_test(test_random_logs),
    };

    sfs_csum_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
