/*
 * test_ata_errors.c - ATA drives, cables and bus masters that fail: who gets an error and who does
 * not, what the log says, when DMA is given up, and that no fault is waited for without an end.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "drivers/ata_internal.h"
#include "tests/fakes/ata_machine.h"

#define DISK_SECTORS 0x10001000ull /* a little beyond 28 bits */
#define EXT_LBA      0x10000100ull
#define BAD          3 /* the request that meets the fault */
#define REQUESTS     6
#define EACH         20 /* sectors */

static struct fake_drive *drive;
static struct block_device *disk;
static struct machine_request *request[REQUESTS];

static void start(bool pio)
{
    machine_new();
    machine_has_pci = !pio;
    drive = fake_add_disk(&fake_channels[0], false, DISK_SECTORS);
    machine_start();
    disk = machine_disks[0];
}

static void logged(const char *part)
{
    if (strstr(machine_log, part) == NULL) {
        fail_msg("\"%s\" is not in the log:\n%s", part, machine_log);
    }
}

static unsigned times_logged(const char *part)
{
    unsigned times = 0;

    for (const char *at = machine_log; (at = strstr(at, part)) != NULL; at++) {
        times++;
    }
    return times;
}

/* Neighbours from LBA on, submitted together. */
static void submit_neighbours(unsigned op, uint64_t lba)
{
    machine_fill_disk(drive, lba, REQUESTS * EACH);
    for (unsigned i = 0; i < REQUESTS; i++) {
        request[i] = machine_prepare(op, lba + i * EACH, EACH);
        if (op == BLK_WRITE) {
            machine_fill(request[i]);
        }
        machine_enqueue(disk, request[i]);
    }
    if (op == BLK_WRITE) {
        memset(fake_sector(drive, lba), 0, REQUESTS * EACH * 512);
    }
    machine_kick(disk);
    assert_true(machine_finish());
}

/* All are well; or all but BAD, which has STATUS. */
static void check_neighbours(unsigned op, uint64_t lba, int status)
{
    for (unsigned i = 0; i < REQUESTS; i++) {
        if (i == BAD && status != 0) {
            assert_int_equal(request[i]->request.status, status);
        } else if (op == BLK_READ) {
            machine_check(request[i]);
        } else {
            assert_int_equal(request[i]->request.status, 0);
            machine_check_disk(drive, lba + i * EACH, EACH);
        }
    }
}

/* And afterwards the disk works as before. */
static void works(void)
{
    drive->fault_times = 0;
    submit_neighbours(BLK_READ, 1000);
    check_neighbours(BLK_READ, 1000, 0);
    submit_neighbours(BLK_WRITE, 2000);
    check_neighbours(BLK_WRITE, 2000, 0);
    assert_int_equal(fake_channels[0].ignored, 0);
}

static unsigned dma_commands(void)
{
    return drive->commands[ATA_READ_DMA] + drive->commands[ATA_READ_DMA_EXT] +
           drive->commands[ATA_WRITE_DMA] + drive->commands[ATA_WRITE_DMA_EXT];
}

/* One bad sector among many requests: only its request fails, by every way, with or without its
 * number, at every place in the request. */
static void test_bad_sector(void **state)
{
    static const unsigned places[] = {0, 1, EACH / 2, EACH - 1};

    (void)state;
    for (unsigned variant = 0; variant < 64; variant++) {
        unsigned op = variant & 1 ? BLK_WRITE : BLK_READ;
        uint64_t lba = variant & 2 ? EXT_LBA : 64;

        start(variant & 4);
        fake_set_fault(drive, FAULT_ERROR, lba + BAD * EACH + places[variant >> 4], 1000);
        drive->fault_names_place = variant & 8;
        submit_neighbours(op, lba);
        check_neighbours(op, lba, BLK_EIO);
        assert_int_equal(request[BAD]->request.tries, 3);
        if (drive->fault_names_place && !(variant & 4)) {
            assert_int_equal(dma_commands(), 5); /* all, those behind it, and three for it */
        }
        assert_int_equal(disk->stats.retries, 3);
        /* Four tries; one more to find it, if it was not named or is in a block with others. */
        assert_in_range(drive->fault_times, 995, drive->fault_names_place ? 996 : 995);
        works();
    }
}

/* A sector that is bad for a while: the request is tried again, and nobody hears of it. */
static void test_transient(void **state)
{
    (void)state;
    for (unsigned variant = 0; variant < 8; variant++) {
        unsigned op = variant & 1 ? BLK_WRITE : BLK_READ;

        start(variant & 4);
        fake_set_fault(drive, FAULT_ERROR, 64 + BAD * EACH + 5, 3);
        drive->fault_names_place = variant & 2;
        submit_neighbours(op, 64);
        check_neighbours(op, 64, 0);
        works();
    }
}

/* The words for each bit, with the sector; numbers that make no sense are not believed. */
static void test_words(void **state)
{
    static const struct {
        uint8_t error;
        const char *words;
    } cases[] = {
        {ATA_UNC, "ata0: read of sector 70: UNC, cannot be read (status 41, error 40)"},
        {ATA_IDNF, "ata0: read of sector 70: IDNF, no such sector (status 41, error 10)"},
        {ATA_AMNF, "ata0: read of sector 70: AMNF, no address mark (status 41, error 01)"},
        {ATA_ABRT,
         "ata0: read of 20 sectors from 64: ABRT, the drive gave up (status 41, error 04)"},
        {ATA_MC, "medium changed or missing (status 41, error 20)"},
        {ATA_MCR, "medium changed or missing (status 41, error 08)"},
        {ATA_NM, "medium changed or missing (status 41, error 02)"},
        {ATA_UNC | ATA_ABRT, "sector 70: UNC, cannot be read; ABRT, the drive gave up (status 41"},
        {ATA_ICRC | ATA_ABRT, "ICRC, damaged on the cable; ABRT, the drive gave up"},
        {0, "ata0: read of 20 sectors from 64: the drive does not say why (status 41, error 00)"},
        {0xFF, "sector 70: ICRC, damaged on the cable; UNC"},
    };

    (void)state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        start(true);
        fake_set_fault(drive, FAULT_ERROR, 70, 1);
        drive->fault_error = cases[i].error;
        machine_submit(disk, BLK_READ, 64, 20);
        assert_true(machine_finish());
        logged(cases[i].words);
    }
    start(false);
    fake_set_fault(drive, FAULT_ERROR, EXT_LBA + 7, 1000);
    machine_submit(disk, BLK_WRITE, EXT_LBA, 20);
    assert_true(machine_finish());
    logged("ata0: write of sector 268435719: UNC, cannot be read (status 41, error 40)");
    machine_new();
    drive = fake_add_disk(&fake_channels[0], false, 0xFEDCBA987654ull);
    machine_start();
    fake_set_fault(drive, FAULT_ERROR, 0xFEDCBA987003ull, 1000);
    machine_submit(machine_disks[0], BLK_READ, 0xFEDCBA987000ull, 20);
    assert_true(machine_finish());
    logged("ata0: read of sector 280223976812547: UNC"); /* all six bytes of it */
    fake_set_fault(drive, FAULT_ERROR, 0xFEDCBA986003ull, 1000);
    machine_submit(machine_disks[0], BLK_READ, 0xFEDCBA986000ull, 20);
    assert_true(machine_finish());
    logged("ata0: read of sector 280223976808451: UNC"); /* and not only once */
    start(false);
    fake_set_fault(drive, FAULT_ERROR, 70, 1000);
    drive->fault_names_place = false; /* it names one that nobody asked for */
    machine_submit(disk, BLK_READ, 64, 20);
    assert_true(machine_finish());
    logged("ata0: read of 20 sectors from 64: UNC, cannot be read");
}

static void test_drive_fault(void **state)
{
    (void)state;
    for (unsigned variant = 0; variant < 4; variant++) {
        unsigned op = variant & 1 ? BLK_WRITE : BLK_READ;

        start(variant & 2);
        fake_set_fault(drive, FAULT_DRIVE, 64 + BAD * EACH, 1000);
        submit_neighbours(op, 64);
        check_neighbours(op, 64, BLK_EIO);
        logged("DF, drive fault (status 60, error 00)");
        works();
    }
}

static void test_flush_fails(void **state)
{
    (void)state;
    for (unsigned fault = FAULT_ERROR; fault <= FAULT_DRIVE; fault++) {
        start(false);
        fake_set_fault(drive, (enum fake_fault)fault, FAKE_ANY, 1000);
        drive->fault_error = ATA_ABRT;
        struct machine_request *flush = machine_submit(disk, BLK_FLUSH, 0, 0);

        assert_true(machine_finish());
        assert_int_equal(flush->request.status, BLK_EIO);
        assert_int_equal(flush->request.tries, 0); /* it would hide what was lost */
        logged("ata0: flush: ");
        works();
    }
}

/* A broken disk does not fill the log. */
static void test_log_is_bounded(void **state)
{
    (void)state;
    start(false);
    fake_set_fault(drive, FAULT_ERROR, FAKE_ANY, 1000000);
    drive->fault_error = ATA_ABRT;
    for (unsigned i = 0; i < 250; i++) {
        machine_submit(disk, BLK_READ, i, 1);
        assert_true(machine_finish());
    }
    assert_in_range(times_logged("ABRT"), 16, 24);
}

/* Data damaged on the cable: tried again; three times in a row, and it is PIO for good. */
static void test_cable(void **state)
{
    (void)state;
    for (unsigned times = 1; times <= 4; times++) {
        start(false);
        fake_set_fault(drive, FAULT_ERROR, 64 + BAD * EACH, times);
        drive->fault_error = ATA_ICRC | ATA_ABRT;
        submit_neighbours(BLK_READ, 64);
        check_neighbours(BLK_READ, 64, 0);
        assert_string_equal(disk->how, times < 3 ? "DMA" : "PIO");
        assert_int_equal(times_logged("PIO from now on"), times >= 3);
        assert_int_equal(disk->stats.retries, 0);
        works();
    }
    /* Not in a row: DMA stays. */
    start(false);
    for (unsigned i = 0; i < 10; i++) {
        fake_set_fault(drive, FAULT_ERROR, 64, 2);
        drive->fault_error = ATA_ICRC | ATA_ABRT;
        submit_neighbours(BLK_WRITE, 64);
        check_neighbours(BLK_WRITE, 64, 0);
    }
    assert_string_equal(disk->how, "DMA");
}

/* What the bus master says of itself. */
static void test_master_faults(void **state)
{
    static const struct {
        enum fake_fault fault;
        const char *words;
    } cases[] = {{FAULT_MASTER_ERROR, "the bus master could not reach memory"},
                 {FAULT_TABLE_LONG, "the drive moved less than it was asked for"}};

    (void)state;
    for (unsigned variant = 0; variant < 8; variant++) {
        unsigned op = variant & 1 ? BLK_WRITE : BLK_READ;
        unsigned times = variant & 2 ? 1000 : 2;

        start(false);
        fake_set_fault(drive, cases[variant >> 2].fault, FAKE_ANY, times);
        submit_neighbours(op, 64);
        check_neighbours(op, 64, 0);
        logged(cases[variant >> 2].words);
        assert_string_equal(disk->how, times == 2 ? "DMA" : "PIO");
        assert_int_equal(disk->stats.timeouts, 0);
        works();
    }
}

/*
 * Those that end by a reset: by the time-out, or because the driver sees that it has lost track.
 * Reads are tried again, writes fail.
 */
static void test_resets(void **state)
{
    static const struct {
        enum fake_fault fault;
        bool pio, dma, timeout;
        const char *words;
    } cases[] = {
        {FAULT_STUCK_BUSY, true, true, true, ""},
        {FAULT_TABLE_SHORT, false, true, true, ""},
        {FAULT_MASTER_DEAD, false, true, false, "has not ended the command that DMA has ended for"},
        {FAULT_WRONG_DRQ, false, true, false, "has not ended the command that DMA has ended for"},
        {FAULT_NO_DRQ, true, false, false, "has ended before all data were moved"},
        {FAULT_ERROR_WITH_DRQ, true, false, false, "still wants to move data after an error"},
        {FAULT_ERROR_WITH_DRQ, false, true, false,
         "has not ended the command that DMA has ended for"},
    };

    (void)state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        for (unsigned variant = 0; variant < 4; variant++) {
            unsigned op = variant & 1 ? BLK_WRITE : BLK_READ;
            bool pio = variant & 2;

            if (!(pio ? cases[i].pio : cases[i].dma)) {
                continue;
            }
            start(pio);
            fake_set_fault(drive, cases[i].fault, 64, 1);
            request[0] = machine_submit(disk, op, 64, EACH);
            request[1] = machine_submit(disk, BLK_READ, 500, EACH); /* waits, and goes on */
            assert_true(machine_finish());
            assert_int_equal(request[0]->request.status, op == BLK_READ ? 0 : BLK_EIO);
            assert_int_equal(request[1]->request.status, 0);
            assert_int_equal(disk->stats.timeouts, cases[i].timeout);
            assert_int_equal(fake_channels[0].resets, 1);
            assert_int_equal(drive->multiple, 16);          /* is set again */
            assert_int_equal(fake_channels[0].controls, 0); /* and so is the interrupt */
            logged(cases[i].words);
            works();
        }
    }
}

/* After the last block of a PIO write, and of a flush. */
static void test_wrong_drq(void **state)
{
    (void)state;
    start(true);
    fake_set_fault(drive, FAULT_WRONG_DRQ, 64, 1);
    struct machine_request *write = machine_submit(disk, BLK_WRITE, 64, EACH);

    assert_true(machine_finish());
    assert_int_equal(write->request.status, BLK_EIO);
    logged("wants to move more data than there are");
    works();
    start(true);
    fake_set_fault(drive, FAULT_WRONG_DRQ, FAKE_ANY, 1);
    write = machine_submit(disk, BLK_FLUSH, 0, 0);
    assert_true(machine_finish());
    logged("asks for data that nobody has promised");
    works();
    /* Reading, all data are there; the next command finds out. */
    start(true);
    fake_set_fault(drive, FAULT_WRONG_DRQ, 64, 1);
    machine_fill_disk(drive, 64, EACH);
    request[0] = machine_submit(disk, BLK_READ, 64, EACH);
    request[1] = machine_submit(disk, BLK_READ, 500, EACH);
    assert_true(machine_finish());
    machine_check(request[0]);
    assert_int_equal(request[1]->request.status, 0);
    logged("is not ready for a command");
    works();
}

/* A drive that is slow with the first block: no interrupt tells of it, looking does. */
static void test_slow_drq(void **state)
{
    (void)state;
    start(true);
    fake_set_fault(drive, FAULT_SLOW_DRQ, 64 + 5, 1);
    submit_neighbours(BLK_WRITE, 64);
    check_neighbours(BLK_WRITE, 64, 0);
    assert_int_equal(fake_channels[0].resets, 0);
    works();
}

/* Nobody tells of the end, but it is seen when somebody looks. */
static void test_lost_interrupts(void **state)
{
    (void)state;
    for (unsigned variant = 0; variant < 4; variant++) {
        unsigned op = variant & 1 ? BLK_WRITE : BLK_READ;

        start(variant & 2);
        fake_set_fault(drive, FAULT_LOST_INTERRUPT, FAKE_ANY, 3);
        submit_neighbours(op, 64);
        check_neighbours(op, 64, 0);
        assert_true(variant & 2 || disk->stats.lost_interrupts > 0);
        assert_int_equal(disk->stats.timeouts, 0);
        assert_int_equal(fake_channels[0].resets, 0);
        works();
    }
    start(false);
    fake_set_fault(drive, FAULT_LOST_INTERRUPT, FAKE_ANY, 1);
    request[0] = machine_submit(disk, BLK_FLUSH, 0, 0);
    assert_true(machine_finish());
    assert_int_equal(request[0]->request.status, 0);
}

/* A bus master that never gets anywhere: three time-outs, then PIO. */
static void test_dead_master(void **state)
{
    (void)state;
    for (unsigned dead = 0; dead < 2; dead++) {
        start(false);
        fake_set_fault(drive, dead ? FAULT_MASTER_DEAD : FAULT_TABLE_SHORT, FAKE_ANY, 1000);
        machine_fill_disk(drive, 64, EACH);
        request[0] = machine_submit(disk, BLK_READ, 64, EACH);
        assert_true(machine_finish());
        machine_check(request[0]);
        assert_string_equal(disk->how, "PIO");
        assert_int_equal(fake_channels[0].resets, 3);
        works();
    }
}

/* The disk does not come back, or another one does. */
static void test_lost_disk(void **state)
{
    static const char *const words[] = {"is busy for ever after a reset", "is another disk",
                                        "is another disk", "it says that it is no ATA disk",
                                        "there is no disk"};

    (void)state;
    for (unsigned i = 0; i < 5; i++) {
        start(false);
        fake_set_fault(drive, FAULT_STUCK_BUSY, 64, 1);
        request[0] = machine_submit(disk, BLK_READ, 64, EACH);
        request[1] = machine_submit(disk, BLK_READ, 500, EACH);
        drive->dies = i == 0;
        drive->words[10] ^= i == 1;
        drive->words[101] ^= i == 2;
        drive->words[0] |= i == 3 ? 0x8000 : 0;
        drive->present = i != 4;
        uint64_t before = fake_nanos;

        assert_true(machine_finish());
        assert_int_equal(request[0]->request.status, BLK_EIO);
        assert_int_equal(request[1]->request.status, BLK_EIO);
        assert_true(disk->lost);
        assert_true(fake_nanos - before < 70000000000ull); /* time-out, and 31 s for a motor */
        logged(words[i]);
    }
}

/* A reset hits both drives; the other one goes on, and if it is gone, this one does. */
static void test_reset_of_two(void **state)
{
    (void)state;
    for (unsigned gone = 0; gone < 2; gone++) {
        start(false);
        machine_new();
        drive = fake_add_disk(&fake_channels[0], false, DISK_SECTORS);
        struct fake_drive *other = fake_add_disk(&fake_channels[0], true, DISK_SECTORS);

        machine_start();
        disk = machine_disks[0];
        fake_set_fault(drive, FAULT_STUCK_BUSY, 64, 1);
        request[0] = machine_submit(disk, BLK_READ, 64, EACH);
        request[1] = machine_submit(machine_disks[1], BLK_WRITE, 64, EACH);
        other->present = !gone;
        assert_true(machine_finish());
        assert_int_equal(request[0]->request.status, 0);
        assert_int_equal(request[1]->request.status, gone ? BLK_EIO : 0);
        assert_int_equal(machine_disks[1]->lost, gone);
        assert_false(disk->lost);
        if (!gone) {
            assert_int_equal(other->multiple, 16);
            assert_int_equal(other->sectors_written, EACH);
        }
        works();
    }
}

/* A reset of a drive that has nothing to do leaves the other's command alone. */
static void test_reset_of_idle(void **state)
{
    (void)state;
    machine_new();
    drive = fake_add_disk(&fake_channels[0], false, DISK_SECTORS);
    fake_add_disk(&fake_channels[0], true, DISK_SECTORS);
    machine_start();
    machine_fill_disk(drive, 64, EACH);
    request[0] = machine_submit(machine_disks[0], BLK_READ, 64, EACH);
    assert_true(machine_reset(machine_disks[1]));
    assert_int_equal(fake_channels[0].resets, 0);
    assert_true(machine_finish());
    machine_check(request[0]);
}

static void use_other_drive(void)
{
    machine_while_asleep = NULL;
    request[1] = machine_submit(machine_disks[1], BLK_READ, 64, EACH);
    machine_poll(machine_disks[1]);
}

/* What the other drive gets to do while the channel is reset waits. */
static void test_use_during_reset(void **state)
{
    (void)state;
    machine_new();
    drive = fake_add_disk(&fake_channels[0], false, DISK_SECTORS);
    fake_add_disk(&fake_channels[0], true, DISK_SECTORS);
    machine_start();
    disk = machine_disks[0];
    fake_set_fault(drive, FAULT_STUCK_BUSY, 64, 1);
    request[0] = machine_submit(disk, BLK_READ, 64, EACH);
    machine_while_asleep = use_other_drive;
    assert_true(machine_finish());
    assert_null(machine_while_asleep);
    assert_int_equal(request[0]->request.status, 0);
    assert_int_equal(request[1]->request.status, 0);
    assert_int_equal(fake_channels[0].ignored, 0);
    assert_int_equal(machine_disks[1]->stats.timeouts, 0);
}

/* Interrupts during a reset, and of a drive that got stuck, are taken back and do no harm. */
static void test_interrupts_of_stuck(void **state)
{
    (void)state;
    start(false);
    fake_set_fault(drive, FAULT_WRONG_DRQ, 64, 1);
    request[0] = machine_submit(disk, BLK_READ, 64, EACH);
    machine_run(200);
    assert_true(disk->reset_wanted);
    for (unsigned i = 0; i < 5; i++) {
        machine_poke_irq(14);
        machine_poll(disk);
    }
    assert_int_equal(request[0]->order, 0);
    assert_true(machine_finish());
    assert_int_equal(request[0]->request.status, 0);
    works();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bad_sector),
        cmocka_unit_test(test_transient),
        cmocka_unit_test(test_words),
        cmocka_unit_test(test_drive_fault),
        cmocka_unit_test(test_flush_fails),
        cmocka_unit_test(test_log_is_bounded),
        cmocka_unit_test(test_cable),
        cmocka_unit_test(test_master_faults),
        cmocka_unit_test(test_resets),
        cmocka_unit_test(test_wrong_drq),
        cmocka_unit_test(test_slow_drq),
        cmocka_unit_test(test_lost_interrupts),
        cmocka_unit_test(test_dead_master),
        cmocka_unit_test(test_lost_disk),
        cmocka_unit_test(test_reset_of_two),
        cmocka_unit_test(test_reset_of_idle),
        cmocka_unit_test(test_use_during_reset),
        cmocka_unit_test(test_interrupts_of_stuck),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
