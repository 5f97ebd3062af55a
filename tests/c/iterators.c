/* Iterators: ranges, both directions, steps, seeks and batches, outside of transactions and inside. */
#include "check.h"

static pc_iter over(pc_dict dict, const pc_range *range) {
    pc_iter iter = {0};
    OK(pc_iter_open_dict(dict, range, &iter));
    return iter;
}

/* Whether an iterator returns exactly these keys, of one letter each, with the same values. */
static int gives(pc_iter iter, const char *keys) {
    char got[64] = "";
    const void *key, *value;
    size_t key_len, value_len, count = 0;
    pc_status status;
    while ((status = pc_iter_next(iter, &key, &key_len, &value, &value_len)) == PC_OK &&
           count < sizeof got - 1) {
        if (key_len != 1 || value_len != 1 || *(const char *)key != *(const char *)value)
            return 0;
        got[count++] = *(const char *)key;
    }
    GIVES(PC_END, status);
    GIVES(PC_END, pc_iter_next(iter, &key, &key_len, NULL, NULL));
    OK(pc_iter_close(iter));
    if (strcmp(got, keys) != 0)
        printf("gives \"%s\", not \"%s\"\n", got, keys);
    return strcmp(got, keys) == 0;
}

static pc_dict letters(pc_env env, const char *which) {
    pc_dict dict = open_dict(env, "letters", "str", "str");
    for (; *which; which++)
        OK(pc_dict_put(dict, which, 1, which, 1));
    return dict;
}

static pc_range range_of(const char *lower, const char *upper, uint32_t flags) {
    pc_range range = {0};
    range.lower = lower, range.lower_len = strlen(lower);
    range.upper = upper, range.upper_len = strlen(upper);
    range.flags = flags;
    return range;
}

static void ranges_have_bounds_and_a_direction(void) {
    const struct {
        uint32_t flags;
        const char *gives;
    } cases[] = {
        {0, "abcdefg"},
        {PC_RANGE_REVERSE, "gfedcba"},
        {PC_RANGE_LOWER, "cdefg"},
        {PC_RANGE_LOWER | PC_RANGE_LOWER_EXCLUSIVE, "defg"},
        {PC_RANGE_UPPER, "abcde"},
        {PC_RANGE_UPPER | PC_RANGE_UPPER_INCLUSIVE, "abcdef"},
        {PC_RANGE_LOWER | PC_RANGE_UPPER, "cde"},
        {PC_RANGE_LOWER | PC_RANGE_UPPER | PC_RANGE_REVERSE, "edc"},
        {PC_RANGE_LOWER | PC_RANGE_LOWER_EXCLUSIVE | PC_RANGE_UPPER | PC_RANGE_UPPER_INCLUSIVE, "def"},
        {PC_RANGE_LOWER | PC_RANGE_LOWER_EXCLUSIVE | PC_RANGE_UPPER | PC_RANGE_UPPER_INCLUSIVE |
             PC_RANGE_REVERSE,
         "fed"},
    };
    pc_env env = open_env();
    pc_dict dict = letters(env, "gfedcba");
    pc_range range;
    CHECK(gives(over(dict, NULL), "abcdefg"));
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        range = range_of("c", "f", cases[i].flags);
        CHECK(gives(over(dict, &range), cases[i].gives));
    }
    range = range_of("f", "c", PC_RANGE_LOWER | PC_RANGE_UPPER);
    CHECK(gives(over(dict, &range), ""));
    range = range_of("x", "z", PC_RANGE_LOWER | PC_RANGE_UPPER);
    CHECK(gives(over(dict, &range), ""));
    /* An empty bound differs from an absent one. */
    range = range_of("", "", PC_RANGE_UPPER);
    CHECK(gives(over(dict, &range), ""));
    OK(pc_env_close(env));
}

static void prefixes_are_found_both_ways(void) {
    pc_env env = open_env();
    pc_set set = open_set(env, "s", "bytes");
    const char *elements[] = {"a", "b", "ba", "bz", "b\xff", "b\xff\xff", "c"};
    pc_range range = {0};
    pc_iter iter = {0};
    const void *key, *value;
    size_t len, value_len = 9, count = 0;
    for (size_t i = 0; i < 7; i++)
        OK(pc_set_add(set, S(elements[i])));
    range.prefix = "b", range.prefix_len = 1, range.flags = PC_RANGE_PREFIX;
    OK(pc_iter_open_set(set, &range, &iter));
    while (pc_iter_next(iter, &key, &len, &value, &value_len) == PC_OK) {
        CHECK(is_text(key, len, elements[1 + count++]));
        CHECK(value_len == 0 && value != NULL);
    }
    CHECK(count == 5);
    OK(pc_iter_close(iter));
    range.flags |= PC_RANGE_REVERSE;
    range.prefix = "b\xff", range.prefix_len = 2;
    OK(pc_iter_open_set(set, &range, &iter));
    OK(pc_iter_next(iter, &key, &len, NULL, NULL));
    CHECK(is_text(key, len, "b\xff\xff"));
    OK(pc_iter_next(iter, &key, &len, NULL, NULL));
    CHECK(is_text(key, len, "b\xff"));
    GIVES(PC_END, pc_iter_next(iter, &key, &len, NULL, NULL));
    OK(pc_iter_close(iter));
    range.prefix = NULL, range.prefix_len = 0;
    OK(pc_iter_open_set(set, &range, &iter));
    OK(pc_iter_next(iter, &key, &len, NULL, NULL));
    CHECK(is_text(key, len, "c"));
    OK(pc_iter_close(iter));
    OK(pc_env_close(env));
}

/* The prefix of leading elements is the key of the shorter tuple type. */
static void prefixes_of_tuples_are_keys_of_shorter_ones(void) {
    pc_env env = open_env();
    pc_set set = open_set(env, "s", "(str,i64)");
    const char *texts[] = {"a", "a", "ab"};
    pc_value parts[2], tuple = pc_value_null(), key;
    pc_buffer prefix = {0};
    pc_range range = {0};
    pc_iter iter = {0};
    int count = 0;
    tuple.kind = PC_VALUE_TUPLE;
    tuple.as.items.items = parts;
    tuple.as.items.len = 2;
    for (int i = 0; i < 3; i++) {
        parts[0] = pc_value_str(texts[i]);
        parts[1] = pc_value_i64(i);
        OK(pc_set_add_value(set, &tuple));
    }
    parts[0] = pc_value_str("a");
    tuple.as.items.len = 1;
    OK(pc_encode_key("(str)", &tuple, &prefix));
    range.prefix = prefix.data, range.prefix_len = prefix.len, range.flags = PC_RANGE_PREFIX;
    OK(pc_iter_open_set(set, &range, &iter));
    while (pc_iter_next_value(iter, &key, NULL) == PC_OK)
        CHECK(key.as.items.items[1].as.i64 == count++);
    CHECK(count == 2);
    pc_buffer_free(&prefix);
    OK(pc_env_close(env));
}

static char step(pc_iter iter, pc_status (*go)(pc_iter, const void **, size_t *, const void **, size_t *)) {
    const void *key;
    size_t len;
    pc_status status = go(iter, &key, &len, NULL, NULL);
    if (status == PC_END)
        return '.';
    OK(status);
    return *(const char *)key;
}

static void iterators_step_back_and_seek(void) {
    pc_env env = open_env();
    pc_dict dict = letters(env, "acegi");
    pc_iter iter = over(dict, NULL);
    pc_range range =
        range_of("c", "g", PC_RANGE_LOWER | PC_RANGE_UPPER | PC_RANGE_UPPER_INCLUSIVE | PC_RANGE_REVERSE);
    CHECK(step(iter, pc_iter_prev) == '.');
    CHECK(step(iter, pc_iter_next) == 'a');
    CHECK(step(iter, pc_iter_next) == 'c');
    CHECK(step(iter, pc_iter_prev) == 'a');
    CHECK(step(iter, pc_iter_prev) == '.');
    CHECK(step(iter, pc_iter_next) == 'a');
    OK(pc_iter_seek(iter, S("d")));
    CHECK(step(iter, pc_iter_next) == 'e');
    OK(pc_iter_seek(iter, S("g")));
    CHECK(step(iter, pc_iter_next) == 'g');
    OK(pc_iter_seek(iter, S("z")));
    CHECK(step(iter, pc_iter_next) == '.');
    OK(pc_iter_seek(iter, NULL, 0));
    CHECK(step(iter, pc_iter_next) == 'a');
    OK(pc_iter_close(iter));
    iter = over(dict, &range);
    OK(pc_iter_seek(iter, S("f")));
    CHECK(step(iter, pc_iter_next) == 'e');
    CHECK(step(iter, pc_iter_next) == 'c');
    CHECK(step(iter, pc_iter_next) == '.');
    CHECK(step(iter, pc_iter_prev) == 'c');
    OK(pc_iter_seek(iter, S("z")));
    CHECK(step(iter, pc_iter_next) == 'g');
    OK(pc_iter_close(iter));
    OK(pc_env_close(env));
}

static void an_iterator_of_its_own_does_not_see_changes(void) {
    pc_env env = open_env();
    pc_dict dict = letters(env, "abc");
    pc_iter iter = over(dict, NULL), late;
    CHECK(step(iter, pc_iter_next) == 'a');
    OK(pc_dict_remove(dict, S("b")));
    OK(put(dict, "d", "d"));
    late = over(dict, NULL);
    CHECK(gives(iter, "bc"));
    CHECK(gives(late, "acd"));
    /* A collection may be emptied while it is iterated. */
    iter = over(dict, NULL);
    for (char letter; (letter = step(iter, pc_iter_next)) != '.';)
        OK(pc_dict_remove(dict, &letter, 1));
    OK(pc_iter_close(iter));
    CHECK(dict_len(dict) == 0);
    OK(pc_env_close(env));
}

static void an_iterator_in_a_transaction_sees_its_writes(void) {
    pc_env env = open_env();
    pc_dict dict = letters(env, "abc");
    pc_txn txn;
    pc_iter iter, outside = over(dict, NULL);
    OK(pc_txn_begin(env, PC_TXN_WRITE, 0, &txn));
    iter = over(dict, NULL);
    CHECK(step(iter, pc_iter_next) == 'a');
    OK(pc_dict_remove(dict, S("b")));
    OK(put(dict, "bb", "x"));
    CHECK(step(iter, pc_iter_next) == 'b');
    CHECK(step(iter, pc_iter_next) == 'c');
    OK(put(dict, "d", "d"));
    CHECK(step(iter, pc_iter_next) == 'd');
    OK(put(dict, "c", "again"));
    CHECK(step(iter, pc_iter_next) == '.');
    CHECK(gives(outside, "abc"));
    OK(pc_txn_commit(txn));
    FAILS(PC_ERR_BAD_HANDLE, "closed", pc_iter_close(iter));
    OK(pc_env_close(env));
}

static void batches_are_columns(void) {
    pc_env env = open_env();
    pc_dict dict = open_dict(env, "d", "i32", "str");
    pc_set set = open_set(env, "s", "str");
    pc_iter iter = {0};
    pc_batch batch;
    size_t total = 0, batches = 0;
    char text[16];
    for (unsigned i = 0; i < 1000; i++) {
        unsigned char key[4] = {0x80, 0, (unsigned char)(i >> 8), (unsigned char)i};
        snprintf(text, sizeof text, "value %u", i);
        OK(pc_dict_put(dict, key, 4, S(text)));
    }
    iter = over(dict, NULL);
    for (pc_status status; (status = pc_iter_next_batch(iter, 300, 0, &batch)) != PC_END; batches++) {
        OK(status);
        CHECK(batch.count > 0 && batch.count <= 300 && batch.key_offsets[0] == 0 &&
              batch.value_offsets[0] == 0);
        for (size_t i = 0; i < batch.count; i++, total++) {
            const uint8_t *key = batch.keys + batch.key_offsets[i];
            CHECK(batch.key_offsets[i + 1] - batch.key_offsets[i] == 4);
            CHECK((unsigned)key[2] << 8 == (total & 0xff00) && key[3] == (total & 0xff));
            snprintf(text, sizeof text, "value %zu", total);
            CHECK(is_text(batch.values + batch.value_offsets[i],
                          (size_t)(batch.value_offsets[i + 1] - batch.value_offsets[i]), text));
        }
    }
    CHECK(total == 1000 && batches == 4);
    GIVES(PC_END, pc_iter_next_batch(iter, 0, 0, &batch));
    OK(pc_iter_close(iter));
    /* At least one item, however small the limit of bytes is; also mixed with steps. */
    iter = over(dict, NULL);
    OK(pc_iter_next_batch(iter, 0, 1, &batch));
    CHECK(batch.count == 1);
    {
        const void *key;
        size_t len;
        OK(pc_iter_next(iter, &key, &len, NULL, NULL));
        CHECK(len == 4 && ((const uint8_t *)key)[3] == 1);
    }
    OK(pc_iter_next_batch(iter, 2, 0, &batch));
    CHECK(batch.count == 2 && batch.keys[3] == 2);
    FAILS(PC_ERR_INVALID_ARGUMENT, "out is NULL", pc_iter_next_batch(iter, 0, 0, NULL));
    OK(pc_iter_close(iter));
    OK(pc_set_add(set, S("a")));
    OK(pc_set_add(set, S("b")));
    OK(pc_iter_open_set(set, NULL, &iter));
    OK(pc_iter_next_batch(iter, 0, 0, &batch));
    CHECK(batch.count == 2 && memcmp(batch.keys, "ab", 2) == 0);
    CHECK(batch.value_offsets[0] == 0 && batch.value_offsets[1] == 0 && batch.value_offsets[2] == 0);
    OK(pc_env_close(env));
}

static void iterators_decode_values(void) {
    pc_env env = open_env();
    pc_dict dict = open_dict(env, "d", "(str,i64)", "any");
    pc_set set = open_set(env, "s", "i64");
    pc_value pair[2], key = pc_value_null(), value = pc_value_str("deep");
    pc_iter iter = {0};
    pair[0] = pc_value_str("k"), pair[1] = pc_value_i64(-5);
    key.kind = PC_VALUE_TUPLE, key.as.items.items = pair, key.as.items.len = 2;
    OK(pc_dict_put_value(dict, &key, &value));
    iter = over(dict, NULL);
    memset(&key, 0xee, sizeof key), memset(&value, 0xee, sizeof value);
    OK(pc_iter_next_value(iter, &key, &value));
    CHECK(key.kind == PC_VALUE_TUPLE && key.as.items.len == 2);
    CHECK(strcmp((const char *)key.as.items.items[0].as.bytes.data, "k") == 0);
    CHECK(key.as.items.items[1].kind == PC_VALUE_I64 && key.as.items.items[1].as.i64 == -5);
    CHECK(value.kind == PC_VALUE_STR && is_text(value.as.bytes.data, value.as.bytes.len, "deep"));
    GIVES(PC_END, pc_iter_next_value(iter, &key, NULL));
    FAILS(PC_ERR_INVALID_ARGUMENT, "key is NULL", pc_iter_next_value(iter, NULL, &value));
    key = pc_value_i64(-1);
    OK(pc_set_add_value(set, &key));
    key = pc_value_i64(1);
    OK(pc_set_add_value(set, &key));
    OK(pc_iter_open_set(set, NULL, &iter));
    OK(pc_iter_next_value(iter, &key, NULL));
    CHECK(key.kind == PC_VALUE_I64 && key.as.i64 == -1);
    OK(pc_iter_next_value(iter, &key, &value));
    CHECK(key.as.i64 == 1 && value.kind == PC_VALUE_NULL);
    OK(pc_env_close(env));
}

static void iterators_end_with_what_they_belong_to(void) {
    pc_env env = open_env();
    pc_dict dict = letters(env, "abc");
    pc_iter iter = over(dict, NULL), zero = {0};
    const void *key;
    size_t len;
    pc_range bad = {0};
    FAILS(PC_ERR_INVALID_ARGUMENT, "key is NULL", pc_iter_next(iter, NULL, &len, NULL, NULL));
    FAILS(PC_ERR_INVALID_ARGUMENT, "key_len is NULL", pc_iter_prev(iter, &key, NULL, NULL, NULL));
    FAILS(PC_ERR_INVALID_ARGUMENT, "key is NULL", pc_iter_seek(iter, NULL, 1));
    OK(pc_dict_close(dict));
    GIVES(PC_ERR_BAD_HANDLE, pc_iter_next(iter, &key, &len, NULL, NULL));
    GIVES(PC_ERR_BAD_HANDLE, pc_iter_seek(iter, S("a")));
    GIVES(PC_ERR_BAD_HANDLE, pc_iter_close(iter));
    GIVES(PC_ERR_BAD_HANDLE, pc_iter_open_dict(dict, NULL, &zero));
    dict = letters(env, "");
    bad.flags = 0x100;
    FAILS(PC_ERR_INVALID_ARGUMENT, "unknown flags", pc_iter_open_dict(dict, &bad, &zero));
    FAILS(PC_ERR_INVALID_ARGUMENT, "out is NULL", pc_iter_open_dict(dict, NULL, NULL));
    GIVES(PC_ERR_BAD_HANDLE, pc_iter_close(zero));
    iter = over(dict, NULL);
    OK(pc_env_close(env));
    GIVES(PC_ERR_BAD_HANDLE, pc_iter_next(iter, &key, &len, NULL, NULL));
}

int main(void) {
    RUN(ranges_have_bounds_and_a_direction);
    RUN(prefixes_are_found_both_ways);
    RUN(prefixes_of_tuples_are_keys_of_shorter_ones);
    RUN(iterators_step_back_and_seek);
    RUN(an_iterator_of_its_own_does_not_see_changes);
    RUN(an_iterator_in_a_transaction_sees_its_writes);
    RUN(batches_are_columns);
    RUN(iterators_decode_values);
    RUN(iterators_end_with_what_they_belong_to);
    return check_end();
}
