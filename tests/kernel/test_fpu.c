/*
 * test_fpu.c - floating point: threads that ask for it keep their registers, whoever comes between;
 * others may not use it.
 */
#include <stdint.h>

#include "kernel/clock.h"
#include "kernel/cpu/exception.h"
#include "kernel/cpu/fpu.h"
#include "kernel/cpu/probe.h"
#include "kernel/cpu/trap.h"
#include "kernel/string.h"
#include "tests/kernel/guest_test.h"
#include "tests/kernel/threads.h"

#define FCW_OFFSET    0 /* in what FXSAVE writes [SDM1 10.5] */
#define FSW_OFFSET    2
#define MXCSR_OFFSET  24
#define ST_OFFSET     32
#define XMM_OFFSET    160
#define ST_SIZE       16
#define ST_BYTES      10
#define XMM_REGISTERS 16

struct state {
    uint8_t bytes[FPU_STATE_SIZE];
} __attribute__((aligned(FPU_STATE_ALIGN)));

static uint16_t word_at(const struct state *state, unsigned offset)
{
    uint16_t word;

    memcpy(&word, &state->bytes[offset], sizeof(word));
    return word;
}

static void save(struct state *state)
{
    memset(state, 0, sizeof(*state)); /* FXSAVE leaves parts of it as they are */
    __asm__ volatile("fxsave64 %0" : "=m"(*state) : : "memory");
}

static void load(const struct state *state)
{
    __asm__ volatile("fxrstor64 %0" : : "m"(*state) : "memory");
}

/* All registers full of NUMBER: two values on the x87 stack, and its own rounding modes. */
static void make_state(struct state *state, unsigned number)
{
    uint16_t fcw = (uint16_t)(0x037F | (number % 4) << 10);
    uint32_t mxcsr = 0x1F80 | (number % 4) << 13;

    fpu_init_state(state);
    memcpy(&state->bytes[FCW_OFFSET], &fcw, sizeof(fcw));
    memcpy(&state->bytes[MXCSR_OFFSET], &mxcsr, sizeof(mxcsr));
    state->bytes[FSW_OFFSET + 1] = 6 << 3; /* the top of the stack is register 6 */
    state->bytes[4] = 0xC0;                /* registers 6 and 7 are in use */
    for (unsigned i = 0; i < 2; i++) {
        memset(&state->bytes[ST_OFFSET + i * ST_SIZE], (int)(0x80 + number * 2 + i), ST_BYTES);
    }
    for (unsigned i = 0; i < XMM_REGISTERS; i++) {
        memset(&state->bytes[XMM_OFFSET + i * 16], (int)(number * XMM_REGISTERS + i), 16);
    }
}

/* The first byte of what both have that differs, from the control word to the last register. */
static unsigned first_difference(const struct state *a, const struct state *b)
{
    unsigned end = XMM_OFFSET + XMM_REGISTERS * 16;

    for (unsigned i = 0; i < end; i++) {
        bool has_meaning = i < 6 || (i >= MXCSR_OFFSET && i < MXCSR_OFFSET + 4) || i >= ST_OFFSET;

        if (has_meaning && a->bytes[i] != b->bytes[i]) {
            return i;
        }
    }
    return end;
}

struct fpu_user {
    unsigned number;
    unsigned difference; /* 0: not known yet */
    uint64_t nanos;
    bool yields;
};

static const unsigned no_difference = XMM_OFFSET + XMM_REGISTERS * 16;

/* Fill the registers, then look at them again and again; others run in between. */
static void use_fpu(void *argument)
{
    struct fpu_user *user = argument;
    struct state mine, now;
    uint64_t end = clock_nanos() + user->nanos;

    make_state(&mine, user->number);
    load(&mine);
    do {
        if (user->yields) {
            thread_yield();
        }
        save(&now);
        user->difference = first_difference(&mine, &now);
    } while (user->difference == no_difference && clock_nanos() < end);
}

static void run_users(bool yields, uint64_t nanos)
{
    struct fpu_user users[4];
    struct thread *threads[4];

    for (unsigned i = 0; i < 4; i++) {
        users[i] = (struct fpu_user){.number = i, .nanos = nanos, .yields = yields};
        threads[i] = thread_create("fpu user", use_fpu, &users[i], THREAD_NORMAL, THREAD_FPU);
        CHECK(threads[i] != NULL, "no memory");
    }
    for (unsigned i = 0; i < 4; i++) {
        thread_join(threads[i]);
    }
    for (unsigned i = 0; i < 4; i++) {
        CHECK(users[i].difference == no_difference, "thread %u: byte %u", i, users[i].difference);
    }
}

GUEST_TEST(fpu_state_survives_yields)
{
    run_users(true, 20 * MILLISECOND);
}

GUEST_TEST(fpu_state_survives_preemption)
{
    run_users(false, 150 * MILLISECOND);
}

GUEST_TEST(fpu_starts_clean)
{
    struct state reset, now;

    fpu_init_state(&reset);
    save(&now);
    CHECK(first_difference(&reset, &now) == no_difference, "byte %u",
          first_difference(&reset, &now));
    CHECK(word_at(&now, FCW_OFFSET) == 0x037F && word_at(&now, MXCSR_OFFSET) == 0x1F80,
          "control words %x, %x", word_at(&now, FCW_OFFSET), word_at(&now, MXCSR_OFFSET));
}

static void use_sse(void *argument)
{
    (void)argument;
    __asm__ volatile("xorps %%xmm0, %%xmm0" : : : "memory");
}

static void use_x87(void *argument)
{
    (void)argument;
    __asm__ volatile("fninit" : : : "memory");
}

struct refusal {
    bool sse_worked, x87_worked;
    uint64_t sse_vector, x87_vector;
};

static void probe_fpu(void *argument)
{
    struct refusal *refusal = argument;
    struct trap_frame frame = {0};

    refusal->sse_worked = cpu_probe(use_sse, NULL, &frame, NULL);
    refusal->sse_vector = frame.vector;
    refusal->x87_worked = cpu_probe(use_x87, NULL, &frame, NULL);
    refusal->x87_vector = frame.vector;
}

GUEST_TEST(fpu_is_refused_to_others)
{
    struct refusal refusal = {true, true, 0, 0};

    thread_join(start_helper(probe_fpu, &refusal, THREAD_HIGH));
    CHECK(!refusal.sse_worked && !refusal.x87_worked, "it worked");
    CHECK(refusal.sse_vector == EXCEPTION_NO_FPU && refusal.x87_vector == EXCEPTION_NO_FPU,
          "vectors %llu, %llu", (unsigned long long)refusal.sse_vector,
          (unsigned long long)refusal.x87_vector);
    use_sse(NULL); /* and is back for this thread */
}
