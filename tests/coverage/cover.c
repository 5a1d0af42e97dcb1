/*
 * cover.c - a QEMU TCG plugin that records which instructions of the loader ran.
 *
 *     -plugin cover.so,out=FILE
 *
 * At exit it adds to FILE one line per instruction that ran in the memory of stage 1 and stage 2:
 *
 *     7c00 33c0 1        address, bytes (both hexadecimal), times it ran
 *
 * The bytes let report.py throw away runs of a loader that is not the one it reports about, such as
 * one built with a test hook. The same address with other bytes gets a line of its own.
 *
 * Cost: a block of guest code outside the two ranges is looked at once, when it is translated, and
 * runs as without the plugin; inside them each instruction adds 1 to a counter, with no call.
 *
 * Debian ships QEMU without qemu-plugin.h, so the few declarations that we need of the plugin
 * interface, version 1 (QEMU 4.2 to 8.2), stand here [QEMU-PLUGIN].
 */
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../include/layout.h"

#define EXPORT             __attribute__((visibility("default")))
#define PLUGIN_API_VERSION 1
#define INLINE_ADD_U64     0 /* enum qemu_plugin_op */

struct qemu_plugin_tb;   /* a block of guest code about to be translated */
struct qemu_plugin_insn; /* an instruction of it */

size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
uint64_t qemu_plugin_tb_vaddr(const struct qemu_plugin_tb *tb);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *tb, size_t index);
uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *insn);
const void *qemu_plugin_insn_data(const struct qemu_plugin_insn *insn);
size_t qemu_plugin_insn_size(const struct qemu_plugin_insn *insn);
void qemu_plugin_register_vcpu_tb_trans_cb(uint64_t id,
                                           void (*callback)(uint64_t id, struct qemu_plugin_tb *));
void qemu_plugin_register_vcpu_insn_exec_inline(struct qemu_plugin_insn *insn, int operation,
                                                void *counter, uint64_t increment);
void qemu_plugin_register_atexit_cb(uint64_t id, void (*callback)(uint64_t id, void *), void *data);

EXPORT int qemu_plugin_version = PLUGIN_API_VERSION;
EXPORT int qemu_plugin_install(uint64_t id, const void *info, int argc, char **argv);

#define MAX_INSN_BYTES 15 /* of an x86 instruction */

/* One instruction as it was translated. Entries live until exit: QEMU keeps pointers to count. */
struct seen {
    struct seen *next; /* at the same address, with other bytes */
    uint64_t count;    /* times it ran */
    size_t size;       /* bytes */
    uint8_t bytes[MAX_INSN_BYTES];
};

static struct seen *seen_at[STAGE2_END - STAGE1_BASE];
static const char *out_path;

static int is_loader(uint64_t address)
{
    return (address >= STAGE1_BASE && address < STAGE1_END) ||
           (address >= STAGE2_BASE && address < STAGE2_END);
}

/* Returns the entry for these SIZE bytes at ADDRESS, a new one the first time; NULL: no memory. */
static struct seen *seen_get(uint64_t address, const void *bytes, size_t size)
{
    struct seen **head = &seen_at[address - STAGE1_BASE];
    for (struct seen *entry = *head; entry != NULL; entry = entry->next) {
        if (entry->size == size && memcmp(entry->bytes, bytes, size) == 0) {
            return entry;
        }
    }
    struct seen *entry = calloc(1, sizeof(*entry));
    if (entry != NULL) {
        entry->size = size;
        memcpy(entry->bytes, bytes, size);
        entry->next = *head;
        *head = entry;
    }
    return entry;
}

/* A block never spans more than two pages, so a look at its start keeps the rest of the guest out.
 */
static void on_translate(uint64_t id, struct qemu_plugin_tb *tb)
{
    (void)id;
    if (qemu_plugin_tb_vaddr(tb) >= STAGE2_END || qemu_plugin_tb_vaddr(tb) < IVT_END) {
        return;
    }
    for (size_t i = 0; i < qemu_plugin_tb_n_insns(tb); i++) {
        struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
        uint64_t address = qemu_plugin_insn_vaddr(insn);
        size_t size = qemu_plugin_insn_size(insn);
        if (!is_loader(address) || size > MAX_INSN_BYTES) {
            continue;
        }
        struct seen *entry = seen_get(address, qemu_plugin_insn_data(insn), size);
        if (entry != NULL) {
            qemu_plugin_register_vcpu_insn_exec_inline(insn, INLINE_ADD_U64, &entry->count, 1);
        }
    }
}

static void print_entry(FILE *out, unsigned address, const struct seen *entry)
{
    if (entry->count == 0) {
        return; /* translated as the tail of a block that was left before */
    }
    fprintf(out, "%x ", address);
    for (size_t i = 0; i < entry->size; i++) {
        fprintf(out, "%02x", entry->bytes[i]);
    }
    fprintf(out, " %" PRIu64 "\n", entry->count);
}

static void on_exit_qemu(uint64_t id, void *data)
{
    (void)id;
    (void)data;
    FILE *out = fopen(out_path, "a");
    if (out == NULL) {
        perror(out_path);
        return;
    }
    for (unsigned i = 0; i < STAGE2_END - STAGE1_BASE; i++) {
        for (const struct seen *entry = seen_at[i]; entry != NULL; entry = entry->next) {
            print_entry(out, STAGE1_BASE + i, entry);
        }
    }
    fclose(out);
}

EXPORT int qemu_plugin_install(uint64_t id, const void *info, int argc, char **argv)
{
    (void)info;
    if (argc != 1 || strncmp(argv[0], "out=", 4) != 0) {
        fprintf(stderr, "cover: usage: -plugin cover.so,out=FILE\n");
        return 1;
    }
    out_path = strdup(argv[0] + 4);
    qemu_plugin_register_vcpu_tb_trans_cb(id, on_translate);
    qemu_plugin_register_atexit_cb(id, on_exit_qemu, NULL);
    return out_path == NULL;
}
