/* test_sched_queue.c - the lists of threads: order, priorities, removal anywhere, against a model.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kernel/sched/scheduler.h"

#define COUNT 8

bool fake_interrupts_on;
struct scheduler scheduler;
struct thread idle_thread;

static struct thread threads[COUNT];
static struct wait_queue queue;
static struct sleep_queue sleepers;

uint64_t fake_tsc(void)
{
    return 0;
}

void fake_sleep(void)
{
}

void fake_halt(void)
{
    abort();
}

void scheduler_preempt(void)
{
}

static int start(void **state)
{
    (void)state;
    memset(threads, 0, sizeof(threads));
    memset(&queue, 0, sizeof(queue));
    memset(&sleepers, 0, sizeof(sleepers));
    return 0;
}

/* The queue is these threads, in both directions. */
static void assert_queue(const char *expected)
{
    const struct thread *previous = NULL;
    const struct thread *thread = queue.first;

    for (; *expected != '\0'; expected++) {
        assert_ptr_equal(thread, &threads[*expected - '0']);
        assert_ptr_equal(thread->previous, previous);
        assert_ptr_equal(thread->queue, &queue);
        previous = thread;
        thread = thread->next;
    }
    assert_null(thread);
    assert_ptr_equal(queue.last, previous);
}

static void test_ends(void **state)
{
    (void)state;
    queue_add_last(&queue, &threads[0]);
    queue_add_last(&queue, &threads[1]);
    queue_add_first(&queue, &threads[2]);
    assert_queue("201");
    assert_ptr_equal(queue_take_first(&queue), &threads[2]);
    assert_null(threads[2].queue);
    assert_queue("01");
    assert_ptr_equal(queue_take_first(&queue), &threads[0]);
    assert_ptr_equal(queue_take_first(&queue), &threads[1]);
    assert_queue("");
    queue_add_first(&queue, &threads[3]);
    assert_queue("3");
}

static void test_removal(void **state)
{
    (void)state;
    for (int i = 0; i < 5; i++) {
        queue_add_last(&queue, &threads[i]);
    }
    queue_remove(&threads[2]);
    assert_queue("0134");
    queue_remove(&threads[0]);
    assert_queue("134");
    queue_remove(&threads[4]);
    assert_queue("13");
    queue_remove(&threads[1]);
    queue_remove(&threads[3]);
    assert_queue("");
    assert_null(threads[3].queue);
}

static void test_priorities(void **state)
{
    static const enum thread_priority priorities[COUNT] = {THREAD_NORMAL, THREAD_LOW,  THREAD_HIGH,
                                                           THREAD_NORMAL, THREAD_HIGH, THREAD_LOW,
                                                           THREAD_LOW,    THREAD_HIGH};

    (void)state;
    for (int i = 0; i < COUNT; i++) {
        threads[i].priority = priorities[i];
        queue_add_by_priority(&queue, &threads[i]);
    }
    assert_queue("24703156");
}

static void assert_sleepers(const char *expected)
{
    const struct thread *sooner = NULL;
    const struct thread *thread = sleepers.first;

    for (; *expected != '\0'; expected++) {
        assert_ptr_equal(thread, &threads[*expected - '0']);
        assert_ptr_equal(thread->sooner, sooner);
        sooner = thread;
        thread = thread->later;
    }
    assert_null(thread);
    assert_ptr_equal(sleepers.last, sooner);
}

static void test_sleepers(void **state)
{
    static const uint64_t times[COUNT] = {50, 20, UINT64_MAX, 50, 1, 20, 60, 50};

    (void)state;
    for (int i = 0; i < COUNT; i++) {
        sleep_add(&sleepers, &threads[i], times[i]);
        assert_int_equal(threads[i].wake_at, times[i]);
    }
    assert_sleepers("41503762");
    sleep_remove(&sleepers, &threads[4]);
    sleep_remove(&sleepers, &threads[2]);
    sleep_remove(&sleepers, &threads[0]);
    assert_int_equal(threads[0].wake_at, 0);
    assert_sleepers("15376");
}

/* A list of numbers that does the same, slowly. */
static void test_sleepers_against_a_model(void **state)
{
    int model[COUNT];
    int length = 0;
    unsigned seed = 7;

    (void)state;
    for (unsigned step = 0; step < 20000; step++) {
        seed = seed * 1103515245 + 12345;
        int which = (int)(seed >> 16 & 7);
        uint64_t time = (seed >> 20 & 15) + 1;
        char expected[COUNT + 1];
        int place = 0;

        if (threads[which].wake_at != 0) {
            sleep_remove(&sleepers, &threads[which]);
            while (model[place] != which) {
                place++;
            }
            memmove(&model[place], &model[place + 1], (size_t)(--length - place) * sizeof(int));
        } else {
            while (place < length && threads[model[place]].wake_at <= time) {
                place++;
            }
            memmove(&model[place + 1], &model[place], (size_t)(length++ - place) * sizeof(int));
            model[place] = which;
            sleep_add(&sleepers, &threads[which], time);
        }
        for (int i = 0; i < length; i++) {
            expected[i] = (char)('0' + model[i]);
        }
        expected[length] = '\0';
        assert_sleepers(expected);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_ends, start),
        cmocka_unit_test_setup(test_removal, start),
        cmocka_unit_test_setup(test_priorities, start),
        cmocka_unit_test_setup(test_sleepers, start),
        cmocka_unit_test_setup(test_sleepers_against_a_model, start),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
