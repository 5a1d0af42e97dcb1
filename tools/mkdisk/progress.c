/* progress.c - see progress.h. */
#include "progress.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define FIRST_NS 500000000 /* shorter work needs no bar */
#define NEXT_NS  100000000
#define WIDTH    40

static const char *subject;
static uint64_t total, done;
static int64_t next_ns;
static bool on_terminal, shown;

static int64_t now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    return now.tv_sec * 1000000000ll + now.tv_nsec;
}

static void draw(void)
{
    char bar[WIDTH + 1];
    unsigned filled;

    shown = true;
    if (total == 0) {
        fprintf(stderr, "\r\033[K%s: %llu", subject, (unsigned long long)done);
        return;
    }
    filled = done >= total ? WIDTH : (unsigned)(done * WIDTH / total);
    memset(bar, '#', filled);
    memset(bar + filled, '.', WIDTH - filled);
    bar[WIDTH] = '\0';
    fprintf(stderr, "\r\033[K%s [%s] %3u %%", subject, bar,
            done >= total ? 100 : (unsigned)(done * 100 / total));
}

void progress_start(const char *what, uint64_t steps)
{
    subject = what;
    total = steps;
    done = 0;
    shown = false;
    on_terminal = isatty(STDERR_FILENO) == 1;
    next_ns = on_terminal ? now_ns() + FIRST_NS : 0;
}

void progress_add(uint64_t more)
{
    int64_t now;

    done += more;
    if (!on_terminal || (now = now_ns()) < next_ns) {
        return;
    }
    next_ns = now + NEXT_NS;
    draw();
}

void progress_hide(void)
{
    if (shown) {
        fprintf(stderr, "\r\033[K");
    }
    shown = false;
}

void progress_end(void)
{
    progress_hide();
    on_terminal = false;
}
