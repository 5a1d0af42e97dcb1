/* port_host.c - see port_host.h. */
#include "tests/fs/port_host.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "fs/port.h"

bool port_verbose;
static char last_log[256];
static long fail_after = -1;
static bool failed;
static size_t in_use, peak;
static uint64_t state = 1;
void (*port_unlocked)(void);
static _Thread_local unsigned locked; /* mutexes that this thread has */
static pthread_mutex_t guard = PTHREAD_MUTEX_INITIALIZER;

void port_fail_alloc(long count)
{
    fail_after = count;
    failed = false;
}

bool port_alloc_failed(void)
{
    return failed;
}

size_t port_in_use(void)
{
    return in_use;
}

size_t port_peak(void)
{
    return peak;
}

void port_reset_peak(void)
{
    peak = in_use;
}

/* The size lies in front of the memory. */
void *port_alloc(size_t size)
{
    size_t *memory = NULL;

    pthread_mutex_lock(&guard);
    if (fail_after >= 0 && fail_after-- == 0) {
        failed = true;
    } else {
        memory = malloc(size + 16);
    }
    if (memory != NULL) {
        memory[0] = size;
        memset(memory + 2, 0xDB, size);
        in_use += size;
        peak = in_use > peak ? in_use : peak;
    }
    pthread_mutex_unlock(&guard);
    return memory != NULL ? memory + 2 : NULL;
}

void port_free(void *memory)
{
    if (memory != NULL) {
        size_t *start = (size_t *)memory - 2;

        pthread_mutex_lock(&guard);
        in_use -= start[0];
        pthread_mutex_unlock(&guard);
        free(start);
    }
}

int64_t port_now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return now.tv_sec * 1000000000ll + now.tv_nsec;
}

void rng_seed(uint64_t seed)
{
    state = seed * 2 + 1;
}

/* splitmix64 */
uint64_t rng(void)
{
    uint64_t z = state += 0x9E3779B97F4A7C15ull;

    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9ull;
    z = (z ^ z >> 27) * 0x94D049BB133111EBull;
    return z ^ z >> 31;
}

uint32_t rng_below(uint32_t limit)
{
    return (uint32_t)(rng() % limit);
}

void port_random(void *buffer, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        ((uint8_t *)buffer)[i] = (uint8_t)rng();
    }
}

void port_log(const char *text, ...)
{
    va_list args;

    va_start(args, text);
    vsnprintf(last_log, sizeof(last_log), text, args);
    va_end(args);
    if (port_verbose) {
        fprintf(stderr, "sfs: %s\n", last_log);
    }
}

const char *port_last_log(void)
{
    return last_log;
}

void port_panic(const char *file, int line, const char *text)
{
    fprintf(stderr, "%s:%d: %s does not hold\n", file, line, text);
    abort();
}

struct port_mutex {
    pthread_mutex_t mutex;
};

struct port_cond {
    pthread_cond_t cond;
};

struct port_mutex *port_mutex_create(const char *name)
{
    pthread_mutexattr_t attr;
    struct port_mutex *mutex = port_alloc(sizeof(*mutex));

    (void)name;
    if (mutex != NULL) {
        pthread_mutexattr_init(&attr);
        pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_ERRORCHECK);
        pthread_mutex_init(&mutex->mutex, &attr);
    }
    return mutex;
}

void port_mutex_destroy(struct port_mutex *mutex)
{
    pthread_mutex_destroy(&mutex->mutex);
    port_free(mutex);
}

/* Locking twice, or unlocking what is not ours, ends the test. */
void port_mutex_lock(struct port_mutex *mutex)
{
    if (pthread_mutex_lock(&mutex->mutex) != 0) {
        port_panic(__FILE__, __LINE__, "a free mutex");
    }
    locked++;
}

void port_mutex_unlock(struct port_mutex *mutex)
{
    if (pthread_mutex_unlock(&mutex->mutex) != 0) {
        port_panic(__FILE__, __LINE__, "our mutex");
    }
    if (--locked == 0 && port_unlocked != NULL) {
        port_unlocked();
    }
}

struct port_cond *port_cond_create(void)
{
    struct port_cond *cond = port_alloc(sizeof(*cond));

    if (cond != NULL) {
        pthread_cond_init(&cond->cond, NULL);
    }
    return cond;
}

void port_cond_destroy(struct port_cond *cond)
{
    pthread_cond_destroy(&cond->cond);
    port_free(cond);
}

void port_cond_wait(struct port_cond *cond, struct port_mutex *mutex)
{
    pthread_cond_wait(&cond->cond, &mutex->mutex);
}

void port_cond_wake_all(struct port_cond *cond)
{
    pthread_cond_broadcast(&cond->cond);
}
