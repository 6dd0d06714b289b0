/* sim_script.c: see sim_script.h. */
#define _GNU_SOURCE
#include "sim_script.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "source.h"

#define MOST_WORDS 6 /* at SCAN wave CHANNEL AMPLITUDE PERIOD */

static const char default_script[] = "level all 14000; wave all 500 2000; noise 3"; /* about 4 dBm behind a 1 % tap and a log amp */

typedef struct {
    sim_script *script;
    uint32_t channels;
    const char *phrase; /* as it was written, for the sentence about a mistake */
    char *error;
    uint32_t room;
} sim_parser;

/* ---------------------------------------------------------------- words */

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
    int result = strcmp(word, "all") == 0 ? 0 : take_number(parser, word, 0, (int64_t)parser->channels - 1, &number);
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
        if (result == 0) result = take_number(parser, words[1], -SIM_HIGHEST, SIM_HIGHEST, &step->first);
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
        return take_number(parser, words[0], 0, 1000000000000000, &step->first); /* eleven days */
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
    sim_script *script = parser->script;
    if (script->steps == SIM_STEPS)
        return source_refuse(parser->error, parser->room, EINVAL, "sim: \"%s\" is phrase %u; a script has at most %u", parser->phrase,
                             SIM_STEPS + 1, SIM_STEPS);
    uint32_t place = script->steps++;
    for (; place > 0 && script->step[place - 1].at > step->at; place--)
        script->step[place] = script->step[place - 1];
    script->step[place] = *step;
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
    parser->script->timed = step.verb == SIM_TIMED;
    parser->script->at_once = (uint32_t)step.first;
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

static int take_text(sim_parser *parser, const char *written) {
    char text[sizeof((sampler_source *)0)->where], phrase[sizeof text], *rest = NULL;
    memcpy(text, written, strlen(written) + 1);
    for (char *piece = strtok_r(text, ";", &rest); piece != NULL; piece = strtok_r(NULL, ";", &rest)) {
        piece += strspn(piece, " \t\n");
        memcpy(phrase, piece, strlen(piece) + 1);
        parser->phrase = piece;
        int result = take_phrase(parser, phrase);
        if (result != 0) return result;
    }
    for (uint32_t place = 0; place < parser->script->steps && !parser->script->timed; place++)
        if (parser->script->step[place].verb == SIM_BACK || parser->script->step[place].verb == SIM_AHEAD)
            return source_refuse(parser->error, parser->room, EINVAL, "sim: \"back\" and \"ahead\" move times of its own; add \"timed 1\"");
    return 0;
}

int sim_script_read(sim_script *script, const char *text, uint32_t channels, char *error, uint32_t room) {
    sim_parser parser = {.script = script, .channels = channels, .phrase = "", .error = error, .room = room};
    *script = (sim_script){0};
    return take_text(&parser, text[strspn(text, " \t\n;")] == '\0' ? default_script : text);
}
