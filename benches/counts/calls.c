/* calls DIRECTORY: counts the instructions of the C calls that programs make most. */
#include "counting.h"

#include <persistent_collections.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { KEYS = 10000, KEY = 11, VALUE = 100, COUNT = 2000, RANGE = 10, BATCH = 100 };

#define CHECK(call) check((call), #call)

static const char *directory;
static pc_env env;
static pc_dict dict;
static char keys[KEYS][KEY + 1];
static unsigned char value[VALUE];
/* All keys and their values, as columns; the keys stand in the order in which the rows use them. */
static unsigned char key_column[KEYS * KEY], value_column[KEYS * VALUE];
static uint64_t key_offsets[KEYS + 1], value_offsets[KEYS + 1];

static void check(pc_status status, const char *call) {
    if (status == PC_OK)
        return;
    fprintf(stderr, "%s: %s\n", call, status < 0 ? pc_last_error() : pc_strerror(status));
    exit(1);
}

/* Gives the keys in an order that jumps about: 7919 is prime. */
static const char *key(int number) { return keys[number * 7919LL % KEYS]; }

static void get(int count) {
    unsigned char out[VALUE];
    size_t len;
    for (int number = 0; number < count; number++)
        CHECK(pc_dict_get(dict, key(number), KEY, out, sizeof out, &len));
}

static void contains(int count) {
    for (int number = 0; number < count; number++)
        CHECK(pc_dict_contains(dict, key(number), KEY));
}

static void get_many(int count) {
    uint8_t present[BATCH];
    uint64_t offsets[BATCH + 1];
    pc_buffer values = {0};
    for (int from = 0; from < count; from += BATCH)
        CHECK(pc_dict_get_many(dict, BATCH, key_column + (size_t)from * KEY, key_offsets, present, NULL, 0,
                               &values, offsets, NULL));
    pc_buffer_free(&values);
}

/* Walks over all entries, so that it does not matter how many are read ahead. */
static void next(int count) {
    for (int walk = 0; walk < count / KEYS; walk++) {
        pc_iter iter;
        const void *data;
        size_t len;
        CHECK(pc_iter_open_dict(dict, NULL, &iter));
        for (int number = 0; number < KEYS; number++)
            CHECK(pc_iter_next(iter, &data, &len, &data, &len));
        CHECK(pc_iter_close(iter));
    }
}

static void next_batch(int count) {
    for (int walk = 0; walk < count / KEYS; walk++) {
        pc_iter iter;
        pc_batch batch;
        CHECK(pc_iter_open_dict(dict, NULL, &iter));
        for (size_t number = 0; number < KEYS; number += batch.count)
            CHECK(pc_iter_next_batch(iter, BATCH, 0, &batch));
        CHECK(pc_iter_close(iter));
    }
}

static void range(int count) {
    for (int number = 0; number < count; number++) {
        pc_range from = {0};
        pc_iter iter;
        const void *data;
        size_t len;
        /* The last keys do not have ten behind them. */
        from.lower = keys[number * 7919LL % (KEYS - RANGE)];
        from.lower_len = KEY;
        from.flags = PC_RANGE_LOWER;
        CHECK(pc_iter_open_dict(dict, &from, &iter));
        for (int step = 0; step < RANGE; step++)
            CHECK(pc_iter_next(iter, &data, &len, &data, &len));
        CHECK(pc_iter_close(iter));
    }
}

static void snapshot(int count) {
    for (int number = 0; number < count; number++) {
        pc_txn txn;
        CHECK(pc_txn_begin(env, PC_TXN_READ, -1, &txn));
        CHECK(pc_txn_commit(txn));
    }
}

static void put(int count) {
    for (int number = 0; number < count; number++)
        CHECK(pc_dict_put(dict, key(number), KEY, value, VALUE));
}

static void put_inside(int count) {
    pc_txn txn;
    CHECK(pc_txn_begin(env, PC_TXN_WRITE, -1, &txn));
    put(count);
    CHECK(pc_txn_commit(txn));
}

static void transaction(int count) {
    for (int number = 0; number < count; number++) {
        pc_txn txn;
        CHECK(pc_txn_begin(env, PC_TXN_WRITE, -1, &txn));
        CHECK(pc_dict_put(dict, key(number), KEY, value, VALUE));
        CHECK(pc_txn_commit(txn));
    }
}

static void put_many(int count) {
    for (int from = 0; from < count; from += BATCH)
        CHECK(pc_dict_put_many(dict, BATCH, key_column + (size_t)from * KEY, key_offsets, value_column,
                               value_offsets, NULL));
}

static void open_env(const char *name) {
    char path[4096];
    pc_env_options options;
    snprintf(path, sizeof path, "%s/%s", directory, name);
    CHECK(pc_env_options_init(&options, sizeof options));
    options.durability = PC_DURABILITY_NONE;
    CHECK(pc_env_open(path, &options, &env));
    CHECK(pc_dict_open(env, "dict", "bytes", "bytes", 0, &dict));
}

/* Makes the environment that each row has a copy of, so that no row depends on those before it. */
static void fill(void) {
    for (int number = 0; number < KEYS; number++)
        snprintf(keys[number], sizeof keys[number], "key%08d", number);
    for (int number = 0; number < KEYS; number++)
        memcpy(key_column + (size_t)number * KEY, key(number), KEY);
    for (int number = 0; number <= KEYS; number++) {
        key_offsets[number] = (uint64_t)number * KEY;
        value_offsets[number] = (uint64_t)number * VALUE;
    }
    open_env("filled");
    CHECK(pc_dict_put_many(dict, KEYS, key_column, key_offsets, value_column, value_offsets, NULL));
    CHECK(pc_env_close(env));
}

/* Counts one row. */
static void measure(const char *row, void (*work)(int), int items) {
    static int copies;
    char name[32], path[4096];
    snprintf(name, sizeof name, "copy-%d", ++copies);
    snprintf(path, sizeof path, "%s/%s", directory, name);
    open_env("filled");
    CHECK(pc_env_copy(env, path, 0));
    CHECK(pc_env_close(env));
    open_env(name);
    /* The last count of a row holds: at first caches fill. */
    for (int round = 0; round < 2; round++) {
        count_begin();
        work(items);
        count_end(row, items);
    }
    CHECK(pc_env_close(env));
}

int main(int argc, char **argv) {
    if (argc != 2) {
        fprintf(stderr, "usage: calls DIRECTORY\n");
        return 2;
    }
    directory = argv[1];
    fill();
    measure("pc_dict_get", get, COUNT);
    measure("pc_dict_contains", contains, COUNT);
    measure("pc_dict_get_many, a key", get_many, COUNT);
    measure("pc_iter_next", next, KEYS);
    measure("pc_iter_next_batch, an entry", next_batch, KEYS);
    measure("a range of 10", range, COUNT);
    measure("a snapshot", snapshot, COUNT);
    measure("pc_dict_put", put, COUNT);
    measure("pc_dict_put in a transaction", put_inside, COUNT);
    measure("a transaction of one put", transaction, COUNT);
    measure("pc_dict_put_many, an entry", put_many, COUNT);
    return 0;
}
