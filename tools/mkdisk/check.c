/*
 * check.c - `mkdisk check`: fs/check.h for an image. Findings go to stdout, a line each, and the
 * exit codes are those of e2fsck.
 */
#include <stdio.h>

#include "fs/check.h"
#include "mkdisk.h"
#include "options.h"
#include "progress.h"
#include "volume.h"

#define EXIT_REPAIRED  1
#define EXIT_LEFT      4
#define EXIT_NOT_DONE  8
#define PROGRESS_STEPS 100

typedef unsigned long long ull;

static void report(void *ctx, const char *line)
{
    (void)ctx;
    progress_hide();
    puts(line);
}

static void progress(void *ctx, unsigned percent)
{
    unsigned *done = ctx;

    if (percent > *done) {
        progress_add(percent - *done);
        *done = percent;
    }
}

static int conclude(const char *name, const struct sfs_check_result *result, bool repair)
{
    if (result->replayed > 0) {
        printf("%s: %u transactions replayed%s\n", name, result->replayed,
               repair ? "" : " in memory");
    }
    printf("%s: version %u, blocks of %u bytes, %llu of %llu in use; %llu of %llu inodes\n", name,
           result->version, result->block_size, (ull)result->blocks_used, (ull)result->blocks,
           (ull)result->inodes_used, (ull)result->inodes);
    if (result->findings == 0) {
        printf("%s: sound\n", name);
    } else if (repair) {
        printf("%s: %llu findings, %llu repaired, %llu left\n", name, (ull)result->findings,
               (ull)result->fixed, (ull)result->left);
    } else {
        printf("%s: %llu findings, nothing was written; -y repairs\n", name, (ull)result->findings);
    }
    return result->left > 0 ? EXIT_LEFT : result->fixed > 0 ? EXIT_REPAIRED : EXIT_DONE;
}

int verb_check(const struct options *options)
{
    unsigned done = 0;
    const struct sfs_check_options check = {
        .repair = options->repair, .report = report, .progress = progress, .ctx = &done};
    struct sfs_check_result result;
    struct volume volume;

    if (options->repair && options->no_repair) {
        usage_error("check takes -n or -y, not both");
    }
    refuse_with(EXIT_NOT_DONE);
    volume_open(&volume, options->image, options->repair);
    progress_start("checking", PROGRESS_STEPS);
    int error = sfs_check(&volume.disk.dev, &check, &result);

    progress_end();
    if (error < 0) {
        refuse(volume.image.name, "could not be checked: %s", volume_reason(error));
    }
    volume_close(&volume);
    return conclude(volume.image.name, &result, options->repair);
}
