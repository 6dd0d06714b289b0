/* sampler.h: the whole contract of the optical-power sampling loop. This file is its manual.
 *
 * What it is. One thread samples the photodiode taps of all fibre pairs through an analogue-to-digital converter, finds loss
 * of light exactly N samples after it, and keeps count of everything that it took, missed or could not hand over. It works in
 * counts of the converter; what a count means in dBm is known in Python, once for each window.
 *
 * What it is not. It never acts on the plant, never waits for Python, never writes a log. It has no policy: what an event
 * means is decided in stationd.core.
 *
 *     source --> segment --> scan --> windows (mean, min, max of each channel) --.
 *     (a converter)   |        |----> events (light lost, light back, step ...) ---> rings --> eventfd --> sampler_drain
 *                     '---------------------------> captures (raw samples) ------'
 *
 * Threads. After sampler_start the sampling thread owns everything but the far ends of the three rings. It allocates nothing,
 * takes no lock, and calls nothing but the source, clock_gettime, clock_nanosleep or poll, and write on its eventfd. All other
 * functions are called by one thread at a time, the reader; none of them ever waits for the sampling thread, but sampler_stop,
 * for at most the time it is given. A handle is of no use in a forked child: every function then returns -ECHILD.
 *
 * Pacing. A source that wakes its reader itself (an IIO buffer, a UIO interrupt) sets the pace: the thread waits in poll. Any
 * other source is asked at absolute times, one scan for each slot of 1/rate; a slot that was overslept is missed, never made
 * up for by a burst.
 *
 * Time. All times are nanoseconds of CLOCK_MONOTONIC. A scan's time is that of its own conversion: the source's timestamp
 * where it has one, the clock just before the source was asked where the host sets the pace, and an estimate from the arrival
 * of blocks (marked SAMPLER_TIME_ESTIMATED) where there is neither. A timestamp that goes back, or that lies ahead of the
 * clock, is not believed: the series is continued by one period, and what follows is measured from there (time_jumps).
 *
 * Counting. Nothing is ever dropped silently. At any instant that no call is in progress, and in a stopped sampler exactly:
 *
 *     slots    = scans + missed
 *     windows  = windows_read  + windows_lost  + windows_queued       and their scans and missed add up to slots, but for
 *                                                                     the window that is not full yet
 *     events   = events_read   + events_lost   + events_queued        (events_limited were found, but not made)
 *     triggers = captures_read + captures_lost + captures_queued + captures_open + captures_merged + captures_limited
 *
 * A ring that is full loses the newest; the next record that gets through says how many were lost before it.
 *
 * Errors are returned as -errno; 0 or a count is success. The functions that take `error` put a sentence there that says what
 * was wrong, where, and what would be right.
 *
 * What stands between the two cffi marks is also the declaration that Python uses: plain C without preprocessor conditions. */
#ifndef STATIOND_SAMPLER_H
#define STATIOND_SAMPLER_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* cffi begin */

#define SAMPLER_ABI 1
#define SAMPLER_CHANNELS 128   /* most channels */
#define SAMPLER_WORDS 4        /* 32-bit words of a set of channels */
#define SAMPLER_KNOTS 16       /* most knots of a step table */
#define SAMPLER_BUCKETS 704    /* of the lateness histogram, see sampler_bucket_ns */
#define SAMPLER_COUNT_BITS 24  /* counts are -2^24 to 2^24 - 1, so that sums of a window are exact */
#define SAMPLER_ALL 0xffffffff /* "channel" of an event that concerns all */

typedef struct sampler sampler; /* opaque: one block of memory, locked where that is allowed */

/* ---------------------------------------------------------------- where the counts come from */

typedef struct {
    char kind[8];                        /* "iio", "spi", "mmap", "sim" or "shm" */
    char where[512];                     /* iio: name in /dev; spi: device files, comma between them; mmap, shm: a file; sim: a script */
    char sysfs_root[128];                /* iio: "/sys"; another tree for tests */
    char device_root[128];               /* iio: "/dev" */
    char trigger[64];                    /* iio: name of the trigger; empty: leave the one that is set */
    char chip[16];                       /* spi: "ads8688" or "mcp3208" */
    char type[32];                       /* mmap: layout of a register in IIO's words, "le:u16/16>>0" */
    uint32_t index[SAMPLER_CHANNELS];    /* input of each channel, each once, in any order: iio: N of in_voltageN; spi: chip x 8 + input */
    uint32_t watermark;                  /* iio: scans that make one wake-up; 0: the kernel's */
    uint32_t buffer_scans;               /* iio: length of the kernel's buffer; 0: two seconds */
    uint32_t speed_hz;                   /* spi: clock */
    uint32_t offset, stride;             /* mmap: first register, bytes from one to the next */
} sampler_source;

/* ---------------------------------------------------------------- how it runs */

#define SAMPLER_WAKE_ON_WINDOW 1 /* windows ring the eventfd too, not only events and captures */
#define SAMPLER_LOCK_MEMORY 2    /* lock the arena and the thread's stack in memory */

typedef struct {
    uint32_t abi;            /* SAMPLER_ABI */
    uint32_t flags;          /* SAMPLER_WAKE_ON_WINDOW | SAMPLER_LOCK_MEMORY */
    uint32_t channels;       /* 1 to SAMPLER_CHANNELS */
    uint32_t rate_hz;        /* scans a second, 1 to 50000; of a source that sets the pace: its nominal rate */
    uint32_t window_slots;   /* slots of a window, 1 to 1000000 */
    uint32_t window_ring;    /* windows that may wait for the reader, 2 to 4096 */
    uint32_t event_ring;     /* events that may wait for the reader, 2 to 65536 */
    uint32_t event_burst;    /* events that a channel may make at once; then event_every slots for each further one */
    uint32_t event_every;
    uint32_t stuck_scans;    /* the same count for so many scans: the converter is dead; seen at the end of a window; 0: never */
    uint32_t late_ns;        /* a scan later than this is counted as late and marks its window; of a block that the source
                              * hands over: its newest scan */
    uint32_t segment_scans;  /* scans of a segment of raw samples, 1 to 65536 */
    uint32_t segments;       /* segments in all, 2 to 1024 */
    uint32_t pre_scans;      /* a capture holds at least so many scans before its trigger, where there were any; one that
                              * follows another begins where that ended */
    uint32_t post_scans;     /* and so many from the trigger on */
    uint32_t capture_on;     /* kinds of events that start a capture: 1 << SAMPLER_LOST | ... up to SAMPLER_TIME_JUMP */
    uint32_t capture_every;  /* slots from one trigger to the next that is obeyed; a technician's always is */
    uint32_t capture_ring;   /* captures that may wait for the reader, 1 to 64 */
    int32_t priority;        /* SCHED_FIFO priority to ask for; 0: stay as started */
    int32_t cpu;             /* -1: any */
    int32_t dma_latency_us;  /* hold /dev/cpu_dma_latency at this; -1: leave it alone */
    uint64_t first_slot;     /* number of the first slot; tests begin near 2^64 */
} sampler_config;

typedef struct {
    int32_t at;              /* a level in counts */
    int32_t low, high;       /* from that level, a count below low or above high is a step */
} sampler_knot;

/* What is watched on one channel, in counts that rise with the light. A count outside valid_low..valid_high is no light and
 * no darkness: it is counted as saturated and neither raises nor clears anything. */
typedef struct {
    int32_t valid_low, valid_high;
    int32_t lost_below;          /* counts below are dark */
    int32_t back_above;          /* counts above are lit again; not less than lost_below */
    uint32_t lost_n, lost_m;     /* light is lost when lost_n of the last lost_m counts were dark, 1 to 32; lost_n 0: never */
    uint32_t back_n, back_m;     /* it is back when back_n of the last back_m were lit */
    uint32_t step_slots;         /* a step is a change against the mean of the so many slots before; 0: none is looked for.
                                  * Any change within so many slots is seen, a slower one up to twice as many may be */
    uint32_t step_scans;         /* that lasts for so many scans, 1 to 32 */
    uint32_t knots;              /* 2 to SAMPLER_KNOTS, rising; between two knots lines are drawn; outside the nearest holds */
    sampler_knot knot[SAMPLER_KNOTS];
} sampler_channel;

/* ---------------------------------------------------------------- what comes out */

#define SAMPLER_LOST 0             /* light was lost: the lost_n-th dark count */
#define SAMPLER_BACK 1             /* light is back */
#define SAMPLER_STEP_DOWN 2        /* reference is the level before, count the level after */
#define SAMPLER_STEP_UP 3
#define SAMPLER_SATURATED 4        /* lost_m counts in a row outside valid_low..valid_high */
#define SAMPLER_SATURATED_END 5
#define SAMPLER_STUCK 6            /* found at the end of a window */
#define SAMPLER_STUCK_END 7
#define SAMPLER_GAP 8              /* reference is how many slots were missed, slot the first of them; times: of the next scan */
#define SAMPLER_TIME_JUMP 9        /* the source's time went back, or ahead of the clock; channel is SAMPLER_ALL */
#define SAMPLER_ENDED 10           /* the source is gone; count is the errno. The thread has ended: stop, destroy, create anew */
#define SAMPLER_MANUAL 11          /* only as the cause of a capture: sampler_trigger */

typedef struct {
    uint64_t number;         /* 0, 1, 2 ... of all events made */
    uint64_t lost_before;    /* events that were lost just before this one */
    uint64_t slot;           /* of the deciding scan */
    int64_t sample_ns;       /* time of the deciding scan */
    int64_t since_ns;        /* time of the first scan of the run that led to it: the crossing */
    int64_t found_ns;        /* clock when it was found */
    uint32_t kind;           /* SAMPLER_LOST ... */
    uint32_t channel;
    int32_t count;           /* the deciding count */
    int32_t reference;       /* steps and gaps: see there; else 0 */
} sampler_event;

#define SAMPLER_MISSED 1           /* slots were missed in this window */
#define SAMPLER_LATE 2             /* a scan was later than late_ns */
#define SAMPLER_TIME_JUMPED 4
#define SAMPLER_TIME_ESTIMATED 8   /* the source has no clock */
#define SAMPLER_NOT_REAL_TIME 16   /* the thread runs without the priority that was asked for */
#define SAMPLER_NOT_LOCKED 32      /* its memory may be paged out although locking was asked for */
#define SAMPLER_READ_FAILED 64     /* the source returned an error */

typedef struct {
    uint64_t number;         /* 0, 1, 2 ... of all windows made */
    uint64_t lost_before;    /* windows that were lost just before this one */
    uint64_t first_slot;
    int64_t first_ns, last_ns; /* times of its first and last scan; 0 if it has none */
    uint64_t missed;         /* scans + missed >= window_slots */
    uint32_t scans;
    uint32_t flags;          /* SAMPLER_MISSED | ... */
    uint32_t generation;     /* of the watch that was in force at its end, see sampler_watch */
} sampler_window;

#define SAMPLER_IS_DARK 1          /* light is lost at the end of the window */
#define SAMPLER_WAS_DARK 2         /* it was lost at some time in it: a loss is seen even when its events were lost */
#define SAMPLER_IS_STUCK 4
#define SAMPLER_IS_SATURATED 8
#define SAMPLER_IS_LIMITED 16      /* events of this channel were suppressed in this window */

typedef struct {
    int64_t sum;             /* of all counts, saturated ones too */
    int32_t min, max;
    uint32_t saturated;      /* how many counts were outside valid_low..valid_high */
    uint32_t flags;          /* SAMPLER_IS_DARK | ... */
} sampler_level;

typedef struct {
    uint32_t events, windows;      /* how many were handed over now */
    uint32_t more;                 /* 1: the rings were not emptied; call again */
    uint32_t ended;                /* 1: the thread has ended by itself */
    uint32_t dark[SAMPLER_WORDS];  /* set of the channels whose light is lost now */
    uint32_t latch[SAMPLER_WORDS]; /* set of those whose light was lost at any time since the last drain; read and cleared */
    uint32_t losses[SAMPLER_CHANNELS]; /* how often the light of each was lost so far (it wraps): who counts the events that
                                        * came sees how many did not, once a second look has shown that none is on its way */
} sampler_drained;

typedef struct {
    uint64_t number;         /* 0, 1, 2 ... of the captures made */
    uint64_t lost_before;    /* captures that were lost just before this one */
    uint64_t trigger_slot;
    int64_t trigger_ns;
    uint32_t kind;           /* of the event that started it, or SAMPLER_MANUAL */
    uint32_t channel;
    uint32_t generation;     /* of the watch that was in force */
    uint32_t segments;       /* to be read with sampler_segment_at */
    uint32_t stride;         /* counts from one scan to the next, >= channels */
} sampler_capture;

typedef struct {
    const int32_t *counts;   /* scans x stride; valid until sampler_release */
    const int64_t *times;
    const uint64_t *slots;
    uint32_t scans;
} sampler_segment;

/* ---------------------------------------------------------------- what is counted */

#define SAMPLER_READY 0
#define SAMPLER_RUNNING 1
#define SAMPLER_STOPPED 2
#define SAMPLER_GONE 3       /* the source is gone: see `error` */

typedef struct {
    uint64_t slots, scans, missed;
    uint64_t overruns;       /* times that data were lost in the source or that slots were overslept */
    uint64_t late, time_jumps, read_errors, wakes;
    uint64_t windows, windows_read, windows_lost, windows_queued;
    uint64_t events, events_read, events_lost, events_queued, events_limited;
    uint64_t triggers, captures_read, captures_lost, captures_queued, captures_open, captures_merged, captures_limited;
    int64_t lateness_max_ns, lateness_sum_ns, work_max_ns, cpu_ns;
    int32_t state;           /* SAMPLER_READY ... */
    int32_t error;           /* errno of the source that is gone, else of its last failed reading */
    int32_t policy, priority;/* what the kernel gave: SCHED_OTHER 0, SCHED_FIFO 1 */
    int32_t demoted;         /* 1: the loop took more than half of its time and gave its priority back */
    int32_t thread;          /* its number in /proc */
    int32_t error_priority, error_lock, error_cpu, error_dma_latency, error_stack; /* errno of each step that was not granted, or 0 */
    uint32_t generation;     /* of the watch in force */
    uint64_t arena_bytes;
    uint64_t lateness[SAMPLER_BUCKETS]; /* how late each wake-up was */
} sampler_stats;

/* ---------------------------------------------------------------- functions */

/* Open the source and make a sampler. NULL with a sentence in `error` when the configuration or the source is wrong; a missing
 * privilege is never an error, see sampler_stats. `watch` has config->channels elements. */
sampler *sampler_create(const sampler_config *config, const sampler_source *where, const sampler_channel *watch, char *error, uint32_t size);

/* Start the thread; it waits one period before its first scan. -EBUSY if it was started before. */
int sampler_start(sampler *s);

/* Stop and join the thread; -ETIMEDOUT if it does not come back from its source in time: then nothing may be done with the
 * handle but to stop it again later. */
int sampler_stop(sampler *s, int64_t timeout_ns);

/* Free everything; -EBUSY while the thread runs. */
int sampler_destroy(sampler *s);

/* A descriptor that becomes readable when there is something to drain. It belongs to the sampler. */
int sampler_fd(const sampler *s);

/* Hand over what waits in the rings: at most max_events events and max_windows windows; `levels` has max_windows x channels.
 * The one call for each wake-up; it also clears the descriptor. */
int sampler_drain(sampler *s, sampler_event *events, uint32_t max_events, sampler_window *windows, sampler_level *levels,
                  uint32_t max_windows, sampler_drained *drained);

/* Put another watch in force from the next block on. Returns its generation, -EAGAIN while an earlier one was not taken, or
 * -EINVAL, also where it begins or ceases to look for loss of light on a channel. */
int sampler_watch(sampler *s, const sampler_channel *watch);

/* Copy the counters. They belong to one instant only when the thread does not run. */
int sampler_statistics(const sampler *s, sampler_stats *stats);

/* Start a capture now, as a technician does; one that is under way will do. -EAGAIN while an earlier request was not taken,
 * -ENODEV when the source is gone. */
int sampler_trigger(sampler *s);

/* Take the next capture: 1, or 0 when none waits. Its segments belong to the reader until sampler_release. -EBUSY before that. */
int sampler_take_capture(sampler *s, sampler_capture *capture);
int sampler_segment_at(const sampler *s, uint32_t number, sampler_segment *segment);
int sampler_release(sampler *s);

/* One turn of the loop in the caller's thread at an invented time, for a sampler that was not started: takes the scan that is
 * due (or all that a source that sets the pace has) and returns how many it took. */
int sampler_tick(sampler *s, int64_t now_ns);
int64_t sampler_due(const sampler *s);

/* As if the source had delivered these scans (scans x channels counts) at `now_ns`. For replays; not while the thread runs.
 * -ERANGE for a count of more than SAMPLER_COUNT_BITS bits. */
int sampler_push(sampler *s, const int32_t *counts, const int64_t *times, uint32_t scans, int64_t now_ns);

/* The lower bound of a bucket of the lateness histogram: 32 buckets for each doubling from 256 ns to 1 s; bucket 0 starts at 0. */
int64_t sampler_bucket_ns(uint32_t bucket);

/* Decode one element of a scan by its layout in IIO's words, "[be|le]:[s|u]bits/storage[Xrepeat][>>shift]": the first of its
 * repeats. -EINVAL with a sentence for a text that is no layout, -ENODATA when fewer bytes are there than one element has,
 * -ERANGE for an unsigned value of 2^63 or more. */
int sampler_decode(const char *type, const uint8_t *bytes, uint32_t size, int64_t *value, char *error, uint32_t error_size);

/* cffi end */

#ifdef __cplusplus
}
#endif
#endif
