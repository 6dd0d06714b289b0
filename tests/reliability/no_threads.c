/* A machine that has no more threads, and what a machine refuses: preloaded (LD_PRELOAD), for proofs alone.
 *
 * pthread_create fails with EAGAIN from the call on whose number stands in NO_THREADS_AFTER, or, where that is not set, as long as the file
 * NO_THREADS_WHILE is there. Each refusal, whoever refuses, is one letter in the file REFUSED_INTO: t a thread, m memory (malloc, calloc,
 * realloc, mmap), d a descriptor (EMFILE of accept4, openat and socket, by which the interpreter and sqlite get theirs). */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

extern void *__libc_malloc(size_t), *__libc_calloc(size_t, size_t), *__libc_realloc(void *, size_t);

static atomic_long made;
static atomic_int told = -1; /* opened at the start: later there may be no descriptor for it */

__attribute__((constructor)) static void begin(void)
{
    const char *file = getenv("REFUSED_INTO");
    if (file != NULL)
        told = (int)syscall(SYS_openat, AT_FDCWD, file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

static void refused(char what)
{
    int before = errno;
    if (told >= 0 && write(told, &what, 1) < 0)
        told = -1;
    errno = before;
}

static void *memory(void *found, size_t size)
{
    if (found == NULL && size > 0)
        refused('m');
    return found;
}

static int descriptor(int found)
{
    if (found < 0 && (errno == EMFILE || errno == ENFILE))
        refused('d');
    return found;
}

void *malloc(size_t size) { return memory(__libc_malloc(size), size); }
void *calloc(size_t count, size_t size) { return memory(__libc_calloc(count, size), count * size); }
void *realloc(void *before, size_t size) { return memory(__libc_realloc(before, size), size); }

void *mmap(void *at, size_t size, int may, int flags, int file, off_t offset)
{
    void *found = (void *)syscall(SYS_mmap, at, size, may, flags, file, offset);
    if (found == MAP_FAILED && errno == ENOMEM)
        refused('m');
    return found;
}

int accept4(int listener, struct sockaddr *address, socklen_t *length, int flags)
{
    return descriptor((int)syscall(SYS_accept4, listener, address, length, flags));
}

int socket(int family, int type, int protocol) { return descriptor((int)syscall(SYS_socket, family, type, protocol)); }

static int opened(int directory, const char *path, int flags, va_list more)
{
    mode_t mode = (flags & O_CREAT) || (flags & O_TMPFILE) == O_TMPFILE ? va_arg(more, mode_t) : 0;
    return descriptor((int)syscall(SYS_openat, directory, path, flags, mode));
}

#define OPENS(name, directory, ...) \
    int name(__VA_ARGS__, int flags, ...) \
    { \
        va_list more; \
        va_start(more, flags); \
        int found = opened(directory, path, flags, more); \
        va_end(more); \
        return found; \
    }
OPENS(open, AT_FDCWD, const char *path)
OPENS(open64, AT_FDCWD, const char *path)
OPENS(openat, directory, int directory, const char *path)

static int none_left(void)
{
    const char *after = getenv("NO_THREADS_AFTER"), *file = getenv("NO_THREADS_WHILE");
    if (after != NULL)
        return atomic_fetch_add(&made, 1) >= atol(after);
    return file != NULL && access(file, F_OK) == 0;
}

int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*work)(void *), void *argument)
{
    static int (*next)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
    if (next == NULL)
        next = (int (*)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *))dlsym(RTLD_NEXT, "pthread_create");
    int found = none_left() ? EAGAIN : next(thread, attributes, work, argument);
    if (found != 0)
        refused('t');
    return found;
}
