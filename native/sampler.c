/* sampler.c: making, starting and stopping a sampler, and all that the reader calls. See sampler.h for what each promises. */
#define _GNU_SOURCE
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "core.h"

#define MOST_BYTES (1u << 30)
#define GUARD_BYTES 65536u /* a multiple of every page size */
#define SECOND 1000000000

static const source_kind *const KINDS[] = {&source_iio, &source_spi, &source_mmap, &source_sim, &source_shm};

int source_refuse(char *error, uint32_t size, int code, const char *format, ...) {
    if (error != NULL && size != 0) {
        va_list words;
        va_start(words, format);
        (void)vsnprintf(error, size, format, words);
        va_end(words);
    }
    return -code;
}

/* ---------------------------------------------------------------- the configuration */

typedef struct {
    const char *name;
    uint64_t value, low, high;
} bound;

static uint64_t segments_for(uint32_t scans, const sampler_config *c) { return (scans + (uint64_t)c->segment_scans - 1) / c->segment_scans; }

static int check_config(const sampler_config *c, char *error, uint32_t size) {
    const bound bounds[] = {{"channels", c->channels, 1, SAMPLER_CHANNELS},
                            {"rate_hz", c->rate_hz, 1, 50000},
                            {"window_slots", c->window_slots, 1, 1000000},
                            {"window_ring", c->window_ring, 2, 4096},
                            {"event_ring", c->event_ring, 2, 65536},
                            {"event_burst", c->event_burst, 1, UINT32_MAX},
                            {"event_every", c->event_every, 1, UINT32_MAX},
                            {"segment_scans", c->segment_scans, 1, 65536},
                            {"segments", c->segments, 2, 1024},
                            {"capture_ring", c->capture_ring, 1, 64},
                            {"pre_scans", c->pre_scans, 0, (uint64_t)c->segment_scans * (c->segments - 1)},
                            {"capture_on", c->capture_on, 0, (2u << SAMPLER_TIME_JUMP) - 1},
                            {"priority", (uint64_t)(int64_t)c->priority, 0, 99}};
    if (c->abi != SAMPLER_ABI) return source_refuse(error, size, EINVAL, "abi is %u, this extension has %u", c->abi, SAMPLER_ABI);
    for (size_t i = 0; i < sizeof bounds / sizeof bounds[0]; i++)
        if (bounds[i].value < bounds[i].low || bounds[i].value > bounds[i].high)
            return source_refuse(error, size, EINVAL, "%s is %lld, it must be %llu to %llu", bounds[i].name, (long long)bounds[i].value,
                                 (unsigned long long)bounds[i].low, (unsigned long long)bounds[i].high);
    uint64_t needed = segments_for(c->pre_scans, c) + segments_for(c->post_scans, c) + 2;
    if (needed > c->segments)
        return source_refuse(error, size, EINVAL, "segments is %u, but a capture of %u + %u scans needs %llu of %u scans", c->segments,
                             c->pre_scans, c->post_scans, (unsigned long long)needed, c->segment_scans);
    return 0;
}

static const source_kind *kind_of(const sampler_source *where) {
    for (size_t i = 0; i < sizeof KINDS / sizeof KINDS[0]; i++)
        if (strncmp(where->kind, KINDS[i]->name, sizeof where->kind) == 0) return KINDS[i];
    return NULL;
}

/* ---------------------------------------------------------------- the arena */

typedef struct {
    uint8_t *base;
    size_t used;
} arena;

/* The next piece, 64-byte aligned; with base NULL it is only counted. */
static void *piece(arena *a, size_t bytes) {
    void *begin = a->base == NULL ? NULL : a->base + a->used;
    a->used += (bytes + 63) & ~(size_t)63;
    return begin;
}

static uint64_t power_of_two(uint64_t least) {
    uint64_t power = 1;
    while (power < least) power *= 2;
    return power;
}

static void lay_ring(arena *a, ring *r, uint64_t least, size_t slot_bytes) {
    uint64_t capacity = power_of_two(least);
    uint8_t *slots = piece(a, capacity * slot_bytes);
    if (r == NULL) return;
    r->capacity = capacity;
    r->slot_bytes = slot_bytes;
    r->slots = slots;
}

static void lay_segment(arena *a, segment *one, const sampler_config *c) {
    int32_t *counts = piece(a, (size_t)c->segment_scans * detector_stride(c->channels) * sizeof(int32_t));
    int64_t *times = piece(a, c->segment_scans * sizeof(int64_t));
    uint64_t *slots = piece(a, c->segment_scans * sizeof(uint64_t));
    if (one != NULL) *one = (segment){counts, times, slots, 0};
}

/* Lay everything out. The first call, with an empty arena, only counts the bytes. */
static struct sampler *lay_out(arena *a, const sampler_config *c) {
    struct sampler *s = piece(a, sizeof(struct sampler));
    uint8_t *stack = piece(a, STACK_BYTES + 3 * GUARD_BYTES); /* room to align it to pages, and one page that nobody may touch */
    void *detector_memory = piece(a, detector_bytes(c->channels));
    segment *segments = piece(a, c->segments * sizeof(segment));
    uint16_t *history = piece(a, c->segments * sizeof(uint16_t)), *empty = piece(a, c->segments * sizeof(uint16_t));
    capture_record *held = piece(a, capture_record_bytes(c->segments));
    sampler_channel *watches[2] = {piece(a, c->channels * sizeof(sampler_channel)), piece(a, c->channels * sizeof(sampler_channel))};
    for (uint32_t i = 0; i < c->segments; i++) lay_segment(a, s == NULL ? NULL : &segments[i], c);
    lay_ring(a, s == NULL ? NULL : &s->windows, c->window_ring, sizeof(sampler_window) + c->channels * sizeof(sampler_level));
    lay_ring(a, s == NULL ? NULL : &s->events, c->event_ring, sizeof(sampler_event));
    lay_ring(a, s == NULL ? NULL : &s->captures, c->capture_ring, capture_record_bytes(c->segments));
    lay_ring(a, s == NULL ? NULL : &s->returned, c->segments, sizeof(uint16_t));
    if (s == NULL) return NULL;
    s->stack = stack + GUARD_BYTES - (uintptr_t)stack % GUARD_BYTES;
    s->segments = segments;
    s->history = history;
    s->empty = empty;
    s->held = held;
    s->watches[0] = watches[0];
    s->watches[1] = watches[1];
    s->detector.channel = detector_memory; /* for set_up only; detector_make lays it out */
    return s;
}

static void set_up(struct sampler *s, const sampler_config *c, const sampler_channel *watch) {
    void *detector_memory = s->detector.channel;
    s->config = *c;
    s->owner = getpid();
    s->bell = s->stop_bell = s->ended_bell = -1;
    s->slot = s->window_first_slot = c->first_slot;
    s->series = (series){.rate_hz = c->rate_hz, .period_ns = (SECOND + c->rate_hz / 2) / c->rate_hz};
    s->history_keep = (c->pre_scans + c->segment_scans - 1) / c->segment_scans;
    for (uint32_t i = c->segments - 1; i > 0; i--) s->empty[s->empty_length++] = (uint16_t)i;
    for (uint32_t i = 0; i <= SAMPLER_CHANNELS; i++) s->limiters[i] = (limiter){.tokens = c->event_burst, .refilled = c->first_slot};
    memcpy(s->watches[0], watch, c->channels * sizeof *watch);
    s->detector.found = record_found;
    s->detector.context = s;
    s->detector.last_slot = c->first_slot;
    detector_make(&s->detector, detector_memory, c->channels, watch, c->stuck_scans);
}

static struct sampler *make_arena(const sampler_config *c, char *error, uint32_t size) {
    arena measure = {NULL, 0};
    (void)lay_out(&measure, c);
    if (measure.used > MOST_BYTES) {
        (void)source_refuse(error, size, ENOMEM, "the samples would take %zu MiB of memory, more than %u MiB: fewer segments or scans in them",
                            measure.used >> 20, MOST_BYTES >> 20);
        return NULL;
    }
    void *base = mmap(NULL, measure.used, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    if (base == MAP_FAILED) {
        (void)source_refuse(error, size, errno, "no memory for %zu bytes of samples: %s", measure.used, strerror(errno));
        return NULL;
    }
    arena real = {base, 0};
    struct sampler *s = lay_out(&real, c);
    s->arena_bytes = measure.used;
    if ((c->flags & SAMPLER_LOCK_MEMORY) != 0 && mlock(base, measure.used) != 0) s->error_lock = errno;
    if (mprotect(s->stack, GUARD_BYTES, PROT_NONE) != 0) s->error_stack = errno; /* after locking, which would fail on it */
    s->stack += GUARD_BYTES;
    return s;
}

/* ---------------------------------------------------------------- making and ending */

static bool is_foreign(const struct sampler *s) { return s->owner != getpid(); }
static bool is_running(const struct sampler *s) { return s->started && !s->joined; }

static void free_all(struct sampler *s) {
    if (s->source.kind != NULL) s->source.kind->close(&s->source);
    if (s->bell >= 0) (void)close(s->bell);
    if (s->stop_bell >= 0) (void)close(s->stop_bell);
    if (s->ended_bell >= 0) (void)close(s->ended_bell);
    (void)munmap(s, s->arena_bytes);
}

static int open_source(struct sampler *s, const sampler_source *where, char *error, uint32_t size) {
    const source_kind *kind = kind_of(where);
    if (kind == NULL) return source_refuse(error, size, EINVAL, "there is no source \"%.8s\"; one of: iio, spi, mmap, sim, shm", where->kind);
    s->source.fd = -1;
    s->source.kind = kind;
    int failed = kind->open(&s->source, where, s->config.channels, s->config.rate_hz, error, size);
    if (failed != 0) s->source.kind = NULL;
    s->device_paced = failed == 0 && s->source.fd >= 0;
    if (!s->device_paced) s->timing = TIMES_OF_HOST;
    else if (!s->source.timed) s->timing = TIMES_OF_ARRIVAL;
    else s->timing = s->source.timed_by_monotonic ? TIMES_OF_SOURCE : TIMES_OF_FOREIGN;
    return failed;
}

sampler *sampler_create(const sampler_config *config, const sampler_source *where, const sampler_channel *watch, char *error, uint32_t size) {
    if (size != 0) error[0] = '\0';
    if (check_config(config, error, size) != 0 || detector_check(watch, config->channels, error, size) != 0) return NULL;
    struct sampler *s = make_arena(config, error, size);
    if (s == NULL) return NULL;
    set_up(s, config, watch);
    s->bell = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    s->stop_bell = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    s->ended_bell = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (s->bell < 0 || s->stop_bell < 0 || s->ended_bell < 0) {
        (void)source_refuse(error, size, errno, "no descriptor is left for the bell: %s", strerror(errno));
        free_all(s);
        return NULL;
    }
    if (open_source(s, where, error, size) != 0) {
        free_all(s);
        return NULL;
    }
    return s;
}

static int start_thread(struct sampler *s) {
    pthread_attr_t attributes;
    int failed = pthread_attr_init(&attributes);
    if (failed != 0) return failed;
    int refused = pthread_attr_setstack(&attributes, s->stack, STACK_BYTES);
    if (refused != 0) s->error_stack = refused;
    failed = pthread_create(&s->thread, &attributes, loop_run, s);
    if (failed == EINVAL && refused == 0) { /* a libc that needs more: one of its own, which is not locked */
        s->error_stack = failed;
        failed = pthread_create(&s->thread, NULL, loop_run, s);
    }
    (void)pthread_attr_destroy(&attributes);
    return failed;
}

int sampler_start(sampler *s) {
    if (is_foreign(s)) return -ECHILD;
    if (s->started) return -EBUSY;
    sigset_t all, before;
    if (sigfillset(&all) != 0) return -errno;
    int failed = pthread_sigmask(SIG_SETMASK, &all, &before); /* inherited: signals are for the main thread */
    if (failed != 0) return -failed;
    atomic_store_explicit(&s->state, SAMPLER_RUNNING, memory_order_relaxed);
    failed = start_thread(s);
    int restored = pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (failed != 0) {
        atomic_store_explicit(&s->state, SAMPLER_READY, memory_order_relaxed);
        return -failed;
    }
    s->started = true;
    return -restored;
}

/* Wait for the thread's last bell; 1, 0 when the time is over, or -errno. */
static int hear_end(const struct sampler *s, int64_t timeout_ns) {
    struct pollfd ended = {.fd = s->ended_bell, .events = POLLIN};
    int64_t until = clock_ns() + timeout_ns;
    for (;;) {
        int64_t left_ns = until - clock_ns();
        int heard = poll(&ended, 1, left_ns > 0 ? (int)(left_ns / 1000000) + 1 : 0);
        if (heard >= 0) return heard;
        if (errno != EINTR) return -errno;
    }
}

int sampler_stop(sampler *s, int64_t timeout_ns) {
    if (is_foreign(s)) return -ECHILD;
    if (!is_running(s)) return 0;
    static const uint64_t one = 1;
    atomic_store_explicit(&s->stop_asked, 1, memory_order_release);
    if (write(s->stop_bell, &one, sizeof one) < 0 && errno != EAGAIN) return -errno;
    int heard = hear_end(s, timeout_ns);
    if (heard <= 0) return heard < 0 ? heard : -ETIMEDOUT;
    int failed = pthread_join(s->thread, NULL); /* it has nothing left to do */
    if (failed != 0) return -failed;
    s->joined = true;
    return 0;
}

int sampler_destroy(sampler *s) {
    if (is_foreign(s)) return -ECHILD;
    if (is_running(s)) return -EBUSY;
    free_all(s);
    return 0;
}

/* ---------------------------------------------------------------- the reader */

int sampler_fd(const sampler *s) { return is_foreign(s) ? -ECHILD : s->bell; }

static uint32_t take_events(sampler *s, sampler_event *events, uint32_t most) {
    uint32_t taken = 0;
    for (const sampler_event *event; taken < most && (event = ring_peek(&s->events)) != NULL; ring_drop(&s->events)) events[taken++] = *event;
    count(&s->events_read, taken);
    return taken;
}

static uint32_t take_windows(sampler *s, sampler_window *windows, sampler_level *levels, uint32_t most) {
    uint32_t taken = 0, channels = s->config.channels;
    for (const sampler_window *window; taken < most && (window = ring_peek(&s->windows)) != NULL; ring_drop(&s->windows)) {
        windows[taken] = *window;
        memcpy(levels + (size_t)taken * channels, window + 1, channels * sizeof *levels);
        taken++;
    }
    count(&s->windows_read, taken);
    return taken;
}

int sampler_drain(sampler *s, sampler_event *events, uint32_t max_events, sampler_window *windows, sampler_level *levels,
                  uint32_t max_windows, sampler_drained *drained) {
    if (is_foreign(s)) return -ECHILD;
    uint64_t bells;
    ssize_t heard = read(s->bell, &bells, sizeof bells); /* before the rings: what comes later rings again */
    (void)heard;
    drained->ended = atomic_load_explicit(&s->state, memory_order_acquire) == SAMPLER_GONE;
    for (uint32_t i = 0; i < SAMPLER_WORDS; i++) {
        drained->latch[i] = atomic_exchange_explicit(&s->latch[i], 0, memory_order_relaxed);
        drained->dark[i] = atomic_load_explicit(&s->dark[i], memory_order_relaxed);
    }
    for (uint32_t i = 0; i < SAMPLER_CHANNELS; i++) drained->losses[i] = atomic_load_explicit(&s->losses[i], memory_order_relaxed);
    drained->events = take_events(s, events, max_events);
    drained->windows = take_windows(s, windows, levels, max_windows);
    drained->more = ring_length(&s->events) != 0 || ring_length(&s->windows) != 0;
    return 0;
}

int sampler_watch(sampler *s, const sampler_channel *watch) {
    if (is_foreign(s)) return -ECHILD;
    int wrong = detector_check(watch, s->config.channels, NULL, 0);
    if (wrong != 0) return wrong;
    for (uint32_t i = 0; i < s->config.channels; i++)
        if ((watch[i].lost_n == 0) != (s->watches[0][i].lost_n == 0)) return -EINVAL;
    if (atomic_load_explicit(&s->watch_taken, memory_order_acquire) != s->watch_next) return -EAGAIN;
    uint32_t next = (s->watch_next + 1) & INT32_MAX;
    memcpy(s->watches[next & 1], watch, s->config.channels * sizeof *watch);
    s->watch_next = next;
    atomic_store_explicit(&s->watch_asked, next, memory_order_release);
    return (int)next;
}

int sampler_trigger(sampler *s) {
    if (is_foreign(s)) return -ECHILD;
    if (atomic_load_explicit(&s->state, memory_order_acquire) == SAMPLER_GONE) return -ENODEV;
    uint32_t none = 0;
    return atomic_compare_exchange_strong_explicit(&s->trigger_asked, &none, 1, memory_order_relaxed, memory_order_relaxed) ? 0 : -EAGAIN;
}

int sampler_take_capture(sampler *s, sampler_capture *capture) {
    if (is_foreign(s)) return -ECHILD;
    if (s->holds_capture) return -EBUSY;
    const capture_record *record = ring_peek(&s->captures);
    if (record == NULL) return 0;
    memcpy(s->held, record, capture_record_bytes(s->config.segments));
    ring_drop(&s->captures);
    *capture = s->held->head;
    s->holds_capture = true;
    return 1;
}

int sampler_segment_at(const sampler *s, uint32_t number, sampler_segment *out) {
    if (is_foreign(s)) return -ECHILD;
    if (!s->holds_capture || number >= s->held->head.segments) return -EINVAL;
    const segment *one = &s->segments[s->held->numbers[number]];
    *out = (sampler_segment){one->counts, one->times, one->slots, one->scans};
    return 0;
}

int sampler_release(sampler *s) {
    if (is_foreign(s)) return -ECHILD;
    if (!s->holds_capture) return -EINVAL;
    for (uint32_t i = 0; i < s->held->head.segments; i++) {
        uint16_t *slot = ring_claim(&s->returned); /* has room for all segments that there are */
        if (slot == NULL) return -ENOSPC;
        *slot = s->held->numbers[i];
        ring_publish(&s->returned);
    }
    s->holds_capture = false;
    count(&s->captures_read, 1);
    return 0;
}

int sampler_statistics(const sampler *s, sampler_stats *out) {
    if (is_foreign(s)) return -ECHILD;
    *out = (sampler_stats){
        .slots = counted(&s->slots), .scans = counted(&s->scans), .missed = counted(&s->missed),
        .overruns = counted(&s->overruns), .late = counted(&s->late), .time_jumps = counted(&s->time_jumps),
        .read_errors = counted(&s->read_errors), .wakes = counted(&s->wakes),
        .windows = counted(&s->windows_made), .windows_read = counted(&s->windows_read),
        .windows_lost = counted(&s->windows_lost), .windows_queued = ring_length(&s->windows),
        .events = counted(&s->events_made), .events_read = counted(&s->events_read), .events_lost = counted(&s->events_lost),
        .events_queued = ring_length(&s->events), .events_limited = counted(&s->events_limited),
        .triggers = counted(&s->triggers), .captures_read = counted(&s->captures_read), .captures_lost = counted(&s->captures_lost),
        .captures_queued = ring_length(&s->captures) + s->holds_capture, .captures_open = counted(&s->captures_open),
        .captures_merged = counted(&s->captures_merged), .captures_limited = counted(&s->captures_limited),
        .lateness_max_ns = (int64_t)counted(&s->lateness_max_ns), .lateness_sum_ns = (int64_t)counted(&s->lateness_sum_ns),
        .work_max_ns = (int64_t)counted(&s->work_max_ns), .cpu_ns = (int64_t)counted(&s->cpu_ns),
        .state = atomic_load_explicit(&s->state, memory_order_acquire), .error = atomic_load_explicit(&s->error, memory_order_relaxed),
        .policy = atomic_load_explicit(&s->policy, memory_order_relaxed), .priority = atomic_load_explicit(&s->priority, memory_order_relaxed),
        .demoted = atomic_load_explicit(&s->demoted, memory_order_relaxed), .thread = atomic_load_explicit(&s->thread_number, memory_order_relaxed),
        .error_priority = atomic_load_explicit(&s->error_priority, memory_order_relaxed), .error_lock = s->error_lock,
        .error_cpu = atomic_load_explicit(&s->error_cpu, memory_order_relaxed),
        .error_dma_latency = atomic_load_explicit(&s->error_dma_latency, memory_order_relaxed), .error_stack = s->error_stack,
        .generation = atomic_load_explicit(&s->watch_taken, memory_order_acquire), .arena_bytes = s->arena_bytes,
    };
    for (uint32_t i = 0; i < SAMPLER_BUCKETS; i++) out->lateness[i] = counted(&s->lateness[i]);
    return 0;
}

/* ---------------------------------------------------------------- without a thread */

int sampler_tick(sampler *s, int64_t now_ns) {
    if (is_foreign(s)) return -ECHILD;
    if (is_running(s)) return -EBUSY;
    if (atomic_load_explicit(&s->state, memory_order_relaxed) == SAMPLER_GONE) return -ENODEV;
    return loop_turn(s, now_ns);
}

int64_t sampler_due(const sampler *s) { return is_foreign(s) ? -ECHILD : loop_due(s); }

/* Whether all counts are within -2^24 to 2^24 - 1: the bits of their magnitudes, all together. */
WIDEST static bool fits(const int32_t *counts, size_t length) {
    int32_t bits = 0;
    for (size_t i = 0; i < length; i++) bits |= counts[i] ^ (counts[i] >> 31);
    return bits >> SAMPLER_COUNT_BITS == 0;
}

/* Into rows of a segment, which are longer than the scans when these do not fill all lanes. */
static void copy_rows(const source_block *block, const int32_t *counts, uint32_t channels, uint32_t scans) {
    if (block->stride == channels) memcpy(block->counts, counts, (size_t)scans * channels * sizeof *counts);
    else
        for (uint32_t i = 0; i < scans; i++)
            memcpy(block->counts + (size_t)i * block->stride, counts + (size_t)i * channels, channels * sizeof *counts);
}

int sampler_push(sampler *s, const int32_t *counts, const int64_t *times, uint32_t scans, int64_t now_ns) {
    if (is_foreign(s)) return -ECHILD;
    if (is_running(s)) return -EBUSY;
    if (!fits(counts, (size_t)scans * s->config.channels)) return -ERANGE;
    s->now_ns = now_ns;
    for (uint32_t done = 0; done < scans;) {
        segment *room = record_room(s);
        uint32_t left = s->config.segment_scans - room->scans, some = scans - done < left ? scans - done : left;
        source_block block = {.now = now_ns, .stride = s->detector.stride, .max = left};
        block.counts = room->counts + (size_t)room->scans * block.stride;
        block.times = room->times + room->scans;
        memcpy(block.times, times + done, some * sizeof *times);
        copy_rows(&block, counts + (size_t)done * s->config.channels, s->config.channels, some);
        loop_take(s, room, some, &block, TIMES_OF_SOURCE);
        done += some;
    }
    return (int)scans;
}
