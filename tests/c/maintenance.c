/* Copies of environments, checks of them, figures, and readers. */
#include "check.h"

#include <signal.h>
#include <stddef.h>
#include <sys/wait.h>

static void copies_hold_what_was_committed(void) {
    pc_env env = open_env(), copy = {0};
    pc_dict dict = open_dict(env, "dict", "str", "str");
    pc_txn txn = {0};
    static const uint32_t flags[] = {0, PC_COPY_COMPACT};
    OK(put(dict, "a", "1"));
    for (size_t i = 0; i < 2; i++) {
        char path[512];
        snprintf(path, sizeof path, "%s/copy%zu", check_dir, i);
        OK(pc_env_copy(env, path, flags[i]));
        GIVES(PC_EXISTS, pc_env_copy(env, path, flags[i]));
        OK(pc_env_open(path, NULL, &copy));
        CHECK(holds(open_dict(copy, "dict", "str", "str"), "a", "1"));
        OK(pc_env_close(copy));
    }
    GIVES(PC_EXISTS, pc_env_copy(env, in_dir("env"), 0));
    OK(pc_txn_begin(env, PC_TXN_WRITE, -1, &txn));
    FAILS(PC_ERR_IN_TRANSACTION, "write transaction", pc_env_copy(env, in_dir("new"), 0));
    OK(pc_txn_abort(txn));
    FAILS(PC_ERR_INVALID_ARGUMENT, "unknown flags", pc_env_copy(env, in_dir("new"), 2));
    FAILS(PC_ERR_INVALID_ARGUMENT, "path", pc_env_copy(env, NULL, 0));
    FAILS(PC_ERR_INVALID_ARGUMENT, "path", pc_env_copy(env, "", 0));
    FAILS(PC_ERR_UNSUPPORTED, "fdb", pc_env_copy(env, "fdb://x", 0));
    FAILS(PC_ERR_NO_ENVIRONMENT, "parent", pc_env_copy(env, in_dir("missing/new"), 0));
    CHECK(access(in_dir("new"), F_OK) != 0);
    OK(pc_env_close(env));
    GIVES(PC_ERR_BAD_HANDLE, pc_env_copy(env, in_dir("new"), 0));
}

/* Changes the root of the unnamed database, in both header pages, to a page that does not exist. */
static void damage(const char *data_file) {
    FILE *file = fopen(data_file, "r+b");
    const uint64_t nowhere = UINT64_C(1) << 60;
    CHECK(file != NULL);
    for (long page = 0; page < 2; page++) {
        /* Page header, magic, version, address, map size, the free list's record, and the fields before the
         * root. */
        long at = page * sysconf(_SC_PAGESIZE) + 16 + 24 + 48 + 40;
        CHECK(fseek(file, at, SEEK_SET) == 0 && fwrite(&nowhere, sizeof nowhere, 1, file) == 1);
    }
    CHECK(fclose(file) == 0);
}

static void a_damaged_file_is_found(void) {
    pc_env env = open_env();
    pc_dict dict = open_dict(env, "dict", "str", "str");
    pc_env_options options;
    pc_buffer report = {0};
    OK(put(dict, "a", "1"));
    OK(pc_env_check(env, NULL));
    OK(pc_env_check(env, &report));
    CHECK(report.len > 6 && memcmp(report.data, "pages\t", 6) == 0);
    CHECK(report.len > 15 &&
          memcmp((const char *)report.data + report.len - 15, "\ncollections\t1\n", 15) == 0);
    OK(pc_env_close(env));
    OK(pc_env_options_init(&options, sizeof options));
    options.flags = PC_ENV_VERIFY;
    OK(pc_env_open(in_dir("env"), &options, &env));
    OK(pc_env_close(env));
    GIVES(PC_ERR_BAD_HANDLE, pc_env_check(env, NULL));
    env = open_env();
    damage(in_dir("env/data.mdb"));
    FAILS(PC_ERR_CORRUPTED, "page ", pc_env_check(env, &report));
    OK(pc_env_close(env));
    FAILS(PC_ERR_CORRUPTED, "page ", pc_env_open(in_dir("env"), &options, &env));
    pc_buffer_free(&report);
}

/* Counts the lines that begin with a process's id and have this third column; NULL matches anything. */
static unsigned lines_of(const pc_buffer *list, long pid, const char *txn) {
    unsigned count = 0;
    char *text = malloc(list->len + 1), *line, *rest = text;
    memcpy(text, list->data, list->len);
    text[list->len] = '\0';
    while ((line = strtok_r(rest, "\n", &rest))) {
        long process;
        unsigned long long thread, behind;
        char seen[32];
        CHECK(sscanf(line, "%ld\t%llu\t%31[^\t]\t%llu", &process, &thread, seen, &behind) == 4);
        count += process == pid && (!txn || strcmp(seen, txn) == 0);
    }
    free(text);
    return count;
}

static void readers_are_listed_and_those_of_dead_processes_reaped(void) {
    int ready[2];
    char byte;
    pid_t child;
    pc_env env;
    pc_txn txn = {0};
    pc_buffer list = {0};
    pc_env_stat stat = {0};
    char last[32];
    uint32_t reaped = 7;
    unsigned slots;
    CHECK(pipe(ready) == 0);
    child = fork();
    if (child == 0) {
        env = open_env();
        OK(pc_txn_begin(env, PC_TXN_READ, -1, &txn));
        if (check_bad || write(ready[1], "x", 1) != 1)
            _exit(1);
        pause();
        _exit(2);
    }
    CHECK(child > 0 && read(ready[0], &byte, 1) == 1);
    env = open_env();
    stat.struct_size = sizeof stat;
    OK(pc_env_info(env, &stat));
    snprintf(last, sizeof last, "%" PRIu64, stat.oldest_reader_txn);
    OK(pc_env_readers(env, &list));
    CHECK(lines_of(&list, child, last) == 1);
    slots = lines_of(&list, child, NULL);
    OK(pc_env_reap_readers(env, &reaped));
    CHECK(reaped == 0);
    kill(child, SIGKILL);
    CHECK(waitpid(child, NULL, 0) == child);
    OK(pc_env_reap_readers(env, &reaped));
    CHECK(reaped == slots);
    OK(pc_env_reap_readers(env, NULL));
    OK(pc_env_readers(env, &list));
    CHECK(lines_of(&list, child, NULL) == 0);
    FAILS(PC_ERR_INVALID_ARGUMENT, "out", pc_env_readers(env, NULL));
    OK(pc_env_close(env));
    GIVES(PC_ERR_BAD_HANDLE, pc_env_reap_readers(env, &reaped));
    GIVES(PC_ERR_BAD_HANDLE, pc_env_readers(env, &list));
    pc_buffer_free(&list);
    close(ready[0]), close(ready[1]);
}

static void info_shows_why_a_file_grows(void) {
    pc_env env = open_env();
    pc_dict dict = open_dict(env, "dict", "str", "str");
    pc_iter iter = {0};
    pc_env_stat stat;
    char value[2000];
    memset(value, 'x', sizeof value);
    OK(put(dict, "a", "1"));
    OK(pc_iter_open_dict(dict, NULL, &iter));
    for (int i = 0; i < 50; i++)
        OK(pc_dict_put(dict, "a", 1, value, sizeof value));
    memset(&stat, 0xff, sizeof stat);
    stat.struct_size = sizeof stat;
    OK(pc_env_info(env, &stat));
    CHECK(stat.struct_size == sizeof stat);
    CHECK(stat.pages_held >= 50 && stat.pages_held <= stat.pages_free);
    CHECK(stat.last_txn - stat.oldest_reader_txn == 50);
    CHECK((stat.pages_used + stat.pages_free) * stat.page_size <= stat.map_size);
    CHECK(stat.data_format == 1 && stat.lock_format == 2 && stat.durability == PC_DURABILITY_NONE);
    OK(pc_iter_close(iter));
    /* A program that was compiled with an earlier header has no such fields. */
    memset(&stat, 0xff, sizeof stat);
    stat.struct_size = offsetof(pc_env_stat, pages_held);
    OK(pc_env_info(env, &stat));
    CHECK(stat.oldest_reader_txn == stat.last_txn);
    CHECK(stat.pages_held == UINT64_MAX && stat.data_format == UINT32_MAX);
    stat.struct_size = sizeof stat;
    OK(pc_env_info(env, &stat));
    CHECK(stat.pages_held == 0);
    OK(pc_env_close(env));
}

int main(void) {
    /* First, since it forks: only the child opens the environment. */
    RUN(readers_are_listed_and_those_of_dead_processes_reaped);
    RUN(copies_hold_what_was_committed);
    RUN(a_damaged_file_is_found);
    RUN(info_shows_why_a_file_grows);
    return check_end();
}
