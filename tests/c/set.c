/* Sets by encoded elements. */
#include "check.h"

static void elements_are_added_found_and_removed(void) {
    pc_env env = open_env();
    pc_set set = open_set(env, "s", "str");
    pc_buffer element = {0};
    GIVES(PC_NOT_FOUND, pc_set_first(set, &element));
    GIVES(PC_NOT_FOUND, pc_set_last(set, &element));
    OK(pc_set_add(set, S("m")));
    GIVES(PC_EXISTS, pc_set_add(set, S("m")));
    OK(pc_set_add(set, S("a")));
    OK(pc_set_add(set, S("z")));
    CHECK(set_len(set) == 3);
    OK(pc_set_contains(set, S("a")));
    GIVES(PC_NOT_FOUND, pc_set_contains(set, S("b")));
    OK(pc_set_first(set, &element));
    CHECK(buffer_is(&element, "a"));
    OK(pc_set_last(set, &element));
    CHECK(buffer_is(&element, "z"));
    OK(pc_set_remove(set, S("a")));
    GIVES(PC_NOT_FOUND, pc_set_remove(set, S("a")));
    CHECK(set_len(set) == 2);
    OK(pc_set_clear(set));
    CHECK(set_len(set) == 0);
    pc_buffer_free(&element);
    OK(pc_set_close(set));
    GIVES(PC_ERR_BAD_HANDLE, pc_set_close(set));
    OK(pc_env_close(env));
}

static void ranges_are_removed(void) {
    pc_env env = open_env();
    pc_set set = open_set(env, "s", "u8");
    pc_range range = {0};
    uint64_t removed = 0;
    for (unsigned i = 0; i < 10; i++) {
        unsigned char element = (unsigned char)i;
        OK(pc_set_add(set, &element, 1));
    }
    range.lower = "\x02", range.lower_len = 1, range.upper = "\x05", range.upper_len = 1;
    range.flags = PC_RANGE_LOWER | PC_RANGE_LOWER_EXCLUSIVE | PC_RANGE_UPPER;
    OK(pc_set_remove_range(set, &range, &removed));
    CHECK(removed == 2 && set_len(set) == 8);
    OK(pc_set_contains(set, "\x02", 1));
    GIVES(PC_NOT_FOUND, pc_set_contains(set, "\x03", 1));
    OK(pc_set_contains(set, "\x05", 1));
    OK(pc_set_remove_range(set, NULL, NULL));
    CHECK(set_len(set) == 0);
    range.flags = 0x80;
    FAILS(PC_ERR_INVALID_ARGUMENT, "unknown flags", pc_set_remove_range(set, &range, NULL));
    OK(pc_env_close(env));
}

static void types_are_kept_and_compared(void) {
    pc_env env = open_env();
    pc_set set = open_set(env, "s", "date"), other = {0};
    pc_dict dict = {0};
    pc_buffer types = {0};
    bool raw = true;
    OK(pc_set_schema(set, &types, &raw));
    CHECK(!raw && types.len == 5 && memcmp(types.data, "date", 5) == 0);
    FAILS(PC_ERR_INVALID_ARGUMENT, "types", pc_set_schema(set, NULL, &raw));
    FAILS(PC_ERR_TYPE_MISMATCH, "date", pc_set_open(env, "s", "i32", 0, &other));
    FAILS(PC_ERR_WRONG_KIND, "set", pc_dict_open(env, "s", NULL, NULL, 0, &dict));
    FAILS(PC_ERR_BAD_TYPE, "", pc_set_open(env, "x", "f32[3]", 0, &other));
    FAILS(PC_ERR_NO_COLLECTION, "x", pc_set_open(env, "x", "str", PC_OPEN_EXISTING, &other));
    FAILS(PC_ERR_BAD_NAME, "pc:", pc_set_open(env, "pc:", "str", 0, &other));
    FAILS(PC_ERR_INVALID_ARGUMENT, "0x4", pc_set_open(env, "x", "str", 4, &other));
    FAILS(PC_ERR_INVALID_ARGUMENT, "name is NULL", pc_set_open(env, NULL, "str", 0, &other));
    FAILS(PC_ERR_INVALID_ARGUMENT, "type", pc_set_open(env, "x", "\xff", 0, &other));
    FAILS(PC_ERR_INVALID_ARGUMENT, "out is NULL", pc_set_open(env, "x", "str", 0, NULL));
    OK(pc_set_open(env, "s", NULL, PC_OPEN_EXISTING, &other));
    OK(pc_set_open(env, "new", NULL, 0, &other));
    OK(pc_set_schema(other, &types, NULL));
    CHECK(types.len == 4 && memcmp(types.data, "any", 4) == 0);
    pc_buffer_free(&types);
    OK(pc_env_close(env));
}

static void elements_are_checked(void) {
    pc_env env = open_env();
    pc_set texts = open_set(env, "t", "str"), bytes = open_set(env, "b", "bytes");
    FAILS(PC_ERR_BAD_KEY, "UTF-8", pc_set_add(texts, "\xff", 1));
    FAILS(PC_ERR_BAD_KEY, "UTF-8", pc_set_remove(texts, "\xff", 1));
    FAILS(PC_ERR_BAD_KEY, "UTF-8", pc_set_contains(texts, "\xff", 1));
    FAILS(PC_ERR_KEY_SIZE, "", pc_set_add(bytes, NULL, 0));
    FAILS(PC_ERR_INVALID_ARGUMENT, "element is NULL", pc_set_add(texts, NULL, 1));
    FAILS(PC_ERR_INVALID_ARGUMENT, "element is NULL", pc_set_remove(texts, NULL, 1));
    FAILS(PC_ERR_INVALID_ARGUMENT, "element is NULL", pc_set_contains(texts, NULL, 1));
    FAILS(PC_ERR_INVALID_ARGUMENT, "element is NULL", pc_set_first(texts, NULL));
    FAILS(PC_ERR_INVALID_ARGUMENT, "element is NULL", pc_set_last(texts, NULL));
    FAILS(PC_ERR_INVALID_ARGUMENT, "len is NULL", pc_set_len(texts, NULL));
    /* The empty text, as encoded. */
    OK(pc_set_add(texts, "", 1));
    CHECK(set_len(texts) == 1 && set_len(bytes) == 0);
    OK(pc_env_close(env));
}

int main(void) {
    RUN(elements_are_added_found_and_removed);
    RUN(ranges_are_removed);
    RUN(types_are_kept_and_compared);
    RUN(elements_are_checked);
    return check_end();
}
