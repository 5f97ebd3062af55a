/* Transactions: atomic, nested, current for their thread, and ended once. */
#include "check.h"

#include <pthread.h>

static pc_txn begin(pc_env env, int32_t kind) {
    pc_txn txn = {0};
    OK(pc_txn_begin(env, kind, 0, &txn));
    return txn;
}

static uint64_t current(pc_env env) {
    pc_txn txn = {99};
    OK(pc_txn_current(env, &txn));
    return txn.id;
}

/* Runs something in another thread, and waits for its end. */
static void elsewhere(void *(*run)(void *), void *argument) {
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, run, argument) == 0 && pthread_join(thread, NULL) == 0);
}

struct shared {
    pc_env env;
    pc_dict dict;
    pc_txn txn;
    pc_iter iter;
};

static void *sees_one(void *argument) {
    struct shared *shared = argument;
    CHECK(holds(shared->dict, "a", "1"));
    CHECK(current(shared->env) == 0);
    return NULL;
}

static void other_threads_see_a_commit_and_not_an_abort(void) {
    struct shared shared = {.env = open_env()};
    pc_txn txn;
    shared.dict = open_dict(shared.env, "d", "str", "str");
    OK(put(shared.dict, "a", "1"));
    CHECK(current(shared.env) == 0);
    txn = begin(shared.env, PC_TXN_WRITE);
    CHECK(current(shared.env) == txn.id);
    OK(put(shared.dict, "a", "2"));
    CHECK(holds(shared.dict, "a", "2"));
    elsewhere(sees_one, &shared);
    OK(pc_txn_abort(txn));
    CHECK(holds(shared.dict, "a", "1") && current(shared.env) == 0);
    GIVES(PC_ERR_BAD_HANDLE, pc_txn_abort(txn));
    FAILS(PC_ERR_BAD_HANDLE, "ended", pc_txn_commit(txn));
    txn = begin(shared.env, PC_TXN_WRITE);
    OK(put(shared.dict, "a", "3"));
    OK(pc_txn_commit(txn));
    CHECK(holds(shared.dict, "a", "3"));
    GIVES(PC_ERR_BAD_HANDLE, pc_txn_commit(txn));
    OK(pc_env_close(shared.env));
}

static void *writes_two(void *argument) {
    struct shared *shared = argument;
    OK(put(shared->dict, "a", "2"));
    return NULL;
}

static void a_snapshot_does_not_change(void) {
    struct shared shared = {.env = open_env()};
    pc_txn snapshot, inner, write = {0};
    shared.dict = open_dict(shared.env, "d", "str", "str");
    OK(put(shared.dict, "a", "1"));
    snapshot = begin(shared.env, PC_TXN_READ);
    elsewhere(writes_two, &shared);
    CHECK(holds(shared.dict, "a", "1"));
    FAILS(PC_ERR_IN_SNAPSHOT, "snapshot", put(shared.dict, "a", "3"));
    GIVES(PC_ERR_IN_SNAPSHOT, pc_dict_clear(shared.dict));
    GIVES(PC_ERR_IN_SNAPSHOT, pc_collection_drop(shared.env, "d"));
    GIVES(PC_ERR_IN_SNAPSHOT, pc_txn_begin(shared.env, PC_TXN_WRITE, 0, &write));
    CHECK(write.id == 0);
    inner = begin(shared.env, PC_TXN_READ);
    CHECK(holds(shared.dict, "a", "1") && current(shared.env) == inner.id);
    FAILS(PC_ERR_NOT_INNERMOST, "end that first", pc_txn_commit(snapshot));
    GIVES(PC_ERR_NOT_INNERMOST, pc_txn_abort(snapshot));
    OK(pc_txn_commit(inner));
    CHECK(current(shared.env) == snapshot.id);
    OK(pc_txn_commit(snapshot));
    CHECK(holds(shared.dict, "a", "2"));
    OK(pc_env_close(shared.env));
}

static void transactions_nest(void) {
    pc_env env = open_env();
    pc_dict dict = open_dict(env, "d", "str", "str");
    pc_txn outer = begin(env, PC_TXN_WRITE), inner, read;
    OK(put(dict, "a", "1"));
    inner = begin(env, PC_TXN_WRITE);
    OK(put(dict, "a", "2"));
    OK(put(dict, "b", "2"));
    GIVES(PC_ERR_NOT_INNERMOST, pc_txn_commit(outer));
    OK(pc_txn_abort(inner));
    CHECK(holds(dict, "a", "1") && holds(dict, "b", NULL));
    inner = begin(env, PC_TXN_WRITE);
    OK(put(dict, "c", "3"));
    OK(pc_txn_commit(inner));
    CHECK(holds(dict, "c", "3"));
    read = begin(env, PC_TXN_READ);
    CHECK(holds(dict, "a", "1") && holds(dict, "c", "3"));
    GIVES(PC_ERR_IN_SNAPSHOT, put(dict, "a", "4"));
    OK(pc_txn_commit(read));
    OK(put(dict, "a", "4"));
    FAILS(PC_ERR_IN_TRANSACTION, "", pc_flush(env));
    OK(pc_txn_commit(outer));
    CHECK(holds(dict, "a", "4") && holds(dict, "c", "3") && dict_len(dict) == 2);
    OK(pc_env_close(env));
}

static void invalid_input_leaves_a_transaction_usable(void) {
    pc_env env = open_env();
    pc_dict dict = open_dict(env, "d", "str", "str");
    pc_txn txn = begin(env, PC_TXN_WRITE);
    OK(put(dict, "a", "1"));
    GIVES(PC_ERR_BAD_KEY, pc_dict_put(dict, "\xff", 1, S("v")));
    GIVES(PC_ERR_KEY_SIZE, pc_dict_put(open_dict(env, "b", "bytes", "str"), NULL, 0, S("v")));
    GIVES(PC_ERR_BAD_VALUE, pc_dict_put(dict, S("k"), "\xff", 1));
    OK(put(dict, "b", "2"));
    OK(pc_txn_commit(txn));
    CHECK(dict_len(dict) == 2);
    OK(pc_env_close(env));
}

static void a_collection_can_be_created_again_after_an_abort(void) {
    pc_env env = open_env();
    pc_txn txn = begin(env, PC_TXN_WRITE);
    pc_dict dict = open_dict(env, "d", "str", "str");
    pc_buffer listing = {0};
    OK(put(dict, "a", "1"));
    OK(pc_txn_abort(txn));
    OK(pc_env_list(env, &listing));
    CHECK(listing.len == 0);
    CHECK(holds(dict, "a", NULL));
    OK(put(dict, "b", "2"));
    CHECK(holds(dict, "a", NULL) && holds(dict, "b", "2"));
    pc_buffer_free(&listing);
    OK(pc_env_close(env));
}

static void *uses_another_threads(void *argument) {
    struct shared *shared = argument;
    const void *key = NULL;
    size_t len = 0;
    pc_txn previous = {99};
    FAILS(PC_ERR_WRONG_THREAD, "thread", pc_txn_commit(shared->txn));
    GIVES(PC_ERR_WRONG_THREAD, pc_iter_next(shared->iter, &key, &len, NULL, NULL));
    GIVES(PC_ERR_WRONG_THREAD, pc_txn_set_current(shared->env, shared->txn, &previous));
    CHECK(previous.id == 99);
    /* The writer still has the write lock. */
    FAILS(PC_ERR_BUSY, "", pc_txn_begin(shared->env, PC_TXN_WRITE, 0, &previous));
    CHECK(previous.id == 99);
    return NULL;
}

static void *aborts_another_threads(void *argument) {
    struct shared *shared = argument;
    OK(pc_txn_abort(shared->txn));
    return NULL;
}

static void a_transaction_belongs_to_its_thread(void) {
    struct shared shared = {.env = open_env()};
    const void *key = NULL;
    size_t len = 0;
    shared.dict = open_dict(shared.env, "d", "str", "str");
    OK(put(shared.dict, "a", "1"));
    shared.txn = begin(shared.env, PC_TXN_WRITE);
    OK(put(shared.dict, "a", "2"));
    OK(pc_iter_open_dict(shared.dict, NULL, &shared.iter));
    elsewhere(uses_another_threads, &shared);
    OK(pc_iter_next(shared.iter, &key, &len, NULL, NULL));
    CHECK(holds(shared.dict, "a", "2"));
    /* If another thread aborts it, it is marked, and its own thread undoes it. */
    elsewhere(aborts_another_threads, &shared);
    GIVES(PC_ERR_BAD_HANDLE, pc_txn_commit(shared.txn));
    GIVES(PC_ERR_BAD_HANDLE, pc_iter_next(shared.iter, &key, &len, NULL, NULL));
    CHECK(holds(shared.dict, "a", "1") && current(shared.env) == 0);
    OK(put(shared.dict, "a", "3"));
    elsewhere(writes_two, &shared);
    OK(pc_env_close(shared.env));
}

static void *leaves_one_open(void *argument) {
    struct shared *shared = argument;
    shared->txn = begin(shared->env, PC_TXN_WRITE);
    OK(put(shared->dict, "a", "lost"));
    return NULL;
}

static void a_thread_that_ends_undoes_its_transaction(void) {
    struct shared shared = {.env = open_env()};
    shared.dict = open_dict(shared.env, "d", "str", "str");
    OK(put(shared.dict, "a", "1"));
    elsewhere(leaves_one_open, &shared);
    CHECK(holds(shared.dict, "a", "1"));
    OK(put(shared.dict, "a", "2"));
    CHECK(holds(shared.dict, "a", "2"));
    OK(pc_env_close(shared.env));
}

static void another_task_of_the_thread_takes_its_turn(void) {
    pc_env env = open_env(), other = {0};
    pc_dict dict = open_dict(env, "d", "str", "str");
    pc_txn none = {0}, previous = {99}, snapshot, write;
    OK(put(dict, "a", "1"));
    OK(pc_txn_set_current(env, none, &previous));
    CHECK(previous.id == 0);
    snapshot = begin(env, PC_TXN_READ);
    OK(pc_txn_set_current(env, none, &previous));
    CHECK(previous.id == snapshot.id && current(env) == 0);
    OK(put(dict, "a", "2"));
    write = begin(env, PC_TXN_WRITE);
    OK(put(dict, "a", "3"));
    OK(pc_txn_set_current(env, snapshot, NULL));
    CHECK(holds(dict, "a", "1") && current(env) == snapshot.id);
    OK(pc_txn_commit(snapshot));
    OK(pc_txn_set_current(env, write, &previous));
    CHECK(previous.id == 0 && holds(dict, "a", "3"));
    OK(pc_txn_commit(write));
    GIVES(PC_ERR_BAD_HANDLE, pc_txn_set_current(env, write, NULL));
    CHECK(holds(dict, "a", "3"));
    GIVES(PC_ERR_BAD_HANDLE, pc_txn_set_current(other, none, NULL));
    OK(pc_env_close(env));
}

static void a_transaction_that_outgrows_the_map_is_doomed(void) {
    pc_env_options options;
    pc_env env = {0};
    pc_dict dict;
    pc_txn txn = {0};
    pc_status status = PC_OK;
    char *large = malloc(1 << 20);
    memset(large, 'x', 1 << 20);
    OK(pc_env_options_init(&options, sizeof options));
    options.durability = PC_DURABILITY_NONE;
    options.map_size = 1 << 20;
    OK(pc_env_open(in_dir("env"), &options, &env));
    dict = open_dict(env, "d", "u8", "bytes");
    OK(pc_txn_begin(env, PC_TXN_WRITE, 0, &txn));
    for (unsigned i = 0; i < 200 && status == PC_OK; i++) {
        unsigned char key = (unsigned char)i;
        status = pc_dict_put(dict, &key, 1, large, 1 << 20);
    }
    GIVES(PC_ERR_MAP_FULL, status);
    GIVES(PC_ERR_TXN_FAILED, pc_dict_put(dict, "\x01", 1, S("v")));
    GIVES(PC_ERR_TXN_FAILED, pc_txn_commit(txn));
    GIVES(PC_ERR_BAD_HANDLE, pc_txn_abort(txn));
    CHECK(dict_len(dict) == 0);
    OK(pc_dict_put(dict, "\x01", 1, S("v")));
    CHECK(dict_len(dict) == 1);
    free(large);
    OK(pc_env_close(env));
}

static void arguments_are_checked(void) {
    pc_env env = open_env(), zero = {0};
    pc_txn txn = {0};
    FAILS(PC_ERR_INVALID_ARGUMENT, "kind", pc_txn_begin(env, 0, 0, &txn));
    FAILS(PC_ERR_INVALID_ARGUMENT, "kind", pc_txn_begin(env, 3, 0, &txn));
    FAILS(PC_ERR_INVALID_ARGUMENT, "out is NULL", pc_txn_begin(env, PC_TXN_READ, 0, NULL));
    FAILS(PC_ERR_INVALID_ARGUMENT, "out is NULL", pc_txn_current(env, NULL));
    GIVES(PC_ERR_BAD_HANDLE, pc_txn_begin(zero, PC_TXN_READ, 0, &txn));
    GIVES(PC_ERR_BAD_HANDLE, pc_txn_current(zero, &txn));
    CHECK(txn.id == 0 && current(env) == 0);
    FAILS(PC_ERR_BAD_HANDLE, "zero", pc_txn_commit(txn));
    /* Closing an environment ends its transactions. */
    txn = begin(env, PC_TXN_WRITE);
    OK(pc_env_close(env));
    GIVES(PC_ERR_BAD_HANDLE, pc_txn_commit(txn));
    env = open_env();
    OK(pc_txn_begin(env, PC_TXN_WRITE, 0, &txn));
    OK(pc_txn_abort(txn));
    OK(pc_env_close(env));
}

int main(void) {
    RUN(other_threads_see_a_commit_and_not_an_abort);
    RUN(a_snapshot_does_not_change);
    RUN(transactions_nest);
    RUN(invalid_input_leaves_a_transaction_usable);
    RUN(a_collection_can_be_created_again_after_an_abort);
    RUN(a_transaction_belongs_to_its_thread);
    RUN(a_thread_that_ends_undoes_its_transaction);
    RUN(another_task_of_the_thread_takes_its_turn);
    RUN(a_transaction_that_outgrows_the_map_is_doomed);
    RUN(arguments_are_checked);
    return check_end();
}
