/* virtio.c - see virtio.h. [VIRTIO 3.1] */
#include "drivers/virtio.h"

#include "kernel/clock.h"
#include "kernel/sched/thread.h"

#define RESET_PATIENCE    500 /* looks, a millisecond apart */
#define RESIZABLE_MAX     256 /* entries: more make a ring larger, and nothing faster */
#define VIRTIO_ALL_OFFSET 0x1040

/* Transitional devices have numbers of their own, below those of the others. [VIRTIO 4.1.2] */
static bool has_legacy(const struct pci_function *function)
{
    return function->device < VIRTIO_ALL_OFFSET;
}

const char *virtio_open(struct virtio_device *device, const struct pci_function *function)
{
    *device = (struct virtio_device){.function = function, .transport = &virtio_modern};
    const char *problem = device->transport->open(device);

    if (problem != NULL && has_legacy(function)) {
        device->transport = &virtio_legacy;
        problem = device->transport->open(device);
    }
    return problem;
}

static void wait_a_millisecond(void)
{
    if (thread_may_sleep()) {
        thread_sleep(1000000);
    } else {
        clock_wait(1000);
    }
}

/* A device in reset has forgotten its queues, once it says so. [VIRTIO 2.4] */
static bool reset(struct virtio_device *device)
{
    device->transport->set_status(device, 0);
    for (unsigned i = 0; i < RESET_PATIENCE; i++) {
        if (device->transport->status(device) == 0) {
            return true;
        }
        wait_a_millisecond();
    }
    return false;
}

const char *virtio_begin(struct virtio_device *device, uint64_t wanted)
{
    const struct virtio_transport *transport = device->transport;
    uint8_t status = VIRTIO_STATUS_ACKNOWLEDGE;

    if (!reset(device)) {
        return "does not come out of its reset";
    }
    transport->set_status(device, status);
    status |= VIRTIO_STATUS_DRIVER;
    transport->set_status(device, status);
    device->features = transport->features(device) & wanted;
    if (!transport->modern) {
        transport->accept(device, device->features);
        return NULL;
    }
    if (!(device->features & VIRTIO_F_VERSION_1)) {
        return "has modern registers, but not the feature VERSION_1";
    }
    transport->accept(device, device->features);
    transport->set_status(device, status | VIRTIO_STATUS_FEATURES_OK);
    if (!(transport->status(device) & VIRTIO_STATUS_FEATURES_OK)) {
        return "refuses the features that it offers";
    }
    return NULL;
}

void virtio_ready(struct virtio_device *device)
{
    uint8_t status = VIRTIO_STATUS_ACKNOWLEDGE | VIRTIO_STATUS_DRIVER | VIRTIO_STATUS_DRIVER_OK;

    if (device->transport->modern) {
        status |= VIRTIO_STATUS_FEATURES_OK;
    }
    device->transport->set_status(device, status);
}

/* Even one that ignores its reset cannot reach memory without the bus. */
void virtio_give_up(struct virtio_device *device)
{
    struct pci_address address = device->function->address;

    pci_write16(address, PCI_COMMAND, pci_read16(address, PCI_COMMAND) & ~PCI_COMMAND_MASTER);
    device->transport->set_status(device, 0);
    device->transport->set_status(device, VIRTIO_STATUS_FAILED);
}

bool virtio_needs_reset(struct virtio_device *device)
{
    return (device->transport->status(device) & VIRTIO_STATUS_NEEDS_RESET) != 0;
}

uint16_t virtio_queue_size(struct virtio_device *device, uint16_t index)
{
    uint16_t size = device->transport->queue_size(device, index);

    if (size > VIRTQ_MAX_SIZE || (size & (size - 1u)) != 0) {
        return 0;
    }
    return device->transport->modern && size > RESIZABLE_MAX ? RESIZABLE_MAX : size;
}
