/*
 * transfer.c - `mkdisk put` and `get`: where a copy goes to, as cp has it. A target that is a
 * directory gets it under its own name; but the root and a source that ends in "." or ".." have no
 * name, and what is in them is added to the target.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "hostget.h"
#include "hostput.h"
#include "inside.h"
#include "options.h"

/* The last part of PATH, without slashes behind it; "" if that is no name. Static. */
static const char *last_name(const char *path)
{
    static char name[SFS_NAME_MAX + 1];
    size_t end = strlen(path), begin;

    while (end > 0 && path[end - 1] == '/') {
        end--;
    }
    for (begin = end; begin > 0 && path[begin - 1] != '/'; begin--) {
    }
    if (end - begin > SFS_NAME_MAX) {
        refuse(path, "%s", volume_reason(SFS_ENAMETOOLONG));
    }
    memcpy(name, path + begin, end - begin);
    name[end - begin] = '\0';
    return strcmp(name, ".") == 0 || strcmp(name, "..") == 0 ? "" : name;
}

int verb_put(const struct options *options)
{
    const char *host = options->operands[0], *path = options->operands[1];
    const char *name = last_name(host);
    struct sfs_walk_result target;
    struct volume volume;
    struct stat status;
    int error, result;

    if (lstat(host, &status) != 0) {
        refuse(host, "cannot be copied: %s", strerror(errno));
    }
    if (S_ISDIR(status.st_mode) && !options->recursive) {
        refuse(host, "is a directory; -r copies what is in it");
    }
    volume_mount(&volume, options->image, true);
    error = inside_walk(volume.fs, path, 0, &target);
    if (error == 0 && is_dir(&target.attr) && name[0] == '\0' && target.attr.ino == SFS_ROOT) {
        result = put_root(&volume, host);
    } else if (error == 0 && is_dir(&target.attr) && name[0] != '\0') {
        result = put_tree(&volume, host, options->recursive, target.attr.ino, name);
    } else {
        if (error == 0 || error == SFS_ENOENT) {
            error = inside_walk(volume.fs, path, SFS_WALK_PARENT, &target);
        }
        result = error < 0
                     ? inside_complain(&volume, path, error)
                     : put_tree(&volume, host, options->recursive, target.attr.ino, target.last);
    }
    volume_close(&volume);
    return result;
}

int verb_get(const struct options *options)
{
    const char *path = options->operands[0], *host = options->operands[1];
    const char *name = last_name(path);
    struct sfs_walk_result found;
    struct volume volume;
    struct stat status;
    char *target = NULL;
    bool known;
    int error, result;

    known = stat(host, &status) == 0;
    if (known && !S_ISDIR(status.st_mode) && !S_ISREG(status.st_mode)) {
        refuse(host, "is neither a file nor a directory; `mkdisk cat` writes to anything");
    }
    volume_mount(&volume, options->image, false);
    error = inside_walk(volume.fs, path, SFS_WALK_NOFOLLOW, &found);
    if (error < 0) {
        result = inside_complain(&volume, path, error);
        volume_close(&volume);
        return result;
    }
    if (known && S_ISDIR(status.st_mode) && name[0] != '\0') {
        target = allocate(strlen(host) + strlen(name) + 2);
        strcat(strcat(strcpy(target, host), "/"), name);
    }
    result =
        get_tree(&volume, path, &found.attr, options->recursive, target != NULL ? target : host);
    free(target);
    volume_close(&volume);
    return result;
}
