/* change.c - see change.h. */
#include "fs/change.h"

int sfs_side_find(struct sfs *fs, struct sfs_side *side)
{
    int error = sfs_dir_prepare(fs, side->dir);

    if (error == 0) {
        error = sfs_dir_child(fs, side->dir, side->name, side->length, &side->place, &side->node);
    }
    if (error == 0 && side->node == side->dir) { /* by a name other than "." */
        sfs_damaged(fs, 0, "a directory in itself");
        error = SFS_EUCLEAN;
    }
    return error;
}

int sfs_side_is_free(struct sfs *fs, struct sfs_side *side)
{
    int found = side->dir->disk.nlink > 0 ? sfs_dir_prepare(fs, side->dir) : SFS_ENOENT;

    if (found == 0) {
        found = sfs_dir_find(fs, side->dir, side->name, side->length, &side->place);
    }
    return found > 0 ? SFS_EEXIST : found;
}

static bool is_dir(const struct sfs_node *node)
{
    return node != NULL && sfs_node_is_dir(node);
}

/* Find ".." of a directory that gets another parent. Were it not the old one, a directory could get
 * into itself. */
static int find_up(struct sfs *fs, struct sfs_side *side, const struct sfs_side *other)
{
    int found;

    side->parent = NULL;
    if (!is_dir(side->node) || other->next != side->node || other->dir == side->dir) {
        return 0;
    }
    side->parent = other->dir;
    found = sfs_dir_find(fs, side->node, "..", 2, &side->up);
    return found > 0 && side->up.ino == side->dir->ino ? 0 : found < 0 ? found : SFS_EUCLEAN;
}

int sfs_change_plan(struct sfs *fs, struct sfs_side *side, unsigned count, uint32_t *credits,
                    uint32_t *blocks)
{
    int error = 0;

    *credits = *blocks = 0;
    for (unsigned i = 0; i < count && error == 0; i++) {
        error = find_up(fs, &side[i], &side[count - 1 - i]);
        if (error == 0 && side[i].node == NULL) {
            error = sfs_dir_room(fs, side[i].dir, side[i].length, &side[i].place);
        }
        /* The directory, the inode, the name, "..". */
        *credits += 2 + side[i].place.credits + (side[i].parent != NULL);
        *blocks += side[i].place.blocks;
    }
    return error;
}

static int hold_side(struct sfs_op *op, struct sfs_side *side)
{
    int error = sfs_node_hold(op, side->dir);

    if (error == 0 && side->next != NULL) {
        error = sfs_node_hold(op, side->next);
    }
    if (error == 0 && side->node != NULL) {
        error = sfs_node_hold(op, side->node);
    }
    if (error == 0 && side->parent != NULL) {
        error = sfs_dir_hold(op, side->node, &side->up);
    }
    return error < 0 ? error : sfs_dir_hold(op, side->dir, &side->place);
}

/* A directory that has got room does not lose it again: that comes last. */
int sfs_change_hold(struct sfs_op *op, struct sfs_side *side, unsigned count)
{
    int error = 0;

    for (unsigned i = 0; i < count && error == 0; i++) {
        error = hold_side(op, &side[i]);
    }
    return error;
}

/* SIDE's name leads to NODE, or does no longer: a link more or less, and one by its "..". */
static void count_link(struct sfs *fs, const struct sfs_side *side, struct sfs_node *node, int by)
{
    if (node != NULL) {
        sfs_node_set_nlink(fs, node, (uint32_t)(node->disk.nlink + by));
    }
    if (is_dir(node)) {
        sfs_node_set_nlink(fs, side->dir, (uint32_t)(side->dir->disk.nlink + by));
    }
}

/* All that come first: nothing that moves is without a link meanwhile. */
static void count_links(struct sfs *fs, const struct sfs_side *side, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        count_link(fs, &side[i], side[i].next, 1);
    }
    for (unsigned i = 0; i < count; i++) {
        struct sfs_node *node = side[i].node;

        count_link(fs, &side[i], node, -1);
        if (is_dir(node) && node != side[0].next && node != side[count - 1].next) {
            sfs_node_set_nlink(fs, node, 0); /* its "." */
        }
        if (node != NULL && node->disk.nlink == 0) {
            sfs_orphan_add(fs, node);
        }
    }
}

static int apply_side(struct sfs_op *op, struct sfs_side *side)
{
    const struct sfs_node *next = side->next;
    int error = 0;

    if (side->node == NULL) {
        error = sfs_dir_add(op, side->dir, &side->place, side->name, side->length, next->ino,
                            (uint8_t)sfs_node_type(next));
    } else if (next != NULL) {
        error = sfs_dir_set(op, &side->place, next->ino, (uint8_t)sfs_node_type(next));
    } else {
        error = sfs_dir_remove(op, side->dir, &side->place, side->name, side->length);
    }
    if (error == 0 && side->parent != NULL) {
        error = sfs_dir_set(op, &side->up, side->parent->ino, SFS_TYPE_DIR);
    }
    return error;
}

int sfs_change_apply(struct sfs_op *op, struct sfs_side *side, unsigned count)
{
    int error = 0;

    count_links(op->fs, side, count);
    for (unsigned i = count; i-- > 0 && error == 0;) {
        error = apply_side(op, &side[i]);
    }
    for (unsigned i = 0; i < count; i++) {
        sfs_node_stamp(op, side[i].dir, true);
    }
    return error;
}

int sfs_change(struct sfs *fs, struct sfs_side *side, unsigned count)
{
    struct sfs_op op;
    uint32_t credits, blocks;
    int error = sfs_change_plan(fs, side, count, &credits, &blocks);

    error = error < 0 ? error : sfs_op_begin(fs, &op, credits, 0, blocks);
    if (error < 0) {
        return error;
    }
    error = sfs_change_hold(&op, side, count);
    if (error == 0) {
        error = sfs_change_apply(&op, side, count);
        for (unsigned i = 0; i < count; i++) {
            sfs_node_stamp(&op, side[i].node != NULL ? side[i].node : side[i].next, false);
        }
    }
    return sfs_op_end(&op, error);
}
