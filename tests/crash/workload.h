/*
 * workload.h - what is done to a volume before the power is cut: sequences of operations, on the
 * file system and on the model alike, while the recorder writes.
 *
 * A workload has a name, CONFIG.KIND.NUMBER, which is all that is needed to run it again:
 *
 *   config   block size, size of the volume, of the journal; see config.c
 *   kind     one    each sequence of one operation, with something that makes it durable behind it
 *            two    each sequence of two of them
 *            soup   random operations; NUMBER is the seed, as in all that follow
 *            file   random writes, truncates and syncs of one file
 *            wrap   so many commits that the log goes round
 *            full   a volume without space
 *            orphan files that are unlinked while they are open, and truncated while large
 *            names  links and renames onto each other
 *            over   files are overwritten in place
 *            reuse  blocks change from metadata to data and back
 *            after  a few operations after a power cut
 *            ends   the end of a file comes and goes
 *            beside operations, and syncs in other threads beside them
 */
#ifndef SECTOR0_TESTS_CRASH_WORKLOAD_H
#define SECTOR0_TESTS_CRASH_WORKLOAD_H

#include "tests/crash/crashsim.h"
#include "tests/crash/oracle.h"

struct config {
    const char *name;
    uint32_t bs;
    uint64_t blocks, journal;
    bool volatile_cache;
    uint8_t *base; /* a volume with some files, made once */
};
extern struct config configs[];
extern const unsigned config_count;

/* Make all bases. */
void configs_create(void);
uint64_t config_sectors(const struct config *config);

enum kind {
    KIND_ONE,
    KIND_TWO,
    KIND_SOUP,
    KIND_FILE,
    KIND_WRAP,
    KIND_FULL,
    KIND_ORPHAN,
    KIND_NAMES,
    KIND_OVER,
    KIND_REUSE,
    KIND_AFTER,
    KIND_BESIDE,
    KIND_ENDS,
    KINDS
};
extern const char *const kind_names[KINDS];

/* How many different ones there are; UINT64_MAX: as many as seeds. */
uint64_t kind_count(enum kind kind);

/* What was done, and to what. */
struct recording {
    struct crashsim *sim;
    struct oracle *oracle;
    uint32_t first; /* event: what was before it is preparation */
};

/*
 * Run workload KIND.NUMBER on a copy of IMAGE, a volume that may have to be recovered. RECOVERED:
 * the same volume when it is. Ends the program if the file system does not do what the model does.
 */
void workload_run(const struct config *config, const uint8_t *image, const uint8_t *recovered,
                  enum kind kind, uint64_t number, struct recording *recording);
void recording_free(struct recording *recording);

#endif
