/* client.c - see client.h. */
#include "tests/fs/client.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fs/log.h"
#include "tests/fs/port_host.h"

struct client *client_current;

/* ---- Blocks of data ---- */

static void fill(const struct client *c, uint8_t *block, uint32_t stamp, uint32_t version)
{
    for (uint32_t at = 0; at < c->fs->bs; at += 8) {
        memcpy(block + at, &stamp, 4);
        memcpy(block + at + 4, &version, 4);
    }
}

static int write_data(struct client *c, enum blk_class cls, uint64_t block, uint32_t stamp,
                      uint32_t version)
{
    uint8_t data[SFS_BLOCK_MAX];

    fill(c, data, stamp, version);
    return sfs_write_blocks(c->fs, cls, block, 1, data);
}

/* Write what is owed for BLOCK, or for transactions up to SEQ. */
static int pay(struct client *c, uint64_t seq, uint64_t block)
{
    int error = 0;

    for (unsigned i = 0; i < c->owes;) {
        if (c->owed[i].seq > seq && c->owed[i].block != block) {
            i++;
            continue;
        }
        int one = write_data(c, BLK_CLASS_DATA, c->owed[i].block, c->owed[i].stamp, 0);

        sfs_paid_data(c->fs, c->owed[i].seq, 1, one);
        error = one < 0 ? one : error;
        c->owed[i] = c->owed[--c->owes];
    }
    return error;
}

static int hook_pay(struct sfs *fs, uint64_t seq)
{
    return client_current != NULL && fs == client_current->fs ? pay(client_current, seq, 0) : 0;
}

/* The orphan block counts the states, to have its way through the freeze tried. */
static bool hook_orphans(struct sfs *fs, uint64_t *slots)
{
    if (client_current == NULL || fs != client_current->fs || client_current->now % 3 != 0) {
        return false;
    }
    slots[0] = client_current->now;
    return true;
}

const struct sfs_hooks sfs_upper_hooks = {.pay = hook_pay, .orphans = hook_orphans};

/* ---- Operations ---- */

struct op {
    struct client *c;
    struct sfs_handle h;
    struct client_state next;
    struct sfs_buf *table[CLIENT_TABLES];
    int error;
};

static bool op_begin(struct op *op, struct client *c, uint32_t base, uint32_t blocks)
{
    *op = (struct op){.c = c, .next = c->states[c->now]};
    op->error = sfs_begin(c->fs, &op->h, sfs_credits(c->fs, base, blocks), blocks);
    c->failures += op->error < 0;
    return op->error == 0;
}

static void op_set(struct op *op, unsigned slot, struct client_slot value)
{
    unsigned t = slot / CLIENT_SLOTS;

    if (op->error == 0 && op->table[t] == NULL) {
        op->error = sfs_modify(&op->h, op->c->table[t], &op->table[t]);
    }
    if (op->error == 0) {
        memcpy(op->table[t]->data + slot % CLIENT_SLOTS * sizeof(value), &value, sizeof(value));
        op->next.slot[slot] = value;
    }
}

static void add_state(struct client *c, const struct client_state *state)
{
    if (c->now + 1 == c->room) {
        c->room *= 2;
        c->states = realloc(c->states, c->room * sizeof(*c->states));
    }
    c->states[++c->now] = *state;
}

/* Its new state counts if nothing went wrong. */
static void op_end(struct op *op)
{
    struct client *c = op->c;

    for (unsigned t = 0; t < CLIENT_TABLES; t++) {
        sfs_buf_put(c->fs, op->table[t]);
    }
    if (op->error < 0) {
        c->failures++;
        sfs_abort(c->fs, op->error, 0); /* the client is too simple to undo */
    } else {
        op->next.seq = op->h.seq;
        add_state(c, &op->next);
    }
    sfs_end(&op->h);
}

static void op_free(struct op *op, unsigned slot)
{
    struct client_slot old = op->next.slot[slot];

    if (op->error == 0 && old.kind == CLIENT_DATA) {
        pay(op->c, 0, old.block); /* no write in flight, and none to come */
    }
    if (op->error == 0 && old.kind != CLIENT_EMPTY) {
        op->error = sfs_free_block(&op->h, old.block, old.kind == CLIENT_META);
    }
}

static void op_new_data(struct op *op, unsigned slot, bool logged)
{
    struct client *c = op->c;
    struct client_slot new = {0, c->next_stamp++, CLIENT_DATA};
    uint8_t data[SFS_BLOCK_MAX];
    uint32_t got;

    if (op->error == 0) {
        op->error = sfs_alloc_data(&op->h, rng(), 1, &new.block, &got);
    }
    if (op->error == 0 && logged) {
        fill(c, data, new.stamp, 0);
        op->error = sfs_log_data(&op->h, new.block, data);
    } else if (op->error == 0) {
        sfs_owe_data(&op->h, 1);
        c->owed[c->owes].seq = op->h.seq;
        c->owed[c->owes].block = new.block;
        c->owed[c->owes++].stamp = new.stamp;
    }
    op_set(op, slot, new);
}

static void op_new_meta(struct op *op, unsigned slot)
{
    struct client *c = op->c;
    struct client_slot new = {0, c->next_stamp++, CLIENT_META};
    struct sfs_buf *buf = NULL;

    if (op->error == 0) {
        op->error = sfs_alloc_meta(&op->h, rng(), &new.block);
    }
    if (op->error == 0) {
        op->error = sfs_new_block(&op->h, new.block, &buf);
    }
    if (op->error == 0) {
        fill(c, buf->data, new.stamp, 0);
        sfs_buf_put(c->fs, buf);
    }
    op_set(op, slot, new);
}

/* Put something new into one or two slots, and free what was there. */
static void replace(struct client *c)
{
    struct op op;
    unsigned count = 1 + rng_below(2);

    if (c->owes + 2 > CLIENT_ALL * 4 || !op_begin(&op, c, 1 + 2 * count, count)) {
        return;
    }
    for (unsigned i = 0; i < count; i++) {
        unsigned slot = rng_below(CLIENT_ALL), what = rng_below(4);

        op_free(&op, slot);
        if (what == 0) {
            op_set(&op, slot, (struct client_slot){0, 0, CLIENT_EMPTY});
        } else if (what == 1) {
            op_new_meta(&op, slot);
        } else {
            op_new_data(&op, slot, what == 2);
        }
    }
    op_end(&op);
}

/* A new stamp into a block that stays: metadata, or data through the log. */
static void rewrite(struct client *c)
{
    unsigned slot = rng_below(CLIENT_ALL);
    struct client_slot s = c->states[c->now].slot[slot];
    uint8_t data[SFS_BLOCK_MAX];
    struct op op;

    if (s.kind == CLIENT_EMPTY || !op_begin(&op, c, 2, 0)) {
        return;
    }
    pay(c, 0, s.block);
    s.stamp = c->next_stamp++;
    if (s.kind == CLIENT_META) {
        struct sfs_buf *buf;

        op.error = sfs_modify(&op.h, s.block, &buf);
        if (op.error == 0) {
            fill(c, buf->data, s.stamp, 0);
            sfs_buf_put(c->fs, buf);
        }
    } else {
        fill(c, data, s.stamp, 0);
        op.error = sfs_log_data(&op.h, s.block, data);
    }
    op_set(&op, slot, s);
    op_end(&op);
}

/* Overwrite a data block where it lies, if it may be, in no handle at all. */
static void overwrite(struct client *c)
{
    struct client_slot s = c->states[c->now].slot[rng_below(CLIENT_ALL)];

    if (s.kind != CLIENT_DATA || pay(c, 0, s.block) < 0 || sfs_is_sticky(c->fs, s.block)) {
        return;
    }
    c->high[s.stamp]++;
    int error = write_data(c, BLK_CLASS_NONE, s.block, s.stamp, c->high[s.stamp]);

    if (error == 0 && rng_below(2) == 0 && sfs_flush(c->fs) == 0) {
        c->low[s.stamp] = c->high[s.stamp];
    }
}

/* Everything up to transaction SEQ is durable. */
static void now_durable(struct client *c, uint64_t seq)
{
    while (c->durable < c->now && c->states[c->durable + 1].seq <= seq) {
        c->durable++;
    }
}

static void commit(struct client *c)
{
    if (c->now > 0 && sfs_commit(c->fs, c->states[c->now].seq) == 0) {
        now_durable(c, c->states[c->now].seq);
    }
}

void client_step(struct client *c)
{
    switch (rng_below(16)) {
    case 0:
    case 1:
    case 2:
        commit(c);
        break;
    case 3:
        overwrite(c);
        break;
    case 4:
        pay(c, 0, c->owes > 0 ? c->owed[rng_below(c->owes)].block : 0);
        break;
    case 5:
        sfs_flush(c->fs);
        break;
    case 6:
        if (rng_below(4) == 0 && sfs_checkpoint(c->fs) == 0) {
            c->durable = c->now;
        }
        break;
    case 7:
    case 8:
    case 9:
    case 10:
        rewrite(c);
        break;
    case 11:
        overwrite(c);
        overwrite(c);
        break;
    default:
        replace(c);
    }
}

/* ---- Life ---- */

int client_mount(struct client *c)
{
    const struct sfs_mount_options options = {.cache_blocks = c->cache};

    client_current = c;
    for (unsigned i = 0; i <= c->now; i++) {
        c->states[i].seq = 0; /* numbers of another mount mean nothing */
    }
    return sfs_mount(ramdisk_dev(c->disk), &options, &c->fs);
}

int client_unmount(struct client *c)
{
    int error = pay(c, UINT64_MAX, 0);
    int second = sfs_unmount(c->fs);

    c->owes = 0;
    c->fs = NULL;
    client_current = NULL;
    if (error == 0 && second == 0) {
        c->durable = c->now;
    }
    return error < 0 ? error : second;
}

static void make_tables(struct client *c)
{
    struct sfs_handle h;
    struct sfs_buf *buf;

    assert_int_equal(sfs_begin(c->fs, &h, sfs_credits(c->fs, 12, 0), CLIENT_TABLES), 0);
    for (unsigned t = 0; t < CLIENT_TABLES; t++) {
        assert_int_equal(sfs_alloc_meta(&h, 0, &c->table[t]), 0);
        assert_int_equal(sfs_new_block(&h, c->table[t], &buf), 0);
        sfs_buf_put(c->fs, buf);
    }
    sfs_end(&h);
    assert_int_equal(sfs_commit(c->fs, h.seq), 0);
}

struct client *client_create(uint32_t bs, uint64_t blocks, uint64_t journal, uint32_t version)
{
    struct client *c = calloc(1, sizeof(*c));
    struct sfs_mkfs_options options = {
        .block_size = bs, .journal_blocks = journal, .version = version};

    c->disk = ramdisk_create(blocks * bs / 512, 512);
    memset(ramdisk_bytes(c->disk), 0xEE, ramdisk_size(c->disk));
    c->room = 128;
    c->states = calloc(c->room, sizeof(*c->states));
    c->next_stamp = 1;
    c->cache = 64;
    assert_int_equal(sfs_mkfs(ramdisk_dev(c->disk), &options), 0);
    assert_int_equal(client_mount(c), 0);
    make_tables(c);
    assert_int_equal(client_unmount(c), 0);
    ramdisk_settle(c->disk);
    return c;
}

void client_free(struct client *c)
{
    if (client_current == c) {
        client_current = NULL;
    }
    ramdisk_free(c->disk);
    free(c->states);
    free(c);
}

void client_continue(struct client *c, struct ramdisk *disk)
{
    ramdisk_free(c->disk);
    c->disk = disk;
    c->owes = c->failures = 0;
    client_current = NULL;
}

void client_go_on_from(struct client *c, unsigned index)
{
    c->now = c->durable = index;
}

/* ---- Checking ---- */

static void read_slots(struct client *c, struct sfs *fs, struct client_slot *slots)
{
    struct sfs_buf *buf;

    for (unsigned t = 0; t < CLIENT_TABLES; t++) {
        assert_int_equal(sfs_buf_read(fs, c->table[t], &buf), 0);
        memcpy(slots + t * CLIENT_SLOTS, buf->data, CLIENT_SLOTS * sizeof(*slots));
        sfs_buf_put(fs, buf);
    }
}

static unsigned find_state(struct client *c, const struct client_slot *slots)
{
    for (unsigned i = c->now + 1; i-- > c->durable;) {
        if (memcmp(slots, c->states[i].slot, sizeof(c->states[i].slot)) == 0) {
            return i;
        }
    }
    for (unsigned i = 0; i < c->durable; i++) {
        if (memcmp(slots, c->states[i].slot, sizeof(c->states[i].slot)) == 0) {
            fail_msg("state %u, but %u was durable (now %u)", i, c->durable, c->now);
        }
    }
    fail_msg("no state at all: %u durable, %u now", c->durable, c->now);
    return 0;
}

static void check_data(struct client *c, struct sfs *fs, const struct client_slot *s)
{
    uint8_t data[SFS_BLOCK_MAX];
    int error;

    if (!sfs_read_logged(fs, s->block, data, &error)) {
        error = sfs_read_blocks(fs, s->block, 1, data);
    }
    assert_int_equal(error, 0);
    for (uint32_t at = 0; at < fs->bs; at += 8) {
        uint32_t stamp, version;

        memcpy(&stamp, data + at, 4);
        memcpy(&version, data + at + 4, 4);
        if (stamp != s->stamp || version < c->low[stamp] || version > c->high[stamp]) {
            fail_msg("block %llu byte %u: stamp %u version %u, expected %u version %u..%u",
                     (unsigned long long)s->block, at, stamp, version, s->stamp, c->low[s->stamp],
                     c->high[s->stamp]);
        }
    }
}

static void check_meta(struct sfs *fs, const struct client_slot *s)
{
    struct sfs_buf *buf;
    uint32_t stamp;

    assert_int_equal(sfs_buf_read(fs, s->block, &buf), 0);
    memcpy(&stamp, buf->data, 4);
    assert_int_equal(stamp, s->stamp);
    sfs_buf_put(fs, buf);
}

static bool block_bit(struct sfs *fs, uint64_t block)
{
    struct sfs_buf *buf;
    uint64_t bits = fs->bs * 8ull;

    assert_int_equal(sfs_buf_read(fs, fs->super.data_bitmap_start + block / bits, &buf), 0);
    bool set = buf->data[block % bits / 8] >> block % 8 & 1;
    sfs_buf_put(fs, buf);
    return set;
}

static bool has_entry(struct sfs *fs, uint64_t block)
{
    struct sfs_buf *buf;

    assert_int_equal(sfs_buf_read(fs, cache_table_block(fs, block), &buf), 0);
    bool some = *cache_entry(fs, buf, block) != 0;
    sfs_buf_put(fs, buf);
    return some;
}

/* F3 and F4 of the part that files use: bits and checksum entries are exactly the client's. */
static void check_space(struct client *c, struct sfs *fs, const struct client_slot *slots)
{
    uint64_t end = fs->super.total_blocks - fs->has_journal, used = 1;
    uint8_t *kind = calloc(fs->super.total_blocks, 1);
    uint64_t first = sfs_block_valid(fs, fs->super.data_start) ? fs->super.data_start
                                                               : fs->super.orphan_block + 1;

    kind[first] = CLIENT_META;
    for (unsigned t = 0; t < CLIENT_TABLES; t++, used++) {
        kind[c->table[t]] = CLIENT_META;
    }
    for (unsigned i = 0; i < CLIENT_ALL; i++) {
        if (slots[i].kind != CLIENT_EMPTY) {
            assert_int_equal(kind[slots[i].block], 0);
            kind[slots[i].block] = (uint8_t)slots[i].kind;
            used++;
        }
    }
    for (uint64_t b = first; b < end; b++) {
        assert_int_equal(block_bit(fs, b), kind[b] != 0);
        if (fs->has_journal) {
            assert_int_equal(has_entry(fs, b), kind[b] == CLIENT_META);
        }
    }
    assert_int_equal(sfs_blocks_free(fs), end - first - used);
    free(kind);
}

unsigned client_check(struct client *c, struct sfs *fs)
{
    struct client_slot slots[CLIENT_ALL];

    read_slots(c, fs, slots);
    unsigned index = find_state(c, slots);

    for (unsigned i = 0; i < CLIENT_ALL; i++) {
        if (slots[i].kind == CLIENT_DATA) {
            check_data(c, fs, &slots[i]);
        } else if (slots[i].kind == CLIENT_META) {
            check_meta(fs, &slots[i]);
        }
    }
    check_space(c, fs, slots);
    return index;
}
