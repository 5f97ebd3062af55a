/* The scenario in C: `driver run SCENARIO ENVIRONMENT` runs it and says which answers are others than
 * expected; `driver dump ENVIRONMENT…` prints all that is in environments. README.md tells what the lines
 * mean. */
#define _DEFAULT_SOURCE

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "persistent_collections.h"

enum { MOST = 64, DEEPEST = 8 };

static void stop(const char *why, const char *what) {
    fprintf(stderr, "%s: %s\n", why, what);
    exit(2);
}

static void must(pc_status status) {
    if (status < 0)
        stop(pc_strerror(status), pc_last_error());
}

/* Memory of one line, all freed at its end. */
static void *held[1 << 16];
static size_t held_count;

static void *hold(size_t size) {
    if (held_count == sizeof held / sizeof *held)
        stop("a line is too long", "it needs too much memory");
    void *memory = calloc(1, size ? size : 1);
    if (!memory)
        stop("no memory", "for a line");
    return held[held_count++] = memory;
}

static void let_go(void) {
    while (held_count)
        free(held[--held_count]);
}

/* Text that grows. */
static char *joined(const char *a, const char *separator, const char *b) {
    char *text = hold(strlen(a) + strlen(separator) + strlen(b) + 1);
    return strcat(strcat(strcpy(text, a), separator), b);
}

/* ---- values and how they are written */

static const char *const ELEMENTS[] = {"",    "i8",  "i16", "i32", "i64", "u8",
                                       "u16", "u32", "u64", "f32", "f64"};

static int nibble(int c) { return c <= '9' ? c - '0' : (c | 32) - 'a' + 10; }

static pc_value_data from_hex(const char *text) {
    size_t len = strlen(text) / 2;
    uint8_t *bytes = hold(len);
    for (size_t i = 0; i < len; i++)
        bytes[i] = (uint8_t)(nibble(text[2 * i]) << 4 | nibble(text[2 * i + 1]));
    return (pc_value_data){bytes, len};
}

static char *to_hex(const uint8_t *bytes, size_t len) {
    char *text = hold(2 * len + 1);
    for (size_t i = 0; i < len; i++)
        sprintf(text + 2 * i, "%02x", bytes[i]);
    return text;
}

/* Every byte but letters, digits, `.`, `_` and `-` as % and two digits. */
static pc_value_data from_escaped(const char *text) {
    uint8_t *bytes = hold(strlen(text));
    size_t len = 0;
    for (; *text; text++, len++) {
        bytes[len] = (uint8_t)*text;
        if (*text == '%') {
            bytes[len] = (uint8_t)(nibble(text[1]) << 4 | nibble(text[2]));
            text += 2;
        }
    }
    return (pc_value_data){bytes, len};
}

static char *to_escaped(const uint8_t *bytes, size_t len) {
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
    char *text = hold(3 * len + 1), *end = text;
    for (size_t i = 0; i < len; i++)
        end += sprintf(end, bytes[i] && strchr(plain, bytes[i]) ? "%c" : "%%%02X", bytes[i]);
    return text;
}

static pc_value of_kind(uint32_t kind) {
    pc_value value = pc_value_null();
    value.kind = kind;
    return value;
}

/* The next value of a field; tokens stand between spaces. */
static pc_value parse(char **rest) {
    char *token = strsep(rest, " ");
    pc_value value;
    if (!token)
        stop("a value is missing", "at the end of a field");
    static const struct {
        const char *open, *close;
        uint32_t kind;
    } groups[] = {{"(", ")", PC_VALUE_TUPLE},
                  {"[", "]", PC_VALUE_LIST},
                  {"{", "}", PC_VALUE_MAP},
                  {"<", ">", PC_VALUE_SET}};
    for (size_t i = 0; i < 4; i++) {
        if (strcmp(token, groups[i].open) == 0) {
            pc_value *items = hold(MOST * sizeof *items);
            size_t count = 0;
            while (*rest && strncmp(*rest, groups[i].close, 1) != 0)
                items[count++] = parse(rest);
            strsep(rest, " ");
            value = of_kind(groups[i].kind);
            value.as.items.items = items;
            value.as.items.len = groups[i].kind == PC_VALUE_MAP ? count / 2 : count;
            return value;
        }
    }
    char *text = strlen(token) > 1 && token[1] == ':' ? token + 2 : NULL;
    if (strcmp(token, "null") == 0)
        return pc_value_null();
    if (strcmp(token, "undefined") == 0)
        return of_kind(PC_VALUE_UNDEFINED);
    if (strcmp(token, "true") == 0 || strcmp(token, "false") == 0)
        return pc_value_bool(*token == 't');
    if (!text && (*token == '-' || strlen(token) < 19))
        return pc_value_i64(strtoll(token, NULL, 10));
    if (!text)
        return pc_value_u64(strtoull(token, NULL, 10));
    switch (*token) {
    case 'f':
        value = of_kind(PC_VALUE_F64);
        value.as.u64 = strtoull(text, NULL, 16);
        return value;
    case 's':
        value = of_kind(PC_VALUE_STR);
        value.as.bytes = from_escaped(text);
        return value;
    case 'b':
        value = of_kind(PC_VALUE_BYTES);
        value.as.bytes = from_hex(text);
        return value;
    case 'u':
        value = of_kind(PC_VALUE_UUID);
        memcpy(value.as.uuid, from_hex(text).data, 16);
        return value;
    case 'd':
    case 't':
        value = of_kind(*token == 'd' ? PC_VALUE_DATE : PC_VALUE_DATETIME);
        value.as.i64 = strtoll(text, NULL, 10);
        return value;
    case 'a':
        value = of_kind(PC_VALUE_ARRAY);
        for (uint32_t i = 1; i < sizeof ELEMENTS / sizeof *ELEMENTS; i++)
            if (strncmp(text, ELEMENTS[i], strcspn(text, ":")) == 0 && !ELEMENTS[i][strcspn(text, ":")])
                value.subtype = i;
        value.as.bytes = from_hex(strchr(text, ':') + 1);
        return value;
    default:
        stop("no such value", token);
        return value;
    }
}

static char *show(const pc_value *value);

static int by_text(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

/* Items between brackets; those of sets and maps in the order of their text. */
static char *show_items(const pc_value *value, const char *open, const char *close) {
    size_t width = value->kind == PC_VALUE_MAP ? 2 : 1, count = value->as.items.len;
    char **texts = hold((count + 1) * sizeof *texts), *text = hold(2);
    for (size_t i = 0; i < count; i++) {
        texts[i] = show(&value->as.items.items[width * i]);
        if (width == 2)
            texts[i] = joined(texts[i], " ", show(&value->as.items.items[2 * i + 1]));
    }
    if (value->kind == PC_VALUE_MAP || value->kind == PC_VALUE_SET)
        qsort(texts, count, sizeof *texts, by_text);
    strcpy(text, open);
    for (size_t i = 0; i < count; i++)
        text = joined(text, " ", texts[i]);
    return joined(text, " ", close);
}

static char *show(const pc_value *value) {
    char number[64];
    switch (value->kind) {
    case PC_VALUE_NULL:
        return joined("null", "", "");
    case PC_VALUE_UNDEFINED:
        return joined("undefined", "", "");
    case PC_VALUE_BOOL:
        return joined(value->as.boolean ? "true" : "false", "", "");
    case PC_VALUE_I64:
        snprintf(number, sizeof number, "%" PRId64, value->as.i64);
        return joined(number, "", "");
    case PC_VALUE_U64:
        snprintf(number, sizeof number, "%" PRIu64, value->as.u64);
        return joined(number, "", "");
    case PC_VALUE_F64:
        snprintf(number, sizeof number, "f:%016" PRIx64, value->as.u64);
        return joined(number, "", "");
    case PC_VALUE_STR:
        return joined("s", ":", to_escaped(value->as.bytes.data, value->as.bytes.len));
    case PC_VALUE_BYTES:
        return joined("b", ":", to_hex(value->as.bytes.data, value->as.bytes.len));
    case PC_VALUE_UUID:
        return joined("u", ":", to_hex(value->as.uuid, 16));
    case PC_VALUE_DATE:
    case PC_VALUE_DATETIME:
        snprintf(number, sizeof number, "%c:%" PRId64, value->kind == PC_VALUE_DATE ? 'd' : 't',
                 value->as.i64);
        return joined(number, "", "");
    case PC_VALUE_ARRAY:
        return joined(joined("a:", ELEMENTS[value->subtype], ""), ":",
                      to_hex(value->as.bytes.data, value->as.bytes.len));
    case PC_VALUE_TUPLE:
        return show_items(value, "(", ")");
    case PC_VALUE_LIST:
        return show_items(value, "[", "]");
    case PC_VALUE_MAP:
        return show_items(value, "{", "}");
    case PC_VALUE_SET:
        return show_items(value, "<", ">");
    default:
        stop("a value that cannot be written", to_hex(value->as.bytes.data, value->as.bytes.len));
        return NULL;
    }
}

/* ---- the state of a run */

struct collection {
    char name[64], key[64], value[64];
    int is_set;
    pc_dict dict;
    pc_set set;
};

static const char *path;
static pc_env env;
static struct collection collections[MOST];
static size_t collection_count;
static pc_txn transactions[DEEPEST];
static size_t depth;

static void open_env(void) {
    pc_env_options options;
    must(pc_env_options_init(&options, sizeof options));
    options.durability = PC_DURABILITY_NONE;
    must(pc_env_open(path, &options, &env));
    collection_count = 0;
}

/* The fields of a line after the operation's name. */
struct arguments {
    char *field[MOST];
    size_t count;
};

static struct collection *named(const char *name) {
    for (size_t i = 0; i < collection_count; i++)
        if (strcmp(collections[i].name, name) == 0)
            return &collections[i];
    stop("no collection was opened by the name", name);
    return NULL;
}

static struct collection *subject(const struct arguments *a) { return named(a->field[0]); }

static pc_value value_at(const struct arguments *a, size_t at) {
    if (at >= a->count)
        stop("an argument is missing", a->field[0]);
    char *rest = joined(a->field[at], "", "");
    return parse(&rest);
}

/* An encoded key or value that goes with the line. */
struct bytes {
    pc_status status;
    uint8_t *data;
    size_t len;
};

static struct bytes encoded(pc_status (*encode)(const char *, const pc_value *, pc_buffer *),
                            const char *type, pc_value value) {
    pc_buffer buffer = {0};
    struct bytes bytes = {encode(type, &value, &buffer), NULL, buffer.len};
    if (bytes.status == PC_OK) {
        bytes.data = memcpy(hold(buffer.len), buffer.data ? buffer.data : (uint8_t *)"", buffer.len);
    }
    pc_buffer_free(&buffer);
    return bytes;
}

static struct bytes key_at(const struct arguments *a, size_t at) {
    return encoded(pc_encode_key, subject(a)->key, value_at(a, at));
}

static struct bytes stored_at(const struct arguments *a, size_t at) {
    return encoded(pc_encode_value, subject(a)->value, value_at(a, at));
}

static char *decoded(pc_status (*decode)(const char *, const void *, size_t, pc_value *, pc_buffer *),
                     const char *type, const void *data, size_t len) {
    pc_value value;
    pc_buffer storage = {0};
    must(decode(type, data, len, &value, &storage));
    char *text = show(&value);
    pc_buffer_free(&storage);
    return text;
}

static char *entry(const struct collection *c, const void *key, size_t key_len, const void *value,
                   size_t value_len) {
    char *text = decoded(pc_decode_key, c->key, key, key_len);
    return c->is_set ? text : joined(text, " = ", decoded(pc_decode_value, c->value, value, value_len));
}

/* What a status is as an answer; `good` stands for PC_OK. */
static char *answer(pc_status status, const char *good) {
    char number[32];
    snprintf(number, sizeof number, "error %d", status);
    return joined(status == PC_OK          ? good
                  : status == PC_NOT_FOUND ? "absent"
                  : status == PC_EXISTS    ? "exists"
                  : status == PC_ERR_BAD_KEY || status == PC_ERR_BAD_VALUE || status == PC_ERR_KEY_SIZE
                      ? "refused"
                      : number,
                  "", "");
}

static char *number(pc_status status, uint64_t number) {
    char text[32];
    snprintf(text, sizeof text, "%" PRIu64, number);
    return answer(status, text);
}

/* ---- operations: each takes the fields after its name and gives the answer */

static char *op_dict(const struct arguments *a) {
    struct collection c = {0};
    pc_status status = pc_dict_open(env, a->field[0], a->field[1], a->field[2], 0, &c.dict);
    if (status == PC_OK) {
        snprintf(c.name, sizeof c.name, "%s", a->field[0]);
        snprintf(c.key, sizeof c.key, "%s", a->field[1]);
        snprintf(c.value, sizeof c.value, "%s", a->field[2]);
        collections[collection_count++] = c;
    }
    return answer(status, "ok");
}

static char *op_set(const struct arguments *a) {
    struct collection c = {0};
    pc_status status = pc_set_open(env, a->field[0], a->field[1], 0, &c.set);
    c.is_set = 1;
    if (status == PC_OK) {
        snprintf(c.name, sizeof c.name, "%s", a->field[0]);
        snprintf(c.key, sizeof c.key, "%s", a->field[1]);
        collections[collection_count++] = c;
    }
    return answer(status, "ok");
}

static char *op_drop(const struct arguments *a) { return answer(pc_collection_drop(env, a->field[0]), "ok"); }

static char *op_schema(const struct arguments *a) {
    pc_buffer types = {0};
    int32_t kind;
    pc_status status = pc_collection_schema(env, a->field[0], &kind, &types);
    char *text = answer(status, kind == PC_KIND_SET ? "set" : "dict");
    if (status == PC_OK) {
        const char *key = (char *)types.data;
        text = joined(text, "\t", key);
        if (kind == PC_KIND_DICT)
            text = joined(text, "\t", key + strlen(key) + 1);
    }
    pc_buffer_free(&types);
    return text;
}

static char *op_put(const struct arguments *a) {
    pc_value key = value_at(a, 1), value = value_at(a, 2);
    return answer(pc_dict_put_value(subject(a)->dict, &key, &value), "ok");
}

static char *op_put_new(const struct arguments *a) {
    struct bytes key = key_at(a, 1), value = stored_at(a, 2);
    return answer(pc_dict_put_new(subject(a)->dict, key.data, key.len, value.data, value.len), "ok");
}

static char *op_get(const struct arguments *a) {
    pc_value key = value_at(a, 1), value;
    pc_buffer storage = {0};
    pc_status status = pc_dict_get_value(subject(a)->dict, &key, &value, &storage);
    char *text = answer(status, status == PC_OK ? show(&value) : "");
    pc_buffer_free(&storage);
    return text;
}

static char *op_has(const struct arguments *a) {
    pc_value key = value_at(a, 1);
    struct collection *c = subject(a);
    pc_status status =
        c->is_set ? pc_set_contains_value(c->set, &key) : pc_dict_contains_value(c->dict, &key);
    return status == PC_NOT_FOUND ? joined("no", "", "") : answer(status, "yes");
}

static char *op_remove(const struct arguments *a) {
    pc_value key = value_at(a, 1);
    struct collection *c = subject(a);
    return answer(c->is_set ? pc_set_remove_value(c->set, &key) : pc_dict_remove_value(c->dict, &key), "ok");
}

static char *op_take(const struct arguments *a) {
    struct bytes key = key_at(a, 1);
    static uint8_t value[1 << 16];
    size_t len;
    pc_status status = pc_dict_take(subject(a)->dict, key.data, key.len, value, sizeof value, &len);
    return answer(status, status == PC_OK ? decoded(pc_decode_value, subject(a)->value, value, len) : "");
}

static char *op_exchange(const struct arguments *a) {
    struct bytes key = key_at(a, 1), expected = {0}, desired = {0};
    uint32_t flags = 0;
    if (strcmp(a->field[2], "absent") == 0)
        flags |= PC_EXPECT_ABSENT;
    else
        expected = stored_at(a, 2);
    if (strcmp(a->field[3], "absent") == 0)
        flags |= PC_DESIRE_ABSENT;
    else
        desired = stored_at(a, 3);
    pc_status status = pc_dict_compare_exchange(subject(a)->dict, key.data, key.len, expected.data,
                                                expected.len, desired.data, desired.len, flags, NULL);
    return status > 0 ? joined("differs", "", "") : answer(status, "ok");
}

static char *op_increment(const struct arguments *a) {
    struct bytes key = key_at(a, 1);
    int64_t sum;
    char text[32];
    pc_status status =
        pc_dict_add_i64(subject(a)->dict, key.data, key.len, strtoll(a->field[2], NULL, 10), &sum);
    snprintf(text, sizeof text, "%" PRId64, status == PC_OK ? sum : 0);
    return answer(status, text);
}

static char *op_len(const struct arguments *a) {
    struct collection *c = subject(a);
    uint64_t len = 0;
    pc_status status = c->is_set ? pc_set_len(c->set, &len) : pc_dict_len(c->dict, &len);
    return number(status, len);
}

static char *op_clear(const struct arguments *a) {
    struct collection *c = subject(a);
    return answer(c->is_set ? pc_set_clear(c->set) : pc_dict_clear(c->dict), "ok");
}

static char *end_of(const struct collection *c, pc_status (*of_dict)(pc_dict, pc_buffer *, pc_buffer *),
                    pc_status (*of_set)(pc_set, pc_buffer *)) {
    pc_buffer key = {0}, value = {0};
    pc_status status = c->is_set ? of_set(c->set, &key) : of_dict(c->dict, &key, &value);
    char *text = answer(status, status == PC_OK ? entry(c, key.data, key.len, value.data, value.len) : "");
    pc_buffer_free(&key);
    pc_buffer_free(&value);
    return text;
}

static char *op_first(const struct arguments *a) { return end_of(subject(a), pc_dict_first, pc_set_first); }

static char *op_last(const struct arguments *a) { return end_of(subject(a), pc_dict_last, pc_set_last); }

/* Encoded items one after the other, from a field on, every so many fields. */
struct column {
    size_t count;
    uint8_t *bytes;
    uint64_t *offsets;
};

static struct column column(const struct arguments *a, size_t from, size_t step, int of_keys) {
    struct column column = {0, hold(1 << 16), hold((MOST + 1) * sizeof(uint64_t))};
    for (size_t at = from; at < a->count; at += step) {
        struct bytes item = of_keys ? key_at(a, at) : stored_at(a, at);
        must(item.status);
        memcpy(column.bytes + column.offsets[column.count], item.data, item.len);
        column.offsets[column.count + 1] = column.offsets[column.count] + item.len;
        column.count++;
    }
    return column;
}

static char *op_put_many(const struct arguments *a) {
    struct column keys = column(a, 1, 2, 1), values = column(a, 2, 2, 0);
    return answer(pc_dict_put_many(subject(a)->dict, keys.count, keys.bytes, keys.offsets, values.bytes,
                                   values.offsets, NULL),
                  "ok");
}

static char *op_get_many(const struct arguments *a) {
    struct column keys = column(a, 1, 1, 1);
    uint8_t present[MOST];
    uint64_t offsets[MOST + 1];
    pc_buffer values = {0};
    pc_status status = pc_dict_get_many(subject(a)->dict, keys.count, keys.bytes, keys.offsets, present, NULL,
                                        0, &values, offsets, NULL);
    char *text = answer(status, "");
    for (size_t i = 0; status == PC_OK && i < keys.count; i++) {
        char *value = present[i] ? decoded(pc_decode_value, subject(a)->value, values.data + offsets[i],
                                           (size_t)(offsets[i + 1] - offsets[i]))
                                 : "absent";
        text = joined(text, i ? "\t" : "", value);
    }
    pc_buffer_free(&values);
    return text;
}

static char *op_remove_many(const struct arguments *a) {
    struct column keys = column(a, 1, 1, 1);
    struct collection *c = subject(a);
    uint64_t removed = 0;
    pc_status status =
        c->is_set ? pc_set_remove_many(c->set, keys.count, keys.bytes, keys.offsets, &removed, NULL)
                  : pc_dict_remove_many(c->dict, keys.count, keys.bytes, keys.offsets, &removed, NULL);
    return number(status, removed);
}

static char *op_add(const struct arguments *a) {
    pc_value element = value_at(a, 1);
    pc_status status = pc_set_add_value(subject(a)->set, &element);
    return answer(status == PC_EXISTS ? PC_OK : status, "ok");
}

static char *op_add_many(const struct arguments *a) {
    struct column elements = column(a, 1, 1, 1);
    return answer(
        pc_set_add_many(subject(a)->set, elements.count, elements.bytes, elements.offsets, NULL, NULL), "ok");
}

/* All that an iterator gives, or `nothing`. */
static char *listed(const struct collection *c, const pc_range *range) {
    pc_iter iter;
    const void *key, *value;
    size_t key_len, value_len;
    char *text = "";
    pc_status status =
        c->is_set ? pc_iter_open_set(c->set, range, &iter) : pc_iter_open_dict(c->dict, range, &iter);
    if (status != PC_OK)
        return answer(status, "");
    while ((status = pc_iter_next(iter, &key, &key_len, &value, &value_len)) == PC_OK)
        text = joined(text, *text ? "\t" : "", entry(c, key, key_len, value, value_len));
    must(status);
    must(pc_iter_close(iter));
    return joined(*text ? text : "nothing", "", "");
}

/* `-` leaves a side open; `lower` and `upper` are exclusive and inclusive where the fields after them say so.
 */
static pc_range range_of(const struct arguments *a) {
    pc_range range = {0};
    if (strcmp(a->field[1], "-") != 0) {
        struct bytes lower = key_at(a, 1);
        range.lower = lower.data, range.lower_len = lower.len, range.flags |= PC_RANGE_LOWER;
    }
    if (strcmp(a->field[2], "-") != 0) {
        struct bytes upper = key_at(a, 2);
        range.upper = upper.data, range.upper_len = upper.len, range.flags |= PC_RANGE_UPPER;
    }
    for (size_t at = 3; at < a->count; at++) {
        const char *word = a->field[at];
        range.flags |= strcmp(word, "after") == 0     ? PC_RANGE_LOWER_EXCLUSIVE
                       : strcmp(word, "through") == 0 ? PC_RANGE_UPPER_INCLUSIVE
                       : strcmp(word, "reverse") == 0 ? PC_RANGE_REVERSE
                                                      : (stop("no such word of a range", word), 0u);
    }
    return range;
}

static char *op_range(const struct arguments *a) {
    pc_range range = range_of(a);
    return listed(subject(a), &range);
}

static char *op_remove_range(const struct arguments *a) {
    pc_range range = range_of(a);
    struct collection *c = subject(a);
    uint64_t removed = 0;
    pc_status status = c->is_set ? pc_set_remove_range(c->set, &range, &removed)
                                 : pc_dict_remove_range(c->dict, &range, &removed);
    return number(status, removed);
}

static char *op_prefix(const struct arguments *a) {
    pc_range range = {0};
    pc_value text = value_at(a, 1);
    range.prefix = text.as.bytes.data, range.prefix_len = text.as.bytes.len, range.flags = PC_RANGE_PREFIX;
    return listed(subject(a), &range);
}

static char *op_union(const struct arguments *a) {
    pc_set set = subject(a)->set;
    return answer(pc_set_union(set, named(a->field[1])->set, set), "ok");
}

static char *op_intersection(const struct arguments *a) {
    pc_set set = subject(a)->set;
    return answer(pc_set_intersection(set, named(a->field[1])->set, set), "ok");
}

static char *op_difference(const struct arguments *a) {
    pc_set set = subject(a)->set;
    return answer(pc_set_difference(set, named(a->field[1])->set, set), "ok");
}

static char *op_symmetric_difference(const struct arguments *a) {
    pc_set set = subject(a)->set;
    return answer(pc_set_symmetric_difference(set, named(a->field[1])->set, set), "ok");
}

static char *op_is_subset(const struct arguments *a) {
    bool yes = false;
    pc_status status = pc_set_is_subset(subject(a)->set, named(a->field[1])->set, &yes);
    return answer(status, yes ? "yes" : "no");
}

static char *op_is_disjoint(const struct arguments *a) {
    bool yes = false;
    pc_status status = pc_set_is_disjoint(subject(a)->set, named(a->field[1])->set, &yes);
    return answer(status, yes ? "yes" : "no");
}

static char *op_begin(const struct arguments *a) {
    int32_t kind = strcmp(a->field[0], "write") == 0 ? PC_TXN_WRITE : PC_TXN_READ;
    pc_status status = pc_txn_begin(env, kind, -1, &transactions[depth]);
    depth += status == PC_OK;
    return answer(status, "ok");
}

static char *op_commit(const struct arguments *a) {
    (void)a;
    return answer(pc_txn_commit(transactions[--depth]), "ok");
}

static char *op_abort(const struct arguments *a) {
    (void)a;
    return answer(pc_txn_abort(transactions[--depth]), "ok");
}

static char *op_flush(const struct arguments *a) {
    (void)a;
    return answer(pc_flush(env), "ok");
}

static char *op_reopen(const struct arguments *a) {
    (void)a;
    must(pc_env_close(env));
    open_env();
    return joined("ok", "", "");
}

static const struct operation {
    const char *name;
    char *(*run)(const struct arguments *);
} OPERATIONS[] = {
    {"dict", op_dict},
    {"set", op_set},
    {"drop", op_drop},
    {"schema", op_schema},
    {"put", op_put},
    {"put_new", op_put_new},
    {"get", op_get},
    {"has", op_has},
    {"remove", op_remove},
    {"take", op_take},
    {"exchange", op_exchange},
    {"increment", op_increment},
    {"len", op_len},
    {"clear", op_clear},
    {"first", op_first},
    {"last", op_last},
    {"put_many", op_put_many},
    {"get_many", op_get_many},
    {"remove_many", op_remove_many},
    {"add", op_add},
    {"add_many", op_add_many},
    {"range", op_range},
    {"remove_range", op_remove_range},
    {"prefix", op_prefix},
    {"union", op_union},
    {"intersection", op_intersection},
    {"difference", op_difference},
    {"symmetric_difference", op_symmetric_difference},
    {"is_subset", op_is_subset},
    {"is_disjoint", op_is_disjoint},
    {"begin", op_begin},
    {"commit", op_commit},
    {"abort", op_abort},
    {"flush", op_flush},
    {"reopen", op_reopen},
};

/* ---- running and dumping */

static const struct operation *operation(const char *name) {
    for (size_t i = 0; i < sizeof OPERATIONS / sizeof *OPERATIONS; i++)
        if (strcmp(OPERATIONS[i].name, name) == 0)
            return &OPERATIONS[i];
    return NULL;
}

/* The number of lines that were answered otherwise than expected. */
static int run(const char *scenario) {
    FILE *file = fopen(scenario, "r");
    static char line[1 << 16];
    int wrong = 0, at = 0;
    if (!file)
        stop("cannot be read", scenario);
    open_env();
    while (fgets(line, sizeof line, file)) {
        struct arguments arguments = {0};
        at++;
        line[strcspn(line, "\n")] = 0;
        if (!*line || *line == '#')
            continue;
        char *expected = strstr(line, "\t=>\t"), *rest = line, *name;
        if (!expected)
            stop("no expected answer", line);
        *expected = 0;
        expected += 4;
        name = strsep(&rest, "\t");
        while (rest)
            arguments.field[arguments.count++] = strsep(&rest, "\t");
        const struct operation *found = operation(name);
        const char *given = found ? found->run(&arguments) : "no such operation";
        if (!found || strcmp(given, expected) != 0) {
            printf("line %d: %s: expected %s, got %s\n", at, name, expected, given);
            wrong++;
        }
        let_go();
    }
    fclose(file);
    must(pc_env_close(env));
    return wrong;
}

/* Opens what pc_env_list names, and prints it. */
static void dump(void) {
    pc_buffer list = {0};
    open_env();
    must(pc_env_list(env, &list));
    char *rest = hold(list.len + 1);
    memcpy(rest, list.data ? list.data : (uint8_t *)"", list.len);
    pc_buffer_free(&list);
    for (char *line; (line = strsep(&rest, "\n")) && *line;) {
        struct collection c = {0};
        char *name = strsep(&line, "\t"), *kind = strsep(&line, "\t"), *key = strsep(&line, "\t"),
             *value = strsep(&line, "\t");
        c.is_set = strcmp(kind, "set") == 0;
        snprintf(c.key, sizeof c.key, "%s", key);
        snprintf(c.value, sizeof c.value, "%s", value);
        must(c.is_set ? pc_set_open(env, name, key, PC_OPEN_EXISTING, &c.set)
                      : pc_dict_open(env, name, key, value, PC_OPEN_EXISTING, &c.dict));
        printf("%s %s %s%s%s, %s\n", kind, name, key, c.is_set ? "" : " ", c.is_set ? "" : value, line);
        for (char *all = listed(&c, NULL), *one; (one = strsep(&all, "\t"));)
            printf("  %s\n", one);
    }
    let_go();
    must(pc_env_close(env));
}

int main(int argc, char **argv) {
    if (argc == 4 && strcmp(argv[1], "run") == 0) {
        path = argv[3];
        return run(argv[2]) != 0;
    }
    if (argc < 3 || strcmp(argv[1], "dump") != 0)
        stop("usage", "driver run SCENARIO ENVIRONMENT | driver dump ENVIRONMENT...");
    for (int i = 2; i < argc; i++) {
        path = argv[i];
        printf("environment %d\n", i - 1);
        dump();
    }
    return 0;
}
