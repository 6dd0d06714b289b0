/* fuzz_sim_script.c: a libFuzzer target for the words of a simulated converter's script (sim_script.h).
 *
 * The input is the number of channels, less one, in its first byte, and a script. Checked beside the sanitizers: a script that is taken
 * has its steps in order and every number within the bounds that the manual names; one that is refused says why in one sentence.
 *
 *     clang -g -O1 -fsanitize=fuzzer,address,undefined native/fuzz_sim_script.c native/sim_script.c -o fuzz && ./fuzz -runs=200000 */
#define _GNU_SOURCE 1
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim_script.h"
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

static void check_step(const sim_step *step, uint32_t channels) {
    switch (step->verb) {
    case SIM_LEVEL:
    case SIM_WAVE:
        CHECK(step->channel < channels || step->channel == SAMPLER_ALL);
        CHECK(step->first >= -SIM_HIGHEST && step->first <= SIM_HIGHEST);
        CHECK(step->verb == SIM_LEVEL || step->second >= 1);
        return;
    case SIM_ERROR:
        CHECK(step->first > 0 && step->second >= 1);
        return;
    case SIM_NOISE:
    case SIM_BACK:
    case SIM_AHEAD:
        CHECK(step->first >= 0);
        return;
    case SIM_SKIP:
    case SIM_STALL:
        CHECK(step->first >= 1);
        return;
    case SIM_GONE:
        return;
    case SIM_PACED: /* of the whole script, and no step of it */
    case SIM_TIMED:
        break;
    }
    CHECK(0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static sim_script script;
    char error[160] = "", text[sizeof(((sampler_source *)0)->where)];
    if (size < 1 || size > sizeof text) return 0;
    uint32_t channels = data[0] % SAMPLER_CHANNELS + 1;
    memcpy(text, data + 1, size - 1);
    text[size - 1] = '\0';
    memset(&script, 0xa5, sizeof script); /* nothing may be left as it was found */
    int result = sim_script_read(&script, text, channels, error, sizeof error);
    CHECK(result == 0 || result == -EINVAL);
    CHECK((result == 0) == (error[0] == '\0'));
    if (result != 0) return 0;
    CHECK(script.steps <= SIM_STEPS && script.at_once <= 1000000);
    for (uint32_t i = 0; i < script.steps; i++) {
        CHECK(i == 0 || script.step[i - 1].at <= script.step[i].at);
        check_step(&script.step[i], channels);
    }
    return 0;
}
