/*
 * virtio_pci_legacy.c - virtio devices by the interface from before the standard: ports in BAR 0.
 * Features have 32 bits, there is no FEATURES_OK, and the queue's size is the device's: it lies in
 * one piece whose page number the device is told. [VIRTIO 4.1.4.10]
 */
#include "drivers/virtio.h"
#include "kernel/cpu/io.h"
#include "kernel/mm/address.h"
#include "kernel/string.h"

#define DEVICE_FEATURES 0x00
#define DRIVER_FEATURES 0x04
#define QUEUE_PAGE      0x08
#define QUEUE_SIZE      0x0C
#define QUEUE_SELECT    0x0E
#define QUEUE_NOTIFY    0x10
#define DEVICE_STATUS   0x12
#define ISR_STATUS      0x13
#define DEVICE_CONFIG   0x14 /* as long as MSI-X is off, which we leave it */

#define CONFIG_PATIENCE 100
#define CONFIG_WORDS    16 /* that anybody asks for at once */

static const char *legacy_open(struct virtio_device *device)
{
    const struct pci_bar *bar = &device->function->bar[0];

    if (!bar->io || bar->base == 0) {
        return "has no registers that can be used";
    }
    device->port = (uint16_t)bar->base;
    pci_enable(device->function, PCI_COMMAND_IO | PCI_COMMAND_MASTER);
    return NULL;
}

static uint8_t legacy_status(struct virtio_device *device)
{
    device->accesses++;
    return io_read8(device->port + DEVICE_STATUS);
}

static void legacy_set_status(struct virtio_device *device, uint8_t status)
{
    device->accesses++;
    io_write8(device->port + DEVICE_STATUS, status);
}

static uint64_t legacy_features(struct virtio_device *device)
{
    device->accesses++;
    return io_read32(device->port + DEVICE_FEATURES);
}

static void legacy_accept(struct virtio_device *device, uint64_t features)
{
    device->accesses++;
    io_write32(device->port + DRIVER_FEATURES, (uint32_t)features);
}

static uint8_t legacy_take_interrupt(struct virtio_device *device)
{
    device->accesses++;
    return io_read8(device->port + ISR_STATUS);
}

static void read_words(struct virtio_device *device, unsigned offset, uint32_t *words,
                       unsigned count)
{
    uint16_t port = (uint16_t)(device->port + DEVICE_CONFIG + offset);

    device->accesses += count;
    for (unsigned i = 0; i < count; i++) {
        words[i] = io_read32((uint16_t)(port + i * sizeof(*words)));
    }
}

/* There is no generation: it is of one moment if it is the same twice. [VIRTIO 2.5.4] */
static bool legacy_read_config(struct virtio_device *device, unsigned offset, uint32_t *words,
                               unsigned count)
{
    uint32_t before[CONFIG_WORDS];
    size_t bytes = count * sizeof(*words);

    read_words(device, offset, before, count);
    for (unsigned patience = CONFIG_PATIENCE; patience > 0; patience--) {
        read_words(device, offset, words, count);
        if (memcmp(before, words, bytes) == 0) {
            return true;
        }
        memcpy(before, words, bytes);
    }
    return false;
}

static uint16_t legacy_queue_size(struct virtio_device *device, uint16_t index)
{
    device->accesses += 2;
    io_write16(device->port + QUEUE_SELECT, index);
    return io_read16(device->port + QUEUE_SIZE);
}

static const char *legacy_start_queue(struct virtio_device *device,
                                      const struct virtio_queue *queue)
{
    device->accesses += 2;
    io_write16(device->port + QUEUE_SELECT, queue->index);
    io_write32(device->port + QUEUE_PAGE, (uint32_t)(queue->phys / PAGE_SIZE));
    return NULL;
}

static void legacy_kick(struct virtio_device *device, uint16_t index)
{
    device->accesses++;
    io_write16(device->port + QUEUE_NOTIFY, index);
}

const struct virtio_transport virtio_legacy = {
    .name = "legacy",
    .modern = false,
    .open = legacy_open,
    .status = legacy_status,
    .set_status = legacy_set_status,
    .features = legacy_features,
    .accept = legacy_accept,
    .take_interrupt = legacy_take_interrupt,
    .read_config = legacy_read_config,
    .queue_size = legacy_queue_size,
    .start_queue = legacy_start_queue,
    .kick = legacy_kick,
};
