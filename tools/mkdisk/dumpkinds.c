/*
 * dumpkinds.c - see dumpkinds.h. A field is a line: its place, its bytes, its name, its value.
 *
 *   020  ff 07 00 00 00 00 00 00  inode_table_start   2047
 */
#include "dumpkinds.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "names.h"

#define ROW 16

/* How a field is shown. */
enum form { NUMBER, HEX, TEXT, BYTES, TIME, OCTAL };

struct field {
    uint16_t offset, size;
    enum form form;
    const char *name;
};

static bool coloured;
static unsigned turn; /* of the colours */

void dump_colours(bool wanted)
{
    coloured = wanted;
}

/* ---- Lines ---- */

static void colour_on(void)
{
    static const char *const colours[] = {"\033[36m", "\033[33m", "\033[32m", "\033[35m"};

    if (coloured) {
        printf("%s", colours[turn++ % (sizeof colours / sizeof colours[0])]);
    }
}

static void colour_off(void)
{
    if (coloured) {
        printf("\033[0m");
    }
}

/* OFFSET and COUNT bytes in hex, at most ROW of them, without the end of the line. */
static void hex(uint32_t offset, const uint8_t *bytes, uint32_t count)
{
    printf("  %03x ", offset);
    colour_on();
    for (uint32_t i = 0; i < count && i < ROW; i++) {
        printf(" %02x", bytes[i]);
    }
    colour_off();
    printf("%*s", count < 8 ? (int)(3 * (8 - count)) + 2 : 2, "");
}

static bool is_zero(const uint8_t *bytes, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        if (bytes[i] != 0) {
            return false;
        }
    }
    return true;
}

static void zeros(uint32_t offset, uint32_t count)
{
    if (count > 0) {
        printf("  %03x  %u zero byte%s\n", offset, count, count == 1 ? "" : "s");
    }
}

/* Bytes FROM to END as rows of hex and characters, zeros counted. */
static void rows(const uint8_t *data, uint32_t from, uint32_t end)
{
    uint32_t zero_from = from;

    for (uint32_t at = from; at < end; at += ROW) {
        uint32_t count = end - at < ROW ? end - at : ROW;

        if (is_zero(data + at, count)) {
            continue;
        }
        zeros(zero_from, at - zero_from);
        hex(at, data + at, count);
        printf("%*s", (int)(count > 8 ? 3 * (ROW - count) : 3 * 8), "");
        for (uint32_t i = 0; i < count; i++) {
            putchar(data[at + i] >= ' ' && data[at + i] <= '~' ? data[at + i] : '.');
        }
        printf("\n");
        zero_from = at + count;
    }
    zeros(zero_from, end - zero_from);
}

void dump_plain(uint32_t bs, const uint8_t *data)
{
    rows(data, 0, bs);
}

static uint64_t number_of(const uint8_t *bytes, uint32_t size)
{
    uint64_t number = 0;

    memcpy(&number, bytes, size < 8 ? size : 8);
    return number;
}

static void print_time(int64_t ns)
{
    int64_t rest = ns % 1000000000 < 0 ? ns % 1000000000 + 1000000000 : ns % 1000000000;
    time_t seconds = (time_t)((ns - rest) / 1000000000);
    struct tm parts;
    char text[40] = "?";

    if (gmtime_r(&seconds, &parts) != NULL) {
        strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", &parts);
    }
    printf("%s.%09" PRId64 " UTC", text, rest);
}

static void value(const uint8_t *bytes, const struct field *field)
{
    switch (field->form) {
    case NUMBER:
        printf("%" PRIu64, number_of(bytes, field->size));
        break;
    case HEX:
        printf("%0*" PRIx64, 2 * field->size, number_of(bytes, field->size));
        break;
    case OCTAL:
        printf("%06" PRIo64, number_of(bytes, field->size));
        break;
    case TIME:
        print_time((int64_t)number_of(bytes, 8));
        break;
    case TEXT:
        putchar('"');
        print_name(stdout, (const char *)bytes, strnlen((const char *)bytes, field->size));
        putchar('"');
        break;
    case BYTES:
        break;
    }
}

/* The fields of a structure at BASE. */
static void fields(const uint8_t *data, uint32_t base, const struct field *list, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        uint32_t at = base + list[i].offset;

        hex(at, data + at, list[i].size);
        printf("%-20s", list[i].name);
        value(data + at, &list[i]);
        printf("\n");
    }
}
#define FIELDS(data, base, list) fields(data, base, list, sizeof(list) / sizeof(list)[0])

/* ---- Superblocks ---- */

static void dump_super(uint32_t bs, const uint8_t *data)
{
    static const struct field list[] = {
        {0x000, 8, TEXT, "magic"},
        {0x008, 8, NUMBER, "inode_bitmap_start"},
        {0x010, 8, NUMBER, "data_bitmap_start"},
        {0x018, 8, NUMBER, "inode_table_start"},
        {0x020, 8, NUMBER, "data_start"},
        {0x028, 8, NUMBER, "total_blocks"},
        {0x030, 8, NUMBER, "inode_count"},
        {0x038, 4, NUMBER, "block_size"},
        {0x03C, 4, NUMBER, "version"},
        {0x040, 4, HEX, "feat_compat"},
        {0x044, 4, HEX, "feat_ro_compat"},
        {0x048, 4, HEX, "feat_incompat"},
        {0x04C, 4, NUMBER, "state"},
        {0x050, 8, NUMBER, "journal_start"},
        {0x058, 8, NUMBER, "journal_blocks"},
        {0x060, 8, NUMBER, "csum_start"},
        {0x068, 8, NUMBER, "csum_blocks"},
        {0x070, 8, NUMBER, "orphan_block"},
        {0x078, 8, NUMBER, "backup_sb_block"},
        {0x080, 16, BYTES, "uuid"},
        {0x090, 16, TEXT, "label"},
        {0x0A0, 8, TIME, "mkfs_time_ns"},
        {0x0A8, 8, TIME, "last_mount_ns"},
        {0x0B0, 8, NUMBER, "write_gen"},
        {0x0B8, 4, NUMBER, "mount_count"},
        {0x0BC, 4, NUMBER, "error_count"},
        {0x0C0, 8, NUMBER, "first_err_block"},
        {0x0C8, 4, HEX, "first_err_code"},
    };
    static const struct field crc[] = {{0x1FC, 4, HEX, "crc"}};

    printf("\n");
    FIELDS(data, 0, list);
    rows(data, 0x0CC, 0x1FC);
    FIELDS(data, 0, crc);
    rows(data, sizeof(struct sfs_super), bs);
}

/* ---- Bitmaps ---- */

/* Ranges of bits that are set, in words; FIRST is the number of the first. */
static void dump_bitmap(uint32_t bs, const uint8_t *data, uint64_t first, uint64_t end,
                        const char *what)
{
    uint64_t bits = 8ull * bs, begin = 0;
    bool in_range = false;

    bits = end > first && end - first < bits ? end - first : bits;
    printf(", %s %" PRIu64 " to %" PRIu64 "; in use:", what, first, first + bits - 1);
    for (uint64_t bit = 0; bit <= bits; bit++) {
        bool set = bit < bits && (data[bit / 8] >> bit % 8 & 1) != 0;

        if (set && !in_range) {
            begin = bit;
        } else if (!set && in_range) {
            printf(bit - begin > 1 ? " %" PRIu64 "-%" PRIu64 : " %" PRIu64, first + begin,
                   first + bit - 1);
        }
        in_range = set;
    }
    printf("\n");
    rows(data, 0, bs);
}

/* ---- Inodes ---- */

const char *inode_kind(const struct sfs_inode *inode)
{
    static const char *const names[16] = {
        [SFS_TYPE_FIFO] = "FIFO",     [SFS_TYPE_CHR] = "character device",
        [SFS_TYPE_DIR] = "directory", [SFS_TYPE_BLK] = "block device",
        [SFS_TYPE_REG] = "file",      [SFS_TYPE_LNK] = "symbolic link",
        [SFS_TYPE_SOCK] = "socket",
    };
    const char *name = names[inode->mode >> 12];

    return name != NULL ? name : "inode of no known type";
}

static void dump_flags(uint16_t flags)
{
    printf("%17s extra height %u%s%s%s\n", "", flags & SFS_INODE_HEIGHT,
           (flags & SFS_INODE_SPARSE) != 0 ? ", SPARSE" : "",
           (flags & SFS_INODE_FASTLINK) != 0 ? ", FASTLINK" : "",
           (flags & SFS_INODE_TRUNCATING) != 0 ? ", TRUNCATING" : "");
}

static void dump_inode(const uint8_t *data, uint32_t base)
{
    static const struct field list[] = {
        {0x00, 2, OCTAL, "mode"},    {0x02, 2, NUMBER, "nlink"},   {0x04, 2, NUMBER, "uid"},
        {0x06, 2, NUMBER, "gid"},    {0x08, 4, NUMBER, "size_lo"}, {0x0C, 2, NUMBER, "size_hi"},
        {0x0E, 2, HEX, "flags"},     {0x10, 8, TIME, "mtime_ns"},  {0x18, 8, TIME, "ctime_ns"},
        {0x20, 8, TIME, "atime_ns"},
    };
    struct sfs_inode inode;

    memcpy(&inode, data + base, sizeof inode);
    FIELDS(data, base, list);
    if (inode.flags != 0) {
        dump_flags(inode.flags);
    }
    if ((inode.flags & SFS_INODE_FASTLINK) != 0) {
        const struct field target = {0x28, SFS_FASTLINK_MAX + 1, TEXT, "target"};

        printf("  %03x  %-44s", base + 0x28, "target");
        value(data + base + 0x28, &target);
        printf("\n");
        return;
    }
    for (uint16_t i = 0; i <= SFS_DIRECT; i++) {
        struct field pointer = {(uint16_t)(0x28 + 8 * i), 8, NUMBER, "indirect"};
        char name[16];

        if (i < SFS_DIRECT) {
            snprintf(name, sizeof name, "direct[%u]", i);
            pointer.name = name;
        }
        if (!is_zero(data + base + pointer.offset, 8)) {
            fields(data, base, &pointer, 1);
        }
    }
}

static void dump_inodes(const struct raw *raw, uint64_t index, const uint8_t *data)
{
    uint32_t each = raw->bs / sizeof(struct sfs_inode);
    uint32_t unused = 0;

    printf(", inodes %" PRIu64 " to %" PRIu64 "\n", index * each, (index + 1) * each - 1);
    for (uint32_t i = 0; i < each; i++) {
        uint32_t base = i * (uint32_t)sizeof(struct sfs_inode);
        struct sfs_inode inode;

        memcpy(&inode, data + base, sizeof inode);
        if (is_zero(data + base, sizeof inode)) {
            unused++;
            continue;
        }
        printf("inode %" PRIu64 ": %s\n", index * each + i, inode_kind(&inode));
        dump_inode(data, base);
    }
    if (unused > 0) {
        printf("%u of them free: all zero\n", unused);
    }
}

/* ---- Directories and pointers ---- */

static void dump_seed_directory(uint32_t bs, const uint8_t *data)
{
    static const struct field list[] = {{0, 56, TEXT, "name"}, {56, 8, NUMBER, "inode"}};

    for (uint32_t at = 0; at < bs; at += sizeof(struct sfs_seed_dirent)) {
        if (data[at] != 0) {
            FIELDS(data, at, list);
        } else {
            printf("  %03x  a free record\n", at);
        }
    }
}

void dump_directory(const struct raw *raw, const uint8_t *data)
{
    static const struct field list[] = {{0, 8, NUMBER, "inode"},
                                        {8, 2, NUMBER, "rec_len"},
                                        {10, 1, NUMBER, "name_len"},
                                        {11, 1, NUMBER, "type"}};
    uint32_t at = 0;

    if (raw->super.version == SFS_VERSION_SEED) {
        dump_seed_directory(raw->bs, data);
        return;
    }
    while (at + SFS_DIRENT_HEADER < raw->bs) {
        uint32_t length = (uint32_t)number_of(data + at + 8, 2), name = data[at + 10];

        if (length < SFS_DIRENT_HEADER || length % 8 != 0 || length > raw->bs - at ||
            name + SFS_DIRENT_HEADER > length) {
            printf("  %03x  no record begins here\n", at);
            break;
        }
        FIELDS(data, at, list);
        if (name > 0) {
            const struct field text = {SFS_DIRENT_HEADER, (uint16_t)name, TEXT, "name"};

            fields(data, at, &text, 1);
        } else {
            printf("  %03x  free up to here\n", at + length);
        }
        at += length;
    }
    rows(data, at, raw->bs);
}

void dump_pointers(uint32_t bs, const uint8_t *data)
{
    for (uint32_t at = 0; at < bs; at += 8) {
        char name[24];
        struct field pointer = {(uint16_t)at, 8, NUMBER, name};

        snprintf(name, sizeof name, "pointer[%u]", at / 8);
        if (!is_zero(data + at, 8)) {
            fields(data, 0, &pointer, 1);
        }
    }
    printf("All other pointers are 0: holes.\n");
}

/* ---- Checksums, orphans ---- */

static void dump_csums(const struct raw *raw, uint64_t index, const uint8_t *data)
{
    uint64_t first = index * (raw->bs / 4);

    printf(", of blocks %" PRIu64 " to %" PRIu64 "\n", first, first + raw->bs / 4 - 1);
    for (uint32_t at = 0; at < raw->bs; at += 4) {
        char name[40];
        struct field entry = {(uint16_t)at, 4, HEX, name};

        snprintf(name, sizeof name, "block %" PRIu64, first + at / 4);
        if (!is_zero(data + at, 4)) {
            fields(data, 0, &entry, 1);
        }
    }
    printf("All other entries are 0: blocks without a checksum.\n");
}

static void dump_orphans(uint32_t bs, const uint8_t *data)
{
    printf("\n");
    for (uint32_t at = 0; at < bs; at += 8) {
        const struct field slot = {(uint16_t)at, 8, NUMBER,
                                   number_of(data + at, 8) == SFS_ORPHAN_OVERFLOW ? "overflow"
                                                                                  : "inode"};

        if (!is_zero(data + at, 8)) {
            fields(data, 0, &slot, 1);
        }
    }
    printf("All other slots are 0: no orphan.\n");
}

/* ---- Journal ---- */

static void dump_log_super(const uint8_t *data)
{
    static const struct field list[] = {
        {0x00, 4, TEXT, "magic"},        {0x04, 4, NUMBER, "version"},
        {0x08, 8, NUMBER, "gen"},        {0x10, 8, NUMBER, "tail_seq"},
        {0x18, 8, NUMBER, "tail_blk"},   {0x20, 8, NUMBER, "log_first"},
        {0x28, 8, NUMBER, "log_blocks"}, {0x38, 16, BYTES, "uuid"},
        {0x1FC, 4, HEX, "crc"},
    };

    printf(", its superblock\n");
    FIELDS(data, 0, list);
}

static void dump_descriptor(uint32_t bs, const uint8_t *data)
{
    static const struct field list[] = {
        {0x00, 4, TEXT, "magic"},   {0x04, 4, NUMBER, "type"},  {0x08, 8, NUMBER, "seq"},
        {0x10, 4, NUMBER, "ntags"}, {0x14, 4, NUMBER, "index"}, {0x18, 4, HEX, "flags"},
        {0x1C, 4, HEX, "crc"},
    };
    static const struct field tag[] = {
        {0, 8, NUMBER, "home"}, {8, 4, HEX, "crc"}, {12, 4, HEX, "flags"}};
    uint64_t tags = number_of(data + 0x10, 4);

    tags = tags < SFS_TAGS_PER_BLOCK(bs) ? tags : SFS_TAGS_PER_BLOCK(bs);
    printf(", a descriptor: the blocks that follow belong to its tags' homes\n");
    FIELDS(data, 0, list);
    for (uint64_t i = 0; i < tags; i++) {
        FIELDS(data, (uint32_t)(sizeof(struct sfs_descriptor) + i * sizeof(struct sfs_tag)), tag);
    }
}

static void dump_commit(const uint8_t *data)
{
    static const struct field list[] = {
        {0x00, 4, TEXT, "magic"},          {0x04, 4, NUMBER, "type"},
        {0x08, 8, NUMBER, "seq"},          {0x10, 8, TIME, "time_ns"},
        {0x18, 4, NUMBER, "total_blocks"}, {0x1C, 4, HEX, "flags"},
        {0x20, 4, HEX, "chain_crc"},       {0x1FC, 4, HEX, "crc"},
    };

    printf(", a commit: with it its transaction is whole\n");
    FIELDS(data, 0, list);
}

/* Which home the log block INDEX is a copy for, by the descriptor in front of it. */
static bool payload_home(const struct raw *raw, uint64_t index, uint64_t *home, uint64_t *seq)
{
    uint8_t data[SFS_BLOCK_MAX];
    uint32_t most = (uint32_t)SFS_TAGS_PER_BLOCK(raw->bs);

    for (uint32_t back = 1; back <= most && index - back >= SFS_LOG_FIRST && back < index; back++) {
        if (!raw_read(raw, raw->super.journal_start + index - back, data) ||
            number_of(data, 4) != SFS_RECORD_MAGIC) {
            continue;
        }
        if (number_of(data + 4, 4) != SFS_RECORD_DESCRIPTOR || number_of(data + 0x10, 4) < back) {
            return false;
        }
        *seq = number_of(data + 8, 8);
        *home = number_of(
            data + sizeof(struct sfs_descriptor) + (back - 1) * sizeof(struct sfs_tag), 8);
        return true;
    }
    return false;
}

static void dump_journal(const struct raw *raw, uint64_t index, const uint8_t *data)
{
    uint64_t home, seq, first;
    enum area area;

    if (index < SFS_LOG_FIRST) {
        dump_log_super(data);
        return;
    }
    if (number_of(data, 4) == SFS_RECORD_MAGIC && number_of(data + 4, 4) == SFS_RECORD_DESCRIPTOR) {
        dump_descriptor(raw->bs, data);
        return;
    }
    if (number_of(data, 4) == SFS_RECORD_MAGIC && number_of(data + 4, 4) == SFS_RECORD_COMMIT) {
        dump_commit(data);
        return;
    }
    if (!payload_home(raw, index, &home, &seq) || home >= raw->super.total_blocks) {
        printf(", log block %" PRIu64 "\n", index);
        dump_plain(raw->bs, data);
        return;
    }
    area = raw_area(raw, home, &first);
    printf(", transaction %" PRIu64 "'s copy of block %" PRIu64 ": %s", seq, home, area_name(area));
    if (area == AREA_FILES || area == AREA_JOURNAL) {
        printf("\n");
        dump_plain(raw->bs, data);
    } else {
        dump_reserved(raw, area, home - first, data);
    }
}

void dump_reserved(const struct raw *raw, enum area area, uint64_t index, const uint8_t *data)
{
    uint64_t bits = 8ull * raw->bs;

    switch (area) {
    case AREA_SUPER:
    case AREA_BACKUP:
        dump_super(raw->bs, data);
        break;
    case AREA_INODE_BITMAP:
        dump_bitmap(raw->bs, data, index * bits, raw->super.inode_count, "inodes");
        break;
    case AREA_DATA_BITMAP:
        dump_bitmap(raw->bs, data, index * bits, raw->super.total_blocks, "blocks");
        break;
    case AREA_INODE_TABLE:
        dump_inodes(raw, index, data);
        break;
    case AREA_CSUM_TABLE:
        dump_csums(raw, index, data);
        break;
    case AREA_JOURNAL:
        dump_journal(raw, index, data);
        break;
    case AREA_ORPHANS:
        dump_orphans(raw->bs, data);
        break;
    case AREA_FILES:
        dump_plain(raw->bs, data);
        break;
    }
}
