/* Handles that are zero, garbage, closed or of another kind, at every call that takes one. */
#include "check.h"

/* Every call with handles of these numbers; all must return PC_ERR_BAD_HANDLE and write no output. */
static void refused(uint64_t env_id, uint64_t dict_id, uint64_t set_id, uint64_t iter_id, uint64_t txn_id) {
    pc_env env = {env_id};
    pc_dict dict = {dict_id}, dict_out = {1};
    pc_set set = {set_id}, set_out = {1};
    pc_iter iter = {iter_id}, iter_out = {1};
    pc_txn txn = {txn_id}, txn_out = {1};
    pc_buffer buffer = {0}, other = {0};
    pc_env_stat stat = {.struct_size = sizeof stat, .map_size = 1};
    pc_batch batch = {.count = 77};
    pc_value value = pc_value_i64(1);
    const void *at = NULL;
    const uint64_t offsets[] = {0, 1};
    uint64_t offsets_out[2], count = 77;
    int64_t sum = 77;
    size_t len = 77;
    int32_t kind = 77;
    uint8_t present = 77;
    bool raw = true;
    char memory[8];

    GIVES(PC_ERR_BAD_HANDLE, pc_env_close(env));
    GIVES(PC_ERR_BAD_HANDLE, pc_flush(env));
    GIVES(PC_ERR_BAD_HANDLE, pc_env_info(env, &stat));
    GIVES(PC_ERR_BAD_HANDLE, pc_env_list(env, &buffer));
    GIVES(PC_ERR_BAD_HANDLE, pc_collection_drop(env, "d"));
    GIVES(PC_ERR_BAD_HANDLE, pc_collection_schema(env, "d", &kind, &buffer));
    GIVES(PC_ERR_BAD_HANDLE, pc_dict_open(env, "d", NULL, NULL, 0, &dict_out));
    GIVES(PC_ERR_BAD_HANDLE, pc_set_open(env, "s", NULL, 0, &set_out));
    GIVES(PC_ERR_BAD_HANDLE, pc_txn_begin(env, PC_TXN_READ, 0, &txn_out));
    GIVES(PC_ERR_BAD_HANDLE, pc_txn_current(env, &txn_out));
    GIVES(PC_ERR_BAD_HANDLE, pc_txn_set_current(env, txn, &txn_out));

    GIVES(PC_ERR_BAD_HANDLE, pc_dict_close(dict));
    GIVES(PC_ERR_BAD_HANDLE, pc_dict_schema(dict, &buffer, &raw));
    GIVES(PC_ERR_BAD_HANDLE, pc_dict_put(dict, S("k"), S("v")));
    GIVES(PC_ERR_BAD_HANDLE, pc_dict_put_new(dict, S("k"), S("v")));
    GIVES(PC_ERR_BAD_HANDLE, pc_dict_get(dict, S("k"), memory, sizeof memory, &len));
    GIVES(PC_ERR_BAD_HANDLE, pc_dict_get_buffer(dict, S("k"), &buffer));
    GIVES(PC_ERR_BAD_HANDLE, pc_dict_get_ref(dict, S("k"), &at, &len));
    GIVES(PC_ERR_BAD_HANDLE, pc_dict_contains(dict, S("k")));
    GIVES(PC_ERR_BAD_HANDLE, pc_dict_remove(dict, S("k")));
    GIVES(PC_ERR_BAD_HANDLE, pc_dict_take(dict, S("k"), memory, sizeof memory, &len));
    GIVES(PC_ERR_BAD_HANDLE, pc_dict_compare_exchange(dict, S("k"), S("a"), S("b"), 0, &buffer));
    GIVES(PC_ERR_BAD_HANDLE, pc_dict_add_i64(dict, S("k"), 1, &sum));
    GIVES(PC_ERR_BAD_HANDLE, pc_dict_len(dict, &count));
    GIVES(PC_ERR_BAD_HANDLE, pc_dict_clear(dict));
    GIVES(PC_ERR_BAD_HANDLE, pc_dict_first(dict, &buffer, &other));
    GIVES(PC_ERR_BAD_HANDLE, pc_dict_last(dict, &buffer, &other));
    GIVES(PC_ERR_BAD_HANDLE, pc_dict_remove_range(dict, NULL, &count));
    GIVES(PC_ERR_BAD_HANDLE, pc_dict_put_many(dict, 1, "k", offsets, "v", offsets, NULL));
    GIVES(PC_ERR_BAD_HANDLE,
          pc_dict_get_many(dict, 1, "k", offsets, &present, NULL, 0, &buffer, offsets_out, NULL));
    GIVES(PC_ERR_BAD_HANDLE, pc_dict_remove_many(dict, 1, "k", offsets, &count, NULL));
    GIVES(PC_ERR_BAD_HANDLE, pc_dict_put_value(dict, &value, &value));
    GIVES(PC_ERR_BAD_HANDLE, pc_dict_get_value(dict, &value, &value, &buffer));
    GIVES(PC_ERR_BAD_HANDLE, pc_dict_contains_value(dict, &value));
    GIVES(PC_ERR_BAD_HANDLE, pc_dict_remove_value(dict, &value));
    GIVES(PC_ERR_BAD_HANDLE, pc_iter_open_dict(dict, NULL, &iter_out));

    GIVES(PC_ERR_BAD_HANDLE, pc_set_close(set));
    GIVES(PC_ERR_BAD_HANDLE, pc_set_schema(set, &buffer, &raw));
    GIVES(PC_ERR_BAD_HANDLE, pc_set_add(set, S("k")));
    GIVES(PC_ERR_BAD_HANDLE, pc_set_remove(set, S("k")));
    GIVES(PC_ERR_BAD_HANDLE, pc_set_contains(set, S("k")));
    GIVES(PC_ERR_BAD_HANDLE, pc_set_len(set, &count));
    GIVES(PC_ERR_BAD_HANDLE, pc_set_clear(set));
    GIVES(PC_ERR_BAD_HANDLE, pc_set_first(set, &buffer));
    GIVES(PC_ERR_BAD_HANDLE, pc_set_last(set, &buffer));
    GIVES(PC_ERR_BAD_HANDLE, pc_set_remove_range(set, NULL, &count));
    GIVES(PC_ERR_BAD_HANDLE, pc_set_add_many(set, 1, "k", offsets, &count, NULL));
    GIVES(PC_ERR_BAD_HANDLE, pc_set_remove_many(set, 1, "k", offsets, &count, NULL));
    GIVES(PC_ERR_BAD_HANDLE, pc_set_contains_many(set, 1, "k", offsets, &present, NULL));
    GIVES(PC_ERR_BAD_HANDLE, pc_set_add_value(set, &value));
    GIVES(PC_ERR_BAD_HANDLE, pc_set_remove_value(set, &value));
    GIVES(PC_ERR_BAD_HANDLE, pc_set_contains_value(set, &value));
    GIVES(PC_ERR_BAD_HANDLE, pc_iter_open_set(set, NULL, &iter_out));

    GIVES(PC_ERR_BAD_HANDLE, pc_iter_next(iter, &at, &len, NULL, NULL));
    GIVES(PC_ERR_BAD_HANDLE, pc_iter_prev(iter, &at, &len, NULL, NULL));
    GIVES(PC_ERR_BAD_HANDLE, pc_iter_next_batch(iter, 0, 0, &batch));
    GIVES(PC_ERR_BAD_HANDLE, pc_iter_next_value(iter, &value, &value));
    GIVES(PC_ERR_BAD_HANDLE, pc_iter_seek(iter, S("k")));
    GIVES(PC_ERR_BAD_HANDLE, pc_iter_close(iter));

    GIVES(PC_ERR_BAD_HANDLE, pc_txn_commit(txn));
    GIVES(PC_ERR_BAD_HANDLE, pc_txn_abort(txn));

    CHECK(dict_out.id == 1 && set_out.id == 1 && iter_out.id == 1 && txn_out.id == 1);
    CHECK(!buffer.data && !other.data && stat.map_size == 1 && batch.count == 77 && !at);
    CHECK(count == 77 && sum == 77 && len == 77 && kind == 77 && present == 77 && raw && value.as.i64 == 1);
}

struct all {
    pc_env env;
    pc_dict dict;
    pc_set set;
    pc_iter iter;
    pc_txn txn;
};

static struct all open_all(void) {
    struct all all = {.env = open_env()};
    all.dict = open_dict(all.env, "d", "str", "str");
    all.set = open_set(all.env, "s", "str");
    OK(pc_iter_open_dict(all.dict, NULL, &all.iter));
    OK(pc_txn_begin(all.env, PC_TXN_READ, 0, &all.txn));
    return all;
}

static void zero_and_invalid_handles_are_refused(void) {
    struct all all = open_all();
    const uint64_t garbage[] = {0, 1, UINT64_MAX, UINT64_MAX << 32, 0x123456789abcdefu, (uint64_t)1 << 63};
    for (size_t i = 0; i < sizeof garbage / sizeof garbage[0]; i++)
        refused(garbage[i], garbage[i], garbage[i], garbage[i], garbage[i]);
    /* Numbers next to those of open handles. */
    for (uint64_t bit = 1; bit; bit <<= 1)
        refused(all.env.id ^ bit, all.dict.id ^ bit, all.set.id ^ bit, all.iter.id ^ bit, all.txn.id ^ bit);
    OK(pc_txn_commit(all.txn));
    OK(pc_env_close(all.env));
}

static void handles_of_another_kind_are_refused(void) {
    struct all all = open_all();
    const uint64_t ids[] = {all.env.id, all.dict.id, all.set.id, all.iter.id, all.txn.id};
    pc_set as_set = {all.dict.id};
    for (size_t shift = 1; shift < 5; shift++)
        refused(ids[shift], ids[(shift + 1) % 5], ids[(shift + 2) % 5], ids[(shift + 3) % 5],
                ids[(shift + 4) % 5]);
    FAILS(PC_ERR_BAD_HANDLE, "(dict): this call needs a handle of kind set", pc_set_clear(as_set));
    /* The calls have not changed anything. */
    OK(pc_txn_commit(all.txn));
    OK(put(all.dict, "k", "v"));
    OK(pc_iter_close(all.iter));
    OK(pc_env_close(all.env));
}

static void closed_handles_are_refused(void) {
    struct all all = open_all(), again;
    OK(pc_env_close(all.env));
    refused(all.env.id, all.dict.id, all.set.id, all.iter.id, all.txn.id);
    FAILS(PC_ERR_BAD_HANDLE, "environment is closed", pc_env_close(all.env));
    FAILS(PC_ERR_BAD_HANDLE, "dict is closed", pc_dict_clear(all.dict));
    /* New handles use the old slots, but have new numbers. */
    again = open_all();
    refused(all.env.id, all.dict.id, all.set.id, all.iter.id, all.txn.id);
    OK(pc_txn_commit(again.txn));
    for (int i = 0; i < 1000; i++) {
        pc_iter iter = {0};
        OK(pc_iter_open_set(again.set, NULL, &iter));
        CHECK(iter.id != all.iter.id && iter.id != again.iter.id);
        OK(pc_iter_close(iter));
        GIVES(PC_ERR_BAD_HANDLE, pc_iter_close(iter));
    }
    GIVES(PC_ERR_BAD_HANDLE, pc_iter_close(all.iter));
    OK(pc_env_close(again.env));
}

static void many_handles_are_open_at_once(void) {
    enum { COUNT = 5000 };
    static pc_dict dicts[COUNT];
    pc_env env = open_env();
    for (int i = 0; i < COUNT; i++)
        dicts[i] = open_dict(env, "d", "str", "str");
    OK(put(dicts[0], "k", "v"));
    for (int i = 0; i < COUNT; i++)
        CHECK(holds(dicts[i], "k", "v"));
    for (int i = 0; i < COUNT; i += 2)
        OK(pc_dict_close(dicts[i]));
    for (int i = 0; i < COUNT; i++)
        GIVES(i % 2 ? PC_OK : PC_ERR_BAD_HANDLE, pc_dict_contains(dicts[i], S("k")));
    OK(pc_env_close(env));
    for (int i = 0; i < COUNT; i++)
        GIVES(PC_ERR_BAD_HANDLE, pc_dict_close(dicts[i]));
}

static void children_may_be_closed_in_any_order(void) {
    struct all all = open_all();
    pc_dict second = open_dict(all.env, "d", NULL, NULL);
    pc_iter inside = {0};
    OK(pc_iter_open_set(all.set, NULL, &inside));
    OK(pc_set_close(all.set));
    GIVES(PC_ERR_BAD_HANDLE, pc_iter_close(inside));
    OK(pc_dict_close(all.dict));
    GIVES(PC_ERR_BAD_HANDLE, pc_iter_close(all.iter));
    OK(pc_iter_open_dict(second, NULL, &inside));
    OK(pc_txn_commit(all.txn));
    GIVES(PC_ERR_BAD_HANDLE, pc_iter_close(inside));
    OK(put(second, "k", "v"));
    OK(pc_env_close(all.env));
    GIVES(PC_ERR_BAD_HANDLE, pc_dict_close(second));
}

static void the_last_error_stays_until_the_next(void) {
    pc_env env = open_env();
    pc_dict dict = open_dict(env, "d", "str", "str");
    char before[256];
    GIVES(PC_ERR_BAD_KEY, pc_dict_put(dict, "\xff", 1, S("v")));
    snprintf(before, sizeof before, "%s", pc_last_error());
    CHECK(before[0] && !strchr(before, '\n'));
    OK(put(dict, "k", "v"));
    GIVES(PC_NOT_FOUND, pc_dict_contains(dict, S("x")));
    CHECK(strcmp(before, pc_last_error()) == 0);
    FAILS(PC_ERR_INVALID_ARGUMENT, "len", pc_dict_len(dict, NULL));
    CHECK(strcmp(before, pc_last_error()) != 0);
    OK(pc_env_close(env));
}

int main(void) {
    CHECK(strcmp(pc_last_error(), "") == 0);
    RUN(zero_and_invalid_handles_are_refused);
    RUN(handles_of_another_kind_are_refused);
    RUN(closed_handles_are_refused);
    RUN(many_handles_are_open_at_once);
    RUN(children_may_be_closed_in_any_order);
    RUN(the_last_error_stays_until_the_next);
    return check_end();
}
