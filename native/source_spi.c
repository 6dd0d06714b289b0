/* source_spi.c: counts from converters on an SPI bus, through spidev (/dev/spidevB.C). The host sets the pace.
 *
 * Two families are known. `where` lists the device files, one chip behind each; input N is input N % 8 of chip N / 8.
 *
 *   ads8688   8 inputs, 16 bits, straight binary. SPI mode 1, 32-bit frames: a 16-bit command, then the 16 bits of a result.
 *             MAN_Ch_n is 0xC000 + (n << 10); a frame carries the result of the input that the frame before it chose. So k inputs
 *             take k + 1 frames, and every count belongs to this scan. (Texas Instruments ADS8688 data sheet, table of the
 *             command register; also drivers/iio/adc/ti-ads8688.c of Linux.) The ranges of the inputs stay as they are: after a
 *             power-up +-2.5 x reference, where 0 V is 32768. At most 17 MHz: assumption, to be checked in the data sheet.
 *   mcp3208   8 inputs, 12 bits. SPI mode 0, three bytes: five leading zeros, start bit, "single ended", three bits of input;
 *             the answer's second byte holds the null bit and bits 11-8, the third bits 7-0 (Microchip DS21298, section 6.1).
 *             At most 2 MHz at 5 V. A null bit that is 1 is an error: a line that is stuck high is no light.
 *
 * What cannot be told here: an ads8688 whose line is stuck answers all zeros or all ones, an mcp3208 whose line is stuck low
 * answers zeros. Those are counts; valid_low and valid_high of the watch are there for them, and the search for stuck counts.
 *
 * One message (one ioctl) for each chip and scan. A scan of which one chip failed is an error as a whole, EAGAIN of a bus that
 * is busy too: the host sets the pace, and a slot without a scan and without an error would be a slot that nobody counts. */
#define _GNU_SOURCE 1
#include <errno.h>
#include <fcntl.h>
#include <linux/spi/spidev.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "scan_type.h"
#include "source.h"

#define CHIP_INPUTS 8
#define CHIPS (SAMPLER_CHANNELS / CHIP_INPUTS * 2)
#define FRAMES (CHIP_INPUTS + 1)
#define FRAME_BYTES 4

typedef struct family {
    const char *name;
    uint32_t mode, frame_bytes, most_hz;
    uint32_t ahead;           /* frames from the one that chooses an input to the one that carries its result */
    void (*choose)(uint8_t *frame, uint32_t input);
    int (*result)(const uint8_t *frame, int32_t *count);
} family;

typedef struct {
    int fd;
    uint8_t old_mode, old_bits;
    uint32_t old_hz;
    bool changed;
    uint32_t inputs;          /* of this chip that are wanted */
    uint32_t channel[CHIP_INPUTS];
    uint32_t frames;
    uint8_t sent[FRAMES][FRAME_BYTES], got[FRAMES][FRAME_BYTES];
    struct spi_ioc_transfer transfer[FRAMES];
} chip;

typedef struct {
    const family *family;
    uint32_t chips, channels, hz;
    chip chip[CHIPS];
} state;

/* ---------------------------------------------------------------- the two families */

static void choose_ads8688(uint8_t *frame, uint32_t input) {
    frame[0] = (uint8_t)(0xC0 + (input << 2));
}

static int result_ads8688(const uint8_t *frame, int32_t *count) {
    *count = frame[2] << 8 | frame[3];
    return 0;
}

static void choose_mcp3208(uint8_t *frame, uint32_t input) {
    frame[0] = (uint8_t)(0x06 | input >> 2);
    frame[1] = (uint8_t)(input << 6);
}

static int result_mcp3208(const uint8_t *frame, int32_t *count) {
    if ((frame[1] & 0x10) != 0)
        return -EIO;
    *count = (frame[1] & 0x0F) << 8 | frame[2];
    return 0;
}

static const family families[] = {
    {"ads8688", SPI_MODE_1, 4, 17000000, 1, choose_ads8688, result_ads8688},
    {"mcp3208", SPI_MODE_0, 3, 2000000, 0, choose_mcp3208, result_mcp3208},
};

static const family *find_family(const char *name) {
    for (size_t i = 0; i < sizeof families / sizeof families[0]; i++)
        if (strcmp(families[i].name, name) == 0)
            return &families[i];
    return NULL;
}

/* ---------------------------------------------------------------- opening */

static int configure(chip *c, uint8_t mode, uint8_t bits, uint32_t hz) {
    if (ioctl(c->fd, SPI_IOC_WR_MODE, &mode) < 0 || ioctl(c->fd, SPI_IOC_WR_BITS_PER_WORD, &bits) < 0 ||
        ioctl(c->fd, SPI_IOC_WR_MAX_SPEED_HZ, &hz) < 0)
        return -errno;
    return 0;
}

static int remember(chip *c) {
    if (ioctl(c->fd, SPI_IOC_RD_MODE, &c->old_mode) < 0 || ioctl(c->fd, SPI_IOC_RD_BITS_PER_WORD, &c->old_bits) < 0 ||
        ioctl(c->fd, SPI_IOC_RD_MAX_SPEED_HZ, &c->old_hz) < 0)
        return -errno;
    return 0;
}

static int open_chip(state *st, chip *c, const char *path, uint32_t hz, char *error, uint32_t size) {
    c->fd = open(path, O_RDWR | O_CLOEXEC);
    if (c->fd < 0)
        return source_refuse(error, size, errno, "cannot open %s: %s; right is a spidev file, for example /dev/spidev0.0", path, strerror(errno));
    int code = remember(c);
    if (code != 0)
        return source_refuse(error, size, -code, "%s does not answer as spidev: %s", path, strerror(-code));
    c->changed = true;
    code = configure(c, (uint8_t)(st->family->mode | (c->old_mode & SPI_CS_HIGH)), 8, hz); /* how the board selects the chip stays */
    if (code != 0)
        return source_refuse(error, size, -code, "%s refuses SPI mode %u with 8 bits at %u Hz: %s", path, st->family->mode, hz, strerror(-code));
    return 0;
}

static int open_chips(state *st, const sampler_source *where, char *error, uint32_t size) {
    char list[sizeof where->where], *rest = NULL;
    memcpy(list, where->where, sizeof list);
    list[sizeof list - 1] = '\0';
    for (char *path = strtok_r(list, ", ", &rest); path != NULL; path = strtok_r(NULL, ", ", &rest)) {
        if (st->chips == CHIPS)
            return source_refuse(error, size, EINVAL, "more than %d SPI device files", CHIPS);
        int code = open_chip(st, &st->chip[st->chips++], path, where->speed_hz, error, size);
        if (code != 0)
            return code;
    }
    return st->chips > 0 ? 0 : source_refuse(error, size, EINVAL, "no SPI device file is given; right is for example /dev/spidev0.0,/dev/spidev0.1");
}

/* ---------------------------------------------------------------- frames */

static void make_frames(const family *f, chip *c, const uint32_t *index, uint32_t hz) {
    c->frames = c->inputs == 0 ? 0 : c->inputs + f->ahead;
    for (uint32_t i = 0; i < c->frames; i++) {
        if (i < c->inputs)
            f->choose(c->sent[i], index[c->channel[i]] % CHIP_INPUTS); /* the last frame of an ads8688 stays 0: "go on" */
        c->transfer[i] = (struct spi_ioc_transfer){
            .tx_buf = (uintptr_t)c->sent[i],
            .rx_buf = (uintptr_t)c->got[i],
            .len = f->frame_bytes,
            .speed_hz = hz,
            .bits_per_word = 8,
            .cs_change = i + 1 < c->frames, /* each frame ends with the chip deselected, the last one by itself */
        };
    }
}

static void share_out(state *st, const uint32_t *index) {
    for (uint32_t i = 0; i < st->channels; i++) {
        chip *c = &st->chip[index[i] / CHIP_INPUTS];
        c->channel[c->inputs++] = i;
    }
    for (uint32_t i = 0; i < st->chips; i++)
        make_frames(st->family, &st->chip[i], index, st->hz);
}

/* ---------------------------------------------------------------- open, read, close */

static void spi_close(source *s) {
    state *st = s->state;
    for (uint32_t i = 0; i < st->chips; i++) {
        chip *c = &st->chip[i];
        if (c->fd < 0)
            continue;
        if (c->changed)
            (void)configure(c, c->old_mode, c->old_bits, c->old_hz); /* a chip that is gone cannot be put back */
        close(c->fd);
    }
    free(st);
    s->state = NULL;
}

static int build(state *st, const sampler_source *where, char *error, uint32_t size) {
    st->family = find_family(where->chip);
    if (st->family == NULL)
        return source_refuse(error, size, EINVAL, "chip \"%.15s\" is not known; right is ads8688 or mcp3208", where->chip);
    if (where->speed_hz < 10000 || where->speed_hz > st->family->most_hz)
        return source_refuse(error, size, EINVAL, "a clock of %u Hz does not suit the %s; right is 10000 to %u Hz", where->speed_hz,
                             st->family->name, st->family->most_hz);
    int code = open_chips(st, where, error, size);
    if (code == 0)
        code = scan_inputs_check(where->index, st->channels, st->chips * CHIP_INPUTS, "these SPI chips, 8 each", error, size);
    if (code == 0)
        share_out(st, where->index);
    return code;
}

static int spi_open(source *s, const sampler_source *where, uint32_t channels, uint32_t rate_hz, char *error, uint32_t size) {
    (void)rate_hz;
    s->fd = -1;
    s->timed = s->timed_by_monotonic = false;
    state *st = calloc(1, sizeof *st);
    if (st == NULL)
        return source_refuse(error, size, ENOMEM, "no memory for the SPI frames");
    st->channels = channels;
    st->hz = where->speed_hz;
    s->state = st;
    int code = build(st, where, error, size);
    if (code != 0)
        spi_close(s);
    return code;
}

/* How many bytes the bus moved, or -errno. ESHUTDOWN is what spidev says once its driver was taken away. */
static int transfer(chip *c) {
    int moved;
    do
        moved = ioctl(c->fd, SPI_IOC_MESSAGE(c->frames), c->transfer);
    while (moved < 0 && errno == EINTR);
    return moved >= 0 ? moved : errno == ESHUTDOWN ? -ENODEV : -errno;
}

static int read_chip(const family *f, chip *c, int32_t *counts) {
    memset(c->got, 0xFF, sizeof c->got); /* what the driver does not fill is not the last scan */
    int moved = transfer(c);
    if (moved < 0)
        return moved;
    if ((uint32_t)moved != c->frames * f->frame_bytes)
        return -EIO;
    for (uint32_t i = 0; i < c->inputs; i++) {
        int code = f->result(c->got[i + f->ahead], &counts[c->channel[i]]);
        if (code != 0)
            return code;
    }
    return 0;
}

static int spi_read(source *s, source_block *block) {
    state *st = s->state;
    if (block->max == 0)
        return 0;
    for (uint32_t i = 0; i < st->chips; i++) {
        if (st->chip[i].inputs == 0)
            continue;
        int code = read_chip(st->family, &st->chip[i], block->counts);
        if (code != 0)
            return code;
    }
    block->drained = true;
    return 1;
}

const source_kind source_spi = {"spi", spi_open, spi_read, spi_close};
