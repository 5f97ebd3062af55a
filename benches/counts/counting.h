#ifndef COUNTING_H
#define COUNTING_H

/* Begins to count. */
void count_begin(void);

/* Ends it and writes out the count of a row, for so many items. */
void count_end(const char *row, int items);

#endif
