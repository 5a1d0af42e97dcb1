/* virtio_require.h - what the made-up virtio device demands of its driver. */
#ifndef SECTOR0_FAKES_VIRTIO_REQUIRE_H
#define SECTOR0_FAKES_VIRTIO_REQUIRE_H

#include <stdio.h>
#include <stdlib.h>

/* From any thread, so the test program ends. */
#define REQUIRE(condition)                                                                         \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "the driver breaks a rule, %s:%d: %s\n", __FILE__, __LINE__,           \
                    #condition);                                                                   \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

#endif
