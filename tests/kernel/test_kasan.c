/*
 * test_kasan.c - accesses that KASAN must catch, and those that it must let pass, on frames. Each
 * forbidden one is told in a struct kasan_report instead of a panic, and then done: nobody else has
 * the memory.
 */
#include "kernel/mm/kasan.h"

#include "kernel/cpu/cpu.h"
#include "kernel/mm/address.h"
#include "kernel/mm/frame.h"
#include "kernel/string.h"
#include "kernel/symbols.h"
#include "tests/kernel/guest_test.h"

/* In other kernels the compiler sees that nothing of a test is left behind this. */
#define NEED_KASAN()                                                                               \
    do {                                                                                           \
        if (!KASAN_ON) {                                                                           \
            guest_test_skip("only with KERNEL=kasan");                                             \
        }                                                                                          \
    } while (0)

/* Do ACCESS, a statement, with interrupts off, and fill REPORT with the first forbidden part. */
#define TRY(report, access)                                                                        \
    do {                                                                                           \
        bool interrupts = cpu_save_interrupts();                                                   \
                                                                                                   \
        report = (struct kasan_report){0};                                                         \
        kasan_expect(&report);                                                                     \
        access;                                                                                    \
        kasan_expect(NULL);                                                                        \
        cpu_restore_interrupts(interrupts);                                                        \
    } while (0)

#define CHECK_CAUGHT(report, is_write, at, bytes, first, why)                                      \
    CHECK((report).write == (is_write) && (report).address == (uintptr_t)(at) &&                   \
              (report).size == (bytes) && (report).bad == (uintptr_t)(first) &&                    \
              (report).shadow == (why),                                                            \
          "%s of %llu at %llx, bad %llx, shadow %#x", (report).write ? "write" : "read",           \
          (unsigned long long)(report).size, (unsigned long long)(report).address,                 \
          (unsigned long long)(report).bad, (report).shadow)

#define CHECK_ALLOWED(report)                                                                      \
    CHECK((report).size == 0, "%s of %llu at %llx is forbidden, shadow %#x",                       \
          (report).write ? "write" : "read", (unsigned long long)(report).size,                    \
          (unsigned long long)(report).address, (report).shadow)

/* A frame of ours; its neighbours may be anybody's. */
static volatile uint8_t *take_frame(void)
{
    uint64_t frame = frame_alloc(0, 0);

    CHECK(frame != FRAME_NONE, "no memory");
    return phys_to_virt(frame);
}

static void give_frame(volatile uint8_t *bytes)
{
    frame_free(virt_to_phys((const void *)(uintptr_t)bytes), 0);
}

/* The compiler may not know what memory this is. */
static void *hidden(volatile void *address)
{
    void *same = (void *)(uintptr_t)address;

    __asm__ volatile("" : "+r"(same));
    return same;
}

GUEST_TEST(kasan_catches_a_released_frame)
{
    NEED_KASAN();
    volatile uint8_t *bytes = take_frame();
    struct kasan_report report;

    TRY(report, bytes[FRAME_SIZE - 1] = 1);
    CHECK_ALLOWED(report);
    give_frame(bytes);
    TRY(report, (void)bytes[5]);
    CHECK_CAUGHT(report, false, bytes + 5, 1, bytes + 5, KASAN_FREE_FRAME);
    TRY(report, *(volatile uint16_t *)hidden(bytes + 2) = 1);
    CHECK_CAUGHT(report, true, bytes + 2, 2, bytes + 2, KASAN_FREE_FRAME);
    TRY(report, (void)*(volatile uint32_t *)hidden(bytes + 4));
    CHECK_CAUGHT(report, false, bytes + 4, 4, bytes + 4, KASAN_FREE_FRAME);
    TRY(report, *(volatile uint64_t *)hidden(bytes + FRAME_SIZE - 8) = 1);
    CHECK_CAUGHT(report, true, bytes + FRAME_SIZE - 8, 8, bytes + FRAME_SIZE - 8, KASAN_FREE_FRAME);
}

GUEST_TEST(kasan_allows_a_frame_that_is_taken_again)
{
    NEED_KASAN();
    struct kasan_report report;
    volatile uint8_t *bytes = take_frame();

    give_frame(bytes);
    bytes = take_frame();
    TRY(report, memset(hidden(bytes), 0x5A, FRAME_SIZE));
    CHECK_ALLOWED(report);
    TRY(report, (void)bytes[FRAME_SIZE / 2]);
    CHECK_ALLOWED(report);
    give_frame(bytes);
}

/* Of three frames out of a block of four, the fourth stays forbidden. */
GUEST_TEST(kasan_forbids_what_a_run_leaves)
{
    NEED_KASAN();
    uint64_t run = frame_alloc_run(3, 0, 0);
    struct kasan_report report;

    CHECK(run != FRAME_NONE, "no memory");
    volatile uint8_t *bytes = phys_to_virt(run);
    volatile uint8_t *end = bytes + 3ul * FRAME_SIZE;

    TRY(report, memset(hidden(bytes), 0, 3ul * FRAME_SIZE));
    CHECK_ALLOWED(report);
    TRY(report, (void)*end);
    CHECK(report.bad == (uintptr_t)end && report.shadow == KASAN_FREE_FRAME, "shadow %#x",
          report.shadow);
    frame_free_run(run, 3);
    TRY(report, (void)end[-1]);
    CHECK_CAUGHT(report, false, end - 1, 1, end - 1, KASAN_FREE_FRAME);
}

/* An object of 13 bytes between red zones: all sizes of access, at all places around its end. */
GUEST_TEST(kasan_knows_the_last_byte_of_an_object)
{
    NEED_KASAN();
    volatile uint8_t *bytes = take_frame();
    struct kasan_report report;
    volatile uint8_t *object = bytes + 64, *end = object + 13;

    kasan_forbid((const void *)(uintptr_t)bytes, FRAME_SIZE);
    kasan_allow((const void *)(uintptr_t)object, 13);
    for (unsigned at = 0; at < 13; at++) {
        for (unsigned size = 1; size <= 32; size++) {
            bool fits = at + size <= 13;

            TRY(report, kasan_check(hidden(object + at), size, "read", NULL));
            CHECK((report.size == 0) == fits, "%u bytes at %u", size, at);
            CHECK(fits || report.bad == (uintptr_t)end, "%u bytes at %u", size, at);
        }
    }
    TRY(report, (void)object[12]);
    CHECK_ALLOWED(report);
    TRY(report, object[13] = 1);
    CHECK_CAUGHT(report, true, end, 1, end, 5);
    TRY(report, *(volatile uint64_t *)hidden(object + 8) = 1);
    CHECK_CAUGHT(report, true, object + 8, 8, end, 5);
    TRY(report, (void)object[-1]);
    CHECK_CAUGHT(report, false, object - 1, 1, object - 1, KASAN_HEAP);
    TRY(report, (void)*(volatile uint64_t *)hidden(object - 4));
    CHECK_CAUGHT(report, false, object - 4, 8, object - 4, KASAN_HEAP);
    kasan_forbid((const void *)(uintptr_t)object, 13);
    TRY(report, object[0] = 1);
    CHECK_CAUGHT(report, true, object, 1, object, KASAN_HEAP);
    kasan_allow((const void *)(uintptr_t)bytes, FRAME_SIZE);
    give_frame(bytes);
}

/* The string instructions run without the compiler's calls; the report names who called. */
GUEST_TEST(kasan_checks_the_library_functions)
{
    NEED_KASAN();
    static char text[32];
    char *bytes = hidden(take_frame());
    char *end = bytes + 16;
    struct kasan_report report;
    struct symbol symbol = {0};

    memset(bytes, 'x', FRAME_SIZE);
    kasan_forbid(end, FRAME_SIZE - 16);
    TRY(report, memcpy(text, hidden(bytes), 17));
    CHECK_CAUGHT(report, false, bytes, 17, end, KASAN_HEAP);
    CHECK(symbols_find((uintptr_t)report.caller - 1, &symbol), "no symbol");
    CHECK(strcmp(symbol.function, __func__) == 0, "called by %s", symbol.function);
    TRY(report, memcpy(hidden(end), text, 1));
    CHECK_CAUGHT(report, true, end, 1, end, KASAN_HEAP);
    TRY(report, memset(hidden(bytes + 8), 0, 20));
    CHECK_CAUGHT(report, true, bytes + 8, 20, end, KASAN_HEAP);
    TRY(report, memmove(hidden(bytes + 1), hidden(bytes), 16));
    CHECK_CAUGHT(report, true, bytes + 1, 16, end, KASAN_HEAP);
    TRY(report, (void)*(volatile int *)hidden(&(int){memcmp(hidden(bytes), hidden(bytes), 24)}));
    CHECK_CAUGHT(report, false, bytes, 24, end, KASAN_HEAP);
    memset(bytes, 'x', 16);
    TRY(report, (void)*(volatile size_t *)hidden(&(size_t){strlen(hidden(bytes))}));
    CHECK_CAUGHT(report, false, end, 1, end, KASAN_HEAP);
    TRY(report, memcpy(text, hidden(bytes), 16));
    CHECK_ALLOWED(report);
    kasan_allow(bytes, FRAME_SIZE);
    give_frame((volatile uint8_t *)bytes);
}
