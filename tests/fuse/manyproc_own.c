/*
 * manyproc_own.c - operations on names of one process alone, while the others keep the volume busy.
 * It knows what is there, so every answer has to be right: errors, types, links, sizes, lists.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/fuse/manyproc.h"
#include "tests/fuse/tester.h"

#define SLOTS 12
#define KEPT  40 /* files that were made durable */

enum kind { NONE, FILE_SLOT, DIRECTORY, SYMLINK };

static char own[32];
static struct slot {
    enum kind kind;
    unsigned object; /* slots with the same one are links of one file */
    uint32_t size;
} slot[SLOTS];
static unsigned objects, kept;

static const char *name_of(unsigned number)
{
    static char path[2][64];
    static unsigned turn;
    char *result = path[turn++ % 2];

    snprintf(result, sizeof path[0], "%s/%u", own, number);
    return result;
}

void own_prepare(unsigned process)
{
    snprintf(own, sizeof own, "own-%u", process);
    if (mkdir(own, 0755) != 0) {
        fail_call("mkdir");
    }
}

/* The call failed with EXPECTED, or, if that is 0, did not. Returns true: it did what it should. */
static bool answered(int result, int expected, const char *call)
{
    int got = result < 0 ? errno : 0;

    if (got == ENOSPC && tester.full) {
        return false;
    }
    if (got == expected) {
        return got == 0;
    }
    if (got == ENOTCONN || got == ECONNABORTED) {
        fail_call(call);
    }
    errno = got;
    fail("%s: not as expected (%s)", call, strerror(expected));
}

static unsigned links_of(unsigned object)
{
    unsigned count = 0;

    for (unsigned i = 0; i < SLOTS; i++) {
        count += slot[i].kind == FILE_SLOT && slot[i].object == object;
    }
    return count;
}

static void verify(unsigned number)
{
    const struct slot *one = &slot[number];
    struct stat status;

    if (!answered(lstat(name_of(number), &status), one->kind == NONE ? ENOENT : 0, "lstat")) {
        return;
    }
    errno = 0;
    if (one->kind == FILE_SLOT &&
        (!S_ISREG(status.st_mode) || status.st_nlink != links_of(one->object) ||
         status.st_size != one->size)) {
        fail("%s: mode %o, links %u, size %u instead of %u links, size %u", name_of(number),
             status.st_mode, (unsigned)status.st_nlink, (unsigned)status.st_size,
             links_of(one->object), one->size);
    }
    if ((one->kind == DIRECTORY) != S_ISDIR(status.st_mode) ||
        (one->kind == SYMLINK) != S_ISLNK(status.st_mode)) {
        fail("%s: mode %o", name_of(number), status.st_mode);
    }
}

static void verify_list(void)
{
    unsigned seen = 0, expected = 0;
    struct dirent *entry;
    DIR *dir = opendir(own);
    unsigned number;

    if (dir == NULL) {
        fail_call("opendir");
    }
    while (errno = 0, (entry = readdir(dir)) != NULL) {
        if (sscanf(entry->d_name, "%u", &number) == 1 && number < SLOTS) {
            if ((seen & 1u << number) != 0) {
                fail("%u is listed twice", number);
            }
            seen |= 1u << number;
        }
    }
    if (errno != 0) {
        fail_call("readdir");
    }
    closedir(dir);
    for (unsigned i = 0; i < SLOTS; i++) {
        expected |= (slot[i].kind != NONE ? 1u : 0) << i;
    }
    if (seen != expected) {
        fail("the list has %x instead of %x", seen, expected);
    }
}

static void op_write(unsigned number)
{
    struct slot *one = &slot[number];
    bool fresh = one->kind == NONE;
    struct stat status;
    int fd;

    if (one->kind == DIRECTORY || one->kind == SYMLINK) {
        return;
    }
    note("write %s", name_of(number));
    fd = open(name_of(number), O_RDWR | O_CREAT, 0644);
    if (!answered(fd, 0, "open")) {
        return;
    }
    if (fresh) {
        *one = (struct slot){FILE_SLOT, objects++, 0};
    }
    cells_random(fd, name_of(number));
    if (fstat(fd, &status) != 0 || close(fd) != 0) {
        fail_call("fstat or close");
    }
    for (unsigned i = 0; i < SLOTS; i++) {
        if (slot[i].kind == FILE_SLOT && slot[i].object == one->object) {
            slot[i].size = (uint32_t)status.st_size;
        }
    }
}

static void op_mkdir(unsigned number)
{
    note("mkdir %s", name_of(number));
    if (answered(mkdir(name_of(number), 0755), slot[number].kind != NONE ? EEXIST : 0, "mkdir")) {
        slot[number].kind = DIRECTORY;
    }
}

static void op_symlink(unsigned number)
{
    note("symlink %s", name_of(number));
    if (answered(symlink(".", name_of(number)), slot[number].kind != NONE ? EEXIST : 0,
                 "symlink")) {
        slot[number].kind = SYMLINK;
    }
}

static void op_link(unsigned from, unsigned to)
{
    if (slot[from].kind != FILE_SLOT) {
        return;
    }
    note("link %s as %u", name_of(from), to);
    if (answered(link(name_of(from), name_of(to)), slot[to].kind != NONE ? EEXIST : 0, "link")) {
        slot[to] = slot[from];
    }
}

static void op_remove(unsigned number)
{
    enum kind kind = slot[number].kind;
    bool directory = chance(2);
    int expected = kind == NONE                      ? ENOENT
                   : directory && kind != DIRECTORY  ? ENOTDIR
                   : !directory && kind == DIRECTORY ? EISDIR
                                                     : 0;

    note("%s %s", directory ? "rmdir" : "unlink", name_of(number));
    if (answered(directory ? rmdir(name_of(number)) : unlink(name_of(number)), expected,
                 "rmdir or unlink")) {
        slot[number].kind = NONE;
    }
}

/* Errors of rename that a mere look at the two kinds tells. */
static int rename_error(const struct slot *from, const struct slot *to, unsigned flags)
{
    if (from->kind == NONE || (flags == RENAME_EXCHANGE && to->kind == NONE)) {
        return ENOENT;
    }
    if (flags == RENAME_EXCHANGE || to->kind == NONE) {
        return 0;
    }
    if (flags == RENAME_NOREPLACE) {
        return EEXIST;
    }
    if (from == to ||
        (from->kind == FILE_SLOT && to->kind == FILE_SLOT && from->object == to->object)) {
        return 0;
    }
    return from->kind == DIRECTORY && to->kind != DIRECTORY   ? ENOTDIR
           : from->kind != DIRECTORY && to->kind == DIRECTORY ? EISDIR
                                                              : 0;
}

static void op_rename(unsigned from, unsigned to)
{
    unsigned flags = pick(4) % 3;
    struct slot before = slot[to];
    bool same = from == to || (slot[from].kind == FILE_SLOT && before.kind == FILE_SLOT &&
                               slot[from].object == before.object);

    note("rename %s to %u, flags %u", name_of(from), to, flags);
    if (!answered(renameat2(AT_FDCWD, name_of(from), AT_FDCWD, name_of(to), flags),
                  rename_error(&slot[from], &slot[to], flags), "rename") ||
        (same && flags != RENAME_EXCHANGE)) {
        return; /* the same file under both names: nothing happens */
    }
    slot[to] = slot[from];
    if (flags == RENAME_EXCHANGE) {
        slot[from] = before;
    } else {
        slot[from].kind = NONE;
    }
}

/* Into the common tree, where it is lost: somebody else may remove it at once. */
static void op_give_away(unsigned number)
{
    char path[PATH_BYTES];

    if (slot[number].kind == NONE ||
        (slot[number].kind == FILE_SLOT && links_of(slot[number].object) > 1)) {
        return;
    }
    common_path(path);
    note("rename %s to %s", name_of(number), path);
    if (rename(name_of(number), path) == 0) {
        slot[number].kind = NONE;
    } else if (!may_happen()) {
        fail_call("rename");
    }
}

/* A file with a name of its own is written, synced and recorded; then it stays as it is. */
static void op_keep(void)
{
    static uint8_t bytes[70000];
    uint64_t seed = ((uint64_t)pick(UINT32_MAX) << 32) | pick(UINT32_MAX);
    uint32_t size = pick(sizeof bytes) + 1;
    char path[64], temporary[70];
    bool renamed = chance(2);
    int fd;

    if (kept >= KEPT || tester.full) {
        return;
    }
    snprintf(path, sizeof path, "%s/kept-%u", own, kept++);
    snprintf(temporary, sizeof temporary, "%s%s", path, renamed ? ".new" : "");
    note("keep %s, %u bytes", path, size);
    synced_contents(seed, bytes, size);
    fd = open(temporary, O_CREAT | O_EXCL | O_WRONLY, 0644);
    if (fd < 0 || write(fd, bytes, size) != (ssize_t)size ||
        (renamed && rename(temporary, path) != 0) || fsync(fd) != 0 || close(fd) != 0) {
        fail_call("keep");
    }
    synced_add(path, seed, size);
}

void own_random(void)
{
    unsigned one = pick(SLOTS), other = pick(SLOTS);

    switch (pick(12)) {
    case 0:
    case 1:
    case 2:
        op_write(one);
        break;
    case 3:
        op_mkdir(one);
        break;
    case 4:
        op_symlink(one);
        break;
    case 5:
        op_link(one, other);
        break;
    case 6:
        op_remove(one);
        break;
    case 7:
    case 8:
        op_rename(one, other);
        break;
    case 9:
        op_give_away(one);
        break;
    case 10:
        op_keep();
        break;
    default:
        verify_list();
    }
    verify(one);
    verify(other);
}
