/* A disk that fails when it is told to: preloaded (LD_PRELOAD), it stands between a program and the C library.
 *
 * Every call on a file whose path contains FAILING_DISK (an environment variable) is counted: open, read, write, sync, truncate,
 * rename, unlink. failing_disk_arm(n, error, count) lets the n-th call from now on, and the count - 1 after it, fail with
 * errno = error; failing_disk_arm(0, 0, 0) repairs the disk. A call may also hang: see failing_disk_hang. For tests and benchmarks
 * alone.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

#define MOST_FILES 4096
#define HANG_PIECE_MS 10

static atomic_uchar watched[MOST_FILES];
static atomic_long calls, first_failing, failing_calls, hang_ms, directory_syncs;
static atomic_int error_number;

void failing_disk_arm(long n, int error, long count)
{
    atomic_store(&first_failing, 0);
    atomic_store(&calls, 0);
    atomic_store(&error_number, error);
    atomic_store(&failing_calls, count);
    atomic_store(&first_failing, n);
}

/* How many syncs of directories went well, since the start of the program: without one a rename need not outlast a power cut. */
long failing_disk_directory_syncs(void)
{
    return atomic_load(&directory_syncs);
}

/* Let every sync take so long; 0 ends it, also for those that have begun. */
void failing_disk_hang(long milliseconds)
{
    atomic_store(&hang_ms, milliseconds);
}

long failing_disk_calls(void)
{
    return atomic_load(&calls);
}

static int path_is_watched(const char *path)
{
    const char *part = getenv("FAILING_DISK");
    return part != NULL && *part != '\0' && path != NULL && strstr(path, part) != NULL;
}

static int fd_is_watched(int fd)
{
    return fd >= 0 && fd < MOST_FILES && atomic_load(&watched[fd]);
}

/* Count a call; true, with errno set, when it is to fail. */
static int fails(void)
{
    long call = atomic_fetch_add(&calls, 1) + 1;
    long first = atomic_load(&first_failing);
    if (first == 0 || call < first || call - first >= atomic_load(&failing_calls))
        return 0;
    errno = atomic_load(&error_number);
    return 1;
}

/* In small pieces, so that a disk that goes on again also ends the syncs that hang already. */
static void hang(void)
{
    struct timespec piece = {0, HANG_PIECE_MS * 1000000};
    for (long passed = 0; passed < atomic_load(&hang_ms); passed += HANG_PIECE_MS)
        nanosleep(&piece, NULL);
}

static void note_sync(int fd)
{
    struct stat found;
    if (fstat(fd, &found) == 0 && S_ISDIR(found.st_mode))
        atomic_fetch_add(&directory_syncs, 1);
}

static int note(int fd, const char *path)
{
    if (fd >= 0 && fd < MOST_FILES)
        atomic_store(&watched[fd], (unsigned char)path_is_watched(path));
    return fd;
}

#define NEXT(type, name) \
    static type (*next)(); \
    if (next == NULL) \
        next = (type (*)())dlsym(RTLD_NEXT, name)

#define OPEN(name) \
    int name(const char *path, int flags, ...) \
    { \
        NEXT(int, #name); \
        mode_t mode = 0; \
        if (flags & (O_CREAT | O_TMPFILE)) { \
            va_list rest; \
            va_start(rest, flags); \
            mode = va_arg(rest, mode_t); \
            va_end(rest); \
        } \
        if (path_is_watched(path) && fails()) \
            return -1; \
        return note(next(path, flags, mode), path); \
    }

#define ON_FILE(type, name, parameters, arguments) \
    type name parameters \
    { \
        NEXT(type, #name); \
        if (fd_is_watched(fd) && fails()) \
            return -1; \
        return next arguments; \
    }

#define SYNC(name) \
    int name(int fd) \
    { \
        NEXT(int, #name); \
        if (fd_is_watched(fd)) { \
            hang(); \
            if (fails()) \
                return -1; \
            note_sync(fd); \
        } \
        return next(fd); \
    }

OPEN(open)
OPEN(open64)
ON_FILE(ssize_t, read, (int fd, void *buffer, size_t size), (fd, buffer, size))
ON_FILE(ssize_t, write, (int fd, const void *buffer, size_t size), (fd, buffer, size))
ON_FILE(ssize_t, pread, (int fd, void *buffer, size_t size, off_t at), (fd, buffer, size, at))
ON_FILE(ssize_t, pread64, (int fd, void *buffer, size_t size, off64_t at), (fd, buffer, size, at))
ON_FILE(ssize_t, pwrite, (int fd, const void *buffer, size_t size, off_t at), (fd, buffer, size, at))
ON_FILE(ssize_t, pwrite64, (int fd, const void *buffer, size_t size, off64_t at), (fd, buffer, size, at))
ON_FILE(int, ftruncate, (int fd, off_t size), (fd, size))
ON_FILE(int, ftruncate64, (int fd, off64_t size), (fd, size))
SYNC(fsync)
SYNC(fdatasync)

int close(int fd)
{
    NEXT(int, "close");
    if (fd >= 0 && fd < MOST_FILES)
        atomic_store(&watched[fd], 0);
    return next(fd);
}

int rename(const char *from, const char *to)
{
    NEXT(int, "rename");
    if (path_is_watched(from) && fails())
        return -1;
    return next(from, to);
}

int unlink(const char *path)
{
    NEXT(int, "unlink");
    if (path_is_watched(path) && fails())
        return -1;
    return next(path);
}
