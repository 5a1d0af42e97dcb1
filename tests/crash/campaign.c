/*
 * campaign.c - see campaign.h. Workers are processes, because the file system and the model have
 * one state each; what they find goes into the tally. Which worker runs which workload is chance,
 * and changes nothing.
 */
#include "tests/crash/campaign.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/crash/inspect.h"
#include "tests/crash/tally.h"

#define ROUND 64         /* workloads between two looks at how many states there are */
#define LIST  (1u << 24) /* workloads */

/* Seconds for one workload, when a mistake is looked for, and else: one that hangs has failed. */
#define SECONDS_BROKEN 60
#define SECONDS        1200

/* How the kinds take turns. */
static const enum kind turns[] = {
    KIND_ONE, KIND_TWO,  KIND_SOUP,   KIND_OVER, KIND_ONE,  KIND_FILE,   KIND_BESIDE, KIND_REUSE,
    KIND_ONE, KIND_WRAP, KIND_TWO,    KIND_FULL, KIND_ONE,  KIND_BESIDE, KIND_NAMES,  KIND_ORPHAN,
    KIND_TWO, KIND_SOUP, KIND_BESIDE, KIND_OVER, KIND_WRAP, KIND_ENDS,   KIND_REUSE,  KIND_BESIDE,
};
#define TURNS (sizeof(turns) / sizeof(turns[0]))

/* Sequences are visited in an order that has no period of its own; seeds one after the other. */
static uint64_t spread(enum kind kind, uint64_t n)
{
    uint64_t count = kind_count(kind);

    return count == UINT64_MAX ? n : n * 2654435761u % count;
}

/* Workload N of the list. */
static struct inspection listed(uint64_t n)
{
    uint64_t turn = n / config_count;
    enum kind kind = turns[turn % TURNS];
    uint64_t before = 0, each = 0;

    for (uint64_t i = 0; i < TURNS; i++) {
        before += i < turn % TURNS && turns[i] == kind;
        each += turns[i] == kind;
    }
    return (struct inspection){.config = &configs[n % config_count],
                               .kind = kind,
                               .number = spread(kind, turn / TURNS * each + before)};
}

static bool wanted(const struct inspection *inspection, const char *only)
{
    char name[64];

    snprintf(name, sizeof(name), "%s.%s.%llu", inspection->config->name,
             kind_names[inspection->kind], (unsigned long long)inspection->number);
    return only == NULL || strncmp(name, only, strlen(only)) == 0;
}

/* Workloads up to number END. */
static void work(const struct campaign *campaign, uint64_t end)
{
    uint64_t n;

    while ((n = tally->next++) < end) {
        struct inspection inspection = listed(n);

        if (!wanted(&inspection, campaign->only)) {
            continue;
        }
        inspection.limit = campaign->limit;
        inspection.stop = campaign->stop;
        inspection.quiet = campaign->quiet;
        tally->workloads++;
        alarm(campaign->stop ? SECONDS_BROKEN : SECONDS);
        if (!inspect(&inspection)) {
            tally->next = end;
        }
    }
}

static void run_round(const struct campaign *campaign, uint64_t end)
{
    int status;

    fflush(stdout);
    for (unsigned i = 0; i < campaign->workers; i++) {
        if (fork() == 0) {
            work(campaign, end);
            fflush(stdout);
            _exit(0);
        }
    }
    while (wait(&status) > 0) {
        if (status != 0) {
            printf("FAILED: a worker ended with status %d, near workload %llu of the list\n",
                   status, (unsigned long long)tally->next);
            tally->failures++;
            tally->findings++;
        }
    }
}

void campaign_run(const struct campaign *campaign)
{
    uint64_t end = 0;

    while (tally->states < campaign->states && end < LIST) {
        tally->next = end;
        end += ROUND;
        run_round(campaign, end);
        if (tally->failures > 0 && campaign->stop) {
            return;
        }
    }
}

bool campaign_replay(const char *name)
{
    for (unsigned c = 0; c < config_count; c++) {
        for (int kind = 0; kind < KINDS; kind++) {
            char begin[64];
            int length =
                snprintf(begin, sizeof(begin), "%s.%s.", configs[c].name, kind_names[kind]);

            if (strncmp(name, begin, (size_t)length) == 0) {
                char *rest;
                struct inspection inspection = {.config = &configs[c],
                                                .kind = (enum kind)kind,
                                                .number = strtoull(name + length, &rest, 10)};

                inspection.replay = *rest == '/' ? rest + 1 : NULL;
                return !inspect(&inspection);
            }
        }
    }
    return false;
}
