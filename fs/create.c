/*
 * create.c - new names: create, mkdir, mknod, symlink, link. One handle each: the inode's bit, the
 * inode, what it holds at first, the record in the directory, the directory's inode.
 */
#include "fs/dir.h"
#include "fs/name.h"
#include "fs/op.h"
#include "fs/perm.h"

#define LINK_BLOCKS ((SFS_SYMLINK_MAX + SFS_BLOCK_MIN - 1) / SFS_BLOCK_MIN)

/* What is to be made. */
struct making {
    const char *name;
    size_t length;
    uint16_t mode;
    uint64_t rdev;
    struct sfs_owner owner;
    const char *target; /* symbolic links */
    size_t target_length;
};

/* What has been got for it so far. */
struct parts {
    struct sfs_room room;
    struct sfs_node *node;
    struct sfs_buf *block[LINK_BLOCKS]; /* of a directory, or of a long target */
    uint32_t wanted, blocks;
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

/* May NAME be made in DIR, which is locked? Finds the room for it. */
static int check(struct sfs *fs, struct sfs_node *dir, const struct making *making,
                 struct sfs_room *room)
{
    struct sfs_spot place;
    int found;

    if (dir->disk.nlink == 0) {
        return SFS_ENOENT;
    }
    found = sfs_dir_prepare(fs, dir);
    if (found == 0) {
        found = sfs_dir_find(fs, dir, making->name, making->length, &place);
    }
    if (found != 0) {
        return found > 0 ? SFS_EEXIST : found;
    }
    if (type_of(making) == SFS_TYPE_DIR && dir->disk.nlink >= SFS_LINK_MAX) {
        return SFS_EMLINK;
    }
    return sfs_dir_room(fs, dir, making->length, room);
}

/* Everything that may fail. The directory's room comes last, for a directory does not shrink. */
static int open_parts(struct sfs_op *op, struct sfs_node *dir, const struct making *making,
                      struct parts *parts)
{
    uint32_t offset;
    int error = sfs_node_hold(op, dir);

    if (error == 0) {
        error = sfs_op_new_inode(op, dir->ino, type_of(making) == SFS_TYPE_DIR, &parts->ino);
    }
    error = error < 0 ? error : sfs_node_new(op->fs, parts->ino, &parts->node);
    if (error == 0) {
        error = sfs_node_hold(op, parts->node);
    }
    while (error == 0 && parts->blocks < parts->wanted) {
        error = sfs_op_new_block(op, sfs_inode_block(op->fs, parts->ino, &offset),
                                 &parts->block[parts->blocks]);
        parts->blocks += error == 0;
    }
    return error < 0 ? error : sfs_dir_open(op, dir, &parts->room);
}

static void fill_link(struct sfs *fs, struct sfs_inode *disk, const struct making *making,
                      struct parts *parts)
{
    if (parts->blocks == 0) {
        disk->flags |= SFS_INODE_FASTLINK;
        memcpy((char *)disk + offsetof(struct sfs_inode, direct), making->target,
               making->target_length);
    }
    for (uint32_t i = 0; i < parts->blocks; i++) {
        size_t done = (size_t)i << fs->bs_shift;
        size_t count = making->target_length - done;

        memcpy(parts->block[i]->data, making->target + done, count < fs->bs ? count : fs->bs);
    }
}

static void fill_inode(struct sfs *fs, struct sfs_node *dir, const struct making *making,
                       struct parts *parts)
{
    bool is_dir = type_of(making) == SFS_TYPE_DIR;
    struct sfs_inode disk = {
        .mode = making->mode,
        .nlink = is_dir ? 2 : 1,
        .uid = (uint16_t)making->owner.uid,
        .gid = (uint16_t)making->owner.gid,
        .size_lo = is_dir ? fs->bs : (uint32_t)making->target_length,
    };

    sfs_perm_inherit(&disk, &dir->disk);
    disk.mtime_ns = disk.ctime_ns = disk.atime_ns = sfs_now(fs);
    for (uint32_t i = 0; i < parts->blocks; i++) {
        disk.direct[i] = parts->block[i]->block;
    }
    if (is_dir) {
        struct sfs_dirblock block = sfs_dirblock_of(fs, parts->block[0]);

        sfs_dirblock_init_first(&block, parts->ino, dir->ino);
    } else if (type_of(making) == SFS_TYPE_LNK) {
        fill_link(fs, &disk, making, parts);
    } else {
        disk.direct[0] = making->rdev;
    }
    port_mutex_lock(fs->upper->lock);
    parts->node->disk = disk;
    parts->node->type = type_of(making);
    parts->node->lookups = 1;
    port_mutex_unlock(fs->upper->lock);
}

static int change(struct sfs_op *op, struct sfs_node *dir, const struct making *making,
                  struct parts *parts)
{
    struct sfs *fs = op->fs;

    fill_inode(fs, dir, making, parts);
    sfs_node_data_changed(op, parts->node);
    sfs_node_store(op, parts->node);
    if (type_of(making) == SFS_TYPE_DIR) {
        sfs_node_set_nlink(fs, dir, dir->disk.nlink + 1u);
    }
    sfs_node_stamp(op, dir, true);
    return sfs_dir_add(op, dir, &parts->room, making->name, making->length, parts->ino,
                       (uint8_t)type_of(making));
}

static int make_in(struct sfs *fs, struct sfs_node *dir, const struct making *making,
                   struct sfs_attr *attr)
{
    struct parts parts = {.wanted = first_blocks(fs, making)};
    struct sfs_op op;
    int error = check(fs, dir, making, &parts.room);

    if (error == 0) {
        error = sfs_op_begin(
            fs, &op, 3 + parts.room.credits + parts.wanted + sfs_bitmap_blocks(fs, parts.wanted), 0,
            parts.room.blocks + parts.wanted);
    }
    if (error < 0) {
        return error;
    }
    error = open_parts(&op, dir, making, &parts);
    if (error < 0 && parts.node != NULL) {
        sfs_node_cancel(fs, parts.node);
    }
    error = sfs_op_end(&op, error < 0 ? error : change(&op, dir, making, &parts));
    return error < 0 ? error : sfs_node_attr(fs, parts.node, attr);
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

static int make(struct sfs *fs, uint64_t dir, const struct making *making, struct sfs_attr *attr)
{
    struct sfs_node *node;
    int error = check_name(fs, making->name, making->length);

    if (error == 0 && (making->owner.uid > UINT16_MAX || making->owner.gid > UINT16_MAX)) {
        error = SFS_EOVERFLOW;
    }
    error = error < 0 ? error : sfs_node_get_dir(fs, dir, &node);
    if (error < 0) {
        return error;
    }
    sfs_node_lock(fs, node);
    error = make_in(fs, node, making, attr);
    sfs_node_unlock(fs, node);
    sfs_node_put(fs, node);
    return error;
}

static uint16_t mode_of(uint32_t type, uint16_t permissions)
{
    return (uint16_t)(type << 12 | (permissions & SFS_PERM_ALL));
}

int sfs_create(struct sfs *fs, uint64_t dir, const char *name, size_t length, uint16_t mode,
               struct sfs_owner owner, struct sfs_attr *attr)
{
    const struct making making = {
        .name = name, .length = length, .owner = owner, .mode = mode_of(SFS_TYPE_REG, mode)};

    return make(fs, dir, &making, attr);
}

int sfs_mkdir(struct sfs *fs, uint64_t dir, const char *name, size_t length, uint16_t mode,
              struct sfs_owner owner, struct sfs_attr *attr)
{
    const struct making making = {
        .name = name, .length = length, .owner = owner, .mode = mode_of(SFS_TYPE_DIR, mode)};

    return make(fs, dir, &making, attr);
}

int sfs_mknod(struct sfs *fs, uint64_t dir, const char *name, size_t length, uint16_t mode,
              uint64_t rdev, struct sfs_owner owner, struct sfs_attr *attr)
{
    uint32_t type = mode >> 12;
    bool device = type == SFS_TYPE_CHR || type == SFS_TYPE_BLK;
    const struct making making = {
        .name = name,
        .length = length,
        .owner = owner,
        .mode = mode,
        .rdev = device ? rdev : 0,
    };

    if (!device && type != SFS_TYPE_FIFO && type != SFS_TYPE_SOCK) {
        return SFS_EINVAL;
    }
    return make(fs, dir, &making, attr);
}

int sfs_symlink(struct sfs *fs, uint64_t dir, const char *name, size_t length, const char *target,
                size_t target_length, struct sfs_owner owner, struct sfs_attr *attr)
{
    const struct making making = {
        .name = name,
        .length = length,
        .owner = owner,
        .mode = mode_of(SFS_TYPE_LNK, 0777),
        .target = target,
        .target_length = target_length,
    };

    if (target_length == 0) {
        return SFS_ENOENT;
    }
    if (target_length > SFS_SYMLINK_MAX) {
        return SFS_ENAMETOOLONG;
    }
    return make(fs, dir, &making, attr);
}

/* ---- link ---- */

/* Both are locked, and there is room. */
static int link_in(struct sfs *fs, struct sfs_node *node, struct sfs_node *dir,
                   const struct making *making)
{
    struct sfs_room room;
    struct sfs_op op;
    int error = check(fs, dir, making, &room);

    if (error == 0 && node->disk.nlink == 0) {
        error = SFS_ENOENT;
    }
    if (error == 0 && node->disk.nlink >= SFS_LINK_MAX) {
        error = SFS_EMLINK;
    }
    error = error < 0 ? error : sfs_op_begin(fs, &op, 2 + room.credits, 0, room.blocks);
    if (error < 0) {
        return error;
    }
    error = sfs_node_hold(&op, node);
    error = error == 0 ? sfs_node_hold(&op, dir) : error;
    error = error == 0 ? sfs_dir_open(&op, dir, &room) : error;
    if (error == 0) {
        sfs_node_set_nlink(fs, node, node->disk.nlink + 1u);
        sfs_node_stamp(&op, node, false);
        sfs_node_stamp(&op, dir, true);
        error = sfs_dir_add(&op, dir, &room, making->name, making->length, node->ino,
                            (uint8_t)sfs_node_type(node));
    }
    return sfs_op_end(&op, error);
}

/* The reference to NODE becomes the user's. */
static int link_node(struct sfs *fs, struct sfs_node *node, struct sfs_node *dir,
                     const struct making *making, struct sfs_attr *attr)
{
    int error;

    sfs_node_lock_two(fs, dir, node);
    error = link_in(fs, node, dir, making);
    sfs_node_unlock_two(fs, dir, node);
    if (error < 0) {
        sfs_node_put(fs, node);
        return error;
    }
    return sfs_node_hand_out(fs, node, attr);
}

/* A directory gets no second name. That the name is taken already is the first thing to say. */
static int refuse_directory(struct sfs *fs, uint64_t dir, const char *name, size_t length)
{
    struct sfs_attr there;
    int error = sfs_lookup(fs, dir, name, length, &there);

    if (error == 0) {
        (void)sfs_forget(fs, there.ino, 1);
        return SFS_EEXIST;
    }
    return error == SFS_ENOENT ? SFS_EPERM : error;
}

int sfs_link(struct sfs *fs, uint64_t ino, uint64_t dir, const char *name, size_t length,
             struct sfs_attr *attr)
{
    const struct making making = {.name = name, .length = length};
    struct sfs_node *node;
    struct sfs_node *parent;
    int error = check_name(fs, name, length);

    error = error < 0 ? error : sfs_node_get(fs, ino, &node);
    if (error < 0) {
        return error;
    }
    error = sfs_node_is_dir(node) ? refuse_directory(fs, dir, name, length)
                                  : sfs_node_get_dir(fs, dir, &parent);
    if (error < 0) {
        sfs_node_put(fs, node);
        return error;
    }
    error = link_node(fs, node, parent, &making, attr);
    sfs_node_put(fs, parent);
    return error;
}
