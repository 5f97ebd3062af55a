/* Counts the words of text files. It can be stopped at any moment, also by a crash, and resumes where it
 * was: a file's counts and the position in the file are committed together.
 *
 *     word_count DIRECTORY FILE ...     counts, and prints the ten most frequent words so far
 */
#include <ctype.h>
#include <inttypes.h>
#include <persistent_collections.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LINES_AT_ONCE = 1000, SHOWN = 10, LONGEST = 100 };

static pc_status check(pc_status status) {
    if (status < 0) {
        fprintf(stderr, "%s\n", pc_last_error());
        exit(1);
    }
    return status;
}

/* Counts the words of some lines, and gives how far it came; a status if the transaction must be run again.
 */
static pc_status count_lines(pc_dict counts, FILE *file, uint64_t *place) {
    char word[LONGEST];
    size_t len = 0;
    if (fseek(file, (long)*place, SEEK_SET) != 0) {
        perror("cannot go on in the file");
        exit(1);
    }
    for (int lines = 0; lines < LINES_AT_ONCE;) {
        const int c = getc(file);
        if (c != EOF && isalpha(c)) {
            if (len < sizeof word)
                word[len++] = (char)tolower(c);
        } else if (len > 0) {
            const pc_status status = pc_dict_add_i64(counts, word, len, 1, NULL);
            if (status == PC_ERR_MAP_FULL || status == PC_ERR_TXN_FAILED)
                return status;
            check(status);
            len = 0;
        }
        if (c == EOF)
            break;
        lines += c == '\n';
    }
    *place = (uint64_t)ftell(file);
    return PC_OK;
}

/* Counts what has not been counted of a file. */
static void count_file(pc_env env, pc_dict counts, pc_dict places, const char *name) {
    FILE *file = fopen(name, "rb");
    if (!file) {
        perror(name);
        exit(1);
    }
    while (!feof(file)) {
        /* Values of u64 are little-endian on disk, as in memory on the machines of today. */
        uint64_t place = 0;
        size_t len;
        pc_txn txn;
        check(pc_txn_begin(env, PC_TXN_WRITE, -1, &txn));
        check(pc_dict_get(places, name, strlen(name), &place, sizeof place, &len));
        pc_status status = count_lines(counts, file, &place);
        if (status == PC_OK)
            status = pc_dict_put(places, name, strlen(name), &place, sizeof place);
        if (status == PC_ERR_MAP_FULL || status == PC_ERR_TXN_FAILED) {
            /* Too large for the memory map, which has grown by now: the same again. */
            check(pc_txn_abort(txn));
            clearerr(file);
            continue;
        }
        check(status);
        check(pc_txn_commit(txn));
        fprintf(stderr, "%s: %" PRIu64 " bytes\n", name, place);
    }
    fclose(file);
}

struct word {
    char text[LONGEST + 1];
    int64_t count;
};

/* Prints the most frequent words, those of one count by the alphabet. */
static void print(pc_dict counts) {
    struct word best[SHOWN + 1];
    int known = 0;
    pc_iter iter;
    const void *key, *value;
    size_t key_len, value_len;
    check(pc_iter_open_dict(counts, NULL, &iter));
    while (check(pc_iter_next(iter, &key, &key_len, &value, &value_len)) == PC_OK) {
        int at = known;
        int64_t count;
        memcpy(&count, value, sizeof count);
        for (; at > 0 && best[at - 1].count < count; at--)
            best[at] = best[at - 1];
        if (at == SHOWN)
            continue;
        memcpy(best[at].text, key, key_len);
        best[at].text[key_len] = '\0';
        best[at].count = count;
        if (known < SHOWN)
            known++;
    }
    check(pc_iter_close(iter));
    for (int i = 0; i < known; i++)
        printf("%" PRId64 " %s\n", best[i].count, best[i].text);
}

int main(int argc, char **argv) {
    pc_env env;
    pc_dict counts, places;
    if (argc < 2) {
        fprintf(stderr, "usage: word_count DIRECTORY FILE ...\n");
        return 2;
    }
    check(pc_env_open(argv[1], NULL, &env));
    check(pc_dict_open(env, "counts", "str", "i64", 0, &counts));
    check(pc_dict_open(env, "places", "str", "u64", 0, &places));
    for (int i = 2; i < argc; i++)
        count_file(env, counts, places, argv[i]);
    print(counts);
    check(pc_env_close(env));
    return 0;
}
