/*
 * test_threads.c - threads from creation to release: arguments, order, priorities, preemption,
 * yielding, joining, stopping, and what ps says of them.
 */
#include "kernel/clock.h"
#include "kernel/cpu/cpu.h"
#include "kernel/sched/semaphore.h"
#include "kernel/sched/thread.h"
#include "kernel/sched/work.h"
#include "kernel/string.h"
#include "tests/kernel/guest_test.h"
#include "tests/kernel/threads.h"

#define SPINNERS 4

static volatile bool stop;
static volatile uint64_t turns[SPINNERS]; /* of each spinner's loop */

/* Counts until it is told to stop; never yields. */
static void spin(void *argument)
{
    volatile uint64_t *count = argument;

    while (!stop) {
        (*count)++;
    }
}

static void start_spinners(struct thread **threads, unsigned count, enum thread_priority priority)
{
    stop = false;
    for (unsigned i = 0; i < count; i++) {
        turns[i] = 0;
        threads[i] = start_helper(spin, (void *)(uintptr_t)&turns[i], priority);
    }
}

static void stop_spinners(struct thread **threads, unsigned count)
{
    stop = true;
    for (unsigned i = 0; i < count; i++) {
        thread_join(threads[i]);
    }
}

static void add_one(void *argument)
{
    ++*(volatile unsigned *)argument;
}

GUEST_TEST(thread_runs_with_its_argument)
{
    volatile unsigned count = 41;
    struct thread *thread = start_helper(add_one, (void *)(uintptr_t)&count, THREAD_NORMAL);

    thread_join(thread);
    CHECK(count == 42, "it is %u", count);
}

static void return_at_once(void *argument)
{
    (void)argument;
}

GUEST_TEST(thread_names_are_cut_and_ids_are_new)
{
    struct thread *first =
        thread_create("sixteen and more characters", return_at_once, NULL, THREAD_NORMAL, 0);
    struct thread *second = start_helper(return_at_once, NULL, THREAD_NORMAL);

    CHECK(first != NULL, "no memory");
    CHECK(strcmp(thread_name(first), "sixteen and mor") == 0, "name %s", thread_name(first));
    CHECK(thread_id(second) == thread_id(first) + 1, "ids %u, %u", thread_id(first),
          thread_id(second));
    thread_join(first);
    thread_join(second);
    CHECK(strcmp(thread_name(NULL), "boot") == 0, "name without threads");
}

/* The spinner never gives the CPU away, nor does this test: only the tick can. */
GUEST_TEST(preemption_among_equals)
{
    struct thread *threads[2];
    uint64_t end = clock_nanos() + 5000 * MILLISECOND;

    start_spinners(threads, 2, THREAD_NORMAL);
    while ((turns[0] == 0 || turns[1] == 0) && clock_nanos() < end) {
    }
    bool both_ran = turns[0] != 0 && turns[1] != 0;

    stop_spinners(threads, 2);
    CHECK(both_ran, "turns %llu, %llu", (unsigned long long)turns[0], (unsigned long long)turns[1]);
}

GUEST_TEST(higher_priority_runs_at_once)
{
    volatile unsigned count = 0;
    struct thread *thread = start_helper(add_one, (void *)(uintptr_t)&count, THREAD_HIGH);

    CHECK(count == 1, "after its creation it has run %u times", count);
    thread_join(thread);
}

static struct semaphore high_wake = SEMAPHORE("test wake", 0);

static void wait_then_add(void *argument)
{
    semaphore_down(&high_wake);
    add_one(argument);
}

GUEST_TEST(higher_priority_wakes_at_once)
{
    volatile unsigned count = 0;
    struct thread *thread = start_helper(wait_then_add, (void *)(uintptr_t)&count, THREAD_HIGH);

    CHECK(count == 0, "it did not wait");
    semaphore_up(&high_wake);
    CHECK(count == 1, "after the wake-up it has run %u times", count);
    thread_join(thread);
}

GUEST_TEST(preempt_disable_keeps_the_cpu)
{
    volatile unsigned count = 0;
    struct thread *thread = start_helper(wait_then_add, (void *)(uintptr_t)&count, THREAD_HIGH);

    preempt_disable();
    preempt_disable();
    semaphore_up(&high_wake);
    spin_for(20 * MILLISECOND);
    preempt_enable();
    unsigned before = count;

    preempt_enable();
    unsigned after = count;

    thread_join(thread);
    CHECK(before == 0 && after == 1, "it ran %u times before, %u after", before, after);
}

GUEST_TEST(lower_priority_waits)
{
    struct thread *threads[1];

    start_spinners(threads, 1, THREAD_LOW);
    spin_for(50 * MILLISECOND);
    uint64_t meanwhile = turns[0];

    thread_sleep(50 * MILLISECOND);
    uint64_t later = turns[0];

    stop_spinners(threads, 1);
    CHECK(meanwhile == 0, "it ran %llu turns", (unsigned long long)meanwhile);
    CHECK(later > 0, "it did not run when it could");
}

/* Four that never sleep: each gets a slice before one gets its second. */
GUEST_TEST(round_robin_is_fair)
{
    struct thread *threads[SPINNERS];
    uint64_t least = UINT64_MAX;
    uint64_t most = 0;

    start_spinners(threads, SPINNERS, THREAD_LOW);
    thread_sleep(500 * MILLISECOND);
    preempt_disable();
    for (unsigned i = 0; i < SPINNERS; i++) {
        uint64_t switches = info_of(threads[i]).switches;

        least = switches < least ? switches : least;
        most = switches > most ? switches : most;
    }
    preempt_enable();
    stop_spinners(threads, SPINNERS);
    CHECK(least >= 1 && most - least <= 1, "slices: %llu to %llu", (unsigned long long)least,
          (unsigned long long)most);
}

static void disturb(void *argument)
{
    (void)argument;
    while (!stop) {
        thread_sleep(2 * MILLISECOND);
    }
}

/* One that is overtaken in the middle of its slice gets the rest of it, not a new one. */
GUEST_TEST(round_robin_is_fair_when_disturbed)
{
    struct thread *threads[2];
    uint64_t nanos[2];

    start_spinners(threads, 2, THREAD_LOW);
    struct thread *high = start_helper(disturb, NULL, THREAD_HIGH);

    thread_sleep(600 * MILLISECOND);
    for (unsigned i = 0; i < 2; i++) {
        nanos[i] = info_of(threads[i]).nanos;
    }
    stop_spinners(threads, 2);
    thread_join(high);
    CHECK(nanos[0] < 2 * nanos[1] && nanos[1] < 2 * nanos[0], "CPU time: %llu and %llu ns",
          (unsigned long long)nanos[0], (unsigned long long)nanos[1]);
}

/* Which of two spinners has run since the last call: 0 or 1; 2 if both or none. */
static unsigned who_ran(uint64_t *seen)
{
    bool ran[2];

    for (unsigned i = 0; i < 2; i++) {
        ran[i] = turns[i] != seen[i];
        seen[i] = turns[i];
    }
    return ran[0] == ran[1] ? 2 : ran[1];
}

/* One that is overtaken goes on afterwards, until its slice is used up: turns change seldom. */
GUEST_TEST(overtaken_thread_keeps_its_slice)
{
    struct thread *threads[2];
    uint64_t seen[2] = {0, 0};
    unsigned looks = 0;
    unsigned changes = 0;
    unsigned before = 2;

    start_spinners(threads, 2, THREAD_LOW);
    for (unsigned i = 0; i < 200; i++) {
        uint64_t start = clock_nanos();

        thread_sleep(MILLISECOND);
        unsigned now = who_ran(seen);

        if (clock_nanos() - start > 4 * MILLISECOND) {
            now = 2; /* the host has delayed this: it says nothing */
        }
        looks += before != 2 && now != 2;
        changes += before != 2 && now != 2 && before != now;
        before = now;
    }
    stop_spinners(threads, 2);
    if (looks < 20) {
        guest_test_skip("the host is too slow for that");
    }
    CHECK(changes < looks / 2, "%u changes in %u looks", changes, looks);
}

static struct semaphore start_both = SEMAPHORE("test start", 0);
static char letters[9];
static volatile unsigned letter_count;

static void write_letters(void *argument)
{
    semaphore_down(&start_both);
    for (unsigned i = 0; i < 4; i++) {
        letters[letter_count++] = *(const char *)argument;
        thread_yield();
    }
}

GUEST_TEST(yield_takes_turns)
{
    letter_count = 0;
    struct thread *a = start_helper(write_letters, (void *)(uintptr_t) "a", THREAD_NORMAL);
    struct thread *b = start_helper(write_letters, (void *)(uintptr_t) "b", THREAD_NORMAL);

    wait_for_state(a, THREAD_WAITING);
    wait_for_state(b, THREAD_WAITING);
    preempt_disable(); /* both must be ready before the first one runs */
    semaphore_up(&start_both);
    semaphore_up(&start_both);
    preempt_enable();
    thread_join(a);
    thread_join(b);
    CHECK(memcmp(letters, "abababab", 8) == 0, "the order was %s", letters);
}

static void end_at_once(void *argument)
{
    (void)argument;
    thread_exit();
}

GUEST_TEST(join_works_after_the_end)
{
    struct thread *thread = start_helper(end_at_once, NULL, THREAD_HIGH);

    CHECK(info_of(thread).state == THREAD_ENDED, "state %d", (int)info_of(thread).state);
    thread_join(thread);
}

static void nap(void *argument)
{
    thread_sleep(*(const uint64_t *)argument);
}

/* Joined before and after their end, detached before and after it. */
static void start_and_end_many(unsigned count)
{
    static const uint64_t times[] = {0, MILLISECOND};

    for (unsigned i = 0; i < count; i++) {
        const uint64_t *time = &times[i / 2 % 2];
        enum thread_priority priority = i / 4 % 2 != 0 ? THREAD_HIGH : THREAD_NORMAL;
        struct thread *thread = start_helper(nap, (void *)(uintptr_t)time, priority);

        if (i % 2 == 0) {
            thread_join(thread);
        } else {
            thread_detach(thread);
        }
    }
    thread_sleep(20 * MILLISECOND);
    work_flush();
}

GUEST_TEST(ended_threads_give_all_back)
{
    size_t threads = thread_list(NULL, 0);
    uint64_t before, after;

    start_and_end_many(40); /* what grows once, as page tables do, stays */
    before = free_frames();
    start_and_end_many(400);
    after = free_frames();
    CHECK(thread_list(NULL, 0) == threads, "%zu threads, %zu before", thread_list(NULL, 0),
          threads);
    CHECK(after == before, "free frames: %llu, then %llu", (unsigned long long)before,
          (unsigned long long)after);
}

static void sleep_until_stopped(void *argument)
{
    (void)argument;
    while (!thread_should_stop()) {
        thread_sleep(1000000 * MILLISECOND);
    }
    thread_sleep(1000000 * MILLISECOND); /* ends at once, from then on */
}

static void spin_until_stopped(void *argument)
{
    (void)argument;
    while (!thread_should_stop()) {
        cpu_pause();
    }
}

GUEST_TEST(asked_to_stop_it_stops)
{
    struct thread *sleeper = start_helper(sleep_until_stopped, NULL, THREAD_HIGH);
    struct thread *spinner = start_helper(spin_until_stopped, NULL, THREAD_NORMAL);

    CHECK(info_of(sleeper).state == THREAD_SLEEPING, "state %d", (int)info_of(sleeper).state);
    CHECK(thread_ask_to_stop(thread_id(sleeper)), "it refused");
    CHECK(thread_ask_to_stop(thread_id(spinner)), "it refused");
    thread_join(sleeper);
    thread_join(spinner);
    CHECK(!thread_should_stop(), "the wrong one was asked");
}

GUEST_TEST(who_cannot_be_stopped)
{
    struct thread *ended = start_helper(end_at_once, NULL, THREAD_HIGH);
    struct thread_info first[2];

    CHECK(thread_list(first, 2) > 2, "too few threads");
    CHECK(!thread_ask_to_stop(first[0].id), "idle lets itself be stopped");
    CHECK(!thread_ask_to_stop(first[1].id), "work lets itself be stopped");
    CHECK(!thread_ask_to_stop(thread_id(ended)), "an ended thread lets itself be stopped");
    CHECK(!thread_ask_to_stop(0) && !thread_ask_to_stop(1000000), "nobody lets itself be stopped");
    thread_join(ended);
}

/* Not inlined, not a loop: each call takes stack. */
static unsigned __attribute__((noinline)) use_stack(unsigned depth)
{
    volatile char room[256];

    __asm__ volatile("" : : "r"(room) : "memory"); /* all of it is needed */
    room[0] = (char)depth;
    return depth == 0 ? 0 : use_stack(depth - 1) + (unsigned)room[0];
}

static void use_stack_and_wait(void *argument)
{
    use_stack(*(const unsigned *)argument);
    semaphore_down(&high_wake);
}

GUEST_TEST(thread_list_tells_the_truth)
{
    unsigned depths[2] = {1, 30};
    struct thread *threads[2];
    struct thread_info infos[2];

    for (unsigned i = 0; i < 2; i++) {
        threads[i] = start_helper(use_stack_and_wait, &depths[i], THREAD_HIGH);
        infos[i] = info_of(threads[i]);
    }
    struct thread_info me = info_of(thread_current());

    for (unsigned i = 0; i < 2; i++) {
        semaphore_up(&high_wake);
        thread_join(threads[i]);
        CHECK(infos[i].state == THREAD_WAITING && strcmp(infos[i].waits_for, "test wake") == 0,
              "state %d", (int)infos[i].state);
        CHECK(infos[i].priority == THREAD_HIGH && infos[i].switches == 1 && !infos[i].fpu,
              "priority %d, %llu switches", (int)infos[i].priority,
              (unsigned long long)infos[i].switches);
    }
    CHECK(infos[0].stack_size <= THREAD_STACK_SIZE &&
              infos[0].stack_size >= THREAD_STACK_SIZE - 1024 && infos[0].stack_peak >= 256 &&
              infos[0].stack_peak < 4096,
          "%zu of %zu bytes", infos[0].stack_peak, infos[0].stack_size);
    CHECK(infos[1].stack_peak > infos[0].stack_peak + 20 * 256 &&
              infos[1].stack_peak < THREAD_STACK_SIZE,
          "%zu bytes, %zu before", infos[1].stack_peak, infos[0].stack_peak);
    CHECK(me.state == THREAD_RUNNING && me.waits_for == NULL && me.fpu, "state %d", (int)me.state);
}

GUEST_TEST(cpu_time_is_counted)
{
    struct thread *me = thread_current();
    uint64_t start = info_of(me).nanos;

    spin_for(60 * MILLISECOND);
    uint64_t busy = info_of(me).nanos - start;

    start = info_of(me).nanos;
    thread_sleep(60 * MILLISECOND);
    uint64_t asleep = info_of(me).nanos - start;

    CHECK(busy >= 30 * MILLISECOND, "%llu ns of 60 ms", (unsigned long long)busy);
    CHECK(asleep < busy, "%llu ns asleep", (unsigned long long)asleep);
}

GUEST_TEST(stacks_are_known)
{
    struct thread *me = thread_current();
    uint64_t here = (uintptr_t)__builtin_frame_address(0);
    uint64_t bottom, top;

    CHECK(thread_stack_around(here, &bottom, &top), "not on a stack");
    CHECK(top - bottom == info_of(me).stack_size && here > bottom && here < top, "%llx to %llx",
          (unsigned long long)bottom, (unsigned long long)top);
    CHECK(thread_of_guard(bottom - 1) != NULL &&
              strcmp(thread_of_guard(bottom - 1), thread_name(me)) == 0,
          "the guard page is nobody's");
    CHECK(thread_of_guard(bottom - 4097) == NULL, "two pages below");
    CHECK(thread_of_guard(here) == NULL && thread_of_guard(0) == NULL, "no guard pages");
    CHECK(!thread_stack_around((uintptr_t)&turns, &bottom, &top), "that is no stack");
}
