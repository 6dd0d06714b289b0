/* A machine that has no more threads: preloaded (LD_PRELOAD), pthread_create fails with EAGAIN from the call on whose number stands in
 * NO_THREADS_AFTER, or, where that is not set, as long as the file NO_THREADS_WHILE is there. For proofs alone. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

static atomic_long made;

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
    return none_left() ? EAGAIN : next(thread, attributes, work, argument);
}
