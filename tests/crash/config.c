/*
 * config.c - the volumes that workloads begin with. Free space holds neither zeros nor anything
 * that a workload writes: whatever of it shows in a file is exposure.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fs/sfs.h"
#include "tests/crash/hash.h"
#include "tests/crash/op.h"
#include "tests/crash/port_crash.h"
#include "tests/crash/scratch.h"

struct config configs[] = {
    {"512", 512, 512, 64, true, NULL},      {"4096", 4096, 256, 64, true, NULL},
    {"1024", 1024, 400, 64, true, NULL},    {"2048", 2048, 300, 64, true, NULL},
    {"2m", 512, 4096, 0, true, NULL},       /* the volume of the teaching file system */
    {"long", 512, 1024, 256, true, NULL},   /* a journal in which nobody waits for room */
    {"through", 512, 512, 64, false, NULL}, /* a disk without a volatile cache */
};
const unsigned config_count = sizeof(configs) / sizeof(configs[0]);

uint64_t config_sectors(const struct config *config)
{
    return config->blocks * config->bs / BLK_SECTOR;
}

static void give_up(const char *what, int64_t error)
{
    printf("crash: the base: %s (%lld)\n", what, (long long)error);
    exit(2);
}

static uint64_t make(struct sfs *fs, uint64_t dir, const char *name, bool is_dir)
{
    const struct sfs_owner owner = {0, 0};
    struct sfs_attr attr;
    int error = is_dir ? sfs_mkdir(fs, dir, name, strlen(name), 0750, owner, &attr)
                       : sfs_create(fs, dir, name, strlen(name), 0750, owner, &attr);

    if (error < 0) {
        give_up(name, error);
    }
    sfs_forget(fs, attr.ino, 1);
    return attr.ino;
}

static void make_file(struct sfs *fs, uint64_t dir, uint64_t size)
{
    uint64_t ino = make(fs, dir, model_name[NAME_FOO], false);
    uint8_t *data = malloc(size);
    struct random random = {ino};

    for (uint64_t i = 0; i < size; i++) {
        data[i] = (uint8_t)random_next(&random);
    }
    if (sfs_write(fs, ino, 0, data, size) != (int64_t)size) {
        give_up("write", (int64_t)size);
    }
    free(data);
}

static void populate(struct blk_dev *dev, uint32_t bs)
{
    const struct sfs_mount_options options = {.cache_blocks = 0};
    struct sfs *fs;
    int error = sfs_mount(dev, &options, &fs);

    if (error < 0) {
        give_up("mount", error);
    }
    uint64_t a = make(fs, SFS_ROOT, model_name[NAME_A], true);
    uint64_t b = make(fs, SFS_ROOT, model_name[NAME_B], true);
    uint64_t c = make(fs, a, model_name[NAME_C], true);

    make_file(fs, SFS_ROOT, 100);
    make_file(fs, a, 2 * bs + 100);
    make_file(fs, b, bs);
    make_file(fs, c, 12 * bs + 5);
    error = sfs_unmount(fs);
    if (error < 0) {
        give_up("unmount", error);
    }
}

static void config_create(struct config *config)
{
    uint64_t sectors = config_sectors(config);
    struct sfs_mkfs_options options = {.block_size = config->bs, .journal_blocks = config->journal};
    uint8_t *poison = malloc(sectors * BLK_SECTOR);
    struct random random = {config->bs};

    for (uint64_t i = 0; i < sectors * BLK_SECTOR / 8; i++) {
        ((uint64_t *)poison)[i] = random_next(&random);
    }
    memset(poison, 0, BLK_SECTOR); /* no superblock yet */
    struct scratch *disk = scratch_create(poison, sectors, (const struct sfs_super *)poison);

    port_seed(config->bs + config->blocks);
    port_clock = 1000000000;
    int error = sfs_mkfs(&disk->dev, &options);
    if (error < 0) {
        give_up("mkfs", error);
    }
    populate(&disk->dev, config->bs);
    config->base = poison;
    memcpy(poison, disk->bytes, sectors * BLK_SECTOR);
    scratch_free(disk);
}

void configs_create(void)
{
    for (unsigned i = 0; i < config_count; i++) {
        config_create(&configs[i]);
    }
}
