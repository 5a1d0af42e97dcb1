/*
 * port.h - what SFS needs from where it runs: the kernel, mkdisk, FUSE or a test. Besides this and
 * the block interface (include/blk.h) it knows nothing of the world.
 *
 * Every host provides these functions; all may be called by several threads at once.
 */
#ifndef SECTOR0_FS_PORT_H
#define SECTOR0_FS_PORT_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* With their standard meaning. */
void *memcpy(void *restrict to, const void *restrict from, size_t size);
void *memmove(void *to, const void *from, size_t size);
void *memset(void *to, int byte, size_t size);
int memcmp(const void *a, const void *b, size_t size);
size_t strlen(const char *text);

/* Memory, 16-byte aligned, contents undefined; NULL when there is none, which SFS survives. */
void *port_alloc(size_t size);
void port_free(void *memory); /* NULL is allowed */

/* Nanoseconds since 1970, UTC; 0 if the machine does not know. */
int64_t port_now_ns(void);

/* Fill BUFFER with SIZE bytes that nobody can guess, or at least that differ each time. */
void port_random(void *buffer, size_t size);

/* One line for people, no \n at its end. */
void port_log(const char *text, ...) __attribute__((format(printf, 1, 2)));

/* SFS found a mistake of its own. */
_Noreturn void port_panic(const char *file, int line, const char *text);

#define SFS_ASSERT(condition)                                                                      \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            port_panic(__FILE__, __LINE__, #condition);                                            \
        }                                                                                          \
    } while (0)

/* A lock that sleeps, and a queue to sleep on. NULL from create: no memory. */
struct port_mutex;
struct port_cond;
struct port_mutex *port_mutex_create(const char *name);
void port_mutex_destroy(struct port_mutex *mutex);
void port_mutex_lock(struct port_mutex *mutex);
void port_mutex_unlock(struct port_mutex *mutex);
struct port_cond *port_cond_create(void);
void port_cond_destroy(struct port_cond *cond);
void port_cond_wait(struct port_cond *cond, struct port_mutex *mutex);
void port_cond_wake_all(struct port_cond *cond);

#endif
