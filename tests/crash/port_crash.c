/*
 * port_crash.c - see port_crash.h. Threads are those of fiber.h. With one thread a mutex is never
 * waited for, and a wait for a condition would never end: both are reported, as the mistakes that
 * they are.
 */
#include "tests/crash/port_crash.h"

#include <stdio.h>
#include <stdlib.h>

#include "fs/port.h"
#include "tests/crash/fiber.h"
#include "tests/crash/hash.h"

#define CLASSES     8 /* of small memory, by 64 bytes */
#define CLASS_BYTES 64

struct port_mutex {
    bool held;
};
struct port_cond {
    char nothing;
};

/* Memory that was freed, by size: mounts ask for the same sizes a million times. */
struct piece {
    struct piece *next;
    size_t size;
};
static struct piece *pieces[CLASSES + 1];

int64_t port_clock;
bool port_verbose;
const char *(*port_context)(void);
static struct random port_rng;

void port_seed(uint64_t seed)
{
    port_rng.state = seed;
}

static unsigned class_of(size_t size)
{
    size_t class = (size + CLASS_BYTES - 1) / CLASS_BYTES;

    return class < CLASSES ? (unsigned)class : CLASSES;
}

void *port_alloc(size_t size)
{
    unsigned class = class_of(size);
    struct piece *piece = class < CLASSES ? pieces[class] : NULL;

    if (piece != NULL) {
        pieces[class] = piece->next;
    } else {
        piece = malloc(sizeof(*piece) + (class < CLASSES ? (size_t) class * CLASS_BYTES : size));
    }
    piece->size = size;
    return piece + 1;
}

void port_free(void *memory)
{
    if (memory == NULL) {
        return;
    }
    struct piece *piece = (struct piece *)memory - 1;
    unsigned class = class_of(piece->size);

    if (class == CLASSES) {
        free(piece);
    } else {
        piece->next = pieces[class];
        pieces[class] = piece;
    }
}

int64_t port_now_ns(void)
{
    return port_clock;
}

void port_random(void *buffer, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        ((uint8_t *)buffer)[i] = (uint8_t)random_next(&port_rng);
    }
}

void port_log(const char *text, ...)
{
    va_list args;

    if (port_verbose) {
        va_start(args, text);
        fprintf(stderr, "sfs: ");
        vfprintf(stderr, text, args);
        fputc('\n', stderr);
        va_end(args);
    }
}

_Noreturn void port_panic(const char *file, int line, const char *text)
{
    printf("PANIC %s: %s:%d: %s\n", port_context != NULL ? port_context() : "", file, line, text);
    fflush(stdout);
    _Exit(3);
}

struct port_mutex *port_mutex_create(const char *name)
{
    struct port_mutex *mutex = port_alloc(sizeof(*mutex));

    (void)name;
    mutex->held = false;
    return mutex;
}

void port_mutex_destroy(struct port_mutex *mutex)
{
    port_free(mutex);
}

void port_mutex_lock(struct port_mutex *mutex)
{
    fiber_turn(8);
    while (mutex->held) {
        fiber_sleep(mutex);
    }
    mutex->held = true;
}

void port_mutex_unlock(struct port_mutex *mutex)
{
    if (!mutex->held) {
        port_panic(__FILE__, __LINE__, "a mutex that is not held");
    }
    mutex->held = false;
    fiber_wake(mutex);
}

struct port_cond *port_cond_create(void)
{
    return port_alloc(sizeof(struct port_cond));
}

void port_cond_destroy(struct port_cond *cond)
{
    port_free(cond);
}

void port_cond_wait(struct port_cond *cond, struct port_mutex *mutex)
{
    port_mutex_unlock(mutex);
    fiber_sleep(cond);
    port_mutex_lock(mutex);
}

void port_cond_wake_all(struct port_cond *cond)
{
    fiber_wake(cond);
}
