/* Declarations that the C tests share: checks that print their place, a directory for each test, the totals.
 */
#ifndef CHECK_H
#define CHECK_H

#define _XOPEN_SOURCE 700

#include <ftw.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "persistent_collections.h"

static int check_passed, check_failed, check_bad;

#define CHECK(condition)                                                                                     \
    do {                                                                                                     \
        if (!(condition)) {                                                                                  \
            check_bad++;                                                                                     \
            printf("%s:%d: not so: %s\n", __FILE__, __LINE__, #condition);                                   \
        }                                                                                                    \
    } while (0)

/* A call and its expected status. */
#define GIVES(status, call) check_status(__FILE__, __LINE__, #call, (call), (status))
#define OK(call) GIVES(PC_OK, call)

/* A call that must fail, and a part of its expected message. */
#define FAILS(status, part, call)                                                                            \
    do {                                                                                                     \
        GIVES(status, call);                                                                                 \
        if (!strstr(pc_last_error(), (part))) {                                                              \
            check_bad++;                                                                                     \
            printf("%s:%d: %s: \"%s\" does not say \"%s\"\n", __FILE__, __LINE__, #call, pc_last_error(),    \
                   (part));                                                                                  \
        }                                                                                                    \
    } while (0)

static inline pc_status check_status(const char *file, int line, const char *call, pc_status got,
                                     pc_status expected) {
    if (got != expected) {
        check_bad++;
        printf("%s:%d: %s gives %d (%s), not %d (%s)%s%s\n", file, line, call, got, pc_strerror(got),
               expected, pc_strerror(expected), got < 0 ? ": " : "", got < 0 ? pc_last_error() : "");
    }
    return got;
}

/* The test's directory, which is removed at its end. CHECK_ONLY names the one test to run. */
static char check_dir[256];

static inline const char *in_dir(const char *name) {
    static char paths[4][512];
    static unsigned next;
    char *path = paths[next++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", check_dir, name);
    return path;
}

static int check_remove(const char *path, const struct stat *info, int type, struct FTW *walk) {
    (void)info, (void)type, (void)walk;
    return remove(path);
}

static inline void check_run(const char *name, void (*test)(void)) {
    const char *base = getenv("TMPDIR"), *only = getenv("CHECK_ONLY");
    if (only && strcmp(only, name) != 0)
        return;
    check_bad = 0;
    snprintf(check_dir, sizeof check_dir, "%s/pc-test-XXXXXX", base ? base : "/tmp");
    if (!mkdtemp(check_dir)) {
        perror(check_dir);
        exit(2);
    }
    test();
    nftw(check_dir, check_remove, 16, FTW_DEPTH | FTW_PHYS);
    if (check_bad) {
        check_failed++;
        printf("FAILED %s\n", name);
    } else {
        check_passed++;
    }
}
#define RUN(test) check_run(#test, test)

/* Begins a child process that runs something and sends the number of its failed checks into the pipe. */
static inline pid_t start_child(void (*run)(void), int verdict[2]) {
    pid_t child;
    fflush(stdout);
    if (pipe(verdict) != 0 || (child = fork()) < 0) {
        perror("a child process cannot be had");
        exit(2);
    }
    if (child == 0) {
        check_bad = 0;
        run();
        fflush(stdout);
        _exit(write(verdict[1], &check_bad, sizeof check_bad) != sizeof check_bad);
    }
    close(verdict[1]);
    return child;
}

/* Waits for the child and adds its failures, which it reports through a pipe: its exit code may come from a
 * leak checker, since inherited memory stays allocated in it. */
static inline void end_child(pid_t child, int verdict[2]) {
    int status = 0, bad = 1;
    CHECK(read(verdict[0], &bad, sizeof bad) == sizeof bad);
    CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status));
    close(verdict[0]);
    check_bad += bad;
}

static inline void in_child(void (*run)(void)) {
    int verdict[2];
    pid_t child = start_child(run, verdict);
    end_child(child, verdict);
}

static inline int check_end(void) {
    printf("%d passed, %d failed\n", check_passed, check_failed);
    return check_failed != 0;
}

/* Opens an environment in the test's directory, without syncs: the disk is not under test. */
static inline pc_env open_env(void) {
    pc_env_options options;
    pc_env env = {0};
    OK(pc_env_options_init(&options, sizeof options));
    options.durability = PC_DURABILITY_NONE;
    OK(pc_env_open(in_dir("env"), &options, &env));
    return env;
}

static inline pc_dict open_dict(pc_env env, const char *name, const char *key, const char *value) {
    pc_dict dict = {0};
    OK(pc_dict_open(env, name, key, value, 0, &dict));
    return dict;
}

static inline pc_set open_set(pc_env env, const char *name, const char *type) {
    pc_set set = {0};
    OK(pc_set_open(env, name, type, 0, &set));
    return set;
}

/* Text as key or value of the byte calls. */
#define S(text) (text), strlen(text)

static inline pc_status put(pc_dict dict, const char *key, const char *value) {
    return pc_dict_put(dict, S(key), S(value));
}

/* Whether a key's value is this text; NULL: absent. */
static inline int holds(pc_dict dict, const char *key, const char *value) {
    char got[256];
    size_t len = 0;
    pc_status status = pc_dict_get(dict, S(key), got, sizeof got, &len);
    if (status != PC_OK || !value)
        return status == PC_NOT_FOUND && !value;
    return len == strlen(value) && memcmp(got, value, len) == 0;
}

static inline int is_text(const void *data, size_t len, const char *text) {
    return len == strlen(text) && memcmp(data, text, len) == 0;
}

static inline int buffer_is(const pc_buffer *buffer, const char *text) {
    return is_text(buffer->data, buffer->len, text);
}

static inline uint64_t dict_len(pc_dict dict) {
    uint64_t len = UINT64_MAX;
    OK(pc_dict_len(dict, &len));
    return len;
}

static inline uint64_t set_len(pc_set set) {
    uint64_t len = UINT64_MAX;
    OK(pc_set_len(set, &len));
    return len;
}

#endif
