/* detect.c: see detect.h for what is found and how. */
#include "detect.h"

#include <errno.h>
#include <string.h>

#include "source.h"

#ifdef HAS_WIDE
#include <immintrin.h>
#endif

#define COUNT_LIMIT (1 << SAMPLER_COUNT_BITS)

/* One scan: sum up, keep the extremes, and ask whether any count is outside its band. */
WIDEST static int32_t pass(const int32_t *restrict count, int32_t *restrict min, int32_t *restrict max, int32_t *restrict sum,
                           const int32_t *restrict below, const int32_t *restrict above, uint32_t stride) {
    int32_t outside = 0;
    stride &= ~(uint32_t)(DETECT_LANES - 1);
    for (uint32_t i = 0; i < stride; i++) {
        int32_t x = count[i];
        min[i] = x < min[i] ? x : min[i];
        max[i] = x > max[i] ? x : max[i];
        sum[i] += x;
        outside |= -(x < below[i]) | -(x > above[i]);
    }
    return outside;
}

/* Many scans: their extremes and sums of each channel, and whether any extreme is outside its band. A group of channels stays
 * in registers from scan to scan. */
typedef int32_t lanes __attribute__((vector_size(16)));
#define LANES 4
#define PARTS 4 /* of a group: what 16 registers hold */
#define CHOOSE(mask, a, b) (((a) & (mask)) | ((b) & ~(mask)))

static int32_t survey_plain(const int32_t *restrict counts, uint32_t scans, uint32_t stride, survey_result *restrict out,
                            const int32_t *restrict below, const int32_t *restrict above) {
    lanes outside = {0};
    for (uint32_t group = 0; group < stride; group += PARTS * LANES) {
        const int32_t *row = counts + group;
        lanes min[PARTS], max[PARTS], sum[PARTS], x, low, high;
        memcpy(min, row, sizeof min);
        memcpy(max, row, sizeof max);
        memset(sum, 0, sizeof sum);
        for (uint32_t scan = 0; scan < scans; scan++, row += stride)
            for (int part = 0; part < PARTS; part++) {
                memcpy(&x, row + LANES * part, sizeof x);
                min[part] = CHOOSE(x < min[part], x, min[part]);
                max[part] = CHOOSE(x > max[part], x, max[part]);
                sum[part] += x;
            }
        for (int part = 0; part < PARTS; part++) {
            memcpy(&low, below + group + LANES * part, sizeof low);
            memcpy(&high, above + group + LANES * part, sizeof high);
            outside |= (min[part] < low) | (max[part] > high);
        }
        memcpy(out->min + group, min, sizeof min);
        memcpy(out->max + group, max, sizeof max);
        memcpy(out->sum + group, sum, sizeof sum);
    }
    int32_t any = 0;
    for (int i = 0; i < LANES; i++) any |= outside[i];
    return any;
}

#ifdef HAS_WIDE
/* The same with the vectors of AVX2, which know minimum and maximum. */
#define GROUP 16

__attribute__((target("avx2"))) static int32_t survey_wide(const int32_t *restrict counts, uint32_t scans, uint32_t stride,
                                                           survey_result *restrict out, const int32_t *restrict below,
                                                           const int32_t *restrict above) {
    __m256i outside = _mm256_setzero_si256();
    for (uint32_t group = 0; group < stride; group += GROUP) {
        const int32_t *row = counts + group;
        __m256i min[2], max[2], sum[2];
        for (int half = 0; half < 2; half++) {
            min[half] = max[half] = _mm256_loadu_si256((const __m256i *)(row + 8 * half));
            sum[half] = _mm256_setzero_si256();
        }
        for (uint32_t scan = 0; scan < scans; scan++, row += stride)
            for (int half = 0; half < 2; half++) {
                __m256i x = _mm256_loadu_si256((const __m256i *)(row + 8 * half));
                min[half] = _mm256_min_epi32(min[half], x);
                max[half] = _mm256_max_epi32(max[half], x);
                sum[half] = _mm256_add_epi32(sum[half], x);
            }
        for (int half = 0; half < 2; half++) {
            uint32_t at = group + 8 * (uint32_t)half;
            __m256i low = _mm256_loadu_si256((const __m256i *)(below + at)), high = _mm256_loadu_si256((const __m256i *)(above + at));
            outside = _mm256_or_si256(outside, _mm256_or_si256(_mm256_cmpgt_epi32(low, min[half]), _mm256_cmpgt_epi32(max[half], high)));
            _mm256_storeu_si256((__m256i *)(out->min + at), min[half]);
            _mm256_storeu_si256((__m256i *)(out->max + at), max[half]);
            _mm256_storeu_si256((__m256i *)(out->sum + at), sum[half]);
        }
    }
    return _mm256_movemask_epi8(outside);
}
#endif

static surveyor best_survey(void) {
#ifdef HAS_WIDE
    if (__builtin_cpu_supports("avx2")) return survey_wide;
#endif
    return survey_plain;
}

/* ---------------------------------------------------------------- making */

uint32_t detector_stride(uint32_t channels) { return (channels + DETECT_LANES - 1) & ~(uint32_t)(DETECT_LANES - 1); }

size_t detector_bytes(uint32_t channels) {
    size_t stride = detector_stride(channels);
    size_t bytes = 5 * stride * sizeof(int32_t) + 2 * stride * sizeof(int64_t) + channels * sizeof(channel_state);
    return (bytes + 63) & ~(size_t)63;
}

static void open_window(detector *d) {
    for (uint32_t i = 0; i < d->stride; i++) {
        d->min[i] = INT32_MAX;
        d->max[i] = INT32_MIN;
    }
    d->window_scans = 0;
}

static void set_band(detector *d, uint32_t number);

void detector_make(detector *d, void *memory, uint32_t channels, const sampler_channel *watch, uint32_t stuck_scans) {
    uint32_t stride = detector_stride(channels);
    int64_t *wide = memory;
    d->channels = channels;
    d->stride = stride;
    d->stuck_scans = stuck_scans;
    d->survey = best_survey();
    d->total = wide;
    d->window_total = wide + stride;
    d->below = (int32_t *)(wide + 2 * stride);
    d->above = d->below + stride;
    d->min = d->above + stride;
    d->max = d->min + stride;
    d->sum = d->max + stride;
    d->channel = (channel_state *)(d->sum + stride);
    for (uint32_t i = 0; i < stride; i++) {
        d->below[i] = INT32_MIN;
        d->above[i] = INT32_MAX;
    }
    open_window(d);
    detector_watch(d, watch);
}

static const char *mistake(const sampler_channel *w) {
    if (w->valid_low > w->valid_high) return "valid_low is above valid_high";
    if (w->valid_low < -COUNT_LIMIT || w->valid_high > COUNT_LIMIT) return "valid_low..valid_high does not fit 24 bits";
    if (w->lost_n > 32 || w->lost_m > 32 || w->lost_n > w->lost_m) return "lost_n of lost_m must be at most 32 of 32, and not more than all";
    if (w->back_m > 32 || w->back_n > w->back_m || (w->lost_n != 0 && w->back_n == 0)) return "back_n of back_m must be 1 to 32, and not more than all";
    if (w->lost_n != 0 && w->back_above < w->lost_below) return "back_above is less than lost_below";
    if (w->step_slots == 0) return NULL;
    if (w->step_scans < 1 || w->step_scans > 32) return "step_scans must be 1 to 32";
    if (w->knots < 2 || w->knots > SAMPLER_KNOTS) return "a step table has 2 to 16 knots";
    for (uint32_t i = 0; i < w->knots; i++) {
        if (w->knot[i].low > w->knot[i].at || w->knot[i].high < w->knot[i].at) return "a knot of the step table is not between its low and high";
        if (i != 0 && w->knot[i].at <= w->knot[i - 1].at) return "the knots of the step table do not rise";
    }
    return NULL;
}

int detector_check(const sampler_channel *watch, uint32_t channels, char *error, uint32_t size) {
    for (uint32_t i = 0; i < channels; i++) {
        const char *wrong = mistake(&watch[i]);
        if (wrong != NULL) return source_refuse(error, size, EINVAL, "channel %u: %s", i, wrong);
    }
    return 0;
}

/* ---------------------------------------------------------------- the band, and the step table */

static int32_t between(int32_t at, int32_t from_at, int32_t to_at, int32_t from, int32_t to) {
    return (int32_t)(from + ((int64_t)to - from) * ((int64_t)at - from_at) / ((int64_t)to_at - from_at));
}

/* The counts that are a step from the reference, by straight lines between the knots. */
static void set_step_limits(channel_state *c) {
    const sampler_knot *k = c->watch.knot;
    uint32_t last = c->watch.knots - 1, i = 0;
    if (c->reference <= k[0].at || c->reference >= k[last].at) {
        const sampler_knot *edge = c->reference <= k[0].at ? &k[0] : &k[last];
        c->step_low = c->reference - (edge->at - edge->low);
        c->step_high = c->reference + (edge->high - edge->at);
        return;
    }
    while (c->reference >= k[i + 1].at) i++;
    c->step_low = between(c->reference, k[i].at, k[i + 1].at, k[i].low, k[i + 1].low);
    c->step_high = between(c->reference, k[i].at, k[i + 1].at, k[i].high, k[i + 1].high);
}

static int32_t larger(int32_t a, int32_t b) { return a > b ? a : b; }
static int32_t smaller(int32_t a, int32_t b) { return a < b ? a : b; }

static bool watches_steps(const channel_state *c) { return c->watch.step_slots != 0 && c->reference_known && !c->dark; }

static void set_band(detector *d, uint32_t number) {
    channel_state *c = &d->channel[number];
    const sampler_channel *w = &c->watch;
    if (c->history != 0 || c->step_run != 0 || c->saturated_run != 0 || c->saturated) {
        d->below[number] = INT32_MAX;
        d->above[number] = INT32_MIN;
        return;
    }
    int32_t below = w->valid_low, above = w->valid_high;
    if (c->dark) above = smaller(above, w->back_above);
    else if (w->lost_n != 0) below = larger(below, w->lost_below);
    if (watches_steps(c)) {
        below = larger(below, c->step_low);
        above = smaller(above, c->step_high);
    }
    d->below[number] = below;
    d->above[number] = above;
}

/* The block of a channel begins with scan number `scans`; what was summed up so far lies before it. */
static void begin_block(detector *d, uint32_t number, uint64_t slot, uint64_t scans) {
    channel_state *c = &d->channel[number];
    c->block_begin = slot;
    c->block_scans = scans;
    c->block_total = d->total[number] + d->sum[number];
    c->saturated_at_block = c->saturated_in_all;
}

void detector_watch(detector *d, const sampler_channel *watch) {
    d->any_step = false;
    for (uint32_t i = 0; i < d->channels; i++) {
        channel_state *c = &d->channel[i];
        if (c->watch.step_slots == 0) begin_block(d, i, d->last_slot, d->scans);
        c->watch = watch[i];
        c->history = c->step_run = 0;
        c->reference_known = c->reference_known && c->watch.step_slots != 0;
        if (c->reference_known) set_step_limits(c);
        d->any_step = d->any_step || c->watch.step_slots != 0;
        set_band(d, i);
    }
    d->blocks_known = false; /* the next scan looks when the first block ends */
}

/* ---------------------------------------------------------------- one channel, one count */

typedef struct {
    uint64_t slot;
    int64_t time_ns;
} moment;

static void tell(detector *d, uint32_t kind, uint32_t number, int32_t count, int32_t reference, moment m, int64_t since_ns) {
    finding what = {kind, number, count, reference, m.slot, m.time_ns, since_ns};
    d->found(d->context, &what);
}

/* A count outside what the converter gives for light: no news but for the converter itself. */
static void saturate(detector *d, uint32_t number, int32_t count, moment m) {
    channel_state *c = &d->channel[number];
    uint32_t enough = c->watch.lost_m != 0 ? c->watch.lost_m : 1;
    c->saturated_in_window++;
    c->saturated_in_all++;
    c->valid_run = c->step_run = 0;
    if (c->saturated_run == 0) c->saturated_since = m.time_ns;
    if (c->saturated_run < enough) c->saturated_run++;
    if (c->saturated || c->saturated_run < enough) return;
    c->saturated = true;
    tell(d, SAMPLER_SATURATED, number, count, 0, m, c->saturated_since);
}

static void recover(detector *d, uint32_t number, int32_t count, moment m) {
    channel_state *c = &d->channel[number];
    c->saturated_run = 0;
    if (!c->saturated) return;
    if (c->valid_run == 0) c->saturated_since = m.time_ns;
    if (++c->valid_run < (c->watch.lost_m != 0 ? c->watch.lost_m : 1)) return;
    c->saturated = false;
    c->valid_run = 0;
    tell(d, SAMPLER_SATURATED_END, number, count, 0, m, c->saturated_since);
}

static void note_light(detector *d, uint32_t number, int32_t count, moment m) {
    channel_state *c = &d->channel[number];
    const sampler_channel *w = &c->watch;
    if (w->lost_n == 0) return;
    uint32_t enough = c->dark ? w->back_n : w->lost_n, of = c->dark ? w->back_m : w->lost_m;
    uint32_t news = c->dark ? count > w->back_above : count < w->lost_below;
    c->when[c->seen++ & 31] = m.time_ns;
    c->history = (c->history << 1 | news) & (uint32_t)((1ull << of) - 1);
    if ((uint32_t)__builtin_popcount(c->history) < enough) return;
    uint32_t age = 31 - (uint32_t)__builtin_clz(c->history);
    int64_t since_ns = c->when[(c->seen - 1 - age) & 31];
    c->history = 0;
    c->dark = !c->dark;
    c->was_dark = c->was_dark || c->dark;
    c->step_run = 0;
    c->reference_known = false;
    begin_block(d, number, m.slot, d->scans + 1); /* the reference of steps is learnt anew */
    tell(d, c->dark ? SAMPLER_LOST : SAMPLER_BACK, number, count, 0, m, since_ns);
}

static void note_step(detector *d, uint32_t number, int32_t count, moment m) {
    channel_state *c = &d->channel[number];
    if (!watches_steps(c)) return;
    int32_t sign = count < c->step_low ? -1 : count > c->step_high ? 1 : 0;
    if (sign == 0) {
        c->step_run = 0;
        return;
    }
    if (c->step_run == 0 || sign != c->step_sign) {
        c->step_run = 0;
        c->step_since = m.time_ns;
        c->step_sign = sign;
    }
    if (++c->step_run < c->watch.step_scans) return;
    int32_t before = c->reference;
    c->reference = count;
    c->step_run = 0;
    set_step_limits(c);
    begin_block(d, number, m.slot, d->scans + 1); /* what lies before the step must not get into a mean */
    tell(d, sign < 0 ? SAMPLER_STEP_DOWN : SAMPLER_STEP_UP, number, count, before, m, c->step_since);
}

static void look(detector *d, uint32_t number, int32_t count, moment m) {
    channel_state *c = &d->channel[number];
    if (count < c->watch.valid_low || count > c->watch.valid_high) {
        saturate(d, number, count, m);
    } else {
        recover(d, number, count, m);
        note_light(d, number, count, m);
        note_step(d, number, count, m);
    }
    set_band(d, number);
}

/* ---------------------------------------------------------------- all channels, one scan */

static void flush(detector *d) {
    for (uint32_t i = 0; i < d->stride; i++) {
        d->total[i] += d->sum[i];
        d->sum[i] = 0;
    }
    d->unflushed = 0;
}

/* A block has ended: its mean is the reference of steps, unless something is going on in it. */
static void close_block(detector *d, uint32_t number, uint64_t slot) {
    channel_state *c = &d->channel[number];
    uint64_t scans = d->scans - c->block_scans;
    bool clean = c->saturated_in_all == c->saturated_at_block && c->step_run == 0 && !c->dark;
    if (scans != 0 && clean) {
        c->reference = (int32_t)((d->total[number] - c->block_total) / (int64_t)scans);
        c->reference_known = true;
        set_step_limits(c);
        set_band(d, number);
    }
    begin_block(d, number, slot, d->scans);
}

/* Close the blocks that end before this slot, and say when the next one ends. */
static void close_blocks(detector *d, uint64_t slot) {
    flush(d);
    uint64_t soonest = UINT64_MAX;
    for (uint32_t i = 0; i < d->channels; i++) {
        channel_state *c = &d->channel[i];
        if (c->watch.step_slots == 0) continue;
        if (d->scans == 0) c->block_begin = slot;
        if (slot - c->block_begin >= c->watch.step_slots) close_block(d, i, slot);
        uint64_t left = c->watch.step_slots - (slot - c->block_begin);
        soonest = left < soonest ? left : soonest;
    }
    d->next_block = slot + soonest;
    d->blocks_known = true;
}

/* One scan, looked at channel by channel where a count left its band. */
static void take_one(detector *d, const int32_t *counts, uint64_t slot, int64_t time_ns) {
    if (pass(counts, d->min, d->max, d->sum, d->below, d->above, d->stride) != 0) {
        moment m = {slot, time_ns};
        for (uint32_t i = 0; i < d->channels; i++)
            if (counts[i] < d->below[i] || counts[i] > d->above[i]) look(d, i, counts[i], m);
    }
    d->scans++;
    d->window_scans++;
    if (++d->unflushed == DETECT_FLUSH) flush(d);
}

/* Some scans at once, if no count of them left its band; else false, and nothing was done. */
static bool take_quiet(detector *d, const int32_t *counts, uint32_t scans) {
    survey_result all;
    if (d->survey(counts, scans, d->stride, &all, d->below, d->above) != 0) return false;
    for (uint32_t i = 0; i < d->stride; i++) {
        d->min[i] = all.min[i] < d->min[i] ? all.min[i] : d->min[i];
        d->max[i] = all.max[i] > d->max[i] ? all.max[i] : d->max[i];
        d->sum[i] += all.sum[i];
    }
    d->scans += scans;
    d->window_scans += scans;
    d->unflushed += scans;
    if (d->unflushed == DETECT_FLUSH) flush(d);
    return true;
}

/* How many of these scans can be taken at once: the sums must be flushed, and blocks of steps closed, in between. */
static uint32_t at_once(const detector *d, uint32_t scans, uint64_t slot) {
    uint32_t most = DETECT_FLUSH - d->unflushed;
    if (d->any_step && d->next_block - slot < most) most = (uint32_t)(d->next_block - slot);
    return scans < most ? scans : most;
}

void detector_scans(detector *d, const int32_t *counts, const int64_t *times, uint32_t scans, uint64_t slot) {
    for (uint32_t done = 0; done < scans;) {
        if (d->any_step && (!d->blocks_known || (int64_t)(slot + done - d->next_block) >= 0)) close_blocks(d, slot + done);
        uint32_t some = at_once(d, scans - done, slot + done);
        const int32_t *first = counts + (size_t)done * d->stride;
        if (some == 1 || !take_quiet(d, first, some))
            for (uint32_t i = 0; i < some; i++) take_one(d, first + (size_t)i * d->stride, slot + done + i, times[done + i]);
        done += some;
    }
    d->last_slot = slot + scans - 1;
}

void detector_gap(detector *d) {
    for (uint32_t i = 0; i < d->channels; i++) {
        channel_state *c = &d->channel[i];
        c->step_run = c->valid_run = 0;
        if (!c->saturated) c->saturated_run = 0;
        if (c->dark) c->history = 0;
        set_band(d, i);
    }
}

/* ---------------------------------------------------------------- windows */

/* The same count for very long is no light: a converter that lives has noise. */
static void note_stillness(detector *d, uint32_t number, int64_t first_ns, moment m) {
    channel_state *c = &d->channel[number];
    bool still = d->min[number] == d->max[number];
    if (!still || c->still_scans == 0 || c->still != d->min[number]) {
        c->still_scans = 0;
        c->still = d->min[number];
        c->still_since = first_ns;
    }
    if (still) c->still_scans = c->still_scans > UINT32_MAX - d->window_scans ? UINT32_MAX : c->still_scans + d->window_scans;
    bool stuck = still && c->still_scans >= d->stuck_scans;
    if (stuck == c->stuck) return;
    c->stuck = stuck;
    tell(d, stuck ? SAMPLER_STUCK : SAMPLER_STUCK_END, number, d->min[number], 0, m, c->still_since);
}

static uint32_t level_flags(const channel_state *c) {
    return (c->dark ? SAMPLER_IS_DARK : 0u) | (c->was_dark || c->dark ? SAMPLER_WAS_DARK : 0u) | (c->stuck ? SAMPLER_IS_STUCK : 0u) |
           (c->saturated ? SAMPLER_IS_SATURATED : 0u);
}

void detector_window(detector *d, sampler_level *levels, int64_t first_ns, uint64_t last_slot, int64_t last_ns) {
    moment m = {last_slot, last_ns};
    flush(d);
    for (uint32_t i = 0; i < d->channels; i++) {
        channel_state *c = &d->channel[i];
        if (d->window_scans != 0 && d->stuck_scans != 0) note_stillness(d, i, first_ns, m);
        bool empty = d->window_scans == 0;
        levels[i].sum = d->total[i] - d->window_total[i];
        levels[i].min = empty ? 0 : d->min[i];
        levels[i].max = empty ? 0 : d->max[i];
        levels[i].saturated = c->saturated_in_window;
        levels[i].flags = level_flags(c);
        d->window_total[i] = d->total[i];
        c->saturated_in_window = 0;
        c->was_dark = c->dark;
    }
    open_window(d);
}
