/* The wall clock of one process, as a test wants it: preloaded (ld.so(8)), it takes the place of three functions of the C library.
 *
 * An offset, a rate and whether the clock counts as synchronised stand in a small file that is mapped, so that a change is there at once and a
 * question costs nothing. Only CLOCK_REALTIME moves; the monotonic clock, timers and waits are the machine's own. (libfaketime 0.9.10 changes
 * waits on the monotonic clock too, even when told to leave it alone; a daemon with a loop of 1 kHz does not run under it.)
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/timex.h>
#include <time.h>
#include <unistd.h>

typedef struct {
    _Atomic int64_t offset_ns;
    _Atomic int64_t since_ns; /* of the machine's wall clock: from then on the rate holds */
    _Atomic int64_t rate_ppm; /* parts in a million faster; 0 is right */
    _Atomic int64_t says; /* of being synchronised: 0 what the machine says, 1 no, 2 yes */
} wall;

static wall *shown;
static int (*real_gettime)(clockid_t, struct timespec *);

__attribute__((constructor)) static void open_file(void) {
    real_gettime = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
    const char *path = getenv("HIL_WALL_CLOCK");
    int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (file < 0) return;
    void *at = mmap(NULL, sizeof(wall), PROT_READ, MAP_SHARED, file, 0);
    if (at != MAP_FAILED) shown = at;
    close(file);
}

static int64_t faked(int64_t now_ns) {
    if (!shown) return now_ns;
    int64_t passed_us = (now_ns - shown->since_ns) / 1000;
    return now_ns + shown->offset_ns + passed_us * shown->rate_ppm / 1000;
}

int clock_gettime(clockid_t clock, struct timespec *t) {
    if (!real_gettime) real_gettime = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
    int done = real_gettime(clock, t);
    if (done == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) {
        int64_t ns = faked((int64_t)t->tv_sec * 1000000000 + t->tv_nsec);
        t->tv_sec = ns / 1000000000;
        t->tv_nsec = ns % 1000000000;
    }
    return done;
}

int gettimeofday(struct timeval *restrict t, void *restrict zone) {
    struct timespec now;
    (void)zone;
    if (clock_gettime(CLOCK_REALTIME, &now) != 0) return -1;
    t->tv_sec = now.tv_sec;
    t->tv_usec = now.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *to) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (to) *to = now.tv_sec;
    return now.tv_sec;
}

int adjtimex(struct timex *t) {
    int (*real)(struct timex *) = (int (*)(struct timex *))dlsym(RTLD_NEXT, "adjtimex");
    int state = real(t);
    if (!shown || shown->says == 0) return state;
    if (shown->says == 1) {
        t->status |= STA_UNSYNC;
        return TIME_ERROR;
    }
    t->status &= ~STA_UNSYNC;
    t->esterror = t->maxerror = 1000; /* microseconds */
    return TIME_OK;
}
