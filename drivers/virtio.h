/*
 * virtio.h - what all virtio devices on PCI have in common: how they are found, started, reset and
 * interrupt. [VIRTIO 3.1] [VIRTIO 4.1]
 *
 *     virtio_open     which of the two interfaces, and where its registers are
 *     virtio_begin    reset, agree on features
 *     (the driver)    set up queues
 *     virtio_ready    the device may work from here on
 *
 * Every access to a register leaves the guest under an emulator, so they are counted.
 */
#ifndef SECTOR0_DRIVERS_VIRTIO_H
#define SECTOR0_DRIVERS_VIRTIO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "drivers/pci.h"
#include "drivers/virtio_queue.h"

#define VIRTIO_PCI_VENDOR 0x1AF4

/* Device status. [VIRTIO 2.1] */
#define VIRTIO_STATUS_ACKNOWLEDGE 0x01
#define VIRTIO_STATUS_DRIVER      0x02
#define VIRTIO_STATUS_DRIVER_OK   0x04
#define VIRTIO_STATUS_FEATURES_OK 0x08
#define VIRTIO_STATUS_NEEDS_RESET 0x40
#define VIRTIO_STATUS_FAILED      0x80

/* Features of any device. [VIRTIO 6] */
#define VIRTIO_F_INDIRECT_DESC (1ull << 28)
#define VIRTIO_F_EVENT_IDX     (1ull << 29)
#define VIRTIO_F_VERSION_1     (1ull << 32)

/* What virtio_take_interrupt returns. [VIRTIO 4.1.4.5] */
#define VIRTIO_ISR_QUEUE  0x01
#define VIRTIO_ISR_CONFIG 0x02

struct virtio_device;

/* One of the two interfaces. Functions that may find the device impossible say why, or NULL. */
struct virtio_transport {
    const char *name;
    bool modern;
    const char *(*open)(struct virtio_device *device);
    uint8_t (*status)(struct virtio_device *device);
    void (*set_status)(struct virtio_device *device, uint8_t status);
    uint64_t (*features)(struct virtio_device *device); /* that the device offers */
    void (*accept)(struct virtio_device *device, uint64_t features);
    uint8_t (*take_interrupt)(struct virtio_device *device); /* reading it clears it */
    /*
     * COUNT 32-bit words, at most 16, of the device's own configuration from byte OFFSET on, all of
     * the same moment. Returns false if there are not so many, or they never hold still.
     */
    bool (*read_config)(struct virtio_device *device, unsigned offset, uint32_t *words,
                        unsigned count);
    uint16_t (*queue_size)(struct virtio_device *device, uint16_t index); /* 0: no such queue */
    const char *(*start_queue)(struct virtio_device *device, const struct virtio_queue *queue);
    void (*kick)(struct virtio_device *device, uint16_t index);
};

extern const struct virtio_transport virtio_modern, virtio_legacy;

/* The registers of one device, and nothing of what kind of device it is. */
struct virtio_device {
    const struct pci_function *function;
    const struct virtio_transport *transport;
    uint64_t features; /* that both sides have agreed on */
    uint64_t accesses; /* to registers, so far; by the owner's rules */
    /* modern */
    volatile uint8_t *common, *isr, *config, *notify;
    uint32_t config_length, notify_length, notify_multiplier; /* bytes */
    volatile uint8_t *doorbell;                               /* of the one queue that we use */
    /* legacy */
    uint16_t port;
};

/*
 * Get at the registers of FUNCTION; the modern interface if the device has it. Returns why that
 * cannot be, or NULL. Context: not from an interrupt.
 */
const char *virtio_open(struct virtio_device *device, const struct pci_function *function);

/*
 * Reset the device, take those of the features WANTED that it offers, and make sure that it agrees.
 * Returns why it does not, or NULL. Bounded; may sleep where that is allowed.
 */
const char *virtio_begin(struct virtio_device *device, uint64_t wanted);

/* Let the device work. Context: after virtio_begin, and after its queues have been started. */
void virtio_ready(struct virtio_device *device);

/* We will not use the device: it must touch no memory any more. */
void virtio_give_up(struct virtio_device *device);

/* Whether the device says that it can go on only after a reset. [VIRTIO 2.1.2] */
bool virtio_needs_reset(struct virtio_device *device);

/* The device's number of entries of queue INDEX made usable for us: 0 if it makes no sense. */
uint16_t virtio_queue_size(struct virtio_device *device, uint16_t index);

#endif
