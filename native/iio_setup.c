/* iio_setup.c: see iio_setup.h. Attributes: Documentation/ABI/testing/sysfs-bus-iio of Linux. */
#define _GNU_SOURCE 1
#include "iio_setup.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---------------------------------------------------------------- the device */

static int note_name(const char *directory, const char *entry, char *name) {
    char path[SYSFS_PATH], sub[SYSFS_PATH];
    sysfs_join(sub, directory, entry);
    sysfs_join(path, sub, "name");
    return sysfs_get(path, name);
}

/* Go through the devices for one whose `name` is the wanted one. Returns how many there are, and lists all for the sentence. */
static int find_by_name(DIR *listing, const char *devices, const char *kind, const char *wanted, char *node, char *list, size_t room) {
    int found = 0;
    for (const struct dirent *e = readdir(listing); e != NULL; e = readdir(listing)) {
        char name[SYSFS_VALUE];
        if (strncmp(e->d_name, kind, strlen(kind)) != 0 || strlen(e->d_name) > 63 || note_name(devices, e->d_name, name) < 0)
            continue;
        size_t used = strlen(list);
        (void)snprintf(list + used, room - used, "%s%s (%s)", used ? ", " : "", e->d_name, name);
        if (strcmp(name, wanted) == 0) {
            memcpy(node, e->d_name, strlen(e->d_name) + 1);
            found++;
        }
    }
    return found;
}

static int find_device(iio_setup *u) {
    const char *devices = u->devices;
    const char *wanted = u->where->where;
    char list[400] = "";
    if (wanted[0] == '\0' || strchr(wanted, '/') != NULL || strlen(wanted) > 63)
        return source_refuse(u->files.error, u->files.size, EINVAL, "\"%.80s\" is no name of an IIO device; right is for example iio:device0 or ads8688", wanted);
    sysfs_join(u->device, devices, wanted);
    if (strncmp(wanted, "iio:device", 10) == 0 && sysfs_exists(u->device)) {
        memcpy(u->node, wanted, strlen(wanted) + 1);
        return 0;
    }
    DIR *listing = opendir(devices);
    if (listing == NULL)
        return source_refuse(u->files.error, u->files.size, errno, "cannot list %s: %s; is the kernel's IIO subsystem there?", devices, strerror(errno));
    int found = find_by_name(listing, devices, "iio:device", wanted, u->node, list, sizeof list);
    closedir(listing);
    sysfs_join(u->device, devices, u->node);
    if (found == 1)
        return 0;
    return source_refuse(u->files.error, u->files.size, found == 0 ? ENODEV : EINVAL, "%s IIO device is called \"%s\" in %s; there are: %s",
                         found == 0 ? "no" : "more than one", wanted, devices, list[0] != '\0' ? list : "none");
}

static int find_buffer(iio_setup *u) {
    char path[SYSFS_PATH];
    sysfs_join(path, u->device, "buffer0/enable");
    bool numbered = sysfs_exists(path);
    u->buffer = numbered ? "buffer0" : "buffer";
    u->elements = numbered ? "buffer0" : "scan_elements";
    sysfs_join(path, u->device, numbered ? "buffer0/enable" : "buffer/enable");
    if (sysfs_exists(path))
        return 0;
    return source_refuse(u->files.error, u->files.size, ENODEV, "%s has no buffer (neither buffer0/enable nor buffer/enable); its driver cannot sample by itself",
                         u->device);
}

static void of_buffer(const iio_setup *u, char *path, const char *name) {
    char directory[SYSFS_PATH];
    sysfs_join(directory, u->device, u->buffer);
    sysfs_join(path, directory, name);
}

int iio_setup_stop(const iio_setup *u, char *enable, bool *running) {
    char path[SYSFS_PATH], now[SYSFS_VALUE];
    of_buffer(u, path, "enable");
    int code = sysfs_get(path, now);
    if (code < 0)
        return source_refuse(u->files.error, u->files.size, -code, "cannot see whether the buffer runs, reading %s: %s", path, strerror(-code));
    code = strcmp(now, "0") == 0 ? 0 : sysfs_put(path, "0");
    if (code != 0)
        return source_refuse(u->files.error, u->files.size, -code, "cannot stop the buffer, writing 0 to %s: %s", path, strerror(-code));
    *running = strcmp(now, "1") == 0;
    memcpy(enable, path, sizeof path);
    return 0;
}

/* ---------------------------------------------------------------- trigger, rate, clock */

static int set_trigger(iio_setup *u) {
    char path[SYSFS_PATH];
    if (u->where->trigger[0] == '\0')
        return 0;
    sysfs_join(path, u->device, "trigger/current_trigger");
    if (!sysfs_exists(path))
        return source_refuse(u->files.error, u->files.size, ENODEV, "%s takes no trigger (no trigger/current_trigger); leave the trigger out", u->device);
    return sysfs_set_and_check(&u->files, path, u->where->trigger);
}

/* The rate belongs to the trigger where that has one, else to the device, for all channels or for the voltages. */
static bool find_rate(const iio_setup *u, char *path) {
    char trigger[SYSFS_VALUE], node[64], list[400] = "";
    sysfs_join(path, u->device, "trigger/current_trigger");
    DIR *listing = sysfs_get(path, trigger) > 0 ? opendir(u->devices) : NULL;
    int found = listing == NULL ? 0 : find_by_name(listing, u->devices, "trigger", trigger, node, list, sizeof list);
    if (listing != NULL)
        closedir(listing);
    if (found == 1) {
        char directory[SYSFS_PATH];
        sysfs_join(directory, u->devices, node);
        sysfs_join(path, directory, "sampling_frequency");
        if (sysfs_exists(path))
            return true;
    }
    sysfs_join(path, u->device, "sampling_frequency");
    if (sysfs_exists(path))
        return true;
    sysfs_join(path, u->device, "in_voltage_sampling_frequency");
    return sysfs_exists(path);
}

/* "1000", "1000.5": thousandths of a hertz, without the decimal point of some locale. */
static int64_t millihertz(const char *text) {
    int64_t value = 0, unit = 1000;
    for (; isdigit((unsigned char)*text) && value < INT64_MAX / 100000; text++)
        value = value * 10 + (*text - '0') * 1000;
    if (*text == '.')
        for (text++; isdigit((unsigned char)*text); text++)
            value += (*text - '0') * (unit /= 10);
    return value;
}

static int refuse_rate(iio_setup *u, const char *path, int code) {
    char other[SYSFS_PATH + 16], list[SYSFS_VALUE];
    (void)snprintf(other, sizeof other, "%s_available", path);
    return source_refuse(u->files.error, u->files.size, -code, "cannot set %u Hz in %s: %s; it can do: %s", u->rate_hz, path, strerror(-code),
                         sysfs_get(other, list) > 0 ? list : "it does not say");
}

static int set_rate(iio_setup *u) {
    char path[SYSFS_PATH], wanted[16], now[SYSFS_VALUE];
    int64_t rate = (int64_t)u->rate_hz * 1000;
    if (!find_rate(u, path))
        return 0; /* the device has no say in its rate: the caller takes it as nominal */
    int code = sysfs_read(&u->files, path, now);
    if (code < 0 || millihertz(now) == rate)
        return code < 0 ? code : 0;
    (void)snprintf(wanted, sizeof wanted, "%u", u->rate_hz);
    code = sysfs_set(&u->files, path, wanted);
    if (code != 0)
        return refuse_rate(u, path, code);
    code = sysfs_read(&u->files, path, now);
    if (code >= 0 && llabs(millihertz(now) - rate) * 100 > rate)
        return source_refuse(u->files.error, u->files.size, EINVAL, "the rate is %s Hz in %s, but %u Hz were asked for; right is a rate_hz that the device can do",
                             now, path, u->rate_hz);
    return code < 0 ? code : 0;
}

/* Old kernels have no choice of clock and stamp with the wall clock: no error, the caller is told. */
static void set_clock(iio_setup *u) {
    char path[SYSFS_PATH], now[SYSFS_VALUE];
    sysfs_join(path, u->device, "current_timestamp_clock");
    if (!sysfs_exists(path))
        return;
    if (sysfs_set(&u->files, path, "monotonic") != 0 && u->files.size != 0)
        u->files.error[0] = '\0';
    u->monotonic = sysfs_get(path, now) >= 0 && strcmp(now, "monotonic") == 0;
}

/* ---------------------------------------------------------------- channels */

#define NOT_NUMBERED 0xfffffffeU

/* The number N of in_voltageN, in_currentN ...; a channel without a number stands alone and is 0. */
static uint32_t channel_number(const char *name) {
    const char *at = name + 3;
    while (isalpha((unsigned char)*at))
        at++;
    return isdigit((unsigned char)*at) ? (uint32_t)strtoul(at, NULL, 10) : *at == '\0' ? 0 : NOT_NUMBERED;
}

/* in_voltageN itself goes before other quantities and differences with the same number. */
static bool is_plain_voltage(const char *name) {
    const char *at = name + strlen("in_voltage");
    return strncmp(name, "in_voltage", strlen("in_voltage")) == 0 && at[strspn(at, "0123456789")] == '\0';
}

static int note_element(iio_setup *u, const char *file) {
    size_t length = strlen(file);
    if (length < 7 || strncmp(file, "in_", 3) != 0 || strcmp(file + length - 3, "_en") != 0)
        return 0;
    if (u->count == SCAN_ELEMENTS || length - 3 >= sizeof u->element[0].name)
        return source_refuse(u->files.error, u->files.size, E2BIG, "%s/%s: too many channels or too long a name", u->device, file);
    scan_element *e = &u->element[u->count++];
    *e = (scan_element){.channel = SCAN_UNWANTED};
    memcpy(e->name, file, length - 3);
    e->timestamp = strcmp(e->name, "in_timestamp") == 0;
    return 0;
}

static int list_elements(iio_setup *u) {
    char path[SYSFS_PATH];
    sysfs_join(path, u->device, u->elements);
    DIR *listing = opendir(path);
    if (listing == NULL)
        return source_refuse(u->files.error, u->files.size, errno, "cannot list %s: %s", path, strerror(errno));
    int code = 0;
    for (const struct dirent *e = readdir(listing); e != NULL && code == 0; e = readdir(listing))
        code = note_element(u, e->d_name);
    closedir(listing);
    return code;
}

static int match_channel(iio_setup *u, uint32_t channel) {
    uint32_t wanted = u->where->index[channel];
    scan_element *found = NULL;
    for (uint32_t i = 0; i < u->count; i++) {
        scan_element *e = &u->element[i];
        if (e->timestamp || channel_number(e->name) != wanted)
            continue;
        if (found != NULL && is_plain_voltage(found->name) == is_plain_voltage(e->name))
            return source_refuse(u->files.error, u->files.size, EINVAL, "input %u of %s may be %s or %s; it is not known which is meant", wanted, u->node,
                                 found->name, e->name);
        if (found == NULL || is_plain_voltage(e->name))
            found = e;
    }
    if (found == NULL)
        return source_refuse(u->files.error, u->files.size, ENODEV, "%s has no input %u that can be buffered: no in_voltage%u_en in %s/%s", u->node, wanted, wanted,
                             u->device, u->elements);
    found->channel = channel;
    return 0;
}

static void of_element(const iio_setup *u, const scan_element *e, const char *what, char *path) {
    char directory[SYSFS_PATH], file[80];
    sysfs_join(directory, u->device, u->elements);
    (void)snprintf(file, sizeof file, "%s_%s", e->name, what);
    sysfs_join(path, directory, file);
}

static int switch_elements(iio_setup *u, bool on) {
    for (uint32_t i = 0; i < u->count; i++) {
        char path[SYSFS_PATH];
        const scan_element *e = &u->element[i];
        if ((e->timestamp || e->channel != SCAN_UNWANTED) != on)
            continue;
        of_element(u, e, "en", path);
        int code = on ? sysfs_set_and_check(&u->files, path, "1") : sysfs_set(&u->files, path, "0");
        if (code != 0)
            return code;
    }
    return 0;
}

static int read_element(iio_setup *u, scan_element *e) {
    char path[SYSFS_PATH], text[SYSFS_VALUE], why[256];
    of_element(u, e, "index", path);
    int code = sysfs_number(&u->files, path, &e->index);
    if (code != 0)
        return code;
    of_element(u, e, "type", path);
    code = sysfs_read(&u->files, path, text);
    if (code < 0)
        return code;
    if (scan_type_parse(text, &e->type, why, sizeof why) != 0)
        return source_refuse(u->files.error, u->files.size, EINVAL, "%s: %s", path, why);
    if (e->timestamp && e->type.storage != 64)
        return source_refuse(u->files.error, u->files.size, EINVAL, "%s is \"%s\"; a timestamp has 64 bits", path, text);
    return 0;
}

/* Read what is on now, not what was asked for: a device may keep a channel on. What is off is not in the scan. */
static int read_elements(iio_setup *u) {
    uint32_t kept = 0;
    for (uint32_t i = 0; i < u->count; i++) {
        char path[SYSFS_PATH];
        uint32_t on = 0;
        of_element(u, &u->element[i], "en", path);
        int code = sysfs_number(&u->files, path, &on);
        if (code == 0 && on != 0)
            code = read_element(u, &u->element[i]);
        if (code != 0)
            return code;
        if (on != 0)
            u->element[kept++] = u->element[i];
    }
    u->count = kept;
    return 0;
}

static int choose_channels(iio_setup *u) {
    int code = scan_inputs_check(u->where->index, u->channels, 0x7fffffff, u->node, u->files.error, u->files.size);
    if (code == 0)
        code = list_elements(u);
    for (uint32_t i = 0; i < u->channels && code == 0; i++)
        code = match_channel(u, i);
    if (code == 0)
        code = switch_elements(u, false);
    if (code == 0)
        code = switch_elements(u, true);
    return code != 0 ? code : read_elements(u);
}

/* ---------------------------------------------------------------- buffer */

static int set_length(iio_setup *u) {
    char path[SYSFS_PATH], text[SYSFS_VALUE];
    uint32_t least = 2 * u->where->watermark, wanted = u->where->buffer_scans;
    if (u->where->watermark > 0x10000000)
        return source_refuse(u->files.error, u->files.size, EINVAL, "a watermark of %u scans is too long", u->where->watermark);
    if (wanted != 0 && wanted < least)
        return source_refuse(u->files.error, u->files.size, EINVAL, "a buffer of %u scans is too short for a watermark of %u; right is at least %u", wanted,
                             u->where->watermark, least);
    if (wanted == 0)
        wanted = 2 * u->rate_hz > least ? 2 * u->rate_hz : least;
    (void)snprintf(text, sizeof text, "%u", wanted);
    of_buffer(u, path, "length");
    int code = sysfs_set(&u->files, path, text);
    if (code != 0)
        return code;
    uint32_t now;
    code = sysfs_number(&u->files, path, &now);
    if (code != 0 || now >= wanted)
        return code;
    return source_refuse(u->files.error, u->files.size, EINVAL, "%s is %u scans after %u were written to it; ask for no longer buffer", path, now, wanted);
}

static int set_watermark(iio_setup *u) {
    char path[SYSFS_PATH], text[SYSFS_VALUE];
    if (u->where->watermark == 0)
        return 0;
    of_buffer(u, path, "watermark");
    (void)snprintf(text, sizeof text, "%u", u->where->watermark);
    return sysfs_set_and_check(&u->files, path, text);
}

/* ---------------------------------------------------------------- all of it */

static int place(iio_setup *u) {
    int bytes = scan_layout(u->element, u->count, u->files.error, u->files.size);
    u->bytes = bytes < 0 ? 0 : (uint32_t)bytes;
    return bytes < 0 ? bytes : 0;
}

int iio_setup_find(iio_setup *u) {
    sysfs_join(u->devices, u->where->sysfs_root[0] != '\0' ? u->where->sysfs_root : "/sys", "bus/iio/devices");
    int code = find_device(u);
    return code != 0 ? code : find_buffer(u);
}

int iio_setup_do(iio_setup *u) {
    int (*const steps[])(iio_setup *) = {set_trigger, set_rate, choose_channels, place, set_length, set_watermark};
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        int code = steps[i](u);
        if (code != 0)
            return code;
    }
    set_clock(u);
    return 0;
}
