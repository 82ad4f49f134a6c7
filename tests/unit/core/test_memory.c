/*
 * The linker sends our calls of malloc, calloc and realloc here. Each
 * scenario is run again and again; the n-th request for memory fails, for
 * every n until one run needs no more. Nothing may crash, and under the
 * sanitizers nothing may leak.
 */
#include "tests/support/unit.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "agent/core/conf.h"
#include "agent/core/event.h"
#include "agent/core/loop.h"
#include "agent/core/pipeline.h"
#include "agent/core/queue.h"
#include "lib/json.h"
#include "lib/map.h"

void *__real_malloc(size_t);
void *__real_calloc(size_t, size_t);
void *__real_realloc(void *, size_t);
void *__wrap_malloc(size_t);
void *__wrap_calloc(size_t, size_t);
void *__wrap_realloc(void *, size_t);

static unsigned long requests, failing;

static bool
fails(void)
{
	if (++requests != failing)
		return false;
	errno = ENOMEM;
	return true;
}

void *
__wrap_malloc(size_t size)
{
	return fails() ? NULL : __real_malloc(size);
}

void *
__wrap_calloc(size_t n, size_t size)
{
	return fails() ? NULL : __real_calloc(n, size);
}

void *
__wrap_realloc(void *p, size_t size)
{
	return fails() ? NULL : __real_realloc(p, size);
}

static void
fail_each(void (*scenario)(bool failed))
{
	unsigned long n = 1;

	do {
		requests = 0;
		failing = n;
		scenario(true);
	} while (requests >= n++);
	failing = 0;
	scenario(false);
	assert_true(n > 2);
}

static void
use_event(bool failed)
{
	static const char big[9000];
	struct event *e = event_new(EVENT_ALERT, (struct wall){ 0 });
	struct buf b;

	assert_true(failed || e != NULL);
	if (e == NULL)
		return;
	for (int i = 0; i < 10; i++)
		event_set_str(e, FIELD_MESSAGE, big, sizeof(big));
	for (int i = 0; i < 200; i++)
		event_add_str(e, FIELD_PROCESS_ARGS, "an argument", 11, false);
	for (int i = 0; i < FIELD_COUNT; i++)
		if (field_table[i].type == FIELD_TYPE_STR)
			event_set_cstr(e, (enum field_id)i, "text");
	event_set_fmt(e, FIELD_MESSAGE, "%*d", 9000, 1);
	assert_true(failed || !event_truncated(e));
	buf_init(&b, 0);
	assert_true(event_write_json(e, &b) == 0 || failed);
	buf_fini(&b);
	event_unref(e);
}

static void
an_event_is_truncated(void **state)
{
	(void)state;
	fail_each(use_event);
}

static void
use_json(bool failed)
{
	struct json_doc *d;
	struct buf b;

	buf_init(&b, 0);
	buf_add_char(&b, '[');
	for (int i = 0; i < 300; i++)
		buf_printf(&b, "{\"key %d\":[\"value\",null]},", i);
	buf_add_str(&b, "1]");
	assert_true(failed || buf_ok(&b));
	errno = 0;
	d = json_parse(buf_text(&b), b.len, 0, NULL, 0);
	if (buf_ok(&b) && d == NULL) {
		assert_true(failed);
		assert_int_equal(errno, ENOMEM);
	}
	json_doc_free(d);
	buf_fini(&b);
}

static void
json_is_refused(void **state)
{
	(void)state;
	fail_each(use_json);
}

static void
use_map(bool failed)
{
	struct map *m = map_new(4, 100, 1000, NULL, NULL);
	size_t put = 0;

	assert_true(failed || m != NULL);
	if (m == NULL)
		return;
	for (uint32_t i = 0; i < 1500; i++) {
		bool made;

		if (map_put(m, &i, &made) != NULL)
			put++;
		else
			assert_false(made);
	}
	assert_true(put == 1500 || (failed && put >= 1400));
	for (uint32_t i = 1400; put == 1500 && i < 1500; i++)
		assert_non_null(map_get(m, &i));
	map_free(m);
}

static void
a_map_goes_on(void **state)
{
	(void)state;
	fail_each(use_map);
}

static char *text_value;

static const struct conf_key keys[] = {
	{ "s", "text", CONF_STR, 0, "preset", 0, 0, NULL, "Text." }
};

static void
use_conf(bool failed)
{
	struct conf_part part = { keys, 1, &text_value };
	struct conf c = { .parts = &part, .n_parts = 1 };
	struct buf errors;
	int err;

	buf_init(&errors, 0);
	err = conf_load(&c, "/proc/self/status", &errors);
	/* It is YAML, but knows other sections. */
	assert_true(err == -EINVAL || (failed && err < 0));
	conf_fini(&c);
	buf_reset(&errors);
	err = conf_load(&c, NULL, &errors);
	assert_true(err == 0 || failed);
	conf_fini(&c);
	buf_fini(&errors);
}

static void
a_configuration_is_refused(void **state)
{
	(void)state;
	fail_each(use_conf);
}

static unsigned sunk;

static void
hold_flows(void *self, struct event *e, bool *hold)
{
	(void)self;
	*hold = event_dataset(e) == EVENT_FLOW;
}

static bool
sink(void *self, const struct event *e)
{
	(void)self;
	(void)e;
	sunk++;
	return true;
}

/* The start may die without memory, the work may not: only it is tested. */
static void
use_pipeline(bool failed)
{
	struct mono_clock clock = { .driven = true };
	unsigned long limit = failing;
	struct ledger_stage *s;
	struct pipeline *p;
	struct ledger *l;

	failing = 0;
	l = ledger_new();
	s = ledger_stage(l, "pipeline");
	p = pipeline_new(l, &clock);
	pipeline_add_enricher(p, "hold", hold_flows, NULL);
	pipeline_add_sink(p, "count", sink, NULL);
	requests = 0;
	failing = limit;
	sunk = 0;
	for (int i = 0; i < 10; i++)
		pipeline_submit(p, event_new(i % 2 == 0 ? EVENT_FLOW :
		    EVENT_FILE, (struct wall){ 0 }));
	pipeline_flush(p);
	assert_int_equal(ledger_get(&s->received), 10);
	assert_int_equal(ledger_get(&s->delivered), sunk);
	assert_int_equal(ledger_get(ledger_dropped(s, "no_memory")),
	    10 - sunk);
	assert_true(sunk == (failed && requests >= limit ? 9 : 10));
	assert_true(ledger_stage_balances(s));
	pipeline_free(p);
	ledger_free(l);
}

static void
an_event_is_lost_and_counted(void **state)
{
	(void)state;
	fail_each(use_pipeline);
}

static void
on_fd(void *ctx, int fd, unsigned what)
{
	(void)ctx;
	(void)fd;
	(void)what;
}

static void
on_timer(void *ctx, struct mono now)
{
	(void)ctx;
	(void)now;
}

static void
use_loop_and_queue(bool failed)
{
	struct loop *l = loop_new();
	struct queue *q = queue_new(10);

	assert_true(failed || (l != NULL && q != NULL));
	queue_free(q);
	if (l == NULL)
		return;
	assert_true(loop_fd_add(l, 0, LOOP_READ, 0, on_fd, NULL) != NULL ||
	    errno == EPERM || failed);
	assert_true(loop_timer_add(l, 1, on_timer, NULL) != NULL || failed);
	loop_free(l);
}

static void
a_start_is_refused(void **state)
{
	(void)state;
	fail_each(use_loop_and_queue);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_event_is_truncated),
		cmocka_unit_test(json_is_refused),
		cmocka_unit_test(a_map_goes_on),
		cmocka_unit_test(a_configuration_is_refused),
		cmocka_unit_test(an_event_is_lost_and_counted),
		cmocka_unit_test(a_start_is_refused)
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
