/*
 * queue.c - see queue.h.
 *
 * Looking for a place begins at the end: most who come are of the priority of those who are there,
 * or sleep as long as they do, and so belong there.
 */
#include "kernel/sched/queue.h"

#include <stddef.h>

#include "kernel/sched/scheduler.h"

/* Add THREAD behind PLACE; NULL stands for the front. */
static void insert(struct wait_queue *queue, struct thread *place, struct thread *thread)
{
    struct thread *next = place != NULL ? place->next : queue->first;

    thread->queue = queue;
    thread->previous = place;
    thread->next = next;
    *(place != NULL ? &place->next : &queue->first) = thread;
    *(next != NULL ? &next->previous : &queue->last) = thread;
}

void queue_add_first(struct wait_queue *queue, struct thread *thread)
{
    insert(queue, NULL, thread);
}

void queue_add_by_priority(struct wait_queue *queue, struct thread *thread)
{
    struct thread *place = queue->last;

    while (place != NULL && place->priority < thread->priority) {
        place = place->previous;
    }
    insert(queue, place, thread);
}

void queue_remove(struct thread *thread)
{
    struct wait_queue *queue = thread->queue;

    *(thread->previous != NULL ? &thread->previous->next : &queue->first) = thread->next;
    *(thread->next != NULL ? &thread->next->previous : &queue->last) = thread->previous;
    thread->queue = NULL;
}

void sleep_add(struct sleep_queue *queue, struct thread *thread, uint64_t wake_at)
{
    struct thread *place = queue->last;

    while (place != NULL && place->wake_at > wake_at) {
        place = place->sooner;
    }
    struct thread *later = place != NULL ? place->later : queue->first;

    thread->wake_at = wake_at;
    thread->sooner = place;
    thread->later = later;
    *(place != NULL ? &place->later : &queue->first) = thread;
    *(later != NULL ? &later->sooner : &queue->last) = thread;
}

void sleep_remove(struct sleep_queue *queue, struct thread *thread)
{
    *(thread->sooner != NULL ? &thread->sooner->later : &queue->first) = thread->later;
    *(thread->later != NULL ? &thread->later->sooner : &queue->last) = thread->sooner;
    thread->wake_at = 0;
}
