/* Threads: eight at a time on the same handles, and closing during their calls. */
#include "check.h"

#include <pthread.h>
#include <stdatomic.h>

enum { THREADS = 8, ROUNDS = 300 };

struct shared {
    pc_env env;
    pc_dict dict, counters;
    pc_set set;
    pc_iter iter;
    pthread_barrier_t start;
    atomic_int next, taken, bad;
};

/* Threads count their failures themselves, since check_bad is not thread-safe. */
#define EXPECT(condition)                                                                                    \
    do {                                                                                                     \
        if (!(condition) && atomic_fetch_add(&shared->bad, 1) < 10)                                          \
            printf("%s:%d: not so: %s (%s)\n", __FILE__, __LINE__, #condition, pc_last_error());             \
    } while (0)

static struct shared *together(struct shared *shared, void *(*run)(void *)) {
    pthread_t threads[THREADS];
    atomic_init(&shared->next, 0);
    atomic_init(&shared->taken, 0);
    atomic_init(&shared->bad, 0);
    CHECK(pthread_barrier_init(&shared->start, NULL, THREADS) == 0);
    for (int i = 0; i < THREADS; i++)
        CHECK(pthread_create(&threads[i], NULL, run, shared) == 0);
    for (int i = 0; i < THREADS; i++)
        CHECK(pthread_join(threads[i], NULL) == 0);
    pthread_barrier_destroy(&shared->start);
    CHECK(atomic_load(&shared->bad) == 0);
    return shared;
}

static struct shared open_shared(void) {
    struct shared shared = {.env = open_env()};
    shared.dict = open_dict(shared.env, "d", "str", "str");
    shared.counters = open_dict(shared.env, "c", "str", "i64");
    shared.set = open_set(shared.env, "s", "str");
    return shared;
}

static int begin_thread(struct shared *shared) {
    int number = atomic_fetch_add(&shared->next, 1);
    pthread_barrier_wait(&shared->start);
    return number;
}

static void *reads_and_writes(void *argument) {
    struct shared *shared = argument;
    int number = begin_thread(shared);
    pc_dict own = {0};
    EXPECT(pc_dict_open(shared->env, "d", NULL, NULL, 0, &own) == PC_OK);
    for (int round = 0; round < ROUNDS; round++) {
        char key[32], got[32];
        size_t len = 0;
        snprintf(key, sizeof key, "%d/%d", number, round);
        EXPECT(pc_dict_put(round % 2 ? shared->dict : own, S(key), S(key)) == PC_OK);
        EXPECT(pc_dict_get(round % 2 ? own : shared->dict, S(key), got, sizeof got, &len) == PC_OK);
        EXPECT(is_text(got, len, key));
        EXPECT(pc_dict_add_i64(shared->counters, S("n"), 1, NULL) == PC_OK);
        EXPECT(pc_set_add(shared->set, S(key)) == PC_OK);
        if (round % 16 == 0) {
            pc_iter iter = {0};
            const void *at;
            uint64_t before = 0, count = 0;
            EXPECT(pc_dict_len(shared->dict, &before) == PC_OK);
            EXPECT(pc_iter_open_dict(shared->dict, NULL, &iter) == PC_OK);
            while (pc_iter_next(iter, &at, &len, NULL, NULL) == PC_OK)
                count++;
            EXPECT(count >= before);
            EXPECT(pc_iter_close(iter) == PC_OK);
        }
        if (round % 32 == 0) {
            pc_txn txn = {0};
            EXPECT(pc_txn_begin(shared->env, PC_TXN_WRITE, -1, &txn) == PC_OK);
            EXPECT(pc_dict_put(own, S("undone"), S("x")) == PC_OK);
            EXPECT(pc_txn_abort(txn) == PC_OK);
            EXPECT(pc_txn_begin(shared->env, PC_TXN_WRITE, -1, &txn) == PC_OK);
            EXPECT(pc_dict_add_i64(shared->counters, S("t"), 1, NULL) == PC_OK);
            EXPECT(pc_txn_commit(txn) == PC_OK);
        }
    }
    EXPECT(pc_dict_close(own) == PC_OK);
    return NULL;
}

static void eight_threads_read_and_write(void) {
    struct shared shared = open_shared();
    int64_t sum = 0;
    together(&shared, reads_and_writes);
    CHECK(dict_len(shared.dict) == THREADS * ROUNDS && set_len(shared.set) == THREADS * ROUNDS);
    CHECK(holds(shared.dict, "undone", NULL));
    OK(pc_dict_add_i64(shared.counters, S("n"), 0, &sum));
    CHECK(sum == THREADS * ROUNDS);
    OK(pc_dict_add_i64(shared.counters, S("t"), 0, &sum));
    CHECK(sum == THREADS * ((ROUNDS + 31) / 32));
    OK(pc_env_close(shared.env));
}

static void *takes(void *argument) {
    struct shared *shared = argument;
    char got[16];
    size_t len;
    begin_thread(shared);
    for (int i = 0; i < ROUNDS; i++) {
        char key[16];
        pc_status status;
        snprintf(key, sizeof key, "%d", i);
        status = pc_dict_take(shared->dict, S(key), got, sizeof got, &len);
        EXPECT(status == PC_OK || status == PC_NOT_FOUND);
        if (status == PC_OK)
            atomic_fetch_add(&shared->taken, 1);
    }
    return NULL;
}

static void only_one_thread_takes_a_key(void) {
    struct shared shared = open_shared();
    for (int i = 0; i < ROUNDS; i++) {
        char key[16];
        snprintf(key, sizeof key, "%d", i);
        OK(put(shared.dict, key, key));
    }
    together(&shared, takes);
    CHECK(atomic_load(&shared.taken) == ROUNDS && dict_len(shared.dict) == 0);
    OK(pc_env_close(shared.env));
}

static void *steps_one_iterator(void *argument) {
    struct shared *shared = argument;
    const void *key;
    size_t len;
    pc_status status;
    begin_thread(shared);
    while ((status = pc_iter_next(shared->iter, &key, &len, NULL, NULL)) == PC_OK)
        atomic_fetch_add(&shared->taken, 1);
    EXPECT(status == PC_END);
    return NULL;
}

static void an_iterator_gives_each_entry_to_one_thread(void) {
    struct shared shared = open_shared();
    for (int i = 0; i < 5000; i++) {
        char key[16];
        snprintf(key, sizeof key, "%d", i);
        OK(pc_set_add(shared.set, S(key)));
    }
    OK(pc_iter_open_set(shared.set, NULL, &shared.iter));
    together(&shared, steps_one_iterator);
    CHECK(atomic_load(&shared.taken) == 5000);
    OK(pc_env_close(shared.env));
}

static void *opens_and_closes(void *argument) {
    struct shared *shared = argument;
    begin_thread(shared);
    for (int i = 0; i < ROUNDS; i++) {
        pc_dict dict = {0};
        pc_iter iter = {0};
        const void *key;
        size_t len;
        EXPECT(pc_dict_open(shared->env, "d", NULL, NULL, 0, &dict) == PC_OK);
        EXPECT(pc_iter_open_dict(dict, NULL, &iter) == PC_OK);
        EXPECT(pc_iter_next(iter, &key, &len, NULL, NULL) == PC_OK);
        EXPECT(pc_dict_close(dict) == PC_OK);
        EXPECT(pc_iter_next(iter, &key, &len, NULL, NULL) == PC_ERR_BAD_HANDLE);
        EXPECT(pc_dict_contains(dict, S("k")) == PC_ERR_BAD_HANDLE);
    }
    return NULL;
}

static void every_thread_opens_and_closes_handles(void) {
    struct shared shared = open_shared();
    OK(put(shared.dict, "k", "v"));
    together(&shared, opens_and_closes);
    OK(pc_env_close(shared.env));
}

static void *goes_on_until_closed(void *argument) {
    struct shared *shared = argument;
    int number = begin_thread(shared);
    for (int i = 0;; i++) {
        pc_iter iter = {0};
        const void *key;
        size_t len;
        char got[8];
        pc_status status;
        if (number == 0 && i == 50) {
            EXPECT(pc_env_close(shared->env) == PC_OK);
            break;
        }
        status = number % 2 ? pc_dict_put(shared->dict, S("k"), S("v"))
                            : pc_dict_get(shared->dict, S("k"), got, sizeof got, &len);
        if (status == PC_ERR_BAD_HANDLE)
            break;
        /* Between its look-up and its end, a call may find that the environment is being closed. */
        EXPECT(status == PC_OK || status == PC_ERR_ENV_FAILED);
        status = pc_iter_open_dict(shared->dict, NULL, &iter);
        if (status == PC_OK)
            pc_iter_next(iter, &key, &len, NULL, NULL);
        EXPECT(status == PC_OK || status == PC_ERR_BAD_HANDLE || status == PC_ERR_ENV_FAILED);
        if (status == PC_OK)
            pc_iter_close(iter);
    }
    EXPECT(pc_env_close(shared->env) == PC_ERR_BAD_HANDLE);
    return NULL;
}

static void an_environment_is_closed_while_in_use(void) {
    for (int i = 0; i < 20; i++) {
        struct shared shared = open_shared();
        OK(put(shared.dict, "k", "v"));
        together(&shared, goes_on_until_closed);
        /* It was really closed: another opening may have other options. */
        pc_env_options options;
        pc_env env = {0};
        OK(pc_env_options_init(&options, sizeof options));
        options.max_readers = 99;
        OK(pc_env_open(in_dir("env"), &options, &env));
        CHECK(holds(open_dict(env, "d", NULL, NULL), "k", "v"));
        OK(pc_env_close(env));
    }
}

static void *fails_by_itself(void *argument) {
    struct shared *shared = argument;
    int number = begin_thread(shared);
    char name[16];
    EXPECT(strcmp(pc_last_error(), "") == 0);
    snprintf(name, sizeof name, "pc:%d", number);
    for (int i = 0; i < ROUNDS; i++) {
        EXPECT(pc_collection_drop(shared->env, name) != PC_OK);
        EXPECT(strstr(pc_last_error(), name) != NULL);
    }
    return NULL;
}

static void each_thread_has_its_own_last_error(void) {
    struct shared shared = open_shared();
    together(&shared, fails_by_itself);
    OK(pc_env_close(shared.env));
}

struct lending {
    struct shared shared;
    pc_txn snapshot;
    const void *at;
    size_t len;
};

static void *lends_and_ends(void *argument) {
    struct lending *lending = argument;
    struct shared *shared = &lending->shared;
    EXPECT(pc_txn_begin(shared->env, PC_TXN_READ, 0, &lending->snapshot) == PC_OK);
    EXPECT(pc_dict_get_ref(shared->dict, S("a"), &lending->at, &lending->len) == PC_OK);
    return NULL;
}

/* When a thread ended, its snapshot ended too, with the memory that it had lent to other threads. */
static void lent_memory_outlives_its_thread(void) {
    for (int end_first = 0; end_first < 2; end_first++) {
        struct lending lending = {.shared = open_shared()};
        struct shared *shared = &lending.shared;
        pthread_t thread;
        pc_env_stat stat = {.struct_size = sizeof stat};
        OK(put(shared->dict, "a", "what it was"));
        CHECK(pthread_create(&thread, NULL, lends_and_ends, &lending) == 0);
        CHECK(pthread_join(thread, NULL) == 0);
        CHECK(atomic_load(&shared->bad) == 0);
        for (int i = 0; i < 50; i++)
            OK(put(shared->dict, "a", i % 2 ? "new content" : "NEW CONTENT"));
        CHECK(is_text(lending.at, lending.len, "what it was"));
        FAILS(PC_ERR_WRONG_THREAD, "thread", pc_txn_commit(lending.snapshot));
        CHECK(is_text(lending.at, lending.len, "what it was"));
        if (end_first) {
            OK(pc_txn_abort(lending.snapshot));
            GIVES(PC_ERR_BAD_HANDLE, pc_txn_abort(lending.snapshot));
            OK(pc_env_info(shared->env, &stat));
            CHECK(stat.oldest_reader_txn == stat.last_txn);
        }
        OK(pc_env_close(shared->env));
    }
}

int main(void) {
    RUN(eight_threads_read_and_write);
    RUN(only_one_thread_takes_a_key);
    RUN(an_iterator_gives_each_entry_to_one_thread);
    RUN(every_thread_opens_and_closes_handles);
    RUN(an_environment_is_closed_while_in_use);
    RUN(each_thread_has_its_own_last_error);
    RUN(lent_memory_outlives_its_thread);
    return check_end();
}
