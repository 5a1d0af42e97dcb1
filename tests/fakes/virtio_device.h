/*
 * virtio_device.h - a made-up virtio disk on PCI for unit tests: registers of both interfaces, and
 * a device that walks the real descriptors in made-up physical memory. It checks what the driver
 * does against the standard, and fails the test where that is broken; and it misbehaves on demand.
 *
 * The device takes what it reads out of memory when it sees a request, and puts junk where it will
 * write: who looks at data before the request has ended sees nothing good. It writes when it ends
 * the request, and then makes sure that the driver has left descriptors, header and data alone.
 *
 * A test moves the device by hand (fake_virtio_see, fake_virtio_end), or lets a thread do it.
 */
#ifndef SECTOR0_FAKES_VIRTIO_DEVICE_H
#define SECTOR0_FAKES_VIRTIO_DEVICE_H

#include <stdbool.h>
#include <stdint.h>

#include "drivers/pci.h"
#include "drivers/virtio_blk_internal.h"

#define FAKE_VIRTIO_SECTORS  4096
#define FAKE_VIRTIO_REQUESTS 512
#define FAKE_VIRTIO_CONFIG   16            /* words */
#define FAKE_VIRTIO_MMIO     0x70000000ull /* nothing is there: a stray access crashes */

struct fake_virtio_request;

struct fake_virtio {
    /* What it is: to be set before the driver starts. */
    bool modern, legacy;
    uint64_t offers; /* features */
    uint16_t queue_size;
    uint32_t config[FAKE_VIRTIO_CONFIG];
    uint8_t disk[FAKE_VIRTIO_SECTORS * BLK_SECTOR];

    /* How it misbehaves. */
    bool ignores_reset;      /* its status never becomes 0 */
    unsigned slow_reset;     /* looks at the status until it does */
    bool refuses_features;   /* FEATURES_OK does not stay */
    bool no_map;             /* its registers cannot be mapped */
    bool caps_loop;          /* the list of its capabilities has no end */
    bool useless_notify;     /* the doorbell lies beyond its structure */
    unsigned memory_left;    /* how often dma_alloc has some */
    unsigned config_changes; /* how often the capacity changes while it is read */
    bool mute;               /* raises no interrupts */
    bool event_never_set;    /* avail_event stays as it is */
    int status_byte;         /* instead of the real one; -1: the real one */
    bool writes_no_status;   /* at all */
    int64_t used_length;     /* instead of the real one; -1: the real one */
    int64_t used_id;         /* instead of the real one; -1: the real one */
    uint16_t used_ahead;     /* the index of the used ring is that much too large */
    bool ends_twice;         /* each request */

    /* What has happened. */
    unsigned resets, kicks, interrupts, isr_reads, accesses, flushes, reads, writes;
    unsigned refused; /* requests that were ended with an error, rightly */
    unsigned batches; /* times that it saw new requests */
    uint16_t most_seen;
    uint16_t command; /* PCI_COMMAND */

    /* State. */
    struct pci_function function;
    uint8_t status, generation, isr;
    bool line; /* of the interrupt */
    uint32_t feature_select, driver_select;
    uint64_t accepted;
    uint16_t queue_select, size, last_avail, used_idx, signalled;
    bool enabled;
    uint64_t desc, avail, used;
    unsigned status_looks;
    unsigned held; /* requests seen and not ended */
    struct fake_virtio_request *requests[FAKE_VIRTIO_REQUESTS];
};

extern struct fake_virtio fake_virtio;

/*
 * A new device: modern and legacy, with all features that we know, a queue of 256, and no faults.
 * Physical memory is empty.
 */
void fake_virtio_reset(void);

/* See what the driver has made available; park. Returns how many requests that were. */
unsigned fake_virtio_see(void);

/* End the request at INDEX of those held. Raises the interrupt if the driver wants it. */
void fake_virtio_end(unsigned index);

/* See and end everything. Returns how many requests have ended. */
unsigned fake_virtio_work(void);

/* The configuration has changed, or the device is in trouble: tell the driver. */
void fake_virtio_config_changed(void);
void fake_virtio_need_reset(void);

/*
 * Let a thread of its own be the device, until it is stopped. LINE is then raised by it: read and
 * cleared with fake_virtio_take_line.
 */
void fake_virtio_start_thread(unsigned seed);
void fake_virtio_stop_thread(void);
bool fake_virtio_take_line(void);

/* For virtio_device.c: the registers tell the rings. */
void fake_virtio_forget(void); /* a reset */
void fake_virtio_kicked(void); /* with the registers locked */
void fake_virtio_lock_registers(void);
void fake_virtio_unlock_registers(void);

/* Physical memory for the driver and its requests, with a hole behind each piece. */
void *fake_dma_alloc(size_t size, uint64_t *phys);
void fake_dma_free(void *address, size_t size);

#endif
