/* cmd_threads.c - ps, kill, sleep: the threads of the kernel. */
#include "kernel/console.h"
#include "kernel/input.h"
#include "kernel/sched/thread.h"
#include "kernel/string.h"
#include "shell/commands.h"
#include "shell/parse.h"

#define PS_MAX           64
#define NANOS_PER_MILLI  1000000ull
#define NANOS_PER_SECOND 1000000000ull
#define SLEEP_MAX        (UINT64_MAX / NANOS_PER_SECOND / 2) /* seconds; some centuries */

static const char *state_text(const struct thread_info *info)
{
    static const char *const texts[] = {"ready", "running", "sleeping", "waiting", "ended"};

    return info->should_stop && info->state != THREAD_ENDED ? "stopping" : texts[info->state];
}

static void print_thread(const struct thread_info *info)
{
    static const char *const priorities[] = {"idle", "low", "normal", "high"};
    unsigned long long millis = info->nanos / NANOS_PER_MILLI;

    kprintf("%3u %-15s %-8s %-6s %5llu.%03llu %9llu %6zu/%-6zu %.9s\n", info->id, info->name,
            state_text(info), priorities[info->priority], millis / 1000, millis % 1000,
            (unsigned long long)info->switches, info->stack_peak, info->stack_size,
            info->waits_for != NULL ? info->waits_for : "");
}

static struct thread_info info[PS_MAX]; /* used by the shell's thread alone */

/* Fill INFO; returns how many of its elements are used. */
static size_t list_threads(size_t *total)
{
    *total = thread_list(info, PS_MAX);
    return *total < PS_MAX ? *total : PS_MAX;
}

int command_ps(int argc, char **argv)
{
    size_t total;

    if (argc != 1) {
        return command_usage(argv[0]);
    }
    size_t count = list_threads(&total);

    kprintf(" id name            state    prio     CPU sec  switches  stack/size   waits for\n");
    for (size_t i = 0; i < count; i++) {
        print_thread(&info[i]);
    }
    if (total > count) {
        kprintf("and %zu more\n", total - count);
    }
    return STATUS_OK;
}

/* Say why thread ID was not asked to stop. */
static int refused(const char *command, unsigned id)
{
    size_t total;
    size_t count = list_threads(&total);

    for (size_t i = 0; i < count; i++) {
        if (info[i].id == id) {
            return command_error(command, "thread %u (%s) cannot be stopped", id, info[i].name);
        }
    }
    return command_error(command, "there is no thread %u", id);
}

int command_kill(int argc, char **argv)
{
    uint64_t id;
    const char *text = argc == 2 ? argv[1] : "";

    if (!parse_take_number(&text, UINT32_MAX, &id) || *text != '\0') {
        return command_usage(argv[0]);
    }
    return thread_ask_to_stop((unsigned)id) ? STATUS_OK : refused(argv[0], (unsigned)id);
}

/* SECONDS[.FRACTION]; digits behind the nanoseconds are cut off. */
static bool parse_seconds(const char *text, uint64_t *nanos)
{
    uint64_t seconds;
    uint64_t unit = NANOS_PER_SECOND;

    if (!parse_take_number(&text, SLEEP_MAX, &seconds)) {
        return false;
    }
    *nanos = seconds * NANOS_PER_SECOND;
    if (*text == '.') {
        for (text++; *text >= '0' && *text <= '9'; text++) {
            unit /= 10;
            *nanos += (uint64_t)(*text - '0') * unit;
        }
    }
    return *text == '\0';
}

int command_sleep(int argc, char **argv)
{
    uint64_t nanos;

    if (argc != 2 || !parse_seconds(argv[1], &nanos)) {
        return command_usage(argv[0]);
    }
    if (!command_has_keyboard()) {
        thread_sleep(nanos);
    } else if (input_wait_interrupt(nanos)) {
        kprintf("^C\n");
        return STATUS_INTERRUPTED;
    }
    return STATUS_OK;
}
