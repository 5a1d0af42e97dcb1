/*
 * dump.c - `mkdisk dump`: a block of a volume, byte for byte, and what each of them means. It shows
 * what lies on the disk; changes that are in the journal alone show in the journal.
 *
 * Without a number: where everything lies, and block 0.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dumpkinds.h"
#include "inside.h"
#include "names.h"
#include "options.h"

static uint64_t block_number(const struct options *options, const struct raw *raw)
{
    const char *text = options->operand_count > 0 ? options->operands[0] : "0";
    char *end;
    unsigned long long number;

    errno = 0;
    number = strtoull(text, &end, 0);
    if (text[0] < '0' || text[0] > '9' || *end != '\0' || errno != 0) {
        usage_error("dump takes the number of a block, not '%s'", text);
    }
    if (number >= raw->super.total_blocks) {
        refuse(options->image, "has no block %llu: its volume has %" PRIu64, number,
               raw->super.total_blocks);
    }
    return number;
}

static void print_map(const struct raw *raw)
{
    printf("%12s  %12s  %s\n", "first block", "blocks", "what");
    for (int area = 0; area < AREA_COUNT; area++) {
        uint64_t first, count;

        raw_extent(raw, area, &first, &count);
        if (count > 0) {
            printf("%12" PRIu64 "  %12" PRIu64 "  %s\n", first, count, area_name(area));
        }
    }
    printf("\n");
}

/* ---- The name of the owner, if the volume can be mounted ---- */

struct hunt {
    const struct volume *volume;
    uint64_t ino;
    struct seen seen;
    char path[4096];
};

static bool hunt_in(struct hunt *hunt, uint64_t dir, unsigned depth)
{
    size_t length = strlen(hunt->path);
    struct names names;
    struct sfs_attr attr;
    bool found = false;

    if (depth > DEPTH_MAX || !seen_add(&hunt->seen, dir) ||
        !names_read(hunt->volume, hunt->path, dir, &names)) {
        return false;
    }
    for (size_t i = 0; i < names.count && !found; i++) {
        if (sfs_lookup(hunt->volume->fs, dir, names.name[i], strlen(names.name[i]), &attr) < 0) {
            continue;
        }
        snprintf(hunt->path + length, sizeof hunt->path - length, "/%s", names.name[i]);
        found = attr.ino == hunt->ino || (is_dir(&attr) && hunt_in(hunt, attr.ino, depth + 1));
        sfs_forget(hunt->volume->fs, attr.ino, 1);
        if (!found) {
            hunt->path[length] = '\0';
        }
    }
    names_free(&names);
    return found;
}

static void print_path(struct volume *volume, uint64_t ino)
{
    static struct hunt hunt;

    hunt = (struct hunt){.volume = volume, .ino = ino};
    if (ino == SFS_ROOT) {
        printf(", /");
    } else if (volume->fs != NULL && hunt_in(&hunt, SFS_ROOT, 0)) {
        printf(", ");
        print_name(stdout, hunt.path, strlen(hunt.path));
    }
    seen_free(&hunt.seen);
}

/* ---- The block ---- */

static void print_csum(const struct raw *raw, uint64_t block, const uint8_t *data)
{
    static const char *const texts[] = {"", ", checksum right", ", CHECKSUM WRONG"};

    printf("%s", texts[raw_csum(raw, block, data)]);
}

/* A block of the area of files: what it is follows from who owns it. */
static void dump_owned(struct volume *volume, const struct raw *raw, uint64_t block,
                       const uint8_t *data)
{
    struct owner owner;

    if (!raw_in_use(raw, block)) {
        printf("free\n");
        dump_plain(raw->bs, data);
        return;
    }
    if (!raw_owner(raw, block, &owner)) {
        printf("in use, but no inode leads to it");
        print_csum(raw, block, data);
        printf("\n");
        dump_plain(raw->bs, data);
        return;
    }
    if (owner.height > 0) {
        printf("indirect block, %u level%s above block %" PRIu64 " and on", owner.height,
               owner.height > 1 ? "s" : "", owner.n);
    } else {
        printf("block %" PRIu64, owner.n);
    }
    printf(" of %s %" PRIu64, inode_kind(&owner.inode), owner.ino);
    print_path(volume, owner.ino);
    print_csum(raw, block, data);
    printf("\n");
    if (owner.height > 0) {
        dump_pointers(raw->bs, data);
    } else if (owner.inode.mode >> 12 == SFS_TYPE_DIR) {
        dump_directory(raw, data);
    } else {
        dump_plain(raw->bs, data);
    }
}

static void dump_block(struct volume *volume, const struct raw *raw, uint64_t block,
                       const uint8_t *data)
{
    uint64_t first;
    enum area area = raw_area(raw, block, &first);

    printf("block %" PRIu64 " of %" PRIu64 ", LBA %" PRIu64 ": ", block, raw->super.total_blocks,
           raw->first_lba + block * (raw->bs / BLK_SECTOR));
    if (area == AREA_FILES) {
        dump_owned(volume, raw, block, data);
        return;
    }
    printf("%s", area_name(area));
    print_csum(raw, block, data);
    dump_reserved(raw, area, block - first, data);
}

int verb_dump(const struct options *options)
{
    static uint8_t data[SFS_BLOCK_MAX];
    struct volume volume;
    struct raw raw;
    uint64_t block;
    const struct sfs_mount_options quiet = {.read_only = true};

    volume_open(&volume, options->image, false);
    if (!raw_open(&raw, &volume.image, &volume.place)) {
        refuse(options->image, "LBA %" PRIu64 " begins no SFS volume: no valid superblock",
               volume.place.first_lba);
    }
    if (raw.from_backup) {
        printf("block 0 is damaged: the backup superblock counts\n");
    }
    block = block_number(options, &raw);
    if (!raw_read(&raw, block, data)) {
        refuse(options->image, "block %" PRIu64 " cannot be read", block);
    }
    if (sfs_mount(&volume.disk.dev, &quiet, &volume.fs) != 0) {
        volume.fs = NULL; /* too damaged for names, which is no reason not to show it */
    }
    dump_colours(isatty(STDOUT_FILENO) && getenv("NO_COLOR") == NULL);
    if (options->operand_count == 0) {
        print_map(&raw);
    }
    dump_block(&volume, &raw, block, data);
    volume_close(&volume);
    return EXIT_DONE;
}
