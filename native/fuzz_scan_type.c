/* fuzz_scan_type.c: a libFuzzer target for the parser of layouts, the layout of scans and the decoder.
 *
 * The input is lines of layouts ("le:s12/16>>4"), a byte 0, and the bytes of a scan. Checked beside the sanitizers: the decoder
 * of rows, with and without its short cut, agrees with a decoder that goes bit by bit, and every element lies inside its scan.
 *
 *     clang -g -O1 -fsanitize=fuzzer,address,undefined native/fuzz_scan_type.c native/scan_type.c -o fuzz && ./fuzz -runs=200000 */
#define _GNU_SOURCE 1
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "scan_type.h"
#include "source.h"

#define CHECK(what)          \
    do {                     \
        if (!(what))         \
            __builtin_trap(); \
    } while (0)

int source_refuse(char *error, uint32_t size, int code, const char *format, ...) {
    va_list values;
    va_start(values, format);
    CHECK(vsnprintf(error, size, format, values) > 0);
    va_end(values);
    CHECK(code > 0);
    return -code;
}

/* The bits of one element, one after the other, from the highest. */
static int64_t slowly(const scan_type *type, const uint8_t *at) {
    uint64_t value = 0;
    uint32_t bytes = type->storage / 8;
    for (uint32_t n = 0; n < type->bits; n++) {
        uint32_t bit = type->shift + type->bits - 1 - n, byte = bit / 8;
        uint64_t one = at[type->big_endian ? bytes - 1 - byte : byte] >> (bit % 8) & 1;
        value = value << 1 | (n == 0 && type->is_signed && one != 0 ? ~(uint64_t)0 : one);
    }
    return (int64_t)value;
}

static uint32_t take_elements(char *text, scan_element *elements) {
    char error[300] = "", *rest = NULL;
    uint32_t count = 0;
    for (char *word = strtok_r(text, "\n", &rest); word != NULL && count < SAMPLER_CHANNELS; word = strtok_r(NULL, "\n", &rest)) {
        scan_element *e = &elements[count];
        *e = (scan_element){.name = "element", .index = count * 7 % SAMPLER_CHANNELS, .channel = count};
        if (scan_type_parse(word, &e->type, error, sizeof error) != 0) {
            CHECK(strlen(error) > 0);
            continue;
        }
        CHECK(e->type.bits >= 1 && e->type.bits + e->type.shift <= e->type.storage && e->type.repeat >= 1);
        count++;
    }
    return count;
}

static void compare(const scan_element *elements, uint32_t count, uint32_t bytes, const uint8_t *scan) {
    scan_decoder decoder;
    char error[300];
    int32_t counts[SAMPLER_CHANNELS];
    if (scan_decoder_make(&decoder, elements, count, count, bytes, error, sizeof error) != 0)
        return;
    scan_decode(&decoder, scan, 1, counts, SAMPLER_CHANNELS, NULL);
    for (uint32_t i = 0; i < count; i++)
        CHECK(counts[elements[i].channel] == slowly(&elements[i].type, scan + elements[i].offset));
}

static void try_scan(scan_element *elements, uint32_t count, const uint8_t *data, size_t size) {
    char error[300];
    int bytes = scan_layout(elements, count, error, sizeof error);
    if (bytes < 0)
        return;
    uint8_t *scan = calloc(1, (size_t)bytes); /* just so long, so that one byte too far is seen */
    CHECK(scan != NULL);
    memcpy(scan, data, size < (size_t)bytes ? size : (size_t)bytes);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t length = scan_type_length(&elements[i].type);
        scan_column column = scan_column_of(&elements[i].type, elements[i].offset);
        CHECK(elements[i].offset % length == 0 && elements[i].offset + length <= (uint32_t)bytes);
        CHECK(scan_value(&column, scan) == slowly(&elements[i].type, scan + elements[i].offset));
    }
    compare(elements, count, (uint32_t)bytes, scan);
    free(scan);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static scan_element elements[SAMPLER_CHANNELS];
    char *text = strndup((const char *)data, size);
    CHECK(text != NULL);
    size_t used = strlen(text) + 1;
    uint32_t count = take_elements(text, elements);
    if (count > 0)
        try_scan(elements, count, data + (used < size ? used : size), used < size ? size - used : 0);
    free(text);
    return 0;
}
