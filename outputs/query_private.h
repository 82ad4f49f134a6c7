/*
 * What the commands that show the store share. Only for outputs/query*.c and
 * the commands beside it. Threads: main thread of a command.
 */
#ifndef OUTPUTS_QUERY_PRIVATE_H
#define OUTPUTS_QUERY_PRIVATE_H

#include <stddef.h>

#include "lib/json.h"
#include "lib/mono.h"
#include "outputs/query.h"
#include "outputs/reader.h"

/* Says why the store cannot be read (err: -errno of a reader) and what to do
 * about it; nothing for -EPIPE, which is that of what cannot be printed.
 * Returns the exit code. */
int query_fail(const struct query_env *, const char *command, int err);
/* Says what is wrong with an argument; arg is made safe. QUERY_USAGE. */
int query_complain(const struct query_env *, const char *command,
    const char *what, const char *arg);
/* Says that something is not in the store, and where to look; arg is made
 * safe. QUERY_NOT_FOUND. */
int query_missing(const struct query_env *, const char *command,
    const char *what, const char *arg, const char *advice);
/* The value of --since or --until. 0, or QUERY_USAGE after saying so. */
int query_read_time(const struct query_env *, const char *command,
    const char *text, struct wall *out);
/* 0 to INT64_MAX. 0, or QUERY_USAGE after saying that it is no number of
 * `unit` ("rows"). */
int query_read_number(const struct query_env *, const char *command,
    const char *unit, const char *text, size_t *out);
/* One document and a newline; made safe when it goes to a terminal. */
void query_print_json(const struct query_env *, const char *text, size_t len);

struct query_container {
	struct json_doc		*document;	/* free it */
	const struct json	*doc;
	size_t			 others;	/* older ones of that name */
};
/* The container with this id or name, the newest of that name, or whose id
 * is the only one that begins so. 0, -ENOENT, -ENOTUNIQ (several ids begin
 * so), or -errno of a reader. */
int query_find_container(struct reader *, const char *text,
    struct query_container *out);
/* `tallyman containers NAME`: one container on one page, or its document with
 * its sums. Returns the exit code. */
int query_container_page(struct reader *, const char *name, bool json,
    const struct query_env *);

#endif
