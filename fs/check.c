/*
 * check.c - see check.h. A check is one round; a repair is as many as it takes until a round finds
 * nothing, and then the volume is marked as clean. So what one repair leaves for another one, and
 * what it could not know, is found by the next round, and nothing is called sound that was not
 * looked at once more.
 *
 *   round:  superblock, journal -> inodes -> directories -> links -> bitmaps, checksums -> report
 *           -> finish the orphans, name what is lost, on a mounted volume
 */
#include "fs/checkwork.h"

#define ROUNDS_MOST 6

/* Each pass needs what the ones before have remembered. */
static void look(struct check *c)
{
    void (*const passes[])(struct check *) = {check_inodes, check_suspects, check_directories,
                                              check_links,  check_bitmaps,  check_checksums};

    for (unsigned i = 0; i < sizeof(passes) / sizeof(passes[0]) && c->error == 0; i++) {
        passes[i](c);
        check_settle(c);
    }
    check_progress(c, 100);
}

/* Blocks in use, for people. */
static void count_blocks(struct check *c)
{
    c->result->blocks_used = 0;
    for (uint64_t i = 0; i < c->used.pieces; i++) {
        for (uint32_t k = 0; c->used.piece[i] != NULL && k < PIECE_BYTES; k += 8) {
            uint64_t word;

            for (memcpy(&word, c->used.piece[i] + k, 8); word != 0; word &= word - 1) {
                c->result->blocks_used++;
            }
        }
    }
}

/* Nothing that a mount or another round has to do. */
static bool is_sound(const struct check *c)
{
    return c->round_findings == 0 && c->orphans == 0 && c->lost == 0;
}

static void close_volume(struct check *c)
{
    struct sfs *fs = c->fs;

    if (fs == NULL) {
        return;
    }
    if (c->error == 0 && c->repair && c->changed) {
        check_fail(c, sfs_checkpoint(fs));
    }
    check_io_free(c);
    volume_free(fs);
    c->fs = NULL;
    c->changed = false;
}

/* One round. Returns whether another one is needed. */
static bool check_round(struct check *c, struct blk_dev *dev)
{
    bool sound = false;

    c->round_findings = c->orphans = c->lost = c->suspects = 0;
    c->dir_blocks = c->again = 0;
    memset(c->count, 0, sizeof(c->count));
    memset(c->found, 0, sizeof(c->found));
    check_fail(c, check_open(c, dev));
    if (c->error == 0) {
        look(c);
    }
    check_report(c);
    if (c->error == 0) {
        sound = is_sound(c);
        count_blocks(c);
    }
    if (sound && c->repair) {
        check_fail(c, check_finish(c));
    }
    close_volume(c);
    if (c->repair && !sound && c->error == 0) {
        check_attach(c, dev);
    }
    check_maps_free(c);
    return c->repair && !sound && c->error == 0;
}

int sfs_check(struct blk_dev *dev, const struct sfs_check_options *options,
              struct sfs_check_result *result)
{
    struct check *c = port_alloc(sizeof(*c));

    *result = (struct sfs_check_result){.findings = 0};
    if (c == NULL) {
        return SFS_ENOMEM;
    }
    memset(c, 0, sizeof(*c));
    c->options = options;
    c->result = result;
    c->repair = options->repair;
    while (check_round(c, dev) && ++c->round < ROUNDS_MOST) {
    }
    bool left = !c->repair || c->error != 0 || c->round == ROUNDS_MOST;
    int error = c->error;

    result->left = left ? c->round_findings : 0;
    if (c->round == ROUNDS_MOST && result->left == 0) {
        result->left = c->orphans + c->lost;
    }
    result->fixed =
        result->findings - (result->left < result->findings ? result->left : result->findings);
    port_free(c);
    return error;
}
