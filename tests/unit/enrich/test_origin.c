#include <stdio.h>
#include "tests/unit/enrich/bench.h"

#include <string.h>

#include "enrich/user.h"

static void
every_event_has_its_origin(void **state)
{
	struct bench *b = bench_new(false);
	const struct event *ev;
	char first[32];

	(void)state;
	ev = bench_submit(b, event_new(EVENT_AGENT, bench_wall(0)));
	assert_string_equal(event_str(ev, FIELD_ECS_VERSION), "9.4.0");
	assert_string_equal(event_str(ev, FIELD_EVENT_MODULE), "tallyman");
	assert_string_equal(event_str(ev, FIELD_EVENT_KIND), "event");
	assert_string_equal(event_str(ev, FIELD_AGENT_ID), "agent-1");
	assert_string_equal(event_str(ev, FIELD_AGENT_TYPE), "tallyman");
	assert_string_equal(event_str(ev, FIELD_DATA_STREAM_TYPE), "logs");
	assert_string_equal(event_str(ev, FIELD_DATA_STREAM_DATASET),
	    event_str(ev, FIELD_EVENT_DATASET));
	assert_int_equal(event_get(ev, FIELD_EVENT_CREATED)->time.ns,
	    bench_wall(0).ns);
	snprintf(first, sizeof(first), "%s", event_str(ev, FIELD_EVENT_ID));
	assert_int_equal(strlen(first), 20);
	/* Alike in everything: still two events. */
	ev = bench_submit(b, event_new(EVENT_AGENT, bench_wall(0)));
	assert_string_not_equal(event_str(ev, FIELD_EVENT_ID), first);
	bench_free(b);
	/* The same input again: the same id. */
	b = bench_new(false);
	ev = bench_submit(b, event_new(EVENT_AGENT, bench_wall(0)));
	assert_string_equal(event_str(ev, FIELD_EVENT_ID), first);
	bench_free(b);
}

static void
what_is_set_stays(void **state)
{
	struct bench *b = bench_new(false);
	struct event *ev = event_new(EVENT_ALERT, bench_wall(0));
	const struct event *out;

	(void)state;
	event_set_cstr(ev, FIELD_EVENT_KIND, "alert");
	event_set_cstr(ev, FIELD_EVENT_ID, "mine");
	event_set_cstr(ev, FIELD_DATA_STREAM_NAMESPACE, "prod");
	out = bench_submit(b, ev);
	assert_string_equal(event_str(out, FIELD_EVENT_KIND), "alert");
	assert_string_equal(event_str(out, FIELD_EVENT_ID), "mine");
	assert_string_equal(event_str(out, FIELD_DATA_STREAM_NAMESPACE),
	    "prod");
	bench_free(b);
}

static void
names_users(void **state)
{
	static const char text[] = "root:x:0:0:root:/root:/bin/bash\n"
	    "# comment\n\nbroken\n:x:5:5::/:\nneg:x:-1:1::/:\n"
	    "big:x:4294967295:1::/:\nnum:x:12x:1::/:\n"
	    "toor:x:0:0::/:/bin/sh\nwww-data:x:33:33:www:/:/bin/sh";
	struct user_table *t = user_table_new();
	struct event *ev;
	bool hold = false;

	(void)state;
	assert_int_equal(user_table_parse(t, text, sizeof(text) - 1), 2);
	assert_string_equal(user_name(t, 0), "root");
	assert_string_equal(user_name(t, 33), "www-data");
	assert_null(user_name(t, 12));
	assert_null(user_name(t, UINT32_MAX));

	ev = event_new(EVENT_PROCESS, bench_wall(0));
	event_set_cstr(ev, FIELD_USER_ID, "33");
	user_enrich(t, ev, &hold);
	assert_string_equal(event_str(ev, FIELD_USER_NAME), "www-data");
	event_unref(ev);
	/* A container's 33 is somebody else; its 0 is root. */
	ev = event_new(EVENT_PROCESS, bench_wall(0));
	event_set_cstr(ev, FIELD_CONTAINER_ID, BENCH_ID_A);
	event_set_cstr(ev, FIELD_USER_ID, "33");
	event_set_cstr(ev, FIELD_PROCESS_USER_ID, "0");
	user_enrich(t, ev, &hold);
	assert_int_equal(event_has(ev, FIELD_USER_NAME), EVENT_MISSING);
	assert_string_equal(event_str(ev, FIELD_PROCESS_USER_NAME), "root");
	event_unref(ev);
	assert_int_equal(user_table_load(t, "/nonexistent/passwd"), -2);
	assert_string_equal(user_name(t, 0), "root");
	user_table_free(t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_event_has_its_origin),
		cmocka_unit_test(what_is_set_stays),
		cmocka_unit_test(names_users),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
