/*
 * What the commands that show the store share. Only for outputs/query*.c and
 * the commands beside it. Threads: main thread of a command.
 */
#ifndef OUTPUTS_QUERY_PRIVATE_H
#define OUTPUTS_QUERY_PRIVATE_H

#include <stddef.h>

#include "lib/mono.h"
#include "outputs/query.h"

/* Says why the store cannot be read (err: -errno of a reader) and what to do
 * about it. Returns the exit code. */
int query_fail(const struct query_env *, const char *command, int err);
/* Says what is wrong with an argument; arg is made safe. QUERY_USAGE. */
int query_complain(const struct query_env *, const char *command,
    const char *what, const char *arg);
/* The value of --since or --until. 0, or QUERY_USAGE after saying so. */
int query_read_time(const struct query_env *, const char *command,
    const char *text, struct wall *out);
/* 0 to INT64_MAX. 0, or QUERY_USAGE after saying that it is no number of
 * `unit` ("rows"). */
int query_read_number(const struct query_env *, const char *command,
    const char *unit, const char *text, size_t *out);
/* One document and a newline; made safe when it goes to a terminal. */
void query_print_json(const struct query_env *, const char *text, size_t len);

#endif
