#include "tests/support/unit.h"

#include <string.h>

#include "agent/core/pipeline.h"

/* A pipeline whose members write down what they see. */
struct world {
	struct mono_clock	 clock;
	struct ledger		*ledger;
	struct ledger_stage	*stage;
	struct pipeline		*pipeline;
	char			 seen[20000];	/* one letter a step */
	size_t			 n;
	int64_t			 hold_until;	/* of the clock, ns */
	enum event_dataset	 held;		/* which the first one holds */
	unsigned		 alerts;	/* that a judge still makes */
	bool			 endless;
	bool			 refuse;
	const struct event	*kept;
};

static void
note(struct world *w, char c)
{
	if (w->n < sizeof(w->seen) - 1)
		w->seen[w->n++] = c;
	w->seen[w->n] = '\0';
}

/* One letter for each dataset in these tests. */
static char
letter(const struct event *e)
{
	switch (event_dataset(e)) {
	case EVENT_FLOW: return 'f';
	case EVENT_PROCESS: return 'p';
	case EVENT_ALERT: return 'a';
	case EVENT_INCIDENT: return 'i';
	default: return '?';
	}
}

static void
enrich_first(void *self, struct event *e, bool *hold)
{
	struct world *w = self;

	assert_false(event_sealed(e));
	note(w, '1');
	if (event_dataset(e) == w->held &&
	    mono_now(&w->clock).ns < w->hold_until)
		*hold = true;
	else
		event_set_cstr(e, FIELD_CONTAINER_NAME, "web");
}

static void
enrich_second(void *self, struct event *e, bool *hold)
{
	assert_false(*hold);
	event_set_cstr(e, FIELD_HOST_NAME, "host");
	note(self, '2');
}

static void
judge(void *self, const struct event *e)
{
	struct world *w = self;

	assert_true(event_sealed(e));
	note(w, 'j');
	if (w->endless || w->alerts > 0) {
		w->alerts -= w->alerts > 0;
		pipeline_submit(w->pipeline, event_new(EVENT_ALERT,
		    event_time(e)));
	}
}

static bool
sink(void *self, const struct event *e)
{
	struct world *w = self;

	assert_true(event_sealed(e));
	assert_string_equal(event_str(e, FIELD_HOST_NAME), "host");
	note(w, letter(e));
	event_unref(w->kept);
	w->kept = event_ref(e);
	return !w->refuse;
}

static int
setup(void **state)
{
	static struct world w;

	memset(&w, 0, sizeof(w));
	w.held = EVENT_FLOW;
	mono_drive(&w.clock, (struct wall){ 1000 * MONO_S });
	w.ledger = ledger_new();
	w.pipeline = pipeline_new(w.ledger, &w.clock);
	w.stage = ledger_stage(w.ledger, "pipeline");
	pipeline_add_enricher(w.pipeline, "first", enrich_first, &w);
	pipeline_add_enricher(w.pipeline, "second", enrich_second, &w);
	pipeline_add_judge(w.pipeline, "rules", judge, &w);
	pipeline_add_sink(w.pipeline, "store", sink, &w);
	*state = &w;
	return 0;
}

static int
teardown(void **state)
{
	struct world *w = *state;

	pipeline_free(w->pipeline);
	assert_true(ledger_stage_balances(w->stage));
	assert_int_equal(ledger_get(&w->stage->pending), 0);
	assert_true(ledger_stage_balances(ledger_stage(w->ledger,
	    "sink.store")));
	event_unref(w->kept);
	ledger_free(w->ledger);
	return 0;
}

static void
submit(struct world *w, enum event_dataset dataset)
{
	pipeline_submit(w->pipeline, event_new(dataset,
	    mono_wall(&w->clock)));
}

static void
advance(struct world *w, int64_t ms)
{
	struct wall now = mono_wall(&w->clock);

	mono_drive(&w->clock, (struct wall){ now.ns + ms * MONO_MS });
	pipeline_tick(w->pipeline);
}

static void
assert_seen(struct world *w, const char *expected)
{
	assert_string_equal(w->seen, expected);
	w->n = 0;
	w->seen[0] = '\0';
}

static uint64_t
noted(struct world *w, const char *what)
{
	return ledger_get(ledger_noted(w->stage, what));
}

static void
goes_through_all_in_order(void **state)
{
	struct world *w = *state;

	submit(w, EVENT_PROCESS);
	assert_seen(w, "12jp");
	assert_string_equal(event_str(w->kept, FIELD_CONTAINER_NAME), "web");
	assert_int_equal(ledger_get(&w->stage->received), 1);
	assert_int_equal(ledger_get(&w->stage->delivered), 1);
}

static void
an_alert_follows_its_cause(void **state)
{
	struct world *w = *state;

	w->alerts = 2;
	submit(w, EVENT_PROCESS);
	assert_seen(w, "12jp12ja12ja");
	assert_int_equal(ledger_get(&w->stage->received), 3);
	assert_int_equal(ledger_get(&w->stage->delivered), 3);
}

static void
endless_alerts_end(void **state)
{
	struct world *w = *state;

	w->endless = true;
	submit(w, EVENT_PROCESS);
	/* The event, eight that it led to; the ninth is dropped. */
	assert_seen(w, "12jp12ja12ja12ja12ja12ja12ja12ja12ja");
	assert_int_equal(ledger_get(&w->stage->received), 10);
	assert_int_equal(ledger_get(ledger_dropped(w->stage, "loop")), 1);
}

static void
an_event_that_waits_delays_no_other(void **state)
{
	struct world *w = *state;

	w->hold_until = mono_now(&w->clock).ns + 100 * MONO_MS;
	submit(w, EVENT_FLOW);
	assert_int_equal(ledger_get(&w->stage->pending), 1);
	submit(w, EVENT_PROCESS);
	assert_seen(w, "112jp");
	advance(w, 20);
	assert_seen(w, "1");
	assert_true(ledger_stage_balances(w->stage));
	advance(w, 80);
	assert_seen(w, "12jf");
	assert_string_equal(event_str(w->kept, FIELD_CONTAINER_NAME), "web");
	assert_int_equal(ledger_get(&w->stage->pending), 0);
	assert_int_equal(noted(w, "held"), 1);
	assert_int_equal(noted(w, "hold_expired"), 0);
	advance(w, 20);
	assert_seen(w, "");
}

static void
nobody_waits_longer_than_half_a_second(void **state)
{
	struct world *w = *state;

	w->hold_until = INT64_MAX;
	submit(w, EVENT_FLOW);
	advance(w, 499);
	assert_seen(w, "11");
	advance(w, 1);
	assert_seen(w, "12jf");
	assert_int_equal(event_has(w->kept, FIELD_CONTAINER_NAME),
	    EVENT_ABSENT);
	assert_int_equal(noted(w, "hold_expired"), 1);
}

static void
those_that_wait_keep_their_order(void **state)
{
	struct world *w = *state;

	w->hold_until = mono_now(&w->clock).ns + 50 * MONO_MS;
	submit(w, EVENT_FLOW);
	advance(w, 10);
	w->held = EVENT_PROCESS;
	submit(w, EVENT_PROCESS);
	w->held = EVENT_FLOW;
	advance(w, 10);		/* the process event goes, the flow waits */
	assert_seen(w, "111" "1" "12jp");
	w->held = EVENT_PROCESS;
	submit(w, EVENT_PROCESS);
	advance(w, 30);
	assert_seen(w, "1" "12jf" "12jp");
}

static void
an_alert_of_a_waiting_event_comes_too(void **state)
{
	struct world *w = *state;

	w->hold_until = mono_now(&w->clock).ns + 50 * MONO_MS;
	submit(w, EVENT_FLOW);
	w->alerts = 1;
	advance(w, 50);
	assert_seen(w, "112jf12ja");
}

static void
flush_waits_for_nothing(void **state)
{
	struct world *w = *state;

	w->hold_until = INT64_MAX;
	submit(w, EVENT_FLOW);
	submit(w, EVENT_FLOW);
	assert_seen(w, "11");
	pipeline_flush(w->pipeline);
	assert_seen(w, "12jf12jf");
	/* Its alert is held itself and goes as well. */
	w->held = EVENT_ALERT;
	submit(w, EVENT_ALERT);
	w->alerts = 1;
	pipeline_flush(w->pipeline);
	assert_seen(w, "112ja112ja");
}

static void
the_oldest_goes_when_too_many_wait(void **state)
{
	struct world *w = *state;

	w->hold_until = INT64_MAX;
	for (int i = 0; i < 4096; i++)
		submit(w, EVENT_FLOW);
	assert_int_equal(w->n, 4096);
	assert_int_equal(ledger_get(&w->stage->pending), 4096);
	w->n = 0;
	submit(w, EVENT_FLOW);
	assert_seen(w, "112jf");
	assert_int_equal(ledger_get(&w->stage->pending), 4096);
	assert_int_equal(noted(w, "hold_full"), 1);
}

static void
refusals_and_missing_events_are_counted(void **state)
{
	struct world *w = *state;
	struct ledger_stage *s = ledger_stage(w->ledger, "sink.store");

	w->refuse = true;
	submit(w, EVENT_PROCESS);
	assert_int_equal(ledger_get(&s->received), 1);
	assert_int_equal(ledger_get(&s->delivered), 0);
	assert_int_equal(ledger_get(ledger_dropped(s, "refused")), 1);
	pipeline_submit(w->pipeline, NULL);
	assert_int_equal(ledger_get(ledger_dropped(w->stage, "no_memory")), 1);
	assert_int_equal(ledger_get(&w->stage->received), 2);
}

static void
a_truncated_event_is_noted(void **state)
{
	static const char big[300 * 1024];
	struct world *w = *state;
	struct event *e = event_new(EVENT_PROCESS, mono_wall(&w->clock));

	event_set_str(e, FIELD_MESSAGE, big, sizeof(big));
	pipeline_submit(w->pipeline, e);
	submit(w, EVENT_PROCESS);
	assert_int_equal(noted(w, "truncated"), 1);
}

static void
a_private_event_reaches_nobody(void **state)
{
	struct world *w = *state;
	struct ledger_stage *s = ledger_stage(w->ledger, "sink.store");
	struct event *e = event_new(EVENT_NETWORK, mono_wall(&w->clock));

	event_set_private(e);
	pipeline_submit(w->pipeline, e);
	assert_int_equal(noted(w, "for_enrichment_only"), 1);
	assert_int_equal(ledger_get(&w->stage->received), 1);
	assert_int_equal(ledger_get(&w->stage->delivered), 1);
	assert_int_equal(ledger_get(&s->received), 0);
}

#define TEST(fn)	cmocka_unit_test_setup_teardown(fn, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(goes_through_all_in_order),
		TEST(an_alert_follows_its_cause),
		TEST(endless_alerts_end),
		TEST(an_event_that_waits_delays_no_other),
		TEST(nobody_waits_longer_than_half_a_second),
		TEST(those_that_wait_keep_their_order),
		TEST(an_alert_of_a_waiting_event_comes_too),
		TEST(flush_waits_for_nothing),
		TEST(the_oldest_goes_when_too_many_wait),
		TEST(refusals_and_missing_events_are_counted),
		TEST(a_truncated_event_is_noted),
		TEST(a_private_event_reaches_nobody)
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
