/* A queue of jobs, shared by any number of workers: each job is a number whose prime factors are to be
 * found.
 *
 *     job_queue DIRECTORY add NUMBER ...    adds jobs at the end of the queue
 *     job_queue DIRECTORY work              does jobs until the queue is empty, and prints their number
 *     job_queue DIRECTORY results           prints the results, in the order of the jobs
 *
 * A worker takes a job from the queue and records it as its own in one transaction, so no job is lost when
 * a worker is killed: the next worker that starts puts the dead worker's job back.
 */
#define _POSIX_C_SOURCE 200809L
#include <errno.h>
#include <inttypes.h>
#include <persistent_collections.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static pc_env env;
static pc_dict waiting; /* the job's place in the queue, its number */
static pc_dict doing;   /* the worker's process and the place; the number */
static pc_dict results; /* the place, what was found */
static pc_dict numbers; /* the last place */

static pc_status check(pc_status status) {
    if (status < 0) {
        fprintf(stderr, "%s\n", pc_last_error());
        exit(1);
    }
    return status;
}

/* The key of what a worker is doing; it owns nothing, the items are the caller's. */
static pc_value key_of_doing(pc_value items[2], int64_t worker, uint64_t place) {
    pc_value key = pc_value_null();
    items[0] = pc_value_i64(worker);
    items[1] = pc_value_u64(place);
    key.kind = PC_VALUE_TUPLE;
    key.as.items.items = items;
    key.as.items.len = 2;
    return key;
}

static void add(uint64_t number) {
    pc_txn txn;
    int64_t place;
    check(pc_txn_begin(env, PC_TXN_WRITE, -1, &txn));
    check(pc_dict_add_i64(numbers, "last place", 10, 1, &place));
    pc_value key = pc_value_u64((uint64_t)place), value = pc_value_u64(number);
    check(pc_dict_put_value(waiting, &key, &value));
    check(pc_txn_commit(txn));
}

/* Puts the jobs of workers that are no more back. */
static void put_back(void) {
    pc_txn txn;
    pc_iter iter;
    pc_value key, number;
    check(pc_txn_begin(env, PC_TXN_WRITE, -1, &txn));
    check(pc_iter_open_dict(doing, NULL, &iter));
    while (check(pc_iter_next_value(iter, &key, &number)) == PC_OK) {
        if (kill((pid_t)key.as.items.items[0].as.i64, 0) == 0 || errno == EPERM)
            continue;
        check(pc_dict_put_value(waiting, &key.as.items.items[1], &number));
        check(pc_dict_remove_value(doing, &key));
    }
    check(pc_iter_close(iter));
    check(pc_txn_commit(txn));
}

/* Takes the first job, and notes that it is being done. PC_NOT_FOUND: none is left. */
static pc_status take(uint64_t *place, uint64_t *number) {
    pc_txn txn;
    pc_buffer first = {0}, storage = {0};
    check(pc_txn_begin(env, PC_TXN_WRITE, -1, &txn));
    const pc_status status = check(pc_dict_first(waiting, &first, NULL));
    if (status == PC_OK) {
        pc_value decoded, items[2], key;
        size_t len;
        check(pc_decode_key("u64", first.data, first.len, &decoded, &storage));
        *place = decoded.as.u64;
        check(pc_dict_take(waiting, first.data, first.len, number, sizeof *number, &len));
        key = key_of_doing(items, getpid(), *place);
        decoded = pc_value_u64(*number);
        check(pc_dict_put_value(doing, &key, &decoded));
    }
    check(pc_txn_commit(txn));
    pc_buffer_free(&first);
    pc_buffer_free(&storage);
    return status;
}

/* Notes what was found. */
static void done(uint64_t place, const char *found) {
    pc_txn txn;
    pc_value items[2], key = key_of_doing(items, getpid(), place);
    const pc_value at = pc_value_u64(place), text = pc_value_str(found);
    check(pc_txn_begin(env, PC_TXN_WRITE, -1, &txn));
    check(pc_dict_remove_value(doing, &key));
    check(pc_dict_put_value(results, &at, &text));
    check(pc_txn_commit(txn));
}

static void factors(uint64_t number, char *text, size_t size) {
    size_t len = (size_t)snprintf(text, size, "%" PRIu64 " =", number);
    for (uint64_t factor = 2; number > 1; factor++) {
        if (factor * factor > number)
            factor = number;
        for (; number % factor == 0; number /= factor)
            len += (size_t)snprintf(text + len, size - len, " %" PRIu64, factor);
    }
}

static int work(void) {
    uint64_t place, number;
    int count = 0;
    put_back();
    for (; take(&place, &number) == PC_OK; count++) {
        char text[512];
        /* Others take jobs while this one is being done. */
        factors(number, text, sizeof text);
        done(place, text);
    }
    return count;
}

static void print(void) {
    pc_iter iter;
    pc_value place, text;
    check(pc_iter_open_dict(results, NULL, &iter));
    while (check(pc_iter_next_value(iter, &place, &text)) == PC_OK)
        printf("%s\n", (const char *)text.as.bytes.data);
    check(pc_iter_close(iter));
}

int main(int argc, char **argv) {
    const char *verb = argc > 2 ? argv[2] : "";
    if (strcmp(verb, "add") != 0 && strcmp(verb, "work") != 0 && strcmp(verb, "results") != 0) {
        fprintf(stderr, "usage: job_queue DIRECTORY add NUMBER ... | work | results\n");
        return 2;
    }
    check(pc_env_open(argv[1], NULL, &env));
    check(pc_dict_open(env, "waiting", "u64", "u64", 0, &waiting));
    check(pc_dict_open(env, "doing", "(i64,u64)", "u64", 0, &doing));
    check(pc_dict_open(env, "results", "u64", "str", 0, &results));
    check(pc_dict_open(env, "numbers", "str", "i64", 0, &numbers));
    if (strcmp(verb, "add") == 0) {
        for (int i = 3; i < argc; i++)
            add(strtoull(argv[i], NULL, 10));
    } else if (strcmp(verb, "work") == 0) {
        printf("did %d\n", work());
    } else {
        print();
    }
    check(pc_env_close(env));
    return 0;
}
