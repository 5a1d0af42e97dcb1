/* fiber.c - see fiber.h. */
#include "tests/crash/fiber.h"

#include <stddef.h>
#include <ucontext.h>

#include "fs/port.h"
#include "tests/crash/hash.h"

#define STACK    (256u << 10)
#define NAP_EACH 3   /* of so many turns, one begins a nap ... */
#define NAP_MAX  256 /* ... of so many turns ... */
#define NAP_MORE 6   /* ... doubled so often, at most: others get far meanwhile */

static struct fiber {
    ucontext_t context;
    void (*run)(void *);
    void *ctx;
    const void *sleeps_on;
    uint64_t naps_until; /* in turns */
    bool lives;
} fibers[FIBERS];

static uint8_t stacks[FIBERS][STACK] __attribute__((aligned(64)));
static ucontext_t outside;
static struct fiber *current; /* NULL: outside */
static struct random chance;
static uint64_t turns;

static struct fiber *choose_among(bool nappers)
{
    struct fiber *ready[FIBERS];
    unsigned count = 0;

    for (unsigned i = 0; i < FIBERS; i++) {
        if (fibers[i].lives && fibers[i].sleeps_on == NULL &&
            (nappers || fibers[i].naps_until <= turns)) {
            ready[count++] = &fibers[i];
        }
    }
    return count > 0 ? ready[random_below(&chance, count)] : NULL;
}

/* Any of those that can go on; NULL: none. */
static struct fiber *choose(void)
{
    struct fiber *awake = choose_among(false);

    return awake != NULL ? awake : choose_among(true);
}

static void go_on_with(struct fiber *next)
{
    struct fiber *before = current;

    if (next != before) {
        current = next;
        swapcontext(&before->context, &next->context);
    }
}

static void begin(void)
{
    current->run(current->ctx);
    current->lives = false;
    current = choose();
    for (unsigned i = 0; i < FIBERS && current == NULL; i++) {
        if (fibers[i].lives) {
            port_panic(__FILE__, __LINE__, "all threads sleep");
        }
    }
    setcontext(current != NULL ? &current->context : &outside);
}

void fibers_run(void (*const run[])(void *ctx), void *const ctx[], unsigned count, uint64_t seed)
{
    chance.state = seed;
    turns = 0;
    for (unsigned i = 0; i < count; i++) {
        fibers[i].run = run[i];
        fibers[i].ctx = ctx[i];
        fibers[i].sleeps_on = NULL;
        fibers[i].naps_until = 0;
        fibers[i].lives = true;
        getcontext(&fibers[i].context);
        fibers[i].context.uc_stack.ss_sp = stacks[i];
        fibers[i].context.uc_stack.ss_size = STACK;
        makecontext(&fibers[i].context, begin, 0);
    }
    current = &fibers[0];
    swapcontext(&outside, &current->context);
}

void fiber_turn(uint32_t each)
{
    turns++;
    if (current != NULL && random_below(&chance, each) == 0) {
        if (random_below(&chance, NAP_EACH) == 0) {
            current->naps_until =
                turns + (random_below(&chance, NAP_MAX) << random_below(&chance, NAP_MORE));
        }
        go_on_with(choose());
    }
}

void fiber_pass(void)
{
    turns++;
    if (current != NULL) {
        go_on_with(choose());
    }
}

void fiber_sleep(const void *on)
{
    if (current == NULL) {
        port_panic(__FILE__, __LINE__, "a wait that nobody will end");
    }
    current->sleeps_on = on;
    struct fiber *next = choose();
    if (next == NULL) {
        port_panic(__FILE__, __LINE__, "all threads sleep");
    }
    go_on_with(next);
}

void fiber_wake(const void *on)
{
    for (unsigned i = 0; i < FIBERS; i++) {
        if (fibers[i].sleeps_on == on) {
            fibers[i].sleeps_on = NULL;
        }
    }
}
