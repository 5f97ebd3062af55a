/* What a stranger's program does with the installed library: a dict, a transaction, a thread, a fork. */
#define _XOPEN_SOURCE 700

#include <inttypes.h>
#include <persistent_collections.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static pc_dict ages;

static void check(pc_status status) {
    if (status < 0) {
        fprintf(stderr, "%s: %s\n", pc_strerror(status), pc_last_error());
        exit(1);
    }
}

static void *add(void *unused) {
    check(pc_dict_add_i64(ages, "Ada", 3, 1, NULL));
    return unused;
}

int main(int argc, char **argv) {
    pc_env env;
    pc_txn txn;
    pthread_t thread;
    pid_t child;
    int64_t age = 0;
    int ended = 0;
    if (argc != 2)
        return 2;
    check(pc_env_open(argv[1], NULL, &env));
    check(pc_dict_open(env, "ages", "str", "i64", 0, &ages));
    check(pc_txn_begin(env, PC_TXN_WRITE, -1, &txn));
    check(pc_dict_add_i64(ages, "Ada", 3, 35, NULL));
    check(pc_txn_commit(txn));
    if (pthread_create(&thread, NULL, add, NULL) != 0 || pthread_join(thread, NULL) != 0)
        return 3;
    if ((child = fork()) == 0)
        _exit(pc_dict_add_i64(ages, "Ada", 3, 1, NULL) == PC_ERR_FORKED ? 0 : 1);
    if (child < 0 || waitpid(child, &ended, 0) != child || ended != 0)
        return 4;
    check(pc_dict_add_i64(ages, "Ada", 3, 0, &age));
    check(pc_env_close(env));
    printf("C %s, %s: Ada is %" PRId64 "\n", PC_VERSION, pc_version(), age);
    return 0;
}
