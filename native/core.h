/* core.h: the inside of a sampler, shared by its four files and by nobody else.
 *
 *     sampler.c   making, starting, stopping; everything that the reader calls
 *     loop.c      the sampling thread: privileges, pacing, one turn
 *     series.c    when each scan was taken, and how many are missing before it
 *     record.c    windows, events and captures on their way into the rings
 *
 * One block of memory, the arena, holds this struct, the segments, the rings and the thread's stack. What the reader may see
 * of the sampling thread's work is atomic or lies in a ring; everything else belongs to the thread that runs the loop. */
#ifndef STATIOND_CORE_H
#define STATIOND_CORE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "detect.h"
#include "ring.h"
#include "sampler.h"
#include "source.h"

#define STACK_BYTES (256u * 1024u)
#define ALL_LIMITER SAMPLER_CHANNELS /* the bucket of events that concern all channels */

/* A counter with one writer; others may look at any time. */
typedef _Atomic uint64_t counter;
static inline void count(counter *c, uint64_t more) {
    atomic_store_explicit(c, atomic_load_explicit(c, memory_order_relaxed) + more, memory_order_relaxed);
}
static inline uint64_t counted(const counter *c) { return atomic_load_explicit(c, memory_order_relaxed); }

/* Where the time of a scan comes from. */
typedef enum {
    TIMES_OF_HOST,    /* the host asked for one scan, just now */
    TIMES_OF_ARRIVAL, /* the source sets the pace and has no clock */
    TIMES_OF_SOURCE,  /* the source's own, of CLOCK_MONOTONIC */
    TIMES_OF_FOREIGN  /* the source's own, of another clock */
} timing;

/* When each scan was taken: see series.c. */
typedef struct {
    uint32_t rate_hz;
    int64_t period_ns;
    bool begun;
    int64_t last_ns;     /* of the newest scan */
    int64_t source_ns;   /* the same by the source's own clock */
    int64_t shift_ns;    /* added to the source's times */
    int64_t drift;       /* without times: what the true period is longer than the nominal one, in ns / 65536 */
    uint32_t blocks;     /* from which that was learnt, up to a limit */
    int64_t origin_ns;   /* host-paced: time of turn 0 */
    uint64_t turn;       /* host-paced: the next one */
} series;

/* Raw samples. The loop fills one segment after the other; those of a capture belong to the reader until it gives them back. */
typedef struct {
    int32_t *counts;
    int64_t *times;
    uint64_t *slots;
    uint32_t scans;
} segment;

typedef struct {
    sampler_capture head;
    uint16_t numbers[]; /* of its segments, oldest first */
} capture_record;

typedef struct {
    uint32_t tokens;
    uint64_t refilled;
    bool limited; /* in this window */
} limiter;

struct sampler {
    sampler_config config;
    pid_t owner;
    size_t arena_bytes;
    source source;
    bool device_paced;
    timing timing;
    int bell, stop_bell, ended_bell;

    /* the sampling thread's own */
    detector detector;
    series series;
    uint64_t slot;                /* number of the next slot */
    uint32_t window_flags;
    uint64_t window_first_slot, window_missed;
    int64_t window_first_ns, window_last_ns;
    uint64_t window_last_slot;
    uint32_t window_scans;
    uint64_t windows_lost_now, events_lost_now, captures_lost_now;
    limiter limiters[SAMPLER_CHANNELS + 1];
    int64_t now_ns;               /* of this turn */
    bool ring_bell;
    uint32_t busy_turns;
    int64_t failing_since_ns;     /* 0: the last reading did not fail */

    segment *segments;
    uint32_t current;             /* the segment that is being filled */
    uint16_t *history;            /* full segments, oldest at history_begin, a circle of config.segments */
    uint32_t history_begin, history_length, history_keep;
    uint16_t *empty;              /* a stack */
    uint32_t empty_length;
    bool capturing;
    uint64_t capture_end;         /* complete with this many scans in all */
    sampler_capture capture;
    uint64_t captures_begun;
    bool triggered_before;
    uint64_t last_trigger_slot;

    /* shared */
    ring windows, events, captures, returned;
    _Atomic uint32_t dark[SAMPLER_WORDS], latch[SAMPLER_WORDS], losses[SAMPLER_CHANNELS];
    sampler_channel *watches[2];  /* one in force, one to come */
    _Atomic uint32_t watch_asked, watch_taken;
    _Atomic uint32_t trigger_asked;
    _Atomic uint32_t stop_asked;
    _Atomic int32_t state, error, demoted;
    counter slots, scans, missed, overruns, late, time_jumps, read_errors, wakes;
    counter windows_made, windows_read, windows_lost, events_made, events_read, events_lost, events_limited;
    counter triggers, captures_read, captures_lost, captures_open, captures_merged, captures_limited;
    counter lateness_max_ns, lateness_sum_ns, work_max_ns, cpu_ns;
    counter lateness[SAMPLER_BUCKETS];
    _Atomic int32_t policy, priority, thread_number, error_priority, error_cpu, error_dma_latency;
    int32_t error_lock, error_stack;

    /* the reader's own */
    bool started, joined, holds_capture;
    uint32_t watch_next;
    pthread_t thread;
    uint8_t *stack;
    capture_record *held;
};

/* loop.c */
int loop_turn(struct sampler *s, int64_t now_ns);
void *loop_run(void *context);
int64_t loop_due(const struct sampler *s);
uint32_t lateness_bucket(int64_t ns);
int64_t clock_ns(void);
void loop_take(struct sampler *s, segment *room, uint32_t scans, const source_block *block, timing from);

/* series.c: the time of a scan and the slots that are missing before it. `jumped` is set when the source's time was not believed. */
int64_t series_due(const series *t);
uint64_t series_turn(series *t, int64_t now_ns);
uint64_t series_timed(series *t, int64_t source_ns, int64_t now_ns, bool monotonic, int64_t *time_ns, bool *jumped);
void series_anchor(series *t, int64_t newest_source_ns, int64_t now_ns, bool drained);
uint64_t series_arrival(series *t, uint32_t scans, uint32_t known_missed, int64_t now_ns, bool drained, int64_t *times);

/* record.c */
void record_scans(struct sampler *s, const int32_t *counts, const int64_t *times, uint64_t *slots, uint32_t scans);
uint64_t record_room_of_window(const struct sampler *s);
void record_missed(struct sampler *s, uint64_t missed, int64_t time_ns);
void record_event(struct sampler *s, const finding *what);
void record_found(void *context, const finding *what);
void record_trigger(struct sampler *s, uint32_t kind, uint32_t channel, uint64_t slot, int64_t time_ns);
segment *record_room(struct sampler *s);
void record_filled(struct sampler *s);
size_t capture_record_bytes(uint32_t segments);

#endif
