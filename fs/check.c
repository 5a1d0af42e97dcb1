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

/* Each pass needs what the ones before have remembered; what it has repaired is durable after it. */
static void look(struct check *c)
{
    void (*const passes[])(struct check *) = {check_inodes, check_suspects, check_directories,
                                              check_links,  check_bitmaps,  check_checksums};

    for (unsigned i = 0; i < sizeof(passes) / sizeof(passes[0]) && c->error == 0; i++) {
        passes[i](c);
        if (c->error == 0 && c->changed) {
            check_fail(c, sfs_commit_running(c->fs));
        }
    }
    const uint64_t none = c->fs->dbm_blocks * 8 * c->fs->bs - c->fs->super.total_blocks;

    c->result->blocks_used = c->used.count - none; /* bits behind the end stand for no block */
}

/* Nothing that a mount or another round has to do. */
static bool is_sound(const struct check *c)
{
    return c->error == 0 && c->round_findings == 0 && c->orphans == 0 && c->lost == 0;
}

static void close_volume(struct check *c)
{
    if (c->error == 0 && c->changed) {
        check_fail(c, sfs_checkpoint(c->fs));
    }
    if (c->fs != NULL) {
        volume_free(c->fs);
    }
}

/* One round. Returns whether another one is needed. */
static bool check_round(struct check *c, struct blk_dev *dev)
{
    memset(&c->error, 0, offsetof(struct check, run) - offsetof(struct check, error));
    check_open(c, dev);
    if (c->error == 0) {
        look(c);
    }
    check_report(c);
    if (is_sound(c) && c->repair) {
        check_fail(c, check_finish(c));
    }
    bool again = c->repair && c->error == 0 && !is_sound(c);

    close_volume(c);
    if (again && c->error == 0) {
        check_attach(c, dev);
    }
    check_memory_free(c);
    return again && c->error == 0;
}

int sfs_check(struct blk_dev *dev, const struct sfs_check_options *options,
              struct sfs_check_result *result)
{
    uint8_t *memory = port_alloc(sizeof(struct check) + CHECK_PAGE);

    *result = (struct sfs_check_result){.findings = 0};
    if (memory == NULL) {
        return SFS_ENOMEM;
    }
    struct check *c = (struct check *)(memory + CHECK_PAGE - (uintptr_t)memory % CHECK_PAGE);

    c->options = options;
    c->result = result;
    c->repair = options->repair;
    c->round = 0;
    while (check_round(c, dev) && ++c->round < ROUNDS_MOST) {
    }
    int error = c->error;

    result->left = c->round_findings; /* of the last round */
    if (c->round == ROUNDS_MOST && result->left == 0) {
        result->left = c->orphans + c->lost;
    }
    result->fixed = result->findings > result->left ? result->findings - result->left : 0;
    port_free(memory);
    return error;
}
