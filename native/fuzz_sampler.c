/* fuzz_sampler.c: a libFuzzer target for the sampler as its reader sees it: configuration, watch, scans, rings, captures.
 *
 * The input is a script of one-byte orders and their numbers. It makes samplers of any configuration (wrong ones must be refused with a
 * sentence), pushes counts and turns of the loop at invented times, changes the watch, drains little or much, takes captures and gives
 * them back, or does not. Checked beside the sanitizers: what sampler.h says adds up adds up, and numbers follow each other.
 *
 *     clang -g -O1 -pthread -fsanitize=fuzzer,address,undefined native/fuzz_sampler.c (all of native/ but test_ and fuzz_) -o fuzz */
#define _GNU_SOURCE 1
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sampler.h"

#define CHECK(what)          \
    do {                     \
        if (!(what))         \
            __builtin_trap(); \
    } while (0)

#define MOST_CHANNELS 40 /* more than a word of a set has bits; few, so that a turn is quick */
#define MOST_SCANS 32
#define MOST_EVENTS 16
#define MOST_WINDOWS 4

typedef struct {
    const uint8_t *at, *end;
} input;

typedef struct {
    sampler *s;
    uint32_t channels;
    uint64_t events, windows, captures; /* read so far */
    uint64_t next_event, next_window, next_capture;
    int64_t now_ns;
    int holds_capture;
} reader;

static uint8_t take(input *in) { return in->at < in->end ? *in->at++ : 0; }

/* A number that is small, near a power of two, or anything. */
static uint64_t number(input *in) {
    uint8_t how = take(in);
    if (how < 128) return how;
    if (how < 192) return (UINT64_C(1) << (how & 63)) + take(in) - 2;
    uint64_t all = 0;
    for (int i = 0; i < 8; i++) all = all << 8 | take(in);
    return all;
}

/* Within 1 to `most`, but for one time in eight, which is anything. */
static uint32_t within(input *in, uint32_t most) {
    uint8_t how = take(in);
    return how < 224 ? 1 + how * take(in) % most : (uint32_t)number(in);
}

static int32_t count(input *in) {
    uint8_t high = take(in), low = take(in);
    return (int32_t)(int16_t)(high << 8 | low) * 64;
}

static int32_t sum(int32_t a, uint32_t b) { return (int32_t)((uint32_t)a + b); }

static void make_watch(input *in, sampler_channel *watch, uint32_t channels) {
    sampler_channel one = {.valid_low = -2000000, .valid_high = 2000000};
    one.lost_below = count(in);
    one.back_above = sum(one.lost_below, within(in, 1000));
    one.lost_n = within(in, 4) - 1;
    one.lost_m = one.lost_n + within(in, 4);
    one.back_n = within(in, 4);
    one.back_m = one.back_n + within(in, 4);
    one.step_slots = within(in, 20) - 1;
    one.step_scans = within(in, 8);
    one.knots = 2 + within(in, 3) - 1;
    for (uint32_t k = 0; k < SAMPLER_KNOTS; k++)
        one.knot[k] = (sampler_knot){.at = (int32_t)k * 5000, .low = sum(0, -within(in, 100)), .high = sum(0, within(in, 100))};
    if (take(in) % 4 == 0) one.valid_high = count(in);
    for (uint32_t i = 0; i < channels; i++) watch[i] = one;
}

static sampler_config make_config(input *in) {
    sampler_config c = {.abi = SAMPLER_ABI, .cpu = -1, .dma_latency_us = -1};
    c.channels = 1 + take(in) % MOST_CHANNELS;
    c.rate_hz = within(in, 50000);
    c.window_slots = within(in, 40);
    c.window_ring = 1 + within(in, 7);
    c.event_ring = 1 + within(in, 15);
    c.event_burst = within(in, 10);
    c.event_every = within(in, 10);
    c.stuck_scans = within(in, 30) - 1;
    c.late_ns = (uint32_t)number(in);
    c.segment_scans = within(in, 20);
    c.segments = 1 + within(in, 15);
    c.pre_scans = within(in, 20) - 1;
    c.post_scans = within(in, 20) - 1;
    c.capture_on = take(in);
    c.capture_every = within(in, 50) - 1;
    c.capture_ring = within(in, 4);
    c.first_slot = number(in);
    return c;
}

/* Whether making it would only cost memory: rings of such lengths are tried by the tests of the rings. */
static int is_large(const sampler_config *c) {
    return c->window_ring > 64 || c->event_ring > 1024 || (uint64_t)c->segment_scans * c->segments > 20000;
}

static void make(reader *r, input *in) {
    static sampler_channel watch[SAMPLER_CHANNELS];
    char error[200] = "";
    sampler_config config = make_config(in);
    sampler_source source = {.kind = "sim", .where = "level all 3000"};
    for (uint32_t i = 0; i < config.channels; i++) source.index[i] = i;
    make_watch(in, watch, config.channels);
    if (is_large(&config)) return;
    *r = (reader){.s = sampler_create(&config, &source, watch, error, sizeof error), .channels = config.channels, .now_ns = 1000000000};
    CHECK((r->s == NULL) == (error[0] != '\0'));
}

static void push(reader *r, input *in) {
    int32_t counts[MOST_SCANS * MOST_CHANNELS];
    int64_t times[MOST_SCANS];
    uint32_t scans = 1 + take(in) % MOST_SCANS;
    uint8_t how = take(in);
    int32_t level = count(in), other = count(in);
    for (uint32_t i = 0; i < scans * r->channels; i++) counts[i] = (i + how) % 7 < 3 ? level : other;
    if (how % 16 == 0) counts[how % (scans * r->channels)] = (int32_t)number(in);
    r->now_ns += (int64_t)(number(in) % UINT64_C(1000000000));
    for (uint32_t i = 0; i < scans; i++) times[i] = r->now_ns - (int64_t)(scans - i) * 1000;
    if (how % 8 == 1) times[how % scans] = (int64_t)number(in);
    int result = sampler_push(r->s, counts, times, scans, r->now_ns);
    CHECK(result == (int)scans || result == -ERANGE);
}

static void tick(reader *r, input *in) {
    int64_t due = sampler_due(r->s);
    uint64_t late = number(in) % UINT64_C(10000000000);
    if (due >= 0 && due < INT64_MAX - INT64_C(20000000000)) r->now_ns = due + (int64_t)late;
    (void)sampler_tick(r->s, r->now_ns);
}

static void drain(reader *r, input *in) {
    sampler_event events[MOST_EVENTS];
    sampler_window windows[MOST_WINDOWS];
    static sampler_level levels[MOST_WINDOWS * SAMPLER_CHANNELS];
    sampler_drained drained;
    uint8_t how = take(in);
    CHECK(sampler_drain(r->s, events, how % (MOST_EVENTS + 1), windows, levels, how / 32 % (MOST_WINDOWS + 1), &drained) >= 0);
    CHECK(drained.events <= MOST_EVENTS && drained.windows <= MOST_WINDOWS);
    for (uint32_t i = 0; i < drained.events; i++) {
        CHECK(events[i].number == r->next_event + events[i].lost_before);
        CHECK(events[i].kind < SAMPLER_MANUAL && (events[i].channel < r->channels || events[i].channel == SAMPLER_ALL));
        r->next_event = events[i].number + 1;
    }
    for (uint32_t i = 0; i < drained.windows; i++) {
        CHECK(windows[i].number == r->next_window + windows[i].lost_before);
        for (uint32_t channel = 0; windows[i].scans > 0 && channel < r->channels; channel++) {
            const sampler_level *level = &levels[i * r->channels + channel];
            CHECK(level->saturated <= windows[i].scans && level->min <= level->max);
            CHECK(level->sum >= (int64_t)level->min * windows[i].scans && level->sum <= (int64_t)level->max * windows[i].scans);
        }
        r->next_window = windows[i].number + 1;
    }
    r->events += drained.events;
    r->windows += drained.windows;
}

static void capture(reader *r) {
    sampler_capture taken;
    int result = sampler_take_capture(r->s, &taken);
    if (r->holds_capture) {
        CHECK(result == -EBUSY);
        return;
    }
    CHECK(result == 0 || result == 1);
    if (result == 0) return;
    CHECK(taken.number == r->next_capture + taken.lost_before && taken.stride >= r->channels);
    r->next_capture = taken.number + 1;
    int64_t all = 0;
    for (uint32_t i = 0; i < taken.segments; i++) {
        sampler_segment segment;
        CHECK(sampler_segment_at(r->s, i, &segment) == 0);
        for (uint32_t scan = 0; scan < segment.scans; scan++) {
            CHECK(scan == 0 || segment.slots[scan] - segment.slots[scan - 1] < UINT64_MAX / 2);
            for (uint32_t channel = 0; channel < r->channels; channel++) all += segment.counts[scan * taken.stride + channel]; /* is there */
        }
    }
    sampler_segment none;
    CHECK(sampler_segment_at(r->s, taken.segments, &none) < 0);
    r->holds_capture = all < INT64_MAX; /* always; and the sum is used */
}

static void release(reader *r) {
    int result = sampler_release(r->s);
    CHECK((result == 0) == (r->holds_capture != 0));
    r->captures += r->holds_capture != 0; /* one that is held counts as queued until it is given back */
    r->holds_capture = 0;
}

static void another_watch(reader *r, input *in) {
    static sampler_channel watch[SAMPLER_CHANNELS];
    make_watch(in, watch, r->channels);
    int result = sampler_watch(r->s, watch);
    CHECK(result >= 0 || result == -EAGAIN || result == -EINVAL);
}

static void adds_up(const reader *r) {
    sampler_stats t;
    CHECK(sampler_statistics(r->s, &t) == 0);
    CHECK(t.slots == t.scans + t.missed);
    CHECK(t.windows == t.windows_read + t.windows_lost + t.windows_queued && t.windows_read == r->windows);
    CHECK(t.events == t.events_read + t.events_lost + t.events_queued && t.events_read == r->events);
    CHECK(t.captures_read == r->captures);
    CHECK(t.triggers == t.captures_read + t.captures_lost + t.captures_queued + t.captures_open + t.captures_merged + t.captures_limited);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    input in = {data, data + size};
    reader r = {0};
    make(&r, &in);
    if (r.s == NULL) return 0;
    while (in.at < in.end) {
        switch (take(&in) % 10) {
        case 0: case 1: case 2: push(&r, &in); break;
        case 3: case 4: tick(&r, &in); break;
        case 5: drain(&r, &in); break;
        case 6: capture(&r); break;
        case 7: release(&r); break;
        case 8: another_watch(&r, &in); break;
        case 9: (void)sampler_trigger(r.s); break;
        }
        adds_up(&r);
    }
    CHECK(sampler_destroy(r.s) == 0);
    return 0;
}
