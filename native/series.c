/* series.c: when each scan was taken, and how many are missing before it. No clock: every time is given.
 *
 * Host-paced.   Turn k is due at origin + k/rate, computed from k each time, so that no error adds up. Who wakes after several
 *               turns takes the newest and has missed the others.
 * With times.   Two scans are 1/rate apart. More than one and a half periods between them is a hole of round(dt x rate) - 1
 *               slots: that is all that the kernel's IIO buffer shows of an overrun. A time that is not later than the last
 *               one, or that is ahead of the clock, is a jump: the series goes on by one period and keeps the difference, until
 *               the source's own time can be believed again. Times of another clock than ours are held against the arrival
 *               of blocks as below, slowly; their holes are found in the source's own differences.
 * Without.      Blocks arrive late, never early, and those that leave the source empty have only just been made. A filter of
 *               the second order (gains 1/4 and 1/32) follows their times and the true period. A block that is later than
 *               expected by more than two periods, 10 ms (the order of a scheduling delay), and a share of its own length that
 *               any drift may explain (1/16 while the period is being learnt, then 1/64) has slots missing before it. */
#include <limits.h>

#include "core.h"

#define SECOND 1000000000
#define LOST_AFTER 2
#define DELAY_NS 10000000
#define LEARNING 16                /* blocks */
#define LEARNING_SHARE 16
#define SHARE 64
#define FOREIGN_SHARE 16           /* of its distance a foreign clock is followed by at each block */
#define FOREIGN_SLACK_NS SECOND    /* a foreign clock that is further off than that has been set */
#define OLDEST_NS (10ll * SECOND)  /* the first time of a source may be so old */
#define LATEST_NS (INT64_MAX / 2)  /* no clock shows more */

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

/* ---------------------------------------------------------------- times of the source */

static bool possible(int64_t source_ns) { return source_ns >= 0 && source_ns <= LATEST_NS; }

/* One period after the last scan, but not ahead of the clock. */
static int64_t next_ns(const series *t, int64_t now_ns) {
    int64_t next = t->last_ns + t->period_ns;
    if (next <= now_ns) return next;
    return now_ns > t->last_ns ? now_ns : t->last_ns + 1;
}

static int64_t jump(series *t, int64_t source_ns, int64_t now_ns, bool *jumped) {
    int64_t time = next_ns(t, now_ns);
    *jumped = true;
    if (possible(source_ns)) t->shift_ns = time - source_ns;
    return time;
}

static int64_t first_time(series *t, int64_t source_ns, int64_t now_ns, bool monotonic, bool *jumped) {
    bool believed = possible(source_ns) && (!monotonic || (source_ns <= now_ns + t->period_ns && now_ns - source_ns <= OLDEST_NS));
    *jumped = !believed;
    if (!monotonic && believed) return source_ns + t->shift_ns < now_ns ? source_ns + t->shift_ns : now_ns;
    t->shift_ns = believed || !possible(source_ns) ? 0 : now_ns - source_ns;
    return believed ? source_ns : now_ns;
}

/* Our own clock: its time as it is where that can be, else as the last jump has left it. */
static int64_t monotonic_time(series *t, int64_t source_ns, int64_t now_ns, int64_t *apart_ns, bool *jumped) {
    int64_t latest = now_ns + t->period_ns, time = source_ns;
    if (source_ns > t->last_ns && source_ns <= latest) t->shift_ns = 0;
    else time = possible(source_ns) ? source_ns + t->shift_ns : t->last_ns;
    if (time <= t->last_ns || time > latest) {
        *apart_ns = t->period_ns;
        return jump(t, source_ns, now_ns, jumped);
    }
    *apart_ns = time - t->last_ns;
    return time;
}

static int64_t foreign_time(series *t, int64_t source_ns, int64_t now_ns, int64_t *apart_ns, bool *jumped) {
    int64_t apart = possible(source_ns) ? source_ns - t->source_ns : 0;
    *apart_ns = t->period_ns;
    if (apart <= 0 || source_ns + t->shift_ns > now_ns + FOREIGN_SLACK_NS) return jump(t, source_ns, now_ns, jumped);
    *apart_ns = apart;
    int64_t time = source_ns + t->shift_ns;
    if (time > now_ns) time = now_ns;
    return time > t->last_ns ? time : t->last_ns + 1;
}

uint64_t series_timed(series *t, int64_t source_ns, int64_t now_ns, bool monotonic, int64_t *time_ns, bool *jumped) {
    int64_t apart_ns = 0;
    *jumped = false;
    if (!t->begun) *time_ns = first_time(t, source_ns, now_ns, monotonic, jumped);
    else if (monotonic) *time_ns = monotonic_time(t, source_ns, now_ns, &apart_ns, jumped);
    else *time_ns = foreign_time(t, source_ns, now_ns, &apart_ns, jumped);
    t->begun = true;
    t->last_ns = *time_ns;
    if (possible(source_ns)) t->source_ns = source_ns;
    if (2 * apart_ns <= 3 * t->period_ns) return 0;
    return periods(t, apart_ns, SECOND / 2) - 1;
}

/* A block of a source with a foreign clock has arrived: its newest scan is not newer than now. */
void series_anchor(series *t, int64_t newest_source_ns, int64_t now_ns, bool drained) {
    if (!possible(newest_source_ns)) return;
    int64_t shift = now_ns - newest_source_ns, off = shift - t->shift_ns;
    if (!t->begun || off > FOREIGN_SLACK_NS || off < -FOREIGN_SLACK_NS) {
        if (!t->begun) t->shift_ns = shift;
        return;
    }
    if (off < 0) t->shift_ns = shift;
    else if (drained) t->shift_ns += off / FOREIGN_SHARE;
}

/* ---------------------------------------------------------------- times of arrival */

static int64_t length_ns(const series *t, uint64_t scans) {
    return (int64_t)scans * t->period_ns + (int64_t)((__int128)t->drift * (int64_t)scans >> 16);
}

/* `known_missed` slots before these scans are known of by the source itself; what is returned are those beyond them. */
uint64_t series_arrival(series *t, uint32_t scans, uint32_t known_missed, int64_t now_ns, bool drained, int64_t *times) {
    uint64_t missed = 0;
    int64_t length = length_ns(t, scans);
    int64_t begin_ns = t->begun ? t->last_ns + length_ns(t, known_missed) : now_ns - length;
    int64_t behind_ns = now_ns - (begin_ns + length), end_ns = begin_ns + length;
    int64_t share = length / (t->blocks < LEARNING ? LEARNING_SHARE : SHARE);
    if (t->begun && drained && behind_ns > LOST_AFTER * t->period_ns && behind_ns > DELAY_NS && behind_ns > share) {
        missed = periods(t, behind_ns, SECOND / 2);
        begin_ns += behind_ns;
        end_ns = now_ns;
    } else if (t->begun && (drained || behind_ns < 0)) {
        end_ns += behind_ns < 0 ? behind_ns : behind_ns / 4;
        t->drift += (int64_t)(((__int128)behind_ns << 16) / (32 * (int64_t)scans));
        if (t->blocks < LEARNING) t->blocks++;
    }
    if (end_ns <= t->last_ns && t->begun) end_ns = t->last_ns + scans;
    if (begin_ns > end_ns - scans) begin_ns = end_ns - scans;
    for (uint32_t i = 0; i < scans; i++) times[i] = begin_ns + (end_ns - begin_ns) * (i + 1) / scans;
    t->begun = true;
    t->last_ns = end_ns;
    return missed;
}
