/* virtio_device.c - see virtio_device.h. [VIRTIO 4.1] [VIRTIO 5.2] */
#include "tests/fakes/virtio_device.h"
#include "tests/fakes/virtio_require.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "kernel/cpu/io.h"
#include "kernel/cpu/mmio.h"
#include "kernel/mm/address.h"
#include "kernel/mm/dma.h"
#include "kernel/mm/vmap.h"

#define PORT        0xC000
#define MMIO        FAKE_VIRTIO_MMIO
#define MMIO_BAR    4
#define AT_ISR      0x1000
#define AT_CONFIG   0x2000
#define AT_NOTIFY   0x3000
#define AT_END      0x4000
#define NOTIFY_OFF  3
#define MULTIPLIER  8
#define MEMORY      0x10000000ull /* where physical memory begins, and how much there is */
#define MEMORY_SIZE 0x10000000ull

struct fake_virtio fake_virtio;
static uint64_t memory_next;
static bool by_ports; /* the driver uses the legacy interface */

/* ---- Memory ---- */

/* All sizes that are asked for again and again are small: a list of free pieces for each. */
static struct piece {
    struct piece *next;
    uint64_t phys;
} * free_pieces[64];

void *fake_dma_alloc(size_t size, uint64_t *phys)
{
    uint64_t pages = (size + PAGE_SIZE - 1) / PAGE_SIZE;
    struct piece *piece = pages < 64 ? free_pieces[pages] : NULL;

    if (piece != NULL) {
        free_pieces[pages] = piece->next;
        *phys = piece->phys;
        free(piece);
        return phys_to_virt(*phys);
    }
    *phys = memory_next;
    memory_next += (pages + 1) * PAGE_SIZE; /* the last one does not exist */
    REQUIRE(memory_next <= MEMORY + MEMORY_SIZE);
    void *memory = phys_to_virt(*phys);

    REQUIRE(mmap(memory, pages * PAGE_SIZE, PROT_READ | PROT_WRITE,
                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == memory);
    return memory;
}

void fake_dma_free(void *address, size_t size)
{
    uint64_t pages = (size + PAGE_SIZE - 1) / PAGE_SIZE;

    if (pages < 64) {
        struct piece *piece = malloc(sizeof(*piece));

        *piece = (struct piece){free_pieces[pages], virt_to_phys(address)};
        free_pieces[pages] = piece;
    }
}

static void forget_memory(void)
{
    for (unsigned i = 0; i < 64; i++) {
        while (free_pieces[i] != NULL) {
            struct piece *next = free_pieces[i]->next;

            free(free_pieces[i]);
            free_pieces[i] = next;
        }
    }
    munmap(phys_to_virt(MEMORY), MEMORY_SIZE);
    memory_next = MEMORY;
}

void *dma_alloc(size_t size, uint64_t *phys)
{
    if (fake_virtio.memory_left == 0) {
        return NULL;
    }
    fake_virtio.memory_left--;
    void *memory = fake_dma_alloc(size, phys);

    memset(memory, 0, size);
    return memory;
}

void dma_free(void *address, size_t size)
{
    REQUIRE(fake_virtio.status == VIRTIO_STATUS_FAILED); /* the device must have let go */
    fake_dma_free(address, size);
}

void fake_virtio_reset(void)
{
    fake_virtio_forget();
    forget_memory();
    fake_virtio = (struct fake_virtio){
        .modern = true,
        .legacy = true,
        .offers = VIRTIO_F_VERSION_1 | VIRTIO_F_EVENT_IDX | VIRTIO_F_INDIRECT_DESC |
                  VIRTIO_BLK_F_SEG_MAX | VIRTIO_BLK_F_BLK_SIZE | VIRTIO_BLK_F_FLUSH |
                  VIRTIO_BLK_F_TOPOLOGY,
        .queue_size = 256,
        .config = {[0] = FAKE_VIRTIO_SECTORS, [3] = 254, [5] = 512},
        .memory_left = 2,
        .status_byte = -1,
        .used_length = -1,
        .used_id = -1,
        .function = {.address = {0, 4, 0},
                     .vendor = VIRTIO_PCI_VENDOR,
                     .device = 0x1001,
                     .irq = 11,
                     .bar = {[0] = {.base = PORT, .io = true}, [MMIO_BAR] = {.base = MMIO}}},
    };
    for (size_t i = 0; i < sizeof(fake_virtio.disk); i++) {
        fake_virtio.disk[i] = (uint8_t)(i / BLK_SECTOR * 7 + i % 251);
    }
    fake_virtio_forget();
    fake_virtio.resets = 0;
}

/* ---- Configuration space ---- */

static struct {
    uint8_t type, bar;
    uint32_t offset, length;
} caps[] = {
    {0, 0, 0, 0},    /* of a type that nobody knows */
    {1, 6, 0, 0x38}, /* a BAR that cannot be: to be ignored */
    {1, MMIO_BAR, 0, 0x38},
    {3, MMIO_BAR, AT_ISR, 4},
    {4, MMIO_BAR, AT_CONFIG, FAKE_VIRTIO_CONFIG * 4},
    {2, MMIO_BAR, AT_NOTIFY, 0x1000},
};
#define CAPS      (sizeof(caps) / sizeof(caps[0]))
#define CAP_FIRST 0x40
#define CAP_SIZE  0x14

const struct pci_function *pci_next(const struct pci_function *previous)
{
    return previous == NULL ? &fake_virtio.function : NULL;
}

uint8_t pci_capability(const struct pci_function *function, uint8_t number, uint8_t after)
{
    REQUIRE(function == &fake_virtio.function && number == PCI_CAP_VENDOR && after == 0);
    return fake_virtio.modern ? CAP_FIRST : 0;
}

uint32_t pci_read32(struct pci_address address, uint8_t offset)
{
    unsigned cap = (offset - CAP_FIRST) / CAP_SIZE;

    (void)address;
    REQUIRE(offset >= CAP_FIRST && cap < CAPS && offset % 4 == 0);
    switch ((offset - CAP_FIRST) % CAP_SIZE) {
    case 0:
        return (uint32_t)caps[cap].type << 24 | CAP_SIZE << 16 |
               (cap + 1 < CAPS          ? (uint32_t)offset + CAP_SIZE
                : fake_virtio.caps_loop ? CAP_FIRST
                                        : 0)
                   << 8 |
               PCI_CAP_VENDOR;
    case 4:
        return caps[cap].bar;
    case 8:
        return caps[cap].offset;
    case 12:
        return fake_virtio.useless_notify && caps[cap].type == 2 ? 4 : caps[cap].length;
    default:
        REQUIRE(caps[cap].type == 2);
        return MULTIPLIER;
    }
}

uint8_t pci_read8(struct pci_address address, uint8_t offset)
{
    return (uint8_t)(pci_read32(address, offset & 0xFC) >> offset % 4 * 8);
}

uint16_t pci_read16(struct pci_address address, uint8_t offset)
{
    (void)address;
    REQUIRE(offset == PCI_COMMAND);
    return fake_virtio.command;
}

void pci_write16(struct pci_address address, uint8_t offset, uint16_t value)
{
    (void)address;
    REQUIRE(offset == PCI_COMMAND);
    fake_virtio.command = value;
}

void pci_enable(const struct pci_function *function, uint16_t bits)
{
    REQUIRE(function == &fake_virtio.function);
    fake_virtio.command |= bits;
}

void *vmap(uint64_t phys, size_t size, enum vmap_cache cache)
{
    REQUIRE(cache == VMAP_UNCACHED && phys >= MMIO && phys + size <= MMIO + AT_END);
    return fake_virtio.no_map ? NULL : (void *)(uintptr_t)phys;
}

/* ---- Registers ---- */

static void new_status(uint8_t status)
{
    uint8_t added = status & (uint8_t)~fake_virtio.status;

    if (status == 0) {
        fake_virtio_forget();
        return;
    }
    if (status == VIRTIO_STATUS_FAILED) {
        fake_virtio.status = status;
        return;
    }
    REQUIRE((fake_virtio.status & (uint8_t)~status) == 0); /* bits are only added [2.1.1] */
    REQUIRE((added & (added - 1)) == 0);                   /* one step after the other [3.1.1] */
    if (added == VIRTIO_STATUS_FEATURES_OK) {
        REQUIRE(fake_virtio.status == (VIRTIO_STATUS_ACKNOWLEDGE | VIRTIO_STATUS_DRIVER));
        REQUIRE(!by_ports && (fake_virtio.accepted & VIRTIO_F_VERSION_1));
        status &= fake_virtio.refuses_features ? (uint8_t)~added : 0xFF;
    }
    if (added == VIRTIO_STATUS_DRIVER_OK) {
        REQUIRE(fake_virtio.enabled && (fake_virtio.command & PCI_COMMAND_MASTER));
        REQUIRE(by_ports || (status & VIRTIO_STATUS_FEATURES_OK));
    }
    fake_virtio.status = status;
}

static uint8_t read_status(void)
{
    if (fake_virtio.status_looks > 0) {
        fake_virtio.status_looks--;
        return fake_virtio.status | VIRTIO_STATUS_DRIVER;
    }
    return fake_virtio.status;
}

static uint8_t take_isr(void)
{
    uint8_t isr = fake_virtio.isr;

    fake_virtio.isr_reads++;
    fake_virtio.isr = 0;
    fake_virtio.line = false;
    return isr;
}

static uint32_t read_config(unsigned word)
{
    REQUIRE(word < FAKE_VIRTIO_CONFIG);
    REQUIRE(fake_virtio.status & VIRTIO_STATUS_DRIVER);
    uint32_t value = fake_virtio.config[word];

    if (word == 0 && fake_virtio.config_changes > 0) { /* in the middle of the capacity */
        fake_virtio.config_changes--;
        fake_virtio.generation++;
        fake_virtio.config[0] += 8;
        fake_virtio.config[1] ^= 1;
    }
    return value;
}

/* The driver may tell the device what it wants of it only at that time. */
static bool is_setting_up(void)
{
    uint8_t before = VIRTIO_STATUS_DRIVER;
    uint8_t after = VIRTIO_STATUS_DRIVER_OK;

    before |= by_ports ? 0 : VIRTIO_STATUS_FEATURES_OK;
    return (fake_virtio.status & before) == before && !(fake_virtio.status & after);
}

static void accept(unsigned shift, uint32_t value)
{
    REQUIRE(fake_virtio.status == (VIRTIO_STATUS_ACKNOWLEDGE | VIRTIO_STATUS_DRIVER));
    fake_virtio.accepted &= ~(0xFFFFFFFFull << shift);
    fake_virtio.accepted |= (uint64_t)value << shift;
    REQUIRE((fake_virtio.accepted & ~fake_virtio.offers) == 0);
}

static void notify(uint32_t value)
{
    REQUIRE(value == 0);
    REQUIRE(fake_virtio.status & VIRTIO_STATUS_DRIVER_OK);
    fake_virtio_kicked();
}

static uint32_t common_read(unsigned offset, unsigned size)
{
    switch (offset << 4 | size) {
    case 0x044:
        REQUIRE(fake_virtio.feature_select < 2);
        return (uint32_t)(fake_virtio.offers >> fake_virtio.feature_select * 32);
    case 0x141:
        return read_status();
    case 0x151:
        return fake_virtio.generation;
    case 0x182:
        return fake_virtio.queue_select == 0 ? fake_virtio.size : 0;
    case 0x1E2:
        return NOTIFY_OFF;
    default:
        REQUIRE(!"a read of a common register that is there, with its size");
        return 0;
    }
}

static void set_half(uint64_t *address, unsigned offset, uint32_t value)
{
    unsigned shift = offset % 8 * 8;

    REQUIRE(is_setting_up() && !fake_virtio.enabled && fake_virtio.queue_select == 0);
    *address = (*address & ~(0xFFFFFFFFull << shift)) | (uint64_t)value << shift;
}

static void common_write(unsigned offset, unsigned size, uint32_t value)
{
    switch (offset << 4 | size) {
    case 0x004:
        fake_virtio.feature_select = value;
        return;
    case 0x084:
        fake_virtio.driver_select = value;
        return;
    case 0x0C4:
        REQUIRE(fake_virtio.driver_select < 2);
        accept(fake_virtio.driver_select * 32, value);
        return;
    case 0x141:
        new_status((uint8_t)value);
        return;
    case 0x162:
        fake_virtio.queue_select = (uint16_t)value;
        return;
    case 0x182:
        REQUIRE(is_setting_up() && !fake_virtio.enabled && value <= fake_virtio.queue_size);
        fake_virtio.size = (uint16_t)value;
        return;
    case 0x1C2: /* the last step: everything is known by now */
        REQUIRE(is_setting_up() && value == 1);
        REQUIRE(fake_virtio.desc != 0 && fake_virtio.desc % 16 == 0);
        REQUIRE(fake_virtio.avail != 0 && fake_virtio.avail % 2 == 0);
        REQUIRE(fake_virtio.used != 0 && fake_virtio.used % 4 == 0);
        fake_virtio.enabled = true;
        return;
    case 0x204:
    case 0x244:
        set_half(&fake_virtio.desc, offset, value);
        return;
    case 0x284:
    case 0x2C4:
        set_half(&fake_virtio.avail, offset, value);
        return;
    case 0x304:
    case 0x344:
        set_half(&fake_virtio.used, offset, value);
        return;
    default:
        REQUIRE(!"a write to a common register that is there, with its size");
    }
}

static uint32_t modern_read(uint64_t offset, unsigned size)
{
    REQUIRE(fake_virtio.modern && (fake_virtio.command & PCI_COMMAND_MEMORY));
    if (offset < AT_ISR) {
        return common_read((unsigned)offset, size);
    }
    if (offset == AT_ISR && size == 1) {
        return take_isr();
    }
    REQUIRE(offset >= AT_CONFIG && offset < AT_NOTIFY && size == 4 && offset % 4 == 0);
    return read_config((unsigned)(offset - AT_CONFIG) / 4);
}

static void modern_write(uint64_t offset, uint32_t value, unsigned size)
{
    REQUIRE(fake_virtio.modern && (fake_virtio.command & PCI_COMMAND_MEMORY));
    by_ports = false;
    if (offset < AT_ISR) {
        common_write((unsigned)offset, size, value);
        return;
    }
    REQUIRE(offset == AT_NOTIFY + NOTIFY_OFF * MULTIPLIER && size == 2);
    notify(value);
}

/* The ports of the legacy interface: the queue lies in one piece. [VIRTIO 2.7.2] */
static void set_page(uint32_t page)
{
    uint64_t phys = (uint64_t)page * PAGE_SIZE;
    uint64_t end = phys + fake_virtio.size * 16ull + 6 + fake_virtio.size * 2ull;

    REQUIRE(is_setting_up() && fake_virtio.queue_select == 0);
    fake_virtio.desc = phys;
    fake_virtio.avail = phys + fake_virtio.size * 16ull;
    fake_virtio.used = (end + PAGE_SIZE - 1) / PAGE_SIZE * PAGE_SIZE;
    fake_virtio.enabled = page != 0;
}

static uint32_t legacy_read(unsigned offset, unsigned size)
{
    switch (offset << 4 | size) {
    case 0x004:
        return (uint32_t)fake_virtio.offers;
    case 0x0C2:
        return fake_virtio.queue_select == 0 ? fake_virtio.size : 0;
    case 0x121:
        return read_status();
    case 0x131:
        return take_isr();
    default:
        REQUIRE(offset >= 0x14 && size == 4 && offset % 4 == 0);
        return read_config((offset - 0x14) / 4);
    }
}

static void legacy_write(unsigned offset, unsigned size, uint32_t value)
{
    by_ports = true;
    switch (offset << 4 | size) {
    case 0x044:
        accept(0, value);
        return;
    case 0x084:
        set_page(value);
        return;
    case 0x0E2:
        fake_virtio.queue_select = (uint16_t)value;
        return;
    case 0x102:
        notify(value);
        return;
    case 0x121:
        new_status((uint8_t)value);
        return;
    default:
        REQUIRE(!"a write to a legacy register that is there, with its size");
    }
}

uint32_t fake_mmio_read(const volatile void *address, unsigned size)
{
    fake_virtio_lock_registers();
    fake_virtio.accesses++;
    uint32_t value = modern_read((uint64_t)(uintptr_t)address - MMIO, size);

    fake_virtio_unlock_registers();
    return value;
}

void fake_mmio_write(volatile void *address, uint32_t value, unsigned size)
{
    fake_virtio_lock_registers();
    fake_virtio.accesses++;
    modern_write((uint64_t)(uintptr_t)address - MMIO, value, size);
    fake_virtio_unlock_registers();
}

uint32_t fake_io_read(uint16_t port, unsigned size)
{
    REQUIRE(fake_virtio.legacy && (fake_virtio.command & PCI_COMMAND_IO) && port >= PORT);
    fake_virtio_lock_registers();
    fake_virtio.accesses++;
    uint32_t value = legacy_read(port - PORT, size);

    fake_virtio_unlock_registers();
    return value;
}

void fake_io_write(uint16_t port, uint32_t value, unsigned size)
{
    REQUIRE(fake_virtio.legacy && (fake_virtio.command & PCI_COMMAND_IO) && port >= PORT);
    fake_virtio_lock_registers();
    fake_virtio.accesses++;
    legacy_write(port - PORT, size, value);
    fake_virtio_unlock_registers();
}
