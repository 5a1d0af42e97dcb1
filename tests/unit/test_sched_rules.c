/*
 * test_sched_rules.c - what must not be done with locks and threads: each broken rule is a panic
 * that names lock, thread and reason. Here a panic ends the test's step, and so does a switch to
 * another thread, since there is only this one.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kernel/clock.h"
#include "kernel/cpu/fpu.h"
#include "kernel/irq.h"
#include "kernel/log.h"
#include "kernel/mm/vmap.h"
#include "kernel/panic.h"
#include "kernel/sched/scheduler.h"
#include "kernel/sched/semaphore.h"
#include "kernel/sched/work.h"
#include "kernel/symbols.h"

#define PANICKED 1
#define SWITCHED 2

bool fake_interrupts_on = true;
char boot_stack_guard[4096], boot_stack_top[1];

static bool in_interrupt;
static char message[512];
static jmp_buf back;

uint64_t fake_tsc(void)
{
    static uint64_t now;

    return ++now;
}

void fake_sleep(void)
{
}

void fake_halt(void)
{
    abort();
}

void panic_at(const char *file, int line, const char *function, const char *text, ...)
{
    va_list arguments;

    (void)file, (void)line, (void)function;
    va_start(arguments, text);
    format_string_va(message, sizeof(message), text, arguments);
    va_end(arguments);
    longjmp(back, PANICKED);
}

void log_line(const char *area, const char *text, ...)
{
    (void)area, (void)text;
}

void thread_switch(uint64_t *stack_pointer, uint64_t next)
{
    (void)stack_pointer, (void)next;
    longjmp(back, SWITCHED);
}

void thread_first(void)
{
}

bool symbols_find(uint64_t address, struct symbol *symbol)
{
    (void)address;
    *symbol = (struct symbol){.function = "here", .file = "file.c", .line = 7};
    return true;
}

bool irq_active(void)
{
    return in_interrupt;
}

static uint64_t quiet_until; /* as the clock was told last; 0: usual ticks */
static void (*tick_hook)(void);

uint64_t clock_nanos(void)
{
    return 1;
}

void clock_quiet(uint64_t until)
{
    quiet_until = until;
}

void clock_busy(void)
{
    quiet_until = 0;
}

uint64_t clock_tsc_hz(void)
{
    return 1000000;
}

void clock_on_tick(void (*hook)(void))
{
    tick_hook = hook;
}

void fpu_start(void)
{
}

void fpu_init_state(void *state)
{
    (void)state;
}

void fpu_switch(void *save, const void *load)
{
    (void)save, (void)load;
}

void *vmalloc(size_t size)
{
    return malloc(size);
}

void vfree(void *address)
{
    free(address);
}

/* Two threads that exist on paper only; tests run as the first one unless they say otherwise. */
static struct thread alice = {.name = "alice", .priority = THREAD_NORMAL};
static struct thread bob = {.name = "bob", .priority = THREAD_NORMAL};

static struct spinlock spin_a, spin_b;
static struct mutex mutex_a, mutex_b;
static struct semaphore semaphore;
static struct wait_queue queue;
static struct thread *created;

static void run_as(struct thread *thread)
{
    scheduler.current = thread;
    thread->state = THREAD_RUNNING;
    thread->queue = NULL;
}

/* Everything as if nothing had happened. The list of threads keeps those of earlier tests. */
static int start(void **state)
{
    (void)state;
    for (struct spinlock *lock = scheduler.locks; lock != NULL; lock = lock->outer) {
        lock->holder = NULL; /* the kernel's own, too: nobody goes on after a panic */
    }
    memset(&scheduler, 0, sizeof(scheduler));
    memset(&queue, 0, sizeof(queue));
    scheduler.started = true;
    alice.mutexes = bob.mutexes = NULL;
    run_as(&alice);
    spin_a = (struct spinlock)SPINLOCK("spin-a");
    spin_b = (struct spinlock)SPINLOCK("spin-b");
    mutex_a = (struct mutex)MUTEX("mutex-a");
    mutex_b = (struct mutex)MUTEX("mutex-b");
    semaphore = (struct semaphore)SEMAPHORE("semaphore", 0);
    in_interrupt = false;
    fake_interrupts_on = true;
    message[0] = '\0';
    return 0;
}

/* Run STEP, which must panic with a text that has all of the words. */
static void assert_panics(void (*step)(void), const char *word1, const char *word2,
                          const char *word3)
{
    const char *words[] = {word1, word2, word3};

    switch (setjmp(back)) {
    case 0:
        step();
        fail_msg("no panic, but it should say: %s, %s, %s", word1, word2, word3);
        break;
    case SWITCHED:
        fail_msg("it slept instead of saying: %s, %s, %s", word1, word2, word3);
    }
    for (int i = 0; i < 3; i++) {
        if (strstr(message, words[i]) == NULL) {
            fail_msg("\"%s\" does not say \"%s\"", message, words[i]);
        }
    }
}

/* Run STEP, which must let another thread run. */
static void assert_sleeps(void (*step)(void))
{
    switch (setjmp(back)) {
    case 0:
        step();
        fail_msg("it did not sleep");
        break;
    case PANICKED:
        fail_msg("panic: %s", message);
    }
}

/* Run STEP, which must come back. */
static void assert_works(void (*step)(void))
{
    switch (setjmp(back)) {
    case PANICKED:
        fail_msg("panic: %s", message);
        break;
    case SWITCHED:
        fail_msg("it sleeps");
        break;
    default:
        step();
    }
}

static void lock_a(void)
{
    spin_lock(&spin_a);
}

static void lock_b(void)
{
    spin_lock(&spin_b);
}

static void lock_outside_of_a(void)
{
    static struct spinlock outside;

    outside = (struct spinlock)SPINLOCK("outside");
    spin_lock(&outside);
}

static void unlock_a(void)
{
    spin_unlock(&spin_a);
}

static void unlock_b(void)
{
    spin_unlock(&spin_b);
}

static void take_a(void)
{
    mutex_lock(&mutex_a);
}

static void take_b(void)
{
    mutex_lock(&mutex_b);
}

static void release_a(void)
{
    mutex_unlock(&mutex_a);
}

static void wait_with_a(void)
{
    wait_sleep(&queue, &spin_a);
}

static void wait_some_with_a(void)
{
    wait_sleep_for(&queue, &spin_a, 1000);
}

static void test_spin_lock_and_interrupts(void **state)
{
    (void)state;
    assert_works(lock_a);
    assert_false(fake_interrupts_on);
    assert_true(spin_is_locked(&spin_a));
    assert_works(lock_b);
    assert_int_equal(spin_locks_held(), 2);
    assert_string_equal(spin_lock_held_name(0), "spin-b");
    assert_string_equal(spin_lock_held_name(1), "spin-a");
    assert_null(spin_lock_held_name(2));
    assert_works(unlock_b);
    assert_false(fake_interrupts_on);
    assert_works(unlock_a);
    assert_true(fake_interrupts_on);
    assert_int_equal(spin_locks_held(), 0);
    fake_interrupts_on = false;
    assert_works(lock_a);
    assert_works(unlock_a);
    assert_false(fake_interrupts_on);
}

static void test_spin_lock_twice(void **state)
{
    (void)state;
    lock_a();
    assert_panics(lock_a, "spin-a taken twice, in here (file.c:7) and now", "alice", "in here");
}

static void test_spin_unlock_of_a_free_one(void **state)
{
    (void)state;
    assert_panics(unlock_a, "spin-a", "nobody holds it", "alice in here");
    lock_b();
    assert_panics(unlock_a, "spin-a", "nobody holds it", "alice in here");
}

static void test_spin_unlock_out_of_order(void **state)
{
    (void)state;
    lock_a();
    lock_b();
    assert_panics(unlock_a, "spin-a", "alice in here (file.c:7)", "before spin-b");
}

static void test_mutex_twice(void **state)
{
    (void)state;
    take_a();
    assert_panics(take_a, "mutex-a taken twice", "alice", "in here");
}

static void test_mutex_of_another(void **state)
{
    (void)state;
    assert_panics(release_a, "mutex-a", "alice", "nobody has it");
    start(NULL);
    take_a();
    run_as(&bob);
    assert_panics(release_a, "mutex-a", "bob in here", "alice has it");
}

static void test_mutex_waits(void **state)
{
    (void)state;
    take_a();
    run_as(&bob);
    assert_sleeps(take_a);
    assert_ptr_equal(mutex_a.waiters.first, &bob);
    assert_int_equal(bob.state, THREAD_WAITING);
    assert_string_equal(bob.waits_for, "mutex-a");
}

/* Whatever sleeps, by the way in which it must not. */
static void down(void)
{
    semaphore_down(&semaphore);
}

static void down_for(void)
{
    semaphore_down_for(&semaphore, 10);
}

static void sleep_long(void)
{
    thread_sleep(1000);
}

static void yield(void)
{
    thread_yield();
}

static void end_thread(void)
{
    thread_exit();
}

static void nothing(void *argument)
{
    (void)argument;
}

static void create(void)
{
    created = thread_create("carol", nothing, NULL, THREAD_NORMAL, 0);
    assert_non_null(created);
}

static void join(void)
{
    thread_join(created);
}

static void flush(void)
{
    work_flush();
}

static const struct {
    void (*step)(void);
    const char *name;
} sleepy[] = {
    {take_a, "mutex_lock"},       {down, "semaphore_down"}, {down_for, "semaphore_down_for"},
    {sleep_long, "thread_sleep"}, {yield, "thread_yield"},  {end_thread, "thread_exit"},
    {create, "thread_create"},    {join, "thread_join"},    {flush, "work_flush"},
};

static void test_sleeping_in_an_interrupt(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(sleepy) / sizeof(sleepy[0]); i++) {
        start(NULL);
        in_interrupt = true;
        assert_panics(sleepy[i].step, sleepy[i].name, "alice", "in an interrupt");
    }
}

static void test_sleeping_with_a_spin_lock(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(sleepy) / sizeof(sleepy[0]); i++) {
        start(NULL);
        lock_a();
        assert_panics(sleepy[i].step, sleepy[i].name, "alice", "with spin lock spin-a");
    }
}

static void test_sleeping_with_preemption_off(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(sleepy) / sizeof(sleepy[0]); i++) {
        start(NULL);
        preempt_disable();
        assert_panics(sleepy[i].step, sleepy[i].name, "alice", "with preemption off");
    }
}

static void preempt_on(void)
{
    preempt_enable();
}

static void test_preemption_on_once_too_often(void **state)
{
    (void)state;
    preempt_disable();
    assert_works(preempt_on);
    assert_panics(preempt_on, "preempt_off", "alice", "");
}

static void test_waiting(void **state)
{
    (void)state;
    lock_a();
    assert_sleeps(wait_with_a);
    assert_int_equal(spin_locks_held(), 0);
    assert_false(spin_is_locked(&spin_a));
}

static void test_waiting_wrongly(void **state)
{
    static void (*const steps[])(void) = {wait_with_a, wait_some_with_a};

    (void)state;
    for (int i = 0; i < 2; i++) {
        start(NULL);
        assert_panics(steps[i], "alice waits for spin-a in here", "without its spin lock", "");
        start(NULL);
        lock_outside_of_a();
        lock_a();
        assert_panics(steps[i], "alice waits for spin-a in here", "with another spin lock", "");
        start(NULL);
        lock_a();
        lock_b();
        assert_panics(steps[i], "alice waits for spin-a in here", "with another spin lock", "");
        start(NULL);
        preempt_disable();
        lock_a();
        assert_panics(steps[i], "alice waits for spin-a in here", "with preemption off", "");
        start(NULL);
        fake_interrupts_on = false;
        lock_a();
        assert_panics(steps[i], "alice waits for spin-a in here", "with interrupts off", "");
        start(NULL);
        fake_interrupts_on = false;
        in_interrupt = true;
        lock_a();
        assert_panics(steps[i], "alice waits for spin-a in here", "in an interrupt", "");
        start(NULL);
        run_as(&idle_thread);
        lock_a();
        assert_panics(steps[i], "idle waits for spin-a in here", "always be ready", "");
    }
}

static void test_the_idle_thread_stays(void **state)
{
    (void)state;
    run_as(&idle_thread);
    assert_panics(sleep_long, "idle", "sleep", "");
    assert_panics(end_thread, "idle", "end", "");
}

static void test_ending_with_a_mutex(void **state)
{
    (void)state;
    take_a();
    take_b();
    release_a();
    assert_panics(end_thread, "alice", "ends with mutex", "mutex-b");
}

static void detach(void)
{
    thread_detach(created);
}

static void test_joining_twice(void **state)
{
    (void)state;
    create();
    assert_sleeps(join);
    run_as(&bob);
    assert_panics(join, "bob joins", "carol", "joined before");
    start(NULL);
    assert_panics(detach, "alice detaches", "carol", "joined before");
}

static void test_joining_what_is_detached(void **state)
{
    (void)state;
    create();
    assert_works(detach);
    assert_panics(join, "alice joins", "carol", "detached before");
    start(NULL);
    assert_panics(detach, "alice detaches", "carol", "detached before");
}

static void test_joining_what_is_not_there(void **state)
{
    static struct thread nobody;

    (void)state;
    created = &nobody;
    assert_panics(join, "alice joins", "does not exist", "");
    start(NULL);
    assert_panics(detach, "alice detaches", "does not exist", "");
}

static void test_joining_oneself(void **state)
{
    (void)state;
    create();
    run_as(created);
    assert_panics(join, "carol", "joins itself", "");
}

/* The classes of the two orders have names of their own: the table of orders remembers them. */
static void take_in_order(struct spinlock *outer, struct spinlock *inner)
{
    spin_lock(outer);
    spin_lock(inner);
    spin_unlock(inner);
    spin_unlock(outer);
}

static struct spinlock first = SPINLOCK("first"), second = SPINLOCK("second");

static void right_order(void)
{
    take_in_order(&first, &second);
}

static void wrong_order(void)
{
    take_in_order(&second, &first);
}

static void test_order_of_spin_locks(void **state)
{
    (void)state;
    assert_works(right_order);
    assert_works(right_order);
    assert_panics(wrong_order, "alice takes lock first", "has second", "");
}

static struct mutex outer_mutex = MUTEX("outer"), inner_mutex = MUTEX("inner");

static void outer_then_inner(void)
{
    mutex_lock(&outer_mutex);
    mutex_lock(&inner_mutex);
    mutex_unlock(&outer_mutex); /* out of order is allowed, and is no order of its own */
    mutex_unlock(&inner_mutex);
}

static void inner_then_outer(void)
{
    mutex_lock(&inner_mutex);
    mutex_lock(&outer_mutex);
}

static void inner_then_spin(void)
{
    mutex_lock(&inner_mutex);
    spin_lock(&first);
    spin_unlock(&first);
    mutex_unlock(&inner_mutex);
}

static void test_order_of_mutexes(void **state)
{
    (void)state;
    assert_works(outer_then_inner);
    assert_works(inner_then_spin);
    assert_panics(inner_then_outer, "alice takes lock outer", "has inner", "");
}

/* An interrupt has none of the mutexes of the thread that it came into. */
static void test_order_in_an_interrupt(void **state)
{
    (void)state;
    inner_mutex = (struct mutex)MUTEX("inner");
    outer_mutex = (struct mutex)MUTEX("outer");
    mutex_lock(&inner_mutex);
    in_interrupt = true;
    second.name = "outer"; /* outer inside of inner would be wrong */
    spin_lock(&second);
    spin_unlock(&second);
}

/* Ticks stay away when nobody has shared the CPU for some of them, not while a second one waits. */
static void test_quiet_ticks(void **state)
{
    (void)state;
    scheduler_start();
    quiet_until = 0;
    for (int i = 0; i < 7; i++) {
        tick_hook();
    }
    assert_int_equal(quiet_until, 0);
    tick_hook();
    assert_int_equal(quiet_until, UINT64_MAX); /* nobody sleeps */
    bob.wake_at = 77;
    scheduler.sleepers.first = &bob;
    tick_hook();
    assert_int_equal(quiet_until, 77);
    scheduler.sleepers.first = NULL;

    scheduler_make_ready(&bob);
    assert_int_equal(quiet_until, 0);
    for (int i = 0; i < 20; i++) {
        tick_hook();
    }
    assert_int_equal(quiet_until, 0); /* bob waits for the end of our slice */
}

/* Who sleeps and wakes all the time does not let the ticks be moved to and fro. */
static void test_no_quiet_ticks_between_switches(void **state)
{
    (void)state;
    scheduler_start();
    quiet_until = 0;
    for (volatile int i = 0; i < 50; i++) {
        tick_hook();
        if (i % 7 == 0 && setjmp(back) == 0) {
            run_as(&alice);
            scheduler_switch(); /* to idle */
        }
    }
    assert_int_equal(quiet_until, 0);
}

/* The watchdog counts ticks while preemption is off. */
static void test_no_quiet_ticks_with_preemption_off(void **state)
{
    (void)state;
    scheduler_start();
    for (int i = 0; i < 20; i++) {
        tick_hook();
    }
    assert_int_equal(quiet_until, UINT64_MAX);
    scheduler.preempt_off = 1;
    for (int i = 0; i < 20; i++) {
        tick_hook();
    }
    assert_int_equal(quiet_until, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_quiet_ticks, start),
        cmocka_unit_test_setup(test_no_quiet_ticks_between_switches, start),
        cmocka_unit_test_setup(test_no_quiet_ticks_with_preemption_off, start),
        cmocka_unit_test_setup(test_spin_lock_and_interrupts, start),
        cmocka_unit_test_setup(test_spin_lock_twice, start),
        cmocka_unit_test_setup(test_spin_unlock_of_a_free_one, start),
        cmocka_unit_test_setup(test_spin_unlock_out_of_order, start),
        cmocka_unit_test_setup(test_mutex_twice, start),
        cmocka_unit_test_setup(test_mutex_of_another, start),
        cmocka_unit_test_setup(test_mutex_waits, start),
        cmocka_unit_test_setup(test_sleeping_in_an_interrupt, start),
        cmocka_unit_test_setup(test_sleeping_with_a_spin_lock, start),
        cmocka_unit_test_setup(test_sleeping_with_preemption_off, start),
        cmocka_unit_test_setup(test_preemption_on_once_too_often, start),
        cmocka_unit_test_setup(test_waiting, start),
        cmocka_unit_test_setup(test_waiting_wrongly, start),
        cmocka_unit_test_setup(test_the_idle_thread_stays, start),
        cmocka_unit_test_setup(test_ending_with_a_mutex, start),
        cmocka_unit_test_setup(test_joining_twice, start),
        cmocka_unit_test_setup(test_joining_what_is_detached, start),
        cmocka_unit_test_setup(test_joining_what_is_not_there, start),
        cmocka_unit_test_setup(test_joining_oneself, start),
        cmocka_unit_test_setup(test_order_of_spin_locks, start),
        cmocka_unit_test_setup(test_order_of_mutexes, start),
        cmocka_unit_test_setup(test_order_in_an_interrupt, start),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
