/*
 * checklink.c - pass 3: do all directories hang on the root, does each inode say how many names it
 * has, and are those without a name in the list of orphans?
 *
 *   climb from each directory along the parents:  the root          it hangs on it
 *                                                 nobody            lost, or an orphan
 *                                                 where it has been a cycle, which is cut
 */
#include "fs/checkwork.h"

#define CLIMB_DONE UINT32_MAX

/* ---- Directories ---- */

/* Take the name of DIR out of its parent. */
static void cut_off(struct check *c, struct check_dir *dir)
{
    const struct sfs_dirblock block = check_dirblock(c, c->dir_block);
    struct sfs_record record;

    if (check_find_record(c, dir->place, dir->ino, &record)) {
        (void)sfs_dirblock_remove(&block, record.offset);
        check_put(c, dir->place, c->dir_block);
    }
    check_dir_of(c, dir->parent)->subdirs--;
    dir->parent = NONE;
}

/* MARK is this climb's own. Each directory is passed once in all climbs together. */
static void climb(struct check *c, struct check_dir *dir, uint32_t mark)
{
    while (dir->mark == 0) {
        dir->mark = mark;
        if (dir->parent == NONE) {
            return;
        }
        dir = check_dir_of(c, dir->parent);
    }
    if (dir->mark == mark) {
        check_note(c, KIND_DIR_CYCLE, NONE, dir->ino, dir->parent, 0);
        cut_off(c, dir);
    }
}

/* ".." says who the parent is. That of a lost directory is written when it gets one. */
static void check_up(struct check *c, struct check_dir *dir)
{
    const struct sfs_dirblock block = check_dirblock(c, c->dir_block);
    uint64_t wanted = dir->ino == SFS_ROOT ? SFS_ROOT : dir->parent;
    struct sfs_inode *inode;
    struct sfs_record record;

    if (wanted == NONE || dir->up == NONE || dir->up == wanted) {
        return;
    }
    if (dir->up != UP_NEW) {
        check_note(c, KIND_DOTDOT, NONE, dir->ino, dir->up, wanted);
    }
    inode = check_get_inode(c, dir->ino);
    if (inode == NULL || !c->repair || !sfs_block_valid(c->fs, inode->direct[0])) {
        return;
    }
    check_read(c, inode->direct[0], 1, c->dir_block);
    if (sfs_dirblock_get(&block, 0, &record) > 0 &&
        sfs_dirblock_set(&block, record.length, wanted, SFS_TYPE_DIR) == 0) {
        check_put(c, inode->direct[0], c->dir_block);
    }
}

/* ---- The number of links ---- */

/* A directory has its name, its "." and a ".." for each directory in it. */
static uint32_t names_of(struct check *c, uint64_t ino, struct check_inode *info)
{
    const struct check_dir *dir = check_dir_of(c, ino);
    bool named = dir != NULL ? dir->parent != NONE || ino == SFS_ROOT : info->names > 0;

    if (!named && info->nlink == 0 && (info->flags & INODE_LISTED) != 0) {
        return 0; /* an orphan, as it may be */
    }
    if (!named) {
        check_note(c, dir != NULL ? KIND_DIR_UNNAMED : KIND_UNNAMED, NONE, ino, 0, 0);
        info->flags |= INODE_LOST;
        c->lost++;
    }
    return dir != NULL ? 2 + dir->subdirs : named ? info->names : 1;
}

/* That a lost file must have a name has been noted already. */
static void check_nlink(struct check *c, uint64_t ino, struct check_inode *info)
{
    uint32_t names = names_of(c, ino, info);
    bool lost = (info->flags & INODE_LOST) != 0 && info->type != SFS_TYPE_DIR;
    struct sfs_inode *inode;

    if (info->nlink == names) {
        return;
    }
    if (!lost) {
        check_note(c, KIND_NLINK, NONE, ino, info->nlink, names);
    }
    info->nlink = names < SFS_LINK_MAX ? (uint16_t)names : SFS_LINK_MAX;
    inode = check_get_inode(c, ino);
    if (inode != NULL) {
        inode->nlink = info->nlink;
        check_put_inode(c);
    }
}

/* ---- Orphans ---- */

static bool is_going(const struct check_inode *info)
{
    return info->nlink == 0 || (info->flags & INODE_TRUNCATING) != 0;
}

/* LIST is the one that the orphan block should hold. */
static void check_one(struct check *c, uint64_t ino, struct check_inode *info, void *ctx)
{
    uint64_t *list = ctx;

    check_nlink(c, ino, info);
    if (!is_going(info)) {
        return;
    }
    if (c->orphans < c->fs->pointers) {
        list[c->orphans] = ino;
    } else {
        list[c->fs->pointers - 1] = SFS_ORPHAN_OVERFLOW;
    }
    c->orphans++;
    if ((info->flags & INODE_LISTED) == 0) {
        check_note(c, KIND_ORPHAN_UNLISTED, NONE, ino, 0, 0);
        c->orphans_changed = true;
    } else if (c->was == SFS_STATE_CLEAN) {
        check_note(c, KIND_ORPHAN_CLEAN, NONE, ino, 0, 0);
    }
}

/* It is empty, says that there are too many, or holds an orphan for the first time. */
static bool slot_good(const struct check *c, uint32_t i)
{
    const uint64_t ino = c->orphan[i];
    struct check_inode *info = ino < c->fs->super.inode_count ? check_inode_of(c, ino) : NULL;

    if (ino == 0 || (ino == SFS_ORPHAN_OVERFLOW && i + 1 == c->fs->pointers)) {
        return true;
    }
    if (info == NULL || info->type == 0 || !is_going(info) || (info->flags & INODE_SLOT) != 0) {
        return false;
    }
    info->flags |= INODE_SLOT;
    return true;
}

void check_links(struct check *c)
{
    c->dir[0].mark = CLIMB_DONE;
    for (uint32_t i = 1; i < c->dirs && c->error == 0; i++) {
        climb(c, &c->dir[i], i);
    }
    for (uint32_t i = 0; i < c->dirs && c->error == 0; i++) {
        check_up(c, &c->dir[i]);
    }
    memset(c->scratch, 0, c->fs->bs);
    check_each_inode(c, check_one, c->scratch);
    for (uint32_t i = 0; c->fs->has_journal && i < c->fs->pointers; i++) {
        if (!slot_good(c, i)) {
            check_note(c, KIND_ORPHAN_SLOT, c->fs->super.orphan_block, NONE, i, c->orphan[i]);
            c->orphans_changed = true;
        }
    }
    if (c->orphans_changed) {
        check_put(c, c->fs->super.orphan_block, c->scratch);
    }
}
