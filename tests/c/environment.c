/* Environments: opening and its refusals, options, information, collections by name. */
#include "check.h"

#include <pthread.h>

static void versions_are_those_of_the_header(void) {
    char whole[32];
    snprintf(whole, sizeof whole, "%d.%d.%d", PC_VERSION_MAJOR, PC_VERSION_MINOR, PC_VERSION_PATCH);
    CHECK(strcmp(pc_version(), PC_VERSION) == 0);
    CHECK(strcmp(pc_version(), whole) == 0);
    CHECK(pc_abi_version() == PC_ABI_VERSION);
    CHECK(strstr(pc_lmdb_version(), "LMDB 0.9") != NULL);
}

static void statuses_have_texts(void) {
    CHECK(strcmp(pc_strerror(PC_OK), "ok") == 0);
    CHECK(strcmp(pc_strerror(PC_ERR_BUSY), "write lock is taken") == 0);
    CHECK(strcmp(pc_strerror(-12345), "unknown status") == 0);
    CHECK(strcmp(pc_strerror(12345), "unknown status") == 0);
}

static void an_environment_keeps_what_was_written(void) {
    pc_env env = {0}, again = {0};
    pc_dict dict;
    /* All defaults: created, with its directory. */
    OK(pc_env_open(in_dir("env"), NULL, &env));
    dict = open_dict(env, "d", "str", "str");
    OK(put(dict, "a", "1"));
    OK(pc_flush(env));
    OK(pc_env_close(env));
    GIVES(PC_ERR_BAD_HANDLE, pc_env_close(env));
    GIVES(PC_ERR_BAD_HANDLE, pc_flush(env));
    GIVES(PC_ERR_BAD_HANDLE, put(dict, "a", "2"));
    OK(pc_env_open(in_dir("env"), NULL, &again));
    CHECK(again.id != env.id);
    CHECK(holds(open_dict(again, "d", "str", "str"), "a", "1"));
    OK(pc_env_close(again));
}

static void *put_later(void *dict) {
    OK(put(*(pc_dict *)dict, "a", "2"));
    return NULL;
}

static void a_wait_ends_with_the_next_commit(void) {
    pc_env env = open_env();
    pc_dict dict = open_dict(env, "d", "str", "str");
    pc_txn txn = {0};
    pthread_t writer;
    uint64_t seen = 0, newest;
    OK(pc_env_wait(env, &seen, 0));
    newest = seen;
    GIVES(PC_TIMEOUT, pc_env_wait(env, &newest, 1));
    CHECK(newest == seen);
    /* A commit before the wait is not missed. */
    OK(put(dict, "a", "1"));
    OK(pc_env_wait(env, &newest, -1));
    CHECK(newest == seen + 1);
    CHECK(pthread_create(&writer, NULL, put_later, &dict) == 0);
    OK(pc_env_wait(env, &newest, -1));
    CHECK(newest == seen + 2);
    CHECK(pthread_join(writer, NULL) == 0);
    OK(pc_txn_begin(env, PC_TXN_READ, 0, &txn));
    GIVES(PC_ERR_IN_TRANSACTION, pc_env_wait(env, &newest, -1));
    OK(pc_txn_abort(txn));
    GIVES(PC_ERR_INVALID_ARGUMENT, pc_env_wait(env, NULL, 0));
    GIVES(PC_ERR_INVALID_ARGUMENT, pc_env_wait(env, &newest, -2));
    OK(pc_env_close(env));
    GIVES(PC_ERR_BAD_HANDLE, pc_env_wait(env, &newest, -1));
}

static void traits_are_those_of_lmdb(void) {
    pc_env env = open_env();
    uint32_t traits = 0;
    OK(pc_env_traits(env, &traits));
    CHECK(traits == (PC_TRAIT_LENDS | PC_TRAIT_RAW | PC_TRAIT_COPY | PC_TRAIT_CHECK | PC_TRAIT_LEN_IS_CHEAP));
    CHECK((traits & (PC_TRAIT_REMOTE | PC_TRAIT_CONFLICTS)) == 0);
    GIVES(PC_ERR_INVALID_ARGUMENT, pc_env_traits(env, NULL));
    OK(pc_env_close(env));
    GIVES(PC_ERR_BAD_HANDLE, pc_env_traits(env, &traits));
}

static void the_same_environment_opened_twice_is_one(void) {
    pc_env first = open_env(), second = {0}, other = {0};
    pc_env_options options;
    pc_txn txn = {0}, current = {0};
    pc_dict dict;
    OK(pc_env_options_init(&options, sizeof options));
    options.durability = PC_DURABILITY_NONE;
    CHECK(symlink("env", in_dir("link")) == 0);
    OK(pc_env_open(in_dir("link"), &options, &second));
    CHECK(first.id != second.id);
    options.max_readers = 5000;
    FAILS(PC_ERR_OPTIONS_DIFFER, "max_readers", pc_env_open(in_dir("env"), &options, &other));
    CHECK(other.id == 0);
    /* One stack of transactions. */
    OK(pc_txn_begin(first, PC_TXN_WRITE, 0, &txn));
    OK(pc_txn_current(second, &current));
    CHECK(current.id == txn.id);
    dict = open_dict(second, "d", "str", "str");
    OK(put(dict, "a", "1"));
    OK(pc_txn_commit(txn));
    OK(pc_env_close(first));
    CHECK(holds(dict, "a", "1"));
    OK(pc_env_close(second));
    GIVES(PC_ERR_BAD_HANDLE, put(dict, "a", "2"));
}

static void options_are_checked(void) {
    pc_env_options options;
    pc_env env = {0};
    const char *path = in_dir("env");
    FAILS(PC_ERR_INVALID_ARGUMENT, "options is NULL", pc_env_options_init(NULL, sizeof options));
    FAILS(PC_ERR_INVALID_ARGUMENT, "struct_size", pc_env_options_init(&options, 0));
    memset(&options, 0xff, sizeof options);
    OK(pc_env_options_init(&options, sizeof options));
    CHECK(options.struct_size == sizeof options && options.map_size == 0 && options.reserved == 0);
    options.flags = 0x8000;
    FAILS(PC_ERR_INVALID_ARGUMENT, "0x8000", pc_env_open(path, &options, &env));
    options.flags = 0, options.durability = 9;
    FAILS(PC_ERR_INVALID_ARGUMENT, "durability", pc_env_open(path, &options, &env));
    options.durability = 0, options.flush_interval_ms = -5;
    FAILS(PC_ERR_INVALID_ARGUMENT, "flush_interval_ms", pc_env_open(path, &options, &env));
    options.flush_interval_ms = 0, options.write_timeout_ms = -2;
    FAILS(PC_ERR_INVALID_ARGUMENT, "write_timeout_ms", pc_env_open(path, &options, &env));
    options.write_timeout_ms = 0, options.reserved = 1;
    FAILS(PC_ERR_INVALID_ARGUMENT, "reserved", pc_env_open(path, &options, &env));
    options.reserved = 0, options.mode = 0x10000;
    FAILS(PC_ERR_INVALID_ARGUMENT, "mode", pc_env_open(path, &options, &env));
    options.mode = 0, options.struct_size = 3;
    FAILS(PC_ERR_INVALID_ARGUMENT, "sizeof(pc_env_options)", pc_env_open(path, &options, &env));
    CHECK(env.id == 0 && access(path, F_OK) != 0);
    /* The struct of an older program, which is shorter, and of a newer one, whose new fields are zero. */
    options.struct_size = offsetof(pc_env_options, mode);
    OK(pc_env_open(path, &options, &env));
    OK(pc_env_close(env));
    struct {
        pc_env_options options;
        uint64_t more[3];
    } newer;
    memset(&newer, 0, sizeof newer);
    newer.options.struct_size = sizeof newer;
    OK(pc_env_open(path, &newer.options, &env));
    OK(pc_env_close(env));
    newer.more[2] = 1;
    FAILS(PC_ERR_INVALID_ARGUMENT, "does not know", pc_env_open(path, &newer.options, &env));
}

static void every_option_has_an_effect(void) {
    pc_env_options options;
    pc_env_stat stat;
    pc_env env = {0};
    struct stat file;
    OK(pc_env_options_init(&options, sizeof options));
    options.map_size = 64 << 20;
    options.mode = 0600;
    options.max_collections = 5;
    options.max_readers = 9;
    options.durability = PC_DURABILITY_NO_META_SYNC;
    options.write_timeout_ms = -1;
    options.flags = PC_ENV_NO_SUBDIR;
    OK(pc_env_open(in_dir("file"), &options, &env));
    CHECK(lstat(in_dir("file"), &file) == 0 && S_ISREG(file.st_mode) && (file.st_mode & 0777) == 0600);
    stat.struct_size = sizeof stat;
    OK(pc_env_info(env, &stat));
    CHECK(stat.struct_size == sizeof stat);
    CHECK(stat.map_size >= 64 << 20);
    CHECK(stat.max_collections == 5 && stat.max_readers == 9);
    CHECK(stat.durability == PC_DURABILITY_NO_META_SYNC && stat.flags == PC_ENV_NO_SUBDIR);
    OK(pc_env_close(env));
}

static void info_describes_the_environment(void) {
    pc_env env = open_env();
    pc_env_stat stat;
    struct {
        size_t struct_size;
        uint64_t map_size;
        uint64_t canary;
    } shorter = {sizeof(size_t) + 8, 0, 77};
    struct {
        pc_env_stat stat;
        uint64_t more;
    } longer;
    uint64_t before;
    pc_txn txn;
    FAILS(PC_ERR_INVALID_ARGUMENT, "out is NULL", pc_env_info(env, NULL));
    stat.struct_size = 0;
    FAILS(PC_ERR_INVALID_ARGUMENT, "struct_size", pc_env_info(env, &stat));
    stat.struct_size = sizeof stat;
    OK(pc_env_info(env, &stat));
    CHECK(stat.page_size >= 4096 && stat.file_size >= 2 * stat.page_size &&
          stat.file_size % stat.page_size == 0);
    CHECK(stat.collections == 0 && stat.flags == 0 && stat.durability == PC_DURABILITY_NONE);
    CHECK(stat.max_readers == 1024 && stat.max_collections == 1024);
    before = stat.last_txn;
    OK(put(open_dict(env, "d", "str", "str"), "a", "1"));
    OK(pc_env_info(env, &stat));
    CHECK(stat.last_txn > before && stat.collections == 1 && stat.pages_used > 0);
    CHECK(stat.oldest_reader_txn == stat.last_txn);
    OK(pc_txn_begin(env, PC_TXN_READ, 0, &txn));
    OK(pc_env_info(env, &stat));
    CHECK(stat.readers >= 1);
    OK(pc_txn_abort(txn));
    OK(pc_env_info(env, (pc_env_stat *)(void *)&shorter));
    CHECK(shorter.struct_size == sizeof(size_t) + 8 && shorter.map_size == stat.map_size &&
          shorter.canary == 77);
    memset(&longer, 0, sizeof longer);
    longer.stat.struct_size = sizeof longer, longer.more = 77;
    OK(pc_env_info(env, &longer.stat));
    CHECK(longer.stat.struct_size == sizeof stat && longer.more == 77);
    OK(pc_env_close(env));
}

static void collections_are_listed_and_dropped(void) {
    pc_env env = open_env();
    pc_buffer buffer = {0};
    pc_dict dict;
    int32_t kind = 0;
    OK(pc_env_path(env, &buffer));
    CHECK(buffer_is(&buffer, in_dir("env")));
    FAILS(PC_ERR_INVALID_ARGUMENT, "out", pc_env_path(env, NULL));
    OK(pc_env_list(env, &buffer));
    CHECK(buffer.len == 0);
    dict = open_dict(env, "b\tc\n\\", "str", "f32[3]");
    open_set(env, "a", "(str,i64)");
    OK(pc_dict_put(dict, S("k"), "123456789012", 12));
    OK(pc_env_list(env, &buffer));
    CHECK(buffer_is(&buffer, "a\tset\t(str,i64)\tunit\t0\nb\\tc\\n\\\\\tdict\tstr\tf32[3]\t1\n"));
    OK(pc_collection_schema(env, "b\tc\n\\", &kind, &buffer));
    CHECK(kind == PC_KIND_DICT && buffer.len == 11 && memcmp(buffer.data, "str\0f32[3]", 11) == 0);
    OK(pc_collection_schema(env, "a", &kind, &buffer));
    CHECK(kind == PC_KIND_SET && memcmp(buffer.data, "(str,i64)\0unit", 15) == 0);
    kind = 99;
    GIVES(PC_NOT_FOUND, pc_collection_schema(env, "none", &kind, &buffer));
    CHECK(kind == 99);
    GIVES(PC_NOT_FOUND, pc_collection_drop(env, "none"));
    OK(pc_collection_drop(env, "b\tc\n\\"));
    GIVES(PC_NOT_FOUND, pc_collection_drop(env, "b\tc\n\\"));
    FAILS(PC_ERR_NO_COLLECTION, "open it again", put(dict, "k", "123456789012"));
    OK(pc_env_list(env, &buffer));
    CHECK(buffer_is(&buffer, "a\tset\t(str,i64)\tunit\t0\n"));
    FAILS(PC_ERR_INVALID_ARGUMENT, "kind", pc_collection_schema(env, "a", NULL, &buffer));
    FAILS(PC_ERR_INVALID_ARGUMENT, "types", pc_collection_schema(env, "a", &kind, NULL));
    FAILS(PC_ERR_INVALID_ARGUMENT, "name", pc_collection_schema(env, NULL, &kind, &buffer));
    FAILS(PC_ERR_INVALID_ARGUMENT, "name", pc_collection_drop(env, NULL));
    FAILS(PC_ERR_INVALID_ARGUMENT, "out", pc_env_list(env, NULL));
    pc_buffer_free(&buffer);
    pc_buffer_free(NULL);
    OK(pc_env_close(env));
}

static void paths_that_cannot_be_opened(void) {
    pc_env_options options;
    pc_env env = {0};
    OK(pc_env_options_init(&options, sizeof options));
    FAILS(PC_ERR_INVALID_ARGUMENT, "path is NULL", pc_env_open(NULL, NULL, &env));
    FAILS(PC_ERR_INVALID_ARGUMENT, "path is empty", pc_env_open("", NULL, &env));
    FAILS(PC_ERR_INVALID_ARGUMENT, "UTF-8", pc_env_open("\xff", NULL, &env));
    FAILS(PC_ERR_INVALID_ARGUMENT, "out is NULL", pc_env_open(in_dir("env"), NULL, NULL));
    FAILS(PC_ERR_UNSUPPORTED, "fdb://", pc_env_open("fdb://cluster", NULL, &env));
    FAILS(PC_ERR_NO_ENVIRONMENT, "parent", pc_env_open(in_dir("no/env"), NULL, &env));
    options.flags = PC_ENV_NO_CREATE;
    GIVES(PC_ERR_NO_ENVIRONMENT, pc_env_open(in_dir("env"), &options, &env));
    options.flags = PC_ENV_READ_ONLY;
    GIVES(PC_ERR_NO_ENVIRONMENT, pc_env_open(in_dir("env"), &options, &env));
    options.flags = PC_ENV_NO_SUBDIR;
    GIVES(PC_ERR_INVALID_ARGUMENT, pc_env_open(check_dir, &options, &env));
    CHECK(env.id == 0 && access(in_dir("env"), F_OK) != 0);
}

/* Writes a file in the test's directory. */
static void make_file(const char *name, const void *content, size_t size, long truncated) {
    FILE *file = fopen(in_dir(name), "wb");
    CHECK(file && fwrite(content, 1, size, file) == size && fclose(file) == 0);
    if (truncated >= 0)
        CHECK(truncate(in_dir(name), truncated) == 0);
}

static void files_that_are_not_data_files(void) {
    pc_env_options options;
    pc_env env = open_env();
    static unsigned char pages[3 * 65536];
    size_t size;
    uint32_t two = 2, other_size = 1 << 20;
    FILE *file;
    OK(put(open_dict(env, "d", "str", "str"), "a", "1"));
    OK(pc_env_close(env));
    file = fopen(in_dir("env/data.mdb"), "rb");
    CHECK(file != NULL);
    size = fread(pages, 1, sizeof pages, file);
    fclose(file);
    OK(pc_env_options_init(&options, sizeof options));
    options.flags = PC_ENV_NO_SUBDIR;
    env.id = 0;
    make_file("text", "This is a letter, and not a data file of anything.", 50, -1);
    GIVES(PC_ERR_NOT_A_DATABASE, pc_env_open(in_dir("text"), &options, &env));
    GIVES(PC_ERR_NOT_A_DATABASE, pc_env_open(in_dir("text"), NULL, &env));
    make_file("short", pages, size, 100);
    GIVES(PC_ERR_TRUNCATED, pc_env_open(in_dir("short"), &options, &env));
    /* The format's version is at byte 20 of the file, and the page size at byte 40. */
    memcpy(pages + 20, &two, 4);
    make_file("newer", pages, size, -1);
    FAILS(PC_ERR_FORMAT_VERSION, "mdb_dump", pc_env_open(in_dir("newer"), &options, &env));
    two = 1;
    memcpy(pages + 20, &two, 4);
    memcpy(pages + 40, &other_size, 4);
    make_file("foreign", pages, size, -1);
    FAILS(PC_ERR_PAGE_SIZE, "1048576", pc_env_open(in_dir("foreign"), &options, &env));
    CHECK(env.id == 0);
}

static void opens_what_it_may_not(void) {
    pc_env env = {0};
    /* Permissions do not apply to the superuser. */
    if (geteuid() == 0)
        CHECK(setgid(65534) == 0 && setuid(65534) == 0);
    FAILS(PC_ERR_PERMISSION, "closed", pc_env_open(in_dir("closed/env"), NULL, &env));
    FAILS(PC_ERR_PERMISSION, "closed", pc_env_open(in_dir("closed"), NULL, &env));
    CHECK(env.id == 0);
}

static void a_directory_that_cannot_be_written(void) {
    CHECK(mkdir(in_dir("closed"), 0700) == 0 && chmod(in_dir("closed"), 0555) == 0 &&
          chmod(check_dir, 0755) == 0);
    in_child(opens_what_it_may_not);
    CHECK(rmdir(in_dir("closed")) == 0);
}

static void read_only_environments_refuse_writes(void) {
    uint32_t flags[] = {PC_ENV_READ_ONLY, PC_ENV_IMMUTABLE};
    pc_env env = open_env();
    OK(put(open_dict(env, "d", "str", "str"), "a", "1"));
    OK(pc_env_close(env));
    for (size_t i = 0; i < 2; i++) {
        pc_env_options options;
        pc_dict dict, fresh = {0};
        pc_txn txn = {0};
        pc_env_stat stat = {.struct_size = sizeof stat};
        OK(pc_env_options_init(&options, sizeof options));
        options.flags = flags[i];
        OK(pc_env_open(in_dir("env"), &options, &env));
        OK(pc_env_info(env, &stat));
        CHECK(stat.flags & PC_ENV_READ_ONLY);
        dict = open_dict(env, "d", NULL, NULL);
        CHECK(holds(dict, "a", "1"));
        GIVES(PC_ERR_READ_ONLY, put(dict, "a", "2"));
        GIVES(PC_ERR_READ_ONLY, pc_txn_begin(env, PC_TXN_WRITE, 0, &txn));
        GIVES(PC_ERR_READ_ONLY, pc_collection_drop(env, "d"));
        GIVES(PC_ERR_NO_COLLECTION, pc_dict_open(env, "new", NULL, NULL, 0, &fresh));
        CHECK(holds(dict, "a", "1"));
        OK(pc_env_close(env));
    }
}

static void too_many_collections_and_readers(void) {
    pc_env_options options;
    pc_env env = {0};
    pc_status status = PC_OK;
    pc_iter iters[64];
    pc_dict dict = {0};
    pc_txn txn = {0};
    unsigned count;
    OK(pc_env_options_init(&options, sizeof options));
    options.max_collections = 3;
    options.max_readers = 4;
    options.durability = PC_DURABILITY_NONE;
    OK(pc_env_open(in_dir("env"), &options, &env));
    OK(pc_txn_begin(env, PC_TXN_WRITE, 0, &txn));
    for (count = 0; count < 64 && status == PC_OK; count++) {
        char name[8];
        snprintf(name, sizeof name, "c%u", count);
        status = pc_dict_open(env, name, "str", "str", 0, &dict);
        if (status == PC_OK)
            status = put(dict, "k", "v");
    }
    FAILS(PC_ERR_COLLECTIONS_FULL, "max_collections", status);
    CHECK(count == 4);
    OK(pc_txn_commit(txn));
    /* The number of open collections has no limit. */
    for (unsigned more = 0; more < 300; more++) {
        char name[8];
        snprintf(name, sizeof name, "m%u", more);
        dict = open_dict(env, name, "str", "str");
        OK(put(dict, "k", "v"));
    }
    /* Each iterator outside of transactions has a snapshot, which takes a reader slot. */
    dict = open_dict(env, "c0", NULL, NULL);
    status = PC_OK;
    for (count = 0; count < 64 && status == PC_OK; count++)
        status = pc_iter_open_dict(dict, NULL, &iters[count]);
    FAILS(PC_ERR_READERS_FULL, "max_readers", status);
    CHECK(count <= 5);
    while (--count > 0)
        OK(pc_iter_close(iters[count - 1]));
    CHECK(holds(dict, "k", "v"));
    OK(pc_env_close(env));
}

static struct {
    pc_env env;
    pc_dict dict;
    pc_set set;
    pc_iter iter;
    pc_txn txn;
} inherited;

static void uses_what_it_inherited(void) {
    const void *key;
    size_t len;
    pc_env fresh = {0};
    GIVES(PC_ERR_FORKED, put(inherited.dict, "a", "2"));
    GIVES(PC_ERR_FORKED, pc_set_add(inherited.set, S("a")));
    GIVES(PC_ERR_FORKED, pc_iter_next(inherited.iter, &key, &len, NULL, NULL));
    GIVES(PC_ERR_FORKED, pc_iter_close(inherited.iter));
    GIVES(PC_ERR_FORKED, pc_txn_commit(inherited.txn));
    GIVES(PC_ERR_FORKED, pc_dict_close(inherited.dict));
    FAILS(PC_ERR_FORKED, "child", pc_env_close(inherited.env));
    /* The table itself works in the child. */
    OK(pc_env_open(in_dir("other"), NULL, &fresh));
    CHECK(fresh.id != inherited.env.id);
    OK(put(open_dict(fresh, "d", "str", "str"), "a", "3"));
    OK(pc_env_close(fresh));
    GIVES(PC_ERR_BAD_HANDLE, pc_env_close(fresh));
}

static void inherited_handles_are_refused_after_fork(void) {
    inherited.env = open_env();
    inherited.dict = open_dict(inherited.env, "d", "str", "str");
    inherited.set = open_set(inherited.env, "s", "str");
    OK(put(inherited.dict, "a", "1"));
    OK(pc_iter_open_dict(inherited.dict, NULL, &inherited.iter));
    OK(pc_txn_begin(inherited.env, PC_TXN_READ, 0, &inherited.txn));
    in_child(uses_what_it_inherited);
    /* The child does not affect the parent. */
    OK(pc_txn_commit(inherited.txn));
    CHECK(holds(inherited.dict, "a", "1"));
    OK(put(inherited.dict, "a", "2"));
    OK(pc_iter_close(inherited.iter));
    OK(pc_env_close(inherited.env));
}

int main(void) {
    RUN(versions_are_those_of_the_header);
    RUN(statuses_have_texts);
    RUN(an_environment_keeps_what_was_written);
    RUN(a_wait_ends_with_the_next_commit);
    RUN(traits_are_those_of_lmdb);
    RUN(the_same_environment_opened_twice_is_one);
    RUN(options_are_checked);
    RUN(every_option_has_an_effect);
    RUN(info_describes_the_environment);
    RUN(collections_are_listed_and_dropped);
    RUN(paths_that_cannot_be_opened);
    RUN(files_that_are_not_data_files);
    RUN(a_directory_that_cannot_be_written);
    RUN(read_only_environments_refuse_writes);
    RUN(too_many_collections_and_readers);
    RUN(inherited_handles_are_refused_after_fork);
    return check_end();
}
