/* shared_light.h: the file through which the simulated line hands its light to the sampling loop. The writer is
 * stationd/sim/light.py; both sides keep to this layout, in the byte order of the machine.
 *
 * Every field has one writer and is stored and loaded whole (4 or 8 bytes at their natural alignment). A set of counts may be
 * half old and half new, as the inputs of a real converter are taken one after the other. */
#ifndef STATIOND_SHARED_LIGHT_H
#define STATIOND_SHARED_LIGHT_H

#include <stdint.h>

#define SHARED_LIGHT_MAGIC 0x5448474cu /* "LGHT" */
#define SHARED_LIGHT_VERSION 1u
#define SHARED_LIGHT_STALE_NS 1000000000 /* the writer gives a sign of life five times as often */

typedef struct {
    uint32_t magic;
    uint32_t version;
    uint32_t size;        /* of the whole file in bytes */
    uint32_t inputs;      /* how many counts there are */
    int64_t heartbeat_ns; /* CLOCK_MONOTONIC at the writer's last sign of life */
    uint32_t noise;       /* amplitude that the reader adds, counts */
    int32_t top;          /* highest count of the converter; the lowest is 0 */
    uint32_t changes;     /* how often the counts were written anew; for people */
    uint32_t reserved;    /* 0 */
    int32_t count[];      /* one for each input */
} shared_light;

#endif
