/* Batches: columns as input and output, all or nothing. */
#include "check.h"

static void entries_of_varying_width(void) {
    pc_env env = open_env();
    pc_dict dict = open_dict(env, "d", "str", "str");
    const uint64_t keys[] = {0, 1, 3, 4, 5}, values[] = {0, 3, 3, 6, 7};
    const uint64_t asked[] = {0, 1, 2, 4};
    uint64_t offsets[4], removed = 99;
    uint8_t present[3] = {9, 9, 9};
    pc_buffer got = {0};
    size_t failed_at = 99;
    /* a: one, bb: empty, c: two, a: 3; the last entry of a key wins. */
    OK(pc_dict_put_many(dict, 4, "abbca", keys, "onetwo3", values, &failed_at));
    CHECK(failed_at == 99 && dict_len(dict) == 3);
    CHECK(holds(dict, "a", "3") && holds(dict, "bb", "") && holds(dict, "c", "two"));
    OK(pc_dict_get_many(dict, 3, "cxbb", asked, present, NULL, 0, &got, offsets, NULL));
    CHECK(present[0] == 1 && present[1] == 0 && present[2] == 1 && buffer_is(&got, "two"));
    CHECK(offsets[0] == 0 && offsets[1] == 3 && offsets[2] == 3 && offsets[3] == 3);
    OK(pc_dict_remove_many(dict, 3, "cxbb", asked, &removed, NULL));
    CHECK(removed == 2 && dict_len(dict) == 1);
    /* An empty batch is valid, too. */
    OK(pc_dict_put_many(dict, 0, NULL, NULL, NULL, NULL, NULL));
    OK(pc_dict_get_many(dict, 0, NULL, NULL, NULL, NULL, 0, NULL, NULL, NULL));
    OK(pc_dict_remove_many(dict, 0, NULL, NULL, &removed, NULL));
    CHECK(removed == 0 && dict_len(dict) == 1);
    pc_buffer_free(&got);
    OK(pc_env_close(env));
}

static void fixed_widths_are_a_matrix(void) {
    pc_env env = open_env();
    pc_dict dict = open_dict(env, "d", "u16", "f64[2]");
    const unsigned char keys[] = {0, 1, 0, 2, 0, 3}, asked[] = {0, 3, 9, 9, 0, 1};
    const double matrix[3][2] = {{1, 2}, {3, 4}, {5, 6}};
    double got[3][2] = {{7, 7}, {7, 7}, {7, 7}};
    uint8_t present[3];
    pc_buffer variable = {0};
    uint64_t offsets[4];
    OK(pc_dict_put_many(dict, 3, keys, NULL, matrix, NULL, NULL));
    OK(pc_dict_get_many(dict, 3, asked, NULL, present, got, sizeof got, NULL, NULL, NULL));
    CHECK(present[0] && !present[1] && present[2]);
    CHECK(got[0][0] == 5 && got[0][1] == 6 && got[1][0] == 0 && got[1][1] == 0 && got[2][1] == 2);
    OK(pc_dict_get_many(dict, 3, asked, NULL, present, NULL, 0, &variable, offsets, NULL));
    CHECK(variable.len == 32 && offsets[1] == 16 && offsets[2] == 16 &&
          memcmp(variable.data, matrix[2], 16) == 0);
    FAILS(PC_ERR_INVALID_ARGUMENT, "values_cap",
          pc_dict_get_many(dict, 3, asked, NULL, present, got, sizeof got - 1, NULL, NULL, NULL));
    FAILS(PC_ERR_INVALID_ARGUMENT, "must be NULL",
          pc_dict_get_many(dict, 3, asked, NULL, present, got, sizeof got, &variable, NULL, NULL));
    FAILS(PC_ERR_INVALID_ARGUMENT, "both NULL",
          pc_dict_get_many(dict, 3, asked, NULL, present, NULL, 0, NULL, NULL, NULL));
    FAILS(PC_ERR_INVALID_ARGUMENT, "value_offsets",
          pc_dict_get_many(dict, 3, asked, NULL, present, NULL, 0, &variable, NULL, NULL));
    FAILS(PC_ERR_INVALID_ARGUMENT, "present",
          pc_dict_get_many(dict, 3, asked, NULL, NULL, got, sizeof got, NULL, NULL, NULL));
    pc_buffer_free(&variable);
    OK(pc_env_close(env));
}

static void values_of_a_range_are_a_column(void) {
    pc_env env = open_env();
    pc_dict dict = open_dict(env, "d", "u16", "f64"), texts = open_dict(env, "t", "str", "str");
    const unsigned char keys[] = {0, 1, 0, 2, 0, 3}, two[] = {0, 2};
    const double numbers[] = {1, 2.5, -3}, turned[] = {-3, 2.5};
    pc_range range = {0};
    pc_buffer column = {0};
    OK(pc_dict_values(dict, NULL, &column));
    CHECK(column.len == 0);
    OK(pc_dict_put_many(dict, 3, keys, NULL, numbers, NULL, NULL));
    OK(pc_dict_values(dict, NULL, &column));
    CHECK(column.len == sizeof numbers && memcmp(column.data, numbers, sizeof numbers) == 0);
    range.lower = two;
    range.lower_len = sizeof two;
    range.flags = PC_RANGE_LOWER | PC_RANGE_REVERSE;
    OK(pc_dict_values(dict, &range, &column));
    CHECK(column.len == sizeof turned && memcmp(column.data, turned, sizeof turned) == 0);
    FAILS(PC_ERR_INVALID_ARGUMENT, "no fixed width", pc_dict_values(texts, NULL, &column));
    FAILS(PC_ERR_INVALID_ARGUMENT, "values is NULL", pc_dict_values(dict, NULL, NULL));
    pc_buffer_free(&column);
    OK(pc_env_close(env));
}

static void an_invalid_item_is_named_and_nothing_is_done(void) {
    pc_env env = open_env();
    pc_dict dict = open_dict(env, "d", "str", "str");
    pc_set set = open_set(env, "s", "str");
    const uint64_t three[] = {0, 1, 2, 3}, falling[] = {0, 2, 1, 3}, wide[] = {0, 1, 2, UINT64_MAX};
    uint8_t present[3];
    pc_buffer values = {0};
    uint64_t offsets[4], count = 99;
    size_t failed_at = 99;
    FAILS(PC_ERR_BAD_KEY, "item 1",
          pc_dict_put_many(dict, 3,
                           "a\xff"
                           "c",
                           three, "123", three, &failed_at));
    CHECK(failed_at == 1);
    FAILS(PC_ERR_BAD_VALUE, "item 2", pc_dict_put_many(dict, 3, "abc", three, "12\xff", three, &failed_at));
    CHECK(failed_at == 2 && dict_len(dict) == 0);
    FAILS(PC_ERR_INVALID_ARGUMENT, "ascend",
          pc_dict_put_many(dict, 3, "abc", falling, "123", three, &failed_at));
    CHECK(failed_at == SIZE_MAX);
    FAILS(PC_ERR_INVALID_ARGUMENT, "", pc_dict_put_many(dict, 3, "abc", wide, "123", three, NULL));
    FAILS(PC_ERR_INVALID_ARGUMENT, "no fixed width",
          pc_dict_put_many(dict, 3, "abc", NULL, "123", three, NULL));
    FAILS(PC_ERR_INVALID_ARGUMENT, "no fixed width",
          pc_dict_put_many(dict, 3, "abc", three, "123", NULL, NULL));
    FAILS(PC_ERR_INVALID_ARGUMENT, "keys is NULL",
          pc_dict_put_many(dict, 3, NULL, three, "123", three, NULL));
    FAILS(PC_ERR_INVALID_ARGUMENT, "beyond",
          pc_dict_put_many(dict, SIZE_MAX, "abc", three, "123", three, NULL));
    FAILS(PC_ERR_BAD_KEY, "item 0",
          pc_dict_get_many(dict, 3,
                           "\xff"
                           "bc",
                           three, present, NULL, 0, &values, offsets, &failed_at));
    CHECK(failed_at == 0);
    FAILS(PC_ERR_BAD_KEY, "item 2", pc_dict_remove_many(dict, 3, "ab\xff", three, &count, &failed_at));
    CHECK(failed_at == 2);
    FAILS(PC_ERR_BAD_KEY, "item 1",
          pc_set_add_many(set, 3,
                          "a\xff"
                          "c",
                          three, &count, &failed_at));
    CHECK(failed_at == 1 && set_len(set) == 0);
    FAILS(PC_ERR_BAD_KEY, "item 1",
          pc_set_remove_many(set, 3,
                             "a\xff"
                             "c",
                             three, &count, &failed_at));
    FAILS(PC_ERR_BAD_KEY, "item 2", pc_set_contains_many(set, 3, "ab\xff", three, present, &failed_at));
    CHECK(failed_at == 2 && count == 99);
    FAILS(PC_ERR_INVALID_ARGUMENT, "present", pc_set_contains_many(set, 3, "abc", three, NULL, &failed_at));
    CHECK(failed_at == SIZE_MAX);
    OK(pc_dict_close(dict));
    failed_at = 0;
    GIVES(PC_ERR_BAD_HANDLE, pc_dict_put_many(dict, 3, "abc", three, "123", three, &failed_at));
    CHECK(failed_at == SIZE_MAX);
    pc_buffer_free(&values);
    OK(pc_env_close(env));
}

static void elements_of_sets(void) {
    pc_env env = open_env();
    pc_set set = open_set(env, "s", "str"), numbers = open_set(env, "n", "u8");
    const uint64_t three[] = {0, 1, 2, 3};
    uint64_t count = 99;
    uint8_t present[4] = {9, 9, 9, 9};
    OK(pc_set_add(set, S("b")));
    OK(pc_set_add_many(set, 3, "abc", three, &count, NULL));
    CHECK(count == 2 && set_len(set) == 3);
    OK(pc_set_contains_many(set, 3, "axc", three, present, NULL));
    CHECK(present[0] == 1 && present[1] == 0 && present[2] == 1 && present[3] == 9);
    OK(pc_set_remove_many(set, 3, "axa", three, &count, NULL));
    CHECK(count == 1 && set_len(set) == 2);
    OK(pc_set_add_many(numbers, 4, "\1\2\1\3", NULL, NULL, NULL));
    CHECK(set_len(numbers) == 3);
    OK(pc_set_contains_many(numbers, 4, "\1\2\3\4", NULL, present, NULL));
    CHECK(present[0] && present[1] && present[2] && !present[3]);
    OK(pc_set_add_many(set, 0, NULL, NULL, &count, NULL));
    CHECK(count == 0);
    OK(pc_env_close(env));
}

static void a_large_batch_in_a_transaction(void) {
    enum { COUNT = 20000 };
    static unsigned char keys[COUNT][4];
    static int64_t values[COUNT], got[COUNT];
    static uint8_t present[COUNT];
    pc_env env = open_env();
    pc_dict dict = open_dict(env, "d", "u32", "i64");
    pc_txn txn = {0};
    for (unsigned i = 0; i < COUNT; i++) {
        unsigned key = i * 2654435761u;
        for (unsigned j = 0; j < 4; j++)
            keys[i][j] = (unsigned char)(key >> (24 - 8 * j));
        values[i] = (int64_t)i - 100;
    }
    OK(pc_txn_begin(env, PC_TXN_WRITE, 0, &txn));
    OK(pc_dict_put_many(dict, COUNT, keys, NULL, values, NULL, NULL));
    OK(pc_txn_abort(txn));
    CHECK(dict_len(dict) == 0);
    OK(pc_dict_put_many(dict, COUNT, keys, NULL, values, NULL, NULL));
    CHECK(dict_len(dict) == COUNT);
    OK(pc_dict_get_many(dict, COUNT, keys, NULL, present, got, sizeof got, NULL, NULL, NULL));
    CHECK(memcmp(values, got, sizeof got) == 0);
    OK(pc_env_close(env));
}

int main(void) {
    RUN(entries_of_varying_width);
    RUN(fixed_widths_are_a_matrix);
    RUN(values_of_a_range_are_a_column);
    RUN(an_invalid_item_is_named_and_nothing_is_done);
    RUN(elements_of_sets);
    RUN(a_large_batch_in_a_transaction);
    return check_end();
}
