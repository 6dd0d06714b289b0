/* A bare loop of clock_nanosleep at absolute times: what a wake-up costs on this machine and how late it comes, with nothing
 * else in it. Compiled at run time by the benchmark of the sampling loop; the floor under its figures, and the stand-in for
 * cyclictest where that is not installed.
 *
 *     sampler_floor INTERVAL_NS WAKES PRIORITY CPU DMA_LATENCY_US SLACK_NS
 *
 * PRIORITY 0 is SCHED_OTHER, CPU -1 any; DMA_LATENCY_US -1 and SLACK_NS 0 leave these alone. Prints the CPU time of the thread
 * and the wakes on one line, then the histogram of the lateness as cyclictest does: nanoseconds and how often, rounded down
 * to 100 ns, and how many lie beyond. Overslept wakes are left out, as the sampling loop does. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#define SECOND 1000000000
#define BUCKET_NS 100
#define BUCKETS 5000 /* up to 0.5 ms */

static uint64_t histogram[BUCKETS + 1];

static int64_t now_of(clockid_t clock) {
    struct timespec now;
    if (clock_gettime(clock, &now) != 0) abort();
    return (int64_t)now.tv_sec * SECOND + now.tv_nsec;
}

static int refused(const char *what) {
    fprintf(stderr, "%s: %s\n", what, strerror(errno));
    return 1;
}

static int prepare(int priority, int cpu, int32_t dma_latency_us, unsigned long slack_ns) {
    struct sched_param wanted = {.sched_priority = priority};
    cpu_set_t where;
    CPU_ZERO(&where);
    if (cpu >= 0) CPU_SET((unsigned)cpu, &where);
    if (cpu >= 0 && sched_setaffinity(0, sizeof where, &where) != 0) return refused("affinity");
    if (slack_ns != 0 && prctl(PR_SET_TIMERSLACK, slack_ns) != 0) return refused("timer slack");
    if (priority > 0 && sched_setscheduler(0, SCHED_FIFO, &wanted) != 0) return refused("priority");
    if (priority > 0 && mlockall(MCL_CURRENT | MCL_FUTURE) != 0) return refused("memory");
    if (dma_latency_us < 0) return 0;
    int held = open("/dev/cpu_dma_latency", O_WRONLY); /* in force until the end of the process */
    return held < 0 || write(held, &dma_latency_us, sizeof dma_latency_us) < 0 ? refused("/dev/cpu_dma_latency") : 0;
}

static uint64_t run(int64_t interval_ns, uint64_t wakes) {
    uint64_t taken = 0;
    int64_t origin = now_of(CLOCK_MONOTONIC);
    for (uint64_t turn = 1; turn <= wakes; turn++) {
        int64_t due = origin + (int64_t)turn * interval_ns;
        struct timespec at = {.tv_sec = due / SECOND, .tv_nsec = due % SECOND};
        while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL) == EINTR) continue;
        int64_t late = now_of(CLOCK_MONOTONIC) - due;
        histogram[late < 0 ? 0 : late < (int64_t)BUCKETS * BUCKET_NS ? late / BUCKET_NS : BUCKETS]++;
        taken++;
        turn += late > 0 ? (uint64_t)(late / interval_ns) : 0;
    }
    return taken;
}

int main(int count, char **words) {
    if (count != 7) {
        fprintf(stderr, "usage: %s INTERVAL_NS WAKES PRIORITY CPU DMA_LATENCY_US SLACK_NS\n", words[0]);
        return 2;
    }
    if (prepare(atoi(words[3]), atoi(words[4]), atoi(words[5]), strtoul(words[6], NULL, 10)) != 0) return 1;
    int64_t used = now_of(CLOCK_THREAD_CPUTIME_ID);
    uint64_t wakes = run(strtoll(words[1], NULL, 10), strtoull(words[2], NULL, 10));
    used = now_of(CLOCK_THREAD_CPUTIME_ID) - used;
    printf("%lld %llu\n", (long long)used, (unsigned long long)wakes);
    for (uint64_t bucket = 0; bucket < BUCKETS; bucket++)
        if (histogram[bucket] != 0)
            printf("%llu %llu\n", (unsigned long long)bucket * BUCKET_NS, (unsigned long long)histogram[bucket]);
    printf("# Histogram Overflows: %llu\n", (unsigned long long)histogram[BUCKETS]);
    return 0;
}
