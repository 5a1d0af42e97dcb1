/*
 * test_ata.c - the ATA driver against made-up channels: who is found, and that data arrive, by PIO
 * and by DMA, short and long form, merged and in pieces, with as few port accesses as are needed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "drivers/ata_internal.h"
#include "tests/fakes/ata_machine.h"

#define DISK_SECTORS  1000000
#define LARGE_SECTORS 0x10001000ull /* a little beyond 28 bits */

static struct fake_drive *drive;
static struct block_device *disk;

static void start_with(uint64_t sectors)
{
    machine_new();
    drive = fake_add_disk(&fake_channels[0], false, sectors);
    machine_start();
    assert_int_equal(machine_disk_count, 1);
    disk = machine_disks[0];
}

static void start_with_pio(uint64_t sectors)
{
    machine_new();
    fake_channels[0].master = fake_channels[1].master = 0;
    fake_channels[0].wide_fails = true;
    machine_has_pci = false;
    drive = fake_add_disk(&fake_channels[0], false, sectors);
    machine_start();
    assert_int_equal(machine_disk_count, 1);
    disk = machine_disks[0];
}

/* Read and write SECTORS at LBA, and see that nothing else went wrong. */
static void read_and_write(uint64_t lba, uint32_t sectors)
{
    machine_fill_disk(drive, lba, sectors);
    struct machine_request *request = machine_submit(disk, BLK_READ, lba, sectors);

    assert_true(machine_finish());
    machine_check(request);
    memset(fake_sector(drive, lba), 0, sectors * 512);
    request = machine_prepare(BLK_WRITE, lba, sectors);
    machine_fill(request);
    machine_submit_request(disk, request);
    assert_true(machine_finish());
    assert_int_equal(request->request.status, 0);
    machine_check_disk(drive, lba, sectors);
    assert_int_equal(fake_channels[0].ignored, 0);
    assert_int_equal(machine_unclaimed, 0);
}

static void test_dma_sizes(void **state)
{
    static const uint32_t sizes[] = {1, 2, 7, 8, 16, 17, 127, 128, 129, 255, 256, 257, 8192};

    (void)state;
    start_with(DISK_SECTORS);
    assert_string_equal(disk->how, "DMA");
    for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        read_and_write(3 + i, sizes[i]);
    }
    assert_int_equal(drive->commands[ATA_READ_MULTIPLE], 0);
}

static void test_pio_sizes(void **state)
{
    static const uint32_t sizes[] = {1, 2, 15, 16, 17, 32, 33, 255, 256, 257, 600};

    (void)state;
    start_with_pio(DISK_SECTORS);
    assert_string_equal(disk->how, "PIO");
    for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        read_and_write(3 + i, sizes[i]);
    }
}

/* Which form a command has, and what its registers held. */
static void test_short_and_long_form(void **state)
{
    static const struct {
        uint64_t lba;
        uint32_t sectors;
        bool ext;
    } cases[] = {
        {0, 1, false},
        {0, 256, false},
        {0, 257, true},
        {ATA_LBA28_END - 256, 256, false},
        {ATA_LBA28_END - 1, 1, false},
        {ATA_LBA28_END - 1, 2, true},
        {ATA_LBA28_END, 1, true},
        {ATA_LBA28_END + 1, 8, true},
        {LARGE_SECTORS - 8192, 8192, true},
        {LARGE_SECTORS - 1, 1, true},
    };

    (void)state;
    for (unsigned pio = 0; pio < 2; pio++) {
        (pio ? start_with_pio : start_with)(LARGE_SECTORS);
        for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
            unsigned ext = pio ? ATA_READ_MULTIPLE_EXT : ATA_READ_DMA_EXT;
            unsigned write_ext = pio ? ATA_WRITE_MULTIPLE_EXT : ATA_WRITE_DMA_EXT;

            memset(drive->commands, 0, sizeof(drive->commands));
            read_and_write(cases[i].lba, cases[i].sectors);
            assert_int_equal(drive->last_lba, cases[i].lba);
            assert_int_equal(drive->last_count, cases[i].sectors);
            assert_int_equal(drive->commands[ext], cases[i].ext);
            assert_int_equal(drive->commands[write_ext], cases[i].ext);
        }
    }
}

/* An address that uses all six bytes. */
static void test_48_bits(void **state)
{
    (void)state;
    for (unsigned pio = 0; pio < 2; pio++) {
        (pio ? start_with_pio : start_with)(0xFEDCBA987654ull);
        assert_int_equal(disk->dev.nsect, 0xFEDCBA987654ull);
        read_and_write(0xFEDCBA987000ull, 300);
        assert_int_equal(drive->last_lba, 0xFEDCBA987000ull);
    }
}

/* A drive without LBA48: never the long form, never more than 256 sectors. */
static void test_without_lba48(void **state)
{
    (void)state;
    machine_new();
    drive = fake_add_disk(&fake_channels[0], false, DISK_SECTORS);
    drive->words[83] = 0x5000;
    machine_start();
    disk = machine_disks[0];
    assert_int_equal(disk->dev.nsect, DISK_SECTORS);
    assert_int_equal(disk->dev.max_sect, 256);
    read_and_write(DISK_SECTORS - 256, 256);
    /* Four times 128: two commands. */
    memset(drive->commands, 0, sizeof(drive->commands));
    for (unsigned i = 0; i < 4; i++) {
        machine_enqueue(disk, machine_prepare(BLK_READ, i * 128, 128));
    }
    machine_kick(disk);
    assert_true(machine_finish());
    assert_int_equal(drive->commands[ATA_READ_DMA], 2);
    machine_submit(disk, BLK_FLUSH, 0, 0);
    assert_true(machine_finish());
    assert_int_equal(drive->commands[ATA_FLUSH_CACHE], 1);
    assert_int_equal(drive->commands[ATA_FLUSH_CACHE_EXT], 0);
}

/* How many interrupts a transfer takes, by what IDENTIFY says of READ MULTIPLE. */
static void test_interrupts_per_block(void **state)
{
    static const struct {
        unsigned most, block; /* what IDENTIFY says; what we use */
    } cases[] = {{0, 1}, {1, 1}, {4, 4}, {7, 4}, {16, 16}, {128, 16}};

    (void)state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        machine_new();
        machine_has_pci = false;
        drive = fake_add_disk(&fake_channels[0], false, DISK_SECTORS);
        drive->words[47] = (uint16_t)(0x8000 | cases[i].most);
        machine_start();
        disk = machine_disks[0];
        assert_int_equal(drive->multiple, cases[i].block > 1 ? cases[i].block : 0);
        machine_submit(disk, BLK_READ, 0, 40);
        assert_true(machine_finish());
        /* Reading, one before each block; writing, one after each. */
        assert_int_equal(disk->stats.interrupts, (40 + cases[i].block - 1) / cases[i].block);
        machine_submit(disk, BLK_WRITE, 0, 40);
        assert_true(machine_finish());
        assert_int_equal(disk->stats.interrupts, 2 * ((40 + cases[i].block - 1) / cases[i].block));
        read_and_write(5, 40);
    }
}

/* Neighbours become one command; it is one interrupt, and all are done. */
static void test_merging(void **state)
{
    struct machine_request *request[10];

    (void)state;
    start_with(DISK_SECTORS);
    machine_fill_disk(drive, 100, 200);
    for (unsigned i = 0; i < 10; i++) {
        request[i] = machine_prepare(BLK_READ, 100 + i * 8 + (i >= 6 ? 50 : 0), 8);
        machine_enqueue(disk, request[i]);
    }
    machine_kick(disk);
    assert_true(machine_finish());
    for (unsigned i = 0; i < 10; i++) {
        machine_check(request[i]);
        assert_int_equal(request[i]->order, i + 1);
    }
    assert_int_equal(drive->commands[ATA_READ_DMA], 2);
    assert_int_equal(disk->stats.interrupts, 2);
    assert_int_equal(disk->stats.kicks, 2);
}

/* No more requests in a command than the driver has place for. */
static void test_merging_many(void **state)
{
    struct machine_request *request[3 * ATA_MERGE_MAX];
    unsigned count = sizeof(request) / sizeof(request[0]);

    (void)state;
    start_with(DISK_SECTORS);
    for (unsigned i = 0; i < count; i++) {
        request[i] = machine_prepare(BLK_WRITE, i, 1);
        machine_fill(request[i]);
        machine_enqueue(disk, request[i]);
    }
    machine_kick(disk);
    assert_true(machine_finish());
    machine_check_disk(drive, 0, count);
    assert_int_equal(drive->commands[ATA_WRITE_DMA], 3);
}

/* A flush is a command of its own, and covers what was written before. */
static void test_flush(void **state)
{
    (void)state;
    start_with(DISK_SECTORS);
    assert_true(disk->dev.volatile_cache);
    machine_submit(disk, BLK_WRITE, 0, 8);
    assert_true(machine_finish());
    struct machine_request *flush = machine_submit(disk, BLK_FLUSH, 0, 0);

    assert_true(machine_finish());
    assert_int_equal(flush->request.status, 0);
    assert_int_equal(drive->commands[ATA_FLUSH_CACHE_EXT], 1);
    assert_int_equal(drive->sectors_flushed, 8);
    read_and_write(0, 8); /* what the flush left in the bus master's status does not disturb DMA */
}

/* A kind of request that ATA has no command for. */
static void test_unknown_operation(void **state)
{
    (void)state;
    start_with(DISK_SECTORS);
    struct machine_request *discard = machine_prepare(BLK_DISCARD, 0, 8);
    struct machine_request *read = machine_prepare(BLK_READ, 0, 8);

    machine_enqueue(disk, discard);
    machine_enqueue(disk, read);
    machine_kick(disk);
    assert_true(machine_finish());
    assert_int_equal(discard->request.status, BLK_EOPNOTSUPP);
    assert_int_equal(read->request.status, 0);
}

/* How often the guest is left for one request of 8 sectors, interrupt included. */
static void test_port_accesses(void **state)
{
    static const struct {
        unsigned op;
        uint64_t lba;
        unsigned accesses;
    } cases[] = {
        {BLK_READ, 0, 11}, /* 5 addresses, command, start; status, stop, status, clear */
        {BLK_WRITE, 0, 11},
        {BLK_READ, ATA_LBA28_END, 14}, /* 8 addresses: the device register holds none */
        {BLK_WRITE, ATA_LBA28_END, 14},
        {BLK_FLUSH, 0, 2}, /* command; status */
    };

    (void)state;
    start_with(LARGE_SECTORS);
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint32_t sectors = cases[i].op == BLK_FLUSH ? 0 : 8;

        for (unsigned j = 0; j < 3; j++) {
            disk->stats.accesses = fake_channels[0].accesses = 0;
            machine_submit(disk, cases[i].op, cases[i].lba, sectors);
            assert_true(machine_finish());
        }
        assert_int_equal(disk->stats.accesses, cases[i].accesses);
        assert_int_equal(fake_channels[0].accesses, cases[i].accesses);
    }
    assert_int_equal(fake_channels[0].table_writes, 1);
}

/* Segments of every size at every place in a 64 KiB line. */
static void test_segments(void **state)
{
    static const uint32_t offsets[] = {0, 512, 0x8000, 0xFC00, 0xFE00, 0xFFFE, 0x101FE};
    static const uint32_t sizes[] = {1, 2, 127, 128, 129, 256, 300};

    (void)state;
    start_with(DISK_SECTORS);
    for (unsigned i = 0; i < sizeof(offsets) / sizeof(offsets[0]); i++) {
        for (unsigned j = 0; j < sizeof(sizes) / sizeof(sizes[0]); j++) {
            uint64_t lba = 1000 * i + j;
            struct machine_request *request = machine_prepare(BLK_READ, lba, 2 * sizes[j]);
            uint64_t phys;
            uint8_t *memory = machine_memory(0x100000, 0x10000, false, &phys);

            machine_fill_disk(drive, lba, 2 * sizes[j]);
            request->request.nseg = 2;
            request->segments[0] =
                (struct blk_seg){memory + offsets[i], phys + offsets[i], sizes[j] * 512};
            request->segments[1] = (struct blk_seg){memory + 0x80000 + offsets[i],
                                                    phys + 0x80000 + offsets[i], sizes[j] * 512};
            machine_submit_request(disk, request);
            assert_true(machine_finish());
            machine_check(request);
        }
    }
    assert_null(((struct ata_drive *)disk->driver_data)->channel->bounce);
}

/* The worst that a request may be: as many segments as are allowed, each across a line. */
static void test_most_regions(void **state)
{
    struct machine_request *request = NULL;
    uint64_t phys;

    (void)state;
    start_with(DISK_SECTORS);
    uint8_t *memory = machine_memory((ATA_MAX_SEGMENTS + 2) * 0x10000ull, 0x10000, false, &phys);

    for (unsigned count = 2; count-- > 0;) {
        request = machine_prepare(BLK_READ, 0, 2 * ATA_MAX_SEGMENTS);
        request->request.nseg = ATA_MAX_SEGMENTS;
        for (unsigned i = 0; i < ATA_MAX_SEGMENTS; i++) {
            uint32_t offset = (i + 1) * 0x10000 - 512;

            request->segments[i] = (struct blk_seg){memory + offset, phys + offset, 1024};
        }
        request->request.lba = count ? 0 : 2 * ATA_MAX_SEGMENTS;
        machine_enqueue(disk, request);
    }
    machine_fill_disk(drive, 0, 4 * ATA_MAX_SEGMENTS);
    machine_kick(disk);
    assert_true(machine_finish());
    machine_check(request);
    /* Taken together, but two commands: one table cannot describe both. */
    assert_int_equal(disk->stats.merges, 1);
    assert_int_equal(drive->commands[ATA_READ_DMA_EXT], 2);
}

/* Memory that the bus master cannot reach. */
static void use_memory(struct machine_request *request, bool high, unsigned odd)
{
    uint64_t phys;
    uint8_t *memory = machine_memory(request->request.nsect * 512 + 16, 4096, high, &phys);

    request->segments[0].va = memory + odd;
    request->segments[0].pa = phys + odd;
}

static void test_bounce(void **state)
{
    static const uint32_t sizes[] = {1, 8, 127, 128, 129, 256, 1000};

    (void)state;
    for (unsigned kind = 0; kind < 4; kind++) {
        start_with(DISK_SECTORS);
        machine_no_dma_memory = kind == 3; /* no buffer: then by PIO */
        for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
            struct machine_request *write = machine_prepare(BLK_WRITE, 50, sizes[i]);
            struct machine_request *read = machine_prepare(BLK_READ, 50, sizes[i]);

            use_memory(write, kind == 0, kind == 1);
            use_memory(read, kind == 0 || kind == 3, kind == 1);
            if (kind == 2) {
                write->segments[0].pa = read->segments[0].pa = 0; /* nobody says where it is */
            }
            machine_fill(write);
            memset(fake_sector(drive, 50), 0, 1000 * 512);
            machine_submit_request(disk, write);
            assert_true(machine_finish());
            machine_check_disk(drive, 50, sizes[i]);
            machine_submit_request(disk, read);
            assert_true(machine_finish());
            machine_check(read);
        }
        assert_int_equal(drive->commands[ATA_READ_MULTIPLE] > 0, kind == 3);
        assert_string_equal(disk->how, "DMA");
    }
}

/* In the middle of what was taken together, one that the bus master cannot reach. */
static void test_bounce_among_others(void **state)
{
    struct machine_request *request[5];

    (void)state;
    start_with(DISK_SECTORS);
    machine_fill_disk(drive, 0, 5 * 200);
    for (unsigned i = 0; i < 5; i++) {
        request[i] = machine_prepare(BLK_READ, i * 200, 200);
        if (i == 2) {
            use_memory(request[i], true, 0);
        }
        machine_enqueue(disk, request[i]);
    }
    machine_kick(disk);
    assert_true(machine_finish());
    for (unsigned i = 0; i < 5; i++) {
        machine_check(request[i]);
        assert_int_equal(request[i]->order, i + 1);
    }
    /* Two before it, itself in two pieces, two behind it. */
    assert_int_equal(drive->commands[ATA_READ_DMA] + drive->commands[ATA_READ_DMA_EXT], 4);
}

/* At start-up ends are found by looking; the interrupts that come late are nobody's fault. */
static void test_polling(void **state)
{
    (void)state;
    for (unsigned pio = 0; pio < 2; pio++) {
        (pio ? start_with_pio : start_with)(DISK_SECTORS);
        machine_fill_disk(drive, 10, 100);
        for (unsigned i = 0; i < 20; i++) {
            struct machine_request *request = machine_submit(disk, BLK_READ, 10, 100);

            assert_true(machine_finish_by_polls(disk));
            machine_check(request);
            assert_true(fake_channels[0].edge);
            machine_run(10); /* now the CPU hears of it */
            request = machine_prepare(BLK_WRITE, 10, 100);
            machine_fill(request);
            machine_submit_request(disk, request);
            assert_true(machine_finish_by_polls(disk));
            machine_run(10);
            machine_submit(disk, BLK_FLUSH, 0, 0);
            assert_true(machine_finish_by_polls(disk));
            machine_run(10);
        }
        assert_int_equal(machine_unclaimed, 0);
        assert_int_equal(fake_channels[0].ignored, 0);
        fake_channels[0].edge = true; /* but one that announces nothing at all is not ours */
        machine_run(10);
        assert_int_equal(machine_unclaimed, 1);
    }
}

/* An interrupt that comes while the drive works changes nothing. */
static void test_spurious_interrupts(void **state)
{
    (void)state;
    for (unsigned pio = 0; pio < 2; pio++) {
        (pio ? start_with_pio : start_with)(DISK_SECTORS);
        fake_channels[0].edge = true; /* the first may be the BIOS's, and is taken */
        machine_run(10);
        assert_int_equal(machine_unclaimed, 0);
        machine_fill_disk(drive, 10, 100);
        struct machine_request *request = machine_submit(disk, BLK_READ, 10, 100);

        for (unsigned i = 0; i < 5; i++) {
            fake_channels[0].edge = true;
            machine_run(1);
        }
        assert_int_equal(request->order, 0);
        assert_int_equal(machine_unclaimed, 5);
        assert_true(machine_finish());
        machine_check(request);
        assert_int_equal(machine_unclaimed, 5);
    }
}

/* Bit 1 of the status pulses, as that of old disks does. */
static void test_index_pulses(void **state)
{
    (void)state;
    for (unsigned pio = 0; pio < 2; pio++) {
        (pio ? start_with_pio : start_with)(DISK_SECTORS);
        fake_channels[0].idx_pulses = true;
        for (unsigned i = 0; i < 15; i++) {
            read_and_write(i, 30);
        }
    }
}

/* Two drives on one channel take turns, and neither starves. */
static void test_two_drives(void **state)
{
    struct machine_request *request[2][30];

    (void)state;
    for (unsigned pio = 0; pio < 2; pio++) {
        machine_new();
        machine_has_pci = !pio;
        fake_add_disk(&fake_channels[0], false, DISK_SECTORS);
        fake_add_disk(&fake_channels[0], true, DISK_SECTORS);
        machine_start();
        assert_int_equal(machine_disk_count, 2);
        machine_fill_disk(&fake_channels[0].drive[0], 0, 3000);
        for (unsigned i = 0; i < 2; i++) {
            for (unsigned j = 0; j < 30; j++) {
                request[i][j] = machine_prepare(i ? BLK_WRITE : BLK_READ, 100 * j, 20);
                machine_fill(request[i][j]);
                machine_enqueue(machine_disks[i], request[i][j]);
            }
        }
        machine_kick(machine_disks[0]);
        machine_kick(machine_disks[1]);
        assert_true(machine_finish());
        for (unsigned j = 0; j < 30; j++) {
            machine_check(request[0][j]);
            machine_check_disk(&fake_channels[0].drive[1], 100 * j, 20);
            assert_in_range(request[0][j]->order, 2 * j, 2 * j + 3);
            assert_in_range(request[1][j]->order, 2 * j, 2 * j + 3);
        }
        assert_int_equal(fake_channels[0].ignored, 0);
        assert_int_equal(machine_unclaimed, 0);
    }
}

/* The same by polls alone, and with one that has nothing to do. */
static void test_two_drives_polled(void **state)
{
    (void)state;
    machine_new();
    fake_add_disk(&fake_channels[0], false, DISK_SECTORS);
    fake_add_disk(&fake_channels[0], true, DISK_SECTORS);
    machine_start();
    for (unsigned i = 0; i < 10; i++) {
        struct machine_request *first = machine_submit(machine_disks[0], BLK_READ, 10, 8);
        struct machine_request *second = machine_submit(machine_disks[1], BLK_READ, 10, 8);

        machine_kick(machine_disks[1]);
        for (unsigned j = 0; j < 1000 && first->order == 0; j++) {
            machine_poll(machine_disks[0]);
        }
        machine_run(200); /* nobody looks after it, and it goes on */
        assert_int_not_equal(second->order, 0);
        assert_true(machine_finish());
        assert_int_equal(first->request.status, 0);
        assert_int_equal(second->request.status, 0);
        assert_int_equal(machine_disks[0]->stats.lost_interrupts, 0);
        assert_int_equal(machine_disks[1]->stats.lost_interrupts, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_dma_sizes),
        cmocka_unit_test(test_pio_sizes),
        cmocka_unit_test(test_short_and_long_form),
        cmocka_unit_test(test_48_bits),
        cmocka_unit_test(test_without_lba48),
        cmocka_unit_test(test_interrupts_per_block),
        cmocka_unit_test(test_merging),
        cmocka_unit_test(test_merging_many),
        cmocka_unit_test(test_flush),
        cmocka_unit_test(test_unknown_operation),
        cmocka_unit_test(test_port_accesses),
        cmocka_unit_test(test_segments),
        cmocka_unit_test(test_most_regions),
        cmocka_unit_test(test_bounce),
        cmocka_unit_test(test_bounce_among_others),
        cmocka_unit_test(test_polling),
        cmocka_unit_test(test_spurious_interrupts),
        cmocka_unit_test(test_index_pulses),
        cmocka_unit_test(test_two_drives),
        cmocka_unit_test(test_two_drives_polled),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
