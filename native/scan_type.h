/* scan_type.h: the layout of samples in the words of the Linux IIO subsystem, and their decoding into counts.
 *
 * One element is described by "[be|le]:[s|u]bits/storage[Xrepeat][>>shift]", as the kernel prints it into the *_type files.
 * A scan is a row of elements in the order of their index, the timestamp last. Each lies at a multiple of its own length
 * (storage bytes x repeat), and the whole scan is a multiple of its longest element long: so does iio_compute_scan_bytes of
 * drivers/iio/industrialio-buffer.c. Two cases are refused, for the kernel's own rule is not dependable there: a length that
 * is no power of two (its ALIGN works with masks), and a timestamp beside an element longer than 8 bytes (older kernels write
 * the timestamp into the last 8 bytes of the scan, newer ones where the rule puts it).
 *
 * What it is not: it opens nothing and knows nothing of files. */
#ifndef STATIOND_SCAN_TYPE_H
#define STATIOND_SCAN_TYPE_H

#include <stdbool.h>
#include <stdint.h>

#include "sampler.h"

#define SCAN_ELEMENTS 256     /* most elements of a scan, the timestamp and the unwanted ones included */
#define SCAN_UNWANTED 0xffffffffU

typedef struct {
    bool big_endian, is_signed;
    uint32_t bits, storage;   /* significant bits; bits that it takes in the scan: 8, 16, 32 or 64 */
    uint32_t repeat, shift;   /* how many of them stand one after the other; bits to be shifted out on the right */
} scan_type;

typedef struct {
    char name[64];            /* for sentences, e.g. "in_voltage3" */
    scan_type type;
    uint32_t index;           /* its place in the row */
    uint32_t channel;         /* which channel of the sampler it is, or SCAN_UNWANTED */
    uint32_t offset;          /* bytes from the start of the scan; set by scan_layout */
    bool timestamp;
} scan_element;

/* How one channel is found in a scan; made once, used for each scan. */
typedef struct {
    uint32_t offset;
    uint8_t bytes;            /* 1, 2, 4 or 8 */
    uint8_t left, right;      /* shifts of the 64-bit word: away with what lies above, then down with the sign */
    bool swap, is_signed;
} scan_column;

typedef struct {
    uint32_t channels, bytes; /* bytes of a scan */
    bool row16;               /* all channels stand one after the other as 16-bit words of one type */
    bool timed;
    scan_column column[SAMPLER_CHANNELS];
    scan_column time;
} scan_decoder;

/* Parse a layout; 0, or -EINVAL with a sentence that says what is wrong and what would be right. */
int scan_type_parse(const char *text, scan_type *type, char *error, uint32_t size);

/* Refuse a type that cannot be a count: more than SAMPLER_COUNT_BITS bits, or repeated. `name` is whose type it is. */
int scan_type_counts(const scan_type *type, const char *name, char *error, uint32_t size);

/* Bytes of an element with all its repeats. */
uint32_t scan_type_length(const scan_type *type);

scan_column scan_column_of(const scan_type *type, uint32_t offset);

/* Sort the elements by index, the timestamp last, and set their offsets. Returns the bytes of a scan, or -EINVAL with a
 * sentence for two elements with one index and for what the kernel's rule does not tell. */
int scan_layout(scan_element *elements, uint32_t count, char *error, uint32_t size);

/* Make the decoder from elements that scan_layout has placed; each channel below `channels` must be there once. */
int scan_decoder_make(scan_decoder *decoder, const scan_element *elements, uint32_t count, uint32_t channels, uint32_t bytes,
                      char *error, uint32_t size);

/* One element. A value of an unsigned 64-bit element at or above 2^63 comes out negative: see sampler_decode. */
int64_t scan_value(const scan_column *column, const uint8_t *scan);

/* Decode `scans` scans into rows of counts, `stride` counts from one to the next, and their times (NULL: not wanted). */
void scan_decode(const scan_decoder *decoder, const uint8_t *bytes, uint32_t scans, int32_t *counts, uint32_t stride, int64_t *times);

/* Refuse a list of inputs that names one input twice or one that is not below `inputs`. */
int scan_inputs_check(const uint32_t *index, uint32_t channels, uint32_t inputs, const char *what, char *error, uint32_t size);

#endif
