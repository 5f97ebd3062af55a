/* Failures of the system, and files of other programs. This program defines the system's functions, and the
 * shared library calls these instead of the C library's. */
#define _GNU_SOURCE

#include "../shim/faults.c"

#include "check.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <time.h>

/* The results of system calls of this thread. */
static _Thread_local enum { AS_EVER, ALL_IS_NFS, NO_MEMORY, NO_CLOCK } answers;

int statfs(const char *path, struct statfs *info) {
    int rc = (int)syscall(SYS_statfs, path, info);
    if (rc == 0 && answers == ALL_IS_NFS)
        info->f_type = NFS_SUPER_MAGIC;
    return rc;
}

/* Sanitizers map their own memory by this, before they have begun. */
__attribute__((no_sanitize_address, no_sanitize_thread, no_sanitize_undefined)) void *
mmap(void *at, size_t size, int protection, int flags, int fd, off_t offset) {
    if (answers == NO_MEMORY) {
        errno = ENOMEM;
        return MAP_FAILED;
    }
    return (void *)syscall(SYS_mmap, at, size, protection, flags, fd, offset);
}

int clock_gettime(clockid_t clock, struct timespec *time) {
    if (answers == NO_CLOCK) {
        errno = EINVAL;
        return -1;
    }
    return (int)syscall(SYS_clock_gettime, clock, time);
}

/* Opens with default options, except for the fields that are set. */
static pc_status open_with(uint64_t map_size, int64_t timeout_ms, pc_env *env) {
    pc_env_options options;
    OK(pc_env_options_init(&options, sizeof options));
    options.map_size = map_size;
    options.write_timeout_ms = timeout_ms;
    return pc_env_open(in_dir("env"), &options, env);
}

/* An environment with one entry, closed again. */
static void make_env(void) {
    pc_env env = open_env();
    OK(put(open_dict(env, "dict", "str", "bytes"), "key", "value"));
    OK(pc_env_close(env));
}

static void a_network_file_system_is_refused(void) {
    pc_env env;
    answers = ALL_IS_NFS;
    FAILS(PC_ERR_NETWORK_FS, "network", pc_env_open(in_dir("env"), NULL, &env));
    answers = AS_EVER;
}

static void running_out_of_memory_is_reported(void) {
    pc_env env;
    make_env();
    answers = NO_MEMORY;
    GIVES(PC_ERR_NO_MEMORY, pc_env_open(in_dir("env"), NULL, &env));
    answers = AS_EVER;
    OK(pc_env_open(in_dir("env"), NULL, &env));
    OK(pc_env_close(env));
}

/* A failing clock makes the library panic; a panic must not leave it. */
static void a_panic_becomes_a_status(void) {
    pc_env env = open_env();
    pc_dict dict = open_dict(env, "dict", "str", "bytes");
    pc_txn txn;
    answers = NO_CLOCK;
    GIVES(PC_ERR_PANIC, pc_txn_begin(env, PC_TXN_WRITE, 100, &txn));
    answers = AS_EVER;
    OK(put(dict, "key", "value"));
    OK(pc_env_close(env));
}

/* Locks a byte of a file for as long as it is open, as another process would. */
static int hold(const char *name, short kind, off_t byte) {
    struct flock lock = {.l_type = kind, .l_whence = SEEK_SET, .l_start = byte, .l_len = 1};
    int file = open(in_dir(name), O_RDWR);
    CHECK(file >= 0 && fcntl(file, F_OFD_SETLK, &lock) == 0);
    return file;
}

static void another_builds_lock(void) {
    pc_env env;
    uint32_t version = 1;
    make_env();
    int file = hold("env/lock.mdb", F_RDLCK, 0);
    CHECK(pwrite(file, &version, sizeof version, 4) == sizeof version);
    GIVES(PC_ERR_LOCK_VERSION, pc_env_open(in_dir("env"), NULL, &env));
    close(file);
    OK(pc_env_open(in_dir("env"), NULL, &env));
    OK(pc_env_close(env));
}

/* A reader locks the byte at its process id: here another process has locked ours. */
static void another_containers_process_has_our_number(void) {
    pc_env env;
    make_env();
    int file = hold("env/lock.mdb", F_WRLCK, getpid());
    GIVES(PC_ERR_PID_CLASH, pc_env_open(in_dir("env"), NULL, &env));
    close(file);
}

/* The catalog's entry becomes one of a future version. */
static void a_collection_of_a_newer_library(void) {
    static const char now[] = "\x61v\x01", then[] = "\x61v\x02";
    static char bytes[1 << 20];
    pc_env env;
    pc_dict dict;
    int changed = 0;
    make_env();
    int file = open(in_dir("env/data.mdb"), O_RDWR);
    ssize_t size = pread(file, bytes, sizeof bytes, 0);
    for (ssize_t at = 0; at + 3 <= size; at++) {
        if (memcmp(bytes + at, now, 3) == 0)
            changed += pwrite(file, then, 3, at) == 3;
    }
    close(file);
    CHECK(changed > 0);
    OK(pc_env_open(in_dir("env"), NULL, &env));
    FAILS(PC_ERR_REQUIRES, "dict", pc_dict_open(env, "dict", NULL, NULL, 0, &dict));
    OK(pc_env_close(env));
}

/* A file may not grow beyond a limit: a signal would kill the program if the library did not handle it. */
static void write_beyond_the_limit(void) {
    static char value[1 << 20];
    struct rlimit limit = {1 << 20, 1 << 20};
    pc_env env;
    CHECK(setrlimit(RLIMIT_FSIZE, &limit) == 0);
    OK(open_with(0, 0, &env));
    pc_dict dict = open_dict(env, "dict", "str", "bytes");
    OK(put(dict, "key", "value"));
    GIVES(PC_ERR_DISK_FULL, pc_dict_put(dict, S("large"), value, sizeof value));
    OK(put(dict, "another", "value"));
    CHECK(holds(dict, "key", "value") && holds(dict, "large", NULL));
    OK(pc_env_close(env));
}

static void a_full_disk_loses_nothing(void) { in_child(write_beyond_the_limit); }

static void readers_keep_the_map_in_place(void) {
    static char value[8 << 20];
    pc_env env;
    pc_txn txn;
    const void *data;
    size_t len;
    OK(open_with(1 << 20, 20, &env));
    pc_dict dict = open_dict(env, "dict", "str", "bytes");
    OK(put(dict, "key", "value"));
    OK(pc_txn_begin(env, PC_TXN_WRITE, 0, &txn));
    OK(pc_dict_get_ref(dict, S("key"), &data, &len));
    CHECK(is_text(data, len, "value"));
    GIVES(PC_ERR_MAP_FULL, pc_dict_put(dict, S("large"), value, sizeof value));
    GIVES(PC_ERR_TXN_FAILED, put(dict, "small", "value"));
    OK(pc_txn_abort(txn));
    OK(pc_dict_put(dict, S("large"), value, sizeof value));
    OK(pc_env_close(env));
}

/* A thread that borrows from the map, so that the map cannot grow, until the test ends it. */
struct lender {
    pc_env env;
    pc_dict dict;
    pthread_barrier_t step;
    pc_status lent;
};

static void *lend(void *argument) {
    struct lender *lender = argument;
    pc_txn txn;
    const void *data;
    size_t len;
    lender->lent = pc_txn_begin(lender->env, PC_TXN_READ, 0, &txn);
    if (lender->lent == PC_OK)
        lender->lent = pc_dict_get_ref(lender->dict, "key", 3, &data, &len);
    pthread_barrier_wait(&lender->step);
    pthread_barrier_wait(&lender->step);
    if (lender->lent == PC_OK)
        lender->lent = pc_txn_abort(txn);
    return NULL;
}

static void a_map_that_is_lent_cannot_grow(void) {
    static char value[8 << 20];
    struct lender lender;
    pthread_t thread;
    OK(open_with(1 << 20, 20, &lender.env));
    lender.dict = open_dict(lender.env, "dict", "str", "bytes");
    OK(put(lender.dict, "key", "value"));
    CHECK(pthread_barrier_init(&lender.step, NULL, 2) == 0);
    CHECK(pthread_create(&thread, NULL, lend, &lender) == 0);
    pthread_barrier_wait(&lender.step);
    GIVES(PC_ERR_MAP_BUSY, pc_dict_put(lender.dict, S("large"), value, sizeof value));
    pthread_barrier_wait(&lender.step);
    CHECK(pthread_join(thread, NULL) == 0);
    CHECK(lender.lent == PC_OK);
    pthread_barrier_destroy(&lender.step);
    OK(pc_dict_put(lender.dict, S("large"), value, sizeof value));
    OK(pc_env_close(lender.env));
}

/* A thread that writes after the other's snapshot began. */
static void *write_another(void *argument) {
    struct lender *other = argument;
    pc_txn txn;
    pc_dict dict;
    other->lent = pc_txn_begin(other->env, PC_TXN_WRITE, 0, &txn);
    pthread_barrier_wait(&other->step);
    pthread_barrier_wait(&other->step);
    if (other->lent == PC_OK)
        other->lent = pc_dict_open(other->env, "other", "str", "bytes", 0, &dict);
    if (other->lent == PC_OK)
        other->lent = put(dict, "key", "value");
    if (other->lent == PC_OK)
        other->lent = pc_txn_commit(txn);
    pthread_barrier_wait(&other->step);
    return NULL;
}

static void a_name_first_used_in_an_old_snapshot(void) {
    struct lender other;
    pthread_t thread;
    pc_txn txn;
    char name[8];
    make_env();
    OK(pc_env_open(in_dir("env"), NULL, &other.env));
    /* As many as are opened before a transaction. */
    OK(pc_txn_begin(other.env, PC_TXN_WRITE, 0, &txn));
    for (int n = 0; n < 64; n++) {
        snprintf(name, sizeof name, "a%d", n);
        open_dict(other.env, name, "str", "bytes");
    }
    OK(pc_txn_commit(txn));
    OK(pc_env_close(other.env));
    OK(pc_env_open(in_dir("env"), NULL, &other.env));
    CHECK(pthread_barrier_init(&other.step, NULL, 2) == 0);
    CHECK(pthread_create(&thread, NULL, write_another, &other) == 0);
    pthread_barrier_wait(&other.step);
    OK(pc_txn_begin(other.env, PC_TXN_READ, 0, &txn));
    pthread_barrier_wait(&other.step);
    pthread_barrier_wait(&other.step);
    CHECK(pthread_join(thread, NULL) == 0);
    CHECK(other.lent == PC_OK);
    /* It can use the numbers that were open when it began, and these are all of them. */
    for (int n = 0; n < 64; n++) {
        snprintf(name, sizeof name, "a%d", n);
        CHECK(dict_len(open_dict(other.env, name, "str", "bytes")) == 0);
    }
#ifdef __linux__
    /* But it needs none to read a collection of this library. */
    OK(pc_dict_open(other.env, "dict", NULL, NULL, PC_OPEN_EXISTING, &other.dict));
#else
    GIVES(PC_ERR_CONFLICT, pc_dict_open(other.env, "dict", NULL, NULL, PC_OPEN_EXISTING, &other.dict));
#endif
    OK(pc_txn_abort(txn));
    OK(pc_dict_open(other.env, "dict", NULL, NULL, PC_OPEN_EXISTING, &other.dict));
    pthread_barrier_destroy(&other.step);
    OK(pc_env_close(other.env));
}

/* Makes each write and sync of an autocommit fail in turn. An early failure undoes it. After a failure to
 * write the page that makes it valid, its outcome is unknown, and the environment must be reopened. */
static void failing_storage_is_reported(void) {
    static const char value[5000];
    int undone = 0, unknown = 0;
    for (long number = 1; !unknown && number < 100; number++) {
        pc_env env;
        OK(pc_env_open(in_dir("env"), NULL, &env));
        pc_dict dict = open_dict(env, "dict", "str", "bytes");
        OK(put(dict, "key", "value"));
        CHECK(faults_arm(in_dir("env/data.mdb"), number, EIO, 0) == 0);
        pc_status status = pc_dict_put(dict, S("large"), value, sizeof value);
        CHECK(faults_disarm() >= number);
        if (status == PC_ERR_COMMIT_UNKNOWN) {
            unknown++;
            GIVES(PC_ERR_ENV_FAILED, put(dict, "key", "another"));
            OK(pc_env_close(env));
            OK(pc_env_open(in_dir("env"), NULL, &env));
            dict = open_dict(env, "dict", "str", "bytes");
            CHECK(holds(dict, "key", "value"));
        } else {
            undone += check_status(__FILE__, __LINE__, "a write", status, PC_ERR_IO) == PC_ERR_IO;
            CHECK(holds(dict, "key", "value") && holds(dict, "large", NULL));
            OK(put(dict, "key", "value"));
        }
        OK(pc_env_close(env));
    }
    CHECK(undone > 0 && unknown == 1);
}

int main(void) {
    RUN(a_network_file_system_is_refused);
    RUN(running_out_of_memory_is_reported);
    RUN(a_panic_becomes_a_status);
    RUN(another_builds_lock);
    RUN(another_containers_process_has_our_number);
    RUN(a_collection_of_a_newer_library);
    RUN(a_full_disk_loses_nothing);
    RUN(readers_keep_the_map_in_place);
    RUN(a_map_that_is_lent_cannot_grow);
    RUN(a_name_first_used_in_an_old_snapshot);
    RUN(failing_storage_is_reported);
    return check_end();
}
