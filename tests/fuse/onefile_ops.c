/*
 * onefile_ops.c - what the one-file tester does to its file. Each operation logs itself, does it,
 * and changes the model as it should have changed the file.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "tests/fuse/onefile.h"
#include "tests/fuse/tester.h"

#define PAGE   4096u
#define PIECES 5

/* Of a range of the file: near its end, or a page's, more often than chance would have it. */
struct range {
    uint32_t offset, size;
};

static uint32_t random_place(uint32_t limit)
{
    uint32_t place = pick(limit + 1);

    switch (pick(4)) {
    case 0:
        return place & ~(PAGE - 1);
    case 1:
        return place & ~511u;
    case 2:
        return model.size < limit ? model.size - pick(model.size < 600 ? model.size + 1 : 600)
                                  : place;
    default:
        return place;
    }
}

static struct range random_range(uint32_t limit)
{
    static const uint32_t most[] = {16, 600, 5000, 70000, 160000};
    struct range range = {random_place(limit), 0};

    range.size = pick(most[pick(5)]) + 1;
    if (range.size > limit - range.offset) {
        range.size = limit - range.offset;
    }
    return range;
}

/* Returns false: it failed with ENOSPC, as it may. */
static bool worked(int64_t result, const char *call)
{
    if (result >= 0) {
        return true;
    }
    if (errno != ENOSPC || !tester.full) {
        fail_call(call);
    }
    note("  ENOSPC");
    return false;
}

static uint8_t *random_contents(uint32_t size)
{
    static uint8_t bytes[SIZE_MAX_BYTES] __attribute__((aligned(4096)));

    if (chance(8)) {
        memset(bytes, 0, size);
    } else {
        random_bytes(bytes, size);
    }
    return bytes;
}

/* A direct write that fails may have written a part: each byte is then the new or the old one. */
static void adopt(struct range range, const uint8_t *bytes)
{
    static uint8_t found[SIZE_MAX_BYTES];
    ssize_t got = pread(file.direct, found, range.size, range.offset);

    for (ssize_t i = 0; i < got; i++) {
        if (found[i] != model.bytes[range.offset + i] && found[i] != bytes[i]) {
            errno = 0;
            fail("byte %zd is %02x after a failed write", range.offset + i, found[i]);
        }
    }
    if (got > 0) {
        model_write(range.offset, found, (uint32_t)got);
    }
}

/* DONE of what was to be written; fewer bytes only if the volume is full. */
static void wrote(struct range range, const uint8_t *bytes, ssize_t done, const char *call)
{
    if (worked(done, call)) {
        errno = 0;
        if (done != (ssize_t)range.size && !tester.full) {
            fail("%s: %zd bytes of %u", call, done, range.size);
        }
        model_write(range.offset, bytes, (uint32_t)done);
    }
}

/* ---- Reading and writing ---- */

static void read_into(int fd, const char *call)
{
    static uint8_t bytes[SIZE_MAX_BYTES];
    struct range range = random_range(file.limit);
    uint32_t there = range.offset < model.size ? model.size - range.offset : 0;
    ssize_t got;

    note("%s %u+%u", call, range.offset, range.size);
    got = pread(fd, bytes, range.size, range.offset);
    if (got < 0) {
        fail_call(call);
    }
    errno = 0;
    if (got != (ssize_t)(range.size < there ? range.size : there) ||
        memcmp(bytes, model.bytes + range.offset, (size_t)got) != 0) {
        fail("%s of %u+%u: %zd bytes, which differ", call, range.offset, range.size, got);
    }
}

static void op_read(void)
{
    read_into(file.fd, "read");
}

static void op_read_direct(void)
{
    read_into(file.direct, "direct read");
}

static void write_from(int fd, const char *call)
{
    struct range range = random_range(file.limit);
    const uint8_t *bytes = random_contents(range.size);
    ssize_t done;

    note("%s %u+%u, size %u", call, range.offset, range.size, model.size);
    model_may_write(range.offset, bytes, range.size);
    done = pwrite(fd, bytes, range.size, range.offset);
    wrote(range, bytes, done, call);
    if (done < 0 && fd == file.direct) {
        adopt(range, bytes);
    }
}

static void op_write(void)
{
    write_from(file.fd, "write");
}

static void op_write_direct(void)
{
    write_from(file.direct, "direct write");
}

static void op_write_vector(void)
{
    struct range range = random_range(file.limit);
    uint8_t *bytes = random_contents(range.size);
    struct iovec piece[PIECES];
    uint32_t rest = range.size;

    for (int i = 0; i < PIECES; i++) {
        uint32_t size = i < PIECES - 1 ? pick(rest + 1) : rest;

        piece[i] = (struct iovec){bytes + range.size - rest, size};
        rest -= size;
    }
    note("writev %u+%u", range.offset, range.size);
    model_may_write(range.offset, bytes, range.size);
    wrote(range, bytes, pwritev(file.fd, piece, PIECES, range.offset), "writev");
}

static void op_append(void)
{
    int flags = O_WRONLY | O_APPEND | (chance(3) ? O_DIRECT : 0) | (chance(3) ? O_SYNC : 0);
    struct range range = {model.size, pick(9000) + 1};
    const uint8_t *bytes;
    int fd;

    range.size = range.size > file.limit - model.size ? file.limit - model.size : range.size;
    bytes = random_contents(range.size);
    note("append %u at %u, flags %x", range.size, range.offset, (unsigned)flags);
    fd = open(file.path, flags);
    if (fd < 0) {
        fail_call("open to append");
    }
    model_may_write(range.offset, bytes, range.size);
    wrote(range, bytes, write(fd, bytes, range.size), "append");
    if (close(fd) != 0) {
        fail_call("close");
    }
}

static void op_copy_range(void)
{
    struct range from = random_range(model.size);
    struct range to = random_range(file.limit);
    loff_t in, out;
    ssize_t done;

    from.size = from.size < to.size ? from.size : to.size;
    to.size = from.size;
    in = from.offset, out = to.offset;
    if (from.size == 0 ||
        (from.offset < to.offset + to.size && to.offset < from.offset + from.size)) {
        return; /* the kernel refuses ranges that overlap */
    }
    note("copy_file_range %u+%u to %u", from.offset, from.size, to.offset);
    model_may_write(to.offset, model.bytes + from.offset, to.size);
    done = copy_file_range(file.fd, &in, file.fd, &out, from.size, 0);
    if (worked(done, "copy_file_range")) {
        static uint8_t bytes[SIZE_MAX_BYTES];

        memcpy(bytes, model.bytes + from.offset, (size_t)done);
        model_write(to.offset, bytes, (uint32_t)done);
    }
}

/* ---- Mapped ---- */

/* Storing into a hole of a full volume cannot fail in any way that a program would see. */
static bool may_store(struct range range)
{
    off_t hole;

    if (!tester.full) {
        return true;
    }
    hole = lseek(file.fd, range.offset & ~(PAGE - 1), SEEK_HOLE);
    return hole >= (off_t)range.offset + range.size && hole >= (off_t)model.size - (off_t)PAGE &&
           (hole == (off_t)model.size ||
            hole >= (off_t)((range.offset + range.size + PAGE - 1) & ~(PAGE - 1)));
}

static void map(bool store)
{
    struct range range = random_range(model.size);
    uint32_t lead = range.offset % PAGE;
    uint8_t *bytes, *mapped;

    if (range.size == 0 || (store && !may_store(range))) {
        return;
    }
    note("mapped %s %u+%u, size %u", store ? "write" : "read", range.offset, range.size,
         model.size);
    mapped = mmap(NULL, lead + range.size, PROT_READ | (store ? PROT_WRITE : 0), MAP_SHARED,
                  file.fd, range.offset - lead);
    if (mapped == MAP_FAILED) {
        fail_call("mmap");
    }
    if (store) {
        bytes = random_contents(range.size);
        model_may_write(range.offset, bytes, range.size);
        memcpy(mapped + lead, bytes, range.size);
        model_write(range.offset, bytes, range.size);
        file.mapped_dirty = true;
        if (chance(3) && msync(mapped, lead + range.size, MS_SYNC) != 0) {
            fail_call("msync");
        }
    } else if (memcmp(mapped + lead, model.bytes + range.offset, range.size) != 0) {
        errno = 0;
        fail("mapped memory differs");
    }
    for (uint32_t i = model.size;
         model.size % PAGE != 0 && !store &&
         (range.offset + range.size - 1) / PAGE == model.size / PAGE && i % PAGE != 0;
         i++) {
        if (mapped[i - (range.offset - lead)] != 0) {
            errno = 0;
            fail("mapped byte %u behind the size %u is not zero", i, model.size);
        }
    }
    munmap(mapped, lead + range.size);
}

static void op_map_read(void)
{
    map(false);
}

static void op_map_write(void)
{
    map(true);
}

/* ---- Sizes and space ---- */

static void op_truncate(void)
{
    uint32_t size = random_place(chance(2) ? model.size : file.limit);

    note("truncate to %u from %u", size, model.size);
    model_may_resize(size);
    if (worked(chance(2) ? ftruncate(file.fd, size) : truncate(file.path, size), "truncate")) {
        model_resize(size);
    }
}

static void op_truncate_open(void)
{
    if (!chance(4)) {
        return; /* else the file never gets large */
    }
    note("open with O_TRUNC");
    model_may_resize(0);
    file_close();
    file_open(O_TRUNC);
    model_resize(0);
}

/* A mode that is not supported changes nothing; one that is does what Linux says it does. */
static void op_fallocate(void)
{
    static const int modes[] = {0,
                                FALLOC_FL_KEEP_SIZE,
                                FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                                FALLOC_FL_ZERO_RANGE,
                                FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE,
                                FALLOC_FL_COLLAPSE_RANGE,
                                FALLOC_FL_INSERT_RANGE};
    struct range range = random_range(file.limit);
    int mode = modes[pick(7)];
    uint32_t end = range.offset + range.size;

    if (range.size == 0) {
        return;
    }
    note("fallocate mode %x, %u+%u", (unsigned)mode, range.offset, range.size);
    if (fallocate(file.fd, mode, range.offset, range.size) != 0) {
        if (errno != EOPNOTSUPP && errno != EINVAL) {
            (void)worked(-1, "fallocate");
        }
        return;
    }
    errno = 0;
    if ((mode & (FALLOC_FL_COLLAPSE_RANGE | FALLOC_FL_INSERT_RANGE)) != 0) {
        fail("the tester does not know what this mode does");
    }
    if ((mode & FALLOC_FL_KEEP_SIZE) == 0 && end > model.size) {
        model_resize(end);
    }
    if ((mode & (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE)) != 0) {
        end = end < model.size ? end : model.size;
        memset(model.bytes + range.offset, 0, end > range.offset ? end - range.offset : 0);
    }
}

/* What lies in a hole is zero, holes and data take turns, the last hole is the end. */
static void op_seek(void)
{
    off_t at = 0;

    note("seek for holes, size %u", model.size);
    while (at < (off_t)model.size) {
        off_t data = lseek(file.fd, at, SEEK_DATA);

        if (data < 0 && errno != ENXIO) {
            fail_call("lseek");
        }
        data = data < 0 ? (off_t)model.size : data;
        for (off_t i = at; i < data; i++) {
            if (model.bytes[i] != 0) {
                errno = 0;
                fail("byte %lld is said to be in a hole", (long long)i);
            }
        }
        at = data < (off_t)model.size ? lseek(file.fd, data, SEEK_HOLE) : data;
        if (at < 0 || at > (off_t)model.size || (at == data && at < (off_t)model.size)) {
            fail_call("lseek");
        }
    }
}

/* ---- Durability, handles, attributes ---- */

static void op_sync(void)
{
    bool data_only = chance(2);

    note(data_only ? "fdatasync" : "fsync");
    if ((data_only ? fdatasync(file.fd) : fsync(file.fd)) != 0) {
        fail_call("fsync");
    }
    file.mapped_dirty = false;
    model_synced();
}

static void op_reopen(void)
{
    note("close and open");
    file_close();
    file_open(0);
}

static void op_drop_cache(void)
{
    note("drop the page cache");
    if (posix_fadvise(file.fd, 0, 0, POSIX_FADV_DONTNEED) != 0) {
        fail_call("posix_fadvise");
    }
}

/* Under another name, or with a second one for a while. */
static void op_names(void)
{
    char other[4096];
    bool second = chance(2);
    bool failed;

    snprintf(other, sizeof other, "%s.other", file.path);
    note(second ? "link and unlink" : "rename and back");
    /* The first that fails says why: those after it may find other reasons. */
    if (second) {
        failed =
            link(file.path, other) != 0 || unlink(file.path) != 0 || rename(other, file.path) != 0;
    } else {
        failed = rename(file.path, other) != 0 || rename(other, file.path) != 0;
    }
    (void)worked(failed ? -1 : 0, "link, rename or unlink");
}

static void op_mode(void)
{
    struct timespec times[2] = {{pick(1u << 30), pick(1000000000)}, {pick(1u << 30), 1}};

    note("chmod, utimens");
    if (fchmod(file.fd, chance(2) ? 0644 : 0600) != 0 ||
        (chance(2) && futimens(file.fd, times) != 0)) {
        fail_call("chmod or utimens");
    }
}

/* What the kernel remembers of the attributes is what the server would say. */
static void op_stat(void)
{
    struct statx cached, fresh;

    note("statx, as the kernel has it and anew");
    if (statx(AT_FDCWD, file.path, AT_STATX_SYNC_AS_STAT, STATX_BASIC_STATS, &cached) != 0 ||
        statx(AT_FDCWD, file.path, AT_STATX_FORCE_SYNC, STATX_BASIC_STATS, &fresh) != 0) {
        fail_call("statx");
    }
    errno = 0;
    if (cached.stx_size != model.size || fresh.stx_size != model.size) {
        fail("size %llu, or %llu, instead of %u", cached.stx_size, fresh.stx_size, model.size);
    }
    if (fresh.stx_blocks * 512 > model.size + (64u << 10)) {
        fail("%llu blocks for %u bytes", fresh.stx_blocks, model.size);
    }
    if (cached.stx_nlink != 1 || fresh.stx_nlink != 1 || cached.stx_mode != fresh.stx_mode ||
        cached.stx_ino != fresh.stx_ino) {
        fail("links %u, %u, mode %o, %o", cached.stx_nlink, fresh.stx_nlink, cached.stx_mode,
             fresh.stx_mode);
    }
    if (!file.mapped_dirty && (cached.stx_blocks != fresh.stx_blocks ||
                               cached.stx_mtime.tv_nsec != fresh.stx_mtime.tv_nsec ||
                               cached.stx_ctime.tv_nsec != fresh.stx_ctime.tv_nsec)) {
        fail("blocks %llu, %llu, or the times are stale", cached.stx_blocks, fresh.stx_blocks);
    }
}

static struct operation {
    const char *name;
    void (*run)(void);
    uint64_t count;
} operations[] = {
    {"read", op_read, 0},
    {"direct read", op_read_direct, 0},
    {"write", op_write, 0},
    {"write", op_write, 0},
    {"direct write", op_write_direct, 0},
    {"writev", op_write_vector, 0},
    {"append", op_append, 0},
    {"copy", op_copy_range, 0},
    {"mapped read", op_map_read, 0},
    {"mapped write", op_map_write, 0},
    {"truncate", op_truncate, 0},
    {"truncate", op_truncate, 0},
    {"truncating open", op_truncate_open, 0},
    {"fallocate", op_fallocate, 0},
    {"seek", op_seek, 0},
    {"sync", op_sync, 0},
    {"reopen", op_reopen, 0},
    {"drop cache", op_drop_cache, 0},
    {"names", op_names, 0},
    {"mode", op_mode, 0},
    {"stat", op_stat, 0},
};
#define OPERATIONS (sizeof operations / sizeof operations[0])

unsigned operation_random(void)
{
    unsigned number = pick(OPERATIONS);

    operations[number].count++;
    operations[number].run();
    return number;
}

void operation_print_counts(void)
{
    for (size_t i = 0; i < OPERATIONS; i++) {
        printf(" %s %lu", operations[i].name, (unsigned long)operations[i].count);
    }
    printf("\n");
}
