/* test_dma.c - memory for devices: alignment, place, zeroes, and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kernel/mm/dma.h"
#include "tests/fakes/memory.h"

#define BLOCK 0x800000ull /* what the made-up allocator gives */

static unsigned asked_order, freed_order;
static uint64_t answer, freed;

uint64_t frame_alloc(unsigned order, unsigned flags)
{
    assert_int_equal(flags, FRAME_BELOW_4G);
    asked_order = order;
    return answer;
}

void frame_free(uint64_t phys, unsigned order)
{
    freed = phys;
    freed_order = order;
}

unsigned frame_order(size_t size)
{
    unsigned order = 0;

    while (order < FRAME_ORDERS && (size_t)FRAME_SIZE << order < size) {
        order++;
    }
    return order;
}

static void test_sizes(void **state)
{
    static const struct {
        size_t size;
        unsigned order;
    } cases[] = {{1, 0}, {4096, 0}, {4097, 1}, {65536, 4}, {65537, 5}, {4 << 20, 10}};

    (void)state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint64_t phys = 0;
        size_t block = (size_t)FRAME_SIZE << cases[i].order;

        answer = BLOCK;
        memset(phys_to_virt(BLOCK), 0x5A, block);
        uint8_t *memory = dma_alloc(cases[i].size, &phys);

        assert_int_equal(asked_order, cases[i].order);
        assert_int_equal(phys, BLOCK);
        assert_ptr_equal(memory, phys_to_virt(BLOCK));
        for (size_t byte = 0; byte < block; byte++) {
            assert_int_equal(memory[byte], 0);
        }
        dma_free(memory, cases[i].size);
        assert_int_equal(freed, BLOCK);
        assert_int_equal(freed_order, cases[i].order);
    }
}

static void test_refusals(void **state)
{
    uint64_t phys = 7;

    (void)state;
    answer = BLOCK;
    assert_null(dma_alloc(0, &phys));
    assert_null(dma_alloc((4 << 20) + 1, &phys));
    assert_null(dma_alloc(SIZE_MAX, &phys));
    answer = FRAME_NONE;
    assert_null(dma_alloc(4096, &phys));
    assert_int_equal(phys, 7);
    freed = 9;
    dma_free(NULL, 4096);
    assert_int_equal(freed, 9);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_sizes),
                                       cmocka_unit_test(test_refusals)};

    fake_memory_map(BLOCK, 4 << 20);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
