/* source.h: what a source of counts is: three functions. One file for each kind; the list of them is in sampler.c.
 *
 * open    may take its time, allocate, and say in `error` what is wrong and what would be right.
 * read    is called by the sampling thread: it allocates nothing, takes no lock, and does not wait, except for the conversion
 *         itself where the host sets the pace. Returns how many scans it put into the block; 0: nothing there yet; -errno.
 *         -ENODEV, -ENXIO, -ENOENT, -EBADF and -ENODATA say that the source is gone for good; anything else is a failed
 *         reading, after which it is asked again. EINTR stays inside. 0 is only for a source with a descriptor, which has
 *         nothing then (EAGAIN stays inside there too); one whose pace the host sets owes a scan or an error for each call.
 *         What makes the descriptor readable is taken by the reading that it wakes: a source that returns 0 leaves it not
 *         readable. After a block the caller asks again until it gets 0 or an error, so that an error that came with scans
 *         may be told by the next reading.
 * close   undoes open. The converter is left as it was found where that is possible.
 *
 * A source never repeats an old count as new: what it cannot read now is an error. */
#ifndef STATIOND_SOURCE_H
#define STATIOND_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sampler.h"

typedef struct {
    int64_t now;       /* in: the clock, or the invented time of a test */
    int32_t *counts;   /* in: room for `max` scans, `stride` counts from one to the next; what lies above the channels stays 0 */
    int64_t *times;    /* in: room for `max` times; to be filled where `timed` is true */
    uint32_t stride, max;
    uint32_t overruns; /* out, 0 at the call: times that the source itself says that it lost data */
    uint32_t missed;   /* out, 0 at the call: slots that are known to be lost just before the first scan of this block, other than by its times */
    bool drained;      /* out, false at the call: nothing is left in the source, so that the last scan is as new as can be */
} source_block;

typedef struct source source;

typedef struct {
    const char *name;
    int (*open)(source *s, const sampler_source *where, uint32_t channels, uint32_t rate_hz, char *error, uint32_t size);
    int (*read)(source *s, source_block *block);
    void (*close)(source *s);
} source_kind;

struct source {
    const source_kind *kind;
    void *state;       /* made by open, freed by close */
    int fd;            /* to wait for with poll; -1: the host sets the pace */
    bool timed;        /* only with an fd: the source has its own times, of CLOCK_MONOTONIC or, if not `timed_by_monotonic`, of any clock */
    bool timed_by_monotonic;
};

extern const source_kind source_iio, source_spi, source_mmap, source_sim, source_shm;

/* Write a sentence to `error` (always terminated) and return -code. */
int source_refuse(char *error, uint32_t size, int code, const char *format, ...) __attribute__((format(printf, 4, 5)));

#endif
