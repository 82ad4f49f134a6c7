/*
 * Audit records, whole and broken, in any order, through assembler and
 * describer to events and their JSON. The input is lines of a log; a line
 * that begins with a number and a tab is a record of that type as it comes
 * over netlink, and a line "+N" lets N tenths of a second pass.
 *
 * Aborts when the ledger does not balance at the end, or when an event comes
 * twice.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collectors/audit/audit.h"
#include "collectors/audit/record.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

struct target {
	struct mono_clock	 clock;
	struct ledger		*ledger;
	struct pipeline		*pipeline;
	void			*collector;
};

static bool
sink(void *self, const struct event *e)
{
	struct buf out;

	(void)self;
	if (event_has(e, FIELD_EVENT_ACTION) != EVENT_SET ||
	    event_has(e, FIELD_EVENT_CATEGORY) != EVENT_SET ||
	    event_has(e, FIELD_EVENT_TYPE) != EVENT_SET ||
	    event_has(e, FIELD_EVENT_PROVIDER) != EVENT_SET)
		abort();
	buf_init(&out, 8 << 20);
	event_write_json(e, &out);
	if (!buf_ok(&out))
		abort();
	buf_fini(&out);
	return true;
}

static void
feed_line(struct target *t, const char *line, size_t len)
{
	struct collector_input in = { .when = t->clock.wall };
	const char *tab = memchr(line, '\t', len);
	uint32_t number = 0;

	if (len > 1 && line[0] == '+') {
		number = (uint32_t)(uint8_t)line[1];
		mono_drive(&t->clock, (struct wall){ t->clock.wall.ns +
		    number * 100 * MONO_MS });
		audit_collector.tick(t->collector, t->clock.mono);
		return;
	}
	if (tab == NULL || tab == line || tab - line > 5) {
		audit_line_feed(t->collector, line, len);
		return;
	}
	for (const char *p = line; p < tab; p++)
		number = number * 10 + (uint32_t)(*p - '0') % 10;
	in.type = number;
	in.bytes = (const uint8_t *)tab + 1;
	in.len = len - (size_t)(tab + 1 - line);
	audit_collector.feed(t->collector, &in);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint32_t own[] = { 4242 };
	struct audit_conf conf = { .own_pids = own, .n_own_pids = 1 };
	struct collector_env env;
	struct target t = { .clock = { .driven = true } };
	const char *p = (const char *)data, *end = p + size, *nl;

	mono_drive(&t.clock, (struct wall){ 1795315500 * MONO_S });
	t.ledger = ledger_new();
	t.pipeline = pipeline_new(t.ledger, &t.clock);
	pipeline_add_sink(t.pipeline, "fuzz", sink, NULL);
	env = (struct collector_env){ .ledger = t.ledger,
	    .pipeline = t.pipeline, .clock = &t.clock, .conf = &conf };
	t.collector = audit_collector.new(&env);
	if (t.collector == NULL)
		abort();
	for (; p < end; p = nl + 1) {
		nl = memchr(p, '\n', (size_t)(end - p));
		if (nl == NULL)
			nl = end;
		/* A copy of its own: each step too far is seen. */
		size_t len = (size_t)(nl - p);
		char *line = malloc(len + (len == 0));

		if (len > 0)
			memcpy(line, p, len);
		feed_line(&t, line, len);
		free(line);
	}
	audit_collector.free(t.collector);
	if (!ledger_stage_balances(ledger_stage(t.ledger, "audit.records")) ||
	    !ledger_stage_balances(ledger_stage(t.ledger, "audit.events")))
		abort();
	pipeline_free(t.pipeline);
	ledger_free(t.ledger);
	return 0;
}
