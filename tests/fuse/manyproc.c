/*
 * manyproc.c - many processes doing random operations in one tree:
 *
 *     manyproc [--seed N] [--ops N] [--processes N] [--full 1] [--list L] [--synced S] DIRECTORY
 *     manyproc --only-list L DIRECTORY
 *     manyproc --only-synced S DIRECTORY
 *
 * DIRECTORY is empty at the start. --ops: of each process. --list: print the tree to L at the end;
 * --only-list prints the tree as it is. --synced: the server will be killed; S records the files
 * that are durable, and --only-synced looks whether they are there.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/fuse/manyproc.h"
#include "tests/fuse/tester.h"

#define PROCESSES_MOST 64

/* The record of what is durable has been written as it came about. */
static void end_quietly(void)
{
}

static _Noreturn void work(unsigned process)
{
    tester_seed(tester.seed * 1000 + process);
    own_prepare(process);
    while (tester.op < tester.ops) {
        tester.op++;
        if (chance(3)) {
            own_random();
        } else {
            common_random();
        }
    }
    exit(0);
}

static void list(const char *path)
{
    FILE *out = path != NULL ? fopen(path, "w") : NULL;

    if (path != NULL && out == NULL) {
        fail("%s", path);
    }
    tree_check(out);
    if (out != NULL) {
        fclose(out);
    }
}

/* Returns the worst exit status of the processes. */
static int run(unsigned processes)
{
    int status, worst = 0;

    common_prepare();
    for (unsigned i = 0; i < processes; i++) {
        pid_t pid = fork();

        if (pid < 0) {
            fail("fork");
        }
        if (pid == 0) {
            work(i);
        }
    }
    while (wait(&status) > 0) {
        int code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);

        worst = code != 0 && worst != EXIT_FAILED ? code : worst;
    }
    return worst;
}

int main(int argc, char **argv)
{
    int first = tester_start(argc, argv);
    unsigned processes = (unsigned)tester_number("--processes", 4);
    int worst;

    if (first != argc - 1 || processes == 0 || processes > PROCESSES_MOST) {
        fprintf(stderr, "usage: manyproc [--seed N] [--ops N] ... DIRECTORY\n");
        return 2;
    }
    if (chdir(argv[first]) != 0) {
        fail("%s", argv[first]);
    }
    if (tester_word("--only-synced", NULL) != NULL) {
        synced_check(tester_word("--only-synced", NULL));
        return 0;
    }
    if (tester_word("--only-list", NULL) != NULL) {
        list(tester_word("--only-list", NULL));
        return 0;
    }
    tester.crashed = tester_word("--synced", NULL) != NULL ? end_quietly : NULL;
    worst = run(processes);
    if (worst == 0) {
        list(tester_word("--list", NULL));
        printf("%" PRIu64 " operations of %u processes, seed %" PRIu64 "\n", tester.ops * processes,
               processes, tester.seed);
    }
    return worst;
}
