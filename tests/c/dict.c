/* Dicts by encoded keys and values. */
#include "check.h"

static void entries_are_put_read_and_removed(void) {
    pc_env env = open_env();
    pc_dict dict = open_dict(env, "d", "str", "str");
    CHECK(holds(dict, "a", NULL) && dict_len(dict) == 0);
    OK(put(dict, "a", "1"));
    OK(put(dict, "b", "2"));
    CHECK(holds(dict, "a", "1") && holds(dict, "b", "2") && dict_len(dict) == 2);
    OK(put(dict, "a", "other"));
    CHECK(holds(dict, "a", "other") && dict_len(dict) == 2);
    OK(pc_dict_contains(dict, S("a")));
    GIVES(PC_NOT_FOUND, pc_dict_contains(dict, S("c")));
    OK(pc_dict_remove(dict, S("a")));
    GIVES(PC_NOT_FOUND, pc_dict_remove(dict, S("a")));
    GIVES(PC_EXISTS, pc_dict_put_new(dict, S("b"), S("3")));
    CHECK(holds(dict, "b", "2"));
    OK(pc_dict_put_new(dict, S("c"), S("3")));
    CHECK(holds(dict, "c", "3"));
    OK(pc_dict_clear(dict));
    CHECK(dict_len(dict) == 0 && holds(dict, "c", NULL));
    OK(pc_dict_close(dict));
    GIVES(PC_ERR_BAD_HANDLE, pc_dict_close(dict));
    OK(pc_env_close(env));
}

static void a_small_buffer_gets_the_needed_size(void) {
    pc_env env = open_env();
    pc_dict dict = open_dict(env, "d", "str", "str");
    char got[8] = "untouch";
    size_t len = 77;
    pc_buffer buffer = {0};
    GIVES(PC_NOT_FOUND, pc_dict_get(dict, S("a"), got, sizeof got, &len));
    CHECK(len == 77);
    OK(put(dict, "a", "12345"));
    GIVES(PC_TOO_SMALL, pc_dict_get(dict, S("a"), got, 4, &len));
    CHECK(len == 5 && strcmp(got, "untouch") == 0);
    len = 77;
    GIVES(PC_TOO_SMALL, pc_dict_get(dict, S("a"), NULL, 0, &len));
    CHECK(len == 5);
    OK(pc_dict_get(dict, S("a"), got, 5, &len));
    CHECK(memcmp(got, "12345ch", 8) == 0);
    GIVES(PC_TOO_SMALL, pc_dict_take(dict, S("a"), got, 4, &len));
    CHECK(len == 5 && holds(dict, "a", "12345"));
    OK(pc_dict_take(dict, S("a"), got, sizeof got, &len));
    CHECK(len == 5 && memcmp(got, "12345", 5) == 0 && holds(dict, "a", NULL));
    len = 77;
    GIVES(PC_NOT_FOUND, pc_dict_take(dict, S("a"), got, sizeof got, &len));
    CHECK(len == 77);
    /* An empty value, and one that is larger than the buffer. */
    OK(pc_dict_put(dict, S("e"), NULL, 0));
    OK(pc_dict_get(dict, S("e"), NULL, 0, &len));
    CHECK(len == 0);
    OK(pc_dict_get_buffer(dict, S("e"), &buffer));
    CHECK(buffer.len == 0);
    GIVES(PC_NOT_FOUND, pc_dict_get_buffer(dict, S("none"), &buffer));
    char *large = malloc(1 << 20);
    memset(large, 'x', 1 << 20);
    OK(pc_dict_put(dict, S("l"), large, 1 << 20));
    OK(pc_dict_get_buffer(dict, S("l"), &buffer));
    CHECK(buffer.len == 1 << 20 && buffer.cap >= buffer.len && memcmp(buffer.data, large, buffer.len) == 0);
    free(large);
    pc_buffer_free(&buffer);
    CHECK(!buffer.data && !buffer.len && !buffer.cap);
    OK(pc_env_close(env));
}

static void references_need_a_transaction(void) {
    pc_env env = open_env();
    pc_dict dict = open_dict(env, "d", "str", "str");
    const void *at = NULL;
    size_t len = 0;
    pc_txn txn;
    OK(put(dict, "a", "12345"));
    FAILS(PC_ERR_NO_TRANSACTION, "begin one", pc_dict_get_ref(dict, S("a"), &at, &len));
    CHECK(at == NULL);
    OK(pc_txn_begin(env, PC_TXN_READ, 0, &txn));
    OK(pc_dict_get_ref(dict, S("a"), &at, &len));
    CHECK(is_text(at, len, "12345"));
    GIVES(PC_NOT_FOUND, pc_dict_get_ref(dict, S("b"), &at, &len));
    FAILS(PC_ERR_INVALID_ARGUMENT, "value is NULL", pc_dict_get_ref(dict, S("a"), NULL, &len));
    FAILS(PC_ERR_INVALID_ARGUMENT, "len is NULL", pc_dict_get_ref(dict, S("a"), &at, NULL));
    OK(pc_txn_commit(txn));
    OK(pc_env_close(env));
}

static void compare_exchange_is_one_step(void) {
    pc_env env = open_env();
    pc_dict dict = open_dict(env, "d", "str", "str");
    pc_buffer current = {0};
    uint32_t both = PC_EXPECT_ABSENT | PC_DESIRE_ABSENT;
    GIVES(PC_NOT_FOUND, pc_dict_compare_exchange(dict, S("a"), S("1"), S("2"), 0, &current));
    OK(pc_dict_compare_exchange(dict, S("a"), NULL, 5, S("1"), PC_EXPECT_ABSENT, &current));
    CHECK(holds(dict, "a", "1"));
    GIVES(PC_EXISTS, pc_dict_compare_exchange(dict, S("a"), NULL, 0, S("2"), PC_EXPECT_ABSENT, &current));
    CHECK(buffer_is(&current, "1"));
    OK(pc_dict_compare_exchange(dict, S("a"), S("1"), S("2"), 0, NULL));
    GIVES(PC_EXISTS, pc_dict_compare_exchange(dict, S("a"), S("1"), S("3"), 0, NULL));
    GIVES(PC_EXISTS, pc_dict_compare_exchange(dict, S("a"), S("1"), NULL, 0, PC_DESIRE_ABSENT, &current));
    CHECK(buffer_is(&current, "2"));
    OK(pc_dict_compare_exchange(dict, S("a"), S("2"), NULL, 9, PC_DESIRE_ABSENT, NULL));
    CHECK(holds(dict, "a", NULL));
    OK(pc_dict_compare_exchange(dict, S("a"), NULL, 0, NULL, 0, both, NULL));
    FAILS(PC_ERR_INVALID_ARGUMENT, "unknown flags",
          pc_dict_compare_exchange(dict, S("a"), NULL, 0, NULL, 0, 4, NULL));
    FAILS(PC_ERR_INVALID_ARGUMENT, "expected is NULL",
          pc_dict_compare_exchange(dict, S("a"), NULL, 1, NULL, 0, 0, NULL));
    FAILS(PC_ERR_BAD_VALUE, "",
          pc_dict_compare_exchange(dict, S("a"), NULL, 0, "\xff", 1, PC_EXPECT_ABSENT, NULL));
    pc_buffer_free(&current);
    OK(pc_env_close(env));
}

static void integers_are_incremented(void) {
    pc_env env = open_env();
    pc_dict wide = open_dict(env, "i64", "str", "i64"), narrow = open_dict(env, "u8", "str", "u8");
    pc_dict any = open_dict(env, "any", "str", "any"), unsign = open_dict(env, "u64", "str", "u64");
    pc_dict text = open_dict(env, "str", "str", "str");
    int64_t sum = 0;
    pc_value value = pc_value_str("text"), key = pc_value_str("t");
    OK(pc_dict_add_i64(wide, S("n"), 5, &sum));
    OK(pc_dict_add_i64(wide, S("n"), -7, &sum));
    CHECK(sum == -2);
    OK(pc_dict_add_i64(wide, S("n"), INT64_MIN + 2, NULL));
    sum = 99;
    FAILS(PC_ERR_OVERFLOW, "", pc_dict_add_i64(wide, S("n"), -1, &sum));
    CHECK(sum == 99);
    OK(pc_dict_add_i64(wide, S("n"), 0, &sum));
    CHECK(sum == INT64_MIN);
    OK(pc_dict_add_i64(narrow, S("n"), 255, &sum));
    GIVES(PC_ERR_OVERFLOW, pc_dict_add_i64(narrow, S("n"), 1, &sum));
    GIVES(PC_ERR_OVERFLOW, pc_dict_add_i64(narrow, S("n"), -256, &sum));
    OK(pc_dict_add_i64(unsign, S("n"), INT64_MAX, &sum));
    GIVES(PC_ERR_OVERFLOW, pc_dict_add_i64(unsign, S("n"), 1, &sum));
    OK(pc_dict_add_i64(any, S("n"), 41, NULL));
    OK(pc_dict_add_i64(any, S("n"), 1, &sum));
    CHECK(sum == 42);
    OK(pc_dict_put_value(any, &key, &value));
    FAILS(PC_ERR_TYPE_MISMATCH, "str", pc_dict_add_i64(any, S("t"), 1, &sum));
    GIVES(PC_ERR_TYPE_MISMATCH, pc_dict_add_i64(text, S("n"), 1, &sum));
    OK(pc_env_close(env));
}

static void first_and_last_return_the_ends(void) {
    pc_env env = open_env();
    pc_dict dict = open_dict(env, "d", "str", "str");
    pc_buffer key = {0}, value = {0};
    GIVES(PC_NOT_FOUND, pc_dict_first(dict, &key, &value));
    GIVES(PC_NOT_FOUND, pc_dict_last(dict, &key, NULL));
    OK(put(dict, "m", "2"));
    OK(put(dict, "z", "3"));
    OK(put(dict, "a", "1"));
    OK(pc_dict_first(dict, &key, &value));
    CHECK(buffer_is(&key, "a") && buffer_is(&value, "1"));
    OK(pc_dict_last(dict, &key, NULL));
    CHECK(buffer_is(&key, "z") && buffer_is(&value, "1"));
    OK(pc_dict_last(dict, &key, &value));
    CHECK(buffer_is(&value, "3"));
    FAILS(PC_ERR_INVALID_ARGUMENT, "same buffer", pc_dict_first(dict, &key, &key));
    FAILS(PC_ERR_INVALID_ARGUMENT, "key is NULL", pc_dict_first(dict, NULL, &value));
    pc_buffer_free(&key);
    key.cap = 8;
    FAILS(PC_ERR_INVALID_ARGUMENT, "all zeros", pc_dict_first(dict, &key, &value));
    pc_buffer_free(&value);
    OK(pc_env_close(env));
}

static void ranges_are_removed(void) {
    pc_env env = open_env();
    pc_dict dict = open_dict(env, "d", "str", "str");
    pc_range range = {0};
    uint64_t removed = 0;
    const char *keys[] = {"a", "ab", "b", "ba", "bb", "c", "d"};
    for (size_t i = 0; i < 7; i++)
        OK(put(dict, keys[i], "v"));
    range.prefix = "b", range.prefix_len = 1, range.flags = PC_RANGE_PREFIX;
    range.lower = "ba", range.lower_len = 2, range.flags |= PC_RANGE_LOWER;
    OK(pc_dict_remove_range(dict, &range, &removed));
    CHECK(removed == 2 && holds(dict, "b", "v") && holds(dict, "ba", NULL) && holds(dict, "bb", NULL));
    range.flags = PC_RANGE_UPPER | PC_RANGE_UPPER_INCLUSIVE, range.upper = "ab", range.upper_len = 2;
    OK(pc_dict_remove_range(dict, &range, NULL));
    CHECK(dict_len(dict) == 3);
    range.flags = 0x40;
    FAILS(PC_ERR_INVALID_ARGUMENT, "unknown flags 0x40", pc_dict_remove_range(dict, &range, NULL));
    range.flags = PC_RANGE_LOWER_EXCLUSIVE;
    FAILS(PC_ERR_INVALID_ARGUMENT, "set both", pc_dict_remove_range(dict, &range, NULL));
    range.flags = PC_RANGE_UPPER_INCLUSIVE;
    FAILS(PC_ERR_INVALID_ARGUMENT, "set both", pc_dict_remove_range(dict, &range, NULL));
    range.flags = PC_RANGE_LOWER, range.lower = NULL;
    FAILS(PC_ERR_INVALID_ARGUMENT, "lower is NULL", pc_dict_remove_range(dict, &range, NULL));
    range.flags = 0, range.reserved = 1;
    FAILS(PC_ERR_INVALID_ARGUMENT, "reserved", pc_dict_remove_range(dict, &range, NULL));
    CHECK(dict_len(dict) == 3);
    OK(pc_dict_remove_range(dict, NULL, &removed));
    CHECK(removed == 3 && dict_len(dict) == 0);
    OK(pc_env_close(env));
}

static void types_are_kept_and_compared(void) {
    pc_env env = open_env();
    pc_dict dict = open_dict(env, "d", "(str,i64)", "f32[2,3]"), other = {0};
    pc_set set = {0};
    pc_buffer types = {0};
    bool raw = true;
    OK(pc_dict_schema(dict, &types, &raw));
    CHECK(!raw && types.len == 19 && memcmp(types.data, "(str,i64)\0f32[2,3]", 19) == 0);
    OK(pc_dict_schema(dict, &types, NULL));
    FAILS(PC_ERR_INVALID_ARGUMENT, "types", pc_dict_schema(dict, NULL, &raw));
    FAILS(PC_ERR_TYPE_MISMATCH, "(str,i64)", pc_dict_open(env, "d", "str", NULL, 0, &other));
    FAILS(PC_ERR_TYPE_MISMATCH, "f32[2,3]", pc_dict_open(env, "d", NULL, "f32[3,2]", 0, &other));
    FAILS(PC_ERR_WRONG_KIND, "dict", pc_set_open(env, "d", NULL, 0, &set));
    FAILS(PC_ERR_BAD_TYPE, "", pc_dict_open(env, "x", "i63", "str", 0, &other));
    FAILS(PC_ERR_BAD_TYPE, "", pc_dict_open(env, "x", "f32[]", "str", 0, &other));
    FAILS(PC_ERR_BAD_TYPE, "", pc_dict_open(env, "x", "str", "(str,str)", 0, &other));
    FAILS(PC_ERR_NO_COLLECTION, "x", pc_dict_open(env, "x", "str", "str", PC_OPEN_EXISTING, &other));
    FAILS(PC_ERR_BAD_NAME, "pc:", pc_dict_open(env, "pc:x", "str", "str", 0, &other));
    char name[300];
    memset(name, 'n', sizeof name);
    name[256] = 0;
    FAILS(PC_ERR_BAD_NAME, "255", pc_dict_open(env, name, "str", "str", 0, &other));
    name[255] = 0;
    OK(pc_dict_open(env, name, "str", "str", 0, &other));
    FAILS(PC_ERR_INVALID_ARGUMENT, "0x10", pc_dict_open(env, "x", "str", "str", 0x10, &other));
    FAILS(PC_ERR_INVALID_ARGUMENT, "UTF-8", pc_dict_open(env, "\xc0", "str", "str", 0, &other));
    FAILS(PC_ERR_INVALID_ARGUMENT, "key_type", pc_dict_open(env, "x", "\xff", "str", 0, &other));
    FAILS(PC_ERR_INVALID_ARGUMENT, "value_type", pc_dict_open(env, "x", "str", "\xff", 0, &other));
    FAILS(PC_ERR_INVALID_ARGUMENT, "name is NULL", pc_dict_open(env, NULL, "str", "str", 0, &other));
    FAILS(PC_ERR_INVALID_ARGUMENT, "out is NULL", pc_dict_open(env, "x", "str", "str", 0, NULL));
    /* The stored type; any, if new; a type of any width. */
    OK(pc_dict_open(env, "d", NULL, NULL, PC_OPEN_EXISTING, &other));
    OK(pc_dict_open(env, "new", NULL, NULL, 0, &other));
    OK(pc_dict_schema(other, &types, NULL));
    CHECK(types.len == 8 && memcmp(types.data, "any\0any", 8) == 0);
    open_dict(env, "narrow", "u16", "f32");
    GIVES(PC_ERR_TYPE_MISMATCH, pc_dict_open(env, "narrow", "i64", "f64", 0, &other));
    OK(pc_dict_open(env, "narrow", "i64", "f64", PC_OPEN_ANY_INT, &other));
    OK(pc_dict_schema(other, &types, NULL));
    CHECK(types.len == 8 && memcmp(types.data, "u16\0f32", 8) == 0);
    pc_buffer_free(&types);
    OK(pc_env_close(env));
}

static void keys_and_values_are_checked(void) {
    pc_env env = open_env();
    pc_dict texts = open_dict(env, "t", "str", "str"), bytes = open_dict(env, "b", "bytes", "bytes");
    pc_dict numbers = open_dict(env, "n", "f64", "i32"), any = open_dict(env, "a", "any", "any");
    unsigned char nan[8] = {0xff, 0xf8, 0, 0, 0, 0, 0, 0};
    char large[2000];
    size_t len;
    uint64_t before = dict_len(texts);
    memset(large, 'k', sizeof large);
    FAILS(PC_ERR_BAD_KEY, "UTF-8", pc_dict_put(texts, "\xc3(", 2, S("v")));
    FAILS(PC_ERR_BAD_VALUE, "UTF-8", pc_dict_put(texts, S("k"), "\xc3(", 2));
    FAILS(PC_ERR_KEY_SIZE, "", pc_dict_put(texts, large, 1979, S("v")));
    OK(pc_dict_put(texts, large, 1978, S("v")));
    OK(pc_dict_remove(texts, large, 1978));
    FAILS(PC_ERR_KEY_SIZE, "", pc_dict_put(bytes, NULL, 0, S("v")));
    FAILS(PC_ERR_KEY_SIZE, "", pc_dict_put_new(bytes, large, 1979, S("v")));
    FAILS(PC_ERR_BAD_KEY, "", pc_dict_put(numbers, "1234567", 7, "1234", 4));
    FAILS(PC_ERR_BAD_KEY, "NaN", pc_dict_put(numbers, nan, 8, "1234", 4));
    FAILS(PC_ERR_BAD_VALUE, "", pc_dict_put(numbers, "\x80\0\0\0\0\0\0", 8, "123", 3));
    FAILS(PC_ERR_BAD_KEY, "", pc_dict_put(any, "\xee", 1, "\x01", 1));
    FAILS(PC_ERR_BAD_VALUE, "", pc_dict_put(any, "\x02k\0", 3, "\xff", 1));
    GIVES(PC_ERR_BAD_KEY, pc_dict_get(texts, "\xff", 1, large, sizeof large, &len));
    GIVES(PC_ERR_BAD_KEY, pc_dict_remove(numbers, "1", 1));
    GIVES(PC_ERR_BAD_KEY, pc_dict_contains(numbers, "1", 1));
    GIVES(PC_ERR_BAD_KEY, pc_dict_take(numbers, "1", 1, large, sizeof large, &len));
    GIVES(PC_ERR_BAD_KEY, pc_dict_add_i64(numbers, "1", 1, 1, NULL));
    FAILS(PC_ERR_INVALID_ARGUMENT, "key is NULL", pc_dict_put(texts, NULL, 1, S("v")));
    FAILS(PC_ERR_INVALID_ARGUMENT, "value is NULL", pc_dict_put(texts, S("k"), NULL, 1));
    FAILS(PC_ERR_INVALID_ARGUMENT, "beyond", pc_dict_put(texts, "k", SIZE_MAX, S("v")));
    FAILS(PC_ERR_INVALID_ARGUMENT, "buf is NULL", pc_dict_get(texts, S("k"), NULL, 8, &len));
    FAILS(PC_ERR_INVALID_ARGUMENT, "len is NULL", pc_dict_get(texts, S("k"), large, 8, NULL));
    FAILS(PC_ERR_INVALID_ARGUMENT, "value is NULL", pc_dict_get_buffer(texts, S("k"), NULL));
    FAILS(PC_ERR_INVALID_ARGUMENT, "len is NULL", pc_dict_len(texts, NULL));
    FAILS(PC_ERR_INVALID_ARGUMENT, "len is NULL", pc_dict_take(texts, S("k"), large, 8, NULL));
    /* Over 2 GiB: refused before a byte of it is read. */
    if (sizeof(size_t) > 4)
        FAILS(PC_ERR_VALUE_SIZE, "", pc_dict_put(bytes, S("k"), large, ((size_t)1 << 31) + 1));
    CHECK(dict_len(texts) == before && dict_len(bytes) == 0 && dict_len(numbers) == 0 && dict_len(any) == 0);
    OK(put(texts, "fine", "still"));
    OK(pc_env_close(env));
}

/* After as many dicts as the option allows had been opened, every further opening failed. */
static void any_number_of_dicts_is_open_at_once(void) {
    enum { MANY = 400 };
    static pc_dict dicts[MANY];
    pc_env env = {0};
    pc_env_options options;
    char name[8];
    OK(pc_env_options_init(&options, sizeof options));
    options.durability = PC_DURABILITY_NONE;
    options.max_collections = 4;
    OK(pc_env_open(in_dir("env"), &options, &env));
    for (int n = 0; n < MANY; n++) {
        snprintf(name, sizeof name, "d%d", n);
        OK(pc_dict_open(env, name, "str", "str", 0, &dicts[n]));
        OK(put(dicts[n], "a", name));
    }
    for (int n = MANY - 1; n >= 0; n -= 7) {
        snprintf(name, sizeof name, "d%d", n);
        CHECK(holds(dicts[n], "a", name));
    }
    OK(pc_env_close(env));
}

int main(void) {
    RUN(any_number_of_dicts_is_open_at_once);
    RUN(entries_are_put_read_and_removed);
    RUN(a_small_buffer_gets_the_needed_size);
    RUN(references_need_a_transaction);
    RUN(compare_exchange_is_one_step);
    RUN(integers_are_incremented);
    RUN(first_and_last_return_the_ends);
    RUN(ranges_are_removed);
    RUN(types_are_kept_and_compared);
    RUN(keys_and_values_are_checked);
    return check_end();
}
