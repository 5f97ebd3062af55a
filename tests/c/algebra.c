/* Set algebra. */
#include "check.h"

/* Replaces the content of a set by these letters. */
static void fill(pc_set set, const char *letters) {
    OK(pc_set_clear(set));
    for (; *letters; letters++)
        OK(pc_set_add(set, letters, 1));
}

/* Whether a set contains exactly these letters, which are in order. */
static int has(pc_set set, const char *letters) {
    pc_iter iter = {0};
    const void *element = NULL;
    size_t len = 0, count = strlen(letters);
    int same = 1;
    pc_status status;
    OK(pc_iter_open_set(set, NULL, &iter));
    while ((status = pc_iter_next(iter, &element, &len, NULL, NULL)) == PC_OK)
        same = same && len == 1 && *letters && *(const char *)element == *letters++;
    CHECK(status == PC_END);
    OK(pc_iter_close(iter));
    return same && !*letters && set_len(set) == count;
}

typedef pc_status operation(pc_set, pc_set, pc_set);

static const struct {
    operation *operate;
    /* Of "abcd" and "cdef", of "cdef" and "abcd", of "abcd" and itself. */
    const char *outcome, *turned, *alone;
} operations[] = {
    {pc_set_union, "abcdef", "abcdef", "abcd"},
    {pc_set_intersection, "cd", "cd", "abcd"},
    {pc_set_difference, "ab", "ef", ""},
    {pc_set_symmetric_difference, "abef", "abef", ""},
};
#define OPERATIONS (sizeof operations / sizeof *operations)

static void outcomes_go_to_a_third_set_or_to_an_operand(void) {
    pc_env env = open_env();
    pc_set a = open_set(env, "a", "str"), b = open_set(env, "b", "str"), into = open_set(env, "into", "str");
    for (size_t i = 0; i < OPERATIONS; i++) {
        operation *operate = operations[i].operate;
        fill(a, "abcd"), fill(b, "cdef"), fill(into, "bdxyz");
        OK(operate(a, b, into));
        CHECK(has(into, operations[i].outcome) && has(a, "abcd") && has(b, "cdef"));
        OK(operate(b, a, into));
        CHECK(has(into, operations[i].turned));
        OK(operate(a, a, into));
        CHECK(has(into, operations[i].alone));
        OK(operate(a, b, a));
        CHECK(has(a, operations[i].outcome) && has(b, "cdef"));
        fill(a, "abcd");
        OK(operate(a, b, b));
        CHECK(has(b, operations[i].outcome) && has(a, "abcd"));
        OK(operate(a, a, a));
        CHECK(has(a, operations[i].alone));
    }
    OK(pc_env_close(env));
}

static void sets_are_compared(void) {
    pc_env env = open_env();
    pc_set a = open_set(env, "a", "str"), b = open_set(env, "b", "str");
    static const struct {
        const char *a, *b;
        bool subset, disjoint;
    } cases[] = {
        {"", "", true, true},       {"", "ab", true, true},      {"ab", "", false, true},
        {"ab", "abc", true, false}, {"abc", "ab", false, false}, {"ac", "bd", false, true},
        {"abz", "z", false, false}, {"az", "az", true, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        bool subset = !cases[i].subset, disjoint = !cases[i].disjoint;
        fill(a, cases[i].a), fill(b, cases[i].b);
        OK(pc_set_is_subset(a, b, &subset));
        OK(pc_set_is_disjoint(a, b, &disjoint));
        CHECK(subset == cases[i].subset && disjoint == cases[i].disjoint);
    }
    OK(pc_env_close(env));
}

static void many_elements_are_combined_in_batches(void) {
    pc_env env = open_env();
    pc_set a = open_set(env, "a", "u32"), b = open_set(env, "b", "u32"), into = open_set(env, "into", "u32");
    static unsigned char elements[2][20000][4];
    uint64_t added = 0;
    bool answer = true;
    for (uint32_t i = 0; i < 20000; i++)
        for (uint32_t set = 0; set < 2; set++) {
            uint32_t number = i * (2 + set);
            for (int byte = 0; byte < 4; byte++)
                elements[set][i][byte] = (unsigned char)(number >> (8 * (3 - byte)));
        }
    OK(pc_set_add_many(a, 20000, elements[0], NULL, &added, NULL));
    OK(pc_set_add_many(b, 20000, elements[1], NULL, &added, NULL));
    /* The multiples of six below 40,000 are in both. */
    OK(pc_set_intersection(a, b, into));
    CHECK(set_len(into) == 6667);
    OK(pc_set_union(a, b, into));
    CHECK(set_len(into) == 33333);
    OK(pc_set_difference(into, b, into));
    CHECK(set_len(into) == 13333);
    OK(pc_set_is_disjoint(into, b, &answer));
    CHECK(answer);
    OK(pc_set_is_subset(into, a, &answer));
    CHECK(answer);
    OK(pc_set_symmetric_difference(a, into, a));
    OK(pc_set_is_subset(a, b, &answer));
    CHECK(answer && set_len(a) == 6667);
    OK(pc_env_close(env));
}

static void a_transaction_contains_set_operations(void) {
    pc_env env = open_env();
    pc_set a = open_set(env, "a", "str"), b = open_set(env, "b", "str");
    pc_txn txn = {0};
    fill(a, "abc"), fill(b, "cd");
    OK(pc_txn_begin(env, PC_TXN_WRITE, -1, &txn));
    OK(pc_set_add(b, "x", 1));
    OK(pc_set_union(a, b, a));
    CHECK(has(a, "abcdx"));
    OK(pc_txn_abort(txn));
    CHECK(has(a, "abc") && has(b, "cd"));
    OK(pc_txn_begin(env, PC_TXN_READ, -1, &txn));
    GIVES(PC_ERR_IN_SNAPSHOT, pc_set_union(a, b, a));
    OK(pc_txn_commit(txn));
    CHECK(has(a, "abc"));
    OK(pc_env_close(env));
}

static void sets_that_cannot_be_combined_are_refused(void) {
    pc_env env = open_env(), other = {0};
    pc_set a = open_set(env, "a", "str"), numbers = open_set(env, "numbers", "u8"), there, closed = {0};
    bool answer = true;
    OK(pc_env_open(in_dir("other"), NULL, &other));
    there = open_set(other, "there", "str");
    fill(a, "abc"), fill(there, "bcd");
    FAILS(PC_ERR_TYPE_MISMATCH, "u8", pc_set_union(a, a, numbers));
    FAILS(PC_ERR_TYPE_MISMATCH, "u8", pc_set_union(a, numbers, a));
    FAILS(PC_ERR_TYPE_MISMATCH, "u8", pc_set_is_subset(a, numbers, &answer));
    FAILS(PC_ERR_INVALID_ARGUMENT, "out", pc_set_is_subset(a, a, NULL));
    FAILS(PC_ERR_INVALID_ARGUMENT, "out", pc_set_is_disjoint(a, a, NULL));
    for (size_t i = 0; i < OPERATIONS; i++)
        GIVES(PC_ERR_BAD_HANDLE, operations[i].operate(a, a, closed));
    GIVES(PC_ERR_BAD_HANDLE, pc_set_is_disjoint(a, closed, &answer));
    /* The sets can be in two environments. */
    OK(pc_set_intersection(a, there, a));
    CHECK(has(a, "bc"));
    OK(pc_set_is_subset(a, there, &answer));
    CHECK(answer);
    OK(pc_env_close(other));
    GIVES(PC_ERR_BAD_HANDLE, pc_set_is_subset(a, there, &answer));
    OK(pc_env_close(env));
}

int main(void) {
    RUN(outcomes_go_to_a_third_set_or_to_an_operand);
    RUN(sets_are_compared);
    RUN(many_elements_are_combined_in_batches);
    RUN(a_transaction_contains_set_operations);
    RUN(sets_that_cannot_be_combined_are_refused);
    return check_end();
}
