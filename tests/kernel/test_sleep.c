/*
 * test_sleep.c - sleeping: never too short, not much too long, in the right order. And the work
 * thread.
 */
#include "kernel/clock.h"
#include "kernel/sched/semaphore.h"
#include "kernel/sched/work.h"
#include "kernel/string.h"
#include "tests/kernel/guest_test.h"
#include "tests/kernel/threads.h"

/*
 * How late it is depends on the host, too, when the machine is an emulated one; so the best of many
 * counts. It cannot be better than the next tick.
 */
GUEST_TEST(sleep_is_never_short_and_seldom_long)
{
    uint64_t least_late = UINT64_MAX;

    for (unsigned i = 1; i <= 25; i++) {
        uint64_t length = i * MILLISECOND * 7 / 10;
        uint64_t start = clock_nanos();

        thread_sleep(length);
        uint64_t slept = clock_nanos() - start;

        CHECK(slept >= length, "%llu ns instead of %llu", (unsigned long long)slept,
              (unsigned long long)length);
        least_late = slept - length < least_late ? slept - length : least_late;
    }
    CHECK(least_late < 5 * MILLISECOND, "always %llu ns too long", (unsigned long long)least_late);
}

GUEST_TEST(sleep_of_nothing_is_a_yield)
{
    uint64_t start = clock_ticks();

    for (unsigned i = 0; i < 10000; i++) {
        thread_sleep(0);
    }
    CHECK(clock_ticks() - start < 5000, "%llu ticks", (unsigned long long)(clock_ticks() - start));
}

#define SLEEPERS 6

static unsigned order[SLEEPERS];
static volatile unsigned awake;

struct sleeper {
    unsigned number;
    uint64_t length;
    struct thread *thread;
};

static void sleep_and_sign(void *argument)
{
    const struct sleeper *sleeper = argument;

    thread_sleep(sleeper->length);
    order[awake++] = sleeper->number;
}

/* Put into the queue at its ends and in the middle; the one that is stopped leaves it there. */
GUEST_TEST(sleepers_wake_in_order)
{
    static const unsigned lengths[SLEEPERS] = {60, 20, 80, 40, 100, 10000};
    static const unsigned expected[SLEEPERS] = {5, 1, 3, 0, 2, 4};
    struct sleeper sleepers[SLEEPERS];

    awake = 0;
    for (unsigned i = 0; i < SLEEPERS; i++) {
        sleepers[i] = (struct sleeper){.number = i, .length = lengths[i] * MILLISECOND};
        sleepers[i].thread = start_helper(sleep_and_sign, &sleepers[i], THREAD_HIGH);
    }
    thread_ask_to_stop(thread_id(sleepers[5].thread));
    for (unsigned i = 0; i < SLEEPERS; i++) {
        thread_join(sleepers[i].thread);
    }
    for (unsigned i = 0; i < SLEEPERS; i++) {
        CHECK(order[i] == expected[i], "number %u to wake was %u", i, order[i]);
    }
}

static char done[8];
static unsigned done_count;
static char ran_in[THREAD_NAME_MAX];

struct letter_work {
    struct work work;
    char letter;
    unsigned again; /* how often it queues itself again */
};

static void write_letter(struct work *work)
{
    struct letter_work *mine = (struct letter_work *)work;

    memcpy(ran_in, thread_name(thread_current()), THREAD_NAME_MAX);
    thread_sleep(MILLISECOND);
    done[done_count++] = mine->letter;
    if (mine->again > 0) {
        mine->again--;
        work_queue(&mine->work);
    }
}

GUEST_TEST(work_runs_in_order)
{
    struct letter_work a = {.work.run = write_letter, .letter = 'a', .again = 1};
    struct letter_work b = {.work.run = write_letter, .letter = 'b'};
    struct letter_work c = {.work.run = write_letter, .letter = 'c'};

    done_count = 0;
    preempt_disable(); /* a must not begin before all are queued, itself for the second time */
    bool first = work_queue(&a.work);
    bool second = work_queue(&a.work);

    work_queue(&b.work);
    work_queue(&c.work);
    preempt_enable();
    work_flush(); /* the three, but perhaps not what was queued meanwhile */
    CHECK(memcmp(done, "abc", 3) == 0, "the order was %.3s", done);
    work_flush();
    CHECK(first && !second, "queued: %d, %d", first, second);
    CHECK(done_count == 4 && done[3] == 'a', "%u were done", done_count);
    CHECK(strcmp(ran_in, "work") == 0, "in thread %s", ran_in);
}

static struct semaphore work_came = SEMAPHORE("test work", 0);

static void let_through(struct work *work)
{
    (void)work;
    semaphore_up(&work_came);
}

GUEST_TEST(work_torture)
{
    static struct work works[4] = {
        {.run = let_through}, {.run = let_through}, {.run = let_through}, {.run = let_through}};
    unsigned queued = 0;

    for (unsigned i = 0; i < 4000; i++) {
        if (i % 16 == 0) {
            preempt_disable();
        }
        queued += work_queue(&works[i % 4]);
        if (i % 16 == 8) {
            preempt_enable();
        }
    }
    work_flush();
    for (unsigned i = 0; i < queued; i++) {
        CHECK(semaphore_try_down(&work_came), "%u were queued, %u ran", queued, i);
    }
    CHECK(!semaphore_try_down(&work_came), "more ran than the %u that were queued", queued);
}
