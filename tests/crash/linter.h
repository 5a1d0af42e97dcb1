/*
 * linter.h - the rules of write order as predicates on a whole trace, whatever a power cut would do:
 *
 *   J1   new data are durable before a commit block that follows them is submitted
 *   J3   two-phase: so is the rest of the transaction; one transaction at a time goes into the log
 *   J4   what is written home is the newest durable copy in the log
 *   J5   the tail moves when what it leaves is durable at home; log space is used again, and the other
 *        journal superblock is written, when the moved tail is durable
 *   J6   data are not written in place where the log has a copy (J7)
 *   J11  recovery: home, flush, journal superblock, flush, and only then anything else
 *   J12  "in use" is durable before anything else is written, "clean" is written when all else is
 */
#ifndef SECTOR0_TESTS_CRASH_LINTER_H
#define SECTOR0_TESTS_CRASH_LINTER_H

#include <stddef.h>

#include "fs/format.h"
#include "tests/crash/trace.h"

/*
 * Does TRACE, which began with IMAGE, keep the rules? If not, TEXT says which one is broken where.
 * SUPER: of that volume when it was sound.
 */
bool lint(const struct trace *trace, const uint8_t *image, const struct sfs_super *super,
          char *text, size_t size);

#endif
