/*
 * audit_support: the audit collector with a sink that keeps its events, fed
 * with lines of a log or records as the kernel sends them.
 */
#ifndef TESTS_UNIT_COLLECTORS_AUDIT_SUPPORT_H
#define TESTS_UNIT_COLLECTORS_AUDIT_SUPPORT_H

#include "tests/support/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/core/event.h"
#include "agent/core/pipeline.h"
#include "collectors/audit/audit.h"

#define SCENE_EVENTS	1024

struct scene {
	struct mono_clock	 clock;
	struct ledger		*ledger;
	struct pipeline		*pipeline;
	void			*collector;
	const struct event	*events[SCENE_EVENTS];
	size_t			 n;
};

static inline bool
scene_keep(void *self, const struct event *e)
{
	struct scene *s = self;

	assert_true(s->n < SCENE_EVENTS);
	s->events[s->n++] = event_ref(e);
	return true;
}

static inline void
scene_open(struct scene *s, const struct audit_conf *conf)
{
	struct collector_env env;

	memset(s, 0, sizeof(*s));
	s->clock.driven = true;
	mono_drive(&s->clock, (struct wall){ 1795315500 * MONO_S });
	s->ledger = ledger_new();
	s->pipeline = pipeline_new(s->ledger, &s->clock);
	pipeline_add_sink(s->pipeline, "test", scene_keep, s);
	env = (struct collector_env){ .ledger = s->ledger,
	    .pipeline = s->pipeline, .clock = &s->clock, .conf = conf };
	s->collector = audit_collector.new(&env);
	assert_non_null(s->collector);
}

static inline void
scene_later(struct scene *s, int64_t ns)
{
	mono_drive(&s->clock, (struct wall){ s->clock.wall.ns + ns });
	audit_collector.tick(s->collector, s->clock.mono);
}

static inline uint64_t
scene_count(struct scene *s, ledger_count *(*which)(struct ledger_stage *,
    const char *), const char *stage, const char *name)
{
	return ledger_get(which(ledger_stage(s->ledger, stage), name));
}

/* Every test ends with the balance of both stages. */
static inline void
scene_close(struct scene *s)
{
	audit_collector.free(s->collector);
	assert_true(ledger_stage_balances(ledger_stage(s->ledger,
	    "audit.records")));
	assert_true(ledger_stage_balances(ledger_stage(s->ledger,
	    "audit.events")));
	pipeline_free(s->pipeline);
	for (size_t i = 0; i < s->n; i++)
		event_unref(s->events[i]);
	ledger_free(s->ledger);
}

static inline void
scene_line(struct scene *s, const char *line)
{
	audit_line_feed(s->collector, line, strlen(line));
}

static inline void
scene_record(struct scene *s, uint32_t type, const char *text)
{
	struct collector_input in = { .when = s->clock.wall, .type = type,
	    .bytes = (const uint8_t *)text, .len = strlen(text) };

	audit_collector.feed(s->collector, &in);
}

static inline FILE *
scene_sample(const char *name)
{
	const char *top = getenv("top_srcdir");
	char path[512];
	FILE *f;

	snprintf(path, sizeof(path), "%s/tests/unit/collectors/data/audit/%s",
	    top == NULL ? "." : top, name);
	f = fopen(path, "r");
	assert_non_null(f);
	return f;
}

static inline void
scene_file(struct scene *s, const char *name)
{
	FILE *f = scene_sample(name);
	char *line = NULL;
	size_t room = 0;
	ssize_t n;

	while ((n = getline(&line, &room, f)) > 0)
		audit_line_feed(s->collector, line, (size_t)n);
	free(line);
	fclose(f);
	scene_later(s, 10 * MONO_S);
}

static inline bool
scene_has(const struct event *e, enum field_id field, const char *want)
{
	const struct event_value *v = event_get(e, field);
	char text[64];

	if (v == NULL)
		return false;
	switch (field_table[field].type) {
	case FIELD_TYPE_STR:
		return strcmp(v->str.text, want) == 0;
	case FIELD_TYPE_STRS:
		for (uint32_t i = 0; i < v->count; i++)
			if (strcmp(v->strs[i].text, want) == 0)
				return true;
		return false;
	case FIELD_TYPE_INT:
		snprintf(text, sizeof(text), "%lld", (long long)v->num);
		return strcmp(text, want) == 0;
	case FIELD_TYPE_BOOL:
		return strcmp(v->flag ? "true" : "false", want) == 0;
	case FIELD_TYPE_IP:
		return strcmp(ipaddr_format(&v->ip, text), want) == 0;
	default:
		return false;
	}
}

/* The first event with this action and, when given, this value. */
static inline const struct event *
scene_find(const struct scene *s, const char *action, enum field_id field,
    const char *want)
{
	for (size_t i = 0; i < s->n; i++)
		if (scene_has(s->events[i], FIELD_EVENT_ACTION, action) &&
		    (want == NULL || scene_has(s->events[i], field, want)))
			return s->events[i];
	return NULL;
}

#endif
