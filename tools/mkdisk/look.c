/*
 * look.c - the verbs that look into a volume and change nothing: ls, cat, stat. The journal is
 * replayed in memory, so even an image that lost its power is left as it is.
 */
#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

#include "inside.h"
#include "names.h"
#include "options.h"
#include "rawvolume.h"

#define NS         1000000000ll
#define PIECE      (256u << 10)
#define TARGET_MAX (SFS_SYMLINK_MAX + 1)

static void mode_text(uint16_t mode, char text[11])
{
    static const char types[] = "?pc?d?b?-?l?s???";
    static const char letters[] = "rwxrwxrwx";

    text[0] = types[mode >> 12];
    for (int i = 0; i < 9; i++) {
        text[1 + i] = (mode & 0400 >> i) != 0 ? letters[i] : '-';
    }
    if ((mode & S_ISUID) != 0) {
        text[3] = (mode & S_IXUSR) != 0 ? 's' : 'S';
    }
    if ((mode & S_ISGID) != 0) {
        text[6] = (mode & S_IXGRP) != 0 ? 's' : 'S';
    }
    if ((mode & S_ISVTX) != 0) {
        text[9] = (mode & S_IXOTH) != 0 ? 't' : 'T';
    }
    text[10] = '\0';
}

/* Seconds and nanoseconds of a time that may lie before 1970. */
static void time_text(int64_t ns, const char *format, char *text, size_t size)
{
    time_t seconds = (time_t)(ns / NS - (ns % NS < 0));
    struct tm parts;

    if (localtime_r(&seconds, &parts) == NULL || strftime(text, size, format, &parts) == 0) {
        snprintf(text, size, "%lld", (long long)seconds);
    }
}

static bool is_device(const struct sfs_attr *attr)
{
    return S_ISCHR(attr->mode) || S_ISBLK(attr->mode);
}

static void print_target(const struct volume *volume, const struct sfs_attr *attr)
{
    char target[TARGET_MAX];
    int length = sfs_readlink(volume->fs, attr->ino, target, sizeof target);

    if (length > 0) {
        printf(" -> ");
        print_name(stdout, target, (size_t)length);
    }
}

/* ---- ls ---- */

static void print_entry(const struct volume *volume, const struct sfs_attr *attr, const char *name,
                        bool long_form)
{
    char mode[11], when[32], size[32];

    if (long_form) {
        mode_text(attr->mode, mode);
        time_text(attr->mtime_ns, "%Y-%m-%d %H:%M", when, sizeof when);
        if (is_device(attr)) {
            snprintf(size, sizeof size, "%u, %u", (unsigned)(attr->rdev >> 32),
                     (unsigned)attr->rdev);
        } else {
            snprintf(size, sizeof size, "%llu", (unsigned long long)attr->size);
        }
        printf("%s %5u %5u %5u %12s %s ", mode, attr->nlink, attr->uid, attr->gid, size, when);
    }
    print_name(stdout, name, strlen(name));
    if (long_form && S_ISLNK(attr->mode)) {
        print_target(volume, attr);
    }
    printf("\n");
}

static int list_directory(const struct volume *volume, const char *path, uint64_t dir,
                          bool long_form)
{
    struct names names;
    struct sfs_attr attr;
    int status = names_read(volume, path, dir, &names) ? EXIT_DONE : EXIT_IMAGE;

    for (size_t i = 0; i < names.count; i++) {
        int error = sfs_lookup(volume->fs, dir, names.name[i], strlen(names.name[i]), &attr);

        if (error < 0) {
            status = inside_complain(volume, names.name[i], error);
            continue;
        }
        print_entry(volume, &attr, names.name[i], long_form);
        sfs_forget(volume->fs, attr.ino, 1);
    }
    names_free(&names);
    return status;
}

int verb_ls(const struct options *options)
{
    static char *const root[] = {"/"};
    char *const *paths = options->operand_count > 0 ? options->operands : root;
    int count = options->operand_count > 0 ? options->operand_count : 1;
    struct sfs_walk_result found;
    struct volume volume;
    int status = EXIT_DONE;

    volume_mount(&volume, options->image, false);
    for (int i = 0; i < count; i++) {
        int error = inside_walk(volume.fs, paths[i], SFS_WALK_NOFOLLOW, &found);

        if (error < 0) {
            status = inside_complain(&volume, paths[i], error);
        } else if (!is_dir(&found.attr)) {
            print_entry(&volume, &found.attr, paths[i], options->long_form);
        } else {
            if (count > 1) {
                printf("%s", i > 0 ? "\n" : "");
                print_name(stdout, paths[i], strlen(paths[i]));
                printf(":\n");
            }
            status |= list_directory(&volume, paths[i], found.attr.ino, options->long_form);
        }
    }
    volume_close(&volume);
    return status;
}

/* ---- cat ---- */

/* Returns 0 or enum sfs_error. */
static int copy_out(const struct volume *volume, uint64_t ino)
{
    static char piece[PIECE];
    uint64_t offset = 0;
    int64_t got;

    while ((got = sfs_read(volume->fs, ino, offset, piece, sizeof piece)) > 0) {
        if (fwrite(piece, 1, (size_t)got, stdout) != (size_t)got) {
            refuse("standard output", "cannot be written");
        }
        offset += (uint64_t)got;
    }
    return (int)got;
}

int verb_cat(const struct options *options)
{
    struct sfs_walk_result found;
    struct volume volume;
    int status = EXIT_DONE;

    volume_mount(&volume, options->image, false);
    for (int i = 0; i < options->operand_count; i++) {
        int error = inside_walk(volume.fs, options->operands[i], 0, &found);

        if (error == 0) {
            error = copy_out(&volume, found.attr.ino);
        }
        if (error < 0) {
            status = inside_complain(&volume, options->operands[i], error);
        }
    }
    volume_close(&volume);
    return status;
}

/* ---- stat ---- */

static const char *type_name(const struct sfs_attr *attr)
{
    static const char *const names[16] = {
        [SFS_TYPE_FIFO] = "FIFO",        [SFS_TYPE_CHR] = "character device",
        [SFS_TYPE_DIR] = "directory",    [SFS_TYPE_BLK] = "block device",
        [SFS_TYPE_REG] = "regular file", [SFS_TYPE_LNK] = "symbolic link",
        [SFS_TYPE_SOCK] = "socket",
    };
    const char *name = names[attr->mode >> 12];

    return name != NULL ? name : "nothing known";
}

static void print_time(const char *what, int64_t ns)
{
    char text[48], zone[16];

    time_text(ns, "%Y-%m-%d %H:%M:%S", text, sizeof text);
    time_text(ns, "%z", zone, sizeof zone);
    printf("%8s  %s.%09lld %s\n", what, text, (long long)(ns % NS < 0 ? ns % NS + NS : ns % NS),
           zone);
}

/* The block of the table that INO lies in, for those who go on with `mkdisk dump`. */
static uint64_t block_of_inode(const struct volume *volume, uint64_t ino)
{
    struct raw raw;

    if (!raw_open(&raw, &volume->image, &volume->place)) {
        return 0; /* never: it is mounted */
    }
    return raw.super.inode_table_start + ino / (raw.bs / sizeof(struct sfs_inode));
}

static void print_stat(const struct volume *volume, const char *path, const struct sfs_attr *attr)
{
    char mode[11];

    mode_text(attr->mode, mode);
    printf("    file  ");
    print_name(stdout, path, strlen(path));
    if (S_ISLNK(attr->mode)) {
        print_target(volume, attr);
    }
    printf("\n    type  %s\n", type_name(attr));
    printf("   inode  %llu in block %llu, %u link%s\n", (unsigned long long)attr->ino,
           (unsigned long long)block_of_inode(volume, attr->ino), attr->nlink,
           attr->nlink == 1 ? "" : "s");
    printf("    size  %llu bytes, %llu sectors on the disk\n", (unsigned long long)attr->size,
           (unsigned long long)attr->blocks);
    if (is_device(attr)) {
        printf("  device  %u, %u\n", (unsigned)(attr->rdev >> 32), (unsigned)attr->rdev);
    }
    printf("    mode  %04o %s\n   owner  %u, group %u\n", attr->mode & 07777, mode, attr->uid,
           attr->gid);
    print_time("accessed", attr->atime_ns);
    print_time("modified", attr->mtime_ns);
    print_time("changed", attr->ctime_ns);
}

int verb_stat(const struct options *options)
{
    struct sfs_walk_result found;
    struct volume volume;
    int status = EXIT_DONE;

    volume_mount(&volume, options->image, false);
    for (int i = 0; i < options->operand_count; i++) {
        int error = inside_walk(volume.fs, options->operands[i], SFS_WALK_NOFOLLOW, &found);

        if (error < 0) {
            status = inside_complain(&volume, options->operands[i], error);
        } else {
            print_stat(&volume, options->operands[i], &found.attr);
        }
    }
    volume_close(&volume);
    return status;
}
