/* pc_value: encoding and decoding of every kind, and calls that take values. */
#include "check.h"

static pc_value make(uint32_t kind) {
    pc_value value = pc_value_null();
    value.kind = kind;
    return value;
}

static pc_value items(uint32_t kind, const pc_value *items, size_t len) {
    pc_value value = make(kind);
    value.as.items.items = items;
    value.as.items.len = len;
    return value;
}

/* Whether two values are the same, whatever memory they are in. */
static int same(const pc_value *a, const pc_value *b) {
    size_t count;
    if (a->kind != b->kind || a->subtype != b->subtype)
        return 0;
    switch (a->kind) {
    case PC_VALUE_NULL:
    case PC_VALUE_UNDEFINED:
        return 1;
    case PC_VALUE_BOOL:
        return a->as.boolean == b->as.boolean;
    case PC_VALUE_UUID:
        return memcmp(a->as.uuid, b->as.uuid, 16) == 0;
    case PC_VALUE_STR:
    case PC_VALUE_BYTES:
    case PC_VALUE_ARRAY:
    case PC_VALUE_ENCODED:
        return a->as.bytes.len == b->as.bytes.len &&
               (a->as.bytes.len == 0 || memcmp(a->as.bytes.data, b->as.bytes.data, a->as.bytes.len) == 0);
    case PC_VALUE_TUPLE:
    case PC_VALUE_LIST:
    case PC_VALUE_SET:
    case PC_VALUE_MAP:
        count = a->as.items.len * (a->kind == PC_VALUE_MAP ? 2 : 1);
        if (a->as.items.len != b->as.items.len)
            return 0;
        for (size_t i = 0; i < count; i++)
            if (!same(&a->as.items.items[i], &b->as.items.items[i]))
                return 0;
        return 1;
    default:
        return a->as.u64 == b->as.u64;
    }
}

/* Encodes and decodes a value; returns whether it came back unchanged. */
static int survives_as_value(const char *type, const pc_value *value) {
    pc_buffer bytes = {0}, storage = {0};
    pc_value back = make(99);
    int is_same;
    OK(pc_encode_value(type, value, &bytes));
    OK(pc_decode_value(type, bytes.data, bytes.len, &back, &storage));
    is_same = same(value, &back);
    pc_buffer_free(&bytes);
    pc_buffer_free(&storage);
    return is_same;
}

static int survives_as_key(const char *type, const pc_value *value) {
    pc_buffer bytes = {0}, storage = {0};
    pc_value back = make(99);
    int is_same;
    OK(pc_encode_key(type, value, &bytes));
    OK(pc_decode_key(type, bytes.data, bytes.len, &back, &storage));
    is_same = same(value, &back);
    pc_buffer_free(&bytes);
    pc_buffer_free(&storage);
    return is_same;
}

/* Every type of elements, under its own type and under `any`; decoded memory can be read as an array of it.
 */
static void arrays_of_every_element(void) {
    static const struct {
        uint32_t subtype;
        const char *type;
        size_t width;
    } elements[] = {
        {PC_ELEMENT_I8, "i8[]", 1},   {PC_ELEMENT_I16, "i16[]", 2}, {PC_ELEMENT_I32, "i32[]", 4},
        {PC_ELEMENT_I64, "i64[]", 8}, {PC_ELEMENT_U8, "u8[]", 1},   {PC_ELEMENT_U16, "u16[]", 2},
        {PC_ELEMENT_U32, "u32[]", 4}, {PC_ELEMENT_U64, "u64[]", 8}, {PC_ELEMENT_F32, "f32[]", 4},
        {PC_ELEMENT_F64, "f64[]", 8},
    };
    static const uint8_t bytes[16] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};
    for (size_t i = 0; i < sizeof elements / sizeof *elements; i++) {
        pc_value array = make(PC_VALUE_ARRAY), back;
        pc_buffer encoded = {0}, storage = {0};
        array.subtype = elements[i].subtype;
        array.as.bytes.data = bytes, array.as.bytes.len = sizeof bytes;
        CHECK(survives_as_value(elements[i].type, &array) && survives_as_value("any", &array));
        OK(pc_encode_value(elements[i].type, &array, &encoded));
        CHECK(encoded.len == sizeof bytes && memcmp(encoded.data, bytes, sizeof bytes) == 0);
        OK(pc_decode_value(elements[i].type, encoded.data, encoded.len, &back, &storage));
        CHECK((uintptr_t)back.as.bytes.data % 8 == 0);
        GIVES(PC_ERR_BAD_VALUE, pc_encode_value(i == 0 ? "u8[]" : "i8[]", &array, &encoded));
        if (elements[i].width > 1) {
            array.as.bytes.len--;
            GIVES(PC_ERR_BAD_VALUE, pc_encode_value(elements[i].type, &array, &encoded));
        }
        pc_buffer_free(&encoded);
        pc_buffer_free(&storage);
    }
}

/* The kinds of decoded numbers of each type. */
static void numbers_come_back_as_their_types_kind(void) {
    static const struct {
        const char *type;
        uint32_t kind;
    } types[] = {
        {"i8", PC_VALUE_I64},  {"i16", PC_VALUE_I64}, {"i32", PC_VALUE_I64}, {"i64", PC_VALUE_I64},
        {"u8", PC_VALUE_I64},  {"u16", PC_VALUE_I64}, {"u32", PC_VALUE_I64}, {"u64", PC_VALUE_U64},
        {"f32", PC_VALUE_F64}, {"f64", PC_VALUE_F64},
    };
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        pc_value value = types[i].kind == PC_VALUE_F64   ? pc_value_f64(1.5)
                         : types[i].kind == PC_VALUE_U64 ? pc_value_u64(100)
                                                         : pc_value_i64(100);
        CHECK(survives_as_value(types[i].type, &value) && survives_as_key(types[i].type, &value));
    }
}

static void values_of_any_come_back(void) {
    const double doubles[] = {1.5, -2.5};
    pc_value simple[10], list, pairs[4], map, set, tuple, deep[4], all;
    simple[0] = pc_value_null();
    simple[1] = make(PC_VALUE_UNDEFINED);
    simple[2] = pc_value_bool(true);
    simple[3] = pc_value_i64(INT64_MIN);
    simple[4] = pc_value_u64(UINT64_MAX);
    simple[5] = pc_value_f64(-0.5);
    simple[6] = pc_value_str("gr\xc3\xbc\xc3\x9f");
    simple[7] = pc_value_bytes("\0\xff", 2);
    simple[8] = make(PC_VALUE_UUID);
    memcpy(simple[8].as.uuid, "0123456789abcdef", 16);
    simple[9] = make(PC_VALUE_ARRAY);
    simple[9].subtype = PC_ELEMENT_F64;
    simple[9].as.bytes.data = (const uint8_t *)doubles, simple[9].as.bytes.len = sizeof doubles;
    for (size_t i = 0; i < 10; i++)
        CHECK(survives_as_value("any", &simple[i]));
    list = items(PC_VALUE_LIST, simple, 10);
    pairs[0] = pc_value_str("name"), pairs[1] = list, pairs[2] = pc_value_i64(7), pairs[3] = pc_value_null();
    map = items(PC_VALUE_MAP, pairs, 2);
    set = items(PC_VALUE_SET, simple + 3, 1);
    tuple = items(PC_VALUE_TUPLE, simple + 2, 5);
    deep[0] = map, deep[1] = set, deep[2] = tuple, deep[3] = items(PC_VALUE_LIST, NULL, 0);
    all = items(PC_VALUE_LIST, deep, 4);
    CHECK(survives_as_value("any", &all));
    CHECK(!same(&list, &all));
    {
        pc_value date = make(PC_VALUE_DATE), datetime = make(PC_VALUE_DATETIME);
        date.as.i64 = -1, datetime.as.i64 = 1234567890123456;
        CHECK(survives_as_value("any", &date) && survives_as_value("any", &datetime));
        CHECK(survives_as_value("date", &date) && survives_as_value("datetime", &datetime));
        CHECK(survives_as_key("date", &date) && survives_as_key("datetime", &datetime));
    }
}

static void values_of_types_are_little_endian(void) {
    pc_buffer bytes = {0};
    pc_value value = pc_value_i64(-2), array = make(PC_VALUE_ARRAY);
    const float floats[] = {1, 2, 3, 4, 5, 6};
    OK(pc_encode_value("i32", &value, &bytes));
    CHECK(bytes.len == 4 && memcmp(bytes.data, "\xfe\xff\xff\xff", 4) == 0);
    CHECK(survives_as_value("i8", &value) && survives_as_value("i64", &value));
    value = pc_value_u64(200);
    CHECK(survives_as_value("u64", &value));
    value = pc_value_f64(0.25);
    CHECK(survives_as_value("f32", &value) && survives_as_value("f64", &value));
    value = pc_value_bool(false);
    CHECK(survives_as_value("bool", &value));
    value = pc_value_bytes("abc", 3);
    CHECK(survives_as_value("opaque[3]", &value) && survives_as_value("bytes", &value));
    array.subtype = PC_ELEMENT_F32, array.as.bytes.data = (const uint8_t *)floats,
    array.as.bytes.len = sizeof floats;
    CHECK(survives_as_value("f32[2,3]", &array) && survives_as_value("f32[]", &array));
    FAILS(PC_ERR_BAD_VALUE, "", pc_encode_value("f32[5]", &array, &bytes));
    FAILS(PC_ERR_BAD_VALUE, "", pc_encode_value("i32[6]", &array, &bytes));
    CHECK(bytes.len == 4);
    pc_buffer_free(&bytes);
}

static void keys_keep_their_order_in_bytes(void) {
    const int64_t numbers[] = {INT64_MIN, -256, -1, 0, 1, 255, INT64_MAX};
    pc_buffer bytes = {0};
    unsigned char before[8] = {0};
    pc_value value, parts[2], tuple;
    for (size_t i = 0; i < 7; i++) {
        value = pc_value_i64(numbers[i]);
        OK(pc_encode_key("i64", &value, &bytes));
        CHECK(bytes.len == 8 && (i == 0 || memcmp(before, bytes.data, 8) < 0));
        memcpy(before, bytes.data, 8);
        CHECK(survives_as_key("i64", &value) && survives_as_key("any", &value));
    }
    value = pc_value_str("");
    OK(pc_encode_key("str", &value, &bytes));
    CHECK(bytes.len == 1 && bytes.data[0] == 0);
    CHECK(survives_as_key("str", &value));
    parts[0] = pc_value_str("a"), parts[1] = pc_value_i64(-3);
    tuple = items(PC_VALUE_TUPLE, parts, 2);
    CHECK(survives_as_key("(str,i64)", &tuple) && survives_as_key("any", &tuple));
    value = make(PC_VALUE_UUID);
    CHECK(survives_as_key("uuid", &value) && survives_as_key("any", &value));
    value = pc_value_bool(true);
    CHECK(survives_as_key("bool", &value) && survives_as_key("any", &value));
    value = pc_value_null();
    CHECK(survives_as_key("any", &value));
    value = pc_value_bytes("a\0b", 3);
    CHECK(survives_as_key("bytes", &value) && survives_as_key("any", &value));
    value = pc_value_u64(UINT64_MAX);
    CHECK(survives_as_key("u64", &value) && survives_as_key("any", &value));
    pc_buffer_free(&bytes);
}

static void values_without_a_kind_stay_encoded(void) {
    pc_value value = make(PC_VALUE_ENCODED), back = make(99), inner[2], outer;
    pc_buffer bytes = {0}, storage = {0};
    /* The bignum 2^64, and a decimal. */
    const unsigned char big[] = {0xc2, 0x49, 1, 0, 0, 0, 0, 0, 0, 0, 0},
                        decimal[] = {0xc4, 0x82, 0x21, 0x19, 0x6a, 0xb3};
    /* -2^63 - 1 as an element of the tuple layer. */
    const unsigned char element[] = {0x0c, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe};
    OK(pc_decode_value("any", big, sizeof big, &back, &storage));
    CHECK(back.kind == PC_VALUE_ENCODED && back.as.bytes.len == sizeof big &&
          memcmp(back.as.bytes.data, big, sizeof big) == 0);
    CHECK(survives_as_value("any", &back));
    value.as.bytes.data = decimal, value.as.bytes.len = sizeof decimal;
    CHECK(survives_as_value("any", &value));
    inner[0] = value, inner[1] = back;
    outer = items(PC_VALUE_LIST, inner, 2);
    CHECK(survives_as_value("any", &outer));
    OK(pc_decode_key("any", element, sizeof element, &back, &storage));
    CHECK(back.kind == PC_VALUE_ENCODED && survives_as_key("any", &back));
    inner[0] = pc_value_str("x"), inner[1] = back;
    outer = items(PC_VALUE_TUPLE, inner, 2);
    CHECK(survives_as_key("any", &outer));
    value.as.bytes.data = (const uint8_t *)"\xff", value.as.bytes.len = 1;
    FAILS(PC_ERR_BAD_VALUE, "", pc_encode_value("any", &value, &bytes));
    FAILS(PC_ERR_BAD_KEY, "", pc_encode_key("any", &value, &bytes));
    pc_buffer_free(&bytes);
    pc_buffer_free(&storage);
}

static void the_caller_owns_decoded_memory(void) {
    pc_value pairs[6], map, back = make(99), found = make(99);
    const double number = 2.5;
    pc_buffer bytes = {0}, storage = {0};
    pairs[0] = pc_value_str("first"), pairs[1] = pc_value_str("text");
    pairs[2] = pc_value_i64(2), pairs[3] = pc_value_null();
    pairs[4] = pc_value_str("array"), pairs[5] = make(PC_VALUE_ARRAY);
    pairs[5].subtype = PC_ELEMENT_F64, pairs[5].as.bytes.data = (const uint8_t *)&number,
    pairs[5].as.bytes.len = 8;
    map = items(PC_VALUE_MAP, pairs, 3);
    OK(pc_encode_value("any", &map, &bytes));
    OK(pc_decode_value("any", bytes.data, bytes.len, &back, &storage));
    /* The decoded value does not refer to the encoded bytes. */
    memset(bytes.data, 0xee, bytes.len);
    pc_buffer_free(&bytes);
    CHECK(same(&map, &back));
    OK(pc_value_map_get(&back, "first", &found));
    CHECK(found.kind == PC_VALUE_STR && strcmp((const char *)found.as.bytes.data, "text") == 0);
    OK(pc_value_map_get(&back, "array", &found));
    CHECK((uintptr_t)found.as.bytes.data % 8 == 0 &&
          *(const double *)(const void *)found.as.bytes.data == 2.5);
    found = make(99);
    GIVES(PC_NOT_FOUND, pc_value_map_get(&back, "none", &found));
    CHECK(found.kind == 99);
    FAILS(PC_ERR_INVALID_ARGUMENT, "PC_VALUE_MAP", pc_value_map_get(&found, "none", &found));
    FAILS(PC_ERR_INVALID_ARGUMENT, "map is NULL", pc_value_map_get(NULL, "none", &found));
    FAILS(PC_ERR_INVALID_ARGUMENT, "key is NULL", pc_value_map_get(&back, NULL, &found));
    FAILS(PC_ERR_INVALID_ARGUMENT, "out is NULL", pc_value_map_get(&back, "none", NULL));
    /* All of it is in the storage. */
    CHECK((const uint8_t *)back.as.items.items >= storage.data);
    CHECK((const uint8_t *)(back.as.items.items + 6) <= storage.data + storage.len);
    pc_buffer_free(&storage);
}

static void collections_take_values(void) {
    pc_env env = open_env();
    pc_dict dict = open_dict(env, "d", "i64", "str");
    pc_set set = open_set(env, "s", "any");
    pc_value key = pc_value_i64(-5), value = pc_value_str("five"), back = make(99);
    pc_buffer storage = {0};
    GIVES(PC_NOT_FOUND, pc_dict_get_value(dict, &key, &back, &storage));
    GIVES(PC_NOT_FOUND, pc_dict_contains_value(dict, &key));
    GIVES(PC_NOT_FOUND, pc_dict_remove_value(dict, &key));
    CHECK(back.kind == 99);
    OK(pc_dict_put_value(dict, &key, &value));
    OK(pc_dict_get_value(dict, &key, &back, &storage));
    CHECK(same(&value, &back));
    OK(pc_dict_contains_value(dict, &key));
    /* The encoded key: big-endian, with the sign bit inverted. */
    OK(pc_dict_contains(dict, "\x7f\xff\xff\xff\xff\xff\xff\xfb", 8));
    OK(pc_dict_remove_value(dict, &key));
    CHECK(dict_len(dict) == 0);
    FAILS(PC_ERR_BAD_KEY, "", pc_dict_put_value(dict, &value, &value));
    FAILS(PC_ERR_BAD_VALUE, "", pc_dict_put_value(dict, &key, &key));
    FAILS(PC_ERR_INVALID_ARGUMENT, "key is NULL", pc_dict_put_value(dict, NULL, &value));
    FAILS(PC_ERR_INVALID_ARGUMENT, "value is NULL", pc_dict_put_value(dict, &key, NULL));
    FAILS(PC_ERR_INVALID_ARGUMENT, "key is NULL", pc_dict_contains_value(dict, NULL));
    FAILS(PC_ERR_INVALID_ARGUMENT, "key is NULL", pc_dict_remove_value(dict, NULL));
    FAILS(PC_ERR_INVALID_ARGUMENT, "value is NULL", pc_dict_get_value(dict, &key, NULL, &storage));
    FAILS(PC_ERR_INVALID_ARGUMENT, "storage is NULL", pc_dict_get_value(dict, &key, &back, NULL));
    CHECK(dict_len(dict) == 0);
    /* 1, 1.0 and true are three keys. */
    key = pc_value_i64(1);
    OK(pc_set_add_value(set, &key));
    GIVES(PC_EXISTS, pc_set_add_value(set, &key));
    key = pc_value_f64(1);
    OK(pc_set_add_value(set, &key));
    key = pc_value_bool(true);
    GIVES(PC_NOT_FOUND, pc_set_contains_value(set, &key));
    OK(pc_set_add_value(set, &key));
    OK(pc_set_contains_value(set, &key));
    CHECK(set_len(set) == 3);
    OK(pc_set_remove_value(set, &key));
    GIVES(PC_NOT_FOUND, pc_set_remove_value(set, &key));
    FAILS(PC_ERR_INVALID_ARGUMENT, "element is NULL", pc_set_add_value(set, NULL));
    FAILS(PC_ERR_INVALID_ARGUMENT, "element is NULL", pc_set_remove_value(set, NULL));
    FAILS(PC_ERR_INVALID_ARGUMENT, "element is NULL", pc_set_contains_value(set, NULL));
    pc_buffer_free(&storage);
    OK(pc_env_close(env));
}

static void bounds_and_prefixes_need_not_be_keys(void) {
    pc_env env = open_env();
    pc_set set = {0};
    pc_buffer bound = {0}, prefix = {0};
    pc_iter iter = {0};
    pc_range range = {0};
    pc_value parts[2], value = items(PC_VALUE_TUPLE, parts, 2);
    char large[4000];
    int count = 0;
    memset(large, 'k', sizeof large);
    OK(pc_set_open(env, "pairs", "any", 0, &set));
    parts[0] = pc_value_str("a");
    for (int i = 0; i < 3; i++) {
        parts[1] = pc_value_i64(i);
        OK(pc_set_add_value(set, &value));
    }
    parts[0] = pc_value_str("l");
    OK(pc_set_add_value(set, &value));
    value = pc_value_str("a");
    OK(pc_set_add_value(set, &value));

    /* A tuple that is too long for a key is ordered between the two texts. */
    value = items(PC_VALUE_TUPLE, parts, 2);
    parts[0] = pc_value_bytes(large, sizeof large);
    parts[0].kind = PC_VALUE_STR;
    FAILS(PC_ERR_KEY_SIZE, "", pc_encode_key("any", &value, &bound));
    OK(pc_encode_key_bound("any", &value, &bound));
    CHECK(bound.len == 1979 && bound.data[0] == 5 && bound.data[1978] == 'k');
    range.lower = bound.data, range.lower_len = bound.len, range.flags = PC_RANGE_LOWER;
    OK(pc_iter_open_set(set, &range, &iter));
    while (pc_iter_next_value(iter, &value, NULL) == PC_OK)
        CHECK(value.kind == PC_VALUE_TUPLE && count++ == 0);
    CHECK(count == 1);
    OK(pc_iter_close(iter));

    /* A tuple of leading elements is a prefix of tuples, but not of the text that it begins with. */
    parts[0] = pc_value_str("a");
    value = items(PC_VALUE_TUPLE, parts, 1);
    OK(pc_encode_key_prefix("any", &value, &prefix));
    range.prefix = prefix.data, range.prefix_len = prefix.len, range.flags = PC_RANGE_PREFIX;
    OK(pc_iter_open_set(set, &range, &iter));
    for (count = 0; pc_iter_next_value(iter, &value, NULL) == PC_OK; count++)
        CHECK(value.as.items.items[1].as.i64 == count);
    CHECK(count == 3);

    value = pc_value_bytes(NULL, 0);
    OK(pc_encode_key_bound("bytes", &value, &bound));
    CHECK(bound.len == 0);
    OK(pc_encode_key_prefix("bytes", &value, &prefix));
    CHECK(prefix.len == 0);
    value = pc_value_bytes("ab", 2);
    OK(pc_encode_key_prefix("opaque[16]", &value, &prefix));
    CHECK(prefix.len == 2 && memcmp(prefix.data, "ab", 2) == 0);
    value = items(PC_VALUE_TUPLE, parts, 1);
    OK(pc_encode_key_prefix("(str,i64)", &value, &prefix));
    CHECK(prefix.len == 3 && memcmp(prefix.data,
                                    "\x02"
                                    "a",
                                    3) == 0);
    value = pc_value_i64(300);
    OK(pc_encode_key_bound("i64", &value, &bound));
    CHECK(bound.len == 8);
    FAILS(PC_ERR_BAD_KEY, "", pc_encode_key_bound("u8", &value, &bound));
    FAILS(PC_ERR_BAD_KEY, "", pc_encode_key_prefix("str", &value, &prefix));
    FAILS(PC_ERR_BAD_TYPE, "no prefix", pc_encode_key_prefix("i64", &value, &prefix));
    FAILS(PC_ERR_BAD_TYPE, "", pc_encode_key_bound("f32[]", &value, &bound));
    FAILS(PC_ERR_INVALID_ARGUMENT, "type is NULL", pc_encode_key_bound(NULL, &value, &bound));
    FAILS(PC_ERR_INVALID_ARGUMENT, "type is NULL", pc_encode_key_prefix(NULL, &value, &prefix));
    FAILS(PC_ERR_INVALID_ARGUMENT, "bound is NULL", pc_encode_key_bound("i64", NULL, &bound));
    FAILS(PC_ERR_INVALID_ARGUMENT, "prefix is NULL", pc_encode_key_prefix("str", NULL, &prefix));
    FAILS(PC_ERR_INVALID_ARGUMENT, "out is NULL", pc_encode_key_bound("i64", &value, NULL));
    FAILS(PC_ERR_INVALID_ARGUMENT, "out is NULL", pc_encode_key_prefix("str", &value, NULL));
    CHECK(bound.len == 8 && prefix.len == 3);
    pc_buffer_free(&bound);
    pc_buffer_free(&prefix);
    OK(pc_env_close(env));
}

static void invalid_values_and_keys_are_refused(void) {
    pc_value value = pc_value_f64(0), self;
    pc_buffer bytes = {0}, storage = {0};
    char large[2000];
    value.as.f64 = strtod("nan", NULL);
    FAILS(PC_ERR_BAD_KEY, "NaN", pc_encode_key("f64", &value, &bytes));
    FAILS(PC_ERR_BAD_KEY, "", pc_encode_key("any", &value, &bytes));
    OK(pc_encode_value("f64", &value, &bytes));
    value = pc_value_i64(300);
    FAILS(PC_ERR_BAD_KEY, "", pc_encode_key("u8", &value, &bytes));
    FAILS(PC_ERR_BAD_VALUE, "", pc_encode_value("i8", &value, &bytes));
    value = pc_value_str("\xff");
    FAILS(PC_ERR_BAD_KEY, "UTF-8", pc_encode_key("str", &value, &bytes));
    FAILS(PC_ERR_BAD_VALUE, "UTF-8", pc_encode_value("any", &value, &bytes));
    memset(large, 'k', sizeof large);
    value = pc_value_bytes(large, sizeof large);
    FAILS(PC_ERR_KEY_SIZE, "", pc_encode_key("bytes", &value, &bytes));
    value = pc_value_bytes(NULL, 0);
    FAILS(PC_ERR_KEY_SIZE, "", pc_encode_key("bytes", &value, &bytes));
    OK(pc_encode_value("bytes", &value, &bytes));
    CHECK(bytes.len == 0);
    value = pc_value_bytes(NULL, 3);
    FAILS(PC_ERR_INVALID_ARGUMENT, "NULL", pc_encode_value("bytes", &value, &bytes));
    value = make(17);
    FAILS(PC_ERR_INVALID_ARGUMENT, "kind 17", pc_encode_value("any", &value, &bytes));
    value = make(PC_VALUE_ARRAY), value.subtype = 11;
    FAILS(PC_ERR_INVALID_ARGUMENT, "subtype 11", pc_encode_value("any", &value, &bytes));
    value = make(PC_VALUE_DATE), value.as.i64 = (int64_t)1 << 40;
    FAILS(PC_ERR_BAD_VALUE, "date", pc_encode_value("date", &value, &bytes));
    value = items(PC_VALUE_LIST, NULL, 0);
    FAILS(PC_ERR_BAD_KEY, "", pc_encode_key("any", &value, &bytes));
    value = items(PC_VALUE_MAP, &self, SIZE_MAX / 2 + 1);
    FAILS(PC_ERR_INVALID_ARGUMENT, "beyond", pc_encode_value("any", &value, &bytes));
    /* A list that contains itself. */
    self = items(PC_VALUE_LIST, &self, 1);
    FAILS(PC_ERR_BAD_VALUE, "deep", pc_encode_value("any", &self, &bytes));
    self = pc_value_null();
    FAILS(PC_ERR_BAD_TYPE, "", pc_encode_key("f32[3]", &self, &bytes));
    FAILS(PC_ERR_BAD_TYPE, "", pc_encode_value("(str,str)", &self, &bytes));
    FAILS(PC_ERR_BAD_TYPE, "", pc_decode_key("strr", "a", 1, &self, &storage));
    FAILS(PC_ERR_BAD_TYPE, "", pc_decode_value("", "a", 1, &self, &storage));
    FAILS(PC_ERR_INVALID_ARGUMENT, "type is NULL", pc_encode_key(NULL, &self, &bytes));
    FAILS(PC_ERR_INVALID_ARGUMENT, "value is NULL", pc_encode_key("str", NULL, &bytes));
    FAILS(PC_ERR_INVALID_ARGUMENT, "out is NULL", pc_encode_key("any", &self, NULL));
    FAILS(PC_ERR_INVALID_ARGUMENT, "value is NULL", pc_encode_value("str", NULL, &bytes));
    FAILS(PC_ERR_INVALID_ARGUMENT, "out is NULL", pc_encode_value("any", &self, NULL));
    FAILS(PC_ERR_INVALID_ARGUMENT, "out is NULL", pc_decode_key("str", "a", 1, NULL, &storage));
    FAILS(PC_ERR_INVALID_ARGUMENT, "storage is NULL", pc_decode_key("str", "a", 1, &self, NULL));
    FAILS(PC_ERR_INVALID_ARGUMENT, "bytes is NULL", pc_decode_value("str", NULL, 1, &self, &storage));
    FAILS(PC_ERR_BAD_KEY, "", pc_decode_key("i64", "1234567", 7, &self, &storage));
    FAILS(PC_ERR_BAD_VALUE, "", pc_decode_value("i64", "1234567", 7, &self, &storage));
    FAILS(PC_ERR_BAD_VALUE, "", pc_decode_value("any", "\x82\x01", 2, &self, &storage));
    CHECK(self.kind == PC_VALUE_NULL && storage.len == 0);
    pc_buffer_free(&bytes);
    pc_buffer_free(&storage);
}

int main(void) {
    RUN(arrays_of_every_element);
    RUN(numbers_come_back_as_their_types_kind);
    RUN(values_of_any_come_back);
    RUN(values_of_types_are_little_endian);
    RUN(keys_keep_their_order_in_bytes);
    RUN(values_without_a_kind_stay_encoded);
    RUN(the_caller_owns_decoded_memory);
    RUN(collections_take_values);
    RUN(bounds_and_prefixes_need_not_be_keys);
    RUN(invalid_values_and_keys_are_refused);
    return check_end();
}
