/*
 * port.c - what the file system needs from its host (fs/port.h), here a process with threads.
 *
 * Its remarks are kept, not printed: mkdisk says one line when something fails, and the last remark
 * is often the reason (volume.c). A mount that stays in the foreground prints them.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "fs/port.h"
#include "mkdisk.h"
#include "port.h"

#define REMARK_SIZE     160
#define REMARKS_PRINTED 100 /* a damaged volume has more, and the reader of a pipe may not read */

static pthread_mutex_t remark_guard = PTHREAD_MUTEX_INITIALIZER;
static char remark[REMARK_SIZE];
static const char *remark_subject; /* NULL: remarks are not printed */
static unsigned remarks;           /* of those that were */

struct port_mutex {
    pthread_mutex_t mutex;
};

struct port_cond {
    pthread_cond_t cond;
};

void *port_alloc(size_t size)
{
    return malloc(size);
}

void port_free(void *memory)
{
    free(memory);
}

int64_t port_now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return now.tv_sec * 1000000000ll + now.tv_nsec;
}

void port_random(void *buffer, size_t size)
{
    if (getrandom(buffer, size, 0) != (ssize_t)size) { /* never, up to 256 bytes */
        refuse("random numbers", "the system has none");
    }
}

void port_log(const char *text, ...)
{
    va_list arguments;

    pthread_mutex_lock(&remark_guard);
    va_start(arguments, text);
    vsnprintf(remark, sizeof remark, text, arguments);
    va_end(arguments);
    if (remark_subject != NULL && remarks < REMARKS_PRINTED) {
        complain(remark_subject, "%s", remark);
        if (++remarks == REMARKS_PRINTED) {
            complain(remark_subject, "further remarks are not printed");
        }
    }
    pthread_mutex_unlock(&remark_guard);
}

void port_print_remarks(const char *subject)
{
    remark_subject = subject;
}

void port_last_remark(char *text, size_t size)
{
    pthread_mutex_lock(&remark_guard);
    snprintf(text, size, "%s", remark);
    pthread_mutex_unlock(&remark_guard);
}

void port_panic(const char *file, int line, const char *text)
{
    fprintf(stderr, "mkdisk: mistake of the program: %s:%d: %s does not hold\n", file, line, text);
    abort();
}

struct port_mutex *port_mutex_create(const char *name)
{
    struct port_mutex *mutex = malloc(sizeof *mutex);

    (void)name;
    if (mutex != NULL) {
        pthread_mutex_init(&mutex->mutex, NULL);
    }
    return mutex;
}

void port_mutex_destroy(struct port_mutex *mutex)
{
    pthread_mutex_destroy(&mutex->mutex);
    free(mutex);
}

void port_mutex_lock(struct port_mutex *mutex)
{
    pthread_mutex_lock(&mutex->mutex);
}

void port_mutex_unlock(struct port_mutex *mutex)
{
    pthread_mutex_unlock(&mutex->mutex);
}

struct port_cond *port_cond_create(void)
{
    struct port_cond *cond = malloc(sizeof *cond);

    if (cond != NULL) {
        pthread_cond_init(&cond->cond, NULL);
    }
    return cond;
}

void port_cond_destroy(struct port_cond *cond)
{
    pthread_cond_destroy(&cond->cond);
    free(cond);
}

void port_cond_wait(struct port_cond *cond, struct port_mutex *mutex)
{
    pthread_cond_wait(&cond->cond, &mutex->mutex);
}

void port_cond_wake_all(struct port_cond *cond)
{
    pthread_cond_broadcast(&cond->cond);
}
