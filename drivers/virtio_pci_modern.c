/*
 * virtio_pci_modern.c - virtio devices by the interface of the standard: four structures in memory
 * BARs, which capabilities in configuration space point to. [VIRTIO 4.1.4]
 */
#include "drivers/virtio.h"
#include "kernel/cpu/mmio.h"
#include "kernel/mm/vmap.h"

/* A capability, by offset from its beginning. [VIRTIO 4.1.4] */
#define CAP_NEXT              1
#define CAP_TYPE              3
#define CAP_BAR               4
#define CAP_OFFSET            8
#define CAP_LENGTH            12
#define CAP_NOTIFY_MULTIPLIER 16

enum { CAP_COMMON = 1, CAP_NOTIFY = 2, CAP_ISR = 3, CAP_DEVICE = 4 };

/* The common structure. [VIRTIO 4.1.4.3] */
#define DEVICE_FEATURE_SELECT 0x00
#define DEVICE_FEATURE        0x04
#define DRIVER_FEATURE_SELECT 0x08
#define DRIVER_FEATURE        0x0C
#define DEVICE_STATUS         0x14
#define CONFIG_GENERATION     0x15
#define QUEUE_SELECT          0x16
#define QUEUE_SIZE            0x18
#define QUEUE_ENABLE          0x1C
#define QUEUE_NOTIFY_OFF      0x1E
#define QUEUE_DESC            0x20
#define QUEUE_DRIVER          0x28
#define QUEUE_DEVICE          0x30

#define STRUCTURE_MAX         65536 /* bytes: more of them we do not look at */
#define CAPS_MAX              48    /* that fit */
#define CONFIG_PATIENCE       100

static uint8_t get8(struct virtio_device *device, unsigned offset)
{
    device->accesses++;
    return mmio_read8(device->common + offset);
}

static uint16_t get16(struct virtio_device *device, unsigned offset)
{
    device->accesses++;
    return mmio_read16(device->common + offset);
}

static uint32_t get32(struct virtio_device *device, unsigned offset)
{
    device->accesses++;
    return mmio_read32(device->common + offset);
}

static void put8(struct virtio_device *device, unsigned offset, uint8_t value)
{
    device->accesses++;
    mmio_write8(device->common + offset, value);
}

static void put16(struct virtio_device *device, unsigned offset, uint16_t value)
{
    device->accesses++;
    mmio_write16(device->common + offset, value);
}

static void put32(struct virtio_device *device, unsigned offset, uint32_t value)
{
    device->accesses++;
    mmio_write32(device->common + offset, value);
}

/* 64-bit fields are written in halves. [VIRTIO 4.1.3.1] */
static void put64(struct virtio_device *device, unsigned offset, uint64_t value)
{
    put32(device, offset, (uint32_t)value);
    put32(device, offset + 4, (uint32_t)(value >> 32));
}

/*
 * Where LENGTH bytes, at most STRUCTURE_MAX, of what the capability at CAP points to are mapped;
 * NULL if that cannot be: then it is to be ignored [VIRTIO 4.1.4.1]. Not by pci_map: to find out how
 * large a BAR is takes QEMU longer than all the rest of a disk's start.
 */
static volatile uint8_t *map_structure(const struct pci_function *function, uint8_t cap,
                                       uint32_t *length)
{
    uint8_t index = pci_read8(function->address, (uint8_t)(cap + CAP_BAR));
    uint32_t offset = pci_read32(function->address, (uint8_t)(cap + CAP_OFFSET));
    const struct pci_bar *bar = &function->bar[index < PCI_BARS ? index : 0];

    *length = pci_read32(function->address, (uint8_t)(cap + CAP_LENGTH));
    if (*length > STRUCTURE_MAX) {
        *length = STRUCTURE_MAX;
    }
    if (index >= PCI_BARS || bar->io || bar->base == 0 || *length == 0 || offset % 4 != 0) {
        return NULL;
    }
    return vmap(bar->base + offset, *length, VMAP_UNCACHED);
}

/* Take the structure of TYPE at CAP, unless there was one before. */
static void take_structure(struct virtio_device *device, uint8_t type, uint8_t cap)
{
    const struct pci_function *function = device->function;
    uint32_t length;

    if (type == CAP_COMMON && device->common == NULL) {
        device->common = map_structure(function, cap, &length);
    } else if (type == CAP_ISR && device->isr == NULL) {
        device->isr = map_structure(function, cap, &length);
    } else if (type == CAP_DEVICE && device->config == NULL) {
        device->config = map_structure(function, cap, &device->config_length);
    } else if (type == CAP_NOTIFY && device->notify == NULL) {
        device->notify = map_structure(function, cap, &device->notify_length);
        device->notify_multiplier =
            pci_read32(function->address, (uint8_t)(cap + CAP_NOTIFY_MULTIPLIER));
    }
}

/* The list is walked here, once: each look at a capability costs two port accesses. */
static const char *modern_open(struct virtio_device *device)
{
    const struct pci_function *function = device->function;
    uint8_t cap = pci_capability(function, PCI_CAP_VENDOR, 0);

    for (unsigned left = CAPS_MAX; cap != 0 && left > 0; left--) {
        uint32_t head = pci_read32(function->address, cap);

        if ((uint8_t)head == PCI_CAP_VENDOR) {
            take_structure(device, (uint8_t)(head >> 8 * CAP_TYPE), cap);
        }
        cap = (uint8_t)(head >> 8 * CAP_NEXT & 0xFC);
    }
    if (device->common == NULL || device->isr == NULL || device->config == NULL ||
        device->notify == NULL) {
        return "has no modern registers that can be used";
    }
    pci_enable(function, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
    return NULL;
}

static uint8_t modern_status(struct virtio_device *device)
{
    return get8(device, DEVICE_STATUS);
}

static void modern_set_status(struct virtio_device *device, uint8_t status)
{
    put8(device, DEVICE_STATUS, status);
}

static uint64_t modern_features(struct virtio_device *device)
{
    put32(device, DEVICE_FEATURE_SELECT, 0);
    uint64_t features = get32(device, DEVICE_FEATURE);

    put32(device, DEVICE_FEATURE_SELECT, 1);
    return features | (uint64_t)get32(device, DEVICE_FEATURE) << 32;
}

static void modern_accept(struct virtio_device *device, uint64_t features)
{
    put32(device, DRIVER_FEATURE_SELECT, 0);
    put32(device, DRIVER_FEATURE, (uint32_t)features);
    put32(device, DRIVER_FEATURE_SELECT, 1);
    put32(device, DRIVER_FEATURE, (uint32_t)(features >> 32));
}

static uint8_t modern_take_interrupt(struct virtio_device *device)
{
    device->accesses++;
    return mmio_read8(device->isr);
}

/* The generation changes with what may be read in several parts. [VIRTIO 2.5.1] */
static bool modern_read_config(struct virtio_device *device, unsigned offset, uint32_t *words,
                               unsigned count)
{
    if (offset + count * sizeof(*words) > device->config_length) {
        return false;
    }
    for (unsigned patience = CONFIG_PATIENCE; patience > 0; patience--) {
        uint8_t generation = get8(device, CONFIG_GENERATION);

        for (unsigned i = 0; i < count; i++) {
            words[i] = mmio_read32(device->config + offset + i * sizeof(*words));
        }
        device->accesses += count;
        if (get8(device, CONFIG_GENERATION) == generation) {
            return true;
        }
    }
    return false;
}

static uint16_t modern_queue_size(struct virtio_device *device, uint16_t index)
{
    put16(device, QUEUE_SELECT, index);
    return get16(device, QUEUE_SIZE);
}

static const char *modern_start_queue(struct virtio_device *device,
                                      const struct virtio_queue *queue)
{
    put16(device, QUEUE_SELECT, queue->index);
    uint64_t doorbell = (uint64_t)get16(device, QUEUE_NOTIFY_OFF) * device->notify_multiplier;

    if (doorbell + sizeof(uint16_t) > device->notify_length || doorbell % sizeof(uint16_t) != 0) {
        return "has a queue that cannot be notified";
    }
    device->doorbell = device->notify + doorbell;
    put16(device, QUEUE_SIZE, queue->size);
    put64(device, QUEUE_DESC, queue->phys);
    put64(device, QUEUE_DRIVER, queue->avail_phys);
    put64(device, QUEUE_DEVICE, queue->used_phys);
    put16(device, QUEUE_ENABLE, 1);
    return NULL;
}

static void modern_kick(struct virtio_device *device, uint16_t index)
{
    device->accesses++;
    mmio_write16(device->doorbell, index);
}

const struct virtio_transport virtio_modern = {
    .name = "modern",
    .modern = true,
    .open = modern_open,
    .status = modern_status,
    .set_status = modern_set_status,
    .features = modern_features,
    .accept = modern_accept,
    .take_interrupt = modern_take_interrupt,
    .read_config = modern_read_config,
    .queue_size = modern_queue_size,
    .start_queue = modern_start_queue,
    .kick = modern_kick,
};
