/*
 * test_ata_probe.c - which ATA channels and drives are found, what is set up before they are used,
 * and who is left alone.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "drivers/ata_internal.h"
#include "tests/fakes/ata_machine.h"

#define DISK_SECTORS 100000

static int set_up(void **state)
{
    (void)state;
    machine_new();
    return 0;
}

static void works(unsigned index, struct fake_drive *drive)
{
    assert_true(index < machine_disk_count);
    machine_fill_disk(drive, 50, 100);
    struct machine_request *request = machine_submit(machine_disks[index], BLK_READ, 50, 100);

    assert_true(machine_finish());
    machine_check(request);
    assert_int_equal(machine_unclaimed, 0);
}

static void logged(const char *part)
{
    if (strstr(machine_log, part) == NULL) {
        fail_msg("\"%s\" is not in the log:\n%s", part, machine_log);
    }
}

/* Each set of the four drives: names in order, absent ones cost next to no time. */
static void test_places(void **state)
{
    (void)state;
    for (unsigned set = 0; set < 16; set++) {
        unsigned disks = 0;

        machine_new();
        for (unsigned i = 0; i < 4; i++) {
            if (set & 1u << i) {
                fake_add_disk(&fake_channels[i / 2], i % 2, DISK_SECTORS + i);
            }
        }
        uint64_t before = fake_nanos;

        machine_start();
        assert_true(fake_nanos - before < 1000000);
        for (unsigned i = 0; i < 4; i++) {
            if (set & 1u << i) {
                assert_int_equal(machine_disks[disks]->dev.nsect, DISK_SECTORS + i);
                works(disks++, &fake_channels[i / 2].drive[i % 2]);
            }
        }
        assert_int_equal(machine_disk_count, disks);
        assert_int_equal(fake_channels[0].ignored + fake_channels[1].ignored, 0);
    }
}

static void test_description(void **state)
{
    struct fake_drive *drive = fake_add_disk(&fake_channels[1], true, DISK_SECTORS);

    (void)state;
    machine_start();
    struct block_device *disk = machine_disks[0];

    assert_string_equal(disk->name, "ata0");
    assert_string_equal(disk->model, "FAKE DISK");
    assert_string_equal(disk->how, "DMA");
    assert_int_equal(disk->dev.lbs, 512);
    assert_int_equal(disk->timeout_ms, 30000);
    assert_int_equal(disk->retries, 3);
    assert_true(disk->one_by_one && disk->dev.volatile_cache && !disk->dev.ro);
    assert_int_equal(drive->multiple, 16);
    assert_int_equal(drive->mode, 0); /* the BIOS has chosen one */
    assert_false(drive->cache_off);
    logged("ata0: secondary slave at port 170, irq 15, LBA48, cache on, 16 sectors a block");
}

static void test_nobody(void **state)
{
    (void)state;
    fake_channels[0].floating = true;
    fake_add_disk(&fake_channels[0], false, DISK_SECTORS);
    machine_start();
    assert_int_equal(machine_disk_count, 0);
    assert_string_equal(machine_log, "");
}

static void test_atapi(void **state)
{
    (void)state;
    fake_add_disk(&fake_channels[0], false, DISK_SECTORS)->packet = true;
    fake_add_disk(&fake_channels[0], true, DISK_SECTORS);
    machine_start();
    assert_int_equal(machine_disk_count, 1);
    logged("primary master at port 1f0 is left alone: an ATAPI device");
    works(0, &fake_channels[0].drive[1]);
}

static void test_unusable(void **state)
{
    (void)state;
    fake_add_disk(&fake_channels[0], false, DISK_SECTORS)->silent = true;
    fake_add_disk(&fake_channels[0], true, DISK_SECTORS)->words[49] = 0;
    fake_add_disk(&fake_channels[1], false, DISK_SECTORS)->words[0] = 0x8000;
    fake_add_disk(&fake_channels[1], true, DISK_SECTORS);
    machine_start();
    assert_int_equal(machine_disk_count, 1);
    logged("primary master at port 1f0 is left alone: it says nothing of itself");
    logged("primary slave at port 1f0 is left alone: it has no LBA");
    logged("secondary master at port 170 is left alone: it says that it is no ATA disk");
    works(0, &fake_channels[1].drive[1]);
}

/* A drive that is busy for ever holds up the start for two seconds, not more. */
static void test_busy(void **state)
{
    (void)state;
    fake_add_disk(&fake_channels[0], false, DISK_SECTORS);
    fake_channels[0].status[0] = ATA_BSY;
    fake_add_disk(&fake_channels[1], false, DISK_SECTORS);
    uint64_t before = fake_nanos;

    machine_start();
    assert_true(fake_nanos - before < 2500000000ull);
    logged("primary master at port 1f0 is left alone: it is never ready");
    assert_int_equal(machine_disk_count, 1);
    works(0, &fake_channels[1].drive[0]);
}

/* One that answers IDENTIFY with an error, and is no ATAPI device. */
static void test_refuses_identify(void **state)
{
    (void)state;
    fake_add_disk(&fake_channels[0], false, DISK_SECTORS);
    fake_set_fault(&fake_channels[0].drive[0], FAULT_IDENTIFY, FAKE_ANY, 1);
    machine_start();
    assert_int_equal(machine_disk_count, 0);
    logged("primary master at port 1f0 is left alone: it does not tell what it is");
}

/* Without a DMA mode from the BIOS, the slowest one; without DMA, none. */
static void test_modes(void **state)
{
    (void)state;
    fake_add_disk(&fake_channels[0], false, DISK_SECTORS)->words[88] = 0x003F;
    fake_add_disk(&fake_channels[0], true, DISK_SECTORS)->words[49] = 0x0200;
    fake_channels[0].drive[1].words[88] = 0;
    machine_start();
    assert_int_equal(fake_channels[0].drive[0].mode, ATA_MODE_MULTIWORD_DMA);
    assert_string_equal(machine_disks[0]->how, "DMA");
    assert_string_equal(machine_disks[1]->how, "PIO");
    works(0, &fake_channels[0].drive[0]);
    works(1, &fake_channels[0].drive[1]);
}

/* A cache that cannot be flushed is turned off. */
static void test_cache_without_flush(void **state)
{
    struct fake_drive *drive = fake_add_disk(&fake_channels[0], false, DISK_SECTORS);

    (void)state;
    drive->words[83] = 0x4400;
    machine_start();
    assert_true(drive->cache_off);
    assert_false(machine_disks[0]->dev.volatile_cache);
    machine_reset(machine_disks[0]); /* which turns it on again */
    assert_true(drive->cache_off);
    assert_false(machine_disks[0]->dev.volatile_cache);
}

static void test_cache_off(void **state)
{
    (void)state;
    fake_add_disk(&fake_channels[0], false, DISK_SECTORS)->words[85] = 0;
    machine_start();
    assert_false(machine_disks[0]->dev.volatile_cache);
}

/* SET MULTIPLE is refused: one sector a block. */
static void test_multiple_refused(void **state)
{
    struct fake_drive *drive = fake_add_disk(&fake_channels[0], false, DISK_SECTORS);

    (void)state;
    machine_has_pci = false;
    drive->refuses_multiple = true;
    machine_start();
    works(0, drive);
    assert_int_equal(drive->commands[ATA_READ_SECTORS], 1);
}

static void test_no_pci(void **state)
{
    (void)state;
    machine_has_pci = false;
    fake_channels[0].wide_fails = fake_channels[1].wide_fails = true;
    fake_add_disk(&fake_channels[0], true, DISK_SECTORS);
    fake_add_disk(&fake_channels[1], false, DISK_SECTORS);
    machine_start();
    assert_int_equal(machine_disk_count, 2);
    assert_string_equal(machine_disks[0]->how, "PIO");
    works(0, &fake_channels[0].drive[1]);
    works(1, &fake_channels[1].drive[0]);
}

/* PCI, but nothing on it of our class: the old ports are not touched. */
static void test_no_controller(void **state)
{
    (void)state;
    fake_add_disk(&fake_channels[0], false, DISK_SECTORS);
    machine_functions[0].subclass = 6;
    machine_start();
    assert_int_equal(machine_disk_count, 0);
    assert_int_equal(fake_channels[0].accesses, 0);
}

static void make_native(unsigned irq)
{
    struct pci_function *function = &machine_functions[0];

    function->interface = 0x85;
    function->irq = (uint8_t)irq;
    for (unsigned i = 0; i < 2; i++) {
        fake_channels[i].command = (uint16_t)(0xD000 + 0x20 * i);
        fake_channels[i].control = (uint16_t)(0xD012 + 0x20 * i);
        function->bar[2 * i] = (struct pci_bar){.base = 0xD000 + 0x20 * i, .io = true};
        function->bar[2 * i + 1] = (struct pci_bar){.base = 0xD010 + 0x20 * i, .io = true};
    }
}

/* Both channels on one line of PCI, which others use, too. */
static void test_native(void **state)
{
    (void)state;
    make_native(11);
    fake_add_disk(&fake_channels[0], false, DISK_SECTORS);
    fake_add_disk(&fake_channels[1], false, DISK_SECTORS);
    machine_shared_irq = true;
    machine_start();
    assert_int_equal(machine_disk_count, 2);
    machine_poke_irq(11); /* the first may be left from the BIOS */
    machine_unclaimed = 0;
    for (unsigned i = 0; i < 10; i++) {
        machine_fill_disk(&fake_channels[0].drive[0], 50, 100);
        struct machine_request *request = machine_submit(machine_disks[0], BLK_READ, 50, 100);

        machine_poke_irq(11); /* somebody else */
        assert_int_equal(machine_unclaimed, 2 * i + 1);
        assert_int_equal(request->order, 0);
        assert_true(machine_finish());
        machine_check(request);
        machine_poke_irq(11); /* somebody else, while nothing runs */
        assert_int_equal(machine_unclaimed, 2 * i + 2);
    }
}

static void test_native_without_interrupt(void **state)
{
    (void)state;
    make_native(PCI_NO_IRQ);
    fake_add_disk(&fake_channels[0], false, DISK_SECTORS);
    machine_start();
    assert_int_equal(machine_disk_count, 0);
    logged("a channel without ports or interrupt is left alone");
    machine_new();
    make_native(11);
    fake_add_disk(&fake_channels[0], false, DISK_SECTORS);
    machine_functions[0].bar[0].base = 0;
    machine_start();
    assert_int_equal(machine_disk_count, 0);
}

/* No bus master: by its interface byte, or because its BAR has no place. */
static void test_no_master(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        machine_new();
        fake_add_disk(&fake_channels[0], false, DISK_SECTORS);
        if (i == 0) {
            machine_functions[0].interface = 0;
        } else {
            machine_functions[0].bar[4].base = 0;
        }
        machine_start();
        assert_string_equal(machine_disks[0]->how, "PIO");
        works(0, &fake_channels[0].drive[0]);
    }
}

/* A second controller at the same ports would be the same disks again. */
static void test_two_controllers(void **state)
{
    (void)state;
    fake_add_disk(&fake_channels[0], false, DISK_SECTORS);
    machine_functions[1] = machine_functions[0];
    machine_function_count = 2;
    machine_start();
    assert_int_equal(machine_disk_count, 1);
    logged("a second controller at port 1f0 is left alone");
    works(0, &fake_channels[0].drive[0]);
}

static void test_short_memory(void **state)
{
    (void)state;
    fake_add_disk(&fake_channels[0], false, DISK_SECTORS);
    machine_no_dma_memory = true;
    machine_start();
    logged("no memory for DMA at port 1f0");
    assert_string_equal(machine_disks[0]->how, "PIO");
    works(0, &fake_channels[0].drive[0]);
    machine_new();
    fake_add_disk(&fake_channels[0], false, DISK_SECTORS);
    machine_no_heap = true;
    machine_start();
    assert_int_equal(machine_disk_count, 0);
    logged("no memory for the channel at port 1f0");
}

/* What the BIOS has noted in the bus master's status stays. */
static void test_master_notes_stay(void **state)
{
    (void)state;
    fake_add_disk(&fake_channels[0], false, DISK_SECTORS);
    fake_channels[0].master_status = 0x60 | ATA_MASTER_IRQ | ATA_MASTER_ERROR;
    machine_start();
    works(0, &fake_channels[0].drive[0]);
    assert_int_equal(fake_channels[0].master_status, 0x60);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_places, set_up),
        cmocka_unit_test_setup(test_description, set_up),
        cmocka_unit_test_setup(test_nobody, set_up),
        cmocka_unit_test_setup(test_atapi, set_up),
        cmocka_unit_test_setup(test_unusable, set_up),
        cmocka_unit_test_setup(test_busy, set_up),
        cmocka_unit_test_setup(test_refuses_identify, set_up),
        cmocka_unit_test_setup(test_modes, set_up),
        cmocka_unit_test_setup(test_cache_without_flush, set_up),
        cmocka_unit_test_setup(test_cache_off, set_up),
        cmocka_unit_test_setup(test_multiple_refused, set_up),
        cmocka_unit_test_setup(test_no_pci, set_up),
        cmocka_unit_test_setup(test_no_controller, set_up),
        cmocka_unit_test_setup(test_native, set_up),
        cmocka_unit_test_setup(test_native_without_interrupt, set_up),
        cmocka_unit_test_setup(test_no_master, set_up),
        cmocka_unit_test_setup(test_two_controllers, set_up),
        cmocka_unit_test_setup(test_short_memory, set_up),
        cmocka_unit_test_setup(test_master_notes_stay, set_up),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
