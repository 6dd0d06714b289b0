/* detect.h: what happens on each channel, found in counts. No thread, no clock, no source; the order of calls is the time.
 *
 * Every channel has a band, below..above, in which a count is no news. One pass over up to 64 scans (a few vector instructions
 * for 16 channels) sums up, finds the extremes, and asks whether any of them left its band. Only then are these scans taken one
 * by one, and the channels of a scan that has news looked at one by one:
 *
 *     lit   --(lost_n of the last lost_m counts < lost_below)--> dark     the history of counts is a shift register
 *     dark  --(back_n of the last back_m counts > back_above)--> lit
 *     count outside valid_low..valid_high: no news for that history; lost_m of them in a row: saturated
 *     lit, count outside the step table's low..high for step_scans in a row: step; the level is the new reference
 *
 * While a history is not empty, a run is going on, or a channel is saturated, its band is empty: every count is looked at.
 * The reference of steps is the mean of the block of step_slots before; a block in which a run is unfinished, or a count
 * saturated, gives none. A gap ends every run and empties the history of recovery, never that of loss: what is missing must
 * not clear. Other thresholds begin with an empty history. */
#ifndef STATIOND_DETECT_H
#define STATIOND_DETECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sampler.h"

/* A pass over counts with this mark is made twice by the compiler, for the machine's wide vectors and for plain ones; the loader picks. */
#if defined(__x86_64__) && defined(__GLIBC__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) && !defined(NO_CLONES)
#define WIDEST __attribute__((target_clones("avx2", "default")))
#define HAS_WIDE
#else
#define WIDEST
#endif

#define DETECT_LANES 32   /* channels are padded to a multiple of this, so that the loops need no remainder */
#define DETECT_FLUSH 64   /* scans that fit a 32-bit sum: 64 x 2^24 < 2^31 */

typedef struct {
    uint32_t kind, channel;
    int32_t count, reference;
    uint64_t slot;
    int64_t sample_ns, since_ns;
} finding;

typedef struct {
    sampler_channel watch;
    uint32_t history;       /* bit 0 is the newest count */
    uint32_t seen;          /* counts that went into the history so far */
    int64_t when[32];       /* their times, by seen & 31 */
    bool dark, was_dark, stuck, saturated, reference_known;
    uint32_t saturated_run, valid_run;
    int64_t saturated_since;
    uint32_t saturated_in_window;
    uint64_t saturated_in_all, saturated_at_block;
    int32_t reference, step_low, step_high;
    int32_t step_sign;
    uint32_t step_run;
    int64_t step_since;
    uint64_t block_begin;   /* slot */
    uint64_t block_scans;   /* of all scans, at its begin */
    int64_t block_total;
    int32_t still;          /* the one count of the last windows */
    uint32_t still_scans;
    int64_t still_since;
} channel_state;

/* The extremes and the sum of each channel over some scans. */
typedef struct {
    int32_t min[SAMPLER_CHANNELS], max[SAMPLER_CHANNELS], sum[SAMPLER_CHANNELS];
} survey_result;
typedef int32_t (*surveyor)(const int32_t *counts, uint32_t scans, uint32_t stride, survey_result *out, const int32_t *below, const int32_t *above);

typedef struct detector detector;
struct detector {
    uint32_t channels, stride;       /* stride: channels padded */
    uint32_t stuck_scans;
    surveyor survey;                 /* the best that the machine has */
    int32_t *below, *above;          /* the band */
    int32_t *min, *max, *sum;        /* of the window; sum since the last flush */
    int64_t *total;                  /* of all counts so far, up to the last flush */
    int64_t *window_total;           /* the same at the begin of the window */
    channel_state *channel;
    uint32_t unflushed;              /* scans in `sum` */
    uint32_t window_scans;
    uint64_t scans;
    uint64_t next_block;             /* the slot at which the first block of any channel ends */
    uint64_t last_slot;
    bool any_step, blocks_known;
    void (*found)(void *context, const finding *what);
    void *context;
};

/* Bytes that detector_make takes from its memory, which is 64-byte aligned and zero. */
size_t detector_bytes(uint32_t channels);
void detector_make(detector *d, void *memory, uint32_t channels, const sampler_channel *watch, uint32_t stuck_scans);
uint32_t detector_stride(uint32_t channels);

/* Whether a watch makes sense: 0, or -EINVAL with a sentence. */
int detector_check(const sampler_channel *watch, uint32_t channels, char *error, uint32_t size);

/* Another watch from the next scan on. */
void detector_watch(detector *d, const sampler_channel *watch);

/* Scans of one window in slots that follow each other: scans x d->stride counts. */
void detector_scans(detector *d, const int32_t *counts, const int64_t *times, uint32_t scans, uint64_t slot);

/* Slots are missing before the next scan. */
void detector_gap(detector *d);

/* The end of a window: its levels, and a fresh window. The times are those of its first and last scan. */
void detector_window(detector *d, sampler_level *levels, int64_t first_ns, uint64_t last_slot, int64_t last_ns);

#endif
