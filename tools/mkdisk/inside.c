/* inside.c - see inside.h. */
#include "inside.h"

#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

int inside_walk(struct sfs *fs, const char *path, unsigned flags, struct sfs_walk_result *out)
{
    return sfs_walk(fs, SFS_ROOT, path[0] != '\0' ? path : "/", flags, out);
}

int inside_complain(const struct volume *volume, const char *path, int error)
{
    complain(volume->image.name, "%s: %s", path, volume_reason(error));
    return EXIT_IMAGE;
}

struct sfs_owner inside_owner(void)
{
    struct sfs_owner owner = {geteuid(), getegid()};

    if (owner.uid > UINT16_MAX || owner.gid > UINT16_MAX) {
        owner = (struct sfs_owner){0, 0};
    }
    return owner;
}

void allow_many_files(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) { /* one for each directory that we are in */
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

/* ---- Names ---- */

static bool collect(void *context, const struct sfs_entry *entry)
{
    struct names *names = context;
    char *name;

    if (entry->length <= 2 && memcmp(entry->name, "..", entry->length) == 0) {
        return true;
    }
    if ((names->count & (names->count - 1)) == 0) { /* a power of 2, or 0: it is full */
        size_t more = names->count > 0 ? names->count * 2 : 1;

        names->name = realloc(names->name, more * sizeof *names->name);
    }
    name = malloc(entry->length + 1u);
    if (names->name == NULL || name == NULL) {
        refuse("memory", "cannot hold the names of a directory");
    }
    memcpy(name, entry->name, entry->length);
    name[entry->length] = '\0'; /* one with a NUL in it is cut there, and will not be found */
    names->name[names->count++] = name;
    return true;
}

static int compare(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

bool names_read(const struct volume *volume, const char *path, uint64_t dir, struct names *names)
{
    uint64_t cookie = 0;
    int error;

    *names = (struct names){NULL, 0};
    error = sfs_readdir(volume->fs, dir, &cookie, collect, names);
    if (names->count > 0) {
        qsort(names->name, names->count, sizeof *names->name, compare);
    }
    if (error < 0) {
        inside_complain(volume, path, error);
    }
    return error == 0;
}

void names_free(struct names *names)
{
    for (size_t i = 0; i < names->count; i++) {
        free(names->name[i]);
    }
    free(names->name);
}

/* ---- Directories that have been entered ---- */

static size_t slot_of(const struct seen *seen, uint64_t inode)
{
    size_t slot = (size_t)((inode * 0x9E3779B97F4A7C15ull) >> 20) & (seen->size - 1);

    while (seen->inode[slot] != 0 && seen->inode[slot] != inode + 1) {
        slot = (slot + 1) & (seen->size - 1);
    }
    return slot;
}

static void grow(struct seen *seen)
{
    struct seen bigger = {.size = seen->size > 0 ? seen->size * 2 : 64, .count = seen->count};

    bigger.inode = allocate(bigger.size * sizeof *bigger.inode);
    for (size_t i = 0; i < seen->size; i++) {
        if (seen->inode[i] != 0) {
            bigger.inode[slot_of(&bigger, seen->inode[i] - 1)] = seen->inode[i];
        }
    }
    free(seen->inode);
    *seen = bigger;
}

bool seen_add(struct seen *seen, uint64_t inode)
{
    size_t slot;

    if (seen->count * 2 >= seen->size) {
        grow(seen);
    }
    slot = slot_of(seen, inode);
    if (seen->inode[slot] != 0) {
        return false;
    }
    seen->inode[slot] = inode + 1;
    seen->count++;
    return true;
}

void seen_free(struct seen *seen)
{
    free(seen->inode);
}
