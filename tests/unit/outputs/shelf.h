/*
 * shelf: a store with documents that a test puts there, and the commands that
 * show it, run inside the test. Includes what cmocka.h wants before it.
 */
#ifndef TESTS_UNIT_OUTPUTS_SHELF_H
#define TESTS_UNIT_OUTPUTS_SHELF_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lib/log.h"
#include "outputs/query.h"
#include "outputs/store.h"
#include "tests/unit/outputs/scratch.h"

struct state {
	char			 dir[SCRATCH_DIR], path[96];
	struct store_conf	 conf;
	struct store		*store;
	struct query_env	 env;
	char			*out, *err;
	size_t			 out_len, err_len;
};

static inline int
setup(void **state)
{
	struct state *t = calloc(1, sizeof(*t));

	log_set_level(LOG_EMERG);
	setenv("TZ", "UTC", 1);
	tzset();
	assert_true(scratch_make(t->dir));
	snprintf(t->path, sizeof(t->path), "%s/t.db", t->dir);
	t->conf = (struct store_conf){ t->path, 72 * 3600 * MONO_S, 1 << 30,
	    365 * INT64_C(86400) * MONO_S };
	t->store = store_open(&t->conf);
	assert_non_null(t->store);
	t->env.store = t->path;
	*state = t;
	return 0;
}

static inline int
teardown(void **state)
{
	struct state *t = *state;

	store_close(t->store);
	scratch_remove(t->dir);
	free(t->out);
	free(t->err);
	free(t);
	return 0;
}

static inline void
put(struct state *t, enum event_dataset set, const char *id, int64_t s,
    const char *text)
{
	struct store_doc d = { .dataset = set, .id = id,
	    .time = { s * MONO_S }, .text = text, .len = strlen(text),
	    .flow = id, .container_name = "web", .rule = "R1" };

	assert_int_equal(store_begin(t->store), 0);
	assert_int_equal(store_put(t->store, &d), 0);
	assert_int_equal(store_commit(t->store), 0);
}

static inline int
run(struct state *t, int argc, const char *const argv[])
{
	char *copy[20] = { NULL };
	int i, code;

	for (i = 0; i < argc; i++)
		copy[i] = strdup(argv[i]);
	free(t->out);
	free(t->err);
	t->env.out = open_memstream(&t->out, &t->out_len);
	t->env.err = open_memstream(&t->err, &t->err_len);
	if (strcmp(argv[0], "dead") == 0)
		code = query_dead_main(argc, copy, &t->env);
	else if (strcmp(argv[0], "tree") == 0)
		code = query_tree_main(argc, copy, &t->env);
	else if (strcmp(argv[0], "explain") == 0)
		code = query_explain_main(argc, copy, &t->env);
	else
		code = query_main(argv[0], argc, copy, &t->env);
	fclose(t->env.out);
	fclose(t->env.err);
	for (i = 0; i < argc; i++)
		free(copy[i]);
	return code;
}
#define RUN(t, ...)							\
	run(t, sizeof((const char *const []){ __VA_ARGS__ }) /		\
	    sizeof(char *), (const char *const []){ __VA_ARGS__ })

#define SHELF_TEST(fn)						\
	cmocka_unit_test_setup_teardown(fn, setup, teardown)

#endif
