/* Finds the words with the most similar spelling: each word is a point in 64 dimensions, made from its
 * pairs of letters, and the program looks for the nearest ones among all points in the environment's memory,
 * without copying them.
 *
 *     nearest DIRECTORY index FILE ...      adds the words of text files
 *     nearest DIRECTORY like WORD           prints the five nearest words, and how near they are
 */
#include <inttypes.h>
#include <math.h>
#include <persistent_collections.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DIMENSIONS = 64, SHOWN = 5, LONGEST = 100 };

static pc_dict points;
static pc_set words;

static pc_status check(pc_status status) {
    if (status < 0) {
        fprintf(stderr, "%s\n", pc_last_error());
        exit(1);
    }
    return status;
}

/* A word's pairs of letters, counted in one dimension or another, at a distance of 1 from the origin. */
static void place_of(const char *word, float *point) {
    unsigned char a = '^';
    float square = 0;
    for (int i = 0; i < DIMENSIONS; i++)
        point[i] = 0;
    for (const char *at = word;; at++) {
        const unsigned char b = *at ? (unsigned char)*at : '$';
        point[(a * 31U + b) % DIMENSIONS] += 1;
        a = b;
        if (!*at)
            break;
    }
    for (int i = 0; i < DIMENSIONS; i++)
        square += point[i] * point[i];
    for (int i = 0; i < DIMENSIONS; i++)
        point[i] /= sqrtf(square);
}

static void index_files(pc_env env, char **files, int count) {
    pc_txn txn;
    uint64_t known;
    check(pc_txn_begin(env, PC_TXN_WRITE, -1, &txn));
    for (int i = 0; i < count; i++) {
        char word[LONGEST + 1];
        FILE *file = fopen(files[i], "r");
        if (!file) {
            perror(files[i]);
            exit(1);
        }
        while (fscanf(file, "%100s", word) == 1) {
            /* Values of f32[64] are little-endian on disk, as in memory on the machines of today. */
            float point[DIMENSIONS];
            place_of(word, point);
            check(pc_dict_put(points, word, strlen(word), point, sizeof point));
            check(pc_set_add(words, word, strlen(word)));
        }
        fclose(file);
    }
    check(pc_txn_commit(txn));
    check(pc_dict_len(points, &known));
    printf("%" PRIu64 " words\n", known);
}

struct found {
    char word[LONGEST + 1];
    float nearness;
};

static void like(pc_env env, const char *word) {
    struct found nearest[SHOWN + 1];
    int known = 0;
    float wanted[DIMENSIONS];
    pc_txn snapshot;
    pc_iter iter;
    const void *other, *point;
    size_t len, size;
    place_of(word, wanted);
    check(pc_txn_begin(env, PC_TXN_READ, 0, &snapshot));
    check(pc_iter_open_set(words, NULL, &iter));
    while (check(pc_iter_next(iter, &other, &len, NULL, NULL)) == PC_OK) {
        float product = 0;
        check(pc_dict_get_ref(points, other, len, &point, &size));
        for (int i = 0; i < DIMENSIONS; i++) {
            float x; /* the memory is not aligned */
            memcpy(&x, (const char *)point + (size_t)i * sizeof x, sizeof x);
            product += x * wanted[i];
        }
        int at = known;
        for (; at > 0 && nearest[at - 1].nearness < product; at--)
            nearest[at] = nearest[at - 1];
        if (at == SHOWN)
            continue;
        memcpy(nearest[at].word, other, len);
        nearest[at].word[len] = '\0';
        nearest[at].nearness = product;
        if (known < SHOWN)
            known++;
    }
    check(pc_iter_close(iter));
    check(pc_txn_commit(snapshot));
    for (int i = 0; i < known; i++)
        printf("%.3f %s\n", (double)nearest[i].nearness, nearest[i].word);
}

int main(int argc, char **argv) {
    pc_env env;
    const int is_index = argc > 3 && strcmp(argv[2], "index") == 0;
    if (!is_index && (argc != 4 || strcmp(argv[2], "like") != 0)) {
        fprintf(stderr, "usage: nearest DIRECTORY index FILE ... | like WORD\n");
        return 2;
    }
    check(pc_env_open(argv[1], NULL, &env));
    check(pc_dict_open(env, "points", "str", "f32[64]", 0, &points));
    check(pc_set_open(env, "words", "str", 0, &words));
    if (is_index)
        index_files(env, argv + 3, argc - 3);
    else
        like(env, argv[3]);
    check(pc_env_close(env));
    return 0;
}
