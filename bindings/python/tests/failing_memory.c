/* Loaded before libc: one allocation of more than so many bytes fails, counted from 1. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

static size_t above = SIZE_MAX;
static long left;

/* Arms it, with `at` above 0, or disarms it; returns how many of the counted ones are left. */
long fail_memory(size_t size, long at) {
    long before = left;
    left = at;
    above = at > 0 ? size : SIZE_MAX;
    return before;
}

static int fails(size_t size) {
    if (size <= above || left <= 0)
        return 0;
    return --left == 0;
}

extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t);

static void *none(void) {
    errno = ENOMEM;
    return NULL;
}

void *malloc(size_t size) { return fails(size) ? none() : __libc_malloc(size); }

void *calloc(size_t count, size_t size) {
    size_t whole;
    if (__builtin_mul_overflow(count, size, &whole))
        return none();
    return fails(whole) ? none() : __libc_calloc(count, size);
}

void *realloc(void *old, size_t size) { return fails(size) ? none() : __libc_realloc(old, size); }

void *memalign(size_t alignment, size_t size) {
    return fails(size) ? none() : __libc_memalign(alignment, size);
}

void *aligned_alloc(size_t alignment, size_t size) { return memalign(alignment, size); }

int posix_memalign(void **out, size_t alignment, size_t size) {
    void *found = memalign(alignment, size);
    if (found == NULL)
        return ENOMEM;
    *out = found;
    return 0;
}
