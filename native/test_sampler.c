/* test_sampler.c: the loop with its threads, for the sanitizers. Built and run by tests/native/test_sanitizers.py.
 *
 *     test_sampler ring N     N records through a ring between two threads: none lost, none torn, none twice
 *     test_sampler thread N   a sampler at 50 kHz and a reader that stalls, takes captures, changes the watch: all adds up
 *     test_sampler ticks N    N turns at invented times, with a source that fails in every way that it has
 *     test_sampler times N    N scans with any 64-bit times, right and wrong ones: none makes the sums wrong
 *
 * Exit code 0: all is well; 1: a line says what is not. */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "ring.h"
#include "sampler.h"

#define CHECK(what) \
    do { \
        if (!(what)) { \
            fprintf(stderr, "%s:%d: not true: %s\n", __FILE__, __LINE__, #what); \
            exit(1); \
        } \
    } while (0)

/* ---------------------------------------------------------------- the ring alone */

#define WORDS 16

typedef struct {
    uint64_t word[WORDS]; /* all the same, so that a torn record shows */
} record;

typedef struct {
    ring ring;
    uint64_t records, lost, taken;
    _Atomic int done;
} race;

static void *produce(void *context) {
    race *r = context;
    for (uint64_t number = 0; number < r->records; number++) {
        record *slot = ring_claim(&r->ring);
        if (slot == NULL) {
            r->lost++;
            continue;
        }
        for (int i = 0; i < WORDS; i++) slot->word[i] = number;
        ring_publish(&r->ring);
    }
    atomic_store_explicit(&r->done, 1, memory_order_release);
    return NULL;
}

static void *consume(void *context) {
    race *r = context;
    uint64_t next = 0;
    for (;;) {
        int done = atomic_load_explicit(&r->done, memory_order_acquire);
        const record *slot = ring_peek(&r->ring);
        if (slot == NULL && done) return NULL;
        if (slot == NULL) continue;
        for (int i = 1; i < WORDS; i++) CHECK(slot->word[i] == slot->word[0]);
        CHECK(slot->word[0] >= next);
        next = slot->word[0] + 1;
        r->taken++;
        ring_drop(&r->ring);
    }
}

static void race_ring(uint64_t records) {
    static record slots[8];
    race r = {.records = records};
    r.ring.capacity = 8;
    r.ring.slot_bytes = sizeof(record);
    r.ring.slots = (uint8_t *)slots;
    r.ring.head = r.ring.tail = r.ring.head_seen = r.ring.tail_seen = UINT64_MAX - 100; /* through the end of the numbers */
    pthread_t threads[2];
    CHECK(pthread_create(&threads[0], NULL, produce, &r) == 0);
    CHECK(pthread_create(&threads[1], NULL, consume, &r) == 0);
    CHECK(pthread_join(threads[0], NULL) == 0);
    CHECK(pthread_join(threads[1], NULL) == 0);
    CHECK(r.taken + r.lost == r.records);
    CHECK(ring_length(&r.ring) == 0);
    printf("ring: %llu records, %llu taken, %llu found the ring full\n", (unsigned long long)r.records, (unsigned long long)r.taken,
           (unsigned long long)r.lost);
}

/* ---------------------------------------------------------------- a sampler */

#define CHANNELS 40

static sampler_config plain_config(uint32_t rate_hz) {
    sampler_config c = {.abi = SAMPLER_ABI, .flags = SAMPLER_WAKE_ON_WINDOW, .channels = CHANNELS, .rate_hz = rate_hz};
    c.window_slots = 50;
    c.window_ring = 16;
    c.event_ring = 64;
    c.event_burst = 20;
    c.event_every = 100;
    c.stuck_scans = 1000;
    c.late_ns = 1000000;
    c.segment_scans = 32;
    c.segments = 32;
    c.pre_scans = c.post_scans = 100;
    c.capture_on = 1u << SAMPLER_LOST;
    c.capture_every = 500;
    c.capture_ring = 2;
    c.cpu = c.dma_latency_us = -1;
    return c;
}

static void plain_watch(sampler_channel *watch, int32_t lost_below) {
    for (int i = 0; i < CHANNELS; i++) {
        watch[i] = (sampler_channel){.valid_high = 65535, .lost_below = lost_below, .back_above = lost_below + 100};
        watch[i].lost_n = watch[i].back_n = 2;
        watch[i].lost_m = watch[i].back_m = 3;
        watch[i].step_slots = 40;
        watch[i].step_scans = 3;
        watch[i].knots = 2;
        watch[i].knot[0] = (sampler_knot){0, -500, 500};
        watch[i].knot[1] = (sampler_knot){60000, 59000, 61000};
    }
}

static sampler *make(const sampler_config *config, const char *script) {
    sampler_source source = {.kind = "sim"};
    sampler_channel watch[CHANNELS];
    char error[256];
    CHECK(strlen(script) < sizeof source.where);
    memcpy(source.where, script, strlen(script));
    for (uint32_t i = 0; i < SAMPLER_CHANNELS; i++) source.index[i] = i;
    plain_watch(watch, 10000);
    sampler *s = sampler_create(config, &source, watch, error, sizeof error);
    if (s == NULL) fprintf(stderr, "%s\n", error);
    CHECK(s != NULL);
    return s;
}

typedef struct {
    uint64_t events, windows, captures, slots, next_event, next_window, first_slot;
} tally;

static void drain(sampler *s, tally *t) {
    sampler_event events[16];
    sampler_window windows[8];
    sampler_level levels[8 * CHANNELS];
    sampler_drained drained;
    do {
        CHECK(sampler_drain(s, events, 16, windows, levels, 8, &drained) == 0);
        for (uint32_t i = 0; i < drained.events; i++) {
            CHECK(events[i].number == t->next_event + events[i].lost_before);
            t->next_event = events[i].number + 1;
            CHECK(events[i].since_ns <= events[i].sample_ns);
        }
        for (uint32_t i = 0; i < drained.windows; i++) {
            CHECK(windows[i].number == t->next_window + windows[i].lost_before);
            t->next_window = windows[i].number + 1;
            t->slots += windows[i].scans + windows[i].missed;
            for (int c = 0; c < CHANNELS; c++) {
                const sampler_level *level = &levels[i * CHANNELS + (uint32_t)c];
                CHECK(windows[i].scans == 0 || (level->min <= level->max && level->sum >= (int64_t)level->min * windows[i].scans));
            }
        }
        t->events += drained.events;
        t->windows += drained.windows;
    } while (drained.more);
}

static void take_captures(sampler *s, tally *t) {
    sampler_capture head;
    sampler_segment segment;
    while (sampler_take_capture(s, &head) == 1) {
        uint64_t next = 0;
        int64_t sum = 0;
        for (uint32_t i = 0; i < head.segments; i++) {
            CHECK(sampler_segment_at(s, i, &segment) == 0);
            for (uint32_t scan = 0; scan < segment.scans; scan++) {
                CHECK(next == 0 || segment.slots[scan] >= next);
                next = segment.slots[scan] + 1;
                sum += segment.counts[scan * head.stride];
            }
        }
        CHECK(next > head.trigger_slot && sum != 0);
        CHECK(sampler_segment_at(s, head.segments, &segment) == -EINVAL);
        CHECK(sampler_release(s) == 0);
        t->captures++;
    }
}

static void check_sums(const sampler *s, const tally *t) {
    sampler_stats stats;
    CHECK(sampler_statistics(s, &stats) == 0);
    CHECK(stats.slots == stats.scans + stats.missed);
    CHECK(stats.windows == stats.windows_read + stats.windows_lost + stats.windows_queued);
    CHECK(stats.events == stats.events_read + stats.events_lost + stats.events_queued);
    uint64_t captures = stats.captures_read + stats.captures_lost + stats.captures_queued + stats.captures_open;
    CHECK(stats.triggers == captures + stats.captures_merged + stats.captures_limited);
    CHECK(stats.events_read == t->events && stats.windows_read == t->windows && stats.captures_read == t->captures);
    printf("slots %llu scans %llu missed %llu events %llu lost %llu windows %llu lost %llu captures %llu lost %llu\n",
           (unsigned long long)stats.slots, (unsigned long long)stats.scans, (unsigned long long)stats.missed,
           (unsigned long long)stats.events, (unsigned long long)stats.events_lost, (unsigned long long)stats.windows,
           (unsigned long long)stats.windows_lost, (unsigned long long)stats.captures_read, (unsigned long long)stats.captures_lost);
}

static const char FLICKER[] = "noise 3; wave 0 15000 997; wave 5 12000 61; at 3000 level 7 100; at 9000 level 7 30000; at 5000 error EIO 3; at 6000 skip 20";

static void run_thread(uint32_t rounds) {
    sampler_config config = plain_config(50000);
    sampler *s = make(&config, FLICKER);
    sampler_channel watch[CHANNELS];
    tally t = {0};
    CHECK(sampler_start(s) == 0);
    CHECK(sampler_start(s) == -EBUSY && sampler_destroy(s) == -EBUSY && sampler_tick(s, 0) == -EBUSY);
    for (uint32_t round = 0; round < rounds || t.windows == 0 || t.events == 0 || t.captures == 0; round++) { /* however slow it runs */
        struct pollfd bell = {.fd = sampler_fd(s), .events = POLLIN};
        CHECK(poll(&bell, 1, 5000) == 1);
        if (round % 50 == 25) {
            struct timespec stall = {0, 50000000};
            (void)nanosleep(&stall, NULL);
        }
        drain(s, &t);
        if (round % 3 == 0) take_captures(s, &t);
        if (round % 7 == 0) (void)sampler_trigger(s);
        plain_watch(watch, 10000 + (int32_t)(round % 100));
        int generation = sampler_watch(s, watch);
        CHECK(generation > 0 || generation == -EAGAIN);
    }
    CHECK(sampler_stop(s, 5000000000) == 0);
    drain(s, &t);
    take_captures(s, &t);
    check_sums(s, &t);
    CHECK(sampler_destroy(s) == 0);
}

static void run_ticks(uint32_t turns) {
    sampler_config config = plain_config(1000);
    config.first_slot = UINT64_MAX - 1000;
    sampler *s = make(&config, FLICKER);
    tally t = {0};
    uint64_t seed = 1;
    int64_t now = 1000000000;
    for (uint32_t turn = 0; turn < turns; turn++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        now += (int64_t)(seed >> 33) % (turn % 100 == 0 ? 20000000 : 1500000);
        (void)sampler_tick(s, now);
        if (turn % 200 == 0) drain(s, &t);
        if (turn % 700 == 0) take_captures(s, &t);
    }
    drain(s, &t);
    take_captures(s, &t);
    check_sums(s, &t);
    CHECK(sampler_destroy(s) == 0);
}

static void run_times(uint32_t scans) {
    sampler_config config = plain_config(1000);
    sampler *s = make(&config, FLICKER);
    tally t = {0};
    uint64_t seed = 1;
    int32_t counts[CHANNELS];
    int64_t now = 1000000000;
    for (int i = 0; i < CHANNELS; i++) counts[i] = 20000;
    for (uint32_t scan = 0; scan < scans; scan++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        now += 1000000;
        int64_t any = (int64_t)(seed ^ seed << 7), wrong[4] = {any, INT64_MIN, INT64_MAX, now - any % 1000000000000};
        int64_t time = seed >> 60 < 4 ? wrong[seed >> 58 & 3] : now;
        CHECK(sampler_push(s, counts, &time, 1, now) == 1);
        if (scan % 20 == 0) drain(s, &t);
    }
    drain(s, &t);
    take_captures(s, &t);
    check_sums(s, &t);
    CHECK(sampler_destroy(s) == 0);
}

int main(int count, char **words) {
    if (count != 3) {
        fprintf(stderr, "usage: test_sampler ring|thread|ticks|times N\n");
        return 2;
    }
    uint32_t number = (uint32_t)strtoul(words[2], NULL, 10);
    if (strcmp(words[1], "ring") == 0) race_ring(number);
    else if (strcmp(words[1], "thread") == 0) run_thread(number);
    else if (strcmp(words[1], "times") == 0) run_times(number);
    else run_ticks(number);
    return 0;
}
