/*
 * create.c - new names: create, mkdir, mknod, symlink, link. One handle each: the inode's bit, the
 * inode, what it holds at first, the record in the directory, the directory's inode.
 */
#include "fs/change.h"
#include "fs/name.h"
#include "fs/perm.h"

#define LINK_BLOCKS ((SFS_SYMLINK_MAX + SFS_BLOCK_MIN - 1) / SFS_BLOCK_MIN)

/* What is to be made. */
struct making {
    struct sfs_side side;
    uint16_t mode;
    uint64_t rdev;
    struct sfs_owner owner;
    const char *target; /* symbolic links */
    size_t target_length;

    struct sfs_buf *block[LINK_BLOCKS]; /* of a directory, or of a long target */
    uint32_t blocks;
    uint64_t ino;
};

static uint32_t type_of(const struct making *making)
{
    return making->mode >> 12;
}

/* Blocks that the new inode begins with. */
static uint32_t first_blocks(const struct sfs *fs, const struct making *making)
{
    if (type_of(making) == SFS_TYPE_DIR) {
        return 1;
    }
    if (type_of(making) != SFS_TYPE_LNK ||
        (making->target_length <= SFS_FASTLINK_MAX && fs->has_journal)) {
        return 0;
    }
    return (uint32_t)((making->target_length + fs->bs - 1) >> fs->bs_shift);
}

/* Everything that may fail. */
static int open_parts(struct sfs_op *op, struct making *making)
{
    struct sfs *fs = op->fs;
    struct sfs_side *side = &making->side;
    uint32_t offset;
    int error = sfs_op_new_inode(op, side->dir->ino, type_of(making) == SFS_TYPE_DIR, &making->ino);

    if (error == 0) {
        side->next = sfs_node_make(making->ino);
        error = side->next != NULL ? 0 : SFS_ENOMEM;
    }
    for (uint32_t i = 0; i < making->blocks && error == 0; i++) {
        error = sfs_op_new_block(op, sfs_inode_block(fs, making->ino, &offset), &making->block[i]);
    }
    return error < 0 ? error : sfs_change_hold(op, side, 1);
}

static void fill_link(struct sfs *fs, struct sfs_inode *disk, const struct making *making)
{
    if (making->blocks == 0) {
        disk->flags |= SFS_INODE_FASTLINK;
        memcpy((char *)disk + offsetof(struct sfs_inode, direct), making->target,
               making->target_length);
    }
    for (uint32_t i = 0; i < making->blocks; i++) {
        size_t done = (size_t)i << fs->bs_shift;
        size_t count = making->target_length - done;

        memcpy(making->block[i]->data, making->target + done, count < fs->bs ? count : fs->bs);
    }
}

/* The inode, without the link that its name will be. */
static void fill_inode(struct sfs *fs, const struct making *making)
{
    bool is_dir = type_of(making) == SFS_TYPE_DIR;
    const struct sfs_node *dir = making->side.dir;
    struct sfs_node *node = making->side.next;
    struct sfs_inode disk = {
        .mode = making->mode,
        .nlink = is_dir, /* its "." */
        .uid = (uint16_t)making->owner.uid,
        .gid = (uint16_t)making->owner.gid,
        .size_lo = is_dir ? fs->bs : (uint32_t)making->target_length,
        .direct = {making->rdev},
    };

    sfs_perm_inherit(&disk, &dir->disk);
    disk.mtime_ns = disk.ctime_ns = disk.atime_ns = sfs_now(fs);
    for (uint32_t i = 0; i < making->blocks; i++) {
        disk.direct[i] = making->block[i]->block;
    }
    if (is_dir) {
        struct sfs_dirblock block = sfs_dirblock_of(fs, making->block[0]);

        sfs_dirblock_init_first(&block, making->ino, dir->ino);
    } else if (type_of(making) == SFS_TYPE_LNK) {
        fill_link(fs, &disk, making);
    }
    node->disk = disk;
    node->type = type_of(making);
    node->lookups = 1;
    sfs_node_insert(fs, node);
}

/* With the directory locked. */
static int make_locked(struct sfs *fs, struct making *making, struct sfs_attr *attr)
{
    struct sfs_side *side = &making->side;
    uint32_t credits, blocks;
    struct sfs_op op;
    int error = sfs_side_is_free(fs, side);

    if (error == 0 && type_of(making) == SFS_TYPE_DIR && side->dir->disk.nlink >= SFS_LINK_MAX) {
        error = SFS_EMLINK;
    }
    error = error < 0 ? error : sfs_change_plan(fs, side, 1, &credits, &blocks);
    if (error == 0) {
        making->blocks = first_blocks(fs, making);
        credits += 1 + making->blocks + sfs_bitmap_blocks(fs, making->blocks);
        error = sfs_op_begin(fs, &op, credits, 0, blocks + making->blocks);
    }
    if (error < 0) {
        return error;
    }
    error = open_parts(&op, making);
    if (error == 0) {
        fill_inode(fs, making);
        error = sfs_change_apply(&op, side, 1);
        sfs_node_data_changed(&op, side->next);
        sfs_node_store(&op, side->next);
    } else {
        port_free(side->next);
    }
    error = sfs_op_end(&op, error);
    return error < 0 ? error : sfs_node_attr(fs, side->next, attr);
}

/* May NAME be given at all? */
static int check_name(const struct sfs *fs, const char *name, size_t length)
{
    int error = sfs_name_check(name, length, fs->name_max);

    if (error == 0 && sfs_name_is_dots(name, length)) {
        error = SFS_EEXIST;
    }
    return error == 0 && fs->read_only ? SFS_EROFS : error;
}

static int make(struct sfs *fs, uint64_t dir, struct making *making, struct sfs_attr *attr)
{
    struct sfs_node *node;
    int error = check_name(fs, making->side.name, making->side.length);

    if (error == 0 && (making->owner.uid > UINT16_MAX || making->owner.gid > UINT16_MAX)) {
        error = SFS_EOVERFLOW;
    }
    error = error < 0 ? error : sfs_node_get_dir(fs, dir, &node);
    if (error < 0) {
        return error;
    }
    making->side.dir = node;
    sfs_node_lock(fs, node);
    error = make_locked(fs, making, attr);
    sfs_node_unlock(fs, node);
    sfs_node_put(fs, node);
    return error;
}

static struct making making_of(const char *name, size_t length, uint32_t type, uint16_t mode,
                               struct sfs_owner owner)
{
    return (struct making){
        .side = {.name = name, .length = length},
        .mode = (uint16_t)(type << 12 | (mode & SFS_PERM_ALL)),
        .owner = owner,
    };
}

int sfs_create(struct sfs *fs, uint64_t dir, const char *name, size_t length, uint16_t mode,
               struct sfs_owner owner, struct sfs_attr *attr)
{
    struct making making = making_of(name, length, SFS_TYPE_REG, mode, owner);

    return make(fs, dir, &making, attr);
}

int sfs_mkdir(struct sfs *fs, uint64_t dir, const char *name, size_t length, uint16_t mode,
              struct sfs_owner owner, struct sfs_attr *attr)
{
    struct making making = making_of(name, length, SFS_TYPE_DIR, mode, owner);

    return make(fs, dir, &making, attr);
}

int sfs_mknod(struct sfs *fs, uint64_t dir, const char *name, size_t length, uint16_t mode,
              uint64_t rdev, struct sfs_owner owner, struct sfs_attr *attr)
{
    uint32_t type = mode >> 12;
    bool device = type == SFS_TYPE_CHR || type == SFS_TYPE_BLK;
    struct making making = making_of(name, length, type, mode, owner);

    making.rdev = device ? rdev : 0;
    if (!device && type != SFS_TYPE_FIFO && type != SFS_TYPE_SOCK) {
        return SFS_EINVAL;
    }
    return make(fs, dir, &making, attr);
}

int sfs_symlink(struct sfs *fs, uint64_t dir, const char *name, size_t length, const char *target,
                size_t target_length, struct sfs_owner owner, struct sfs_attr *attr)
{
    struct making making = making_of(name, length, SFS_TYPE_LNK, 0777, owner);

    making.target = target;
    making.target_length = target_length;
    if (target_length == 0) {
        return SFS_ENOENT;
    }
    if (target_length > SFS_SYMLINK_MAX) {
        return SFS_ENAMETOOLONG;
    }
    return make(fs, dir, &making, attr);
}

/* ---- link ---- */

/* With the directory locked. One gets no second name; that a name is taken is the first thing to
 * say. */
static int link_locked(struct sfs *fs, struct sfs_side *side)
{
    int error = sfs_side_is_free(fs, side);

    if (sfs_node_is_dir(side->next) && (error == 0 || error == SFS_ENOENT)) {
        return SFS_EPERM;
    }
    if (error < 0) {
        return error;
    }
    sfs_node_lock(fs, side->next);
    if (side->next->disk.nlink == 0) {
        error = SFS_ENOENT;
    } else if (side->next->disk.nlink >= SFS_LINK_MAX) {
        error = SFS_EMLINK;
    } else {
        error = sfs_change(fs, side, 1);
    }
    sfs_node_unlock(fs, side->next);
    return error;
}

int sfs_link(struct sfs *fs, uint64_t ino, uint64_t dir, const char *name, size_t length,
             struct sfs_attr *attr)
{
    struct sfs_side side = {.name = name, .length = length};
    int error = check_name(fs, name, length);

    error = error < 0 ? error : sfs_node_get(fs, ino, &side.next);
    if (error < 0) {
        return error;
    }
    error = sfs_node_get_dir(fs, dir, &side.dir);
    if (error == 0) {
        sfs_node_lock(fs, side.dir);
        error = link_locked(fs, &side);
        sfs_node_unlock(fs, side.dir);
        sfs_node_put(fs, side.dir);
    }
    if (error < 0) {
        sfs_node_put(fs, side.next);
        return error;
    }
    return sfs_node_hand_out(fs, side.next, attr);
}
