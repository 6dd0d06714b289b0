/* source_shm.c: "shm", the light of the simulated line. Reads what stationd/sim/light.py writes, see shared_light.h.
 *
 * What it is for: the demonstration's light travels through the real loop. What it is not: a converter, nor a way to carry
 * counts of one.
 *
 * A line whose simulation has died gives no light, neither its last one nor darkness: without a sign of life a reading fails
 * with ESTALE, and once the file is removed the source is gone.
 *
 * Against a file that is cut short its size is asked for before each reading (a fifth of a microsecond). A cut in the instant
 * between the question and the reading still ends the process with SIGBUS; the writer never does that. */
#define _GNU_SOURCE
#include "source.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "noise.h"
#include "scan_type.h"
#include "shared_light.h"

typedef struct {
    const shared_light *light;
    size_t size;
    int descriptor;
    uint32_t channels;
    int32_t top;
    uint64_t scan; /* of its own, for the noise: a converter that shows the same count for ever would look dead */
    uint32_t input[SAMPLER_CHANNELS];
} shm_state;

static bool whole_range(int32_t top) {
    return top > 0 && top < (1 << SAMPLER_COUNT_BITS);
}

/* What is wrong with the head of the file, or nothing. */
static int check_head(const shared_light *light, size_t size, const char *path, char *error, uint32_t room) {
    if (light->magic != SHARED_LIGHT_MAGIC)
        return source_refuse(error, room, EINVAL, "shm: %s is not a file of light; it must be one that the simulated line writes", path);
    if (light->version != SHARED_LIGHT_VERSION)
        return source_refuse(error, room, EINVAL,
                             "shm: %s has version %u, this program reads version %u; both must come from one installation", path,
                             light->version, SHARED_LIGHT_VERSION);
    size_t needed = sizeof *light + (size_t)light->inputs * sizeof light->count[0];
    if (light->size != size || needed > size)
        return source_refuse(error, room, EINVAL, "shm: %s has %zu bytes, its head says %u bytes and %u inputs, which need %zu bytes",
                             path, size, light->size, light->inputs, needed);
    if (!whole_range(light->top))
        return source_refuse(error, room, EINVAL, "shm: %s says that its highest count is %d, it must be between 1 and %d",
                             path, light->top, (1 << SAMPLER_COUNT_BITS) - 1);
    return 0;
}

static int take_inputs(shm_state *state, const sampler_source *where, char *error, uint32_t room) {
    for (uint32_t channel = 0; channel < state->channels; channel++) {
        uint32_t input = where->index[channel];
        if (input >= state->light->inputs)
            return source_refuse(error, room, EINVAL, "shm: channel %u wants input %u, but %s has %u inputs, counted from 0",
                                 channel, input, where->where, state->light->inputs);
        state->input[channel] = input;
    }
    return scan_inputs_check(where->index, state->channels, state->light->inputs, "this file of light", error, room);
}

static int map_file(shm_state *state, const char *path, char *error, uint32_t room) {
    state->descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (state->descriptor < 0)
        return source_refuse(error, room, errno, "shm: %s cannot be opened: %s; the simulated line makes it", path, strerror(errno));
    struct stat status;
    if (fstat(state->descriptor, &status) != 0)
        return source_refuse(error, room, errno, "shm: the size of %s cannot be read: %s", path, strerror(errno));
    if (!S_ISREG(status.st_mode) || status.st_size < (off_t)sizeof(shared_light) || status.st_size > UINT32_MAX)
        return source_refuse(error, room, EINVAL,
                             "shm: %s has %lld bytes; it must be an ordinary file that the simulated line writes, of %zu bytes or more",
                             path, (long long)status.st_size, sizeof(shared_light));
    void *memory = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_SHARED | MAP_POPULATE, state->descriptor, 0);
    if (memory == MAP_FAILED) return source_refuse(error, room, errno, "shm: %s cannot be mapped: %s", path, strerror(errno));
    state->light = memory;
    state->size = (size_t)status.st_size;
    return check_head(state->light, state->size, path, error, room);
}

static void let_go(shm_state *state) {
    if (state->light != NULL) (void)munmap((void *)(uintptr_t)state->light, state->size);
    if (state->descriptor >= 0) (void)close(state->descriptor);
    free(state);
}

static int shm_open_light(source *s, const sampler_source *where, uint32_t channels, uint32_t rate_hz, char *error, uint32_t room) {
    (void)rate_hz;
    shm_state *state = calloc(1, sizeof *state);
    if (state == NULL) return source_refuse(error, room, ENOMEM, "shm: no memory");
    state->descriptor = -1;
    state->channels = channels;
    int result = map_file(state, where->where, error, room);
    if (result == 0) result = take_inputs(state, where, error, room);
    if (result != 0) {
        let_go(state);
        return result;
    }
    state->top = state->light->top;
    s->state = state;
    s->fd = -1;
    s->timed = false;
    return 0;
}

/* Whether there is anybody at the other end; a heartbeat far ahead is one of another clock. */
static int check_life(const shm_state *state, int64_t now) {
    struct stat status;
    if (fstat(state->descriptor, &status) != 0) return -errno;
    if (status.st_nlink == 0 || status.st_size < (off_t)state->size) return -ENODEV;
    if (__atomic_load_n(&state->light->magic, __ATOMIC_RELAXED) != SHARED_LIGHT_MAGIC) return -ENODEV; /* something else now */
    int64_t heartbeat = __atomic_load_n(&state->light->heartbeat_ns, __ATOMIC_ACQUIRE);
    bool alive = heartbeat >= now - SHARED_LIGHT_STALE_NS && heartbeat <= now + SHARED_LIGHT_STALE_NS;
    return alive ? 0 : -ESTALE;
}

static int32_t within(int64_t count, int32_t top) {
    return count < 0 ? 0 : count > top ? top : (int32_t)count;
}

static int shm_read(source *s, source_block *block) {
    shm_state *state = s->state;
    int result = check_life(state, block->now);
    if (result != 0 || block->max == 0) return result;
    uint32_t noise = __atomic_load_n(&state->light->noise, __ATOMIC_RELAXED) & 0xffff;
    for (uint32_t channel = 0; channel < state->channels; channel++) {
        uint32_t input = state->input[channel];
        int64_t count = __atomic_load_n(&state->light->count[input], __ATOMIC_RELAXED);
        block->counts[channel] = within(count + noise_count(input, state->scan, noise), state->top);
    }
    state->scan++;
    block->drained = true;
    return 1;
}

static void shm_close(source *s) {
    let_go(s->state);
    s->state = NULL;
}

const source_kind source_shm = {.name = "shm", .open = shm_open_light, .read = shm_read, .close = shm_close};
