/* source_sim.c: "sim", an invented converter that plays a script. For tests, benchmarks and a first try without equipment.
 *
 * It has no clock: what it shows is a function of the number of the scan alone, in whole numbers, so that the same script gives
 * the same counts everywhere. `where` is the script, see sim_script.h.
 *
 * Without "paced" or "timed" the host asks for each scan; then a failed reading is a scan that is lost for ever, as on a real
 * converter, while one that sets the pace still has it. What such a converter loses it does not tell: only its times show it, or,
 * where it has none, that its scans are late. */
#define _GNU_SOURCE
#include "source.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "noise.h"
#include "sim_script.h"

#define SECOND 1000000000

typedef struct {
    sim_script script;
    uint32_t channels, next; /* which step is to happen next */
    uint64_t scan;
    uint32_t rate_hz;
    int64_t level[SAMPLER_CHANNELS], amplitude[SAMPLER_CHANNELS], period[SAMPLER_CHANNELS];
    uint32_t noise;
    int code; /* of the readings that fail */
    int64_t failing, stall_ms;
    uint32_t missed;
    bool gone;
    int64_t origin, shift; /* time of scan 0, what its times are off */
    bool begun;
} sim_state;

/* ---------------------------------------------------------------- open */

/* A descriptor that wakes its reader whenever scans are there; how many there are is a matter of the reader's clock. */
static int open_timer(const sim_state *state, char *error, uint32_t room) {
    int64_t every_ns = (int64_t)state->script.at_once * SECOND / state->rate_hz;
    struct timespec every = {.tv_sec = every_ns / SECOND, .tv_nsec = every_ns % SECOND};
    struct itimerspec pace = {.it_interval = every, .it_value = every};
    int descriptor = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    if (descriptor < 0) return source_refuse(error, room, errno, "sim: no timer: %s", strerror(errno));
    if (timerfd_settime(descriptor, 0, &pace, NULL) != 0) {
        int code = errno;
        (void)close(descriptor);
        return source_refuse(error, room, code, "sim: the timer cannot be set to %u scans at a time: %s", state->script.at_once, strerror(code));
    }
    return descriptor;
}

static int set_up(source *s, sim_state *state, const char *script, char *error, uint32_t room) {
    int result = sim_script_read(&state->script, script, state->channels, error, room);
    s->fd = -1;
    if (result != 0 || state->script.at_once == 0) return result;
    s->fd = open_timer(state, error, room);
    return s->fd < 0 ? s->fd : 0;
}

static int sim_open(source *s, const sampler_source *where, uint32_t channels, uint32_t rate_hz, char *error, uint32_t room) {
    if (memchr(where->where, '\0', sizeof where->where) == NULL)
        return source_refuse(error, room, EINVAL, "sim: a script has at most %zu characters", sizeof where->where - 1);
    sim_state *state = calloc(1, sizeof *state);
    if (state == NULL) return source_refuse(error, room, ENOMEM, "sim: no memory");
    state->channels = channels;
    state->rate_hz = rate_hz;
    int result = set_up(s, state, where->where, error, room);
    if (result != 0) {
        free(state);
        return result;
    }
    s->state = state;
    s->timed = s->timed_by_monotonic = state->script.timed;
    return 0;
}

/* ---------------------------------------------------------------- playing it */

static void set_channels(int64_t *values, const sim_state *state, uint32_t channel, int64_t value) {
    for (uint32_t each = 0; each < state->channels; each++)
        if (channel == SAMPLER_ALL || channel == each) values[each] = value;
}

static void take_due_step(sim_state *state, const sim_step *step) {
    switch (step->verb) {
    case SIM_LEVEL:
        set_channels(state->level, state, step->channel, step->first);
        break;
    case SIM_WAVE:
        set_channels(state->amplitude, state, step->channel, step->first);
        set_channels(state->period, state, step->channel, step->second);
        break;
    case SIM_NOISE:
        state->noise = (uint32_t)step->first;
        break;
    case SIM_ERROR:
        state->code = (int)step->first;
        state->failing = step->second;
        break;
    case SIM_SKIP:
        state->missed += (uint32_t)step->first;
        state->scan += (uint64_t)step->first;
        break;
    case SIM_GONE:
        state->gone = true;
        break;
    case SIM_STALL:
        state->stall_ms = step->first;
        break;
    case SIM_BACK:
    case SIM_AHEAD:
        state->shift += step->verb == SIM_AHEAD ? step->first : -step->first;
        break;
    case SIM_PACED:
    case SIM_TIMED:
        break;
    }
}

/* A triangle: 0, up to the amplitude, down to its negative, and back. */
static int64_t triangle(int64_t amplitude, int64_t period, uint64_t scan) {
    if (amplitude == 0) return 0;
    int64_t quarters = 4 * (int64_t)(scan % (uint64_t)period);
    if (quarters > 3 * period)
        quarters -= 4 * period;
    else if (quarters > period)
        quarters = 2 * period - quarters;
    return amplitude * quarters / period;
}

static int32_t clipped(int64_t count) {
    return count > SIM_HIGHEST ? SIM_HIGHEST : count < -SIM_HIGHEST ? -SIM_HIGHEST : (int32_t)count;
}

static void put_counts(const sim_state *state, uint64_t scan, int32_t *counts) {
    for (uint32_t channel = 0; channel < state->channels; channel++) {
        int64_t count = state->level[channel] + triangle(state->amplitude[channel], state->period[channel], scan);
        if (state->noise != 0) count += noise_count(channel, scan, state->noise);
        counts[channel] = clipped(count);
    }
}

/* As a driver does whose converter never answers: nothing wakes it. */
static void hang(sim_state *state) {
    struct timespec left = {state->stall_ms / 1000, state->stall_ms % 1000 * 1000000};
    state->stall_ms = 0;
    while (nanosleep(&left, &left) != 0 && errno == EINTR) continue;
}

/* Let happen what is to happen at the next scan. 0, or -errno when it cannot be had now. */
static int look_ahead(sim_state *state) {
    while (state->next < state->script.steps && state->script.step[state->next].at <= state->scan)
        take_due_step(state, &state->script.step[state->next++]);
    if (state->stall_ms != 0) hang(state);
    if (state->gone) return -ENODEV;
    if (state->failing == 0) return 0;
    state->failing--;
    return -state->code;
}

static int read_one(sim_state *state, source_block *block) {
    int result = look_ahead(state);
    uint64_t scan = state->scan++;
    if (result != 0) return result;
    block->missed = state->missed;
    state->missed = 0;
    put_counts(state, scan, block->counts);
    return 1;
}

static int64_t time_of(const sim_state *state, uint64_t scan) {
    uint64_t seconds = scan / state->rate_hz, rest = scan % state->rate_hz;
    return state->origin + (int64_t)(seconds * SECOND + rest * SECOND / state->rate_hz);
}

/* How many scans it has handed over or has ready by this time, in whole portions. One that is due in less than half a period
 * counts as made, as wake-ups are not all equally late. */
static uint64_t scans_made(sim_state *state, int64_t now) {
    int64_t period = SECOND / state->rate_hz;
    if (!state->begun) state->origin = now - (state->script.at_once - 1) * period;
    state->begun = true;
    int64_t passed = now + period / 2 - state->origin;
    if (passed < 0) return 0;
    uint64_t made = (uint64_t)passed / SECOND * state->rate_hz + (uint64_t)passed % SECOND * state->rate_hz / SECOND + 1;
    return made - made % state->script.at_once;
}

/* What a converter with its own pace has; it ends early where something happens, which is then seen by the next reading. */
static int read_block(sim_state *state, source_block *block) {
    uint64_t made = scans_made(state, block->now);
    uint32_t taken = 0;
    while (taken < block->max && state->scan < made) {
        if (taken > 0 && state->next < state->script.steps && state->script.step[state->next].at <= state->scan) break;
        int result = look_ahead(state);
        if (result != 0) return result;
        if (state->scan >= made) break;
        block->times[taken] = time_of(state, state->scan) + state->shift;
        put_counts(state, state->scan++, block->counts + (size_t)taken++ * block->stride);
    }
    block->drained = state->scan >= made;
    if (taken != 0) {
        if (!state->script.timed) block->missed = state->missed; /* else its times show it */
        state->missed = 0;
    }
    return (int)taken;
}

static int sim_read(source *s, source_block *block) {
    sim_state *state = s->state;
    uint64_t wakes;
    if (block->max == 0) return 0;
    if (state->script.at_once == 0) {
        block->drained = true;
        return read_one(state, block);
    }
    ssize_t heard = read(s->fd, &wakes, sizeof wakes); /* only to wake up again; invented times have no wake-ups */
    (void)heard;
    return read_block(state, block);
}

static void sim_close(source *s) {
    if (s->fd >= 0) (void)close(s->fd);
    free(s->state);
    s->state = NULL;
}

const source_kind source_sim = {.name = "sim", .open = sim_open, .read = sim_read, .close = sim_close};
