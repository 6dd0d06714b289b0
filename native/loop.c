/* loop.c: the sampling thread. One turn is: wait, ask the source, look at every scan, hand over, ring the bell.
 *
 * Nothing here allocates, locks or logs. The steps that need a privilege note its errno and go on without it. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sched.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "core.h"

#define SECOND 1000000000
#define LONGEST_WAIT_NS 100000000 /* so long at most until a request to stop is seen */
#define FAILING_GONE_NS 1000000000 /* a source whose readings fail for so long is gone */
#define REST_NS 1000000           /* after a source was ready but gave nothing, so that it cannot take the whole machine */
#define BUSY_TURNS 100            /* so many turns in a row that took more than half of their time: the priority goes back */
#define DMA_LATENCY_FILE "/dev/cpu_dma_latency"

int64_t clock_ns(void) {
    struct timespec now;
    if (clock_gettime(CLOCK_MONOTONIC, &now) != 0) return 0; /* cannot fail for this clock */
    return (int64_t)now.tv_sec * SECOND + now.tv_nsec;
}

/* 32 buckets for each doubling from 256 ns on. */
uint32_t lateness_bucket(int64_t ns) {
    if (ns < 256) return ns < 0 ? 0 : (uint32_t)(ns / 8);
    uint32_t octave = 63 - (uint32_t)__builtin_clzll((uint64_t)ns);
    uint32_t bucket = (octave - 7) * 32 + (uint32_t)(ns >> (octave - 5) & 31);
    return bucket < SAMPLER_BUCKETS ? bucket : SAMPLER_BUCKETS - 1;
}

int64_t sampler_bucket_ns(uint32_t bucket) {
    if (bucket < 32) return bucket * 8;
    uint32_t octave = bucket / 32 + 7;
    return (int64_t)(32 + bucket % 32) << (octave - 5);
}

static void note_lateness(struct sampler *s, int64_t ns) {
    if (ns < 0) ns = 0;
    count(&s->lateness[lateness_bucket(ns)], 1);
    count(&s->lateness_sum_ns, (uint64_t)ns);
    if ((uint64_t)ns > counted(&s->lateness_max_ns)) atomic_store_explicit(&s->lateness_max_ns, (uint64_t)ns, memory_order_relaxed);
    if (ns <= s->config.late_ns) return;
    count(&s->late, 1);
    s->window_flags |= SAMPLER_LATE;
}

/* ---------------------------------------------------------------- scans */

static void note_jump(struct sampler *s, int64_t time_ns) {
    finding jump = {.kind = SAMPLER_TIME_JUMP, .channel = SAMPLER_ALL, .slot = s->slot, .sample_ns = time_ns, .since_ns = time_ns};
    count(&s->time_jumps, 1);
    s->window_flags |= SAMPLER_TIME_JUMPED;
    record_event(s, &jump);
}

/* Slots were overslept, or the source lost them. */
static void note_hole(struct sampler *s, uint64_t missed, int64_t time_ns) {
    if (missed == 0) return;
    count(&s->overruns, 1);
    record_missed(s, missed, time_ns);
}

/* Scans with times of their own, up to the next hole or jump: how many there are. What lies before the first is recorded. */
static uint32_t follow_source(struct sampler *s, int64_t *times, uint32_t most, bool monotonic) {
    for (uint32_t i = 0; i < most; i++) {
        series before = s->series;
        bool jumped;
        uint64_t missed = series_timed(&s->series, times[i], s->now_ns, monotonic, &times[i], &jumped);
        if (!jumped && missed == 0) continue;
        if (i != 0) { /* for the next call, which comes when the scans before it are done */
            times[i] -= s->series.shift_ns;
            s->series = before;
            return i;
        }
        if (jumped) note_jump(s, times[0]);
        note_hole(s, missed, times[0]);
    }
    return most;
}

/* Scans that lie in the segment at block->counts: their times, the slots missing before each, and what is to be seen in them. */
void loop_take(struct sampler *s, segment *room, uint32_t scans, const source_block *block, timing from) {
    uint64_t *slots = room->slots + room->scans, before = 0;
    const int64_t newest = scans - 1;
    room->scans += scans;
    if (block->overruns != 0) count(&s->overruns, block->overruns);
    if (from == TIMES_OF_HOST) block->times[0] = s->series.last_ns = block->now;
    if (from == TIMES_OF_ARRIVAL) before = series_arrival(&s->series, scans, block->missed, block->now, block->drained, block->times);
    if (from == TIMES_OF_FOREIGN) series_anchor(&s->series, block->times[newest], block->now, block->drained);
    note_hole(s, block->missed + before, block->times[0]);
    for (uint32_t done = 0; done < scans;) {
        uint32_t some = scans - done;
        if (from == TIMES_OF_SOURCE || from == TIMES_OF_FOREIGN) some = follow_source(s, block->times + done, some, from == TIMES_OF_SOURCE);
        for (uint32_t end = done + some; done < end; done += some) {
            if (from == TIMES_OF_ARRIVAL || from == TIMES_OF_FOREIGN) s->window_flags |= SAMPLER_TIME_ESTIMATED;
            uint64_t left = record_room_of_window(s);
            some = end - done < left ? end - done : (uint32_t)left;
            if (from != TIMES_OF_HOST && done + some == scans) note_lateness(s, block->now - block->times[newest]);
            record_scans(s, block->counts + (size_t)done * block->stride, block->times + done, slots + done, some);
        }
    }
    record_filled(s);
}

static bool is_gone(int code) { return code == ENODEV || code == ENXIO || code == ENOENT || code == EBADF || code == ENODATA; }

/* A reading failed: a slot without a scan where the host sets the pace. Returns 0, or -errno when the source is gone. */
static int note_failure(struct sampler *s, int code) {
    count(&s->read_errors, 1);
    atomic_store_explicit(&s->error, code, memory_order_relaxed);
    s->window_flags |= SAMPLER_READ_FAILED;
    if (!s->device_paced) record_missed(s, 1, s->now_ns);
    s->window_flags |= SAMPLER_READ_FAILED; /* the window of the missed slot may just have been closed */
    if (s->failing_since_ns == 0) s->failing_since_ns = s->now_ns != 0 ? s->now_ns : 1;
    if (!is_gone(code) && s->now_ns - s->failing_since_ns < FAILING_GONE_NS) return 0;
    finding ended = {.kind = SAMPLER_ENDED, .channel = SAMPLER_ALL, .slot = s->slot, .sample_ns = s->now_ns, .since_ns = s->now_ns};
    ended.count = code;
    record_event(s, &ended);
    s->ring_bell = true;
    atomic_store_explicit(&s->state, SAMPLER_GONE, memory_order_release);
    return -code;
}

/* Ask the source once. Returns how many scans it gave, or -errno when it is gone. */
static int ask(struct sampler *s, uint32_t most) {
    segment *room = record_room(s);
    uint32_t left = s->config.segment_scans - room->scans;
    source_block block = {.now = s->now_ns, .stride = s->detector.stride, .max = most < left ? most : left};
    block.counts = room->counts + (size_t)room->scans * block.stride;
    block.times = room->times + room->scans;
    int scans = s->source.kind->read(&s->source, &block);
    if (scans < 0) return note_failure(s, -scans);
    if (scans == 0) return s->device_paced ? 0 : note_failure(s, EAGAIN); /* a slot is a scan or it is missed */
    s->failing_since_ns = 0;
    loop_take(s, room, (uint32_t)scans, &block, s->timing);
    return scans;
}

static void take_requests(struct sampler *s) {
    uint32_t asked = atomic_load_explicit(&s->watch_asked, memory_order_acquire);
    if (asked != atomic_load_explicit(&s->watch_taken, memory_order_relaxed)) {
        detector_watch(&s->detector, s->watches[asked & 1]);
        atomic_store_explicit(&s->watch_taken, asked, memory_order_release);
    }
    if (atomic_load_explicit(&s->trigger_asked, memory_order_relaxed) != 0) {
        atomic_store_explicit(&s->trigger_asked, 0, memory_order_relaxed);
        record_trigger(s, SAMPLER_MANUAL, SAMPLER_ALL, s->slot, s->now_ns);
    }
}

static int turn_by_clock(struct sampler *s) {
    if (!s->series.begun) { /* the first turn of a sampler without a thread is due whenever it comes */
        s->series.begun = true;
        s->series.origin_ns = s->now_ns;
    }
    int64_t due = series_due(&s->series);
    if (s->now_ns < due) return 0;
    note_lateness(s, s->now_ns - due);
    note_hole(s, series_turn(&s->series, s->now_ns), s->now_ns);
    return ask(s, 1);
}

/* All that the source has, but not for ever: a source that never ends must not keep the thread from seeing a request to stop. */
static int turn_by_source(struct sampler *s) {
    int taken = 0;
    for (uint32_t block = 0; block < s->config.segments; block++) {
        int scans = ask(s, UINT32_MAX);
        if (scans < 0) return scans;
        if (scans == 0) break;
        taken += scans;
    }
    return taken;
}

static void ring_bell(int bell) {
    static const uint64_t one = 1;
    ssize_t written = write(bell, &one, sizeof one); /* fails only when 2^64 - 2 bells were never heard */
    (void)written;
}

int loop_turn(struct sampler *s, int64_t now_ns) {
    s->now_ns = now_ns;
    count(&s->wakes, 1);
    take_requests(s);
    int taken = s->device_paced ? turn_by_source(s) : turn_by_clock(s);
    if (s->ring_bell) ring_bell(s->bell);
    s->ring_bell = false;
    return taken;
}

int64_t loop_due(const struct sampler *s) { return s->device_paced ? INT64_MAX : series_due(&s->series); }

/* ---------------------------------------------------------------- the thread */

static void get_privileges(struct sampler *s, int *dma_latency) {
    cpu_set_t where;
    (void)prctl(PR_SET_NAME, "sampler");
    (void)prctl(PR_SET_TIMERSLACK, 1ul); /* always allowed; ignored for real-time threads */
    atomic_store_explicit(&s->thread_number, (int32_t)syscall(SYS_gettid), memory_order_relaxed);
    if (s->config.cpu >= 0) {
        CPU_ZERO(&where);
        if (s->config.cpu < CPU_SETSIZE) CPU_SET((unsigned)s->config.cpu, &where);
        if (sched_setaffinity(0, sizeof where, &where) != 0) atomic_store_explicit(&s->error_cpu, errno, memory_order_relaxed);
    }
    if (s->config.priority > 0) {
        struct sched_param wanted = {.sched_priority = s->config.priority};
        int refused = pthread_setschedparam(pthread_self(), SCHED_FIFO, &wanted);
        atomic_store_explicit(&s->error_priority, refused, memory_order_relaxed);
    }
    struct sched_param given = {0};
    int policy = 0;
    if (pthread_getschedparam(pthread_self(), &policy, &given) == 0) {
        atomic_store_explicit(&s->policy, policy, memory_order_relaxed);
        atomic_store_explicit(&s->priority, given.sched_priority, memory_order_relaxed);
    }
    if (s->config.dma_latency_us < 0) return;
    *dma_latency = open(DMA_LATENCY_FILE, O_WRONLY | O_CLOEXEC);
    if (*dma_latency < 0 || write(*dma_latency, &s->config.dma_latency_us, sizeof s->config.dma_latency_us) < 0)
        atomic_store_explicit(&s->error_dma_latency, errno, memory_order_relaxed);
}

/* A loop that takes more than half of the machine at real-time priority could starve everything else: it gives it back. */
static void note_work(struct sampler *s, int taken) {
    int64_t work_ns = clock_ns() - s->now_ns;
    if (taken <= 0) return;
    if (work_ns > 0 && (uint64_t)work_ns > counted(&s->work_max_ns)) atomic_store_explicit(&s->work_max_ns, (uint64_t)work_ns, memory_order_relaxed);
    s->busy_turns = 2 * work_ns > taken * s->series.period_ns ? s->busy_turns + 1 : 0;
    if (s->busy_turns < BUSY_TURNS || atomic_load_explicit(&s->policy, memory_order_relaxed) == SCHED_OTHER) return;
    struct sched_param plain = {0};
    if (pthread_setschedparam(pthread_self(), SCHED_OTHER, &plain) != 0) return;
    atomic_store_explicit(&s->demoted, 1, memory_order_relaxed);
    atomic_store_explicit(&s->policy, SCHED_OTHER, memory_order_relaxed);
    atomic_store_explicit(&s->priority, 0, memory_order_relaxed);
}

static void note_cpu(struct sampler *s) {
    struct timespec used;
    if (clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used) == 0)
        atomic_store_explicit(&s->cpu_ns, (uint64_t)used.tv_sec * SECOND + (uint64_t)used.tv_nsec, memory_order_relaxed);
}

static bool stop_asked(const struct sampler *s) { return atomic_load_explicit(&s->stop_asked, memory_order_acquire) != 0; }

/* Wait until a scan can be taken; false when it is time to look whether somebody asked to stop. */
static bool wait_for_scan(struct sampler *s) {
    if (s->device_paced) {
        struct pollfd ready[2] = {{.fd = s->source.fd, .events = POLLIN}, {.fd = s->stop_bell, .events = POLLIN}};
        return poll(ready, 2, LONGEST_WAIT_NS / 1000000) > 0 && ready[0].revents != 0;
    }
    int64_t due = series_due(&s->series), latest = clock_ns() + LONGEST_WAIT_NS;
    int64_t until = due < latest ? due : latest;
    struct timespec at = {.tv_sec = until / SECOND, .tv_nsec = until % SECOND};
    return clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL) == 0 && until == due;
}

static void rest(void) {
    struct timespec some = {0, REST_NS};
    (void)clock_nanosleep(CLOCK_MONOTONIC, 0, &some, NULL);
}

void *loop_run(void *context) {
    struct sampler *s = context;
    int dma_latency = -1;
    uint64_t windows = 0;
    get_privileges(s, &dma_latency);
    s->series = (series){.rate_hz = s->series.rate_hz, .period_ns = s->series.period_ns, .begun = !s->device_paced};
    s->series.origin_ns = clock_ns() + s->series.period_ns;
    while (!stop_asked(s)) {
        if (!wait_for_scan(s)) continue;
        int taken = loop_turn(s, clock_ns());
        note_work(s, taken);
        if (taken == 0 && s->device_paced) rest();
        if (windows != counted(&s->windows_made)) note_cpu(s);
        windows = counted(&s->windows_made);
        if (taken < 0) break;
    }
    note_cpu(s);
    if (dma_latency >= 0) (void)close(dma_latency);
    int32_t running = SAMPLER_RUNNING;
    atomic_compare_exchange_strong_explicit(&s->state, &running, SAMPLER_STOPPED, memory_order_release, memory_order_relaxed);
    ring_bell(s->ended_bell);
    return NULL;
}
