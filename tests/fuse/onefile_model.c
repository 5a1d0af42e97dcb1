/*
 * onefile_model.c - what the file must hold, and, should the server be killed, what it may hold:
 * for each byte every value that it had since the last fsync, and any size in between.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/fuse/onefile.h"
#include "tests/fuse/tester.h"

struct model model;

/* Written to a file as it is, and read by the same program. */
static struct allowed {
    uint32_t size_least, size_most;
    uint8_t values[SIZE_MAX_BYTES][32]; /* bit v: the byte may be v */
} allowed;
static bool tracking;

static void allow(uint32_t at, uint8_t value)
{
    allowed.values[at][value / 8] |= (uint8_t)(1u << value % 8);
}

void model_may_resize(uint32_t size)
{
    for (uint32_t i = size; tracking && i < model.size; i++) {
        allow(i, 0);
    }
    allowed.size_least = size < allowed.size_least ? size : allowed.size_least;
    allowed.size_most = size > allowed.size_most ? size : allowed.size_most;
}

void model_may_write(uint32_t offset, const uint8_t *bytes, uint32_t size)
{
    for (uint32_t i = 0; tracking && i < size; i++) {
        allow(offset + i, bytes[i]);
    }
    if (size > 0 && offset + size > model.size) {
        model_may_resize(offset + size);
    }
}

void model_write(uint32_t offset, const uint8_t *bytes, uint32_t size)
{
    model_may_write(offset, bytes, size);
    memcpy(model.bytes + offset, bytes, size);
    if (size > 0 && offset + size > model.size) {
        model.size = offset + size;
    }
}

void model_resize(uint32_t size)
{
    model_may_resize(size);
    if (size < model.size) {
        memset(model.bytes + size, 0, model.size - size);
    }
    model.size = size;
}

void model_synced(void)
{
    allowed.size_least = allowed.size_most = model.size;
    if (tracking) {
        memset(allowed.values, 0, sizeof allowed.values);
        for (uint32_t i = 0; i < SIZE_MAX_BYTES; i++) {
            allow(i, model.bytes[i]);
        }
    }
}

void model_track_crashes(void)
{
    tracking = true;
    model_synced();
}

static void transfer(const char *path, bool store, void *bytes, size_t size)
{
    int fd = open(path, store ? O_CREAT | O_WRONLY | O_TRUNC : O_RDONLY, 0644);
    ssize_t done = fd >= 0 ? (store ? write(fd, bytes, size) : read(fd, bytes, size)) : -1;

    if (done != (ssize_t)size || close(fd) != 0) {
        fail("%s: cannot be %s", path, store ? "written" : "read");
    }
}

void model_save(const char *path)
{
    transfer(path, true, &model, sizeof model);
}

void model_load(const char *path)
{
    transfer(path, false, &model, sizeof model);
}

void model_save_allowed(const char *path)
{
    transfer(path, true, &allowed, sizeof allowed);
}

void model_check_allowed(const char *path, const uint8_t *bytes, uint32_t size)
{
    transfer(path, false, &allowed, sizeof allowed);
    if (size < allowed.size_least || size > allowed.size_most) {
        fail("the size is %u, not from %u to %u", size, allowed.size_least, allowed.size_most);
    }
    for (uint32_t i = 0; i < size; i++) {
        if ((allowed.values[i][bytes[i] / 8] & 1u << bytes[i] % 8) == 0) {
            fail("byte %u of %u is %02x, which it has not been since the last fsync", i, size,
                 bytes[i]);
        }
    }
    printf("%u bytes, of %u to %u, as they may be\n", size, allowed.size_least, allowed.size_most);
}
