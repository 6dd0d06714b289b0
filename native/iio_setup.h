/* iio_setup.h: how an IIO device is found and set up through sysfs before its buffer is read. See source_iio.c. */
#ifndef STATIOND_IIO_SETUP_H
#define STATIOND_IIO_SETUP_H

#include "scan_type.h"
#include "source.h"
#include "sysfs.h"

typedef struct {
    sysfs files;
    const sampler_source *where;
    uint32_t channels, rate_hz;
    char devices[SYSFS_PATH]; /* directory of all devices */
    char device[SYSFS_PATH];  /* and of this one */
    char node[64];            /* "iio:device0" */
    const char *buffer;       /* directory of the buffer: "buffer0", or "buffer" before Linux 5.11 */
    const char *elements;     /* and of the channels: the same, or "scan_elements" */
    bool monotonic;           /* out: its timestamps are of CLOCK_MONOTONIC */
    uint32_t count;           /* out: elements of a scan, in the order of the scan, and its bytes */
    uint32_t bytes;
    scan_element element[SCAN_ELEMENTS];
} iio_setup;

/* Find the device and its buffer, by reading alone; 0, or -errno with a sentence. */
int iio_setup_find(iio_setup *u);

/* Stop the buffer, which the caller must have for itself. `enable` is the path of its switch (SYSFS_PATH bytes), empty when it
 * could not be stopped, and `running` whether it ran: it is for the caller to put that back. 0, or -errno with a sentence. */
int iio_setup_stop(const iio_setup *u, char *enable, bool *running);

/* Do all the rest but start the buffer; 0, or -errno with a sentence. What was changed is in files.changed in both cases. */
int iio_setup_do(iio_setup *u);

#endif
