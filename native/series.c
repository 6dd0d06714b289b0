/* series.c: when each scan was taken, and how many are missing before it. No clock: every time is given.
 *
 * Host-paced.   Turn k is due at origin + k/rate, computed from k each time, so that no error adds up. Who wakes after several
 *               turns takes the newest and has missed the others.
 * With times.   Two scans are 1/rate apart. More than one and a half periods between them is a hole of round(dt x rate) - 1
 *               slots: that is all that the kernel's IIO buffer shows of an overrun. A time that is not later than the last
 *               one, or that is ahead of the clock, is a jump: the series goes on by one period and keeps the difference.
 * Without.      Blocks arrive late, never early. The estimate runs on by one period a scan, is pulled back when a block
 *               arrives before its estimate, and learns from every block that left the source empty: then the last scan has
 *               only just been taken. If such a scan is later than estimated by more than LOST_AFTER periods (and 10 ms, the
 *               order of a scheduling delay), slots are missing; a smaller difference is drift and is followed slowly. */
#include <limits.h>

#include "core.h"

#define SECOND 1000000000
#define LOST_AFTER 2
#define DELAY_NS 10000000
#define DRIFT_SHARE 16

/* Whole periods in a time, rounded; exact for any time that a clock can show. */
static uint64_t periods(const series *t, int64_t ns, int64_t rounding) {
    int64_t seconds = ns / SECOND, rest = ns % SECOND;
    return (uint64_t)seconds * t->rate_hz + (uint64_t)((rest * t->rate_hz + rounding) / SECOND);
}

int64_t series_due(const series *t) {
    uint64_t seconds = t->turn / t->rate_hz, rest = t->turn % t->rate_hz;
    return t->origin_ns + (int64_t)(seconds * SECOND + (rest * SECOND + t->rate_hz - 1) / t->rate_hz);
}

/* Host-paced, at or after series_due: how many turns were overslept. */
uint64_t series_turn(series *t, int64_t now_ns) {
    uint64_t newest = periods(t, now_ns - t->origin_ns, 0);
    if (newest < t->turn) newest = t->turn; /* due times are rounded up to a nanosecond */
    uint64_t missed = newest - t->turn;
    t->turn = newest + 1;
    return missed;
}

uint64_t series_timed(series *t, int64_t source_ns, int64_t now_ns, bool monotonic, int64_t *time_ns, bool *jumped) {
    *jumped = false;
    if (!t->begun) {
        bool believed = monotonic && source_ns <= now_ns + t->period_ns;
        t->shift_ns = believed ? 0 : now_ns - source_ns;
        *jumped = monotonic && !believed;
        t->begun = true;
        t->last_ns = *time_ns = source_ns + t->shift_ns;
        return 0;
    }
    int64_t time = source_ns + t->shift_ns, apart = time - t->last_ns;
    if (apart <= 0 || time > now_ns + t->period_ns) {
        *jumped = true;
        time = t->last_ns + t->period_ns;
        t->shift_ns = time - source_ns;
        apart = t->period_ns;
    }
    t->last_ns = *time_ns = time;
    if (2 * apart <= 3 * t->period_ns) return 0;
    return periods(t, apart, SECOND / 2) - 1;
}

/* `known_missed` slots before these scans are known of by the source itself; what is returned are those beyond them. */
uint64_t series_arrival(series *t, uint32_t scans, uint32_t known_missed, int64_t now_ns, bool drained, int64_t *times) {
    uint64_t missed = 0;
    int64_t begin_ns = t->begun ? t->last_ns + (int64_t)known_missed * t->period_ns : now_ns - (int64_t)scans * t->period_ns;
    int64_t end_ns = begin_ns + (int64_t)scans * t->period_ns;
    if (end_ns > now_ns) end_ns = now_ns > begin_ns ? now_ns : begin_ns + scans;
    int64_t behind_ns = now_ns - end_ns;
    if (drained && t->begun) {
        if (behind_ns > LOST_AFTER * t->period_ns && behind_ns > DELAY_NS) {
            missed = periods(t, behind_ns, SECOND / 2);
            begin_ns += behind_ns;
            end_ns = now_ns;
        } else {
            end_ns += behind_ns / DRIFT_SHARE;
        }
    }
    for (uint32_t i = 0; i < scans; i++) times[i] = begin_ns + (end_ns - begin_ns) * (i + 1) / scans;
    t->begun = true;
    t->last_ns = end_ns;
    return missed;
}
