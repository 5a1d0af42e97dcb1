/* cmd_threads.c - ps, kill, sleep: the threads of the kernel. */
#include "kernel/console.h"
#include "kernel/input.h"
#include "kernel/sched/thread.h"
#include "kernel/string.h"
#include "shell/commands.h"

#define PS_MAX           64
#define NANOS_PER_MICRO  1000ull
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
    unsigned long long micros = info->nanos / NANOS_PER_MICRO;

    kprintf("%3u %-15s %-8s %-6s %4llu.%06llu %9llu %6zu/%-6zu%s%s\n", info->id, info->name,
            state_text(info), priorities[info->priority], micros / 1000000, micros % 1000000,
            (unsigned long long)info->switches, info->stack_peak, info->stack_size,
            info->waits_for != NULL ? " " : "", info->waits_for != NULL ? info->waits_for : "");
}

int command_ps(int argc, char **argv)
{
    static struct thread_info info[PS_MAX];

    if (argc != 1) {
        return command_usage(argv[0]);
    }
    size_t count = thread_list(info, PS_MAX);

    kprintf(" id name            state    prio    CPU seconds  switches  stack/size  waits for\n");
    for (size_t i = 0; i < count && i < PS_MAX; i++) {
        print_thread(&info[i]);
    }
    if (count > PS_MAX) {
        kprintf("and %zu more\n", count - PS_MAX);
    }
    return STATUS_OK;
}

/* Take decimal digits off *TEXT. Returns false if there are none, or the value is above MAX. */
static bool take_number(const char **text, uint64_t max, uint64_t *value)
{
    const char *start = *text;

    *value = 0;
    for (; **text >= '0' && **text <= '9'; (*text)++) {
        unsigned digit = (unsigned)(**text - '0');

        if (*value > (max - digit) / 10) {
            return false;
        }
        *value = *value * 10 + digit;
    }
    return *text != start;
}

int command_kill(int argc, char **argv)
{
    uint64_t id;
    const char *text = argc == 2 ? argv[1] : "";

    if (!take_number(&text, UINT32_MAX, &id) || *text != '\0') {
        return command_usage(argv[0]);
    }
    if (!thread_ask_to_stop((unsigned)id)) {
        return command_error(argv[0], "there is no thread %s, or it refuses to be stopped",
                             argv[1]);
    }
    return STATUS_OK;
}

/* SECONDS[.FRACTION]; digits behind the nanoseconds are cut off. */
static bool parse_seconds(const char *text, uint64_t *nanos)
{
    uint64_t seconds;
    uint64_t unit = NANOS_PER_SECOND;

    if (!take_number(&text, SLEEP_MAX, &seconds)) {
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
    if (input_wait_interrupt(nanos)) {
        kprintf("^C\n");
        return STATUS_INTERRUPTED;
    }
    return STATUS_OK;
}
