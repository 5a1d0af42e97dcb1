/* block_patience.c - see block_patience.h. */
#include "drivers/block_patience.h"

#define TRIAL       4  /* waits */
#define PAUSE_FIRST 16 /* waits between two trials, doubled after each that changed nothing */
#define PAUSE_LAST  512
#define WEIGHT      8 /* a sample moves the mean by one of so many parts of the difference */
#define OUTLIER     2 /* a sample counts as so many times the mean at most */
#define GAIN        8 /* looking must save one of so many parts, since it keeps the CPU busy */
#define LONGEST     1000000000u /* nanoseconds: times this are below 2^32 */
#define CHANGED     2 /* so many times longer or shorter than usual: the requests are others */

bool block_patience_sleeps(const struct block_patience *patience)
{
    return patience->sleeps != (patience->trial > 0);
}

static void begin_pause(struct block_patience *patience, unsigned length)
{
    patience->pause = patience->rest = (uint16_t)(length < PAUSE_LAST ? length : PAUSE_LAST);
    patience->usual = patience->mean;
}

/* Which way was faster? */
static void end_trial(struct block_patience *patience)
{
    uint32_t awake = patience->sleeps ? patience->trial_mean : patience->mean;
    uint32_t asleep = patience->sleeps ? patience->mean : patience->trial_mean;
    bool sleeps = awake >= asleep - asleep / GAIN;

    if (sleeps == patience->sleeps) {
        begin_pause(patience, patience->pause * 2u);
        return;
    }
    patience->sleeps = sleeps;
    patience->mean = patience->trial_mean;
    begin_pause(patience, PAUSE_FIRST);
}

/* Requests take much longer or shorter than they did: the next trial may end otherwise. */
static void notice_change(struct block_patience *patience)
{
    if (patience->mean > patience->usual * CHANGED || patience->mean < patience->usual / CHANGED) {
        begin_pause(patience, PAUSE_FIRST);
    }
}

static void learn_in_trial(struct block_patience *patience, uint32_t sample)
{
    patience->trial_mean += sample / TRIAL;
    patience->trial--;
    if (patience->trial == 0) {
        end_trial(patience);
    }
}

void block_patience_learn(struct block_patience *patience, uint64_t nanos)
{
    uint32_t sample = nanos < LONGEST ? (uint32_t)nanos : LONGEST;

    if (patience->mean == 0) { /* the very first */
        patience->mean = sample;
        begin_pause(patience, PAUSE_FIRST);
    }
    if (sample > patience->mean * OUTLIER) {
        sample = patience->mean * OUTLIER;
    }
    if (patience->trial > 0) {
        learn_in_trial(patience, sample);
        return;
    }
    patience->mean = patience->mean - patience->mean / WEIGHT + sample / WEIGHT + 1;
    notice_change(patience);
    patience->rest--;
    if (patience->rest == 0) {
        patience->trial = TRIAL;
        patience->trial_mean = 0;
    }
}
