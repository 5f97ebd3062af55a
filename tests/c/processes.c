/* Two processes with one environment: what one writes the other reads, and each waits for the other's write
 * lock. */
#include "check.h"

#include <pthread.h>
#include <sys/select.h>

/* Bytes that the processes send each other to take turns; 0 is read by the parent, 1 by the child. */
static int turns[2][2];

static void begin_turns(void) { CHECK(pipe(turns[0]) == 0 && pipe(turns[1]) == 0); }

static void end_turns(void) {
    for (int i = 0; i < 4; i++)
        close(turns[i / 2][i % 2]);
}

static void give_turn(int to) { CHECK(write(turns[to][1], "x", 1) == 1); }

/* Waits for the other process, but not for ever, in case it has died. */
static void take_turn(int of) {
    char got = 0;
    fd_set wanted;
    struct timeval patience = {60, 0};
    FD_ZERO(&wanted);
    FD_SET(turns[of][0], &wanted);
    CHECK(select(turns[of][0] + 1, &wanted, NULL, NULL, &patience) == 1 && read(turns[of][0], &got, 1) == 1);
}

static void writes_and_holds_the_lock(void) {
    pc_env env = open_env();
    pc_dict dict = open_dict(env, "d", "str", "str");
    pc_txn txn = {0};
    OK(put(dict, "a", "1"));
    OK(pc_txn_begin(env, PC_TXN_WRITE, 0, &txn));
    OK(put(dict, "a", "2"));
    give_turn(0);
    take_turn(1);
    OK(pc_txn_commit(txn));
    give_turn(0);
    take_turn(1);
    CHECK(holds(dict, "b", "parent"));
    OK(pc_env_close(env));
}

static void a_write_lock_is_waited_for_between_processes(void) {
    int verdict[2];
    char holder[32];
    pc_env env;
    pc_dict dict = {0};
    pc_txn txn = {0};
    pid_t child;
    begin_turns();
    child = start_child(writes_and_holds_the_lock, verdict);
    snprintf(holder, sizeof holder, "%ld", (long)child);
    take_turn(0);
    env = open_env();
    /* The error names the holder. */
    FAILS(PC_ERR_BUSY, holder, pc_txn_begin(env, PC_TXN_WRITE, 0, &txn));
    FAILS(PC_ERR_BUSY, holder, pc_txn_begin(env, PC_TXN_WRITE, 10, &txn));
    CHECK(txn.id == 0);
    give_turn(1);
    take_turn(0);
    OK(pc_dict_open(env, "d", NULL, NULL, PC_OPEN_EXISTING, &dict));
    CHECK(holds(dict, "a", "2"));
    OK(put(dict, "b", "parent"));
    give_turn(1);
    end_child(child, verdict);
    end_turns();
    OK(pc_env_close(env));
}

static void writes_while_another_reads(void) {
    pc_env env = open_env();
    pc_dict dict = open_dict(env, "d", "str", "str");
    pc_txn txn = {0};
    OK(put(dict, "a", "1"));
    give_turn(0);
    take_turn(1);
    OK(pc_txn_begin(env, PC_TXN_WRITE, -1, &txn));
    OK(put(dict, "a", "2"));
    give_turn(0);
    take_turn(1);
    OK(pc_txn_commit(txn));
    OK(put(dict, "a", "3"));
    give_turn(0);
    take_turn(1);
    OK(pc_collection_drop(env, "d"));
    dict = open_dict(env, "d", "i64", "i64");
    give_turn(0);
    OK(pc_env_close(env));
}

/* A program that follows another's dict opens it, and then reads it in snapshots, whatever the writer does
 * meanwhile: the snapshot begins while the writer holds the lock, and the dict is first used after the writer
 * has committed. */
static void a_dict_that_was_opened_can_be_read_in_a_snapshot(void) {
    int verdict[2];
    pc_env env;
    pc_dict dict = {0};
    pc_txn snapshot = {0};
    pid_t child;
    begin_turns();
    child = start_child(writes_while_another_reads, verdict);
    take_turn(0);
    env = open_env();
    OK(pc_dict_open(env, "d", NULL, NULL, PC_OPEN_EXISTING, &dict));
    give_turn(1);
    take_turn(0);
    OK(pc_txn_begin(env, PC_TXN_READ, 0, &snapshot));
    give_turn(1);
    take_turn(0);
    CHECK(holds(dict, "a", "1"));
    OK(pc_txn_commit(snapshot));
    CHECK(holds(dict, "a", "3"));
    /* The other process drops and recreates the dict: the old handle does not read the new one's entries. */
    give_turn(1);
    take_turn(0);
    FAILS(PC_ERR_TYPE_MISMATCH, "open it again", pc_dict_contains(dict, S("a")));
    end_child(child, verdict);
    end_turns();
    OK(pc_env_close(env));
}

static void makes_a_dict(void) {
    pc_env env = open_env();
    OK(put(open_dict(env, "made", "str", "str"), "a", "child"));
    OK(pc_env_close(env));
}

static void *holds_the_lock_for_a_turn(void *env) {
    pc_txn txn = {0};
    OK(pc_txn_begin(*(pc_env *)env, PC_TXN_WRITE, -1, &txn));
    give_turn(0);
    take_turn(1);
    OK(pc_txn_commit(txn));
    return NULL;
}

/* A read that needs the write lock of a thread that writes: it waits, unless its thread's reads must not. */
static void a_read_that_would_wait_for_the_write_lock_can_fail_instead(void) {
    pc_env env = {0};
    pc_txn txn = {0};
    pc_dict dict;
    pthread_t writer;
    OK(pc_env_open(in_dir("env"), NULL, &env));
    /* As many as are opened before a transaction. */
    OK(pc_txn_begin(env, PC_TXN_WRITE, 0, &txn));
    for (int n = 0; n < 64; n++) {
        char name[8];
        snprintf(name, sizeof name, "a%d", n);
        open_dict(env, name, "str", "str");
    }
    OK(pc_txn_commit(txn));
    begin_turns();
    OK(pc_txn_begin(env, PC_TXN_WRITE, -1, &txn));
    dict = open_dict(env, "made", "str", "str");
    OK(pc_txn_abort(txn));
    in_child(makes_a_dict);
    CHECK(pthread_create(&writer, NULL, holds_the_lock_for_a_turn, &env) == 0);
    take_turn(0);
    CHECK(pc_set_reads_wait(false));
#ifdef __linux__
    /* It needs nothing there that only a writer can open. */
    OK(pc_dict_contains(dict, S("a")));
#else
    GIVES(PC_ERR_BUSY, pc_dict_contains(dict, S("a")));
#endif
    CHECK(!pc_set_reads_wait(true));
    give_turn(1);
    CHECK(holds(dict, "a", "child"));
    CHECK(pthread_join(writer, NULL) == 0);
    end_turns();
    OK(pc_env_close(env));
}

int main(void) {
    RUN(a_read_that_would_wait_for_the_write_lock_can_fail_instead);
    RUN(a_write_lock_is_waited_for_between_processes);
    RUN(a_dict_that_was_opened_can_be_read_in_a_snapshot);
    return check_end();
}
