/* The C program of `test_processes.py`; `participants.py` documents the commands. */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "persistent_collections.h"

enum { MOST_ARGUMENTS = 6, LINE = 4096 };

static pc_env env;
static pc_iter iter;
static int64_t sum;

/* Ends a command whose call failed. */
#define TRY(call)                                                                                            \
    do {                                                                                                     \
        pc_status try_status = (call);                                                                       \
        if (try_status < 0)                                                                                  \
            return try_status;                                                                               \
    } while (0)

static pc_status integer(const void *bytes, size_t len, int64_t *out) {
    pc_value value;
    pc_buffer storage = {0};
    pc_status status = pc_decode_value("i64", bytes, len, &value, &storage);
    if (status == PC_OK)
        *out = value.as.i64;
    pc_buffer_free(&storage);
    return status;
}

static pc_status do_open(char **argument) {
    pc_env_options options;
    TRY(pc_env_options_init(&options, sizeof options));
    options.durability = PC_DURABILITY_NONE;
    TRY(pc_env_open(argument[0], &options, &env));
    printf("ok\n");
    return PC_OK;
}

static pc_status do_close(char **argument) {
    (void)argument;
    TRY(pc_env_close(env));
    printf("ok\n");
    return PC_OK;
}

static pc_status declare(const char *kind, const char *name, const char *key, const char *value) {
    if (strcmp(kind, "set") == 0) {
        pc_set set;
        TRY(pc_set_open(env, name, key, 0, &set));
        return pc_set_close(set);
    }
    pc_dict dict;
    TRY(pc_dict_open(env, name, key, value, 0, &dict));
    return pc_dict_close(dict);
}

static pc_status do_declare(char **argument) {
    TRY(declare(argument[0], argument[1], argument[2], argument[3]));
    printf("ok\n");
    return PC_OK;
}

static pc_status do_schema(char **argument) {
    static const char *const names[] = {"", "dict", "set", "raw"};
    int32_t kind = 0;
    pc_buffer types = {0};
    pc_status status = pc_collection_schema(env, argument[0], &kind, &types);
    if (status == PC_OK) {
        const char *key = (const char *)types.data;
        printf("ok\t%s\t%s\t%s\n", names[kind], key, key + strlen(key) + 1);
    } else if (status == PC_NOT_FOUND) {
        printf("error\t%d\tnot found\n", status);
    }
    pc_buffer_free(&types);
    return status;
}

static pc_status do_add(char **argument) {
    pc_dict dict;
    TRY(pc_dict_open(env, argument[0], "str", "i64", 0, &dict));
    for (long n = 0; n < atol(argument[2]); n++)
        TRY(pc_dict_add_i64(dict, argument[1], strlen(argument[1]), 1, NULL));
    TRY(pc_dict_close(dict));
    printf("ok\n");
    return PC_OK;
}

static pc_status answer_commit(uint64_t known, int64_t timeout) {
    TRY(pc_env_wait(env, &known, timeout));
    printf("ok\t%" PRIu64 "\n", known);
    return PC_OK;
}

static pc_status do_commit(char **argument) {
    (void)argument;
    return answer_commit(0, 0);
}

static pc_status do_wait(char **argument) { return answer_commit(strtoull(argument[0], NULL, 10), -1); }

static pc_status put_integer(pc_dict dict, const char *key, int64_t number) {
    pc_value name = pc_value_str(key), value = pc_value_i64(number);
    return pc_dict_put_value(dict, &name, &value);
}

static pc_status do_pairs(char **argument) {
    pc_dict dict;
    TRY(pc_dict_open(env, argument[0], "str", "i64", 0, &dict));
    for (long n = 1; n <= atol(argument[1]); n++) {
        pc_txn txn;
        TRY(pc_txn_begin(env, PC_TXN_WRITE, -1, &txn));
        TRY(put_integer(dict, "left", n));
        TRY(put_integer(dict, "right", n));
        TRY(pc_txn_commit(txn));
    }
    TRY(pc_dict_close(dict));
    printf("ok\n");
    return PC_OK;
}

/* The integer under a key, without a copy; 0 if it is absent. */
static pc_status get_integer(pc_dict dict, const char *key, int64_t *out) {
    const void *bytes;
    size_t len;
    pc_status status = pc_dict_get_ref(dict, key, strlen(key), &bytes, &len);
    *out = 0;
    return status == PC_OK ? integer(bytes, len, out) : status;
}

static pc_status do_watch(char **argument) {
    pc_dict dict;
    int64_t left = 0, right = 0;
    TRY(pc_dict_open(env, argument[0], "str", "i64", 0, &dict));
    printf("watching\n");
    fflush(stdout);
    while (left == right && left != atol(argument[1])) {
        pc_txn snapshot;
        TRY(pc_txn_begin(env, PC_TXN_READ, 0, &snapshot));
        TRY(get_integer(dict, "left", &left));
        TRY(get_integer(dict, "right", &right));
        TRY(pc_txn_commit(snapshot));
    }
    TRY(pc_dict_close(dict));
    if (left == right)
        printf("ok\twhole\n");
    else
        printf("ok\t%" PRId64 " and %" PRId64 "\n", left, right);
    return PC_OK;
}

static pc_status do_fill(char **argument) {
    pc_dict dict;
    pc_txn txn;
    TRY(pc_dict_open(env, argument[0], "i64", "i64", 0, &dict));
    TRY(pc_txn_begin(env, PC_TXN_WRITE, -1, &txn));
    for (long n = atol(argument[1]); n <= atol(argument[2]); n++) {
        pc_value key = pc_value_i64(n), value = pc_value_i64(atol(argument[3]));
        TRY(pc_dict_put_value(dict, &key, &value));
    }
    TRY(pc_txn_commit(txn));
    TRY(pc_dict_close(dict));
    printf("ok\n");
    return PC_OK;
}

static pc_status do_empty(char **argument) {
    pc_dict dict;
    TRY(pc_dict_open(env, argument[0], "i64", "i64", 0, &dict));
    TRY(pc_dict_clear(dict));
    TRY(pc_dict_close(dict));
    printf("ok\n");
    return PC_OK;
}

static pc_status do_begin(char **argument) {
    pc_dict dict;
    pc_value key, value;
    TRY(pc_dict_open(env, argument[0], "i64", "i64", 0, &dict));
    TRY(pc_iter_open_dict(dict, NULL, &iter));
    TRY(pc_iter_next_value(iter, &key, &value));
    sum = value.as.i64;
    printf("ok\t%" PRId64 "\n", key.as.i64);
    return PC_OK;
}

static pc_status do_end(char **argument) {
    long count = 1;
    pc_status status;
    pc_value key, value;
    (void)argument;
    while ((status = pc_iter_next_value(iter, &key, &value)) == PC_OK) {
        sum += value.as.i64;
        count++;
    }
    TRY(status);
    TRY(pc_iter_close(iter));
    printf("ok\t%ld\t%" PRId64 "\n", count, sum);
    return PC_OK;
}

static pc_status open_iter(const char *kind, const char *name, pc_iter *out) {
    if (strcmp(kind, "set") == 0) {
        pc_set set;
        TRY(pc_set_open(env, name, NULL, PC_OPEN_EXISTING, &set));
        return pc_iter_open_set(set, NULL, out);
    }
    pc_dict dict;
    TRY(pc_dict_open(env, name, NULL, NULL, PC_OPEN_EXISTING, &dict));
    return pc_iter_open_dict(dict, NULL, out);
}

static void print_hex(const void *bytes, size_t len) {
    for (size_t at = 0; at < len; at++)
        printf("%02x", ((const unsigned char *)bytes)[at]);
}

static pc_status do_dump(char **argument) {
    pc_iter records;
    pc_status status;
    const void *key, *value;
    size_t key_len, value_len;
    TRY(open_iter(argument[0], argument[1], &records));
    while ((status = pc_iter_next(records, &key, &key_len, &value, &value_len)) == PC_OK) {
        print_hex(key, key_len);
        printf("\t");
        print_hex(value, value_len);
        printf("\n");
    }
    TRY(status);
    TRY(pc_iter_close(records));
    printf("ok\n");
    return PC_OK;
}

/* Reads as pc_value and writes again. pc_value can hold every value. */
static pc_status do_copy(char **argument) {
    const char *kind = argument[0], *name = argument[1], *to = argument[2];
    int32_t kind_number;
    pc_buffer types = {0};
    pc_iter records;
    pc_status status;
    pc_value key, value;
    pc_dict dict = {0};
    pc_set set = {0};
    TRY(pc_collection_schema(env, name, &kind_number, &types));
    const char *key_type = (const char *)types.data;
    const char *value_type = key_type + strlen(key_type) + 1;
    if (kind_number == PC_KIND_SET)
        TRY(pc_set_open(env, to, key_type, 0, &set));
    else
        TRY(pc_dict_open(env, to, key_type, value_type, 0, &dict));
    TRY(open_iter(kind, name, &records));
    while ((status = pc_iter_next_value(records, &key, &value)) == PC_OK)
        TRY(kind_number == PC_KIND_SET ? pc_set_add_value(set, &key) : pc_dict_put_value(dict, &key, &value));
    TRY(status);
    TRY(pc_iter_close(records));
    pc_buffer_free(&types);
    printf("ok\n");
    return PC_OK;
}

static const struct {
    const char *name;
    pc_status (*run)(char **);
} commands[] = {
    {"open", do_open},   {"close", do_close},   {"declare", do_declare}, {"schema", do_schema},
    {"add", do_add},     {"pairs", do_pairs},   {"watch", do_watch},     {"fill", do_fill},
    {"empty", do_empty}, {"begin", do_begin},   {"end", do_end},         {"dump", do_dump},
    {"copy", do_copy},   {"commit", do_commit}, {"wait", do_wait},
};

static int run(char *line) {
    char *argument[MOST_ARGUMENTS] = {0};
    size_t count = 0;
    for (char *at = line; at && count < MOST_ARGUMENTS; count++) {
        argument[count] = at;
        at = strchr(at, '\t');
        if (at)
            *at++ = '\0';
    }
    for (size_t at = 0; at < sizeof commands / sizeof commands[0]; at++) {
        if (strcmp(commands[at].name, argument[0]) == 0) {
            pc_status status = commands[at].run(argument + 1);
            if (status < 0)
                printf("error\t%d\t%s\n", status, pc_last_error());
            fflush(stdout);
            return 0;
        }
    }
    fprintf(stderr, "no such command: %s\n", line);
    return 1;
}

int main(void) {
    char line[LINE];
    while (fgets(line, sizeof line, stdin)) {
        line[strcspn(line, "\n")] = '\0';
        if (run(line))
            return 1;
    }
    return 0;
}
