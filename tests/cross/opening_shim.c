/* Intercepts a program's calls of the system, for files below one directory.
 *
 * SHIM_DIRECTORY  the directory
 * SHIM_KILL_AT    the number of the call, from 1, before which the process is killed
 * SHIM_HALF       if that call writes: it is killed when half is written
 * SHIM_TELL       a descriptor that gets a byte when a lock of fcntl is first found taken
 * SHIM_STATFS     the type, in hexadecimal, that file systems are said to have: all of them, or
 * SHIM_STATFS_UNDER  those below this path */
#define _GNU_SOURCE

#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/vfs.h>
#include <unistd.h>

static long number(const char *name, int base) {
    const char *text = getenv(name);
    return text ? strtol(text, NULL, base) : -1;
}

static int below(const char *path) {
    const char *directory = getenv("SHIM_DIRECTORY");
    return directory && strncmp(path, directory, strlen(directory)) == 0;
}

static int is_ours(int fd) {
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    long length = syscall(SYS_readlinkat, AT_FDCWD, link, path, sizeof path - 1);
    if (length < 0)
        return 0;
    path[length] = 0;
    return below(path);
}

/* Whether the process must end at this call. */
static int is_last(int ours) {
    static long calls;
    return ours && __atomic_add_fetch(&calls, 1, __ATOMIC_SEQ_CST) == number("SHIM_KILL_AT", 10);
}

static void step(int ours) {
    if (is_last(ours))
        kill(getpid(), SIGKILL);
}

/* The part of a write that is done before the end, if it comes here. */
static int ends_here(int fd) {
    int last = is_last(is_ours(fd));
    if (last && !getenv("SHIM_HALF"))
        kill(getpid(), SIGKILL);
    return last;
}

static int open_at(const char *path, int flags, mode_t mode) {
    step(below(path));
    return (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}

#define OPEN(name)                                                                                           \
    int name(const char *path, int flags, ...) {                                                             \
        va_list arguments;                                                                                   \
        va_start(arguments, flags);                                                                          \
        mode_t mode = flags & O_CREAT ? va_arg(arguments, mode_t) : 0;                                       \
        va_end(arguments);                                                                                   \
        return open_at(path, flags, mode);                                                                   \
    }

OPEN(open)
OPEN(open64)

int mkdir(const char *path, mode_t mode) {
    step(below(path));
    return (int)syscall(SYS_mkdirat, AT_FDCWD, path, mode);
}

int unlink(const char *path) {
    step(below(path));
    return (int)syscall(SYS_unlinkat, AT_FDCWD, path, 0);
}

int close(int fd) {
    step(is_ours(fd));
    return (int)syscall(SYS_close, fd);
}

int ftruncate(int fd, off_t length) {
    step(is_ours(fd));
    return (int)syscall(SYS_ftruncate, fd, length);
}

int ftruncate64(int fd, off64_t length) { return ftruncate(fd, length); }

int fallocate(int fd, int mode, off_t at, off_t length) {
    step(is_ours(fd));
    return (int)syscall(SYS_fallocate, fd, mode, at, length);
}

int fallocate64(int fd, int mode, off64_t at, off64_t length) { return fallocate(fd, mode, at, length); }

int fsync(int fd) {
    step(is_ours(fd));
    return (int)syscall(SYS_fsync, fd);
}

int fdatasync(int fd) {
    step(is_ours(fd));
    return (int)syscall(SYS_fdatasync, fd);
}

ssize_t pwrite(int fd, const void *from, size_t count, off_t at) {
    if (ends_here(fd)) {
        syscall(SYS_pwrite64, fd, from, count / 2 + count / 16, at);
        kill(getpid(), SIGKILL);
    }
    return syscall(SYS_pwrite64, fd, from, count, at);
}

ssize_t pwrite64(int fd, const void *from, size_t count, off64_t at) { return pwrite(fd, from, count, at); }

ssize_t writev(int fd, const struct iovec *from, int count) {
    if (ends_here(fd)) {
        syscall(SYS_write, fd, from->iov_base, from->iov_len / 2);
        kill(getpid(), SIGKILL);
    }
    return syscall(SYS_writev, fd, from, count);
}

void *mmap(void *at, size_t length, int protection, int flags, int fd, off_t offset) {
    step(fd >= 0 && is_ours(fd));
    return (void *)syscall(SYS_mmap, at, length, protection, flags, fd, offset);
}

void *mmap64(void *at, size_t length, int protection, int flags, int fd, off64_t offset) {
    return mmap(at, length, protection, flags, fd, offset);
}

static int control(int fd, int command, long argument) {
    long tell = number("SHIM_TELL", 10);
    static int told;
    step(is_ours(fd));
    int outcome = (int)syscall(SYS_fcntl, fd, command, argument);
    if (command == F_GETLK && outcome == 0 && ((struct flock *)argument)->l_type != F_UNLCK && tell >= 0 &&
        is_ours(fd) && !__atomic_exchange_n(&told, 1, __ATOMIC_SEQ_CST) &&
        syscall(SYS_write, tell, "w", 1) != 1)
        abort();
    return outcome;
}

#define FCNTL(name)                                                                                          \
    int name(int fd, int command, ...) {                                                                     \
        va_list arguments;                                                                                   \
        va_start(arguments, command);                                                                        \
        long argument = va_arg(arguments, long);                                                             \
        va_end(arguments);                                                                                   \
        return control(fd, command, argument);                                                               \
    }

FCNTL(fcntl)
FCNTL(fcntl64)

int statfs(const char *path, struct statfs *into) {
    long kind = number("SHIM_STATFS", 16);
    int rc = (int)syscall(SYS_statfs, path, into);
    const char *under = getenv("SHIM_STATFS_UNDER");
    if (rc == 0 && kind >= 0 && (!under || strncmp(path, under, strlen(under)) == 0))
        into->f_type = kind;
    return rc;
}

int statfs64(const char *path, struct statfs64 *into) { return statfs(path, (struct statfs *)into); }
