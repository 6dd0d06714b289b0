/* test_sources.c: drives one source at a time by commands on its input, and checks what every source must keep.
 *
 * Run by tests/native/test_sources.py, which makes the devices (FIFOs, files, trees, FUSE files) and judges the answers. Each
 * command is a line, each answer a line of JSON:
 *
 *     open KIND KEY=VALUE ...     keys as in sampler_source, and index=N,N,... and rate=HZ
 *     read MAX                    one call of the source's read
 *     fault ERRNO                 the next read(2) or ioctl(2) fails so (linked with --wrap)
 *     refuse ERRNO NAME           open(2) of files whose path ends in NAME fails so; ERRNO 0: what is written to them is not heard
 *     written                     which files were opened for writing since this was asked last, or since the last open
 *     wait MILLISECONDS           poll(2) on the source's descriptor
 *     close
 *
 * Checked here, for all: a sentence comes with each refusal and ends; nothing is written beyond the scans that are returned, nor
 * above the channels; no memory is taken while reading; no descriptor stays open. */
#define _GNU_SOURCE 1
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "source.h"

#define CHECK(what)                                                              \
    do {                                                                         \
        if (!(what)) {                                                           \
            fprintf(stderr, "%s:%d: not kept: %s\n", __FILE__, __LINE__, #what); \
            abort();                                                             \
        }                                                                        \
    } while (0)

#define ROOM 4096
#define UNTOUCHED 0x5a5a5a5a

static const source_kind *const kinds[] = {&source_iio, &source_spi, &source_mmap};
static source subject;
static uint32_t channels, stride;
static int32_t counts[ROOM * SAMPLER_CHANNELS];
static int64_t times[ROOM];
static int fault, descriptors, refused;
static char refused_name[64], written[8192]; /* the latter with ", " between names */
static volatile long taken;   /* times that memory was taken */

/* The lead's sampler.c has its own; here the sources stand alone. */
int source_refuse(char *error, uint32_t size, int code, const char *format, ...) {
    va_list values;
    va_start(values, format);
    CHECK(vsnprintf(error, size, format, values) >= 0);
    va_end(values);
    CHECK(code > 0);
    return -code;
}

/* ---------------------------------------------------------------- what stands between the sources and the system */

ssize_t __real_read(int fd, void *bytes, size_t size);
ssize_t __wrap_read(int fd, void *bytes, size_t size);
int __real_ioctl(int fd, unsigned long request, void *argument);
int __wrap_ioctl(int fd, unsigned long request, void *argument);

static bool fails_now(void) {
    if (fault == 0)
        return false;
    errno = fault;
    fault = 0;
    return true;
}

ssize_t __wrap_read(int fd, void *bytes, size_t size) {
    return fails_now() ? -1 : __real_read(fd, bytes, size);
}

int __wrap_ioctl(int fd, unsigned long request, void *argument) {
    return fails_now() ? -1 : __real_ioctl(fd, request, argument);
}

int __real_open(const char *path, int flags);
int __wrap_open(const char *path, int flags);

static void note_written(const char *path) {
    size_t used = strlen(written);
    int length = snprintf(written + used, sizeof written - used, "%s\"%s\"", used != 0 ? ", " : "", strrchr(path, '/') + 1);
    CHECK(length > 0 && used + (size_t)length < sizeof written);
}

/* The sources make no files, so that there is no third argument. */
int __wrap_open(const char *path, int flags) {
    size_t length = strlen(path), end = strlen(refused_name);
    if ((flags & O_ACCMODE) != O_RDONLY)
        note_written(path);
    if (end == 0 || length < end || strcmp(path + length - end, refused_name) != 0)
        return __real_open(path, flags);
    if (refused == 0)
        return __real_open((flags & O_ACCMODE) == O_RDONLY ? path : "/dev/null", flags);
    errno = refused;
    return -1;
}

#ifdef __SANITIZE_ADDRESS__
int __sanitizer_install_malloc_and_free_hooks(void (*on_malloc)(const volatile void *, size_t), void (*on_free)(const volatile void *));

static void note_malloc(const volatile void *at, size_t size) {
    (void)at;
    (void)size;
    taken++;
}

static void note_free(const volatile void *at) {
    (void)at;
}
#endif

static int open_descriptors(void) {
    DIR *listing = opendir("/proc/self/fd");
    int number = 0;
    CHECK(listing != NULL);
    while (readdir(listing) != NULL)
        number++;
    closedir(listing);
    return number;
}

/* ---------------------------------------------------------------- commands */

static void text(char *to, size_t size, const char *value) {
    CHECK(strlen(value) < size);
    memcpy(to, value, strlen(value) + 1);
}

static void take_index(sampler_source *where, char *value) {
    char *rest = NULL;
    for (char *word = strtok_r(value, ",", &rest); word != NULL; word = strtok_r(NULL, ",", &rest))
        where->index[channels++] = (uint32_t)strtoul(word, NULL, 10);
}

static void take_key(sampler_source *w, uint32_t *rate, const char *key, char *value) {
    uint32_t number = (uint32_t)strtoul(value, NULL, 10);
#define TEXT(member) else if (strcmp(key, #member) == 0) text(w->member, sizeof w->member, value)
#define NUMBER(member) else if (strcmp(key, #member) == 0) w->member = number
    if (strcmp(key, "index") == 0)
        take_index(w, value);
    else if (strcmp(key, "rate") == 0)
        *rate = number;
    TEXT(where);
    TEXT(sysfs_root);
    TEXT(device_root);
    TEXT(trigger);
    TEXT(chip);
    TEXT(type);
    NUMBER(watermark);
    NUMBER(buffer_scans);
    NUMBER(speed_hz);
    NUMBER(offset);
    NUMBER(stride);
    else CHECK(!"a known key");
}

static const source_kind *find_kind(const char *name) {
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (strcmp(kinds[i]->name, name) == 0)
            return kinds[i];
    CHECK(!"a known kind");
    return NULL;
}

static void print_text(const char *sentence) {
    putchar('"');
    for (; *sentence != '\0'; sentence++)
        if (*sentence == '"' || *sentence == '\\')
            printf("\\%c", *sentence);
        else if ((unsigned char)*sentence < ' ')
            printf("\\u%04x", (unsigned)*sentence);
        else
            putchar(*sentence);
    putchar('"');
}

static void try_open(const sampler_source *where, uint32_t rate) {
    char error[512];
    memset(error, 'x', sizeof error);
    error[0] = '\0';
    descriptors = open_descriptors();
    int code = subject.kind->open(&subject, where, channels, rate, error, sizeof error);
    CHECK(memchr(error, '\0', sizeof error) != NULL);
    CHECK(code == 0 || (code < 0 && error[0] != '\0'));
    if (code != 0) {
        CHECK(open_descriptors() == descriptors);
        subject.kind = NULL;
    }
    printf("{\"opened\": %d, \"paced\": %d, \"timed\": %d, \"monotonic\": %d, \"error\": ", code, code == 0 && subject.fd >= 0, subject.timed,
           subject.timed_by_monotonic);
    print_text(error);
    puts("}");
}

static void do_open(char *arguments) {
    char *rest = NULL;
    sampler_source where = {.sysfs_root = "/nowhere", .device_root = "/nowhere"};
    uint32_t rate = 1000;
    channels = 0;
    written[0] = '\0';
    subject = (source){.kind = find_kind(strtok_r(arguments, " \n", &rest)), .fd = -1};
    for (char *word = strtok_r(NULL, " \n", &rest); word != NULL; word = strtok_r(NULL, " \n", &rest)) {
        char *value = strchr(word, '=');
        CHECK(value != NULL);
        *value = '\0';
        take_key(&where, &rate, word, value + 1);
    }
    stride = (channels + 7) / 8 * 8;
    CHECK(channels >= 1 && stride <= SAMPLER_CHANNELS);
    try_open(&where, rate);
}

static void fill(void) {
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++)
        counts[i] = UNTOUCHED;
    for (size_t i = 0; i < ROOM; i++)
        times[i] = UNTOUCHED;
}

static void check_borders(uint32_t scans, uint32_t max) {
    for (uint32_t n = 0; n < scans; n++)
        for (uint32_t i = channels; i < stride; i++)
            CHECK(counts[(size_t)n * stride + i] == UNTOUCHED);
    for (size_t i = (size_t)max * stride; i < (size_t)ROOM * stride; i++)
        CHECK(counts[i] == UNTOUCHED);
    for (uint32_t n = subject.timed ? max : 0; n < ROOM; n++)
        CHECK(times[n] == UNTOUCHED);
}

static void print_scans(uint32_t scans) {
    printf("\"counts\": [");
    for (uint32_t n = 0; n < scans; n++) {
        printf("%s[", n ? ", " : "");
        for (uint32_t i = 0; i < channels; i++)
            printf("%s%d", i ? ", " : "", counts[(size_t)n * stride + i]);
        putchar(']');
    }
    printf("], \"times\": [");
    for (uint32_t n = 0; subject.timed && n < scans; n++)
        printf("%s%" PRId64, n ? ", " : "", times[n]);
    puts("]}");
}

static void do_read(uint32_t max) {
    source_block block = {.now = 1, .counts = counts, .times = times, .stride = stride, .max = max};
    CHECK(subject.kind != NULL && max <= ROOM);
    fill();
    long before = taken;
    int code = subject.kind->read(&subject, &block);
    CHECK(taken == before);
    CHECK(code <= (int)max);
    check_borders(code > 0 ? (uint32_t)code : 0, code > 0 ? (uint32_t)code : max);
    printf("{\"returned\": %d, \"drained\": %d, \"missed\": %u, \"overruns\": %u, ", code, block.drained, block.missed, block.overruns);
    print_scans(code > 0 ? (uint32_t)code : 0);
}

static void do_wait(int milliseconds) {
    struct pollfd waiting = {.fd = subject.fd, .events = POLLIN};
    CHECK(subject.kind != NULL);
    int ready = poll(&waiting, 1, milliseconds);
    printf("{\"ready\": %d}\n", ready > 0 ? waiting.revents : ready);
}

static void do_close(void) {
    CHECK(subject.kind != NULL);
    subject.kind->close(&subject);
    subject.kind = NULL;
    CHECK(open_descriptors() == descriptors);
    puts("{\"closed\": 0}");
}

static void do_refuse(const char *arguments) {
    CHECK(sscanf(arguments, "%d %63s", &refused, refused_name) == 2);
    puts("{}");
}

static void do_written(void) {
    printf("{\"written\": [%s]}\n", written);
    written[0] = '\0';
}

static void obey(char *line) {
    char *argument = strchr(line, ' ');
    int number = argument == NULL ? 0 : atoi(argument + 1);
    if (strncmp(line, "open ", 5) == 0)
        do_open(argument + 1);
    else if (strncmp(line, "read ", 5) == 0)
        do_read((uint32_t)number);
    else if (strncmp(line, "wait ", 5) == 0)
        do_wait(number);
    else if (strncmp(line, "written", 7) == 0)
        do_written();
    else if (strncmp(line, "close", 5) == 0)
        do_close();
    else if (strncmp(line, "fault ", 6) == 0) {
        fault = number;
        puts("{}");
    } else if (strncmp(line, "refuse ", 7) == 0)
        do_refuse(argument + 1);
    else
        CHECK(!"a known command");
    CHECK(fflush(stdout) == 0);
}

int main(void) {
    char *line = NULL;
    size_t size = 0;
#ifdef __SANITIZE_ADDRESS__
    __sanitizer_install_malloc_and_free_hooks(note_malloc, note_free);
#endif
    while (getline(&line, &size, stdin) > 0)
        obey(line);
    CHECK(subject.kind == NULL);
    free(line);
    return 0;
}
