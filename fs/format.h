/*
 * format.h - every byte of an SFS volume, as C structs. docs/sfs.md is the same in words, and a
 * test compares the two.
 *
 *   block 0    | inode  | data   | inode  | checksum | journal | orphan | files  | last block:
 *   superblock | bitmap | bitmap | table  | table    |         | block  | ...    | backup
 *
 * All integers are little-endian, as the machines are that we run on. Block numbers count from the
 * start of the volume. bs is the block size, P = bs / 8 the block numbers that fit into a block.
 */
#ifndef SECTOR0_FS_FORMAT_H
#define SECTOR0_FS_FORMAT_H

#include <stddef.h>
#include <stdint.h>

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "SFS structs are read and written as they lie in memory: little-endian machines only"
#endif

#define SFS_MAGIC         "SFS\0LBA0" /* 8 bytes, without the NUL */
#define SFS_VERSION_SEED  1
#define SFS_VERSION       2
#define SFS_BLOCK_MIN     512
#define SFS_BLOCK_MAX     4096
#define SFS_NAME_MAX      255
#define SFS_SEED_NAME_MAX 55
#define SFS_SYMLINK_MAX   4095
#define SFS_FASTLINK_MAX  87 /* longer targets get a block */
#define SFS_LINK_MAX      65000
#define SFS_DIRECT        10
#define SFS_HEIGHT_MAX    4
#define SFS_SIZE_MAX      0xFFFFFFFFFFFFull /* 48 bits */
#define SFS_ROOT          0                 /* inode number of the root directory */

/* ---- Superblock: the first 512 bytes of block 0, and of the last block ---- */

#define SFS_INCOMPAT_JOURNAL    0x01
#define SFS_INCOMPAT_CSUM_TABLE 0x02
#define SFS_INCOMPAT_VARDIRENT  0x04
#define SFS_INCOMPAT_TALLTREE   0x08
#define SFS_INCOMPAT_ORPHAN     0x10
#define SFS_INCOMPAT_ALL        0x1F /* version 2 has all of them, version 1 none */

#define SFS_STATE_IN_USE        0
#define SFS_STATE_CLEAN         1
#define SFS_STATE_ERROR         2

struct sfs_super {
    uint8_t magic[8];
    uint64_t inode_bitmap_start; /* block; always 1 */
    uint64_t data_bitmap_start;
    uint64_t inode_table_start;
    uint64_t data_start;
    uint64_t total_blocks;
    uint64_t inode_count;
    uint32_t block_size;
    uint32_t version;
    uint32_t feat_compat;
    uint32_t feat_ro_compat;
    uint32_t feat_incompat;
    uint32_t state;
    uint64_t journal_start;
    uint64_t journal_blocks;
    uint64_t csum_start;
    uint64_t csum_blocks;
    uint64_t orphan_block;
    uint64_t backup_sb_block;
    uint8_t uuid[16];
    char label[16]; /* NUL-padded */
    int64_t mkfs_time_ns;
    int64_t last_mount_ns;
    uint64_t write_gen;
    uint32_t mount_count;
    uint32_t error_count;
    uint64_t first_err_block;
    uint32_t first_err_code;
    uint8_t zero[0x1FC - 0x0CC];
    uint32_t crc;
};
_Static_assert(offsetof(struct sfs_super, block_size) == 0x038, "superblock layout");
_Static_assert(offsetof(struct sfs_super, feat_compat) == 0x040, "superblock layout");
_Static_assert(offsetof(struct sfs_super, journal_start) == 0x050, "superblock layout");
_Static_assert(offsetof(struct sfs_super, uuid) == 0x080, "superblock layout");
_Static_assert(offsetof(struct sfs_super, mkfs_time_ns) == 0x0A0, "superblock layout");
_Static_assert(offsetof(struct sfs_super, first_err_block) == 0x0C0, "superblock layout");
_Static_assert(offsetof(struct sfs_super, crc) == 0x1FC, "superblock layout");
_Static_assert(sizeof(struct sfs_super) == 512, "a superblock is one sector");

/* ---- Inode: 128 bytes, all zero when free ---- */

#define SFS_MODE_TYPE        0xF000
#define SFS_TYPE_FIFO        1 /* mode >> 12, and the type of a directory record */
#define SFS_TYPE_CHR         2
#define SFS_TYPE_DIR         4
#define SFS_TYPE_BLK         6
#define SFS_TYPE_REG         8
#define SFS_TYPE_LNK         10
#define SFS_TYPE_SOCK        12

#define SFS_INODE_HEIGHT     0x0003 /* extra levels: height = indirect != 0 ? 1 + this : 0 */
#define SFS_INODE_SPARSE     0x0004 /* there may be a hole below the end of file */
#define SFS_INODE_FASTLINK   0x0008 /* the symlink's target lies in direct[] and indirect */
#define SFS_INODE_TRUNCATING 0x0010 /* blocks beyond the size are still to be freed */

struct sfs_inode {
    uint16_t mode; /* POSIX; 0: the inode is free */
    uint16_t nlink;
    uint16_t uid;
    uint16_t gid;
    uint32_t size_lo; /* bytes */
    uint16_t size_hi;
    uint16_t flags;
    int64_t mtime_ns;
    int64_t ctime_ns;
    int64_t atime_ns;
    uint64_t direct[SFS_DIRECT]; /* blocks; 0: a hole */
    uint64_t indirect;           /* the root of the tree; 0: none */
};
_Static_assert(offsetof(struct sfs_inode, flags) == 0x0E, "inode layout");
_Static_assert(offsetof(struct sfs_inode, direct) == 0x28, "inode layout");
_Static_assert(offsetof(struct sfs_inode, indirect) == 0x78, "inode layout");
_Static_assert(sizeof(struct sfs_inode) == 128, "an inode is 128 bytes");

/* ---- Directory records ---- */

/* Version 2. Records are 8-byte aligned and fill each block exactly. */
struct sfs_dirent {
    uint64_t inode;
    uint16_t rec_len;
    uint8_t name_len; /* 0: free */
    uint8_t type;
    char name[4]; /* name_len bytes, NUL-padded to rec_len or less; not NUL-terminated */
};
#define SFS_DIRENT_HEADER 12
_Static_assert(offsetof(struct sfs_dirent, name) == SFS_DIRENT_HEADER, "directory record layout");

/* Bytes of a record with a name of LENGTH bytes. */
#define SFS_DIRENT_SIZE(length) ((SFS_DIRENT_HEADER + (length) + 7u) & ~7u)

/* Version 1. */
struct sfs_seed_dirent {
    char name[56]; /* NUL-padded; name[0] == 0: free */
    uint64_t inode;
};
_Static_assert(sizeof(struct sfs_seed_dirent) == 64, "seed directory record layout");

/* ---- Orphan block: u64 slots of inodes that nobody links, or that are being truncated ---- */

#define SFS_ORPHAN_OVERFLOW UINT64_MAX /* in the last slot: there are more than fit */

/* ---- Journal: blocks 0 and 1 hold its superblock, the rest is a circular log ---- */

#define SFS_JOURNAL_VERSION 1
#define SFS_LOG_FIRST       2 /* journal-relative */
#define SFS_JOURNAL_MIN     64
#define SFS_JOURNAL_MAX     (32u << 20) /* bytes */

/* Magics are four characters in this order on the disk. */
#define SFS_JSB_MAGIC    0x4A534653u /* "SFSJ" */
#define SFS_RECORD_MAGIC 0x444A4653u /* "SFJD" */

struct sfs_jsb {
    uint32_t magic;
    uint32_t version;
    uint64_t gen; /* lies in slot gen & 1; the valid slot with the higher one counts */
    uint64_t tail_seq;
    uint64_t tail_blk;   /* journal-relative */
    uint64_t log_first;  /* SFS_LOG_FIRST */
    uint64_t log_blocks; /* journal_blocks - 2 */
    uint64_t reserved;
    uint8_t uuid[16];
    uint8_t zero[0x1FC - 0x048];
    uint32_t crc;
};
_Static_assert(offsetof(struct sfs_jsb, uuid) == 0x38, "journal superblock layout");
_Static_assert(sizeof(struct sfs_jsb) == 512, "a journal superblock is one sector");

#define SFS_RECORD_DESCRIPTOR 1
#define SFS_RECORD_COMMIT     2
#define SFS_DESCRIPTOR_LAST   1 /* flags: the transaction's last descriptor */
#define SFS_TAG_DATA          1 /* flags: file data, not metadata */
#define SFS_COMMIT_TWO_PHASE  1 /* flags */

struct sfs_tag {
    uint64_t home;
    uint32_t crc;
    uint32_t flags;
};
_Static_assert(sizeof(struct sfs_tag) == 16, "tag layout");

struct sfs_descriptor {
    uint32_t magic;
    uint32_t type;
    uint64_t seq;
    uint32_t ntags;
    uint32_t index; /* of this descriptor in its transaction, from 0 */
    uint32_t flags;
    uint32_t crc;
    struct sfs_tag tag[];
};
_Static_assert(sizeof(struct sfs_descriptor) == 0x20, "descriptor layout");
#define SFS_TAGS_PER_BLOCK(bs) (((bs) - sizeof(struct sfs_descriptor)) / sizeof(struct sfs_tag))

struct sfs_commit {
    uint32_t magic;
    uint32_t type;
    uint64_t seq;
    int64_t time_ns;
    uint32_t total_blocks; /* of the transaction: descriptors, payload and this one */
    uint32_t flags;
    uint32_t chain_crc;
    uint8_t zero[0x1FC - 0x024];
    uint32_t crc;
};
_Static_assert(offsetof(struct sfs_commit, chain_crc) == 0x20, "commit block layout");
_Static_assert(sizeof(struct sfs_commit) == 512, "a commit block's head is one sector");

#endif
