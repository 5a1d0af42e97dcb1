/*
 * test_locks.c - mutexes, semaphores, spin locks and wait queues: nobody gets in who must not,
 * nobody is overtaken, no wake-up is lost. What breaks the rules panics, and is tested on the host
 * (tests/unit/test_sched_rules.c).
 */
#include "kernel/clock.h"
#include "kernel/sched/mutex.h"
#include "kernel/sched/semaphore.h"
#include "kernel/sched/wait.h"
#include "kernel/string.h"
#include "tests/kernel/guest_test.h"
#include "tests/kernel/threads.h"

#define CROWD 8

static void join_all(struct thread **threads, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        thread_join(threads[i]);
    }
}

static struct mutex mutex = MUTEX("test mutex");
static struct spinlock spin = SPINLOCK("test spin");
static volatile unsigned long counter;
static volatile unsigned inside;

/* Reads, lets others in if it can, writes: without the mutex most of these would be lost. */
static void count_in_mutex(void *argument)
{
    for (unsigned i = 0; i < *(const unsigned *)argument; i++) {
        mutex_lock(&mutex);
        unsigned long value = counter;

        inside++;
        if (i % 4 == 0) {
            thread_yield();
        }
        if (inside == 1) {
            counter = value + 1;
        }
        inside--;
        mutex_unlock(&mutex);
    }
}

GUEST_TEST(mutex_torture)
{
    unsigned rounds = 1000;
    struct thread *threads[CROWD];

    counter = 0;
    for (unsigned i = 0; i < CROWD; i++) {
        threads[i] = start_helper(count_in_mutex, &rounds, i % 3 + THREAD_LOW);
    }
    join_all(threads, CROWD);
    CHECK(counter == (unsigned long)CROWD * rounds, "%lu", counter);
}

/* For 50 ms each, so that ticks fall into the gap. */
static void count_in_spinlock(void *argument)
{
    volatile unsigned long *mine = argument;
    uint64_t end = clock_nanos() + 50 * MILLISECOND;

    while (clock_nanos() < end) {
        spin_lock(&spin);
        unsigned long value = counter;

        for (volatile unsigned wait = 0; wait < 50; wait++) {
        }
        counter = value + 1;
        spin_unlock(&spin);
        ++*mine;
    }
}

GUEST_TEST(spinlock_torture)
{
    struct thread *threads[CROWD];
    volatile unsigned long counts[CROWD] = {0};
    unsigned long sum = 0;

    counter = 0;
    for (unsigned i = 0; i < CROWD; i++) {
        threads[i] = start_helper(count_in_spinlock, (void *)(uintptr_t)&counts[i], THREAD_NORMAL);
    }
    join_all(threads, CROWD);
    for (unsigned i = 0; i < CROWD; i++) {
        sum += counts[i];
    }
    CHECK(counter == sum, "%lu of %lu", counter, sum);
    CHECK(spin_locks_held() == 0 && !spin_is_locked(&spin), "a lock is left");
}

/* A handover from thread to thread, each to the next one: a lost wake-up stops them all. */
#define RING_ROUNDS 2000

static struct wait_queue ring[CROWD];
static volatile unsigned turn;
static volatile bool ring_failed;

static void pass_on(void *argument)
{
    unsigned me = (unsigned)(uintptr_t)argument;

    spin_lock(&spin);
    for (unsigned i = 0; i < RING_ROUNDS && !ring_failed; i++) {
        while (turn != me && !ring_failed) {
            ring_failed |= !wait_sleep_for(&ring[me], &spin, 10000 * MILLISECOND);
        }
        turn = (me + 1) % CROWD;
        wait_wake_one(&ring[turn]);
        if (i % 7 == me) { /* the next one is woken before this one sleeps, or after it */
            spin_unlock(&spin);
            thread_yield();
            spin_lock(&spin);
        }
    }
    spin_unlock(&spin);
}

GUEST_TEST(no_wakeup_is_lost)
{
    struct thread *threads[CROWD];

    turn = 0;
    ring_failed = false;
    for (unsigned i = 0; i < CROWD; i++) {
        threads[i] = start_helper(pass_on, (void *)(uintptr_t)i, i % 3 + THREAD_LOW);
    }
    join_all(threads, CROWD);
    CHECK(!ring_failed && turn == 0, "it stopped at %u", turn);
}

/* Threads that take something one after the other and sign when they have it. */
struct queuer {
    char letter;
    bool may_time_out;
};

static char signed_by[CROWD + 1];
static volatile unsigned signatures;
static struct semaphore semaphore = SEMAPHORE("test semaphore", 0);

static void take_mutex_and_sign(void *argument)
{
    mutex_lock(&mutex);
    signed_by[signatures++] = *(const char *)argument;
    mutex_unlock(&mutex);
}

static void take_semaphore_and_sign(void *argument)
{
    semaphore_down(&semaphore);
    signed_by[signatures++] = *(const char *)argument;
}

/* Start threads that wait in this order: two low, two normal, two high; and two more of each. */
static void queue_up(struct thread **threads, void (*entry)(void *argument))
{
    static const char letters[CROWD] = "efcdabgh";
    static const enum thread_priority priorities[CROWD] = {
        THREAD_NORMAL, THREAD_NORMAL, THREAD_HIGH, THREAD_HIGH,
        THREAD_HIGH,   THREAD_HIGH,   THREAD_LOW,  THREAD_LOW};

    memset(signed_by, 0, sizeof(signed_by));
    signatures = 0;
    for (unsigned i = 0; i < CROWD; i++) {
        threads[i] = start_helper(entry, (void *)(uintptr_t)&letters[i], priorities[i]);
        wait_for_state(threads[i], THREAD_WAITING);
    }
}

GUEST_TEST(mutex_goes_to_who_waits_longest)
{
    struct thread *threads[CROWD];

    mutex_lock(&mutex);
    queue_up(threads, take_mutex_and_sign);
    mutex_unlock(&mutex);
    join_all(threads, CROWD);
    CHECK(strcmp(signed_by, "cdabefgh") == 0, "the order was %s", signed_by);
}

/* Who lets it go and wants it back must queue up behind those who wait. */
GUEST_TEST(mutex_cannot_be_snatched)
{
    char letter = 'x';
    struct thread *thread;
    bool got_it;

    signatures = 0;
    mutex_lock(&mutex);
    thread = start_helper(take_mutex_and_sign, &letter, THREAD_NORMAL);
    wait_for_state(thread, THREAD_WAITING);
    preempt_disable();
    mutex_unlock(&mutex);
    got_it = mutex_try_lock(&mutex);
    preempt_enable();
    mutex_lock(&mutex);
    CHECK(!got_it && signatures == 1, "%u were before", signatures);
    mutex_unlock(&mutex);
    thread_join(thread);
}

static void try_mutex(void *argument)
{
    *(bool *)argument = mutex_try_lock(&mutex);
    if (*(bool *)argument) {
        mutex_unlock(&mutex);
    }
}

GUEST_TEST(mutex_try_lock_does_not_wait)
{
    bool taken = false;

    mutex_lock(&mutex);
    CHECK(mutex_is_mine(&mutex), "it is not mine");
    thread_join(start_helper(try_mutex, &taken, THREAD_HIGH));
    mutex_unlock(&mutex);
    CHECK(!taken && !mutex_is_mine(&mutex), "taken: %d", taken);
    thread_join(start_helper(try_mutex, &taken, THREAD_HIGH));
    CHECK(taken, "it was free");
}

/* They need not be released in the opposite order. */
GUEST_TEST(mutexes_of_one_thread)
{
    static struct mutex others[3] = {MUTEX("test 0"), MUTEX("test 1"), MUTEX("test 2")};

    for (unsigned i = 0; i < 3; i++) {
        mutex_lock(&others[i]);
    }
    for (unsigned i = 0; i < 3; i++) {
        unsigned which = (i + 1) % 3;

        CHECK(mutex_is_mine(&others[which]), "mutex %u is not mine", which);
        mutex_unlock(&others[which]);
        CHECK(!mutex_is_mine(&others[which]), "mutex %u is still mine", which);
    }
}

GUEST_TEST(semaphore_goes_to_who_waits_longest)
{
    struct thread *threads[CROWD];

    queue_up(threads, take_semaphore_and_sign);
    preempt_disable();
    for (unsigned i = 0; i < CROWD; i++) {
        semaphore_up(&semaphore);
    }
    bool left = semaphore_try_down(&semaphore); /* all are given away, though nobody ran yet */

    preempt_enable();
    join_all(threads, CROWD);
    CHECK(strcmp(signed_by, "cdabefgh") == 0, "the order was %s", signed_by);
    CHECK(!left, "one was there for who came last");
}

GUEST_TEST(semaphore_counts)
{
    CHECK(!semaphore_try_down(&semaphore), "it is not 0");
    semaphore_up(&semaphore);
    semaphore_up(&semaphore);
    semaphore_down(&semaphore);
    CHECK(semaphore_down_for(&semaphore, 0), "it was 1");
    CHECK(!semaphore_down_for(&semaphore, 0), "it was 0");
}

static void up_later(void *argument)
{
    (void)argument;
    thread_sleep(20 * MILLISECOND);
    semaphore_up(&semaphore);
}

GUEST_TEST(semaphore_waits_for_a_time)
{
    uint64_t start = clock_nanos();

    CHECK(!semaphore_down_for(&semaphore, 15 * MILLISECOND), "nobody has given one");
    CHECK(clock_nanos() - start >= 15 * MILLISECOND, "it gave up after %llu ns",
          (unsigned long long)(clock_nanos() - start));
    struct thread *thread = start_helper(up_later, NULL, THREAD_NORMAL);
    bool got_it = semaphore_down_for(&semaphore, 20000 * MILLISECOND);

    thread_join(thread);
    CHECK(got_it, "it was given, but not taken");
    CHECK(!semaphore_try_down(&semaphore), "it was given twice");
}

/* Those who give up just when something comes must either have it or leave it. */
static volatile unsigned ups, downs;

static void take_impatiently(void *argument)
{
    (void)argument;
    for (unsigned i = 0; i < 60; i++) {
        if (semaphore_down_for(&semaphore, MILLISECOND * (i % 4))) {
            preempt_disable();
            downs++;
            preempt_enable();
        }
    }
}

GUEST_TEST(semaphore_timeout_torture)
{
    struct thread *threads[CROWD];

    ups = downs = 0;
    for (unsigned i = 0; i < CROWD; i++) {
        threads[i] = start_helper(take_impatiently, NULL, i % 3 + THREAD_LOW);
    }
    for (unsigned i = 0; i < 60; i++) {
        semaphore_up(&semaphore);
        ups++;
        thread_sleep(i % 3 * MILLISECOND);
    }
    join_all(threads, CROWD);
    while (semaphore_try_down(&semaphore)) {
        downs++;
    }
    CHECK(ups == downs, "%u given, %u taken", ups, downs);
}

static struct wait_queue queue;
static volatile unsigned woken, timed_out;

static void wait_in_queue(void *argument)
{
    spin_lock(&spin);
    if (wait_sleep_for(&queue, &spin, *(const uint64_t *)argument)) {
        woken++;
    } else {
        timed_out++;
    }
    spin_unlock(&spin);
}

GUEST_TEST(wait_queue_wakes_one_or_all)
{
    uint64_t patience = 100000 * MILLISECOND;
    uint64_t impatience = 10 * MILLISECOND;
    struct thread *threads[4];

    woken = timed_out = 0;
    CHECK(wait_wake_one(&queue) == 0 && wait_wake_all(&queue) == 0, "nobody waits");
    for (unsigned i = 0; i < 4; i++) {
        threads[i] = start_helper(wait_in_queue, i < 3 ? &patience : &impatience, THREAD_HIGH);
    }
    thread_join(threads[3]);
    unsigned late = timed_out;
    unsigned one = wait_wake_one(&queue);
    unsigned first = woken;
    unsigned all = wait_wake_all(&queue);

    join_all(threads, 3);
    CHECK(late == 1, "%u gave up", late);
    CHECK(one == 1 && first == 1, "%u were woken, %u awoke", one, first);
    CHECK(all == 2 && woken == 3, "%u were woken, %u awoke", all, woken);
}

static void give_up_then_wait(void *argument)
{
    volatile bool *answers = argument;

    spin_lock(&spin);
    answers[0] = wait_sleep_for(&queue, &spin, MILLISECOND);
    answers[1] = wait_sleep_for(&queue, &spin, 100000 * MILLISECOND);
    spin_unlock(&spin);
}

GUEST_TEST(wait_forgets_the_last_time)
{
    volatile bool answers[2] = {true, false};
    struct thread *thread =
        start_helper(give_up_then_wait, (void *)(uintptr_t)answers, THREAD_HIGH);

    while (answers[0]) {
        thread_sleep(MILLISECOND);
    }
    wait_wake_one(&queue);
    thread_join(thread);
    CHECK(answers[1], "the time-out before it counted");
}

/* Who is asked to stop while waiting for a mutex still gets it, and can look then. */
static void take_mutex_then_look(void *argument)
{
    mutex_lock(&mutex);
    *(bool *)argument = mutex_is_mine(&mutex) && thread_should_stop();
    mutex_unlock(&mutex);
}

GUEST_TEST(stopping_does_not_break_a_mutex)
{
    bool stopped = false;

    mutex_lock(&mutex);
    struct thread *thread = start_helper(take_mutex_then_look, &stopped, THREAD_HIGH);
    bool asked = thread_ask_to_stop(thread_id(thread));

    thread_sleep(5 * MILLISECOND);
    CHECK(!stopped, "it got in");
    mutex_unlock(&mutex);
    thread_join(thread);
    CHECK(asked && stopped, "asked %d, stopped %d", asked, stopped);
}
