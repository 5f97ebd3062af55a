/* Environments whose files are removed, linked or opened by a second copy of the library; waits that a signal
 * handler ends; openings of another opening's files. */
#define _GNU_SOURCE
#include "check.h"

#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>

static pc_env open_durable(const char *path) {
    pc_env env = {0};
    OK(pc_env_open(path, NULL, &env));
    return env;
}

/* A directory was removed while a program had it open: its writes were acknowledged, and were
 * lost. */
static void a_removed_environment_refuses_writes(void) {
    pc_env env = open_durable(in_dir("env"));
    pc_dict dict = open_dict(env, "d", "str", "str");
    OK(put(dict, "a", "1"));
    CHECK(remove(in_dir("env/data.mdb")) == 0);
    FAILS(PC_ERR_REPLACED, "data.mdb was removed", put(dict, "a", "2"));
    FAILS(PC_ERR_REPLACED, "open it again", pc_dict_contains(dict, S("a")));
    OK(pc_env_close(env));
}

static void opens_by_the_other_link(void) {
    pc_env env = {0};
    FAILS(PC_ERR_LOCK_FILES, "env/data.mdb", pc_env_open(in_dir("link"), NULL, &env));
    CHECK(env.id == 0);
}

/* Two hard links to one data file have two sets of lock files: two writers ran at once, and writes were lost.
 */
static void a_data_file_has_one_set_of_lock_files(void) {
    pc_env env = open_durable(in_dir("env"));
    CHECK(mkdir(in_dir("link"), 0700) == 0);
    CHECK(link(in_dir("env/data.mdb"), in_dir("link/data.mdb")) == 0);
    in_child(opens_by_the_other_link);
    OK(pc_env_close(env));
}

typedef pc_status (*opening)(const char *, const pc_env_options *, pc_env *);
typedef const char *(*message)(void);
typedef pc_status (*closing)(pc_env);

/* A package contained its own copy of the library. When that copy closed an environment, the
 * snapshots of the other copy lost their slots: 500 of 500 values were read wrong. */
static void a_second_copy_of_the_library_is_refused(void) {
    Dl_info here;
    char command[1024];
    pc_env env, other = {0};
    void *copy;
    opening open_copy;
    message message_of_copy;
    closing close_copy;
    CHECK(dladdr((void *)(size_t)pc_env_open, &here) != 0);
    snprintf(command, sizeof command, "cp '%s' '%s'", here.dli_fname, in_dir("copy.so"));
    CHECK(system(command) == 0);
    copy = dlopen(in_dir("copy.so"), RTLD_NOW | RTLD_LOCAL);
    CHECK(copy != NULL);
    if (!copy)
        return;
    *(void **)&open_copy = dlsym(copy, "pc_env_open");
    *(void **)&message_of_copy = dlsym(copy, "pc_last_error");
    *(void **)&close_copy = dlsym(copy, "pc_env_close");
    CHECK(open_copy && open_copy != pc_env_open && message_of_copy && close_copy);
    env = open_durable(in_dir("env"));
    GIVES(PC_ERR_SECOND_COPY, open_copy(in_dir("env"), NULL, &other));
    CHECK(strstr(message_of_copy(), "another copy of this library") != NULL);
    OK(put(open_dict(env, "d", "str", "str"), "a", "1"));
    OK(pc_env_close(env));
    /* One after the other, both can have it open. */
    OK(open_copy(in_dir("env"), NULL, &other));
    FAILS(PC_ERR_SECOND_COPY, "another copy of this library", pc_env_open(in_dir("env"), NULL, &env));
    OK(close_copy(other));
    env = open_durable(in_dir("env"));
    OK(pc_env_close(env));
}

/* After a symbolic link was changed, the path led to other files. */
static void another_opening_is_made_from_the_first(void) {
    pc_env env, again = {0};
    pc_dict dict;
    OK(pc_env_close(open_durable(in_dir("env"))));
    CHECK(symlink("env", in_dir("current")) == 0);
    env = open_durable(in_dir("current"));
    dict = open_dict(env, "d", "str", "str");
    OK(put(dict, "a", "1"));
    CHECK(remove(in_dir("current")) == 0 && symlink("other", in_dir("current")) == 0);
    CHECK(rename(in_dir("env"), in_dir("moved")) == 0);
    OK(pc_env_reopen(env, &again));
    CHECK(again.id != env.id);
    CHECK(holds(open_dict(again, "d", "str", "str"), "a", "1"));
    /* Each opening is closed separately. */
    OK(pc_env_close(env));
    GIVES(PC_ERR_BAD_HANDLE, pc_dict_contains(dict, S("a")));
    OK(put(open_dict(again, "d", "str", "str"), "b", "2"));
    OK(pc_env_close(again));
    GIVES(PC_ERR_BAD_HANDLE, pc_env_reopen(again, &env));
    GIVES(PC_ERR_INVALID_ARGUMENT, pc_env_reopen(again, NULL));
    CHECK(access(in_dir("env"), F_OK) != 0);
}

static pc_env of_parent;

static void opens_what_the_parent_has_open(void) {
    pc_env own = {0};
    GIVES(PC_ERR_FORKED, pc_flush(of_parent));
    OK(pc_env_reopen(of_parent, &own));
    CHECK(holds(open_dict(own, "d", "str", "str"), "a", "1"));
    OK(put(open_dict(own, "d", "str", "str"), "a", "child"));
    OK(pc_env_close(own));
}

static void a_child_opens_what_its_parent_has_open(void) {
    pc_dict dict;
    of_parent = open_durable(in_dir("env"));
    dict = open_dict(of_parent, "d", "str", "str");
    OK(put(dict, "a", "1"));
    CHECK(rename(in_dir("env"), in_dir("moved")) == 0);
    in_child(opens_what_the_parent_has_open);
    CHECK(holds(dict, "a", "child"));
    OK(pc_env_close(of_parent));
}

static atomic_int alarmed;

static void on_alarm(int number) { alarmed = number; }

static int32_t is_alarmed(void *asked) {
    ++*(int *)asked;
    return alarmed != 0;
}

static void *writes_in_vain(void *dict) {
    int asked = 0;
    OK(pc_set_interrupt(is_alarmed, &asked));
    FAILS(PC_ERR_INTERRUPTED, "nothing was written", put(*(pc_dict *)dict, "a", "2"));
    CHECK(asked > 0);
    OK(pc_set_interrupt(NULL, NULL));
    return NULL;
}

/* A signal had no effect until the lock was granted, when the other writer had ended. */
static void a_signal_ends_a_wait_for_the_write_lock(void) {
    pc_env env = open_durable(in_dir("env"));
    pc_dict dict = open_dict(env, "d", "str", "str");
    pc_txn txn = {0};
    pthread_t waiting;
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = on_alarm;
    CHECK(sigaction(SIGALRM, &action, NULL) == 0);
    OK(put(dict, "a", "1"));
    OK(pc_txn_begin(env, PC_TXN_WRITE, -1, &txn));
    alarm(1);
    CHECK(pthread_create(&waiting, NULL, writes_in_vain, &dict) == 0);
    CHECK(pthread_join(waiting, NULL) == 0);
    OK(pc_txn_abort(txn));
    CHECK(holds(dict, "a", "1"));
    OK(pc_env_close(env));
}

int main(void) {
    RUN(a_removed_environment_refuses_writes);
    RUN(a_data_file_has_one_set_of_lock_files);
    RUN(a_second_copy_of_the_library_is_refused);
    RUN(another_opening_is_made_from_the_first);
    RUN(a_child_opens_what_its_parent_has_open);
    RUN(a_signal_ends_a_wait_for_the_write_lock);
    return check_end();
}
