/* sysfs.h: attributes of devices in sysfs (or in a tree that stands for it in tests): read, set, checked, put back.
 *
 * What it is not: it is not for the sampling thread; it opens files and allocates. */
#ifndef STATIOND_SYSFS_H
#define STATIOND_SYSFS_H

#include <stdbool.h>
#include <stdint.h>

#define SYSFS_PATH 1024       /* longest path that is made */
#define SYSFS_VALUE 128       /* longest value of an attribute that is looked at */

typedef struct sysfs_undo sysfs_undo;

/* Where sentences go, and what was changed so far. */
typedef struct {
    char *error;
    uint32_t size;
    sysfs_undo *changed;
} sysfs;

/* directory/name; too long becomes "", which is no file. */
void sysfs_join(char *path, const char *directory, const char *name);
bool sysfs_exists(const char *path);

/* The first line of a file into SYSFS_VALUE bytes; its length, or -errno, without a sentence. */
int sysfs_get(const char *path, char *value);

/* Write a value; 0 or -errno, without a sentence and without a way back. */
int sysfs_put(const char *path, const char *value);

/* The same with a sentence. sysfs_set remembers the old value, and sysfs_set_and_check reads the new one back. */
int sysfs_read(sysfs *f, const char *path, char *value);
int sysfs_number(sysfs *f, const char *path, uint32_t *number);
int sysfs_set(sysfs *f, const char *path, const char *value);
int sysfs_set_and_check(sysfs *f, const char *path, const char *value);

/* Put everything back that was changed, the last change first, and free the list. */
void sysfs_put_back(sysfs_undo *changed);

#endif
