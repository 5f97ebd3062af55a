/* Opens an environment, writes a record, and prints the outcome.
 *
 *   opener PATH FLAGS KEY
 *
 * Waits for a line, opens with the sum of PC_ENV_* that FLAGS is, stores KEY unless it is empty, and prints
 * the status and the message. Then waits for the end of its input and closes. OPENER_UID: the user to be. */
#define _GNU_SOURCE

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "persistent_collections.h"

static int report(pc_status status) {
    printf("%d %s\n", (int)status, status < 0 ? pc_last_error() : "");
    fflush(stdout);
    return status < 0;
}

int main(int argc, char **argv) {
    pc_env_options options;
    pc_env env;
    pc_dict dict;
    char line[16];
    const char *user = getenv("OPENER_UID");
    if (argc != 4 || pc_env_options_init(&options, sizeof options) != PC_OK)
        return 2;
    if (user && setresuid((uid_t)atoi(user), (uid_t)atoi(user), (uid_t)atoi(user)))
        return 2;
    options.flags = (uint32_t)atoi(argv[2]);
    if (!fgets(line, sizeof line, stdin))
        return 2;
    pc_status status = pc_env_open(argv[1], &options, &env);
    if (status < 0)
        return report(status);
    if (*argv[3]) {
        status = pc_dict_open(env, "keys", "str", "str", 0, &dict);
        if (status >= 0)
            status = pc_dict_put(dict, argv[3], strlen(argv[3]), "there", 5);
    }
    int failed = report(status);
    while (fgets(line, sizeof line, stdin))
        ;
    return failed || pc_env_close(env) != PC_OK;
}
