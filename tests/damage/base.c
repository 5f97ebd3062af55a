/* Makes the small environment of every kind of page that the tests of damage begin with, through the LMDB
 * that it is linked with: named databases of all kinds, values in pages of their own, branches of depth 3,
 * and a free list of several records.
 *
 *     base DIRECTORY
 */
#include <lmdb.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void done(int code, int line) {
    if (code != 0) {
        fprintf(stderr, "base.c:%d: %s\n", line, mdb_strerror(code));
        exit(1);
    }
}
#define DONE(call) done((call), __LINE__)

static MDB_env *env;

static MDB_txn *begin(unsigned flags) {
    MDB_txn *txn;
    DONE(mdb_txn_begin(env, NULL, flags, &txn));
    return txn;
}

static void put(MDB_txn *txn, MDB_dbi dbi, const void *key, size_t key_size, const void *value, size_t size) {
    MDB_val k = {key_size, (void *)key}, v = {size, (void *)value};
    DONE(mdb_put(txn, dbi, &k, &v, 0));
}

static void del(MDB_txn *txn, MDB_dbi dbi, const void *key, size_t key_size) {
    MDB_val k = {key_size, (void *)key};
    DONE(mdb_del(txn, dbi, &k, NULL));
}

static MDB_dbi database(MDB_txn *txn, const char *name, unsigned flags) {
    MDB_dbi dbi;
    DONE(mdb_dbi_open(txn, name, flags | MDB_CREATE, &dbi));
    return dbi;
}

/* Long keys and values: few of them make a deep tree, and most of their bytes are the same. */
static void deep(MDB_txn *txn, MDB_dbi dbi, int from, int to) {
    char key[500], value[1300];
    memset(key, 'k', sizeof key);
    memset(value, 'v', sizeof value);
    for (int i = from; i < to; i++) {
        key[0] = (char)('A' + i);
        put(txn, dbi, key, sizeof key, value, sizeof value);
    }
}

int main(int count, char **arguments) {
    static char zeros[1200 * 4096];
    if (count != 2) {
        return 2;
    }
    DONE(mdb_env_create(&env));
    DONE(mdb_env_set_maxdbs(env, 16));
    DONE(mdb_env_set_mapsize(env, 1 << 24));
    DONE(mdb_env_open(env, arguments[1], MDB_NOSYNC | MDB_NOTLS, 0644));

    MDB_txn *txn = begin(0);
    MDB_dbi plain = database(txn, "plain", 0);
    MDB_dbi tree = database(txn, "deep", 0);
    MDB_dbi many = database(txn, "many", MDB_DUPSORT);
    MDB_dbi fixed = database(txn, "many fixed", MDB_DUPSORT | MDB_DUPFIXED);
    MDB_dbi integers =
        database(txn, "many integers", MDB_DUPSORT | MDB_DUPFIXED | MDB_INTEGERDUP | MDB_INTEGERKEY);
    MDB_dbi reversed = database(txn, "many reversed", MDB_DUPSORT | MDB_REVERSEDUP | MDB_REVERSEKEY);
    MDB_dbi empty = database(txn, "empty", 0);
    (void)empty;
    put(txn, plain, "large", 5, zeros, 2 * 4096);
    put(txn, plain, "smaller", 7, zeros, 3 * 4096);
    put(txn, plain, "smaller", 7, zeros, 4096);
    put(txn, plain, "gone", 4, zeros, 5 * 4096);
    put(txn, plain, "k", 1, "", 0);
    put(txn, plain, "key", 3, "value", 5);
    deep(txn, tree, 0, 22);
    char value[400];
    memset(value, 'v', sizeof value);
    put(txn, many, "alone", 5, "value", 5);
    for (int i = 0; i < 18; i++) {
        value[0] = (char)('a' + i);
        put(txn, many, "tree", 4, value, sizeof value);
    }
    for (int i = 0; i < 4; i++) {
        put(txn, many, "page", 4, value, 3 + i);
        put(txn, reversed, "page", 4, value, 3 + i);
    }
    for (uint64_t i = 0; i < 600; i++) {
        uint64_t key = i < 590 ? 7 : i;
        put(txn, integers, &key, sizeof key, &i, sizeof i);
    }
    uint64_t key = 8, integer = 1;
    put(txn, integers, &key, sizeof key, &integer, sizeof integer);
    integer = 2;
    put(txn, integers, &key, sizeof key, &integer, sizeof integer);
    char text[40];
    memset(text, 't', sizeof text);
    for (int i = 0; i < 130; i++) {
        text[0] = (char)(i >> 4);
        text[1] = (char)i;
        put(txn, fixed, i < 120 ? "tree" : "page", 4, text, sizeof text);
    }
    put(txn, fixed, "alone", 5, text, sizeof text);
    DONE(mdb_txn_commit(txn));

    /* A reader keeps what the transactions free from being used again: a record of the free list for each. */
    MDB_txn *reader = begin(MDB_RDONLY);
    for (int i = 0; i < 4; i++) {
        txn = begin(0);
        put(txn, plain, "key", 3, "another value", (size_t)(8 + i));
        if (i == 1) {
            del(txn, plain, "gone", 4);
        }
        if (i == 2) {
            deep(txn, tree, 10, 12);
            MDB_val k = {4, "tree"}, v = {sizeof value, value};
            value[0] = 'c';
            DONE(mdb_del(txn, many, &k, &v));
        }
        DONE(mdb_txn_commit(txn));
    }
    mdb_txn_abort(reader);
    txn = begin(0);
    put(txn, plain, "key", 3, "value", 5);
    DONE(mdb_txn_commit(txn));
    mdb_env_close(env);
    return 0;
}
