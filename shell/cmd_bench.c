/* cmd_bench.c - bench: measurements, from bench/kernel/. */
#include "bench/kernel/bench.h"
#include "kernel/sched/thread.h"
#include "kernel/string.h"
#include "shell/commands.h"

struct request {
    const char *name;
    const char *disk; /* which one, for "disk"; or NULL */
    bool good;
};

static void run(void *argument)
{
    struct request *request = argument;

    request->good =
        strcmp(request->name, "disk") == 0 ? bench_disk(request->disk) : bench_run(request->name);
}

int command_bench(int argc, char **argv)
{
    struct request request = {.name = argc > 1 ? argv[1] : "", .disk = argc > 2 ? argv[2] : NULL};
    struct thread *thread;

    if (argc > 3 || (argc == 3 && strcmp(argv[1], "disk") != 0)) {
        return command_usage(argv[0]);
    }
    if (argc == 1) {
        bench_list();
        return STATUS_OK;
    }
    thread = thread_create("bench", run, &request, THREAD_NORMAL, THREAD_FPU);
    if (thread == NULL) {
        return command_error(argv[0], "no memory for a thread");
    }
    thread_join(thread);
    return request.good ? STATUS_OK : STATUS_FAILED;
}
