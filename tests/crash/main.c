/*
 * main.c - crash: cut the power at every moment of many workloads, and look at what is left.
 *
 *   crash [--states N] [--limit N] [--workers N] [--only PREFIX] [--stop] [--mutants]
 *   crash --broken RULE ...      the same with a rule of fs/rules.h broken
 *   crash [--broken RULE] --replay ID
 *
 * The status is 0 if nothing was found, and, with --mutants, every broken rule was.
 */
#include <getopt.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fs/rules.h"
#include "tests/crash/campaign.h"
#include "tests/crash/csum_fast.h"
#include "tests/crash/tally.h"
#include "tests/fs/checker.h"

#define MUTANT_LIMIT 16 /* of each crash point: a mistake may hide in many workloads */

/* States that it may hide in; if it has not been seen, more: some need two threads at a certain point. */
static const uint64_t mutant_states[] = {60000, 500000};

enum sfs_rule sfs_broken_rule;

static const struct {
    const char *name, *text;
} rules[] = {[SFS_NO_RULE] = {"none", ""},
#define RULE_TEXT(name, text) {#name, text},
             SFS_RULES(RULE_TEXT)};

/* ---- The mutation run ---- */

/* Mistakes that show in few kinds of workloads are looked for there. */
static const char *const shows_in[SFS_RULE_END] = {
    [SFS_RULE_FLUSH_COVERS_COMPLETED] = "512.beside",
    [SFS_RULE_BUSY_PAGE_RESTS] = "long.beside",
    [SFS_RULE_FSYNC_LOGGED] = "512.file",
    [SFS_RULE_OLDER_SIZE] = "512.ends",
};

/* Is it noticed when RULE is broken? */
static bool is_caught(struct campaign campaign, enum sfs_rule rule)
{
    sfs_broken_rule = rule;
    checker_quiet = true;
    campaign.limit = MUTANT_LIMIT;
    campaign.only = shows_in[rule];
    campaign.stop = campaign.quiet = true;
    tally_reset();
    for (unsigned i = 0; i < 2 && tally->failures + tally->lint == 0; i++) {
        campaign.states = mutant_states[i];
        tally_reset();
        campaign_run(&campaign);
    }
    printf("%-22s %s %s  %s\n", rules[rule].name, tally->failures > 0 ? "states" : "  -   ",
           tally->lint > 0 ? "order" : "  -  ", rules[rule].text);
    fflush(stdout);
    return tally->failures + tally->lint > 0;
}

static void print_sentence(const struct tally *found, unsigned caught, unsigned mutants)
{
    printf("%llu distinct crash states over %llu workloads, %llu unmountable, %llu check findings, "
           "%llu lost fsynced bytes, %llu exposed bytes",
           (unsigned long long)found->states, (unsigned long long)found->workloads,
           (unsigned long long)found->unmountable, (unsigned long long)found->findings,
           (unsigned long long)found->lost, (unsigned long long)found->exposed);
    if (mutants > 0) {
        printf(", %u/%u seeded ordering bugs caught", caught, mutants);
    }
    printf("\n");
}

static int run(const struct campaign *campaign, bool with_mutants)
{
    unsigned caught = 0, mutants = 0;

    campaign_run(campaign);
    struct tally found = *tally;

    for (int rule = SFS_NO_RULE + 1; with_mutants && rule < SFS_RULE_END; rule++) {
        caught += is_caught(*campaign, (enum sfs_rule)rule);
        mutants++;
    }
    if (found.lint > 0) {
        printf("%llu traces with a wrong order of writes\n", (unsigned long long)found.lint);
    }
    print_sentence(&found, caught, mutants);
    return found.failures + found.lint + found.full > 0 || caught < mutants ? 1 : 0;
}

/* ---- The command line ---- */

static enum sfs_rule rule_named(const char *name)
{
    for (int rule = SFS_NO_RULE; rule < SFS_RULE_END; rule++) {
        if (strcmp(rules[rule].name, name) == 0) {
            return (enum sfs_rule)rule;
        }
    }
    fprintf(stderr, "crash: no rule %s\n", name);
    exit(2);
}

int main(int argc, char **argv)
{
    struct campaign campaign = {
        .workers = (unsigned)sysconf(_SC_NPROCESSORS_ONLN), .states = 200000, .limit = 200};
    static const struct option options[] = {
        {"states", 1, NULL, 's'}, {"limit", 1, NULL, 'l'},  {"workers", 1, NULL, 'w'},
        {"only", 1, NULL, 'o'},   {"stop", 0, NULL, 'x'},   {"mutants", 0, NULL, 'm'},
        {"broken", 1, NULL, 'b'}, {"replay", 1, NULL, 'r'}, {NULL, 0, NULL, 0},
    };
    enum sfs_rule broken = SFS_NO_RULE;
    const char *replay = NULL;
    bool mutants = false;
    int option;

    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (option) {
        case 's':
            campaign.states = strtoull(optarg, NULL, 10);
            break;
        case 'l':
            campaign.limit = (uint32_t)strtoul(optarg, NULL, 10);
            break;
        case 'w':
            campaign.workers = (unsigned)strtoul(optarg, NULL, 10);
            break;
        case 'o':
            campaign.only = optarg;
            break;
        case 'x':
            campaign.stop = true;
            break;
        case 'm':
            mutants = true;
            break;
        case 'b':
            broken = rule_named(optarg);
            break;
        case 'r':
            replay = optarg;
            break;
        default:
            return 2;
        }
    }
    if (!csum_fast_check()) {
        fprintf(stderr, "crash: this CPU's checksums are wrong\n");
        return 2;
    }
    mallopt(M_MMAP_THRESHOLD, 1 << 30); /* images come and go: their pages stay */
    mallopt(M_TRIM_THRESHOLD, 1 << 30);
    tally_create(4 * campaign.states + (1u << 19));
    configs_create();
    sfs_broken_rule = broken;
    if (replay != NULL) {
        return campaign_replay(replay) ? 0 : 2;
    }
    return run(&campaign, mutants);
}
