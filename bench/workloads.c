/*
 * workloads.c - see workloads.h.
 *
 * Each piece of work is a function of its own that the compiler may not merge with its caller, so
 * that both programs measure the same instructions. All of them lie together in .text.workloads,
 * which begins with a page in both programs: under an emulator a jump to another page costs more.
 */
#include "bench/workloads.h"

/* The header must not bring its malloc, which is the C library's. */
#define _MM_MALLOC_H_INCLUDED
#include <emmintrin.h>

#ifdef __clang__
#define ALONE noinline
#else
#define ALONE noipa
#endif
#define WORK        __attribute__((ALONE, section(".text.workloads")))

#define FIB_N       30
#define XORSHIFTS   10000000
#define SIEVE_BYTES 1000000
#define BLOCK       (4u << 20)  /* bytes that are summed or copied */
#define SORTED      100000      /* numbers */
#define SIDE        1024        /* of the matrix; a multiple of 16 */
#define CRC_POLY    0xEDB88320u /* CRC-32, reflected */
#define FILL        0x5A

static uint64_t xorshift(uint64_t x)
{
    x ^= x << 13;
    x ^= x >> 7;
    return x ^ x << 17;
}

static WORK void fill(uint8_t *to, uint8_t byte, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        to[i] = byte;
    }
}

/* ---- Calls, shifts, bytes ---------------------------------------------------------------------
 */

static WORK int fib(int n)
{
    return n < 2 ? n : fib(n - 1) + fib(n - 2);
}

static uint64_t run_fib(void *const area[])
{
    (void)area;
    return (uint64_t)fib(FIB_N);
}

static WORK uint64_t xorshift_often(long count)
{
    uint64_t x = 88172645463325252ull;

    while (count-- > 0) {
        x = xorshift(x);
    }
    return x;
}

static uint64_t run_xorshift(void *const area[])
{
    (void)area;
    return xorshift_often(XORSHIFTS);
}

/* How many primes there are below COUNT. */
static WORK uint64_t sieve(uint8_t *is_prime, int count)
{
    uint64_t primes = 0;

    for (int i = 0; i < count; i++) {
        is_prime[i] = 1;
    }
    for (int i = 2; i < count; i++) {
        if (is_prime[i]) {
            primes++;
            for (long multiple = (long)i * i; multiple < count; multiple += i) {
                is_prime[multiple] = 0;
            }
        }
    }
    return primes;
}

static uint64_t run_sieve(void *const area[])
{
    return sieve(area[0], SIEVE_BYTES);
}

static WORK void make_crc_table(uint32_t *table)
{
    for (uint32_t byte = 0; byte < 256; byte++) {
        uint32_t crc = byte;

        for (int bit = 0; bit < 8; bit++) {
            crc = crc & 1 ? CRC_POLY ^ crc >> 1 : crc >> 1;
        }
        table[byte] = crc;
    }
}

static void prepare_crc(void *const area[])
{
    fill(area[0], 1, BLOCK);
    make_crc_table(area[1]);
}

static WORK uint64_t crc32(const uint32_t *table, const uint8_t *data, size_t size)
{
    uint32_t crc = ~0u;

    while (size-- > 0) {
        crc = table[(crc ^ *data++) & 0xFF] ^ crc >> 8;
    }
    return ~crc;
}

static uint64_t run_crc(void *const area[])
{
    return crc32(area[1], area[0], BLOCK);
}

/* ---- Copies -----------------------------------------------------------------------------------
 */

static void prepare_copy(void *const area[])
{
    fill(area[0], 0, BLOCK);
    fill(area[1], FILL, BLOCK);
}

static WORK void copy_movsb(void *to, const void *from, size_t size)
{
    __asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(size) : : "memory");
}

static WORK void copy_movsq(void *to, const void *from, size_t size)
{
    size /= 8;
    __asm__ volatile("rep movsq" : "+D"(to), "+S"(from), "+c"(size) : : "memory");
}

/* The empty statement keeps the compiler from seeing a memcpy. */
static WORK void copy_words(uint64_t *to, const uint64_t *from, size_t size)
{
    for (size_t i = 0; i < size / 8; i++) {
        to[i] = from[i];
        __asm__ volatile("" : : : "memory");
    }
}

static WORK void copy_sse(__m128i *to, const __m128i *from, size_t size)
{
    for (size_t i = 0; i < size / 16; i++) {
        _mm_storeu_si128(to + i, _mm_loadu_si128(from + i));
    }
}

/* A byte of the copy, so that a copy of nothing would be noticed. */
static uint64_t last_byte(const void *area)
{
    return ((const uint8_t *)area)[BLOCK - 1];
}

static uint64_t run_movsb(void *const area[])
{
    copy_movsb(area[0], area[1], BLOCK);
    return last_byte(area[0]);
}

static uint64_t run_movsq(void *const area[])
{
    copy_movsq(area[0], area[1], BLOCK);
    return last_byte(area[0]);
}

static uint64_t run_words(void *const area[])
{
    copy_words(area[0], area[1], BLOCK);
    return last_byte(area[0]);
}

static uint64_t run_sse(void *const area[])
{
    copy_sse(area[0], area[1], BLOCK);
    return last_byte(area[0]);
}

/* ---- Matrix times vector ----------------------------------------------------------------------
 */

/* Area 0 is the matrix, area 1 the vector and then the product. */
static WORK void prepare_floats(void *const area[])
{
    float *matrix = area[0], *vector = area[1];
    uint64_t x = 3;

    for (size_t i = 0; i < SIDE * SIDE; i++) {
        x = xorshift(x);
        matrix[i] = (float)((int)(x & 0xFF) - 128) / 64;
    }
    for (int i = 0; i < SIDE; i++) {
        vector[i] = (float)(i % 17) / 8;
    }
}

static WORK void prepare_bytes(void *const area[])
{
    int8_t *matrix = area[0], *vector = area[1];
    uint64_t x = 3;

    for (size_t i = 0; i < SIDE * SIDE; i++) {
        x = xorshift(x);
        matrix[i] = (int8_t)x;
    }
    for (int i = 0; i < SIDE; i++) {
        vector[i] = (int8_t)(i * 7);
    }
}

static WORK void gemv_f32(float *product, const float *matrix, const float *vector)
{
    for (size_t i = 0; i < SIDE; i++) {
        float sum = 0;

        for (size_t j = 0; j < SIDE; j++) {
            sum += matrix[i * SIDE + j] * vector[j];
        }
        product[i] = sum;
    }
}

/* Two sums of four columns each, so that one addition need not wait for the other. */
static WORK void gemv_f32_sse(float *product, const float *matrix, const float *vector)
{
    for (size_t i = 0; i < SIDE; i++) {
        const float *row = matrix + i * SIDE;
        __m128 a = _mm_setzero_ps(), b = a;
        float sum[4];

        for (size_t j = 0; j < SIDE; j += 8) {
            a = _mm_add_ps(a, _mm_mul_ps(_mm_loadu_ps(row + j), _mm_loadu_ps(vector + j)));
            b = _mm_add_ps(b, _mm_mul_ps(_mm_loadu_ps(row + j + 4), _mm_loadu_ps(vector + j + 4)));
        }
        _mm_storeu_ps(sum, _mm_add_ps(a, b));
        product[i] = sum[0] + sum[1] + sum[2] + sum[3];
    }
}

static WORK void gemv_i8(int32_t *product, const int8_t *matrix, const int8_t *vector)
{
    for (size_t i = 0; i < SIDE; i++) {
        int32_t sum = 0;

        for (size_t j = 0; j < SIDE; j++) {
            sum += (int)matrix[i * SIDE + j] * vector[j];
        }
        product[i] = sum;
    }
}

/* SSE2 has no multiplication of bytes: widened to 16 bits with their sign, multiplied, paired. */
static WORK void gemv_i8_sse(int32_t *product, const int8_t *matrix, const int8_t *vector)
{
    for (size_t i = 0; i < SIDE; i++) {
        const int8_t *row = matrix + i * SIDE;
        __m128i total = _mm_setzero_si128();
        int32_t sum[4];

        for (size_t j = 0; j < SIDE; j += 16) {
            __m128i a = _mm_loadu_si128((const __m128i *)(row + j));
            __m128i b = _mm_loadu_si128((const __m128i *)(vector + j));
            __m128i low = _mm_madd_epi16(_mm_srai_epi16(_mm_unpacklo_epi8(a, a), 8),
                                         _mm_srai_epi16(_mm_unpacklo_epi8(b, b), 8));
            __m128i high = _mm_madd_epi16(_mm_srai_epi16(_mm_unpackhi_epi8(a, a), 8),
                                          _mm_srai_epi16(_mm_unpackhi_epi8(b, b), 8));

            total = _mm_add_epi32(total, _mm_add_epi32(low, high));
        }
        _mm_storeu_si128((__m128i *)sum, total);
        product[i] = sum[0] + sum[1] + sum[2] + sum[3];
    }
}

#define PRODUCT_ROW 5 /* the one that is compared */

static uint64_t run_gemv_f32(void *const area[])
{
    float *product = (float *)area[1] + SIDE;

    gemv_f32(product, area[0], area[1]);
    return (uint64_t)(int64_t)product[PRODUCT_ROW];
}

static uint64_t run_gemv_f32_sse(void *const area[])
{
    float *product = (float *)area[1] + SIDE;

    gemv_f32_sse(product, area[0], area[1]);
    return (uint64_t)(int64_t)product[PRODUCT_ROW];
}

static uint64_t run_gemv_i8(void *const area[])
{
    int32_t *product = (int32_t *)((int8_t *)area[1] + SIDE);

    gemv_i8(product, area[0], area[1]);
    return (uint32_t)product[PRODUCT_ROW];
}

static uint64_t run_gemv_i8_sse(void *const area[])
{
    int32_t *product = (int32_t *)((int8_t *)area[1] + SIDE);

    gemv_i8_sse(product, area[0], area[1]);
    return (uint32_t)product[PRODUCT_ROW];
}

/* ---- Sorting ----------------------------------------------------------------------------------
 */

/* Let the number at I sink to its place in the heap of COUNT numbers. */
static void sift(uint32_t *heap, int i, int count)
{
    for (;;) {
        int child = 2 * i + 1;
        uint32_t number = heap[i];

        if (child >= count) {
            return;
        }
        if (child + 1 < count && heap[child + 1] > heap[child]) {
            child++;
        }
        if (number >= heap[child]) {
            return;
        }
        heap[i] = heap[child];
        heap[child] = number;
        i = child;
    }
}

/* Fill with random numbers, sort, and return the one in the middle. */
static WORK uint64_t heapsort(uint32_t *numbers, int count)
{
    uint64_t x = 5;

    for (int i = 0; i < count; i++) {
        x = xorshift(x);
        numbers[i] = (uint32_t)x;
    }
    for (int i = count / 2 - 1; i >= 0; i--) {
        sift(numbers, i, count);
    }
    for (int end = count - 1; end > 0; end--) {
        uint32_t largest = numbers[0];

        numbers[0] = numbers[end];
        numbers[end] = largest;
        sift(numbers, 0, end);
    }
    return numbers[count / 2];
}

static uint64_t run_heapsort(void *const area[])
{
    return heapsort(area[0], SORTED);
}

#define SIZES_F32                                                                                  \
    {                                                                                              \
        SIDE *SIDE * sizeof(float), 2 * SIDE * sizeof(float)                                       \
    }
#define SIZES_I8                                                                                   \
    {                                                                                              \
        SIDE *SIDE, SIDE + SIDE * sizeof(int32_t)                                                  \
    }

const struct workload workloads[] = {
    {"fib30", "fib", {0, 0}, NULL, run_fib, 832040},
    {"xorshift10M", "xorshift", {0, 0}, NULL, run_xorshift, 0x2A2EDEEF160A3819},
    {"sieve1M", "sieve", {SIEVE_BYTES, 0}, NULL, run_sieve, 78498},
    {"crc32_4MiB", "crc", {BLOCK, 1024}, prepare_crc, run_crc, 0xA54CD1B7},
    {"memcpy_movsb_4MiB", "mem", {BLOCK, BLOCK}, prepare_copy, run_movsb, FILL},
    {"memcpy_movsq_4MiB", "mem", {BLOCK, BLOCK}, prepare_copy, run_movsq, FILL},
    {"memcpy_loop8_4MiB", "mem", {BLOCK, BLOCK}, prepare_copy, run_words, FILL},
    {"memcpy_sse_4MiB", "mem", {BLOCK, BLOCK}, prepare_copy, run_sse, FILL},
    {"gemv_f32_scalar", "gemv", SIZES_F32, prepare_floats, run_gemv_f32, 31},
    {"gemv_f32_sse2", "gemv", SIZES_F32, prepare_floats, run_gemv_f32_sse, 31},
    {"gemv_i8_scalar", "gemv", SIZES_I8, prepare_bytes, run_gemv_i8, 0x18DE},
    {"gemv_i8_sse2", "gemv", SIZES_I8, prepare_bytes, run_gemv_i8_sse, 0x18DE},
    {"heapsort100k", "sort", {SORTED * sizeof(uint32_t), 0}, NULL, run_heapsort, 0x7FD9CBA1},
};
const size_t workload_count = sizeof(workloads) / sizeof(workloads[0]);

/*
 * A page lies between two areas. Were they a power of two apart, the same page of both would fall
 * on the same entry of a TLB that looks at the low bits of the page number.
 */
#define PAGE 4096u

static size_t area_room(const struct workload *workload, size_t area)
{
    size_t size = workload->size[area];

    return size == 0 ? 0 : (size + PAGE - 1) / PAGE * PAGE + PAGE;
}

size_t workload_memory(const struct workload *workload)
{
    size_t size = 0;

    for (size_t i = 0; i < WORKLOAD_AREAS; i++) {
        size += area_room(workload, i);
    }
    return size;
}

void workload_place(const struct workload *workload, void *memory, void *area[WORKLOAD_AREAS])
{
    uint8_t *next = memory;

    for (size_t i = 0; i < WORKLOAD_AREAS; i++) {
        area[i] = next;
        next += area_room(workload, i);
    }
}
