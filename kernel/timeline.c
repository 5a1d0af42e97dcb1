/* timeline.c - see timeline.h. */
#include "kernel/timeline.h"

static struct timeline_entry timeline[TIMELINE_MAX];
static size_t used;

void timeline_start(const struct timeline_entry *entries, size_t count)
{
    for (used = 0; used < count && used < TIMELINE_MAX; used++) {
        timeline[used] = entries[used];
    }
}

void timeline_add(uint32_t step, uint64_t tsc)
{
    if (used < TIMELINE_MAX) {
        timeline[used++] = (struct timeline_entry){.step = step, .tsc = tsc};
    }
}

const struct timeline_entry *timeline_entries(size_t *count)
{
    *count = used;
    return timeline;
}
