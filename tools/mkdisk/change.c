/*
 * change.c - the verbs that change the names in a volume: mkdir, rm, mv. Each path is a transaction
 * of its own or several; a power cut leaves some of them done.
 */
#include <stdlib.h>
#include <string.h>

#include "inside.h"
#include "options.h"
#include "progress.h"

#define NEW_MODE 0755

/* ---- mkdir ---- */

static int make_one(const struct volume *volume, const char *path)
{
    struct sfs_walk_result parent;
    struct sfs_attr attr;
    int error = inside_walk(volume->fs, path, SFS_WALK_PARENT, &parent);

    if (error == 0) {
        error = sfs_mkdir(volume->fs, parent.attr.ino, parent.last, parent.last_length, NEW_MODE,
                          inside_owner(), &attr);
        sfs_forget(volume->fs, parent.attr.ino, 1);
    }
    return error;
}

/* PATH and all before it that is missing. */
static int make_all(const struct volume *volume, const char *path)
{
    struct sfs_walk_result found;
    char *part = strdup(path);
    int error = 0;

    if (part == NULL) {
        return SFS_ENOMEM;
    }
    for (char *end = part; error == 0 && end != NULL;) {
        end += strspn(end, "/");
        end = strchr(end, '/');
        if (end != NULL) {
            *end = '\0';
        }
        error = make_one(volume, part);
        if (error == SFS_EEXIST) {
            error = inside_walk(volume->fs, part, SFS_WALK_DIRECTORY, &found);
        }
        if (end != NULL) {
            *end = '/';
            end = end[strspn(end, "/")] != '\0' ? end : NULL;
        }
    }
    free(part);
    return error;
}

int verb_mkdir(const struct options *options)
{
    struct volume volume;
    int status = EXIT_DONE;

    volume_mount(&volume, options->image, true);
    for (int i = 0; i < options->operand_count; i++) {
        const char *path = options->operands[i];
        int error = options->parents ? make_all(&volume, path) : make_one(&volume, path);

        if (error < 0) {
            status = inside_complain(&volume, path, error);
        }
    }
    volume_close(&volume);
    return status;
}

/* ---- rm ---- */

struct removal {
    const struct volume *volume;
    const char *path; /* as the user gave it */
    bool recursive;
    struct seen seen;
};

static int remove_entry(struct removal *removal, uint64_t dir, const char *name, unsigned depth);

static int remove_inside(struct removal *removal, uint64_t dir, unsigned depth)
{
    struct names names;
    int error = 0;

    if (depth > DEPTH_MAX) {
        return SFS_ENAMETOOLONG;
    }
    if (!seen_add(&removal->seen, dir)) {
        return SFS_EUCLEAN;
    }
    if (!names_read(removal->volume, removal->path, dir, &names)) {
        error = SFS_EUCLEAN;
    }
    for (size_t i = 0; i < names.count && error == 0; i++) {
        error = remove_entry(removal, dir, names.name[i], depth);
    }
    names_free(&names);
    return error;
}

static int remove_entry(struct removal *removal, uint64_t dir, const char *name, unsigned depth)
{
    struct sfs *fs = removal->volume->fs;
    size_t length = strlen(name);
    struct sfs_attr attr;
    int error = sfs_lookup(fs, dir, name, length, &attr);

    if (error < 0) {
        return error;
    }
    progress_add(1);
    if (!is_dir(&attr)) {
        error = sfs_unlink(fs, dir, name, length);
    } else if (!removal->recursive) {
        error = SFS_EISDIR;
    } else {
        error = remove_inside(removal, attr.ino, depth + 1);
        error = error == 0 ? sfs_rmdir(fs, dir, name, length) : error;
    }
    sfs_forget(fs, attr.ino, 1);
    return error;
}

int verb_rm(const struct options *options)
{
    struct volume volume;
    int status = EXIT_DONE;

    volume_mount(&volume, options->image, true);
    progress_start("removing, files", 0);
    for (int i = 0; i < options->operand_count; i++) {
        struct removal removal = {
            .volume = &volume, .path = options->operands[i], .recursive = options->recursive};
        struct sfs_walk_result parent;
        int error = inside_walk(volume.fs, removal.path, SFS_WALK_PARENT, &parent);

        if (error == SFS_EEXIST) {
            error = SFS_EBUSY; /* the root */
        } else if (error == 0) {
            error = remove_entry(&removal, parent.attr.ino, parent.last, 0);
        }
        if (error < 0) {
            status = inside_complain(&volume, removal.path, error);
        }
        seen_free(&removal.seen);
    }
    progress_end();
    volume_close(&volume);
    return status;
}

/* ---- mv ---- */

/* Where TO leads: into it, if it is a directory, under the name of FROM. */
static int find_target(struct sfs *fs, const char *to, const struct sfs_walk_result *from,
                       struct sfs_walk_result *target)
{
    int error = inside_walk(fs, to, 0, target);

    if (error == 0 && is_dir(&target->attr)) {
        strcpy(target->last, from->last);
        target->last_length = from->last_length;
        return 0;
    }
    return error == 0 || error == SFS_ENOENT ? inside_walk(fs, to, SFS_WALK_PARENT, target) : error;
}

int verb_mv(const struct options *options)
{
    const char *from_path = options->operands[0], *to_path = options->operands[1];
    struct sfs_walk_result from, to;
    struct volume volume;
    const char *blamed = from_path;
    int error;

    volume_mount(&volume, options->image, true);
    error = inside_walk(volume.fs, from_path, SFS_WALK_PARENT, &from);
    if (error == SFS_EEXIST) {
        error = SFS_EBUSY; /* the root */
    }
    if (error == 0) {
        error = find_target(volume.fs, to_path, &from, &to);
        blamed = error < 0 ? to_path : from_path;
    }
    if (error == 0) {
        error = sfs_rename(volume.fs, from.attr.ino, from.last, from.last_length, to.attr.ino,
                           to.last, to.last_length, 0);
    }
    if (error < 0) {
        inside_complain(&volume, blamed, error);
    }
    volume_close(&volume);
    return error < 0 ? EXIT_IMAGE : EXIT_DONE;
}
