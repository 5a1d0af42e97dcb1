/*
 * virtio_blk.c - see virtio_blk.h: what kind of disk it is, starting it, its interrupts, and its
 * reset. Requests are in virtio_blk_request.c. [VIRTIO 5.2]
 */
#include "drivers/virtio_blk.h"

#include "drivers/virtio_blk_internal.h"
#include "kernel/log.h"
#include "kernel/mm/dma.h"
#include "kernel/mm/heap.h"

#define DEVICE_TRANSITIONAL 0x1001 /* [VIRTIO 4.1.2] [VIRTIO 5.2.1] */
#define DEVICE_MODERN       0x1042

#define WANTED                                                                                     \
    (VIRTIO_F_VERSION_1 | VIRTIO_F_EVENT_IDX | VIRTIO_F_INDIRECT_DESC | VIRTIO_BLK_F_SIZE_MAX |    \
     VIRTIO_BLK_F_SEG_MAX | VIRTIO_BLK_F_RO | VIRTIO_BLK_F_BLK_SIZE | VIRTIO_BLK_F_FLUSH |         \
     VIRTIO_BLK_F_TOPOLOGY)

#define TABLE_LENGTH (sizeof(((struct vblk_slot *)0)->table) / sizeof(struct virtq_desc))
#define LBS_MAX      4096
#define POLL_MICROS  500
#define NO_LIMIT     UINT32_MAX

/* The configuration by 32-bit words. [VIRTIO 5.2.4] */
enum { CAPACITY, CAPACITY_HIGH, SIZE_MAX_WORD, SEG_MAX, GEOMETRY, BLK_SIZE, TOPOLOGY, WORDS };

static bool has(const struct vblk *vblk, uint64_t feature)
{
    return (vblk->virtio.features & feature) != 0;
}

/* How many words there are: the device's features say which it has. */
static unsigned configuration_words(const struct vblk *vblk)
{
    return has(vblk, VIRTIO_BLK_F_TOPOLOGY)   ? TOPOLOGY + 1
           : has(vblk, VIRTIO_BLK_F_BLK_SIZE) ? BLK_SIZE + 1
           : has(vblk, VIRTIO_BLK_F_SEG_MAX)  ? SEG_MAX + 1
           : has(vblk, VIRTIO_BLK_F_SIZE_MAX) ? SIZE_MAX_WORD + 1
                                              : CAPACITY_HIGH + 1;
}

/* Whole blocks only: BYTES is the size of one. */
static uint64_t capacity(const uint32_t words[], uint32_t bytes)
{
    uint64_t sectors = (uint64_t)words[CAPACITY_HIGH] << 32 | words[CAPACITY];

    return sectors - sectors % (bytes / BLK_SECTOR);
}

/*
 * How many requests, and of which size, fit: SEGMENTS is what the device allows. Where it limits
 * the size of a segment, one of ours becomes several of its: n segments of together b bytes become
 * at most n + b / size_max, so half of the descriptors is kept for that.
 */
static void choose_limits(struct vblk *vblk, struct blk_dev *dev, uint32_t segments)
{
    uint32_t room = vblk->queue.size; /* for a chain [VIRTIO 2.7.5.3.1] */

    vblk->slot_count = VBLK_SLOTS;
    vblk->stride = 1;
    if (has(vblk, VIRTIO_F_INDIRECT_DESC)) {
        room = room < TABLE_LENGTH ? room : TABLE_LENGTH;
    } else {
        vblk->stride = room / 8 > VBLK_ENDS ? room / 8 : VBLK_ENDS + 1;
        room = vblk->stride < TABLE_LENGTH ? vblk->stride : TABLE_LENGTH;
    }
    if (vblk->slot_count > vblk->queue.size / vblk->stride) {
        vblk->slot_count = vblk->queue.size / vblk->stride;
    }
    if (segments > room - VBLK_ENDS) {
        segments = room - VBLK_ENDS;
    }
    dev->max_seg = segments;
    dev->max_sect = VBLK_MAX_SECTORS;
    dev->queue_depth = vblk->slot_count;
    if (vblk->size_max < VBLK_MAX_BYTES) {
        dev->max_seg = segments > 1 ? segments / 2 : 1;
        uint32_t pieces = segments > 1 ? segments - dev->max_seg : 1;
        uint32_t sectors = pieces * (vblk->size_max / BLK_SECTOR);

        dev->max_sect = sectors < VBLK_MAX_SECTORS ? sectors : VBLK_MAX_SECTORS;
    }
}

/* Fill in DEV, what users may know, from the device's configuration. Returns why that cannot be. */
static const char *take_configuration(struct vblk *vblk, struct blk_dev *dev)
{
    uint32_t words[WORDS] = {0};

    if (!vblk->virtio.transport->read_config(&vblk->virtio, 0, words, configuration_words(vblk))) {
        return "has a configuration that is too short, or never holds still";
    }
    dev->lbs = has(vblk, VIRTIO_BLK_F_BLK_SIZE) ? words[BLK_SIZE] : BLK_SECTOR;
    if (dev->lbs < BLK_SECTOR || dev->lbs > LBS_MAX || (dev->lbs & (dev->lbs - 1)) != 0) {
        return "has blocks of an impossible size";
    }
    vblk->size_max = NO_LIMIT;
    if (has(vblk, VIRTIO_BLK_F_SIZE_MAX)) {
        vblk->size_max = words[SIZE_MAX_WORD] - words[SIZE_MAX_WORD] % dev->lbs;
    }
    if (vblk->size_max == 0) {
        return "wants segments smaller than its blocks";
    }
    uint32_t segments = has(vblk, VIRTIO_BLK_F_SEG_MAX) ? words[SEG_MAX] : 1;

    choose_limits(vblk, dev, segments > 0 ? segments : 1);
    dev->nsect = capacity(words, dev->lbs);
    dev->ro = has(vblk, VIRTIO_BLK_F_RO);
    dev->volatile_cache = has(vblk, VIRTIO_BLK_F_FLUSH);
    log_detail("virtio", "%s, %u-byte blocks, physical %u, queue %u, segments %u",
               vblk->virtio.transport->name, dev->lbs,
               has(vblk, VIRTIO_BLK_F_TOPOLOGY) ? dev->lbs << (words[TOPOLOGY] & 0xF) : dev->lbs,
               vblk->queue.size, segments);
    return NULL;
}

/* From nothing to a device that works, described by DEV. Returns why not, or NULL. */
static const char *bring_up(struct vblk *vblk, struct blk_dev *dev)
{
    struct virtio_device *virtio = &vblk->virtio;
    const char *problem = virtio_begin(virtio, WANTED);

    if (problem != NULL) {
        return problem;
    }
    uint16_t size = virtio_queue_size(virtio, vblk->queue.index);

    if (size <= VBLK_ENDS) {
        return "has no queue, or one of an impossible size";
    }
    if (vblk->queue.desc != NULL && size != vblk->queue.size) {
        return "has another queue after its reset";
    }
    if (vblk->queue.desc == NULL && !virtio_queue_alloc(&vblk->queue, size)) {
        return "gets no memory for its queue";
    }
    problem = take_configuration(vblk, dev);
    if (problem != NULL) {
        return problem;
    }
    virtio_queue_clear(&vblk->queue, has(vblk, VIRTIO_F_EVENT_IDX));
    vblk_slots_clear(vblk);
    problem = virtio->transport->start_queue(virtio, &vblk->queue);
    if (problem == NULL) {
        virtio_ready(virtio);
    }
    return problem;
}

static bool is_same_disk(const struct blk_dev *before, const struct blk_dev *now)
{
    return now->lbs == before->lbs && now->ro == before->ro && now->max_seg >= before->max_seg &&
           now->max_sect >= before->max_sect;
}

/*
 * The device forgets what was in flight. If its limits have shrunk, requests that fitted do not any
 * more, and it is another disk. Flushes are believed in anew.
 */
static bool vblk_reset(struct block_device *block)
{
    struct vblk *vblk = block->driver_data;
    struct blk_dev now = block->dev;
    const char *problem = bring_up(vblk, &now);

    if (problem == NULL && !is_same_disk(&block->dev, &now)) {
        problem = "is another disk after its reset";
    }
    if (problem != NULL) {
        log_line(block->dev.name, "the device %s: it is lost", problem);
        virtio_give_up(&vblk->virtio);
        return false;
    }
    block->dev.volatile_cache = now.volatile_cache;
    if (now.nsect != block->dev.nsect) {
        block_set_capacity(block, now.nsect);
    }
    vblk->stopped = false;
    return true;
}

/* The configuration has changed: the capacity may have, or the device is in trouble. */
static void take_change(struct vblk *vblk)
{
    uint32_t words[CAPACITY_HIGH + 1];
    struct virtio_device *virtio = &vblk->virtio;

    if (virtio_needs_reset(virtio)) {
        log_line(vblk->block.dev.name, "the device needs a reset");
        block_ask_for_reset(&vblk->block);
    } else if (virtio->transport->read_config(virtio, CAPACITY, words, CAPACITY_HIGH + 1)) {
        block_set_capacity(&vblk->block, capacity(words, vblk->block.dev.lbs));
    }
}

/* The line is shared: the device says whether it was it, once, as reading clears it. */
static bool vblk_interrupt(void *context)
{
    struct vblk *vblk = context;
    uint8_t reasons = vblk->virtio.transport->take_interrupt(&vblk->virtio);

    if (reasons == 0) {
        return false;
    }
    if (reasons & VIRTIO_ISR_CONFIG) {
        take_change(vblk);
    }
    block_interrupt(&vblk->block);
    return true;
}

static const struct block_driver driver = {
    .name = "virtio-blk",
    .run = vblk_run,
    .collect = vblk_collect,
    .listen = vblk_listen,
    .reset = vblk_reset,
};

static const char *open_disk(struct vblk *vblk, const struct pci_function *function)
{
    const char *problem = virtio_open(&vblk->virtio, function);

    if (problem != NULL) {
        return problem;
    }
    vblk->slots = dma_alloc(VBLK_SLOTS * sizeof(struct vblk_slot), &vblk->slots_phys);
    problem =
        vblk->slots != NULL ? bring_up(vblk, &vblk->block.dev) : "gets no memory for its requests";
    if (problem == NULL) {
        return NULL;
    }
    virtio_give_up(&vblk->virtio);
    dma_free(vblk->slots, VBLK_SLOTS * sizeof(struct vblk_slot));
    if (vblk->queue.desc != NULL) {
        virtio_queue_free(&vblk->queue);
    }
    return problem;
}

static void start_disk(const struct pci_function *function)
{
    struct vblk *vblk = kcalloc(1, sizeof(*vblk));
    const char *problem = vblk != NULL ? open_disk(vblk, function) : "gets no memory";

    if (problem != NULL) {
        log_line("virtio", "the disk at %02x:%02x.%x %s: it is left alone", function->address.bus,
                 function->address.device, function->address.function, problem);
        kfree(vblk);
        return;
    }
    vblk->block.driver = &driver;
    vblk->block.driver_data = vblk;
    vblk->block.model = "virtio";
    vblk->block.how = vblk->virtio.transport->name;
    vblk->block.poll_micros = POLL_MICROS;
    vblk->irq =
        (struct irq_handler){.owner = "virtio-blk", .handle = vblk_interrupt, .context = vblk};
    if (function->irq < IRQ_COUNT) {
        irq_register(function->irq, &vblk->irq);
    }
    block_register(&vblk->block, "vblk");
}

void virtio_blk_start(void)
{
    for (const struct pci_function *function = pci_next(NULL); function != NULL;
         function = pci_next(function)) {
        if (function->vendor == VIRTIO_PCI_VENDOR &&
            (function->device == DEVICE_TRANSITIONAL || function->device == DEVICE_MODERN)) {
            start_disk(function);
        }
    }
}
