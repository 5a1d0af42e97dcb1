/* virtio_rings.c - the made-up device at work: see virtio_device.h. [VIRTIO 2.7] [VIRTIO 5.2.6] */
#include <pthread.h>
#include <string.h>
#include <time.h>

#include "kernel/mm/address.h"
#include "tests/fakes/virtio_device.h"
#include "tests/fakes/virtio_require.h"

#define JUNK      0xDB
#define SIZE_WORD 2 /* of the configuration: size_max, seg_max */
#define SEG_WORD  3

/* A request that the device has seen. */
struct fake_virtio_request {
    uint16_t head;
    struct virtio_blk_header header;
    unsigned count;          /* descriptors */
    struct virtq_desc *desc; /* as they were */
    uint8_t *data;           /* a write's, as it was */
    uint32_t bytes;
};

static pthread_mutex_t registers = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t kicked = PTHREAD_COND_INITIALIZER;
static pthread_t thread;
static bool kick_waits, thread_stops;

void fake_virtio_lock_registers(void)
{
    pthread_mutex_lock(&registers);
}

void fake_virtio_unlock_registers(void)
{
    pthread_mutex_unlock(&registers);
}

void fake_virtio_kicked(void)
{
    fake_virtio.kicks++;
    kick_waits = true;
    pthread_cond_signal(&kicked);
}

static void forget_request(unsigned index)
{
    struct fake_virtio_request *request = fake_virtio.requests[index];

    free(request->desc);
    free(request->data);
    free(request);
    fake_virtio.requests[index] = fake_virtio.requests[--fake_virtio.held];
}

void fake_virtio_forget(void)
{
    fake_virtio.resets++;
    fake_virtio.status_looks = fake_virtio.ignores_reset ? ~0u : fake_virtio.slow_reset;
    fake_virtio.status = fake_virtio.isr = 0;
    fake_virtio.line = fake_virtio.enabled = false;
    fake_virtio.accepted = 0;
    fake_virtio.size = fake_virtio.queue_size;
    fake_virtio.queue_select = 7;
    fake_virtio.last_avail = fake_virtio.used_idx = fake_virtio.signalled = 0;
    fake_virtio.desc = fake_virtio.avail = fake_virtio.used = 0;
    while (fake_virtio.held > 0) {
        forget_request(0);
    }
}

static bool has(uint64_t feature)
{
    return (fake_virtio.accepted & feature) != 0;
}

static struct virtq_avail *avail(void)
{
    return phys_to_virt(fake_virtio.avail);
}

static struct virtq_used *used(void)
{
    return phys_to_virt(fake_virtio.used);
}

/* ---- Seeing requests ---- */

/* The descriptors of a chain, from a table of LENGTH. Returns how many. */
static unsigned read_chain(struct virtq_desc *to, const struct virtq_desc *table, unsigned length,
                           unsigned first)
{
    unsigned count = 0;

    for (unsigned next = first;; next = to[count++].next) {
        REQUIRE(next < length && count < fake_virtio.size); /* [2.7.5.3.1] */
        to[count] = table[next];
        REQUIRE(!(to[count].flags & VIRTQ_DESC_INDIRECT)); /* [2.7.5.3.1] */
        if (!(to[count].flags & VIRTQ_DESC_NEXT)) {
            return count + 1;
        }
    }
}

static unsigned read_descriptors(struct virtq_desc *to, uint16_t head)
{
    const struct virtq_desc *ring = phys_to_virt(fake_virtio.desc);

    REQUIRE(head < fake_virtio.size);
    if (!(ring[head].flags & VIRTQ_DESC_INDIRECT)) {
        return read_chain(to, ring, fake_virtio.size, head);
    }
    REQUIRE(has(VIRTIO_F_INDIRECT_DESC) && ring[head].flags == VIRTQ_DESC_INDIRECT);
    REQUIRE(ring[head].len > 0 && ring[head].len % sizeof(*to) == 0);
    return read_chain(to, phys_to_virt(ring[head].addr), ring[head].len / (unsigned)sizeof(*to), 0);
}

/* The pieces of data of REQUEST are as they may be. */
static void check_data(struct fake_virtio_request *request)
{
    bool writes = request->header.type == VIRTIO_BLK_T_IN; /* to memory */

    uint32_t seg_max = has(VIRTIO_BLK_F_SEG_MAX) ? fake_virtio.config[SEG_WORD] : 1;

    REQUIRE(request->count - 2 <= (seg_max > 0 ? seg_max : 1));
    for (unsigned i = 1; i < request->count - 1; i++) {
        REQUIRE(!(request->desc[i].flags & VIRTQ_DESC_WRITE) == !writes);
        REQUIRE(request->desc[i].len > 0);
        REQUIRE(request->desc[i].len <= fake_virtio.config[SIZE_WORD] ||
                !has(VIRTIO_BLK_F_SIZE_MAX));
        request->bytes += request->desc[i].len;
    }
    REQUIRE(request->bytes % BLK_SECTOR == 0);
}

static void check_request(struct fake_virtio_request *request)
{
    const struct virtq_desc *first = &request->desc[0];
    const struct virtq_desc *last = &request->desc[request->count - 1];

    REQUIRE(request->count >= 2);
    REQUIRE(first->len == sizeof(request->header) && !(first->flags & VIRTQ_DESC_WRITE));
    REQUIRE(last->len == 1 && (last->flags & VIRTQ_DESC_WRITE));
    request->header = *(const struct virtio_blk_header *)phys_to_virt(first->addr);
    REQUIRE(request->header.reserved == 0);
    REQUIRE(*(const uint8_t *)phys_to_virt(last->addr) == VBLK_S_NOT_WRITTEN);
    if (request->header.type == VIRTIO_BLK_T_FLUSH) {
        REQUIRE(has(VIRTIO_BLK_F_FLUSH)); /* or it is not known [5.2.6] */
        REQUIRE(request->count == 2 && request->header.sector == 0);
    } else {
        REQUIRE(request->header.type <= VIRTIO_BLK_T_OUT && request->count > 2);
        check_data(request);
    }
}

/* Copy what will be written to the disk, put junk where the disk will be read to. */
static void take_data(struct fake_virtio_request *request)
{
    uint32_t at = 0;

    request->data = malloc(request->bytes + 1);
    for (unsigned i = 1; i < request->count - 1; i++) {
        void *memory = phys_to_virt(request->desc[i].addr);

        if (request->header.type == VIRTIO_BLK_T_OUT) {
            memcpy(request->data + at, memory, request->desc[i].len);
        } else {
            memset(memory, JUNK, request->desc[i].len);
        }
        at += request->desc[i].len;
    }
}

static void see_one(uint16_t head)
{
    struct fake_virtio_request *request = calloc(1, sizeof(*request));

    request->head = head;
    request->desc = calloc(fake_virtio.size, sizeof(*request->desc));
    request->count = read_descriptors(request->desc, head);
    check_request(request);
    take_data(request);
    REQUIRE(fake_virtio.held < FAKE_VIRTIO_REQUESTS);
    fake_virtio.requests[fake_virtio.held++] = request;
}

/* Say where we have come to, and whether that was all. [VIRTIO 2.7.10] */
static bool park(void)
{
    if (!has(VIRTIO_F_EVENT_IDX)) {
        __atomic_store_n(&used()->flags, 0, __ATOMIC_SEQ_CST);
    } else if (!fake_virtio.event_never_set) {
        __atomic_store_n((uint16_t *)&used()->ring[fake_virtio.size], fake_virtio.last_avail,
                         __ATOMIC_SEQ_CST);
    }
    return __atomic_load_n(&avail()->idx, __ATOMIC_SEQ_CST) == fake_virtio.last_avail;
}

unsigned fake_virtio_see(void)
{
    unsigned count = 0;

    do {
        uint16_t idx = __atomic_load_n(&avail()->idx, __ATOMIC_ACQUIRE);

        fake_virtio.batches += idx != fake_virtio.last_avail;
        if (!has(VIRTIO_F_EVENT_IDX)) {
            __atomic_store_n(&used()->flags, 1, __ATOMIC_RELAXED);
        }
        REQUIRE((uint16_t)(idx - fake_virtio.last_avail) <= fake_virtio.size);
        for (; fake_virtio.last_avail != idx; count++) {
            see_one(avail()->ring[fake_virtio.last_avail++ & (fake_virtio.size - 1u)]);
        }
    } while (!park());
    return count;
}

/* ---- Ending them ---- */

/* The driver must have left alone what belongs to the device. */
static void check_untouched(const struct fake_virtio_request *request)
{
    struct virtq_desc *now = calloc(fake_virtio.size, sizeof(*now));
    const uint8_t *data = request->data;

    REQUIRE(read_descriptors(now, request->head) == request->count);
    REQUIRE(memcmp(now, request->desc, request->count * sizeof(*now)) == 0);
    REQUIRE(memcmp(phys_to_virt(now[0].addr), &request->header, sizeof(request->header)) == 0);
    for (unsigned i = 1; i < request->count - 1; i++) {
        if (request->header.type == VIRTIO_BLK_T_OUT) {
            REQUIRE(memcmp(phys_to_virt(now[i].addr), data, now[i].len) == 0);
        }
        data += now[i].len;
    }
    free(now);
}

static void read_disk(const struct fake_virtio_request *request)
{
    const uint8_t *from = &fake_virtio.disk[request->header.sector * BLK_SECTOR];

    for (unsigned i = 1; i < request->count - 1; i++) {
        memcpy(phys_to_virt(request->desc[i].addr), from, request->desc[i].len);
        from += request->desc[i].len;
    }
}

static uint8_t do_request(const struct fake_virtio_request *request)
{
    uint64_t sectors = (uint64_t)fake_virtio.config[1] << 32 | fake_virtio.config[0];
    uint64_t count = request->bytes / BLK_SECTOR;
    bool writes = request->header.type == VIRTIO_BLK_T_OUT;

    if (request->header.type == VIRTIO_BLK_T_FLUSH) {
        fake_virtio.flushes++;
        return VIRTIO_BLK_S_OK;
    }
    if (request->header.sector > sectors || count > sectors - request->header.sector ||
        (writes && has(VIRTIO_BLK_F_RO))) {
        fake_virtio.refused++;
        return VIRTIO_BLK_S_IOERR;
    }
    if (writes) {
        fake_virtio.writes++;
        memcpy(&fake_virtio.disk[request->header.sector * BLK_SECTOR], request->data,
               request->bytes);
    } else {
        fake_virtio.reads++;
        read_disk(request);
    }
    return VIRTIO_BLK_S_OK;
}

static bool wants_interrupt(uint16_t new)
{
    if (!has(VIRTIO_F_EVENT_IDX)) {
        return !(__atomic_load_n(&avail()->flags, __ATOMIC_SEQ_CST) & 1);
    }
    uint16_t event = __atomic_load_n(&avail()->ring[fake_virtio.size], __ATOMIC_SEQ_CST);
    uint16_t old = fake_virtio.signalled;

    fake_virtio.signalled = new;
    return (uint16_t)(new - event - 1) < (uint16_t)(new - old);
}

static void raise_line(uint8_t reason)
{
    fake_virtio_lock_registers();
    if (!fake_virtio.mute) {
        fake_virtio.isr |= reason;
        fake_virtio.line = true;
        fake_virtio.interrupts++;
    }
    fake_virtio_unlock_registers();
}

static void push_used(uint32_t id, uint32_t length)
{
    volatile struct virtq_used_elem *elem =
        &used()->ring[fake_virtio.used_idx & (fake_virtio.size - 1u)];

    elem->id = fake_virtio.used_id >= 0 ? (uint32_t)fake_virtio.used_id : id;
    elem->len = fake_virtio.used_length >= 0 ? (uint32_t)fake_virtio.used_length : length;
    fake_virtio.used_idx++;
    __atomic_store_n(&used()->idx, (uint16_t)(fake_virtio.used_idx + fake_virtio.used_ahead),
                     __ATOMIC_SEQ_CST);
    if (wants_interrupt(fake_virtio.used_idx)) {
        raise_line(VIRTIO_ISR_QUEUE);
    }
}

void fake_virtio_end(unsigned index)
{
    REQUIRE(index < fake_virtio.held);
    struct fake_virtio_request *request = fake_virtio.requests[index];
    uint32_t length = 1 + (request->header.type == VIRTIO_BLK_T_IN ? request->bytes : 0);
    uint8_t status;

    check_untouched(request);
    status = do_request(request);
    if (!fake_virtio.writes_no_status) {
        *(uint8_t *)phys_to_virt(request->desc[request->count - 1].addr) =
            fake_virtio.status_byte >= 0 ? (uint8_t)fake_virtio.status_byte : status;
    }
    uint16_t head = request->head;

    forget_request(index);
    for (unsigned i = fake_virtio.ends_twice ? 2 : 1; i > 0; i--) {
        push_used(head, length);
    }
}

unsigned fake_virtio_work(void)
{
    unsigned count = 0;

    for (fake_virtio_see(); fake_virtio.held > 0; count++) {
        fake_virtio_end(0);
    }
    return count;
}

void fake_virtio_config_changed(void)
{
    fake_virtio.generation++;
    raise_line(VIRTIO_ISR_CONFIG);
}

void fake_virtio_need_reset(void)
{
    fake_virtio.status |= VIRTIO_STATUS_NEEDS_RESET;
    raise_line(VIRTIO_ISR_CONFIG);
}

/* ---- The device as a thread ---- */

static uint32_t next_random(uint32_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 17;
    return *state ^= *state << 5;
}

/* Returns false if the thread is to stop. */
static bool wait_for_kick(void)
{
    pthread_mutex_lock(&registers);
    while (!kick_waits && !thread_stops) {
        pthread_cond_wait(&kicked, &registers);
    }
    kick_waits = false;
    bool go_on = !thread_stops;

    pthread_mutex_unlock(&registers);
    return go_on;
}

/* Sees new requests only after a kick, or while it still has others: as real ones do. */
static void *be_device(void *seed)
{
    uint32_t random = *(uint32_t *)seed;

    free(seed);
    while (wait_for_kick()) {
        while (fake_virtio_see() > 0 || fake_virtio.held > 0) {
            for (unsigned n = next_random(&random) % 4; n > 0 && fake_virtio.held > 0; n--) {
                fake_virtio_end(next_random(&random) % fake_virtio.held);
            }
        }
    }
    return NULL;
}

void fake_virtio_start_thread(unsigned seed)
{
    uint32_t *copy = malloc(sizeof(*copy));

    *copy = seed;
    kick_waits = thread_stops = false;
    REQUIRE(pthread_create(&thread, NULL, be_device, copy) == 0);
}

void fake_virtio_stop_thread(void)
{
    pthread_mutex_lock(&registers);
    thread_stops = true;
    pthread_cond_signal(&kicked);
    pthread_mutex_unlock(&registers);
    pthread_join(thread, NULL);
}

bool fake_virtio_take_line(void)
{
    pthread_mutex_lock(&registers);
    bool raised = fake_virtio.line;

    pthread_mutex_unlock(&registers);
    return raised;
}
