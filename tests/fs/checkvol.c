/* checkvol.c - see checkvol.h. */
#include "tests/fs/checkvol.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fs/csum.h"
#include "fs/sfs.h"
#include "tests/fs/port_host.h"

#define SECTORS 4096       /* 2 MiB */
#define MANY    150        /* names in /many */
#define HASHED  (4u << 20) /* bytes of a file that are compared */

const struct vol_format vol_formats[] = {{512, 2},  {1024, 2}, {2048, 2},
                                         {4096, 2}, {512, 1},  {0, 0}};

char vol_lines[1 << 16];
struct sfs_check_result vol_result;
static struct vol_inodes inodes;
static struct sfs *fs;
static const struct sfs_owner me = {10, 20};
static const struct sfs_mount_options small = {.cache_blocks = 128, .page_kib = 256};

/* ---- A volume ---- */

static uint64_t done(int error, const struct sfs_attr *attr)
{
    assert_int_equal(error, 0);
    assert_int_equal(sfs_forget(fs, attr->ino, 1), 0);
    return attr->ino;
}

static uint64_t make_dir(uint64_t dir, const char *name)
{
    struct sfs_attr attr;

    return done(sfs_mkdir(fs, dir, name, strlen(name), 0755, me, &attr), &attr);
}

static uint64_t make_file(uint64_t dir, const char *name, uint64_t offset, size_t size)
{
    struct sfs_attr attr;
    uint64_t ino = done(sfs_create(fs, dir, name, strlen(name), 0644, me, &attr), &attr);
    uint8_t *data = malloc(size + 1);

    for (size_t i = 0; i < size; i++) {
        data[i] = (uint8_t)(i / 7 + ino);
    }
    for (size_t at = 0; at < size;) {
        int64_t wrote = sfs_write(fs, ino, offset + at, data + at, size - at);

        assert_true(wrote > 0);
        at += (size_t)wrote;
    }
    free(data);
    return ino;
}

static uint64_t make_link(uint64_t dir, const char *name, size_t length)
{
    struct sfs_attr attr;
    char target[400];

    memset(target, 'x', sizeof(target));
    return done(sfs_symlink(fs, dir, name, strlen(name), target, length, me, &attr), &attr);
}

static void populate(const struct vol_format *f)
{
    struct sfs_attr attr;
    const uint32_t p = f->bs / 8;

    inodes.small = make_file(0, "small", 0, 700);
    inodes.empty = make_file(0, "empty", 0, 0);
    inodes.holey = make_file(0, "holey", 5 * f->bs, f->bs + 100);
    inodes.large = make_file(0, "large", 0, 25 * f->bs + 10);
    inodes.tall = f->version == 1 ? make_file(0, "tall", 0, 20 * f->bs)
                                  : make_file(0, "tall", (10 + p + 3) * f->bs, 3 * f->bs);
    inodes.dir = make_dir(0, "dir");
    inodes.sub = make_dir(inodes.dir, "sub");
    inodes.deep = make_dir(inodes.sub, "deep");
    inodes.inside = make_file(inodes.sub, "inside", 0, 300);
    done(sfs_link(fs, inodes.inside, 0, "twin", 4, &attr), &attr);
    inodes.many = make_dir(0, "many");
    for (int i = 0; i < MANY; i++) {
        char name[56];

        snprintf(name, sizeof(name), "a-name-that-is-rather-long-number-%d", i);
        make_file(inodes.many, name, 0, (size_t)i % 3);
    }
    inodes.fast = make_link(0, "fast", 40);
    inodes.slow = make_link(0, "slow", 300);
    inodes.fifo = done(sfs_mknod(fs, 0, "fifo", 4, 0010600, 0, me, &attr), &attr);
    inodes.device = done(sfs_mknod(fs, 0, "device", 6, 0060600, 0x800000001, me, &attr), &attr);
}

struct ramdisk *vol_make(const struct vol_format *f)
{
    static const struct vol_format *kept_format;
    static uint8_t kept[SECTORS * BLK_SECTOR];
    static struct vol_inodes kept_inodes;
    struct ramdisk *disk = ramdisk_create(SECTORS, 512);
    struct sfs_mkfs_options options = {
        .block_size = f->bs, .version = f->version, .uuid = "0123456789abcde", .label = "check"};

    if (kept_format != f) {
        assert_int_equal(sfs_mkfs(ramdisk_dev(disk), &options), 0);
        assert_int_equal(sfs_mount(ramdisk_dev(disk), &small, &fs), 0);
        populate(f);
        assert_int_equal(sfs_unmount(fs), 0);
        ramdisk_settle(disk);
        memcpy(kept, ramdisk_bytes(disk), sizeof(kept));
        kept_inodes = inodes;
        kept_format = f;
    }
    memcpy(ramdisk_bytes(disk), kept, sizeof(kept));
    inodes = kept_inodes;
    ramdisk_settle(disk);
    return disk;
}

const struct vol_inodes *vol_inodes(void)
{
    return &inodes;
}

/* ---- Taking it apart ---- */

struct sfs_super *vol_super(struct ramdisk *disk)
{
    return (struct sfs_super *)ramdisk_bytes(disk);
}

uint8_t *vol_block(struct ramdisk *disk, uint64_t block)
{
    return ramdisk_bytes(disk) + block * vol_super(disk)->block_size;
}

static uint64_t inode_block(struct ramdisk *disk, uint64_t ino)
{
    return vol_super(disk)->inode_table_start +
           ino / (vol_super(disk)->block_size / sizeof(struct sfs_inode));
}

struct sfs_inode *vol_inode(struct ramdisk *disk, uint64_t ino)
{
    uint32_t each = vol_super(disk)->block_size / sizeof(struct sfs_inode);

    return (struct sfs_inode *)vol_block(disk, inode_block(disk, ino)) + ino % each;
}

uint32_t *vol_entry(struct ramdisk *disk, uint64_t block)
{
    return (uint32_t *)vol_block(disk, vol_super(disk)->csum_start) + block;
}

uint64_t vol_map(struct ramdisk *disk, uint64_t ino, uint64_t n)
{
    const struct sfs_inode *inode = vol_inode(disk, ino);
    uint64_t p = vol_super(disk)->block_size / 8, span = 1;

    if (n < SFS_DIRECT) {
        return inode->direct[n];
    }
    for (int i = 0; i < (inode->flags & SFS_INODE_HEIGHT); i++) {
        span *= p;
    }
    uint64_t block = inode->indirect;

    for (n -= SFS_DIRECT; block != 0 && span > 0; span /= p) {
        block = ((uint64_t *)vol_block(disk, block))[n / span % p];
    }
    return block;
}

struct sfs_dirent *vol_record(struct ramdisk *disk, uint64_t dir, const char *name)
{
    const uint32_t bs = vol_super(disk)->block_size;
    const struct sfs_inode *inode = vol_inode(disk, dir);

    for (uint64_t n = 0; n < inode->size_lo / bs; n++) {
        uint8_t *block = vol_block(disk, vol_map(disk, dir, n));

        for (uint32_t at = 0; at < bs; at += ((struct sfs_dirent *)(block + at))->rec_len) {
            struct sfs_dirent *d = (struct sfs_dirent *)(block + at);

            if (d->name_len == strlen(name) && memcmp(d->name, name, d->name_len) == 0) {
                return d;
            }
        }
    }
    return NULL;
}

bool vol_block_used(struct ramdisk *disk, uint64_t block)
{
    return vol_block(disk, vol_super(disk)->data_bitmap_start)[block / 8] >> block % 8 & 1;
}

uint64_t vol_free_block(struct ramdisk *disk)
{
    uint64_t block = vol_super(disk)->total_blocks - 2;

    while (vol_block_used(disk, block)) {
        block--;
    }
    return block;
}

void vol_sign(struct ramdisk *disk, uint64_t block)
{
    const struct sfs_super *s = vol_super(disk);

    if (s->version == SFS_VERSION) {
        *vol_entry(disk, block) =
            sfs_csum_entry(sfs_csum_uuid(s->uuid), block, vol_block(disk, block), s->block_size);
    }
}

void vol_sign_inode(struct ramdisk *disk, uint64_t ino)
{
    vol_sign(disk, inode_block(disk, ino));
}

void vol_sign_super(struct ramdisk *disk, uint64_t block)
{
    struct sfs_super *s = (struct sfs_super *)vol_block(disk, block);

    s->crc = sfs_csum(0, s, offsetof(struct sfs_super, crc));
}

/* ---- Checking ---- */

static void report(void *ctx, const char *line)
{
    size_t used = strlen(vol_lines);

    (void)ctx;
    snprintf(vol_lines + used, sizeof(vol_lines) - used, "%s\n", line);
}

int64_t vol_check(struct ramdisk *disk, bool repair)
{
    const struct sfs_check_options options = {.repair = repair, .report = report};

    vol_lines[0] = '\0';
    int error = sfs_check(ramdisk_dev(disk), &options, &vol_result);

    assert_int_equal(port_in_use(), 0);
    return error < 0 ? error : (int64_t)vol_result.findings;
}

/* ---- Comparing ---- */

struct text {
    char *at;
    size_t used, size;
};

static void add(struct text *text, const char *format, ...)
{
    va_list args;

    if (text->size - text->used < 4096) {
        text->size = 2 * text->size + 65536;
        text->at = realloc(text->at, text->size);
    }
    va_start(args, format);
    text->used += (size_t)vsnprintf(text->at + text->used, text->size - text->used, format, args);
    va_end(args);
}

struct names {
    struct {
        char name[SFS_NAME_MAX + 1];
    } entry[512];
    int count;
};

static bool keep(void *ctx, const struct sfs_entry *entry)
{
    struct names *names = ctx;

    if (names->count == 512) {
        return false;
    }
    memcpy(names->entry[names->count].name, entry->name, entry->length);
    names->entry[names->count++].name[entry->length] = '\0';
    return true;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(a, b);
}

static uint32_t hash_of(uint64_t ino, const struct sfs_attr *attr)
{
    static uint8_t data[65536];
    uint32_t hash = 0;

    if (attr->mode >> 12 == SFS_TYPE_LNK) {
        int64_t size = sfs_readlink(fs, ino, (char *)data, sizeof(data));

        return size < 0 ? (uint32_t)size : sfs_csum(0, data, (size_t)size);
    }
    for (uint64_t at = 0; attr->mode >> 12 == SFS_TYPE_REG && at < attr->size && at < HASHED;) {
        int64_t got = sfs_read(fs, ino, at, data, sizeof(data));

        if (got <= 0) {
            return (uint32_t)got;
        }
        hash = sfs_csum(hash, data, (size_t)got);
        at += (uint64_t)got;
    }
    return hash;
}

static void list(struct text *text, uint64_t dir, const char *path, int depth)
{
    struct names *names = calloc(1, sizeof(*names));
    uint64_t cookie = 0;

    (void)sfs_readdir(fs, dir, &cookie, keep, names);
    qsort(names->entry, (size_t)names->count, sizeof(names->entry[0]), by_name);
    for (int i = 0; i < names->count; i++) {
        const char *name = names->entry[i].name;
        struct sfs_attr attr;
        char below[4096];

        if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0) {
            continue;
        }
        snprintf(below, sizeof(below), "%.3000s/%.255s", path, name);
        if (sfs_lookup(fs, dir, name, strlen(name), &attr) < 0) {
            add(text, "%s ?\n", below);
            continue;
        }
        add(text, "%s %o %u %llu %llx %u:%u %x\n", below, attr.mode, attr.nlink,
            attr.mode >> 12 == SFS_TYPE_DIR ? 0ull : (unsigned long long)attr.size,
            (unsigned long long)attr.rdev, attr.uid, attr.gid, hash_of(attr.ino, &attr));
        if (attr.mode >> 12 == SFS_TYPE_DIR && depth < 20) {
            list(text, attr.ino, below, depth + 1);
        }
        (void)sfs_forget(fs, attr.ino, 1);
    }
    free(names);
}

char *vol_tree(struct ramdisk *disk)
{
    const struct sfs_mount_options options = {.read_only = true};
    struct text text = {NULL, 0, 0};

    add(&text, "");
    assert_int_equal(sfs_mount(ramdisk_dev(disk), &options, &fs), 0);
    list(&text, 0, "", 0);
    (void)sfs_unmount(fs);
    return text.at;
}

const char *vol_line(const char *tree, const char *path)
{
    static char line[4200];
    size_t length = strlen(path);

    for (const char *at = tree; at != NULL && *at != '\0'; at = strchr(at, '\n') + 1) {
        if (strncmp(at, path, length) == 0 && at[length] == ' ') {
            snprintf(line, sizeof(line), "%.*s", (int)strcspn(at, "\n"), at);
            return line;
        }
    }
    return NULL;
}
