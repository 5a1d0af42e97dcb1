/*
 * manyproc_tree.c - what is left when the processes have ended: a walk that finds names, types,
 * link counts and contents consistent, and the files that were made durable.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/fuse/manyproc.h"
#include "tests/fuse/tester.h"

#define FILES_MOST 100000

static struct names {
    uint64_t ino, links;
    unsigned found;
} * names;
static size_t name_count;

static void count_name(const struct stat *status)
{
    size_t i = 0;

    while (i < name_count && names[i].ino != status->st_ino) {
        i++;
    }
    if (i == name_count && name_count < FILES_MOST) {
        names[name_count++] = (struct names){status->st_ino, status->st_nlink, 0};
    }
    names[i].found++;
}

/* Without paths, which may have become too long: the directory's inode and the name. */
static void print(FILE *out, uint64_t dir, const char *name, const struct stat *status)
{
    uint64_t sum = 0;
    int fd = -1;

    if (S_ISREG(status->st_mode)) {
        fd = open(name, O_RDONLY);
        if (fd < 0) {
            fail_call(name);
        }
        sum = strncmp(name, "kept-", 5) != 0 ? cells_check(fd, name) : 0;
        close(fd);
    }
    if (out != NULL) {
        fprintf(out, "%" PRIu64 " %s %" PRIu64 " %o %u %u %u %lld %lx %lld.%09ld %" PRIx64 "\n",
                dir, name, (uint64_t)status->st_ino, status->st_mode, (unsigned)status->st_nlink,
                status->st_uid, status->st_gid, (long long)status->st_size,
                (unsigned long)status->st_rdev, (long long)status->st_mtim.tv_sec,
                status->st_mtim.tv_nsec, sum);
    }
}

static void walk(FILE *out);

/* Returns whether the entry, of the current directory, is a directory. */
static bool visit(FILE *out, uint64_t dir, const struct dirent *entry)
{
    struct stat status;

    if (lstat(entry->d_name, &status) != 0) {
        fail_call(entry->d_name);
    }
    errno = 0;
    if (status.st_ino != entry->d_ino || IFTODT(status.st_mode) != entry->d_type) {
        fail("%s: inode and type are not those of the list", entry->d_name);
    }
    print(out, dir, entry->d_name, &status);
    if (!S_ISDIR(status.st_mode)) {
        count_name(&status);
        return false;
    }
    if (chdir(entry->d_name) != 0) {
        fail_call("chdir");
    }
    walk(out);
    if (chdir("..") != 0) {
        fail_call("chdir");
    }
    return true;
}

static void walk(FILE *out)
{
    struct stat self;
    struct dirent **list;
    unsigned subdirectories = 0;
    int count = scandir(".", &list, NULL, alphasort);

    if (count < 0 || stat(".", &self) != 0) {
        fail_call("scandir or stat");
    }
    for (int i = 0; i < count; i++) {
        if (strcmp(list[i]->d_name, ".") != 0 && strcmp(list[i]->d_name, "..") != 0) {
            subdirectories += visit(out, self.st_ino, list[i]);
        }
        free(list[i]);
    }
    free(list);
    errno = 0;
    if (self.st_nlink != 2 + subdirectories) {
        fail("directory %" PRIu64 ": %u links, but %u subdirectories", (uint64_t)self.st_ino,
             (unsigned)self.st_nlink, subdirectories);
    }
}

void tree_check(FILE *out)
{
    name_count = 0;
    names = calloc(FILES_MOST + 1, sizeof *names);
    walk(out);
    for (size_t i = 0; i < name_count; i++) {
        if (names[i].found != names[i].links) {
            fail("inode %" PRIu64 " has %u names, not %" PRIu64, names[i].ino, names[i].found,
                 names[i].links);
        }
    }
    free(names);
}

/* ---- Durable files ---- */

void synced_contents(uint64_t seed, uint8_t *bytes, uint32_t size)
{
    for (uint32_t i = 0; i < size; i++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        bytes[i] = (uint8_t)(seed >> 56);
    }
}

void synced_add(const char *path, uint64_t seed, uint32_t size)
{
    const char *record = tester_word("--synced", NULL);
    char line[128];
    int length = snprintf(line, sizeof line, "%s %" PRIu64 " %u\n", path, seed, size);
    int fd = record != NULL ? open(record, O_WRONLY | O_CREAT | O_APPEND, 0644) : -1;

    if (record != NULL && (fd < 0 || write(fd, line, (size_t)length) != length || close(fd) != 0)) {
        fail("%s", record);
    }
}

void synced_check(const char *record)
{
    static uint8_t expected[1 << 20], found[(1 << 20) + 1];
    FILE *lines = fopen(record, "r");
    unsigned count = 0;
    char path[64];
    uint64_t seed;
    uint32_t size;

    while (lines != NULL && fscanf(lines, "%63s %" SCNu64 " %u", path, &seed, &size) == 3) {
        int fd = open(path, O_RDONLY);
        ssize_t got = fd >= 0 ? read(fd, found, sizeof found) : -1;

        if (got < 0) {
            fail_call(path);
        }
        errno = 0;
        synced_contents(seed, expected, size);
        if (got != (ssize_t)size || memcmp(found, expected, size) != 0) {
            fail("%s: %zd bytes, not the %u that fsync has promised", path, got, size);
        }
        close(fd);
        count++;
    }
    printf("%u durable files\n", count);
}
