/* source_iio.c: counts from the buffer of a Linux IIO device (/dev/iio:deviceX), set up through sysfs.
 *
 * Opening finds the device and opens its node, before anything is written: the kernel gives the node to one program at a time,
 * so that a converter which another program reads is left alone (EBUSY). Then it stops the buffer, sets trigger, rate, channels,
 * length and clock, reads the layout of the scans back and starts the buffer last (iio_setup.c). `index` is the N of
 * in_voltageN, not the place in the scan.
 *
 * A buffer that runs although nobody has the node is taken over: so does a program leave it that was killed, this one too, and
 * a start after that must need no helping hand. What was changed is put back at close, in reverse, the buffer last: running if
 * it was found running, although nobody reads it then.
 *
 * Reading never waits. A buffer that overran says nothing: the kernel drops the newest scans and the hole shows only in the
 * timestamps, where the caller finds it. A device without timestamps loses scans unseen; such a source is not `timed`. */
#define _GNU_SOURCE 1
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "iio_setup.h"

#define READ_BYTES 65536      /* of one read, about; whole scans */

typedef struct {
    sysfs_undo *changed;
    char enable[SYSFS_PATH];  /* empty until the buffer is this source's to start and to stop */
    bool found_running;       /* as which it is to be left */
    scan_decoder decoder;
    uint32_t held;            /* bytes of a scan that has not come in full */
    uint32_t room;            /* bytes, whole scans */
    uint8_t *bytes;
} state;

static int make_decoder(iio_setup *u, state *st) {
    int code = scan_decoder_make(&st->decoder, u->element, u->count, u->channels, u->bytes, u->files.error, u->files.size);
    if (code != 0)
        return code;
    st->room = (READ_BYTES / u->bytes + 1) * u->bytes;
    st->bytes = malloc(st->room);
    return st->bytes != NULL ? 0 : source_refuse(u->files.error, u->files.size, ENOMEM, "no memory for %u bytes of scans", st->room);
}

/* A program may have taken the buffer away from the node (IIO_BUFFER_GET_FD_IOCTL, since Linux 5.11) and closed the node. Then
 * opening succeeds and every reading is EBUSY, also one of nothing, which takes no scan from a running buffer. */
static bool is_taken_away(int fd) {
    char nothing;
    return read(fd, &nothing, 0) < 0 && errno == EBUSY;
}

static int open_node(iio_setup *u, source *s) {
    char path[SYSFS_PATH];
    sysfs_join(path, u->where->device_root[0] != '\0' ? u->where->device_root : "/dev", u->node);
    s->fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    int code = s->fd < 0 ? errno : is_taken_away(s->fd) ? EBUSY : 0;
    if (code == EBUSY)
        return source_refuse(u->files.error, u->files.size, EBUSY, "%s is in use: another program reads this converter, and nothing was "
                             "changed on it; end that program (fuser %s names it), or take another converter", path, path);
    return code == 0 ? 0 : source_refuse(u->files.error, u->files.size, code, "cannot open %s: %s", path, strerror(code));
}

static int start_buffer(iio_setup *u, state *st) {
    int code = sysfs_put(st->enable, "1");
    if (code == 0)
        return 0;
    return source_refuse(u->files.error, u->files.size, -code, "cannot start the buffer, writing 1 to %s: %s; most converters need a trigger",
                         st->enable, strerror(-code));
}

static void iio_close(source *s) {
    state *st = s->state;
    if (st->enable[0] != '\0')
        (void)sysfs_put(st->enable, "0"); /* before all else: nothing else can be set while it runs */
    if (s->fd >= 0)
        close(s->fd);
    sysfs_put_back(st->changed);
    if (st->found_running)
        (void)sysfs_put(st->enable, "1"); /* after all else; a device that is gone cannot be put back */
    free(st->bytes);
    free(st);
    s->state = NULL;
    s->fd = -1;
}

static int build(source *s, iio_setup *u, state *st) {
    int code = iio_setup_find(u);
    if (code == 0)
        code = open_node(u, s);
    if (code == 0)
        code = iio_setup_stop(u, st->enable, &st->found_running);
    if (code == 0)
        code = iio_setup_do(u);
    st->changed = u->files.changed;
    if (code == 0)
        code = make_decoder(u, st);
    if (code == 0)
        code = start_buffer(u, st);
    s->timed = st->decoder.timed;
    s->timed_by_monotonic = u->monotonic && s->timed;
    return code;
}

static int iio_open(source *s, const sampler_source *where, uint32_t channels, uint32_t rate_hz, char *error, uint32_t size) {
    s->fd = -1;
    iio_setup *u = calloc(1, sizeof *u);
    state *st = s->state = calloc(1, sizeof *st);
    if (u == NULL || st == NULL) {
        free(u);
        free(st);
        return source_refuse(error, size, ENOMEM, "no memory for the set-up of an IIO device");
    }
    u->where = where, u->channels = channels, u->rate_hz = rate_hz;
    u->files = (sysfs){error, size, NULL};
    int code = build(s, u, st);
    free(u);
    if (code != 0)
        iio_close(s);
    return code;
}

static int take(state *st, source_block *block, uint32_t got) {
    uint32_t bytes = st->held + got, scans = bytes / st->decoder.bytes, used = scans * st->decoder.bytes;
    scan_decode(&st->decoder, st->bytes, scans, block->counts, block->stride, block->times);
    st->held = bytes - used;
    memmove(st->bytes, st->bytes + used, st->held);
    return (int)scans;
}

static int iio_read(source *s, source_block *block) {
    state *st = s->state;
    uint32_t most = st->room / st->decoder.bytes < block->max ? st->room / st->decoder.bytes : block->max;
    if (most == 0)
        return 0;
    size_t asked = (size_t)most * st->decoder.bytes - st->held;
    ssize_t n;
    do
        n = read(s->fd, st->bytes + st->held, asked);
    while (n < 0 && errno == EINTR);
    if (n == 0)
        return -ENODATA; /* the far end hung up; a live IIO device has EAGAIN instead */
    if (n < 0 && errno != EAGAIN)
        return -errno;
    block->drained = n < 0 || (size_t)n < asked;
    return n < 0 ? 0 : take(st, block, (uint32_t)n);
}

const source_kind source_iio = {"iio", iio_open, iio_read, iio_close};
