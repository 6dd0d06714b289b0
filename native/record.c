/* record.c: windows, events and captures on their way into the rings. Everything here runs in the sampling thread.
 *
 * A ring that is full loses the new record, counts it, and says so in the next one. Events of one channel are limited by a
 * bucket of tokens, so that a flapping channel cannot keep the reader from its other work; its state stays right in `dark`.
 *
 * Captures. The loop always writes into a segment; full segments make the history. A trigger pins the history; when
 * enough scans have followed, history and current segment go to the reader as a list of numbers, without being copied. Empty
 * segments come back through a ring of their own. Where none is empty, the oldest of the history is used again, and a capture
 * that needs it is lost, counted. */
#include <errno.h>
#include <limits.h>
#include <string.h>

#include "core.h"

/* ---------------------------------------------------------------- events */

/* Whether this channel may make one more event in this slot. */
static bool allowed(struct sampler *s, uint32_t channel, uint64_t slot) {
    limiter *l = &s->limiters[channel < SAMPLER_CHANNELS ? channel : ALL_LIMITER];
    uint64_t earned = (slot - l->refilled) / s->config.event_every;
    if (earned > 0) {
        l->refilled += earned * s->config.event_every;
        bool full = earned >= s->config.event_burst - l->tokens;
        l->tokens = full ? s->config.event_burst : l->tokens + (uint32_t)earned;
        if (full) l->refilled = slot; /* a full bucket earns nothing */
    }
    if (l->tokens == 0) {
        l->limited = true;
        return false;
    }
    l->tokens--;
    return true;
}

void record_event(struct sampler *s, const finding *what) {
    if (s->config.capture_on >> what->kind & 1u) record_trigger(s, what->kind, what->channel, what->slot, what->sample_ns);
    if (what->kind != SAMPLER_ENDED && !allowed(s, what->channel, what->slot)) {
        count(&s->events_limited, 1);
        return;
    }
    uint64_t number = counted(&s->events_made);
    count(&s->events_made, 1);
    sampler_event *event = ring_claim(&s->events);
    if (event == NULL) {
        count(&s->events_lost, 1);
        s->events_lost_now++;
        return;
    }
    *event = (sampler_event){.number = number,
                             .lost_before = s->events_lost_now,
                             .slot = what->slot,
                             .sample_ns = what->sample_ns,
                             .since_ns = what->since_ns,
                             .found_ns = s->now_ns,
                             .kind = what->kind,
                             .channel = what->channel,
                             .count = what->count,
                             .reference = what->reference};
    s->events_lost_now = 0;
    ring_publish(&s->events);
    s->ring_bell = true;
}

/* What the detector found: the sets of channels first, which no full ring can lose, then the event. */
void record_found(void *context, const finding *what) {
    struct sampler *s = context;
    uint32_t word = what->channel / 32, bit = 1u << what->channel % 32;
    if (what->kind == SAMPLER_LOST) {
        atomic_fetch_or_explicit(&s->dark[word], bit, memory_order_relaxed);
        atomic_fetch_or_explicit(&s->latch[word], bit, memory_order_relaxed);
        atomic_fetch_add_explicit(&s->losses[what->channel], 1, memory_order_relaxed);
    } else if (what->kind == SAMPLER_BACK) {
        atomic_fetch_and_explicit(&s->dark[word], ~bit, memory_order_relaxed);
    }
    record_event(s, what);
}

/* ---------------------------------------------------------------- windows */

static void open_window(struct sampler *s) {
    s->window_flags = 0;
    s->window_missed = 0;
    s->window_scans = 0;
    s->window_first_slot = s->slot;
    s->window_first_ns = s->window_last_ns = 0;
    for (uint32_t i = 0; i <= SAMPLER_CHANNELS; i++) s->limiters[i].limited = false;
}

static uint32_t lasting_flags(const struct sampler *s) {
    bool real_time = s->config.priority == 0 || (atomic_load_explicit(&s->error_priority, memory_order_relaxed) == 0 &&
                                                 atomic_load_explicit(&s->demoted, memory_order_relaxed) == 0);
    bool locked = (s->config.flags & SAMPLER_LOCK_MEMORY) == 0 || (s->error_lock == 0 && s->error_stack == 0);
    return (real_time ? 0u : (uint32_t)SAMPLER_NOT_REAL_TIME) | (locked ? 0u : (uint32_t)SAMPLER_NOT_LOCKED);
}

static void close_window(struct sampler *s) {
    static const sampler_window none;
    sampler_level spare[SAMPLER_CHANNELS]; /* of a window that cannot be handed over; the detector has to begin anew all the same */
    uint64_t number = counted(&s->windows_made);
    sampler_window *window = ring_claim(&s->windows);
    sampler_level *levels = window == NULL ? spare : (sampler_level *)(window + 1);
    detector_window(&s->detector, levels, s->window_first_ns, s->window_last_slot, s->window_last_ns);
    count(&s->windows_made, 1);
    if (window == NULL) {
        count(&s->windows_lost, 1);
        s->windows_lost_now++;
    } else {
        *window = none;
        window->number = number;
        window->lost_before = s->windows_lost_now;
        window->first_slot = s->window_first_slot;
        window->first_ns = s->window_first_ns;
        window->last_ns = s->window_last_ns;
        window->missed = s->window_missed;
        window->scans = s->window_scans;
        window->flags = s->window_flags | lasting_flags(s);
        window->generation = atomic_load_explicit(&s->watch_taken, memory_order_relaxed);
        for (uint32_t i = 0; i < s->config.channels; i++)
            if (s->limiters[i].limited) levels[i].flags |= SAMPLER_IS_LIMITED;
        s->windows_lost_now = 0;
        ring_publish(&s->windows);
        if ((s->config.flags & SAMPLER_WAKE_ON_WINDOW) != 0) s->ring_bell = true;
    }
    open_window(s);
}

static void close_full_window(struct sampler *s) {
    if (s->window_scans + s->window_missed >= s->config.window_slots) close_window(s);
}

void record_missed(struct sampler *s, uint64_t missed, int64_t time_ns) {
    if (missed == 0) return;
    finding gap = {.kind = SAMPLER_GAP, .channel = SAMPLER_ALL, .slot = s->slot, .sample_ns = time_ns, .since_ns = time_ns};
    gap.reference = missed > INT32_MAX ? INT32_MAX : (int32_t)missed;
    s->slot += missed;
    count(&s->slots, missed);
    count(&s->missed, missed);
    s->window_missed += missed;
    s->window_flags |= SAMPLER_MISSED;
    detector_gap(&s->detector);
    record_event(s, &gap);
    close_full_window(s);
}

uint64_t record_room_of_window(const struct sampler *s) { return s->config.window_slots - s->window_scans - s->window_missed; }

void record_scans(struct sampler *s, const int32_t *counts, const int64_t *times, uint64_t *slots, uint32_t scans) {
    if (s->window_scans == 0) s->window_first_ns = times[0];
    for (uint32_t i = 0; i < scans; i++) slots[i] = s->slot + i;
    uint64_t first = s->slot;
    s->slot += scans;
    s->window_scans += scans;
    s->window_last_ns = times[scans - 1];
    s->window_last_slot = first + scans - 1;
    count(&s->slots, scans);
    count(&s->scans, scans);
    detector_scans(&s->detector, counts, times, scans, first);
    close_full_window(s);
}

/* ---------------------------------------------------------------- captures */

size_t capture_record_bytes(uint32_t segments) { return (sizeof(capture_record) + segments * sizeof(uint16_t) + 7) & ~(size_t)7; }

static void collect_returned(struct sampler *s) {
    for (uint16_t *number; (number = ring_peek(&s->returned)) != NULL; ring_drop(&s->returned)) s->empty[s->empty_length++] = *number;
}

static uint16_t oldest_of_history(struct sampler *s) {
    uint16_t number = s->history[s->history_begin];
    s->history_begin = (s->history_begin + 1) % s->config.segments;
    s->history_length--;
    return number;
}

static void into_history(struct sampler *s, uint32_t number) {
    s->history[(s->history_begin + s->history_length) % s->config.segments] = (uint16_t)number;
    s->history_length++;
}

static void lose_capture(struct sampler *s) {
    s->capturing = false;
    atomic_store_explicit(&s->captures_open, 0, memory_order_relaxed);
    count(&s->captures_lost, 1);
    s->captures_lost_now++;
}

/* The current segment is full or a capture ends with it: the next one, by all means. */
static void next_segment(struct sampler *s) {
    if (!s->capturing)
        while (s->history_length > s->history_keep) s->empty[s->empty_length++] = oldest_of_history(s);
    if (s->empty_length == 0) collect_returned(s);
    if (s->empty_length == 0 && s->capturing) lose_capture(s);
    s->current = s->empty_length != 0 ? s->empty[--s->empty_length] : oldest_of_history(s);
    s->segments[s->current].scans = 0;
}

static void hand_over(struct sampler *s) {
    capture_record *record = ring_claim(&s->captures);
    collect_returned(s);
    if (record == NULL || s->empty_length == 0) { /* without an empty segment sampling could not go on */
        lose_capture(s);
        return;
    }
    into_history(s, s->current);
    record->head = s->capture;
    record->head.lost_before = s->captures_lost_now;
    record->head.segments = s->history_length;
    for (uint32_t i = 0; s->history_length != 0; i++) record->numbers[i] = oldest_of_history(s);
    s->captures_lost_now = 0;
    s->capturing = false;
    atomic_store_explicit(&s->captures_open, 0, memory_order_relaxed);
    ring_publish(&s->captures);
    s->ring_bell = true;
    s->current = s->empty[--s->empty_length];
    s->segments[s->current].scans = 0;
}

void record_trigger(struct sampler *s, uint32_t kind, uint32_t channel, uint64_t slot, int64_t time_ns) {
    count(&s->triggers, 1);
    if (s->capturing) {
        count(&s->captures_merged, 1);
        return;
    }
    if (kind != SAMPLER_MANUAL && s->triggered_before && slot - s->last_trigger_slot < s->config.capture_every) {
        count(&s->captures_limited, 1);
        return;
    }
    s->triggered_before = true;
    s->last_trigger_slot = slot;
    s->capturing = true;
    s->capture_end = s->detector.scans + (s->config.post_scans != 0 ? s->config.post_scans : 1); /* the deciding scan is the first */
    s->capture = (sampler_capture){.number = s->captures_begun++,
                                   .trigger_slot = slot,
                                   .trigger_ns = time_ns,
                                   .kind = kind,
                                   .channel = channel,
                                   .generation = atomic_load_explicit(&s->watch_taken, memory_order_relaxed),
                                   .stride = s->detector.stride};
    atomic_store_explicit(&s->captures_open, 1, memory_order_relaxed);
}

segment *record_room(struct sampler *s) {
    if (s->segments[s->current].scans == s->config.segment_scans) {
        into_history(s, s->current);
        next_segment(s);
    }
    return &s->segments[s->current];
}

/* A block has been looked at: a capture that has all its scans goes to the reader. */
void record_filled(struct sampler *s) {
    if (s->capturing && s->detector.scans >= s->capture_end) hand_over(s);
}
