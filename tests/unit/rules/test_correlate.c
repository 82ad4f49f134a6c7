/* Windows, groups and thresholds, driven by the time of events. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/rules/fixture.h"
#include "rules/correlate/correlate.h"
#include "rules/matcher/matcher.h"

#define RULE(name, process) "---\ntitle: " name "\nid: " name "\n" \
	"logsource: {product: linux}\ndetection:\n" \
	"  s: {process.name: " process "}\n  condition: s\n"
#define RULES RULE("ra", "a") RULE("rb", "b") RULE("rc", "c")

struct bench {
	struct sigma_set	*set;
	struct matcher		*matcher;
	struct correlate	*correlate;
	struct ledger		*ledger;
	struct ledger_stage	*stage;
	unsigned		 fired, serial;
	int64_t			 value;
	size_t			 n_ids;
	char			 first_id[48];
};

static void
count_hit(void *ctx, const struct correlate_hit *hit)
{
	struct bench *b = ctx;

	b->fired++;
	b->value = hit->value;
	b->n_ids = hit->n_ids;
	snprintf(b->first_id, sizeof(b->first_id), "%s",
	    hit->n_ids > 0 ? hit->ids[0] : "");
}

static void
start(struct bench *b, const char *correlation)
{
	struct buf text, errors;
	size_t n = 0;

	memset(b, 0, sizeof(*b));
	buf_init(&text, 0);
	buf_init(&errors, 0);
	buf_printf(&text, "%s%s", correlation, RULES);
	b->set = sigma_new();
	b->ledger = ledger_new();
	b->stage = ledger_stage(b->ledger, "rules");
	if (sigma_read(b->set, "f", text.data, text.len, &errors, &n) != 0 ||
	    sigma_link(b->set, &errors, &n) != 0)
		fail_msg("%s", buf_text(&errors));
	b->matcher = matcher_new(b->set, &errors, &n);
	b->correlate = correlate_new(b->set, b->stage);
	assert_non_null(b->matcher);
	assert_non_null(b->correlate);
	buf_fini(&text);
	buf_fini(&errors);
}

static void
stop(struct bench *b)
{
	correlate_free(b->correlate);
	matcher_free(b->matcher);
	sigma_free(b->set);
	ledger_free(b->ledger);
}

/* An event of a process at a second; value stands in process.pid. Returns
 * how often something fired for it. */
static unsigned
feed(struct bench *b, int64_t second, const char *process, const char *user,
    int64_t value)
{
	struct wall when = { second * MONO_S };
	struct event *e = event_new(EVENT_PROCESS, when);
	const uint32_t *hits;
	unsigned before = b->fired;
	size_t n;

	event_set_cstr(e, FIELD_PROCESS_NAME, process);
	if (user != NULL)
		event_set_cstr(e, FIELD_USER_NAME, user);
	event_set_num(e, FIELD_PROCESS_PID, value);
	event_set_fmt(e, FIELD_EVENT_ID, "e%u", ++b->serial);
	event_seal(e);
	hits = matcher_run(b->matcher, e, &n);
	correlate_feed(b->correlate, e, hits, n, count_hit, b);
	event_unref(e);
	return b->fired - before;
}

static uint64_t
noted(const struct bench *b, const char *what)
{
	return ledger_get(ledger_noted(b->stage, what));
}

#define CORR(type, rules, condition) "title: c\nid: c\ncorrelation:\n" \
	"  type: " type "\n  rules: [" rules "]\n  group-by: [user.name]\n" \
	"  timespan: 10s\n" condition

static void
test_event_count(void **state)
{
	struct bench b;

	(void)state;
	start(&b, CORR("event_count", "ra", "  condition: {gte: 3}\n"));
	assert_int_equal(feed(&b, 100, "a", "u", 0), 0);
	assert_int_equal(feed(&b, 104, "a", "v", 0), 0);
	assert_int_equal(feed(&b, 105, "a", "u", 0), 0);
	assert_int_equal(feed(&b, 106, "b", "u", 0), 0);
	/* 100 is exactly one timespan ago: still inside. */
	assert_int_equal(feed(&b, 110, "a", "u", 0), 1);
	assert_int_equal(b.value, 3);
	assert_int_equal(b.n_ids, 3);
	assert_string_equal(b.first_id, "e1");
	/* Once in a timespan; then again. */
	assert_int_equal(feed(&b, 111, "a", "u", 0), 0);
	assert_int_equal(feed(&b, 119, "a", "u", 0), 0);
	assert_int_equal(noted(&b, "suppressed"), 2);
	assert_int_equal(feed(&b, 120, "a", "u", 0), 1);
	stop(&b);
}

static void
test_old_events_leave_the_window(void **state)
{
	struct bench b;
	int64_t t;

	(void)state;
	start(&b, CORR("event_count", "ra", "  condition: {gte: 3}\n"));
	/* Two in any ten seconds: never three. */
	for (t = 0; t < 600; t += 6)
		assert_int_equal(feed(&b, t, "a", "u", 0), 0);
	stop(&b);
}

static void
test_ranges(void **state)
{
	struct bench b;

	(void)state;
	start(&b, CORR("event_count", "ra", "  condition: {gt: 1, lte: 2}\n"));
	assert_int_equal(feed(&b, 1, "a", "u", 0), 0);
	assert_int_equal(feed(&b, 2, "a", "u", 0), 1);
	stop(&b);
	start(&b, CORR("value_sum", "ra",
	    "  condition: {gte: 5, lt: 7, field: process.pid}\n"));
	assert_int_equal(feed(&b, 1, "a", "u", 4), 0);
	assert_int_equal(feed(&b, 2, "a", "u", 3), 0);	/* 7: past it */
	stop(&b);
	start(&b, CORR("event_count", "ra", "  condition: {eq: 2}\n"));
	assert_int_equal(feed(&b, 1, "a", "u", 0), 0);
	assert_int_equal(feed(&b, 2, "a", "u", 0), 1);
	stop(&b);
}

static void
test_value_sum(void **state)
{
	struct bench b;

	(void)state;
	start(&b, CORR("value_sum", "ra",
	    "  condition: {gt: 100, field: process.pid}\n"));
	assert_int_equal(feed(&b, 1, "a", "u", 60), 0);
	assert_int_equal(feed(&b, 2, "a", "v", 60), 0);
	assert_int_equal(feed(&b, 3, "a", "u", 40), 0);	/* 100 exactly */
	assert_int_equal(feed(&b, 3, "a", "u", -5), 0);	/* no credit */
	assert_int_equal(feed(&b, 4, "a", "u", 1), 1);
	assert_int_equal(b.value, 101);
	/* Everything before has left. */
	assert_int_equal(feed(&b, 50, "a", "u", 99), 0);
	assert_int_equal(feed(&b, 51, "a", "u", INT64_MAX), 1);
	assert_int_equal(b.value, INT64_MAX);
	stop(&b);
}

/* More events than samples are kept: the sum stays exact. */
static void
test_many_events_in_one_window(void **state)
{
	struct bench b;
	unsigned i;

	(void)state;
	start(&b, CORR("value_sum", "ra",
	    "  condition: {gte: 1000, field: process.pid}\n"));
	for (i = 0; i < 999; i++)
		assert_int_equal(feed(&b, 100, "a", "u", 1), 0);
	assert_int_equal(feed(&b, 101, "a", "u", 1), 1);
	assert_int_equal(b.value, 1000);
	assert_int_equal(b.n_ids, WINDOW_IDS);
	stop(&b);
}

static void
test_value_count(void **state)
{
	struct bench b;

	(void)state;
	start(&b, CORR("value_count", "ra",
	    "  condition: {gte: 3, field: process.pid}\n"));
	assert_int_equal(feed(&b, 1, "a", "u", 1), 0);
	assert_int_equal(feed(&b, 2, "a", "u", 2), 0);
	assert_int_equal(feed(&b, 3, "a", "u", 2), 0);
	assert_int_equal(feed(&b, 4, "a", "u", 1), 0);
	/* 2 was last seen at 3 and 1 at 4: at 14 only 1 is left. */
	assert_int_equal(feed(&b, 14, "a", "u", 3), 0);
	assert_int_equal(feed(&b, 14, "a", "u", 4), 1);
	assert_int_equal(b.value, 3);
	stop(&b);
}

static void
test_temporal(void **state)
{
	struct bench b;

	(void)state;
	start(&b, CORR("temporal", "ra, rb, rc", ""));
	assert_int_equal(feed(&b, 1, "c", "u", 0), 0);
	assert_int_equal(feed(&b, 5, "a", "u", 0), 0);
	assert_int_equal(feed(&b, 6, "b", "v", 0), 0);
	assert_int_equal(feed(&b, 12, "b", "u", 0), 0);	/* c is too old */
	assert_int_equal(feed(&b, 13, "c", "u", 0), 1);
	stop(&b);
	start(&b, CORR("temporal", "ra, rb, rc", "  condition: {gte: 2}\n"));
	assert_int_equal(feed(&b, 1, "c", "u", 0), 0);
	assert_int_equal(feed(&b, 2, "c", "u", 0), 0);
	assert_int_equal(feed(&b, 3, "a", "u", 0), 1);
	stop(&b);
}

static void
test_temporal_ordered(void **state)
{
	struct bench b;

	(void)state;
	start(&b, CORR("temporal_ordered", "ra, rb, rc", ""));
	assert_int_equal(feed(&b, 1, "c", "u", 0), 0);
	assert_int_equal(feed(&b, 2, "b", "u", 0), 0);
	assert_int_equal(feed(&b, 3, "a", "u", 0), 0);
	assert_int_equal(feed(&b, 4, "c", "u", 0), 0);
	assert_int_equal(feed(&b, 5, "b", "u", 0), 0);
	assert_int_equal(feed(&b, 13, "c", "u", 0), 1);	/* a3 b5 c13 */
	stop(&b);
	start(&b, CORR("temporal_ordered", "ra, rb", ""));
	assert_int_equal(feed(&b, 1, "a", "u", 0), 0);
	assert_int_equal(feed(&b, 12, "b", "u", 0), 0);	/* 11 s */
	assert_int_equal(feed(&b, 13, "a", "u", 0), 0);
	assert_int_equal(feed(&b, 14, "b", "w", 0), 0);
	assert_int_equal(feed(&b, 15, "b", "u", 0), 1);
	stop(&b);
}

/* A newer start of the chain must not lose the older chain's steps, and a
 * complete chain must begin within the timespan. */
static void
test_ordered_takes_the_latest_start(void **state)
{
	struct bench b;

	(void)state;
	start(&b, CORR("temporal_ordered", "ra, rb, rc", ""));
	feed(&b, 1, "a", "u", 0);
	feed(&b, 2, "b", "u", 0);	/* chain a1 b2 */
	feed(&b, 9, "a", "u", 0);	/* a9 has no b yet */
	assert_int_equal(feed(&b, 10, "c", "u", 0), 1);
	stop(&b);
	start(&b, CORR("temporal_ordered", "ra, rb, rc", ""));
	feed(&b, 1, "a", "u", 0);
	feed(&b, 2, "b", "u", 0);
	feed(&b, 9, "a", "u", 0);
	assert_int_equal(feed(&b, 12, "c", "u", 0), 0);	/* a1 too old */
	feed(&b, 13, "b", "u", 0);			/* a9 b13 */
	assert_int_equal(feed(&b, 18, "c", "u", 0), 1);
	stop(&b);
}

/* Collectors do not deliver in the order of time. */
static void
test_late_events_count(void **state)
{
	struct bench b;

	(void)state;
	start(&b, CORR("event_count", "ra", "  condition: {gte: 3}\n"));
	assert_int_equal(feed(&b, 110, "a", "u", 0), 0);
	assert_int_equal(feed(&b, 105, "a", "u", 0), 0);
	assert_int_equal(feed(&b, 99, "a", "u", 0), 0);	/* too late */
	assert_int_equal(feed(&b, 100, "a", "u", 0), 1);
	stop(&b);
}

static void
test_missing_group_field(void **state)
{
	struct bench b;

	(void)state;
	start(&b, CORR("event_count", "ra", "  condition: {gte: 1}\n"));
	assert_int_equal(feed(&b, 1, "a", NULL, 0), 0);
	assert_int_equal(noted(&b, "group_field_missing"), 1);
	assert_int_equal(feed(&b, 1, "a", "u", 0), 1);
	stop(&b);
}

static void
test_groups_are_bounded(void **state)
{
	struct bench b;
	char user[32];
	int i;

	(void)state;
	start(&b, CORR("value_count", "ra",
	    "  condition: {gte: 2, field: process.pid}\n"));
	for (i = 0; i < CORRELATE_GROUPS_MAX + 10; i++) {
		snprintf(user, sizeof(user), "u%d", i);
		feed(&b, 1, "a", user, 1);
	}
	assert_int_equal(noted(&b, "groups_evicted"), 10);
	assert_int_equal(feed(&b, 1, "a", "u0", 2), 0);	/* forgotten */
	snprintf(user, sizeof(user), "u%d", CORRELATE_GROUPS_MAX);
	assert_int_equal(feed(&b, 1, "a", user, 2), 1);
	stop(&b);
}

/* A correlation of a correlation: three a, then a b. */
static void
test_chain(void **state)
{
	struct bench b;

	(void)state;
	start(&b, "title: d\nid: d\ncorrelation:\n  type: temporal_ordered\n"
	    "  rules: [c, rb]\n  group-by: [user.name]\n  timespan: 1m\n"
	    "---\n" CORR("event_count", "ra", "  condition: {gte: 3}\n"));
	feed(&b, 1, "b", "u", 0);
	feed(&b, 2, "a", "u", 0);
	feed(&b, 3, "a", "u", 0);
	assert_int_equal(feed(&b, 4, "a", "u", 0), 1);	/* c */
	assert_int_equal(feed(&b, 30, "b", "v", 0), 0);
	assert_int_equal(feed(&b, 30, "b", "u", 0), 1);	/* d */
	stop(&b);
}

/* The field has another name in the events of each rule. */
static void
test_aliases(void **state)
{
	struct bench b;
	struct event *e;
	const uint32_t *hits;
	size_t n;

	(void)state;
	start(&b, "title: c\nid: c\ncorrelation:\n  type: temporal\n"
	    "  rules: [ra, rb]\n  timespan: 10s\n  group-by: [who]\n"
	    "  aliases:\n    who:\n      ra: user.name\n"
	    "      rb: process.title\n");
	feed(&b, 1, "a", "alice", 0);
	assert_int_equal(feed(&b, 2, "b", "alice", 0), 0);
	e = fixture_event_text("{\"@timestamp\":\"1970-01-01T00:00:03Z\","
	    "\"event.dataset\":\"tallyman.process\",\"process.name\":\"b\","
	    "\"process.title\":\"alice\"}");
	hits = matcher_run(b.matcher, e, &n);
	correlate_feed(b.correlate, e, hits, n, count_hit, &b);
	assert_int_equal(b.fired, 1);
	event_unref(e);
	stop(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_event_count),
		cmocka_unit_test(test_old_events_leave_the_window),
		cmocka_unit_test(test_ranges),
		cmocka_unit_test(test_value_sum),
		cmocka_unit_test(test_many_events_in_one_window),
		cmocka_unit_test(test_value_count),
		cmocka_unit_test(test_temporal),
		cmocka_unit_test(test_temporal_ordered),
		cmocka_unit_test(test_ordered_takes_the_latest_start),
		cmocka_unit_test(test_late_events_count),
		cmocka_unit_test(test_missing_group_field),
		cmocka_unit_test(test_groups_are_bounded),
		cmocka_unit_test(test_chain),
		cmocka_unit_test(test_aliases),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
