/* sim_script.h: the script of an invented converter, read before it begins. See source_sim.c, which plays it.
 *
 * A script is phrases, with ";" between them, in words:
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
 *     timed SCANS                       it does so, and has times of its own */
#ifndef STATIOND_SIM_SCRIPT_H
#define STATIOND_SIM_SCRIPT_H

#include <stdbool.h>
#include <stdint.h>

#include "sampler.h"

#define SIM_HIGHEST ((1 << SAMPLER_COUNT_BITS) - 1) /* most that a count may be, up and down */
#define SIM_STEPS 128                               /* most phrases of a script */

typedef enum {
    SIM_LEVEL, SIM_WAVE, SIM_NOISE, SIM_ERROR, SIM_SKIP, SIM_GONE, SIM_STALL, SIM_BACK, SIM_AHEAD, SIM_PACED, SIM_TIMED
} sim_verb;

typedef struct {
    uint64_t at;           /* from this scan on */
    sim_verb verb;
    uint32_t channel;      /* or SAMPLER_ALL */
    int64_t first, second; /* the numbers behind the verb */
} sim_step;

typedef struct {
    uint32_t steps;
    sim_step step[SIM_STEPS]; /* in the order of their scans; of one scan, in that of the script */
    uint32_t at_once;         /* scans that it hands over at a time; 0: the host sets the pace */
    bool timed;
} sim_script;

/* Read a script for so many channels; an empty one is light with a slow wave and a little noise on every channel. It is at most
 * as long as sampler_source.where. 0, or -EINVAL with a sentence that says which words are wrong and what would be right. */
int sim_script_read(sim_script *script, const char *text, uint32_t channels, char *error, uint32_t room);

#endif
