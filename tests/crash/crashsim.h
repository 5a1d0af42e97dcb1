/*
 * crashsim.h - the recorder: a disk in memory that writes down what happens to it. Requests wait in
 * it and complete in an order that a seed decides, some only when somebody waits for them, so there
 * are writes in flight at most points of a trace.
 *
 * What blk.h forbids ends the program: overlapping requests in flight, memory that changes under a
 * write, requests that do not fit the device.
 */
#ifndef SECTOR0_TESTS_CRASH_CRASHSIM_H
#define SECTOR0_TESTS_CRASH_CRASHSIM_H

#include "tests/crash/trace.h"

struct crashsim;

/* A disk of SECTORS with a copy of BYTES on it. */
struct crashsim *crashsim_create(const uint8_t *bytes, uint64_t sectors, uint64_t seed);
void crashsim_free(struct crashsim *sim);
struct blk_dev *crashsim_dev(struct crashsim *sim);
struct trace *crashsim_trace(struct crashsim *sim);
/* What a read would see. */
/* Are any requests on their way? */
bool crashsim_is_busy(const struct crashsim *sim);
uint8_t *crashsim_bytes(struct crashsim *sim);

#endif
