/*
 * onefile.c - random operations on one file, which is compared with memory after each of them:
 *
 *     onefile [--seed N] [--ops N] [--size BYTES] [--full 1] [--load M] [--save M] [--crash C] FILE
 *     onefile --after-crash C FILE
 *
 * --full: the volume is small, ENOSPC may happen. --load: FILE exists and holds what M says, else
 * it is made. --save: leave in M what FILE must hold. --crash: the server will be killed; C is then
 * what FILE may hold, and --after-crash asks whether it does.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/fuse/onefile.h"
#include "tests/fuse/tester.h"

struct file file = {.fd = -1, .direct = -1};

void file_open(int flags)
{
    file.fd = open(file.path, O_RDWR | flags, 0644);
    file.direct = file.fd >= 0 ? open(file.path, O_RDWR | O_DIRECT) : -1;
    if (file.direct < 0) {
        fail_call("open");
    }
}

void file_close(void)
{
    if (close(file.fd) != 0 || close(file.direct) != 0) {
        fail_call("close");
    }
}

/* Read from FD to the end, which must come where the model has it. */
static void compare(int fd, const char *how)
{
    static uint8_t bytes[SIZE_MAX_BYTES + 4096] __attribute__((aligned(4096)));
    uint32_t got = 0;
    ssize_t more;

    while ((more = pread(fd, bytes + got, sizeof bytes - got, got)) > 0) {
        got += (uint32_t)more;
    }
    if (more < 0) {
        fail_call(how);
    }
    errno = 0;
    if (got != model.size) {
        fail("%s: %u bytes instead of %u", how, got, model.size);
    }
    for (uint32_t i = 0; i < got; i++) {
        if (bytes[i] != model.bytes[i]) {
            fail("%s: byte %u of %u is %02x instead of %02x", how, i, got, bytes[i],
                 model.bytes[i]);
        }
    }
}

void file_verify(void)
{
    compare(file.fd, "read through the page cache");
    compare(file.direct, "read around the page cache");
}

static void after_crash(const char *record)
{
    static uint8_t bytes[SIZE_MAX_BYTES + 1];
    ssize_t got;

    file_open(0);
    got = read(file.fd, bytes, sizeof bytes);
    if (got < 0) {
        fail_call("read");
    }
    model_check_allowed(record, bytes, (uint32_t)got);
}

static void note_crash(void)
{
    printf("the server died in operation %" PRIu64 "\n", tester.op);
    model_save_allowed(tester_word("--crash", NULL));
}

static void begin(void)
{
    if (tester_word("--load", NULL) != NULL) {
        model_load(tester_word("--load", NULL));
        file_open(0);
        file_verify();
    } else {
        file_open(O_CREAT | O_TRUNC);
    }
    if (tester_word("--crash", NULL) != NULL) {
        if (fsync(file.fd) != 0) {
            fail_call("fsync");
        }
        model_track_crashes();
        tester.crashed = note_crash;
    }
}

int main(int argc, char **argv)
{
    int first = tester_start(argc, argv);

    if (first != argc - 1) {
        fprintf(stderr, "usage: onefile [--seed N] [--ops N] ... FILE\n");
        return 2;
    }
    file.path = argv[first];
    file.limit = (uint32_t)tester_number("--size", 256 << 10);
    if (tester_word("--after-crash", NULL) != NULL) {
        after_crash(tester_word("--after-crash", NULL));
        return 0;
    }
    begin();
    while (tester.op < tester.ops) {
        tester.op++;
        operation_random();
        file_verify();
    }
    file_close();
    if (tester_word("--save", NULL) != NULL) {
        model_save(tester_word("--save", NULL));
    }
    printf("%" PRIu64 " operations of seed %" PRIu64 ":", tester.ops, tester.seed);
    operation_print_counts();
    return 0;
}
