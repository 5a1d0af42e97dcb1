/* ata_requests.c - requests of the ATA driver's tests: making them, waiting for them, their contents. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/fakes/ata_machine.h"

#define TIMEOUT      30000000000ull
#define QUIET_STEPS  1000 /* of 10 us: then somebody looks what is wrong */
#define QUIET_LOOKS  10
#define REQUESTS_MAX 1024

static struct machine_request *requests[REQUESTS_MAX];
static unsigned request_count;
static unsigned quiet_looks; /* without an end in between */

void machine_forget_requests(void)
{
    for (unsigned i = 0; i < request_count; i++) {
        free(requests[i]);
    }
    request_count = machine_submitted = machine_done = quiet_looks = 0;
}

struct machine_request *machine_prepare(unsigned op, uint64_t lba, uint32_t sectors)
{
    struct machine_request *request = calloc(1, sizeof(*request));

    assert_true(request_count < REQUESTS_MAX);
    requests[request_count++] = request;
    request->request = (struct blk_req){.op = (uint8_t)op,
                                        .lba = lba,
                                        .nsect = sectors,
                                        .seg = request->segments,
                                        .status = BLK_PENDING};
    if (sectors > 0) {
        struct blk_seg *segment = &request->segments[0];

        segment->len = sectors * BLK_SECTOR;
        segment->va = machine_memory(segment->len, 512, false, &segment->pa);
        request->request.nseg = 1;
    }
    return request;
}

void machine_submit_request(struct block_device *device, struct machine_request *request)
{
    machine_enqueue(device, request);
    machine_kick(device);
}

struct machine_request *machine_submit(struct block_device *device, unsigned op, uint64_t lba,
                                       uint32_t sectors)
{
    struct machine_request *request = machine_prepare(op, lba, sectors);

    machine_submit_request(device, request);
    return request;
}

/* ---- Waiting ---- */

static bool all_done(void)
{
    return machine_done == machine_submitted;
}

/* What block.c's thread does with a device of which nothing is heard: look, and after the time-out,
 * which is not waited for, reset it. */
static void watch(struct block_device *device)
{
    unsigned before = machine_done;

    machine_poll(device);
    device->stats.lost_interrupts += machine_done - before;
    quiet_looks = machine_done != before ? 0 : quiet_looks + 1;
    if (device->flight_first != NULL && quiet_looks >= QUIET_LOOKS) {
        fake_nanos += TIMEOUT;
        machine_poll(device);
        if (device->flight_first != NULL && before == machine_done) {
            device->stats.timeouts++;
            machine_reset(device);
        }
        quiet_looks = 0;
    }
}

/* Changes whenever the driver does something. */
static unsigned activity(void)
{
    return fake_channels[0].accesses + fake_channels[1].accesses;
}

bool machine_finish(void)
{
    for (unsigned rounds = 0; rounds < 100 && !all_done(); rounds++) {
        unsigned before = activity();

        for (unsigned i = 0; i < QUIET_STEPS && !all_done() && !machine_resets_asked; i++) {
            machine_run(10);
            i = activity() != before ? 0 : i;
            before = activity();
        }
        for (unsigned i = 0; i < machine_disk_count && !all_done(); i++) {
            if (machine_disks[i]->reset_wanted) {
                machine_reset(machine_disks[i]);
            } else if (!machine_resets_asked) {
                watch(machine_disks[i]);
            }
        }
    }
    machine_run(1000); /* what comes afterwards, too */
    return all_done();
}

bool machine_finish_by_polls(struct block_device *device)
{
    for (unsigned i = 0; i < 100000 && !all_done(); i++) {
        machine_poll(device);
    }
    return all_done();
}

/* ---- Contents ---- */

static uint8_t pattern(uint64_t lba, unsigned byte)
{
    return (uint8_t)(lba * 7 + byte * 13 + byte / 256);
}

void machine_fill_disk(struct fake_drive *drive, uint64_t lba, uint32_t sectors)
{
    for (uint32_t i = 0; i < sectors; i++) {
        for (unsigned byte = 0; byte < 512; byte++) {
            fake_sector(drive, lba + i)[byte] = pattern(lba + i, byte);
        }
    }
}

uint8_t *machine_byte(struct machine_request *request, uint32_t offset)
{
    struct blk_seg *segment = request->request.seg;

    while (offset >= segment->len) {
        offset -= segment->len;
        segment++;
    }
    return (uint8_t *)segment->va + offset;
}

void machine_fill(struct machine_request *request)
{
    for (uint32_t i = 0; i < request->request.nsect * 512; i++) {
        *machine_byte(request, i) = pattern(request->request.lba + i / 512, i % 512);
    }
}

void machine_check(struct machine_request *request)
{
    if (request->request.status != 0) {
        fail_msg("status %d; log: %s", request->request.status, machine_log);
    }
    for (uint32_t i = 0; i < request->request.nsect * 512; i++) {
        if (*machine_byte(request, i) != pattern(request->request.lba + i / 512, i % 512)) {
            fail_msg("byte %u of the read at %llu is wrong", i,
                     (unsigned long long)request->request.lba);
        }
    }
}

void machine_check_disk(struct fake_drive *drive, uint64_t lba, uint32_t sectors)
{
    for (uint32_t i = 0; i < sectors * 512; i++) {
        assert_int_equal(fake_sector(drive, lba + i / 512)[i % 512],
                         pattern(lba + i / 512, i % 512));
    }
}
