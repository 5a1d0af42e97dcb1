/* virtio_queue.c - see virtio_queue.h. [VIRTIO 2.7] */
#include "drivers/virtio_queue.h"

#include "kernel/mm/dma.h"
#include "kernel/string.h"

#define USED_ALIGN         4096 /* in the legacy layout [VIRTIO 2.7.2] */
#define AVAIL_NO_INTERRUPT 1    /* flags of the available ring [VIRTIO 2.7.6] */
#define USED_NO_NOTIFY     1    /* flags of the used ring [VIRTIO 2.7.8] */
#define FAR_AHEAD          0x7FFF

/* Both rings have two bytes more than their entries: the event index of the other side. */
static size_t avail_offset(uint16_t size)
{
    return sizeof(struct virtq_desc) * size;
}

static size_t used_offset(uint16_t size)
{
    size_t end =
        avail_offset(size) + sizeof(struct virtq_avail) + sizeof(uint16_t) * (size + (size_t)1);

    return (end + USED_ALIGN - 1) / USED_ALIGN * USED_ALIGN;
}

static size_t ring_bytes(uint16_t size)
{
    return used_offset(size) + sizeof(struct virtq_used) + sizeof(struct virtq_used_elem) * size +
           sizeof(uint16_t);
}

bool virtio_queue_alloc(struct virtio_queue *queue, uint16_t size)
{
    uint8_t *memory = dma_alloc(ring_bytes(size), &queue->phys);

    if (memory == NULL) {
        return false;
    }
    queue->size = size;
    queue->avail_phys = queue->phys + avail_offset(size);
    queue->used_phys = queue->phys + used_offset(size);
    queue->desc = (struct virtq_desc *)memory;
    queue->avail = (struct virtq_avail *)(memory + avail_offset(size));
    queue->used = (struct virtq_used *)(memory + used_offset(size));
    queue->used_event = &queue->avail->ring[size];
    queue->avail_event = (uint16_t *)&queue->used->ring[size];
    return true;
}

void virtio_queue_free(struct virtio_queue *queue)
{
    dma_free(queue->desc, ring_bytes(queue->size));
    queue->desc = NULL;
}

void virtio_queue_clear(struct virtio_queue *queue, bool event_index)
{
    memset(queue->desc, 0, ring_bytes(queue->size));
    queue->event_index = event_index;
    queue->next = queue->kicked = queue->seen = 0;
    queue->silent = false;
}

/*
 * The device has parked at avail_event, and wants to be woken, if that lies between what it was
 * told of and what there is. Without event indexes it has a flag. [VIRTIO 2.7.10]
 */
bool virtio_queue_wants_kick(struct virtio_queue *queue)
{
    if (queue->next == queue->kicked) {
        return false;
    }
    bool wanted = queue->event_index ? (uint16_t)(queue->next - virtio_look(queue->avail_event) -
                                                  1) < (uint16_t)(queue->next - queue->kicked)
                                     : !(virtio_look(&queue->used->flags) & USED_NO_NOTIFY);

    if (wanted) {
        queue->kicked = queue->next;
    }
    return wanted;
}

bool virtio_queue_publish(struct virtio_queue *queue)
{
    virtio_store_then_look(&queue->avail->idx, queue->next);
    /* A device that is never parked is never kicked; older entries than size are with us again. */
    if ((uint16_t)(queue->next - queue->kicked) > queue->size) {
        queue->kicked = (uint16_t)(queue->next - queue->size);
    }
    return virtio_queue_wants_kick(queue);
}

bool virtio_queue_listen(struct virtio_queue *queue)
{
    queue->silent = false;
    if (queue->event_index) {
        virtio_store_then_look(queue->used_event, queue->seen);
    } else {
        virtio_store_then_look(&queue->avail->flags, 0);
    }
    return virtio_look(&queue->used->idx) == queue->seen;
}

void virtio_queue_silence(struct virtio_queue *queue)
{
    queue->silent = true;
    if (queue->event_index) {
        virtio_store_plain(queue->used_event, (uint16_t)(queue->seen + FAR_AHEAD));
    } else {
        virtio_store_plain(&queue->avail->flags, AVAIL_NO_INTERRUPT);
    }
}
