/*
 * mount.c - `mkdisk mount`: the volume of an image as a directory of this host, until somebody
 * unmounts it or stops us. All that has changed is then on the disk, and the volume clean.
 *
 * One thread looks after commits by age, the others answer the kernel (fuseops.c). What only root
 * may do with a disk stays with the host: set-id programs and device nodes have no effect.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fuseops.h"
#include "options.h"
#include "port.h"
#include "volume.h"

#ifndef MKDISK_FUSE

int verb_mount(const struct options *options)
{
    refuse(options->image, "cannot be mounted: this mkdisk was built without libfuse3; install "
                           "the packages fuse3 and libfuse3-dev, then build it again");
}

#else
#include <fuse3/fuse_log.h>
#include <pthread.h>
#include <time.h>

#define THREADS      10 /* that answer the kernel, at most */
#define THREADS_IDLE 8  /* of them, those that are kept */
#define WAITERS      5  /* of them, those that may wait for space */

struct ticker {
    struct sfs *fs;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t stop;
    bool stopping; /* guarded by lock */
};

/* Once a second, until stopping. */
static void *tick(void *argument)
{
    struct ticker *ticker = argument;
    struct timespec next;

    clock_gettime(CLOCK_REALTIME, &next);
    pthread_mutex_lock(&ticker->lock);
    while (!ticker->stopping) {
        next.tv_sec++;
        if (pthread_cond_timedwait(&ticker->stop, &ticker->lock, &next) == ETIMEDOUT) {
            pthread_mutex_unlock(&ticker->lock);
            (void)sfs_tick(ticker->fs); /* what fails aborts, and every fsync tells */
            clock_gettime(CLOCK_REALTIME, &next);
            pthread_mutex_lock(&ticker->lock);
        }
    }
    pthread_mutex_unlock(&ticker->lock);
    return NULL;
}

static void ticker_start(struct ticker *ticker, const struct volume *volume)
{
    *ticker = (struct ticker){.fs = volume->fs};
    pthread_mutex_init(&ticker->lock, NULL);
    pthread_cond_init(&ticker->stop, NULL);
    if (pthread_create(&ticker->thread, NULL, tick, ticker) != 0) {
        refuse(volume->image.name, "cannot be mounted: no memory for a thread");
    }
}

static void ticker_stop(struct ticker *ticker)
{
    pthread_mutex_lock(&ticker->lock);
    ticker->stopping = true;
    pthread_cond_signal(&ticker->stop);
    pthread_mutex_unlock(&ticker->lock);
    pthread_join(ticker->thread, NULL);
}

/* What libfuse has to say is the reason of our own complaint. */
static char fuse_remark[160];

static void keep_remark(enum fuse_log_level level, const char *format, va_list arguments)
{
    if (level <= FUSE_LOG_ERR) {
        vsnprintf(fuse_remark, sizeof fuse_remark, format, arguments);
        fuse_remark[strcspn(fuse_remark, "\n")] = '\0';
    }
}

/* A session of FUSE for VOLUME, or a refusal. As root, every user of the host may come in. */
static struct fuse_session *make_session(const struct volume *volume, bool writable)
{
    struct fuse_lowlevel_ops ops;
    struct fuse_session *session;
    char words[256 + 64];
    char *arguments[] = {"mkdisk", "-o", words, NULL};
    struct fuse_args args = FUSE_ARGS_INIT(3, arguments);

    snprintf(words, sizeof words, "default_permissions,subtype=sfs,fsname=mkdisk%s%s",
             geteuid() == 0 ? ",allow_other" : "", writable ? "" : ",ro");
    fuse_set_log_func(keep_remark);
    fuse_set_ops(&ops);
    session = fuse_session_new(&args, &ops, sizeof ops, volume->fs);
    fuse_opt_free_args(&args);
    if (session == NULL || fuse_set_signal_handlers(session) != 0) {
        refuse(volume->image.name, "cannot be mounted: libfuse3 does not start");
    }
    return session;
}

static int answer(struct fuse_session *session, bool single_thread)
{
    struct fuse_loop_config *config;
    int result;

    fuse_set_waiters(single_thread ? 0 : WAITERS);
    if (single_thread) {
        return fuse_session_loop(session);
    }
    config = fuse_loop_cfg_create();
    fuse_loop_cfg_set_max_threads(config, THREADS);
    fuse_loop_cfg_set_idle_threads(config, THREADS_IDLE);
    result = fuse_session_loop_mt(session, config);
    fuse_loop_cfg_destroy(config);
    return result;
}

static void refuse_no_directory(const char *path)
{
    struct stat status;

    if (stat(path, &status) != 0) {
        refuse(path, "cannot be a mount point: %s", strerror(errno));
    }
    if (!S_ISDIR(status.st_mode)) {
        refuse(path, "cannot be a mount point: it is no directory");
    }
}

int verb_mount(const struct options *options)
{
    bool writable = !options->read_only && image_may_write(options->image);
    const char *directory = options->operands[0];
    struct fuse_session *session;
    struct volume volume;
    struct ticker ticker;
    int result;

    refuse_no_directory(directory); /* FUSE would hang the volume's root over a file */
    volume_mount(&volume, options->image, writable);
    session = make_session(&volume, writable);
    if (fuse_session_mount(session, directory) != 0) {
        volume_unmount(&volume);
        refuse(directory, "cannot be a mount point for %s: %s", options->image, fuse_remark);
    }
    if (options->foreground) {
        port_print_remarks(options->image);
    } else if (fuse_daemonize(0) != 0) {
        refuse(options->image, "cannot go on in the background: %s", strerror(errno));
    }
    ticker_start(&ticker, &volume);
    result = answer(session, options->single_thread);
    fuse_session_unmount(session);
    ticker_stop(&ticker);
    fuse_remove_signal_handlers(session);
    fuse_session_destroy(session);
    volume_close(&volume);
    return result < 0 ? EXIT_IMAGE : EXIT_DONE; /* above 0: a signal */
}
#endif
