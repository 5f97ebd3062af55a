/* Follows a dict that another program is writing, then reads it and adds its own dict.
 *
 * usage: follow DIRECTORY
 *
 * write_unicode.py writes the environment at the same time. This program reads it in snapshots,
 * in which `characters` and `by_codepoint` have the same length, since the writer adds to both in one
 * transaction. When `progress` says that all is written, it lists the characters whose names begin with GREEK
 * SMALL LETTER, counts the characters of each category, and writes the counts into the dict
 * `category_counts`, str -> i64.
 */
#define _POSIX_C_SOURCE 200809L

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "persistent_collections.h"

#define PREFIX "GREEK SMALL LETTER"

/* How many new characters are worth a line, and how long to wait for a writer that does nothing. */
enum { WORTH_A_LINE = 10000, PATIENCE_SECONDS = 120 };

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void fail(const char *what) {
    fprintf(stderr, "C: %s\n", what);
    exit(1);
}

/* Ends the program unless the status is an answer; gives that back. */
static pc_status check(pc_status status, const char *call) {
    if (status < 0) {
        fprintf(stderr, "C: %s: %s: %s\n", call, pc_strerror(status), pc_last_error());
        exit(1);
    }
    return status;
}
#define CHECK(call) check((call), #call)

/* Waits a little, and gives up if nothing has happened for too long. */
static void wait_since(double last_change) {
    const struct timespec pause = {0, 3000000};
    if (now() - last_change > PATIENCE_SECONDS)
        fail("the writer has done nothing for too long");
    nanosleep(&pause, NULL);
}

/* Opens the environment as soon as the writer has made it. */
static pc_env open_environment(const char *path) {
    const double begun = now();
    pc_env_options options;
    pc_env env = {0};
    CHECK(pc_env_options_init(&options, sizeof options));
    options.flags = PC_ENV_NO_CREATE;
    for (;;) {
        pc_status status = pc_env_open(path, &options, &env);
        /* A file that is shorter than its header is one that is just being made. */
        if (status != PC_ERR_NO_ENVIRONMENT && status != PC_ERR_TRUNCATED) {
            check(status, "pc_env_open");
            return env;
        }
        wait_since(begun);
    }
}

/* Opens a dict as soon as the writer has made it. */
static pc_dict open_existing(pc_env env, const char *name, const char *key_type, const char *value_type) {
    const double begun = now();
    pc_dict dict = {0};
    for (;;) {
        pc_status status = pc_dict_open(env, name, key_type, value_type, PC_OPEN_EXISTING, &dict);
        if (status != PC_ERR_NO_COLLECTION) {
            uint64_t count;
            check(status, name);
            CHECK(pc_dict_len(dict, &count));
            printf("C: found %s, with %" PRIu64 " entries so far\n", name, count);
            return dict;
        }
        wait_since(begun);
    }
}

/* Looks at the growing dict until the writer says that all is there. */
static uint64_t follow(pc_env env, pc_dict characters) {
    pc_dict by_codepoint = open_existing(env, "by_codepoint", "i64", "str");
    pc_dict progress = open_existing(env, "progress", "str", "i64");
    const pc_value done_key = pc_value_str("done");
    const double begun = now();
    double changed = begun;
    uint64_t seen = 0, printed = 0, steps = 0;
    pc_buffer storage = {0};
    for (;;) {
        pc_txn snapshot;
        pc_value done;
        uint64_t count, others;
        pc_status status;
        CHECK(pc_txn_begin(env, PC_TXN_READ, 0, &snapshot));
        CHECK(pc_dict_len(characters, &count));
        CHECK(pc_dict_len(by_codepoint, &others));
        status = CHECK(pc_dict_get_value(progress, &done_key, &done, &storage));
        CHECK(pc_txn_commit(snapshot));
        if (count != others)
            fail("a snapshot shows half of a transaction: the two dicts differ in length");
        if (count < seen)
            fail("a later snapshot shows less than an earlier one");
        if (count > seen) {
            steps++;
            seen = count;
            changed = now();
            if (count - printed >= WORTH_A_LINE) {
                printed = count;
                printf("C: after %.2f s a snapshot shows %" PRIu64 " characters\n", changed - begun, count);
            }
        }
        if (status == PC_OK) {
            if (done.kind != PC_VALUE_I64 || done.as.i64 < 0 || (uint64_t)done.as.i64 != count)
                fail("the writer is done with another number of characters than there are");
            break;
        }
        wait_since(changed);
    }
    printf("C: all %" PRIu64 " characters are there after %.2f s; seen growing in %" PRIu64 " steps\n", seen,
           now() - begun, steps);
    pc_buffer_free(&storage);
    CHECK(pc_dict_close(by_codepoint));
    CHECK(pc_dict_close(progress));
    return seen;
}

/* Opens an iterator over the keys that begin with a text; NULL: over all. */
static pc_iter iterate(pc_dict dict, const char *prefix) {
    pc_range range = {0};
    pc_iter iter = {0};
    if (prefix) {
        range.prefix = prefix;
        range.prefix_len = strlen(prefix);
        range.flags = PC_RANGE_PREFIX;
    }
    CHECK(pc_iter_open_dict(dict, &range, &iter));
    return iter;
}

/* A field of a character, of the kind that it must have. */
static pc_value field(const pc_value *character, const char *name, uint32_t kind) {
    pc_value value;
    if (CHECK(pc_value_map_get(character, name, &value)) != PC_OK || value.kind != kind) {
        fprintf(stderr, "C: a character lacks its %s\n", name);
        exit(1);
    }
    return value;
}

/* Lists the characters whose names begin with PREFIX, in the order of their names. */
static void list_range(pc_dict characters) {
    const double begun = now();
    pc_iter iter = iterate(characters, PREFIX);
    pc_value key, character;
    unsigned count = 0;
    while (CHECK(pc_iter_next_value(iter, &key, &character)) == PC_OK) {
        const pc_value name = field(&character, "name", PC_VALUE_STR);
        const pc_value codepoint = field(&character, "codepoint", PC_VALUE_I64);
        if (key.as.bytes.len < strlen(PREFIX) || memcmp(key.as.bytes.data, PREFIX, strlen(PREFIX)) != 0)
            fail("the range gives a name that is not in it");
        if (name.as.bytes.len != key.as.bytes.len ||
            memcmp(name.as.bytes.data, key.as.bytes.data, name.as.bytes.len) != 0)
            fail("a character stands under another name than its own");
        if (count++ < 5)
            printf("C:   U+%04" PRIX64 " %.*s\n", (uint64_t)codepoint.as.i64, (int)name.as.bytes.len,
                   (const char *)name.as.bytes.data);
    }
    CHECK(pc_iter_close(iter));
    if (count == 0)
        fail("there is no " PREFIX);
    printf("C: %u characters are a " PREFIX ", listed in %.3f s\n", count, now() - begun);
}

struct category {
    char name[8];
    int64_t count;
};

/* Unicode has thirty categories; here is room for more. */
enum { CATEGORIES = 64 };

/* Counts the characters of each category, all in one snapshot. */
static size_t count_categories(pc_dict characters, struct category *categories) {
    pc_iter iter = iterate(characters, NULL);
    pc_value key, character;
    size_t count = 0;
    while (CHECK(pc_iter_next_value(iter, &key, &character)) == PC_OK) {
        const pc_value name = field(&character, "category", PC_VALUE_STR);
        size_t at = 0;
        while (at < count && strcmp(categories[at].name, (const char *)name.as.bytes.data) != 0)
            at++;
        if (at == count) {
            if (count == CATEGORIES || name.as.bytes.len >= sizeof categories[0].name)
                fail("these are not the categories of Unicode");
            memcpy(categories[at].name, name.as.bytes.data, name.as.bytes.len + 1);
            categories[at].count = 0;
            count++;
        }
        categories[at].count++;
    }
    CHECK(pc_iter_close(iter));
    return count;
}

/* Writes the counts, in one transaction, into a dict of this program's own. */
static void add_counts(pc_env env, pc_dict characters, uint64_t expected) {
    struct category categories[CATEGORIES];
    double begun = now();
    const size_t count = count_categories(characters, categories);
    uint64_t total = 0, stored;
    pc_dict counts;
    pc_txn txn;
    for (size_t i = 0; i < count; i++)
        total += (uint64_t)categories[i].count;
    printf("C: %" PRIu64 " characters are of %zu categories, counted in %.2f s\n", total, count,
           now() - begun);
    if (total != expected)
        fail("iterating gives another number of characters than there are");
    begun = now();
    CHECK(pc_txn_begin(env, PC_TXN_WRITE, -1, &txn));
    CHECK(pc_dict_open(env, "category_counts", "str", "i64", 0, &counts));
    CHECK(pc_dict_clear(counts));
    for (size_t i = 0; i < count; i++) {
        const pc_value name = pc_value_str(categories[i].name);
        const pc_value number = pc_value_i64(categories[i].count);
        CHECK(pc_dict_put_value(counts, &name, &number));
    }
    CHECK(pc_txn_commit(txn));
    CHECK(pc_dict_len(counts, &stored));
    if (stored != count)
        fail("category_counts holds another number of entries than were written");
    CHECK(pc_dict_close(counts));
    printf("C: wrote category_counts, %zu entries in one transaction, in %.3f s\n", count, now() - begun);
}

int main(int argc, char **argv) {
    pc_env env;
    pc_dict characters;
    uint64_t count;
    if (argc != 2) {
        fprintf(stderr, "usage: %s DIRECTORY\n", argv[0]);
        return 2;
    }
    if (pc_abi_version() != PC_ABI_VERSION)
        fail("the library has another ABI than the header that this program was compiled with");
    /* Lines come as they are written, also into a pipe. */
    setvbuf(stdout, NULL, _IOLBF, BUFSIZ);
    env = open_environment(argv[1]);
    characters = open_existing(env, "characters", "str", "any");
    count = follow(env, characters);
    list_range(characters);
    add_counts(env, characters, count);
    CHECK(pc_env_close(env));
    return 0;
}
