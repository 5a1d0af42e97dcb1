/* workload.c - see workload.h; the kinds themselves are in sequences.c, soups.c and beside.c. */
#include "tests/crash/workload.h"

#include "fs/port.h"
#include "fs/sfs.h"
#include "tests/crash/kinds.h"
#include "tests/crash/port_crash.h"

const char *const kind_names[KINDS] = {"one",   "two",    "soup",  "file", "wrap",
                                       "full",  "orphan", "names", "over", "reuse",
                                       "after", "beside", "ends"};

/* Those whose number is a seed. */
static void (*const random_kinds[KINDS])(struct actor *a, struct random *r) = {
    [KIND_SOUP] = run_soup,     [KIND_FILE] = run_file,     [KIND_WRAP] = run_wrap,
    [KIND_FULL] = run_full,     [KIND_ORPHAN] = run_orphan, [KIND_NAMES] = run_names,
    [KIND_OVER] = run_over,     [KIND_REUSE] = run_reuse,   [KIND_AFTER] = run_after,
    [KIND_BESIDE] = run_beside, [KIND_ENDS] = run_ends};

static unsigned length_of(enum kind kind)
{
    return kind == KIND_ONE ? 1 : 2;
}

uint64_t kind_count(enum kind kind)
{
    return random_kinds[kind] != NULL ? UINT64_MAX : sequence_count(length_of(kind));
}

static void run_kind(struct actor *a, enum kind kind, uint64_t number)
{
    struct random r = {number * 16 + kind};

    if (random_kinds[kind] == NULL) {
        run_sequence(a, number, length_of(kind));
    } else if (kind != KIND_AFTER || number > 0) { /* after.0: nothing at all */
        random_kinds[kind](a, &r);
    }
}

static void must(int error, const char *what)
{
    if (error < 0) {
        port_panic(__FILE__, __LINE__, what);
    }
}

void workload_run(const struct config *config, const uint8_t *image, const uint8_t *recovered,
                  enum kind kind, uint64_t number, struct recording *recording)
{
    /* A small cache keeps the log short; with a large one it gets full. Threads wait for each other
     * in a short one. */
    unsigned small_each = kind == KIND_BESIDE ? 8 : 2;
    struct sfs_mount_options options = {.cache_blocks = number % small_each == 0 ? 64 : 512,
                                        .page_kib = 256};
    struct actor a = {.config = config, .options = &options};

    port_clock = 2000000000;
    a.oracle = oracle_create(recovered);
    a.sim = crashsim_create(image, config_sectors(config), number * KINDS + kind);
    crashsim_dev(a.sim)->volatile_cache = config->volatile_cache;
    a.trace = crashsim_trace(a.sim);
    must(sfs_mount(crashsim_dev(a.sim), &options, &a.fs), "mount");
    run_kind(&a, kind, number);
    op_unmount(&a);
    *recording = (struct recording){a.sim, a.oracle, a.first};
}

void recording_free(struct recording *recording)
{
    crashsim_free(recording->sim);
    oracle_free(recording->oracle);
}
