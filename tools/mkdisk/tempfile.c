/* tempfile.c - see tempfile.h. */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "mkdisk.h"
#include "tempfile.h"

#define SUFFIX ".XXXXXX"

static char target[PATH_MAX];
static char temporary[PATH_MAX + sizeof SUFFIX];
static volatile sig_atomic_t pending; /* the temporary file exists */

static void remove_pending(void)
{
    if (pending) {
        pending = 0;
        unlink(temporary);
    }
}

static void remove_and_die(int signal_number)
{
    remove_pending(); /* unlink(2) may be called from a signal handler */
    signal(signal_number, SIG_DFL);
    raise(signal_number);
}

static void watch_for_the_end(void)
{
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP};

    atexit(remove_pending);
    for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++) {
        struct sigaction action = {.sa_handler = remove_and_die};

        sigaction(signals[i], &action, NULL);
    }
}

/*
 * The permission bits of the new file: those of the one it replaces, else what the umask leaves.
 * A link is followed, so that it is its target that is replaced. What is no file cannot be.
 */
static mode_t resolve_target(const char *path)
{
    struct stat status;
    mode_t mask = umask(0);

    umask(mask);
    if (stat(path, &status) != 0) {
        if (errno != ENOENT) {
            refuse(path, "cannot be made: %s", strerror(errno));
        }
        if (strlen(path) >= sizeof target) {
            refuse(path, "cannot be made: %s", strerror(ENAMETOOLONG));
        }
        strcpy(target, path);
        return 0666 & ~mask;
    }
    if (S_ISBLK(status.st_mode)) {
        refuse(path, "is a block device: create makes files; see `mkdisk install`");
    }
    if (!S_ISREG(status.st_mode)) {
        refuse(path, "exists and is not a file");
    }
    if (realpath(path, target) == NULL) {
        refuse(path, "cannot be made: %s", strerror(errno));
    }
    return status.st_mode & 0777;
}

/* Whoever uses the old image would go on with a file that has no name any more. */
static void refuse_target_in_use(void)
{
    struct flock whole_file = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    int fd = open(target, O_RDONLY | O_CLOEXEC);

    if (fd < 0) {
        return; /* nothing there yet, or a file that only its directory lets us replace */
    }
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        refuse(target, "is in use: another program holds a lock on it");
    }
    if (fcntl(fd, F_OFD_GETLK, &whole_file) == 0 && whole_file.l_type != F_UNLCK) {
        refuse(target, "is in use: a virtual machine holds a lock on it");
    }
    close(fd);
}

int tempfile_create(const char *path)
{
    mode_t mode = resolve_target(path);
    int fd;

    refuse_target_in_use();
    snprintf(temporary, sizeof temporary, "%s" SUFFIX, target);
    watch_for_the_end();
    pending = 1; /* before the file exists: a signal may come at any moment */
    fd = mkstemp(temporary);
    if (fd < 0) {
        pending = 0;
        refuse(path, "cannot be made: %s", strerror(errno));
    }
    if (fchmod(fd, mode) != 0) {
        refuse(path, "cannot be made: %s", strerror(errno));
    }
    return fd;
}

/* Without this the rename itself could be lost in a power cut. */
static void sync_directory(void)
{
    int fd = open(dirname(temporary), O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd >= 0) {
        fsync(fd); /* some file systems cannot; the image is whole all the same */
        close(fd);
    }
}

void tempfile_commit(void)
{
    if (rename(temporary, target) != 0) {
        refuse(target, "cannot be given its name: %s", strerror(errno));
    }
    pending = 0;
    sync_directory();
}
