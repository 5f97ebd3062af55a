/*
 * Memory, found in as many instructions whatever was allocated before: blocks whose sizes are powers of two,
 * and for each size and thread a list of those that are free. It takes the place of libc's in the program
 * that is counted, where the time that an allocation takes depends on all those before it. Memory is not
 * given back to the system.
 */
#define _DEFAULT_SOURCE
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* Stands before each block. */
struct head {
    /* The block has 2^size bytes, this head among them. */
    size_t size;
    /* From where the block begins to where this head begins: not 0 where more alignment was asked for. */
    size_t offset;
};

struct list {
    struct list *next;
};

enum { LEAST = 6, SIZES = 48, FRESH = 1 << 20 };
#define STEADY static _Thread_local __attribute__((tls_model("initial-exec")))
STEADY struct list *lists[SIZES];
/* What was mapped and not yet handed out. */
STEADY char *fresh, *fresh_end;

static void *map(size_t bytes) {
    void *made = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return made == MAP_FAILED ? NULL : made;
}

static void *take(size_t size) {
    struct list *free_one = lists[size];
    if (free_one != NULL) {
        lists[size] = free_one->next;
        return free_one;
    }
    size_t bytes = (size_t)1 << size;
    if (bytes > FRESH / 4)
        return map(bytes);
    if ((size_t)(fresh_end - fresh) < bytes) {
        fresh = map(FRESH);
        fresh_end = fresh == NULL ? NULL : fresh + FRESH;
        if (fresh == NULL)
            return NULL;
    }
    void *made = fresh;
    fresh += bytes;
    return made;
}

static struct head *head_of(void *memory) { return (struct head *)memory - 1; }

static size_t room(void *memory) {
    struct head *head = head_of(memory);
    return ((size_t)1 << head->size) - head->offset - sizeof *head;
}

static void *allocate(size_t bytes, size_t alignment) {
    size_t more = sizeof(struct head) + (alignment > sizeof(struct head) ? alignment : 0);
    if (bytes > ((size_t)1 << (SIZES - 1)) - more) {
        errno = ENOMEM;
        return NULL;
    }
    size_t all = bytes + more;
    size_t size = all <= (size_t)1 << LEAST ? LEAST : 64 - (size_t)__builtin_clzl(all - 1);
    char *block = take(size);
    if (block == NULL) {
        errno = ENOMEM;
        return NULL;
    }
    size_t offset = 0;
    if (alignment > sizeof(struct head)) {
        uintptr_t at = (uintptr_t)block + sizeof(struct head);
        offset = (at + alignment - 1) / alignment * alignment - at;
    }
    struct head *head = (struct head *)(block + offset);
    head->size = size;
    head->offset = offset;
    return head + 1;
}

void *malloc(size_t bytes) { return allocate(bytes, 0); }

void free(void *memory) {
    if (memory == NULL)
        return;
    struct head *head = head_of(memory);
    size_t size = head->size;
    struct list *block = (struct list *)((char *)head - head->offset);
    block->next = lists[size];
    lists[size] = block;
}

void *calloc(size_t count, size_t each) {
    size_t bytes;
    if (__builtin_mul_overflow(count, each, &bytes)) {
        errno = ENOMEM;
        return NULL;
    }
    void *made = allocate(bytes, 0);
    return made == NULL ? NULL : memset(made, 0, bytes);
}

void *realloc(void *memory, size_t bytes) {
    if (memory == NULL)
        return malloc(bytes);
    size_t had = room(memory);
    if (bytes <= had)
        return memory;
    void *made = malloc(bytes);
    if (made == NULL)
        return NULL;
    memcpy(made, memory, had);
    free(memory);
    return made;
}

void *memalign(size_t alignment, size_t bytes) { return allocate(bytes, alignment); }

void *aligned_alloc(size_t alignment, size_t bytes) { return allocate(bytes, alignment); }

int posix_memalign(void **made, size_t alignment, size_t bytes) {
    *made = allocate(bytes, alignment);
    return *made == NULL ? ENOMEM : 0;
}

void *valloc(size_t bytes) { return allocate(bytes, 4096); }

void *pvalloc(size_t bytes) { return allocate((bytes + 4095) / 4096 * 4096, 4096); }

size_t malloc_usable_size(void *memory) { return memory == NULL ? 0 : room(memory); }
