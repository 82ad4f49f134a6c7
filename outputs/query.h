/*
 * query: the commands that show the store: events, alerts, incidents, flows,
 * containers, and `output dead`. A table for people, one document a line with
 * --json.
 *
 * Texts of others (container names, command lines, DNS names) never reach a
 * terminal as they are: see outputs/termtext.h. With --json the documents are
 * printed exactly as they were stored, except that on a terminal the same
 * characters are written as \uNNNN.
 *
 * Threads: main thread of a command.
 */
#ifndef OUTPUTS_QUERY_H
#define OUTPUTS_QUERY_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "lib/mono.h"

enum {
	QUERY_OK = 0,
	QUERY_FAILED = 1,	/* the store cannot be read through */
	QUERY_NO_STORE = 3,	/* none there, or no right to read it */
	QUERY_NOT_FOUND = 4,
	QUERY_USAGE = 64
};

enum query_life { QUERY_LIFE_UNKNOWN, QUERY_LIFE_ENDED, QUERY_LIFE_RUNS };

struct query_env {
	const char	*store;		/* path of the store */
	FILE		*out, *err;
	bool		 tty;		/* out is a terminal */
	unsigned	 columns;	/* its width; 0: do not cut */
	unsigned	 polls;		/* --follow: most polls; 0: for ever */
	/* Whether this process of this host lives now; start: wall, ns 0
	 * unknown. NULL: nobody can tell. */
	enum query_life	(*life)(uint32_t pid, struct wall start);
};

/* stdout and stderr; width from COLUMNS or the terminal. Sets the locale. */
void query_env_init(struct query_env *, const char *store);

/*
 * what: "events", "alerts", "incidents", "flows" or "containers"; argv[0] is
 * that word too. Returns the exit code.
 */
int query_main(const char *what, int argc, char **argv,
    const struct query_env *);
/* `tallyman explain ID [--json]`; argv[0] is "explain". */
int query_explain_main(int argc, char **argv, const struct query_env *);
/* `tallyman tree CONTAINER|PID [OPTIONS]`; argv[0] is "tree". */
int query_tree_main(int argc, char **argv, const struct query_env *);
/* `tallyman output dead [--json] [NAME]`; argv[0] is "dead". */
int query_dead_main(int argc, char **argv, const struct query_env *);

#endif
