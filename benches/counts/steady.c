/*
 * The same in every run, where it would differ between runs and decide how many instructions are needed:
 * time, chance and where memory is found. It takes the place of libc's, in the program that is counted.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

/*
 * Advances the coarse clocks by a microsecond at each reading, instead of by the time that has passed: what
 * the library does once in a millisecond is then done equally often in each run, however slow the machine is.
 */
int clock_gettime(clockid_t clock, struct timespec *time) {
    static int (*real)(clockid_t, struct timespec *);
    static _Thread_local struct timespec coarse[2];
    if (real == NULL) {
        *(void **)&real = dlsym(RTLD_NEXT, "clock_gettime");
        if (real == NULL)
            abort();
    }
    if (clock != CLOCK_MONOTONIC_COARSE && clock != CLOCK_REALTIME_COARSE)
        return real(clock, time);
    struct timespec *now = &coarse[clock == CLOCK_REALTIME_COARSE];
    if (now->tv_sec == 0 && real(clock, now) != 0)
        return -1;
    now->tv_nsec += 1000;
    if (now->tv_nsec >= 1000000000) {
        now->tv_nsec -= 1000000000;
        now->tv_sec += 1;
    }
    *time = *now;
    return 0;
}

/* Gives the same bytes each time: hash tables then have the same order. */
ssize_t getrandom(void *to, size_t size, unsigned flags) {
    (void)flags;
    memset(to, 0x5a, size);
    return (ssize_t)size;
}
