/*
 * sorter: rows of the store in the order of a number, or the largest of
 * them. The texts wait in a file without a name; in memory are 32 bytes a
 * row.
 *
 * Threads: one owner.
 */
#ifndef OUTPUTS_SORTER_H
#define OUTPUTS_SORTER_H

#include <stdint.h>

#include "outputs/reader.h"

struct sorter;

/* limit: how many of the largest keys are kept, 0: all. NULL with errno. */
struct sorter *sorter_new(size_t limit);
void sorter_free(struct sorter *);
/* Rows with the same key keep their order. 0 or -errno. */
int sorter_add(struct sorter *, int64_t key, const struct reader_row *);
size_t sorter_count(const struct sorter *);
/* Smallest key first; with backwards the largest first. Once, at the end. 0,
 * fn's answer, or -errno. */
int sorter_each(struct sorter *, bool backwards, reader_row_fn, void *ctx);

#endif
