/*
 * checkwork.h - what the parts of the checker share. Nobody else includes it.
 *
 *   check.c       rounds: look, repair, look again, until there is nothing left
 *   checksuper.c  superblock, backup, journal                                            F1 F2 F9
 *   checkinode.c  pass 1: every inode by itself                                            F5 F8 F9
 *   checktree.c           a walk through its tree, in which each block gets its owner      F4 F3 F8
 *   checkfile.c           what the walk has told about a file                                    F8
 *   checkdir.c    pass 2: every directory's records                                     F7 F9 F3
 *   checklink.c   pass 3: how directories hang together, links, orphans                     F6 F7
 *   checkbits.c   pass 4: bitmaps and the checksum table against what was seen          F3 F4 F5
 *   checkattach.c what nobody names gets a name in lost+found
 *   checkio.c     blocks, their checksums; repaired blocks go through the journal
 *   checkmap.c    what is remembered of blocks and inodes
 *   checkname.c   names of a directory that are there twice
 *   checkreport.c findings, their paths and lines; checkkinds.h is all that there can be
 *
 * Errors stay: once c->error is set nothing more is read or written, and everybody returns soon. So
 * most functions return nothing, and what they look at in between may be anything.
 *
 * Everything is repaired in the memory where it was read, whether the repair is wanted or not, so
 * that what follows sees a sound thing; check_put alone knows if it is to be written.
 */
#ifndef SECTOR0_FS_CHECKWORK_H
#define SECTOR0_FS_CHECKWORK_H

#include <stdbool.h>
#include <stdint.h>

#include "fs/check.h"
#include "fs/checkkinds.h"
#include "fs/dirblock.h"
#include "fs/log.h"
#include "fs/name.h"
#include "fs/tree.h"

#define NONE         UINT64_MAX
#define CHECK_TOLD   20           /* findings of one kind; more are only counted */
#define CHECK_RUN    (128u << 10) /* bytes read at a time */
#define CHECK_TAILS  64           /* last blocks of files looked at together */
#define TAILS_SPAN   (64u << 10)  /* bytes read at once for several of them */
#define ENTRY_CHUNK  (32u << 10)  /* bytes of the checksum table kept in one piece */
#define ENTRY_EACH   (ENTRY_CHUNK / sizeof(uint32_t))
#define ENTRY_CHUNKS 64
/* A host that keeps the image in pages copies fastest to the same place in a page; to one that is
 * some bytes further, as malloc's memory is, a check takes a fifth longer. */
#define CHECK_PAGE 4096u

enum check_kind {
#define KIND_NAME(name, rule, what, done) KIND_##name,
    CHECK_KINDS(KIND_NAME)
#undef KIND_NAME
        KIND_COUNT,
};

struct check_found {
    uint64_t block, ino;    /* NONE: it is not about a block, or not about an inode */
    uint64_t a, b;          /* the numbers of its text */
    uint64_t parent, place; /* who names it, in which block; once its path is looked for */
    bool fixed;             /* with -y */
};

/* Bits, or what is remembered of each inode: in pieces that are made when there is something. */
struct check_map {
    uint64_t pieces;
    uint8_t **piece;
    uint64_t count; /* bits that are set */
};
#define PIECE_BYTES 4096u
#define PIECE_BITS  (8ull * PIECE_BYTES)

/* What is remembered of an inode. */
struct check_inode {
    uint16_t nlink; /* as it says */
    uint8_t type;   /* mode >> 12; 0: free */
    uint8_t flags;
    union {
        uint32_t names; /* records that lead to it */
        uint32_t dir;   /* a directory: its place in c->dir */
    };
};
#define INODE_LISTED     0x01 /* in the orphan block, or might be: it has overflowed */
#define INODE_TRUNCATING 0x02
#define INODE_LOST       0x04 /* it gets a name in lost+found */
#define INODE_FILL       0x08 /* a directory with holes to fill */
#define INODE_WANTED     0x10 /* a finding wants to know its path */
#define INODE_SLOT       0x20 /* a slot of the orphan block holds it */
#define PIECE_INODES     (PIECE_BYTES / sizeof(struct check_inode))

#define UP_NEW           (NONE - 1)
#define UP_WRONG         (NONE - 2)

struct check_dir {
    uint64_t ino;
    uint64_t only;   /* its block, if it has but one; 0: the inode has to be read */
    uint64_t parent; /* who names it; NONE */
    uint64_t place;  /* the block where */
    uint64_t up;     /* what ".." says; NONE: not known; UP_NEW: it is new; UP_WRONG: no inode */
    uint32_t subdirs;
    uint32_t mark; /* checklink.c: of the climb that came by; CLIMB_DONE: hangs on the root */
};

/* The last block of a file, whose end must be zero. */
struct check_tail {
    uint64_t block, ino;
    uint32_t used; /* bytes */
};

/* A piece of the checksum table. */
struct check_entries {
    uint32_t *entry;
    uint64_t index; /* of the piece + 1; 0: none */
};

struct check {
    const struct sfs_check_options *options;
    struct sfs_check_result *result;
    bool repair;
    unsigned round;

    /* From here on all begins with zero in each round. */
    int error;
    bool changed;       /* something has been repaired in this round */
    struct sfs *fs;     /* the volume, without its upper layers */
    struct sfs sectors; /* its device, in blocks of one sector */

    struct check_map used;   /* blocks that have an owner; reserved ones, and what is no block */
    struct check_map meta;   /* of the blocks of files, those with a checksum */
    struct check_map seen;   /* blocks, by a second walk through the trees */
    struct check_map live;   /* inodes in use, and what is no inode */
    struct check_map inodes; /* struct check_inode */
    struct check_dir *dir;   /* in the order of inodes, the root first */
    uint32_t dirs, dir_room;
    uint64_t dir_blocks; /* that have been gone through */
    uint64_t again;      /* blocks that the search for names that are there twice has cost */
    uint64_t suspects;   /* blocks of file data that have a checksum entry */
    uint64_t hint;       /* check_alloc: all blocks before are in use */

    bool overflow;
    uint32_t was; /* the superblock's state before */
    bool orphans_changed;
    uint64_t orphans; /* inodes that are orphans, or being truncated */
    uint64_t lost;    /* inodes for lost+found */

    uint64_t table_is; /* the block in table; 0: none */
    struct check_entries entries[ENTRY_CHUNKS];
    struct check_tail tail[CHECK_TAILS];
    uint32_t tails;
    uint64_t *name;                 /* checkname.c: a hash table */
    uint32_t name_room, name_slots; /* of it, in all and in use */
    uint32_t name_round, name_rounds;
    uint64_t name_count, name_total; /* that are in it, and should be */
    uint64_t name_salt;

    uint64_t round_findings;
    uint64_t count[KIND_COUNT]; /* of them, by kind; told are only the first ones */
    struct check_found found[KIND_COUNT][CHECK_TOLD];

    /* Buffers, whole blocks or more. */
    _Alignas(CHECK_PAGE) uint8_t run[CHECK_RUN]; /* of the inode table */
    uint8_t ends[TAILS_SPAN];                    /* last blocks of files, see check_tails */
    uint8_t table[SFS_BLOCK_MAX];                /* of the inode table, see check_get_inode */
    uint8_t dir_block[SFS_BLOCK_MAX];            /* of a directory */
    uint8_t scratch[SFS_BLOCK_MAX];              /* whoever needs it for a moment */
    uint8_t scratch2[SFS_BLOCK_MAX];             /* the same */
    uint8_t indirect[SFS_HEIGHT_MAX][SFS_BLOCK_MAX];
    uint64_t orphan[SFS_BLOCK_MAX / sizeof(uint64_t)]; /* the orphan block, P slots */
    char line[1536];                                   /* checkreport.c: text, of LENGTH bytes */
    size_t length;
    char path[1024];
};

/* ---- checkreport.c ---- */

/* Something is wrong, and about to be repaired. */
void check_note(struct check *c, enum check_kind kind, uint64_t block, uint64_t ino, uint64_t a,
                uint64_t b);
/* Hand this round's findings to the user, with their paths. */
void check_report(struct check *c);
/* FORMAT, with numbers for its %a and %b, to c->line. Returns the length. */
size_t check_text(struct check *c, const char *format, uint64_t a, uint64_t b);

/* ---- checkmap.c ---- */

bool check_maps_make(struct check *c);
/* All that a round has allocated, but the volume. */
void check_memory_free(struct check *c);
bool check_map_test(const struct check_map *map, uint64_t bit);
/* Set BIT. Returns whether it was set already. */
bool check_map_set(struct check *c, struct check_map *map, uint64_t bit);
/* Those from FIRST up to END, none of which is set. */
void check_map_set_range(struct check *c, struct check_map *map, uint64_t first, uint64_t end);
void check_map_clear(struct check_map *map, uint64_t bit);
/* A block of bits from BIT on, which is the first one of a block. */
const uint8_t *check_map_bytes(const struct check_map *map, uint64_t bit);
void check_map_empty(struct check_map *map);
/* NULL: it is free, and so are its neighbours. */
struct check_inode *check_inode_of(const struct check *c, uint64_t ino);
/* The same, which makes room for it. NULL: no memory. */
struct check_inode *check_inode_make(struct check *c, uint64_t ino);
/* Call USE for each inode in use, in order. */
typedef void check_inode_use(struct check *c, uint64_t ino, struct check_inode *info, void *ctx);
void check_each_inode(struct check *c, check_inode_use *use, void *ctx);
/* One more, behind all others. NULL: no memory. */
struct check_dir *check_dir_add(struct check *c, uint64_t ino);
/* NULL: no directory. */
struct check_dir *check_dir_of(const struct check *c, uint64_t ino);

/* ---- checkio.c ---- */

void check_fail(struct check *c, int error);
/* COUNT blocks from BLOCK on as they are now: replayed and repaired. */
void check_read(struct check *c, uint64_t block, uint32_t count, void *memory);
/* BLOCK's entry of the checksum table in memory, and behind it those up to the next multiple of
 * ENTRY_EACH, until another call. NULL: version 1, or c->error. */
uint32_t *check_entry_of(struct check *c, uint64_t block);
/* Does DATA match BLOCK's entry? Version 1: always. */
bool check_matches(struct check *c, uint64_t block, const void *data);
/* The same; if not, that is a finding, about inode INO. */
bool check_verify(struct check *c, uint64_t block, uint64_t ino, const void *data);
/* Has BLOCK, by all that is known, a checksum? */
bool check_is_covered(const struct check *c, uint64_t block);
/* Write BLOCK, with its entry if it is one that has one; nothing without -y. */
void check_put(struct check *c, uint64_t block, const void *data);
void check_clear_entry(struct check *c, uint64_t block);
/* Inode INO in c->table, until the next call; NULL: c->error. */
struct sfs_inode *check_get_inode(struct check *c, uint64_t ino);
void check_put_inode(struct check *c);
/* Look at the end of a file's last block, now or later; check_tails: now. */
void check_tail_add(struct check *c, uint64_t block, uint32_t used, uint64_t ino);
void check_tails(struct check *c);
/* A block that nobody uses, for metadata; 0: none. */
uint64_t check_alloc(struct check *c);
void check_progress(struct check *c, unsigned percent);

/* ---- checksuper.c ---- */

/* Find the superblock and replay the journal. */
void check_open(struct check *c, struct blk_dev *dev);
/* The repair is over: the backup, then the superblock, durably. */
int check_finish(struct check *c);

/* ---- checktree.c ---- */

struct check_walk;
/* Block N of a file or directory is in SLOT, which may be 0, and may be changed. */
typedef void check_visitor(struct check_walk *walk, uint64_t n, uint64_t *slot);

struct check_walk {
    struct check *c;
    uint64_t ino;
    struct sfs_inode *inode;
    uint32_t type;
    uint8_t flags;  /* INODE_..., for later passes */
    uint64_t limit; /* blocks that the size asks for */
    bool loose;     /* blocks may be missing, or behind the end */
    bool cut;       /* directories: what lies behind limit is dropped */
    /* What has been seen. */
    uint64_t mapped;      /* blocks below limit */
    uint64_t total;       /* all blocks */
    uint64_t last;        /* the highest block + 1 */
    uint64_t tail;        /* the block of limit - 1 */
    bool changed;         /* the inode */
    check_visitor *visit; /* NULL: pass 1, every block gets its owner */
    void *ctx;
};

/* Is it without a name, and in the list of those that may be? */
static inline bool check_is_orphan(const struct check_walk *w)
{
    return w->inode->nlink == 0 && (w->flags & INODE_LISTED) != 0;
}

void check_walk(struct check_walk *walk);
/* Go through a file or directory block by block. Returns whether INODE has changed. */
bool check_visit(struct check *c, uint64_t ino, struct sfs_inode *inode, check_visitor *visitor,
                 void *ctx);
/* The height that the tree itself seems to have. */
unsigned check_probe_height(struct check *c, const struct sfs_inode *inode, uint32_t type);

/* ---- The passes ---- */

void check_inodes(struct check *c);
void check_suspects(struct check *c);
/* An inode with a tree: c, ino, inode and type are given. False: it cannot be kept. */
bool check_file(struct check_walk *walk);
void check_directories(struct check *c);
/* The name of INO in BLOCK, which is read to c->dir_block. False: it is not there. */
bool check_find_record(struct check *c, uint64_t block, uint64_t ino, struct sfs_record *record);
/* Is DATA a block of a directory, in all its records? */
bool check_chain_sound(const struct check *c, uint8_t *data);
void check_links(struct check *c);
void check_bitmaps(struct check *c);
void check_checksums(struct check *c);
/* Mount the volume, which but for that is sound now, finish its orphans, name what is lost. */
void check_attach(struct check *c, struct blk_dev *dev);

/* ---- checkname.c ---- */

/* Forget the names: round ROUND of a directory of BYTES begins. False: there is none any more, for
 * all names have found room in round 0 or in one of those behind it. */
bool check_names_begin(struct check *c, uint64_t bytes, uint32_t round);
/* Is the name of RECORD, of BLOCK in c->dir_block, there already? If not, remember it. */
bool check_name_again(struct check *c, uint64_t block, const struct sfs_record *record);

/* ---- Small ones ---- */

/* The piece of the checksum table that BLOCK's entry is in, if it is in memory at all. */
static inline struct check_entries *check_entries_of(struct check *c, uint64_t block)
{
    return &c->entries[block / ENTRY_EACH % ENTRY_CHUNKS];
}

/* BLOCK's entry; 0: none, and in version 1. */
static inline uint32_t check_entry(struct check *c, uint64_t block)
{
    const struct check_entries *chunk = check_entries_of(c, block);
    const uint32_t *entry = chunk->index == block / ENTRY_EACH + 1
                                ? chunk->entry + block % ENTRY_EACH
                                : check_entry_of(c, block);

    return entry != NULL ? *entry : 0;
}

/* The first byte is zero, and each other one is as the one before it. */
static inline bool check_all_zero(const uint8_t *data, size_t count)
{
    return count == 0 || (data[0] == 0 && memcmp(data, data + 1, count - 1) == 0);
}

/* Make them zero. Returns whether they were not. */
static inline bool check_make_zero(uint8_t *data, size_t count)
{
    bool zero = check_all_zero(data, count);

    if (!zero) {
        memset(data, 0, count);
    }
    return !zero;
}

static inline uint64_t check_size(const struct sfs_inode *inode)
{
    return (uint64_t)inode->size_hi << 32 | inode->size_lo;
}

static inline void check_set_size(struct sfs_inode *inode, uint64_t size)
{
    inode->size_lo = (uint32_t)size;
    inode->size_hi = (uint16_t)(size >> 32);
}

static inline uint64_t check_blocks_of(const struct check *c, uint64_t size)
{
    return (size + c->fs->bs - 1) >> c->fs->bs_shift;
}

/* A record of a name, and not of the two dots. */
static inline bool check_is_name(const struct sfs_record *record)
{
    return record->name_length > 0 && !sfs_name_is_dots(record->name, record->name_length);
}

static inline struct sfs_dirblock check_dirblock(const struct check *c, uint8_t *data)
{
    return (struct sfs_dirblock){.data = data, .bs = c->fs->bs, .seed = !c->fs->has_journal};
}

#endif
