/*
 * query_table: rows of the store as a table for people.
 *
 * The first rows are kept until there are enough to know how wide each
 * column is; then the header and all rows go out, newest last.
 * Threads: main thread of a command.
 */
#ifndef OUTPUTS_QUERY_TABLE_H
#define OUTPUTS_QUERY_TABLE_H

#include <stdio.h>

#include "outputs/reader.h"

struct query_table;

/* columns: width of the terminal, 0: as wide as it gets. NULL with errno. */
struct query_table *query_table_new(enum reader_table, FILE *out,
    unsigned columns);
/* A table of dead letters. */
struct query_table *query_table_new_dead(FILE *out, unsigned columns);
void query_table_free(struct query_table *);

/* 0 or -ENOMEM; a document that is no JSON shows as a row that says so. */
int query_table_add(struct query_table *, const struct reader_row *);
int query_table_add_dead(struct query_table *, const struct reader_spooled *);
/* Prints what is kept. */
void query_table_flush(struct query_table *);

#endif
