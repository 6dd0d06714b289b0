/* source_mmap.c: counts from registers in memory: a UIO device (/dev/uioN) or a file that can be mapped.
 *
 * Channel i is the register of `type` at offset + index[i] x stride, loaded with one volatile load of its storage size.
 *
 * A UIO device with an interrupt sets the pace: reading its file gives the number of all interrupts so far (Linux
 * Documentation/driver-api/uio-howto.rst), one scan for each reading; a number that jumped says how many were missed. The
 * interrupt is allowed again by writing 1, where the driver takes that; a scan whose next interrupt could not be allowed is a
 * scan all the same, and the next reading tries once more and then says what is wrong. A UIO device without an interrupt and
 * any other file are read when the host asks.
 *
 * A plain file that someone cuts shorter ends the source (-ENODATA) instead of the process: its size is looked at before each
 * scan. A cut between that look and the loads that follow it still raises SIGBUS: who writes such a file must change its
 * content and never its length. */
#define _GNU_SOURCE 1
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "scan_type.h"
#include "source.h"

typedef struct {
    int fd;
    bool plain;               /* a plain file: it may be cut shorter */
    bool paced;               /* its interrupt is the pace */
    bool allow;               /* takes a 1 to allow the next interrupt */
    bool owed;                /* that 1 was not taken: no interrupt can come before it is */
    bool counted;             /* `seen` is known */
    uint32_t seen;            /* number of the last interrupt */
    uint32_t channels, bytes; /* bytes of a register */
    uint64_t end;             /* byte behind the last register that is wanted */
    uint64_t mapped;          /* bytes */
    uint8_t *map;
    const uint8_t *at[SAMPLER_CHANNELS];
    scan_column column;
} state;

typedef struct {
    const sampler_source *where;
    char *error;
    uint32_t size;
    bool is_uio;
    char sysfs[512];          /* directory of its map 0 */
    uint64_t offset, bytes;   /* where the registers begin in the mapping, and how many bytes there are of them */
} setup;

/* ---------------------------------------------------------------- what file it is */

static int map_number(setup *u, const char *what, uint64_t *number) {
    char path[600], text[64] = "", *end = text;
    (void)snprintf(path, sizeof path, "%s/%s", u->sysfs, what);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return source_refuse(u->error, u->size, errno, "cannot read %s: %s", path, strerror(errno));
    ssize_t n = read(fd, text, sizeof text - 1);
    int code = n < 0 ? errno : 0;
    close(fd);
    if (code != 0)
        return source_refuse(u->error, u->size, code, "cannot read %s: %s", path, strerror(code));
    errno = 0;
    *number = strtoull(text, &end, 16);
    if (errno != 0 || !isxdigit((unsigned char)text[0]) || (*end != '\n' && *end != '\0') || *number > UINT32_MAX)
        return source_refuse(u->error, u->size, EINVAL, "%s is \"%.40s\"; right is a number of bytes in hexadecimal digits", path, text);
    return 0;
}

/* A UIO device is told by its name, behind any link, and by its directory in sysfs. */
static int find_uio(setup *u) {
    char *real = realpath(u->where->where, NULL);
    if (real == NULL)
        return source_refuse(u->error, u->size, errno, "cannot find \"%.300s\": %s", u->where->where, strerror(errno));
    const char *name = strrchr(real, '/') + 1;
    const char *root = u->where->sysfs_root[0] != '\0' ? u->where->sysfs_root : "/sys";
    int length = snprintf(u->sysfs, sizeof u->sysfs, "%s/class/uio/%s/maps/map0", root, name);
    u->is_uio = strncmp(name, "uio", 3) == 0 && length < (int)sizeof u->sysfs && access(u->sysfs, F_OK) == 0;
    free(real);
    return 0;
}

static int measure(setup *u, state *st) {
    struct stat about;
    if (fstat(st->fd, &about) != 0)
        return source_refuse(u->error, u->size, errno, "cannot look at %.300s: %s", u->where->where, strerror(errno));
    st->plain = !u->is_uio && S_ISREG(about.st_mode);
    u->bytes = st->plain ? (uint64_t)about.st_size : st->end; /* what is neither plain nor UIO does not tell its size: mmap decides */
    if (!u->is_uio)
        return 0;
    int code = map_number(u, "size", &u->bytes);
    return code != 0 ? code : map_number(u, "offset", &u->offset);
}

static int open_file(setup *u, state *st) {
    int flags = (u->is_uio ? O_RDWR : O_RDONLY) | O_NONBLOCK | O_CLOEXEC;
    st->fd = open(u->where->where, flags);
    if (st->fd >= 0)
        return 0;
    return source_refuse(u->error, u->size, errno, "cannot open %.300s: %s", u->where->where, strerror(errno));
}

/* ---------------------------------------------------------------- registers */

static int choose_registers(setup *u, state *st) {
    scan_type type;
    const sampler_source *w = u->where;
    int code = scan_type_parse(w->type, &type, u->error, u->size);
    if (code == 0)
        code = scan_type_counts(&type, "a register", u->error, u->size);
    if (code == 0)
        code = scan_inputs_check(w->index, st->channels, 0x1000000, "the registers", u->error, u->size);
    if (code != 0)
        return code;
    st->column = scan_column_of(&type, 0);
    st->bytes = type.storage / 8;
    if (st->channels > 1 && w->stride < st->bytes)
        return source_refuse(u->error, u->size, EINVAL, "registers of %u bytes cannot stand %u bytes apart; right is a stride of %u or more", st->bytes,
                             w->stride, st->bytes);
    if (w->offset % st->bytes != 0 || w->stride % st->bytes != 0)
        return source_refuse(u->error, u->size, EINVAL, "offset %u or stride %u is no multiple of the %u bytes of a register", w->offset, w->stride,
                             st->bytes);
    for (uint32_t i = 0; i < st->channels; i++) {
        uint64_t end = w->offset + (uint64_t)w->index[i] * w->stride + st->bytes;
        st->end = end > st->end ? end : st->end;
    }
    return 0;
}

static int map_registers(setup *u, state *st) {
    if (st->end > u->bytes)
        return source_refuse(u->error, u->size, EINVAL, "the last register ends at byte %llu of %.300s, which has %llu bytes",
                             (unsigned long long)st->end, u->where->where, (unsigned long long)u->bytes);
    if (u->offset % st->bytes != 0)
        return source_refuse(u->error, u->size, EINVAL, "%s/offset is no multiple of the %u bytes of a register", u->sysfs, st->bytes);
    st->mapped = u->offset + u->bytes;
    void *map = mmap(NULL, st->mapped, PROT_READ, MAP_SHARED, st->fd, 0);
    if (map == MAP_FAILED)
        return source_refuse(u->error, u->size, errno, "cannot map %llu bytes of %.300s: %s", (unsigned long long)st->mapped, u->where->where,
                             strerror(errno));
    st->map = map;
    for (uint32_t i = 0; i < st->channels; i++)
        st->at[i] = st->map + u->offset + u->where->offset + (uint64_t)u->where->index[i] * u->where->stride;
    return 0;
}

/* ---------------------------------------------------------------- interrupts */

/* 4: there is a number; 0: none yet; else -errno. UIO says EIO when there is no interrupt, or the device is gone. */
static int interrupt_number(const state *st, uint32_t *number) {
    ssize_t n;
    do
        n = read(st->fd, number, sizeof *number);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return errno == EAGAIN ? 0 : -errno;
    return n == 0 ? -ENODATA : n == sizeof *number ? (int)n : -EIO;
}

static int allow_interrupt(const state *st) {
    const uint32_t one = 1;
    ssize_t n;
    do
        n = write(st->fd, &one, sizeof one);
    while (n < 0 && errno == EINTR);
    return n == sizeof one ? 0 : n < 0 ? -errno : -EIO;
}

/* A device file that was just opened has no number yet; one that has it is read, so that the first scan is a new one. */
static int find_pace(setup *u, source *s, state *st) {
    if (!u->is_uio)
        return 0;
    int code = allow_interrupt(st);
    st->allow = code == 0;
    if (code != 0 && code != -ENOSYS && code != -EIO && code != -EINVAL)
        return source_refuse(u->error, u->size, -code, "cannot allow interrupts of %.300s: %s", u->where->where, strerror(-code));
    code = interrupt_number(st, &st->seen);
    if (code == -EIO)
        return 0;
    if (code < 0)
        return source_refuse(u->error, u->size, -code, "cannot read the interrupt count of %.300s: %s", u->where->where, strerror(-code));
    st->counted = code > 0;
    st->paced = true;
    s->fd = st->fd;
    return 0;
}

/* ---------------------------------------------------------------- open, read, close */

static void mmap_close(source *s) {
    state *st = s->state;
    if (st->map != NULL)
        munmap(st->map, st->mapped);
    if (st->fd >= 0)
        close(st->fd);
    free(st);
    s->state = NULL;
    s->fd = -1;
}

static int build(source *s, setup *u, state *st) {
    int code = choose_registers(u, st);
    if (code == 0)
        code = find_uio(u);
    if (code == 0)
        code = open_file(u, st);
    if (code == 0)
        code = measure(u, st);
    if (code == 0)
        code = map_registers(u, st);
    return code != 0 ? code : find_pace(u, s, st);
}

static int mmap_open(source *s, const sampler_source *where, uint32_t channels, uint32_t rate_hz, char *error, uint32_t size) {
    (void)rate_hz;
    s->fd = -1;
    s->timed = s->timed_by_monotonic = false;
    state *st = calloc(1, sizeof *st);
    if (st == NULL)
        return source_refuse(error, size, ENOMEM, "no memory for the registers");
    st->fd = -1;
    st->channels = channels;
    s->state = st;
    setup u = {.where = where, .error = error, .size = size};
    int code = build(s, &u, st);
    if (code != 0)
        mmap_close(s);
    return code;
}

/* One load of the register's own size: a device may count its readings, and half of a register is no value. */
static int32_t load(const state *st, const uint8_t *at) {
    union {
        uint8_t byte[8];
        uint16_t word16;
        uint32_t word32;
        uint64_t word64;
    } word;
    switch (st->bytes) {
    case 1:
        word.byte[0] = *(const volatile uint8_t *)at;
        break;
    case 2:
        word.word16 = *(const volatile uint16_t *)(const volatile void *)at;
        break;
    case 4:
        word.word32 = *(const volatile uint32_t *)(const volatile void *)at;
        break;
    default:
        word.word64 = *(const volatile uint64_t *)(const volatile void *)at;
        break;
    }
    return (int32_t)scan_value(&st->column, word.byte);
}

/* 0 when the registers are there; a device file is trusted, a plain file is asked for its size. */
static int still_there(const state *st) {
    struct stat about;
    if (!st->plain)
        return 0;
    if (fstat(st->fd, &about) != 0)
        return -errno;
    return (uint64_t)about.st_size >= st->end ? 0 : -ENODATA;
}

/* 1: an interrupt came, and `missed` says how many more there were than were seen. A number that goes back is a new start. */
static int take_interrupt(state *st, uint32_t *missed) {
    uint32_t number;
    int code = interrupt_number(st, &number);
    if (code <= 0)
        return code == -EIO ? -ENODEV : code;
    uint32_t steps = number - st->seen;
    *missed = st->counted && steps > 0 && steps < 0x80000000U ? steps - 1 : 0;
    st->counted = true;
    st->seen = number;
    return 1;
}

/* What was owed since the last reading. Without it nothing would ever wake the reader again: if it fails twice the source is gone. */
static int pay(state *st) {
    if (st->owed && allow_interrupt(st) != 0)
        return -ENODEV;
    st->owed = false;
    return 0;
}

/* 1: it is time for a scan; 0: not yet; else -errno. */
static int is_due(state *st, uint32_t *missed) {
    if (!st->paced) {
        int code = still_there(st);
        return code != 0 ? code : 1;
    }
    int code = pay(st);
    return code != 0 ? code : take_interrupt(st, missed);
}

static int mmap_read(source *s, source_block *block) {
    state *st = s->state;
    if (block->max == 0)
        return 0;
    int code = is_due(st, &block->missed);
    block->drained = true;
    if (code != 1)
        return code;
    for (uint32_t i = 0; i < st->channels; i++)
        block->counts[i] = load(st, st->at[i]);
    st->owed = st->allow && allow_interrupt(st) != 0; /* what was taken counts; the next reading sees to the rest */
    block->drained = !st->owed;
    return 1;
}

const source_kind source_mmap = {"mmap", mmap_open, mmap_read, mmap_close};
