/* scan_type.c: parser of IIO's layout words, layout of a scan, decoder. See scan_type.h. */
#include "scan_type.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "source.h"

#define GRAMMAR "[be|le]:[s|u]bits/storage[Xrepeat][>>shift], for example le:s12/16>>4"

/* ---------------------------------------------------------------- parser */

typedef struct {
    const char *text, *at;    /* the whole and what is not read yet */
    char *error;
    uint32_t size;
} parser;

static int wrong(const parser *p, const char *what) {
    return source_refuse(p->error, p->size, EINVAL, "layout \"%.48s\": %s at character %d; right is " GRAMMAR, p->text, what,
                         (int)(p->at - p->text) + 1);
}

static bool taken(parser *p, const char *word) {
    size_t length = strlen(word);
    if (strncmp(p->at, word, length) != 0)
        return false;
    p->at += length;
    return true;
}

/* A number of one to three digits: no layout has a longer one, and none can run over. */
static int number(parser *p, uint32_t *value, const char *missing) {
    uint32_t digits = 0;
    *value = 0;
    while (digits < 4 && p->at[digits] >= '0' && p->at[digits] <= '9')
        *value = *value * 10 + (uint32_t)(p->at[digits++] - '0');
    if (digits == 0)
        return wrong(p, missing);
    if (digits > 3)
        return wrong(p, "a number of more than three digits");
    p->at += digits;
    return 0;
}

static int parse_head(parser *p, scan_type *type) {
    type->big_endian = taken(p, "be:");
    if (!type->big_endian && !taken(p, "le:"))
        return wrong(p, "neither \"be:\" nor \"le:\"");
    type->is_signed = taken(p, "s");
    if (!type->is_signed && !taken(p, "u"))
        return wrong(p, "neither s (signed) nor u (unsigned)");
    return 0;
}

static int parse_numbers(parser *p, scan_type *type) {
    if (number(p, &type->bits, "no number of significant bits") != 0)
        return -EINVAL;
    if (!taken(p, "/"))
        return wrong(p, "no \"/\" after the significant bits");
    if (number(p, &type->storage, "no number of storage bits") != 0)
        return -EINVAL;
    if (taken(p, "X") && number(p, &type->repeat, "no number of repeats after \"X\"") != 0)
        return -EINVAL;
    if (taken(p, ">>") && number(p, &type->shift, "no number of bits after \">>\"") != 0)
        return -EINVAL;
    return *p->at == '\0' ? 0 : wrong(p, "something that is not of the layout");
}

static int check_numbers(const parser *p, const scan_type *type) {
    uint32_t storage = type->storage;
    if (storage != 8 && storage != 16 && storage != 32 && storage != 64)
        return source_refuse(p->error, p->size, EINVAL, "layout \"%.48s\": %u storage bits; right are 8, 16, 32 or 64", p->text, storage);
    if (type->bits < 1 || type->bits > storage)
        return source_refuse(p->error, p->size, EINVAL, "layout \"%.48s\": %u significant bits; right are 1 to %u, the storage bits",
                             p->text, type->bits, storage);
    if (type->shift + type->bits > storage)
        return source_refuse(p->error, p->size, EINVAL,
                             "layout \"%.48s\": %u significant bits and a shift of %u are more than %u storage bits; right is a shift of at most %u",
                             p->text, type->bits, type->shift, storage, storage - type->bits);
    if (type->repeat < 1)
        return source_refuse(p->error, p->size, EINVAL, "layout \"%.48s\": 0 repeats; right is 1 or more", p->text);
    return 0;
}

int scan_type_parse(const char *text, scan_type *type, char *error, uint32_t size) {
    parser p = {text, text, error, size};
    *type = (scan_type){.repeat = 1};
    if (parse_head(&p, type) != 0 || parse_numbers(&p, type) != 0)
        return -EINVAL;
    return check_numbers(&p, type);
}

/* ---------------------------------------------------------------- one element */

uint32_t scan_type_length(const scan_type *type) {
    return type->storage / 8 * type->repeat;
}

int scan_type_counts(const scan_type *type, const char *name, char *error, uint32_t size) {
    if (type->bits > SAMPLER_COUNT_BITS)
        return source_refuse(error, size, EINVAL, "%s has counts of %u bits; the sampler takes at most %d", name, type->bits, SAMPLER_COUNT_BITS);
    if (type->repeat > 1)
        return source_refuse(error, size, EINVAL, "%s has %u values in one element; a channel of the sampler is one value", name, type->repeat);
    return 0;
}

scan_column scan_column_of(const scan_type *type, uint32_t offset) {
    bool host_is_big = __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__;
    return (scan_column){
        .offset = offset,
        .bytes = (uint8_t)(type->storage / 8),
        .left = (uint8_t)(64 - type->bits - type->shift),
        .right = (uint8_t)(64 - type->bits),
        .swap = type->big_endian != host_is_big,
        .is_signed = type->is_signed,
    };
}

static uint64_t word16(const uint8_t *at, bool swap) {
    uint16_t word;
    memcpy(&word, at, sizeof word);
    return swap ? __builtin_bswap16(word) : word;
}

static uint64_t word32(const uint8_t *at, bool swap) {
    uint32_t word;
    memcpy(&word, at, sizeof word);
    return swap ? __builtin_bswap32(word) : word;
}

static uint64_t word64(const uint8_t *at, bool swap) {
    uint64_t word;
    memcpy(&word, at, sizeof word);
    return swap ? __builtin_bswap64(word) : word;
}

static uint64_t word_at(const scan_column *column, const uint8_t *at) {
    switch (column->bytes) {
    case 1:
        return *at;
    case 2:
        return word16(at, column->swap);
    case 4:
        return word32(at, column->swap);
    default:
        return word64(at, column->swap);
    }
}

int64_t scan_value(const scan_column *column, const uint8_t *scan) {
    uint64_t word = word_at(column, scan + column->offset) << column->left;
    return column->is_signed ? (int64_t)word >> column->right : (int64_t)(word >> column->right);
}

/* ---------------------------------------------------------------- layout */

static int by_place(const void *a, const void *b) {
    const scan_element *one = a, *other = b;
    if (one->timestamp != other->timestamp)
        return one->timestamp ? 1 : -1;
    return (one->index > other->index) - (one->index < other->index);
}

static int check_neighbours(const scan_element *elements, uint32_t count, char *error, uint32_t size) {
    for (uint32_t i = 1; i < count; i++)
        if (elements[i].index == elements[i - 1].index)
            return source_refuse(error, size, EINVAL, "%s and %s have the same index %u; each element of a scan has one of its own",
                                 elements[i - 1].name, elements[i].name, elements[i].index);
    return 0;
}

static int check_length(const scan_element *element, bool timed, char *error, uint32_t size) {
    uint32_t length = scan_type_length(&element->type);
    if ((length & (length - 1)) != 0)
        return source_refuse(error, size, EINVAL, "%s is %u bytes long; where it lies in the scan is only known for 1, 2, 4, 8 ... bytes",
                             element->name, length);
    if (timed && length > 8)
        return source_refuse(error, size, EINVAL, "%s is %u bytes long; kernels differ in where the timestamp lies beside more than 8 bytes",
                             element->name, length);
    return 0;
}

static uint32_t aligned(uint32_t bytes, uint32_t to) {
    return (bytes + to - 1) / to * to;
}

int scan_layout(scan_element *elements, uint32_t count, char *error, uint32_t size) {
    if (count < 1 || count > SCAN_ELEMENTS)
        return source_refuse(error, size, EINVAL, "a scan of %u elements; right are 1 to %d", count, SCAN_ELEMENTS);
    qsort(elements, count, sizeof *elements, by_place);
    if (check_neighbours(elements, count, error, size) != 0)
        return -EINVAL;
    uint32_t bytes = 0, longest = 1;
    for (uint32_t i = 0; i < count; i++) {
        if (check_length(&elements[i], elements[count - 1].timestamp, error, size) != 0)
            return -EINVAL;
        uint32_t length = scan_type_length(&elements[i].type);
        elements[i].offset = aligned(bytes, length);
        bytes = elements[i].offset + length;
        longest = length > longest ? length : longest;
    }
    return (int)aligned(bytes, longest);
}

/* ---------------------------------------------------------------- rows */

static bool is_row16(const scan_decoder *d) {
    const scan_column *first = &d->column[0];
    for (uint32_t i = 0; i < d->channels; i++) {
        scan_column expected = *first;
        expected.offset += 2 * i;
        const scan_column *c = &d->column[i];
        if (c->bytes != 2 || c->offset != expected.offset || c->left != expected.left || c->right != expected.right ||
            c->swap != expected.swap || c->is_signed != expected.is_signed)
            return false;
    }
    return true;
}

static int take_element(scan_decoder *d, const scan_element *element, bool *seen, char *error, uint32_t size) {
    if (element->timestamp) {
        d->timed = true;
        d->time = scan_column_of(&element->type, element->offset);
        return 0;
    }
    if (element->channel == SCAN_UNWANTED)
        return 0;
    if (element->channel >= d->channels || seen[element->channel])
        return source_refuse(error, size, EINVAL, "%s is channel %u, which is taken twice or is not one of %u", element->name,
                             element->channel, d->channels);
    seen[element->channel] = true;
    d->column[element->channel] = scan_column_of(&element->type, element->offset);
    return scan_type_counts(&element->type, element->name, error, size);
}

int scan_decoder_make(scan_decoder *decoder, const scan_element *elements, uint32_t count, uint32_t channels, uint32_t bytes,
                      char *error, uint32_t size) {
    bool seen[SAMPLER_CHANNELS] = {false};
    *decoder = (scan_decoder){.channels = channels, .bytes = bytes};
    for (uint32_t i = 0; i < count; i++)
        if (take_element(decoder, &elements[i], seen, error, size) != 0)
            return -EINVAL;
    for (uint32_t i = 0; i < channels; i++)
        if (!seen[i])
            return source_refuse(error, size, EINVAL, "no element of the scan is channel %u", i);
    decoder->row16 = is_row16(decoder);
    return 0;
}

/* The plain case. `swap` and `is_signed` are constants where this is used, so that the compiler makes vector instructions of it. */
static inline __attribute__((always_inline)) void words(const uint8_t *restrict at, int32_t *restrict counts, uint32_t channels,
                                                        uint32_t left, uint32_t right, bool swap, bool is_signed) {
    for (uint32_t i = 0; i < channels; i++) {
        uint32_t word = (uint32_t)word16(at + 2 * (size_t)i, swap) << left;
        counts[i] = is_signed ? (int32_t)word >> right : (int32_t)(word >> right);
    }
}

static void row16(const scan_decoder *d, const uint8_t *scan, int32_t *counts) {
    const scan_column *c = &d->column[0];
    const uint8_t *at = scan + c->offset;
    uint32_t left = c->left - 32U, right = c->right - 32U; /* of 32-bit words */
    if (c->swap && c->is_signed)
        words(at, counts, d->channels, left, right, true, true);
    else if (c->swap)
        words(at, counts, d->channels, left, right, true, false);
    else if (c->is_signed)
        words(at, counts, d->channels, left, right, false, true);
    else
        words(at, counts, d->channels, left, right, false, false);
}

void scan_decode(const scan_decoder *decoder, const uint8_t *bytes, uint32_t scans, int32_t *counts, uint32_t stride, int64_t *times) {
    for (uint32_t n = 0; n < scans; n++, bytes += decoder->bytes, counts += stride) {
        if (decoder->row16)
            row16(decoder, bytes, counts);
        else
            for (uint32_t i = 0; i < decoder->channels; i++)
                counts[i] = (int32_t)scan_value(&decoder->column[i], bytes);
        if (times != NULL && decoder->timed)
            times[n] = scan_value(&decoder->time, bytes);
    }
}

/* ---------------------------------------------------------------- for all sources, and for Python */

int scan_inputs_check(const uint32_t *index, uint32_t channels, uint32_t inputs, const char *what, char *error, uint32_t size) {
    for (uint32_t i = 0; i < channels; i++) {
        if (index[i] >= inputs)
            return source_refuse(error, size, EINVAL, "channel %u is input %u of %s; right is 0 to %u", i, index[i], what, inputs - 1);
        for (uint32_t k = 0; k < i; k++)
            if (index[k] == index[i])
                return source_refuse(error, size, EINVAL, "channels %u and %u are both input %u of %s; each input is one channel", k, i,
                                     index[i], what);
    }
    return 0;
}

int sampler_decode(const char *type, const uint8_t *bytes, uint32_t size, int64_t *value, char *error, uint32_t error_size) {
    scan_type parsed;
    if (scan_type_parse(type, &parsed, error, error_size) != 0)
        return -EINVAL;
    if (size < parsed.storage / 8)
        return source_refuse(error, error_size, ENODATA, "%u bytes; an element of %.48s has %u", size, type, parsed.storage / 8);
    scan_column column = scan_column_of(&parsed, 0);
    int64_t found = scan_value(&column, bytes);
    if (found < 0 && !parsed.is_signed)
        return source_refuse(error, error_size, ERANGE, "the value of this element of %.48s is 2^63 or more; a signed 64-bit number cannot hold it",
                             type);
    *value = found;
    return 0;
}
