/*
 * checkmap.c - what the checker remembers of blocks and inodes. Everything comes in pieces of 4 KiB
 * that are made when there is something to remember, so an empty volume costs next to nothing,
 * however large it is.
 */
#include "fs/checkwork.h"

static bool map_make(struct check_map *map, uint64_t things, uint64_t each)
{
    map->pieces = (things + each - 1) / each;
    map->piece = port_alloc(map->pieces * sizeof(*map->piece));
    if (map->piece != NULL) {
        memset(map->piece, 0, map->pieces * sizeof(*map->piece));
    }
    return map->piece != NULL;
}

/* Piece INDEX, which is made if it is not there. NULL: no memory. */
static uint8_t *piece_of(struct check *c, struct check_map *map, uint64_t index)
{
    uint8_t **piece = &map->piece[index];

    if (*piece == NULL) {
        *piece = port_alloc(PIECE_BYTES);
        if (*piece == NULL) {
            check_fail(c, SFS_ENOMEM);
            return NULL;
        }
        memset(*piece, 0, PIECE_BYTES);
    }
    return *piece;
}

void check_map_empty(struct check_map *map)
{
    for (uint64_t i = 0; map->piece != NULL && i < map->pieces; i++) {
        port_free(map->piece[i]);
        map->piece[i] = NULL;
    }
}

/* ---- Bits ---- */

bool check_map_test(const struct check_map *map, uint64_t bit)
{
    const uint8_t *piece = map->piece[bit / PIECE_BITS];

    bit %= PIECE_BITS;
    return piece != NULL && (piece[bit / 8] >> bit % 8 & 1);
}

bool check_map_set(struct check *c, struct check_map *map, uint64_t bit)
{
    uint8_t *piece = piece_of(c, map, bit / PIECE_BITS);

    if (piece == NULL) {
        return false;
    }
    bit %= PIECE_BITS;
    bool was = piece[bit / 8] >> bit % 8 & 1;

    piece[bit / 8] |= (uint8_t)(1u << bit % 8);
    map->count += !was;
    return was;
}

void check_map_set_range(struct check *c, struct check_map *map, uint64_t first, uint64_t end)
{
    for (uint64_t step; first < end && c->error == 0; first += step) {
        uint8_t *piece = piece_of(c, map, first / PIECE_BITS);

        step = first % 8 == 0 && end - first >= 8 ? 8 : 1;
        if (piece != NULL) {
            piece[first % PIECE_BITS / 8] |= (uint8_t)(step == 8 ? 0xFF : 1u << first % 8);
            map->count += step;
        }
    }
}

void check_map_clear(struct check_map *map, uint64_t bit)
{
    if (check_map_test(map, bit)) {
        map->piece[bit / PIECE_BITS][bit % PIECE_BITS / 8] ^= (uint8_t)(1u << bit % 8);
        map->count--;
    }
}

const uint8_t *check_map_bytes(const struct check_map *map, uint64_t bit)
{
    static const uint8_t none[PIECE_BYTES];
    const uint8_t *piece = map->piece[bit / PIECE_BITS];

    return (piece != NULL ? piece : none) + bit % PIECE_BITS / 8;
}

/* ---- Inodes ---- */

struct check_inode *check_inode_of(const struct check *c, uint64_t ino)
{
    struct check_inode *piece = (struct check_inode *)c->inodes.piece[ino / PIECE_INODES];

    return piece != NULL ? &piece[ino % PIECE_INODES] : NULL;
}

struct check_inode *check_inode_make(struct check *c, uint64_t ino)
{
    return piece_of(c, &c->inodes, ino / PIECE_INODES) != NULL ? check_inode_of(c, ino) : NULL;
}

void check_each_inode(struct check *c, check_inode_use *use, void *ctx)
{
    for (uint64_t i = 0; i < c->inodes.pieces && c->error == 0; i++) {
        struct check_inode *piece = (struct check_inode *)c->inodes.piece[i];

        for (uint32_t k = 0; k < PIECE_INODES && piece != NULL && c->error == 0; k++) {
            if (piece[k].type != 0) {
                use(c, i * PIECE_INODES + k, &piece[k], ctx);
            }
        }
    }
}

/* ---- Directories ---- */

struct check_dir *check_dir_add(struct check *c, uint64_t ino)
{
    if (c->dirs == c->dir_room) {
        uint32_t room = c->dir_room == 0 ? 64 : 2 * c->dir_room;
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
    const struct check_inode *info = check_inode_of(c, ino);

    return info != NULL && info->type == SFS_TYPE_DIR ? &c->dir[info->dir] : NULL;
}

/* ---- All of it ---- */

bool check_maps_make(struct check *c)
{
    const uint64_t each = 8ull * c->fs->bs, blocks = c->fs->dbm_blocks * each;
    const uint64_t inodes = c->fs->ibm_blocks * each;

    return map_make(&c->used, blocks, PIECE_BITS) && map_make(&c->meta, blocks, PIECE_BITS) &&
           map_make(&c->seen, blocks, PIECE_BITS) && map_make(&c->live, inodes, PIECE_BITS) &&
           map_make(&c->inodes, inodes, PIECE_INODES);
}

void check_memory_free(struct check *c)
{
    struct check_map *const maps[] = {&c->used, &c->meta, &c->seen, &c->live, &c->inodes};

    for (unsigned i = 0; i < sizeof(maps) / sizeof(maps[0]); i++) {
        check_map_empty(maps[i]);
        port_free(maps[i]->piece);
    }
    for (unsigned i = 0; i < ENTRY_CHUNKS; i++) {
        port_free(c->entries[i].entry);
    }
    port_free(c->name);
    port_free(c->dir);
}
