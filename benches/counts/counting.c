/* Tells callgrind which part of a program to count: linked into calls.c, loaded by items.py and items.jl. */
#include "counting.h"

#include <stdio.h>
#include <valgrind/callgrind.h>

void count_begin(void) {
    CALLGRIND_START_INSTRUMENTATION;
    CALLGRIND_ZERO_STATS;
}

void count_end(const char *row, int items) {
    char what[128];
    snprintf(what, sizeof what, "%d %s", items, row);
    CALLGRIND_DUMP_STATS_AT(what);
    /* All else runs faster without. */
    CALLGRIND_STOP_INSTRUMENTATION;
}
