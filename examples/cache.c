/* Prints the output of a command's first run: a cache of commands' output, shared by several processes.
 *
 *     cache DIRECTORY COMMAND ...       prints the command's output, and runs it only if it is not cached
 *     cache DIRECTORY                   lists the cached commands
 *
 * If several processes run the same command at the same time, all print the output that was stored first.
 */
#define _POSIX_C_SOURCE 200809L
#include <persistent_collections.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static pc_status check(pc_status status) {
    if (status < 0) {
        fprintf(stderr, "%s\n", pc_last_error());
        exit(1);
    }
    return status;
}

static void *need(void *memory) {
    if (!memory) {
        perror("no memory");
        exit(1);
    }
    return memory;
}

/* Runs a command and gives what it prints, to be freed. */
static char *run(const char *command, size_t *len) {
    size_t cap = 4096, count;
    char *printed = need(malloc(cap));
    FILE *pipe = popen(command, "r");
    if (!pipe) {
        perror(command);
        exit(1);
    }
    *len = 0;
    while ((count = fread(printed + *len, 1, cap - *len, pipe)) > 0) {
        *len += count;
        if (*len == cap)
            printed = need(realloc(printed, cap *= 2));
    }
    if (pclose(pipe) != 0) {
        fprintf(stderr, "failed, and is not kept: %s\n", command);
        exit(1);
    }
    return printed;
}

/* The words of a command line with spaces between them, to be freed. */
static char *join(int count, char **words) {
    size_t len = 1;
    for (int i = 0; i < count; i++)
        len += strlen(words[i]) + 1;
    char *text = need(calloc(len, 1));
    for (int i = 0; i < count; i++) {
        if (i > 0)
            strcat(text, " ");
        strcat(text, words[i]);
    }
    return text;
}

static void list(pc_dict known) {
    pc_iter iter;
    const void *command, *printed;
    size_t command_len, printed_len;
    check(pc_iter_open_dict(known, NULL, &iter));
    while (check(pc_iter_next(iter, &command, &command_len, &printed, &printed_len)) == PC_OK)
        printf("%zu bytes: %.*s\n", printed_len, (int)command_len, (const char *)command);
    check(pc_iter_close(iter));
}

static void print(pc_dict known, const char *command) {
    const size_t command_len = strlen(command);
    pc_buffer printed = {0};
    if (check(pc_dict_get_buffer(known, command, command_len, &printed)) == PC_NOT_FOUND) {
        size_t len;
        fprintf(stderr, "running: %s\n", command);
        char *fresh = run(command, &len);
        /* Another process may have been quicker: then its output stands there. */
        check(pc_dict_put_new(known, command, command_len, fresh, len));
        check(pc_dict_get_buffer(known, command, command_len, &printed));
        free(fresh);
    }
    fwrite(printed.data, 1, printed.len, stdout);
    pc_buffer_free(&printed);
}

int main(int argc, char **argv) {
    pc_env env;
    pc_dict known;
    if (argc < 2) {
        fprintf(stderr, "usage: cache DIRECTORY [COMMAND ...]\n");
        return 2;
    }
    check(pc_env_open(argv[1], NULL, &env));
    check(pc_dict_open(env, "commands", "str", "bytes", 0, &known));
    if (argc == 2) {
        list(known);
    } else {
        char *command = join(argc - 2, argv + 2);
        print(known, command);
        free(command);
    }
    check(pc_env_close(env));
    return 0;
}
