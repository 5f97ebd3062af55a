/* Limits, at their value and one beyond it: a value beyond is refused before anything is written. */
#include "check.h"

enum { MAX_KEY = 1978, MAX_NAME = 255 };
static const size_t MAX_VALUE = 2147418096;

static uint64_t last_txn(pc_env env) {
    pc_env_stat stat;
    stat.struct_size = sizeof stat;
    OK(pc_env_info(env, &stat));
    return stat.last_txn;
}

/* Takes the encoded form of a key of the longest length, and one byte more. */
static void longest_key(const char *dir, const char *type, const char *longest, const char *beyond) {
    pc_env env = {0};
    OK(pc_env_open(in_dir(dir), NULL, &env));
    pc_dict dict = open_dict(env, "dict", type, "bytes");
    pc_set set = open_set(env, "set", type);
    uint64_t offsets[2] = {0, MAX_KEY + 1}, none[2] = {0, 0}, before;
    size_t len, failed_at = 9;
    OK(pc_dict_put(dict, longest, MAX_KEY, S("v")));
    GIVES(PC_TOO_SMALL, pc_dict_get(dict, longest, MAX_KEY, NULL, 0, &len));
    OK(pc_set_add(set, longest, MAX_KEY));
    OK(pc_set_contains(set, longest, MAX_KEY));
    before = last_txn(env);
    FAILS(PC_ERR_KEY_SIZE, "1979", pc_dict_put(dict, beyond, MAX_KEY + 1, S("v")));
    FAILS(PC_ERR_KEY_SIZE, "1979", pc_dict_put_new(dict, beyond, MAX_KEY + 1, S("v")));
    FAILS(PC_ERR_KEY_SIZE, "1979", pc_set_add(set, beyond, MAX_KEY + 1));
    FAILS(PC_ERR_KEY_SIZE, "1979", pc_dict_put_many(dict, 1, beyond, offsets, NULL, none, &failed_at));
    CHECK(failed_at == 0);
    CHECK(last_txn(env) == before && dict_len(dict) == 1 && set_len(set) == 1);
    OK(pc_env_close(env));
}

static void keys(void) {
    static char key[MAX_KEY + 1];
    memset(key, 'k', sizeof key);
    longest_key("b", "bytes", key, key);
    longest_key("s", "str", key, key);
    /* A text in a tuple, or in `any`, is between 02 and 00. */
    static char longest[MAX_KEY], beyond[MAX_KEY + 1];
    memset(longest, 'k', sizeof longest);
    memset(beyond, 'k', sizeof beyond);
    longest[0] = beyond[0] = 2;
    longest[MAX_KEY - 1] = beyond[MAX_KEY] = 0;
    longest_key("t", "(str)", longest, beyond);
    longest_key("a", "any", longest, beyond);
}

static void types_of_the_longest_key_and_value(void) {
    pc_env env = open_env();
    pc_dict dict;
    FAILS(PC_ERR_BAD_TYPE, "1978", pc_dict_open(env, "d", "opaque[1979]", "bytes", 0, &dict));
    FAILS(PC_ERR_BAD_TYPE, "2147418096", pc_dict_open(env, "d", "str", "opaque[2147418097]", 0, &dict));
    FAILS(PC_ERR_BAD_TYPE, "2147418096", pc_dict_open(env, "d", "str", "u8[2147418097]", 0, &dict));
    OK(pc_dict_open(env, "d", "opaque[1978]", "opaque[2147418096]", 0, &dict));
    OK(pc_env_close(env));
}

static void empty_keys(void) {
    pc_env env = open_env();
    pc_dict bytes = open_dict(env, "b", "bytes", "str"), text = open_dict(env, "t", "str", "str");
    pc_set elements = open_set(env, "s", "bytes");
    uint64_t before = last_txn(env);
    FAILS(PC_ERR_KEY_SIZE, "empty", pc_dict_put(bytes, NULL, 0, S("v")));
    FAILS(PC_ERR_KEY_SIZE, "empty", pc_set_add(elements, "", 0));
    CHECK(last_txn(env) == before);
    /* The empty text is encoded as one 00. */
    OK(pc_dict_put(text, "\0", 1, S("v")));
    OK(pc_env_close(env));
}

static void values(void) {
    pc_env env = open_env();
    pc_dict dict = open_dict(env, "d", "str", "bytes");
    uint64_t before;
    OK(put(dict, "key", "value"));
    before = last_txn(env);
    /* The length is checked before the bytes, which do not exist here, are read. */
    FAILS(PC_ERR_VALUE_SIZE, "2147418096", pc_dict_put(dict, S("key"), "", MAX_VALUE + 1));
    FAILS(PC_ERR_VALUE_SIZE, "2147418096", pc_dict_put_new(dict, S("new"), "", MAX_VALUE + 1));
    CHECK(last_txn(env) == before && holds(dict, "key", "value") && dict_len(dict) == 1);
    OK(pc_env_close(env));
}

static void names(void) {
    pc_env env = open_env();
    pc_set set;
    char name[MAX_NAME + 2];
    uint64_t before;
    memset(name, 'n', sizeof name);
    name[MAX_NAME] = 0;
    OK(pc_set_add(open_set(env, name, "str"), S("e")));
    before = last_txn(env);
    name[MAX_NAME] = 'n';
    name[MAX_NAME + 1] = 0;
    FAILS(PC_ERR_BAD_NAME, "255", pc_set_open(env, name, "str", 0, &set));
    FAILS(PC_ERR_BAD_NAME, "pc:", pc_set_open(env, "pc:", "str", 0, &set));
    CHECK(last_txn(env) == before);
    OK(pc_set_open(env, "pc", "str", 0, &set));
    OK(pc_env_close(env));
}

static void texts_and_numbers(void) {
    pc_env env = open_env();
    pc_dict text = open_dict(env, "t", "str", "str");
    pc_set numbers = open_set(env, "n", "f64");
    /* NaN, encoded: sign clear, so the sign bit is flipped; and with the sign set, all bits. */
    const unsigned char nan[8] = {0xff, 0xf8, 0, 0, 0, 0, 0, 0},
                        minus[8] = {0, 7, 255, 255, 255, 255, 255, 255};
    const unsigned char infinity[8] = {0xff, 0xf0, 0, 0, 0, 0, 0, 0};
    uint64_t before = last_txn(env);
    /* Cut short, overlong, a surrogate, beyond U+10FFFF. */
    const char *bad[] = {"\xe2\x82", "\xc0\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80"};
    for (size_t n = 0; n < sizeof bad / sizeof *bad; n++) {
        FAILS(PC_ERR_BAD_KEY, "UTF-8", put(text, bad[n], "v"));
        FAILS(PC_ERR_BAD_VALUE, "UTF-8", put(text, "k", bad[n]));
    }
    FAILS(PC_ERR_BAD_KEY, "NaN", pc_set_add(numbers, nan, sizeof nan));
    FAILS(PC_ERR_BAD_KEY, "NaN", pc_set_add(numbers, minus, sizeof minus));
    CHECK(last_txn(env) == before);
    OK(put(text, "\xf4\x8f\xbf\xbf", "\xed\x9f\xbf"));
    OK(pc_set_add(numbers, infinity, sizeof infinity));
    OK(pc_env_close(env));
}

static void collections_and_readers(void) {
    pc_env_options options;
    pc_env env = {0};
    pc_iter iter[5];
    pc_txn txn = {0};
    pc_set set;
    char name[2] = "0";
    OK(pc_env_options_init(&options, sizeof options));
    options.max_collections = options.max_readers = 4;
    OK(pc_env_open(in_dir("small"), &options, &env));
    OK(pc_txn_begin(env, PC_TXN_WRITE, 0, &txn));
    for (; *name < '4'; ++*name)
        OK(pc_set_add(open_set(env, name, "str"), S("e")));
    FAILS(PC_ERR_COLLECTIONS_FULL, "max_collections", pc_set_open(env, name, "str", 0, &set));
    OK(pc_txn_commit(txn));
    OK(pc_set_add(open_set(env, name, "str"), S("e")));
    set = open_set(env, "0", "str");
    for (int n = 0; n < 4; n++)
        OK(pc_iter_open_set(set, NULL, &iter[n]));
    FAILS(PC_ERR_READERS_FULL, "max_readers", pc_iter_open_set(set, NULL, &iter[4]));
    OK(pc_iter_close(iter[0]));
    OK(pc_iter_open_set(set, NULL, &iter[4]));
    OK(pc_env_close(env));
}

int main(void) {
    RUN(keys);
    RUN(types_of_the_longest_key_and_value);
    RUN(empty_keys);
    RUN(values);
    RUN(names);
    RUN(texts_and_numbers);
    RUN(collections_and_readers);
    return check_end();
}
