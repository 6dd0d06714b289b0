/* A machine whose clock nobody has set, whose names nobody resolves: loaded before the C library with LD_PRELOAD.
 *
 * ODD_UTC=S        the time of day began with S seconds after 1970 when this process began
 * ODD_NAMES=hang   whoever asks for the address of a name waits for ever; addresses in numbers are as they are
 *
 * The monotonic clocks, and all else, are those of the machine. adjtimex(2) then says that nothing keeps the clock right.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <sys/timex.h>
#include <time.h>
#include <unistd.h>

typedef int (*clock_call)(clockid_t, struct timespec *);
typedef int (*names_call)(const char *, const char *, const struct addrinfo *, struct addrinfo **);

static clock_call real_clock(void)
{
    static clock_call call;
    if (call == NULL)
        call = (clock_call)dlsym(RTLD_NEXT, "clock_gettime");
    return call;
}

int clock_gettime(clockid_t clock, struct timespec *now)
{
    static struct timespec began;
    const char *utc = getenv("ODD_UTC");
    if (utc == NULL || (clock != CLOCK_REALTIME && clock != CLOCK_REALTIME_COARSE))
        return real_clock()(clock, now);
    if (began.tv_sec == 0)
        real_clock()(CLOCK_MONOTONIC, &began);
    real_clock()(CLOCK_MONOTONIC, now);
    now->tv_sec += atol(utc) - began.tv_sec;
    return 0;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone)
{
    struct timespec exact;
    (void)zone;
    clock_gettime(CLOCK_REALTIME, &exact);
    now->tv_sec = exact.tv_sec;
    now->tv_usec = exact.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *place)
{
    struct timespec exact;
    clock_gettime(CLOCK_REALTIME, &exact);
    if (place != NULL)
        *place = exact.tv_sec;
    return exact.tv_sec;
}

int adjtimex(struct timex *state)
{
    memset(state, 0, sizeof *state);
    state->status = STA_UNSYNC;
    return TIME_ERROR;
}

int ntp_adjtime(struct timex *state)
{
    return adjtimex(state);
}

int clock_adjtime(clockid_t clock, struct timex *state)
{
    (void)clock;
    return adjtimex(state);
}

int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints, struct addrinfo **found)
{
    names_call real = (names_call)dlsym(RTLD_NEXT, "getaddrinfo");
    const char *names = getenv("ODD_NAMES");
    if (names != NULL && name != NULL && strspn(name, "0123456789abcdef.:") != strlen(name))
        for (;;)
            pause();
    return real(name, service, hints, found);
}
