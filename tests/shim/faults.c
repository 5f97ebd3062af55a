/* Storage that fails: loaded before the C library (LD_PRELOAD), it replaces the calls that write and sync.
 *
 * faults_arm selects a file, the call on it that fails, counted from 1, and how; faults_disarm makes all
 * calls work again and returns their number. */
#define _GNU_SOURCE

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

/* Instead of an errno: half is written, which is not an error to the system. A sync gives EIO. */
enum { SHORT = -1 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct stat target;
static long fails_at, calls;
static int fails_with, lasts;

int faults_arm(const char *path, long at, int with, int lasting) {
    int rc;
    pthread_mutex_lock(&lock);
    rc = stat(path, &target);
    fails_at = rc ? 0 : at;
    fails_with = with;
    lasts = lasting;
    calls = 0;
    pthread_mutex_unlock(&lock);
    return rc;
}

long faults_disarm(void) {
    long seen;
    pthread_mutex_lock(&lock);
    fails_at = 0;
    seen = calls;
    pthread_mutex_unlock(&lock);
    return seen;
}

/* 0: the call is executed. */
static int fault(int fd) {
    struct stat info;
    int with = 0, saved = errno;
    pthread_mutex_lock(&lock);
    if (fails_at && fstat(fd, &info) == 0 && info.st_dev == target.st_dev && info.st_ino == target.st_ino) {
        calls++;
        if (calls == fails_at || (lasts && calls > fails_at))
            with = fails_with;
    }
    pthread_mutex_unlock(&lock);
    errno = saved;
    return with;
}

static void *next(const char *name) {
    void *found = dlsym(RTLD_NEXT, name);
    if (!found)
        abort();
    return found;
}

#define NEXT(type, name) ((type)(size_t)next(name))

ssize_t pwrite(int fd, const void *data, size_t size, off_t at) {
    int with = fault(fd);
    if (with > 0) {
        errno = with;
        return -1;
    }
    return NEXT(ssize_t(*)(int, const void *, size_t, off_t), "pwrite")(fd, data, with ? size / 2 : size, at);
}

ssize_t pwrite64(int fd, const void *data, size_t size, off64_t at) {
    int with = fault(fd);
    if (with > 0) {
        errno = with;
        return -1;
    }
    return NEXT(ssize_t(*)(int, const void *, size_t, off64_t), "pwrite64")(fd, data, with ? size / 2 : size,
                                                                            at);
}

ssize_t write(int fd, const void *data, size_t size) {
    int with = fault(fd);
    if (with > 0) {
        errno = with;
        return -1;
    }
    return NEXT(ssize_t(*)(int, const void *, size_t), "write")(fd, data, with ? size / 2 : size);
}

ssize_t writev(int fd, const struct iovec *parts, int count) {
    int with = fault(fd);
    if (with > 0) {
        errno = with;
        return -1;
    }
    /* LMDB calls this for two parts and more. */
    return NEXT(ssize_t(*)(int, const struct iovec *, int), "writev")(fd, parts, with ? count - 1 : count);
}

ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t at) {
    int with = fault(fd);
    if (with > 0 || (with && count == 1)) {
        errno = with > 0 ? with : EIO;
        return -1;
    }
    return NEXT(ssize_t(*)(int, const struct iovec *, int, off_t), "pwritev")(fd, parts,
                                                                              with ? count - 1 : count, at);
}

int fsync(int fd) {
    int with = fault(fd);
    if (with) {
        errno = with > 0 ? with : EIO;
        return -1;
    }
    return NEXT(int (*)(int), "fsync")(fd);
}

int fdatasync(int fd) {
    int with = fault(fd);
    if (with) {
        errno = with > 0 ? with : EIO;
        return -1;
    }
    return NEXT(int (*)(int), "fdatasync")(fd);
}
