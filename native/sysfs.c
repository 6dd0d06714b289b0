/* sysfs.c: see sysfs.h. */
#define _GNU_SOURCE 1
#include "sysfs.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "source.h"

struct sysfs_undo {
    sysfs_undo *next;
    char path[SYSFS_PATH], value[SYSFS_VALUE];
};

void sysfs_join(char *path, const char *directory, const char *name) {
    if (snprintf(path, SYSFS_PATH, "%s/%s", directory, name) >= SYSFS_PATH)
        path[0] = '\0'; /* too long: no such file, which is what the caller then reports */
}

int sysfs_get(const char *path, char *value) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    ssize_t n;
    do
        n = read(fd, value, SYSFS_VALUE - 1);
    while (n < 0 && errno == EINTR);
    int code = n < 0 ? -errno : 0;
    close(fd);
    if (code != 0)
        return code;
    value[n] = '\0';
    value[strcspn(value, "\n")] = '\0';
    return (int)strlen(value);
}

int sysfs_put(const char *path, const char *value) {
    const char *text = value[0] != '\0' ? value : "\n"; /* nothing at all would not reach the device */
    int fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    ssize_t n;
    do
        n = write(fd, text, strlen(text));
    while (n < 0 && errno == EINTR);
    int code = n < 0 ? -errno : n == (ssize_t)strlen(text) ? 0 : -EIO;
    if (close(fd) != 0 && code == 0)
        code = -errno;
    return code;
}

bool sysfs_exists(const char *path) {
    return access(path, F_OK) == 0;
}

int sysfs_read(sysfs *f, const char *path, char *value) {
    int code = sysfs_get(path, value);
    return code >= 0 ? code : source_refuse(f->error, f->size, -code, "cannot read %s: %s", path, strerror(-code));
}

/* An attribute that cannot be read is not set: it could not be put back. */
int sysfs_set(sysfs *f, const char *path, const char *value) {
    char old[SYSFS_VALUE];
    int code = sysfs_read(f, path, old);
    if (code < 0)
        return code;
    if (strcmp(old, value) == 0)
        return 0;
    sysfs_undo *entry = calloc(1, sizeof *entry);
    if (entry == NULL)
        return source_refuse(f->error, f->size, ENOMEM, "no memory to remember %s", path);
    memcpy(entry->path, path, strlen(path));
    memcpy(entry->value, old, strlen(old));
    entry->next = f->changed;
    f->changed = entry;
    code = sysfs_put(path, value);
    if (code != 0)
        return source_refuse(f->error, f->size, -code, "cannot write \"%s\" to %s, which is \"%s\": %s", value, path, old, strerror(-code));
    return 0;
}

int sysfs_set_and_check(sysfs *f, const char *path, const char *value) {
    char now[SYSFS_VALUE];
    int code = sysfs_set(f, path, value);
    if (code != 0)
        return code;
    code = sysfs_read(f, path, now);
    if (code < 0)
        return code;
    if (strcmp(now, value) != 0)
        return source_refuse(f->error, f->size, EIO, "%s is \"%s\" after \"%s\" was written to it; the device does not take this value", path,
                             now, value);
    return 0;
}

/* Twice where something failed: a watermark is refused while the buffer is too short for it, and its length comes later. What
 * fails again, as on a device that is gone, cannot be put back. */
void sysfs_put_back(sysfs_undo *changed) {
    int code = 0;
    for (const sysfs_undo *entry = changed; entry != NULL; entry = entry->next)
        code |= sysfs_put(entry->path, entry->value);
    for (const sysfs_undo *entry = changed; entry != NULL && code != 0; entry = entry->next)
        (void)sysfs_put(entry->path, entry->value);
    while (changed != NULL) {
        sysfs_undo *entry = changed;
        changed = entry->next;
        free(entry);
    }
}

int sysfs_number(sysfs *f, const char *path, uint32_t *number) {
    char text[SYSFS_VALUE], *end = text;
    int code = sysfs_read(f, path, text);
    if (code < 0)
        return code;
    errno = 0;
    unsigned long value = strtoul(text, &end, 10);
    if (errno != 0 || !isdigit((unsigned char)text[0]) || *end != '\0' || value > 0x7fffffff)
        return source_refuse(f->error, f->size, EINVAL, "%s is \"%s\"; right is a whole number", path, text);
    *number = (uint32_t)value;
    return 0;
}

