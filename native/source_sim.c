/* source_sim.c: "sim", an invented converter that plays a script. For tests, benchmarks and a first try without equipment.
 *
 * It has no clock: what it shows is a function of the number of the scan alone, in whole numbers, so that the same script gives
 * the same counts everywhere. `where` is the script: phrases, with ";" between them, in words:
 *
 *     level CHANNEL COUNTS              the count about which the channel lies; CHANNEL is its place in the list, or "all"
 *     wave CHANNEL AMPLITUDE PERIOD     plus a triangle of so many counts up and down, one in PERIOD scans
 *     noise AMPLITUDE                   plus noise of -AMPLITUDE..AMPLITUDE on every channel
 *     error NAME TIMES                  so many readings fail with an errno, as EIO
 *     skip SCANS                        the converter loses so many scans
 *     gone                              the converter is gone for good
 *     stall MILLISECONDS                the next reading hangs for so long
 *     back NANOSECONDS                  from here on its times are so much earlier; only with "timed"
 *     ahead NANOSECONDS                 or later
 *     at SCAN ...                       any of these from that scan on, counted from 0
 *     paced SCANS                       the converter sets the pace and hands over so many scans at a time
 *     timed SCANS                       it does so, and has times of its own
 *
 * Without "paced" or "timed" the host asks for each scan; then a failed reading is a scan that is lost for ever, as on a real
 * converter, while one that sets the pace still has it. What such a converter loses it does not tell: only its times show it, or,
 * where it has none, that its scans are late.
 * An empty script is light with a slow wave and a little noise on every channel. */
#define _GNU_SOURCE
#include "source.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "noise.h"

#define SECOND 1000000000
#define HIGHEST ((1 << SAMPLER_COUNT_BITS) - 1)
#define MOST_STEPS 128
#define MOST_WORDS 6 /* at SCAN wave CHANNEL AMPLITUDE PERIOD */

static const char default_script[] = "level all 14000; wave all 500 2000; noise 3"; /* about 4 dBm behind a 1 % tap and a log amp */

typedef enum {
    SIM_LEVEL, SIM_WAVE, SIM_NOISE, SIM_ERROR, SIM_SKIP, SIM_GONE, SIM_STALL, SIM_BACK, SIM_AHEAD, SIM_PACED, SIM_TIMED
} sim_verb;

typedef struct {
    uint64_t at;
    sim_verb verb;
    uint32_t channel; /* or SAMPLER_ALL */
    int64_t first, second;
} sim_step;

typedef struct {
    uint32_t channels, steps, next;
    sim_step step[MOST_STEPS]; /* in the order of their scans */
    uint64_t scan;
    uint32_t rate_hz;
    int64_t level[SAMPLER_CHANNELS], amplitude[SAMPLER_CHANNELS], period[SAMPLER_CHANNELS];
    uint32_t noise;
    int code; /* of the readings that fail */
    int64_t failing, stall_ms;
    uint32_t missed;
    bool gone, timed;
    uint32_t at_once; /* scans that it hands over at a time; 0: the host sets the pace */
    int64_t origin, shift; /* time of scan 0, what its times are off */
    bool begun;
} sim_state;

typedef struct {
    sim_state *state;
    const char *phrase; /* as it was written, for the sentence about a mistake */
    char *error;
    uint32_t room;
} sim_parser;

/* ---------------------------------------------------------------- reading the script */

static const struct {
    const char *word, *wanted;
    uint32_t words; /* behind it */
} verbs[] = {
    [SIM_LEVEL] = {"level", "CHANNEL COUNTS", 2}, [SIM_WAVE] = {"wave", "CHANNEL AMPLITUDE PERIOD", 3},
    [SIM_NOISE] = {"noise", "AMPLITUDE", 1},      [SIM_ERROR] = {"error", "NAME TIMES", 2},
    [SIM_SKIP] = {"skip", "SCANS", 1},            [SIM_GONE] = {"gone", "nothing", 0},
    [SIM_STALL] = {"stall", "MILLISECONDS", 1},   [SIM_BACK] = {"back", "NANOSECONDS", 1},
    [SIM_AHEAD] = {"ahead", "NANOSECONDS", 1},    [SIM_PACED] = {"paced", "SCANS", 1},
    [SIM_TIMED] = {"timed", "SCANS", 1},
};

static const struct {
    const char *name;
    int code;
} errors[] = {
    {"EIO", EIO},         {"ETIMEDOUT", ETIMEDOUT}, {"ESTALE", ESTALE}, {"EPROTO", EPROTO}, {"EREMOTEIO", EREMOTEIO},
    {"EBUSY", EBUSY},     {"EOVERFLOW", EOVERFLOW}, {"ENODEV", ENODEV}, {"ENXIO", ENXIO},   {"ENOENT", ENOENT},
    {"EBADF", EBADF},     {"ENODATA", ENODATA},
};

#define COUNT_OF(table) ((uint32_t)(sizeof(table) / sizeof((table)[0])))

static int take_number(sim_parser *parser, const char *word, int64_t lowest, int64_t highest, int64_t *number) {
    char *end;
    errno = 0;
    long long value = strtoll(word, &end, 10);
    if (*end != '\0' || end == word || errno != 0 || value < lowest || value > highest)
        return source_refuse(parser->error, parser->room, EINVAL, "sim: \"%s\" in \"%s\" must be a whole number from %lld to %lld", word,
                             parser->phrase, (long long)lowest, (long long)highest);
    *number = value;
    return 0;
}

static int take_channel(sim_parser *parser, const char *word, uint32_t *channel) {
    int64_t number = SAMPLER_ALL;
    int result = strcmp(word, "all") == 0 ? 0 : take_number(parser, word, 0, (int64_t)parser->state->channels - 1, &number);
    *channel = (uint32_t)number;
    return result;
}

static int take_error_name(sim_parser *parser, const char *word, int64_t *code) {
    for (uint32_t place = 0; place < COUNT_OF(errors); place++)
        if (strcmp(word, errors[place].name) == 0) {
            *code = errors[place].code;
            return 0;
        }
    return source_refuse(parser->error, parser->room, EINVAL, "sim: \"%s\" in \"%s\" is no error of a converter; one is EIO", word,
                         parser->phrase);
}

static int take_arguments(sim_parser *parser, sim_step *step, char **words) {
    int result = 0;
    switch (step->verb) {
    case SIM_LEVEL:
    case SIM_WAVE:
        result = take_channel(parser, words[0], &step->channel);
        if (result == 0) result = take_number(parser, words[1], -HIGHEST, HIGHEST, &step->first);
        if (result == 0 && step->verb == SIM_WAVE) result = take_number(parser, words[2], 1, INT32_MAX, &step->second);
        return result;
    case SIM_ERROR:
        result = take_error_name(parser, words[0], &step->first);
        return result != 0 ? result : take_number(parser, words[1], 1, INT32_MAX, &step->second);
    case SIM_NOISE:
        return take_number(parser, words[0], 0, 1 << 20, &step->first);
    case SIM_SKIP:
        return take_number(parser, words[0], 1, INT32_MAX, &step->first);
    case SIM_GONE:
        return 0;
    case SIM_STALL:
        return take_number(parser, words[0], 1, 3600000, &step->first);
    case SIM_BACK:
    case SIM_AHEAD:
        return take_number(parser, words[0], 0, 1000000 * (int64_t)SECOND, &step->first);
    case SIM_PACED:
    case SIM_TIMED:
        return take_number(parser, words[0], 1, 1000000, &step->first);
    }
    return result;
}

static int find_verb(sim_parser *parser, const char *word, sim_verb *verb) {
    for (uint32_t place = 0; place < COUNT_OF(verbs); place++)
        if (strcmp(word, verbs[place].word) == 0) {
            *verb = (sim_verb)place;
            return 0;
        }
    return source_refuse(parser->error, parser->room, EINVAL,
                         "sim: \"%s\" in \"%s\" is no word of a script; there are level, wave, noise, error, skip, gone, stall, "
                         "back, ahead, paced, timed and at",
                         word, parser->phrase);
}

static uint32_t split(char *phrase, char **words) {
    uint32_t count = 0;
    char *rest = NULL;
    for (char *word = strtok_r(phrase, " \t\n", &rest); word != NULL; word = strtok_r(NULL, " \t\n", &rest))
        if (count++ < MOST_WORDS) words[count - 1] = word;
    return count;
}

/* Keep the steps in the order of their scans; of one scan, in that of the script. */
static int insert_step(sim_parser *parser, const sim_step *step) {
    sim_state *state = parser->state;
    if (state->steps == MOST_STEPS)
        return source_refuse(parser->error, parser->room, EINVAL, "sim: \"%s\" is phrase %u; a script has at most %u", parser->phrase,
                             MOST_STEPS + 1, MOST_STEPS);
    uint32_t place = state->steps++;
    for (; place > 0 && state->step[place - 1].at > step->at; place--)
        state->step[place] = state->step[place - 1];
    state->step[place] = *step;
    return 0;
}

static int take_step(sim_parser *parser, uint64_t at, char **words, uint32_t count) {
    sim_step step = {.at = at};
    int result = find_verb(parser, words[0], &step.verb);
    if (result != 0) return result;
    if (count - 1 != verbs[step.verb].words)
        return source_refuse(parser->error, parser->room, EINVAL, "sim: in \"%s\" there are %u words behind \"%s\"; it needs %s",
                             parser->phrase, count - 1, words[0], verbs[step.verb].wanted);
    result = take_arguments(parser, &step, words + 1);
    if (result != 0) return result;
    if (step.verb != SIM_PACED && step.verb != SIM_TIMED) return insert_step(parser, &step);
    if (at != 0)
        return source_refuse(parser->error, parser->room, EINVAL, "sim: \"%s\" in \"%s\" holds from the beginning; leave \"at\" away",
                             words[0], parser->phrase);
    parser->state->timed = step.verb == SIM_TIMED;
    parser->state->at_once = (uint32_t)step.first;
    return 0;
}

static int take_phrase(sim_parser *parser, char *phrase) {
    char *words[MOST_WORDS] = {0};
    uint32_t count = split(phrase, words);
    if (count == 0) return 0;
    if (count > MOST_WORDS)
        return source_refuse(parser->error, parser->room, EINVAL, "sim: \"%s\" has %u words; is a \";\" missing?", parser->phrase, count);
    if (strcmp(words[0], "at") != 0) return take_step(parser, 0, words, count);
    if (count < 3) return source_refuse(parser->error, parser->room, EINVAL, "sim: \"%s\" must be: at SCAN ...", parser->phrase);
    int64_t at = 0;
    int result = take_number(parser, words[1], 0, INT64_MAX, &at);
    return result != 0 ? result : take_step(parser, (uint64_t)at, words + 2, count - 2);
}

static int take_script(sim_parser *parser, const char *script) {
    char text[sizeof((sampler_source *)0)->where], phrase[sizeof text], *rest = NULL;
    memcpy(text, script, strlen(script) + 1);
    for (char *piece = strtok_r(text, ";", &rest); piece != NULL; piece = strtok_r(NULL, ";", &rest)) {
        piece += strspn(piece, " \t\n");
        memcpy(phrase, piece, strlen(piece) + 1);
        parser->phrase = piece;
        int result = take_phrase(parser, phrase);
        if (result != 0) return result;
    }
    for (uint32_t place = 0; place < parser->state->steps && !parser->state->timed; place++)
        if (parser->state->step[place].verb == SIM_BACK || parser->state->step[place].verb == SIM_AHEAD)
            return source_refuse(parser->error, parser->room, EINVAL, "sim: \"back\" and \"ahead\" move times of its own; add \"timed 1\"");
    return 0;
}

/* A descriptor that wakes its reader whenever scans are there; how many there are is a matter of the reader's clock. */
static int open_timer(const sim_state *state, char *error, uint32_t room) {
    int64_t every_ns = (int64_t)state->at_once * SECOND / state->rate_hz;
    struct timespec every = {.tv_sec = every_ns / SECOND, .tv_nsec = every_ns % SECOND};
    struct itimerspec pace = {.it_interval = every, .it_value = every};
    int descriptor = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    if (descriptor < 0) return source_refuse(error, room, errno, "sim: no timer: %s", strerror(errno));
    if (timerfd_settime(descriptor, 0, &pace, NULL) != 0) {
        int code = errno;
        (void)close(descriptor);
        return source_refuse(error, room, code, "sim: the timer cannot be set to %u scans at a time: %s", state->at_once, strerror(code));
    }
    return descriptor;
}

static int set_up(source *s, sim_state *state, const char *script, char *error, uint32_t room) {
    sim_parser parser = {.state = state, .phrase = "", .error = error, .room = room};
    int result = take_script(&parser, script[strspn(script, " \t\n;")] == '\0' ? default_script : script);
    s->fd = -1;
    if (result != 0 || state->at_once == 0) return result;
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
    s->timed = s->timed_by_monotonic = state->timed;
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
    return count > HIGHEST ? HIGHEST : count < -HIGHEST ? -HIGHEST : (int32_t)count;
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
    while (state->next < state->steps && state->step[state->next].at <= state->scan)
        take_due_step(state, &state->step[state->next++]);
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
    if (!state->begun) state->origin = now - (state->at_once - 1) * period;
    state->begun = true;
    int64_t passed = now + period / 2 - state->origin;
    if (passed < 0) return 0;
    uint64_t made = (uint64_t)passed / SECOND * state->rate_hz + (uint64_t)passed % SECOND * state->rate_hz / SECOND + 1;
    return made - made % state->at_once;
}

/* What a converter with its own pace has; it ends early where something happens, which is then seen by the next reading. */
static int read_block(sim_state *state, source_block *block) {
    uint64_t made = scans_made(state, block->now);
    uint32_t taken = 0;
    while (taken < block->max && state->scan < made) {
        if (taken > 0 && state->next < state->steps && state->step[state->next].at <= state->scan) break;
        int result = look_ahead(state);
        if (result != 0) return result;
        if (state->scan >= made) break;
        block->times[taken] = time_of(state, state->scan) + state->shift;
        put_counts(state, state->scan++, block->counts + (size_t)taken++ * block->stride);
    }
    block->drained = state->scan >= made;
    if (taken != 0) {
        if (!state->timed) block->missed = state->missed; /* else its times show it */
        state->missed = 0;
    }
    return (int)taken;
}

static int sim_read(source *s, source_block *block) {
    sim_state *state = s->state;
    uint64_t wakes;
    if (block->max == 0) return 0;
    if (state->at_once == 0) {
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
