/* Loaded before libc: counts the calls that wait for stable storage. */
#define _GNU_SOURCE
#include <dlfcn.h>

static int waits;

int count_syncs(void) { return waits; }

int fdatasync(int file) {
    int (*next)(int) = (int (*)(int))dlsym(RTLD_NEXT, "fdatasync");
    waits++;
    return next(file);
}

int fsync(int file) {
    int (*next)(int) = (int (*)(int))dlsym(RTLD_NEXT, "fsync");
    waits++;
    return next(file);
}
