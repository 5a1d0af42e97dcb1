/*
 * checkmap.c - what the checker remembers of blocks and inodes. Everything comes in pieces of 4 KiB
 * that are made when there is something to remember, so an empty volume costs next to nothing,
 * however large it is.
 */
#include "fs/checkwork.h"

static void *zeroed(size_t size)
{
    void *memory = port_alloc(size);

    return memory != NULL ? memset(memory, 0, size) : NULL;
}

/* ---- Bits ---- */

static bool map_make(struct check_map *map, uint64_t bits)
{
    map->pieces = (bits + PIECE_BITS - 1) / PIECE_BITS;
    map->piece = zeroed(map->pieces * sizeof(*map->piece));
    return map->piece != NULL;
}

void check_map_empty(struct check_map *map)
{
    for (uint64_t i = 0; i < map->pieces; i++) {
        port_free(map->piece[i]);
        map->piece[i] = NULL;
    }
}

static void map_free(struct check_map *map)
{
    if (map->piece != NULL) {
        check_map_empty(map);
        port_free(map->piece);
        map->piece = NULL;
    }
}

bool check_map_test(const struct check_map *map, uint64_t bit)
{
    const uint8_t *piece = map->piece[bit / PIECE_BITS];

    bit %= PIECE_BITS;
    return piece != NULL && (piece[bit / 8] >> bit % 8 & 1);
}

bool check_map_set(struct check *c, struct check_map *map, uint64_t bit)
{
    uint8_t **piece = &map->piece[bit / PIECE_BITS];

    if (*piece == NULL) {
        *piece = zeroed(PIECE_BYTES);
        if (*piece == NULL) {
            check_fail(c, SFS_ENOMEM);
            return false;
        }
    }
    bit %= PIECE_BITS;
    bool was = (*piece)[bit / 8] >> bit % 8 & 1;

    (*piece)[bit / 8] |= (uint8_t)(1u << bit % 8);
    return was;
}

void check_map_set_range(struct check *c, struct check_map *map, uint64_t first, uint64_t count)
{
    for (uint64_t bit = first; bit < first + count && c->error == 0; bit++) {
        if (check_map_set(c, map, bit) || bit % PIECE_BITS != 0 ||
            first + count - bit < PIECE_BITS) {
            continue;
        }
        memset(map->piece[bit / PIECE_BITS], 0xFF, PIECE_BYTES);
        bit += PIECE_BITS - 1;
    }
}

void check_map_clear(struct check_map *map, uint64_t bit)
{
    uint8_t *piece = map->piece[bit / PIECE_BITS];

    bit %= PIECE_BITS;
    if (piece != NULL) {
        piece[bit / 8] &= (uint8_t) ~(1u << bit % 8);
    }
}

/* ---- Inodes ---- */

struct check_inode *check_inode_of(const struct check *c, uint64_t ino)
{
    struct check_inode *piece = c->inode[ino / PIECE_INODES];

    return piece != NULL ? &piece[ino % PIECE_INODES] : NULL;
}

struct check_inode *check_inode_make(struct check *c, uint64_t ino)
{
    struct check_inode **piece = &c->inode[ino / PIECE_INODES];

    if (*piece == NULL) {
        *piece = zeroed(PIECE_INODES * sizeof(**piece));
        if (*piece == NULL) {
            check_fail(c, SFS_ENOMEM);
            return NULL;
        }
    }
    return &(*piece)[ino % PIECE_INODES];
}

void check_each_inode(struct check *c, check_inode_use *use, void *ctx)
{
    for (uint64_t i = 0; i < c->inode_pieces && c->error == 0; i++) {
        for (uint32_t k = 0; k < PIECE_INODES && c->inode[i] != NULL && c->error == 0; k++) {
            if (c->inode[i][k].type != 0) {
                use(c, i * PIECE_INODES + k, &c->inode[i][k], ctx);
            }
        }
    }
}

bool check_is_orphan(const struct check_inode *inode)
{
    return inode->nlink == 0 && inode->names == 0 && (inode->flags & INODE_LISTED) != 0;
}

/* ---- Directories ---- */

struct check_dir *check_dir_add(struct check *c, uint64_t ino)
{
    if (c->dirs == c->dir_room) {
        uint64_t room = c->dir_room == 0 ? 64 : 2 * c->dir_room;
        struct check_dir *dir = port_alloc(room * sizeof(*dir));

        if (dir == NULL) {
            check_fail(c, SFS_ENOMEM);
            return NULL;
        }
        if (c->dirs > 0) {
            memcpy(dir, c->dir, c->dirs * sizeof(*dir));
        }
        port_free(c->dir);
        c->dir = dir;
        c->dir_room = room;
    }
    c->dir[c->dirs] = (struct check_dir){.ino = ino, .parent = NONE, .up = NONE};
    return &c->dir[c->dirs++];
}

struct check_dir *check_dir_of(const struct check *c, uint64_t ino)
{
    uint64_t low = 0, high = c->dirs;

    while (low < high) {
        uint64_t middle = low + (high - low) / 2;

        if (c->dir[middle].ino < ino) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < c->dirs && c->dir[low].ino == ino ? &c->dir[low] : NULL;
}

/* ---- All of it ---- */

bool check_maps_make(struct check *c)
{
    const struct sfs_super *s = &c->fs->super;

    c->inode_pieces = (s->inode_count + PIECE_INODES - 1) / PIECE_INODES;
    c->inode = zeroed(c->inode_pieces * sizeof(*c->inode));
    return map_make(&c->used, s->total_blocks) && map_make(&c->meta, s->total_blocks) &&
           map_make(&c->seen, s->total_blocks) && c->inode != NULL;
}

void check_maps_free(struct check *c)
{
    map_free(&c->used);
    map_free(&c->meta);
    map_free(&c->seen);
    for (uint64_t i = 0; c->inode != NULL && i < c->inode_pieces; i++) {
        port_free(c->inode[i]);
    }
    port_free(c->inode);
    port_free(c->dir);
    c->inode = NULL;
    c->dir = NULL;
    c->dirs = c->dir_room = 0;
}
